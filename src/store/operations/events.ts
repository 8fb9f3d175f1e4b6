// Events from outside, stored with the jobs that they cause in one commit.
import type { Json, NewJob, ResourceChange, StoreEvent } from '../../core/model.ts'
import type { RecordedEvent, RecordEvent } from '../../core/store.ts'
import { one, run, type Operation, type Tx } from '../statement.ts'
import { enqueue, enqueueNewest, jobsOfEvent } from './jobs.ts'

export function * recordEvent (tx: Tx, { event, jobs, change, echo = false, coalesce = false }: RecordEvent): Operation<RecordedEvent> {
  const twin = event.delivery === null ? undefined : yield * one<{ id: string }>('SELECT id FROM events WHERE delivery = ?', event.delivery)
  if (twin !== undefined) {
    const known = yield * jobsOfEvent(tx, twin.id)
    return { event_id: twin.id, jobs: known.map(({ id }) => ({ id, deduplicated: true })), ignored: null }
  }
  const wanted = change === undefined ? jobs : yield * wantedJobs(event, echo ? [] : jobs, change)
  const ignored = echo ? 'echo' : jobs.length > 0 && wanted.length === 0 ? 'stale' : null
  yield * run('INSERT INTO events (id, type, data, timestamp, source, delivery, received_at, ignored) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    event.id, event.type, JSON.stringify(event.data), event.timestamp, event.source, event.delivery, event.received_at, ignored)
  tx.count('events', 1)
  return { event_id: event.id, jobs: yield * (coalesce ? enqueueNewest(tx, wanted) : enqueue(tx, { jobs: wanted })), ignored }
}

/** Those of agents that have not been told of a newer state of the same thing. */
function * wantedJobs (event: RecordEvent['event'], jobs: NewJob[], change: ResourceChange): Operation<NewJob[]> {
  if (event.source === 'shopify') {
    yield * run('INSERT INTO webhook_topics (topic, first_at, checked_to) VALUES (?, ?, ?) ON CONFLICT (topic) DO NOTHING',
      event.type, event.received_at, event.received_at)
  }
  yield * isNews(change, STORE, event.received_at)
  const wanted: NewJob[] = []
  for (const job of jobs) if (yield * isNews(change, job.agent ?? STORE, event.received_at)) wanted.push(job)
  return wanted
}

const STORE = ''

/** Notes the state, unless the reader knows a newer one. The same state again is news: it may be another topic. */
function * isNews ({ resource, at }: ResourceChange, reader: string, now: number): Operation<boolean> {
  const row = yield * one(
    `INSERT INTO changes_seen (resource, reader, changed_at, seen_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (resource, reader) DO UPDATE SET changed_at = excluded.changed_at, seen_at = excluded.seen_at
       WHERE changes_seen.changed_at <= excluded.changed_at RETURNING changed_at`, resource, reader, at, now)
  return row !== undefined
}

export function * getEvent (_tx: Tx, id: string): Operation<StoreEvent | undefined> {
  const row = yield * one<Omit<StoreEvent, 'data'> & { data: string }>('SELECT * FROM events WHERE id = ?', id)
  return row === undefined ? undefined : { ...row, data: JSON.parse(row.data) as Json }
}
