// What a batch of operations writes at its end, once for all of them: counters, and the system stream's word of the jobs that moved.
import { SYSTEM_STREAM, type NewStreamEvent } from '../../core/model.ts'
import { run, type Operation, type Tx } from '../statement.ts'
import { appendToSystem } from './streams.ts'

const CHANGES_PER_EVENT = 100

export function * finishBatch (tx: Tx, now: number): Operation<void> {
  const { counters, changes } = tx.summary
  if (counters.length > 0) {
    yield * run(`INSERT INTO counters (name, value) VALUES ${pairs(counters.length)}
      ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value`, ...counters.flat())
  }
  const events: NewStreamEvent[] = []
  for (let at = 0; at < changes.length; at += CHANGES_PER_EVENT) {
    const data = JSON.stringify({ type: 'jobs', changes: changes.slice(at, at + CHANGES_PER_EVENT), at: new Date(now).toISOString() })
    events.push({ stream: SYSTEM_STREAM, name: 'jobs', data, job_id: null, final: false })
  }
  yield * appendToSystem(tx, events, now)
}

/** Placeholders of so many pairs; each text is made once, so that its statement stays prepared. */
const pairs = (count: number): string => {
  const known = pairTexts.get(count)
  if (known !== undefined) return known
  const text = Array.from({ length: count }, () => '(?, ?)').join(', ')
  pairTexts.set(count, text)
  return text
}

const pairTexts = new Map<number, string>()
