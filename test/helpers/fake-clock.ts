// A clock that is moved by hand. Timers run in the order of their due times, and promises settle in between.
import type { Clock } from '../../src/core/clock.ts'

interface Timer {
  at: number
  fn: () => void
}

// A claim, its run and its settlement are a handful of commits, each a turn of the event loop.
const TURNS = 12
const MOST_TURNS = 5_000

export class FakeClock implements Clock {
  #now: number
  #monotonic = 1_000
  readonly #timers = new Set<Timer>()

  constructor (now: number) { this.#now = now }

  now (): number { return this.#now }

  monotonic (): number { return this.#monotonic }

  setTimeout (fn: () => void, ms: number): Timer {
    const timer = { at: this.#monotonic + Math.max(0, ms), fn }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout (handle: unknown): void { this.#timers.delete(handle as Timer) }

  /** How many timers wait. */
  get waiting (): number { return this.#timers.size }

  /** Lets `ms` pass: each timer that comes due runs at its time, and what it sets off settles before the next one. */
  async advance (ms: number): Promise<void> {
    const end = this.#monotonic + ms
    await settled()
    for (let timer = this.#due(end); timer !== undefined; timer = this.#due(end)) {
      this.#timers.delete(timer)
      this.#pass(Math.max(0, timer.at - this.#monotonic))
      timer.fn()
      await settled()
    }
    this.#pass(end - this.#monotonic)
  }

  /** The wall clock is set to another time; what passes monotonically stays. */
  jump (ms: number): void { this.#now += ms }

  #pass (ms: number): void {
    this.#now += ms
    this.#monotonic += ms
  }

  #due (end: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer
    return first
  }
}

/** Some turns of the event loop: promises and commits that are under way come to rest. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => { setImmediate(resolve) })
}

/** Turns the event loop until `holds` does. @throws Error when it never does. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    if (await holds()) return
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  throw new Error(`it never came to this: ${what}`)
}
