// Does to one request what its fault says.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendJson } from '../http.ts'
import type { Handler, UpstreamName } from '../upstreams.ts'
import { capture, cutAfter, type Captured } from './answers.ts'
import { errorBody } from './error-bodies.ts'
import type { Fault, FaultOf } from './kinds.ts'

export interface Scene {
  upstream: UpstreamName
  request: IncomingMessage
  response: ServerResponse
  /** Answers as if there were no fault. */
  handle: Handler
  /** Origin of the listener that nobody should ever be sent to. */
  elsewhere: string
  /** Tells the log until when the answer asks to wait, where its headers do not say. */
  told: (until: number) => void
  now: () => number
  /** Aborted when the connection has closed. */
  closed: AbortSignal
}

const RETRY_AFTER_S = 30
const THROTTLED_WAIT_MS = 2_000
/** Points a second that the fault claims to restore: those of Shopify's standard plan. */
const RESTORE_RATE = 100
const DRIP_MS = 1_000
const FLOOD_MB = 130

export const inflict = async (fault: Fault, scene: Scene): Promise<void> => {
  const { request, response, handle, upstream, closed } = scene
  if (fault.after_effect === true && fault.kind !== 'truncated' && fault.kind !== 'drip' && fault.kind !== 'latency') {
    await capture(request, response, handle, closed)
    for (const name of response.getHeaderNames()) response.removeHeader(name)
  }
  // An answer without a body (304) could be neither cut nor dripped.
  if (fault.kind === 'truncated' || fault.kind === 'drip') delete request.headers['if-none-match']
  switch (fault.kind) {
    case 'latency':
      await pause(fault.ms, closed)
      return closed.aborted ? undefined : await handle(request, response)
    case 'too_many_requests': return tooMany(fault, scene)
    case 'throttled': return throttled(fault, scene)
    case 'status': {
      const status = fault.status ?? 500
      return sendJson(response, status, errorBody(upstream, status))
    }
    case 'reset': {
      request.socket.resetAndDestroy()
      return
    }
    // The socket is the caller's to give up; the server's own timeouts are off.
    case 'silent': return
    case 'garbage': return garbage(fault, response)
    case 'truncated': return await truncated(fault, scene)
    case 'drip': return await drip(fault, scene)
    case 'flood': return await flood(fault, response, closed)
    case 'redirect': {
      response.writeHead(302, { location: fault.to ?? `${scene.elsewhere}${request.url ?? '/'}`, 'content-length': 0 })
      response.end()
    }
  }
}

const tooMany = (fault: FaultOf<'too_many_requests'>, { upstream, response, now }: Scene): void => {
  const status = fault.status ?? 429
  const { retry_after: form = 'seconds', seconds = RETRY_AFTER_S } = fault
  const header = {
    seconds: String(seconds),
    // A date has whole seconds: rounded up, so that nobody who obeys it comes too early.
    date: new Date(Math.ceil(now() / 1000) * 1000 + seconds * 1000).toUTCString(),
    garbage: 'in a while; ask again, maybe -1e9',
    none: undefined
  }[form]
  // Set, not only written: the log of requests reads it.
  if (header !== undefined) response.setHeader('retry-after', header)
  sendJson(response, status, errorBody(upstream, status, 'limit'))
}

const throttled = (fault: FaultOf<'throttled'>, { response, told, now }: Scene): void => {
  const waitMs = fault.wait_ms ?? THROTTLED_WAIT_MS
  told(now() + waitMs)
  sendJson(response, 200, {
    errors: [{
      message: 'Throttled',
      extensions: { code: 'THROTTLED', documentation: 'https://shopify.dev/api/usage/rate-limits' }
    }],
    extensions: {
      cost: {
        requestedQueryCost: Math.ceil(waitMs / 1000 * RESTORE_RATE),
        actualQueryCost: null,
        throttleStatus: { maximumAvailable: 2000, currentlyAvailable: 0, restoreRate: RESTORE_RATE }
      }
    }
  })
}

const garbage = ({ form = 'json' }: FaultOf<'garbage'>, response: ServerResponse): void => {
  switch (form) {
    case 'json':
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      response.end('{"data":{"shop":{"name":"Roy')
      return
    case 'bytes':
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      // Neither UTF-8 nor JSON.
      response.end(Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 151 + 128) % 256)))
      return
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      response.end('<!doctype html><title>Sign in to the network</title><h1>Welcome to our Wi-Fi</h1>')
  }
}

const truncated = async (fault: FaultOf<'truncated'>, { request, response, handle, closed }: Scene): Promise<void> => {
  if (fault.form === 'chunked') {
    cutAfter(response, fault.after_bytes ?? 64)
    return await handle(request, response)
  }
  const answer = await capture(request, response, handle, closed)
  const sent = Math.min(fault.after_bytes ?? answer.body.length >> 1, Math.max(answer.body.length - 1, 0))
  writeHead(response, answer)
  // Ended by FIN, not by RST: only the length tells that something is missing.
  response.write(answer.body.subarray(0, sent), () => { request.socket.destroySoon() })
}

const drip = async (fault: FaultOf<'drip'>, { request, response, handle, closed }: Scene): Promise<void> => {
  const answer = await capture(request, response, handle, closed)
  writeHead(response, answer)
  response.flushHeaders()
  for (const byte of answer.body) {
    await pause(fault.ms ?? DRIP_MS, closed)
    if (closed.aborted) return
    response.write(Buffer.of(byte))
  }
  response.end()
}

const writeHead = (response: ServerResponse, { status, body }: Captured): void => {
  response.removeHeader('transfer-encoding')
  response.setHeader('content-length', body.length)
  response.writeHead(status)
}

const MEGABYTE = 1_000_000

const flood = async (fault: FaultOf<'flood'>, response: ServerResponse, closed: AbortSignal): Promise<void> => {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
  response.write('{"data":"')
  const piece = Buffer.alloc(64 * 1024, 'sandbox ')
  for (let left = (fault.megabytes ?? FLOOD_MB) * MEGABYTE; left > 0 && !closed.aborted; left -= piece.length) {
    if (!response.write(piece.subarray(0, Math.min(left, piece.length)))) await drained(response, closed)
  }
  response.end('"}')
}

const drained = (response: ServerResponse, closed: AbortSignal): Promise<void> => new Promise((resolve) => {
  const done = (): void => {
    response.off('drain', done)
    closed.removeEventListener('abort', done)
    resolve()
  }
  if (closed.aborted) return resolve()
  response.once('drain', done)
  closed.addEventListener('abort', done, { once: true })
})

/** Ends early, without an error, when the signal is aborted. */
const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await sleep(ms, undefined, { signal }).catch(() => {})
}
