// The fetch that the AI SDK's provider gets: one host, deadlines and a byte cap, made for answers that stream for a minute.
import { request as send, type Dispatcher } from 'undici'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { assertPublicHost } from '../http/addresses.ts'
import { UpstreamError, unreachable, type UpstreamErrorCode } from '../http/errors.ts'
import { createAgent } from '../http/index.ts'
import { createLimits, type Limits } from '../http/limits.ts'

export interface TransportOptions {
  /** Name of the circuit breaker, for errors and the log: it is the caller's to ask. */
  dependency: string
  /** The only origin that is called. */
  origin: string
  /** The configuration names the host itself: it may have a private address. */
  allowPrivate: boolean
  clock: Clock
  log: Logger
  /** For one call, from its start to the last byte. */
  totalMs: number
  /** Without a byte, before the answer begins and within it. */
  idleMs: number
  maxBytes: number
}

export interface Transport {
  /** Text bodies only. @throws UpstreamError, also out of the answer's body, or the reason of the signal. */
  fetch: typeof globalThis.fetch
  /** Ends what is under way. */
  close (): Promise<void>
}

// One for every reply that may be under way; the bulkhead is narrower.
const CONNECTIONS = 256
const LONGEST_REFUSAL = 64 * 1024
const TOLD_HEADERS = ['content-type', 'retry-after']

export const createTransport = (options: TransportOptions): Transport => {
  const { dependency, origin, allowPrivate, clock, log, totalMs, idleMs, maxBytes } = options
  const agent = createAgent(allowPrivate, CONNECTIONS)
  const { host, hostname } = new URL(origin)
  const failure = (code: UpstreamErrorCode, message: string): UpstreamError => new UpstreamError(dependency, code, message)
  const toFailure = (error: unknown): UpstreamError => error instanceof UpstreamError ? error : unreachable(dependency, host, error)

  const fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    if (url.origin !== origin) throw failure('upstream_forbidden_host', `Only ${host} is called.`)
    const { method = 'GET', signal } = init
    const startedAt = clock.monotonic()
    const limits = createLimits(clock, signal ?? new AbortController().signal, {
      totalMs, idleMs, onTimeout: () => failure('upstream_timeout', `${host} did not answer in time.`)
    })
    try {
      if (!allowPrivate) assertPublicHost(hostname)
      const answer = await send(url, {
        dispatcher: agent,
        method: method as 'GET',
        headers: Object.fromEntries(new Headers(init.headers)),
        body: (init.body ?? null) as string | null,
        signal: limits.signal,
        // undici's own timers allow a byte now and then for ever: the limits keep the time.
        headersTimeout: 0,
        bodyTimeout: 0
      })
      // A body that is given up emits an error, and without a listener that ends the process.
      answer.body.on('error', () => {})
      limits.alive()
      log.debug({ dependency, method, path: url.pathname, status: answer.statusCode, ms: Math.round(clock.monotonic() - startedAt) }, 'upstream answered')
      return checked(answer, method)
    } catch (error) {
      limits.end()
      throw limits.reason() ?? toFailure(error)
    }

    function checked ({ statusCode: status, headers, body }: Dispatcher.ResponseData, method: string): Response {
      const told = new Headers(TOLD_HEADERS.flatMap((name) => headers[name] === undefined ? [] : [[name, String(headers[name])]]))
      const expected = method === 'POST' ? 'text/event-stream' : 'application/json'
      const fault = status >= 300 && status < 400
        ? failure('upstream_redirected', `${host} sends us elsewhere (status ${status}).`)
        : status < 300 && told.get('content-type')?.toLowerCase().startsWith(expected) !== true
          ? failure('upstream_answer_invalid', `The answer of ${host} is not ${expected}.`)
          : undefined
      if (fault !== undefined) {
        body.destroy()
        throw fault
      }
      // What refuses explains itself in a few words; what is beyond them is not read.
      const cap = status >= 400 ? { bytes: LONGEST_REFUSAL, cut: true } : { bytes: maxBytes, cut: false }
      return new Response(streamOf(body, limits, cap), { status, headers: told })
    }
  }

  /** The answer's bytes as they come; what is beyond the cap is cut off, or is an error. */
  const streamOf = (source: Dispatcher.ResponseData['body'], limits: Limits, cap: { bytes: number, cut: boolean }): ReadableStream<Uint8Array> => {
    const iterator = (source as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    let bytes = 0
    const end = (): void => {
      limits.end()
      source.destroy()
    }
    return new ReadableStream<Uint8Array>({
      async pull (controller) {
        try {
          const { done, value } = await iterator.next()
          bytes += value?.length ?? 0
          const full = bytes > cap.bytes
          if (full && !cap.cut) throw failure('upstream_answer_too_large', `The answer of ${host} is larger than ${cap.bytes} bytes.`)
          if (done === true || full) {
            end()
            controller.close()
            return
          }
          limits.alive()
          controller.enqueue(value)
        } catch (error) {
          end()
          controller.error(limits.reason() ?? toFailure(error))
        }
      },
      cancel: end
    }, { highWaterMark: 0 })
  }

  return { fetch, close: () => agent.destroy() }
}
