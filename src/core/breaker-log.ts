// One log line for each change of a circuit breaker, and never a flood: beyond some lines a minute the rest is summed up in one.
import type { BreakerChange, BreakerState } from './breaker.ts'
import type { BreakerRegistry } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'

export interface BreakerLogOptions {
  breakers: Pick<BreakerRegistry, 'get'>
  clock: Clock
  log: Logger
}

// A breaker that flaps as fast as its settings allow (1 s open, then doubled) changes 19 times in its first minute: that is told in full.
// Only somebody who sets and resets holds in a loop comes further.
const LINES_A_MINUTE = 20
const MINUTE_MS = 60_000

interface Spell {
  lines: number
  /** Changes without a line, and where the last of them led. */
  untold: number
  state: BreakerState
  timer: unknown
}

export class BreakerLog {
  readonly #options: BreakerLogOptions
  /** By breaker: the minute that began with its first line. */
  readonly #spells = new Map<string, Spell & { until: number }>()

  constructor (options: BreakerLogOptions) { this.#options = options }

  tell (change: BreakerChange): void {
    const { clock } = this.#options
    const now = clock.monotonic()
    let spell = this.#spells.get(change.name)
    if (spell === undefined || now >= spell.until) {
      if (spell !== undefined) this.#sumUp(change.name)
      spell = { lines: 0, untold: 0, state: change.to, timer: undefined, until: now + MINUTE_MS }
      this.#spells.set(change.name, spell)
    }
    if (spell.lines < LINES_A_MINUTE) {
      spell.lines += 1
      this.#write(change)
      return
    }
    spell.untold += 1
    spell.state = change.to
    // A timer, because nothing else may ever come: the last line has to say where it stands.
    spell.timer ??= clock.setTimeout(() => { this.#sumUp(change.name) }, spell.until - now)
  }

  /** Says what has not been said yet. */
  stop (): void {
    for (const name of [...this.#spells.keys()]) this.#sumUp(name)
  }

  #write ({ name, from, to, reason, at }: BreakerChange): void {
    const fields = { breaker: name, from, to, reason, since: new Date(at).toISOString() }
    if (to === 'open') {
      // Its code alone: the message is the upstream's.
      const { lastError } = this.#options.breakers.get(name).breaker.snapshot()
      this.#options.log.warn({ ...fields, ...(lastError === undefined ? {} : { last_error: lastError.code }) }, 'a circuit breaker opened')
    } else if (to === 'forced_open' || to === 'forced_closed') {
      this.#options.log.warn(fields, 'a circuit breaker is held by hand')
    } else {
      this.#options.log.info(fields, to === 'closed' ? 'a circuit breaker closed' : 'a circuit breaker lets a probe through')
    }
  }

  #sumUp (name: string): void {
    const spell = this.#spells.get(name)
    this.#spells.delete(name)
    if (spell === undefined) return
    this.#options.clock.clearTimeout(spell.timer)
    if (spell.untold > 0) this.#options.log.warn({ breaker: name, to: spell.state, changes: spell.untold }, 'a circuit breaker changed again and again')
  }
}
