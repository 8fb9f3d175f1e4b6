// The dependencies of this process, each behind its own circuit breaker and throttle gate.
import { randomInt } from 'node:crypto'
import { createBreaker } from './breaker.ts'
import type { Breaker, BreakerChange, BreakerSettings, Outcome } from './breaker.ts'
import { createBulkhead, type Bulkhead, type BulkheadOptions } from './bulkhead.ts'
import type { Clock } from './clock.ts'
import { silentLogger } from './log.ts'
import type { Logger } from './log.ts'
import { createThrottleGate } from './throttle-gate.ts'
import type { ThrottleGate } from './throttle-gate.ts'

export type CredentialState = 'unknown' | 'accepted' | 'rejected'

export interface DependencyOptions {
  /** For people: `Shopify Admin API`. */
  label: string
  /** False: there is nothing to call. */
  configured: boolean
  /** Only a required dependency may make the service unready. */
  required: boolean
  /** On top of those of the registry. */
  settings?: Partial<BreakerSettings>
  /** Default: 32 calls at a time, 256 waiting. */
  bulkhead?: BulkheadOptions
}

export interface Dependency extends Readonly<Omit<DependencyOptions, 'settings' | 'bulkhead'>> {
  readonly name: string
  readonly breaker: Breaker
  readonly gate: ThrottleGate
  readonly bulkhead: Bulkhead
  /** What the upstream last said of our credential. */
  readonly credential: CredentialState
}

/** How a call ended, in the eyes of whoever knows the protocol. */
export type Verdict =
  /** `durationMs`: how long the upstream took, where the call lasts longer: a stream answers at once and is read for a minute. */
  | { kind: 'success', credential?: 'accepted' | 'rejected', durationMs?: number }
  | { kind: 'failure', retryAfterMs?: number, error?: { code: string, message: string } }
  /** Told to wait: nothing is sent for `waitMs`. */
  | { kind: 'throttled', waitMs: number }
  | { kind: 'cancelled' }

export type CallResult<T> = { ok: true, value: T } | { ok: false, error: unknown }

export interface CallOptions<T> {
  classify: (result: CallResult<T>) => Verdict
  /** The caller's wish to stop. A call that fails after it says nothing of the upstream, and `classify` is not asked; see DeadlineError. */
  signal?: AbortSignal
  /** Ends the wait for a place in the bulkhead; default `signal`. A deadline of the call belongs here: nothing was sent, so nothing is counted. */
  waitSignal?: AbortSignal
}

export interface CredentialChange {
  name: string
  credential: CredentialState
}

export interface BreakerRegistry {
  /** Throws when the name is taken. */
  register (name: string, options: DependencyOptions): Dependency
  /** Throws BreakerNotFoundError. */
  get (name: string): Dependency
  /** In the order of registration. */
  list (): Dependency[]
  /** Calls the listener once for each change of a breaker's state; answers how to stop. */
  onChange (listener: (change: BreakerChange) => void): () => void
  /** Calls the listener when a credential is rejected, and when it is accepted (again); answers how to stop. */
  onCredential (listener: (change: CredentialChange) => void): () => void
  /** Calls the listener when an upstream has told us to wait, and for how long, milliseconds; answers how to stop. */
  onThrottled (listener: (wait: { name: string, waitMs: number }) => void): () => void
  /**
   * Makes one call through bulkhead, gate and breaker and answers with its result or its error, unchanged. Does not retry.
   * Throws BreakerNotFoundError, BulkheadFullError, ThrottledError, CircuitOpenError, or the reason of a signal that was aborted before.
   */
  call<T> (name: string, fn: () => Promise<T>, options: CallOptions<T>): Promise<T>
}

export interface BreakerRegistryOptions {
  clock: Pick<Clock, 'monotonic' | 'now'>
  settings?: Partial<BreakerSettings>
  /** Numbers from 0 up to but not including 1. */
  jitter?: () => number
  log?: Logger
}

export class BreakerNotFoundError extends Error {
  readonly code = 'breaker_not_found'
  readonly statusCode = 404

  constructor (name: string) {
    super(`No circuit breaker is called ${JSON.stringify(name)}.`)
    this.name = 'BreakerNotFoundError'
  }
}

/** The breaker let no call through. `retryAfterMs`: when it is worth another try. */
export class CircuitOpenError extends Error {
  readonly code = 'circuit_open'
  readonly statusCode = 503
  readonly dependency: string
  readonly retryAfterMs: number

  constructor (dependency: string, retryAfterMs: number) {
    super(`The circuit breaker of ${dependency} is open.`)
    this.name = 'CircuitOpenError'
    this.dependency = dependency
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * A deadline that has passed, as the reason of an abort. An abort is else the caller's wish and says nothing of the upstream: one that is
 * asked with a signal alone, and never answers, would never count as failing.
 */
export class DeadlineError extends Error {
  readonly code = 'upstream_timeout'

  constructor (ms: number) {
    super(`No answer within ${ms / 1000} s.`)
    this.name = 'DeadlineError'
  }
}

/** The upstream told us to wait, and the wait is not over. */
export class ThrottledError extends Error {
  readonly code = 'dependency_throttled'
  readonly statusCode = 503
  readonly dependency: string
  readonly retryAfterMs: number

  constructor (dependency: string, retryAfterMs: number) {
    super(`${dependency} told us to wait.`)
    this.name = 'ThrottledError'
    this.dependency = dependency
    this.retryAfterMs = retryAfterMs
  }
}

export const createBreakerRegistry = (
  { clock, settings = {}, jitter = randomFraction, log = silentLogger }: BreakerRegistryOptions
): BreakerRegistry => {
  const dependencies = new Map<string, { -readonly [K in keyof Dependency]: Dependency[K] }>()
  const changes = createListeners<BreakerChange>(log)
  const credentials = createListeners<CredentialChange>(log)
  const waits = createListeners<{ name: string, waitMs: number }>(log)

  const find = (name: string) => {
    const dependency = dependencies.get(name)
    if (dependency === undefined) throw new BreakerNotFoundError(name)
    return dependency
  }

  const setCredential = (name: string, credential: CredentialState): void => {
    const dependency = find(name)
    if (dependency.credential === credential) return
    dependency.credential = credential
    credentials.tell({ name, credential })
  }

  return {
    register (name, { label, configured, required, settings: own, bulkhead = BULKHEAD }) {
      if (dependencies.has(name)) throw new Error(`A circuit breaker called ${name} is registered already.`)
      const breaker = createBreaker({ name, clock, jitter, settings: { ...settings, ...own }, onChange: changes.tell })
      const gate = createThrottleGate(clock)
      const dependency: Dependency = { name, label, configured, required, breaker, gate, bulkhead: createBulkhead(name, bulkhead), credential: 'unknown' }
      dependencies.set(name, dependency)
      return dependency
    },
    get: find,
    list: () => [...dependencies.values()],
    onChange: changes.add,
    onCredential: credentials.add,
    onThrottled: waits.add,
    async call (name, fn, { classify, signal, waitSignal = signal }) {
      const { breaker, gate, bulkhead } = find(name)
      signal?.throwIfAborted()
      if (!bulkhead.tryEnter()) {
        assertMayBeSent(name, breaker, gate)
        await bulkhead.enter(waitSignal)
      }
      try {
        const throttledMs = gate.remainingMs()
        if (throttledMs > 0) throw new ThrottledError(name, throttledMs)
        const permit = breaker.tryAcquire()
        if (!permit.granted) throw new CircuitOpenError(name, permit.retryAfterMs)

        const startedAt = clock.monotonic()
        const result = await outcomeOf(fn)
        const endedAt = clock.monotonic()
        let verdict: Verdict = { kind: 'cancelled' }
        try {
          if (result.ok || signal?.aborted !== true) verdict = classify(result)
          else if (signal.reason instanceof DeadlineError) verdict = failureOf(signal.reason)
        } finally {
          // A classifier that throws is a fault of ours: it must neither count against the upstream nor keep a probe's slot.
          if (verdict.kind === 'throttled') {
            gate.close(endedAt + verdict.waitMs)
            waits.tell({ name, waitMs: verdict.waitMs })
          }
          breaker.settle(permit, toOutcome(verdict, endedAt - startedAt))
        }
        if (verdict.kind === 'success' && verdict.credential !== undefined) setCredential(name, verdict.credential)
        if (!result.ok) throw result.error
        return result.value
      } finally {
        bulkhead.leave()
      }
    }
  }
}

const failureOf = ({ code, message }: DeadlineError): Verdict => ({ kind: 'failure', error: { code, message } })

const BULKHEAD: BulkheadOptions = { concurrent: 32, queue: 256 }

/**
 * What a complete HTTP answer with this status says of the upstream. `waitMs`: its Retry-After, or what the caller waits without one.
 * Limits that come with another status (Shopify's THROTTLED in a 200, GitHub's secondary limit in a 403) are the integration's to tell.
 */
export const verdictOfStatus = (status: number, waitMs: { told?: number, untold: number }): Verdict => {
  if (status === 429) return { kind: 'throttled', waitMs: waitMs.told ?? waitMs.untold }
  if (status === 408 || status >= 500) {
    const error = { code: `http_${status}`, message: `The upstream answered with status ${status}.` }
    return { kind: 'failure', error, ...(waitMs.told === undefined ? {} : { retryAfterMs: waitMs.told }) }
  }
  if (status === 401 || status === 403) return { kind: 'success', credential: 'rejected' }
  return status < 300 ? { kind: 'success', credential: 'accepted' } : { kind: 'success' }
}

/** Nobody waits for a place to be told what is known now: calls that hang keep all places for as long as their deadlines. */
const assertMayBeSent = (name: string, breaker: Breaker, gate: ThrottleGate): void => {
  const throttledMs = gate.remainingMs()
  if (throttledMs > 0) throw new ThrottledError(name, throttledMs)
  const state = breaker.state()
  if (state !== 'open' && state !== 'forced_open') return
  const permit = breaker.tryAcquire()
  if (!permit.granted) throw new CircuitOpenError(name, permit.retryAfterMs)
  // It came due between the two: who gets a place will make the probe.
  breaker.settle(permit, { kind: 'cancelled' })
}

const outcomeOf = async <T>(fn: () => Promise<T>): Promise<CallResult<T>> => {
  try {
    return { ok: true, value: await fn() }
  } catch (error) {
    return { ok: false, error }
  }
}

const toOutcome = (verdict: Verdict, durationMs: number): Outcome => {
  switch (verdict.kind) {
    case 'success': return { kind: 'success', durationMs: verdict.durationMs ?? durationMs }
    case 'failure': return { ...verdict, durationMs }
    case 'throttled': return { kind: 'throttled' }
    case 'cancelled': return verdict
  }
}

const createListeners = <Event extends { name: string }>(log: Logger) => {
  const listeners = new Set<(event: Event) => void>()
  return {
    add (listener: (event: Event) => void): () => void {
      // A listener added twice is told twice: the wrapper makes each registration its own.
      const own = (event: Event): void => listener(event)
      listeners.add(own)
      return () => { listeners.delete(own) }
    },
    tell (event: Event): void {
      for (const listener of listeners) {
        try {
          listener(event)
        } catch (error) {
          // The call that caused the change must not fail for it.
          log.error({ err: error, breaker: event.name }, 'A listener of the circuit breakers failed.')
        }
      }
    }
  }
}

const RANDOM_STEPS = 2 ** 32
const randomFraction = (): number => randomInt(RANDOM_STEPS) / RANDOM_STEPS
