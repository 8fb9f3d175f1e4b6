// Circuit breakers as people hold them: over HTTP, through restarts, in the audit, on the system stream, in metrics and in the log.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { BreakerLog } from '../src/core/breaker-log.ts'
import { createBreakerRegistry } from '../src/core/breaker-registry.ts'
import { SYSTEM_STREAM } from '../src/core/model.ts'
import type { Parts } from '../src/app.ts'
import { openStore } from '../src/store/index.ts'
import { buildTestApp, type TestApp } from './helpers/app.ts'
import { asker } from './helpers/api-document.ts'
import { FakeClock, settled, until } from './helpers/fake-clock.ts'
import { setup } from './helpers/orchestrator-rig.ts'
import { T0 } from './helpers/store-rig.ts'

const post = (url: string, body: unknown) =>
  ({ method: 'POST', url, payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

const FAIL = { classify: () => ({ kind: 'failure' as const, error: { code: 'http_503', message: 'secret text of the upstream' } }) }
const WHY = 'Shopify announced maintenance.'

const open = async (t: Test, environment: Record<string, string> = {}, parts: Parts = {}) => {
  const clock = new FakeClock(T0)
  const made = await buildTestApp(t, environment, { clock, ...parts })
  const { ask, origin } = await asker(made.app)
  const breaker = async (name = 'shopify_api') => (await ask(t, { url: `/circuit-breakers/${name}` })).data
  const decide = (body: object, name = 'shopify_api', prefix = '') => ask(t, post(`${prefix}/circuit-breakers/${name}`, body))
  const audit = async (query = '') => (await ask(t, { url: `/audit${query}` })).data
  const call = async (name: string): Promise<void> => { await made.app.breakers.call(name, async () => {}, FAIL) }
  return { ...made, clock, ask, origin, breaker, decide, audit, call, changes: () => changesOf(made) }
}

/** Lines about changes of breakers. */
const changesOf = ({ lines }: Pick<TestApp, 'lines'>) => lines.filter((line) => 'breaker' in line)

t.test('a breaker by its name', async (t) => {
  const { ask, breaker } = await open(t)
  for (const prefix of ['', '/api']) {
    const { data } = await ask(t, { url: `${prefix}/circuit-breakers` })
    t.same(data.circuit_breakers.map(({ name }: { name: string }) => name), ['shopify_api', 'bigquery', 'github_api', 'llm'])
    for (const one of data.circuit_breakers) t.same((await ask(t, { url: `${prefix}/circuit-breakers/${one.name}` })).data, one)
  }
  t.match(await breaker(), { state: 'closed', state_code: 0, hold: null, throttled_for_ms: 0, credential: 'unknown' })
  const NOT_FOUND = { statusCode: 404, data: { error: 'Not Found', status_code: 404, code: 'not_found', message: 'No circuit breaker has this name.' } }
  for (const name of ['none', 'Shopify_api', '__proto__', 'toString', '%20', 'x'.repeat(99)]) {
    t.match(await ask(t, { url: `/circuit-breakers/${name}` }), NOT_FOUND)
    t.match(await ask(t, post(`/circuit-breakers/${name}`, { action: 'reset' })), NOT_FOUND)
  }
})

t.test('a hold by hand, at both prefixes: it decides, is shown, audited and told once', async (t) => {
  for (const prefix of ['', '/api']) {
    const { app, decide, audit, breaker, call, changes } = await open(t)
    const answer = await decide({ action: 'force_open', reason: WHY, for_seconds: 60 }, 'shopify_api', prefix)
    const hold = { action: 'force_open', reason: WHY, actor: 'api', since: '2026-01-05T08:00:00.000Z', until: '2026-01-05T08:01:00.000Z' }
    t.match(answer, { statusCode: 200, data: { name: 'shopify_api', state: 'forced_open', state_code: 4, hold } })
    t.same(await breaker(), answer.data)
    t.match(await breaker('llm'), { state: 'closed', hold: null })
    await t.rejects(call('shopify_api'), { code: 'circuit_open' })

    const { audit: entries, next_cursor: next } = await audit()
    t.equal(next, null)
    t.match(entries, [{
      at: '2026-01-05T08:00:00.000Z',
      actor: 'api',
      request_id: answer.headers['x-request-id'],
      action: 'force_open',
      target: 'circuit_breaker:shopify_api',
      reason: WHY,
      before: { state: 'closed', hold: null },
      after: { state: 'forced_open', hold }
    }])
    t.ok(entries[0].request_id)
    t.match(changes(), [{ level: 40, breaker: 'shopify_api', from: 'closed', to: 'forced_open', reason: 'forced' }])
    t.equal(changes().length, 1)

    await settled()
    const events = (await app.orchestrator.store.readEvents(SYSTEM_STREAM, 0, 10)).filter(({ name }) => name === 'breaker')
    t.same(events.map(({ data }) => JSON.parse(data)), [{
      type: 'breaker', name: 'shopify_api', from: 'closed', to: 'forced_open', reason: 'forced', at: '2026-01-05T08:00:00.000Z', hold
    }])
  }
})

t.test('its end comes by itself, without a timer, and a reset ends it earlier', async (t) => {
  const { decide, breaker, clock, call, changes, audit } = await open(t)
  const waiting = clock.waiting
  await decide({ action: 'force_closed', reason: WHY, for_seconds: 60 })
  for (let i = 0; i < 20; i++) await call('shopify_api')
  t.match(await breaker(), { state: 'forced_closed', hold: { action: 'force_closed' }, window: { failures: 20 } })
  t.equal(clock.waiting, waiting, 'no timer waits for it')
  await clock.advance(59_999)
  t.equal((await breaker()).state, 'forced_closed')
  await clock.advance(1)
  t.match(await breaker(), { state: 'closed', hold: null, window: { calls: 0 }, consecutive_failures: 0 })
  t.match(changes().at(-1), { from: 'forced_closed', to: 'closed', reason: 'expired', since: '2026-01-05T08:01:00.000Z' })

  await decide({ action: 'force_open', reason: WHY })
  await clock.advance(86_400_000)
  t.equal((await breaker()).state, 'forced_open', 'without an end it has none')
  t.match(await decide({ action: 'reset' }), { statusCode: 200, data: { state: 'closed', hold: null } })
  t.same((await audit()).audit.map((entry: any) => [entry.action, entry.reason, entry.before.state, entry.before.hold?.action ?? null]), [
    ['reset', null, 'forced_open', 'force_open'], ['force_open', WHY, 'closed', null], ['force_closed', WHY, 'closed', null]
  ])
})

t.test('a reset begins afresh out of an opening', async (t) => {
  const { decide, breaker, call } = await open(t)
  for (let i = 0; i < 5; i++) await call('github_api')
  t.match(await breaker('github_api'), { state: 'open', openings: 1, consecutive_failures: 5, window: { failures: 5 } })
  const { data } = await decide({ action: 'reset', reason: 'It is back.' }, 'github_api')
  t.match(data, { state: 'closed', openings: 0, consecutive_failures: 0, next_probe_in_ms: null, window: { calls: 0, failures: 0 }, totals: { failure: 5 } })
})

t.test('a hold decided again takes its new reason and end, and is told', async (t) => {
  const { decide, breaker, clock, app, changes } = await open(t)
  await decide({ action: 'force_open', reason: 'one', for_seconds: 60 })
  await clock.advance(50_000)
  await decide({ action: 'force_open', reason: 'two', for_seconds: 60 })
  await clock.advance(50_000)
  t.match(await breaker(), { state: 'forced_open', hold: { reason: 'two', until: '2026-01-05T08:01:50.000Z' } })
  t.same(changes().map(({ from, to }) => `${from} ${to}`), ['closed forced_open', 'forced_open forced_open'])
  const events = (await app.orchestrator.store.readEvents(SYSTEM_STREAM, 0, 10)).filter(({ name }) => name === 'breaker')
  t.same(events.map(({ data }) => JSON.parse(data).hold.reason), ['one', 'two'])
  await clock.advance(10_000)
  t.match(await breaker(), { state: 'closed', hold: null })
})

t.test('bad decisions are refused in plain words, and nothing is stored', async (t) => {
  const { decide, audit, ask, breaker } = await open(t)
  const refusals: Array<[unknown, RegExp]> = [
    [{}, /body must have required property 'action'/],
    [{ action: 'explode', reason: WHY }, /body\.action must be one of force_open, force_closed, reset\./],
    [{ action: 'force_open' }, /body must have required property 'reason'/],
    [{ action: 'force_closed', for_seconds: 5 }, /body must have required property 'reason'/],
    [{ action: 'force_open', reason: '' }, /body\.reason must NOT have fewer than 1 characters/],
    [{ action: 'force_open', reason: ' \n' }, /body\.reason must not be blank\./],
    [{ action: 'force_open', reason: 'x'.repeat(501) }, /body\.reason must NOT have more than 500 characters/],
    [{ action: 'force_open', reason: 5 }, /body\.reason must be string/],
    [{ action: 'force_open', reason: WHY, for_seconds: 0 }, /body\.for_seconds must be >= 1/],
    [{ action: 'force_open', reason: WHY, for_seconds: 1.5 }, /body\.for_seconds must be integer/],
    [{ action: 'force_open', reason: WHY, for_seconds: '60' }, /body\.for_seconds must be integer/],
    [{ action: 'force_open', reason: WHY, for_seconds: 2_592_001 }, /body\.for_seconds must be <= 2592000/],
    [{ action: 'reset', for_seconds: 60 }, /a reset has no end/],
    [[], /body must be object/],
    ['reset', /body must be object/]
  ]
  for (const [body, message] of refusals) {
    t.match(await decide(body as object), { statusCode: 400, data: { code: 'validation_failed', message } }, JSON.stringify(body).slice(0, 60))
  }
  t.match(await decide({ action: 'force_open', reason: 'a\u0000b' }), { statusCode: 400, data: { code: 'malformed_text' } })
  t.match(await ask(t, { url: '/audit?cursor=garbage' }), { statusCode: 400, data: { code: 'invalid_cursor' } })
  t.match(await ask(t, { url: '/audit?limit=0' }), { statusCode: 400 })
  t.match(await breaker(), { state: 'closed', hold: null })
  t.same((await audit()).audit, [])
})

t.test('the audit in pages, and of one breaker', async (t) => {
  const { decide, audit } = await open(t)
  for (let n = 0; n < 5; n++) await decide({ action: 'force_open', reason: `${n}` }, n % 2 === 0 ? 'llm' : 'bigquery')
  const first = await audit('?limit=3')
  t.same(first.audit.map(({ reason }: { reason: string }) => reason), ['4', '3', '2'])
  const rest = await audit(`?limit=3&cursor=${first.next_cursor}`)
  t.same(rest.audit.map(({ reason }: { reason: string }) => reason), ['1', '0'])
  t.equal(rest.next_cursor, null)
  t.same((await audit('?target=circuit_breaker:bigquery')).audit.map(({ reason }: { reason: string }) => reason), ['3', '1'])
})

t.test('a decision that cannot be stored is not applied', async (t) => {
  const { decide, breaker } = await open(t, {}, {
    wrapStore: (store) => ({ ...store, setHold: () => Promise.reject(new Error('broken')) })
  })
  t.match(await decide({ action: 'force_open', reason: WHY }), { statusCode: 500, data: { code: 'internal_error' } })
  t.match(await breaker(), { state: 'closed', hold: null })
})

t.test('a hold survives a restart, with what is left of it, before any work is done', async (t) => {
  const file = join(t.testdir(), 'store.sqlite')
  const session = async (now: number, run: (rig: Awaited<ReturnType<typeof setup>>) => Promise<void>): Promise<void> => {
    const store = await openStore({ file })
    const rig = await setup(t, { store, clock: new FakeClock(now) })
    for (const name of ['shop', 'other', 'third']) rig.orchestrator.breakers.register(name, { label: name, configured: true, required: false })
    await rig.orchestrator.start({ work: false })
    await run(rig)
    await rig.orchestrator.stop(0)
    await store.close()
  }
  const decision = { reason: WHY, actor: 'api', request_id: 'r' }
  const stateOf = ({ orchestrator }: Awaited<ReturnType<typeof setup>>, name: string) => orchestrator.breakers.get(name).breaker.state()
  await session(T0, async ({ orchestrator: { holds } }) => {
    await holds.decide('shop', { action: 'force_open', for_seconds: 60, ...decision })
    await holds.decide('other', { action: 'force_closed', ...decision })
    await holds.decide('third', { action: 'force_open', ...decision })
    await holds.decide('third', { action: 'reset', ...decision })
  })
  await session(T0 + 40_000, async (rig) => {
    t.same(['shop', 'other', 'third'].map((name) => stateOf(rig, name)), ['forced_open', 'forced_closed', 'closed'])
    t.match(rig.orchestrator.holds.of('shop'), { reason: WHY, since: T0, until: T0 + 60_000 })
    t.equal(rig.orchestrator.holds.of('third'), null)
    await rig.clock.advance(19_999)
    t.equal(stateOf(rig, 'shop'), 'forced_open')
    // The wall clock says nothing once the hold is running.
    rig.clock.jump(-3_600_000)
    await rig.clock.advance(1)
    t.equal(stateOf(rig, 'shop'), 'closed')
    t.equal(rig.orchestrator.holds.of('shop'), null)
  })
  await session(T0 + 70_000, async (rig) => {
    t.same(['shop', 'other'].map((name) => stateOf(rig, name)), ['closed', 'forced_closed'], 'one that ended meanwhile is over')
    t.equal((await rig.orchestrator.holds.audit({}, { limit: 10 })).items.length, 4)
  })
  const database = new DatabaseSync(file)
  t.teardown(() => { database.close() })
  t.throws(() => database.exec("UPDATE audit SET reason = 'another'"), /append-only/)
  t.throws(() => database.exec('DELETE FROM audit'), /append-only/)
})

t.test('what another process decided is applied when the store tells of it', async (t) => {
  const store = await openStore({ file: ':memory:' })
  t.teardown(() => store.close())
  const rigs = [await setup(t, { store, clock: new FakeClock(T0) }), await setup(t, { store, clock: new FakeClock(T0) })] as const
  const breakers = rigs.map(({ orchestrator }) => orchestrator.breakers.register('shop', { label: 'Shop', configured: true, required: false }).breaker)
  for (const { orchestrator } of rigs) await orchestrator.start({ work: false })
  const [first] = rigs
  const decide = (action: 'force_open' | 'reset') => first.orchestrator.holds.decide('shop', { action, reason: WHY, actor: 'api', request_id: 'r' })
  await decide('force_open')
  await until('the other one holds it too', () => breakers[1]!.state() === 'forced_open')
  t.match(rigs[1].orchestrator.holds.of('shop'), { reason: WHY })
  await decide('reset')
  await until('the other one has reset it too', () => breakers[1]!.state() === 'closed')
  t.equal(rigs[1].orchestrator.holds.of('shop'), null)

  // Many at once: the last one committed counts, everywhere.
  await Promise.all(Array.from({ length: 20 }, (_, n) => decide(n % 2 === 0 ? 'reset' : 'force_open')))
  await settled()
  t.same(breakers.map((breaker) => breaker.state()), ['forced_open', 'forced_open'])
})

t.test('state changes are logged once each: 1,000 failing calls give one line for the opening', async (t) => {
  const { call, changes, clock, breaker } = await open(t)
  let refused = 0
  for (let i = 0; i < 1_000; i++) await call('github_api').catch(() => { refused++ })
  t.equal(refused, 995)
  t.match(changes(), [{ level: 40, breaker: 'github_api', from: 'closed', to: 'open', reason: 'consecutive_failures', last_error: 'http_503' }])
  t.equal(changes().length, 1)
  t.notMatch(JSON.stringify(changes()), /secret text/)
  const { next_probe_in_ms: due } = await breaker('github_api')
  await clock.advance(due)
  for (let i = 0; i < 10; i++) {
    await breaker('github_api')
  }
  t.equal(changes().length, 1, 'looking changes nothing')
  await call('github_api')
  t.same(changes().map(({ level, to }) => [level, to]), [[40, 'open'], [30, 'half_open'], [40, 'open']])
})

const logged = () => {
  const lines: Array<Record<string, unknown>> = []
  const write = (fields: object): void => { lines.push({ ...fields }) }
  const clock = new FakeClock(T0)
  const log = { debug: write, info: write, warn: write, error: write }
  const breakers = createBreakerRegistry({ clock, jitter: () => 0, settings: { recoveryTimeoutMs: 1_000 } })
  const { breaker } = breakers.register('shop', { label: 'Shop', configured: true, required: false })
  const breakerLog = new BreakerLog({ breakers, clock, log })
  breakers.onChange((change) => { breakerLog.tell(change) })
  return { lines, clock, breaker, breakerLog }
}

t.test('the shortest configurable opening flaps at most 19 times in its first minute, and all of it is told', async (t) => {
  const { lines, clock, breaker } = logged()
  for (let ms = 0; ms < 60_000; ms += 100) {
    const permit = breaker.tryAcquire()
    // Dead while it is closed, well while it is probed: the fastest there is.
    if (permit.granted) breaker.settle(permit, { kind: permit.probe ? 'success' : 'failure', durationMs: 1 })
    for (let i = 0; i < 9; i++) {
      const more = breaker.tryAcquire()
      if (more.granted) breaker.settle(more, { kind: more.probe ? 'success' : 'failure', durationMs: 1 })
    }
    await clock.advance(100)
  }
  t.ok(lines.length > 10 && lines.length <= 19, `${lines.length} lines`)
  t.notOk(lines.some(({ changes }) => changes !== undefined))
})

t.test('a flood of changes is cut at 20 lines a minute, and its rest is summed up with where it ended', async (t) => {
  const { lines, clock, breaker, breakerLog } = logged()
  const flap = (times: number): void => {
    for (let i = 0; i < times; i++) breaker.force(i % 2 === 0 ? 'forced_open' : undefined)
  }
  flap(1_001)
  t.equal(lines.length, 20)
  await clock.advance(60_000)
  t.same(lines.slice(20), [{ breaker: 'shop', to: 'forced_open', changes: 981 }])
  breaker.reset()
  t.match(lines.at(-1), { to: 'closed', reason: 'reset' }, 'the next minute begins anew')
  t.equal(lines.length, 22)
  flap(31)
  t.equal(lines.length, 22 + 19)
  breakerLog.stop()
  t.match(lines.slice(41), [{ to: 'forced_open', changes: 12 }])
  t.equal(clock.waiting, 0, 'and no timer stays')
})

t.test('metrics: the state is read when they are asked for, and calls are counted by how they ended', async (t) => {
  const { ask, clock, call, app, breaker } = await open(t, { ENABLE_METRICS: 'true' })
  const value = async (series: string): Promise<number> => {
    const { body } = await ask(t, { url: '/metrics', headers: { accept: 'text/plain' } })
    return Number(body.split('\n').find((line) => line.startsWith(`${series} `))?.slice(series.length + 1))
  }
  const state = () => value('orchestrator_circuit_breaker_state{dependency="github_api"}')
  const count = (outcome: string) => value(`orchestrator_circuit_breaker_calls_total{dependency="github_api",outcome="${outcome}"}`)
  t.equal(await state(), 0)
  t.equal(await count('failure'), 0)
  await app.breakers.call('github_api', async () => {}, { classify: () => ({ kind: 'success' }) })
  for (let i = 0; i < 7; i++) await call('github_api').catch(() => {})
  t.equal(await state(), 1)
  const { next_probe_in_ms: due } = await breaker('github_api')
  await clock.advance(due)
  t.equal(await state(), 2, 'half open when it is due, though nothing has happened')
  await app.breakers.call('github_api', async () => {}, { classify: () => ({ kind: 'throttled', waitMs: 1_000 }) })
  t.same([await count('success'), await count('failure'), await count('rejected'), await count('throttled'), await count('cancelled')], [1, 5, 2, 1, 0])
  const { breaker: machine } = app.breakers.get('github_api')
  for (const [mode, code] of [['forced_closed', 3], ['forced_open', 4]] as const) {
    machine.force(mode)
    t.equal(await state(), code)
  }
  machine.reset()
  t.equal(await count('failure'), 5, 'a reset takes no count back')
})
