// What is due from time to time: one process makes its job, and the others see that it was made.
import type { NewJob } from '../../core/model.ts'
import { one, run, type Operation, type Tx } from '../statement.ts'
import { enqueue } from './jobs.ts'

/** Answers when it is due next. */
export function * chore (tx: Tx, { name, now, every_ms: every, job }: { name: string, now: number, every_ms: number, job: NewJob }): Operation<number> {
  const known = yield * one<{ next_at: number }>('SELECT next_at FROM chores WHERE name = ?', name)
  // A clock that was set back must not keep it waiting for longer than a period.
  if (known !== undefined && known.next_at > now && known.next_at <= now + every) return known.next_at
  yield * run('INSERT INTO chores (name, next_at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at', name, now + every)
  if (known !== undefined) yield * enqueue(tx, { jobs: [job] })
  return now + every
}
