// Proposals, effects, the policy and the kill switch over HTTP, at both prefixes; every answer is held against the API document.
import t, { type Test } from 'tap'
import { CircuitOpenError } from '../src/core/breaker-registry.ts'
import { CommerceError } from '../src/core/commerce-error.ts'
import type { ProposalDraft } from '../src/core/effects/proposal.ts'
import { buildTestApp } from './helpers/app.ts'
import { asker, type Answer, type Question } from './helpers/api-document.ts'
import { draftOf, openPolicy } from './helpers/effects-rig.ts'
import { proposingAgent } from './helpers/proposing-agent.ts'
import { addOrder, addVariant, createPuppetShop, gid, isPrice, priceItem } from './helpers/puppet-shop.ts'

const UNKNOWN_ID = '01900000-0000-7000-8000-000000000000'
const OURS = /^\w+ \/(?:proposals|effects|policies|freeze)\b|^POST \/jobs\/\{id\}\/revert$/

const shop = createPuppetShop({ now: () => Date.now() })
let drafts: ProposalDraft[] = []
const pricer = proposingAgent('pricer', () => drafts)
const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true' }, { agents: [pricer], upstreams: { commerce: shop.commerce, list: [shop.upstream] } })
const { ask, unseen, document } = await asker(app)

const send = (method: string, url: string, body?: unknown): Question => body === undefined
  ? { method, url }
  : { method, url, payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
const post = (url: string, body?: unknown): Question => send('POST', url, body)

const refused = (t: Test, answer: Answer, status: number, code: string): void => {
  t.match(answer, { statusCode: status, data: { status_code: status, code, message: /\S/, request_id: /\S/ } })
  t.strictSame(Object.keys(answer.data ?? {}).sort(), ['code', 'error', 'message', 'path', 'request_id', 'status_code'])
}

const run = async (t: Test, prefix: string, list: ProposalDraft[], actor?: string): Promise<{ ids: string[], job: string }> => {
  drafts = list
  const started = await ask(t, post(`${prefix}/agents/pricer/run`, actor === undefined ? {} : { actor }))
  const { data } = await ask(t, { url: `${prefix}/jobs/${started.data.job_id}?wait=10` })
  t.equal(data.status, 'succeeded', JSON.stringify(data.error))
  return { ids: data.output.result.ids, job: data.id }
}
const setPolicy = async (t: Test, policy: unknown): Promise<Answer> => {
  const { data } = await ask(t, { url: '/policies' })
  return await ask(t, send('PUT', '/policies', { expected_version: data.version, policy, actor: 'owner', reason: 'test' }))
}

let variants = 0
for (const prefix of ['', '/api']) {
  t.test(`from the policy to the undoing, at ${prefix}/`, async (t) => {
    const variant = addVariant(shop, ++variants)
    const first = await ask(t, { url: `${prefix}/policies` })
    if (prefix === '') t.match(first.data, { version: 0, at: null, actor: 'built-in' })
    const changed = await setPolicy(t, openPolicy())
    t.match(changed.data, { version: first.data.version + 1, actor: 'owner', reason: 'test', policy: { price: { vat: '0.19' } } })
    refused(t, await ask(t, send('PUT', `${prefix}/policies`, { expected_version: first.data.version, policy: openPolicy() })), 409, 'policy_changed')
    // A rule for an agent that there is not would hold for nobody.
    const misspelt = await setPolicy(t, { ...openPolicy(), agents: { prizer: { price_change: { decision: 'block' } } } })
    refused(t, misspelt, 400, 'validation_failed')
    t.match(misspelt.data.message, /agents\.prizer names no agent: they are pricer\b/)
    refused(t, await ask(t, send('PUT', `${prefix}/policies`, { expected_version: 0, policy: {} })), 400, 'validation_failed')
    const bad = openPolicy((policy) => { policy.price.minimum_margin = '1' })
    refused(t, await ask(t, send('PUT', `${prefix}/policies`, { expected_version: changed.data.version, policy: bad })), 400, 'validation_failed')
    t.match((await ask(t, { url: `${prefix}/policies/history?limit=1` })).data, { policies: [{ version: changed.data.version }] })

    const plan = { agent: 'pricer', class: 'price_change', items: [priceItem(variant, '105.00')] }
    const tried = await ask(t, post(`${prefix}/policies/evaluate`, plan))
    t.match(tried.data, { verdict: { decision: 'approve', items: [{ decision: 'approve', reasons: [] }] }, policy_version: changed.data.version })
    const other = openPolicy((policy) => { policy.price.max_change_day = '0.01' })
    t.match((await ask(t, post(`${prefix}/policies/evaluate`, { ...plan, policy: other }))).data, { verdict: { decision: 'block' }, policy_version: null })
    refused(t, await ask(t, post(`${prefix}/policies/evaluate`, { ...plan, items: [{}] })), 400, 'validation_failed')
    refused(t, await ask(t, post(`${prefix}/policies/evaluate`, { ...plan, class: 'theft' })), 400, 'validation_failed')
    refused(t, await ask(t, post(`${prefix}/policies/evaluate`, { ...plan, policy: bad })), 400, 'validation_failed')

    const { ids: [id], job } = await run(t, prefix, [draftOf('price_change', [priceItem(variant, '105.00')], { key: `p${variants}` })], 'bert')
    const { data: proposal } = await ask(t, { url: `${prefix}/proposals/${id}` })
    t.match(proposal, { id, status: 'pending', requested_by: 'bert', job_id: job, approvals: { given: 0, needed: 1 }, decisions: [], score: null })
    t.match((await ask(t, { url: `${prefix}/proposals?status=pending&agent=pricer&class=price_change&job_id=${job}&limit=1` })).data,
      { total: 1, proposals: [{ id }], next_cursor: null })
    const hash = { plan_hash: proposal.plan_hash }
    refused(t, await ask(t, post(`${prefix}/proposals/${id}/approve`, { plan_hash: 'f'.repeat(64) })), 409, 'plan_changed')
    refused(t, await ask(t, post(`${prefix}/proposals/${id}/approve`, { ...hash, items: [5] })), 400, 'validation_failed')
    for (const body of [{}, { plan_hash: 'x' }, { ...hash, items: [] }, { ...hash, items: [100] }, { ...hash, items: [0.5] },
      { ...hash, actor: 'policy:1' }, { ...hash, actor: '' }]) {
      refused(t, await ask(t, post(`${prefix}/proposals/${id}/approve`, body)), 400, 'validation_failed')
    }
    refused(t, await ask(t, post(`${prefix}/proposals/${UNKNOWN_ID}/approve`, hash)), 404, 'proposal_not_found')
    refused(t, await ask(t, { url: `${prefix}/proposals/${UNKNOWN_ID}` }), 404, 'proposal_not_found')
    const { data: approved } = await ask(t, post(`${prefix}/proposals/${id}/approve`, { ...hash, actor: 'anna', reason: 'yes' }))
    t.match(approved, { status: 'approved', approvals: { given: 1 }, decisions: [{ actor: 'anna', reason: 'yes', items: null }] })
    for (const what of ['approve', 'reject']) refused(t, await ask(t, post(`${prefix}/proposals/${id}/${what}`, hash)), 409, 'proposal_not_pending')
    t.match((await ask(t, { url: `${prefix}/jobs/${approved.apply_job_id}?wait=10` })).data, { kind: 'effect', name: 'apply', status: 'succeeded' })
    t.ok(isPrice(variant, '105.00'))

    const { data: list } = await ask(t, { url: `${prefix}/effects?proposal_id=${id}&status=done` })
    t.match(list, { total: 1, effects: [{ key: `${id}:0`, actors: ['anna'], before: { price: '100.00' }, after: { price: '105.00' }, error: null }] })
    const effect = list.effects[0]
    t.same((await ask(t, { url: `${prefix}/effects/${effect.id}` })).data, effect)
    refused(t, await ask(t, { url: `${prefix}/effects/${UNKNOWN_ID}` }), 404, 'effect_not_found')
    variant.price.amount = '106.00'
    refused(t, await ask(t, post(`${prefix}/effects/${effect.id}/revert`)), 409, 'effect_moved')
    variant.price.amount = '105.00'
    const undoing = await ask(t, post(`${prefix}/effects/${effect.id}/revert`, { actor: 'anna' }))
    t.match(undoing, { statusCode: 202, headers: { location: `${prefix}/jobs/${undoing.data.job_id}` } })
    t.match((await ask(t, { url: `${prefix}/jobs/${undoing.data.job_id}?wait=10` })).data, { status: 'succeeded', name: 'revert' })
    t.ok(isPrice(variant, '100.00'))
    refused(t, await ask(t, post(`${prefix}/effects/${effect.id}/revert`)), 409, 'effect_not_revertible')
    refused(t, await ask(t, post(`${prefix}/jobs/${job}/revert`)), 409, 'effect_not_revertible')
    refused(t, await ask(t, post(`${prefix}/jobs/${UNKNOWN_ID}/revert`)), 404, 'job_not_found')
    t.match((await ask(t, { url: `${prefix}/effects/verify` })).data, { ok: true, fault: null, head: /^[0-9a-f]{64}$/ })
  })

  t.test(`two people, rejections and whole runs, at ${prefix}/`, async (t) => {
    await setPolicy(t, openPolicy((policy) => { policy.classes.order_tag.decision = 'two_person' }))
    const n = 100 + ++variants
    const order = addOrder(shop, n)
    const tag = (name: string) => draftOf('order_tag', [{ order_id: gid('Order', n), order_name: `#${n}`, add: [name] }], { key: `${n} ${name}` })
    const { ids, job } = await run(t, prefix, [tag('a'), tag('b')], 'anna')
    const [a, b] = await Promise.all(ids.map(async (id) => (await ask(t, { url: `${prefix}/proposals/${id}` })).data))
    const approve = (proposal: any, actor?: string) =>
      ask(t, post(`${prefix}/proposals/${proposal.id}/approve`, { plan_hash: proposal.plan_hash, ...(actor === undefined ? {} : { actor }) }))
    for (const actor of ['anna', 'Anna ', undefined]) refused(t, await approve(a, actor), 409, 'approval_refused')
    t.match((await approve(a, 'bert')).data, { status: 'pending', approvals: { given: 1, needed: 2 } })
    refused(t, await approve(a, 'BERT'), 409, 'approval_refused')
    const { data } = await approve(a, 'carl')
    t.equal(data.status, 'approved')
    await ask(t, { url: `${prefix}/jobs/${data.apply_job_id}?wait=10` })
    t.same(order.tags, ['a'])
    const no = { plan_hash: b.plan_hash, actor: 'anna', reason: 'no need' }
    t.match((await ask(t, post(`${prefix}/proposals/${b.id}/reject`, no))).data, { status: 'rejected', decisions: [{ verdict: 'reject', reason: 'no need' }] })
    refused(t, await ask(t, post(`${prefix}/proposals/${UNKNOWN_ID}/reject`, no)), 404, 'proposal_not_found')
    t.match((await run(t, prefix, [tag('b')])).ids, [b.id], 'what was rejected is not filed again')
    const all = await ask(t, post(`${prefix}/jobs/${job}/revert`, { actor: 'anna' }))
    t.match(all, { statusCode: 202, data: { effects: 1 } })
    await ask(t, { url: `${prefix}/jobs/${all.data.job_id}?wait=10` })
    t.same(order.tags, [])
    t.match((await ask(t, { url: `${prefix}/audit?target=proposal:${a.id}` })).data.audit.map((entry: any) => entry.actor), ['carl', 'bert'])
  })

  t.test(`the kill switch, at ${prefix}/`, async (t) => {
    await setPolicy(t, openPolicy())
    t.match((await ask(t, { url: `${prefix}/freeze` })).data, { frozen: false, freezes: [] })
    for (const body of [
      {}, { reason: ' ' }, { reason: 'r', scope: 'class:theft' }, { reason: 'r', scope: 'everything' }, { reason: 'r', ends_at: '2020-01-01T00:00:00Z' },
      { reason: 'r', starts_at: '2199-01-02T00:00:00Z', ends_at: '2199-01-01T00:00:00Z' }, { reason: 'r', ends_at: '2199-12-31T23:59:60Z' },
      { reason: 'r', window: { cron: '99 * * * *', timezone: 'UTC', minutes: 5 } }, { reason: 'r', window: { cron: '0 8 * * *', timezone: 'X/Y', minutes: 5 } },
      { reason: 'r', window: { cron: '0 8 * * *', timezone: 'UTC', minutes: 0 } }, { reason: 'r', actor: 'a:b' }
    ]) refused(t, await ask(t, post(`${prefix}/freeze`, body)), 400, 'validation_failed')
    // A kill switch that holds nothing would be relied on: an agent that there is not, a window that never comes.
    const misspelt = await ask(t, post(`${prefix}/freeze`, { reason: 'r', scope: 'agent:prizer' }))
    refused(t, misspelt, 400, 'validation_failed')
    t.match(misspelt.data.message, /names no agent: they are pricer\b/)
    const never = { cron: '0 0 30 2 *', timezone: 'UTC', minutes: 5 }
    refused(t, await ask(t, post(`${prefix}/freeze`, { reason: 'r', window: never })), 400, 'validation_failed')
    const frozen = await ask(t, post(`${prefix}/freeze`, { reason: 'stock-taking', actor: 'anna' }))
    t.match(frozen, { statusCode: 201, data: { scope: 'all', active: true, reason: 'stock-taking', actor: 'anna', ends_at: null, window: null } })
    t.match((await ask(t, { url: `${prefix}/freeze` })).data, { frozen: true, freezes: [{ id: frozen.data.id }] })

    const variant = addVariant(shop, ++variants)
    const { ids: [id] } = await run(t, prefix, [draftOf('price_change', [priceItem(variant, '105.00')], { key: `p${variants}` })])
    const { data: proposal } = await ask(t, { url: `${prefix}/proposals/${id}` })
    const { data: approved } = await ask(t, post(`${prefix}/proposals/${id}/approve`, { plan_hash: proposal.plan_hash }))
    const job = async () => (await ask(t, { url: `${prefix}/jobs/${approved.apply_job_id}` })).data
    for (let n = 0; n < 200 && (await job()).status !== 'parked'; n++) await new Promise((resolve) => { setTimeout(resolve, 5) })
    t.match(await job(), { status: 'parked', reason: `frozen:${frozen.data.id}` })
    t.ok(isPrice(variant, '100.00'))
    t.match((await ask(t, post(`${prefix}/freeze/${frozen.data.id}/lift`, { actor: 'bert', reason: 'done' }))).data, { lifted: true })
    for (const gone of [frozen.data.id, UNKNOWN_ID]) refused(t, await ask(t, post(`${prefix}/freeze/${gone}/lift`)), 404, 'freeze_not_found')
    t.match((await ask(t, { url: `${prefix}/jobs/${approved.apply_job_id}?wait=10` })).data, { status: 'succeeded' })
    t.ok(isPrice(variant, '105.00'))
    t.match((await ask(t, { url: `${prefix}/freeze?lifted=true` })).data, { frozen: false, freezes: [{ lifted_by: 'bert' }] })
    const later = await ask(t, post(`${prefix}/freeze`, {
      reason: 'r', scope: 'agent:pricer', starts_at: '2199-01-01T00:00:00Z', window: { cron: '0 18 * * 5', timezone: 'Europe/Berlin', minutes: 60 }
    }))
    t.match(later.data, { active: false, scope: 'agent:pricer', window: { minutes: 60 } })
    t.equal((await ask(t, post(`${prefix}/freeze/${later.data.id}/lift`))).statusCode, 200)
  })
}

t.test('how far an agent may go: kept, told, in the audit', async (t) => {
  t.match((await ask(t, { url: '/agents/pricer' })).data, { autonomy: 'suggest', shadow: { proposals: 0 } })
  t.equal((await ask(t, send('PATCH', '/agents/pricer', { autonomy: 'observe', actor: 'anna' }))).data.autonomy, 'observe')
  refused(t, await ask(t, send('PATCH', '/agents/pricer', { autonomy: 'emperor' })), 400, 'validation_failed')
  const nothing = await ask(t, send('PATCH', '/agents/pricer', { actor: 'anna' }))
  refused(t, nothing, 400, 'validation_failed')
  t.match(nothing.data.message, /neither enabled nor autonomy/)
  const variant = addVariant(shop, ++variants)
  const { ids: [id] } = await run(t, '', [draftOf('price_change', [priceItem(variant, '105.00')], { key: 'shadow' })])
  const { data } = await ask(t, { url: `/proposals/${id}` })
  t.match(data, { status: 'shadow', autonomy: 'observe' })
  refused(t, await ask(t, post(`/proposals/${id}/approve`, { plan_hash: data.plan_hash })), 409, 'proposal_not_pending')
  t.match((await ask(t, { url: '/audit?target=agent:pricer' })).data.audit, [{ action: 'set_autonomy', actor: 'anna' }])
})

t.test('unheard-of questions', async (t) => {
  for (const url of ['/proposals?status=x', '/proposals?class=theft', '/proposals?limit=0', '/proposals?cursor=x', '/proposals/x', '/effects?status=x',
    '/effects?cursor=x',
    '/policies/history?cursor=x', '/freeze?lifted=maybe']) {
    const { statusCode, data } = await ask(t, { url })
    t.ok([400, 404].includes(statusCode), `${url}: ${statusCode}`)
    t.ok(data.code)
  }
})

t.test('a shop that is away is no fault of the caller and none of ours', async (t) => {
  await setPolicy(t, openPolicy())
  const variant = addVariant(shop, ++variants)
  const plan = { agent: 'pricer', class: 'price_change', items: [priceItem(variant, '105.00')] }
  for (const error of [new CommerceError('shop_unavailable', 'The shop is away.'), new CommerceError('shop_throttled', 'Wait.', { retryAfterMs: 3_000 }),
    new CommerceError('shop_access_denied', 'No right.'), new CircuitOpenError('shopify_api', 3_000)]) {
    shop.trouble = () => ({ error })
    refused(t, await ask(t, post('/policies/evaluate', plan)), 503, 'dependency_unavailable')
  }
  shop.trouble = () => undefined
})

t.test('without a shop nothing can be tried, and everything can be looked at', async (t) => {
  const bare = await buildTestApp(t)
  const { ask } = await asker(bare.app)
  const variant = addVariant(shop, ++variants)
  const evaluate = await ask(t, post('/policies/evaluate', { agent: 'pricer', class: 'price_change', items: [priceItem(variant, '105.00')] }))
  refused(t, evaluate, 503, 'shop_not_configured')
  for (const url of ['/proposals', '/effects', '/effects/verify', '/policies', '/policies/history', '/freeze']) t.equal((await ask(t, { url })).statusCode, 200)
})

t.test('the document knows them all, and each was seen to succeed', async (t) => {
  const ours = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)).filter((name) => OURS.test(name))
  t.equal(ours.length, 16, ours.join(', '))
  t.same(unseen().filter((name) => OURS.test(name)), [])
})
