// Two real api replicas and a worker on a real PostgreSQL behind a real nginx with the project's own configuration.
import { strict as assert } from 'node:assert'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStream } from '../../test/helpers/event-source.ts'
import { execute, TEST_DATABASE_URL } from '../../test/helpers/postgres.ts'
import { createTalk } from '../../test/helpers/talk.ts'
import { acceptancePass } from './acceptance.ts'
import { freePort } from '../../test/helpers/free-port.ts'

const PROJECT = join(import.meta.dirname, '..', '..')
const HEARTBEAT_MS = 200
const LOOPS = 6

export interface ReplicaFigures { checks: number, rolling: Tally, killed: Tally, withoutRetries: Tally }

/** What came of the requests of a while. */
export interface Tally { requests: number, failed: number, statuses: Record<string, number> }

/** Needs nginx and PostgreSQL. @throws Error that says what does not hold. */
export const proveReplicas = async (say: (text: string) => void): Promise<ReplicaFigures> => {
  const folder = mkdtempSync(join(tmpdir(), 'replicas-'))
  // nginx gives its worker processes to another user.
  chmodSync(folder, 0o777)
  const name = `deploy_${process.pid}_${randomBytes(4).toString('hex')}`
  await execute(`CREATE DATABASE ${name}`)
  const url = new URL(TEST_DATABASE_URL)
  url.pathname = `/${name}`
  const processes = new Set<ChildProcess>()
  try {
    return await prove({ folder, database: url.href, processes, say })
  } finally {
    await Promise.all([...processes].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      // A killed nginx would leave its worker processes behind.
      child.kill(child.spawnfile === 'nginx' ? 'SIGTERM' : 'SIGKILL')
      await once(child, 'close')
    }))
    await execute(`DROP DATABASE ${name} WITH (FORCE)`)
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Stage { folder: string, database: string, processes: Set<ChildProcess>, say: (text: string) => void }

const prove = async ({ folder, database, processes, say }: Stage): Promise<ReplicaFigures> => {
  const [first, second, workerPort, front] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const start = (role: string, port: number) => startServer(processes, { ROLE: role, PORT: String(port), DATABASE_URL: database })
  const replicas = [await start('api', first), await start('api', second)]
  await start('worker', workerPort)
  const origin = `http://127.0.0.1:${front}`
  const nginx = await startNginx(processes, { folder, name: 'as-it-is', front, upstreams: [first, second], change: (conf) => conf })
  say('nginx -t: ok; two replicas and a worker run')

  let checks = (await acceptancePass(origin)).checks
  const check = (found: unknown, wanted: unknown, what: string): void => {
    assert.deepEqual(found, wanted, what)
    checks += 1
  }
  for (const [path, init, status, code] of [
    ['/doctor', {}, 404, 'not_found'],
    ['/api/doctor?a="b', {}, 404, 'not_found'],
    ['/events?key=secret', { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) }, 413, 'payload_too_large']
  ] as const) {
    const answer = await fetch(`${origin}${path}`, init)
    const body = await answer.json() as Record<string, unknown>
    check([answer.status, body['code'], Object.keys(body).sort()], [status, code, ['code', 'error', 'message', 'path', 'request_id', 'status_code']], path)
    check(String(body['path']).includes('?'), false, 'without the query')
  }
  const feed = await fetch(`${origin}/api/feeds/suppliers`, { method: 'PUT', body: 'x'.repeat(2 * 1024 * 1024), headers: { 'content-type': 'text/csv' } })
  check([feed.status, (await feed.json() as { code: string }).code], [400, 'invalid_feed'], 'a list of 2 MiB reaches the service')
  const answer = await fetch(`${origin}/jobs?forged`, { headers: { 'x-forwarded-for': '192.0.2.1', 'x-request-id': 'asked-by-me' } })
  check([answer.status, answer.headers.get('x-request-id')], [200, 'asked-by-me'], 'the request id goes through')
  const said = () => replicas.map(({ output }) => output()).join('')
  // The log is written a little later.
  for (let tries = 0; tries < 200 && !said().includes('asked-by-me'); tries += 1) await sleep(20)
  check([said().includes('192.0.2.1'), said().includes('asked-by-me')], [false, true], 'an address that the caller claims is not believed')

  check(await heartbeats(origin), true, 'a quiet stream passes at once')
  await stopNginx(nginx)
  const buffered = await startNginx(processes, {
    folder,
    name: 'buffered',
    front,
    upstreams: [first, second],
    // With HTTP/1.1 nginx 1.22 passes chunks on even so.
    change: (conf) => replaced(conf, 'proxy_buffering off;', 'proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_http_version 1.0;')
  })
  check(await heartbeats(origin), false, 'the control: an nginx that buffers holds it back')
  await stopNginx(buffered)

  const last = await startNginx(processes, { folder, name: 'again', front, upstreams: [first, second], change: (conf) => conf })
  const rolling = await underLoad(origin, async () => {
    for (const [index, port] of [first, second].entries()) {
      const { child } = replicas[index]!
      child.kill('SIGTERM')
      const [code] = await once(child, 'close') as [number]
      check(code, 0, 'a replica ends in order')
      replicas[index] = await start('api', port)
    }
  })
  check(rolling.failed, 0, `nothing fails in a rolling restart: ${JSON.stringify(rolling.statuses)}`)
  say(`rolling restart: ${rolling.requests} requests, ${rolling.failed} failed`)

  const before = await sessions(origin)
  const killed = await underLoad(origin, () => killAndRestart(replicas, first, start))
  // Claimed by the replica that died: whether it had an effect, the key decides when its lease has run out.
  const open = killed.statuses['409'] ?? 0
  check(killed.failed - open, 0, `nothing else fails when one is killed: ${JSON.stringify(killed.statuses)}`)
  const made = await sessions(origin) - before
  const acknowledged = killed.statuses['201'] ?? 0
  check(made >= acknowledged && made <= acknowledged + open, true, `${acknowledged} sessions acknowledged, ${open} open, ${made} made: none is doubled or lost`)
  say(`kill -9: ${killed.requests} requests, ${killed.failed} failed (409: ${open}), no session doubled or lost`)
  const away = await withoutDatabase(database, origin, first)
  check(away.answer, [503, 'store_unavailable', true], 'without the database nginx passes the answer of the service on: 503 with Retry-After')
  check(away.metrics, [200, true, false], '/metrics then says not ready, and has no figures of the store')
  say(`the database was away: 503, and ready ${away.backMs} ms after it was back`)
  await stopNginx(last)

  const alone = await startNginx(processes, {
    folder,
    name: 'no-retries',
    front,
    upstreams: [first, second],
    change: (conf) => replaced(conf, /proxy_next_upstream error .*;/, 'proxy_next_upstream off;')
  })
  const withoutRetries = await underLoad(origin, () => killAndRestart(replicas, first, start))
  check(withoutRetries.failed > 0, true, 'the control: without proxy_next_upstream a killed replica is noticed')
  check(Object.keys(withoutRetries.statuses).filter((status) => !/^(?:20[01]|503)$/.test(status)), [], 'and then the answer is 503, not 502')
  say(`the control, without proxy_next_upstream: ${withoutRetries.failed} of ${withoutRetries.requests} failed`)
  await stopNginx(alone)
  return { checks, rolling, killed, withoutRetries }
}

/** The database lets nobody in for a while. `backMs`: from its return to the first readiness. */
const withoutDatabase = async (database: string, origin: string, replica: number) => {
  const name = new URL(database).pathname.slice(1)
  await execute(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
  await execute(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
  const refused = await fetch(`${origin}/agents/session`, { method: 'POST' })
  const answer = [refused.status, (await refused.json() as { code: string }).code, refused.headers.has('retry-after')]
  const scraped = await fetch(`http://127.0.0.1:${replica}/metrics`)
  const text = await scraped.text()
  const metrics = [scraped.status, /^orchestrator_ready 0$/m.test(text), /^orchestrator_sessions /m.test(text)]
  await execute(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  const since = performance.now()
  while ((await fetch(`${origin}/readyz`)).status !== 200) {
    if (performance.now() - since > 15_000) throw new Error('the database is back for 15 s, and /readyz still says 503')
    await sleep(50)
  }
  return { answer, metrics, backMs: Math.round(performance.now() - since) }
}

interface Server { child: ChildProcess, output: () => string }

const killAndRestart = async (replicas: Server[], port: number, start: (role: string, port: number) => Promise<Server>): Promise<void> => {
  const { child } = replicas[0]!
  child.kill('SIGKILL')
  await once(child, 'close')
  await sleep(300)
  replicas[0] = await start('api', port)
}

const startServer = async (processes: Set<ChildProcess>, environment: Record<string, string>): Promise<Server> => {
  const child = spawn(process.execPath, [join(PROJECT, 'src', 'server.ts')], {
    cwd: tmpdir(),
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      TRUST_PROXY: '127.0.0.1',
      DRAIN_DELAY_MS: '500',
      SSE_HEARTBEAT_MS: String(HEARTBEAT_MS),
      ...environment
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  processes.add(child)
  let output = ''
  const ready = Promise.withResolvers<void>()
  const hear = (chunk: Buffer): void => {
    output += chunk.toString()
    if (output.includes('"msg":"ready: ')) ready.resolve()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.on('close', (code) => { ready.reject(new Error(`the server ended with ${code}:\n${output.slice(-2000)}`)) })
  ready.promise.catch(() => {})
  await ready.promise
  return { child, output: () => output }
}

interface NginxOptions { folder: string, name: string, front: number, upstreams: number[], change: (conf: string) => string }

const startNginx = async (processes: Set<ChildProcess>, { folder, name, front, upstreams, change }: NginxOptions): Promise<ChildProcess> => {
  const conf = change(readFileSync(join(PROJECT, 'deploy', 'nginx', 'nginx.conf'), 'utf8'))
  const path = join(folder, `${name}.conf`)
  writeFileSync(path, replaced(conf, 'listen 8080;', `listen 127.0.0.1:${front};`).replaceAll('/tmp/', `${folder}/`))
  writeFileSync(join(folder, 'upstreams.conf'), upstreams.map((port) => `server 127.0.0.1:${port} max_fails=0;\n`).join(''))
  // A socket could not be opened again as /dev/stdout: files.
  const log = join(folder, `${name}.log`)
  const stdio: ['ignore', number, number] = ['ignore', openSync(log, 'a'), openSync(log, 'a')]
  const words = ['-p', folder, '-c', path, '-e', '/dev/stderr']
  const { status } = spawnSync('nginx', ['-t', ...words], { stdio })
  assert.equal(status, 0, `nginx -t: ${readFileSync(log, 'utf8')}`)
  const child = spawn('nginx', [...words, '-g', 'daemon off;'], { stdio })
  processes.add(child)
  for (let tries = 0; !await answers(front); tries += 1) {
    if (tries > 100) throw new Error(`nginx does not answer: ${readFileSync(log, 'utf8')}`)
    await sleep(20)
  }
  return child
}

const answers = async (port: number): Promise<boolean> => {
  const socket = connect({ port, host: '127.0.0.1' })
  const outcome = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'close').then(() => false)]).catch(() => false)
  socket.destroy()
  return outcome
}

const stopNginx = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGTERM')
  await once(child, 'close')
}

const replaced = (text: string, from: string | RegExp, to: string): string => {
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`nginx.conf has no ${String(from)}`)
  return changed
}

/** Whether two heartbeats of a quiet stream come within ten times their distance. */
const heartbeats = async (origin: string): Promise<boolean> => {
  const talk = createTalk(origin)
  const stream = openStream(talk.stream(await talk.open()))
  const came = stream.heartbeat().then(() => stream.heartbeat()).then(() => true, () => false)
  const outcome = await Promise.race([came, sleep(10 * HEARTBEAT_MS, false)])
  stream.cut()
  return outcome
}

const sessions = async (origin: string): Promise<number> => (await (await fetch(`${origin}/agents/sessions?limit=1`)).json() as { total: number }).total

/** A few callers without pause, without keys of their own, from a moment before `during` to a moment after it. */
const underLoad = async (origin: string, during: () => Promise<void>): Promise<Tally> => {
  const tally: Tally = { requests: 0, failed: 0, statuses: {} }
  const over = new AbortController()
  const note = (status: string, ok: boolean): void => {
    tally.requests += 1
    tally.statuses[status] = (tally.statuses[status] ?? 0) + 1
    if (!ok) tally.failed += 1
  }
  const caller = async (): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      try {
        const answer = n % 2 === 0 ? await fetch(`${origin}/agents/session`, { method: 'POST' }) : await fetch(`${origin}/jobs?limit=1`)
        await answer.arrayBuffer()
        note(String(answer.status), answer.ok)
      } catch (error) {
        note((error as Error).message, false)
      }
    }
  }
  const callers = Array.from({ length: LOOPS }, caller)
  await sleep(300)
  try {
    await during()
    await sleep(300)
  } finally {
    over.abort()
    await Promise.all(callers)
  }
  return tally
}
