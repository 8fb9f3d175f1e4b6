// Operations of the store, written once for both engines: a generator yields SQL statements and gets rows back.
// SQLite drives it without a pause inside one turn of the event loop; PostgreSQL will drive it with awaits.
import { SYSTEM_STREAM } from '../core/model.ts'
import type { JobKind, JobQueue, JobStatus, StreamEvent } from '../core/model.ts'
import type { Notice } from '../core/store.ts'

export type SqlValue = string | number | null

export interface Statement {
  /** Placeholders are `?`; the text is the key under which it stays prepared. */
  sql: string
  params: readonly SqlValue[]
  /** False for statements whose rows nobody reads. */
  rows: boolean
}

export type Operation<R> = Generator<Statement, R, unknown[]>

export function * all<T> (sql: string, ...params: SqlValue[]): Operation<T[]> {
  return (yield { sql, params, rows: true }) as T[]
}

export function * one<T> (sql: string, ...params: SqlValue[]): Operation<T | undefined> {
  return (yield { sql, params, rows: true })[0] as T | undefined
}

export function * run (sql: string, ...params: SqlValue[]): Operation<void> {
  yield { sql, params, rows: false }
}

export interface JobChange {
  id: string
  kind: JobKind
  name: string
  agent: string | null
  session_id: string | null
  status: JobStatus
}

/** What one batch of operations adds up to besides its rows. It counts only if the batch commits. */
export class Tx {
  readonly notice: Notice = { streams: new Map(), queues: new Set(), cancels: [], finished: [], gone: [], plans: false }
  readonly #counters = new Map<string, number>()
  readonly #changes: JobChange[] = []

  count (counter: string, by: number): void {
    this.#counters.set(counter, (this.#counters.get(counter) ?? 0) + by)
  }

  /** Notes a job's move from one status to the next: counters, system stream and waiters hear of it. */
  jobMoved (job: JobChange, from: JobStatus | undefined, queue: JobQueue): void {
    if (from !== undefined) this.count(`jobs:${job.kind}:${from}`, -1)
    this.count(`jobs:${job.kind}:${job.status}`, 1)
    this.#changes.push(job)
    if (job.status === 'queued') this.notice.queues.add(queue)
    if (isFinished(job.status)) this.notice.finished.push(job.id)
  }

  streamed (stream: string, events: StreamEvent[]): void {
    const known = this.notice.streams.get(stream)
    if (known === undefined) this.notice.streams.set(stream, events)
    else known.push(...events)
  }

  /** Counters and job changes are written once a batch, not once a job. */
  * finish (now: number): Operation<void> {
    const counted = [...this.#counters].filter(([, by]) => by !== 0)
    if (counted.length > 0) {
      yield * run(`INSERT INTO counters (name, value) VALUES ${tuples(counted.length, 2)}
        ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value`, ...counted.flat())
    }
    for (let at = 0; at < this.#changes.length; at += CHANGES_PER_EVENT) {
      const changes = this.#changes.slice(at, at + CHANGES_PER_EVENT)
      const data = JSON.stringify({ type: 'jobs', changes, at: new Date(now).toISOString() })
      yield * appendToStream(this, [{ stream: SYSTEM_STREAM, name: 'jobs', data, job_id: null, final: false }], now)
    }
  }
}

const CHANGES_PER_EVENT = 100
const SYSTEM_EVENTS_KEPT = 10_000
/** Old events of the system stream go in portions: a statement a batch for one row would cost more than the row. */
const SYSTEM_EVENTS_PORTION = 64
const ROWS_PER_INSERT = 16

const portionOf = (position: number): number => Math.floor(position / SYSTEM_EVENTS_PORTION)
const DELETED = -1

export const isFinished = (status: JobStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled' || status === 'dead'

/** Appends events, given in the order in which they happened, each to its stream. What comes for a deleted session is dropped. */
export function * appendToStream (tx: Tx, events: Array<Omit<StreamEvent, 'seq' | 'at'>>, now: number): Operation<void> {
  const positions = new Map<string, number>()
  const placed: StreamEvent[] = []
  for (const event of events) {
    const before = positions.get(event.stream) ?? (yield * lastPosition(event.stream))
    positions.set(event.stream, before === DELETED ? DELETED : before + 1)
    if (before !== DELETED) placed.push({ ...event, seq: before + 1, at: now })
  }
  for (let at = 0; at < placed.length; at += ROWS_PER_INSERT) {
    const rows = placed.slice(at, at + ROWS_PER_INSERT)
    yield * run(`INSERT INTO stream_events (stream, seq, name, data, job_id, final, at) VALUES ${tuples(rows.length, 7)}`,
      ...rows.flatMap(({ stream, seq, name, data, job_id: jobId, final }) => [stream, seq, name, data, jobId, final ? 1 : 0, now]))
  }
  for (const event of placed) tx.streamed(event.stream, [event])
  const system = placed.filter(({ stream }) => stream === SYSTEM_STREAM)
  if (system.length > 0 && portionOf(system[0]!.seq - 1) !== portionOf(system.at(-1)!.seq)) {
    yield * run('DELETE FROM stream_events WHERE stream = ? AND seq <= ?', SYSTEM_STREAM, system.at(-1)!.seq - SYSTEM_EVENTS_KEPT)
  }
}

function * lastPosition (stream: string): Operation<number> {
  const row = yield * one<{ last: number, open: number }>(
    `SELECT (SELECT coalesce(max(seq), 0) FROM stream_events WHERE stream = ?) AS last,
       EXISTS (SELECT 1 FROM sessions WHERE id = ?) AS open`, stream, stream)
  return stream === SYSTEM_STREAM || row!.open === 1 ? row!.last : DELETED
}

/** Placeholders of so many rows with so many columns; each text is made once, so that its statement stays prepared. */
const tuples = (rows: number, columns: number): string => {
  const key = rows * 100 + columns
  let text = tupleTexts.get(key)
  if (text === undefined) {
    const tuple = `(${Array.from({ length: columns }, () => '?').join(', ')})`
    text = Array.from({ length: rows }, () => tuple).join(', ')
    tupleTexts.set(key, text)
  }
  return text
}

const tupleTexts = new Map<number, string>()
