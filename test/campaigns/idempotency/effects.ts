// Reads the store of a server that is gone: what each key has done. Each request carries its key in what it stores.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const MARKS = `
  SELECT content AS mark FROM messages WHERE content LIKE 'message-%'
  UNION ALL SELECT json_extract(data, '$.mark') FROM events WHERE type = 'probe.1'
  UNION ALL SELECT json_extract(payload, '$.input.mark') FROM jobs WHERE kind = 'agent' AND name = 'probe_0'
  UNION ALL SELECT reason FROM freezes
  UNION ALL SELECT id FROM schedules WHERE built_in = 0`

// Jobs that an event caused count as a second effect when there is more than one.
const EXTRA_JOBS = `
  SELECT json_extract(e.data, '$.mark') AS mark FROM events AS e JOIN jobs AS j ON j.source = 'event:' || e.id WHERE e.type = 'probe.1'
  GROUP BY e.id HAVING count(*) <> 1`

const open = (dir: string): DatabaseSync => new DatabaseSync(join(dir, 'orchestrator.sqlite'))

export const effectsOf = (dir: string): { marks: Map<string, number>, sessions: Set<string> } => {
  const database = open(dir)
  const marks = new Map<string, number>()
  for (const row of [...database.prepare(MARKS).all(), ...database.prepare(EXTRA_JOBS).all()]) {
    const mark = String(row['mark'])
    marks.set(mark, (marks.get(mark) ?? 0) + 1)
  }
  const sessions = new Set(database.prepare('SELECT id FROM sessions').all().map((row) => String(row['id'])))
  database.close()
  return { marks, sessions }
}

/** Keys whose effect is there and whose answer is not. */
export const countUnanswered = (dir: string): number => {
  const database = open(dir)
  const count = database.prepare('SELECT count(*) AS count FROM idempotency_keys WHERE effect IS NOT NULL AND status IS NULL').get()!['count']
  database.close()
  return Number(count)
}
