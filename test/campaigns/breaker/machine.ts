// Our own circuit breaker as a subject of the campaign: it shows everything it has.
import { createBreaker } from '../../../src/core/breaker.ts'
import type { Breaker, BreakerChange, Outcome, Permit } from '../../../src/core/breaker.ts'
import type { ReferenceOutcome } from '../../helpers/reference-breaker.ts'
import { SLOW_MS, type SubjectKind } from './player.ts'

/** `spoil` puts a fault into the machine, for tests of the campaign itself. */
export const machine = (spoil: (breaker: Breaker) => Breaker = (breaker) => breaker): SubjectKind => ({
  name: 'our breaker',
  create ({ time, reference, script, jitter }) {
    const changes: BreakerChange[] = []
    const { base, threshold } = script.settings
    const breaker = spoil(createBreaker({
      name: 'model',
      clock: { monotonic: () => time.mono, now: () => time.offset + Math.max(time.mono, reference.now) },
      jitter,
      settings: { failureThreshold: threshold, recoveryTimeoutMs: base, slowCallMs: SLOW_MS },
      onChange: (change) => changes.push(change)
    }))
    return {
      can: { holds: true, slow: true, retryAfter: true, wallClock: true, clockGoesBack: true, settleAgain: true },
      acquire () {
        const answer = breaker.tryAcquire()
        if (!answer.granted) return { shows: answer }
        return { call: answer, shows: { granted: true, probe: answer.probe } }
      },
      settle: (call, outcome, took, retryAfter) => ({ settled: breaker.settle(call as Permit, outcomeOf(outcome, took, retryAfter)) }),
      force: (mode, forMs) => { breaker.force(mode, forMs) },
      reset: () => { breaker.reset() },
      read () {
        const { name, openedAt, lastError, nextProbeInMs, ...shown } = breaker.snapshot()
        const state = breaker.state()
        if (state !== shown.state) throw new Error(`state() says ${state}, snapshot() ${shown.state}`)
        return { ...shown, nextProbeInMs, lastErrorCode: lastError?.code }
      },
      timeHasPassed () {},
      changes: () => changes.splice(0).map(({ name, ...change }) => change)
    }
  }
})

const outcomeOf = (kind: ReferenceOutcome, durationMs: number, retryAfterMs: number): Outcome => {
  if (kind === 'success') return { kind, durationMs }
  return kind === 'failure' ? { kind, durationMs, retryAfterMs } : { kind }
}
