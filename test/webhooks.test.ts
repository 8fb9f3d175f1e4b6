// Webhooks: only what is signed is taken, once a delivery, and without what tells of people.
import { createHmac } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import t, { type Test } from 'tap'
import { defineAgent } from '../src/core/agent.ts'
import { buildTestApp } from './helpers/app.ts'

const SECRET = 'shop-key'
const ORDER = {
  id: 7,
  admin_graphql_api_id: 'gid://shopify/Order/7',
  name: '#1007',
  financial_status: 'paid',
  email: 'someone@example.com',
  customer: { first_name: 'Some', last_name: 'One' },
  shipping_address: { city: 'Bremen' },
  note: 'Ring twice',
  tags: 'x'
}

const listener = defineAgent({
  name: 'listener',
  description: 'Hears of orders.',
  input: Type.Object({}),
  output: Type.Object({}),
  triggers: { events: ['orders/create', 'github.push'] },
  summarise: () => 'heard',
  run: async () => ({})
})

const start = async (t: Test, environment: Record<string, string> = { SHOPIFY_WEBHOOK_SECRET: SECRET, GITHUB_WEBHOOK_SECRET: 'git-key' }) =>
  (await buildTestApp(t, environment, { agents: [listener] })).app

const signed = (body: string, { secret = SECRET, topic = 'orders/create', id = 'a-1' } = {}) => ({
  method: 'POST' as const,
  url: '/webhooks/shopify',
  headers: {
    'content-type': 'application/json',
    'x-shopify-topic': topic,
    'x-shopify-webhook-id': id,
    'x-shopify-shop-domain': 'any.myshopify.com',
    'x-shopify-hmac-sha256': createHmac('sha256', secret).update(body).digest('base64')
  },
  payload: body
})

t.test('a signed webhook becomes an event with its jobs, and tells nothing of people', async (t) => {
  const app = await start(t)
  const body = JSON.stringify(ORDER)
  const answer = await app.inject(signed(body))
  t.equal(answer.statusCode, 200, answer.body)
  const { event_id: id, duplicate, jobs } = answer.json()
  t.equal(duplicate, false)
  t.equal(jobs.length, 1)
  const event = (await app.inject(`/events/${id}`)).json()
  t.equal(event.event_type, 'orders/create')
  t.equal(event.source, 'shopify')
  t.strictSame(event.data, { id: 7, admin_graphql_api_id: 'gid://shopify/Order/7', financial_status: 'paid', name: '#1007' })
})

t.test('one delivery, however often it comes, is one event and one job', async (t) => {
  const app = await start(t)
  const body = JSON.stringify(ORDER)
  const answers = await Promise.all(Array.from({ length: 50 }, () => app.inject(signed(body))))
  t.strictSame([...new Set(answers.map(({ statusCode }) => statusCode))], [200])
  t.equal(new Set(answers.map((answer) => answer.json().event_id)).size, 1)
  t.equal(answers.filter((answer) => answer.json().duplicate === false).length, 1)
  t.equal((await app.inject('/jobs')).json().total, 1)
  // Another change of the same order, while the first look at it has not begun, is the same look.
  const next = (await app.inject(signed(body, { id: 'a-2' }))).json()
  t.equal(next.duplicate, false)
  t.equal((await app.inject('/jobs')).json().total, 1)
})

t.test('what is forged, altered or from nowhere is refused and leaves nothing', async (t) => {
  const app = await start(t)
  const body = JSON.stringify(ORDER)
  const good = signed(body)
  const refused: Array<[string, object, number]> = [
    ['another key', signed(body, { secret: 'other' }), 401],
    ['an altered body', { ...good, payload: body.replace('paid', 'void') }, 401],
    ['no signature', { ...good, headers: { ...good.headers, 'x-shopify-hmac-sha256': '' } }, 401],
    ['a signature that is none', { ...good, headers: { ...good.headers, 'x-shopify-hmac-sha256': 'AAAA' } }, 401],
    ['no delivery id', { ...good, headers: { ...good.headers, 'x-shopify-webhook-id': '' } }, 400],
    ['a topic that is none', { ...good, headers: { ...good.headers, 'x-shopify-topic': 'orders create' } }, 400],
    ['signed, but no JSON', signed('{"id":'), 400],
    ['signed, but no object', signed('[1]'), 400],
    ['signed, but too deep', signed(`{"a":${'['.repeat(100)}${']'.repeat(100)}}`), 400],
    ['an empty body', signed(''), 400]
  ]
  for (const [what, request, status] of refused) {
    const answer = await app.inject(request)
    t.equal(answer.statusCode, status, `${what}: ${answer.body}`)
    t.equal(typeof answer.json().code, 'string')
  }
  t.equal((await app.inject('/jobs')).json().total, 0)
})

t.test('while a key is being changed both are taken, and afterwards one', async (t) => {
  const both = await start(t, { SHOPIFY_WEBHOOK_SECRET: SECRET, SHOPIFY_WEBHOOK_SECRET_PREVIOUS: 'old-key' })
  const body = JSON.stringify(ORDER)
  t.equal((await both.inject(signed(body, { id: 'a-1' }))).statusCode, 200)
  t.equal((await both.inject(signed(body, { id: 'a-2', secret: 'old-key' }))).statusCode, 200)
  t.equal((await both.inject(signed(body, { id: 'a-3', secret: 'older-key' }))).statusCode, 401)
  const one = await start(t)
  t.equal((await one.inject(signed(body, { secret: 'old-key' }))).statusCode, 401)
})

t.test('what is older than what was told before makes no job, whatever the order of deliveries', async (t) => {
  const app = await start(t)
  const send = async (id: string, order: object, more = {}) => {
    const request = signed(JSON.stringify(order), { id })
    return (await app.inject({ ...request, headers: { ...request.headers, ...more } })).json()
  }
  t.match(await send('b-1', { ...ORDER, updated_at: '2026-11-24T12:00:05+01:00' }), { ignored: null, jobs: [/./] })
  const late = await send('b-2', { ...ORDER, updated_at: '2026-11-24T11:00:04Z' })
  t.match(late, { ignored: 'stale', jobs: [] })
  t.match((await app.inject(`/events/${late.event_id}`)).json(), { ignored: 'stale', source: 'shopify' })
  // The id as a number and as a global id are the same thing; without a time in the body that of the delivery counts.
  t.match(await send('b-3', { id: 7 }, { 'x-shopify-triggered-at': '2026-11-24T11:00:03.5Z' }), { ignored: 'stale' })
  t.match(await send('b-4', { id: 7 }, { 'x-shopify-triggered-at': '2026-11-24T11:00:06Z' }), { ignored: null })
  t.match(await send('b-5', { ...ORDER, updated_at: 'yesterday' }), { ignored: null }, 'what has no time is not judged')
  t.equal((await app.inject('/jobs')).json().total, 1)
})

t.test('without a key nothing is taken, and the answer says what to set', async (t) => {
  const app = await start(t, {})
  for (const url of ['/webhooks/shopify', '/api/webhooks/github']) {
    const answer = await app.inject({ ...signed('{}'), url })
    t.equal(answer.statusCode, 503)
    t.equal(answer.json().code, 'webhooks_not_configured')
  }
})

t.test('GitHub signs in its own way', async (t) => {
  const app = await start(t)
  const repository = { full_name: 'o/r', owner: { email: 'x@example.com' } }
  const body = JSON.stringify({ ref: 'refs/heads/main', after: 'abc', repository, pusher: { name: 'p' } })
  const request = (secret: string) => ({
    method: 'POST' as const,
    url: '/webhooks/github',
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': 'd-1',
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
    },
    payload: body
  })
  t.equal((await app.inject(request('wrong'))).statusCode, 401)
  const { event_id: id, jobs } = (await app.inject(request('git-key'))).json()
  t.equal(jobs.length, 1)
  t.strictSame((await app.inject(`/events/${id}`)).json().data, {
    ref: 'refs/heads/main', after: 'abc', repository: { full_name: 'o/r' }, pull_request: {}, issue: {}, check_suite: {}
  })
})
