// Streams on disk: the events of one append are one row. A line an event: name, 0 or 1 for final, and the data, between tabs.
// The data is JSON text, which has no raw tabs or line ends.
import type { NewStreamEvent, StreamEvent } from '../../core/model.ts'

export interface ChunkRow {
  /** Position of its first event. */
  seq: number
  job_id: string | null
  at: number
  body: string
}

/** Events of one chunk at most: a reader that comes back in the middle of one reads the whole of it. */
export const LARGEST_CHUNK = 64
const LONGEST_BODY = 64 * 1024

/** Neighbours of the same stream and job, in portions. */
export function * chunksOf<E extends NewStreamEvent> (events: E[]): Iterable<E[]> {
  let chunk: E[] = []
  let length = 0
  for (const event of events) {
    const first = chunk[0]
    const full = chunk.length === LARGEST_CHUNK || length + event.data.length > LONGEST_BODY
    if (first !== undefined && (full || first.stream !== event.stream || first.job_id !== event.job_id)) {
      yield chunk
      chunk = []
      length = 0
    }
    chunk.push(event)
    length += event.data.length
  }
  if (chunk.length > 0) yield chunk
}

export const bodyOf = (events: NewStreamEvent[]): string => {
  let body = ''
  for (const { name, final, data } of events) body += `${body === '' ? '' : '\n'}${name}\t${final ? 1 : 0}\t${data}`
  return body
}

export const eventsOf = (stream: string, { seq, job_id: jobId, at, body }: ChunkRow): StreamEvent[] => body.split('\n').map((line, index) => {
  const name = line.indexOf('\t')
  return { stream, seq: seq + index, name: line.slice(0, name), data: line.slice(name + 3), job_id: jobId, final: line[name + 1] === '1', at }
})
