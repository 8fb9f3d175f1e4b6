// How the circuit breaker comes back, rule by rule: the numbers are those of the rules (docs/decisions/0003-breaker-readings.md).
import t from 'tap'
import { CANCELLED, FAIL, OK, setup, SLOW, THROTTLED, times } from '../helpers/breaker-rig.ts'

t.test('4: each opening in a row doubles the time, up to 300 s', async (t) => {
  const { breaker, calls, pass, trip } = setup()
  trip()
  const lengths: number[] = []
  for (let i = 0; i < 5; i++) {
    const { nextProbeInMs, openings } = breaker.snapshot()
    t.equal(openings, i + 1)
    lengths.push(nextProbeInMs!)
    pass(nextProbeInMs!)
    calls(FAIL)
  }
  t.same(lengths, [60_000, 120_000, 240_000, 300_000, 300_000])
  for (let i = 0; i < 2_000; i++) {
    pass(300_000)
    calls(FAIL)
  }
  t.equal(breaker.snapshot().nextProbeInMs, 300_000, 'and no number overflows')
})

t.test('4: jitter spreads the time by a fifth to either side', async (t) => {
  const length = (jitter: number, base = 10_000): number => {
    const { breaker, trip } = setup({ recoveryTimeoutMs: base }, () => jitter)
    trip()
    return breaker.snapshot().nextProbeInMs!
  }
  t.equal(length(0), 8_000)
  t.equal(length(0.25), 9_000)
  t.equal(length(1 - 2 ** -32), 12_000)
  t.equal(length(0, 600_000), 240_000, 'the limit comes first')
  t.equal(length(0.75, 600_000), 330_000)
})

t.test('4: a Retry-After raises the time, and never lowers it', async (t) => {
  const length = (retryAfterMs: number): number => {
    const { breaker, calls } = setup()
    calls(FAIL, FAIL, FAIL, { kind: 'failure', durationMs: 5, retryAfterMs: 555_000 }, { kind: 'failure', durationMs: 5, retryAfterMs })
    return breaker.snapshot().nextProbeInMs!
  }
  t.equal(length(59_000), 60_000, 'only the failure that opens it counts')
  t.equal(length(61_000), 61_000)
  t.equal(length(900_000), 900_000, 'above the limit of the backoff')
  t.equal(length(NaN), 60_000)
  t.equal(length(Infinity), 60_000)
  t.equal(length(-1), 60_000)
  const { breaker, makeDue, calls } = setup()
  makeDue()
  calls({ kind: 'failure', durationMs: 5, retryAfterMs: 200_000 })
  t.equal(breaker.snapshot().nextProbeInMs, 200_000, 'that of a probe too')
})

t.test('4: 60 s closed forgive the earlier openings', async (t) => {
  const second = (closedMs: number): [number, number] => {
    const { breaker, makeDue, calls, pass, trip } = setup()
    makeDue()
    calls(OK, OK, OK)
    pass(closedMs)
    const before = breaker.snapshot().openings
    trip()
    return [before, breaker.snapshot().nextProbeInMs!]
  }
  t.same(second(59_999), [1, 120_000])
  t.same(second(60_000), [0, 60_000])
})

t.test('5: half open lets one probe at a time through, and closes empty after three successes', async (t) => {
  const { breaker, acquire, refuse, makeDue, changes, pass } = setup()
  makeDue()
  for (let i = 0; i < 3; i++) {
    t.equal(breaker.state(), 'half_open')
    t.equal(breaker.snapshot().nextProbeInMs, 0)
    const probe = acquire()
    t.equal(probe.probe, true)
    t.equal(breaker.snapshot().nextProbeInMs, undefined)
    t.same(refuse(), { granted: false, reason: 'probing', retryAfterMs: 1_000 })
    pass(29_500 - 9_500 * i)
    if (i === 0) t.equal(refuse().retryAfterMs, 500)
    breaker.settle(probe, OK)
  }
  t.match(breaker.snapshot(), { state: 'closed', consecutiveFailures: 0, window: { calls: 0, failures: 0, slow: 0 } })
  t.same(changes.map(({ from, to, reason }) => `${from} ${to} ${reason}`), [
    'closed open consecutive_failures', 'open half_open probe_started', 'half_open closed recovered'
  ])
})

t.test('5: the window is empty after closing, even when what filled it was a second ago', async (t) => {
  const { breaker, makeDue, calls } = setup({ recoveryTimeoutMs: 1_000 })
  makeDue()
  t.equal(breaker.snapshot().window.calls, 5)
  calls(OK, OK, OK)
  t.match(breaker.snapshot(), { state: 'closed', window: { calls: 0, failures: 0 } })
})

t.test('5: a failed or slow probe re-opens, also after two successes', async (t) => {
  for (const [outcome, reason] of [[FAIL, 'probe_failed'], [SLOW, 'probe_slow']] as const) {
    const { breaker, makeDue, calls, changes } = setup()
    makeDue()
    calls(OK, OK, outcome)
    t.match(breaker.snapshot(), { state: 'open', openings: 2, nextProbeInMs: 120_000 })
    t.equal(changes.at(-1)?.reason, reason)
  }
})

t.test('5: a probe without a verdict in 30 s is a failure, from that moment on and not from when it was noticed', async (t) => {
  const { breaker, acquire, makeDue, pass, time, changes } = setup()
  makeDue()
  const probe = acquire()
  pass(29_999)
  t.equal(breaker.state(), 'half_open')
  pass(51_001)
  t.equal(breaker.state(), 'open')
  t.match(breaker.snapshot(), {
    openings: 2,
    consecutiveFailures: 6,
    nextProbeInMs: 120_000 - 51_000,
    openedAt: time.wall - 51_000,
    lastError: { code: 'probe_timeout', at: time.wall - 51_000 },
    totals: { failure: 5 }
  })
  t.equal(changes.at(-1)?.at, time.wall - 51_000)
  pass(69_000)
  t.equal(breaker.state(), 'half_open')
  const next = acquire()
  t.equal(breaker.settle(probe, FAIL), true)
  t.match(breaker.snapshot(), { state: 'half_open', totals: { failure: 6 } }, 'its late result only counts')
  breaker.settle(next, OK)
  t.equal(breaker.state(), 'half_open')

  const exact = setup()
  exact.makeDue()
  const permit = exact.acquire()
  exact.pass(30_000)
  exact.breaker.settle(permit, OK)
  t.equal(exact.breaker.state(), 'open', 'at 30 s sharp it is too late')
})

t.test('5: a probe cancelled by its caller gives the slot back and breaks no row of successes', async (t) => {
  for (const outcome of [CANCELLED, THROTTLED]) {
    const { breaker, acquire, calls, makeDue, pass } = setup()
    makeDue()
    calls(OK, OK)
    breaker.settle(acquire(), outcome)
    pass(100_000)
    t.equal(breaker.state(), 'half_open')
    calls(OK)
    t.equal(breaker.state(), 'closed')
  }
})

t.test('6: cancelled and throttled calls are counted and decide nothing', async (t) => {
  const { breaker, calls } = setup()
  calls(...times(4, FAIL), ...times(50, CANCELLED), ...times(50, THROTTLED))
  t.match(breaker.snapshot(), {
    state: 'closed',
    consecutiveFailures: 4,
    window: { calls: 4, failures: 4, slow: 0 },
    totals: { cancelled: 50, throttled: 50, failure: 4, success: 0 }
  })
})

t.test('8: a hold by hand decides alone, and its end begins afresh', async (t) => {
  const { breaker, acquire, calls, refuse, pass, trip, changes } = setup()
  trip()
  breaker.force('forced_closed')
  calls(...times(30, FAIL))
  t.match(breaker.snapshot(), { state: 'forced_closed', window: { calls: 30, failures: 30 }, consecutiveFailures: 30, openings: 0 })
  breaker.force('forced_closed')
  t.equal(breaker.snapshot().window.calls, 30, 'a hold that is there already is left alone')
  const during = acquire()
  breaker.force('forced_open')
  t.same(refuse(), { granted: false, reason: 'forced_open', retryAfterMs: 60_000 })
  pass(86_400_000)
  t.equal(refuse().reason, 'forced_open', 'no time ends a hold')
  breaker.settle(during, FAIL)
  breaker.force('forced_open')
  breaker.force(undefined)
  breaker.force(undefined)
  t.match(breaker.snapshot(), { state: 'closed', window: { calls: 0 }, consecutiveFailures: 0, openings: 0 })
  t.same(changes.map(({ from, to, reason }) => `${from} ${to} ${reason}`), [
    'closed open consecutive_failures',
    'open forced_closed forced',
    'forced_closed forced_open forced',
    'forced_open closed released'
  ], 'what is so already is no change')
  trip()
  breaker.force(undefined)
  t.equal(breaker.state(), 'open', 'there is no hold to end')
})

t.test('8: a hold with an end is over at that moment, whenever that is noticed', async (t) => {
  const { breaker, calls, refuse, pass, time, changes } = setup()
  breaker.force('forced_open', 100_000)
  t.same(refuse(), { granted: false, reason: 'forced_open', retryAfterMs: 60_000 }, 'it may be ended earlier by hand')
  pass(99_000)
  t.equal(refuse().retryAfterMs, 1_000, 'its end is nearer than that')
  breaker.force('forced_open', 2_000)
  t.equal(changes.length, 1, 'a hold that is there already takes the new end')
  pass(1_999)
  t.equal(breaker.state(), 'forced_open')
  time.wall += 3_600_000
  pass(70_001)
  t.match(breaker.snapshot(), { state: 'closed', openings: 0, consecutiveFailures: 0, window: { calls: 0 } })
  t.match(changes.at(-1), { from: 'forced_open', to: 'closed', reason: 'expired', at: time.wall - 70_000 })

  breaker.force('forced_closed', 1_000)
  calls(...times(30, FAIL))
  breaker.force('forced_closed')
  pass(86_400_000)
  t.equal(breaker.state(), 'forced_closed', 'an end can be taken back')
  for (const bad of [0, -1, NaN]) t.throws(() => breaker.force('forced_open', bad), RangeError)
})

t.test('8: a reset begins afresh out of every state', async (t) => {
  const { breaker, acquire, calls, makeDue, trip } = setup()
  const early = acquire()
  trip()
  breaker.reset()
  t.match(breaker.snapshot(), { state: 'closed', openings: 0, consecutiveFailures: 0, window: { calls: 0 } })
  breaker.settle(early, FAIL)
  t.equal(breaker.snapshot().consecutiveFailures, 0)
  makeDue()
  const probe = acquire()
  breaker.reset()
  breaker.settle(probe, FAIL)
  t.equal(breaker.state(), 'closed')
  breaker.force('forced_open')
  breaker.reset()
  t.equal(breaker.state(), 'closed')
  const before = acquire()
  breaker.reset()
  calls(...times(4, FAIL))
  breaker.settle(before, FAIL)
  t.equal(breaker.state(), 'closed', 'a reset of a closed breaker too leaves earlier calls behind')
})

t.test('a dead upstream costs at most 10 calls, then probes', async (t) => {
  const { breaker, pass } = setup()
  let sent = 0
  for (let i = 0; i < 3_600; i++) {
    const permit = breaker.tryAcquire()
    if (permit.granted) {
      sent++
      breaker.settle(permit, FAIL)
    }
    pass(1_000)
  }
  t.ok(sent <= 10 + 16, `sent ${sent} in an hour`)
  t.equal(breaker.snapshot().totals.rejected, 3_600 - sent)
})
