// Outgoing webhooks: announced in the commit that made it so, signed, tried again for a day, and never to an address of our own network.
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { AppError } from '../src/core/errors.ts'
import { WebhookSendError, type WebhookSender } from '../src/core/webhooks/delivery.ts'
import { signatureHeaders } from '../src/core/webhooks/signature.ts'
import { createWebhookSender } from '../src/integrations/webhooks/index.ts'
import { publicLookup } from '../src/integrations/http/index.ts'
import { buildTestApp } from './helpers/app.ts'
import { draftOf, effectsRig } from './helpers/effects-rig.ts'
import { FakeClock, until } from './helpers/fake-clock.ts'
import { agent, setup } from './helpers/orchestrator-rig.ts'
import { T0 } from './helpers/store-rig.ts'

interface Received { headers: IncomingHttpHeaders, body: string }

/** A receiver on the loopback that answers what it is told to. */
const receiver = async (t: Test) => {
  const received: Received[] = []
  const answers: Array<{ status: number, headers?: Record<string, string>, body?: string }> = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      const { status, headers = {}, body = 'thanks' } = answers.shift() ?? { status: 200 }
      response.writeHead(status, headers).end(body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/hook?key=tell-nobody`, received, answers }
}

const start = async (t: Test, environment: Record<string, string> = {}) => {
  const { app, lines } = await buildTestApp(t, { WEBHOOK_ALLOW_PRIVATE: 'true', BACKGROUND_WORK: 'true', LOG_LEVEL: 'trace', ...environment }, {
    agents: [agent('good', () => ({ n: 1 })), agent('bad', () => { throw new Error('no') }, { maxAttempts: 1 })]
  })
  await app.ready()
  const call = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) => {
    const answer = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
    return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() }
  }
  return { app, lines, call }
}

const isSigned = ({ headers, body }: Received, secret: string): boolean => {
  const id = String(headers['webhook-id'])
  const timestamp = String(headers['webhook-timestamp'])
  const own = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(`${id}.${timestamp}.${body}`).digest('base64')
  return String(headers['webhook-signature']).split(' ').includes(`v1,${own}`)
}

t.test('a signature is that of the specification\'s own example', (t) => {
  // https://github.com/standard-webhooks/standard-webhooks: the test of its reference libraries.
  const headers = signatureHeaders({
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}', secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], now: 1_614_265_330_000
  })
  t.strictSame(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
  })
  t.end()
})

t.test('an endpoint: made with a secret that is shown once, told of what it wants, changed, and gone', async (t) => {
  const { call, lines, app } = await start(t)
  const { url, received } = await receiver(t)
  const made = await call('POST', '/webhooks/endpoints', { url, events: ['job.*', 'freeze.*'], description: 'Mine', actor: 'anna' })
  t.equal(made.status, 201)
  const { id, secret } = made.body
  t.match(secret, /^whsec_[\w+/]{43}=$/)
  t.match(made.body, { url, events: ['job.*', 'freeze.*'], status: 'enabled', secret_hint: `whsec_…${secret.slice(-4)}` })
  t.notMatch(JSON.stringify((await call('GET', `/webhooks/endpoints/${id}`)).body), secret, 'never again')

  await call('POST', '/agents/good/run', {})
  await call('POST', '/agents/bad/run', {})
  await call('POST', '/freeze', { scope: 'class:refund', reason: 'Anna, anna@example.com, asked for it.' })
  await until('three messages came', () => received.length === 3)
  for (const message of received) t.ok(isSigned(message, secret))
  const told = received.map(({ body }) => JSON.parse(body)).sort((a, b) => a.type < b.type ? -1 : 1)
  t.match(told, [
    { type: 'freeze.set', data: { scope: 'class:refund' } },
    { type: 'job.dead', data: { name: 'bad', code: 'run_failed', status: 'dead' } },
    { type: 'job.succeeded', data: { name: 'good', agent: 'good', kind: 'agent', code: null } }
  ])
  t.notMatch(JSON.stringify(told), /anna/, 'ids and states, no texts')
  const list = async (query = '') => (await call('GET', `/webhooks/endpoints/${id}/deliveries${query}`)).body.deliveries
  await until('their outcome is known', async () => (await list('?status=succeeded')).length === 3)
  t.match((await list('?limit=1'))[0], { status: 'succeeded', attempts: 1, last_status: 200, last_error: null, replay_of: null })
  t.equal((await call('GET', '/jobs?kind=delivery')).body.total, 3, 'the ends of deliveries are told to nobody')

  const [first] = await list()
  const again = await call('POST', `/webhooks/endpoints/${id}/deliveries/${first.id}/replay`)
  t.match(again, { status: 202, body: { message_id: first.message_id, replay_of: first.id, status: 'waiting' } })
  await until('it came again', () => received.length === 4)
  t.equal(received[3]!.headers['webhook-id'], first.message_id)
  t.equal((await call('POST', `/webhooks/endpoints/${id}/deliveries/${id}/replay`)).body.code, 'delivery_not_found')

  const rotated = await call('PATCH', `/webhooks/endpoints/${id}`, { rotate_secret: true, events: ['proposal.created'] })
  t.not(rotated.body.secret, secret)
  t.match((await call('POST', `/webhooks/endpoints/${id}/ping`)), { status: 202, body: { type: 'webhook.ping' } })
  await until('the ping came', () => received.length === 5)
  t.ok(isSigned(received[4]!, secret) && isSigned(received[4]!, rotated.body.secret), 'by both secrets for a day')
  t.match((await call('PATCH', `/webhooks/endpoints/${id}`, { enabled: false })).body, { status: 'disabled', secret: null, reason: null })

  const { items } = await app.orchestrator.store.listAudit({ target: `webhook:${id}` }, { limit: 10 })
  t.strictSame(items.map(({ action }) => action), ['change_webhook', 'change_webhook', 'add_webhook'])
  t.match(items[2], { actor: 'anna', after: { url: new URL(url).origin, secret: `whsec_…${secret.slice(-4)}` } })
  const everything = JSON.stringify([items, lines])
  for (const word of [secret, rotated.body.secret, 'tell-nobody']) t.notOk(everything.includes(word), 'neither audit nor log knows a secret')

  t.equal((await call('DELETE', `/webhooks/endpoints/${id}`)).status, 204)
  for (const path of ['', '/deliveries']) {
    t.match((await call('GET', `/webhooks/endpoints/${id}${path}`)), { status: 404, body: { code: 'endpoint_not_found' } })
  }
})

t.test('what is not called is refused when it is entered', async (t) => {
  const { call } = await start(t, { WEBHOOK_ALLOW_PRIVATE: 'false' })
  const urls = [
    'http://example.com/', 'https://user:password@example.com/', 'ftp://example.com/', 'example.com', 'https://127.0.0.1/', 'https://localhost/',
    'https://[::1]/', 'https://10.0.0.7/', 'https://192.168.1.1/', 'https://169.254.169.254/latest/meta-data', 'https://[::ffff:10.0.0.1]/',
    'https://[fe80::1]/', 'https://0.0.0.0/',
    'https://2130706433/', 'https://0x7f.1/', 'https://metadata.localhost/', 'https://nowhere.invalid/'
  ]
  for (const url of urls) {
    const { status, body } = await call('POST', '/webhooks/endpoints', { url, events: ['*'] })
    t.equal(status, 400, url)
    t.match(body.message, /^body\.url: /, url)
  }
  t.match(await call('POST', '/webhooks/endpoints', { url: 'https://example.com/', events: ['job.begun'] }), { status: 400, body: { message: /job\.begun/ } })
  t.equal((await call('GET', '/webhooks/endpoints')).body.total, 0)
})

t.test('a name that turns to a private address after it was entered is not connected to', async (t) => {
  const { url, received } = await receiver(t)
  const { port } = new URL(url)
  let address = '93.184.216.34'
  const lookup = publicLookup((_hostname, _options, done) => { done(null, [{ address, family: 4 }]) })
  const sender = createWebhookSender({ allowPrivate: false, lookup })
  t.teardown(() => sender.close())
  await sender.check(`https://hooks.example:${port}/`)
  address = '127.0.0.1'
  await t.rejects(sender.check(`https://hooks.example:${port}/`), { code: 'validation_failed', message: /not public/ })
  const request = { headers: {}, body: '{}', signal: new AbortController().signal }
  await t.rejects(sender.send({ url: `https://hooks.example:${port}/`, ...request }), { code: 'forbidden_address' })
  await t.rejects(sender.send({ url, ...request }), { code: 'forbidden_address' }, 'nor one that came into the store by other ways')
  t.equal(received.length, 0)
  const open = createWebhookSender({ allowPrivate: true })
  t.teardown(() => open.close())
  t.equal(await open.send({ url, ...request }), 200, 'control: the receiver can be reached')
  await t.rejects(open.send({ ...request, url: 'http://127.0.0.1:1/' }), { code: 'unreachable' })
})

t.test('redirects are not followed, and large answers are not read', async (t) => {
  const target = await receiver(t)
  const { url, received, answers } = await receiver(t)
  answers.push({ status: 302, headers: { location: target.url } }, { status: 200, body: 'x'.repeat(5_000_000) })
  const sender = createWebhookSender({ allowPrivate: true })
  t.teardown(() => sender.close())
  const request = { url, headers: {}, body: '{}', signal: new AbortController().signal }
  t.equal(await sender.send(request), 302)
  t.equal(await sender.send(request), 200)
  t.equal(target.received.length, 0)
  t.equal(received.length, 2)
})

const puppetSender = (answer: (n: number) => number | Error) => {
  const sent: Array<{ at: number, id: string }> = []
  const make = (clock: FakeClock): WebhookSender => ({
    async check (url) { if (!url.startsWith('https://')) throw new AppError('validation_failed') },
    async send ({ headers }) {
      sent.push({ at: clock.now(), id: headers['webhook-id']! })
      const outcome = answer(sent.length)
      if (typeof outcome === 'number') return outcome
      throw outcome
    }
  })
  return { sent, make }
}

const HOUR = 3_600_000
const who = { actor: 'anna', request_id: null }

const deliveryRig = async (t: Test, answer: (n: number) => number | Error) => {
  const clock = new FakeClock(T0)
  const { sent, make } = puppetSender(answer)
  const heard: unknown[] = []
  const listener = agent('listener', () => ({ n: 1 }), {
    triggers: { events: ['system.webhook.*'] }, inputFromEvent: (event) => { heard.push(event.data); return {} }
  })
  const rig = await setup(t, { clock, webhookSender: make(clock), agents: [listener] })
  await rig.start()
  const { webhooks } = rig.orchestrator
  const endpoint = await webhooks.create({ url: 'https://example.com/', description: null, events: ['freeze.*'] }, who)
  const deliveries = async () => (await webhooks.deliveries(endpoint.id, {}, { limit: 100 })).items
  return { ...rig, sent, heard, webhooks, endpoint, deliveries, freeze: () => rig.orchestrator.freezes.freeze({ scope: 'all', reason: 'x', ...who }) }
}

t.test('it is tried again for a day, then given up, and an endpoint that nothing reached is switched off', async (t) => {
  const rig = await deliveryRig(t, (n) => n % 2 === 0 ? 500 : new WebhookSendError('timeout', 'It did not answer within 10 s.'))
  await rig.freeze()
  await until('the first attempt', () => rig.sent.length === 1)
  for (let hours = 0; hours < 70 && rig.sent.length < 11; hours++) {
    rig.clock.jump(HOUR / 2)
    await rig.clock.advance(2_000)
  }
  t.equal(rig.sent.length, 11)
  t.equal(new Set(rig.sent.map(({ id }) => id)).size, 1, 'one message')
  const waits = rig.sent.slice(1).map(({ at }, index) => at - rig.sent[index]!.at)
  t.ok(waits.every((wait, index) => index === 0 || wait >= waits[index - 1]! * 0.6 || wait >= HOUR / 2), 'longer and longer')
  t.ok(rig.sent[10]!.at - T0 > 18 * HOUR && rig.sent[10]!.at - T0 < 32 * HOUR, 'about a day')
  await until('it is given up', async () => (await rig.deliveries())[0]?.status === 'dead')
  t.match(await rig.deliveries(), [{ status: 'dead', attempts: 11, last_error: 'It did not answer within 10 s.' }])
  t.match(await rig.webhooks.get(rig.endpoint.id), { status: 'disabled', reason: 'Nothing reached it for a day.' })
  await until('it is told', () => rig.heard.length === 1)
  await rig.freeze()
  await rig.clock.advance(3_000)
  t.equal(rig.sent.length, 11, 'it is told nothing more')
  t.equal(rig.webhooks.wanted, false)
  await rig.webhooks.change(rig.endpoint.id, { enabled: true }, who)
  await rig.freeze()
  await until('and from here on again', () => rig.sent.length === 12)
})

t.test('a 410 ends it at once; one that works in between keeps its endpoint', async (t) => {
  const gone = await deliveryRig(t, () => 410)
  await gone.freeze()
  await until('it is off', async () => (await gone.webhooks.get(gone.endpoint.id)).status === 'disabled')
  t.match(await gone.deliveries(), [{ status: 'dead', attempts: 1, last_status: 410 }])
  const mixed = await deliveryRig(t, (n) => n === 1 ? 503 : 204)
  await mixed.freeze()
  await until('one attempt failed', async () => (await mixed.deliveries())[0]?.attempts === 1)
  t.match(await mixed.deliveries(), [{ status: 'waiting', last_error: 'It answered 503.' }])
  await mixed.clock.advance(7_000)
  await until('the second one did not', async () => (await mixed.deliveries())[0]?.status === 'succeeded')
})

t.test('a process that sends none leaves deliveries to others', async (t) => {
  const rig = await deliveryRig(t, () => 200)
  const silent = await setup(t, { clock: rig.clock, store: rig.store })
  await t.rejects(silent.orchestrator.webhooks.create({ url: 'https://example.com/', description: null, events: ['*'] }, who), { code: 'validation_failed' })
})

t.test('drafts are announced as proposals, and so is what became of them', async (t) => {
  const { sent, make } = puppetSender(() => 200)
  const clock = new FakeClock(T0)
  const rig = await effectsRig(t, { clock, webhookSender: make(clock) })
  await rig.orchestrator.webhooks.create({ url: 'https://example.com/', description: null, events: ['proposal.*'] }, who)
  const item = { name: 'c', segment: 's', subject: 'For Anna', body: 'Hello', audience: 1, hold_out: 0 }
  const proposal = await rig.propose(draftOf('campaign_draft', [item], { title: 'For Anna' }))
  await rig.reject(proposal)
  await until('two messages', () => sent.length === 2)
  const [endpoint] = await rig.orchestrator.webhooks.list()
  const { items } = await rig.orchestrator.webhooks.deliveries(endpoint!.id, {}, { limit: 10 })
  t.match(items.map(({ body }) => JSON.parse(body)), [
    { type: 'proposal.decided', data: { proposal_id: proposal.id, status: 'rejected', plan_hash: proposal.plan_hash } },
    { type: 'proposal.created', data: { proposal_id: proposal.id, status: 'pending', class: 'campaign_draft', items: 1 } }
  ])
  t.notMatch(JSON.stringify(items), /Anna/)
})
