// What was said in pieces: an address that two deltas share is in neither of them. The pieces of a reply are put together, and where the whole holds
// something, the first piece becomes the clean whole and the others are empty: positions stay, and the deltas still add up to the message.
import type { Redactor } from '../../core/privacy/person.ts'
import { all, run, type Operation, type SqlValue } from '../statement.ts'

interface Chunk { seq: number, job_id: string | null, body: string }

/** Looks at the streams of which the portion holds chunks. Answers how many chunks were changed. */
export function * redactDeltas (rows: Array<Record<string, SqlValue>>, redactor: Redactor): Operation<number> {
  let changed = 0
  for (const stream of new Set(rows.map((row) => row['stream'] as string))) {
    // The system's stream holds no replies.
    if (stream === 'system') continue
    const chunks = yield * all<Chunk>('SELECT seq, job_id, body FROM stream_chunks WHERE stream = ? ORDER BY seq', stream)
    for (const job of new Set(chunks.map((chunk) => chunk.job_id))) {
      const own = chunks.filter((chunk) => chunk.job_id === job).map((chunk) => ({ seq: chunk.seq, lines: chunk.body.split('\n').map(lineOf) }))
      const deltas = own.flatMap(({ lines }) => lines.filter(({ delta }) => delta !== undefined))
      const whole = deltas.map(({ delta }) => delta!.content).join('')
      const clean = redactor.text(whole)
      if (clean === whole) continue
      for (const [index, line] of deltas.entries()) line.data = JSON.stringify({ ...line.delta, content: index === 0 ? clean : '' })
      for (const { seq, lines } of own) {
        yield * run('UPDATE stream_chunks SET body = ? WHERE stream = ? AND seq = ?', lines.map(({ head, data }) => head + data).join('\n'), stream, seq)
        changed += 1
      }
    }
  }
  return changed
}

/** Of a line of a chunk: name and final with their tabs, and the JSON behind them. */
export const partsOf = (line: string): { head: string, data: string } => {
  const at = line.indexOf('\t', line.indexOf('\t') + 1) + 1
  return { head: line.slice(0, at), data: line.slice(at) }
}

const lineOf = (line: string): { head: string, data: string, delta: { content: string } | undefined } => {
  const { head, data } = partsOf(line)
  const value = JSON.parse(data) as { type?: string, content?: unknown }
  return { head, data, delta: value.type === 'delta' && typeof value.content === 'string' ? value as { content: string } : undefined }
}
