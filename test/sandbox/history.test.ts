// The copy of the sandbox's orders, read over its wire, is the shop to the last cent: at first, and after time has gone on.
import t, { type Test } from 'tap'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { HistoryCopy } from '../../src/core/history/copy.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'
import { createShopify } from '../../src/integrations/shopify/index.ts'
import { openStore } from '../../src/store/index.ts'
import { ALL_SCOPES } from '../../sandbox/shopify/index.ts'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { soldOrdersOf, variantsOf } from '../helpers/sandbox-history.ts'
import { EVENING, serve, TODAY } from './shop-rig.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const { signal } = new AbortController()

// Of the file, when the machine has much else to do.
t.setTimeout(120_000)

/** Only time goes on in it. */
const shared = generateShop({ today: TODAY })

/** As far as an app sees that may not read all orders: 60 days. */
const scopes = ALL_SCOPES.filter((scope) => scope !== 'read_all_orders')

const connect = async (t: Test, options: Parameters<typeof serve>[1] = {}) => {
  const served = await serve(t, options)
  const clock: Clock = { ...systemClock, now: () => served.time.now }
  const breakers = createBreakerRegistry({ clock })
  breakers.register('shopify_api', { label: 'Shopify', configured: true, required: false })
  const { commerce, upstream, close } = createShopify({
    shop: 'royal-equips-sandbox.myshopify.com',
    credentials: { kind: 'token', token: 'shpat_sandbox' },
    baseUrl: served.url,
    source: 'sandbox',
    breakers,
    clock,
    random: () => 0.5,
    log: silentLogger
  })
  t.teardown(() => close())
  const store = await openStore({ file: ':memory:' })
  t.teardown(() => store.close())
  const points = async (): Promise<number> =>
    ((await upstream.probe(signal)).details as { query_budget: { available: number } }).query_budget.available
  return { ...served, commerce, points, history: new HistoryCopy({ commerce, store, clock, log: silentLogger }) }
}

const all = async <T>(list: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

/** Orders that are not the same, however little differs. */
const differences = (found: SoldOrder[], expected: SoldOrder[]): string[] => {
  const known = new Map(found.map((order) => [order.id, JSON.stringify(order)]))
  const wrong = expected.filter((order) => known.get(order.id) !== JSON.stringify(order)).map(({ name }) => name)
  return found.length === expected.length ? wrong : [`${found.length} orders instead of ${expected.length}`, ...wrong]
}

/** A customer's orders are counted when an order is read: later ones change it without a word. */
const uncounted = (orders: SoldOrder[]): SoldOrder[] =>
  orders.map((order) => ({ ...order, customer: order.customer === null ? null : { ...order.customer, order_count: 0 } }))

t.test('every order of the copy is the shop\'s, in bulk at first and page by page afterwards', async (t) => {
  const { shop, time, history } = await connect(t, { shop: generateShop({ today: TODAY }), scopes })
  const first = await history.refresh({ signal })
  const visible = (): SoldOrder[] => soldOrdersOf(shop).filter(({ created_at: at }) => at >= EVENING - 60 * DAY)
  const expected = visible()
  const found = await all(history.orders({ signal }))
  t.ok(found.length > 3_000, `${found.length} orders`)
  const refunded = found.filter(({ refunds }) => refunds.length > 0)
  const kinds = {
    refunded: refunded.length,
    'with shipping costs back': refunded.filter(({ refunds }) => refunds.some(({ shipping }) => shipping !== '0.00')).length,
    cancelled: found.filter(({ cancelled_at: at }) => at !== null).length,
    discounted: found.filter(({ discounts }) => discounts !== '0.00').length,
    'of guests': found.filter(({ customer }) => customer === null).length,
    tests: found.filter(({ test }) => test).length,
    sent: found.filter(({ first_sent_at: at }) => at !== null).length
  }
  for (const [kind, count] of Object.entries(kinds)) t.ok(count > 0, `${count} ${kind}`)
  t.same(differences(found, expected), [])
  t.match(first, { source: 'sandbox', as_of: EVENING, covers_from: expected[0]?.created_at, orders: expected.length, changed: expected.length })
  const wrong = found.map((order, index) => index === 7 ? { ...order, lines: order.lines.map((line) => ({ ...line, tax: '0.01' })) } : order)
  t.same(differences(wrong, expected), [found[7]?.name], 'control: the tax of one order is noticed')
  t.same(differences(found.slice(1), expected).length, 2, 'control: a missing order is noticed')

  time.now = EVENING + 20 * HOUR
  const second = await history.refresh({ signal })
  t.ok(second.changed > 50 && second.changed < 800, `${second.changed} changed in 20 hours`)
  t.same(differences(uncounted(await all(history.orders({ signal }))), uncounted(visible())), [])
  t.match(await history.refresh({ signal }), { changed: 0 })

  const { variants } = await history.variants({ signal, max_age_ms: 0 })
  t.equal(variants.length, shop.variants.length)
  const prices = (list: typeof variants): string[] => list.map(({ id, price }) => `${id} ${Number(price.amount)}`).sort()
  t.same(prices(variants), prices(variantsOf(shop)))
})

t.test('page by page it is the same as in bulk', async (t) => {
  const { commerce } = await connect(t, { shop: shared })
  const filter = { created_from: EVENING - 14 * DAY }
  const pages = await all(commerce.soldOrders(filter, { signal }))
  t.ok(pages.length > 700, `${pages.length} orders`)
  t.same(differences(pages, await all(commerce.soldOrders(filter, { signal, bulk: true }))), [])
})

t.test('what a refresh costs, of a budget of 2,000 points', async (t) => {
  const { history, points, time } = await connect(t, { shop: shared, scopes, bucket: { maximum: 2_000, restoreRate: 0.001 } })
  const cost = async (): Promise<number> => {
    const before = await points()
    await history.refresh({ signal })
    return before - await points()
  }
  const first = await cost()
  t.ok(first > 0 && first < 800, `the last 60 days: ${first} points`)
  time.now += 10 * 60_000
  const again = await cost()
  t.ok(again > 0 && again < 150, `ten minutes later: ${again} points`)
})

t.test('a shop of another seed, or with other books, is another shop', async (t) => {
  const others = [{ seed: { value: 2 } }, { start: { value: '2025-06-01' } }].map((change) => Object.create(shared, change) as typeof shared)
  const ids: string[] = []
  for (const shop of [shared, ...others]) {
    const { commerce } = await connect(t, { shop })
    ids.push((await commerce.shop({ signal })).id)
  }
  t.equal(new Set(ids).size, 3)
})
