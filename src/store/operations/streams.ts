// Reading streams; they are written where their cause is written.
import type { StreamEvent } from '../../core/model.ts'
import { all, one, type Operation, type Tx } from '../statement.ts'

export function * readEvents (
  _tx: Tx, args: { stream: string, after: number, limit: number }
): Operation<StreamEvent[]> {
  // The stream's own name is in every row, and a replay reads many.
  const rows = yield * all<Omit<StreamEvent, 'final' | 'stream'> & { final: number }>(
    'SELECT seq, name, data, job_id, final, at FROM stream_events WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?',
    args.stream, args.after, args.limit)
  return rows.map(({ seq, name, data, job_id: jobId, final, at }) => ({ stream: args.stream, seq, name, data, job_id: jobId, final: final === 1, at }))
}

export function * streamRange (_tx: Tx, stream: string): Operation<{ first: number, last: number }> {
  return (yield * one<{ first: number, last: number }>(
    `SELECT (SELECT coalesce(min(seq), 0) FROM stream_events WHERE stream = ?) AS first,
       (SELECT coalesce(max(seq), 0) FROM stream_events WHERE stream = ?) AS last`, stream, stream))!
}

export function * hasSaid (_tx: Tx, { stream, job_id: jobId }: { stream: string, job_id: string }): Operation<boolean> {
  // From the end: what it said is not far from there.
  const row = yield * one(
    `SELECT 1 FROM stream_events WHERE stream = ? AND job_id = ? AND name = 'message' AND final = 0
     ORDER BY seq DESC LIMIT 1`, stream, jobId)
  return row !== undefined
}
