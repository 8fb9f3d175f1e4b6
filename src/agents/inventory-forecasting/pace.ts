// Keeps long loops from holding up everybody else: gives way every few milliseconds, and leaves when the run is to stop.
import type { Clock } from '../../core/clock.ts'

// Short enough that a request which comes meanwhile hardly notices.
const TURN_MS = 2

/** Answers a function to call in the loop: undefined as long as the turn is short, else a promise to wait for. */
export const createPace = (clock: Pick<Clock, 'monotonic'>, signal: AbortSignal): (() => Promise<void> | undefined) => {
  let begun = clock.monotonic()
  return () => {
    if (clock.monotonic() - begun < TURN_MS) return undefined
    signal.throwIfAborted()
    return new Promise((resolve) => {
      setImmediate(() => {
        begun = clock.monotonic()
        resolve()
      })
    })
  }
}
