// How often somebody may ask: a quota a minute that comes back evenly (GCRA). One number a caller, in the memory of this process.
import type { Clock } from './clock.ts'

const WINDOW_MS = 60_000
/** More names than this are not held at a time: those whose quota is whole again are forgotten first. */
const MOST_HELD = 100_000

export interface Taken {
  allowed: boolean
  /** Requests that are left now. */
  remaining: number
  /** Until the quota is whole again, milliseconds. */
  fullInMs: number
  /** Until the next one is allowed; 0 while there are some left. */
  retryInMs: number
}

export class RateLimiter {
  readonly quota: number
  readonly #clock: Clock
  readonly #interval: number
  /** By name: when its quota is whole again, by the monotonic clock. */
  readonly #wholeAt = new Map<string, number>()
  readonly #mostHeld: number

  /** `quota`: requests a minute, all of which may come at once. */
  constructor (quota: number, clock: Clock, mostHeld = MOST_HELD) {
    this.quota = quota
    this.#clock = clock
    this.#interval = WINDOW_MS / quota
    this.#mostHeld = mostHeld
  }

  take (name: string): Taken {
    const now = this.#clock.monotonic()
    const known = this.#wholeAt.get(name)
    const whole = Math.max(known ?? 0, now) + this.#interval
    const used = whole - now
    // Half an interval is nobody's: sums of fractions are not whole.
    if (used > WINDOW_MS + this.#interval / 2) return { allowed: false, remaining: 0, fullInMs: used - this.#interval, retryInMs: used - WINDOW_MS }
    if (known === undefined && this.#wholeAt.size >= this.#mostHeld) this.#forget(now)
    this.#wholeAt.set(name, whole)
    return { allowed: true, remaining: Math.max(0, Math.round((WINDOW_MS - used) / this.#interval)), fullInMs: used, retryInMs: 0 }
  }

  /** Whether the next one would be refused. */
  isSpent (name: string): boolean {
    return (this.#wholeAt.get(name) ?? 0) - this.#clock.monotonic() > WINDOW_MS - this.#interval / 2
  }

  #forget (now: number): void {
    for (const [name, whole] of this.#wholeAt) if (whole <= now) this.#wholeAt.delete(name)
    // All of them are in use: the longest known give way, so that memory has a bound.
    for (const name of this.#wholeAt.keys()) {
      if (this.#wholeAt.size < this.#mostHeld) return
      this.#wholeAt.delete(name)
    }
  }
}
