// A breaker on a clock that is moved by hand, and the moves that its tests make.
import { createBreaker } from '../../src/core/breaker.ts'
import type { BreakerChange, BreakerSettings, Outcome, Permit, Rejection } from '../../src/core/breaker.ts'

export const WALL = 1_700_000_000_000
// In the middle of the jitter: an opening lasts exactly its base.
export const EVEN = 0.5
export const OK: Outcome = { kind: 'success', durationMs: 5 }
export const FAIL: Outcome = { kind: 'failure', durationMs: 5 }
export const SLOW = { kind: 'success' as const, durationMs: 10_000 } satisfies Outcome
export const CANCELLED: Outcome = { kind: 'cancelled' }
export const THROTTLED: Outcome = { kind: 'throttled' }

export const setup = (settings: Partial<BreakerSettings> = {}, jitter = () => EVEN) => {
  const time = { mono: 500_000, wall: WALL }
  const changes: BreakerChange[] = []
  const breaker = createBreaker({
    name: 'shop',
    clock: { monotonic: () => time.mono, now: () => time.wall },
    jitter,
    settings,
    onChange: (change) => changes.push(change)
  })
  const pass = (ms: number): void => {
    time.mono += ms
    time.wall += ms
  }
  const acquire = (): Permit => {
    const permit = breaker.tryAcquire()
    if (!permit.granted) throw new Error(`expected a permit, got a rejection: ${permit.reason}`)
    return permit
  }
  const refuse = (): Rejection => {
    const rejection = breaker.tryAcquire()
    if (rejection.granted) throw new Error('expected a rejection, got a permit')
    return rejection
  }
  const calls = (...outcomes: Outcome[]): void => {
    for (const outcome of outcomes) breaker.settle(acquire(), outcome)
  }
  const trip = (): void => {
    while (breaker.state() === 'closed') calls(FAIL)
  }
  /** Trips it and waits until the next call is a probe. */
  const makeDue = (): void => {
    trip()
    pass(breaker.snapshot().nextProbeInMs!)
  }
  return { time, changes, breaker, pass, acquire, refuse, calls, trip, makeDue }
}

export const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)
