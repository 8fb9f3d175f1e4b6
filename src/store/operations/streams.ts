// Streams: what is appended with its cause, and how it is read.
import { SYSTEM_STREAM, type NewStreamEvent, type StreamEvent } from '../../core/model.ts'
import { all, one, run, runEach, type Operation, type SqlValue, type Tx } from '../statement.ts'
import { bodyOf, chunksOf, eventsOf, LARGEST_CHUNK, type ChunkRow } from './chunks.ts'

const SYSTEM_EVENTS_KEPT = 10_000
/** Old events of the system stream go in portions: a statement a batch for one row would cost more than the row. */
const SYSTEM_EVENTS_PORTION = 64

/** Appends events of one job: to the stream of its session, or, at the end of the batch, to that of the system. */
export function * appendEventsOf (tx: Tx, events: NewStreamEvent[], now: number): Operation<void> {
  for (const stream of new Set(events.map((event) => event.stream))) {
    const own = events.filter((event) => event.stream === stream)
    if (stream === SYSTEM_STREAM) tx.system.push(...own)
    else yield * appendToSession(tx, stream, own, now)
  }
}

/** Appends events to the stream of a session and counts them there. What comes for a deleted session is dropped. */
export function * appendToSession (tx: Tx, session: string, events: NewStreamEvent[], now: number): Operation<void> {
  if (events.length === 0) return
  const row = yield * one<{ position: number }>(
    'UPDATE sessions SET position = position + ? WHERE id = ? RETURNING position', events.length, session)
  if (row !== undefined) yield * writeChunks(tx, events, row.position - events.length, now)
}

/** The counter's row is locked from here to the commit: positions become visible in their order. */
export function * appendToSystem (tx: Tx, events: NewStreamEvent[], now: number): Operation<void> {
  if (events.length === 0) return
  const { value: end } = (yield * one<{ value: number }>(
    `INSERT INTO counters (name, value) VALUES ('position:system', ?)
     ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value`, events.length))!
  const last = end - events.length
  yield * writeChunks(tx, events, last, now)
  if (Math.floor(last / SYSTEM_EVENTS_PORTION) !== Math.floor(end / SYSTEM_EVENTS_PORTION)) {
    const upTo = end - SYSTEM_EVENTS_KEPT
    yield * run('DELETE FROM stream_chunks WHERE stream = ? AND seq <= ? AND seq + events - 1 <= ?', SYSTEM_STREAM, upTo, upTo)
  }
}

/** Events of one stream, behind position `after`, which the caller has reserved. */
export function * writeChunks (tx: Tx, events: NewStreamEvent[], after: number, now: number): Operation<void> {
  let seq = after
  const rows: SqlValue[][] = []
  for (const chunk of chunksOf(events)) {
    const { stream, job_id: jobId } = chunk[0]!
    rows.push([stream, seq + 1, chunk.length, jobId, now, bodyOf(chunk)])
    tx.streamed(stream, chunk.map((event) => {
      seq += 1
      return { ...event, seq, at: now }
    }))
  }
  yield * runEach('INSERT INTO stream_chunks (stream, seq, events, job_id, at, body) VALUES (?, ?, ?, ?, ?, ?)', rows)
}

export function * readEvents (
  _tx: Tx, { stream, after, limit }: { stream: string, after: number, limit: number }
): Operation<StreamEvent[]> {
  const rows = yield * all<ChunkRow>(
    // The next event may stand inside a chunk that begins before it.
    'SELECT seq, job_id, at, body FROM stream_chunks WHERE stream = ? AND seq > ? AND seq + events - 1 > ? ORDER BY seq LIMIT ?',
    stream, after - LARGEST_CHUNK, after, limit)
  const events: StreamEvent[] = []
  for (const row of rows) {
    for (const event of eventsOf(stream, row)) if (event.seq > after) events.push(event)
    if (events.length >= limit) break
  }
  return events.length > limit ? events.slice(0, limit) : events
}

export function * streamEnds (_tx: Tx, streams: string[]): Operation<Record<string, number>> {
  const rows = yield * all<{ id: string, position: number }>(
    'SELECT id, position FROM sessions WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(streams))
  const ends = Object.fromEntries(rows.map(({ id, position }) => [id, position]))
  if (!streams.includes(SYSTEM_STREAM)) return ends
  const system = yield * one<{ value: number }>("SELECT value FROM counters WHERE name = 'position:system'")
  return { ...ends, [SYSTEM_STREAM]: system?.value ?? 0 }
}

export function * streamRange (_tx: Tx, stream: string): Operation<{ first: number, last: number }> {
  return (yield * one<{ first: number, last: number }>(
    `SELECT (SELECT coalesce(min(seq), 0) FROM stream_chunks WHERE stream = ?) AS first,
       coalesce((SELECT seq + events - 1 FROM stream_chunks WHERE stream = ? ORDER BY seq DESC LIMIT 1), 0) AS last`, stream, stream))!
}

export function * hasSaid (_tx: Tx, { stream, job_id: jobId }: { stream: string, job_id: string }): Operation<boolean> {
  // From the end: what it said is not far from there.
  const row = yield * one(
    `SELECT 1 FROM stream_chunks WHERE stream = ? AND job_id = ? AND instr(? || body, ?) > 0
     ORDER BY seq DESC LIMIT 1`, stream, jobId, '\n', '\nmessage\t0\t')
  return row !== undefined
}
