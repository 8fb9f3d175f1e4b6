// Time that goes at its usual pace and can be put forward: what was to happen in between happens at once.
import type { Clock } from '../src/core/clock.ts'

export interface StoryClock extends Clock {
  forward (ms: number): void
}

interface Timer {
  at: number
  fn: () => void
  handle: NodeJS.Timeout
}

export const createStoryClock = (): StoryClock => {
  let ahead = 0
  let ids = 0
  const timers = new Map<number, Timer>()
  const monotonic = (): number => performance.now() + ahead
  const arm = (id: number, at: number, fn: () => void): void => {
    const fire = (): void => {
      timers.delete(id)
      fn()
    }
    timers.set(id, { at, fn, handle: setTimeout(fire, Math.min(Math.max(0, at - monotonic()), 2 ** 31 - 1)) })
  }
  return {
    now: () => Date.now() + ahead,
    monotonic,
    setTimeout (fn, ms) {
      ids += 1
      arm(ids, monotonic() + ms, fn)
      return ids
    },
    clearTimeout (id) {
      const timer = timers.get(id as number)
      if (timer === undefined) return
      clearTimeout(timer.handle)
      timers.delete(id as number)
    },
    forward (ms) {
      ahead += ms
      for (const [id, { at, fn, handle }] of [...timers].sort(([, a], [, b]) => a.at - b.at)) {
        clearTimeout(handle)
        arm(id, at, fn)
      }
    }
  }
}
