// Personal data: planted wherever text can stand, redacted, and looked for in every column of every table, on both engines.
import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { newId } from '../src/core/ids.ts'
import type { Json } from '../src/core/model.ts'
import { REDACTED, redactorOf, type Person } from '../src/core/privacy/person.ts'
import type { Store } from '../src/core/store.ts'
import { openStore } from '../src/store/index.ts'
import { PERSONAL_PLACES } from '../src/store/operations/personal-places.ts'
import { buildTestApp } from './helpers/app.ts'
import { draftOf, effectsRig } from './helpers/effects-rig.ts'
import { until } from './helpers/fake-clock.ts'
import { orderOf, soldOrderOf } from './helpers/memory-shop.ts'
import { execute, freshSchema, withoutPostgres } from './helpers/postgres.ts'
import { addOrder } from './helpers/puppet-shop.ts'
import { delta, job, rig as storeRig, schedule, T0 } from './helpers/store-rig.ts'

const CUSTOMER = '7700998877665'
const PERSON: Person = { customer_id: CUSTOMER, emails: ['Jördis.O\'Neill+shop@example.com'], phones: ['+49 (151) 2345-6789'], names: ['Jördis O\'Neill'] }
const EMAIL = PERSON.emails[0]!
const ABOUT = `Jördis O'Neill <${EMAIL.toUpperCase()}>, +4915123456789 or 0151 2345 6789, gid://shopify/Customer/${CUSTOMER}`
const OTHER = 'Jördis O\'Neillson, joerdis@example.com, +49 151 23456780, gid://shopify/Customer/77009988776651'

/** How it would be found whatever was redacted: without the redactor's own patterns. */
const TRACES = [
  'o\'neill+shop@example', 'o\'neill <', 'jördis o\'neill"', 'jördis o\'neill,', 'jördis o\'neill ', '15123456789', '23456789', '2345-6789', '2345 6789',
  `${CUSTOMER}"`, `${CUSTOMER},`
]

t.test('how a person is recognised, and who is not', (t) => {
  const { text, json } = redactorOf(PERSON)
  t.equal(text(ABOUT), `${REDACTED} <${REDACTED}>, ${REDACTED} or ${REDACTED}, ${REDACTED}`)
  t.equal(text(OTHER), OTHER)
  t.equal(text('O\'Neill, Jördis'), REDACTED)
  t.equal(text('Jo\u0308rdis  O\'NEILL'), REDACTED, 'composed or not, and however it is spaced')
  t.equal(text('0049/151/2345/6789 und 004915123456789.'), `${REDACTED} und ${REDACTED}.`)
  t.equal(text('j%C3%B6 J\u00f6rdis.O\'Neill+shop%40example.com'), `j%C3%B6 ${REDACTED}`)
  const value = { a: [4915123456789, 4915123456780, Number(CUSTOMER)], [EMAIL]: { b: null, c: true, d: 'fine' } }
  t.strictSame(json(value), { a: [REDACTED, 4915123456780, REDACTED], [REDACTED]: { b: null, c: true, d: 'fine' } })
  const clean = { d: ['fine', 1] }
  t.equal(json(clean), clean, 'what holds nothing is left as it is')
  const nobody = redactorOf({ customer_id: null, emails: [' '], phones: ['12'], names: [''] })
  t.equal(nobody.text(ABOUT), ABOUT, 'an empty name is not everybody\'s')
  t.equal(redactorOf({ ...PERSON, customer_id: '7', emails: [], phones: [], names: [] }).text('7'), '7', 'a short number alone is no trace')
  t.end()
})

/** Opens the store; `rows` reads all rows of all tables once it is closed. */
interface Engine { store: Store, rows: () => Promise<Record<string, unknown[]>>, columns: () => Promise<Array<{ table: string, column: string }>> }

const sqlite = async (t: Test): Promise<Engine> => {
  const file = join(t.testdir(), 'store.sqlite')
  const ask = <T>(sql: string): T[] => {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      return database.prepare(sql).all() as T[]
    } finally {
      database.close()
    }
  }
  const tables = () => ask<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'kysely%'")
  return {
    store: await openStore({ file }),
    rows: async () => Object.fromEntries(tables().map(({ name }) => [name, ask(`SELECT * FROM ${name}`)])),
    columns: async () => tables().flatMap(({ name }) => ask<{ name: string, type: string }>(`PRAGMA table_info(${name})`)
      .filter(({ type }) => type.toLowerCase() === 'text').map((one) => ({ table: name, column: one.name })))
  }
}

const postgres = async (t: Test): Promise<Engine> => {
  const url = await freshSchema(t)
  const listed = async () => (await execute(
    `SELECT c.table_name AS "table", c.column_name AS "column" FROM information_schema.columns c
     WHERE c.table_schema = current_schema() AND c.data_type = 'text' AND c.table_name NOT LIKE 'kysely%'`, url)
  ).rows as Array<{ table: string, column: string }>
  return {
    store: await openStore({ url, timeoutMs: 10_000 }),
    async rows () {
      const tables = [...new Set((await listed()).map(({ table }) => table))]
      return Object.fromEntries(await Promise.all(tables.map(async (table) => [table, (await execute(`SELECT * FROM ${table}`, url)).rows])))
    },
    columns: listed
  }
}

/** Writes what tells of the person wherever callers, agents, people or the shop can write text. */
const plant = async (t: Test, store: Store) => {
  const shopRig = await effectsRig(t, { store, start: false })
  const { orchestrator } = shopRig
  const { say, take, answer, session } = storeRig(store)
  const about = { text: ABOUT, [EMAIL]: [ABOUT, 4915123456789], other: OTHER }
  // A conversation whose deltas cut the address in two.
  const id = await session()
  await say(id, 'enqueue', { content: ABOUT })
  const [reply] = await take(1, T0, 'replies')
  const middle = ABOUT.length >> 1
  for (const piece of [ABOUT.slice(0, 25), ABOUT.slice(25, middle), ABOUT.slice(middle)]) {
    await store.appendEvents({ job_id: reply!.id, token: reply!.lease_token!, now: T0, events: [delta(id, reply!.id, piece)] })
  }
  await answer(reply!, ABOUT)
  await store.publish({ now: T0, events: [{ stream: 'system', name: 'proposal', data: JSON.stringify({ title: ABOUT }), job_id: null, final: false }] })
  await orchestrator.events.record({ type: `ticket.${ABOUT}`, data: about, timestamp: ABOUT, source: 'api' })
  // Jobs: what they were given, what they answered, how they failed.
  const [made] = await store.enqueue({ jobs: [job({ payload: { v: 1, input: about }, dedupe_key: `run:x:${ABOUT}`, source: `api:${ABOUT}` })], now: T0 })
  const [first] = await take(1)
  await store.reportProgress({ id: made!.id, token: first!.lease_token!, progress: { fraction: 0.5, note: ABOUT, at: T0 } })
  const failure = { attempt: 1, at: T0, code: 'x', message: ABOUT }
  await store.settle({
    id: made!.id,
    token: first!.lease_token!,
    session_id: first!.session_id,
    now: T0,
    settlement: { status: 'dead', failure },
    events: [],
    agent: { name: 'pricer', ok: false, error: ABOUT, pause_after: 1 }
  })
  await store.enqueue({ jobs: [job({ payload: { v: 1 } })], now: T0 })
  const [second] = await take(1)
  await store.settle({
    id: second!.id, token: second!.lease_token!, session_id: second!.session_id, now: T0, settlement: { status: 'succeeded', output: about }, events: []
  })
  await store.enqueue({ jobs: [job()], now: T0 })
  const [third] = await take(1)
  await store.settle({
    id: third!.id, token: third!.lease_token!, session_id: third!.session_id, now: T0, settlement: { status: 'cancelled', reason: ABOUT }, events: []
  })
  await store.setAgentState({ name: 'helper2', enabled: false, reason: ABOUT, now: T0 })
  await store.setAgentState({ name: 'pricer', enabled: true, reason: null, now: T0 })
  await store.saveSchedule(schedule({ id: 'own', built_in: false, input: about, next_due_at: null }), 'insert')
  const who = { actor: 'owner', request_id: null }
  const hold = { name: 'llm', id: newId(), action: 'force_open' as const, reason: ABOUT, since: T0, until: null, ...who }
  await store.setHold({ hold, state: { before: 'closed', after: 'forced_open' } })
  const frozen = await orchestrator.freezes.freeze({ scope: 'class:segment', reason: ABOUT, ...who })
  await orchestrator.freezes.lift(frozen.id, { ...who, reason: ABOUT })
  const { version, policy } = await orchestrator.policies.current()
  await orchestrator.policies.change({ policy, expected_version: version, reason: ABOUT, ...who })
  await orchestrator.webhooks.list()
  await store.addEndpoint({
    endpoint: {
      id: newId(),
      url: 'https://example.com/',
      description: ABOUT,
      events: ['*'],
      secret: 'whsec_x',
      old_secret: null,
      old_secret_until: null,
      status: 'enabled',
      reason: null,
      created_at: T0,
      updated_at: T0
    },
    ...who,
    now: T0
  })
  const feed = { id: newId(), name: 'suppliers' as const, received_at: T0, columns: ['sku', ABOUT], rows: 1, actor: 'api' }
  await store.saveFeed({ feed, chunks: [JSON.stringify([['a', ABOUT]])], change: { id: newId(), at: T0, ...who } })
  const buyer = (number: string, order: string) => {
    const sold = soldOrderOf(orderOf({ name: order, at: T0, buyer: [`gid://shopify/Customer/${number}`, 3] }))
    return { id: sold.id, created_at: T0, updated_at: T0, body: JSON.stringify(sold) }
  }
  await store.saveHistory({
    orders: [buyer(CUSTOMER, '#1'), buyer('5', '#2')],
    state: { source: 'sandbox', shop: 's', as_of: T0, covers_from: T0, watermark: T0, changed: 0, looked_back_at: 0, reading: null }
  })
  for (const [key, body] of [['k-1', JSON.stringify(about)], ['k-2', ABOUT], [`k:${EMAIL}`, '{}']] as const) {
    const times = { now: T0, lease_until: T0 + 1, expires_at: T0 + 9e9 }
    const taken = await store.claimKey({ scope: '', key, token: newId(), fingerprint: 'f', owner: 'o', sole: true, ...times })
    if (taken.outcome !== 'claimed') throw new Error('not claimed')
    await store.answerKey({ ...taken.work, answer: { status: 201, body, content_type: 'application/json', location: `/x/${EMAIL}` } })
  }
  await orchestrator.start({ work: true })
  // Plans, decisions and effects: an order's note as it was, as it was planned, and why it was approved.
  const order = addOrder(shopRig.shop, 7, { note: ABOUT })
  const noted = await shopRig.propose(draftOf('order_note', [{ order_id: order.id, order_name: '#7', expected_note: ABOUT, note: `${ABOUT} called.` }], {
    title: ABOUT, rationale: [ABOUT], evidence: about, key: `note:${EMAIL}`
  }))
  await orchestrator.proposals.approve(noted.id, { plan_hash: noted.plan_hash, actor: 'anna', reason: ABOUT, request_id: null })
  const { effects: [effect] } = await shopRig.applied(noted)
  t.match(effect, { status: 'done', before: { note: ABOUT } })
  const waiting = await shopRig.propose(draftOf('reply_draft', [{ ticket_id: '1', language: 'de', subject: 'Hi', body: ABOUT, facts: [] }], { key: 'reply:1' }))
  return { ...shopRig, effect: effect!, waiting, session: id }
}

const carriedOut = async (rig: Awaited<ReturnType<typeof plant>>, kind: 'redact' | 'data_request' | 'shop_redact', person: Person | null = PERSON) => {
  const { privacy } = rig.orchestrator
  const filed = await privacy.file({ kind, person, source: 'test' })
  await until('the request is done', async () => (await privacy.get(filed.id)).status === 'done')
  return privacy.get(filed.id)
}

const found = (rows: Record<string, unknown[]>): string[] => Object.entries(rows).flatMap(([table, list]) => list.flatMap((row) => {
  // The number of the customer is kept as the proof of the request.
  const shown = table === 'privacy_requests' ? { ...row as object, customer_id: null } : row
  const text = JSON.stringify(shown).replaceAll('\\"', '"').replaceAll('\\\\', '').toLowerCase().normalize('NFC')
  return TRACES.filter((trace) => text.includes(trace)).map((trace) => `${table}: ${trace}`)
}))

const closed = async (rig: Awaited<ReturnType<typeof plant>>): Promise<void> => {
  const stopping = rig.orchestrator.stop(0)
  await rig.clock.advance(20_000)
  await stopping
  await rig.store.close()
}

/** Tables with a row for each column that can hold text of people. */
const PLANTED = PERSONAL_PLACES.map(({ table }) => table).filter((table) => !['webhook_deliveries', 'privacy_exports'].includes(table))

const engines: Array<[string, (t: Test) => Promise<Engine>, string | false]> = [['sqlite', sqlite, false], ['postgres', postgres, await withoutPostgres()]]
for (const [name, open, skip] of engines) {
  t.test(`${name}: after a redaction nothing of the person is left, and everything else is`, { skip }, async (t) => {
    const engine = await open(t)
    const rig = await plant(t, engine.store)
    const request = await carriedOut(rig, 'redact')
    t.match(request, { person: null, customer_id: CUSTOMER })
    t.strictSame(Object.keys(request.places ?? {}).sort(), PLANTED.sort(), 'it was found in each table that can hold it')
    t.match(await rig.orchestrator.effects.verify(), { ok: true }, 'the chain of the ledger stands')
    await t.rejects(rig.orchestrator.effects.revert(rig.effect.id, 'anna', AbortSignal.timeout(5_000)), { code: 'effect_not_revertible' })
    t.match(await rig.proposalOf(rig.waiting.id), { status: 'expired', title: 'A reply_draft' }, 'a plan that was changed is not approved any more')
    const { items: [question, reply] } = await rig.store.listMessages(rig.session, { limit: 10 })
    t.match(question!.content, new RegExp(`^\\${REDACTED} <`))
    const said = (await rig.store.readEvents(rig.session, 0, 100)).filter(({ name }) => name === 'message').map(({ data }) => JSON.parse(data))
    t.equal(said.filter(({ type }) => type === 'delta').map(({ content }) => content).join(''), reply!.content, 'the deltas add up to the reply')
    const orders = (await rig.store.historyPage({ from: 0, before: T0 + 1, after: null, limit: 10 })).orders.map(({ body }) => JSON.parse(body).customer)
    t.strictSame(orders, [null, { id: 'gid://shopify/Customer/5', order_count: 3 }])
    t.match(await carriedOut(rig, 'redact'), { places: {} }, 'a second time there is nothing to do')
    await closed(rig)
    const rows = await engine.rows()
    t.strictSame(found(rows), [])
    t.ok(JSON.stringify(rows).includes('Neillson'), 'another person of a similar name is still there')
  })

  t.test(`${name}: control: a table that is left out is found`, { skip }, async (t) => {
    const engine = await open(t)
    const rig = await plant(t, { ...engine.store, personalTables: () => engine.store.personalTables().filter((table) => table !== 'texts') })
    await carriedOut(rig, 'redact')
    await closed(rig)
    t.ok(found(await engine.rows()).every((trace) => trace.startsWith('texts: ')))
    t.ok(found(await engine.rows()).length > 0)
  })

  t.test(`${name}: what is known of a person is given out, and the copy goes with them`, { skip }, async (t) => {
    const engine = await open(t)
    const rig = await plant(t, engine.store)
    const request = await carriedOut(rig, 'data_request')
    let text = ''
    for await (const piece of await rig.orchestrator.privacy.lines(request.id)) text += piece
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line))
    t.match(lines[0], { request_id: request.id })
    t.strictSame([...new Set(lines.slice(1).map(({ table }) => table))].sort(), PLANTED.sort())
    t.match((await carriedOut(rig, 'redact')).places, { privacy_exports: PLANTED.length })
    await closed(rig)
    t.strictSame(found(await engine.rows()), [])
  })

  t.test(`${name}: a shop that is gone leaves nothing of anybody`, { skip }, async (t) => {
    const engine = await open(t)
    const rig = await plant(t, engine.store)
    await carriedOut(rig, 'shop_redact', null)
    t.match(await rig.orchestrator.effects.verify(), { ok: true })
    const { sessions, messages } = await rig.store.stats()
    t.strictSame({ sessions, messages }, { sessions: 0, messages: 0 })
    await closed(rig)
    const rows = await engine.rows()
    const ofTheOwner = /^(?:schedules|agents|breaker_holds|freezes|webhook_endpoints): /
    t.strictSame(found(rows).filter((trace) => !ofTheOwner.test(trace)), [], 'but in what the owner wrote')
    t.equal(rows['history_orders']?.length, 0)
    t.notOk(JSON.stringify([rows['jobs'], rows['events'], rows['proposals'], rows['effects'], rows['texts']]).includes('Neillson'))
  })
}

t.test('every column of text is one that is looked through, or cannot hold any of people', async (t) => {
  const { store, columns } = await sqlite(t)
  await store.close()
  const looked = new Set(PERSONAL_PLACES.flatMap(({ table, columns: own }) => Object.keys(own).map((column) => `${table}.${column}`)))
  const left = (await columns()).map(({ table, column }) => `${table}.${column}`).filter((name) => !looked.has(name))
  t.strictSame(left.sort(), [...NOT_OF_PEOPLE].sort())
})

/** Ids, names from a fixed set, hashes, names of those who work here, and what the owner configured. The audit and the log refer to `texts`. */
const NOT_OF_PEOPLE = `
  agents.name agents.autonomy api_keys.id api_keys.name api_keys.prefix api_keys.hash api_keys.role api_keys.scopes api_keys.created_by api_keys.revoked_by
  audit.id audit.actor audit.request_id audit.action audit.target audit.reason audit.before audit.after
  breaker_holds.name breaker_holds.id breaker_holds.action breaker_holds.actor breaker_holds.request_id changes_seen.resource changes_seen.reader chores.name
  counters.name effect_log.effect_id effect_log.type effect_log.body effect_log.prev_hash effect_log.hash
  effects.id effects.key effects.proposal_id effects.class effects.agent effects.job_id effects.status effects.actors effects.source effects.shop
  effects.reverts effects.reverted_by effects.salt events.id events.delivery events.ignored feed_chunks.feed_id feeds.id feeds.name feeds.actor
  freezes.id freezes.scope freezes.actor freezes.request_id freezes.recurs freezes.lifted_by heartbeats.name history_orders.id
  history_state.name history_state.source history_state.shop history_state.reading idempotency_keys.scope idempotency_keys.fingerprint
  idempotency_keys.owner idempotency_keys.token idempotency_keys.seed idempotency_keys.content_type
  jobs.id jobs.kind jobs.queue jobs.name jobs.agent jobs.session_id jobs.lane jobs.status jobs.lease_token jobs.worker
  messages.session_id messages.id messages.role messages.reply_to messages.job_id messages.status policies.actor policies.reason policies.body
  privacy_exports.request_id privacy_requests.id privacy_requests.kind privacy_requests.source privacy_requests.customer_id privacy_requests.person
  privacy_requests.status privacy_requests.job_id privacy_requests.places privacy_requests.delivery
  proposal_decisions.id proposal_decisions.proposal_id proposal_decisions.verdict proposal_decisions.actor proposal_decisions.request_id
  proposal_decisions.plan_hash proposal_decisions.items proposal_decisions.reason
  proposals.id proposals.agent proposals.job_id proposals.class proposals.plan_hash proposals.status proposals.autonomy proposals.source proposals.shop
  proposals.apply_job_id schedule_runs.schedule_id schedule_runs.job_id schedule_runs.outcome schedules.id schedules.agent schedules.cron schedules.timezone
  session_remains.id sessions.id sessions.latest_job_id sessions.owner stock_days.day stock_days.variant_id stream_chunks.stream stream_chunks.job_id texts.id
  webhook_deliveries.id webhook_deliveries.endpoint_id webhook_deliveries.message_id webhook_deliveries.type webhook_deliveries.status
  webhook_deliveries.job_id webhook_deliveries.replay_of webhook_endpoints.id webhook_endpoints.url webhook_endpoints.events webhook_endpoints.secret
  webhook_endpoints.old_secret webhook_endpoints.status webhook_topics.topic`.trim().split(/\s+/)

t.test('Shopify\'s mandatory webhooks become requests, once a delivery, and neither event nor job names the customer', async (t) => {
  const { app, lines } = await buildTestApp(t, { SHOPIFY_WEBHOOK_SECRET: 'key', BACKGROUND_WORK: 'true', LOG_LEVEL: 'trace' })
  await app.ready()
  const send = async (topic: string, id: string, body: Json) => {
    const payload = JSON.stringify(body)
    const headers = {
      'content-type': 'application/json',
      'x-shopify-topic': topic,
      'x-shopify-webhook-id': id,
      'x-shopify-shop-domain': 'any.myshopify.com',
      'x-shopify-hmac-sha256': createHmac('sha256', 'key').update(payload).digest('base64')
    }
    return app.inject({ method: 'POST', url: '/webhooks/shopify', headers, payload })
  }
  const get = async (url: string) => (await app.inject(url)).json()
  const customer = { id: Number(CUSTOMER), email: EMAIL, phone: '+4915123456789' }
  await app.inject({ method: 'POST', url: '/events', payload: { event_type: 'note', data: { text: ABOUT } } })
  const wanted = await send('customers/data_request', 'p-1', { shop_id: 1, customer, orders_requested: [1], data_request: { id: 9 } })
  t.equal(wanted.statusCode, 200, wanted.body)
  const redact = await Promise.all([1, 2, 3].map(() => send('customers/redact', 'p-2', { shop_id: 1, customer, orders_to_redact: [1] })))
  t.equal(new Set(redact.map((answer) => answer.json().jobs[0])).size, 1)
  t.equal((await send('shop/redact', 'p-3', { shop_id: 1, shop_domain: 'any.myshopify.com' })).statusCode, 200)
  t.equal((await send('customers/redact', 'p-4', { customer: {} })).statusCode, 400, 'nobody is not everybody')
  await until('all are done', async () => {
    const { requests } = await get('/privacy/requests')
    return requests.length === 3 && requests.every(({ status }: { status: string }) => status === 'done')
  })
  const { requests } = await get('/privacy/requests')
  t.strictSame(requests.map(({ kind, source }: { kind: string, source: string }) => [kind, source]), [
    ['shop_redact', 'shopify'], ['redact', 'shopify'], ['data_request', 'shopify']
  ])
  const event = await get(`/events/${wanted.json().event_id}`)
  const shown = JSON.stringify([requests, event, await get('/jobs'), lines])
  for (const trace of ['neill', '15123456789']) t.notOk(shown.toLowerCase().includes(trace), trace)
})

t.test('the owner files requests and fetches what was found', async (t) => {
  const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true' })
  await app.ready()
  const post = (payload: object) => app.inject({ method: 'POST', url: '/privacy/requests', payload })
  await app.inject({ method: 'POST', url: '/events', payload: { event_type: 'note', data: { text: ABOUT } } })
  const refused: object[] = [
    { kind: 'redact' }, { kind: 'redact', names: ['x'] }, { kind: 'redact', emails: ['   '] }, { kind: 'redact', customer_id: 'gid' }, { kind: 'all' }
  ]
  for (const body of refused) t.equal((await post(body)).statusCode, 400, JSON.stringify(body))
  const filed = await post({ kind: 'data_request', names: PERSON.names })
  t.equal(filed.statusCode, 202)
  const { id } = filed.json()
  await until('it is done', async () => (await app.inject(`/privacy/requests/${id}`)).json().status === 'done')
  const data = await app.inject(`/privacy/requests/${id}/data`)
  t.match(data.headers['content-type'], /^application\/jsonl/)
  t.match(data.body.trimEnd().split('\n').map((line) => JSON.parse(line).table), [undefined, 'events'])
  t.equal((await app.inject('/privacy/requests/x/data')).statusCode, 404)
})
