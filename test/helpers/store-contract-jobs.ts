// What every engine of the store must do with jobs: claim, lanes, leases, deaths, keys, cancel, retry, parking, pauses.
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import { PRIORITIES, SYSTEM_STREAM, type Job } from '../../src/core/model.ts'
import type { Settlement } from '../../src/core/store.ts'
import type { Fresh } from './store-contract.ts'
import { delta, FAILURE, job, lease, T0 } from './store-rig.ts'

export const jobsContract = (t: Test, fresh: Fresh): void => {
  claimContract(t, fresh)
  leaseContract(t, fresh)
  deathContract(t, fresh)
  endContract(t, fresh)
  pauseContract(t, fresh)
}

const ids = (jobs: Job[]): string[] => jobs.map(({ id }) => id)
const retryAt = (at: number): Settlement => ({ status: 'queued', run_at: at, failure: FAILURE })

const claimContract = (t: Test, fresh: Fresh): void => {
  t.test('claim: priorities order the queue, then time, then age', async (t) => {
    const { add, take } = await fresh(t)
    const wanted: string[] = []
    for (const priority of [...PRIORITIES].reverse()) {
      const [later] = await add(job({ priority, run_at: T0 }))
      const [younger] = await add(job({ priority, run_at: T0 }))
      const [sooner] = await add(job({ priority, run_at: T0 - 5 }))
      wanted.unshift(sooner!, later!, younger!)
    }
    const [first, ...rest] = await take(4)
    t.equal(first!.priority, 'critical')
    t.strictSame([first!.id, ...ids(rest)], wanted.slice(0, 4), 'no more than the limit')
    t.strictSame(ids(await take(100)), wanted.slice(4))
    t.strictSame(await take(100), [])
  })

  t.test('claim: what is handed out is what is stored, each job once', async (t) => {
    const { store, add, get } = await fresh(t)
    await add(...Array.from({ length: 20 }, () => job({ payload: { v: 1, input: { text: '\u{1F451}"\n' } } })))
    const claims = await Promise.all([1, 2, 3, 4].map((n) =>
      store.claim({ queue: 'agents', limit: 7, lease: lease(T0 + 10_000, `w${n}`), now: T0 })))
    const taken = claims.flat()
    t.equal(new Set(ids(taken)).size, 20)
    t.equal(taken.length, 20)
    t.equal(new Set(taken.map((one) => one.lease_token)).size, 20, 'each under a token of its own')
    for (const one of taken) t.strictSame(await get(one.id), one)
  })

  t.test('claim: not before its time, and only from its own queue', async (t) => {
    const { store, add, take } = await fresh(t)
    const [id] = await add(job({ run_at: T0 + 1_000 }))
    t.equal(await store.nextRunAt(), T0 + 1_000)
    t.strictSame(await take(10, T0 + 999), [])
    t.strictSame(await take(10, T0 + 1_000, 'replies'), [])
    t.strictSame(ids(await take(10, T0 + 1_000)), [id])
    t.equal(await store.nextRunAt(), undefined)
  })

  t.test('lanes: one at a time, in their order, whatever the limit', async (t) => {
    const { add, take, succeed } = await fresh(t)
    const lane = 'agent:stocktaker'
    const [a, b, c, free] = await add(job({ lane }), job({ lane }), job({ lane }), job({ lane: 'other' }))
    const first = await take(10)
    t.strictSame(ids(first), [a, free])
    t.strictSame(await take(10), [])
    const [urgent] = await add(job({ lane, priority: 'critical' }))
    t.strictSame(await take(10), [], 'an urgent one does not run beside the one that runs')
    for (const next of [urgent, b, c]) {
      await succeed(first.shift()!)
      first.unshift(...await take(10))
      t.equal(first[0]!.id, next)
    }
  })

  t.test('lanes: one that waits for its next attempt keeps its place', async (t) => {
    const { add, take, settle } = await fresh(t)
    const lane = 'agent:stocktaker'
    const [a] = await add(job({ lane }), job({ lane }))
    await settle((await take())[0]!, retryAt(T0 + 500))
    t.strictSame(await take(10, T0 + 499), [], 'nobody overtakes it')
    t.strictSame(ids(await take(10, T0 + 500)), [a])
  })

  t.test('lanes: one that is planned for later keeps nobody waiting until then', async (t) => {
    const { add, take, succeed } = await fresh(t)
    const lane = 'agent:stocktaker'
    const [planned, now] = await add(job({ lane, run_at: T0 + 1_000 }), job({ lane }), job({ lane }))
    const [first] = await take(10)
    t.equal(first?.id, now)
    await succeed(first!)
    t.strictSame(ids(await take(10, T0 + 1_000)), [planned], 'at its time it comes first')
  })

  t.test('lanes: a parked job holds nobody back', async (t) => {
    const { add, take, settle } = await fresh(t)
    const [, second] = await add(job({ lane: 'l' }), job({ lane: 'l' }))
    await settle((await take())[0]!, { status: 'parked', reason: 'unknown_job' })
    t.strictSame(ids(await take()), [second])
  })
}

const leaseContract = (t: Test, fresh: Fresh): void => {
  t.test('leases: only the holder extends, appends, reports and settles', async (t) => {
    const { store, add, take, settle, succeed, get } = await fresh(t)
    await add(job())
    const [old] = await take()
    await store.recover({ now: T0 + 20_000, max_deaths: 3, everything: false })
    const [held] = await take(1, T0 + 20_000)
    t.not(held!.lease_token, old!.lease_token)
    const before = await get(held!.id)

    const stale = { id: old!.id, token: old!.lease_token! }
    t.strictSame(await store.renew({ leases: [stale], until: T0 + 99_000 }), { held: [], cancels: [] })
    const events = [delta(SYSTEM_STREAM, stale.id, 'late')]
    t.equal(await store.appendEvents({ job_id: stale.id, token: stale.token, now: T0, events }), undefined)
    await store.reportProgress({ ...stale, progress: { fraction: 1, note: 'late', at: T0 } })
    const outcomes: Settlement[] = [
      { status: 'succeeded', output: {} }, { status: 'failed', failure: FAILURE }, { status: 'dead', failure: FAILURE },
      retryAt(T0), { status: 'cancelled', reason: 'x' }, { status: 'parked', reason: 'x' }
    ]
    for (const settlement of outcomes) {
      const agent = { name: 'stocktaker', ok: false, error: 'late', pause_after: 1 }
      t.strictSame(await settle(old!, settlement, { events, agent }), { outcome: 'lost' })
    }
    t.strictSame(await get(held!.id), before, 'none of it left a trace')
    t.notOk((await store.readEvents(SYSTEM_STREAM, 0, 100)).some(({ data }) => data.includes('late')))
    t.strictSame((await store.agentStates()).filter(({ enabled }) => !enabled), [])

    const mine = { id: held!.id, token: held!.lease_token! }
    t.strictSame(await store.renew({ leases: [stale, mine], until: T0 + 50_000 }), { held: [mine.id], cancels: [] })
    t.equal((await get(mine.id)).lease_until, T0 + 50_000)
    await store.reportProgress({ ...mine, progress: { fraction: 0.5, note: 'half', at: T0 } })
    t.strictSame((await get(mine.id)).progress, { fraction: 0.5, note: 'half', at: T0 })
    t.match(await succeed(held!), { outcome: 'settled' })
    t.match(await succeed(held!), { outcome: 'lost' }, 'an end is settled once')
    t.strictSame(await store.renew({ leases: [mine], until: T0 + 90_000 }), { held: [], cancels: [] })
    t.match(await get(mine.id), { status: 'succeeded', lease_token: null, lease_until: null, worker: null, finished_at: T0 })
  })

  t.test('leases: a renewal tells of a cancel that was asked for', async (t) => {
    const { store, add, take } = await fresh(t)
    const [id] = await add(job())
    const [held] = await take()
    t.strictSame(await store.cancelJobs({ id: id!, reason: 'cancelled', now: T0 }), [{ id, running: true }])
    t.strictSame(await store.renew({ leases: [{ id: id!, token: held!.lease_token! }], until: T0 + 1 }),
      { held: [id], cancels: [{ id, reason: 'cancelled' }] })
  })
}

const deathContract = (t: Test, fresh: Fresh): void => {
  t.test('recover: expired leases only, or everything', async (t) => {
    const { store, add, take, get } = await fresh(t)
    const [a, b] = await add(job(), job())
    await take(1, T0)
    await take(1, T0 + 5_000)
    t.strictSame(await store.recover({ now: T0 + 10_000, max_deaths: 3, everything: false }), [], 'a lease holds through its last instant')
    t.match(await store.recover({ now: T0 + 10_001, max_deaths: 3, everything: false }), [{ id: a, outcome: 'queued' }])
    t.match(await get(a!), { status: 'queued', deaths: 1, lease_token: null, error: { code: 'worker_died' } })
    t.match(await store.recover({ now: T0 + 10_002, max_deaths: 3, everything: true }), [{ id: b, outcome: 'queued' }])
    t.strictSame(ids(await take(10, T0 + 10_002)), [a, b], 'they can be run at once')
  })

  t.test('recover: the third death is a dead letter, and its stream is told', async (t) => {
    const { store, session, say, take, get } = await fresh(t)
    const id = await session()
    const { job_id: jobId } = await say(id)
    for (let death = 1; death <= 3; death++) {
      await take(1, T0, 'replies')
      t.strictSame(await store.recover({ now: T0, max_deaths: 3, everything: true }),
        [{ id: jobId, kind: 'reply', agent: null, session_id: id, outcome: death < 3 ? 'queued' : 'dead' }])
      t.match(await get(jobId), { deaths: death, status: death < 3 ? 'queued' : 'dead' })
    }
    t.equal((await get(jobId)).failures.length, 3)
    t.match(await store.readEvents(id, 0, 10), [{ seq: 1, name: 'error', job_id: jobId, final: true, data: /worker_died/ }])
    t.strictSame(await take(1, T0 + 1e9, 'replies'), [])
    t.equal(await store.hasActiveReply(id), false, 'the session takes the next message at once')
    t.equal(await store.retryJob({ id: jobId, now: T0 }), 'queued')
    t.match(await get(jobId), { deaths: 0, attempt: 0, error: null }, 'a retry begins afresh')
  })

  t.test('recover: a job that was to be cancelled ends cancelled', async (t) => {
    const { store, session, say, take, get } = await fresh(t)
    const id = await session()
    const first = await say(id)
    await take(1, T0, 'replies')
    const second = await say(id, 'rollback')
    t.match(await store.recover({ now: T0, max_deaths: 3, everything: true }), [{ id: first.job_id, outcome: 'cancelled' }])
    t.match(await get(first.job_id), { status: 'cancelled', reason: 'rollback' })
    t.strictSame((await store.listMessages(id, { limit: 9 })).items.map((message) => message.id), [second.id])
    t.match(await store.readEvents(id, 0, 10), [{ final: true, data: /"status":"cancelled"/ }])
  })
}

const endContract = (t: Test, fresh: Fresh): void => {
  t.test('dedupe: one unfinished job a key', async (t) => {
    const { store, add, take, settle } = await fresh(t)
    const key = { dedupe_key: 'k' }
    const made = await Promise.all(Array.from({ length: 4 }, () => store.enqueue({ jobs: [job(key)], now: T0 })))
    t.equal(new Set(made.map(([one]) => one!.id)).size, 1)
    t.strictSame(made.map(([one]) => one!.deduplicated), [false, true, true, true])
    const first = made[0]![0]!.id
    const [held] = await take()
    t.strictSame(await add(job(key)), [first], 'nor while it runs')
    await settle(held!, { status: 'failed', failure: FAILURE })
    const [second] = await add(job(key), job({ dedupe_key: 'other' }))
    t.not(second, first, 'the key is free when the job has ended')

    t.equal(await store.retryJob({ id: first, now: T0 }), 'queued', 'a retry beside a successor')
    t.strictSame(ids(await take()).sort(), [first, second, (await add(job({ dedupe_key: 'other' })))[0]].sort())
    t.equal((await store.getJob(first))!.dedupe_key, null, 'gives up the key, not the wish')
    t.strictSame(await add(job(key)), [second])
  })

  t.test('cancel: waiting jobs end at once, running ones are asked, ended ones are left alone', async (t) => {
    const { store, add, take, settle, get } = await fresh(t)
    const [waiting, running, parked] = await add(job(), job({ priority: 'high' }), job({ agent: 'sleeper' }))
    await store.setAgentState({ name: 'sleeper', enabled: false, reason: 'by hand', now: T0 })
    const [held] = await take(1)
    t.equal(held!.id, running)
    const cancel = (id: string) => store.cancelJobs({ id, reason: 'cancelled', now: T0 + 1 })
    t.strictSame(await cancel(waiting!), [{ id: waiting, running: false }])
    t.strictSame(await cancel(parked!), [{ id: parked, running: false }])
    t.strictSame(await cancel(running!), [{ id: running, running: true }])
    t.match(await get(waiting!), { status: 'cancelled', reason: 'cancelled', finished_at: T0 + 1 })
    await settle(held!, { status: 'cancelled', reason: 'cancelled' })
    for (const id of [waiting!, parked!, running!]) t.strictSame(await cancel(id), [])
    t.strictSame(await cancel(newId()), [])
    t.strictSame(await take(), [])
  })

  t.test('cancel: a job that fails before it hears of its cancel is not tried again', async (t) => {
    const { store, session, say, take, settle, get } = await fresh(t)
    const going: Settlement[] = [retryAt(T0), { status: 'queued', run_at: T0 }, { status: 'parked', reason: 'unknown_job' }]
    for (const settlement of going) {
      const id = await session()
      const { job_id: jobId } = await say(id)
      const [held] = await take(1, T0, 'replies')
      await store.cancelJobs({ id: jobId, reason: 'cancelled', now: T0 })
      t.match(await settle(held!, settlement), { outcome: 'settled' })
      t.match(await get(jobId), { status: 'cancelled', reason: 'cancelled', finished_at: T0 })
      t.match(await store.readEvents(id, 0, 10), [{ final: true, data: /"status":"cancelled"/ }], 'and who follows it is told')
    }
  })

  t.test('settle: each end, and what it leaves', async (t) => {
    const { store, add, take, settle, get } = await fresh(t)
    const once = async (settlement: Settlement): Promise<Job> => {
      const [id] = await add(job())
      const [held] = await take(1)
      await settle(held!, settlement)
      await store.cancelJobs({ id: id!, reason: 'tidy', now: T0 })
      return get(id!)
    }
    t.match(await once({ status: 'succeeded', output: { n: 1 } }), { status: 'succeeded', output: { n: 1 }, error: null, attempt: 1 })
    t.match(await once({ status: 'failed', failure: FAILURE }), { status: 'failed', error: FAILURE, failures: [FAILURE], output: null })
    t.match(await once({ status: 'dead', failure: FAILURE }), { status: 'dead', error: FAILURE })
    t.match(await once(retryAt(T0 + 7)), { attempt: 1, run_at: T0 + 7, failures: [FAILURE] })
    t.match(await once({ status: 'queued', run_at: T0 }), { attempt: 0, failures: [], error: null }, 'a lease given back is no attempt')
    t.match(await once({ status: 'parked', reason: 'unknown_job' }), { attempt: 0 }, 'nor is a look at a job that nobody knows')
  })

  t.test('settle: the last ten failures are kept, and a late success clears the error', async (t) => {
    const { add, take, settle, succeed, get } = await fresh(t)
    const [id] = await add(job({ max_attempts: 99 }))
    for (let n = 1; n <= 12; n++) await settle((await take())[0]!, { status: 'queued', run_at: T0, failure: { ...FAILURE, attempt: n } })
    t.strictSame((await get(id!)).failures.map(({ attempt }) => attempt), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    t.match(await get(id!), { error: { attempt: 12 } })
    await succeed((await take())[0]!)
    t.match(await get(id!), { status: 'succeeded', error: null, attempt: 13 })
  })

  t.test('retry: what failed, died or was cancelled runs again; nothing else does', async (t) => {
    const { store, add, take, settle, succeed, get } = await fresh(t)
    const retry = (id: string) => store.retryJob({ id, now: T0 + 3 })
    t.equal(await retry(newId()), 'not_found')
    const ends: Settlement[] = [
      { status: 'failed', failure: FAILURE }, { status: 'dead', failure: FAILURE }, { status: 'cancelled', reason: 'x' }
    ]
    for (const settlement of ends) {
      const [id] = await add(job())
      t.equal(await retry(id!), 'not_finished')
      await settle((await take())[0]!, settlement)
      t.equal(await retry(id!), 'queued')
      t.match(await get(id!), { status: 'queued', attempt: 0, error: null, cancel_requested: null, finished_at: null, run_at: T0 + 3 })
      const [again] = await take(1, T0 + 3)
      t.match(again, { id, attempt: 1 })
      await succeed(again!)
      t.equal(await retry(id!), 'not_finished')
    }
  })

  t.test('park and unpark by reason', async (t) => {
    const { store, add, take, settle, get } = await fresh(t)
    const [a, b] = await add(job(), job())
    const [first, second] = await take()
    await settle(first!, { status: 'parked', reason: 'unknown_job' })
    await settle(second!, { status: 'parked', reason: 'shop_down' })
    t.strictSame(await take(), [])
    t.equal(await store.unpark({ reason: 'unknown_job', now: T0 }), 1)
    t.equal(await store.unpark({ reason: 'unknown_job', now: T0 }), 0)
    t.match(await get(b!), { status: 'parked', reason: 'shop_down' })
    t.strictSame(ids(await take()), [a])
  })
}

const pauseContract = (t: Test, fresh: Fresh): void => {
  const agent = (ok: boolean) => ({ name: 'stocktaker', ok, error: ok ? null : 'It broke.', pause_after: 3 })

  t.test('agents: failures in a row pause, a success begins anew, resuming queues what was held back', async (t) => {
    const { store, add, take, settle, get } = await fresh(t)
    const run = async (ok: boolean): Promise<boolean> => {
      await add(job())
      const [held] = await take(1)
      const end: Settlement = ok ? { status: 'succeeded', output: {} } : { status: 'dead', failure: FAILURE }
      const result = await settle(held!, end, { agent: agent(ok) })
      return result.outcome === 'settled' && result.agent_paused
    }
    for (const ok of [false, false, true, false, false]) t.equal(await run(ok), false)
    t.match(await store.agentStates(),
      [{ name: 'stocktaker', enabled: true, consecutive_failures: 2, last_success_at: T0, last_error: 'It broke.' }])
    const [waiting] = await add(job({ priority: 'low' }))
    const [foreign] = await add(job({ agent: 'other', priority: 'low' }))
    t.equal(await run(false), true, 'the third in a row')
    t.match(await store.agentStates(), [{ enabled: false, consecutive_failures: 3, paused_reason: /crash loop/, paused_at: T0 }])
    t.match(await get(waiting!), { status: 'parked', reason: 'agent_paused:stocktaker' })
    const [late] = await add(job())
    t.match(await get(late!), { status: 'parked', reason: 'agent_paused:stocktaker' })
    t.strictSame(ids(await take()), [foreign], 'other agents go on')
    await store.setAgentState({ name: 'stocktaker', enabled: true, reason: null, now: T0 })
    t.match(await store.agentStates(), [{ enabled: true, consecutive_failures: 0, paused_reason: null, paused_at: null }])
    t.strictSame(ids(await take()), [late, waiting])
  })

  t.test('agents: while one is paused, no way leads its jobs back into the queue', async (t) => {
    const { store, add, take, settle, get } = await fresh(t)
    const held: Job[] = []
    for (let n = 0; n < 5; n++) {
      await add(job())
      held.push(...await take(1))
    }
    const [retried, failed, givenBack, orphan, unknown] = held as [Job, Job, Job, Job, Job]
    await settle(retried, { status: 'dead', failure: FAILURE })
    await settle(unknown, { status: 'parked', reason: 'unknown_job' })
    await store.setAgentState({ name: 'stocktaker', enabled: false, reason: 'by hand', now: T0 })
    await settle(failed, retryAt(T0), { agent: agent(false) })
    await settle(givenBack, { status: 'queued', run_at: T0 })
    t.equal(await store.retryJob({ id: retried.id, now: T0 }), 'queued')
    await store.unpark({ reason: 'unknown_job', now: T0 })
    t.match(await store.recover({ now: T0, max_deaths: 3, everything: true }), [{ id: orphan.id }])
    for (const { id } of held) t.match(await get(id), { status: 'parked', reason: 'agent_paused:stocktaker' })
    t.strictSame(await take(10, T0 + 1e6), [])
    await store.setAgentState({ name: 'stocktaker', enabled: true, reason: null, now: T0 })
    t.strictSame(ids(await take(10, T0 + 1e6)).sort(), ids(held).sort())
  })
}
