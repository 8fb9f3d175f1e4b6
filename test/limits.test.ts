// How much may be asked: quotas of keys and addresses, open streams, jobs that wait, connections, and a process that is late with everything.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Clock } from '../src/core/clock.ts'
import { Pressure } from '../src/core/pressure.ts'
import { RateLimiter } from '../src/core/rate-limit.ts'
import type { Store } from '../src/core/store.ts'
import type { Parts } from '../src/app.ts'
import { buildTestApp, listen } from './helpers/app.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { T0 } from './helpers/store-rig.ts'

const BY = { actor: 'test', caller: null, request_id: null }
const PROBES = ['/healthz', '/health', '/readyz', '/api/readyz', '/metrics']

const open = async (t: Test, environment: Record<string, string>, parts: Parts = {}) => {
  const { app } = await buildTestApp(t, environment, parts)
  const get = async (url: string, key?: string, headers: Record<string, string> = {}) => {
    const answer = await app.inject({ url, headers: { ...(key === undefined ? {} : { 'x-api-key': key }), ...headers } })
    return { status: answer.statusCode, headers: answer.headers, code: answer.statusCode < 400 ? undefined : answer.json().code as string }
  }
  return { app, get }
}

t.test('a quota may be spent at once, comes back evenly, and is one for each name', async (t) => {
  const clock = new FakeClock(T0)
  const limiter = new RateLimiter(7, clock)
  t.same(Array.from({ length: 7 }, () => limiter.take('a')).map(({ allowed, remaining }) => [allowed, remaining]),
    [6, 5, 4, 3, 2, 1, 0].map((left) => [true, left]))
  t.ok(limiter.isSpent('a'))
  const refused = limiter.take('a')
  t.match(refused, { allowed: false, remaining: 0 })
  t.equal(Math.round(refused.retryInMs), Math.round(60_000 / 7))
  t.equal(Math.round(refused.fullInMs), 60_000)
  t.equal(limiter.take('b').remaining, 6, 'another name has its own')
  await clock.advance(Math.ceil(refused.retryInMs))
  t.notOk(limiter.isSpent('a'))
  t.match(limiter.take('a'), { allowed: true, remaining: 0 })
  t.match(limiter.take('a'), { allowed: false }, 'a refusal costs nothing, and gives nothing')
  await clock.advance(60_000)
  t.match(limiter.take('a'), { allowed: true, remaining: 6 }, 'no more than the whole is saved up')
})

t.test('over any time nobody gets more than the quota and what came back', async (t) => {
  const clock = new FakeClock(T0)
  const limiter = new RateLimiter(600, clock)
  let allowed = 0
  for (let ms = 0; ms < 30_000; ms += 20) {
    for (let n = 0; n < 3; n++) if (limiter.take('a').allowed) allowed += 1
    await clock.advance(20)
  }
  t.ok(allowed >= 898 && allowed <= 901, `${allowed}: 600 at once and 10 a second`)
})

t.test('names that are held have a bound: those whose quota is whole go first', async (t) => {
  const clock = new FakeClock(T0)
  const limiter = new RateLimiter(1, clock, 3)
  for (const name of ['a', 'b']) limiter.take(name)
  await clock.advance(60_000)
  for (const name of ['c', 'd', 'e']) limiter.take(name)
  for (const name of ['c', 'd', 'e']) t.ok(limiter.isSpent(name), name)
  limiter.take('f')
  t.ok(limiter.isSpent('f') && limiter.isSpent('e'))
  t.notOk(limiter.isSpent('c'), 'all in use: the longest known gave way')
})

t.test('an address without a key has a quota; probes and metrics have none', async (t) => {
  const { get } = await open(t, { RATE_LIMIT_PER_ADDRESS: '3', TRUST_PROXY: '127.0.0.1' }, { clock: new FakeClock(T0) })
  t.match(await get('/brief'), { status: 200, headers: { 'ratelimit-policy': '"address";q=3;w=60', ratelimit: '"address";r=2;t=20' } })
  t.match(await get('/nowhere'), { status: 404 }, 'guessing counts')
  t.match(await get('/'), { status: 200, headers: { ratelimit: '"address";r=0;t=60' } })
  t.match(await get('/brief'), { status: 429, code: 'rate_limited', headers: { 'retry-after': '20', ratelimit: '"address";r=0;t=60' } })
  t.match(await get('/nowhere'), { status: 429 })
  for (const url of PROBES) t.match(await get(url), { status: 200, headers: { ratelimit: undefined } }, url)
  const from = (address: string) => get('/brief', undefined, { 'x-forwarded-for': address })
  t.match(await from('192.0.2.1'), { status: 200 }, 'another address behind the proxy')
  for (const n of [1, 2, 3]) t.equal((await from(`2001:db8:0:1::${n}`)).status, 200)
  t.equal((await from('2001:db8:0:1:ffff::4')).status, 429, 'one network of IPv6 is one')
  t.equal((await from('2001:db8:0:2::1')).status, 200)
  t.equal((await from('::ffff:192.0.2.1')).headers['ratelimit'], '"address";r=1;t=40', 'an address of IPv4 in that of IPv6 is the same')
})

t.test('a key has its own quota, wherever it comes from; refused credentials count for the address', async (t) => {
  let asked = 0
  const wrapStore = (store: Store): Store => ({ ...store, keyByHash: (hash) => { asked += 1; return store.keyByHash(hash) } })
  const { app, get } = await open(t, { AUTH: 'required', RATE_LIMIT_PER_KEY: '4', RATE_LIMIT_PER_ADDRESS: '3' }, { wrapStore, clock: new FakeClock(T0) })
  const make = async (name: string) => (await app.keys.make({ name, role: 'viewer' }, BY)).secret
  const [anna, till, unknown] = [await make('anna'), await make('till'), await make('gone')]
  await app.keys.revoke((await app.keys.list())[0]!.id, { actor: 'test', request_id: null })
  for (const left of [3, 2, 1, 0]) t.equal((await get('/brief', anna)).headers['ratelimit'], `"key";r=${left};t=${(4 - left) * 15}`)
  t.match(await get('/brief', anna), { status: 429, headers: { 'retry-after': '15' } })
  t.match(await get('/brief', till), { status: 200 }, 'the other one is not concerned')
  for (const key of [unknown, undefined, 'reo_x']) t.equal((await get('/brief', key)).status, 401)
  const before = asked
  for (const key of [unknown, undefined, 'reo_x']) t.match(await get('/brief', key), { status: 429, code: 'rate_limited' })
  t.equal(asked, before, 'the store is not asked for those that are too many')
  t.match(await get('/brief', till), { status: 200 }, 'and a good key from there still works')
})

t.test('streams of one caller have a number', async (t) => {
  const { app } = await open(t, { MAX_STREAMS_PER_CALLER: '2' })
  const origin = await listen(app)
  const stop = new AbortController()
  const follow = async () => await fetch(`${origin}/stream`, { signal: stop.signal })
  const [first, second] = [await follow(), await follow()]
  t.same([first.status, second.status], [200, 200])
  const third = await follow()
  t.match(third, { status: 429 })
  t.match(await third.json(), { code: 'too_many_streams' })
  t.equal((await fetch(`${origin}/brief`)).status, 200, 'ordinary requests go on')
  await first.body!.cancel()
  let again = await follow()
  // The server hears a moment later that somebody left.
  for (let n = 0; n < 500 && again.status === 429; n++) again = await follow()
  t.equal(again.status, 200, 'a place that is free is free')
  stop.abort()
})

t.test('what makes jobs is refused while too many wait', async (t) => {
  const clock = new FakeClock(T0)
  const { app, get } = await open(t, { MAX_QUEUED_JOBS: '2' }, { clock })
  const run = async () => {
    const answer = await app.inject({ method: 'POST', url: '/agents/watchdog/run' })
    return { status: answer.statusCode, headers: answer.headers, data: answer.json() }
  }
  t.same([(await run()).status, (await run()).status], [202, 202])
  await clock.advance(1_001)
  const refused = await run()
  t.match(refused, { status: 503, headers: { 'retry-after': '5' }, data: { code: 'too_much_queued' } })
  t.equal((await get('/jobs')).status, 200)
  const [job] = (await app.orchestrator.jobs.list({}, { limit: 1 })).items
  await app.orchestrator.jobs.cancel(job!.id)
  await clock.advance(1_001)
  t.equal((await run()).status, 202)
})

t.test('a process that is late with everything sheds work, and never the probes', async (t) => {
  const pressure = new Pressure(100)
  for (const [lateness, high] of [[5_000, false], [90, false], [150, false], [101, true], [0, true], [0, false]] as const) {
    pressure.note(lateness)
    t.equal(pressure.isHigh, high, `${lateness} ms`)
  }
  const fake = new FakeClock(T0)
  let lag = 0
  const clock: Clock = {
    now: () => fake.now(),
    monotonic: () => fake.monotonic() + lag,
    setTimeout: (fn, ms) => fake.setTimeout(fn, ms),
    clearTimeout: (handle) => { fake.clearTimeout(handle) }
  }
  const { app, get } = await open(t, { MAX_LOOP_DELAY_MS: '250' }, { clock })
  await app.ready()
  t.equal((await get('/brief')).status, 200)
  for (let n = 0; n < 3; n++) {
    lag += 251
    await fake.advance(100)
  }
  t.match(await get('/brief'), { status: 503, code: 'overloaded', headers: { 'retry-after': '1' } })
  for (const url of PROBES) t.match(await get(url), { status: 200 }, url)
  await fake.advance(300)
  t.equal((await get('/brief')).status, 200, 'it goes on by itself')
})

t.test('connections have a number', async (t) => {
  const { app } = await open(t, { MAX_CONNECTIONS: '1' })
  await listen(app)
  const { port } = app.server.address() as AddressInfo
  const first = connect(port, '127.0.0.1')
  await once(first, 'connect')
  first.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  t.match(String((await once(first, 'data'))[0]), /200 OK/)
  const second = connect(port, '127.0.0.1')
  second.on('error', () => {})
  await once(second, 'close')
  t.equal(second.bytesRead, 0)
  first.destroy()
})
