// The life of a job in a worker's hands: claim, renew, append, settle, and what becomes of the jobs of the dead.
import type { Job, JobFailure, JobStatus, NewStreamEvent, Progress } from '../../core/model.ts'
import { doneEvent, errorEvent } from '../../core/stream-events.ts'
import type { Lease, Lost, SettleJob, SettleResult, Settlement } from '../../core/store.ts'
import type { JobQueue } from '../../core/model.ts'
import { writeAgentsWell } from './batch.ts'
import { all, allUnlocked, isFinished, one, oneEach, run, runEach, type Operation, type Tx } from '../statement.ts'
import { changeOf, endCancelled, jobOf, MOVED, pausedReason, readyStatus, replyEnded, replyOf, type JobRow, type MovedRow } from './jobs.ts'
import { insertMessage, removeExchange } from './messages.ts'
import { appendEventsOf, appendToSession, writeChunks } from './streams.ts'
import { announce } from './webhooks.ts'

const FAILURES_KEPT = 10

/**
 * Takes up to `limit` ready jobs: by priority, then by time. In a lane one runs at a time, and none overtakes an earlier one
 * of its priority, not even while that one waits for its next attempt. One that is planned for later holds nobody back before its time.
 */
export function * claim (tx: Tx, args: { queue: JobQueue, limit: number, lease: Lease, now: number }): Operation<Job[]> {
  const rows = yield * allUnlocked<JobRow>(
    `SELECT * FROM jobs AS j WHERE j.status = 'queued' AND j.queue = ? AND j.run_at <= ?
       AND (j.lane IS NULL OR NOT EXISTS (
         SELECT 1 FROM jobs AS e WHERE e.active = 1 AND e.lane = j.lane AND e.id <> j.id
           AND (e.status = 'running' OR (e.status = 'queued' AND (e.run_at <= ? OR e.attempt > 0)
             AND (e.priority < j.priority OR (e.priority = j.priority AND e.id < j.id))))))
     ORDER BY j.priority, j.run_at, j.id LIMIT ?`, 'j', args.queue, args.now, args.now, args.limit)
  const jobs: Job[] = []
  yield * runEach(
    `UPDATE jobs SET status = 'running', attempt = attempt + 1, lease_token = ?, lease_until = ?, worker = ?, started_at = ?, progress = NULL
     WHERE id = ?`, rows.map((row, index) => [`${args.lease.token}.${index}`, args.lease.until, args.lease.worker, args.now, row.id]))
  for (const row of rows) {
    const token = `${args.lease.token}.${jobs.length}`
    tx.jobMoved({ ...changeOf(row), status: 'running' }, 'queued', row.queue)
    jobs.push({
      ...jobOf(row),
      status: 'running',
      attempt: row.attempt + 1,
      progress: null,
      lease_token: token,
      lease_until: args.lease.until,
      worker: args.lease.worker,
      started_at: args.now
    })
  }
  return jobs
}

export function * renew (
  _tx: Tx, { leases, until }: { leases: Array<{ id: string, token: string }>, until: number }
): Operation<{ held: string[], cancels: Array<{ id: string, reason: string }> }> {
  const held: string[] = []
  const cancels: Array<{ id: string, reason: string }> = []
  const rows = yield * oneEach<{ cancel_requested: string | null }>(
    "UPDATE jobs SET lease_until = ? WHERE id = ? AND lease_token = ? AND status = 'running' RETURNING cancel_requested",
    leases.map(({ id, token }) => [until, id, token]))
  for (const [index, { id }] of leases.entries()) {
    const row = rows[index]
    if (row === undefined) continue
    held.push(id)
    if (row.cancel_requested !== null) cancels.push({ id, reason: row.cancel_requested })
  }
  return { held, cancels }
}

export function * appendEvents (
  tx: Tx, args: { job_id: string, token: string, now: number, events: NewStreamEvent[] }
): Operation<true | undefined> {
  const held = yield * one("SELECT 1 AS held FROM jobs WHERE id = ? AND lease_token = ? AND status = 'running'", args.job_id, args.token)
  if (held === undefined) return undefined
  yield * appendEventsOf(tx, args.events, args.now)
  return true
}

/** Written with the end of the batch. */
export function * publish (tx: Tx, args: { now: number, events: NewStreamEvent[] }): Operation<void> {
  tx.system.push(...args.events)
}

export function * reportProgress (_tx: Tx, args: { id: string, token: string, progress: Progress }): Operation<void> {
  yield * run("UPDATE jobs SET progress = ? WHERE id = ? AND lease_token = ? AND status = 'running'", JSON.stringify(args.progress), args.id, args.token)
}

export function * settle (tx: Tx, args: SettleJob): Operation<SettleResult> {
  const row = yield * heldJob(args.id, args.token)
  if (row === undefined) return { outcome: 'lost' }
  const { now } = args
  const settlement = settlementOf(args.settlement, row.cancel_requested)
  const failure = 'failure' in settlement ? settlement.failure : undefined
  const finished = isFinished(settlement.status)
  const agentPaused = args.agent !== undefined && (yield * countRun(tx, args.agent, now))
  // The pause that this very failure caused also holds back its own next attempt.
  const { status, reason }: { status: JobStatus, reason: string | null } = settlement.status === 'queued'
    ? yield * readyStatus(row.agent)
    : { status: settlement.status, reason: 'reason' in settlement ? settlement.reason : null }
  yield * run(
    `UPDATE jobs SET status = ?, active = ?, attempt = ?, reason = ?, output = ?, error = ?, failures = ?, run_at = ?, finished_at = ?,
       lease_token = NULL, lease_until = NULL, worker = NULL WHERE id = ?`,
    status, finished ? 0 : 1,
    // A lease given back, and a look at a job that nobody knows, are no attempts.
    !finished && failure === undefined ? Math.max(0, row.attempt - 1) : row.attempt,
    reason ?? (finished || failure !== undefined ? null : 'given_back'),
    settlement.status === 'succeeded' ? JSON.stringify(settlement.output) : null,
    failure === undefined ? (settlement.status === 'succeeded' ? null : row.error) : JSON.stringify(failure),
    withFailure(row.failures, failure),
    settlement.status === 'queued' ? settlement.run_at : row.run_at,
    finished ? now : null, args.id)
  // What the worker wrote as the end does not hold when a cancel overruled it.
  const events = settlement === args.settlement ? [...args.events] : args.events.filter((event) => !event.final)
  if (settlement.status === 'cancelled' && row.kind === 'reply' && !events.some((event) => event.final)) {
    events.push(doneEvent(replyOf(row), 'cancelled', settlement.reason))
  }
  const rollback = settlement.status === 'cancelled' && settlement.reason === 'rollback'
  if (rollback) yield * removeExchange(tx, row.session_id!, row.id)
  let waiting = row.lane !== null
  if (row.kind === 'reply') {
    waiting = yield * settleReply(tx, row.session_id!, { events, message: rollback ? undefined : args.message, finished, now })
  } else {
    yield * appendEventsOf(tx, events, now)
  }
  if (args.announce === true && finished) yield * announceEnd(tx, row, settlement, now)
  tx.jobMoved({ ...changeOf(row), status }, 'running', row.queue)
  // The lane is free: whoever waits behind it may be claimed.
  if (waiting) tx.notice.queues.add(row.queue)
  return { outcome: 'settled', agent_paused: agentPaused }
}

/** The end of a delivery is told to nobody: telling it would be one more. */
function * announceEnd (tx: Tx, row: Pick<JobRow, 'id' | 'kind' | 'name' | 'agent' | 'session_id'>, settlement: Settlement, now: number): Operation<void> {
  const { status } = settlement
  if (row.kind === 'delivery' || (status !== 'succeeded' && status !== 'failed' && status !== 'dead')) return
  const { id, kind, name, agent } = row
  const code = 'failure' in settlement ? settlement.failure.code : null
  yield * announce(tx, `job.${status}`, { job_id: id, kind, name, agent, status, code, finished_at: new Date(now).toISOString() }, now)
}

/** What the end of an attempt means to its session, in one look at its row. True when further replies wait there. */
function * settleReply (
  tx: Tx, session: string, { events, message, finished, now }: { events: NewStreamEvent[], message: SettleJob['message'], finished: boolean, now: number }
): Operation<boolean> {
  const said = message === undefined ? 0 : 1
  const row = yield * one<{ seq: number, position: number, active: number }>(
    `UPDATE sessions SET message_count = message_count + ?, last_message_seq = last_message_seq + ?, position = position + ?, active = active - ?,
       updated_at = CASE WHEN ? = 1 THEN ? ELSE updated_at END WHERE id = ? RETURNING last_message_seq AS seq, position, active`,
    said, said, events.length, finished ? 1 : 0, said, now, session)
  // The session was deleted meanwhile.
  if (row === undefined) return false
  if (message !== undefined) {
    yield * insertMessage({ ...message, seq: row.seq })
    tx.count('messages', 1)
  }
  yield * writeChunks(tx, events, row.position - events.length, now)
  return row.active > 0
}

/**
 * A run may end before it hears of its cancel. What would go on is over then, and a rollback undoes even what succeeded.
 */
const settlementOf = (settlement: Settlement, cancelRequested: string | null): Settlement => {
  const goesOn = settlement.status === 'queued' || settlement.status === 'parked'
  const overruled = cancelRequested !== null && (goesOn || cancelRequested === 'rollback')
  return overruled ? { status: 'cancelled', reason: cancelRequested } : settlement
}

/** The outcome of an agent's attempt on its health. True when this very failure pauses it. */
function * countRun (tx: Tx, agent: NonNullable<SettleJob['agent']>, now: number): Operation<boolean> {
  if (agent.ok) {
    tx.agentsWell.set(agent.name, now)
    return false
  }
  // The good runs of this batch came before this one.
  yield * writeAgentsWell(tx)
  const row = yield * one<{ failures: number, enabled: number }>(
    `INSERT INTO agents (name, consecutive_failures, last_failure_at, last_error) VALUES (?, 1, ?, ?)
     ON CONFLICT (name) DO UPDATE SET consecutive_failures = agents.consecutive_failures + 1, last_failure_at = excluded.last_failure_at,
       last_error = excluded.last_error
     RETURNING consecutive_failures AS failures, enabled`, agent.name, now, agent.error)
  if (row!.enabled === 0 || row!.failures < agent.pause_after) return false
  yield * setAgentState(tx, { name: agent.name, enabled: false, reason: `crash loop: ${row!.failures} failed runs in a row`, now })
  return true
}

export function * setAgentState (tx: Tx, args: { name: string, enabled: boolean, reason: string | null, now: number }): Operation<void> {
  yield * run(
    `INSERT INTO agents (name, enabled, paused_reason, paused_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET enabled = excluded.enabled, paused_reason = excluded.paused_reason, paused_at = excluded.paused_at,
       consecutive_failures = CASE WHEN excluded.enabled = 1 THEN 0 ELSE agents.consecutive_failures END`,
    args.name, args.enabled ? 1 : 0, args.enabled ? null : args.reason, args.enabled ? null : args.now)
  const [from, to] = args.enabled ? ['parked', 'queued'] as const : ['queued', 'parked'] as const
  const parked = pausedReason(args.name)
  // At once, however long the queue is.
  const rows = yield * all<MovedRow>(
    `UPDATE jobs SET status = ?, reason = ? WHERE active = 1 AND agent = ? AND status = ?${args.enabled ? ' AND reason = ?' : ''} RETURNING ${MOVED}`,
    to, args.enabled ? null : parked, args.name, from, ...(args.enabled ? [parked] : []))
  for (const row of rows) tx.jobMoved({ ...changeOf(row), status: to }, from, row.queue)
  tx.notice.plans = true
}

/** A worker that died gives its jobs back; after `max_deaths` the job is taken for the killer and ends as dead. */
export function * recover (tx: Tx, args: { now: number, max_deaths: number, everything: boolean }): Operation<Lost[]> {
  const rows = args.everything
    ? yield * all<JobRow>("SELECT * FROM jobs WHERE status = 'running'")
    : yield * all<JobRow>("SELECT * FROM jobs WHERE status = 'running' AND lease_until < ?", args.now)
  const lost: Lost[] = []
  for (const row of rows) {
    const deaths = row.deaths + 1
    if (row.cancel_requested !== null) {
      yield * endCancelled(tx, row, row.cancel_requested, args.now)
      lost.push({ id: row.id, kind: row.kind, agent: row.agent, session_id: row.session_id, outcome: 'cancelled' })
      continue
    }
    const dead = deaths >= args.max_deaths
    const failure: JobFailure = {
      attempt: row.attempt, at: args.now, code: 'worker_died', message: `The worker stopped while it ran this job (${deaths} of ${args.max_deaths}).`
    }
    const { status, reason } = dead ? { status: 'dead' as const, reason: null } : yield * readyStatus(row.agent)
    yield * run(
      `UPDATE jobs SET status = ?, reason = ?, active = ?, deaths = ?, error = ?, failures = ?, run_at = ?, finished_at = ?,
         lease_token = NULL, lease_until = NULL, worker = NULL WHERE id = ?`,
      status, reason, dead ? 0 : 1, deaths, JSON.stringify(failure), withFailure(row.failures, failure), args.now,
      dead ? args.now : null, row.id)
    if (dead && row.kind === 'reply') {
      yield * appendToSession(tx, row.session_id!, [errorEvent(replyOf(row), failure.code,
        'The answer could not be finished: the worker stopped three times while it was being written.')], args.now)
      yield * replyEnded(row.session_id!)
    }
    if (dead) yield * announceEnd(tx, row, { status: 'dead', failure }, args.now)
    tx.jobMoved({ ...changeOf(row), status }, 'running', row.queue)
    tx.notice.queues.add(row.queue)
    lost.push({ id: row.id, kind: row.kind, agent: row.agent, session_id: row.session_id, outcome: dead ? 'dead' : 'queued' })
  }
  return lost
}

const HELD = ['id', 'kind', 'queue', 'name', 'agent', 'session_id', 'lane', 'payload', 'attempt', 'run_at', 'error', 'failures', 'cancel_requested'] as const

/** Every column that is read costs: a row of the table has thirty. */
function * heldJob (id: string, token: string): Operation<Pick<JobRow, typeof HELD[number]> | undefined> {
  return yield * one(`SELECT ${HELD.join(', ')} FROM jobs WHERE id = ? AND lease_token = ? AND status = 'running'`, id, token)
}

const withFailure = (failures: string, failure: JobFailure | undefined): string =>
  failure === undefined ? failures : JSON.stringify([...JSON.parse(failures) as JobFailure[], failure].slice(-FAILURES_KEPT))
