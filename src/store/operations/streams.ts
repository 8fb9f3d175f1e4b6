// Reading streams; they are written where their cause is written.
import type { StreamEvent } from '../../core/model.ts'
import { all, one, type Operation, type Tx } from '../statement.ts'

export function * readEvents (
  _tx: Tx, args: { stream: string, after: number, limit: number }
): Operation<StreamEvent[]> {
  const rows = yield * all<Omit<StreamEvent, 'final'> & { final: number }>(
    'SELECT stream, seq, name, data, job_id, final, at FROM stream_events WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?',
    args.stream, args.after, args.limit)
  return rows.map((row) => ({ ...row, final: row.final === 1 }))
}

export function * streamRange (_tx: Tx, stream: string): Operation<{ first: number, last: number }> {
  return (yield * one<{ first: number, last: number }>(
    `SELECT (SELECT coalesce(min(seq), 0) FROM stream_events WHERE stream = ?) AS first,
       (SELECT coalesce(max(seq), 0) FROM stream_events WHERE stream = ?) AS last`, stream, stream))!
}
