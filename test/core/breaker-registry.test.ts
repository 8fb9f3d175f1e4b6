// The registry of breakers: who is in it, what it tells, and a call through it.
import t from 'tap'
import {
  BreakerNotFoundError, CircuitOpenError, createBreakerRegistry, ThrottledError, verdictOfStatus
} from '../../src/core/breaker-registry.ts'
import type { BreakerRegistryOptions, CallResult, CredentialChange, Verdict } from '../../src/core/breaker-registry.ts'
import type { BreakerChange } from '../../src/core/breaker.ts'

const SHOP = { label: 'Shopify', configured: true, required: false }

const setup = (options: Partial<BreakerRegistryOptions> = {}) => {
  const time = { mono: 1_000, wall: 1_700_000_000_000 }
  const registry = createBreakerRegistry({
    clock: { monotonic: () => time.mono, now: () => time.wall },
    jitter: () => 0.5,
    ...options
  })
  registry.register('shop', SHOP)
  const changes: BreakerChange[] = []
  const credentials: CredentialChange[] = []
  registry.onChange((change) => changes.push(change))
  registry.onCredential((change) => credentials.push(change))
  const { breaker, gate } = registry.get('shop')
  const fail = async (): Promise<void> => {
    await registry.call('shop', async () => {}, { classify: () => ({ kind: 'failure' }) })
  }
  return { time, registry, breaker, gate, changes, credentials, fail }
}

const good = (): Verdict => ({ kind: 'success' })

t.test('it lists in the order of registration, and knows each name once', async (t) => {
  const { registry } = setup()
  registry.register('openai', { label: 'OpenAI', configured: false, required: true })
  registry.register('bigquery', { ...SHOP, label: 'BigQuery' })
  t.same(registry.list().map(({ name, label, configured, required, credential }) => [name, label, configured, required, credential]), [
    ['shop', 'Shopify', true, false, 'unknown'],
    ['openai', 'OpenAI', false, true, 'unknown'],
    ['bigquery', 'BigQuery', true, false, 'unknown']
  ])
  t.throws(() => registry.register('shop', SHOP))
  for (const name of ['', 'Shop', '__proto__', 'toString']) {
    t.throws(() => registry.get(name), { code: 'breaker_not_found', statusCode: 404 })
  }
  await t.rejects(registry.call('none', async () => 1, { classify: good }), BreakerNotFoundError)
})

t.test('settings: those of the dependency over those of the registry', async (t) => {
  const { registry } = setup({ settings: { failureThreshold: 3, recoveryTimeoutMs: 7_000 } })
  const { breaker } = registry.register('slow', { ...SHOP, settings: { failureThreshold: 1 } })
  await registry.call('slow', async () => {}, { classify: () => ({ kind: 'failure' }) })
  t.match(breaker.snapshot(), { state: 'open', nextProbeInMs: 7_000 })
})

t.test('the jitter of its own stays within a fifth', async (t) => {
  const registry = createBreakerRegistry({ clock: { monotonic: () => 0, now: () => 0 }, settings: { failureThreshold: 1 } })
  const lengths = new Set<number>()
  for (let i = 0; i < 50; i++) {
    const { breaker } = registry.register(`d${i}`, SHOP)
    await registry.call(`d${i}`, async () => {}, { classify: () => ({ kind: 'failure' }) })
    const length = breaker.snapshot().nextProbeInMs!
    if (length < 48_000 || length > 72_000) t.fail(`${length}`)
    lengths.add(length)
  }
  t.ok(lengths.size > 10, `${lengths.size} different lengths`)
})

t.test('a call answers with the result or the error itself, and the classifier sees both', async (t) => {
  const { registry, breaker } = setup()
  const seen: unknown[] = []
  const classify = (result: CallResult<number>): Verdict => {
    seen.push(result.ok ? result.value : result.error)
    return good()
  }
  t.equal(await registry.call('shop', async () => 42, { classify }), 42)
  const error = new Error('HTTP 404')
  await t.rejects(registry.call('shop', async () => { throw error }, { classify }), error)
  const early = new Error('thrown before the promise')
  await t.rejects(registry.call('shop', () => { throw early }, { classify }), early)
  t.strictSame(seen, [42, error, early])
  t.match(breaker.snapshot(), { totals: { success: 3, failure: 0 }, window: { calls: 3 } })
})

t.test('it measures how long the call took', async (t) => {
  const { registry, breaker, time } = setup()
  const takes = async (ms: number): Promise<unknown> => await registry.call('shop', async () => { time.mono += ms }, { classify: good })
  await takes(9_999)
  t.equal(breaker.snapshot().window.slow, 0)
  await takes(10_000)
  t.equal(breaker.snapshot().window.slow, 1)
})

t.test('an open breaker throws CircuitOpenError and sends nothing', async (t) => {
  const { registry, breaker, fail, time } = setup()
  for (let i = 0; i < 5; i++) await fail()
  t.equal(breaker.state(), 'open')
  time.mono += 20_000
  let sent = 0
  const call = registry.call('shop', async () => { sent++ }, { classify: good })
  await t.rejects(call, { code: 'circuit_open', statusCode: 503, dependency: 'shop', retryAfterMs: 40_000 })
  await t.rejects(registry.call('shop', async () => { sent++ }, { classify: good }), CircuitOpenError)
  t.equal(sent, 0)
})

t.test('a failure carries its Retry-After and its error', async (t) => {
  const { registry, breaker } = setup({ settings: { failureThreshold: 1 } })
  const error = { code: 'http_503', message: 'The upstream answered with status 503.' }
  await registry.call('shop', async () => {}, { classify: () => ({ kind: 'failure', retryAfterMs: 100_000, error }) })
  t.match(breaker.snapshot(), { nextProbeInMs: 100_000, lastError: { ...error, at: 1_700_000_000_000 } })
})

t.test('told to wait: the gate closes, the breaker does not care, and nothing is sent before that', async (t) => {
  const { registry, breaker, time, gate } = setup()
  await registry.call('shop', async () => { time.mono += 2_000 }, { classify: () => ({ kind: 'throttled', waitMs: 30_000 }) })
  t.equal(gate.remainingMs(), 30_000, 'from the answer on')
  t.match(breaker.snapshot(), { state: 'closed', window: { calls: 0 }, totals: { throttled: 1, rejected: 0 } })
  let sent = 0
  const send = async (): Promise<void> => { await registry.call('shop', async () => { sent++ }, { classify: good }) }
  for (let waited = 0; waited < 30_000; waited += 100) {
    await t.rejects(send(), { code: 'dependency_throttled', statusCode: 503, dependency: 'shop', retryAfterMs: 30_000 - waited })
    time.mono += 100
  }
  t.equal(sent, 0)
  t.equal(breaker.snapshot().totals.rejected, 0, 'the gate stands before the breaker')
  await send()
  t.equal(sent, 1)
  await t.resolves(registry.call('shop', async () => {}, { classify: () => ({ kind: 'throttled', waitMs: 1 }) }))
  await t.rejects(send(), ThrottledError)
})

t.test('a caller that cancels: nothing counts, and the classifier is not asked', async (t) => {
  const { registry, breaker, time, fail } = setup()
  const never = (): Verdict => { throw new Error('the classifier was asked') }
  const gone = AbortSignal.abort(new Error('gone'))
  let sent = 0
  await t.rejects(registry.call('shop', async () => { sent++ }, { classify: never, signal: gone }), { message: 'gone' })
  t.equal(sent, 0)
  t.equal(breaker.snapshot().totals.cancelled, 0, 'it never began')

  for (let i = 0; i < 5; i++) await fail()
  time.mono += 60_000
  const controller = new AbortController()
  const probe = registry.call('shop', () => new Promise((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason))
  }), { classify: never, signal: controller.signal })
  await t.rejects(registry.call('shop', async () => {}, { classify: good }), CircuitOpenError)
  controller.abort(new Error('stop'))
  await t.rejects(probe, { message: 'stop' })
  t.match(breaker.snapshot(), { state: 'half_open', nextProbeInMs: 0, totals: { cancelled: 1 } }, 'the slot of the probe is free')

  const late = new AbortController()
  await registry.call('shop', async () => { late.abort() }, { classify: good, signal: late.signal })
  t.equal(breaker.snapshot().totals.success, 1, 'a call that succeeded in spite of it is a success')
})

t.test('a classifier that throws keeps no slot and blames nobody', async (t) => {
  const { registry, breaker, time, fail } = setup()
  for (let i = 0; i < 5; i++) await fail()
  time.mono += 60_000
  const bug = new TypeError('a fault of ours')
  await t.rejects(registry.call('shop', async () => {}, { classify: () => { throw bug } }), bug)
  t.match(breaker.snapshot(), { state: 'half_open', nextProbeInMs: 0, totals: { cancelled: 1, failure: 5 } })
})

t.test('changes are told once each, and only those that an event made', async (t) => {
  const { registry, breaker, changes, time, fail } = setup()
  for (let i = 0; i < 5; i++) await fail()
  time.mono += 60_000
  breaker.state()
  breaker.snapshot()
  registry.list()
  t.equal(changes.length, 1)
  for (let i = 0; i < 3; i++) await registry.call('shop', async () => {}, { classify: good })
  breaker.force('forced_open')
  breaker.force('forced_open')
  breaker.reset()
  breaker.reset()
  t.same(changes.map(({ name, from, to, reason }) => `${name}: ${from} to ${to}, ${reason}`), [
    'shop: closed to open, consecutive_failures',
    'shop: open to half_open, probe_started',
    'shop: half_open to closed, recovered',
    'shop: closed to forced_open, forced',
    'shop: forced_open to closed, reset'
  ])
})

t.test('a listener that throws is logged and disturbs neither the call nor the others; one that left is not told', async (t) => {
  const lines: object[] = []
  const log = { debug () {}, info () {}, warn () {}, error: (fields: object) => { lines.push(fields) } }
  const { registry, breaker } = setup({ log })
  const fault = new Error('listener')
  registry.onChange(() => { throw fault })
  const told: string[] = []
  const listener = (change: BreakerChange): void => { told.push(change.to) }
  const leave = registry.onChange(listener)
  registry.onChange(listener)
  breaker.force('forced_open')
  leave()
  leave()
  breaker.reset()
  t.same(told, ['forced_open', 'forced_open', 'closed'])
  t.same(lines, [{ err: fault, breaker: 'shop' }, { err: fault, breaker: 'shop' }])
})

t.test('a credential that the upstream rejects is reported, and is no failure', async (t) => {
  const { registry, breaker, credentials } = setup()
  const answer = async (status: number): Promise<void> => {
    await registry.call('shop', async () => status, { classify: () => verdictOfStatus(status, { untold: 1_000 }) })
  }
  for (const status of [200, 404, 401, 403, 404, 401, 200, 200]) await answer(status)
  t.same(credentials.map(({ credential }) => credential), ['accepted', 'rejected', 'accepted'])
  t.equal(registry.get('shop').credential, 'accepted')
  t.match(breaker.snapshot(), { consecutiveFailures: 0, window: { failures: 0, calls: 8 } })
})

t.test('6: what a status says of the upstream', async (t) => {
  const kind = (status: number): string => verdictOfStatus(status, { untold: 1_000 }).kind
  for (const status of [200, 201, 204, 301, 304, 400, 401, 403, 404, 409, 422, 451, 499]) t.equal(kind(status), 'success', `${status}`)
  for (const status of [408, 500, 502, 503, 504, 529, 599]) t.equal(kind(status), 'failure', `${status}`)
  t.same(verdictOfStatus(429, { untold: 1_000 }), { kind: 'throttled', waitMs: 1_000 })
  t.same(verdictOfStatus(429, { told: 7_000, untold: 1_000 }), { kind: 'throttled', waitMs: 7_000 })
  t.match(verdictOfStatus(503, { told: 7_000, untold: 1_000 }), { kind: 'failure', retryAfterMs: 7_000, error: { code: 'http_503' } })
  t.notOk('retryAfterMs' in verdictOfStatus(503, { untold: 1_000 }))
})
