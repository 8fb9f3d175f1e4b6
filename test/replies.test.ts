// Replies that go wrong: assistants that fail or hang, a store that fails, sessions that are deleted, servers that stop.
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AppError } from '../src/core/errors.ts'
import type { Store } from '../src/core/store.ts'
import { faultsOf, isDone, openStream, textOf, type Frame } from './helpers/event-source.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { setup, wholeStream } from './helpers/conversation.ts'
import { createPuppet } from './helpers/puppet.ts'
import type { Said } from './helpers/talk.ts'

const saying = (content: string) => (frame: Frame): boolean => frame.data['content'] === content
const contents = (messages: Said[]): string[] => messages.map((message) => message.content)

t.test('an assistant that fails in the middle', async (t) => {
  const puppet = createPuppet()
  const { talk, lines } = await setup(t, { assistant: puppet.assistant })

  t.test('is tried again, and the new attempt is announced', async (t) => {
    const session = await talk.open()
    const job = await talk.ask(session)
    const first = await puppet.call(0)
    const stream = openStream(talk.stream(session))
    first.say('first try')
    await stream.until(saying('first try'))
    // A message behind it must not hide that something was said.
    const behind = await talk.ask(session, 'behind it')
    first.fail('secret detail')
    const second = await puppet.call(1)
    second.say('second ', 'try')
    second.finish()
    await stream.until(isDone)
    const [, attempt, hint] = stream.frames
    t.match(attempt, { event: 'attempt', data: { type: 'attempt', attempt: 2, reason: 'run_failed' } })
    t.match(hint!.data, { type: 'delta', content: /interrupted/ }, 'clients that know only deltas are told in words')
    t.match(await talk.ended(job), { status: 'succeeded', attempt: 2, failures: [{ code: 'run_failed', attempt: 1 }] })
    const [reply] = await talk.replies(session)
    t.match(reply!.content, /second try$/)
    t.same(faultsOf(stream.frames, reply!.content, 1), [])
    // Control: the same frames without the announcement do not add up.
    t.not(textOf(stream.frames.filter((frame) => frame.event !== 'attempt')), reply!.content)
    ;(await puppet.call(2)).say('fine')
    puppet.calls[2]!.finish()
    await talk.ended(behind)
  })

  t.test('before it said anything: tried again without a word', async (t) => {
    const session = await talk.open()
    const index = puppet.calls.length
    await talk.ask(session)
    ;(await puppet.call(index)).fail('early')
    const stream = openStream(talk.stream(session))
    const second = await puppet.call(index + 1)
    second.say('fine')
    second.finish()
    await stream.until(isDone)
    t.same(stream.frames.map((frame) => frame.event), ['message', 'message'])
    t.equal((await talk.replies(session))[0]!.content, 'fine')
  })

  t.test('after the last attempt: an error event, and nothing stored', async (t) => {
    const session = await talk.open()
    const index = puppet.calls.length
    const job = await talk.ask(session)
    const stream = openStream(talk.stream(session))
    for (const n of [0, 1, 2]) {
      const call = await puppet.call(index + n)
      call.say(`try ${n}`)
      call.fail('secret detail')
    }
    t.equal(await stream.closed, 'ended')
    const last = stream.frames.at(-1)!
    t.match(last, { event: 'error', data: { type: 'error', session_id: session, code: 'run_failed', error: /given up/ } })
    t.notMatch(JSON.stringify(stream.frames), /secret detail/)
    t.same(stream.frames.filter((frame) => frame.event === 'attempt').map((frame) => frame.data['attempt']), [2, 3])
    t.match(await talk.ended(job), { status: 'dead', attempt: 3 })
    t.same(contents(await talk.messages(session)), ['hello'])
    t.equal((await openStream(talk.stream(session), { lastEventId: String(last.id) }).opened).status, 204)
    t.ok(lines.some((line) => line['job_id'] === job && JSON.stringify(line).includes('secret detail')), 'the log says why')

    // And a retry by hand of what died.
    t.equal((await talk.send('POST', `/jobs/${job}/retry`)).status, 202)
    const revived = await puppet.call(index + 3)
    const again = openStream(talk.stream(session))
    revived.say('at last')
    revived.finish()
    await again.until(isDone)
    t.equal(textOf(again.frames), (await talk.replies(session))[0]!.content)
    t.equal(textOf(await wholeStream(talk, session)), (await talk.replies(session))[0]!.content)
  })

  t.test('an assistant that says nothing has failed', async (t) => {
    const session = await talk.open()
    const index = puppet.calls.length
    const job = await talk.ask(session)
    for (const n of [0, 1, 2]) (await puppet.call(index + n)).finish()
    t.match(await talk.ended(job), { status: 'dead' })
    t.equal((await wholeStream(talk, session)).at(-1)!.event, 'error')
  })
})

t.test('an assistant that hangs times out, three times, then is given up', async (t) => {
  const puppet = createPuppet({ deaf: true })
  const clock = new FakeClock(Date.UTC(2026, 10, 23))
  const { talk } = await setup(t, { assistant: puppet.assistant, clock })
  const session = await talk.open()
  const job = await talk.ask(session)
  const stream = openStream(talk.stream(session))
  await stream.opened
  for (const n of [0, 1, 2]) {
    const call = await puppet.call(n)
    call.say(`stuck ${n}`)
    await stream.until(saying(`stuck ${n}`))
    await clock.advance(117_000)
    t.equal(call.signal.aborted, false)
    await clock.advance(3_000)
    t.equal(call.signal.aborted, true, 'told to stop after its two minutes')
    await clock.advance(5_000)
  }
  t.equal(await stream.closed, 'ended')
  t.match(stream.frames.at(-1), { event: 'error', data: { code: 'timeout', error: /too long/ } })
  t.match((await talk.send('GET', `/jobs/${job}`)).body, { status: 'dead', attempt: 3, error: { code: 'timeout' } })
  t.same(await talk.replies(session), [])
})

t.test('a store that fails', async (t) => {
  let broken: 'appendEvents' | 'settle' | undefined
  const fails = (method: 'appendEvents' | 'settle'): void => {
    if (broken !== method) return
    broken = undefined
    throw new AppError('store_unavailable')
  }
  const wrapStore = (store: Store): Store => ({
    ...store,
    async appendEvents (args) {
      fails('appendEvents')
      return store.appendEvents(args)
    },
    async settle (args) {
      fails('settle')
      return store.settle(args)
    }
  })

  t.test('in the middle of a reply: no hole, a new attempt', async (t) => {
    const puppet = createPuppet()
    const { talk } = await setup(t, { assistant: puppet.assistant, wrapStore })
    const session = await talk.open()
    const job = await talk.ask(session)
    const stream = openStream(talk.stream(session))
    const first = await puppet.call(0)
    first.say('one ')
    await stream.until(saying('one '))
    broken = 'appendEvents'
    first.say('lost ')
    await new Promise<void>((resolve) => {
      const look = (): void => { if (broken === undefined) resolve(); else setImmediate(look) }
      look()
    })
    first.say('three')
    first.finish()
    const second = await puppet.call(1)
    second.say('whole')
    second.finish()
    await stream.until(isDone)
    t.match(await talk.ended(job), { status: 'succeeded', attempt: 2, failures: [{ code: 'store_unavailable' }] })
    t.same(faultsOf(stream.frames, (await talk.replies(session))[0]!.content, 1), [])
  })

  t.test('at the end of a reply: asked again, not written again', async (t) => {
    const puppet = createPuppet()
    const clock = new FakeClock(Date.UTC(2026, 10, 23))
    const { talk } = await setup(t, { assistant: puppet.assistant, clock, wrapStore })
    const session = await talk.open()
    const job = await talk.ask(session)
    const stream = openStream(talk.stream(session))
    const first = await puppet.call(0)
    first.say('one')
    await stream.until(saying('one'))
    broken = 'settle'
    first.finish()
    await clock.advance(5_000)
    t.equal(broken, undefined, 'the store did fail')
    t.equal(puppet.calls.length, 1)
    t.match((await talk.send('GET', `/jobs/${job}`)).body, { status: 'succeeded' })
    await stream.until(isDone)
    t.same(faultsOf(stream.frames, (await talk.replies(session))[0]!.content, 1), [])
  })
})

t.test('deleting a session ends its streams and its reply, and leaves nothing', async (t) => {
  const puppet = createPuppet()
  const { talk, app } = await setup(t, { assistant: puppet.assistant })
  const session = await talk.open()
  const job = await talk.ask(session)
  const call = await puppet.call(0)
  const watching = openStream(talk.stream(session))
  call.say('x')
  await watching.until(saying('x'))
  const idleSession = await talk.open()
  const idle = openStream(talk.stream(idleSession))
  await idle.opened
  for (const [id, stream] of [[session, watching], [idleSession, idle]] as const) {
    t.equal((await talk.send('DELETE', `/agents/session/${id}`)).status, 204)
    t.equal(await stream.closed, 'ended')
    t.equal((await openStream(talk.stream(id), { lastEventId: '1' }).opened).status, 404, 'a reconnect learns that it is gone')
    t.equal((await talk.send('GET', `/agents/session/${id}/messages`)).status, 404)
    t.equal((await talk.post(id, 'hello?')).status, 404)
    t.equal((await talk.send('DELETE', `/agents/session/${id}`)).status, 404)
  }
  t.match(await talk.ended(job), { status: 'cancelled', reason: 'session_deleted' })
  t.equal(call.signal.aborted, true)
  t.same(await app.orchestrator.store.streamRange(session), { first: 0, last: 0 }, 'no events of the dead are left behind')
  t.equal(app.orchestrator.streams.open, 0)
  // The job is still there to look at. Its retry finds nothing to answer.
  t.equal((await talk.send('POST', `/jobs/${job}/retry`)).status, 202)
  t.match(await talk.ended(job), { status: 'failed', error: { code: 'message_gone' } })
  t.same(await app.orchestrator.store.streamRange(session), { first: 0, last: 0 })
})

t.test('a server that stops and starts again on the same file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sessions-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const environment = { NODE_ENV: 'development', SANDBOX: 'off', LOG_LEVEL: 'silent', DATA_DIR: folder, SHUTDOWN_TIMEOUT_MS: '1', SSE_RETRY_MS: '500' }
  const puppet = createPuppet()
  const before = await setup(t, { assistant: puppet.assistant }, environment)
  const session = await before.talk.open()
  const job = await before.talk.ask(session)
  const waiting = await before.talk.ask(session, 'behind it')
  const call = await puppet.call(0)
  const stream = openStream(before.talk.stream(session), { lastEventId: '0' })
  call.say('before ')
  await stream.until(saying('before '))

  before.app.orchestrator.drain()
  const late = openStream(before.talk.stream(session))
  t.equal((await late.opened).status, 200, 'EventSource would give up on anything else')
  t.equal(await late.closed, 'ended')
  t.same([late.retries, late.frames], [[500], []])
  const system = openStream(`${before.origin}/stream`)
  t.equal(await system.closed, 'ended')
  const posted = await before.talk.ask(session, 'while it drains')
  call.say('and more ')
  await stream.until(saying('and more '))
  await before.app.close()
  t.equal(await stream.closed, 'ended')
  t.equal(stream.retries.length, 2)
  t.ok(stream.retries[1]! >= 500 && stream.retries[1]! <= 2500, 'come back spread over two seconds')

  const after = await setup(t, { assistant: puppet.assistant }, environment)
  const resumed = openStream(after.talk.stream(session), { lastEventId: String(stream.frames.at(-1)!.id) })
  const again = await puppet.call(1)
  t.same(again.messages.map((message) => message.content), ['hello'])
  again.say('after')
  again.finish()
  await resumed.until(isDone)
  t.match(await after.talk.ended(job), { status: 'succeeded', attempt: 1 }, 'a lease given back is no attempt')
  const frames = [...stream.frames, ...resumed.frames]
  t.ok(frames.some((frame) => frame.event === 'attempt'), 'what was said before the stop is void')
  t.same(faultsOf(frames, (await after.talk.replies(session))[0]!.content, 1), [])
  for (const [n, id] of [waiting, posted].entries()) {
    const next = await puppet.call(n + 2)
    next.say('ok')
    next.finish()
    t.match(await after.talk.ended(id), { status: 'succeeded' })
  }
})
