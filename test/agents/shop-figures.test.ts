// What the shop's figures mean: days of its time zone, sums to the cent, orders that need somebody, stock. Figures here were computed by hand.
import fc from 'fast-check'
import t from 'tap'
import { before, daysOf, periodIn } from '../../src/agents/assistant/periods.ts'
import { ordersInNeed, reasonsOf } from '../../src/agents/shop/attention.ts'
import { addDays, dayOf, daysBetween, isDate, sameTimeOn, startOf, timeOf, weekdayOf } from '../../src/agents/shop/days.ts'
import { changePercent, customersOf, decimal, tallyProducts, tallySales } from '../../src/agents/shop/sales.ts'
import { findVariants, stockOverview, stockStateOf } from '../../src/agents/shop/stock.ts'
import type { Order } from '../../src/core/commerce.ts'
import { fulfilmentOf, goodsOf, orderOf, salesOf, variantOf, type OrderNote } from '../helpers/memory-shop.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const BERLIN = 'Europe/Berlin'
const utc = (text: string): number => Date.parse(`${text}Z`)

t.test('days of the shop, with clocks that are put forward and back', async (t) => {
  t.equal(startOf('2026-11-24', BERLIN), utc('2026-11-23T23:00'))
  t.equal(startOf('2026-03-30', BERLIN) - startOf('2026-03-29', BERLIN), 23 * HOUR, 'a day of 23 hours')
  t.equal(startOf('2026-10-26', BERLIN) - startOf('2026-10-25', BERLIN), 25 * HOUR, 'a day of 25 hours')
  // Midnight of that day did not exist there, and the one of the other came twice.
  t.equal(startOf('2018-11-04', 'America/Sao_Paulo'), utc('2018-11-04T03:00'))
  t.equal(startOf('2018-02-18', 'America/Sao_Paulo'), utc('2018-02-18T03:00'))
  t.equal(startOf('2024-11-03', 'America/Havana'), utc('2024-11-03T04:00'))
  t.equal(startOf('2026-11-24', 'Asia/Kathmandu'), utc('2026-11-23T18:15'))
  // A day that was left out: it begins and ends at once.
  t.equal(startOf('2011-12-30', 'Pacific/Apia'), startOf('2011-12-31', 'Pacific/Apia'))
  t.equal(dayOf(utc('2026-11-23T23:00'), BERLIN), '2026-11-24')
  t.equal(dayOf(utc('2026-11-23T22:59:59.999'), BERLIN), '2026-11-23')
  t.equal(timeOf(utc('2026-11-24T13:05:59'), BERLIN), '14:05')
  t.equal(sameTimeOn('2026-11-17', utc('2026-11-24T13:05:30.250'), BERLIN), utc('2026-11-17T13:05:30.250'))
  t.equal(sameTimeOn('2026-10-24', utc('2026-10-31T11:00'), BERLIN), utc('2026-10-24T10:00'), 'the time on the wall, not the hours')
  t.equal(sameTimeOn('2026-03-29', utc('2026-04-05T00:30'), BERLIN), utc('2026-03-29T01:00'), '02:30 did not exist: the end of the gap')
  t.same(['2026-02-28', '2026-02-30', '2026-2-3', '2024-02-29', 'today'].map(isDate), [true, false, false, true, false])
  t.same([addDays('2026-12-31', 1), addDays('2024-03-01', -1), daysBetween('2026-03-28', '2026-03-30'), weekdayOf('2026-11-23')],
    ['2027-01-01', '2024-02-29', 3, 0])
  t.throws(() => startOf('2026-11-24', 'Mars/Olympus'), RangeError)
})

t.test('every moment lies in its own day, in any time zone', async () => {
  const zones = [
    BERLIN, 'UTC', 'America/New_York', 'America/Sao_Paulo', 'America/Havana', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Kiritimati', 'Africa/Casablanca'
  ]
  const moments = fc.integer({ min: utc('2010-01-01T00:00'), max: utc('2030-01-01T00:00') })
  fc.assert(fc.property(fc.constantFrom(...zones), moments, (zone, at) => {
    const day = dayOf(at, zone)
    const start = startOf(day, zone)
    // A second opinion: the runtime's own text for this date.
    const [month, date, year] = new Date(at).toLocaleDateString('en-US', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).split('/')
    const begins = dayOf(start, zone) === day && dayOf(start - 1, zone) < day
    return day === `${year}-${month}-${date}` && begins && start <= at && at < startOf(addDays(day, 1), zone)
  }), { numRuns: 20_000 })
  fc.assert(fc.property(fc.constantFrom(...zones), moments, fc.integer({ min: -400, max: 400 }), (zone, at, days) => {
    const date = addDays(dayOf(at, zone), days)
    const then = sameTimeOn(date, at, zone)
    return dayOf(then, zone) === date && (timeOf(then, zone) === timeOf(at, zone) || then === startOf(date, zone) || dayOf(then - 1, zone) === date)
  }), { numRuns: 20_000 })
})

const NOON = utc('2026-11-24T11:00')
const SPAN = { from: startOf('2026-11-24', BERLIN), before: startOf('2026-11-25', BERLIN) }
const tally = (orders: Order[], span = SPAN) => {
  const sums = tallySales(span, 'EUR')
  for (const order of orders) sums.add(salesOf(order))
  const goods = goodsOf(orders)
  return sums.result(new Map(sums.refundIds().map((id) => [id, goods.get(id)!])))
}

t.test('sales of a day, by hand', async (t) => {
  const orders = [
    // 2 x 50.00 + 1 x 19.99 = 119.99; 10.01 off
    orderOf({
      name: '#1', at: NOON, lines: [{ price: '50.00', quantity: 2, discount: '10.01' }, { price: '19.99' }], shipping: { amount: '4.9', currency: 'EUR' }
    }),
    // 0.10 x 3 = 0.30: floats would give 0.30000000000000004
    orderOf({ name: '#2', at: SPAN.from, lines: [{ price: '0.10', quantity: 3 }] }),
    orderOf({ name: '#3', at: NOON, test: true, lines: [{ price: '999.00' }] }),
    // Cancelled: it was placed, and neither its money nor what it gave back counts.
    orderOf({ name: '#4', at: NOON, cancelled_at: NOON + 1, lines: [{ price: '500.00' }], refunds: [{ at: NOON + 1, amount: '500.00' }] }),
    // Another day's sale, this day's refund, and the other way round.
    orderOf({ name: '#5', at: SPAN.from - 1, lines: [{ price: '80.00' }], refunds: [{ at: SPAN.from, amount: '80.00' }, { at: SPAN.before, amount: '1.00' }] }),
    orderOf({ name: '#6', at: SPAN.before, lines: [{ price: '70.00' }] }),
    orderOf({ name: '#7', at: NOON, test: true, refunds: [{ at: NOON, amount: '33.00' }] })
  ]
  const expected = {
    orders: 3,
    cancelled: 1,
    units: 6,
    gross: '120.29',
    discounts: '10.01',
    net_before_refunds: '110.28',
    refunds: '80.00',
    net: '30.28',
    shipping: '4.90',
    average_order: '55.14'
  }
  t.same(tally(orders), expected)
  t.same(tally([...orders, ...orders]), expected, 'an order that is read twice counts once')
  t.same(tally([]), {
    orders: 0,
    cancelled: 0,
    units: 0,
    gross: '0.00',
    discounts: '0.00',
    net_before_refunds: '0.00',
    refunds: '0.00',
    net: '0.00',
    shipping: '0.00',
    average_order: null
  })
  t.match(tally([orders[4]!]), { orders: 0, refunds: '80.00', net: '-80.00', average_order: null })
  t.match(tally([orders[3]!]), { orders: 1, cancelled: 1, average_order: null, net: '0.00' })
  const third = [1, 2, 3].map((n) => orderOf({ name: `#${n}`, at: NOON, lines: [{ price: n === 1 ? '10.01' : '10.00' }] }))
  t.equal(tally(third).average_order, '10.00')
  const halves = ['0.01', '0.00'].map((price, index) => orderOf({ name: `#${index}`, at: NOON, lines: [{ price }] }))
  t.equal(tally(halves).average_order, '0.01', 'half a cent is rounded up')
  const dollars = orderOf({ name: '#9', at: NOON, shipping: { amount: '1.00', currency: 'USD' } })
  t.throws(() => tally([dollars]), { code: 'currency_mismatch' }, 'currencies are not mixed')
  const unread = tallySales(SPAN, 'EUR')
  unread.add(salesOf(orders[4]!))
  t.same(unread.refundIds(), ['#5/0'])
  t.throws(() => unread.result(), /were not read/, 'a refund of which nothing is known is not one of 0')
})

t.test('the sum of the days is the sum of the period', async () => {
  const from = startOf('2026-10-20', BERLIN)
  const days = 10
  const notes = fc.array(fc.record({
    offset: fc.integer({ min: -DAY, max: 12 * DAY }),
    cents: fc.integer({ min: 0, max: 99_999 }),
    quantity: fc.integer({ min: 1, max: 5 }),
    refund: fc.option(fc.integer({ min: 0, max: 5 * DAY })),
    cancelled: fc.boolean(),
    test: fc.boolean()
  }), { maxLength: 40 })
  fc.assert(fc.property(notes, (list) => {
    const orders = list.map(({ offset, cents, quantity, refund, cancelled, test }, index) => orderOf({
      name: `#${index}`,
      at: from + offset,
      test,
      cancelled_at: cancelled ? from + offset : null,
      lines: [{ price: (cents / 100).toFixed(2), quantity }],
      refunds: refund === null ? [] : [{ at: from + offset + refund, amount: (cents / 100).toFixed(2) }]
    }))
    const whole = tally(orders, { from, before: startOf(addDays('2026-10-20', days), BERLIN) })
    const daily = Array.from({ length: days }, (_, n) => addDays('2026-10-20', n))
      .map((date) => tally(orders, { from: startOf(date, BERLIN), before: startOf(addDays(date, 1), BERLIN) }))
    const cents = (text: string): bigint => BigInt(text.replace('.', ''))
    const same = (['gross', 'refunds', 'net'] as const).every((key) => cents(whole[key]) === daily.reduce((sum, each) => sum + cents(each[key]), 0n))
    return same && whole.orders === daily.reduce((sum, each) => sum + each.orders, 0)
  }), { numRuns: 300 })
})

t.test('customers: new ones, those who come again, guests', async (t) => {
  const note = (name: string, buyer: [string, number] | undefined, more: Partial<OrderNote> = {}): Order =>
    orderOf({ name, at: NOON, ...(buyer === undefined ? {} : { buyer }), ...more })
  t.same(customersOf([
    note('#1', ['first', 2]), note('#2', ['first', 2]),
    note('#3', ['again', 3]),
    // Ordered for the first time on this day, and once more later.
    note('#4', ['loyal', 2]), note('#5', ['loyal', 2], { at: SPAN.before + 1 }),
    // The cancelled order of the same day is not an earlier one.
    note('#6', ['unsure', 2]), note('#7', ['unsure', 2], { cancelled_at: NOON }),
    note('#8', undefined), note('#9', undefined, { cancelled_at: NOON }), note('#10', undefined, { test: true }),
    note('#11', ['yesterday', 9], { at: SPAN.from - 1 })
  ], SPAN), { new: 3, returning: 1, guests: 1 })
  t.same(customersOf([], SPAN), { new: 0, returning: 0, guests: 0 })
})

t.test('best sellers: units, then gross, then title', async (t) => {
  const products = tallyProducts(SPAN, 'EUR')
  const girth = { title: 'Girth', product: 'g', price: '5.00' }
  const rein = { title: 'Rein', product: 'r', price: '9.00' }
  const bit = { title: 'Bit', product: 'b', price: '9.00' }
  const gift = { title: 'Gift', product: null }
  for (const order of [
    orderOf({ name: '#1', at: NOON, lines: [{ ...girth, quantity: 2 }, { ...rein, quantity: 2 }] }),
    orderOf({ name: '#2', at: NOON, lines: [{ ...bit, quantity: 2 }, { ...gift, price: '1.00' }] }),
    orderOf({ name: '#3', at: NOON, lines: [{ ...gift, price: '2.00', quantity: 4 }] }),
    orderOf({ name: '#4', at: NOON, cancelled_at: NOON, lines: [{ ...rein, quantity: 50 }] }),
    orderOf({ name: '#5', at: SPAN.before, lines: [{ ...rein, quantity: 50 }] })
  ]) products.add(order)
  t.same(products.result().map(({ title, units, gross }) => `${title} ${units} ${gross}`), ['Gift 5 9.00', 'Bit 2 18.00', 'Rein 2 18.00', 'Girth 2 10.00'])
})

t.test('amounts and changes', async (t) => {
  const written = ['12.5', '3', '-0.00', '-0.10', '1.230', '1.2345'].map((amount) => decimal({ amount, currency: 'EUR' }))
  t.same(written, ['12.50', '3.00', '0.00', '-0.10', '1.23', '1.2345'])
  const pairs = [['110.28', '100.00'], ['99.95', '100.00'], ['0.00', '50.00'], ['50.00', '0.00'], ['1.00', '-3.00']] as const
  t.same(pairs.map(([now, then]) => changePercent(now, then)), [10.3, -0.1, -100, null, null])
})

t.test('orders that need somebody: each reason, and just not', async (t) => {
  const now = NOON
  const of = (note: Partial<OrderNote>): string =>
    reasonsOf(orderOf({ name: '#1', at: now - HOUR, ...note }), now).map(({ code, severity }) => `${code} ${severity}`).join(', ')
  const sent = (at: number, number: string | null, more = {}): Partial<OrderNote> =>
    ({ at: at - HOUR, lines: [{ price: '10.00', unsent: 0 }], fulfilments: [fulfilmentOf(at, number, more)] })
  const cases: Array<[string, Partial<OrderNote>, string]> = [
    ['nothing is wrong', {}, ''],
    ['Shopify says cancel', { risky: 'CANCEL' }, 'risk_cancel high'],
    ['Shopify says investigate', { risky: 'INVESTIGATE' }, 'risk_investigate high'],
    ['no risk is known', { risky: 'NONE' }, ''],
    ['paid and not sent for 72 h', { at: now - 72 * HOUR }, ''],
    ['longer', { at: now - 72 * HOUR - 1 }, 'late high'],
    ['in part refunded', { at: now - 73 * HOUR, financial_status: 'PARTIALLY_REFUNDED' }, 'late high'],
    ['on hold', { at: now - 73 * HOUR, fulfilment_status: 'ON_HOLD' }, 'on_hold low'],
    ['nothing to send', { at: now - 73 * HOUR, lines: [{ price: '10.00', ships: false }] }, ''],
    ['all sent', { at: now - 73 * HOUR, lines: [{ price: '10.00', unsent: 0 }] }, ''],
    ['refunded', { at: now - 73 * HOUR, financial_status: 'REFUNDED' }, ''],
    ['pending for 24 h', { at: now - DAY, financial_status: 'PENDING' }, ''],
    ['longer', { at: now - DAY - 1, financial_status: 'PENDING' }, 'unpaid medium'],
    ['not captured', { at: now - 5 * DAY, financial_status: 'AUTHORIZED' }, 'unpaid medium'],
    ['payment unknown', { at: now - 5 * DAY, financial_status: null }, ''],
    ['sent without tracking for 24 h', sent(now - DAY, null), ''],
    ['longer', sent(now - DAY - 1, null), 'no_tracking medium'],
    ['an empty number', sent(now - 2 * DAY, ''), 'no_tracking medium'],
    ['delivered', sent(now - 2 * DAY, null, { delivered_at: now }), ''],
    ['delivered, says the carrier', sent(now - 2 * DAY, null, { display_status: 'DELIVERED' }), ''],
    ['the sending failed', sent(now - 2 * DAY, null, { status: 'CANCELLED' }), ''],
    ['under way for 14 days', sent(now - 14 * DAY, 'x'), ''],
    ['longer', sent(now - 14 * DAY - 1, 'x'), 'not_delivered low'],
    ['another country, 199.99', { total: '199.99', billing_country: 'NL' }, ''],
    ['another country, 200', { total: '200.0', billing_country: 'NL' }, 'address_mismatch medium'],
    ['no country to compare', { total: '200.00', billing_country: null }, ''],
    ['several', { at: now - 5 * DAY, financial_status: 'PENDING', risky: 'CANCEL', total: '300.00', shipping_country: 'FR' },
      'risk_cancel high, unpaid medium, address_mismatch medium']
  ]
  for (const [name, note, expected] of cases) t.equal(of(note), expected, name)

  const list = ordersInNeed([
    orderOf({ name: '#5', at: now - 2 * DAY, financial_status: 'PENDING' }),
    orderOf({ name: '#1', at: now - HOUR, risky: 'CANCEL' }),
    orderOf({ name: '#2', at: now - 5 * DAY }),
    orderOf({ name: '#3', at: now - 5 * DAY, test: true }),
    orderOf({ name: '#4', at: now - 5 * DAY, cancelled_at: now }),
    orderOf({ name: '#6', at: now - 5 * DAY, closed_at: now }),
    orderOf({ name: '#7', at: now - 60 * DAY - 1 }),
    orderOf({ name: '#8', at: now - 60 * DAY, fulfilment_status: 'ON_HOLD' }),
    orderOf({ name: '#9', at: now - HOUR })
  ], now)
  t.same(list.map(({ order, severity }) => `${order.name} ${severity}`), ['#2 high', '#1 high', '#5 medium', '#8 low'])
  t.equal(list[0]!.reasons[0]!.since, now - 5 * DAY)
})

t.test('stock: what is out, what is low, and what has these words', async (t) => {
  const twice = variantOf('Girth', 3, { levels: [3, -1].map((available, n) => ({ location_id: `${n}`, available, on_hand: 0, committed: 0, incoming: 0 })) })
  const variants = [
    variantOf('Saddle', 6), variantOf('Rein', 5), variantOf('Bit', 0), variantOf('Boot', -2), variantOf('Voucher', null), twice,
    variantOf('Old saddle', 0, { status: 'ARCHIVED' }), variantOf('Saddle', 1, { id: 'v2', title: 'Black', sku: 'SAD-BLK' })
  ]
  t.same(variants.map(stockStateOf), ['enough', 'low', 'out', 'out', 'untracked', 'low', 'out', 'low'])
  const { products, variants: counted, out, low, untracked } = stockOverview(variants)
  t.same([products, counted, untracked], [6, 7, 1])
  t.same(out.map((variant) => variant.product_title), ['Boot', 'Bit'])
  t.same(low.map((variant) => `${variant.product_title} ${variant.title}`), ['Saddle Black', 'Girth Default Title', 'Rein Default Title'])
  const titles = (...words: string[]): string[] => findVariants(variants, words).map(({ product_title: product, title }) => `${product} ${title}`)
  t.same(titles('saddles'), ['Saddle Default Title', 'Saddle Black'], 'singular and plural; archived products are not for sale')
  t.same(titles('BLACK', 'saddle'), ['Saddle Black'])
  t.same(titles('sad', 'blk'), ['Saddle Black'])
  t.same(titles('bridle'), [])
})

t.test('spans of days, as people say them', async (t) => {
  // A Tuesday.
  const today = '2026-11-24'
  const cases: Array<[string, string | undefined, string | undefined]> = [
    ['today', '2026-11-24', '2026-11-24'],
    ['yesterdays sales', '2026-11-23', '2026-11-23'],
    ['this week', '2026-11-23', '2026-11-24'],
    ['last week', '2026-11-16', '2026-11-22'],
    ['last weekend', '2026-11-21', '2026-11-22'],
    ['this month', '2026-11-01', '2026-11-24'],
    ['last month', '2026-10-01', '2026-10-31'],
    ['in october', '2026-10-01', '2026-10-31'],
    ['in december', '2025-12-01', '2025-12-31'],
    ['december 2024', '2024-12-01', '2024-12-31'],
    ['december 2026', undefined, undefined],
    ['in february 2024', '2024-02-01', '2024-02-29'],
    ['last year', '2025-01-01', '2025-12-31'],
    ['this year', '2026-01-01', '2026-11-24'],
    ['last 7 days', '2026-11-18', '2026-11-24'],
    ['past three weeks', '2026-11-04', '2026-11-24'],
    ['on monday', '2026-11-23', '2026-11-23'],
    ['on tuesday', '2026-11-17', '2026-11-17'],
    ['last sunday', '2026-11-22', '2026-11-22'],
    ['on 3 november', '2026-11-03', '2026-11-03'],
    ['on november 3rd 2025', '2025-11-03', '2025-11-03'],
    ['on the 25th of december', '2025-12-25', '2025-12-25'],
    ['on 31 november', undefined, undefined],
    ['on 29 february', undefined, undefined],
    ['2026 11 25', undefined, undefined],
    ['2026 13 01', undefined, undefined],
    ['from 2026 11 01 to 2026 11 05', '2026-11-01', '2026-11-05'],
    ['from 2026 11 20 to 2026 12 05', '2026-11-20', '2026-11-24'],
    ['from 2026 11 05 to 2026 11 01', undefined, undefined],
    ['since monday', '2026-11-23', '2026-11-24'],
    ['since october', '2026-10-01', '2026-11-24'],
    ['last quarter', undefined, undefined],
    ['tomorrow', undefined, undefined],
    ['last 9999 days', undefined, undefined]
  ]
  for (const [text, from, to] of cases) {
    const found = periodIn(text.split(' '))
    t.ok(found, `${text} names a span`)
    t.same(daysOf(found!.period, today), from === undefined ? undefined : { from, to }, text)
  }
  t.equal(periodIn('may i see the orders'.split(' ')), undefined, 'may is no month by itself')
  t.equal(periodIn('march on'.split(' ')), undefined)
  t.same(before({ from: '2026-11-24', to: '2026-11-24' }), { from: '2026-11-17', to: '2026-11-17' }, 'the same weekday')
  t.same(before({ from: '2026-11-16', to: '2026-11-22' }), { from: '2026-11-09', to: '2026-11-15' })
  t.same(before({ from: '2026-10-01', to: '2026-10-31' }), { from: '2026-09-01', to: '2026-09-30' }, 'the month before')
  t.same(before({ from: '2026-11-01', to: '2026-11-24' }), { from: '2026-10-01', to: '2026-10-24' })
  t.same(before({ from: '2026-03-01', to: '2026-03-30' }), { from: '2026-02-01', to: '2026-02-28' })
  t.same(before({ from: '2026-10-26', to: '2026-11-24' }), { from: '2026-09-21', to: '2026-10-20' }, 'whole weeks before')
})
