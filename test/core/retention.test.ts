// Retention at work: what goes when, in which portions, and what the readers of a stream see of it.
import t, { type Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import { silentLogger, type Logger } from '../../src/core/log.ts'
import { KEEP_EVERYTHING, Retention, type RetentionLimits } from '../../src/core/retention.ts'
import type { Store } from '../../src/core/store.ts'
import { Streams, type StreamEnd } from '../../src/core/streams.ts'
import { openStore } from '../../src/store/index.ts'
import { FakeClock, settled } from '../helpers/fake-clock.ts'
import { idAt } from '../helpers/store-contract-retention.ts'
import { delta, job, lease, rig, T0 } from '../helpers/store-rig.ts'

const DAY = 86_400_000
const NOW = T0 + 200 * DAY

const setup = async (t: Test, limits: Partial<RetentionLimits>, { log = silentLogger, wrap = (store: Store) => store }: {
  log?: Logger, wrap?: (store: Store) => Store
} = {}) => {
  const store = await openStore({ file: ':memory:' })
  t.teardown(() => store.close())
  const clock = new FakeClock(NOW)
  const retention = new Retention({ store: wrap(store), clock, random: () => 0.5, log, limits: { ...KEEP_EVERYTHING, ...limits } })
  /** Lets time pass until it is through. */
  const pass = async (): Promise<void> => {
    const state = { over: false }
    const passing = retention.pass().finally(() => { state.over = true })
    while (!state.over) await clock.advance(100)
    await passing
  }
  const session = async (id: string, now: number, messages = 0): Promise<string> => {
    await store.createSession({ id, now })
    for (let n = 0; n < messages; n++) await store.addMessage({ id: newId(), session_id: id, role: 'assistant', content: 'x', now })
    return id
  }
  const sessions = async (): Promise<string[]> => (await store.listSessions({ limit: 1_000 })).items.map(({ id }) => id)
  return { store, clock, retention, pass, session, sessions }
}

t.test('by age: sessions whole, jobs, events; what is young stays', async (t) => {
  const { store, pass, session, sessions, retention } = await setup(t, { sessionsDays: 90, jobsDays: 30, eventsDays: 30, stockDays: 365 })
  for (let n = 0; n < 450; n++) await session(idAt(T0 + n, n), T0 + n, 2)
  const young = await session(idAt(NOW - 89 * DAY), NOW - 89 * DAY, 1)
  const used = await session(idAt(T0 + DAY), NOW - 10 * DAY, 1)
  for (const [n, at] of [NOW - 31 * DAY, NOW - 29 * DAY].entries()) {
    await store.recordEvent({ event: { id: idAt(at), type: 'x', data: {}, timestamp: '', source: 'api', delivery: null, received_at: at }, jobs: [] })
    await store.enqueue({ jobs: [job({ id: idAt(at, 1), agent: `agent_${n}` }), job({ id: idAt(at, 2), agent: `agent_${n}` })], now: at })
    for (const held of await store.claim({ queue: 'agents', limit: 2, lease: lease(at), now: at })) {
      await store.settle({
        id: held.id, token: held.lease_token!, session_id: held.session_id, now: at, settlement: { status: 'succeeded', output: {} }, events: []
      })
    }
  }
  await store.saveStock({ stock: [{ day: '2024-01-01', variant_id: 'a', available: 1 }, { day: '2026-01-01', variant_id: 'a', available: 1 }] })
  await pass()
  t.strictSame(await sessions(), [used, young])
  const { messages, events, jobs } = await store.stats()
  t.same({ messages, events }, { messages: 2, events: 1 })
  t.same(jobs.map(({ status, count }) => [status, count]).sort(), [['queued', 0], ['running', 0], ['succeeded', 3]])
  t.ok(await store.getJob(idAt(NOW - 31 * DAY, 2)), 'the last good run of its agent')
  const report = retention.report()
  t.match(report.removed, { sessions: 450, messages: 900, events: 1, jobs: 1, stock_days: 1 })
  t.equal(report.last_run_at !== null && report.last_run_at >= NOW, true)
  t.match(report.kept, { audit: 0, effect_log: 0 })
})

t.test('by number: the oldest first, never what is in use', async (t) => {
  const { store, pass, session, sessions } = await setup(t, { maxSessions: 3, maxJobs: 2, maxEvents: 2 })
  const ids: string[] = []
  for (let n = 0; n < 6; n++) ids.push(await session(idAt(T0 + n), T0 + n))
  await store.addMessage({ id: newId(), session_id: ids[0]!, role: 'assistant', content: 'back again', now: NOW - 1_000 })
  const jobs = Array.from({ length: 5 }, (_, n) => job({ id: idAt(T0 + n), agent: n < 3 ? 'a' : 'b' }))
  await store.enqueue({ jobs, now: T0 })
  const held = await store.claim({ queue: 'agents', limit: 2, lease: lease(T0), now: T0 })
  for (const { id, lease_token: token } of held) {
    await store.settle({ id, token: token!, session_id: null, now: T0, settlement: { status: 'cancelled', reason: 'x' }, events: [] })
  }
  for (let n = 0; n < 4; n++) {
    await store.recordEvent({ event: { id: idAt(T0 + n), type: 'x', data: {}, timestamp: '', source: 'api', delivery: null, received_at: T0 }, jobs: [] })
  }
  await pass()
  t.strictSame(await sessions(), [ids[0], ids[4], ids[5]], 'the one that was used today stays, though it is the oldest')
  t.strictSame((await store.listJobs({}, { limit: 10 })).items.map(({ id }) => id), jobs.slice(2).map(({ id }) => id).reverse(),
    'more than the limit, but none of them has ended')
  t.equal((await store.stats()).events, 2)
  t.equal(await store.getEvent(idAt(T0 + 1)), undefined)
})

t.test('by number of messages: whole sessions go', async (t) => {
  const { pass, session, sessions, store } = await setup(t, { maxMessages: 10 })
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.push(await session(idAt(T0 + n), T0 + n, 4))
  await pass()
  t.strictSame(await sessions(), ids.slice(3))
  t.equal((await store.stats()).messages, 8)
})

t.test('portions are small, with pauses that are long beside them', async (t) => {
  const sizes: number[] = []
  const pauses: number[] = []
  const { pass, session, clock } = await setup(t, { sessionsDays: 90 }, {
    wrap: (store) => ({
      ...store,
      async removeSessions (args) {
        sizes.push(args.ids.length)
        // It takes 5 ms.
        await clock.advance(5)
        return store.removeSessions(args)
      }
    })
  })
  const { setTimeout } = clock
  clock.setTimeout = (fn, ms) => {
    pauses.push(ms)
    return setTimeout.call(clock, fn, ms)
  }
  for (let n = 0; n < 500; n++) await session(idAt(T0 + n, n), T0 + n)
  await pass()
  t.strictSame(sizes, [200, 200, 100])
  t.ok(pauses.slice(0, 2).every((ms) => ms >= 20), `${pauses.join(' ')} ms`)
})

t.test('from time to time, and not after the stop', async (t) => {
  const { retention, clock, session, sessions } = await setup(t, { sessionsDays: 90 })
  await session(idAt(T0), T0)
  retention.start()
  await clock.advance(44_000)
  t.equal((await sessions()).length, 1, 'a start has other things to do')
  await clock.advance(60_000)
  t.equal((await sessions()).length, 0)
  await session(idAt(T0), T0)
  await clock.advance(3_700_000)
  t.equal((await sessions()).length, 0, 'and again within the hour')
  for (let n = 0; n < 500; n++) await session(idAt(T0 + n, n), T0 + n)
  const left = new Promise<void>((resolve) => {
    const look = async (): Promise<void> => {
      if ((await sessions()).length === 300) resolve()
      else setImmediate(() => { look().catch(() => {}) })
    }
    look().catch(() => {})
  })
  const passing = retention.pass()
  await left
  await retention.stop()
  await passing
  t.equal((await sessions()).length, 300, 'it ends between two portions')
  t.equal(clock.waiting, 0)
})

t.test('a table that fails is logged and holds nothing else up', async (t) => {
  const lines: string[] = []
  const log: Logger = { ...silentLogger, error: (fields) => { lines.push((fields as { table: string }).table) } }
  const { retention, pass, store } = await setup(t, { sessionsDays: 90, eventsDays: 30 }, {
    log, wrap: (store) => ({ ...store, oldRows: async (args) => args.table === 'sessions' ? Promise.reject(new Error('no disk')) : store.oldRows(args) })
  })
  await store.recordEvent({ event: { id: idAt(T0), type: 'x', data: {}, timestamp: '', source: 'api', delivery: null, received_at: T0 }, jobs: [] })
  await pass()
  t.strictSame(lines, ['sessions'])
  t.equal(retention.report().removed.events, 1)
  t.equal(retention.report().last_run_at, null, 'that was no whole pass')
})

t.test('a long stream keeps its newest events, and a reader from before them is told', async (t) => {
  const { store, retention, clock } = await setup(t, { maxStreamEvents: 100 })
  retention.start()
  const { session, say, take } = rig(store)
  const id = await session()
  const { job_id: jobId } = await say(id)
  const [held] = await take(1, T0, 'replies')
  const append = async (from: number, to: number): Promise<void> => {
    for (let n = from; n <= to; n += 5) {
      const events = [0, 1, 2, 3, 4].map((more) => delta(id, jobId, String(n + more)))
      await store.appendEvents({ job_id: jobId, token: held!.lease_token!, now: T0, events })
    }
    await settled()
    await clock.advance(1_000)
  }
  await append(1, 100)
  t.same(await store.streamRange(id), { first: 1, last: 100 })

  const frames: string[] = []
  const ends: StreamEnd[] = []
  let congested = false
  const sink = { write: (frame: string) => { frames.push(frame) }, congested: () => congested, end: (why: StreamEnd) => { ends.push(why) } }
  const streams = new Streams(store)
  const follower = streams.follow({ stream: id, after: 90, untilFinal: false }, sink)
  await settled()
  congested = true
  // What is committed is passed on at once; a reader that is behind waits.
  t.equal(follower.position, 100)
  const late = streams.follow({ stream: id, after: 90, untilFinal: false }, sink)
  await append(101, 400)
  const { first, last } = await store.streamRange(id)
  t.ok(last === 400 && first > 285 && first <= 301, `${first} to ${last} are kept: the limit, and what comes in portions`)
  t.equal(retention.report().removed.stream_chunks, (first - 1) / 5)
  follower.stop()
  frames.length = 0
  congested = false
  late.resume()
  await settled()
  const ids = frames.join('').split('\n\n').filter((frame) => frame !== '')
  t.match(ids[0], `event: gap\ndata: ${JSON.stringify({ type: 'gap', first, session_id: id })}`)
  t.strictSame(ids.slice(1).map((frame) => Number(/^id: (\d+)/.exec(frame)![1])), Array.from({ length: last - first + 1 }, (_, n) => first + n))

  t.strictSame(ends, [])
  await store.settle({
    id: jobId, token: held!.lease_token!, session_id: held!.session_id, now: T0, settlement: { status: 'succeeded', output: {} }, events: []
  })
  await store.removeSessions({ ids: [id], idle_since: NOW })
  t.strictSame(ends, ['deleted'], 'with its session the stream ends')
  await retention.stop()
})
