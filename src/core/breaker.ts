// A circuit breaker: a machine of permits and verdicts whose state is a function of what happened and of the time. It has no timers.
import type { Clock } from './clock.ts'

/** A state with the number that metrics show for it. `forced_*` are set by hand. */
export const BREAKER_STATE_CODES = { closed: 0, open: 1, half_open: 2, forced_closed: 3, forced_open: 4 } as const
export type BreakerState = keyof typeof BREAKER_STATE_CODES
export type BreakerHold = 'forced_open' | 'forced_closed'

export interface BreakerSettings {
  /** Failures in a row that open it, however far apart they are. */
  failureThreshold: number
  /** How long the first opening in a row lasts, before jitter; each further one doubles it. Milliseconds. */
  recoveryTimeoutMs: number
  /** A call that took this long or longer is slow, whatever its result. Milliseconds; below 30,000, or no probe is ever slow. */
  slowCallMs: number
}

const BREAKER_DEFAULTS: Readonly<BreakerSettings> = { failureThreshold: 5, recoveryTimeoutMs: 60_000, slowCallMs: 10_000 }

const BUCKETS = 10
const BUCKET_MS = 1_000
const MINIMUM_CALLS = 10
const FAILURE_PERCENT = 50
const SLOW_PERCENT = 80
const LONGEST_OPEN_MS = 300_000
const JITTER = 0.2
const FORGIVEN_AFTER_MS = 60_000
const PROBE_SUCCESSES = 3
const PROBE_LIMIT_MS = 30_000
// When a probe will end is not known: callers turned away meanwhile are told to look again soon.
const PROBE_BUSY_RETRY_MS = 1_000

/** The right to make one call; hand it to `settle` when the call has ended. */
export interface Permit {
  readonly granted: true
  readonly generation: number
  readonly probe: boolean
}

export interface Rejection {
  readonly granted: false
  readonly reason: 'open' | 'probing' | 'forced_open'
  /** Whole milliseconds, at least 1. */
  readonly retryAfterMs: number
}

/** How a call ended. `throttled` (told to wait) and `cancelled` (by our caller) say nothing of the peer's health. */
export type Outcome =
  | { kind: 'success', durationMs: number }
  | { kind: 'failure', durationMs: number, retryAfterMs?: number, error?: { code: string, message: string } }
  | { kind: 'throttled' }
  | { kind: 'cancelled' }

export type BreakerChangeReason =
  | 'consecutive_failures' | 'failure_rate' | 'slow_rate'
  | 'probe_started' | 'probe_failed' | 'probe_slow' | 'probe_timeout' | 'recovered'
  | 'forced' | 'released' | 'expired' | 'reset'

export interface BreakerChange {
  name: string
  from: BreakerState
  to: BreakerState
  reason: BreakerChangeReason
  /** When it took effect, milliseconds since the epoch: for `probe_timeout` and `expired` before it was noticed. */
  at: number
}

export interface BreakerSnapshot {
  name: string
  state: BreakerState
  stateCode: number
  window: { calls: number, failures: number, slow: number, seconds: number }
  consecutiveFailures: number
  /** Openings in a row. */
  openings: number
  /** Present while a probe is awaited: 0 when the next call will be one. */
  nextProbeInMs?: number
  /** Present while open or half open; milliseconds since the epoch. */
  openedAt?: number
  /** `at` in milliseconds since the epoch. */
  lastError?: { code: string, message: string, at: number }
  /** Every call that ended, also those that no longer decide anything, and every rejection. */
  totals: { success: number, failure: number, throttled: number, cancelled: number, rejected: number }
}

export interface Breaker {
  readonly name: string
  tryAcquire (): Permit | Rejection
  /**
   * Reports how the call of a permit ended. False, and nothing happens, when it was reported before.
   * Throws TypeError for the permit of another breaker.
   */
  settle (permit: Permit, outcome: Outcome): boolean
  state (): BreakerState
  snapshot (): BreakerSnapshot
  /**
   * Holds it by hand, for `forMs` when it is given; undefined ends a hold with a fresh closed state. A hold that is there already only takes
   * the new end. Throws RangeError when `forMs` is not above 0.
   */
  force (mode: BreakerHold | undefined, forMs?: number): void
  /** A fresh closed state, out of every other and out of a hold. */
  reset (): void
}

export interface BreakerOptions {
  name: string
  /** Only `monotonic` decides; `now` dates what people read. */
  clock: Pick<Clock, 'monotonic' | 'now'>
  /** Numbers from 0 up to but not including 1; one is drawn for every opening. */
  jitter: () => number
  settings?: Partial<BreakerSettings>
  /** Called after each change of state that an event made. What it throws reaches whoever made that event. */
  onChange?: (change: BreakerChange) => void
}

type State =
  | { kind: 'closed', since: number }
  | { kind: 'open', until: number }
  /** `probeUntil`: when the probe in flight will have failed; undefined while the slot is free. */
  | { kind: 'half_open', successes: number, probeUntil: number | undefined }
  | { kind: BreakerHold, until: number }

interface IssuedPermit extends Permit {
  readonly issuer: object
  settled: boolean
}

/** Throws RangeError for settings that could never open or never close it. */
export const createBreaker = ({ name, clock, jitter, settings, onChange }: BreakerOptions): Breaker => {
  const { failureThreshold, recoveryTimeoutMs, slowCallMs } = checked({ ...BREAKER_DEFAULTS, ...settings })
  const issuer = {}
  let latest = clock.monotonic()
  const window = createWindow(latest)
  const totals = { success: 0, failure: 0, throttled: 0, cancelled: 0, rejected: 0 }
  let state: State = { kind: 'closed', since: latest }
  let generation = 0
  let consecutiveFailures = 0
  let openings = 0
  let openedAt = 0
  let lastError: BreakerSnapshot['lastError']

  // Every entry point begins here: what the time alone has decided since the last one is made good first.
  const observe = (): number => {
    const reading = clock.monotonic()
    if (reading > latest) latest = reading
    if (isHold(state) && latest >= state.until) startAfresh({ kind: 'closed', since: state.until }, 'expired', state.until)
    if (state.kind === 'half_open' && state.probeUntil !== undefined && latest >= state.probeUntil) {
      const expiredAt = state.probeUntil
      consecutiveFailures++
      const message = `The probe gave no verdict within ${PROBE_LIMIT_MS / 1000} s.`
      lastError = { code: 'probe_timeout', message, at: wallTime(expiredAt) }
      open(expiredAt, 'probe_timeout')
    }
    return latest
  }

  const wallTime = (moment: number): number => Math.round(clock.now() - (latest - moment))

  const enter = (next: State, reason: BreakerChangeReason, moment = latest): void => {
    const from = state.kind
    state = next
    generation++
    if (onChange !== undefined && from !== next.kind) onChange({ name, from, to: next.kind, reason, at: wallTime(moment) })
  }

  const open = (moment: number, reason: BreakerChangeReason, retryAfterMs = 0): void => {
    openings = openingsAt(moment) + 1
    openedAt = wallTime(moment)
    // The limit comes before the jitter, so that breakers at the limit still spread out.
    const backoff = Math.min(recoveryTimeoutMs * 2 ** (openings - 1), LONGEST_OPEN_MS)
    const wait = Math.round(backoff * (1 + JITTER * (2 * jitter() - 1)))
    const told = Number.isFinite(retryAfterMs) ? retryAfterMs : 0
    enter({ kind: 'open', until: moment + Math.max(wait, told) }, reason, moment)
  }

  const openingsAt = (moment: number): number =>
    state.kind === 'closed' && moment - state.since >= FORGIVEN_AFTER_MS ? 0 : openings

  const startAfresh = (next: State, reason: BreakerChangeReason, moment = latest): void => {
    window.clear()
    consecutiveFailures = 0
    openings = 0
    enter(next, reason, moment)
  }

  const grant = (probe: boolean): Permit => {
    const permit: IssuedPermit = { granted: true, generation, probe, issuer, settled: false }
    return permit
  }

  const reject = (reason: Rejection['reason'], waitMs: number): Rejection => {
    totals.rejected++
    return { granted: false, reason, retryAfterMs: Math.ceil(waitMs) }
  }

  const tryAcquire = (): Permit | Rejection => {
    const now = observe()
    switch (state.kind) {
      case 'closed':
      case 'forced_closed':
        return grant(false)
      case 'forced_open':
        return reject('forced_open', Math.min(recoveryTimeoutMs, state.until - now))
      case 'open':
        if (now < state.until) return reject('open', state.until - now)
        enter({ kind: 'half_open', successes: 0, probeUntil: now + PROBE_LIMIT_MS }, 'probe_started')
        return grant(true)
      case 'half_open':
        if (state.probeUntil !== undefined) return reject('probing', Math.min(PROBE_BUSY_RETRY_MS, state.probeUntil - now))
        state.probeUntil = now + PROBE_LIMIT_MS
        return grant(true)
    }
  }

  const settle = (permit: Permit, outcome: Outcome): boolean => {
    const issued = permit as IssuedPermit
    if (issued.issuer !== issuer) throw new TypeError(`This permit was not issued by the breaker ${name}.`)
    if (issued.settled) return false
    issued.settled = true
    const now = observe()
    totals[outcome.kind]++
    if (issued.generation !== generation) return true
    if (outcome.kind === 'throttled' || outcome.kind === 'cancelled') {
      if (state.kind === 'half_open') state.probeUntil = undefined
      return true
    }
    if (outcome.kind === 'failure') {
      consecutiveFailures++
      lastError = { code: 'failure', message: 'The call failed.', ...outcome.error, at: clock.now() }
    } else {
      consecutiveFailures = 0
    }
    if (state.kind === 'half_open') {
      judgeProbe(state, outcome)
    } else {
      window.record(now, outcome.kind === 'failure', outcome.durationMs >= slowCallMs)
      if (state.kind === 'closed') judgeWindow(outcome)
    }
    return true
  }

  const judgeProbe = (halfOpen: State & { kind: 'half_open' }, outcome: Verdict): void => {
    if (outcome.kind === 'failure') return open(latest, 'probe_failed', outcome.retryAfterMs)
    if (outcome.durationMs >= slowCallMs) return open(latest, 'probe_slow')
    halfOpen.successes++
    halfOpen.probeUntil = undefined
    if (halfOpen.successes < PROBE_SUCCESSES) return
    window.clear()
    enter({ kind: 'closed', since: latest }, 'recovered')
  }

  const judgeWindow = (outcome: Verdict): void => {
    const reason = consecutiveFailures >= failureThreshold ? 'consecutive_failures' : window.verdict()
    if (reason === undefined) return
    open(latest, reason, outcome.kind === 'failure' ? outcome.retryAfterMs : undefined)
  }

  const visibleState = (now: number): BreakerState => state.kind === 'open' && now >= state.until ? 'half_open' : state.kind

  const nextProbe = (now: number): number | undefined => {
    if (state.kind === 'open') return Math.ceil(Math.max(0, state.until - now))
    return state.kind === 'half_open' && state.probeUntil === undefined ? 0 : undefined
  }

  const snapshot = (): BreakerSnapshot => {
    const now = observe()
    const visible = visibleState(now)
    const nextProbeInMs = nextProbe(now)
    return {
      name,
      state: visible,
      stateCode: BREAKER_STATE_CODES[visible],
      window: window.read(now),
      consecutiveFailures,
      openings: openingsAt(now),
      ...(nextProbeInMs === undefined ? {} : { nextProbeInMs }),
      ...(state.kind === 'open' || state.kind === 'half_open' ? { openedAt } : {}),
      ...(lastError === undefined ? {} : { lastError: { ...lastError } }),
      totals: { ...totals }
    }
  }

  const force = (mode: BreakerHold | undefined, forMs = Infinity): void => {
    if (!(forMs > 0)) throw new RangeError('A hold must last longer than 0 ms.')
    const now = observe()
    if (mode === undefined) {
      if (isHold(state)) startAfresh({ kind: 'closed', since: now }, 'released')
    } else if (state.kind === mode) {
      state.until = now + forMs
    } else {
      startAfresh({ kind: mode, until: now + forMs }, 'forced')
    }
  }

  const reset = (): void => {
    startAfresh({ kind: 'closed', since: observe() }, 'reset')
  }

  return { name, tryAcquire, settle, state: () => visibleState(observe()), snapshot, force, reset }
}

type Verdict = Extract<Outcome, { durationMs: number }>

const isHold = (state: State): state is State & { kind: BreakerHold } => state.kind === 'forced_open' || state.kind === 'forced_closed'

const checked = (settings: BreakerSettings): BreakerSettings => {
  const { failureThreshold, recoveryTimeoutMs, slowCallMs } = settings
  if (!Number.isInteger(failureThreshold) || failureThreshold < 1) throw new RangeError('failureThreshold must be a whole number from 1.')
  if (!Number.isFinite(recoveryTimeoutMs) || recoveryTimeoutMs <= 0) throw new RangeError('recoveryTimeoutMs must be above 0.')
  if (!(slowCallMs > 0)) throw new RangeError('slowCallMs must be above 0.')
  return settings
}

// The verdicts of the last ten seconds in ten buckets, aligned to whole seconds of the clock.
// Sums are kept, so that a verdict costs no loop.
const createWindow = (start: number) => {
  const calls = new Int32Array(BUCKETS)
  const failures = new Int32Array(BUCKETS)
  const slow = new Int32Array(BUCKETS)
  const sum = { calls: 0, failures: 0, slow: 0 }
  let tick = Math.floor(start / BUCKET_MS)

  const advance = (now: number): number => {
    const target = Math.floor(now / BUCKET_MS)
    for (let cleared = Math.min(target - tick, BUCKETS); cleared > 0; cleared--) {
      const slot = slotOf(target - cleared + 1)
      sum.calls -= calls[slot]!
      sum.failures -= failures[slot]!
      sum.slow -= slow[slot]!
      calls[slot] = failures[slot] = slow[slot] = 0
    }
    if (target > tick) tick = target
    return slotOf(tick)
  }

  return {
    record (now: number, isFailure: boolean, isSlow: boolean): void {
      const slot = advance(now)
      calls[slot]!++
      sum.calls++
      if (isFailure) {
        failures[slot]!++
        sum.failures++
      }
      if (isSlow) {
        slow[slot]!++
        sum.slow++
      }
    },
    /** Why the window, as last recorded, opens the breaker. */
    verdict (): 'failure_rate' | 'slow_rate' | undefined {
      if (sum.calls < MINIMUM_CALLS) return undefined
      if (sum.failures * 100 >= sum.calls * FAILURE_PERCENT) return 'failure_rate'
      return sum.slow * 100 >= sum.calls * SLOW_PERCENT ? 'slow_rate' : undefined
    },
    read (now: number): BreakerSnapshot['window'] {
      advance(now)
      return { ...sum, seconds: BUCKETS * BUCKET_MS / 1000 }
    },
    clear (): void {
      calls.fill(0)
      failures.fill(0)
      slow.fill(0)
      sum.calls = sum.failures = sum.slow = 0
    }
  }
}

// A monotonic clock may begin below zero, and % keeps the sign.
const slotOf = (tick: number): number => ((tick % BUCKETS) + BUCKETS) % BUCKETS
