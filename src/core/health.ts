// Readiness: can this process do its work now, and how are the upstreams that it can do without.
import type { BreakerRegistry, Dependency } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import type { Probes, ProbeRecord } from './probes.ts'
import type { Store } from './store.ts'

export interface HealthCheck {
  name: string
  healthy: boolean
  message: string
  uptime_seconds?: number
  required?: boolean
  circuit_state?: 'closed' | 'open' | 'half_open'
}

export interface HealthReport {
  ready: boolean
  status: 'healthy' | 'degraded'
  at: number
  checks: HealthCheck[]
}

export interface HealthOptions {
  store: Store
  breakers: BreakerRegistry
  clock: Clock
  log: Logger
  /** Age of the oldest job that could run now, milliseconds. */
  oldestReadyMs: () => Promise<number>
  /** What an upstream needs to be configured: names of settings. */
  missing: Record<string, readonly string[]>
  /** What the upstreams said last: the report calls none of them. */
  probes: Probes
}

// The store is really written to, but not more often than this, however many probes ask.
const PROBE_KEPT_MS = 1_000
const PROBE_TIMEOUT_MS = 2_000
const QUEUE_SLOW_AFTER_MS = 60_000

export class Health {
  readonly #options: HealthOptions
  readonly #startedAt: number
  #draining = false
  #probe: { at: number, result: Promise<HealthCheck> } | undefined

  constructor (options: HealthOptions) {
    this.#options = options
    this.#startedAt = options.clock.monotonic()
  }

  get draining (): boolean { return this.#draining }

  /** From now on not ready: the load balancer sends nothing new. */
  drain (): void { this.#draining = true }

  async report (): Promise<HealthReport> {
    const { breakers, clock } = this.#options
    const core: HealthCheck = {
      name: 'core_service',
      healthy: !this.#draining,
      message: this.#draining ? 'Shutting down' : 'Core service is running',
      uptime_seconds: Math.round((clock.monotonic() - this.#startedAt) / 10) / 100
    }
    const optional = breakers.list().map((dependency) => this.#dependency(dependency))
    const [store, queue] = await Promise.all([this.#store(), this.#queue()])
    const checks = [core, ...optional.filter((check) => check.name !== 'llm'), store, queue, ...optional.filter((check) => check.name === 'llm')]
    return {
      ready: core.healthy && store.healthy,
      status: checks.every((check) => check.healthy) ? 'healthy' : 'degraded',
      at: clock.now(),
      checks
    }
  }

  #dependency (dependency: Dependency): HealthCheck {
    const { name, label, configured, breaker } = dependency
    if (!configured) {
      const missing = this.#options.missing[name] ?? []
      const remedy = missing.length > 0 ? `: set ${missing.join(', ')}` : ''
      return { name, healthy: true, message: `${label} is not configured (optional)${remedy}`, required: false }
    }
    const state = breaker.state()
    return {
      name,
      ...this.#condition(dependency),
      required: false,
      // The contract knows three states; a hold by hand reads as the state that it imposes.
      circuit_state: state === 'forced_open' ? 'open' : state === 'forced_closed' ? 'closed' : state
    }
  }

  /**
   * The worst that is known comes first. A credential that lacks scopes is well: an owner who grants fewer rights on purpose must not get an
   * alarm that never ends. The message names them, and so does the doctor.
   */
  #condition ({ name, label, breaker, credential, gate }: Dependency): Pick<HealthCheck, 'healthy' | 'message'> {
    const { probes } = this.#options
    const standing = probes.standing(name)
    const who = standing?.upstream.source === 'sandbox' ? `${label} (sandbox)` : label
    const { state, lastError, totals, nextProbeInMs } = breaker.snapshot()
    if (state === 'forced_open') return { healthy: false, message: `${who} is cut off by its circuit breaker: it is held open by hand` }
    if (state === 'open' || state === 'half_open') {
      const why = lastError === undefined ? '' : `: ${withoutStop(lastError.message)}`
      const next = nextProbeInMs === undefined || nextProbeInMs === 0 ? 'the next call is a trial' : `next trial in ${duration(nextProbeInMs)}`
      return { healthy: false, message: `${who} is cut off by its circuit breaker${why}; ${next}` }
    }
    const last = standing?.last
    if (credential === 'rejected') {
      // The message of the probe names the variable.
      const why = last?.finding.kind === 'failed' ? `: ${withoutStop(last.finding.fault.message)}` : ''
      return { healthy: false, message: `${who} rejected our credential${why}${this.#checked(last)}` }
    }
    if (last?.finding.kind === 'failed') {
      return { healthy: false, message: `${who} failed its last check: ${withoutStop(last.finding.fault.message)}${this.#checked(last)}` }
    }
    const throttledMs = gate.remainingMs()
    const waits = throttledMs > 0 ? `; it told us to wait for ${duration(throttledMs)}` : ''
    if (last?.finding.kind === 'passed') {
      const { message, missing_scopes: scopes } = last.finding.result
      const lacks = scopes.length > 0 ? `; the credential lacks ${scopes.join(', ')}` : ''
      const seen = standing?.trafficSeenAt
      const calls = seen !== undefined && seen > last.endedAt ? `; calls went well ${this.#ago(seen)}` : ''
      return { healthy: true, message: `${who}: ${withoutStop(message)}${lacks}${this.#checked(last)}${calls}${waits}` }
    }
    const called = totals.success + totals.failure > 0
    const known = called ? 'calls go through' : probes.enabled && standing !== undefined ? 'its first check is under way' : 'not called yet'
    return { healthy: true, message: `${who} is configured; ${known}${waits}` }
  }

  #checked (record: ProbeRecord | undefined): string { return record === undefined ? '' : `; checked ${this.#ago(record.endedAt)}` }

  #ago (at: number): string { return `${duration(this.#options.clock.monotonic() - at)} ago` }

  #store (): Promise<HealthCheck> {
    const { clock } = this.#options
    if (this.#probe === undefined || clock.monotonic() - this.#probe.at > PROBE_KEPT_MS) {
      this.#probe = { at: clock.monotonic(), result: this.#probeStore() }
    }
    return this.#probe.result
  }

  async #probeStore (): Promise<HealthCheck> {
    const { store, clock, log } = this.#options
    let timer: unknown
    try {
      const late = new Promise<never>((_resolve, reject) => {
        timer = clock.setTimeout(() => { reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)) }, PROBE_TIMEOUT_MS)
      })
      const ms = await Promise.race([store.probe(clock.now()), late])
      return { name: 'store', healthy: true, message: `${store.engine}: a durable write took ${ms.toFixed(1)} ms`, required: true }
    } catch (error) {
      log.error({ err: error }, 'the store failed its readiness write')
      return { name: 'store', healthy: false, message: `${store.engine}: a durable write failed`, required: true }
    } finally {
      clock.clearTimeout(timer)
    }
  }

  async #queue (): Promise<HealthCheck> {
    try {
      const age = await this.#options.oldestReadyMs()
      const healthy = age <= QUEUE_SLOW_AFTER_MS
      const message = age === 0 ? 'No job is waiting for a worker' : `The oldest ready job has waited ${(age / 1000).toFixed(1)} s`
      return { name: 'queue', healthy, message, required: false }
    } catch (error) {
      this.#options.log.error({ err: error }, 'the queue could not be read')
      return { name: 'queue', healthy: false, message: 'The queue could not be read', required: false }
    }
  }
}

const withoutStop = (sentence: string): string => sentence.replace(/\.$/, '')

const duration = (ms: number): string => ms < 120_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`
