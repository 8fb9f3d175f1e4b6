// The circuit breaker against its reference (test/helpers/reference-breaker.ts) over random steps: overlapping calls, late results,
// cancellations, second settles, holds, resets, and clocks that jump.
import t from 'tap'
import fc from 'fast-check'
import { createBreaker } from '../../src/core/breaker.ts'
import type { BreakerChange, BreakerHold, Outcome, Permit } from '../../src/core/breaker.ts'
import { ReferenceBreaker } from '../helpers/reference-breaker.ts'
import type { ReferenceOutcome } from '../helpers/reference-breaker.ts'

const WALL = 1_700_000_000_000

// BREAKER_RUNS and BREAKER_SEED make the run longer or other.
const RUNS = Number(process.env.BREAKER_RUNS ?? 150)
const SEED = Number(process.env.BREAKER_SEED ?? 20_260_101)

type Step =
  | { do: 'acquire' | 'settle again' | 'heal' | 'reset' | 'read' }
  | { do: 'settle', pick: number, outcome: ReferenceOutcome, took: number, retryAfter: number }
  | { do: 'calls', count: number, outcomes: ReferenceOutcome[], took: number }
  | { do: 'pass' | 'wall', ms: number }
  | { do: 'aim', off: number }
  | { do: 'force', mode: BreakerHold | undefined }

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
      mode: fc.constantFrom<Array<BreakerHold | undefined>>('forced_open', 'forced_closed', undefined, undefined)
    })
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'reset' }) }
)

type Saw = (what: string) => void

/** Plays one script on both; throws at the first difference. Answers how many steps it took. */
const compare = (script: Step[], sixteenths: number[], base: number, threshold: number, saw: Saw): number => {
  const slowMs = 100
  const draws = (): (() => number) => {
    let drawn = 0
    return () => sixteenths[drawn++ % sixteenths.length]! / 16
  }
  const time = { mono: 12_345, offset: WALL }
  const changes: BreakerChange[] = []
  const breaker = createBreaker({
    name: 'model',
    clock: { monotonic: () => time.mono, now: () => time.offset + Math.max(time.mono, reference.now) },
    jitter: draws(),
    settings: { failureThreshold: threshold, recoveryTimeoutMs: base, slowCallMs: slowMs },
    onChange: (change) => changes.push(change)
  })
  const reference = new ReferenceBreaker({ now: time.mono, base, threshold, slowMs, jitter: draws() })
  const flying: Array<{ permit: Permit, id: number }> = []
  const landed: Array<{ permit: Permit, id: number }> = []
  let count = 0

  const same = (what: string, actual: unknown, expected: unknown): void => {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (a !== b) throw new Error(`step ${count}, ${what}: the machine says ${a}, the reference ${b}`)
  }
  const acquire = (): boolean => {
    count++
    const actual = breaker.tryAcquire()
    const expected = reference.acquire(time.mono)
    if (!actual.granted || !expected.granted) {
      same('tryAcquire', actual, expected)
      if (!expected.granted) saw(`rejected ${expected.reason}`)
      return false
    }
    same('probe', actual.probe, expected.probe)
    flying.push({ permit: actual, id: expected.id })
    return true
  }
  const settle = (index: number, kind: ReferenceOutcome, took: number, retryAfter: number): void => {
    count++
    const [call] = flying.splice(index, 1)
    if (!reference.valid.has(call!.id)) saw('late result')
    else if (call!.permit.probe && (kind === 'cancelled' || kind === 'throttled')) saw('cancelled probe')
    landed.push(call!)
    const actual = breaker.settle(call!.permit, outcomeOf(kind, took, retryAfter))
    same('settle', actual, reference.settle(time.mono, call!.id, kind, took, retryAfter))
  }
  const read = (): void => {
    count++
    const { name, openedAt, lastError, nextProbeInMs, ...actual } = breaker.snapshot()
    const { lastErrorCode, nextProbeInMs: expectedProbe, ...expected } = reference.read(time.mono)
    same('snapshot', actual, { ...actual, ...expected })
    same('next probe', nextProbeInMs, expectedProbe)
    same('last error', lastError?.code, lastErrorCode)
    same('state', breaker.state(), expected.state)
  }
  // The moments at which something is due are where mistakes of one millisecond live.
  const aims = (): number => {
    if (reference.phase === 'open') return reference.openUntil
    if (reference.phase === 'half_open' && reference.probeBegan !== undefined) return reference.probeBegan + 30_000
    if (reference.phase === 'closed' && reference.openingsInARow > 0) return reference.closedSince + 60_000
    return (Math.floor(time.mono / 1_000) + 1) * 1_000
  }
  const take = (step: Step): void => {
    switch (step.do) {
      case 'acquire': acquire(); break
      case 'settle': if (flying.length > 0) settle(step.pick % flying.length, step.outcome, step.took, step.retryAfter); break
      case 'calls':
        for (let i = 0; i < step.count; i++) {
          if (acquire()) settle(flying.length - 1, step.outcomes[i % step.outcomes.length]!, step.took, 0)
        }
        break
      case 'heal':
        // Chance alone rarely brings three good probes in a row.
        if (reference.phase === 'open') time.mono = Math.max(time.mono, reference.openUntil)
        for (let i = 0; i < 3; i++) if (acquire()) settle(flying.length - 1, 'success', 0, 0)
        break
      case 'settle again': {
        const call = landed.at(-1)
        if (call === undefined) break
        count++
        saw('second settle')
        same('second settle', breaker.settle(call.permit, outcomeOf('failure', 5, 0)), reference.settle(time.mono, call.id, 'failure', 5))
        break
      }
      case 'pass': count++; time.mono += step.ms; break
      case 'aim': count++; time.mono = Math.max(time.mono, aims() + step.off); break
      case 'wall': count++; time.offset += step.ms; break
      case 'read': read(); break
      case 'force': count++; breaker.force(step.mode); reference.force(time.mono, step.mode); break
      case 'reset': count++; breaker.reset(); reference.reset(time.mono); break
    }
    for (const { reason } of changes) saw(reason)
    same('changes',
      changes.splice(0),
      reference.log.splice(0).map(({ moment, ...change }) => ({ name: 'model', ...change, at: Math.round(time.offset + moment) })))
  }

  script.forEach(take)
  read()
  return count
}

const outcomeOf = (kind: ReferenceOutcome, durationMs: number, retryAfterMs: number): Outcome => {
  if (kind === 'success') return { kind, durationMs }
  return kind === 'failure' ? { kind, durationMs, retryAfterMs } : { kind }
}

t.test('the machine equals its reference over random steps', async (t) => {
  let done = 0
  const seen = new Map<string, number>()
  const saw = (what: string): void => { seen.set(what, (seen.get(what) ?? 0) + 1) }

  const property = fc.property(
    fc.array(steps, { maxLength: 240, size: 'max' }),
    fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 8, maxLength: 8 }),
    fc.constantFrom(
      { base: 60_000, threshold: 5 }, { base: 1_000, threshold: 5 }, { base: 400_000, threshold: 20 }, { base: 3, threshold: 1 }
    ),
    (script, sixteenths, { base, threshold }) => { done += compare(script, sixteenths, base, threshold, saw) }
  )
  // Random scripts would otherwise differ from run to run, and so would what this test has shown.
  fc.assert(property, { numRuns: RUNS, seed: SEED })

  t.comment(`${done} steps, ${JSON.stringify(Object.fromEntries([...seen].sort()))}`)
  t.ok(done >= 20_000, `${done} steps`)
  // Whatever the scripts never reach would be shown by nothing.
  for (const what of [
    'consecutive_failures', 'failure_rate', 'slow_rate', 'probe_started', 'probe_failed', 'probe_slow', 'probe_timeout', 'recovered',
    'forced', 'released', 'reset', 'late result', 'second settle', 'cancelled probe',
    'rejected open', 'rejected probing', 'rejected forced_open'
  ]) t.ok((seen.get(what) ?? 0) >= 10, `${what}: ${seen.get(what) ?? 0} times`)
})
