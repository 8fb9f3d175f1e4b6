// What a batch of operations writes at its end, once for all of them: the system stream, with its word of the jobs that moved, and counters.
// These are rows that every batch wants: they are taken last and held for the commit alone.
import { SYSTEM_STREAM, type NewStreamEvent } from '../../core/model.ts'
import { run, runEach, type Operation, type Tx } from '../statement.ts'
import { appendToSystem } from './streams.ts'

const CHANGES_PER_EVENT = 100

export function * finishBatch (tx: Tx, now: number): Operation<void> {
  const { counters, changes } = tx.summary
  const events: NewStreamEvent[] = [...tx.system]
  for (let at = 0; at < changes.length; at += CHANGES_PER_EVENT) {
    const data = JSON.stringify({ type: 'jobs', changes: changes.slice(at, at + CHANGES_PER_EVENT), at: new Date(now).toISOString() })
    events.push({ stream: SYSTEM_STREAM, name: 'jobs', data, job_id: null, final: false })
  }
  yield * appendToSystem(tx, events, now)
  if (counters.length > 0) {
    yield * run(`INSERT INTO counters (name, value) VALUES ${pairs(counters.length)}
      ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value`, ...counters.flat())
  }
  yield * writeAgentsWell(tx)
}

export function * writeAgentsWell (tx: Tx): Operation<void> {
  yield * runEach(
    `INSERT INTO agents (name, last_success_at) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET consecutive_failures = 0, last_success_at = excluded.last_success_at`,
    [...tx.agentsWell].sort(([a], [b]) => a < b ? -1 : 1))
  tx.agentsWell.clear()
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
