// Plays a script on a circuit breaker and on the reference side by side, and stops at the first difference.
import type { BreakerHold } from '../../../src/core/breaker.ts'
import { ReferenceBreaker } from '../../helpers/reference-breaker.ts'
import type { ReferenceOptions, ReferenceOutcome } from '../../helpers/reference-breaker.ts'
import type { Script, Step } from './scripts.ts'

export const SLOW_MS = 100

/** The clocks of a run; the subject reads them, the player moves them. Milliseconds. */
export interface Time {
  mono: number
  /** The wall clock's distance from the monotonic one. */
  offset: number
}

type Awaitable<T> = T | Promise<T>

/** A circuit breaker under test. Of what it shows, each key is compared with the reference's of the same name; it need not show all. */
export interface Subject {
  /** What it can be told and can hear of; steps that need something else are left out, for the reference too. */
  can: { holds: boolean, slow: boolean, retryAfter: boolean, wallClock: boolean, clockGoesBack: boolean, settleAgain: boolean }
  acquire (): Awaitable<{ call?: unknown, shows: object & { granted: boolean } }>
  settle (call: unknown, outcome: ReferenceOutcome, took: number, retryAfter: number): Awaitable<object>
  force (mode: BreakerHold | undefined, forMs: number): void
  reset (): void
  read (): object
  /** Tells it that the clock has moved. */
  timeHasPassed (): Awaitable<void>
  /** Changes of state since it was last asked; undefined when it cannot tell. */
  changes (): object[] | undefined
}

export interface SubjectOptions {
  time: Time
  reference: ReferenceBreaker
  script: Script
  jitter: () => number
}

export interface SubjectKind {
  name: string
  /** Rules of the reference that this breaker has no word for, set to what it does instead. */
  rules?: (settings: Script['settings']) => Partial<ReferenceOptions>
  /** Where the script gives no even jitter, this does. */
  jitter?: number
  /** The monotonic clock at the start. */
  start?: number
  create (options: SubjectOptions): Subject
  /** Runs the whole script inside of it: for breakers that take their time from globals. */
  around?<T> (time: Time, run: () => Promise<T>): Promise<T>
}

/** The first difference between a breaker and the reference. `kind` is the same for differences of the same sort. */
export class Deviation extends Error {
  readonly kind: string

  constructor (kind: string, detail: string) {
    super(`${kind} (${detail})`)
    this.kind = kind
  }
}

const WALL = 1_700_000_000_000
const START = 12_345

/** Answers how many steps it took; `saw` hears what came up. @throws Deviation */
export const play = async (kind: SubjectKind, script: Script, saw: (what: string) => void = () => {}): Promise<number> => {
  const time: Time = { mono: kind.start ?? START, offset: WALL }
  const run = async (): Promise<number> => await createPlayer(kind, script, time, saw)()
  return kind.around === undefined ? await run() : await kind.around(time, run)
}

const createPlayer = (kind: SubjectKind, script: Script, time: Time, saw: (what: string) => void) => {
  const draws = (): (() => number) => {
    let drawn = 0
    return () => kind.jitter ?? script.sixteenths[drawn++ % script.sixteenths.length]! / 16
  }
  const reference = new ReferenceBreaker({ now: time.mono, ...script.settings, slowMs: SLOW_MS, jitter: draws(), ...kind.rules?.(script.settings) })
  const subject = kind.create({ time, reference, script, jitter: draws() })
  const { can } = subject
  const flying: Array<{ call: unknown, id: number, probe: boolean }> = []
  const landed: typeof flying = []
  let count = 0
  let wallJumped = false

  const same = (what: string, actual: object, expected: object): void => {
    for (const [key, value] of Object.entries(actual)) {
      const [a, b] = [JSON.stringify(value), JSON.stringify((expected as Record<string, unknown>)[key])]
      if (a === b) continue
      throw new Deviation(`${wallJumped ? 'wall clock jumped; ' : ''}${what}: ${key} ${a}, the rules say ${b}`, `step ${count}`)
    }
  }
  const read = (what: string): void => {
    count++
    same(what, subject.read(), { ...reference.read(time.mono), phase: reference.phase })
  }
  // Shows each difference with its cause; too slow for a million steps.
  const readOften = (what: string): void => { if (kind.rules !== undefined) read(what) }
  const acquire = async (): Promise<boolean> => {
    count++
    const { call, shows } = await subject.acquire()
    const expected = reference.acquire(time.mono)
    same(`a call wants to start while ${reference.phase}`, shows, expected)
    if (!expected.granted) {
      saw(`rejected ${expected.reason}`)
      return false
    }
    flying.push({ call, id: expected.id, probe: expected.probe })
    return true
  }
  const settle = async (index: number, outcome: ReferenceOutcome, took: number, retryAfter: number): Promise<string> => {
    count++
    const [one] = flying.splice(index, 1)
    const { call, id, probe } = one!
    const late = !reference.valid.has(id)
    if (late) saw('late result')
    else if (probe && (outcome === 'cancelled' || outcome === 'throttled')) saw('cancelled probe')
    landed.push(one!)
    const [slowness, told] = [can.slow ? took : 0, can.retryAfter ? retryAfter : 0]
    const where = late ? 'late' : probe ? 'probe' : 'call'
    const before = reference.phase
    const shows = await subject.settle(call, outcome, slowness, told)
    same('settle', shows, { settled: reference.settle(time.mono, id, outcome, slowness, told) })
    return `${where} ${outcome} while ${before}`
  }
  const settleAgain = (): void => {
    const one = landed.at(-1)
    if (one === undefined) return
    count++
    saw('second settle')
    same('second settle', subject.settle(one.call, 'failure', 5, 0), { settled: reference.settle(time.mono, one.id, 'failure', 5) })
  }
  const moveTo = async (mono: number): Promise<void> => {
    count++
    time.mono = can.clockGoesBack ? mono : Math.max(time.mono, mono)
    await subject.timeHasPassed()
  }
  // The moments at which something is due are where mistakes of one millisecond live.
  const nextDue = (): number => {
    if (reference.phase === 'open') return reference.openUntil
    if (reference.phase === 'half_open' && reference.probeBegan !== undefined) return reference.probeBegan + 30_000
    if (reference.phase === 'closed' && reference.openingsInARow > 0) return reference.closedSince + 60_000
    if (reference.phase.startsWith('forced') && reference.heldUntil < Infinity) return reference.heldUntil
    return (Math.floor(time.mono / 1_000) + 1) * 1_000
  }

  /** Answers what was done, for the name of a deviation. */
  const take = async (step: Step): Promise<string> => {
    switch (step.do) {
      case 'acquire':
        await acquire()
        return 'a call started'
      case 'settle':
        if (flying.length === 0) return 'nothing'
        return await settle(step.pick % flying.length, step.outcome, step.took, step.retryAfter)
      case 'calls': {
        let done = 'nothing'
        for (let i = 0; i < step.count; i++) {
          if (!await acquire()) continue
          done = await settle(flying.length - 1, step.outcomes[i % step.outcomes.length]!, step.took, 0)
          readOften(`after ${done}`)
        }
        return done
      }
      case 'heal':
        // Chance alone rarely brings three good probes in a row.
        if (reference.phase === 'open') await moveTo(Math.max(time.mono, reference.openUntil))
        for (let i = 0; i < 3; i++) if (await acquire()) readOften(`after ${await settle(flying.length - 1, 'success', 0, 0)}`)
        return 'three good calls'
      case 'settle again':
        if (can.settleAgain) settleAgain()
        return 'a second settle'
      case 'pass':
        await moveTo(time.mono + step.ms)
        return `time passed while ${reference.phase}`
      case 'aim':
        await moveTo(Math.max(time.mono, nextDue() + step.off))
        return `time passed while ${reference.phase}`
      case 'wall':
        if (!can.wallClock) return 'nothing'
        count++
        time.offset += step.ms
        wallJumped = true
        await subject.timeHasPassed()
        return 'the wall clock jumped'
      case 'read':
        read('read')
        return 'read'
      case 'force':
        if (!can.holds) return 'nothing'
        count++
        subject.force(step.mode, step.forMs)
        reference.force(time.mono, step.mode, step.forMs)
        return 'force'
      case 'reset':
        if (!can.holds) return 'nothing'
        count++
        subject.reset()
        reference.reset(time.mono)
        return 'reset'
    }
  }
  const compareChanges = (): void => {
    const actual = subject.changes()
    const expected = reference.log.splice(0).map(({ moment, ...change }) => ({ ...change, at: Math.round(time.offset + moment) }))
    for (const { reason } of expected) saw(reason)
    if (actual !== undefined) same('changes', { changes: actual }, { changes: expected })
  }

  return async (): Promise<number> => {
    for (const step of script.steps) {
      const done = await take(step)
      readOften(`after ${done}`)
      compareChanges()
    }
    read('at the end')
    return count
  }
}
