// A job that nobody has to know: for the benchmarks of the queue.
import { newId } from '../src/core/ids.ts'
import type { NewJob } from '../src/core/model.ts'

export const newJob = (): NewJob => {
  const now = Date.now()
  return {
    id: newId(),
    kind: 'agent',
    queue: 'agents',
    name: 'bench',
    agent: null,
    session_id: null,
    lane: null,
    dedupe_key: null,
    priority: 'normal',
    payload: { v: 1, input: { amount: 1 } },
    run_at: now,
    max_attempts: 3,
    timeout_ms: 60_000,
    source: 'bench',
    created_at: now
  }
}
