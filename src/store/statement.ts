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
  readonly notice: Notice = { streams: new Map(), queues: new Set(), cancels: [], finished: [], plans: false }
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
    for (const [name, by] of this.#counters) {
      if (by !== 0) yield * run('INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value', name, by)
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

export const isFinished = (status: JobStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled' || status === 'dead'

/** Appends events, given in the order in which they happened, each to its stream. */
export function * appendToStream (tx: Tx, events: Array<Omit<StreamEvent, 'seq' | 'at'>>, now: number): Operation<void> {
  const positions = new Map<string, number>()
  for (const event of events) {
    let seq = positions.get(event.stream)
    if (seq === undefined) {
      const row = yield * one<{ last: number }>('SELECT coalesce(max(seq), 0) AS last FROM stream_events WHERE stream = ?', event.stream)
      seq = row!.last
    }
    seq += 1
    positions.set(event.stream, seq)
    yield * run('INSERT INTO stream_events (stream, seq, name, data, job_id, final, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      event.stream, seq, event.name, event.data, event.job_id, event.final ? 1 : 0, now)
    tx.streamed(event.stream, [{ ...event, seq, at: now }])
  }
  const system = positions.get(SYSTEM_STREAM)
  if (system !== undefined && system > SYSTEM_EVENTS_KEPT) {
    yield * run('DELETE FROM stream_events WHERE stream = ? AND seq <= ?', SYSTEM_STREAM, system - SYSTEM_EVENTS_KEPT)
  }
}
