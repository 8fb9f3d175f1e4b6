// The bulkhead, and trying again: who waits, who is refused, what a retry costs, and what comes of it.
import t from 'tap'
import { CircuitOpenError, createBreakerRegistry, ThrottledError } from '../../src/core/breaker-registry.ts'
import { BulkheadFullError, createBulkhead } from '../../src/core/bulkhead.ts'
import { createRetryBudget, withRetries, type RetryOptions } from '../../src/core/retry.ts'
import { FakeClock, settled } from '../helpers/fake-clock.ts'

const NOW = Date.UTC(2026, 10, 24)
const SHOP = { label: 'Shop', configured: true, required: false }
const good = () => ({ kind: 'success' as const })
const failing = () => ({ kind: 'failure' as const })
const NEVER = new AbortController().signal

const gated = () => Promise.withResolvers<void>()

t.test('bulkhead: a place each, then a line, then no more; places are handed on in the order of coming', async (t) => {
  const bulkhead = createBulkhead('shop', { concurrent: 2, queue: 3 })
  t.ok(bulkhead.tryEnter() && bulkhead.tryEnter())
  t.notOk(bulkhead.tryEnter())
  const order: string[] = []
  const wait = async (name: string, signal?: AbortSignal): Promise<void> => {
    await bulkhead.enter(signal)
    order.push(name)
  }
  const leaver = new AbortController()
  const waiting = [wait('a'), wait('b', leaver.signal), wait('c')]
  await t.rejects(wait('d'), { name: 'BulkheadFullError', code: 'dependency_busy', statusCode: 503, dependency: 'shop', retryAfterMs: 1_000 })
  t.same([bulkhead.running, bulkhead.waiting], [2, 3])

  leaver.abort(new Error('enough'))
  await t.rejects(waiting[1]!, { message: 'enough' })
  t.equal(bulkhead.waiting, 2, 'who leaves the line leaves at once')
  bulkhead.leave()
  t.notOk(bulkhead.tryEnter(), 'who comes just now takes the place of nobody')
  bulkhead.leave()
  await Promise.all([waiting[0], waiting[2]])
  t.strictSame(order, ['a', 'c'])
  t.same([bulkhead.running, bulkhead.waiting], [2, 0])
  bulkhead.leave()
  bulkhead.leave()
  t.equal(bulkhead.running, 0)
  t.ok(bulkhead.tryEnter())
})

t.test('bulkhead: an aborted signal never enters the line, and one without a line refuses at once', async (t) => {
  const bulkhead = createBulkhead('shop', { concurrent: 1, queue: 1 })
  bulkhead.tryEnter()
  await t.rejects(bulkhead.enter(AbortSignal.abort(new Error('gone'))), { message: 'gone' })
  t.equal(bulkhead.waiting, 0)
  await t.rejects(createBulkhead('shop', { concurrent: 1, queue: 0 }).enter(), BulkheadFullError)
})

const registryOf = (concurrent: number, queue: number) => {
  const clock = new FakeClock(NOW)
  const registry = createBreakerRegistry({ clock, jitter: () => 0.5 })
  const dependency = registry.register('shop', { ...SHOP, bulkhead: { concurrent, queue } })
  return { clock, registry, ...dependency }
}

t.test('registry: who waits for a place has no permit, and none who was refused is in the figures', async (t) => {
  const { registry, breaker, bulkhead } = registryOf(1, 1)
  const hold = gated()
  const running = registry.call('shop', () => hold.promise, { classify: good })
  const waits = registry.call('shop', async () => 2, { classify: good })
  await t.rejects(registry.call('shop', async () => 3, { classify: good }), BulkheadFullError)
  t.match(breaker.snapshot(), { window: { calls: 0 }, totals: { success: 0, rejected: 0, cancelled: 0 } })
  hold.resolve()
  await running
  t.equal(await waits, 2)
  t.match(breaker.snapshot(), { window: { calls: 2 }, totals: { success: 2, failure: 0, rejected: 0, cancelled: 0 } })
  t.same([bulkhead.running, bulkhead.waiting], [0, 0])
})

t.test('registry: a place is given back whatever becomes of the call', async (t) => {
  const { registry, bulkhead, gate, breaker, clock } = registryOf(1, 0)
  const boom = new Error('boom')
  await t.rejects(registry.call('shop', async () => { throw boom }, { classify: good }), boom)
  await t.rejects(registry.call('shop', () => { throw boom }, { classify: good }), boom)
  await t.rejects(registry.call('shop', async () => {}, { classify: () => { throw boom } }), boom)
  gate.close(clock.monotonic() + 1)
  await t.rejects(registry.call('shop', async () => {}, { classify: good }), ThrottledError)
  await clock.advance(1)
  breaker.force('forced_open')
  await t.rejects(registry.call('shop', async () => {}, { classify: good }), CircuitOpenError)
  t.equal(bulkhead.running, 0)
})

t.test('registry: nobody stands in line for an open breaker or a closed gate', async (t) => {
  const { registry, breaker, bulkhead, gate, clock } = registryOf(1, 5)
  const hold = gated()
  const running = registry.call('shop', () => hold.promise, { classify: good })
  const ask = () => registry.call('shop', async () => 'asked', { classify: good })
  gate.close(clock.monotonic() + 500)
  await t.rejects(ask(), { code: 'dependency_throttled', retryAfterMs: 500 })
  await clock.advance(500)
  breaker.force('forced_open')
  await t.rejects(ask(), { code: 'circuit_open' })
  t.equal(bulkhead.waiting, 0)
  t.equal(breaker.snapshot().totals.rejected, 1)
  breaker.force(undefined)
  const waits = ask()
  t.equal(bulkhead.waiting, 1, 'as before when it is closed')
  hold.resolve()
  await running
  t.equal(await waits, 'asked')
})

t.test('registry: when it opens, all who stand in line are told at once and none is sent', async (t) => {
  const { registry, breaker, bulkhead } = registryOf(5, 50)
  const holds = Array.from({ length: 5 }, gated)
  const running = holds.map((hold) => registry.call('shop', () => hold.promise, { classify: failing }))
  let sent = 0
  const line = Array.from({ length: 50 }, () => registry.call('shop', async () => { sent += 1 }, { classify: good }))
  const told = Promise.allSettled(line)
  for (const hold of holds) hold.resolve()
  await Promise.all(running)
  t.equal(breaker.state(), 'open')
  const refused = (await told).filter((result) => result.status === 'rejected' && result.reason instanceof CircuitOpenError)
  t.equal(refused.length + sent, 50)
  t.ok(sent <= 4, `${sent} were sent between the first and the fifth failure`)
  t.same([bulkhead.running, bulkhead.waiting], [0, 0])
})

t.test('registry: the signal of the wait ends the wait, and only that', async (t) => {
  const { registry, breaker, bulkhead } = registryOf(1, 5)
  const hold = gated()
  const running = registry.call('shop', () => hold.promise, { classify: good })
  const deadline = new AbortController()
  const waits = registry.call('shop', async () => 'asked', { classify: good, signal: NEVER, waitSignal: deadline.signal })
  deadline.abort(new Error('too late'))
  await t.rejects(waits, { message: 'too late' })
  t.equal(bulkhead.waiting, 0)
  hold.resolve()
  await running
  const failed = registry.call('shop', async () => { throw new Error('HTTP 500') }, { classify: failing, waitSignal: deadline.signal })
  await t.rejects(failed, { message: 'HTTP 500' })
  t.match(breaker.snapshot().totals, { success: 1, failure: 1, cancelled: 0 }, 'a call that was made counts')
})

t.test('budget: one retry at first, then one for ten calls, and never more than ten saved', async (t) => {
  const budget = createRetryBudget()
  t.ok(budget.take(), 'the first failure of a quiet process')
  t.notOk(budget.take())
  for (let calls = 1; calls <= 9; calls++) budget.called()
  t.notOk(budget.take(), 'nine calls')
  budget.called()
  t.ok(budget.take(), 'ten calls')
  t.notOk(budget.take())
  for (let calls = 1; calls <= 10_000; calls++) budget.called()
  let saved = 0
  while (budget.take()) saved += 1
  t.equal(saved, 10)
})

t.test('budget: an upstream that fails for everybody gets a tenth more, not three times as much', async (t) => {
  const budget = createRetryBudget()
  let tries = 0
  for (let call = 0; call < 1_000; call++) {
    await withRetries(async () => {
      tries += 1
      throw new Error('down')
    }, { budget, clock: instant, random: () => 0, signal: NEVER, attempts: 3, deadline: Infinity, again: () => true }).catch(() => {})
  }
  t.ok(tries > 1_090 && tries <= 1_101, `${tries} tries`)
})

/** Pauses end at once. */
const instant: RetryOptions<unknown>['clock'] = { monotonic: () => 0, setTimeout: (fn) => { fn() }, clearTimeout () {} }

const plentiful = { called () {}, take: () => true }

const trying = (clock: FakeClock, outcomes: unknown[], more: Partial<RetryOptions<unknown>> = {}) => {
  const at: number[] = []
  const started = clock.monotonic()
  const result = withRetries(async () => {
    at.push(clock.monotonic() - started)
    const outcome = outcomes[at.length - 1]
    if (outcome instanceof Error) throw outcome
    return outcome
  }, { budget: plentiful, clock, random: () => 0.5, signal: NEVER, attempts: 3, deadline: started + 60_000, again: (outcome) => !outcome.ok, ...more })
  result.catch(() => {})
  return { at, result }
}

t.test('retries: pauses grow, jitter is full, and the last outcome is the outcome', async (t) => {
  const clock = new FakeClock(NOW)
  const [one, two, three] = [new Error('1'), new Error('2'), new Error('3')]
  const all = trying(clock, [one, two, three, 'never'])
  await clock.advance(1_000)
  await t.rejects(all.result, three)
  t.strictSame(all.at, [0, 100, 300], 'half of 200 ms, then half of 400 ms')

  const none = trying(clock, [one, two, 'fine'], { random: () => 0 })
  await clock.advance(0)
  await clock.advance(0)
  t.equal(await none.result, 'fine')
  t.strictSame(none.at, [0, 0, 0], 'a pause may be nothing at all')

  const long = trying(clock, Array.from({ length: 9 }, () => one), { random: () => 1 - Number.EPSILON, attempts: 9, deadline: Infinity })
  await clock.advance(60_000)
  await t.rejects(long.result, one)
  t.strictSame(long.at.map((ms, index) => Math.round(ms - (long.at[index - 1] ?? 0))), [0, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])

  const once = trying(clock, [one], { attempts: 1 })
  await t.rejects(once.result, one)
  t.strictSame(once.at, [0], 'what must not be sent twice is not')
  t.equal(clock.waiting, 0)
})

t.test('retries: a value may be worth another try, and an empty budget ends it', async (t) => {
  const clock = new FakeClock(NOW)
  const failing503 = trying(clock, [503, 200], { again: (outcome) => outcome.ok && outcome.value === 503 })
  await clock.advance(100)
  t.equal(await failing503.result, 200)
  const broke = trying(clock, [503, 200], { again: () => true, budget: { called () {}, take: () => false } })
  t.equal(await broke.result, 503)
})

t.test('retries: none begins after the deadline', async (t) => {
  const clock = new FakeClock(NOW)
  const down = new Error('down')
  const late = trying(clock, [down, 'too late'], { deadline: clock.monotonic() + 100 })
  await t.rejects(late.result, down, 'the pause would end at the deadline')
  const inTime = trying(clock, [down, 'in time'], { deadline: clock.monotonic() + 101 })
  await clock.advance(100)
  t.equal(await inTime.result, 'in time')
})

t.test('retries: a try that was held back does not make the one before it unsent', async (t) => {
  const clock = new FakeClock(NOW)
  const timeout = new Error('it may have arrived')
  for (const heldBack of [new CircuitOpenError('shop', 1_000), new ThrottledError('shop', 1_000), new BulkheadFullError('shop')]) {
    const second = trying(clock, [timeout, heldBack, 'never'])
    await clock.advance(1_000)
    await t.rejects(second.result, timeout, heldBack.name)
    t.equal(second.at.length, 2, 'and it is not asked again and again')
    const first = trying(clock, [heldBack, 'never'])
    await t.rejects(first.result, heldBack)
    t.equal(first.at.length, 1)
  }
})

t.test('retries: the signal ends the pause, and no try is made after it', async (t) => {
  const clock = new FakeClock(NOW)
  const caller = new AbortController()
  const down = new Error('down')
  const { at, result } = trying(clock, [down, 'never'], { signal: caller.signal })
  await settled()
  t.equal(clock.waiting, 1)
  caller.abort(new Error('enough'))
  await t.rejects(result, { message: 'enough' })
  t.equal(clock.waiting, 0)
  const after = trying(clock, [down, 'never'], { signal: caller.signal })
  await t.rejects(after.result, down)
  t.same([at.length, after.at.length], [1, 1])
})
