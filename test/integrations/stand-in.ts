// A server on loopback that speaks as the test says, and remembers what it was asked.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { FakeClock } from '../helpers/fake-clock.ts'

export interface Seen {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  /** Parsed JSON, else text; undefined without a body. */
  body: unknown
}

export interface StandIn {
  url: string
  seen: Seen[]
  /** Forgets what was asked. */
  forget (): void
}

export type Answerer = (request: Seen, response: ServerResponse) => void | Promise<void>

export const standIn = async (t: Test, answer: Answerer): Promise<StandIn> => {
  const seen: Seen[] = []
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const url = new URL(incoming.url ?? '/', 'http://stand-in')
    const request: Seen = {
      method: incoming.method ?? '', path: url.pathname, query: url.searchParams, headers: incoming.headers, body: parsed(Buffer.concat(chunks).toString())
    }
    seen.push(request)
    await answer(request, response)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, forget () { seen.length = 0 } }
}

/** Waits for a call whose retries pause for 0 ms: timers that are due run, and no time passes. */
export const timeless = async <T>(clock: FakeClock, call: Promise<T>): Promise<T> => {
  const ended = call.then(() => true, () => true)
  while (!await Promise.race([ended, clock.advance(0).then(() => false)]));
  return await call
}

export const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

const parsed = (text: string): unknown => {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
