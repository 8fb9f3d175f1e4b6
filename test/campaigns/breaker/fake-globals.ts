// Time as global functions give it, moved by hand: for breakers that take it from there and not from a clock that is handed in.
import type { Time } from './player.ts'

interface Timer {
  due: number
  every: number | undefined
  fn: () => void
}

export interface FakeGlobals {
  /** Runs the timers that have come due, each at its own time. */
  runTimers (time: Time): void
  /** `Date.now`, `setTimeout` and `setInterval` are those of `time` while `run` runs. */
  around<T> (time: Time, run: () => Promise<T>): Promise<T>
}

export const createFakeGlobals = (): FakeGlobals => {
  const timers = new Set<Timer>()
  // While a timer runs, the time is its own.
  let at: number | undefined
  return {
    runTimers (time) {
      for (;;) {
        let next: Timer | undefined
        for (const timer of timers) if (timer.due <= time.mono && (next === undefined || timer.due < next.due)) next = timer
        if (next === undefined) break
        at = next.due
        if (next.every === undefined) timers.delete(next)
        else next.due += next.every
        next.fn()
      }
      at = undefined
    },
    async around (time, run) {
      const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis
      const { now } = Date
      const mono = (): number => at ?? time.mono
      const start = (repeat: boolean) => (fn: () => void, ms: number): Timer => {
        const timer = { due: mono() + ms, every: repeat ? ms : undefined, fn }
        timers.add(timer)
        return timer
      }
      const stop = (timer: Timer): void => { timers.delete(timer) }
      Date.now = () => mono() + time.offset
      Object.assign(globalThis, { setTimeout: start(false), setInterval: start(true), clearTimeout: stop, clearInterval: stop })
      try {
        return await run()
      } finally {
        Date.now = now
        Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval })
        timers.clear()
      }
    }
  }
}
