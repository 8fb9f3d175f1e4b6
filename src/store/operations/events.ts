// Events from outside, stored with the jobs that they cause in one commit.
import type { Json, NewJob, StoreEvent } from '../../core/model.ts'
import { one, run, type Operation, type Tx } from '../statement.ts'
import { enqueue, jobsOfEvent } from './jobs.ts'

export function * recordEvent (
  tx: Tx, { event, jobs }: { event: StoreEvent, jobs: NewJob[] }
): Operation<{ event_id: string, jobs: Array<{ id: string, deduplicated: boolean }> }> {
  const twin = event.delivery === null ? undefined : yield * one<{ id: string }>('SELECT id FROM events WHERE delivery = ?', event.delivery)
  if (twin !== undefined) {
    const known = yield * jobsOfEvent(tx, twin.id)
    return { event_id: twin.id, jobs: known.map(({ id }) => ({ id, deduplicated: true })) }
  }
  yield * run('INSERT INTO events (id, type, data, timestamp, source, delivery, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    event.id, event.type, JSON.stringify(event.data), event.timestamp, event.source, event.delivery, event.received_at)
  tx.count('events', 1)
  return { event_id: event.id, jobs: yield * enqueue(tx, { jobs }) }
}

export function * getEvent (_tx: Tx, id: string): Operation<StoreEvent | undefined> {
  const row = yield * one<Omit<StoreEvent, 'data'> & { data: string }>('SELECT * FROM events WHERE id = ?', id)
  return row === undefined ? undefined : { ...row, data: JSON.parse(row.data) as Json }
}
