// From a proposal to the shop and back: filing, deciding, making, reading back, undoing, and every way in which that is refused.
import t from 'tap'
import type { EffectItem } from '../../../src/core/effects/items.ts'
import type { Proposal } from '../../../src/core/effects/proposal.ts'
import { DAY, draftOf, effectsRig, HOUR, openPolicy } from '../../helpers/effects-rig.ts'
import { openTampered } from '../../helpers/tampered-store.ts'
import { addOrder, addVariant, gid, isPrice, priceItem } from '../../helpers/puppet-shop.ts'

const tagItem = (n: number, ...add: string[]): EffectItem<'order_tag'> =>
  ({ order_id: gid('Order', n), order_name: `#${n}`, add: add as [string, ...string[]] })

const refundItem = (n: number, total = '10.00'): EffectItem<'refund'> => ({
  order_id: gid('Order', n),
  order_name: `#${n}`,
  lines: [{ line_id: gid('LineItem', n), quantity: 1, restock: 'no_restock' }],
  expected_total: total,
  currency: 'EUR',
  note: 'broken',
  notify_customer: false
})

t.test('a price: filed, approved, set, read back, undone', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]), { source: 'api:bert' })
  t.match(proposal, { status: 'pending', requested_by: 'bert', verdict: { decision: 'approve', at_risk: { amount: '50.00' } }, autonomy: 'suggest' })
  t.equal(rig.shop.writes.length, 0, 'nothing is changed before the decision')
  const decided = await rig.approve(proposal)
  t.match(decided, { status: 'approved', decisions: [{ actor: 'anna', verdict: 'approve', plan_hash: proposal.plan_hash }] })
  await t.rejects(rig.approve(proposal), { code: 'proposal_not_pending' }, 'decided once')
  await t.rejects(rig.reject(proposal), { code: 'proposal_not_pending' })
  const { proposal: done, effects, job } = await rig.applied(proposal)
  t.match(done, { status: 'applied', reason: null })
  t.match(job, { status: 'succeeded', agent: null, output: { result: { done: 1, failed: 0 } } })
  t.match(effects, [{
    status: 'done',
    key: `${proposal.id}:0`,
    actors: ['anna'],
    target: `variant:${variant.id}`,
    before: { price: '100.00' },
    after: { price: '105.00' },
    error: null,
    source: 'sandbox'
  }])
  t.ok(isPrice(variant, '105.00'))
  t.match(rig.shop.writes, [{ lane: 'pricing', key: `${proposal.id}:0` }])

  const undone = await rig.revert(effects[0]!)
  t.match(undone, { status: 'succeeded', output: { result: { done: 1 } } })
  t.ok(isPrice(variant, '100.00'))
  const [was, undoing] = await rig.effectsOf(proposal)
  t.match(was, { status: 'reverted', reverted_by: undoing!.id })
  t.match(undoing, { status: 'done', reverts: was!.id, actors: ['anna'], before: { price: '105.00' }, after: { price: '100.00' } })
  await t.rejects(rig.orchestrator.effects.revert(was!.id, 'anna', AbortSignal.timeout(1_000)), { code: 'effect_not_revertible' })
  await t.rejects(rig.orchestrator.effects.revert(undoing!.id, 'anna', AbortSignal.timeout(1_000)), { code: 'effect_not_revertible' })
  t.match(await rig.orchestrator.effects.verify(), { ok: true, entries: 5, effects: 2 })
})

t.test('undoing is refused when the shop has moved, and does not go below the floor', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  await rig.approve(proposal)
  const { effects: [effect] } = await rig.applied(proposal)
  variant.price.amount = '99.00'
  await t.rejects(rig.orchestrator.effects.revert(effect!.id, 'anna', AbortSignal.timeout(1_000)), { code: 'effect_moved', statusCode: 409 })
  variant.price.amount = '105.00'
  variant.unit_cost!.amount = '90.00'
  t.match(await rig.revert(effect!), { output: { result: { blocked: 1 } } })
  t.ok(isPrice(variant, '105.00'))
  variant.unit_cost!.amount = '40.00'
  t.match(await rig.revert(effect!), { output: { result: { done: 1 } } }, 'a refused undoing may be tried again')
  t.ok(isPrice(variant, '100.00'))
  t.equal((await rig.orchestrator.effects.verify()).ok, true)
})

t.test('what is undone is what was recorded: a row that somebody changed since is not followed', async (t) => {
  const tampered = await openTampered()
  t.teardown(() => tampered.store.close())
  const rig = await effectsRig(t, { store: tampered.store })
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  await rig.approve(proposal)
  const { effects: [effect] } = await rig.applied(proposal)
  const changes = ["item = json_set(item, '$.expected_price', '70.00')", "before = '{}'", "result = '{}'", "actors = '[]'", 'item_index = 5', "agent = 'x'"]
  for (const change of changes) {
    tampered.database.exec('BEGIN')
    t.equal(tampered.sql(`UPDATE effects SET ${change} WHERE id = ?`, effect!.id), 1)
    t.match(await rig.orchestrator.effects.verify(), { ok: false, fault: { effect_id: effect!.id } }, change)
    tampered.database.exec('ROLLBACK')
  }
  t.equal((await rig.orchestrator.effects.verify()).ok, true)
  tampered.sql("UPDATE effects SET item = json_set(item, '$.expected_price', '70.00') WHERE id = ?", effect!.id)
  t.match(await rig.revert(effect!), { output: { result: { blocked: 1 } } })
  t.ok(isPrice(variant, '105.00'), 'a price that nobody recorded is not set')
})

t.test('some changes can be approved alone; blocked ones cannot', async (t) => {
  const rig = await effectsRig(t)
  const variants = [1, 2, 3, 4].map((n) => addVariant(rig.shop, n))
  variants[3]!.unit_cost = null
  const proposal = await rig.propose(draftOf('price_change', variants.map((variant) => priceItem(variant, '104.00'))))
  t.same(proposal.verdict.items.map(({ decision }) => decision), ['approve', 'approve', 'approve', 'block'])
  await t.rejects(rig.approve(proposal, 'anna', [1, 3]), { code: 'approval_refused' })
  await t.rejects(rig.approve(proposal, 'anna', [4]), { code: 'validation_failed' })
  await t.rejects(rig.approve(proposal, 'anna', []), { code: 'validation_failed' })
  await rig.approve(proposal, 'anna', [2, 0, 2])
  const { proposal: done, effects } = await rig.applied(proposal)
  t.same(effects.map(({ item_index: index, status }) => [index, status]), [[0, 'done'], [2, 'done']])
  t.equal(done.status, 'applied')
  t.ok(isPrice(variants[1]!, '100.00') && isPrice(variants[3]!, '100.00'))

  const more = [5, 6].map((n) => addVariant(rig.shop, n))
  more[1]!.unit_cost = null
  const all = await rig.propose(draftOf('price_change', more.map((variant) => priceItem(variant, '104.00')), { key: 'all' }))
  await rig.approve(all)
  t.same((await rig.applied(all)).effects.map(({ item_index: index }) => index), [0], 'without a choice all that is not blocked')
})

t.test('two people: named, different, and not the one who asked', async (t) => {
  const rig = await effectsRig(t)
  for (const n of [1, 2, 3]) addOrder(rig.shop, n)
  const proposal = await rig.propose(draftOf('refund', [refundItem(1)]), { source: 'api:anna' })
  t.equal(proposal.verdict.decision, 'two_person')
  for (const self of ['anna', 'Anna', 'anna ', 'ANNA']) await t.rejects(rig.approve(proposal, self), { code: 'approval_refused', message: /asked/ }, self)
  for (const nobody of ['api', 'API ']) await t.rejects(rig.approve(proposal, nobody), { code: 'approval_refused', message: /named/ })
  t.equal((await rig.approve(proposal, 'bert')).status, 'pending')
  for (const again of ['bert', ' Bert', 'bert  ']) await t.rejects(rig.approve(proposal, again), { code: 'approval_refused', message: /already/ }, again)
  t.equal(rig.shop.writes.length, 0)
  t.equal((await rig.approve(proposal, 'carl')).status, 'approved')
  const { effects } = await rig.applied(proposal)
  t.match(effects, [{ status: 'done', actors: ['bert', 'carl'] }])
  t.match(rig.shop.orders.get(gid('Order', 1))!.refunds, [{ note: `broken [${proposal.id}:0]`, total: { amount: '10.00' } }])

  const both = await rig.propose(draftOf('refund', [refundItem(2), refundItem(3)], { key: 'both' }))
  await rig.approve(both, 'bert', [0])
  await rig.approve(both, 'carl', [0, 1])
  t.same((await rig.applied(both)).effects.map(({ item_index: index }) => index), [0], 'only what both chose')
  t.equal(rig.shop.orders.get(gid('Order', 3))!.refunds.length, 0)

  const twice = await rig.propose(draftOf('refund', [refundItem(3)], { key: 'rejected' }))
  await rig.approve(twice, 'bert')
  t.equal((await rig.reject(twice, 'carl')).status, 'rejected', 'one no is enough')
  t.equal(rig.shop.orders.get(gid('Order', 3))!.refunds.length, 0)
})

t.test('a policy that wants more by now is asked at the effect', async (t) => {
  const rig = await effectsRig(t, { start: false })
  const [a, b] = [addVariant(rig.shop, 1), addVariant(rig.shop, 2)]
  const { store, orchestrator } = rig
  const filed: Proposal[] = []
  for (const [index, variant] of [a, b].entries()) {
    const job = { id: '019abc12-0000-7000-8000-00000000000a', agent: 'pricer', source: 'schedule' } as never
    const draft = draftOf('price_change', [priceItem(variant, '105.00')], { key: `k${index}` })
    const [made] = await orchestrator.proposals.file(job, [draft], AbortSignal.timeout(10_000))
    filed.push(await rig.approve(await rig.proposalOf(made!.id)))
  }
  await rig.setPolicy(openPolicy((policy) => { policy.classes.price_change.decision = 'two_person' }))
  await rig.start()
  for (const proposal of filed) {
    const { proposal: ended, effects } = await rig.applied(proposal)
    t.match(ended, { status: 'failed', reason: '0 done, 1 blocked' })
    t.match(effects, [{ status: 'blocked', error: { code: 'policy', message: /two named people/ } }])
  }
  t.equal(rig.shop.writes.length, 0)
  t.match(await orchestrator.effects.verify(), { ok: true, effects: 2 })
  t.equal((await store.ledgerEntries({ after: 0, limit: 10 })).length, 2, 'what a gate kept is in the log as well')
})

t.test('a plan that was altered after its approval is not made', async (t) => {
  for (const alter of ['items', 'plan_hash', 'both', 'key', 'agent', 'class'] as const) {
    let altered = false
    const rig = await effectsRig(t, {
      start: false,
      wrap: (store) => ({
        ...store,
        async getProposal (id) {
          const proposal = await store.getProposal(id)
          if (!altered || proposal === undefined) return proposal
          const items = [{ ...proposal.items[0], price: '109.00' }] as Proposal['items']
          const { planHash } = await import('../../../src/core/effects/canonical.ts')
          switch (alter) {
            case 'items': return { ...proposal, items }
            case 'plan_hash': return { ...proposal, plan_hash: 'f'.repeat(64) }
            case 'both': return { ...proposal, items, plan_hash: planHash({ ...proposal, items }) }
            case 'key': return { ...proposal, key: 'another' }
            case 'agent': return { ...proposal, agent: 'helper' }
            case 'class': return { ...proposal, class: 'order_tag' }
          }
        }
      })
    })
    const variant = addVariant(rig.shop, 1)
    const job = { id: '019abc12-0000-7000-8000-00000000000a', agent: 'pricer', source: 'schedule' } as never
    const [made] = await rig.orchestrator.proposals.file(job, [draftOf('price_change', [priceItem(variant, '105.00')])], AbortSignal.timeout(1e4))
    const proposal = await rig.approve(await rig.proposalOf(made!.id))
    altered = true
    await rig.start()
    const ended = await rig.ended(proposal.apply_job_id!)
    t.match(ended, { status: 'failed', error: { code: 'plan_changed' } }, alter)
    t.equal(rig.shop.writes.length, 0)
    t.ok(isPrice(variant, '100.00'))
  }
})

t.test('expired: not to be approved, and not made when its approval comes to be used too late', async (t) => {
  const rig = await effectsRig(t)
  const [a, b] = [addVariant(rig.shop, 1), addVariant(rig.shop, 2)]
  const late = await rig.propose(draftOf('price_change', [priceItem(a, '105.00')], { valid_for_ms: HOUR }))
  const other = await rig.propose(draftOf('price_change', [priceItem(b, '105.00')], { key: 'other', valid_for_ms: 2 * HOUR }))
  rig.clock.jump(HOUR)
  await t.rejects(rig.approve(late), { code: 'proposal_expired' })
  await rig.clock.advance(6_000)
  t.equal((await rig.proposalOf(late.id)).status, 'expired')
  await t.rejects(rig.approve(late), { code: 'proposal_not_pending' })

  const freeze = await rig.freeze()
  await rig.approve(other)
  await rig.becomes(other, 'parked', `frozen:${freeze.id}`)
  rig.clock.jump(3 * HOUR)
  await rig.lift(freeze.id)
  const { proposal, effects } = await rig.applied(other)
  t.match(proposal, { status: 'failed' })
  t.match(effects, [{ status: 'blocked', error: { code: 'expired' } }])
  t.equal(rig.shop.writes.length, 0)
})

t.test('filed again: equal plans, newer plans, rejected plans', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const draft = draftOf('price_change', [priceItem(variant, '105.00')], { valid_for_ms: HOUR })
  const [first] = await rig.file([draft])
  t.match(first, { outcome: 'filed' })
  const [again] = await rig.file([{ ...draft, title: 'other words' }])
  t.match(again, { outcome: 'unchanged', id: first!.id })
  const [newer] = await rig.file([{ ...draft, items: [priceItem(variant, '104.00')] } as typeof draft])
  t.match(newer, { outcome: 'filed' })
  t.match(await rig.proposalOf(first!.id), { status: 'superseded', reason: `by ${newer!.id}` })
  await t.rejects(rig.approve(await rig.proposalOf(first!.id)), { code: 'proposal_not_pending' })
  const [foreign] = await rig.file([draft], { by: 'helper' })
  t.match(foreign, { outcome: 'filed' }, 'the key belongs to the agent')
  t.equal((await rig.proposalOf(newer!.id)).status, 'pending')

  await rig.reject(await rig.proposalOf(newer!.id))
  const [rejected] = await rig.file([{ ...draft, items: [priceItem(variant, '104.00')] } as typeof draft])
  t.match(rejected, { outcome: 'unchanged', id: newer!.id })
  rig.clock.jump(HOUR)
  const [later] = await rig.file([{ ...draft, items: [priceItem(variant, '104.00')] } as typeof draft])
  t.match(later, { outcome: 'filed' }, 'when it would have expired, it may come again')
})

t.test('shadow: nothing is made, and what people did is compared', async (t) => {
  const rig = await effectsRig(t)
  await rig.autonomy('pricer', 'observe')
  const variants = [1, 2, 3, 4].map((n) => addVariant(rig.shop, n))
  const [shadow] = await rig.file([
    draftOf('price_change', variants.map((variant) => priceItem(variant, '105.00')), { valid_for_ms: HOUR }),
    draftOf('reply_draft', [{ ticket_id: 'x', language: 'de', subject: 's', body: 'b', facts: [] }], { key: 'reply', valid_for_ms: HOUR })
  ])
  t.match(shadow, { outcome: 'shadow' })
  await t.rejects(rig.approve(await rig.proposalOf(shadow!.id)), { code: 'proposal_not_pending' })
  variants[0]!.price.amount = '105.00'
  variants[1]!.price.amount = '99.00'
  rig.shop.variants.delete(variants[3]!.id)
  await rig.clock.advance(6_000)
  t.equal((await rig.proposalOf(shadow!.id)).score, null, 'not before its time is over')
  rig.clock.jump(HOUR)
  await rig.clock.advance(6_000)
  t.match((await rig.proposalOf(shadow!.id)).score, { same: 1, different: 1, untouched: 1, unknown: 1 })
  t.match(await rig.orchestrator.agents.shadow('pricer'), { proposals: 2, scored: 2, same: 1, different: 1, untouched: 1, unknown: 2 })
  t.equal(rig.shop.writes.length, 0)
})

t.test('the ladder of autonomy', async (t) => {
  const policy = openPolicy((own) => { own.classes.price_change.decision = 'auto' })
  const cases = [['observe', 'shadow', 'shadow'], ['suggest', 'pending', 'pending'], ['act_with_approval', 'approved', 'pending'],
    ['autonomous', 'approved', 'approved']] as const
  for (const [level, tag, price] of cases) {
    const rig = await effectsRig(t, { policy })
    addOrder(rig.shop, 1)
    const variant = addVariant(rig.shop, 1)
    await rig.autonomy('pricer', level)
    const filed = await rig.file([draftOf('order_tag', [tagItem(1, 'vip')]), draftOf('price_change', [priceItem(variant, '101.00')])])
    const made = await Promise.all(filed.map(({ id }) => rig.proposalOf(id)))
    const began = (proposal: Proposal): string => ['approved', 'applied'].includes(proposal.status) ? 'approved' : proposal.status
    t.same(made.map(began), [tag, price], level)
    for (const proposal of made.filter((one) => began(one) === 'approved')) {
      t.match((await rig.applied(proposal)).effects, [{ status: 'done', actors: ['policy:1'] }])
    }
    if (tag === 'pending') {
      await rig.approve(made[0]!)
      t.match((await rig.applied(made[0]!)).effects, [{ status: 'done', actors: ['anna'] }])
    }
  }
})

t.test('an agent that may do less by now does not do by itself what was let pass before', async (t) => {
  const rig = await effectsRig(t)
  addOrder(rig.shop, 1)
  await rig.autonomy('pricer', 'act_with_approval')
  const freeze = await rig.freeze('class:order_tag')
  const proposal = await rig.propose(draftOf('order_tag', [tagItem(1, 'vip')]))
  await rig.becomes(proposal, 'parked', `frozen:${freeze.id}`)
  await rig.autonomy('pricer', 'suggest')
  await rig.lift(freeze.id)
  t.match((await rig.applied(proposal)).effects, [{ status: 'blocked', error: { code: 'policy', message: /wants a person/ } }])
  t.equal(rig.shop.writes.length, 0)
})

t.test('conflicts: the shop has moved, or is so already', async (t) => {
  const rig = await effectsRig(t)
  const variants = [1, 2, 3].map((n) => addVariant(rig.shop, n))
  const proposal = await rig.propose(draftOf('price_change', variants.map((variant) => priceItem(variant, '105.00'))))
  variants[0]!.price.amount = '101.00'
  variants[1]!.price.amount = '105.00'
  await rig.approve(proposal)
  const { proposal: done, effects } = await rig.applied(proposal)
  t.match(effects, [
    { status: 'conflict', error: { code: 'moved' }, before: { price: '101.00' } }, { status: 'blocked', error: { code: 'already_so' } }, { status: 'done' }
  ])
  t.match(done, { status: 'failed', reason: '1 done, 1 already so, 1 in conflict with the shop' })
  t.equal(rig.shop.writes.length, 1)
})

t.test('limits count what was made before, by the ledger', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const step = async (price: string): Promise<unknown> => {
    const [made] = await rig.file([draftOf('price_change', [priceItem(variant, price)], { key: price })])
    const proposal = await rig.proposalOf(made!.id)
    if (proposal.status !== 'pending') return proposal.verdict.items[0]!.reasons
    await rig.approve(proposal)
    return (await rig.applied(proposal)).effects[0]!.status
  }
  t.equal(await step('107.00'), 'done')
  t.match(await step('107.50'), [/less than 6 hours/])
  rig.clock.jump(6 * HOUR)
  t.match(await step('111.00'), [/From 100.00 to 111.00 is more than 10 % within a day/])
  t.equal(await step('110.00'), 'done')
  rig.clock.jump(DAY)
  t.match(await step('120.01'), [/From 100.00 to 120.01 is more than 20 % within 30 days/])
  t.equal(await step('120.00'), 'done')
  variant.price.amount = '70.00'
  rig.clock.jump(6 * HOUR)
  t.match(await step('110.00'), [/From 70.00 to 110.00/], 'nor may it jump from where somebody else has put it')
  rig.clock.jump(31 * DAY)
  t.equal(await step('77.00'), 'done')
})

t.test('each class is made once, read back, and undone where it can be', async (t) => {
  const rig = await effectsRig(t)
  addOrder(rig.shop, 1)
  addOrder(rig.shop, 2)
  const variant = addVariant(rig.shop, 1)
  const order = { order_id: gid('Order', 1), order_name: '#1' }
  const now = rig.clock.now()
  const shop = rig.shop
  const state = (): unknown => structuredClone({
    tags: shop.orders.get(gid('Order', 1))!.tags,
    note: shop.orders.get(gid('Order', 1))!.note,
    hold: shop.orders.get(gid('Order', 1))!.fulfilment_status,
    metafields: [...shop.metafields.values()].map(({ value }) => value),
    discounts: [...shop.discounts.values()].map(({ status }) => status),
    segments: shop.segments.map(({ name }) => name),
    products: [...shop.products.keys()]
  })
  const cases = [
    [draftOf('order_tag', [tagItem(1, 'vip')]), true], [draftOf('order_note', [{ ...order, expected_note: null, note: 'call' }]), true],
    [draftOf('order_hold', [{ ...order, reason: 'other', note: 'look' }]), true],
    [draftOf('recommendation', [{
      product_id: gid('Product', 1), title: 'x', namespace: 're', key: 'with', products: [gid('Product', 2)], expected_digest: null
    }]), true],
    [draftOf('discount_code', [{
      code: 'BACK10',
      title: 'Back',
      percentage: 0.1,
      product_ids: [variant.product_id],
      segment_ids: [],
      starts_at: now,
      ends_at: now + DAY,
      usage_limit: 5,
      once_per_customer: true,
      currency: 'EUR',
      cost_per_use: '10.00'
    }]), true],
    [draftOf('segment', [{ name: 'Lapsed', query: 'x' }]), false],
    [draftOf('draft_product', [{
      title: 'New', handle: 'new', description_html: '', vendor: 'v', product_type: 't', tags: [], sku: 's', price: '10.00', unit_cost: '1.00', currency: 'EUR'
    }]), false],
    [draftOf('purchase_order', [{ variant_id: variant.id, sku: null, title: 't', supplier: null, quantity: 1, unit_cost: '1.00', currency: 'EUR' }]), false],
    [draftOf('order_cancel', [{ ...order, total: '20.00', currency: 'EUR', reason: 'fraud' }]), false]
  ] as const
  for (const [draft, undoable] of cases) {
    const before = state()
    shop.clear()
    const proposal = await rig.propose(draft)
    await rig.approve(proposal)
    const { proposal: done, effects: [effect] } = await rig.applied(proposal)
    t.match([done.status, effect?.status], ['applied', 'done'], draft.class)
    const byHand = ['purchase_order', 'order_cancel'].includes(draft.class)
    t.equal(shop.writes.length, byHand ? 0 : 1, byHand ? 'a person does it' : 'one call')
    if (!byHand) t.notSame(state(), before)
    const undoing = rig.orchestrator.effects.revert(effect!.id, 'anna', AbortSignal.timeout(1_000))
    if (!undoable) {
      await t.rejects(undoing, { code: 'effect_not_revertible' })
      continue
    }
    t.match(await rig.ended((await undoing).job_id), { output: { result: { done: 1 } } }, draft.class)
    if (draft.class === 'recommendation') t.same([...shop.metafields.values()].map(({ value }) => value), ['[]'], 'shown as none')
    else if (draft.class === 'discount_code') t.same([...shop.discounts.values()].map(({ status }) => status), ['EXPIRED'])
    else if (draft.class === 'order_note') t.equal(shop.orders.get(gid('Order', 1))!.note, '')
    else t.same(state(), before, draft.class)
  }
  t.equal((await rig.orchestrator.effects.verify()).ok, true)
})

t.test('a whole run is undone, the latest change first; what somebody else changed since stays', async (t) => {
  const rig = await effectsRig(t)
  const variants = [1, 2, 3].map((n) => addVariant(rig.shop, n))
  const filed = await rig.file([draftOf('price_change', variants.map((variant) => priceItem(variant, '105.00')))])
  const proposal = await rig.proposalOf(filed[0]!.id)
  await rig.approve(proposal)
  const { effects } = await rig.applied(proposal)
  variants[1]!.price.amount = '106.00'
  const { orchestrator } = rig
  const [one, all] = await Promise.all([
    orchestrator.effects.revert(effects[2]!.id, 'anna', AbortSignal.timeout(1_000)), orchestrator.effects.revertJob(filed.job.id, 'anna')
  ])
  t.not(one.job_id, all.job_id, 'the undoing of one effect is not taken for the undoing of all')
  t.equal(all.effects, 3)
  await rig.ended(one.job_id)
  t.match(await rig.ended(all.job_id), { output: { result: { done: 2, conflicts: 1 } } })
  t.same(variants.map(({ price }) => price.amount), ['100.00', '106.00', '100.00'])
  await t.rejects(orchestrator.effects.revertJob('019abc12-0000-7000-8000-00000000000f', 'anna'), { code: 'effect_not_revertible' })
})

t.test('drafts that have no form are refused whole', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const good = draftOf('price_change', [priceItem(variant, '105.00')])
  const bad: object[] = [
    { class: 'theft' }, { class: '__proto__' }, { key: '' }, { key: 'x'.repeat(301) }, { key: 'a\0b' }, { key: '\ud800' }, { title: ' ' },
    { rationale: ['x'.repeat(1_001)] }, { items: [] },
    { items: [priceItem(variant, '1e3')] }, { items: [priceItem(variant, '-5.00')] }, { items: [priceItem(variant, '105.00', { more: 1 })] },
    { items: [{ ...priceItem(variant, '105.00'), variant_id: 'gid://shopify/Product/1' }] }, { valid_for_ms: Infinity }, { valid_for_ms: -1 },
    { valid_for_ms: Number.NaN }, { evidence: undefined }, { evidence: { n: 1n } }, { evidence: { n: Number.NaN } },
    { expected_gain: { amount: 'x', currency: 'EUR' } }
  ]
  for (const fields of bad) {
    // Five failures in a row pause an agent.
    await rig.orchestrator.agents.setEnabled('pricer', true)
    const result = await rig.file([draftOf('order_tag', [tagItem(1, 'x')], { key: 'beside' }), { ...good, ...fields } as typeof good])
    t.match(result.job, { status: 'failed', error: { code: 'invalid_proposal' } }, Object.keys(fields).join())
  }
  t.match((await rig.file([good, good])).job, { error: { code: 'invalid_proposal' } }, 'the same key twice')
  t.equal((await rig.orchestrator.proposals.list({}, { limit: 10 })).total, 0)
})
