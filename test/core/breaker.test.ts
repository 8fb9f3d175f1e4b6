// When the circuit breaker opens, rule by rule: the numbers are those of the rules (docs/decisions/0003-breaker-readings.md).
import t from 'tap'
import { createBreaker } from '../../src/core/breaker.ts'
import type { BreakerState, Outcome } from '../../src/core/breaker.ts'
import { CANCELLED, EVEN, FAIL, OK, setup, SLOW, THROTTLED, times, WALL } from '../helpers/breaker-rig.ts'

t.test('1: five states with fixed numbers, read from events and time alone', async (t) => {
  const { breaker, pass, trip, calls, acquire, changes } = setup()
  const seen: Array<[BreakerState, number]> = []
  const look = (): void => { seen.push([breaker.state(), breaker.snapshot().stateCode]) }
  look()
  trip()
  look()
  pass(59_999)
  look()
  pass(1)
  look()
  t.equal(changes.length, 1, 'a reader sees half_open when it is due, but reading is no change')
  calls(OK, OK, OK)
  look()
  breaker.force('forced_closed')
  look()
  breaker.force('forced_open')
  look()
  t.same(seen, [
    ['closed', 0], ['open', 1], ['open', 1], ['half_open', 2], ['closed', 0], ['forced_closed', 3], ['forced_open', 4]
  ])
  t.throws(acquire)
})

t.test('1: a jump of the wall clock decides nothing, a monotonic clock that steps back stands still', async (t) => {
  const { breaker, time, trip, refuse } = setup()
  trip()
  time.wall += 10 * 365 * 86_400_000
  t.equal(breaker.state(), 'open')
  t.equal(refuse().retryAfterMs, 60_000)
  time.wall -= 20 * 365 * 86_400_000
  t.equal(refuse().retryAfterMs, 60_000)
  time.mono -= 50_000
  t.equal(refuse().retryAfterMs, 60_000)
  time.mono += 110_000
  t.equal(breaker.state(), 'half_open')
})

t.test('1: a clock that begins below zero, and fractions of a millisecond', async (t) => {
  const time = { mono: -25_000.75 }
  const breaker = createBreaker({ name: 'x', clock: { monotonic: () => time.mono, now: () => WALL }, jitter: () => EVEN })
  const call = (outcome: Outcome): void => {
    const permit = breaker.tryAcquire()
    if (permit.granted) breaker.settle(permit, outcome)
  }
  for (let i = 0; i < 40; i++) {
    call(i % 3 === 0 ? FAIL : OK)
    time.mono += 1_000
  }
  t.same(breaker.snapshot().window, { calls: 9, failures: 3, slow: 0, seconds: 10 })
  for (let i = 0; i < 5; i++) call(FAIL)
  time.mono += 59_999.5
  const rejection = breaker.tryAcquire()
  t.equal(!rejection.granted && rejection.retryAfterMs, 1, 'rounded up: whoever waits that long is early for nothing')
})

t.test('2: a permit settles once; permits of another breaker are refused', async (t) => {
  const { breaker, acquire } = setup()
  const permit = acquire()
  t.equal(permit.probe, false)
  t.equal(breaker.settle(permit, FAIL), true)
  t.equal(breaker.settle(permit, FAIL), false)
  t.equal(breaker.settle(permit, OK), false)
  t.match(breaker.snapshot(), { consecutiveFailures: 1, window: { calls: 1, failures: 1 }, totals: { success: 0, failure: 1 } })
  t.throws(() => breaker.settle(setup().acquire(), FAIL), TypeError)
  t.equal(breaker.snapshot().totals.failure, 1)
})

t.test('2: a permit of an older generation changes counters only', async (t) => {
  const { breaker, acquire, trip, pass, calls } = setup()
  const late = times(12, 0).map(acquire)
  trip()
  breaker.settle(late[0]!, { kind: 'failure', durationMs: 5, retryAfterMs: 999_999, error: { code: 'late', message: 'late' } })
  t.equal(breaker.snapshot().nextProbeInMs, 60_000, 'a late Retry-After raises nothing')
  t.not(breaker.snapshot().lastError?.code, 'late')
  pass(60_000)
  const probe = acquire()
  t.ok(probe.probe)
  t.ok(probe.generation > late[1]!.generation)
  for (const permit of late.slice(1, 5)) breaker.settle(permit, OK)
  t.equal(breaker.state(), 'half_open', 'late successes do not close it')
  breaker.settle(late[5]!, FAIL)
  t.equal(breaker.state(), 'half_open', 'a late failure does not re-open it')
  breaker.settle(late[6]!, CANCELLED)
  t.equal(breaker.tryAcquire().granted, false, 'a late cancel does not free the slot of the probe')
  breaker.settle(probe, OK)
  calls(OK, OK)
  t.equal(breaker.state(), 'closed')
  for (const permit of late.slice(7)) breaker.settle(permit, FAIL)
  t.match(breaker.snapshot(), {
    state: 'closed',
    consecutiveFailures: 0,
    window: { calls: 0, failures: 0 },
    totals: { success: 7, failure: 12, cancelled: 1 }
  })
})

t.test('2: rejections never enter the window', async (t) => {
  const { breaker, trip, refuse } = setup()
  trip()
  for (let i = 0; i < 100; i++) refuse()
  t.match(breaker.snapshot(), { window: { calls: 5, failures: 5 }, consecutiveFailures: 5, totals: { rejected: 100, failure: 5 } })
})

t.test('3: the window holds ten buckets of a second; advancing by k clears min(k, 10)', async (t) => {
  const { breaker, calls, pass, time } = setup()
  const counted = (): number => breaker.snapshot().window.calls
  calls(OK)
  pass(1_000)
  calls(OK, OK)
  t.equal(counted(), 3)
  pass(8_999)
  t.equal(counted(), 3)
  pass(1)
  t.equal(counted(), 2, 'after ten seconds the first bucket is gone')
  pass(999)
  t.equal(counted(), 2)
  pass(1)
  t.equal(counted(), 0)
  calls(OK)
  pass(25_000)
  t.equal(counted(), 0, 'more than a round')
  for (let i = 0; i < 10; i++) {
    pass(1_000)
    calls(OK)
  }
  t.equal(counted(), 10)
  pass(10_000)
  t.equal(counted(), 0, 'a round to the second')
  calls(OK)
  time.mono += 3_600_000
  t.equal(counted(), 0, 'an hour-old window does not count')
})

t.test('3: opens at 10 calls with half of them failed, not at 9 and not below half', async (t) => {
  const nine = setup()
  nine.calls(FAIL, FAIL, FAIL, FAIL, OK, FAIL, FAIL, FAIL, FAIL)
  t.equal(nine.breaker.state(), 'closed')
  nine.calls(OK)
  t.equal(nine.breaker.state(), 'open', 'the tenth call decides, even though it succeeded')
  t.equal(nine.changes[0]?.reason, 'failure_rate')

  const below = setup()
  below.calls(OK, FAIL, OK, FAIL, OK, FAIL, OK, FAIL, OK, OK)
  t.equal(below.breaker.state(), 'closed')
  below.calls(FAIL)
  t.equal(below.breaker.state(), 'closed', '5 of 11')
  below.calls(FAIL)
  t.equal(below.breaker.state(), 'open', '6 of 12')
})

t.test('3: opens when 80 % of 10 calls or more were slow', async (t) => {
  const { breaker, calls, changes } = setup()
  calls(OK, OK, OK, ...times(11, SLOW))
  t.equal(breaker.state(), 'closed', '11 of 14 is 78.6 %')
  calls(SLOW)
  t.equal(breaker.state(), 'open', '12 of 15 is 80 %')
  t.equal(changes[0]?.reason, 'slow_rate')
  const almost = setup()
  almost.calls(...times(20, { ...SLOW, durationMs: 9_999 }))
  t.equal(almost.breaker.state(), 'closed')
  const own = setup({ slowCallMs: 100 })
  own.calls(...times(10, { ...SLOW, durationMs: 100 }))
  t.equal(own.breaker.state(), 'open')
})

t.test('3: opens after 5 consecutive failures at any rate', async (t) => {
  const { breaker, calls, pass, changes } = setup()
  for (let i = 0; i < 4; i++) {
    calls(FAIL)
    pass(15_000)
  }
  calls(OK)
  for (let i = 0; i < 4; i++) {
    calls(FAIL, CANCELLED, THROTTLED)
    pass(3_600_000)
  }
  t.equal(breaker.state(), 'closed', 'a success begins the count anew')
  calls(FAIL)
  t.equal(breaker.state(), 'open')
  t.equal(changes[0]?.reason, 'consecutive_failures')
  const own = setup({ failureThreshold: 2 })
  own.calls(FAIL)
  t.equal(own.breaker.state(), 'closed')
  own.calls(FAIL)
  t.equal(own.breaker.state(), 'open')
})

t.test('the snapshot dates the last error and the opening', async (t) => {
  const { breaker, calls, time, pass } = setup()
  const bare = breaker.snapshot()
  t.notOk('openedAt' in bare || 'lastError' in bare || 'nextProbeInMs' in bare)
  calls(FAIL, FAIL, FAIL, FAIL, { kind: 'failure', durationMs: 5, error: { code: 'ECONNRESET', message: 'The peer hung up.' } })
  const at = time.wall
  pass(70_000)
  t.match(breaker.snapshot(), { name: 'shop', state: 'half_open', openedAt: at, nextProbeInMs: 0 })
  t.same(breaker.snapshot().lastError, { code: 'ECONNRESET', message: 'The peer hung up.', at })
  calls(OK, OK, OK)
  t.notOk('openedAt' in breaker.snapshot())
  const copy = breaker.snapshot()
  copy.totals.failure = 99
  t.equal(breaker.snapshot().totals.failure, 5)
})

t.test('settings that could never open or never close it are refused', async (t) => {
  for (const settings of [
    { failureThreshold: 0 }, { failureThreshold: 1.5 }, { failureThreshold: NaN },
    { recoveryTimeoutMs: 0 }, { recoveryTimeoutMs: Infinity }, { slowCallMs: 0 }, { slowCallMs: NaN }
  ]) t.throws(() => setup(settings), RangeError, JSON.stringify(settings))
})
