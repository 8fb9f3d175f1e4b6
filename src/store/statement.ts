// Operations of the store, written once for both engines: a generator yields SQL statements and gets rows back.
// SQLite drives it without a pause inside one turn of the event loop; PostgreSQL will drive it with awaits.
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

  /** What the batch adds to the counters, and the jobs that it moved: written once a batch, not once a job. */
  get summary (): { counters: Array<[name: string, by: number]>, changes: JobChange[] } {
    return { counters: [...this.#counters].filter(([, by]) => by !== 0), changes: this.#changes }
  }
}

export const isFinished = (status: JobStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled' || status === 'dead'
