// Time as the core sees it: handed in, so that tests move it by hand.

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now (): number
  /** Never goes back; milliseconds from an arbitrary start. */
  monotonic (): number
  setTimeout (fn: () => void, ms: number): unknown
  clearTimeout (handle: unknown): void
}

// setTimeout fires at once for anything above 2^31-1 ms (about 24.8 days).
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, Math.min(Math.max(ms, 0), LONGEST_TIMEOUT_MS)),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout)
}
