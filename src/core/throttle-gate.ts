// A gate in front of an upstream that told us to wait: closed until a moment, and by itself open from then on.
import type { Clock } from './clock.ts'

export interface ThrottleGate {
  /** Keeps it closed until `until` on the monotonic clock, in milliseconds. The latest moment ever told counts; NaN and Infinity do not. */
  close (until: number): void
  /** Whole milliseconds until something may be sent; 0 when it is open. */
  remainingMs (): number
}

export const createThrottleGate = (clock: Pick<Clock, 'monotonic'>): ThrottleGate => {
  let closedUntil = -Infinity
  return {
    close (until) {
      if (Number.isFinite(until) && until > closedUntil) closedUntil = until
    },
    // Rounded up: whoever waits that long finds it open.
    remainingMs: () => Math.max(0, Math.ceil(closedUntil - clock.monotonic()))
  }
}
