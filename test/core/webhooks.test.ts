// Webhooks behind the door: echoes of our own changes, and changes that no webhook told of.
import t, { type Test } from 'tap'
import type { ToldState } from '../../src/core/webhooks/echo.ts'
import { draftOf, effectsRig, HOUR } from '../helpers/effects-rig.ts'
import { FakeClock, until } from '../helpers/fake-clock.ts'
import { createMemoryShop, orderOf, type MemoryShop } from '../helpers/memory-shop.ts'
import { agent, setup } from '../helpers/orchestrator-rig.ts'
import { addOrder, addVariant, gid, priceItem } from '../helpers/puppet-shop.ts'
import { T0 } from '../helpers/store-rig.ts'

const MINUTE = 60_000

t.test('a price that we set comes back as an echo; another price, another time and another variant do not', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  await rig.approve(proposal)
  const { effects: [effect] } = await rig.applied(proposal)
  const at = effect!.finished_at!
  const { echoes } = rig.orchestrator
  const product = (price: string, id = variant.id, compared: string | null = null): ToldState =>
    ({ kind: 'product', variants: [{ id: gid('ProductVariant', 99), price: '1.00', compare_at_price: null }, { id, price, compare_at_price: compared }] })
  const is = (told: ToldState, when = at): Promise<boolean> => echoes.isEcho(told, { resource: 'products:1', at: when })
  t.equal(await is(product('105.00')), true)
  t.equal(await is(product('105.0')), true, 'amounts, not texts')
  t.equal(await is(product('105.01')), false, 'somebody set another price at the same time')
  t.equal(await is(product('105.00', variant.id, '120.00')), false, 'somebody set the price before')
  t.equal(await is(product('105.00', gid('ProductVariant', 2))), false)
  t.equal(await is(product('no price')), false)
  t.equal(await is(product('105.00'), at + MINUTE), false, 'changed by somebody else a minute later, to whatever')
  t.equal(await is(product('105.00'), at - MINUTE), false, 'changed before')
  t.equal(await echoes.isEcho(product('105.00'), undefined), false, 'when is not known')
  t.equal(await echoes.isEcho({ kind: 'product', variants: [] }, { resource: 'products:1', at }), false)
  await rig.revert(effect!)
  t.equal(await is(product('100.00'), rig.clock.now()), true, 'its undoing is ours as well')
})

t.test('tags, notes and refunds that we made come back as echoes', async (t) => {
  const rig = await effectsRig(t)
  const order = addOrder(rig.shop, 7)
  const id = { order_id: order.id, order_name: '#7' }
  const line = { line_id: order.lines[0]!.id, quantity: 1, restock: 'no_restock' as const }
  const drafts = [
    draftOf('order_tag', [{ ...id, add: ['late'] }]),
    draftOf('order_note', [{ ...id, expected_note: null, note: 'Called.' }]),
    draftOf('refund', [{ ...id, lines: [line], expected_total: '10.00', currency: 'EUR', note: 'broken', notify_customer: false }])
  ]
  const keys: string[] = []
  for (const draft of drafts) {
    const proposal = await rig.propose(draft)
    await rig.approve(proposal)
    if ((await rig.proposalOf(proposal.id)).status === 'pending') await rig.approve(proposal, 'bert')
    const { effects } = await rig.applied(proposal)
    t.equal(effects[0]!.status, 'done')
    keys.push(effects[0]!.key)
  }
  const plain = { kind: 'order' as const, id: order.id, tags: [] as string[], note: '', refund_notes: [] as string[] }
  const is = (told: Partial<typeof plain>): Promise<boolean> =>
    rig.orchestrator.echoes.isEcho({ ...plain, ...told }, { resource: 'orders:7', at: rig.clock.now() })
  t.equal(await is({}), false)
  t.equal(await is({ tags: ['vip', 'late'] }), true)
  t.equal(await is({ tags: ['vip'] }), false)
  t.equal(await is({ note: 'Called.' }), true)
  t.equal(await is({ note: 'Called back.' }), false)
  t.equal(await is({ refund_notes: [`broken [${keys[2]!}]`] }), true)
  t.equal(await is({ refund_notes: ['broken'] }), false)
  t.equal(await is({ id: gid('Order', 8), tags: ['late'] }), false)
})

const reconciliationRig = async (t: Test, topics: string[]) => {
  const clock = new FakeClock(T0)
  const shop: MemoryShop = createMemoryShop(clock, { orders: [] })
  const looker = agent('looker', () => ({ n: 1 }), { triggers: { events: ['orders/create', 'orders/updated'] } })
  const rig = await setup(t, { clock, agents: [looker], commerce: shop.commerce })
  await rig.start()
  // From its first look on, the upkeep is due each hour.
  await clock.advance(5_000)
  const { events } = rig.orchestrator
  const tell = (n: number, at: number, type = topics[0]!) =>
    events.record({ type, data: { n }, source: 'shopify', subject: `orders:${n}`, change: { resource: `orders:${n}`, at } })
  for (const topic of topics) await tell(1, T0, topic)
  /** Lets an hour pass; answers what the upkeep said. */
  let done = 0
  const hour = async () => {
    clock.jump(HOUR)
    await clock.advance(5_000)
    done += 1
    let output: unknown
    await until(`upkeep ${done} has ended`, async () => {
      const { items, total } = await rig.store.listJobs({ kind: 'task' }, { limit: 1 })
      if (items[0]?.status === 'queued') await clock.advance(1_000)
      output = items[0]?.output
      return total === done && items[0]?.status === 'succeeded'
    })
    return (output as { orders: { looked_at: number, missed: number, topic: string | null } }).orders
  }
  const order = (n: number, at: number, updated = at) => ({ ...orderOf({ name: `#${n}`, at }), updated_at: updated })
  return { ...rig, shop, tell, hour, order }
}

t.test('what no webhook told of is read afterwards, becomes events with their jobs, and is said in the brief', async (t) => {
  const rig = await reconciliationRig(t, ['orders/updated', 'orders/create'])
  const told = T0 + 5 * MINUTE
  rig.shop.orders.push(
    rig.order(1, T0 - HOUR, T0), rig.order(2, T0 - HOUR, told), rig.order(3, T0 - HOUR, told + 300), rig.order(4, told, told),
    rig.order(5, T0 - HOUR, told + MINUTE), rig.order(6, T0 - HOUR, T0 + HOUR - MINUTE))
  await rig.tell(2, told)
  // The second is the same: webhooks know no milliseconds.
  await rig.tell(3, told)
  // Of 4 nothing came; of 5 an earlier state; of 6 a delivery may still be on its way.
  await rig.tell(5, told)
  t.match(await rig.hour(), { topic: 'orders/updated', looked_at: 4, missed: 2 }, 'what changed before the first webhook came is nobody\'s gap')
  const jobs = (await rig.store.listJobs({ kind: 'event' }, { limit: 100 })).items
  const sources = await Promise.all(jobs.map(async ({ source }) => (await rig.store.getEvent(source.slice(6)))!))
  t.match(sources.filter(({ source }) => source === 'reconciliation').sort((a, b) => a.type < b.type ? -1 : 1), [
    { type: 'orders/create', data: { admin_graphql_api_id: gid('Order', 4) } },
    { type: 'orders/updated', data: { admin_graphql_api_id: gid('Order', 5), updated_at: new Date(told + MINUTE).toISOString() } }
  ])
  const brief = await rig.orchestrator.brief(T0)
  t.equal(brief.missed_webhooks, 2)
  t.match(brief.summary, ['2 changes in the shop were told by no webhook and read afterwards.'])
  t.match(await rig.hour(), { looked_at: 1, missed: 1 }, 'the one that was young then; the others are known by now')
  t.match(await rig.hour(), { looked_at: 0, missed: 0 })
  t.equal((await rig.orchestrator.brief(T0)).missed_webhooks, 3)
})

t.test('where only new orders are told of, only those are missed', async (t) => {
  const rig = await reconciliationRig(t, ['orders/create'])
  rig.shop.orders.push(rig.order(2, T0 - HOUR, T0 + MINUTE), rig.order(3, T0 + MINUTE, T0 + 2 * MINUTE), rig.order(4, T0 + MINUTE))
  await rig.tell(3, T0 + MINUTE)
  t.match(await rig.hour(), { topic: 'orders/create', looked_at: 2, missed: 1 })
})

t.test('where no webhook ever came, none is missed and the shop is not asked', async (t) => {
  const rig = await reconciliationRig(t, [])
  rig.shop.orders.push(rig.order(2, T0 + MINUTE))
  t.match(await rig.hour(), { topic: null, looked_at: 0, missed: 0 })
  t.strictSame(rig.shop.reads, [])
})

t.test('a shop that fails fails the upkeep, which finds the gap when it is tried again', async (t) => {
  const rig = await reconciliationRig(t, ['orders/updated'])
  rig.shop.orders.push(rig.order(2, T0 + MINUTE))
  let failures = 1
  rig.shop.failure = () => failures-- > 0 ? new Error('the line broke') : undefined
  t.match(await rig.hour(), { missed: 1 })
})
