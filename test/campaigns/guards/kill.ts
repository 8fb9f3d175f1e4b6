// kill -9 at every step of the way of an approved change, class by class, with a real server and the real sandbox: after the next start the change is
// there, once.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startSandbox } from '../../../sandbox/index.ts'
import { silentLogger } from '../../../src/core/log.ts'
import { campaignPolicy, KILL_CLASSES, type KillClass } from './kill-drafts.ts'
import { KILL_STEPS, type KillStep } from './kill-steps.ts'
import { startShopProxy, type ShopProxy } from './shop-proxy.ts'

export interface KillResult {
  kills: number
  /** Changes that reached the shop, and among them those that were made once. */
  changes: number
  once: number
  finds: string[]
  seconds: number
}

export interface KillOptions {
  classes?: readonly KillClass[]
  steps?: readonly KillStep[]
  /** The server asks nobody after a crash: the campaign has to find it. */
  control?: boolean
  report?: (sentence: string) => void
}

const SCRIPT = fileURLToPath(new URL('./kill-server.ts', import.meta.url))
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/compile', import.meta.url))
const START_MS = 30_000
const END_MS = 30_000

interface Server {
  child: ChildProcess
  origin: string
  exited: Promise<unknown>
}

export const runKills = async ({ classes = KILL_CLASSES, steps = KILL_STEPS, control = false, report }: KillOptions = {}): Promise<KillResult> => {
  const begun = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'gates-'))
  const sandbox = await startSandbox({ upstreams: ['shopify_api'], log: silentLogger })
  const proxy = await startShopProxy(sandbox.addresses.shopify_api!)
  const result: KillResult = { kills: 0, changes: 0, once: 0, finds: [], seconds: 0 }
  let server: Server | undefined
  try {
    // Time stands still in the shop, so that orders are not sent meanwhile.
    await fetch(`${sandbox.addresses.control}/_sandbox/shop`, {
      method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ frozen: true })
    })
    const start = async (): Promise<Server> => {
      server = await launch(dir, proxy, sandbox.credentials.shopify_api, control)
      return server
    }
    await start()
    await setPolicy(server!.origin)
    let n = 0
    for (const name of classes) {
      for (const step of steps) {
        const what = `${name}, ${step.when} ${step.operation}`
        const before = proxy.mutations.length
        try {
          server = await killAt(server!, name, n++, step, start)
          result.kills += 1
          await proxy.quiet()
          const taken = proxy.mutations.slice(before).filter((one) => one.taken)
          result.changes += 1
          if (taken.length === 1) result.once += 1
          else result.finds.push(`${what}: ${taken.length} changes in the shop: ${taken.map(({ operation }) => operation).join(', ')}`)
        } catch (error) {
          result.finds.push(`${what}: ${(error as Error).message}`)
          if (server!.child.exitCode !== null || server!.child.signalCode !== null) await start()
        }
      }
      report?.(`${name}: ${result.kills} kills, ${result.finds.length} finds`)
    }
    const ledger = await ask(server!.origin, '/effects/verify') as { ok: boolean, fault: unknown }
    if (!ledger.ok) result.finds.push(`the ledger: ${JSON.stringify(ledger.fault)}`)
    rmSync(dir, { recursive: true, force: true })
  } finally {
    if (server !== undefined && server.child.exitCode === null && server.child.signalCode === null) {
      server.child.kill('SIGKILL')
      await server.exited
    }
    await proxy.close()
    await sandbox.close()
  }
  result.seconds = (performance.now() - begun) / 1_000
  return result
}

/** One change, one kill, one start. Answers the server that brought it to its end. @throws Error when it did not come to that */
const killAt = async (server: Server, name: KillClass, n: number, step: KillStep, start: () => Promise<Server>): Promise<Server> => {
  const arm = (more: object = {}): void => { server.child.send({ ...step, ...more }) }
  const alive = (): boolean => server.child.exitCode === null && server.child.signalCode === null
  if (step.operation === 'fileProposals') arm()
  const run = await ask(server.origin, '/agents/proposer/run', { input: { class: name, n } }) as { job_id: string }
  let current = server
  if (step.operation === 'fileProposals') current = await afterDeath(server, start)
  await ended(current.origin, run.job_id)
  const list = await ask(current.origin, `/proposals?job_id=${run.job_id}`) as {
    proposals: Array<{
      id: string,
      plan_hash: string,
      status: string,
      verdict: unknown
    }>
  }
  const [proposal] = list.proposals
  if (list.proposals.length !== 1 ||
    proposal?.status !== 'pending') throw new Error(`filed as ${list.proposals.map((one) => `${one.status} ${JSON.stringify(one.verdict)}`).join(', ')}`)
  const approve = () => ask(current.origin, `/proposals/${proposal.id}/approve`, { plan_hash: proposal.plan_hash, actor: 'anna' })
  if (step.operation !== 'fileProposals') {
    if (step.operation === 'settle') {
      // Which job it will be is known when it is approved: it is held for that long.
      const freeze = await ask(current.origin, '/freeze', { reason: 'the campaign' }) as { id: string }
      const { apply_job_id: job } = await approve() as { apply_job_id: string }
      await until(async () => (await ask(current.origin, `/jobs/${job}`) as { status: string }).status === 'parked')
      arm({ job })
      await ask(current.origin, `/freeze/${freeze.id}/lift`, {}).catch(() => {})
    } else {
      arm()
      await approve().catch(() => {})
    }
    current = await afterDeath(server, start)
  }
  // Whether the approval was taken before the kill is what the server says now.
  const seen = await ask(current.origin, `/proposals/${proposal.id}`) as { status: string }
  if (seen.status === 'pending') await approve()
  await until(async () => ['applied', 'failed'].includes((await ask(current.origin, `/proposals/${proposal.id}`) as { status: string }).status))
  const { status, reason } = await ask(current.origin, `/proposals/${proposal.id}`) as { status: string, reason: string }
  if (status !== 'applied') throw new Error(`${status}: ${reason} ${JSON.stringify(await ask(current.origin, `/effects?proposal_id=${proposal.id}`))}`)
  if (alive() && current === server) throw new Error('the server was not killed')
  return current
}

const afterDeath = async (server: Server, start: () => Promise<Server>): Promise<Server> => {
  const late = new AbortController()
  const died = await Promise.race([server.exited.then(() => true), sleep(END_MS, false, { signal: late.signal }).catch(() => false)])
  late.abort()
  if (!died) throw new Error('the server was not killed')
  return await start()
}

const launch = async (dir: string, proxy: ShopProxy, { shop, access_token: token }: { shop: string, access_token: string },
  control: boolean): Promise<Server> => {
  const log = openSync(join(dir, 'server.log'), 'a')
  const child = spawn(process.execPath, [SCRIPT], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'development',
      RATE_LIMIT_PER_ADDRESS: '0',
      MAX_LOOP_DELAY_MS: '0',
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: dir,
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'json',
      SANDBOX: 'off',
      PROBE_INTERVAL: '0',
      STAND_IN: JSON.stringify({ address: proxy.address, shop, token }),
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...(control ? { CONTROL: 'call-again' } : {})
    },
    stdio: ['ignore', log, log, 'ipc']
  })
  closeSync(log)
  const exited = once(child, 'exit')
  const ended = exited.then(([code, signal]): never => {
    throw new Error(`the server ended (${String(code ?? signal)}): ${readFileSync(join(dir, 'server.log'), 'utf8').slice(-1_000)}`)
  })
  ended.catch(() => {})
  const late = AbortSignal.timeout(START_MS)
  const [{ origin }] = await Promise.race([once(child, 'message', { signal: late }), ended]) as [{ origin: string }]
  return { child, origin, exited }
}

const setPolicy = async (origin: string): Promise<void> => {
  const { version } = await ask(origin, '/policies') as { version: number }
  await ask(origin, '/policies', { expected_version: version, policy: campaignPolicy() }, 'PUT')
}

const ask = async (origin: string, path: string, body?: object, method = body === undefined ? 'GET' : 'POST'): Promise<unknown> => {
  const answer = await fetch(origin + path, {
    method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  })
  const text = await answer.text()
  if (answer.status >= 400) throw new Error(`${method} ${path} answered ${answer.status}: ${text.slice(0, 300)}`)
  return JSON.parse(text)
}

const ended = async (origin: string, job: string): Promise<void> => {
  await until(async () => {
    const { status, error } = await ask(origin, `/jobs/${job}?wait=5`) as { status: string, error: unknown }
    if (['failed', 'dead', 'cancelled'].includes(status)) throw new Error(`the run of the agent is ${status}: ${JSON.stringify(error)}`)
    return status === 'succeeded'
  })
}

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + END_MS; performance.now() < end; await sleep(20)) if (await holds()) return
  throw new Error('it did not come to its end')
}
