// What readiness says of the upstreams, and the background probes that it says it from.
import t, { type Test } from 'tap'
import { createBreakerRegistry } from '../src/core/breaker-registry.ts'
import { Health } from '../src/core/health.ts'
import { silentLogger } from '../src/core/log.ts'
import { Probes } from '../src/core/probes.ts'
import { createScrubber } from '../src/core/scrubber.ts'
import type { Store } from '../src/core/store.ts'
import type { Source } from '../src/core/upstream.ts'
import { buildTestApp } from './helpers/app.ts'
import { asker } from './helpers/api-document.ts'
import { FakeClock, settled } from './helpers/fake-clock.ts'
import { puppetUpstream, UpstreamDown, well, type PuppetUpstream } from './helpers/puppet-upstream.ts'

const NAME = 'github_api'
const INTERVAL = 30_000
const SECRET = 'canary-secret'

interface Setup { source?: Source, random?: () => number, intervalMs?: number }

const setup = (t: Test, { source = 'live', random = () => 0.5, intervalMs = INTERVAL }: Setup = {}) => {
  const clock = new FakeClock(1_790_000_000_000)
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  breakers.register(NAME, { label: 'GitHub API', configured: true, required: false })
  const upstream = puppetUpstream(NAME, () => breakers, source)
  const lines: Array<{ level: string, text: string }> = []
  const write = (level: string) => (fields: object, message = ''): void => { lines.push({ level, text: `${message} ${JSON.stringify(fields)}` }) }
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const probes = new Probes({ upstreams: [upstream], breakers, clock, random, log, scrub: createScrubber([SECRET]), intervalMs })
  t.teardown(() => { probes.stop() })
  const store = { engine: 'fake', probe: async () => 1 } as unknown as Store
  const health = new Health({ store, breakers, clock, log: silentLogger, missing: {}, probes, oldestReadyMs: async () => 0 })
  const check = async () => (await health.report()).checks.find(({ name }) => name === NAME)!
  const { breaker, gate } = breakers.get(NAME)
  return { clock, breaker, gate, upstream, probes, health, check, lines }
}

t.test('the first probe begins with the start, and readiness calls nobody', async (t) => {
  const { clock, upstream, probes, health, check } = setup(t)
  let answer = (): void => {}
  upstream.answer = () => new Promise((resolve) => { answer = () => { resolve(well({ message: 'Repository o/r answers.' })) } })
  probes.start()
  t.equal(upstream.calls, 0, 'the start does not wait for it')
  await clock.advance(0)
  t.equal(upstream.calls, 1)
  t.match(await check(), { healthy: true, required: false, circuit_state: 'closed', message: 'GitHub API is configured; its first check is under way' })
  answer()
  await clock.advance(12_000)
  t.match(await check(), { healthy: true, message: 'GitHub API: Repository o/r answers; checked 12 s ago' })
  for (let n = 0; n < 100; n++) await health.report()
  t.equal(upstream.calls, 1, 'a hundred reports, no call')
})

t.test('every 30 s, give or take a tenth', async (t) => {
  for (const [random, first] of [[0, 27_000], [0.5, 30_000], [0.9999999, 33_000]] as const) {
    const { clock, upstream, probes } = setup(t, { random: () => random })
    probes.start()
    await clock.advance(first - 1)
    t.equal(upstream.calls, 1)
    await clock.advance(1)
    t.equal(upstream.calls, 2, `after ${first} ms`)
  }
})

t.test('an interval of 0 asks nobody', async (t) => {
  const { clock, upstream, probes, check } = setup(t, { intervalMs: 0 })
  probes.start()
  await clock.advance(600_000)
  t.equal(upstream.calls, 0)
  t.equal(clock.waiting, 0)
  t.match(await check(), { healthy: true, message: 'GitHub API is configured; not called yet' })
  await upstream.call()
  t.match(await check(), { healthy: true, message: 'GitHub API is configured; calls go through' })
})

t.test('ordinary calls that go well stand for a probe, but not for ever', async (t) => {
  const { clock, upstream, probes, check } = setup(t)
  probes.start()
  await clock.advance(0)
  let ordinary = 0
  const probed: number[] = []
  for (let round = 1; round <= 22; round++) {
    await clock.advance(10_000)
    const before = upstream.calls
    await upstream.call()
    ordinary += 1
    await clock.advance(20_000)
    if (upstream.calls > before + 1) probed.push(round)
    if (round === 2) t.match(await check(), { healthy: true, message: 'GitHub API: It answers; checked 60 s ago; calls went well 0 s ago' })
  }
  t.strictSame(probed, [10, 20], 'nine looks in a row are spared')
  t.equal(upstream.calls, 1 + ordinary + 2)
  await clock.advance(INTERVAL)
  await clock.advance(INTERVAL)
  t.equal(upstream.calls, 1 + ordinary + 4, 'without calls each look is a probe')
})

t.test('a probe that fails: degraded, still ready, one line each way; ordinary calls do not hide it', async (t) => {
  const { clock, upstream, probes, health, check, lines } = setup(t)
  probes.start()
  await clock.advance(0)
  t.equal((await health.report()).status, 'healthy')
  upstream.answer = new UpstreamDown(`github-api.example refuses connections; key ${SECRET}.`)
  await clock.advance(INTERVAL)
  t.match(await check(), {
    healthy: false,
    circuit_state: 'closed',
    message: 'GitHub API failed its last check: github-api.example refuses connections; key [redacted]; checked 0 s ago'
  })
  t.match(await health.report(), { ready: true, status: 'degraded' })
  upstream.answer = well()
  await upstream.call()
  t.match(await check(), { healthy: false }, 'another call may ask for something else')
  upstream.answer = new UpstreamDown('down')
  await clock.advance(INTERVAL)
  upstream.answer = well()
  await clock.advance(INTERVAL)
  t.match(await check(), { healthy: true, message: 'GitHub API: It answers; checked 0 s ago' })
  t.equal((await health.report()).status, 'healthy')
  t.match(lines, [{ level: 'warn', text: /an upstream failed its probe.*upstream_unreachable/ }, { level: 'info', text: /passes its probe again/ }])
  t.equal(lines.length, 2)
})

t.test('an error that is not ours is not shown', async (t) => {
  const { clock, upstream, probes, check, lines } = setup(t)
  for (const error of [new TypeError('canary: undefined is not a function'), Object.assign(new Error('canary'), { code: 'ECONNRESET' })]) {
    upstream.answer = error
    probes.start()
    await clock.advance(INTERVAL)
    const { healthy, message } = await check()
    t.equal(healthy, false)
    t.notMatch(message, /canary/)
    t.match(message, 'the log says more')
  }
  t.ok(lines.some(({ level, text }) => level === 'error' && text.includes('for a reason that it does not name')))
})

t.test('silence: a failure for the breaker after 5 s, whether the call heeds its signal or not', async (t) => {
  for (const heeds of [true, false]) {
    const { clock, breaker, upstream, probes, check } = setup(t)
    upstream.answer = (signal) => new Promise((_resolve, reject) => {
      if (heeds) signal.addEventListener('abort', () => { reject(signal.reason) })
    })
    probes.start()
    await clock.advance(4_999)
    t.match(await check(), { healthy: true })
    await clock.advance(1)
    t.match(await check(), { healthy: false, message: 'GitHub API failed its last check: No answer within 5 s; checked 0 s ago' })
    t.equal(breaker.snapshot().totals.failure, heeds ? 1 : 0)
    upstream.answer = well()
    await clock.advance(INTERVAL)
    t.match(await check(), { healthy: true }, 'the next one is not held up')
  }
})

t.test('an open breaker: nothing is sent until it is due, then three probes close it', async (t) => {
  const { clock, breaker, upstream, probes, health, check } = setup(t)
  upstream.answer = new UpstreamDown('no route to host')
  probes.start()
  await clock.advance(4 * INTERVAL)
  t.equal(breaker.state(), 'open', 'five probes in a row failed')
  const sent = upstream.calls
  t.equal(sent, 5)
  t.match(await check(), {
    healthy: false,
    circuit_state: 'open',
    message: 'GitHub API is cut off by its circuit breaker: no route to host; next trial in 60 s'
  })
  t.match(await health.report(), { ready: true, status: 'degraded' })
  upstream.answer = well()
  await clock.advance(59_999)
  t.equal(upstream.calls, sent, 'nothing while it is open')
  await clock.advance(1)
  t.equal(upstream.calls, sent + 1)
  t.match(await check(), { healthy: false, circuit_state: 'half_open' })
  await clock.advance(2_000)
  t.equal(upstream.calls, sent + 3)
  t.match(await check(), { healthy: true, circuit_state: 'closed', message: 'GitHub API: It answers; checked 0 s ago' })
  await clock.advance(INTERVAL - 1)
  t.equal(upstream.calls, sent + 3, 'and then it is at ease again')
})

t.test('held open by hand: nothing is sent, and the message says who holds it', async (t) => {
  const { clock, breaker, upstream, probes, check } = setup(t)
  breaker.force('forced_open')
  probes.start()
  await clock.advance(10 * INTERVAL)
  t.equal(upstream.calls, 0)
  t.match(await check(), { healthy: false, circuit_state: 'open', message: 'GitHub API is cut off by its circuit breaker: it is held open by hand' })
})

t.test('a rejected credential degrades, and is tried again', async (t) => {
  const { clock, upstream, probes, health, check } = setup(t)
  const error = Object.assign(new Error('GitHub does not accept the token: check GITHUB_TOKEN.'), { code: 'repository_credential_rejected' })
  upstream.answer = { error, verdict: { kind: 'success', credential: 'rejected' } }
  probes.start()
  await clock.advance(1_000)
  t.match(await check(), {
    healthy: false,
    circuit_state: 'closed',
    message: 'GitHub API rejected our credential: GitHub does not accept the token: check GITHUB_TOKEN; checked 1 s ago'
  })
  t.match(await health.report(), { ready: true, status: 'degraded' })
  const before = upstream.calls
  await upstream.call().catch(() => {})
  await clock.advance(INTERVAL)
  t.equal(upstream.calls, before + 2, 'an answer of 401 is no traffic that goes well')
  upstream.answer = well()
  await clock.advance(INTERVAL)
  t.match(await check(), { healthy: true })
})

t.test('missing scopes are named and do not degrade; the sandbox is marked', async (t) => {
  const { clock, upstream, probes, health, check } = setup(t, { source: 'sandbox' })
  upstream.answer = well({ message: 'Shop royal answers.', missing_scopes: ['write_orders', 'read_discounts'] })
  probes.start()
  await clock.advance(600)
  t.match(await check(), {
    healthy: true,
    message: 'GitHub API (sandbox): Shop royal answers; the credential lacks write_orders, read_discounts; checked 1 s ago'
  })
  t.equal((await health.report()).status, 'healthy')
})

t.test('told to wait: nothing is sent before it is over, and what was known stays', async (t) => {
  const { clock, upstream, probes, check } = setup(t)
  probes.start()
  await clock.advance(1_000)
  upstream.answer = { error: new Error('429'), verdict: { kind: 'throttled', waitMs: 100_000 } }
  await upstream.call().catch(() => {})
  const before = upstream.calls
  upstream.answer = well()
  await clock.advance(90_000)
  t.equal(upstream.calls, before)
  t.match(await check(), { healthy: true, message: 'GitHub API: It answers; checked 91 s ago; it told us to wait for 10 s' })
  await clock.advance(60_000)
  t.ok(upstream.calls > before)
})

t.test('an integration that waits out a Retry-After itself: no failed check', async (t) => {
  const { clock, upstream, breaker, gate, probes, lines, check } = setup(t)
  upstream.answer = (signal) => new Promise((_resolve, reject) => {
    gate.close(clock.monotonic() + 8_000)
    signal.addEventListener('abort', () => { reject(signal.reason) })
  })
  const asked = probes.ask('github_api')
  await clock.advance(5_000)
  t.match(await asked, { finding: { kind: 'not_sent', fault: { code: 'dependency_throttled' }, retryAfterMs: 3_000 } })
  t.match(await check(), { healthy: true, message: /it told us to wait for 3 s$/ })
  t.strictSame([breaker.state(), lines], ['closed', []])
})

t.test('the stop ends a probe under way and leaves no timer', async (t) => {
  const { clock, breaker, upstream, probes, lines, check } = setup(t)
  let signal: AbortSignal | undefined
  upstream.answer = (given) => new Promise((_resolve, reject) => {
    signal = given
    given.addEventListener('abort', () => { reject(given.reason) })
  })
  probes.start()
  await clock.advance(1_000)
  probes.stop()
  await settled()
  t.equal(signal?.aborted, true)
  t.equal(clock.waiting, 0)
  t.strictSame(breaker.snapshot().totals, { success: 0, failure: 0, throttled: 0, cancelled: 1, rejected: 0 }, 'and says nothing of the upstream')
  t.strictSame(lines, [])
  t.match(await check(), { healthy: true })
})

t.test('in the service: probes run from the start, and never unready it', async (t) => {
  const made: PuppetUpstream[] = []
  const list = ['shopify_api', 'llm'].map((name) => puppetUpstream(name, () => app.breakers, name === 'llm' ? 'live' : 'sandbox'))
  made.push(...list)
  list[0]!.answer = well({ message: 'Shop royal answers.' })
  list[1]!.answer = new UpstreamDown('model.example refuses connections.')
  const clock = new FakeClock(1_790_000_000_000)
  const { app } = await buildTestApp(t, { PROBE_INTERVAL: '30' }, { upstreams: { list }, clock })
  const { ask } = await asker(app)
  await clock.advance(0)
  const { statusCode, data } = await ask(t, { url: '/readyz' })
  t.match([statusCode, data.ready, data.status], [200, true, 'degraded'])
  t.match(data.checks[1], {
    name: 'shopify_api',
    healthy: true,
    circuit_state: 'closed',
    message: 'Shopify Admin API (sandbox): Shop royal answers; checked 0 s ago'
  })
  t.match(data.checks.at(-1), { name: 'llm', healthy: false, required: false, message: /refuses connections/ })
  t.notOk('circuit_state' in data.checks[2], 'BigQuery is not configured')
  t.strictSame(made.map(({ calls }) => calls), [1, 1])
})
