// Reads the body of an answer, never more of it than its cap.
import type { Dispatcher } from 'undici'
import { UpstreamError, withoutData } from './errors.ts'
import type { Limits } from './limits.ts'

interface Cap {
  dependency: string
  host: string
  maxBytes: number
  limits: Pick<Limits, 'alive' | 'rest'>
}

/** The whole body. @throws UpstreamError; what breaks the connection is thrown as an answer that broke off. */
export const readText = async (response: Dispatcher.ResponseData, cap: Cap): Promise<{ text: string, bytes: number }> => {
  const chunks: Buffer[] = []
  for await (const chunk of capped(response, cap)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  return { text: decoded(bytes, cap), bytes: bytes.length }
}

/** The lines of the body as they come, without their ends and without empty ones. */
export async function * readLines (response: Dispatcher.ResponseData, cap: Cap): AsyncIterable<string> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of capped(response, cap)) {
    let from = 0
    for (let at = chunk.indexOf(LINE_END); at !== -1; at = chunk.indexOf(LINE_END, from)) {
      const piece = chunk.subarray(from, at)
      const line = decoded(rest.length === 0 ? piece : Buffer.concat([rest, piece]), cap)
      rest = Buffer.alloc(0)
      from = at + 1
      if (line.trim() !== '') yield line
    }
    // A line end cannot stand inside a character of UTF-8, so lines are put together as bytes.
    const left = chunk.subarray(from)
    rest = rest.length === 0 ? left : Buffer.concat([rest, left])
    if (rest.length > LONGEST_LINE) throw tooLarge(cap, LONGEST_LINE, 'A line')
  }
  const last = decoded(rest, cap)
  if (last.trim() !== '') yield last
}

/** Reads no further and closes the connection. Without a listener, the error of the cut would end the process. */
export const discard = ({ body }: Dispatcher.ResponseData): void => {
  body.on('error', () => {})
  body.destroy()
}

const BREATH_BYTES = 256 * 1024
const LINE_END = 0x0a
const LONGEST_LINE = 4 * 2 ** 20

async function * capped (response: Dispatcher.ResponseData, cap: Cap): AsyncIterable<Buffer> {
  const { headers } = response
  const { dependency, host, maxBytes, limits } = cap
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    discard(response)
    throw new UpstreamError(dependency, 'upstream_answer_invalid', `${host} packs its answer although it was not asked to.`)
  }
  // What announces itself as too large is not read at all.
  if (Number(headers['content-length'] ?? 0) > maxBytes) {
    discard(response)
    throw tooLarge(cap, maxBytes, 'The answer')
  }
  let bytes = 0
  let breathedAt = 0
  try {
    for await (const piece of piecesOf(response)) {
      limits.rest()
      // A flood comes faster than it is read: without a pause nothing else would get its turn.
      if (bytes - breathedAt >= BREATH_BYTES) {
        breathedAt = bytes
        await new Promise((resolve) => { setImmediate(resolve) })
      }
      bytes += piece.length
      if (bytes > maxBytes) throw tooLarge(cap, maxBytes, 'The answer')
      yield piece
      limits.alive()
    }
  } catch (error) {
    if (error instanceof UpstreamError) throw error
    throw new UpstreamError(dependency, 'upstream_answer_invalid', `The answer of ${host} broke off after ${bytes} bytes.`, { cause: withoutData(error) })
  }
}

/**
 * The body as the socket gives it; closes the connection when it is left early. The stream's own iterator copies whatever waits in its buffer into one
 * new piece each time. That memory lies outside of the heap, and for every 32 MiB of it V8 marks the whole heap: pauses that all requests feel.
 */
async function * piecesOf (response: Dispatcher.ResponseData): AsyncIterable<Buffer> {
  const { body } = response
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let end: { error?: unknown } | undefined
  let wake = (): void => {}
  const ended = (how: { error?: unknown }): void => {
    end ??= how
    wake()
  }
  body.on('data', (piece: Buffer) => {
    waiting.push(piece)
    waitingBytes += piece.length
    if (waitingBytes >= BREATH_BYTES) body.pause()
    wake()
  })
  body.once('end', () => { ended({}) })
  body.once('error', (error) => { ended({ error }) })
  body.once('close', () => { ended({ error: new Error('closed before its end') }) })
  try {
    for (;;) {
      const pieces = waiting
      waiting = []
      waitingBytes = 0
      yield * pieces
      if (waiting.length > 0) continue
      if (end !== undefined) break
      const woken = new Promise<void>((resolve) => { wake = resolve })
      body.resume()
      await woken
    }
    if (end.error !== undefined) throw end.error
  } finally {
    if (end === undefined || end.error !== undefined) discard(response)
  }
}

const tooLarge = ({ dependency, host }: Cap, limit: number, what: string): UpstreamError =>
  new UpstreamError(dependency, 'upstream_answer_too_large', `${what} of ${host} is larger than ${limit} bytes.`)

const decoder = new TextDecoder('utf-8', { fatal: true })

const decoded = (bytes: Buffer, { dependency, host }: Cap): string => {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new UpstreamError(dependency, 'upstream_answer_invalid', `The answer of ${host} is not UTF-8.`, { cause })
  }
}
