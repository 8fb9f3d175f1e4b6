// Analytics: its books against the sandbox's ledger to the cent, what it calls unusual, what it writes, and what it does without data.
import t from 'tap'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { daysOf, stockOutsOf } from '../../sandbox/shop/ledger.ts'
import { analytics } from '../../src/agents/analytics/index.ts'
import type { AnalyticsInput, AnalyticsOutput } from '../../src/agents/analytics/schemas.ts'
import { tallyCloses, type DayClose } from '../../src/agents/analytics/close.ts'
import { anomaliesOf } from '../../src/agents/analytics/robust.ts'
import { addDays, daysBetween } from '../../src/agents/shop/days.ts'
import { medianOf } from '../../src/agents/shop/quantiles.ts'
import { faultOf } from '../../src/core/check.ts'
import type { Variant } from '../../src/core/commerce.ts'
import type { SoldLine, SoldOrder } from '../../src/core/shop-history.ts'
import { WarehouseError, type RowSet, type Warehouse, type WriteOptions } from '../../src/core/warehouse.ts'
import { contextOf, NOW, type ContextParts } from '../helpers/agent-context.ts'
import { createMemoryShop } from '../helpers/memory-shop.ts'
import { soldOrdersOf, variantsOf } from '../helpers/sandbox-history.ts'

const ZONE = 'Europe/Berlin'
const shop = generateShop({ today: '2026-11-24' })
shop.advance(NOW)
const orders = soldOrdersOf(shop)
const variants = variantsOf(shop)
/** Enough for a week and what it gave back, and quicker to add up. */
const recent = orders.filter(({ created_at: at }) => at > Date.parse('2026-08-01T00:00:00Z'))
const costs = new Map(variants.flatMap(({ id, unit_cost: cost }) => cost === null ? [] : [[id, cost] as const]))
const scope = { timezone: ZONE, currency: 'EUR', costs }

const run = async (input: AnalyticsInput, parts: ContextParts = {}): Promise<AnalyticsOutput> => {
  const { context, proposed } = contextOf({ orders, variants, ...parts, ports: { commerce: createMemoryShop({ now: () => NOW }).commerce, ...parts.ports } })
  const output = await analytics.run(context, input) as AnalyticsOutput
  const fault = await faultOf(analytics.output, output)
  if (fault !== undefined) throw new Error(`The output does not fit its schema: ${fault}`)
  if (proposed.length > 0) throw new Error('It proposes nothing.')
  return output
}

/** A warehouse in memory that keeps what was merged, by day. */
const memoryWarehouse = (failure: () => Error | undefined = () => undefined) => {
  const rows = new Map<string, Record<string, unknown>>()
  const writes: Array<{ set: RowSet & { key: readonly string[] }, options: WriteOptions }> = []
  const tables = new Set<string>()
  const warehouse = {
    name: 'project.dataset',
    source: 'sandbox',
    async createTable ({ table = '' }) {
      const fault = failure()
      if (fault !== undefined) throw fault
      const created = !tables.has(table)
      tables.add(table)
      return { created }
    },
    async merge (set: RowSet & { key: readonly string[] }, options: WriteOptions) {
      const known = writes.some((write) => write.options.effect_key === options.effect_key)
      writes.push({ set, options })
      if (!known) for (const row of set.rows) rows.set(String(row['day']), row)
      return { source: 'sandbox', read_at: NOW, job_id: `job ${writes.length}`, rows_affected: set.rows.length, bytes_billed: 0, created: !known }
    }
  } as unknown as Warehouse
  return { warehouse, rows, writes, tables }
}

/** What the ledger and we both say of a day. */
const ledgerView = (from: string, to: string) => daysOf(shop, from, to).map((day) => ({
  day: day.date,
  orders: day.orders,
  cancelled: day.cancelled,
  units: day.units,
  gross: day.gross,
  discounts: day.discounts,
  returns: day.returns,
  net: day.net,
  shipping: day.shipping,
  refunds: day.refunds,
  refunded: day.refunded,
  average_order: day.average_order,
  cogs: day.cost,
  units_without_cost: day.units_without_cost,
  new_customers: day.new_customers,
  returning_customers: day.returning_customers,
  guests: day.guests
}))

const ourView = (days: readonly DayClose[]) =>
  days.map(({ margin: _margin, refund_rate_percent: _rate, sent: _sent, ...day }) => ({ ...day, cogs: day.cogs ?? '0.00' }))

const closesOf = (list: readonly SoldOrder[], from: string, to: string): DayClose[] => {
  const tally = tallyCloses({ ...scope, from, to })
  for (const order of list) tally.add(order)
  return tally.result()
}

t.test('the books of 60 days, and of the days on which the clock changes, equal the ledger to the cent', async (t) => {
  for (const [from, to] of [['2026-09-25', '2026-11-23'], ['2026-03-28', '2026-03-30'], ['2025-10-25', '2025-10-27']] as const) {
    const expected = ledgerView(from, to)
    t.strictSame(ourView(closesOf(orders, from, to)), expected, `${from} to ${to}`)
  }
  const span = ledgerView('2026-09-25', '2026-11-23')
  const sum = (key: 'cancelled' | 'refunds' | 'guests' | 'units_without_cost'): number => span.reduce((total, day) => total + day[key], 0)
  for (const key of ['cancelled', 'refunds', 'guests', 'units_without_cost'] as const) t.ok(sum(key) > 0, `${sum(key)} ${key} among them`)
  t.equal(daysBetween('2026-09-25', '2026-11-23'), 60)

  const cent = orders.map((order) => order.created_at > Date.parse('2026-11-20T12:00:00Z') && order.created_at < Date.parse('2026-11-20T13:00:00Z')
    ? { ...order, lines: order.lines.map((line, index) => index === 0 ? { ...line, unit_price: (Number(line.unit_price) + 0.01).toFixed(2) } : line) }
    : order)
  const [seen, expected] = [ourView(closesOf(cent, '2026-11-20', '2026-11-20')), ledgerView('2026-11-20', '2026-11-20')]
  t.not(JSON.stringify(seen), JSON.stringify(expected), 'control: a cent is noticed')
})

t.test('the run says of yesterday what the ledger says, against the same weekday before, with stock and age', async (t) => {
  const output = await run({})
  t.equal(output.state, 'closed')
  t.equal(output.as_of, '2026-11-24T18:00:00.000Z')
  t.equal(output.source, 'sandbox')
  t.strictSame(ourView([output.day!]), ledgerView('2026-11-23', '2026-11-23'))
  t.strictSame(ourView([output.compared!.day]), ledgerView('2026-11-16', '2026-11-16'))
  t.equal(output.stock.out, stockOutsOf(shop).length)
  t.equal(output.anomalies.state, 'judged')
  t.equal(output.anomalies.judged.length, 10)
  t.equal(output.warehouse.state, 'not_configured')
  t.equal(output.orders_read, orders.length)
  const text = analytics.summarise(output)
  t.match(text, /^2026-11-23: \d+ orders, net [\d.]+ EUR \(gross .+\), .+ than .+ on 2026-11-16; margin .+ EUR \([\d.]+ %\) without tax/)
  t.match(text, / on the [\d.]+ % of sales whose cost is known\. .+ out of stock now\.$/)
  const once = await run({ day: '2026-10-25' })
  t.strictSame(ourView([once.day!]), ledgerView('2026-10-25', '2026-10-25'), 'a day of 25 hours')
})

const line = (variant: string | null, price: string, quantity: number, total: string, tax: string): SoldLine => ({
  variant_id: variant, product_id: 'p', sku: null, title: 't', quantity, current_quantity: quantity, unit_price: price, total, tax, gift_card: false
})
const order = (id: string, at: string, more: Partial<SoldOrder> = {}): SoldOrder => ({
  id,
  name: `#${id}`,
  created_at: Date.parse(at),
  updated_at: Date.parse(at),
  cancelled_at: null,
  test: false,
  currency: 'EUR',
  taxes_included: true,
  financial_status: 'PAID',
  customer: { id: `c${id}`, order_count: 1 },
  shipping_country: 'DE',
  billing_country: 'DE',
  discount_codes: [],
  subtotal: '0',
  discounts: '0',
  shipping: '5.90',
  tax: '0',
  total: '0',
  risk: 'ACCEPT',
  lines: [line('a', '10.00', 2, '17.85', '2.85')],
  refunds: [],
  first_sent_at: null,
  ...more
})
const unitCosts = new Map([['a', { amount: '3.00', currency: 'EUR' }], ['usd', { amount: '3.00', currency: 'USD' }]])
const close = (list: SoldOrder[], day = '2026-11-20'): DayClose => {
  const tally = tallyCloses({ timezone: ZONE, currency: 'EUR', costs: unitCosts, from: day, to: day })
  for (const each of list) tally.add(each)
  return tally.result()[0]!
}

t.test('margin: without tax, less what went back; an unknown cost is never a cost of zero', (t) => {
  const at = '2026-11-20T10:00:00Z'
  t.strictSame(close([order('1', at)]).margin,
    { state: 'complete', revenue: '15.00', cost: '6.00', amount: '9.00', percent: 60, coverage: 1 })
  const back = { created_at: Date.parse('2026-11-20T20:00:00Z'), total: '8.93', shipping: '0', lines: [{ variant_id: 'a', quantity: 1, value: '8.93' }] }
  t.match(close([order('1', at, { refunds: [back] })]).margin, { state: 'complete', revenue: '7.50', cost: '3.00', amount: '4.50' })
  t.match(close([order('1', at, { taxes_included: false })]).margin, { revenue: '17.85', amount: '11.85' })
  const mixed = close([order('1', at, { lines: [line('a', '10.00', 2, '17.85', '2.85'), line('x', '50.00', 1, '53.55', '8.55')] })])
  t.match(mixed, { units_without_cost: 1, cogs: '6.00', margin: { state: 'partial', amount: '9.00', coverage: 0.25 } })
  for (const variant of ['x', null, 'usd']) {
    t.match(close([order('1', at, { lines: [line(variant, '10.00', 2, '17.85', '2.85')] })]),
      { cogs: null, units_without_cost: 2, margin: { state: 'unknown', amount: null, percent: null, coverage: 0 } }, `${variant} has no cost`)
  }
  t.match(close([]), { orders: 0, average_order: null, refund_rate_percent: null, margin: { state: 'none', amount: null, coverage: null } })
  t.end()
})

t.test('who is new: by the whole history, and by what the shop counts beyond it', (t) => {
  const buyer = (count: number) => ({ customer: { id: 'c', order_count: count } })
  const today = '2026-11-20T10:00:00Z'
  t.match(close([order('1', today, buyer(1))]), { new_customers: 1, returning_customers: 0 })
  const twice = [order('1', today, buyer(2)), order('2', '2026-11-20T12:00:00Z', buyer(2))]
  t.match(close(twice), { new_customers: 1, returning_customers: 0 }, 'twice on the first day')
  t.match(close([order('0', '2026-11-19T10:00:00Z', buyer(1)), order('1', today, buyer(2))]), { new_customers: 0, returning_customers: 1 })
  t.match(close([order('1', today, buyer(5))]), { new_customers: 0, returning_customers: 1 }, 'bought before the history begins')
  t.match(close([order('1', today, { customer: null })]), { new_customers: 0, returning_customers: 0, guests: 1 })
  t.match(close([order('1', today, { test: true }), order('2', today, { currency: 'USD' })]), { orders: 0 })
  t.end()
})

t.test('lead time counts on the day of the first parcel', (t) => {
  const sent = (id: string, hours: number): SoldOrder =>
    order(id, '2026-11-19T10:00:00Z', { first_sent_at: Date.parse('2026-11-19T10:00:00Z') + hours * 3_600_000 })
  t.strictSame(close([sent('1', 20), sent('2', 24), sent('3', 30), sent('4', 1)]).sent, { orders: 3, median_hours: 24, slowest_tenth_hours: 28.8 })
  t.strictSame(close([]).sent, { orders: 0, median_hours: null, slowest_tenth_hours: null })
  t.end()
})

const LIMITS = { threshold: 3.5, least: 8 }

t.test('anomalies: planted ones are found with both figures, ordinary days are left alone', (t) => {
  const days = closesOf(orders, '2025-08-01', '2026-11-23')
  const byDay = new Map(days.map((day) => [day.day, day]))
  const before = (day: string): DayClose[] => Array.from({ length: 12 }, (_, index) => byDay.get(addDays(day, -7 * (index + 1)))!)
  const judge = (day: DayClose) => anomaliesOf(day, before(day.day), LIMITS).anomalies
  const checked = days.filter(({ day }) => day >= '2026-02-01')
  const flagged = checked.filter((day) => judge(day).some(({ metric }) => metric === 'orders')).length
  const share = flagged / checked.length
  t.comment(`${flagged} of ${checked.length} days have an unusual number of orders`)
  t.ok(share < 0.1, 'few ordinary days')

  // A day that lost four fifths of its orders, and one that got three times as many.
  const quiet = checked.map((day) => ({ ...day, orders: Math.round(day.orders / 5), net: String(Number(day.net) / 5) }))
  const busy = checked.map((day) => ({ ...day, orders: day.orders * 3 }))
  const found = (list: DayClose[], direction: string): number =>
    list.filter((day) => judge(day).some((each) => each.metric === 'orders' && each.direction === direction)).length / list.length
  t.comment(`found: ${found(quiet, 'low')} of quiet, ${found(busy, 'high')} of busy days`)
  t.ok(found(quiet, 'low') > 0.9)
  t.ok(found(busy, 'high') > 0.8)
  const [day] = quiet.slice(-1) as [DayClose]
  const anomaly = judge(day).find(({ metric }) => metric === 'orders')!
  t.equal(anomaly.value, day.orders)
  t.equal(anomaly.median, medianOf(before(day.day).map((each) => each.orders)))
  t.equal(anomaly.weeks, 12)
  t.ok(anomaly.value < anomaly.usual_from && anomaly.usual_from < anomaly.median && anomaly.median < anomaly.usual_to)

  t.match(anomaliesOf(day, before(day.day).slice(0, 7), LIMITS), { anomalies: [], judged: [], unjudged: { length: 10 } }, 'seven weeks are too few')
  t.end()
})

t.test('one wild week before does not hide an anomaly', (t) => {
  const base = close([])
  const days = Array.from({ length: 12 }, (_, index) => ({ ...base, orders: index === 3 ? 5_000 : 100 + index }))
  t.match(anomaliesOf({ ...base, orders: 10 }, days, LIMITS).anomalies, [{ metric: 'orders', direction: 'low' }])
  t.strictSame(anomaliesOf({ ...base, orders: 106 }, days, LIMITS).anomalies, [])
  t.end()
})

t.test('rows: one a day by MERGE, with a name of their own; a repeated close replaces, a backfill fills', async (t) => {
  const { warehouse, rows, writes, tables } = memoryWarehouse()
  const first = await run({}, { orders: recent, ports: { warehouse } })
  t.match(first.warehouse, { state: 'written', rows: 7, table: 'project.dataset.daily_close', table_created: true, job_id: 'job 1', error: null })
  t.strictSame([...rows.keys()], Array.from({ length: 7 }, (_, index) => addDays('2026-11-17', index)))
  t.strictSame([...tables], ['daily_close'])
  const { set, options } = writes[0]!
  t.strictSame(set.key, ['day'])
  t.match(options.effect_key, /^daily_close:2026-11-17\.\.2026-11-23:[0-9a-f]{32}$/)
  t.strictSame(Object.keys(set.rows[0]!), set.columns.map(({ name }) => name), 'every column has its cell')
  const [ledger] = ledgerView('2026-11-23', '2026-11-23')
  t.match(rows.get('2026-11-23'), { gross: ledger!.gross, net: ledger!.net, orders: ledger!.orders, currency: 'EUR', as_of: NOW })

  await run({}, { orders: recent, ports: { warehouse } })
  t.equal(writes[1]!.options.effect_key, options.effect_key, 'the same rows have the same name')
  const changed = variants.map((variant): Variant => variant.unit_cost === null ? variant : { ...variant, unit_cost: { amount: '1.00', currency: 'EUR' } })
  await run({}, { orders: recent, ports: { warehouse }, variants: changed })
  t.not(writes[2]!.options.effect_key, options.effect_key, 'others have another')
  await run({}, { orders: recent, ports: { warehouse }, now: NOW + 60_000 })
  t.notOk(writes.slice(0, 3).some((write) => write.options.effect_key === writes[3]!.options.effect_key), 'back to the old figures is a write of its own')
  t.match(rows.get('2026-11-23'), { as_of: NOW + 60_000 })
  const single = await run({ day: '2026-11-22', rewrite_days: 1 }, { orders: recent, ports: { warehouse } })
  t.equal(single.warehouse.rows, 1)
  t.match(writes.at(-1)!.options.effect_key, /^daily_close:2026-11-22:[0-9a-f]{32}$/)

  const backfill = await run({ from: '2025-11-23', to: '2026-11-23', table: 'closes' }, { ports: { warehouse } })
  t.match(backfill, { days: { total: 366, latest: { length: 31 } }, warehouse: { state: 'written', rows: 366, table_created: true } })
})

t.test('a warehouse that is down costs the rows and nothing else, and the answer says so', async (t) => {
  const { warehouse } = memoryWarehouse(() => new WarehouseError('warehouse_unavailable', 'BigQuery is failing.'))
  const output = await run({}, { orders: recent, ports: { warehouse } })
  t.equal(output.state, 'closed')
  t.match(output.warehouse, { state: 'failed', rows: 0, job_id: null, error: { code: 'warehouse_unavailable', message: 'BigQuery is failing.' } })
  t.match(analytics.summarise(output), /The rows were NOT written to the warehouse: BigQuery is failing\./)
  t.ok(output.notes.some((note) => note.includes('not written')))
  const cancelled = new AbortController()
  const { warehouse: slow } = memoryWarehouse(() => {
    cancelled.abort(new Error('cancelled'))
    return new Error('aborted')
  })
  await t.rejects(
    run({}, { orders: recent, ports: { warehouse: slow }, signal: cancelled.signal }),
    { message: 'cancelled' }, 'a cancelled run is not a failed warehouse')
})

t.test('days that are not known are no days without sales', async (t) => {
  const output = await run({ from: '2025-04-01', to: '2025-05-03' })
  t.match(output, { state: 'closed', days: { total: 2 }, left_out: [{ reason: 'test_orders' }, { reason: 'days_that_are_not_known', count: 31 }] })
  const { warehouse, writes } = memoryWarehouse()
  const nothing = await run({ day: '2024-01-01' }, { ports: { warehouse } })
  t.match(nothing, { state: 'no_data', day: null, compared: null, anomalies: { state: 'no_data' }, warehouse: { state: 'nothing_to_write' } })
  t.equal(writes.length, 0)
  t.match(analytics.summarise(nothing), /^There is nothing to close/)
  const young = await run({}, { coversFrom: Date.parse('2026-11-01T00:00:00Z') })
  t.match(young, { state: 'closed', anomalies: { state: 'too_little_history' } })
})

t.test('what cannot be closed is refused in words', async (t) => {
  const refuses = (input: AnalyticsInput, message: RegExp) => t.rejects(run(input), { code: 'invalid_input', message })
  await refuses({ day: '2026-11-24' }, /not over/)
  await refuses({ day: '2026-02-30' }, /no day/)
  await refuses({ from: '2026-11-01' }, /both from and to/)
  await refuses({ from: '2026-11-03', to: '2026-11-01' }, /from is after to/)
  await refuses({ day: '2026-11-01', from: '2026-11-01', to: '2026-11-02' }, /not both/)
  await refuses({ from: '2025-11-22', to: '2026-11-23' }, /At most 366 days/)
  const { context } = contextOf({})
  await t.rejects(async () => analytics.run(context, {}), { code: 'shop_not_configured' })
})
