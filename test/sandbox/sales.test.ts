// Orders read slim say what whole orders say, for every order of some weeks of the sandbox's shop; and what the assistant's questions cost.
import t, { type Test } from 'tap'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { createShopReadings } from '../../src/agents/assistant/shop-readings.ts'
import { ordersInNeed } from '../../src/agents/shop/attention.ts'
import { tallyProducts } from '../../src/agents/shop/sales.ts'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import type { OrderSales } from '../../src/core/commerce.ts'
import { silentLogger } from '../../src/core/log.ts'
import { compareMoney, sumMoney, type Money } from '../../src/core/money.ts'
import { createShopify } from '../../src/integrations/shopify/index.ts'
import { EVENING, serve, TODAY } from './shop-rig.ts'

const DAY = 86_400_000
const { signal } = new AbortController()

// Nobody changes it.
const shop = generateShop({ today: TODAY })
shop.advance(EVENING)

/** Our integration in front of the sandbox's shop, where it is evening and stays so: nothing of the budget is restored. */
const connect = async (t: Test, options: Parameters<typeof serve>[1] = {}) => {
  const { url } = await serve(t, { shop, ...options })
  const clock: Clock = { ...systemClock, now: () => EVENING }
  const breakers = createBreakerRegistry({ clock })
  breakers.register('shopify_api', { label: 'Shopify', configured: true, required: false })
  const { commerce, upstream, close } = createShopify({
    shop: 'royal-equips-sandbox.myshopify.com',
    credentials: { kind: 'token', token: 'shpat_sandbox' },
    baseUrl: url,
    source: 'sandbox',
    breakers,
    clock,
    random: () => 0.5,
    log: silentLogger
  })
  t.teardown(() => close())
  return { commerce, upstream, clock }
}

const all = async <T>(list: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

t.test('slim readings equal whole orders: sales, refunds, goods, needs; page by page and in bulk', async (t) => {
  const { commerce } = await connect(t)
  const filter = { created_from: EVENING - 42 * DAY }
  const whole = await all(commerce.orders(filter, { signal, bulk: true }))
  const sales = await all(commerce.orderSales(filter, { signal }))
  t.ok(whole.length > 2_000, `${whole.length} orders`)
  const kinds = {
    discounted: whole.filter(({ lines }) => lines.some(({ discount }) => !/^0(?:\.0*)?$/.test(discount.amount))).length,
    refunded: whole.filter(({ refunds }) => refunds.length > 0).length,
    cancelled: whole.filter(({ cancelled_at: at }) => at !== null).length,
    guests: whole.filter(({ customer }) => customer === null).length,
    tests: whole.filter(({ test }) => test).length
  }
  for (const [kind, count] of Object.entries(kinds)) t.ok(count > 0, `${count} ${kind}`)

  const goods = await commerce.returnedGoods(sales.flatMap(({ refunds }) => refunds.map(({ id }) => id)), { signal })
  const returned = new Map(goods.map(({ refund_id: id, value }) => [id, value]))
  const sum = (list: Money[]): string => plain(sumMoney(list, 'EUR'))
  const expected = whole.map((order) => ({
    id: order.id,
    gross: sum(order.lines.map((line) => line.original_total)),
    discounts: sum(order.lines.map((line) => line.discount)),
    shipping: plain(order.shipping),
    total: plain(order.total),
    units: order.lines.reduce((units, { quantity }) => units + quantity, 0),
    customer: order.customer,
    state: [order.created_at, order.cancelled_at, order.test, order.financial_status, order.fulfilment_status],
    refunds: order.refunds.map(({ id, created_at: at, lines }) => [id, at, sum(lines.map(({ subtotal }) => subtotal))])
  }))
  const slim = (list: OrderSales[]): typeof expected => list.map((order) => ({
    id: order.id,
    gross: plain(order.gross),
    discounts: plain(order.discounts),
    shipping: plain(order.shipping),
    total: plain(order.total),
    units: order.units,
    customer: order.customer,
    state: [order.created_at, order.cancelled_at, order.test, order.financial_status, order.fulfilment_status],
    refunds: order.refunds.map(({ id, created_at: at }) => [id, at, plain(returned.get(id)!)])
  }))
  const differences = (list: typeof expected): number => expected.filter((order, index) => JSON.stringify(order) !== JSON.stringify(list[index])).length
  t.equal(differences(slim(sales)), 0)
  t.equal(differences(slim(await all(commerce.orderSales(filter, { signal, bulk: true })))), 0, 'in bulk')
  const wrong = sales.map((order, index) => index === 7 ? { ...order, gross: { amount: '0.01', currency: 'EUR' } } : order)
  t.equal(differences(slim(wrong)), 1, 'control: one cent of one order is noticed')

  const best = (list: Parameters<ReturnType<typeof tallyProducts>['add']>[0][]): object => {
    const tally = tallyProducts({ from: filter.created_from, before: EVENING }, 'EUR')
    for (const order of list) tally.add(order)
    return tally.result()
  }
  t.strictSame(best(await all(commerce.orderGoods(filter, { signal }))), best(whole))
  t.strictSame(best(await all(commerce.orderGoods(filter, { signal, bulk: true }))), best(whole), 'in bulk')
  const needs = (list: Parameters<typeof ordersInNeed>[0]): object =>
    ordersInNeed(list, EVENING).map(({ order: { id, total }, severity, reasons }) => ({ id, total, severity, reasons }))
  const open = { ...filter, status: 'open' } as const
  t.strictSame(needs(await all(commerce.orderStates(open, { signal }))), needs(whole))
  t.strictSame(needs(await all(commerce.orderStates(open, { signal, bulk: true }))), needs(whole), 'in bulk')
})

/** Without zeros at the end, which say nothing. */
const plain = (money: Money): string => compareMoney(money, { amount: '0', currency: money.currency }) === 0
  ? '0'
  : money.amount.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')

t.test('each question is answered from a part of the budget of the smallest plan, without waiting for more', async (t) => {
  const questions: Array<[string, number, (readings: ReturnType<typeof createShopReadings>) => Promise<unknown>]> = [
    ['how is the shop doing today, with the orders that need somebody', 1_000, async (readings) =>
      await Promise.all([readings.day(await readings.today(signal), signal), readings.attention(signal)])],
    ['which orders need me', 400, (readings) => readings.attention(signal)],
    ['what is out of stock', 800, (readings) => readings.catalogue(signal)],
    ['best sellers of a month', 100, (readings) => readings.bestSellers({ from: '2026-10-26', to: '2026-11-24' }, signal)],
    ['sales of a month', 1_500, (readings) => readings.period({ from: '2026-10-26', to: '2026-11-24' }, signal)]
  ]
  for (const [question, most, ask] of questions) {
    const { commerce, upstream, clock } = await connect(t, { bucket: { maximum: 2_000, restoreRate: 100 } })
    const spent = async (): Promise<number> => {
      const { details } = await upstream.probe(signal)
      return 2_000 - (details as { query_budget: { available: number } }).query_budget.available
    }
    const before = await spent()
    await ask(createShopReadings(commerce, clock))
    const points = await spent() - before
    t.ok(points > 0 && points <= most, `${question}: ${points} points`)
  }
})
