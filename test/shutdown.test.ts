// The real server process and how it ends: by signal, twice, in the middle of its start, by kill -9, and what the next one finds.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { faultsOf, isDone, openStream } from './helpers/event-source.ts'
import { createTalk } from './helpers/talk.ts'

const SERVER = fileURLToPath(new URL('../src/server.ts', import.meta.url))
const STUB = new URL('./helpers/stub-agents.ts', import.meta.url).href

/** A module that is loaded before the server. */
const preload = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`

// The server is the real one; only its agents come from elsewhere.
const STUB_AGENTS = preload(`
  import { registerHooks } from 'node:module'
  registerHooks({ resolve: (name, context, next) => next(name === './agents/index.ts' ? ${JSON.stringify(STUB)} : name, context) })`)

const SIGTERM_WHEN_LISTENED_FOR = preload(`
  process.on('newListener', (name) => { if (name === 'SIGTERM') process.kill(process.pid, 'SIGTERM') })`)

interface Server {
  child: ChildProcess
  /** Messages that it logged. */
  messages: string[]
  errors: () => string
  /** Resolves with the origin when it is ready. Rejects when it ends before. */
  ready: Promise<string>
  exited: Promise<{ code: number | null, signal: NodeJS.Signals | null }>
  /** Resolves when a message that begins so was logged. */
  logged (beginning: string): Promise<void>
}

// Fourteen starts: each but the first finds its code compiled.
const compiled = mkdtempSync(join(tmpdir(), 'compiled-'))
t.teardown(() => rm(compiled, { recursive: true, force: true }))

const folderOf = (t: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'shutdown-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

interface StartOptions {
  env?: Record<string, string>
  modules?: string[]
}

const start = (t: Test, folder: string, { env = {}, modules = [STUB_AGENTS] }: StartOptions = {}): Server => {
  // In the folder: a .env of the checkout is not read.
  const child = spawn(process.execPath, [...modules.flatMap((module) => ['--import', module]), SERVER], {
    cwd: folder,
    env: { PATH: process.env['PATH'], SANDBOX: 'off', PORT: '0', DATA_DIR: folder, LOG_FORMAT: 'json', NODE_COMPILE_CACHE: compiled, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const messages: string[] = []
  let errors = ''
  child.stderr!.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const lines = createInterface({ input: child.stdout! })
  const waiting = new Set<() => void>()
  lines.on('line', (line) => {
    messages.push((JSON.parse(line) as { msg: string }).msg)
    for (const look of waiting) look()
  })
  const exited = once(child, 'close').then(([code, signal]) => {
    for (const look of waiting) look()
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  // Before its folder goes: it may still write there.
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const find = (beginning: string): Promise<string> => new Promise((resolve, reject) => {
    const look = (): void => {
      const found = messages.find((message) => message.startsWith(beginning))
      if (found !== undefined) resolve(found)
      else if (child.exitCode !== null || child.signalCode !== null) reject(new Error(`the server ended: ${errors}${messages.join('\n')}`))
    }
    waiting.add(look)
    look()
  })
  const ready = find('ready: ').then((message) => message.slice('ready: '.length))
  ready.catch(() => {})
  return { child, messages, errors: () => errors, ready, exited, logged: async (beginning) => { await find(beginning) } }
}

/** A session with a reply in its middle, and its reader. */
const beginReply = async (origin: string) => {
  const talk = createTalk(origin)
  const session = await talk.open()
  const job = await talk.ask(session)
  const stream = openStream(talk.stream(session), { lastEventId: '0' })
  await stream.until((frame) => frame.data['content'] === 'begun, ')
  return { talk, session, job, stream }
}

t.test('SIGTERM with open streams and idle connections: ends at once, with 0', async (t) => {
  const server = start(t, folderOf(t), { modules: [] })
  const origin = await server.ready
  const talk = createTalk(origin)
  const session = await talk.open()
  const streams = [openStream(talk.stream(session)), openStream(`${origin}/stream`), openStream(`${origin}/stream`)]
  for (const stream of streams) t.equal((await stream.opened).status, 200)
  const keepAlive = new Agent({ keepAlive: true })
  t.teardown(() => { keepAlive.destroy() })
  await new Promise<void>((resolve) => {
    get(`${origin}/healthz`, { agent: keepAlive }, (response) => { response.resume().on('end', resolve) })
  })
  const asked = performance.now()
  server.child.kill('SIGTERM')
  for (const stream of streams) {
    t.equal(await stream.closed, 'ended', 'an end, not a broken connection')
    t.equal(stream.retries.length, 2, 'with a time to come back at')
  }
  t.same(await server.exited, { code: 0, signal: null })
  const took = performance.now() - asked
  t.ok(took < 5_000, `${Math.round(took)} ms`)
  t.equal(server.messages.at(-1), 'stopped')
  t.equal(server.errors(), '')
})

t.test('SIGTERM while a reply is written: served during the drain delay, the reply is finished', async (t) => {
  const folder = folderOf(t)
  const server = start(t, folder, { env: { DRAIN_DELAY_MS: '2500' } })
  const origin = await server.ready
  const { talk, session, job, stream } = await beginReply(origin)
  server.child.kill('SIGTERM')
  await server.logged('stopping')
  server.child.kill('SIGTERM')
  await server.logged('already stopping')
  const readiness = await fetch(`${origin}/readyz`)
  t.equal(readiness.status, 503)
  t.match(await readiness.json(), { ready: false })
  t.equal(readiness.headers.get('connection'), 'close')
  t.equal((await fetch(`${origin}/healthz`)).status, 200)
  const late = openStream(talk.stream(session))
  t.equal((await late.opened).status, 200, 'EventSource would give up on anything else')
  t.equal(await late.closed, 'ended')
  t.same(late.frames, [])
  const queued = await talk.ask(session, 'taken although it drains')
  t.equal(await stream.closed, 'ended')
  server.child.send('go')
  t.same(await server.exited, { code: 0, signal: null }, 'a second SIGTERM hurries nothing')

  const next = start(t, folder)
  const after = createTalk(await next.ready)
  t.match(await after.ended(job), { status: 'succeeded', attempt: 1 })
  const rest = openStream(after.stream(session), { lastEventId: String(stream.frames.at(-1)!.id) })
  await rest.until(isDone)
  t.same(faultsOf([...stream.frames, ...rest.frames], 'begun, done', 1), [])
  t.equal((await after.replies(session))[0]!.content, 'begun, done')
  const following = openStream(after.stream(session))
  await following.until((frame) => frame.data['content'] === 'begun, ')
  next.child.send('go')
  t.match(await after.ended(queued), { status: 'succeeded' })
})

t.test('SIGTERM while a reply takes too long: its lease is given back, and it is written after the restart', async (t) => {
  const folder = folderOf(t)
  const server = start(t, folder, { env: { SHUTDOWN_TIMEOUT_MS: '1' } })
  const { session, job, stream } = await beginReply(await server.ready)
  server.child.kill('SIGTERM')
  t.equal(await stream.closed, 'ended')
  t.same(await server.exited, { code: 0, signal: null })

  const next = start(t, folder)
  const talk = createTalk(await next.ready)
  const rest = openStream(talk.stream(session), { lastEventId: String(stream.frames.at(-1)!.id) })
  await rest.until((frame) => frame.data['content'] === 'begun, ')
  next.child.send('go')
  await rest.until(isDone)
  t.match(await talk.ended(job), { status: 'succeeded', attempt: 1 }, 'the interrupted one does not count')
  t.match(rest.frames[0], { event: 'attempt', data: { reason: 'given_back' } })
  t.same(faultsOf([...stream.frames, ...rest.frames], (await talk.replies(session))[0]!.content, 1), [])
})

t.test('kill -9 while a reply is written and another waits: the next start resumes both by itself', async (t) => {
  const folder = folderOf(t)
  const server = start(t, folder)
  const { talk: before, session, job, stream } = await beginReply(await server.ready)
  const waiting = await before.ask(session, 'waits')
  server.child.kill('SIGKILL')
  t.same(await server.exited, { code: null, signal: 'SIGKILL' })
  t.equal(await stream.closed, 'broken')

  const next = start(t, folder)
  const talk = createTalk(await next.ready)
  const rest = openStream(talk.stream(session), { lastEventId: String(stream.frames.at(-1)!.id) })
  await rest.until((frame) => frame.data['content'] === 'begun, ')
  next.child.send('go')
  await rest.until(isDone)
  t.match(await talk.ended(job), { status: 'succeeded', failures: [{ code: 'worker_died' }] })
  t.match(rest.frames[0], { event: 'attempt', data: { reason: 'worker_died' } })
  t.same(faultsOf([...stream.frames, ...rest.frames], (await talk.replies(session))[0]!.content, 1), [])
  const following = openStream(talk.stream(session))
  await following.until((frame) => frame.data['content'] === 'begun, ')
  next.child.send('go')
  t.match(await talk.ended(waiting), { status: 'succeeded', failures: [] })
  t.same((await talk.replies(session)).map(({ content }) => content.endsWith('begun, done')), [true, true])
})

t.test('SIGTERM in the middle of the start: undone, with 0, and it never listens', async (t) => {
  const folder = folderOf(t)
  const server = start(t, folder, { modules: [SIGTERM_WHEN_LISTENED_FOR] })
  t.same(await server.exited, { code: 0, signal: null })
  t.ok(server.messages.includes('stopping'))
  t.notOk(server.messages.some((message) => message.startsWith('ready: ')))
  t.equal(server.errors(), '')
  const next = start(t, folder, { modules: [] })
  t.equal((await fetch(`${await next.ready}/readyz`)).status, 200, 'the store is free again')
})

t.test('a second process on the same DATA_DIR is refused, and the first does not notice', async (t) => {
  const folder = folderOf(t)
  const first = start(t, folder, { modules: [] })
  const origin = await first.ready
  const second = start(t, folder, { modules: [] })
  t.same(await second.exited, { code: 1, signal: null })
  t.match(second.errors(), /^Another process is using the store .+orchestrator\.sqlite\. .*DATA_DIR/)
  t.equal(second.errors().trim().split('\n').length, 1, 'a sentence, not a stack')
  t.equal((await fetch(`${origin}/readyz`)).status, 200)
  t.match(await createTalk(origin).open(), /^[0-9a-f-]{36}$/)
})

t.test('SIGINT a second time means now, and loses nothing', async (t) => {
  const folder = folderOf(t)
  const server = start(t, folder)
  const { session, job } = await beginReply(await server.ready)
  server.child.kill('SIGINT')
  await server.logged('stopping')
  server.child.kill('SIGINT')
  t.same(await server.exited, { code: 130, signal: null })
  const next = start(t, folder)
  const talk = createTalk(await next.ready)
  const stream = openStream(talk.stream(session))
  await stream.until((frame) => frame.event === 'attempt')
  await stream.until((frame) => frame.data['content'] === 'begun, ' && frame.id! > 1)
  next.child.send('go')
  t.match(await talk.ended(job), { status: 'succeeded' })
})
