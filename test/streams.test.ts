// Streams over real sockets: what is read is what is stored, through cuts, gaps and ends.
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import type { Parts } from '../src/app.ts'
import { SYSTEM_STREAM } from '../src/core/model.ts'
import { buildTestApp, listen, sayer } from './helpers/app.ts'
import { faultsOf, isDone, openStream, readThroughCuts, seededCuts, textOf, type Frame } from './helpers/event-source.ts'
import { until } from './helpers/fake-clock.ts'
import { createPuppet } from './helpers/puppet.ts'
import { createTalk } from './helpers/talk.ts'

const setup = async (t: Test, parts: Parts = {}, environment: Record<string, string> = {}) => {
  const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true', ...environment }, parts)
  const origin = await listen(app)
  return { app, origin, talk: createTalk(origin) }
}

// Characters of one to four bytes, line ends, quotes: a cut may go through each of them.
const PIECES = Array.from({ length: 60 }, (_, index) => `${index} größer "€" 😀\n\n`)

t.test('200 cuts at random bytes: nothing lost, doubled or reordered', async (t) => {
  const { talk } = await setup(t, { assistant: sayer(...PIECES) })
  const cutAfter = seededCuts(7, 1500)
  let cuts = 0

  const reader = async (): Promise<void> => {
    const session = await talk.open()
    for (let first = 1; cuts < 200;) {
      await talk.ask(session)
      const read = await readThroughCuts(talk.stream(session), { cutAfter })
      cuts += read.cuts
      const stored = (await talk.replies(session)).at(-1)!.content
      t.same(faultsOf(read.frames, stored, first), [])
      t.equal(stored, PIECES.join(''))
      first += read.frames.length
    }
  }
  await Promise.all([reader(), reader(), reader(), reader()])
  t.ok(cuts >= 200, `${cuts} cuts`)

  // Control: the same checks on a reader that comes back without Last-Event-ID.
  const session = await talk.open()
  await talk.ask(session)
  const control = await readThroughCuts(talk.stream(session), { cutAfter: () => 1000, forgetful: true })
  const stored = (await talk.replies(session))[0]!.content
  t.equal(control.cuts, 1)
  t.ok(faultsOf(control.frames, stored, 1).length > 0, 'a reader that ignores ids is caught')
})

t.test('the seam between stored and live events, with a store that takes its time', async (t) => {
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => { setImmediate(resolve) })
  }
  let reads = 0
  const { talk } = await setup(t, {
    assistant: sayer(...PIECES),
    wrapStore: (store) => ({
      ...store,
      async readEvents (...range) {
        reads += 1
        await turns(reads % 5)
        const events = await store.readEvents(...range)
        await turns(reads % 3)
        return events
      }
    })
  })
  const session = await talk.open()
  await talk.ask(session)
  const readers = Array.from({ length: 20 }, () => openStream(talk.stream(session)))
  for (const reader of readers) {
    await reader.until(isDone)
    t.same(faultsOf(reader.frames, PIECES.join(''), 1), [])
  }
})

t.test('the whole stream of a session is every reply after the other', async (t) => {
  const { talk } = await setup(t, { assistant: sayer('one ', 'two') })
  const session = await talk.open()
  const jobs = [await talk.ask(session), await talk.ask(session), await talk.ask(session)]
  await talk.ended(jobs[2]!)
  const seen: Frame[] = []
  for (let last = '0'; ;) {
    const stream = openStream(talk.stream(session), { lastEventId: last })
    const { status } = await stream.opened
    if (status === 204) break
    t.equal(await stream.closed, 'ended')
    t.equal(stream.frames.filter(isDone).length, 1, 'each connection ends with one done')
    seen.push(...stream.frames)
    last = String(seen.at(-1)!.id)
  }
  t.same(seen.map((frame) => frame.id), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.same(seen.filter((frame) => !isDone(frame)).map((frame) => frame.data['content']).join(''), 'one twoone twoone two')
})

t.test('headers, retry and heartbeats', async (t) => {
  const puppet = createPuppet()
  const { talk } = await setup(t, { assistant: puppet.assistant }, { SSE_HEARTBEAT_MS: '40', SSE_RETRY_MS: '1234' })
  const session = await talk.open()
  await talk.ask(session)
  const stream = openStream(talk.stream(session))
  const { status, headers } = await stream.opened
  t.equal(status, 200)
  t.equal(headers['content-type'], 'text/event-stream; charset=utf-8')
  t.equal(headers['x-accel-buffering'], 'no')
  t.match(headers['cache-control'], /no-cache/)
  const call = await puppet.call(0)
  await stream.heartbeat()
  await stream.heartbeat()
  t.same(stream.retries, [1234])
  call.say('late')
  call.finish()
  await stream.until(isDone)
  t.equal(await stream.closed, 'ended')
  t.equal(textOf(stream.frames), 'late')
})

t.test('after the end: 204 to a reader that has everything', async (t) => {
  const { talk } = await setup(t, { assistant: sayer('all') })
  const session = await talk.open()
  await talk.ended(await talk.ask(session))
  const reading = openStream(talk.stream(session))
  await reading.closed
  t.same(reading.frames.map((frame) => frame.id), [1, 2])
  const again = openStream(talk.stream(session), { lastEventId: '2' })
  t.equal((await again.opened).status, 204)
  const before = openStream(talk.stream(session), { lastEventId: '1' })
  t.equal((await before.opened).status, 200)
  t.ok(await before.until(isDone))
  t.equal(before.frames.length, 1, 'only what was missing')
})

t.test('Last-Event-ID that the stream never sent', async (t) => {
  const { talk, origin } = await setup(t, { assistant: sayer('all') })
  const session = await talk.open()
  await talk.ended(await talk.ask(session))
  for (const id of ['3', '999', '-1', '1.5', 'x', '1e1', '0x1', ' 1 1', '9999999999999999']) {
    const stream = openStream(talk.stream(session), { lastEventId: id })
    t.equal((await stream.opened).status, 400, `"${id}"`)
    const answer = await talk.send('GET', `/agents/stream?session_id=${session}&last_event_id=${encodeURIComponent(id)}`)
    t.equal(answer.body['code'], 'invalid_last_event_id', `"${id}" as a parameter`)
  }
  const system = openStream(`${origin}/stream`, { lastEventId: '999999' })
  t.teardown(() => system.cut())
  // A position from a store that is gone: its reader is told so, and goes on from the end.
  await system.until((frame) => frame.event === 'gap')
  const parameter = openStream(`${talk.stream(session)}&last_event_id=1`)
  await parameter.closed
  t.same(parameter.frames.map((frame) => frame.id), [2])
  const both = openStream(`${talk.stream(session)}&last_event_id=0`, { lastEventId: '1' })
  await both.closed
  t.same(both.frames.map((frame) => frame.id), [2], 'the header, which EventSource keeps up to date, wins')
  const unknown = openStream(`${origin}/agents/stream?session_id=00000000-0000-7000-8000-000000000000`, { lastEventId: '1' })
  t.equal((await unknown.opened).status, 404)
})

t.test('HEAD answers the headers and follows nothing', async (t) => {
  const puppet = createPuppet()
  const { talk, app, origin } = await setup(t, { assistant: puppet.assistant })
  const session = await talk.open()
  await talk.ask(session)
  for (const url of [talk.stream(session), `${origin}/stream`]) {
    const head = openStream(url, { method: 'HEAD' })
    const { status, headers } = await head.opened
    t.equal(status, 200)
    t.equal(headers['content-type'], 'text/event-stream; charset=utf-8')
    t.equal(await head.closed, 'ended')
  }
  t.equal(app.orchestrator.streams.open, 0)
  ;(await puppet.call(0)).finish()
})

t.test('opened before the first message', async (t) => {
  const { talk } = await setup(t, { assistant: sayer('a', 'b') })
  const session = await talk.open()
  const early = openStream(talk.stream(session))
  await early.opened
  await talk.ask(session)
  await early.until(isDone)
  t.equal(await early.closed, 'ended')
  t.equal(textOf(early.frames), 'ab')
  t.equal((await openStream(talk.stream(session), { lastEventId: '3' }).opened).status, 204)
})

t.test('opened in the middle of an older reply with a newer message behind it', async (t) => {
  const puppet = createPuppet()
  const { talk } = await setup(t, { assistant: puppet.assistant })
  const session = await talk.open()
  await talk.ask(session, 'first')
  const older = await puppet.call(0)
  const watching = openStream(talk.stream(session))
  older.say('old 1 ')
  await watching.until((frame) => frame.data['content'] === 'old 1 ')
  await talk.ask(session, 'second')
  const newest = openStream(talk.stream(session))
  await newest.opened
  older.say('old 2')
  older.finish()
  const newer = await puppet.call(1)
  newer.say('new')
  newer.finish()
  await newest.until(isDone)
  t.equal(await newest.closed, 'ended')
  t.equal(textOf(newest.frames), 'new', 'only the newest reply')
  t.equal(newest.frames.filter(isDone).length, 1)
  t.equal(await watching.closed, 'ended')
  t.equal(textOf(watching.frames), 'old 1 old 2', 'the reader of the older one stays with it')
  // And its next connection, which EventSource makes by itself, gets the newer reply.
  const next = openStream(talk.stream(session), { lastEventId: String(watching.frames.at(-1)!.id) })
  await next.until(isDone)
  t.equal(textOf(next.frames), 'new')
})

t.test('two readers and a disconnect: the reply goes on', async (t) => {
  const puppet = createPuppet()
  const { talk, app } = await setup(t, { assistant: puppet.assistant })
  const session = await talk.open()
  const job = await talk.ask(session)
  const call = await puppet.call(0)
  const [leaving, staying] = [openStream(talk.stream(session)), openStream(talk.stream(session))]
  call.say('one ')
  await Promise.all([leaving, staying].map((stream) => stream.until((frame) => frame.data['content'] === 'one ')))
  leaving.cut()
  call.say('two ')
  await staying.until((frame) => frame.data['content'] === 'two ')
  staying.cut()
  call.say('three')
  call.finish()
  t.match(await talk.ended(job), { status: 'succeeded', attempt: 1 })
  t.equal(call.signal.aborted, false, 'nobody listens, and nobody stopped it')
  t.equal((await talk.replies(session))[0]!.content, 'one two three')
  const back = openStream(talk.stream(session), { lastEventId: String(leaving.frames.at(-1)!.id) })
  await back.until(isDone)
  t.equal(textOf([...leaving.frames, ...back.frames]), 'one two three')
  await back.closed
  t.equal(app.orchestrator.streams.open, 0, 'no follower is left behind')
})

t.test('a client that left while its stream was being opened leaves nothing behind', async (t) => {
  const entered = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const { talk, app } = await setup(t, {
    assistant: sayer('x'),
    wrapStore: (store) => ({
      ...store,
      async latestReply (id) {
        entered.resolve()
        await gate.promise
        return store.latestReply(id)
      }
    })
  })
  const session = await talk.open()
  const gone = new Promise<void>((resolve) => { app.server.once('connection', (socket) => { socket.once('close', () => { resolve() }) }) })
  const stream = openStream(talk.stream(session))
  await entered.promise
  stream.cut()
  await gone
  gate.resolve()
  await talk.messages(session)
  t.equal(app.orchestrator.streams.open, 0)
})

t.test('gap: events that are no longer stored are named as missing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streams-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const environment = { NODE_ENV: 'development', SANDBOX: 'off', LOG_LEVEL: 'silent', BACKGROUND_WORK: 'true', DATA_DIR: folder }
  const before = await buildTestApp(t, environment, { assistant: sayer('a', 'b', 'c', 'd') })
  const first = createTalk(await listen(before.app))
  const session = await first.open()
  await first.ended(await first.ask(session))
  await first.ended(await first.ask(session))
  await before.app.close()
  const database = new DatabaseSync(join(folder, 'orchestrator.sqlite'))
  database.prepare('DELETE FROM stream_chunks WHERE stream = ? AND seq < 3').run(session)
  database.close()

  const { talk } = await setup(t, {}, environment)
  const stream = openStream(talk.stream(session), { lastEventId: '1' })
  t.equal((await stream.opened).status, 200)
  await stream.until(isDone)
  t.same(stream.frames.map(({ event, id }) => [event, id]), [['gap', undefined], ['message', 3], ['message', 4], ['message', 5]])
  t.match(stream.frames[0]!.data, { type: 'gap', first: 3, session_id: session })
  const whole = openStream(talk.stream(session), { lastEventId: '2' })
  await whole.until(isDone)
  t.equal(whole.frames[0]!.event, 'message', 'no gap when the next event is there')
})

t.test('the system stream: live, resumed, and a gap beyond its 10,000 events', async (t) => {
  const { talk, app, origin } = await setup(t, { assistant: sayer('x') })
  const live = openStream(`${origin}/stream`)
  await live.opened
  const session = await talk.open()
  const job = await talk.ask(session)
  const ended = await live.until(({ event, data }) => event === 'jobs' &&
    (data['changes'] as Array<{ id: string, status: string }>).some((change) => change.id === job && change.status === 'succeeded'))
  live.cut()
  app.breakers.get('llm').breaker.force('forced_open')
  const resumed = openStream(`${origin}/stream`, { lastEventId: String(ended.id) })
  const breaker = await resumed.until(({ event }) => event === 'breaker')
  t.equal(breaker.id, ended.id! + 1)

  for (let n = 0; n < 10_050; n += 670) {
    const events = Array.from({ length: 670 }, (_, more) => ({
      stream: SYSTEM_STREAM, name: 'test', data: JSON.stringify({ n: n + more }), job_id: null, final: false
    }))
    await app.orchestrator.store.publish({ now: 1, events })
    const { last } = await app.orchestrator.store.streamRange(SYSTEM_STREAM)
    await resumed.until((frame) => frame.id === last)
  }
  const { first, last } = await app.orchestrator.store.streamRange(SYSTEM_STREAM)
  const kept = last - first + 1
  t.ok(kept >= 10_000 && kept < 10_000 + 128, `${kept} are kept: old ones go in portions`)
  const old = openStream(`${origin}/stream`, { lastEventId: '1' })
  await old.until((frame) => frame.id === last)
  t.match(old.frames[0], { event: 'gap', data: { type: 'gap', first } })
  t.same(old.frames.slice(1).map((frame) => frame.id), Array.from({ length: kept }, (_, index) => first + index))
  await resumed.until((frame) => frame.id === last)
  t.same(resumed.frames.map((frame) => frame.id), Array.from({ length: last - ended.id! }, (_, index) => ended.id! + 1 + index),
    'a reader that was there when they came has them all')
  old.cut()
  resumed.cut()
})

t.test('a reply that is longer than what its stream keeps: its reader is told of the gap, and the message is whole', async (t) => {
  const pieces = Array.from({ length: 400 }, (_, index) => `${index} `)
  const { talk, app } = await setup(t, { assistant: sayer(...pieces) }, { RETENTION_MAX_STREAM_EVENTS: '50' })
  const session = await talk.open()
  await talk.ended(await talk.ask(session))
  t.equal((await talk.replies(session))[0]!.content, pieces.join(''))
  await until('it is cut', async () => (await app.orchestrator.store.streamRange(session)).first > 300)
  const { first } = await app.orchestrator.store.streamRange(session)
  for (const options of [{}, { lastEventId: '1' }]) {
    const stream = openStream(talk.stream(session), options)
    await stream.until(isDone)
    t.match(stream.frames[0], { event: 'gap', data: { type: 'gap', first, session_id: session } })
    t.equal(stream.frames[1]!.id, first)
    t.equal(stream.frames.filter(({ event }) => event === 'gap').length, 1, 'once')
  }
})
