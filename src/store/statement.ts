// Operations of the store, written once for both engines: a generator yields SQL statements and gets rows back.
// SQLite drives it without a pause inside one turn of the event loop; PostgreSQL drives many of them side by side, with awaits.
import type { JobKind, JobQueue, JobStatus, NewStreamEvent, StreamEvent } from '../core/model.ts'
import type { Notice } from '../core/store.ts'
import { emptyNotice } from './notices.ts'

export type SqlValue = string | number | null

export interface Statement {
  /** Placeholders are `?`; the text is the key under which it stays prepared. */
  sql: string
  params: readonly SqlValue[]
  /** False for statements whose rows nobody reads. */
  rows: boolean
  /** Instead of `params`: the statement once for each of these. With `rows` it answers a list of rows for each. */
  tuples?: ReadonlyArray<readonly SqlValue[]>
  /** For a SELECT of rows that are changed next: rows of this table that another transaction is changing are left to it. */
  skipLocked?: string
}

export type Operation<R> = Generator<Statement, R, unknown[]>

export function * all<T> (sql: string, ...params: SqlValue[]): Operation<T[]> {
  return (yield { sql, params, rows: true }) as T[]
}

export function * one<T> (sql: string, ...params: SqlValue[]): Operation<T | undefined> {
  return (yield { sql, params, rows: true })[0] as T | undefined
}

/** Rows of `table` that are changed next; those that another transaction holds are left out. */
export function * allUnlocked<T> (sql: string, table: string, ...params: SqlValue[]): Operation<T[]> {
  return (yield { sql, params, rows: true, skipLocked: table }) as T[]
}

export function * run (sql: string, ...params: SqlValue[]): Operation<void> {
  yield { sql, params, rows: false }
}

/** The same statement for each tuple, as one question. The tuples must not be about the same rows. */
export function * runEach (sql: string, tuples: ReadonlyArray<readonly SqlValue[]>): Operation<void> {
  if (tuples.length > 0) yield { sql, params: [], rows: false, tuples }
}

/** As runEach, with the first row of each. */
export function * oneEach<T> (sql: string, tuples: ReadonlyArray<readonly SqlValue[]>): Operation<Array<T | undefined>> {
  if (tuples.length === 0) return []
  return ((yield { sql, params: [], rows: true, tuples }) as T[][]).map((rows) => rows[0])
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
  readonly notice: Notice = emptyNotice()
  /** For the stream of the system: written once a batch, at its end. */
  readonly system: NewStreamEvent[] = []
  /** Agents whose runs went well, and when last: written once a batch. */
  readonly agentsWell = new Map<string, number>()
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

  /** What the batch adds to the counters, and the jobs that it moved: written once a batch, not once a job. */
  get summary (): { counters: Array<[name: string, by: number]>, changes: JobChange[] } {
    // In one order everywhere: two transactions that count the same things do not wait for each other in a ring.
    const counters = [...this.#counters].filter(([, by]) => by !== 0).sort(([a], [b]) => a < b ? -1 : 1)
    return { counters, changes: this.#changes }
  }
}

export const isFinished = (status: JobStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled' || status === 'dead'
