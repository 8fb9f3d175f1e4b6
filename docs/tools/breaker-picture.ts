// Makes docs/images/circuit-breaker.svg: a circuit breaker that opens and recovers, from the metrics of a real server whose upstream really fails.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSandbox } from '../../sandbox/index.ts'
import { silentLogger } from '../../src/core/log.ts'
import { freePort } from '../../test/helpers/free-port.ts'

const ROOT = join(import.meta.dirname, '../..')
const PICTURE = join(ROOT, 'docs/images/circuit-breaker.svg')

const DEPENDENCY = 'github_api'
const RECOVERY_S = 2
const FAULT_FROM_MS = 3_000
const FAULT_MS = 9_000
const LENGTH_MS = 20_000
const EVERY_MS = 100
const CALLS_EVERY_MS = 100

interface Sample {
  /** Milliseconds since the beginning. */
  at: number
  state: number
  /** Calls so far, by how they ended. */
  calls: Record<string, number>
}

const main = async (): Promise<void> => {
  const sandbox = await startSandbox({ upstreams: [DEPENDENCY], log: silentLogger })
  const dir = mkdtempSync(join(tmpdir(), 'breaker-picture-'))
  const { token, owner, repo } = sandbox.credentials.github_api
  const port = await freePort()
  const server = spawn(process.execPath, [join(ROOT, 'src/server.ts')], {
    cwd: dir,
    env: {
      ...process.env,
      NODE_ENV: 'development',
      SANDBOX: 'off',
      LOG_LEVEL: 'fatal',
      PORT: String(port),
      DATA_DIR: dir,
      GITHUB_API_URL: sandbox.addresses[DEPENDENCY]!,
      GITHUB_TOKEN: token,
      GITHUB_REPO_OWNER: owner,
      GITHUB_REPO_NAME: repo,
      CIRCUIT_BREAKER_RECOVERY_TIMEOUT: String(RECOVERY_S)
    },
    stdio: 'inherit'
  })
  const exited = once(server, 'exit')
  try {
    const origin = `http://127.0.0.1:${port}`
    await up(origin)
    const samples = await watch(origin, sandbox.addresses.control)
    writeFileSync(PICTURE, picture(samples))
    const worst = samples.findIndex(({ state }) => state === 1)
    const back = samples.findLastIndex(({ state }) => state !== 0)
    console.log(`${samples.length} samples; open from ${samples[worst]?.at} ms, closed again at ${samples[back + 1]?.at} ms; ${PICTURE}`)
    if (worst === -1 || samples[back + 1] === undefined) throw new Error('the breaker did not open and recover')
  } finally {
    server.kill('SIGTERM')
    await exited
    await sandbox.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Calls the upstream ten times a second through the server, and reads the server's metrics as often. */
const watch = async (origin: string, control: string): Promise<Sample[]> => {
  const samples: Sample[] = []
  const begun = performance.now()
  const elapsed = (): number => performance.now() - begun
  const calls: Array<Promise<unknown>> = []
  let called = 0
  let broken = false
  while (elapsed() < LENGTH_MS) {
    if (!broken && elapsed() >= FAULT_FROM_MS) {
      broken = true
      await post(`${control}/_sandbox/faults`, { upstream: DEPENDENCY, kind: 'status', status: 503, for_ms: FAULT_MS })
    }
    // The doctor tests every upstream anew each time it is asked.
    if (elapsed() >= called * CALLS_EVERY_MS) {
      called += 1
      calls.push(fetch(`${origin}/doctor`).then((answer) => answer.arrayBuffer()))
    }
    const text = await (await fetch(`${origin}/metrics`, { headers: { accept: 'text/plain' } })).text()
    samples.push({ at: Math.round(elapsed()), state: valueOf(text, 'orchestrator_circuit_breaker_state'), calls: outcomesOf(text) })
    await sleep(EVERY_MS)
  }
  await Promise.all(calls)
  return samples
}

const valueOf = (text: string, name: string): number => {
  const line = text.split('\n').find((one) => one.startsWith(`${name}{dependency="${DEPENDENCY}"}`))
  if (line === undefined) throw new Error(`no metric ${name}`)
  return Number(line.split(' ').at(-1))
}

const outcomesOf = (text: string): Record<string, number> => Object.fromEntries(text.split('\n').flatMap((line) => {
  const found = new RegExp(`^orchestrator_circuit_breaker_calls_total\\{dependency="${DEPENDENCY}",outcome="(\\w+)"\\} (\\d+)`).exec(line)
  return found === null ? [] : [[found[1]!, Number(found[2])]]
}))

const post = async (url: string, body: object): Promise<void> => {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
}

const up = async (origin: string): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    const ready = await fetch(`${origin}/readyz`).then((answer) => answer.ok, () => false)
    if (ready) return
    await sleep(50)
  }
  throw new Error('the server did not come up')
}

// The drawing: two lanes over one time axis.
const WIDTH = 860
const LEFT = 96
const RIGHT = 20
const STATES = ['closed', 'open', 'half open']
const LANE = { state: { top: 40, height: 66 }, calls: { top: 140, height: 120 } }
const HEIGHT = 312
const OUTCOMES = [
  { name: 'success', colour: '#2f9e44', label: 'answered' },
  { name: 'failure', colour: '#e03131', label: 'failed' },
  { name: 'rejected', colour: '#adb5bd', label: 'not sent: the breaker is open' }
]
const BUCKET_MS = 500

const picture = (samples: Sample[]): string => {
  const x = (ms: number): number => LEFT + ms / LENGTH_MS * (WIDTH - LEFT - RIGHT)
  const stateY = (state: number): number => LANE.state.top + LANE.state.height * (1 - [0, 1, 0.5][state]!)
  const line = samples.map(({ at, state }, index) =>
    `${index === 0 ? 'M' : `H${x(at).toFixed(1)} V`}${index === 0 ? `${x(at).toFixed(1)} ${stateY(state)}` : stateY(state)}`).join(' ')
  const buckets = bucketsOf(samples)
  const most = Math.max(...buckets.map((counts) => OUTCOMES.reduce((sum, { name }) => sum + counts[name]!, 0)), 1)
  const floor = LANE.calls.top + LANE.calls.height
  const bars = buckets.flatMap((counts, index) => {
    let base = floor
    return OUTCOMES.map(({ name, colour }) => {
      const height = counts[name]! / most * LANE.calls.height
      base -= height
      if (height === 0) return ''
      return `<rect x="${x(index * BUCKET_MS).toFixed(1)}" y="${base.toFixed(1)}" width="${(x(BUCKET_MS) - LEFT - 1).toFixed(1)}" ` +
        `height="${height.toFixed(1)}" fill="${colour}"/>`
    })
  })
  const seconds = Array.from({ length: LENGTH_MS / 2_000 + 1 }, (_, index) => index * 2)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img"
  aria-label="A circuit breaker opens within five failed calls, lets single probes through, and closes when they succeed">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
<rect x="${x(FAULT_FROM_MS).toFixed(1)}" y="${LANE.state.top - 26}" width="${(x(FAULT_MS) - LEFT).toFixed(1)}"
  height="${floor - LANE.state.top + 26}" fill="#fff3bf"/>
<text x="${(x(FAULT_FROM_MS) + 6).toFixed(1)}" y="${LANE.state.top - 12}" fill="#846a00">the upstream answers 503</text>
${[0, 2, 1].map((state) => `<text x="${LEFT - 10}" y="${stateY(state) + 4}" text-anchor="end" fill="#495057">${STATES[state]!}</text>`).join('\n')}
<path d="${line}" fill="none" stroke="#1c7ed6" stroke-width="2"/>
<text x="${LEFT - 10}" y="${LANE.calls.top + 12}" text-anchor="end" fill="#495057">${most} calls</text>
<text x="${LEFT - 10}" y="${LANE.calls.top + 27}" text-anchor="end" fill="#868e96">per ${BUCKET_MS / 1000} s</text>
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${floor}" y2="${floor}" stroke="#ced4da"/>
${bars.filter((bar) => bar !== '').join('\n')}
${seconds.map((second) => `<text x="${x(second * 1000).toFixed(1)}" y="${floor + 16}" text-anchor="middle" fill="#868e96">${second} s</text>`).join('\n')}
${OUTCOMES.map(({ colour, label }, index) => `<rect x="${LEFT + index * 130}" y="${HEIGHT - 20}" width="11" height="11" fill="${colour}"/>` +
    `<text x="${LEFT + 16 + index * 130}" y="${HEIGHT - 10}" fill="#495057">${label}</text>`).join('\n')}
</svg>
`
}

/** Calls in each half second, by outcome. */
const bucketsOf = (samples: Sample[]): Array<Record<string, number>> => Array.from({ length: LENGTH_MS / BUCKET_MS }, (_, index) => {
  const until = (ms: number, name: string): number => samples.findLast(({ at }) => at <= ms)?.calls[name] ?? samples[0]!.calls[name] ?? 0
  return Object.fromEntries(OUTCOMES.map(({ name }) => [name, until((index + 1) * BUCKET_MS, name) - until(index * BUCKET_MS, name)]))
})

await main()
