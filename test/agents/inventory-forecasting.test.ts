// The forecasting agent as a whole: what it reads, leaves out, proposes and answers, on small shops and on the sandbox's.
import { parse } from 'csv-parse/sync'
import t from 'tap'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { availableOf } from '../../sandbox/shop/shop.ts'
import { inventoryForecasting } from '../../src/agents/inventory-forecasting/index.ts'
import { reorderCsv } from '../../src/agents/inventory-forecasting/reorder-csv.ts'
import type { ForecastInput, ForecastOutput, ReorderLine } from '../../src/agents/inventory-forecasting/schemas.ts'
import { assumedSupply, readSuppliers } from '../../src/agents/inventory-forecasting/suppliers.ts'
import { agents } from '../../src/agents/index.ts'
import { PermanentError } from '../../src/core/agent.ts'
import { faultOf } from '../../src/core/check.ts'
import type { CommerceReader, Variant } from '../../src/core/commerce.ts'
import type { EffectItem } from '../../src/core/effects/items.ts'
import type { ProposalDraft } from '../../src/core/effects/proposal.ts'
import { multiplyMoney } from '../../src/core/money.ts'
import type { Feed, SoldOrder } from '../../src/core/shop-history.ts'
import { contextOf, NOW, type ContextParts } from '../helpers/agent-context.ts'
import { soldOrdersOf, variantsOf } from '../helpers/sandbox-history.ts'

const DAY = 86_400_000
const SHOP = { timezone: 'Europe/Berlin', currency: 'EUR' }
const commerce = { source: 'sandbox', shop: async () => SHOP } as unknown as CommerceReader

const variantOf = (number: number, more: Partial<Variant> = {}, stock: { available?: number, incoming?: number } = {}): Variant => ({
  id: `gid://shopify/ProductVariant/${number}`,
  product_id: `gid://shopify/Product/${number}`,
  product_title: `Thing ${number}`,
  title: 'Default Title',
  sku: `T-${number}`,
  price: { amount: '20.00', currency: 'EUR' },
  compare_at_price: null,
  unit_cost: { amount: '8.50', currency: 'EUR' },
  inventory_item_id: `gid://shopify/InventoryItem/${number}`,
  tracked: true,
  sells_when_out_of_stock: false,
  levels: [{ location_id: 'gid://shopify/Location/1', available: stock.available ?? 0, on_hand: 0, committed: 0, incoming: stock.incoming ?? 0 }],
  status: 'ACTIVE',
  published_at: 0,
  product_type: 'Things',
  vendor: 'Somebody',
  tags: [],
  created_at: 0,
  updated_at: 0,
  source: 'sandbox',
  read_at: NOW,
  ...more
})

let orders = 0
const orderOf = (at: number, variant: number, quantity: number, more: Partial<SoldOrder> = {}): SoldOrder => ({
  id: `gid://shopify/Order/${++orders}`,
  name: `#${orders}`,
  created_at: at,
  updated_at: at,
  cancelled_at: null,
  test: false,
  currency: 'EUR',
  taxes_included: true,
  financial_status: 'PAID',
  customer: null,
  shipping_country: 'DE',
  billing_country: 'DE',
  discount_codes: [],
  subtotal: '20.00',
  discounts: '0.00',
  shipping: '0.00',
  tax: '0.00',
  total: '20.00',
  risk: 'NONE',
  lines: [{
    variant_id: `gid://shopify/ProductVariant/${variant}`,
    product_id: null,
    sku: null,
    title: '',
    quantity,
    current_quantity: quantity,
    unit_price: '20.00',
    total: '20.00',
    tax: '0.00',
    gift_card: false
  }],
  refunds: [],
  first_sent_at: null,
  ...more
})

/** So many a day at noon, for the last `days` days. */
const steady = (variant: number, days: number, quantity: number, more: Partial<SoldOrder> = {}): SoldOrder[] =>
  Array.from({ length: days }, (_, index) => orderOf(NOW - (index + 1) * DAY, variant, quantity, more))

const suppliersOf = (rows: Array<Record<string, string>>): { suppliers: Feed } =>
  ({ suppliers: { name: 'suppliers', received_at: NOW - DAY, columns: [], rows } })

const runAgent = async (parts: ContextParts, input: ForecastInput = {}) => {
  const { context, proposed, notes } = contextOf({ coversFrom: NOW - 200 * DAY, ...parts, ports: { commerce } })
  const output = await inventoryForecasting.run(context, input) as ForecastOutput
  return { output, proposed, notes }
}

/** The items of purchase orders, which are all that this agent proposes. */
const itemsOf = (drafts: ProposalDraft[]): Array<EffectItem<'purchase_order'>> =>
  drafts.flatMap(({ items }) => items as Array<EffectItem<'purchase_order'>>)

t.test('it is among the agents, runs daily and needs no input', async (t) => {
  t.ok(agents.includes(inventoryForecasting))
  t.same(inventoryForecasting.triggers, { schedule: { cron: '15 5 * * *', timezone: 'UTC' } })
  t.equal(inventoryForecasting.timeoutMs, 600_000)
  t.equal(await faultOf(inventoryForecasting.input, {}), undefined)
  t.match(await faultOf(inventoryForecasting.input, { service_level: 1 }), /service_level/)
  t.match(await faultOf(inventoryForecasting.input, { servicelevel: 0.9 }), /servicelevel/)
})

t.test('without a shop it says so', async (t) => {
  const { context } = contextOf()
  const error = new PermanentError('shop_not_configured', 'There is no shop to forecast for: neither Shopify nor its sandbox is configured.')
  await t.rejects(inventoryForecasting.run(context, {}), error)
})

t.test('a line with its arithmetic: MOQ, packs, cost, dates', async (t) => {
  const { output, proposed } = await runAgent({
    orders: steady(1, 180, 2),
    coversFrom: NOW - 181 * DAY,
    variants: [variantOf(1, {}, { available: 10, incoming: 4 })],
    feeds: suppliersOf([
      { sku: 'T-1', supplier: 'Mill & Sons', lead_time_days: '10', lead_time_sd: '', moq: '70', pack_size: '12', unit_cost: '7.25', currency: 'EUR' }
    ])
  }, { order_cover_days: 20 })
  t.equal(await faultOf(inventoryForecasting.output, output), undefined)
  t.equal(output.reorder.total, 1)
  const line = output.reorder.lines[0]!
  t.equal(line.lead_time_demand, 20, 'two a day for ten days')
  t.equal(line.cover_demand, 40)
  t.ok(line.reorder_point >= 20 && line.reorder_point <= 32, `nothing but chance around it: ${line.reorder_point}`)
  t.equal(line.needed, line.reorder_point + 40 - 10 - 4)
  t.equal(line.quantity, Math.ceil(Math.max(line.needed, 70) / 12) * 12)
  t.same(line.value, multiplyMoney({ amount: '7.25', currency: 'EUR' }, line.quantity), 'the cost of the list goes before that of the shop')
  t.equal(line.days_of_cover, 4, 'ten units at two a day are gone on the fifth day')
  t.equal(line.stock_out_date, '2026-11-28')
  t.equal(line.class, 'smooth')

  t.equal(proposed.length, 1)
  const [draft] = proposed
  t.equal(draft!.class, 'purchase_order')
  t.equal(draft!.key, 'reorder:Mill & Sons')
  t.same(draft!.items, [{
    variant_id: 'gid://shopify/ProductVariant/1',
    sku: 'T-1',
    title: 'Thing 1',
    supplier: 'Mill & Sons',
    quantity: line.quantity,
    unit_cost: '7.25',
    currency: 'EUR'
  }])
  t.match(draft!.rationale[2], `T-1 “Thing 1”: 10 available + 4 incoming <= reorder point ${line.reorder_point} (20 expected in 10 days of lead time, 95 %`)
  t.match(draft!.rationale[2], `${line.reorder_point} + 40 - 10 - 4 = ${line.needed}, at least 70 in packs of 12: ${line.quantity}.`)
  const summary = /^Forecast of 1 variant from 180 days \(sandbox\): 1 variant to order, 72 units for 522.00 EUR; 0 out of stock, 1 run/
  t.match(inventoryForecasting.summarise(output), summary)
})

t.test('enough on the shelf or on its way is no order', async (t) => {
  const { output, proposed } = await runAgent({ orders: steady(1, 180, 2), variants: [variantOf(1, {}, { available: 5, incoming: 400 })] })
  t.equal(output.reorder.total, 0)
  t.same(proposed, [])
  t.equal(output.totals.runs_out_within_lead_time, 1, 'which is said all the same')
  t.match(inventoryForecasting.summarise(output), /nothing to order/)
})

t.test('cancelled and test orders, gift cards and lines of unknown variants are no demand', async (t) => {
  const card = steady(1, 50, 5)
  for (const { lines } of card) lines[0]!.gift_card = true
  const { output } = await runAgent({
    orders: [
      ...steady(1, 180, 1), ...steady(1, 90, 30, { cancelled_at: NOW }), ...steady(1, 90, 30, { test: true }), ...card, ...steady(77, 10, 3)
    ],
    variants: [variantOf(1)]
  })
  const { history, reorder } = output
  t.equal(history.orders_cancelled, 90)
  t.equal(history.orders_test, 90)
  t.equal(history.units, 180)
  t.equal(history.units_of_other_variants, 280)
  t.equal(reorder.lines[0]!.lead_time_demand, 14)
})

t.test('what is not known is left out with its reason, and is no zero', async (t) => {
  const { output, proposed } = await runAgent({
    orders: [...steady(1, 180, 1), ...steady(2, 10, 4), orderOf(NOW - 40 * DAY, 6, 1)],
    variants: [
      variantOf(1), variantOf(2, { created_at: NOW - 12 * DAY }), variantOf(3), variantOf(4, { status: 'DRAFT' }), variantOf(5, { tracked: false }),
      variantOf(6)
    ]
  })
  t.same(output.variants, { total: 6, forecast: 1, left_out: { not_active: 1, untracked: 1, too_little_history: 2, no_sale: 1 } })
  t.same(output.reorder.lines.map(({ sku }) => sku), ['T-1'])
  t.equal(itemsOf(proposed).length, 1)
  t.equal(output.classes.reduce((sum, { variants }) => sum + variants, 0), 1)
})

t.test('a history that is too short, and none at all, are states of their own', async (t) => {
  const short = await runAgent({ orders: steady(1, 9, 3), variants: [variantOf(1)], coversFrom: NOW - 10 * DAY })
  t.equal(short.output.history.state, 'too_little')
  t.equal(short.output.dead_stock.state, 'too_little_history')
  t.same(short.output.variants.left_out, { too_little_history: 1 })
  t.match(inventoryForecasting.summarise(short.output), 'No forecast (sandbox): the history of orders is too short.')
  const none = await runAgent({ variants: [variantOf(1)], coversFrom: NOW })
  t.equal(none.output.history.state, 'none')
  t.equal(none.output.history.from, null)
  t.equal(await faultOf(inventoryForecasting.output, none.output), undefined)
  const empty = await runAgent({})
  t.equal(empty.output.variants.forecast, 0)
  t.same([...short.proposed, ...none.proposed, ...empty.proposed], [])
})

t.test('recorded days without stock do not lower the forecast, and each run records today\'s', async (t) => {
  const out = new Set(Array.from({ length: 60 }, (_, index) => index + 5))
  const sold = steady(1, 180, 3).filter((_, index) => !out.has(index))
  const day = (back: number): string => new Date(NOW - (back + 1) * DAY).toISOString().slice(0, 10)
  const known = () => new Map([['gid://shopify/ProductVariant/1', [...out].reverse().map((back) => ({ day: day(back), available: 0 }))]])
  const parts = { orders: sold, coversFrom: NOW - 181 * DAY }
  const [told, untold, oversold] = await Promise.all([
    runAgent({ ...parts, variants: [variantOf(1)], stock: known() }),
    runAgent({ ...parts, variants: [variantOf(1)] }),
    runAgent({ ...parts, variants: [variantOf(1, { sells_when_out_of_stock: true })], stock: known() })
  ])
  t.equal(told.output.history.stock_out_days, 60)
  t.equal(told.output.reorder.lines[0]!.lead_time_demand, 42, 'three a day for two weeks, as on all days with stock')
  t.equal(untold.output.history.stock_out_days, 0)
  t.ok(untold.output.reorder.lines[0]!.lead_time_demand < 38, 'days without sales alone are no stock-outs: nothing is guessed')
  t.match(untold.output.assumptions.join(' '), /No day without stock is known yet/)
  t.equal(oversold.output.history.stock_out_days, 0, 'what sells at zero is not held back by it')

  const stock = known()
  await runAgent({ ...parts, variants: [variantOf(1, {}, { available: 7 }), variantOf(2, { tracked: false })], stock })
  t.same(stock.get('gid://shopify/ProductVariant/1')!.at(-1), { day: '2026-11-24', available: 7 })
  t.notOk(stock.has('gid://shopify/ProductVariant/2'))
})

t.test('one proposal a supplier, hundred lines at most, and no more proposals than asked for', async (t) => {
  const variants = Array.from({ length: 130 }, (_, index) => variantOf(index + 1, index === 0 ? { unit_cost: null } : {}))
  const sold = variants.flatMap((_, index) => steady(index + 1, 40, 1))
  const rows = variants.slice(0, 120).map(({ sku }) => ({ sku: sku!, supplier: 'Big' }))
  const { output, proposed } = await runAgent({ orders: sold, variants, feeds: suppliersOf(rows) })
  t.equal(output.reorder.total, 130)
  t.same(proposed.map(({ key, items }) => [key, items.length]).sort(), [['reorder:Big', 100], ['reorder:Big:2', 20], ['reorder:no supplier', 10]])
  const first = itemsOf(proposed).find(({ variant_id: id }) => id === 'gid://shopify/ProductVariant/1')!
  t.equal(first.unit_cost, null, 'an unknown cost stays unknown')
  t.equal(first.currency, 'EUR')
  t.equal(output.totals.lines_without_cost, 1)
  t.equal(output.proposals.filed, 3)
  const few = await runAgent({ orders: sold, variants, feeds: suppliersOf(rows) }, { max_proposals: 1, max_lines: 5 })
  t.equal(few.proposed.length, 1)
  t.equal(few.output.proposals.left_out, 2)
  t.same([few.output.reorder.total, few.output.reorder.shown, few.output.reorder.lines.length], [130, 5, 5])
})

t.test('dead stock: units, value, the last sale', async (t) => {
  const { output } = await runAgent({
    orders: [...steady(1, 180, 1), orderOf(NOW - 120 * DAY, 2, 1), orderOf(NOW - 121 * DAY, 2, 1), orderOf(NOW - 20 * DAY, 3, 1)],
    variants: [
      variantOf(1, {}, { available: 3 }), variantOf(2, {}, { available: 10 }), variantOf(3, {}, { available: 9 }),
      variantOf(4, { unit_cost: null }, { available: 2 }), variantOf(5), variantOf(6, { created_at: NOW - 60 * DAY }, { available: 4 })
    ]
  })
  t.same(output.dead_stock, {
    state: 'known',
    total: 2,
    units: 12,
    value: [{ amount: '85.00', currency: 'EUR' }],
    without_cost: 1,
    shown: 2,
    lines: [
      {
        variant_id: 'gid://shopify/ProductVariant/2',
        sku: 'T-2',
        title: 'Thing 2',
        available: 10,
        last_sold: '2026-07-27',
        value: { amount: '85.00', currency: 'EUR' }
      },
      { variant_id: 'gid://shopify/ProductVariant/4', sku: 'T-4', title: 'Thing 4', available: 2, last_sold: null, value: null }
    ]
  })
})

t.test('the list of suppliers is taken with care', async (t) => {
  const { by_sku: list, rows, ignored } = readSuppliers(suppliersOf([
    { sku: ' A ', supplier: 'One\nand\u0007 only', lead_time_days: '7', lead_time_sd: '1.5', moq: '10', pack_size: '5', unit_cost: '3.20', currency: 'usd' },
    { sku: 'B', lead_time_days: 'soon', moq: '-3', pack_size: '0', unit_cost: '4,50', currency: 'EUR' },
    { sku: 'C', unit_cost: '4.50' },
    { sku: 'A', supplier: 'Two' },
    { sku: '', supplier: 'Three' }
  ]).suppliers, 14)
  t.equal(rows, 5)
  t.same(list.get('A'), {
    supplier: 'One and only',
    lead_time_days: 7,
    lead_time_sd: 1.5,
    moq: 10,
    pack_size: 5,
    unit_cost: { amount: '3.20', currency: 'USD' },
    currency: 'USD',
    assumed_lead_time: false
  })
  t.same(list.get('B'), { ...assumedSupply(14), currency: 'EUR' })
  t.equal(list.get('C')!.unit_cost, null, 'an amount without a currency is none')
  t.same(ignored, {
    'lead_time_days is no number from 1 to 365': 1,
    'moq is no number from 0 to 1000000': 1,
    'pack_size is no number from 1 to 1000000': 1,
    'unit_cost is no amount': 1,
    'unit_cost without a currency': 1,
    'SKU listed before': 1,
    'row without SKU': 1
  })
})

t.test('CSV: cells cannot become formulas, further cells or further lines', async (t) => {
  const { output } = await runAgent({ orders: steady(1, 180, 2), variants: [variantOf(1, {}, { available: -3 })] })
  const line = output.reorder.lines[0]!
  const nasty = ['=1+1', '+1', '-1+1', '@SUM(A1)', '\t=1', ' =1', '＝1', 'say "hi", you\nthere', 'plain']
  const csv = reorderCsv(nasty.map((title): ReorderLine => ({ ...line, title })))
  const rows = parse(csv, { columns: true }) as Array<Record<string, string>>
  t.same(rows.map(({ title }) => title), ["'=1+1", "'+1", "'-1+1", "'@SUM(A1)", "'\t=1", "' =1", "'＝1", 'say "hi", you\nthere', 'plain'])
  t.equal(rows[0]!['available'], '-3', 'numbers stay numbers')
  t.equal(rows[0]!['currency'], 'EUR')
  t.equal(parse(inventoryForecasting.csv!(output)).length, 2)
  t.match(reorderCsv([]), /^sku,title,variant_id,supplier,quantity,/)
})

t.test('on the sandbox\'s shop: everything adds up, nothing is forgotten', async (t) => {
  const shop = generateShop({ today: '2026-11-24' })
  shop.advance(NOW)
  const rows = Object.entries(shop.truth.demand).map(([sku, { leadTimeDays }], index) =>
    ({ sku, supplier: `Supplier ${index % 5}`, lead_time_days: String(leadTimeDays), pack_size: '3', moq: '6' }))
  const { output, proposed, notes } = await runAgent({ orders: soldOrdersOf(shop), variants: variantsOf(shop), coversFrom: 0, feeds: suppliersOf(rows) })
  t.equal(await faultOf(inventoryForecasting.output, output), undefined)
  const leftOut = Object.values(output.variants.left_out).reduce((sum, count) => sum + count, 0)
  t.equal(output.variants.forecast + leftOut, output.variants.total, 'each variant is forecast or left out with a reason')
  t.equal(output.classes.reduce((sum, { variants }) => sum + variants, 0), output.variants.forecast)
  t.ok(output.variants.forecast > 700, `${output.variants.forecast} forecasts`)
  for (const line of output.reorder.lines) {
    const { needed, quantity, reorder_point: point, cover_demand: cover, available, incoming } = line
    t.ok(available + incoming <= point && needed === Math.ceil(point + cover - available - incoming) && quantity >= Math.max(needed, 6) && quantity % 3 === 0,
      `${line.sku} adds up`)
  }
  const ordered = new Set(output.reorder.lines.map(({ sku }) => sku))
  const sinceAutumn = new Set(shop.orders.filter(({ createdAt, cancelledAt, test }) => createdAt > NOW - 60 * DAY && cancelledAt === null && !test)
    .flatMap(({ lines }) => lines.map(({ sku }) => sku)))
  const gone = shop.variants.filter(({ product, item, sku, createdAt }) => product.status === 'ACTIVE' && item.tracked && availableOf({ item } as never) <= 0 &&
    item.levels.every(({ incoming }) => incoming === 0) && sinceAutumn.has(sku) && createdAt < NOW - 120 * DAY)
  t.ok(gone.length > 0, `${gone.length} variants are out of stock, sell, and have nothing on the way`)
  const forgotten = gone.filter(({ sku }) => !ordered.has(sku)).map(({ sku }) => sku)
  t.ok(forgotten.length <= gone.length * 0.05, `all but those that were sold once are to be ordered: ${forgotten.join()}`)
  const intermittent = output.classes.find((one) => one.class === 'intermittent')!
  t.ok(intermittent.mase! < intermittent.mase_seasonal_naive!, 'better than last week repeated')
  t.equal(itemsOf(proposed).length, output.reorder.total)
  t.ok(notes.some((note) => /% of the forecasts are made/.test(note)), 'it tells how far it is')
  t.ok(JSON.stringify(output).length < 600_000)
})
