// A random walk over the store: whatever happens in whatever order, the counters tell what is there, and the rules of jobs hold.
import fc from 'fast-check'
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import { MULTITASK_STRATEGIES, PRIORITIES, type Job } from '../../src/core/model.ts'
import type { Settlement, Store } from '../../src/core/store.ts'
import type { Fresh } from './store-contract.ts'
import { delta, everything, FAILURE, job, lease, rig, schedule, T0 } from './store-rig.ts'

const SEED = 20_260_105
const WALKS = 40
const LONGEST = 80
/** So many operations are handed in at once: they share a commit, and the fate of a failing neighbour. */
const ABREAST = 5

type Step = readonly [kind: number, a: number, b: number]

export const walkContract = (t: Test, fresh: Fresh): void => {
  t.test('a random walk: counters equal what is stored, and no rule is broken', async (t) => {
    let steps = 0
    const step = fc.tuple(fc.nat(99), fc.nat(999), fc.nat(999))
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: LONGEST, size: 'max' }), async (walk) => {
      const { store } = await fresh(t)
      const walker = createWalker(store)
      for (let at = 0; at < walk.length; at += ABREAST) {
        await Promise.allSettled(walk.slice(at, at + ABREAST).map((one) => walker(one)))
        await checkRules(store)
      }
      await checkCounters(store)
      steps += walk.length
    }), { seed: SEED, numRuns: WALKS, interruptAfterTimeLimit: 10_000 })
    t.comment(`${steps} operations in ${WALKS} walks`)
    t.ok(steps > WALKS * 20)
  })
}

const createWalker = (store: Store) => {
  const moves = rig(store)
  const sessions: string[] = []
  const jobs: string[] = []
  const held: Job[] = []
  const pick = <T>(list: T[], n: number): T => list[n % Math.max(1, list.length)]!
  let now = T0

  const settlement = (n: number): Settlement => {
    switch (n % 6) {
      case 0: return { status: 'failed', failure: FAILURE }
      case 1: return { status: 'dead', failure: FAILURE }
      case 2: return { status: 'queued', run_at: now + n, failure: FAILURE }
      case 3: return { status: 'queued', run_at: now }
      case 4: return { status: 'cancelled', reason: n % 2 === 0 ? 'cancelled' : 'rollback' }
      default: return { status: 'parked', reason: 'unknown_job' }
    }
  }

  return async ([kind, a, b]: Step): Promise<unknown> => {
    now += a % 7
    if (kind < 8) return sessions.push(await moves.session())
    if (kind < 10) return store.createSession({ id: pick(sessions, a), now })
    if (kind < 32) {
      const said = await moves.say(pick(sessions, a), pick([...MULTITASK_STRATEGIES], b), b % 3 === 0 ? { held: lease(now + 50) } : {})
      if (said.outcome !== 'stored') return
      jobs.push(said.job_id)
      return said.leased ? held.push(await moves.get(said.job_id)) : undefined
    }
    if (kind < 35) return store.addMessage({ id: newId(), session_id: pick(sessions, a), role: 'assistant', content: 'x', now })
    if (kind < 37) return store.deleteSession({ id: pick(sessions, a), now })
    if (kind < 38) return prune(store, now - b % 20)
    if (kind < 50) {
      const agent = `agent_${a % 3}`
      const made = await store.enqueue({
        now,
        jobs: Array.from({ length: 1 + b % 3 }, (_, n) => job({
          agent,
          lane: b % 2 === 0 ? `agent:${agent}` : null,
          dedupe_key: b % 5 < 2 ? `key_${n}` : null,
          priority: pick([...PRIORITIES], b),
          run_at: now + a % 20
        }))
      })
      return jobs.push(...made.map(({ id }) => id))
    }
    if (kind < 64) {
      const queue = a % 2 === 0 ? 'replies' : 'agents'
      return held.push(...await store.claim({ queue, limit: 1 + b % 4, lease: lease(now + 20, `w${b}`), now }))
    }
    if (kind < 80) {
      const one = pick(held, a)
      if (one === undefined) return
      if (one.session_id !== null && b % 3 > 0) return moves.answer(one, 'so it is')
      const events = one.session_id === null ? [] : [delta(one.session_id, one.id, 'so')]
      const agent = one.agent === null ? {} : { agent: { name: one.agent, ok: b % 2 === 0, error: null, pause_after: 3 } }
      const end: Settlement = one.session_id === null && b % 2 === 0 ? { status: 'succeeded', output: {} } : settlement(b)
      return moves.settle(one, end, { events, ...agent })
    }
    if (kind < 84) return store.cancelJobs({ id: pick(jobs, a), reason: 'cancelled', now })
    if (kind < 86) return store.cancelJobs({ session_id: pick(sessions, a), reason: 'cancelled', now })
    if (kind < 90) return store.retryJob({ id: pick(jobs, a), now })
    if (kind < 93) return store.recover({ now, max_deaths: 2, everything: b % 4 === 0 })
    if (kind < 95) return store.unpark({ reason: 'unknown_job', now })
    if (kind < 97) return store.setAgentState({ name: `agent_${a % 3}`, enabled: b % 3 > 0, reason: 'by hand', now })
    if (kind < 98) {
      const event = { id: newId(), type: 'x', data: {}, timestamp: '', source: 'api', delivery: null, received_at: now }
      return store.recordEvent({ event, jobs: [job({ kind: 'event' }), job({ kind: 'event', dedupe_key: 'key_0' })] })
    }
    const due = now
    await store.saveSchedule(schedule({ next_due_at: due }), 'insert')
    return store.fireSchedule({ id: 'stocktaker', due_at: due, expected_due_at: due, next_due_at: due + 1, missed: 0, now, job: job() })
  }
}

/** As the background does it, of whatever is older than that. */
const prune = async (store: Store, since: number): Promise<void> => {
  const look = { after: '', before: Date.now() + 1_000, idle_since: since, limit: 100 }
  const [idle, ended] = [await store.oldRows({ table: 'sessions', ...look }), await store.oldRows({ table: 'jobs', ...look })]
  await store.removeSessions({ ids: idle.rows.map(({ id }) => id), idle_since: since })
  await store.removeRemains({ limit: 3 })
  await store.removeJobs({ ids: ended.rows.map(({ id }) => id), ended_before: since })
}

const allJobs = (store: Store): Promise<Job[]> => everything((page) => store.listJobs({}, page), 1_000)
const FINISHED = new Set(['succeeded', 'failed', 'cancelled', 'dead'])

const insist = (holds: boolean, what: string): void => { if (!holds) throw new Error(what) }

const checkRules = async (store: Store): Promise<void> => {
  const jobs = await allJobs(store)
  const paused = new Set((await store.agentStates()).filter(({ enabled }) => !enabled).map(({ name }) => name))
  const lanes = new Set<string>()
  const keys = new Set<string>()
  for (const one of jobs) {
    const running = one.status === 'running'
    insist(running === (one.lease_token !== null) && running === (one.lease_until !== null),
      `a lease without a run, or a run without one: ${one.status}`)
    insist(FINISHED.has(one.status) === (one.finished_at !== null), `finished_at of a ${one.status} job`)
    insist(one.status !== 'queued' || one.agent === null || !paused.has(one.agent), 'a job of a paused agent is queued')
    insist(one.status !== 'queued' || one.cancel_requested === null, 'a job that was to be cancelled is queued')
    if (running && one.lane !== null) {
      insist(!lanes.has(one.lane), `two run in the lane ${one.lane}`)
      lanes.add(one.lane)
    }
    if (!FINISHED.has(one.status) && one.dedupe_key !== null) {
      insist(!keys.has(one.dedupe_key), `two unfinished jobs of the key ${one.dedupe_key}`)
      keys.add(one.dedupe_key)
    }
  }
}

const checkCounters = async (store: Store): Promise<void> => {
  const [jobs, sessions, stats] = [await allJobs(store), await everything((page) => store.listSessions(page), 100), await store.stats()]
  let messages = 0
  for (const session of sessions) {
    const items = await everything((page) => store.listMessages(session.id, page), 100)
    insist(items.length === session.message_count, `message_count ${session.message_count}, messages ${items.length}`)
    insist(items.every((item, at) => at === 0 || item.seq > items[at - 1]!.seq), 'messages out of order')
    const events = await store.readEvents(session.id, 0, 10_000)
    insist(events.every(({ seq }, at) => seq === at + 1), 'a hole in a stream')
    const unfinished = jobs.filter(({ lane, status }) => lane === session.id && !FINISHED.has(status)).length
    insist(await store.hasActiveReply(session.id) === (unfinished > 0), `a session says otherwise than its ${unfinished} unfinished replies`)
    messages += items.length
  }
  insist(stats.sessions === sessions.length, `sessions: counted ${stats.sessions}, stored ${sessions.length}`)
  insist(stats.messages === messages, `messages: counted ${stats.messages}, stored ${messages}`)
  const real = new Map<string, number>()
  for (const { kind, status } of jobs) real.set(`${kind} ${status}`, (real.get(`${kind} ${status}`) ?? 0) + 1)
  for (const { kind, status, count } of stats.jobs) {
    const stored = real.get(`${kind} ${status}`) ?? 0
    insist(count === stored, `${kind} ${status}: counted ${count}, stored ${stored}`)
    real.delete(`${kind} ${status}`)
  }
  insist(real.size === 0, `not counted: ${[...real.keys()].join(', ')}`)
  for (const status of ['queued', 'running', 'parked', 'cancelled'] as const) {
    const { total } = await store.listJobs({ status }, { limit: 1 })
    insist(total === jobs.filter((one) => one.status === status).length, `total of ${status} jobs`)
  }
}
