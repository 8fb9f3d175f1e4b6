// Reading requests and sending JSON: the little that the handlers share.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

const MOST_BYTES = 12 * 1024 * 1024

export const readText = async (request: IncomingMessage): Promise<string> => {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > MOST_BYTES) throw new Error(`a request of more than ${MOST_BYTES} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** The body as a JSON object; undefined when it is none. */
export const readObject = async (request: IncomingMessage): Promise<Record<string, unknown> | undefined> => {
  try {
    const value = JSON.parse(await readText(request)) as unknown
    return isObject(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const urlOf = (request: IncomingMessage): URL => new URL(request.url ?? '/', 'http://sandbox')

export const sendJson = (response: ServerResponse, status: number, body: unknown, headers: OutgoingHttpHeaders = {}): void => {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

/** The token of `Authorization: Bearer ...` (GitHub takes `token ...` too); undefined without one. */
export const bearerOf = (request: IncomingMessage): string | undefined =>
  /^(?:bearer|token) +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
