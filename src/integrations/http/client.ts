// Calls one upstream: through its bulkhead, throttle gate and circuit breaker, within a deadline and a byte cap, to the configured host alone.
import type { LookupFunction } from 'node:net'
import { Agent, request as send, type Dispatcher } from 'undici'
import { assertPermitted } from '../../core/permission.ts'
import { verdictOfStatus, type BreakerRegistry, type CallResult, type Verdict } from '../../core/breaker-registry.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import { BulkheadFullError } from '../../core/bulkhead.ts'
import { createRetryBudget, withRetries } from '../../core/retry.ts'
import { assertPublicHost, publicLookup } from './addresses.ts'
import { discard, readLines, readText } from './body.ts'
import { ClientClosedError, isFaultOfOurs, unreachable, UpstreamError } from './errors.ts'
import { createLimits, type Limits, type LimitsOptions } from './limits.ts'
import { retryAfterMs } from './retry-after.ts'

export interface HttpClientOptions {
  /** Name of the circuit breaker. */
  dependency: string
  /** Where paths are appended: `https://my-shop.myshopify.com`. No other host is called. */
  baseUrl: string
  breakers: BreakerRegistry
  clock: Clock
  random: Random
  log: Logger
  /** The configuration itself names a host of its own network, or the sandbox is meant: plain http and private addresses are in order. */
  allowPrivate?: boolean
  /** From the first try to the last byte of the last one. Default 20 s. */
  deadlineMs?: number
  /** How long nothing is sent after a 429 that does not say. Default 5 s. */
  untoldWaitMs?: number
}

/** A complete answer, whatever its status. */
export interface HttpAnswer {
  status: number
  /** Names in lower case. */
  header (name: string): string | undefined
  /** From Retry-After, where that makes sense. */
  retryAfterMs: number | undefined
  /** Parsed JSON; undefined for an empty body. Text where text was asked for. */
  body: unknown
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query: `/repos/o/r?per_page=100`. */
  path: string
  headers?: Readonly<Record<string, string>>
  body?: string
  /** May be sent twice without harm: it is tried up to three times while the retry budget lasts. */
  idempotent: boolean
  /** The caller's wish to stop. */
  signal: AbortSignal
  /** Default `json`. An answer of another content type with a body is invalid, except for refusals (status 400 and above). */
  expect?: 'json' | 'text'
  /** What a complete answer says of the upstream. Default: `verdictOfStatus`. */
  judge?: (answer: HttpAnswer) => Verdict
  deadlineMs?: number
  /** Of the answer's body. Default 128 KiB: more than any answer has that is small by nature. Whoever asks for more says so. */
  maxBytes?: number
}

export interface LinesOptions {
  signal: AbortSignal
  /** From the request to the last byte. */
  deadlineMs: number
  /** Without a byte. */
  idleMs: number
  maxBytes: number
}

export interface HttpClient {
  /**
   * Answers with a complete answer of any status; one that says "failing" is tried again first, see `idempotent`.
   * @throws UpstreamError, CircuitOpenError, ThrottledError, BulkheadFullError (also for a call whose deadline ends while it waits for a place),
   * ClientClosedError, or the reason of the signal.
   */
  send (request: HttpRequest): Promise<HttpAnswer>
  /**
   * The lines of a file at another https address that the upstream named, without our headers; nothing is kept of it. It counts for no breaker:
   * another machine serves it. Private addresses and plain http are in order for the configured host alone. @throws as `send`.
   */
  lines (url: string, options: LinesOptions): AsyncIterable<string>
  /** Ends what is under way, with ClientClosedError: it counts for nothing. */
  close (): Promise<void>
}

const DEADLINE_MS = 20_000
const MAX_BYTES = 128 * 1024
const CONNECT_MS = 10_000
const CONNECTIONS = 32
// Shorter than servers keep them (uvicorn: 5 s): a POST on a connection that the server is just closing fails, and is not sent twice.
const KEEP_ALIVE_MS = 4_000
const TRIES = 3
const UNTOLD_WAIT_MS = 5_000

/** @throws TypeError for a base URL that is none, that is not https, or that holds credentials. */
export const createHttpClient = (options: HttpClientOptions): HttpClient => {
  const { dependency, breakers, clock, random, log, allowPrivate = false, untoldWaitMs = UNTOLD_WAIT_MS } = options
  const base = checkedUrl(options.baseUrl, allowPrivate)
  const agent = createAgent(allowPrivate)
  const strangers = allowPrivate ? createAgent(false) : agent
  const underWay = new Set<Limits>()
  let closed = false
  const budget = createRetryBudget()

  /** Limits of one call: a signal that ends at the deadline, when the caller wishes so, and when the client is closed. */
  const begin = (caller: AbortSignal, limitsOptions: LimitsOptions): Limits => {
    if (closed) throw new ClientClosedError(dependency)
    const limits = createLimits(clock, caller, limitsOptions)
    underWay.add(limits)
    return limits
  }

  const finish = (limits: Limits): void => {
    limits.end()
    underWay.delete(limits)
  }

  /** What becomes of an error: whoever ended the call has its own reason, and what is not the upstream's doing stays what it is. */
  const explained = (error: unknown, limits: Limits, host: string): unknown =>
    limits.reason() ?? (error instanceof UpstreamError || isFaultOfOurs(error) ? error : unreachable(dependency, host, error))

  const once = async (request: HttpRequest, limits: Limits): Promise<HttpAnswer> => {
    const { method, expect = 'json' } = request
    const url = new URL(base.pathname.replace(/\/$/, '') + request.path, base)
    // `//other.example/x` and `\\other` are paths that lead elsewhere.
    if (url.origin !== base.origin) throw new UpstreamError(dependency, 'upstream_forbidden_host', `Only ${base.host} is called.`)
    // However long the call waited for its turn.
    assertPermitted()
    const startedAt = clock.monotonic()
    const told = (fields: object, message: string): void => {
      log.debug({ dependency, method, path: url.pathname, ...fields, ms: Math.round(clock.monotonic() - startedAt) }, message)
    }
    try {
      const { response, text, bytes } = await exchange(url, request, limits)
      told({ status: response.statusCode, bytes }, 'upstream answered')
      const clean = createCleaner(request.headers)
      const header = headersOf(response, clean)
      return {
        status: response.statusCode,
        header,
        retryAfterMs: retryAfterMs(header('retry-after'), clock.now()),
        body: expect === 'text' ? clean(text) : parsed(clean(text), header('content-type'), response.statusCode)
      }
    } catch (error) {
      const why = explained(error, limits, url.host)
      told({ code: why instanceof UpstreamError ? why.code : 'cancelled' }, 'upstream gave no answer')
      throw why
    }
  }

  const exchange = async (url: URL, { method, headers = {}, body, maxBytes = MAX_BYTES }: HttpRequest, limits: Limits) => {
    if (!allowPrivate) assertPublicHost(url.hostname)
    const response = await send(url, {
      dispatcher: agent, method, headers: { ...HEADERS, ...headers }, body: body ?? null, signal: limits.signal, ...NO_TIMERS
    })
    if (response.statusCode >= 300 && response.statusCode < 400 && response.statusCode !== 304) {
      discard(response)
      throw new UpstreamError(dependency, 'upstream_redirected', `${url.host} sends us elsewhere (status ${response.statusCode}).`)
    }
    return { response, ...await readText(response, { dependency, host: url.host, maxBytes, limits }) }
  }

  const parsed = (text: string, contentType: string | undefined, status: number): unknown => {
    if (text === '') return undefined
    // A refusal often comes from something in front of the upstream, as HTML: its status says enough.
    const refused = status >= 400
    if (!refused && !/^application\/([\w.+-]+\+)?json\b/i.test(contentType ?? '')) {
      throw new UpstreamError(dependency, 'upstream_answer_invalid', `The answer is of the type ${mediaType(contentType)}, not JSON.`)
    }
    try {
      return JSON.parse(text)
    } catch {
      if (refused) return text
      // Without its cause: the parser's message quotes the body.
      throw new UpstreamError(dependency, 'upstream_answer_invalid', 'The answer is not JSON.')
    }
  }

  const judgeStatus = ({ status, retryAfterMs: told }: HttpAnswer): Verdict =>
    verdictOfStatus(status, { untold: untoldWaitMs, ...(told === undefined ? {} : { told }) })

  /** `own`: the configured host serves it, which may be a private one. An answer cannot send us to another host of our network. */
  const fileUrl = (text: string): { target: URL, own: boolean } => {
    try {
      const own = allowPrivate && new URL(text).hostname === base.hostname
      return { target: checkedUrl(text, own), own }
    } catch {
      throw new UpstreamError(dependency, 'upstream_forbidden_host', 'The address of the file is none that is called.')
    }
  }

  const timeoutError = (ms: number, host: string): UpstreamError =>
    new UpstreamError(dependency, 'upstream_timeout', `${host} did not answer completely within ${ms / 1000} s.`)

  return {
    async send (request) {
      const { signal, idempotent, judge = judgeStatus } = request
      const deadlineMs = request.deadlineMs ?? options.deadlineMs ?? DEADLINE_MS
      const deadline = clock.monotonic() + deadlineMs
      signal.throwIfAborted()
      const limits = begin(signal, { totalMs: deadlineMs, onTimeout: () => timeoutError(deadlineMs, base.host) })
      let tries = 0
      const attempt = async (): Promise<{ answer: HttpAnswer, verdict: Verdict }> => {
        let verdict: Verdict | undefined
        let leftMs = 0
        const classify = (result: CallResult<HttpAnswer>): Verdict => {
          // Most of the time went by in our own queue: that the rest was too short says nothing of the upstream.
          const hadNoTime = !result.ok && result.error === limits.reason() && leftMs < deadlineMs / 2
          verdict = result.ok ? judge(result.value) : hadNoTime ? { kind: 'cancelled' } : failure(result.error)
          return verdict
        }
        const answer = await breakers.call(dependency, async () => {
          tries += 1
          leftMs = deadline - clock.monotonic()
          return await once(request, limits)
        }, { classify, signal, waitSignal: limits.signal })
        return { answer, verdict: verdict! }
      }
      try {
        const { answer } = await withRetries(attempt, {
          budget,
          clock,
          random,
          signal: limits.signal,
          attempts: idempotent ? TRIES : 1,
          deadline,
          again: (outcome) => outcome.ok
            ? outcome.value.verdict.kind === 'failure' && outcome.value.verdict.retryAfterMs === undefined
            : outcome.error instanceof UpstreamError && RETRIED.has(outcome.error.code)
        })
        return answer
      } catch (error) {
        // The deadline came while the call waited for a place.
        if (tries === 0 && error instanceof UpstreamError && error.code === 'upstream_timeout') throw new BulkheadFullError(dependency)
        throw error
      } finally {
        finish(limits)
      }
    },

    async * lines (url, { signal, deadlineMs, idleMs, maxBytes }) {
      const { target, own } = fileUrl(url)
      const { host } = target
      signal.throwIfAborted()
      const limits = begin(signal, { totalMs: deadlineMs, idleMs, onTimeout: () => timeoutError(Math.min(deadlineMs, idleMs), host) })
      try {
        if (!own) assertPublicHost(target.hostname)
        const response = await send(target, { dispatcher: own ? agent : strangers, method: 'GET', headers: FILE_HEADERS, signal: limits.signal, ...NO_TIMERS })
        limits.alive()
        if (response.statusCode !== 200) {
          discard(response)
          throw new UpstreamError(dependency, 'upstream_answer_invalid', `${host} answered with status ${response.statusCode}.`)
        }
        yield * readLines(response, { dependency, host, maxBytes, limits })
      } catch (error) {
        throw explained(error, limits, host)
      } finally {
        finish(limits)
      }
    },

    async close () {
      closed = true
      for (const limits of underWay) limits.stop(new ClientClosedError(dependency))
      await Promise.all([agent.destroy(), strangers.destroy()])
    }
  }
}

/** A pool of kept-alive connections. Names with private addresses are not called unless `allowPrivate`. `lookup`: in the place of the system's. */
export const createAgent = (allowPrivate: boolean, connections: number = CONNECTIONS, lookup: LookupFunction = publicLookup()): Agent => new Agent({
  connections,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // One call a connection: to abort it closes the connection, which every server understands.
  allowH2: false,
  connect: { timeout: CONNECT_MS, ...(allowPrivate ? {} : { lookup }) }
})

/** @throws TypeError: see createHttpClient. */
export const checkedUrl = (text: string, allowPrivate: boolean): URL => {
  const url = new URL(text)
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) throw new TypeError(`${url.host} is to be called by https.`)
  if (url.username !== '' || url.password !== '') throw new TypeError(`The URL of ${url.host} holds credentials.`)
  return url
}

// Deadlines are ours: undici's would let one byte every 299 s go on for ever.
const NO_TIMERS = { headersTimeout: 0, bodyTimeout: 0 }

const USER_AGENT = 'royal-equips-orchestrator'
const HEADERS = { accept: 'application/json', 'user-agent': USER_AGENT }
const FILE_HEADERS = { 'user-agent': USER_AGENT }

/** What another try may mend. A redirect, a forbidden address and an answer that is too large are the same the next time. */
const RETRIED: ReadonlySet<string> = new Set(['upstream_timeout', 'upstream_unreachable', 'upstream_answer_invalid'])

const failure = (error: unknown): Verdict => {
  // A closed client, the caller's wish, or a fault of ours: none says anything of the upstream.
  if (!(error instanceof UpstreamError)) return { kind: 'cancelled' }
  // Nothing was sent.
  if (error.code === 'upstream_forbidden_host') return { kind: 'cancelled' }
  return { kind: 'failure', error: { code: error.code, message: error.message } }
}

const headersOf = ({ headers }: Dispatcher.ResponseData, clean: (text: string) => string) => (name: string): string | undefined => {
  const value = headers[name]
  return value === undefined ? undefined : clean(Array.isArray(value) ? value.join(', ') : value)
}

const CREDENTIAL_HEADERS = ['authorization', 'x-shopify-access-token']
/** Shorter ones are no secrets but words, such as those that the sandbox takes: answers may hold them for good reasons. */
const SHORTEST_CREDENTIAL = 16

/** Proxies and gateways quote the request that they refuse, and refusals are told to people: our credential is taken out of what came back. */
const createCleaner = (headers: HttpRequest['headers'] = {}): (text: string) => string => {
  const secrets = CREDENTIAL_HEADERS.flatMap((name) => {
    const secret = headers[name]?.replace(/^\w+ /, '') ?? ''
    return secret.length < SHORTEST_CREDENTIAL ? [] : [secret]
  })
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '[credential]'), text)
}

/** Without parameters, and not longer than any real one: it is the upstream's text. */
const mediaType = (contentType = 'nobody knows'): string => contentType.split(';', 1)[0]!.slice(0, 80)
