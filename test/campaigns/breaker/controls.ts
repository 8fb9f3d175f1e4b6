// Two well-known circuit breakers, set up as close to our rules as their options allow. They are the controls: the campaign has to find
// where they deviate. What they have no words for at all (manual holds, slow calls, Retry-After, growing openings, a row of probes) is taken
// out of the rules they are held against, so that what is found is how they work and not what they lack.
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel'
import CircuitBreaker from 'opossum'
import type { ReferenceOutcome } from '../../helpers/reference-breaker.ts'
import { createFakeGlobals } from './fake-globals.ts'
import type { Subject, SubjectKind } from './player.ts'

const CAN_LITTLE: Subject['can'] = { holds: false, slow: false, retryAfter: false, wallClock: false, clockGoesBack: false, settleAgain: false }

// The middle: every opening lasts its base.
const NO_JITTER = 0.5
// Their windows are counted from when they are made, ours from whole seconds of the clock: they are made at one.
const WHOLE_SECOND = 12_000

/** A call that failed because its caller or the upstream's limit stopped it. Both are told that this is no failure. */
class Neutral extends Error {}

const isFailure = (error: unknown): boolean => !(error instanceof Neutral)

/** The window of calls; opens at half of 10 calls. It has no rule for failures in a row. */
export const opossum = (): SubjectKind => {
  const globals = createFakeGlobals()
  return {
    name: 'opossum',
    jitter: NO_JITTER,
    start: WHOLE_SECOND,
    rules: ({ base }) => ({ threshold: Infinity, successesToClose: 1, longestOpen: base }),
    around: (time, run) => globals.around(time, run),
    create ({ time, script }) {
      const breaker = new CircuitBreaker((call: Call) => call.start(), {
        timeout: false,
        volumeThreshold: 10,
        // It opens above this share, the rules at half.
        errorThresholdPercentage: 49.999,
        rollingCountTimeout: 10_000,
        rollingCountBuckets: 10,
        rollingPercentilesEnabled: false,
        enableSnapshots: false,
        resetTimeout: script.settings.base,
        errorFilter: (error: unknown) => !isFailure(error)
      })
      return {
        ...subjectOf((call) => breaker.fire(call)),
        read: () => ({ state: breaker.closed ? 'closed' : breaker.opened ? 'open' : 'half_open' }),
        async timeHasPassed () {
          globals.runTimers(time)
          await rest()
        }
      }
    }
  }
}

/** Failures in a row; its other breakers have no such rule, and only one can be chosen. */
export const cockatiel = (): SubjectKind => {
  const globals = createFakeGlobals()
  return {
    name: 'cockatiel',
    jitter: NO_JITTER,
    start: WHOLE_SECOND,
    rules: ({ base }) => ({ minimumCalls: Infinity, successesToClose: 1, longestOpen: base }),
    around: (time, run) => globals.around(time, run),
    create ({ script }) {
      const policy = circuitBreaker(handleWhen(isFailure), {
        halfOpenAfter: script.settings.base,
        breaker: new ConsecutiveBreaker(script.settings.threshold)
      })
      return {
        ...subjectOf((call) => policy.execute(() => call.start(), call.signal)),
        can: { ...CAN_LITTLE, wallClock: true },
        // It leaves `open` with the first probe and not when one is due.
        read: () => ({ phase: PHASES[policy.state] }),
        timeHasPassed () {}
      }
    }
  }
}

const PHASES: Record<CircuitState, string> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'forced_open'
}

interface Call {
  signal: AbortSignal
  /** What is guarded: called when the breaker lets it through. */
  start (): Promise<void>
}

/** A breaker that wraps a function, seen as one that gives permits: the function waits until the script settles it. */
const subjectOf = (guard: (call: Call) => Promise<unknown>): Omit<Subject, 'read' | 'timeHasPassed'> => ({
  can: CAN_LITTLE,
  async acquire () {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const giveUp = new AbortController()
    let granted = false
    guard({
      signal: giveUp.signal,
      start () {
        granted = true
        return promise
      }
    }).catch(() => {})
    await rest()
    // One may let a caller wait for the end of a probe instead of refusing it: this caller does not wait.
    if (!granted) giveUp.abort()
    return { call: { resolve, reject }, shows: { granted } }
  },
  async settle (call, outcome: ReferenceOutcome) {
    const { resolve, reject } = call as PromiseWithResolvers<void>
    if (outcome === 'success') resolve()
    else reject(outcome === 'failure' ? new Error('The call failed.') : new Neutral(outcome))
    await rest()
    return {}
  },
  force () {},
  reset () {},
  changes: () => undefined
})

/** All promises that can settle have. */
const rest = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
