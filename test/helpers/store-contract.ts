// What every engine of the store must do, written once: sessions, messages, streams, lists, events, schedules, group commit.
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import { SYSTEM_STREAM } from '../../src/core/model.ts'
import type { FireSchedule, Store } from '../../src/core/store.ts'
import { effectsContract } from './store-contract-effects.ts'
import { historyContract } from './store-contract-history.ts'
import { idempotencyContract } from './store-contract-idempotency.ts'
import { holdsContract } from './store-contract-holds.ts'
import { jobsContract } from './store-contract-jobs.ts'
import { retentionContract } from './store-contract-retention.ts'
import { keysContract } from './store-contract-keys.ts'
import { webhooksContract } from './store-contract-webhooks.ts'
import { delta, everything, job, lease, rig, schedule, T0, type OpenForTest } from './store-rig.ts'
import { walkContract } from './store-walk.ts'

/** Runs the contract on stores that `open` makes. */
export const storeContract = (t: Test, open: OpenForTest, { walk = true } = {}): void => {
  const fresh = async (t: Test): Promise<ReturnType<typeof rig>> => {
    const store = await open()
    t.teardown(() => store.close())
    return rig(store)
  }
  groupCommitContract(t, open)
  sessionsContract(t, fresh)
  listsContract(t, fresh)
  jobsContract(t, fresh)
  schedulesContract(t, fresh)
  holdsContract(t, fresh)
  effectsContract(t, fresh)
  historyContract(t, fresh)
  idempotencyContract(t, fresh)
  retentionContract(t, fresh)
  keysContract(t, fresh)
  webhooksContract(t, fresh)
  if (walk) walkContract(t, fresh)
}

export type Fresh = (t: Test) => Promise<ReturnType<typeof rig>>

const groupCommitContract = (t: Test, open: OpenForTest): void => {
  t.test('group commit: concurrent writes share commits', async (t) => {
    const commits: number[] = []
    const store = await open({ onCommit: (_ms, units) => commits.push(units) })
    t.teardown(() => store.close())
    await Promise.all(Array.from({ length: 600 }, () => store.createSession({ id: newId(), now: T0 })))
    t.equal(commits.reduce((sum, units) => sum + units, 0), 600, 'each write is in one commit')
    t.ok(commits.length <= 3, `600 writes took ${commits.length} commits`)
    t.ok(Math.max(...commits) <= 512, 'no commit holds the event loop for longer than 512 units')
    commits.length = 0
    for (let n = 0; n < 5; n++) await store.createSession({ id: newId(), now: T0 })
    t.strictSame(commits, [1, 1, 1, 1, 1], 'writes that wait for each other do not share')
  })

  t.test('group commit: a unit that fails fails alone and whole', async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { session, get } = rig(store)
    const taken = await session()
    const good = [newId(), newId(), newId()]
    const twin = job()
    const bystander = job()
    const outcomes = await Promise.allSettled([
      store.createSession({ id: good[0]!, now: T0 }),
      store.createSession({ id: taken, now: T0 }),
      store.createSession({ id: good[1]!, now: T0 }),
      // The second row of this unit breaks: the first one must not stay.
      store.enqueue({ jobs: [bystander, twin, twin], now: T0 }),
      store.createSession({ id: good[2]!, now: T0 })
    ])
    t.strictSame(outcomes.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    for (const id of good) t.ok(await store.getSession(id), 'the others are stored')
    t.equal(await get(bystander.id), undefined, 'nothing of a failed unit is stored')
    const stats = await store.stats()
    t.equal(stats.sessions, 4, 'the counters know nothing of failed units')
    t.strictSame(stats.jobs.filter(({ count }) => count !== 0), [])
    t.strictSame(await store.claim({ queue: 'agents', limit: 5, lease: lease(), now: T0 }), [])
  })

  t.test('a notice tells of what was committed, and of nothing else', async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { notices, add, take, settle } = rig(store)
    const [id] = await add(job())
    t.ok(notices.some(({ queues }) => queues.has('agents')))
    const [held] = await take()
    notices.length = 0
    await store.cancelJobs({ id: id!, reason: 'cancelled', now: T0 })
    t.strictSame(notices.flatMap(({ cancels }) => cancels), [{ id, reason: 'cancelled' }])
    await settle(held!, { status: 'cancelled', reason: 'cancelled' })
    t.strictSame(notices.flatMap(({ finished }) => finished), [id])
    notices.length = 0
    await t.rejects(store.enqueue({ jobs: [{ ...job(), id: id! }], now: T0 }))
    t.ok(notices.every(({ queues, finished }) => queues.size === 0 && finished.length === 0))
  })
}

const sessionsContract = (t: Test, fresh: Fresh): void => {
  t.test('messages: stored with their job, or refused as a whole', async (t) => {
    const { store, session, say, get } = await fresh(t)
    t.equal((await say(newId())).outcome, 'session_not_found')
    const id = await session()
    const said = await say(id, 'enqueue', { content: ' \u{1F451} two\nlines ' })
    t.match(said, { outcome: 'stored', leased: false })
    t.match(await get(said.job_id), { status: 'queued', lane: id, session_id: id, attempt: 0 })
    await store.addMessage({ id: newId(), session_id: id, role: 'assistant', content: 'imported', now: T0 + 5 })
    const { items } = await store.listMessages(id, { limit: 10 })
    t.strictSame(items.map(({ seq, role, content }) => [seq, role, content]),
      [[1, 'user', ' \u{1F451} two\nlines '], [2, 'assistant', 'imported']])
    t.match(await store.getSession(id), { message_count: 2, created_at: T0, updated_at: T0 + 5 })
  })

  t.test('messages: a lease starts the job at once, but only when nothing is ahead of it', async (t) => {
    const { store, session, say, get, answer } = await fresh(t)
    const id = await session()
    const held = lease()
    const first = await say(id, 'enqueue', { held })
    t.match(first, { outcome: 'stored', leased: true })
    t.match(await get(first.job_id), { status: 'running', attempt: 1, lease_token: held.token, worker: 'w1' })
    const second = await say(id, 'enqueue', { held: lease() })
    t.match(second, { outcome: 'stored', leased: false })
    t.equal((await get(second.job_id)).status, 'queued')
    t.match(await answer(await get(first.job_id), 'one'), { outcome: 'settled' })
    const last = (await store.listMessages(id, { limit: 10 })).items.at(-1)
    t.match(last, { seq: 3, role: 'assistant', content: 'one', reply_to: first.id, job_id: first.job_id })
  })

  t.test('messages: the four strategies', async (t) => {
    const { store, session, say, get, take, settle } = await fresh(t)
    const id = await session()
    const first = await say(id, 'reject')
    t.equal((await say(id, 'reject')).outcome, 'session_busy')
    const second = await say(id, 'enqueue', { max: 2 })
    t.equal(second.outcome, 'stored')
    t.equal((await say(id, 'enqueue', { max: 2 })).outcome, 'queue_full')
    const [running] = await take(1, T0, 'replies')
    t.equal(running!.id, first.job_id)

    const third = await say(id, 'interrupt')
    t.equal((await get(first.job_id)).cancel_requested, 'interrupt', 'the running reply is asked to stop')
    t.match(await get(second.job_id), { status: 'cancelled', reason: 'interrupt' }, 'the one that waits ends at once')
    const ends = (await store.readEvents(id, 0, 10)).filter(({ final }) => final)
    t.strictSame(ends.map((event) => [event.job_id, (JSON.parse(event.data) as { status: string }).status]), [[second.job_id, 'cancelled']])
    t.equal((await store.listMessages(id, { limit: 10 })).items.length, 3, 'an interrupted question stays')
    t.strictSame(await take(1, T0, 'replies'), [], 'the next one waits until the interrupted one has stopped')
    await settle(running!, { status: 'cancelled', reason: 'interrupt' })

    const [next] = await take(1, T0, 'replies')
    t.equal(next!.id, third.job_id)
    const fourth = await say(id, 'rollback')
    t.equal((await get(third.job_id)).cancel_requested, 'rollback')
    await settle(next!, { status: 'cancelled', reason: 'rollback' })
    t.strictSame((await store.listMessages(id, { limit: 10 })).items.map((message) => message.id), [first.id, second.id, fourth.id])
    t.equal((await store.getSession(id))!.message_count, 3)
  })

  t.test('messages: a reply that finished before its rollback was seen is rolled back all the same', async (t) => {
    const { store, session, say, take, answer, get } = await fresh(t)
    const id = await session()
    const first = await say(id)
    const [running] = await take(1, T0, 'replies')
    const next = await say(id, 'rollback')
    await answer(running!, 'too late')
    t.match(await get(first.job_id), { status: 'cancelled', reason: 'rollback', output: null })
    t.strictSame((await store.listMessages(id, { limit: 10 })).items.map((message) => message.id), [next.id])
  })

  t.test('messages: history is the conversation as it was asked, the question last', async (t) => {
    const { store, session, say, take, answer } = await fresh(t)
    const id = await session()
    const first = await say(id, 'enqueue', { content: 'q1' })
    const second = await say(id, 'enqueue', { content: 'q2' })
    await say(id, 'enqueue', { content: 'q3' })
    const contents = async (upTo: string, limit = 50): Promise<string[]> =>
      (await store.history({ session_id: id, up_to: upTo, limit })).map(({ content }) => content)
    await answer((await take(1, T0, 'replies'))[0]!, 'a1')
    t.strictSame(await contents(second.id), ['q1', 'a1', 'q2'], 'a reply stands behind its question, not behind those that waited')
    await answer((await take(1, T0, 'replies'))[0]!, 'a2')
    t.strictSame(await contents(first.id), ['q1'], 'a retried question knows nothing of what came after it')
    t.strictSame(await contents(second.id, 2), ['a1', 'q2'], 'the newest ones within the limit')
    t.strictSame(await contents(newId()), [], 'a question that is gone has no history')
  })

  t.test('sessions: delete takes messages and stream, and nothing of a late worker stays', async (t) => {
    const { store, session, say, take, get, answer } = await fresh(t)
    const id = await session()
    const running = await say(id, 'enqueue', { held: lease() })
    const waiting = await say(id)
    const held = await get(running.job_id)
    await store.appendEvents({ job_id: held.id, token: held.lease_token!, now: T0, events: [delta(id, held.id, 'secret')] })
    t.equal(await store.deleteSession({ id, now: T0 }), true)
    t.equal(await store.deleteSession({ id, now: T0 }), false)
    t.equal(await store.getSession(id), undefined)
    t.match(await get(waiting.job_id), { status: 'cancelled', reason: 'session_deleted' })
    t.equal((await get(running.job_id)).cancel_requested, 'session_deleted')
    await store.appendEvents({ job_id: held.id, token: held.lease_token!, now: T0, events: [delta(id, held.id, 'secret')] })
    await answer(held, 'secret')
    t.strictSame(await store.readEvents(id, 0, 10), [], 'what a worker says afterwards is not kept')
    t.strictSame((await store.listMessages(id, { limit: 10 })).items, [])
    const { sessions, messages } = await store.stats()
    t.strictSame({ sessions, messages }, { sessions: 0, messages: 0 })
    t.strictSame(await take(10, T0, 'replies'), [])
  })

  t.test('streams: numbered without holes, replayed from any position', async (t) => {
    const { store, session, say, take } = await fresh(t)
    const id = await session()
    const { job_id: jobId } = await say(id)
    const [held] = await take(1, T0, 'replies')
    const append = (text: string): Promise<true | undefined> =>
      store.appendEvents({
        job_id: jobId, token: held!.lease_token!, now: T0, events: [delta(id, jobId, text), delta(id, jobId, `${text}!`)]
      })
    await Promise.all(['a', 'b', 'c', 'd'].map(append))
    const events = await store.readEvents(id, 0, 100)
    t.strictSame(events.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6, 7, 8])
    t.strictSame(events.map(({ data }) => (JSON.parse(data) as { content: string }).content), ['a', 'a!', 'b', 'b!', 'c', 'c!', 'd', 'd!'])
    t.strictSame((await store.readEvents(id, 3, 2)).map(({ seq }) => seq), [4, 5])
    t.same(await store.streamRange(id), { first: 1, last: 8 })
    t.same(await store.streamRange(newId()), { first: 0, last: 0 })
    t.strictSame(await store.latestReply(id), { job_id: jobId, after: 0, active: true, first: 1 })
    t.equal(await store.latestReply(await session()), undefined)
    const before = (await store.streamRange(SYSTEM_STREAM)).last
    await store.publish({ now: T0, events: [delta(SYSTEM_STREAM, null, 'news')] })
    t.equal((await store.streamRange(SYSTEM_STREAM)).last, before + 1)
  })
}

const listsContract = (t: Test, fresh: Fresh): void => {
  t.test('lists: pages join up to the whole list, in its order', async (t) => {
    const { store, session, add } = await fresh(t)
    const sessions: string[] = []
    for (let n = 0; n < 7; n++) sessions.push(await session())
    for (let n = 0; n < 7; n++) {
      await store.addMessage({ id: newId(), session_id: sessions[0]!, role: 'assistant', content: `${n}`, now: T0 })
      await add(job({ agent: n % 2 === 0 ? 'even' : 'odd', kind: n < 3 ? 'event' : 'agent' }))
      await store.saveSchedule(schedule({ next_due_at: T0 + n }), n === 0 ? 'insert' : 'update')
      await store.fireSchedule(firing({ due_at: T0 + n, expected_due_at: T0 + n, next_due_at: null }))
    }
    for (const limit of [1, 3, 7, 8]) {
      t.strictSame((await everything((page) => store.listSessions(page), limit)).map(({ id }) => id), sessions)
      t.strictSame((await everything((page) => store.listMessages(sessions[0]!, page), limit)).map(({ content }) => content),
        ['0', '1', '2', '3', '4', '5', '6'])
      const even = await everything((page) => store.listJobs({ agent: 'even' }, page), limit)
      t.equal(even.length, 4)
      t.strictSame(even.map(({ id }) => id), even.map(({ id }) => id).sort().reverse(), 'newest first')
      t.equal((await everything((page) => store.listJobs({}, page), limit)).length, 8)
      t.strictSame((await everything((page) => store.listScheduleRuns('stocktaker', page), limit)).map(({ due_at: at }) => at - T0),
        [6, 5, 4, 3, 2, 1, 0])
    }
    t.equal((await store.listSessions({ limit: 2 })).total, 7)
    t.equal((await store.listJobs({}, { limit: 1 })).total, 8)
    t.equal((await store.listJobs({ agent: 'odd' }, { limit: 1 })).total, 3)
    t.equal((await store.listJobs({ kind: 'event', status: 'queued' }, { limit: 1 })).total, 3)
    t.equal((await store.listJobs({ status: 'dead' }, { limit: 1 })).total, 0)
  })

  t.test('lists: a cursor of another list, or of nobody, is refused', async (t) => {
    const { store, session, add } = await fresh(t)
    const one = await session()
    await session()
    await add(job(), job())
    const cursor = (await store.listSessions({ limit: 1 })).next_cursor!
    t.ok(cursor)
    for (const bad of [cursor, 'garbage', '', '%']) {
      await t.rejects(store.listJobs({}, { limit: 1, cursor: bad }), { code: 'invalid_cursor' })
      await t.rejects(store.listMessages(one, { limit: 1, cursor: bad }), { code: 'invalid_cursor' })
      await t.rejects(store.listScheduleRuns('s', { limit: 1, cursor: bad }), { code: 'invalid_cursor' })
    }
    const ofJobs = (await store.listJobs({}, { limit: 1 })).next_cursor!
    await t.rejects(store.listSessions({ limit: 1, cursor: ofJobs }), { code: 'invalid_cursor' })
  })

  t.test('events: one commit with their jobs', async (t) => {
    const { store, get } = await fresh(t)
    const event = { id: newId(), type: 'orders.created', data: { n: [1, null] }, timestamp: 'yesterday', source: 'api', delivery: null, received_at: T0 }
    const first = job({ kind: 'event', source: `event:${event.id}` })
    const second = job({ kind: 'event', source: `event:${event.id}` })
    t.strictSame(await store.recordEvent({ event, jobs: [first, second] }),
      { event_id: event.id, jobs: [{ id: first.id, deduplicated: false }, { id: second.id, deduplicated: false }], ignored: null })
    t.strictSame(await store.getEvent(event.id), { ...event, ignored: null })
    t.strictSame((await store.jobsOfEvent(event.id)).map(({ id }) => id), [first.id, second.id])
    const late = job({ kind: 'event' })
    await t.rejects(store.recordEvent({ event, jobs: [late] }), 'the same event again')
    t.equal(await get(late.id), undefined)
    t.equal((await store.stats()).events, 1)
  })

  t.test('events: what is delivered twice is one event', async (t) => {
    const { store } = await fresh(t)
    const event = (delivery: string | null) => ({ id: newId(), type: 'orders/create', data: {}, timestamp: '', source: 'shopify', delivery, received_at: T0 })
    const made = event('shopify:1')
    const own = job({ kind: 'event', source: `event:${made.id}` })
    await store.recordEvent({ event: made, jobs: [own] })
    const again = await Promise.all(Array.from({ length: 20 }, () => store.recordEvent({ event: event('shopify:1'), jobs: [job({ kind: 'event' })] })))
    for (const outcome of again) t.strictSame(outcome, { event_id: made.id, jobs: [{ id: own.id, deduplicated: true }], ignored: null })
    await store.recordEvent({ event: event('shopify:2'), jobs: [] })
    await store.recordEvent({ event: event(null), jobs: [] })
    await store.recordEvent({ event: event(null), jobs: [] })
    const { events, jobs } = await store.stats()
    t.equal(events, 4)
    t.equal(jobs.reduce((sum, { count }) => sum + count, 0), 1)
  })
}

const firing = (fields: Partial<FireSchedule> = {}): FireSchedule => ({
  id: 'stocktaker', due_at: T0, expected_due_at: T0, next_due_at: T0 + 3_600_000, missed: 0, now: T0 + 1, job: job(), ...fields
})

const schedulesContract = (t: Test, fresh: Fresh): void => {
  const runsOf = async (store: Store) => (await store.listScheduleRuns('stocktaker', { limit: 10 })).items

  t.test('schedules: an instant fires once, whoever tries', async (t) => {
    const { store } = await fresh(t)
    await store.saveSchedule(schedule(), 'insert')
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => store.fireSchedule(firing())))
    t.strictSame(outcomes, ['queued', 'stale', 'stale', 'stale', 'stale'])
    t.equal((await store.listJobs({}, { limit: 10 })).total, 1)
    t.match(await runsOf(store), [{ due_at: T0, outcome: 'queued', missed: 0 }])
    t.match(await store.getSchedule('stocktaker'), { last_due_at: T0, next_due_at: T0 + 3_600_000 })
    t.equal(await store.fireSchedule(firing({ due_at: T0 + 5, next_due_at: T0 + 6 })), 'stale', 'who looked before it fired comes too late')
    t.match(await store.getSchedule('stocktaker'), { last_due_at: T0, next_due_at: T0 + 3_600_000 })
    await store.saveSchedule(schedule(), 'update')
    t.equal(await store.fireSchedule(firing()), 'stale', 'not even when the schedule is set back to it')
    t.equal((await store.listJobs({}, { limit: 10 })).total, 1)
  })

  t.test('schedules: an unfinished run is not overtaken; missed instants are counted; a paused one does not fire', async (t) => {
    const { store, take, succeed } = await fresh(t)
    await store.saveSchedule(schedule(), 'insert')
    await store.fireSchedule(firing({ next_due_at: T0 + 1 }))
    t.equal(await store.fireSchedule(firing({ due_at: T0 + 1, expected_due_at: T0 + 1, next_due_at: T0 + 2 })), 'skipped_overlap')
    await succeed((await take())[0]!)
    t.equal(await store.fireSchedule(firing({ due_at: T0 + 9, expected_due_at: T0 + 2, next_due_at: T0 + 10, missed: 7 })), 'queued')
    t.match(await runsOf(store), [
      { due_at: T0 + 9, outcome: 'queued', missed: 7 },
      { due_at: T0 + 1, outcome: 'skipped_overlap', job_id: null },
      { due_at: T0, outcome: 'queued' }
    ])
    await succeed((await take())[0]!)
    await store.saveSchedule(schedule({ next_due_at: T0 + 10, paused: true }), 'update')
    t.equal(await store.fireSchedule(firing({ due_at: T0 + 10, expected_due_at: T0 + 10 })), 'stale')
  })

  t.test('schedules: save, delete and the sync with the code', async (t) => {
    const { store } = await fresh(t)
    t.equal(await store.saveSchedule(schedule(), 'update'), false)
    const builtIn = (id: string, fields = {}) => schedule({ id, agent: id, ...fields })
    await store.syncSchedules({ schedules: [builtIn('a'), builtIn('b'), builtIn('c')], now: T0 })
    t.equal(await store.saveSchedule(builtIn('a'), 'insert'), false)
    await store.saveSchedule(schedule({ id: 'mine', built_in: false }), 'insert')
    await store.saveSchedule(builtIn('a', { cron: '5 * * * *', paused: true, updated_at: T0 }), 'update')
    const changed = [builtIn('a', { cron: '1 1 * * *' }), builtIn('b', { cron: '2 2 * * *', next_due_at: T0 + 77 }), builtIn('d')]
    await store.syncSchedules({ schedules: changed, now: T0 + 9 })
    t.strictSame((await store.listSchedules()).map(({ id }) => id), ['a', 'b', 'd', 'mine'],
      'vanished ones go, new ones come, those of people stay')
    t.match(await store.getSchedule('a'), { cron: '5 * * * *', paused: true }, 'what people changed is kept')
    t.match(await store.getSchedule('b'), { cron: '2 2 * * *', next_due_at: T0 + 77 }, 'what nobody changed follows the code')
    t.equal(await store.deleteSchedule('mine'), true)
    t.equal(await store.deleteSchedule('mine'), false)
  })
}
