// The sandbox's time: the machine's, and as much further as somebody has put it forward, so that days of the shop can pass in a moment.
import type { Clock } from '../src/core/clock.ts'

export interface ForwardClock extends Clock {
  /** Skips so many milliseconds. Timers that wait go on waiting for their own time. */
  forward (ms: number): void
}

export const createForwardClock = (clock: Clock): ForwardClock => {
  let ahead = 0
  return {
    ...clock,
    now: () => clock.now() + ahead,
    forward (ms) { ahead += ms }
  }
}
