// Takes hold of an answer while a handler writes it, so that a fault can spoil it afterwards.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Handler } from '../upstreams.ts'

export interface Captured {
  status: number
  /** Headers stay set on the response. */
  body: Buffer
}

type Callback = (error?: Error | null) => void

/** Lets the handler answer and keeps its answer from the wire: the request takes effect, nothing is sent. `closed`: the caller has left. */
export const capture = async (request: IncomingMessage, response: ServerResponse, handle: Handler, closed: AbortSignal): Promise<Captured> => {
  const pieces: Buffer[] = []
  let status = 200
  const ended = new Promise<void>((resolve) => {
    closed.addEventListener('abort', () => { resolve() }, { once: true })
    const take = (chunk: unknown, encoding?: unknown, callback?: unknown): void => {
      if (typeof chunk === 'string') pieces.push(Buffer.from(chunk, typeof encoding === 'string' ? encoding as BufferEncoding : 'utf8'))
      else if (chunk instanceof Uint8Array) pieces.push(Buffer.from(chunk))
      const done = [chunk, encoding, callback].find((argument) => typeof argument === 'function') as Callback | undefined
      if (done !== undefined) queueMicrotask(() => { done() })
    }
    Object.assign(response, {
      writeHead (code: number, ...rest: unknown[]) {
        status = code
        const headers = rest.find((argument) => typeof argument === 'object' && argument !== null) as OutgoingHttpHeaders | undefined
        for (const [name, value] of Object.entries(headers ?? {})) if (value !== undefined) response.setHeader(name, value)
        return response
      },
      flushHeaders () {},
      write (...args: unknown[]) {
        take(args[0], args[1], args[2])
        return true
      },
      end (...args: unknown[]) {
        take(args[0], args[1], args[2])
        resolve()
        return response
      }
    })
  })
  try {
    await handle(request, response)
    await ended
  } finally {
    // The class's own methods show again.
    for (const name of ['writeHead', 'flushHeaders', 'write', 'end'] as const) Reflect.deleteProperty(response, name)
  }
  return { status: status === 200 ? response.statusCode : status, body: Buffer.concat(pieces) }
}

/** Lets `bytes` of the body out, then ends the connection in the middle of its chunks. */
export const cutAfter = (response: ServerResponse, bytes: number): void => {
  const write = response.write.bind(response) as (chunk: Buffer, callback?: Callback) => boolean
  const writeHead = response.writeHead.bind(response) as (status: number, headers: OutgoingHttpHeaders) => ServerResponse
  let left = bytes
  let over = false
  const pass = (chunk: unknown): boolean => {
    if (over || (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))) return true
    const buffer = Buffer.from(chunk as string)
    if (buffer.length < left) {
      left -= buffer.length
      return write(buffer)
    }
    over = true
    return write(buffer.subarray(0, left), () => { response.socket?.destroySoon() })
  }
  Object.assign(response, {
    writeHead (status: number, headers: OutgoingHttpHeaders = {}) {
      const { 'content-length': _length, ...rest } = headers
      response.removeHeader('content-length')
      return writeHead(status, rest)
    },
    write: (chunk: unknown) => pass(chunk),
    end (chunk: unknown) {
      pass(chunk)
      // A body that is shorter than the cut ends without its last chunk all the same.
      if (!over) response.socket?.destroySoon()
      over = true
      return response
    }
  })
}
