// Random scripts for circuit breakers: overlapping calls, late results, cancellations, second settles, holds, resets, clocks that jump.
import fc from 'fast-check'
import type { BreakerHold } from '../../../src/core/breaker.ts'
import type { ReferenceOutcome } from '../../helpers/reference-breaker.ts'

export type Step =
  | { do: 'acquire' | 'settle again' | 'heal' | 'reset' | 'read' }
  | { do: 'settle', pick: number, outcome: ReferenceOutcome, took: number, retryAfter: number }
  | { do: 'calls', count: number, outcomes: ReferenceOutcome[], took: number }
  | { do: 'pass' | 'wall', ms: number }
  /** Moves the clock to the next moment at which something is due, and `off` milliseconds beyond it. */
  | { do: 'aim', off: number }
  | { do: 'force', mode: BreakerHold | undefined, forMs: number }

export interface Script {
  steps: Step[]
  /** What the source of jitter gives, in turn: sixteenths. */
  sixteenths: number[]
  settings: { base: number, threshold: number }
}

const outcomes = fc.oneof(
  { weight: 5, arbitrary: fc.constant<ReferenceOutcome>('success') },
  { weight: 5, arbitrary: fc.constant<ReferenceOutcome>('failure') },
  { weight: 1, arbitrary: fc.constantFrom<ReferenceOutcome[]>('cancelled', 'throttled') }
)
const durations = fc.constantFrom(0, 1, 99, 100, 40_000)
const stretches = fc.oneof(
  fc.constantFrom(0, 0.25, 1, 500, 999, 1_000, 1_001, 9_000, 9_999, 10_000, 29_999, 30_000, 60_000, 300_000, 3_600_000, -1, -3_000),
  fc.integer({ min: 0, max: 3_000 }),
  fc.integer({ min: 0, max: 400_000 })
)

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: fc.constant<Step>({ do: 'acquire' }) },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      pick: fc.nat(40),
      outcome: outcomes,
      took: durations,
      retryAfter: fc.constantFrom(0, 0, 0, 5_000, 500_000, NaN)
    })
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('calls' as const),
      count: fc.integer({ min: 1, max: 14 }),
      outcomes: fc.array(outcomes, { minLength: 1, maxLength: 4 }),
      took: durations
    })
  },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'settle again' }) },
  { weight: 5, arbitrary: fc.constant<Step>({ do: 'heal' }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: stretches }) },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('aim' as const), off: fc.constantFrom(-1, -0.25, 0, 0, 0, 0.25, 1, 2_000, 200_000) })
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wall' as const), ms: fc.constantFrom(-1e10, -3_600_000, 3_600_000, 1e10) }) },
  { weight: 8, arbitrary: fc.constant<Step>({ do: 'read' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('force' as const),
      mode: fc.constantFrom<Array<BreakerHold | undefined>>('forced_open', 'forced_closed', undefined, undefined),
      forMs: fc.constantFrom(Infinity, Infinity, 0.5, 1_000, 30_000, 3_600_000)
    })
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'reset' }) }
)

export const scripts: fc.Arbitrary<Script> = fc.record({
  steps: fc.array(steps, { maxLength: 240, size: 'max' }),
  sixteenths: fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 8, maxLength: 8 }),
  settings: fc.constantFrom(
    { base: 60_000, threshold: 5 }, { base: 1_000, threshold: 5 }, { base: 400_000, threshold: 20 }, { base: 3, threshold: 1 }
  )
})
