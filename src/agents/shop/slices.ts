// Long loops in slices: everybody else of the process gets a turn between them.
import type { Clock } from '../../core/clock.ts'

/** As long as a loop may hold the event loop. */
const SLICE_MS = 8
/** Items between two looks at the clock. */
const LOOK_EVERY = 16

export interface Slices {
  /** Once an item: whether it is time for `pause`. */
  due (): boolean
  /** Lets others run. @throws the reason of the signal. */
  pause (): Promise<void>
}

export const slicesOf = ({ clock, signal }: { clock: Pick<Clock, 'monotonic'>, signal: AbortSignal }): Slices => {
  let began = clock.monotonic()
  let items = 0
  return {
    due () {
      items += 1
      return items % LOOK_EVERY === 0 && clock.monotonic() - began >= SLICE_MS
    },
    async pause () {
      await new Promise((resolve) => { setImmediate(resolve) })
      signal.throwIfAborted()
      began = clock.monotonic()
    }
  }
}
