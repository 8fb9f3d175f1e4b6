// Idempotency-Key: one effect a key, whatever is cut off, sent again or sent at once.
import { createHmac } from 'node:crypto'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { Type } from '@sinclair/typebox'
import t, { type Test } from 'tap'
import type { Parts } from '../src/app.ts'
import { defineAgent } from '../src/core/agent.ts'
import { DEFAULT_POLICY } from '../src/core/effects/policy.ts'
import { AppError } from '../src/core/errors.ts'
import type { Store } from '../src/core/store.ts'
import { isClean, runCampaign } from './campaigns/idempotency/campaign.ts'
import { buildTestApp } from './helpers/app.ts'
import { draftOf, openPolicy } from './helpers/effects-rig.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { addVariant, createPuppetShop, priceItem } from './helpers/puppet-shop.ts'

const T0 = Date.UTC(2026, 10, 23, 6)
const DAY_MS = 24 * 60 * 60 * 1000

const counter = defineAgent({
  name: 'counter',
  description: 'Counts.',
  input: Type.Object({}),
  output: Type.Object({}),
  triggers: { events: ['count.asked'] },
  summarise: () => '',
  run: async () => ({})
})

interface Ask {
  method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
}

type Asker = (url: string, key: string | undefined, ask?: Ask) => Promise<LightMyRequestResponse>

const asker = (app: FastifyInstance): Asker => (url, key, { method = 'POST', body, headers = {} } = {}) => app.inject({
  method,
  url,
  headers: { ...(key === undefined ? {} : { 'idempotency-key': key }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) })
})

const open = async (t: Test, parts: Parts = {}, environment: Record<string, string> = {}) => {
  const { app, lines } = await buildTestApp(t, environment, { agents: [counter], ...parts })
  return { app, lines, ask: asker(app), store: app.orchestrator.store }
}

const onFile = (t: Test): Record<string, string> => ({ NODE_ENV: 'production', AUTH: 'off', BACKGROUND_WORK: 'false', DATA_DIR: t.testdir() })

const sessions = async (store: Store): Promise<number> => (await store.listSessions({ limit: 1 })).total
const jobs = async (store: Store): Promise<number> => (await store.listJobs({}, { limit: 1 })).total

t.test('an answer is given again: status, body, content type, location', async (t) => {
  const { ask, store } = await open(t)
  const first = await ask('/agents/counter/run', 'run-1', { body: { input: {} } })
  t.match(first, { statusCode: 202, headers: { location: /^\/jobs\// } })
  t.notOk('idempotency-replayed' in first.headers)
  const again = await ask('/api/agents/counter/run', '"run-1"', { body: { input: {} } })
  t.match(again, { statusCode: 202, body: first.body, headers: { 'idempotency-replayed': 'true', location: first.headers['location'] } })
  t.equal(again.headers['content-type'], first.headers['content-type'])
  t.not(again.headers['x-request-id'], first.headers['x-request-id'])
  t.equal(await jobs(store), 1, 'plain and quoted, with and without prefix: one request')
})

t.test('what counts as another request', async (t) => {
  const { ask, store } = await open(t)
  const body = { event_type: 'count.asked', data: { a: 1, b: 2 } }
  t.equal((await ask('/events', 'k', { body })).statusCode, 201)
  const turned = await ask('/events', 'k', { body: { data: { b: 2, a: 1 }, event_type: 'count.asked' } })
  t.equal(turned.headers['idempotency-replayed'], 'true', 'the order of keys says nothing')
  for (const [url, other] of [['/events', { ...body, data: { a: 1, b: 3 } }], ['/agents/session', undefined], ['/events?x=1', body]] as const) {
    const refused = await ask(url, 'k', { body: other })
    t.match(refused, { statusCode: 422 })
    t.equal(refused.json().code, 'idempotency_key_reused')
  }
  t.equal((await ask('/events', 'other', { body })).headers['idempotency-replayed'], undefined, 'another key')
  t.equal((await store.stats()).events, 2)
  t.equal(await sessions(store), 0)
})

t.test('keys: 1 to 255 visible characters, quoted or plain', async (t) => {
  const { ask, store } = await open(t)
  for (const key of ['', ' ', 'a b', '"', '""', '"a', '"a b"', '"a";p=1', 'ä', 'x'.repeat(256), `"${'x'.repeat(256)}"`, '"a\\b"']) {
    const refused = await ask('/agents/session', key)
    t.match(refused, { statusCode: 400 }, JSON.stringify(key))
    t.equal(refused.json().code, 'invalid_idempotency_key')
  }
  t.equal(await sessions(store), 0)
  for (const key of ['a', 'x'.repeat(255), `"${'y'.repeat(255)}"`, '"a\\"b"', 'a"b', '~!']) t.match((await ask('/agents/session', key)).statusCode, 201, key)
  t.equal(await sessions(store), 5, 'a"b and its quoted form are one key')
})

t.test('100 at once with one key: one effect, one answer', async (t) => {
  const { ask, store } = await open(t)
  const { session_id: session } = (await ask('/agents/session', undefined)).json()
  const body = { session_id: session, role: 'user', content: 'How are you?' }
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask('/agents/message', 'race', { body })))
  const taken = answers.filter(({ statusCode }) => statusCode === 200)
  t.equal(taken.length + answers.filter((answer) => answer.statusCode === 409 && answer.json().code === 'idempotency_in_progress').length, 100)
  t.ok(answers.every((answer) => answer.statusCode === 200 || answer.headers['retry-after'] === '1'))
  t.equal(taken.filter(({ headers }) => headers['idempotency-replayed'] === undefined).length, 1, 'one did it')
  const retried = await Promise.all(answers.map((answer) => answer.statusCode === 200 ? answer : ask('/agents/message', 'race', { body })))
  t.equal(new Set(retried.map((answer) => answer.body)).size, 1, 'all have the same answer')
  t.equal((await store.getSession(session))!.message_count, 1)
  t.equal(await jobs(store), 1)
})

t.test('refusals are not kept: the same key may succeed later', async (t) => {
  const { ask, store } = await open(t)
  t.equal((await ask('/schedules', 's', { body: { id: 'one' } })).statusCode, 400)
  t.equal((await ask('/schedules', 's', { body: { id: 'one', agent: 'nobody', cron: '0 6 * * *' } })).statusCode, 404)
  const body = { id: 'one', agent: 'counter', cron: '0 6 * * *' }
  const made = await ask('/schedules', 's', { body })
  t.equal(made.statusCode, 201, 'even as another body: nothing had been done')
  t.equal((await ask('/schedules', 's', { body })).body, made.body)
  t.match((await ask('/schedules', 's2', { body })), { statusCode: 409 })
  t.equal((await ask('/schedules/one', 'd', { method: 'DELETE' })).statusCode, 204)
  const gone = await ask('/schedules/one', 'd', { method: 'DELETE' })
  t.match(gone, { statusCode: 204, body: '', headers: { 'idempotency-replayed': 'true' } }, 'not 404: it was this request that deleted it')
  t.equal((await ask('/schedules', 's2', { body })).statusCode, 201, 'the conflict is over')
  t.equal((await store.listSchedules()).length, 1)
})

t.test('keys expire after a day and are removed in the background', async (t) => {
  const clock = new FakeClock(T0)
  const { ask, store } = await open(t, { clock })
  const first = (await ask('/agents/session', 'k')).json().session_id
  for (let n = 0; n < 450; n++) await ask('/agents/session', `old-${n}`)
  clock.jump(DAY_MS - 1)
  t.equal((await ask('/agents/session', 'k')).json().session_id, first, 'a millisecond before')
  clock.jump(1)
  const second = (await ask('/agents/session', 'k', { body: { other: true } })).json().session_id
  t.not(second, first, 'a new request, even with another body')
  await clock.advance(61_000)
  await clock.advance(2_000)
  t.equal(await store.pruneKeys({ now: clock.now(), limit: 1_000 }), 0, 'nothing is left to remove')
  t.equal((await ask('/agents/session', 'k', { body: { other: true } })).json().session_id, second, 'what has not expired stays')
})

t.test('a restart on the same file', async (t) => {
  const environment = onFile(t)
  const first = await open(t, {}, environment)
  const made = await first.ask('/agents/session', 'k')
  await first.app.close()
  const second = await open(t, {}, environment)
  const again = await second.ask('/agents/session', 'k')
  t.match(again, { statusCode: 201, body: made.body, headers: { 'idempotency-replayed': 'true' } })
  t.equal(await sessions(second.store), 1)
})

// What each kind of request does, and how much of it there is afterwards.
interface Case {
  name: string
  prepare?: (ask: Asker) => Promise<string>
  url: (id: string) => string
  ask?: (id: string) => Ask
  count: (store: Store) => Promise<unknown>
  expected: unknown
}

const CASES: Case[] = [
  { name: 'session', url: () => '/agents/session', count: sessions, expected: 1 },
  {
    name: 'message',
    prepare: async (ask) => (await ask('/agents/session', undefined)).json().session_id,
    url: () => '/agents/message',
    ask: (id) => ({ body: { session_id: id, role: 'user', content: 'Hello.' } }),
    count: async (store) => [(await store.stats()).messages, await jobs(store)],
    expected: [1, 1]
  },
  {
    name: 'deleted session',
    prepare: async (ask) => (await ask('/agents/session', undefined)).json().session_id,
    url: (id) => `/agents/session/${id}`,
    ask: () => ({ method: 'DELETE' }),
    count: sessions,
    expected: 0
  },
  {
    name: 'event',
    url: () => '/events',
    ask: () => ({ body: { event_type: 'count.asked' } }),
    count: async (store) => [(await store.stats()).events, await jobs(store)],
    expected: [1, 1]
  },
  { name: 'run', url: () => '/agents/counter/run', count: jobs, expected: 1 },
  {
    name: 'cancelled job',
    prepare: async (ask) => (await ask('/agents/counter/run', undefined)).json().job_id,
    url: (id) => `/jobs/${id}/cancel`,
    count: async (store) => (await store.stats()).jobs.find(({ status }) => status === 'cancelled')?.count,
    expected: 1
  },
  {
    name: 'job run again',
    async prepare (ask) {
      const { job_id: id } = (await ask('/agents/counter/run', undefined)).json()
      await ask(`/jobs/${id}/cancel`, undefined)
      return id
    },
    url: (id) => `/jobs/${id}/retry`,
    count: async (store) => (await store.stats()).jobs.find(({ status }) => status === 'queued')?.count,
    expected: 1
  },
  {
    name: 'run of a schedule',
    prepare: async (ask) => (await ask('/schedules', undefined, { body: { id: 'mine', agent: 'counter', cron: '0 6 * * *' } })).json().id,
    url: (id) => `/schedules/${id}/run`,
    count: jobs,
    expected: 1
  },
  {
    name: 'list',
    url: () => '/feeds/suppliers',
    ask: () => ({ method: 'PUT', body: 'sku,lead_time_days\nA-1,14\n', headers: { 'content-type': 'text/csv' } }),
    count: async (store) => (await store.listAudit({}, { limit: 10 })).items.length,
    expected: 1
  },
  {
    name: 'policy',
    url: () => '/policies',
    ask: () => ({ method: 'PUT', body: { expected_version: 0, policy: DEFAULT_POLICY } }),
    count: async (store) => (await store.currentPolicy())?.version,
    expected: 1
  },
  {
    name: 'changed schedule',
    prepare: async (ask) => (await ask('/schedules', undefined, { body: { id: 'mine', agent: 'counter', cron: '0 6 * * *' } })).json().id,
    url: (id) => `/schedules/${id}`,
    ask: () => ({ method: 'PATCH', body: { paused: true } }),
    count: async (store) => (await store.getSchedule('mine'))?.paused,
    expected: true
  },
  {
    name: 'schedule',
    url: () => '/schedules',
    ask: () => ({ body: { id: 'mine', agent: 'counter', cron: '0 6 * * *' } }),
    count: async (store) => (await store.listSchedules()).length,
    expected: 1
  },
  {
    name: 'deleted schedule',
    prepare: async (ask) => (await ask('/schedules', undefined, { body: { id: 'mine', agent: 'counter', cron: '0 6 * * *' } })).json().id,
    url: (id) => `/schedules/${id}`,
    ask: () => ({ method: 'DELETE' }),
    count: async (store) => (await store.listSchedules()).length,
    expected: 0
  },
  {
    name: 'freeze',
    url: () => '/freeze',
    ask: () => ({ body: { reason: 'Stock-taking.' } }),
    count: async (store) => (await store.listFreezes({ lifted: true, now: T0 })).length,
    expected: 1
  },
  {
    name: 'lifted freeze',
    prepare: async (ask) => (await ask('/freeze', undefined, { body: { reason: 'Stock-taking.' } })).json().id,
    url: (id) => `/freeze/${id}/lift`,
    count: async (store) => (await store.listFreezes({ lifted: false, now: T0 })).length,
    expected: 0
  },
  {
    name: 'hold',
    url: () => '/circuit-breakers/shopify_api',
    ask: () => ({ body: { action: 'force_open', reason: 'Maintenance.' } }),
    count: async (store) => (await store.listAudit({}, { limit: 10 })).items.length,
    expected: 1
  },
  {
    name: 'autonomy',
    url: () => '/agents/counter',
    ask: () => ({ method: 'PATCH', body: { autonomy: 'observe' } }),
    count: async (store) => (await store.listAudit({}, { limit: 10 })).items.length,
    expected: 1
  }
]

for (const { name, prepare, url, ask: question, count, expected } of CASES) {
  t.test(`the process dies between the effect and its answer: ${name}`, async (t) => {
    const environment = onFile(t)
    let dead = false
    const dying = (store: Store): Store => ({
      ...store,
      // What a dead process writes: nothing.
      answerKey: async (args) => dead ? true : store.answerKey(args),
      releaseKey: async (args) => { if (!dead) await store.releaseKey(args) }
    })
    const clock = new FakeClock(T0)
    const first = await open(t, { wrapStore: dying, clock }, environment)
    const id = await prepare?.(first.ask) ?? ''
    dead = true
    const lost = await first.ask(url(id), 'k', question?.(id))
    t.ok(lost.statusCode < 300, lost.body)
    await first.app.close()

    clock.jump(5_000)
    const second = await open(t, { clock }, environment)
    const found = await second.ask(url(id), 'k', question?.(id))
    t.equal(found.statusCode, lost.statusCode)
    if (name !== 'hold') t.equal(found.body, lost.body, 'the answer is the one that was lost')
    t.equal(found.headers['location'], lost.headers['location'])
    t.same(await count(second.store), expected, 'one effect')
    const again = await second.ask(url(id), 'k', question?.(id))
    t.match(again, { statusCode: found.statusCode, body: found.body, headers: { 'idempotency-replayed': 'true' } })
    t.same(await count(second.store), expected)
  })
}

t.test('the process dies before the effect: the retry makes it, with the time and the ids of its own', async (t) => {
  const environment = onFile(t)
  const clock = new FakeClock(T0)
  const first = await open(t, { clock }, environment)
  const { store } = first
  const hold = { scope: '', key: 'k', token: 'of the dead' }
  const seen = await (async () => {
    // The fingerprint is the server's own business: it is taken from a request that was let go.
    let claimed: Parameters<Store['claimKey']>[0] | undefined
    const other = await open(t, { wrapStore: (store) => ({ ...store, claimKey: (args) => { claimed = args; return store.claimKey(args) } }) })
    await other.ask('/agents/session', 'k')
    return claimed!
  })()
  await store.claimKey({ ...seen, ...hold, owner: 'dead', sole: true, now: T0, lease_until: T0 + 30_000, expires_at: T0 + DAY_MS })
  await first.app.close()
  clock.jump(60 * 60 * 1000)
  const second = await open(t, { clock }, environment)
  const made = await second.ask('/agents/session', 'k')
  t.equal(made.statusCode, 201)
  t.equal(made.headers['idempotency-replayed'], undefined)
  const { session_id: id } = made.json()
  t.equal((await second.store.getSession(id))!.created_at, clock.now())
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), clock.now())
})

t.test('a fault after the effect: the retry answers, and does nothing more', async (t) => {
  let broken = true
  const { ask, store } = await open(t, {
    wrapStore: (store) => ({
      ...store,
      async createSession (session) {
        await store.createSession(session)
        if (broken) throw new AppError('store_unavailable', { retryAfterMs: 1_000 })
      }
    })
  })
  const failed = await ask('/agents/session', 'k')
  t.equal(failed.statusCode, 503, 'whether it happened is unknown')
  broken = false
  const found = await ask('/agents/session', 'k')
  t.match(found, { statusCode: 201 })
  t.ok(await store.getSession(found.json().session_id), 'the session that was made')
  t.equal(await sessions(store), 1)
})

t.test('one that was taken for dead, and is not, does nothing', async (t) => {
  const clock = new FakeClock(T0)
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  let slow = true
  const { ask, store } = await open(t, {
    clock,
    wrapStore: (store) => ({
      ...store,
      async agentStates () {
        if (slow) {
          begun.resolve()
          await gate.promise
        }
        return store.agentStates()
      }
    })
  })
  const first = ask('/agents/counter/run', 'k')
  await begun.promise
  slow = false
  t.equal((await ask('/agents/counter/run', 'k')).statusCode, 409, 'within its lease')
  clock.jump(30_001)
  const taken = await ask('/agents/counter/run', 'k')
  t.equal(taken.statusCode, 202)
  gate.resolve()
  t.match(await first, { statusCode: 409 })
  t.equal(await jobs(store), 1)
  t.equal((await ask('/agents/counter/run', 'k')).body, taken.body)
})

t.test('what a message sets off is not taken for its effect', async (t) => {
  const { ask, store } = await open(t, { assistant: () => ({ name: 'sayer', async * respond () { yield 'Hello.' } }) }, { BACKGROUND_WORK: 'true' })
  const { session_id: session } = (await ask('/agents/session', undefined)).json()
  const sent = await ask('/agents/message', 'k', { body: { session_id: session, role: 'user', content: 'Hello?' } })
  const job = await store.getJob(sent.json().job_id)
  for (let n = 0; n < 200 && (await store.getSession(session))!.message_count < 2; n++) await new Promise((resolve) => { setTimeout(resolve, 5) })
  t.equal((await store.getSession(session))!.message_count, 2, 'the reply is there')
  t.ok(job)
})

t.test('without the header the store is not asked', async (t) => {
  let asked = 0
  const { ask } = await open(t, { wrapStore: (store) => ({ ...store, claimKey: (args) => { asked += 1; return store.claimKey(args) } }) })
  await ask('/agents/session', undefined)
  await ask('/events', undefined, { body: { event_type: 'x' } })
  await ask('/events', 'k', { body: {} })
  t.equal(asked, 0, 'nor for a body that is refused')
  await ask('/events', 'k', { body: { event_type: 'x' } })
  t.equal(asked, 1)
})

t.test('every route that changes something documents the header', async (t) => {
  const { app } = await open(t)
  const document = (await app.inject('/docs/json')).json()
  let found = 0
  for (const [path, item] of Object.entries<Record<string, { parameters?: Array<{ name: string, in: string }>, responses: object }>>(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const takes = (operation.parameters ?? []).some((one) => one.in === 'header' && one.name === 'idempotency-key')
      // What it answers is never stored.
      const isKept = path !== '/keys' || method !== 'post'
      t.equal(takes, isKept && ['post', 'put', 'patch', 'delete'].includes(method), `${method} ${path}`)
      if (takes) for (const status of ['400', '409', '422']) t.ok(status in operation.responses, `${method} ${path} ${status}`)
      found += takes ? 1 : 0
    }
  }
  t.ok(found > 20)
})

t.test('browsers of other origins may send the key and see that an answer is an old one', async (t) => {
  const { app } = await open(t, {}, { CORS_ORIGINS: 'https://shop.example' })
  const origin = 'https://shop.example'
  const preflight = await app.inject({
    method: 'OPTIONS', url: '/events', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'idempotency-key' }
  })
  t.match(preflight.headers['access-control-allow-headers'], /idempotency-key/)
  const answer = await app.inject({ method: 'POST', url: '/agents/session', headers: { origin } })
  t.match(answer.headers['access-control-expose-headers'], /idempotency-replayed/)
})

t.test('a short campaign against a real server: `npm run check:idempotency` is the long one', async (t) => {
  const result = await runCampaign({ retries: 400, kills: 3, seed: 20261123 })
  t.same({ ...result, faults: undefined }, { ...result, doubled: [], missing: [], differing: [], unexpected: [], faults: undefined })
  t.ok(isClean(result))
  t.equal(result.kills, 3)
  t.ok(result.cut > 0 && result.races > 0 && result.replayed > 0)
  const control = await runCampaign({ retries: 200, kills: 1, seed: 20261123, control: true })
  t.ok(control.doubled.length > 0, 'control: a server that ignores the keys is found out')
})

t.test('decisions and undoing: once, and known again when their jobs have long run', async (t) => {
  const shop = createPuppetShop({ now: () => Date.now() })
  const variant = addVariant(shop, 1)
  const pricer = defineAgent({
    name: 'pricer',
    description: 'Proposes a price.',
    input: Type.Object({}),
    output: Type.Object({}),
    triggers: {},
    summarise: () => '',
    run: async ({ propose }) => {
      await propose([draftOf('price_change', [priceItem(variant, '105.00')])])
      return {}
    }
  })
  let processes = 0
  const dying = (store: Store): Store => ({
    ...store,
    // Each request meets another process, and each process dies before it has stored its answer.
    claimKey: (args) => store.claimKey({ ...args, owner: `process ${++processes}`, sole: true }),
    answerKey: async () => true
  })
  const { ask, app, store } = await open(t, {
    agents: [pricer], wrapStore: dying, upstreams: { commerce: shop.commerce, list: [shop.upstream] }
  }, { BACKGROUND_WORK: 'true' })
  const look = async (url: string) => (await app.inject(url)).json()
  t.equal((await ask('/policies', undefined, { method: 'PUT', body: { expected_version: 0, policy: openPolicy() } })).statusCode, 200)
  const run = (await ask('/agents/pricer/run', undefined)).json().job_id
  t.equal((await look(`/jobs/${run}?wait=10`)).status, 'succeeded')
  const { proposals: [proposal] } = await look('/proposals')
  t.equal(proposal.status, 'pending')

  const approve = () => ask(`/proposals/${proposal.id}/approve`, 'approve', { body: { plan_hash: proposal.plan_hash } })
  const approved = await approve()
  t.match(approved.json(), { status: 'approved' })
  t.equal((await look(`/jobs/${approved.json().apply_job_id}?wait=10`)).status, 'succeeded')
  t.equal((await look(`/proposals/${proposal.id}`)).status, 'applied')
  const known = await approve()
  t.same([known.statusCode, known.body], [200, approved.body], 'as it was when it was decided')
  const { decisions } = await look(`/proposals/${proposal.id}`)
  t.equal(decisions.length, 1)

  const { effects: [effect] } = await look('/effects?status=done')
  const revert = () => ask(`/effects/${effect.id}/revert`, 'revert')
  const undone = await revert()
  t.equal(undone.statusCode, 202)
  t.equal((await look(`/jobs/${undone.json().job_id}?wait=10`)).status, 'succeeded')
  t.equal((await look(`/effects/${effect.id}`)).status, 'reverted')
  const revertedAgain = await revert()
  t.same([revertedAgain.statusCode, revertedAgain.body, revertedAgain.headers['location']], [202, undone.body, undone.headers['location']])
  t.equal((await store.listJobs({ kind: 'effect' }, { limit: 10 })).total, 2)
})

t.test('webhooks: a key beside the id of the delivery changes nothing', async (t) => {
  const { ask, store } = await open(t, {}, { GITHUB_WEBHOOK_SECRET: 'git-key' })
  const deliver = (key: string | undefined, delivery: string, secret = 'git-key') => ask('/webhooks/github', key, {
    body: '{"ref":"main"}',
    headers: {
      'x-github-event': 'push',
      'x-github-delivery': delivery,
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update('{"ref":"main"}').digest('hex')}`
    }
  })
  t.equal((await deliver('k', 'a', 'another')).statusCode, 401)
  const first = await deliver('k', 'a')
  t.match(first.json(), { duplicate: false })
  t.equal((await deliver('k', 'a')).body, first.body)
  t.match((await deliver(undefined, 'a')).json(), { duplicate: true, event_id: first.json().event_id })
  t.match((await deliver('k2', 'a')).json(), { duplicate: true, event_id: first.json().event_id })
  t.equal((await deliver('k', 'a', 'another')).statusCode, 422, 'nobody without the key for signatures gets the answer')
  t.equal((await deliver('k', 'b')).statusCode, 422)
  t.equal((await store.stats()).events, 1)
})
