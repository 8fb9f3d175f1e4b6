// Figures about the store itself.
import { PRIORITIES } from '../../core/model.ts'
import type { JobKind, JobQueue, JobStatus } from '../../core/model.ts'
import type { StoreStats } from '../../core/store.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'

export function * stats (_tx: Tx, now: number): Operation<Omit<StoreStats, 'size_bytes'>> {
  const counters = new Map((yield * all<{ name: string, value: number }>('SELECT name, value FROM counters')).map((row) => [row.name, row.value]))
  const jobs = [...counters].filter(([name]) => name.startsWith('jobs:')).map(([name, count]) => {
    const [, kind, status] = name.split(':')
    return { kind: kind as JobKind, status: status as JobStatus, count }
  })
  return {
    sessions: counters.get('sessions') ?? 0,
    messages: counters.get('messages') ?? 0,
    events: counters.get('events') ?? 0,
    jobs,
    oldest_ready: {
      replies: yield * oldestReady('replies', now), agents: yield * oldestReady('agents', now), deliveries: yield * oldestReady('deliveries', now)
    }
  }
}

/** One look into the index a priority, however long the queue is. */
function * oldestReady (queue: JobQueue, now: number): Operation<number | null> {
  let oldest: number | null = null
  for (let priority = 0; priority < PRIORITIES.length; priority++) {
    const row = yield * one<{ at: number }>(
      "SELECT run_at AS at FROM jobs WHERE status = 'queued' AND queue = ? AND priority = ? AND run_at <= ? ORDER BY run_at LIMIT 1",
      queue, priority, now)
    if (row !== undefined && (oldest === null || row.at < oldest)) oldest = row.at
  }
  return oldest
}

export function * probe (_tx: Tx, now: number): Operation<void> {
  yield * run("INSERT INTO heartbeats (name, at) VALUES ('readiness', ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at", now)
}
