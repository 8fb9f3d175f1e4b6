// Asks each upstream in the background how it is, and keeps what it said: readiness tells it, and never calls anybody itself.
import { CircuitOpenError, DeadlineError, ThrottledError, type BreakerRegistry } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import { ModelError, type ModelErrorKind } from './language-model.ts'
import type { Logger } from './log.ts'
import type { Random } from './random.ts'
import type { ProbeResult, Upstream } from './upstream.ts'

export interface ProbeFault {
  /** Stable, from the error: `upstream_timeout`; `probe_failed` when it had none. */
  code: string
  /** For people, without secrets. */
  message: string
}

export type Finding =
  | { kind: 'passed', result: ProbeResult }
  | { kind: 'failed', fault: ProbeFault }
  /** Nothing was sent: the breaker is open, the upstream told us to wait, or too many calls wait already. */
  | { kind: 'not_sent', fault: ProbeFault, retryAfterMs: number }

export interface ProbeRecord {
  finding: Finding
  /** When it ended, on the monotonic clock. */
  endedAt: number
  tookMs: number
}

export interface Standing {
  /** The last probe that was sent; undefined before the first has ended. */
  last: ProbeRecord | undefined
  /** When ordinary calls were last seen to go well, on the monotonic clock: no probe was needed then. */
  trafficSeenAt: number | undefined
}

export interface ProbesOptions {
  upstreams: readonly Upstream[]
  breakers: Pick<BreakerRegistry, 'get'>
  clock: Clock
  random: Random
  log: Logger
  /** Takes secrets out of what failures say. */
  scrub: (text: string) => string
  /** 0: nothing is asked in the background. Milliseconds. */
  intervalMs: number
}

// Spread, so that the replicas of a service do not ask all at once.
const JITTER = 0.1
// While a breaker waits for successes: three of them close it, and readers see it recover within seconds.
const RECOVERY_GAP_MS = 1_000
// What a probe knows beyond "it answers", such as missing scopes, would grow old under steady traffic.
const MOST_SKIPS = 9
const DEADLINE_MS = 5_000

interface Watch extends Standing {
  upstream: Upstream
  timer: unknown
  running: AbortController | undefined
  /** Successes of the breaker after the last look. */
  successes: number
  skips: number
}

export class Probes {
  readonly #options: ProbesOptions
  readonly #watches: ReadonlyMap<string, Watch>
  #active = false

  constructor (options: ProbesOptions) {
    this.#options = options
    this.#watches = new Map(options.upstreams.map((upstream) =>
      [upstream.name, { upstream, timer: undefined, running: undefined, successes: 0, skips: 0, last: undefined, trafficSeenAt: undefined }]))
  }

  /** Whether upstreams are asked in the background. */
  get enabled (): boolean { return this.#options.intervalMs > 0 }

  list (): Upstream[] { return [...this.#watches.values()].map(({ upstream }) => upstream) }

  /** Undefined for an upstream that is not configured. */
  standing (name: string): (Standing & { upstream: Upstream }) | undefined { return this.#watches.get(name) }

  /** The first probes begin at once; this does not wait for them. */
  start (): void {
    if (!this.enabled || this.#active) return
    this.#active = true
    for (const watch of this.#watches.values()) this.#later(watch, 0)
  }

  stop (): void {
    this.#active = false
    for (const { timer, running } of this.#watches.values()) {
      this.#options.clock.clearTimeout(timer)
      running?.abort(new ProbeStoppedError())
    }
  }

  /** Asks now, whatever is known; what comes of it is kept. Never rejects. @throws TypeError for a name without an upstream. */
  async ask (name: string): Promise<ProbeRecord> {
    const watch = this.#watches.get(name)
    if (watch === undefined) throw new TypeError(`No upstream is called ${name}.`)
    return await this.#probe(watch, new AbortController())
  }

  #later (watch: Watch, ms: number): void {
    if (!this.#active) return
    watch.timer = this.#options.clock.setTimeout(() => {
      this.#look(watch).catch((error: unknown) => { this.#options.log.error({ err: error, upstream: watch.upstream.name }, 'a probe could not be made') })
        .finally(() => { this.#later(watch, this.#pause(watch)) })
    }, ms)
  }

  async #look (watch: Watch): Promise<void> {
    if (this.#isCalled(watch) && watch.skips < MOST_SKIPS) {
      watch.skips += 1
      watch.trafficSeenAt = this.#options.clock.monotonic()
      return
    }
    watch.skips = 0
    watch.running = new AbortController()
    try {
      await this.#probe(watch, watch.running)
    } finally {
      watch.running = undefined
    }
  }

  /** Whether calls went well since the last look. A rejected credential and a probe that failed are asked about again whatever others saw. */
  #isCalled (watch: Watch): boolean {
    const { breaker, credential } = this.#options.breakers.get(watch.upstream.name)
    const { success } = breaker.snapshot().totals
    const grown = success > watch.successes
    watch.successes = success
    return grown && watch.last?.finding.kind === 'passed' && credential !== 'rejected' && breaker.state() === 'closed'
  }

  async #probe (watch: Watch, controller: AbortController): Promise<ProbeRecord> {
    const { clock, breakers } = this.#options
    const { upstream } = watch
    const startedAt = clock.monotonic()
    const finding = await this.#find(upstream, controller)
    const endedAt = clock.monotonic()
    const record: ProbeRecord = { finding, endedAt, tookMs: endedAt - startedAt }
    if (finding.kind !== 'not_sent') {
      this.#tell(upstream, watch.last?.finding, finding)
      watch.last = record
    }
    // Those of the probe itself are no traffic.
    watch.successes = breakers.get(upstream.name).breaker.snapshot().totals.success
    return record
  }

  async #find (upstream: Upstream, controller: AbortController): Promise<Finding> {
    const { clock, log, scrub, breakers } = this.#options
    const { signal } = controller
    // Not left to the integration alone: one that does not heed its signal must not hold up the next probe, or the end of the process.
    const aborted = new Promise<never>((_resolve, reject) => {
      const stop = (): void => { reject(signal.reason instanceof Error ? signal.reason : new ProbeStoppedError()) }
      signal.addEventListener('abort', stop, { once: true })
    })
    const timer = clock.setTimeout(() => { controller.abort(new DeadlineError(DEADLINE_MS)) }, DEADLINE_MS)
    try {
      const result = await Promise.race([upstream.probe(signal), aborted])
      return { kind: 'passed', result: { ...result, message: scrub(result.message) } }
    } catch (error) {
      const waitMs = breakers.get(upstream.name).gate.remainingMs()
      const given: unknown = signal.aborted ? signal.reason : error
      // An integration that waits out a Retry-After itself: the upstream answered, and no answer in time is not its fault.
      const reason = given instanceof DeadlineError && waitMs > 0 ? new ThrottledError(upstream.name, waitMs) : given
      const fault = faultOfProbe(reason, scrub)
      if (fault.code === UNKNOWN) log.error({ err: reason, upstream: upstream.name }, 'a probe failed for a reason that it does not name')
      const retryAfterMs = notSent(reason)
      return retryAfterMs === undefined ? { kind: 'failed', fault } : { kind: 'not_sent', fault, retryAfterMs }
    } finally {
      clock.clearTimeout(timer)
    }
  }

  /** One line when it fails after it had not, and one when it is back. */
  #tell ({ name, source }: Upstream, before: Finding | undefined, now: Finding): void {
    const { log } = this.#options
    if (now.kind === 'failed' && before?.kind !== 'failed') log.warn({ upstream: name, source, code: now.fault.code }, 'an upstream failed its probe')
    if (now.kind === 'passed' && before?.kind === 'failed') log.info({ upstream: name, source }, 'an upstream passes its probe again')
  }

  #pause ({ upstream }: Watch): number {
    const { intervalMs, random, breakers } = this.#options
    const usual = intervalMs * (1 + JITTER * (2 * random() - 1))
    const { nextProbeInMs, state } = breakers.get(upstream.name).breaker.snapshot()
    // An open breaker is asked when it is due, and then until it has closed.
    if (state === 'half_open' || state === 'open') return Math.min(usual, Math.max(RECOVERY_GAP_MS, nextProbeInMs ?? 0))
    return usual
  }
}

/** Says nothing of the upstream. */
class ProbeStoppedError extends Error {
  readonly code = 'probe_stopped'
  constructor () { super('The service stops.') }
}

const UNKNOWN = 'probe_failed'
const IN_OUR_STYLE = /^[a-z][a-z_]+$/

/** Our own errors have a code in our style and a message for people; what else was thrown stays in the log. */
const faultOfProbe = (error: unknown, scrub: (text: string) => string): ProbeFault => {
  if (error instanceof ModelError) return { code: `model_${error.kind}`, message: scrub(error.message) }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && IN_OUR_STYLE.test(error.code)) {
    return { code: error.code, message: scrub(error.message) }
  }
  return { code: UNKNOWN, message: 'The probe failed for a reason that it does not name; the log says more.' }
}

const MODEL_NOT_SENT: readonly string[] = ['circuit_open', 'told_to_wait', 'busy'] satisfies ModelErrorKind[]

/** How long to wait when nothing was sent; undefined when it was. Integrations put their own error around that of the breaker. */
const notSent = (error: unknown): number | undefined => {
  if (error instanceof CircuitOpenError || error instanceof ThrottledError) return error.retryAfterMs
  if (error instanceof ProbeStoppedError) return 0
  if (!(error instanceof Error)) return undefined
  if ('code' in error && error.code === 'dependency_busy') return 0
  return notSent(error.cause) ?? (error instanceof ModelError && MODEL_NOT_SENT.includes(error.kind) ? 0 : undefined)
}
