// What every engine does to keep itself small: what is old goes whole, what is needed stays, and the counters tell what is there.
import type { Test } from 'tap'
import { firstIdAt, newId } from '../../src/core/ids.ts'
import type { Aging } from '../../src/core/store-retention.ts'
import type { Store } from '../../src/core/store.ts'
import type { Fresh } from './store-contract.ts'
import { proposed } from './store-contract-effects.ts'
import { delta, job, lease, schedule, T0 } from './store-rig.ts'

const DAY = 86_400_000

/** Of something that was made at that time. */
export const idAt = (ms: number, n = 0): string => `${firstIdAt(ms).slice(0, 24)}${n.toString(16).padStart(12, '0')}`

const countsOf = async (store: Store) => {
  const { sessions, messages, events, jobs } = await store.stats()
  return { sessions, messages, events, jobs: jobs.reduce((sum, { count }) => sum + count, 0) }
}

const old = async (store: Store, table: Aging, before = T0, limit = 100): Promise<string[]> =>
  (await store.oldRows({ table, after: '', before, idle_since: before, limit })).rows.map(({ id }) => id)

/** A job of that time that ended the next minute, unless it is to wait. */
const ended = async (store: Store, at: number, fields: Parameters<typeof job>[0] = {}, end: 'succeeded' | 'failed' = 'succeeded'): Promise<string> => {
  const made = job({ id: idAt(at), created_at: at, run_at: at, ...fields })
  await store.enqueue({ jobs: [made], now: at })
  const [held] = await store.claim({ queue: 'agents', limit: 1, lease: lease(at + 10_000), now: at })
  const failure = { attempt: 1, at, code: 'boom', message: 'It broke.' }
  const settlement = end === 'succeeded' ? { status: end, output: {} } : { status: end, failure }
  await store.settle({ id: made.id, token: held!.lease_token!, session_id: held!.session_id, now: at + 60_000, events: [], settlement })
  return made.id
}

export const retentionContract = (t: Test, fresh: Fresh): void => {
  t.test('retention: a session goes whole, one in use or being answered stays', async (t) => {
    const { store, notices, say, take, answer } = await fresh(t)
    const [idle, used, busy, young] = [idAt(T0 - 9 * DAY), idAt(T0 - 8 * DAY), idAt(T0 - 7 * DAY), idAt(T0 + DAY)]
    for (const [id, now] of [[idle, T0 - 9 * DAY], [used, T0 - 8 * DAY], [busy, T0 - 7 * DAY], [young, T0 + DAY]] as const) {
      await store.createSession({ id, now })
    }
    const first = await say(idle)
    const [held] = await take(1, T0, 'replies')
    await store.appendEvents({ job_id: first.job_id, token: held!.lease_token!, now: T0, events: [delta(idle, first.job_id, 'one')] })
    await answer(held!, 'one')
    await say(busy)
    await say(used)
    await answer((await take(2, T0, 'replies')).find((one) => one.session_id === used)!, 'two')
    await store.addMessage({ id: newId(), session_id: used, role: 'assistant', content: 'later', now: T0 + DAY })
    t.strictSame(await countsOf(store), { sessions: 4, messages: 6, events: 0, jobs: 3 })

    t.strictSame(await old(store, 'sessions', T0 + 1), [idle])
    notices.length = 0
    // The answer to the second has not come, the third was used since, and one was never there.
    const gone = await store.removeSessions({ ids: [idle, used, busy, newId()], idle_since: T0 + 1 })
    t.strictSame(gone, { sessions: 1, messages: 2 })
    t.strictSame(notices.flatMap((notice) => notice.gone), [idle], 'its readers are told')
    t.equal(await store.getSession(idle), undefined)
    t.ok(await store.getSession(busy), 'a session that is being answered is not touched')
    t.strictSame(await countsOf(store), { sessions: 3, messages: 4, events: 0, jobs: 3 })

    t.match(await store.removeRemains({ limit: 1 }), { messages: 1, more: true }, 'in portions')
    let more = true
    while (more) more = (await store.removeRemains({ limit: 1 })).more
    t.strictSame((await store.listMessages(idle, { limit: 10 })).items, [])
    t.strictSame(await store.readEvents(idle, 0, 10), [])
    t.equal(await store.getJob(first.job_id), undefined, 'the job that answered goes with it')
    t.strictSame(await countsOf(store), { sessions: 3, messages: 4, events: 0, jobs: 2 })
    t.equal((await store.listMessages(used, { limit: 10 })).items.length, 3)
    t.strictSame(await store.removeRemains({ limit: 100 }), { messages: 0, jobs: 0, stream_chunks: 0, more: false })
  })

  t.test('retention: finished jobs go; active ones, last runs and what a proposal names stay', async (t) => {
    const { store } = await fresh(t)
    const at = T0 - 30 * DAY
    const plain = await ended(store, at)
    const named = await ended(store, at + 1)
    await store.fileProposals({ proposals: [proposed({ job_id: named })], now: T0 })
    const effect = await ended(store, at + 2, { kind: 'effect' })
    const lastGood = await ended(store, at + 3)
    const broken = await ended(store, at + 4, {}, 'failed')
    const last = await ended(store, at + 5, {}, 'failed')
    const waiting = job({ id: idAt(at + 6), agent: 'third', created_at: at, run_at: T0 + DAY })
    await store.enqueue({ jobs: [waiting, job({ id: idAt(T0 + DAY), agent: 'third' })], now: T0 })
    // It was made long ago and ended today.
    const late = await ended(store, at + 7, { agent: 'other' })
    t.strictSame(await old(store, 'jobs', at + 60_003), [plain], 'by their end, not by their making')
    t.strictSame(await old(store, 'jobs'), [plain, broken])
    const page = await store.oldRows({ table: 'jobs', after: plain, before: T0, idle_since: T0, limit: 2 })
    t.strictSame(page, { rows: [], last: effect }, 'a look is bounded, whatever it finds')

    // Control: handed everything, it takes only what has ended.
    t.equal(await store.removeJobs({ ids: [waiting.id, plain, broken, newId()], ended_before: T0 }), 2)
    t.equal(await store.removeJobs({ ids: [late], ended_before: at }), 0, 'nor what ended later')
    t.match(await store.getJob(waiting.id), { status: 'queued' })
    for (const id of [named, effect, lastGood, last, late]) t.ok(await store.getJob(id))
    t.equal((await countsOf(store)).jobs, 7)
    t.strictSame((await store.stats()).jobs.filter(({ count }) => count !== 0).map(({ kind, status, count }) => `${kind} ${status} ${count}`).sort(),
      ['agent failed 1', 'agent queued 2', 'agent succeeded 3', 'effect succeeded 1'])
    t.equal(await store.retryJob({ id: last, now: T0 }), 'queued')
    t.equal(await store.removeJobs({ ids: [last], ended_before: T0 }), 0, 'one that is tried again meanwhile stays')
  })

  t.test('retention: events, runs of schedules and stock by age and number', async (t) => {
    const { store } = await fresh(t)
    for (let n = 0; n < 5; n++) {
      const event = { id: idAt(T0 - n * DAY), type: 'x', data: {}, timestamp: '', source: 'api', delivery: `x:${n}`, received_at: T0 - n * DAY }
      await store.recordEvent({ event, jobs: [] })
    }
    const events = await old(store, 'events', T0 - 2 * DAY)
    t.strictSame(events, [idAt(T0 - 4 * DAY), idAt(T0 - 3 * DAY)])
    t.equal(await store.removeEvents({ ids: [...events, newId()] }), 2)
    t.equal((await store.stats()).events, 3)
    t.equal(await store.getEvent(events[0]!), undefined)

    await store.saveSchedule(schedule(), 'insert')
    for (let n = 0; n < 10; n++) {
      const due = T0 + n * 1_000
      await store.fireSchedule({
        id: 'stocktaker', due_at: due, expected_due_at: due, next_due_at: due + 1_000, missed: 0, now: due, job: job()
      })
    }
    const runs = async (): Promise<number[]> => (await store.listScheduleRuns('stocktaker', { limit: 100 })).items.map((run) => (run.due_at - T0) / 1_000)
    t.equal(await store.removeScheduleRuns({ schedule_id: 'stocktaker', before: T0 + 3_000, keep: 0, limit: 2 }), 2)
    t.equal(await store.removeScheduleRuns({ schedule_id: 'stocktaker', before: T0 + 3_000, keep: 0, limit: 2 }), 1)
    t.strictSame(await runs(), [9, 8, 7, 6, 5, 4, 3])
    t.equal(await store.removeScheduleRuns({ schedule_id: 'stocktaker', before: 0, keep: 4, limit: 100 }), 3)
    t.equal(await store.removeScheduleRuns({ schedule_id: 'stocktaker', before: 0, keep: 4, limit: 100 }), 0)
    t.strictSame(await runs(), [9, 8, 7, 6], 'the newest are kept')

    const stock = ['2026-01-01', '2026-01-02', '2026-01-03'].flatMap((day) => ['a', 'b', 'c'].map((id) => ({ day, variant_id: id, available: 1 })))
    await store.saveStock({ stock })
    t.equal(await store.removeStock({ before: '2026-01-03', limit: 4 }), 4)
    t.equal(await store.removeStock({ before: '2026-01-03', limit: 4 }), 2)
    t.strictSame((await store.stockPage({ from: '', after: null, limit: 100 })).map(({ day }) => day), ['2026-01-03', '2026-01-03', '2026-01-03'])
  })

  t.test('retention: proposals that came to nothing go, decided ones stay', async (t) => {
    const { store } = await fresh(t)
    const at = T0 - 30 * DAY
    const made = (n: number, fields: object = {}) => proposed({ id: idAt(at, n), key: `price:${n}`, created_at: at, expires_at: at + DAY, ...fields })
    const [expired, pending, shadow, decided] = [made(1), made(2, { expires_at: T0 + DAY }), made(3, { status: 'shadow' }), made(4)]
    await store.fileProposals({ proposals: [expired, pending, shadow, decided], now: at })
    const decision = { id: newId(), verdict: 'reject', actor: 'ann', request_id: null, plan_hash: decided.plan_hash, items: null, reason: null, at } as const
    t.match(await store.decideProposal({ id: decided.id, decision, job: null, now: at }), { outcome: 'rejected' })
    await store.expireProposals(T0)
    const found = await old(store, 'proposals')
    t.strictSame(found, [expired.id, shadow.id])
    t.equal(await store.removeProposals({ ids: [...found, pending.id, decided.id] }), 2)
    t.strictSame((await store.listProposals({}, { limit: 10 })).items.map(({ id }) => id), [decided.id, pending.id])
    t.match(await store.keptRows(), { audit: 1, proposals: 2, proposal_decisions: 1, effects: 0, effect_log: 0 })
  })

  t.test('retention: a long stream loses its oldest chunks, and its readers are not misled', async (t) => {
    const { store, session, say, take } = await fresh(t)
    const id = await session()
    const { job_id: jobId } = await say(id)
    const [held] = await take(1, T0, 'replies')
    for (let n = 0; n < 6; n++) {
      const events = ['a', 'b', 'c'].map((text) => delta(id, jobId, `${n}${text}`))
      await store.appendEvents({ job_id: jobId, token: held!.lease_token!, now: T0, events })
    }
    t.equal(await store.trimStream({ stream: id, up_to: 8, limit: 1 }), 1)
    t.equal(await store.trimStream({ stream: id, up_to: 8, limit: 10 }), 1, 'a chunk that reaches beyond it stays')
    t.same(await store.streamRange(id), { first: 7, last: 18 })
    t.match(await store.latestReply(id), { after: 0, first: 7, active: true })
    t.equal((await store.readEvents(id, 0, 1))[0]!.seq, 7)
    t.equal((await store.listMessages(id, { limit: 10 })).items.length, 1, 'messages are kept')
  })
}
