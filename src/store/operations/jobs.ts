// The life of a job between its making and its end, seen from outside: make, look at, cancel, retry.
import { decodeCursor, encodeCursor } from '../../core/cursor.ts'
import { PRIORITIES } from '../../core/model.ts'
import type { Job, JobFailure, JobStatus, Json, NewJob, Page, Progress } from '../../core/model.ts'
import { doneEvent } from '../../core/stream-events.ts'
import type { JobFilter, Lease, PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, isFinished, one, run, type Operation, type SqlValue, type Tx } from '../statement.ts'
import { removeExchange, removeReply } from './messages.ts'
import { appendToSession } from './streams.ts'

/** A row of the table: JSON as text, booleans and priorities as numbers. */
export interface JobRow extends Omit<Job, 'priority' | 'payload' | 'progress' | 'output' | 'error' | 'failures'> {
  priority: number
  payload: string
  progress: string | null
  output: string | null
  error: string | null
  failures: string
  active: number
}

export const jobOf = ({ active: _active, ...row }: JobRow): Job => ({
  ...row,
  priority: PRIORITIES[row.priority]!,
  payload: JSON.parse(row.payload) as Json,
  progress: row.progress === null ? null : JSON.parse(row.progress) as Progress,
  output: row.output === null ? null : JSON.parse(row.output) as Json,
  error: row.error === null ? null : JSON.parse(row.error) as JobFailure,
  failures: JSON.parse(row.failures) as JobFailure[]
})

/** Inserts a job: queued, or running at once when a lease is given, or parked when its agent is paused. */
export function * insertJob (tx: Tx, job: NewJob, lease?: Lease): Operation<void> {
  const ready = yield * readyStatus(job.agent)
  const status: JobStatus = ready.status === 'queued' && lease !== undefined ? 'running' : ready.status
  const held = status === 'running' ? lease : undefined
  yield * run(
    `INSERT INTO jobs (id, kind, queue, name, agent, session_id, lane, dedupe_key, priority, payload, run_at, max_attempts, timeout_ms, source,
       created_at, status, active, attempt, reason, lease_token, lease_until, worker, started_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)`,
    job.id, job.kind, job.queue, job.name, job.agent, job.session_id, job.lane, job.dedupe_key, PRIORITIES.indexOf(job.priority),
    JSON.stringify(job.payload), job.run_at, job.max_attempts, job.timeout_ms, job.source, job.created_at, status, held === undefined ? 0 : 1,
    ready.reason, held?.token ?? null, held?.until ?? null, held?.worker ?? null,
    held === undefined ? null : job.created_at)
  tx.jobMoved({ id: job.id, kind: job.kind, name: job.name, agent: job.agent, session_id: job.session_id, status }, undefined, job.queue)
}

/** The reason under which the jobs of a paused agent are parked. */
export const pausedReason = (agent: string): string => `agent_paused:${agent}`

/** How a job waits for its run: in the queue, or parked while its agent is paused. Every way into the queue asks. */
export function * readyStatus (agent: string | null): Operation<{ status: 'queued' | 'parked', reason: string | null }> {
  if (agent === null) return { status: 'queued', reason: null }
  const paused = yield * one('SELECT 1 AS paused FROM agents WHERE name = ? AND enabled = 0', agent)
  return paused === undefined ? { status: 'queued', reason: null } : { status: 'parked', reason: pausedReason(agent) }
}

export function * enqueue (tx: Tx, { jobs }: { jobs: NewJob[] }): Operation<Array<{ id: string, deduplicated: boolean }>> {
  const made: Array<{ id: string, deduplicated: boolean }> = []
  for (const job of jobs) {
    const twin = job.dedupe_key === null
      ? undefined
      : yield * one<{ id: string }>('SELECT id FROM jobs WHERE active = 1 AND dedupe_key = ?', job.dedupe_key)
    if (twin === undefined) yield * insertJob(tx, job)
    made.push({ id: twin?.id ?? job.id, deduplicated: twin !== undefined })
  }
  return made
}

/** Jobs with a key that have not begun become one, which gets the newest input. While one runs, one more waits behind it: the first may have looked already. */
export function * enqueueNewest (tx: Tx, jobs: NewJob[]): Operation<Array<{ id: string, deduplicated: boolean }>> {
  const made: Array<{ id: string, deduplicated: boolean }> = []
  for (const job of jobs) {
    const key = job.dedupe_key
    const keys = key === null ? [] : [key, `${key}:next`]
    let twin: { id: string } | undefined
    for (const each of keys) twin ??= yield * renewPayload(each, job)
    if (twin === undefined) {
      let free: string | null = null
      for (const each of keys) {
        if (free === null && (yield * one('SELECT 1 FROM jobs WHERE active = 1 AND dedupe_key = ?', each)) === undefined) free = each
      }
      yield * insertJob(tx, { ...job, dedupe_key: free })
    } else {
      tx.notice.queues.add(job.queue)
    }
    made.push({ id: twin?.id ?? job.id, deduplicated: twin !== undefined })
  }
  return made
}

function * renewPayload (key: string, { payload }: NewJob): Operation<{ id: string } | undefined> {
  return yield * one<{ id: string }>(
    "UPDATE jobs SET payload = ? WHERE active = 1 AND dedupe_key = ? AND status <> 'running' RETURNING id", JSON.stringify(payload), key)
}

export function * getJob (_tx: Tx, id: string): Operation<Job | undefined> {
  const row = yield * one<JobRow>('SELECT * FROM jobs WHERE id = ?', id)
  return row === undefined ? undefined : jobOf(row)
}

export function * jobsOfEvent (_tx: Tx, eventId: string): Operation<Job[]> {
  const rows = yield * all<JobRow>("SELECT * FROM jobs WHERE kind = 'event' AND source = ? ORDER BY id", `event:${eventId}`)
  return rows.map(jobOf)
}

/** By the messages: an index over the sessions of jobs would cost every message. */
const OWN_REPLIES = "id IN (SELECT m.job_id FROM sessions AS s JOIN messages AS m ON m.session_id = s.id WHERE s.owner = ? AND m.role = 'user')"

/** Conditions that are not about a column. */
const WHERE: Readonly<Record<string, string>> = {
  session_id: 'id IN (SELECT job_id FROM messages WHERE session_id = ?)',
  owner: `(kind <> 'reply' OR ${OWN_REPLIES})`
}

/** Newest first. */
export function * listJobs (_tx: Tx, { filter, page }: { filter: JobFilter, page: PageRequest }): Operation<Page<Job> & { total: number }> {
  const conditions = (Object.entries(filter) as Array<[string, string | undefined]>).filter(([, value]) => value !== undefined)
  // Only replies have a session, and the session knows them: an index of their own would cost every message.
  const where = conditions.map(([column]) => WHERE[column] ?? `${column} = ?`)
  const values = conditions.map(([, value]) => value as SqlValue)
  const total = yield * countJobs(filter, where, values)
  if (page.cursor !== undefined) {
    where.push('id < ?')
    values.push(decodeCursor('jobs', page.cursor))
  }
  const rows = yield * all<JobRow>(
    `SELECT * FROM jobs ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY id DESC LIMIT ?`, ...values, page.limit + 1)
  const { items, ...next } = pageOf(rows, page.limit, (last) => encodeCursor('jobs', last.id))
  return { items: items.map(jobOf), ...next, total }
}

/** Counters know the totals by kind and status; only a filter by agent, session or owner has to count rows. */
function * countJobs (filter: JobFilter, where: string[], values: SqlValue[]): Operation<number> {
  if (filter.agent !== undefined || filter.session_id !== undefined) {
    return (yield * one<{ n: number }>(`SELECT count(*) AS n FROM jobs WHERE ${where.join(' AND ')}`, ...values))!.n
  }
  if (filter.owner !== undefined) {
    const { owner, kind, status } = filter
    const all = yield * countJobs({ ...(kind === undefined ? {} : { kind }), ...(status === undefined ? {} : { status }) }, [], [])
    if (kind !== undefined && kind !== 'reply') return all
    const replies = yield * countJobs({ kind: 'reply', ...(status === undefined ? {} : { status }) }, [], [])
    const own = yield * one<{ n: number }>(
      `SELECT count(*) AS n FROM jobs WHERE ${OWN_REPLIES}${status === undefined ? '' : ' AND status = ?'}`, owner, ...(status === undefined ? [] : [status]))
    return all - replies + own!.n
  }
  const like = `jobs:${filter.kind ?? '%'}:${filter.status ?? '%'}`
  return (yield * one<{ n: number }>('SELECT coalesce(sum(value), 0) AS n FROM counters WHERE name LIKE ?', like))!.n
}

export interface CancelJobs { id?: string, session_id?: string, reason: string, now: number }

/** Waiting jobs end at once; running ones are asked, and end when their worker has stopped. */
export function * cancelJobs (tx: Tx, args: CancelJobs): Operation<Array<{ id: string, running: boolean }>> {
  const rows = args.id !== undefined
    ? yield * all<JobRow>('SELECT * FROM jobs WHERE active = 1 AND id = ?', args.id)
    : yield * all<JobRow>('SELECT * FROM jobs WHERE active = 1 AND lane = ? ORDER BY id', args.session_id!)
  for (const row of rows) {
    if (row.status === 'running') {
      yield * run('UPDATE jobs SET cancel_requested = ? WHERE id = ?', args.reason, row.id)
      tx.notice.cancels.push({ id: row.id, reason: args.reason })
    } else {
      yield * endCancelled(tx, row, args.reason, args.now)
    }
  }
  return rows.map((row) => ({ id: row.id, running: row.status === 'running' }))
}

/** Ends a job that no worker holds, and tells its stream. */
export function * endCancelled (tx: Tx, row: JobRow, reason: string, now: number): Operation<void> {
  yield * run(
    `UPDATE jobs SET status = 'cancelled', active = 0, reason = ?, finished_at = ?, lease_token = NULL, lease_until = NULL, worker = NULL
     WHERE id = ?`, reason, now, row.id)
  if (row.kind === 'reply') {
    if (reason === 'rollback') yield * removeExchange(tx, row.session_id!, row.id)
    yield * appendToSession(tx, row.session_id!, [doneEvent(replyOf(row), 'cancelled', reason)], now)
    yield * replyEnded(row.session_id!)
  }
  tx.jobMoved({ ...changeOf(row), status: 'cancelled' }, row.status, row.queue)
  tx.notice.queues.add(row.queue)
}

/** The job of a reply, as its stream events name it. */
export const replyOf = (row: Pick<JobRow, 'id' | 'session_id' | 'payload'>) =>
  ({ id: row.id, session_id: row.session_id, message_id: (JSON.parse(row.payload) as { message_id: string }).message_id })

/** One unfinished reply of the session less. */
export function * replyEnded (session: string): Operation<void> {
  yield * run('UPDATE sessions SET active = active - 1 WHERE id = ?', session)
}

/** What is told of jobs that a statement moved. */
export type MovedRow = Pick<JobRow, 'id' | 'kind' | 'name' | 'agent' | 'session_id' | 'queue'>

export const MOVED = 'id, kind, name, agent, session_id, queue'

export const changeOf = (row: Pick<JobRow, 'id' | 'kind' | 'name' | 'agent' | 'session_id'>) =>
  ({ id: row.id, kind: row.kind, name: row.name, agent: row.agent, session_id: row.session_id })

export function * retryJob (tx: Tx, { id, now }: { id: string, now: number }): Operation<'queued' | 'not_found' | 'not_finished'> {
  const row = yield * one<JobRow>('SELECT * FROM jobs WHERE id = ?', id)
  if (row === undefined) return 'not_found'
  if (!isFinished(row.status) || row.status === 'succeeded') return 'not_finished'
  const twin = row.dedupe_key === null
    ? undefined
    : yield * one<{ id: string }>('SELECT id FROM jobs WHERE active = 1 AND dedupe_key = ?', row.dedupe_key)
  const { status, reason } = yield * readyStatus(row.agent)
  // Its successor is already under way: a retry beside it drops the key rather than the wish.
  yield * run(
    `UPDATE jobs SET status = ?, active = 1, attempt = 0, deaths = 0, reason = ?, progress = NULL, error = NULL, cancel_requested = NULL,
       run_at = ?, finished_at = NULL, dedupe_key = CASE WHEN ? = 1 THEN NULL ELSE dedupe_key END WHERE id = ?`,
    status, reason ?? (row.kind === 'reply' ? 'retried' : null), now, twin === undefined ? 0 : 1, id)
  if (row.kind === 'reply') {
    yield * removeReply(tx, row.session_id!, id)
    yield * run(
      'UPDATE sessions SET latest_job_id = ?, latest_position = position, active = active + 1 WHERE id = ?', id, row.session_id)
  }
  tx.jobMoved({ ...changeOf(row), status }, row.status, row.queue)
  return 'queued'
}

export function * unpark (tx: Tx, { reason, now }: { reason: string, now: number }): Operation<number> {
  const agents = yield * all<{ agent: string | null }>("SELECT DISTINCT agent FROM jobs WHERE status = 'parked' AND reason = ?", reason)
  let count = 0
  for (const { agent } of agents) {
    const ready = yield * readyStatus(agent)
    const rows = yield * all<MovedRow>(
      `UPDATE jobs SET status = ?, reason = ?, run_at = CASE WHEN run_at > ? THEN run_at ELSE ? END
       WHERE status = 'parked' AND reason = ? AND agent IS NOT DISTINCT FROM ? RETURNING ${MOVED}`,
      ready.status, ready.reason, now, now, reason, agent)
    for (const row of rows) tx.jobMoved({ ...changeOf(row), status: ready.status }, 'parked', row.queue)
    count += rows.length
  }
  return count
}

/** Why jobs are parked now, each reason once. */
export function * parkedReasons (): Operation<string[]> {
  const rows = yield * all<{ reason: string | null }>("SELECT DISTINCT reason FROM jobs WHERE status = 'parked'")
  return rows.map(({ reason }) => reason ?? '')
}

export function * nextRunAt (): Operation<number | undefined> {
  const row = yield * one<{ at: number | null }>("SELECT min(run_at) AS at FROM jobs WHERE status = 'queued'")
  return row?.at ?? undefined
}
