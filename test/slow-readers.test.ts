// Readers that do not keep up: what they cost, when they are cut, and that they can resume. And those that do keep up, with large events.
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Parts } from '../src/app.ts'
import { buildTestApp, listen, sayer } from './helpers/app.ts'
import { faultsOf, isDone, openStream } from './helpers/event-source.ts'
import { createPuppet } from './helpers/puppet.ts'
import { createTalk } from './helpers/talk.ts'

const setup = async (t: Test, parts: Parts = {}, environment: Record<string, string> = {}) => {
  const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true', ...environment }, parts)
  const origin = await listen(app)
  return { app, talk: createTalk(origin) }
}

const KIB = 1024

/** Watches how much the server holds for each connection, at every turn of its event loop until the test ends. */
const watchUnsent = (t: Test, server: Server) => {
  const sockets = new Set<Socket>()
  const watch = { largest: 0, open: () => sockets.size }
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => { sockets.delete(socket) })
  })
  let running = true
  const look = (): void => {
    for (const socket of sockets) watch.largest = Math.max(watch.largest, socket.writableLength)
    if (running) setImmediate(look)
  }
  look()
  t.teardown(() => { running = false })
  return watch
}

t.test('a reader that stops while the reply is written is cut, and can resume', async (t) => {
  const puppet = createPuppet()
  const { talk, app } = await setup(t, { assistant: puppet.assistant })
  const watch = watchUnsent(t, app.server)
  const session = await talk.open()
  const job = await talk.ask(session)
  const call = await puppet.call(0)
  const stopped = openStream(talk.stream(session), { paused: true })
  await stopped.opened
  t.equal(app.orchestrator.streams.open, 1)
  // What the kernel takes is not ours: megabytes on the loopback. So it is written until the cut, one commit a piece.
  const piece = '0123456789abcdef'.repeat(KIB)
  let said = 0
  const grown = new Promise<void>((resolve) => {
    app.orchestrator.store.subscribe((notice) => {
      if (!notice.streams.has(session)) return
      if (app.orchestrator.streams.open === 0 || said > 4000) return resolve()
      said += 1
      call.say(piece)
    })
  })
  call.say(piece)
  await grown
  t.equal(app.orchestrator.streams.open, 0, `cut after ${said} pieces of 16 KiB`)
  t.ok(watch.largest > 200 * KIB && watch.largest <= 512 * KIB, `at most ${Math.round(watch.largest / KIB)} KiB were held`)
  call.finish()
  const { status } = await talk.ended(job)
  t.equal(status, 'succeeded', 'the reply does not care')
  stopped.resume()
  t.equal(await stopped.closed, 'broken')
  t.ok(stopped.frames.length > 0)
  const rest = openStream(talk.stream(session), { lastEventId: String(stopped.frames.at(-1)!.id) })
  await rest.until(isDone)
  t.same(faultsOf([...stopped.frames, ...rest.frames], (await talk.replies(session))[0]!.content, 1), [])
})

t.test('a reader that stops during a replay costs little, is cut at a heartbeat, and can resume', async (t) => {
  const pieces = Array.from({ length: 400 }, (_, n) => `${n} `.padEnd(40 * KIB, '.'))
  const { talk, app } = await setup(t, { assistant: sayer(...pieces) }, { SSE_HEARTBEAT_MS: '400' })
  const session = await talk.open()
  await talk.ended(await talk.ask(session))
  const watch = watchUnsent(t, app.server)
  const stopped = openStream(talk.stream(session), { paused: true })
  await stopped.opened
  while (app.orchestrator.streams.open > 0) await new Promise((resolve) => { setImmediate(resolve) })
  t.ok(watch.largest > 0 && watch.largest <= 256 * KIB, `at most ${Math.round(watch.largest / KIB)} KiB were held`)
  stopped.resume()
  t.equal(await stopped.closed, 'broken')
  const rest = openStream(talk.stream(session), { lastEventId: String(stopped.frames.at(-1)!.id) })
  await rest.until(isDone)
  t.same(faultsOf([...stopped.frames, ...rest.frames], (await talk.replies(session))[0]!.content, 1), [])
  t.notOk(stopped.frames.some(isDone), 'it had not come to the end')
})

t.test('large events: a reader that reads is never cut', async (t) => {
  const pages = Array.from({ length: 600 }, (_, n) => `${n} `.padEnd(4 * KIB, 'ä'))
  const { talk } = await setup(t, { assistant: sayer(...pages) })
  const session = await talk.open()
  await talk.ended(await talk.ask(session))
  const replay = openStream(talk.stream(session))
  t.equal(await replay.closed, 'ended')
  t.same(faultsOf(replay.frames, pages.join(''), 1), [])
})

t.test('one huge piece', async (t) => {
  const huge = 'größer 😀 '.repeat(80 * KIB)
  const { talk } = await setup(t, { assistant: sayer(huge, 'end') })
  const session = await talk.open()
  await talk.ended(await talk.ask(session))
  const replay = openStream(talk.stream(session))
  t.equal(await replay.closed, 'ended')
  t.same(faultsOf(replay.frames, `${huge}end`, 1), [])
  t.equal((await talk.replies(session))[0]!.content, `${huge}end`)
})
