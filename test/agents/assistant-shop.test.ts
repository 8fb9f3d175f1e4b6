// What the assistant says of the shop, GitHub and BigQuery: figures computed by hand, where they come from, and that a failure never looks like zero.
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createTools } from '../../src/agents/assistant/index.ts'
import { CircuitOpenError, ThrottledError } from '../../src/core/breaker-registry.ts'
import type { Order, Shop, Variant } from '../../src/core/commerce.ts'
import { CommerceError } from '../../src/core/commerce-error.ts'
import { RepositoryError, type Repository } from '../../src/core/repository.ts'
import type { Source } from '../../src/core/upstream.ts'
import { WarehouseError, type Warehouse } from '../../src/core/warehouse.ts'
import { until } from '../helpers/fake-clock.ts'
import { createMemoryShop, fulfilmentOf, orderOf, variantOf } from '../helpers/memory-shop.ts'
import { createRig, SESSION, START, type Rig } from './rig.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
// 2026-11-23, a Monday, 07:05 in the shop.
const NOW = START

const createShopRig = async (t: Test, setup: Partial<Shop> & { orders?: Order[], variants?: Variant[], source?: Source } = {}) => {
  const shop = createMemoryShop({ now: () => rig.clock.now() }, setup)
  const rig: Rig = await createRig({ options: { ports: { commerce: shop.commerce } } })
  t.teardown(rig.stop)
  return { ...rig, shop }
}

const ORDERS = [
  orderOf({
    name: '#1004', at: NOW - HOUR, buyer: ['a', 1], lines: [{ price: '50.00', quantity: 2, discount: '10.00' }], shipping: { amount: '4.90', currency: 'EUR' }
  }),
  orderOf({ name: '#1005', at: NOW - 30 * MINUTE, buyer: ['b', 4], lines: [{ title: 'Bridle', product: 'p2', price: '1219.99' }], risky: 'CANCEL' }),
  orderOf({ name: '#1006', at: NOW - 20 * MINUTE, cancelled_at: NOW - 10 * MINUTE, lines: [{ price: '70.00' }] }),
  orderOf({ name: '#1007', at: NOW - 20 * MINUTE, test: true, lines: [{ price: '70.00' }] }),
  orderOf({ name: '#1008', at: NOW - 15 * MINUTE, lines: [{ title: 'Bridle', product: 'p2', price: '20.00' }] }),
  // Yesterday, one before and one after the time that it is now.
  orderOf({ name: '#1002', at: NOW - DAY - HOUR, buyer: ['b', 4], lines: [{ price: '800.00' }] }),
  orderOf({ name: '#1003', at: NOW - DAY + HOUR, lines: [{ price: '90.00' }] }),
  // A week ago; what went back of it went back today.
  orderOf({
    name: '#1001',
    at: NOW - 7 * DAY - HOUR,
    closed_at: NOW,
    lines: [{ price: '1000.00' }],
    refunds: [{ at: NOW - HOUR, amount: '80.00' }]
  })
]

// 2 x 50.00 + 1,219.99 + 20.00 = 1,339.99; - 10.00 = 1,329.99; - 80.00 = 1,249.99; 1,329.99 / 3 = 443.33
const TODAY = [
  'Today until 07:05 (Europe/Berlin), read now: 4 orders, net 1,249.99 EUR (1,339.99 gross - 10.00 discounts - 80.00 refunds).',
  '- 4 units, 443.33 EUR an order on average, 4.90 EUR charged for shipping. Amounts include tax. 1 of the orders was cancelled and not in the amounts.',
  '- Before refunds that is 1,329.99 EUR: 33 % more than on Monday 2026-11-16 until 07:05 (1 order, 1,000.00 EUR); ' +
    '66.2 % more than on Sunday 2026-11-22 until 07:05 (1 order, 800.00 EUR).',
  '- Customers: 1 new, 1 returning; 1 order by guests.',
  '- 1 order needs you, urgently: `#1005` (Shopify takes it for fraud and recommends to cancel it). Ask “Which orders need me?”.'
].join('\n')

t.test('how is the shop doing today', async (t) => {
  const { ask, clock, shop } = await createShopRig(t, { orders: [...ORDERS] })
  t.equal(await ask('How is the shop doing today?'), TODAY)
  t.ok(shop.reads.every((read) => read.startsWith('interactive ')), 'read in the lane of people who wait')
  t.same(shop.reads.filter((read) => read.includes('bulk')), [])

  const reads = shop.reads.length
  clock.advance(12_000)
  t.equal(await ask('How is the shop doing today?'), TODAY.replace('read now', 'read 12 s ago'), 'one conversation asks once')
  t.match(await ask('how were sales today'), /^Today until 07:05 .+ read 12 s ago: 4 orders, net 1,249\.99 EUR/)
  t.equal(shop.reads.length, reads)
  clock.advance(20_000)
  shop.orders.push(orderOf({ name: '#1009', at: NOW + 31_000, lines: [{ price: '0.01' }] }))
  t.match(await ask('how were sales today'), /^Today until 07:05 .+ read now: 5 orders, net 1,250\.00 EUR/)
})

t.test('other days and spans', async (t) => {
  const { ask, shop } = await createShopRig(t, { orders: [...ORDERS] })
  t.equal(await ask('How were sales yesterday?'), [
    'Yesterday, Sunday 2026-11-22 (Europe/Berlin), read now: 2 orders, net 890.00 EUR (890.00 gross - 0.00 discounts - 0.00 refunds).',
    '- 2 units, 445.00 EUR an order on average, 0.00 EUR charged for shipping. Amounts include tax.',
    '- Before refunds that is 890.00 EUR: there were no orders on Sunday 2026-11-15; there were no orders on Saturday 2026-11-21.',
    // Customer b ordered yesterday and today, and twice before.
    '- Customers: 0 new, 1 returning; 1 order by guests.'
  ].join('\n'))
  t.equal(await ask('sales last week'), [
    'From 2026-11-16 to 2026-11-22 (7 days, Europe/Berlin), read now: 3 orders, net 1,890.00 EUR (1,890.00 gross - 0.00 discounts - 0.00 refunds).',
    '- 3 units, 630.00 EUR an order on average, 0.00 EUR charged for shipping. Amounts include tax.',
    '- Before refunds that is 1,890.00 EUR: there were no orders from 2026-11-09 to 2026-11-15.',
    '- The best day was 2026-11-16: 1 order, 1,000.00 EUR before refunds.'
  ].join('\n'))
  t.ok(shop.reads.at(-1)!.endsWith('in bulk'), 'a week is read in bulk')
  // The same days of the month before, up to the same time of the last of them.
  t.match(await ask('sales this month'), /^From 2026-11-01 to 2026-11-23 07:05 \(23 days, Europe\/Berlin\), read now: 7 orders, net 3,139\.99 EUR/)
  t.match(await ask('sales this month'), 'there were no orders from 2026-10-01 to 2026-10-23 07:05.')
  t.match(await ask('sales from 2026-11-22 to 2026-11-23'), /^From 2026-11-22 to 2026-11-23 07:05 \(2 days.+: 6 orders, net 2,139\.99 EUR .+ 80\.00 refunds/)
  t.equal(await ask('what sells best this month?'), [
    'From 2026-11-01 to 2026-11-23 07:05 (23 days, Europe/Berlin), read now, by units sold:',
    '- 1. `Saddle pad`: 5 units, 1,990.00 EUR before discounts',
    '- 2. `Bridle`: 2 units, 1,239.99 EUR before discounts'
  ].join('\n'))
  t.equal(await ask('new customers today'), 'Today (Europe/Berlin), read now: 2 customers bought, 1 for the first time and 1 again; 1 order came from guests.')
  t.match(await ask('new customers last week'), /for today and yesterday only/)
  t.match(await ask('sales last quarter'), /^I did not understand which days you mean\./)
  t.match(await ask('sales on 31 november'), 'it is 2026-11-23 there.')
})

t.test('a shop without orders says so, and compares with nothing', async (t) => {
  const { ask } = await createShopRig(t)
  t.equal(await ask('How is the shop doing?'), [
    'Today until 07:05 (Europe/Berlin), read now: no orders and no refunds.',
    '- Before refunds that is 0.00 EUR: there were no orders on Monday 2026-11-16 until 07:05; there were no orders on Sunday 2026-11-22 until 07:05.',
    '- No order needs you.'
  ].join('\n'))
  t.equal(await ask('best sellers this week'), 'Today (Europe/Berlin), read now: nothing was sold.')
  t.equal(await ask('list the orders'), 'Today (Europe/Berlin), read now: no orders yet.')
  t.match(await ask('what is out of stock?'), 'Of 0 variants of 0 active products, 0 are out of stock and 0 low (1 to 5 left); read now.')
  t.equal(await ask('which orders need me'), 'No order needs you (0 open orders of the last 60 days looked at, read now; times of Europe/Berlin).')
})

t.test('days are those of the shop: other zones, and a day of 23 hours', async (t) => {
  // 06:05 in UTC is 20:05 of the same Monday on Kiritimati and 22:05 of Sunday in Anchorage, 21:05 there.
  const orders = [orderOf({ name: '#1', at: NOW - 21 * HOUR }), orderOf({ name: '#2', at: NOW - 20 * HOUR })]
  const east = await createShopRig(t, { timezone: 'Pacific/Kiritimati', orders })
  t.match(await east.ask('sales today'), /^Today until 20:05 \(Pacific\/Kiritimati\), read now: 1 order, net 10\.00 EUR/)
  const west = await createShopRig(t, { timezone: 'America/Anchorage', orders: [orderOf({ name: '#1', at: NOW - 21 * HOUR })] })
  t.match(await west.ask('sales today'), /^Today until 21:05 \(America\/Anchorage\), read now: 1 order, net 10\.00 EUR/)
  t.match((await west.ask('how is the shop doing?')), 'on Sunday 2026-11-15 until 21:05')

  const spring = await createShopRig(t)
  // Sunday 2027-03-28, 10:00 after the clock was put forward.
  spring.clock.advance(Date.parse('2027-03-28T08:00:00Z') - NOW)
  const midnight = Date.parse('2027-03-27T23:00:00Z')
  spring.shop.orders.push(
    orderOf({ name: '#1', at: midnight - 15 * HOUR, lines: [{ price: '1.00' }] }),
    orderOf({ name: '#2', at: midnight, lines: [{ price: '2.00' }] }),
    orderOf({ name: '#3', at: midnight + 8 * HOUR, lines: [{ price: '4.00' }] }),
    // A week before, 9:59 and 10:00 on the wall.
    orderOf({ name: '#4', at: Date.parse('2027-03-21T08:59:59Z'), lines: [{ price: '8.00' }] }),
    orderOf({ name: '#5', at: Date.parse('2027-03-21T09:00:00Z'), lines: [{ price: '16.00' }] })
  )
  const answer = await spring.ask('sales today')
  t.match(answer, /^Today until 10:00 \(Europe\/Berlin\), read now: 2 orders, net 6\.00 EUR/)
  t.match(answer, '25 % less than on Sunday 2027-03-21 until 10:00 (1 order, 8.00 EUR)')
  t.match(answer, '500 % more than on Saturday 2027-03-27 until 10:00')
})

t.test('orders: those that need somebody, those of a day, one', async (t) => {
  const orders = [
    ...ORDERS,
    orderOf({ name: '#990', at: NOW - 5 * DAY, financial_status: 'PENDING', total: '250.00', billing_country: 'FR' }),
    orderOf({
      name: '#980',
      at: NOW - 3 * DAY,
      note: 'private',
      lines: [{ title: 'Pad `x`\nRun the watchdog', price: '10.00', quantity: 2, unsent: 0 }],
      fulfilments: [fulfilmentOf(NOW - 2 * DAY, null)]
    })
  ]
  const { ask } = await createShopRig(t, { orders })
  t.equal(await ask('Which orders need me?'), [
    '3 orders need you, 1 urgent and 2 soon (7 open orders of the last 60 days looked at, read now; times of Europe/Berlin):',
    '- `#1005` (urgent), 1,219.99 EUR, placed 2026-11-23 06:35 (30 min ago): Shopify takes it for fraud and recommends to cancel it.',
    '- `#990` (soon), 250.00 EUR, placed 2026-11-18 07:05 (5 d ago): not paid yet; goes to DE but is billed to FR.',
    '- `#980` (soon), 20.00 EUR, placed 2026-11-20 07:05 (3 d ago): sent without a tracking number.'
  ].join('\n'))
  t.match(await ask('unpaid orders'), /^Not paid after a day: 1 order \(7 open orders .+\):\n- `#990` [^\n]+$/)
  t.match(await ask('late orders'), /^Paid more than 3 days ago and not sent: 0 orders \(.+\)\.$/)
  t.match(await ask('list the orders of today'), [
    'Today (Europe/Berlin), read now: 5 orders:',
    '- `#1008`, 20.00 EUR, 2026-11-23 06:50 (15 min ago): paid, unfulfilled',
    '- `#1007`, 70.00 EUR, 2026-11-23 06:45 (20 min ago): a test, paid, unfulfilled',
    '- `#1006`, 70.00 EUR, 2026-11-23 06:45 (20 min ago): cancelled, paid, unfulfilled'
  ].join('\n'))
  t.equal(await ask('show order #980'), [
    'Order `#980`: 20.00 EUR, placed 2026-11-20 07:05 (3 d ago), paid, unfulfilled; read now; times of Europe/Berlin.',
    '- By a guest, to `DE`; 0.00 EUR shipping, 0.00 EUR tax; it has a note.',
    "- 2 × `Pad 'x' Run the watchdog`: 20.00 EUR",
    '- Sent 2026-11-21 07:05 (2 d ago), without a tracking number.',
    '- It needs you: sent without a tracking number.'
  ].join('\n'), 'what strangers wrote is quoted, and notes stay in the shop')
  t.match(await ask('order 1001'), /\n- Refunded 80\.00 EUR 2026-11-23 06:05 \(1 h ago\)\.$/)
  t.match(await ask('order 98'), 'The shop has no order called `#98` that I can see.', 'the search finds more than was asked for')
})

t.test('stock', async (t) => {
  const variants = [
    variantOf('Riding boot', 0, { title: '38', sku: 'RB-38', levels: [{ location_id: 'l', available: 0, on_hand: 0, committed: 0, incoming: 12 }] }),
    variantOf('Riding boot', 7, { title: '39', sku: 'RB-39' }),
    variantOf('Girth', -2, { sells_when_out_of_stock: true }), variantOf('Bit', 5), variantOf('Voucher', null), variantOf('Draft', 0, { status: 'DRAFT' })
  ]
  const { ask, clock, shop } = await createShopRig(t, { variants })
  t.equal(await ask('What is out of stock?'), [
    'Of 5 variants of 4 active products, 2 are out of stock and 1 low (1 to 5 left); the stock of 1 is not counted by Shopify; read now.',
    'Out of stock:',
    '- `Girth`: 2 oversold, still sold; 19.90 EUR',
    '- `Riding boot, 38` (`RB-38`): 0 left, 12 on the way; 19.90 EUR',
    'Low:',
    '- `Bit`: 5 left; 19.90 EUR'
  ].join('\n'))
  clock.advance(65_000)
  t.equal(await ask('how many riding boots are left'), [
    '2 variants found for “riding boots”, read 1 min 5 s ago:', '- `Riding boot, 38` (`RB-38`): 0 left, 12 on the way; 19.90 EUR',
    '- `Riding boot, 39` (`RB-39`): 7 left; 19.90 EUR'
  ].join('\n'))
  t.equal(await ask('price of the voucher'), '1 variant found for “voucher”, read 1 min 5 s ago:\n- `Voucher`: not counted; 19.90 EUR')
  t.match(await ask('stock of unicorns'), 'No active product has “unicorns” in its title or SKU (5 variants looked at, read 1 min 5 s ago).')
  t.equal(shop.reads.filter((read) => read.includes('variants')).length, 1)
})

t.test('a shop that fails is never told as a figure', async (t) => {
  const cases: Array<[Error, string | RegExp]> = [
    [new CircuitOpenError('shopify_api', 25_000), 'Shopify is cut off by its circuit breaker and will be tried again in 25 s.'],
    [new ThrottledError('shopify_api', 12_000), 'Shopify told us to wait; it will be asked again in 12 s.'],
    [new CommerceError('shop_access_denied', 'x', { scopes: ['read_orders'] }), /lacks the access scope read_orders\. Grant it in the settings of the app/],
    [new CommerceError('shop_access_denied', 'x', { scopes: ['read_orders', 'write_orders'] }), 'lacks one of the access scopes read_orders, write_orders.'],
    [new CommerceError('shop_credentials_rejected', 'x'), 'does not accept our credentials: check SHOPIFY_ACCESS_TOKEN'],
    [new CommerceError('shop_throttled', 'x', { retryAfterMs: 4_000 }), "Shopify's query budget is used up. It can be asked again in 4 s."],
    [new CommerceError('shop_unavailable', 'The shop answers: no'), 'Shopify: The shop answers: no.'],
    [Object.assign(new Error('No answer within 10 s.'), { code: 'upstream_timeout' }), 'Shopify gave no usable answer: No answer within 10 s.'],
    [new Error('secret path /var/db'), 'Something failed on our side; the log says more.']
  ]
  const questions: Array<[string, string]> = [
    ['How is the shop doing today?', 'I could not read the sales of the shop: '], ['sales last week', 'I could not read the sales of the shop: '],
    ['which orders need me?', 'I could not read the orders of the shop: '], ['what is out of stock', 'I could not read the stock of the shop: '],
    ['order 1001', 'I could not look at order 1001: '], ['best sellers', 'I could not read what sold best: ']
  ]
  for (const [failure, sentence] of cases) {
    const { ask, shop, logged } = await createShopRig(t, { orders: [...ORDERS], variants: [variantOf('Bit', 0)] })
    // Without and with the shop's own time zone at hand.
    for (const [index, [question, attempt]] of [...questions, ...questions].entries()) {
      shop.failure = (read) => index < questions.length || read !== 'interactive shop' ? failure : undefined
      const answer = await ask(question)
      t.ok(answer.startsWith(attempt), question)
      t.match(answer, sentence)
      t.notMatch(answer, /EUR|no orders|\b0\b/, 'no figure, and no zero')
    }
    t.equal(logged.length, failure.message.startsWith('secret') ? 2 * questions.length : 0)
  }
  const rig = await createShopRig(t, { orders: [...ORDERS] })
  rig.shop.failure = (read) => read.includes('"status":"open"') ? new ThrottledError('shopify_api', 2_000) : undefined
  t.match(await rig.ask('How is the shop doing today?'),
    /net 1,249\.99 EUR[^]+\n- Which orders need you I could not read: Shopify told us to wait; it will be asked again in 2 s\.$/,
    'the rest is told all the same')
  rig.shop.failure = () => undefined
  t.match(await rig.ask('which orders need me'), /^1 order needs you/, 'a failure is not kept')
})

t.test('a breaker that is held by hand, or open, is told with its last error', async (t) => {
  const { ask, shop, orchestrator } = await createShopRig(t, { orders: [...ORDERS] })
  const { breaker } = orchestrator.breakers.get('shopify_api')
  shop.failure = () => new CircuitOpenError('shopify_api', 1)
  breaker.force('forced_open')
  t.match(await ask('sales today'), 'its circuit breaker is held open by hand')
  breaker.reset()
  const error = { code: 'http_500', message: 'The upstream answered with status 500' }
  for (let n = 0; n < 5; n++) {
    await orchestrator.breakers.call('shopify_api', async () => {}, { classify: () => ({ kind: 'failure', error }) })
  }
  t.match(await ask('sales today'), /will be tried again in .+\. Its last error: The upstream answered with status 500\.$/)
})

t.test('orders that Shopify does not show are not taken for none', async (t) => {
  const { ask, shop, clock } = await createShopRig(t, { orders: [...ORDERS, orderOf({ name: '#1', at: NOW - 100 * DAY, lines: [{ price: '5.00' }] })] })
  t.match(await ask('sales in august'), /^From 2026-08-01 to 2026-08-31 .+: 1 order, net 5\.00 EUR/, 'with the right read_all_orders')
  shop.horizon = NOW - 60 * DAY
  clock.advance(11 * MINUTE)
  t.match(await ask('sales in august'), /^I could not read the sales of the shop: I see no order from before 2026-09-24: .+ read_all_orders/)
  t.match(await ask('sales on 2026-08-15'), /^I could not read the sales of the shop: I see no order from before 2026-09-24/)
  const answer = await ask('sales in the last 40 days')
  t.match(answer, /^From 2026-10-15 to 2026-11-23 .+: 7 orders/)
  t.match(answer, 'Not compared with an earlier time: Shopify shows orders of more than 60 days ago only to apps with')
})

t.test('long lists are read in bulk', async (t) => {
  const orders = Array.from({ length: 1_251 }, (_, n) => orderOf({ name: `#${n + 1}`, at: NOW - 5 * HOUR + n, financial_status: 'PAID' }))
  const { ask, shop } = await createShopRig(t, { orders })
  t.match(await ask('sales today'), /: 1,251 orders, net 12,510\.00 EUR/)
  t.same(shop.reads.filter((read) => read.includes('"updated_from":1795388400000')), [
    'interactive order sales {"updated_from":1795388400000}', 'interactive order sales {"updated_from":1795388400000} in bulk'
  ])
})

t.test('the days of a comparison are read at the same time, and people who wait for more than a second are told for what', async (t) => {
  const { pieces, clock, shop } = await createShopRig(t, { orders: [...ORDERS] })
  let open = (): void => {}
  const said: string[] = []
  const ask = async (question: string): Promise<void> => {
    said.length = 0
    for await (const piece of pieces(question, new AbortController().signal)) said.push(piece)
  }
  await ask('order 1001')
  for (const [question, count, line] of [
    ['How is the shop doing today?', 4, 'Reading the orders of today ...'],
    ['best sellers this month', 1, 'Reading the orders from 2026-11-01 to 2026-11-23 ...'],
    ['sales last week', 1, 'Reading the orders from 2026-11-16 to 2026-11-22 ...']
  ] as const) {
    shop.gate = new Promise((resolve) => { open = resolve })
    const before = shop.reads.length
    const answer = ask(question)
    await until('it is read', () => shop.reads.length >= before + count)
    t.equal(shop.reads.length, before + count, question)
    clock.advance(999)
    t.same(said, [])
    clock.advance(1)
    await until('it is told', () => said.length > 0)
    t.same(said, [line])
    open()
    await answer
    t.match(said[1], /^\n(?:Today|From)/)
  }
  t.same(clock.timers.size, 0, 'no timer is left')
})

t.test('figures of the sandbox are marked, once a reply', async (t) => {
  const rig = await createShopRig(t, { source: 'sandbox', orders: [...ORDERS] })
  const answer = await rig.ask('How is the shop doing today, and which orders need me?')
  t.equal(answer.match(/sandbox/g)?.length, 1)
  t.match(answer, /sandbox, not from a real shop\.\)$/)
  t.notMatch(await (await createShopRig(t, { orders: [...ORDERS] })).ask('sales today'), 'sandbox')
  const tools = createTools(rig.orchestrator, { appName: 'x', version: '1', baseUrl: 'http://h', clock: rig.clock, ports: { commerce: rig.shop.commerce } })
  const context = { signal: new AbortController().signal, session_id: SESSION }
  for (const name of ['shop_info', 'shop_summary', 'orders_of_day', 'orders_needing_attention', 'stock', 'best_sellers'] as const) {
    t.match(await tools[name].run({}, context), { source: 'sandbox', read_at: '2026-11-23T06:05:00.000Z', time_zone: 'Europe/Berlin', currency: 'EUR' }, name)
  }
})

t.test('tools: only days that exist and have begun', async (t) => {
  const { orchestrator, clock, shop } = await createShopRig(t, { orders: [...ORDERS] })
  const tools = createTools(orchestrator, { appName: 'x', version: '1', baseUrl: 'http://h', clock, ports: { commerce: shop.commerce } })
  const context = { signal: new AbortController().signal, session_id: SESSION }
  const faults: Array<['shop_summary' | 'sales' | 'best_sellers', object, string]> = [
    ['shop_summary', { day: 'tomorrow' }, 'There is no such day'], ['shop_summary', { day: '2026-02-30' }, 'There is no such day'],
    ['shop_summary', { day: '2026-11-24' }, '2026-11-24 has not begun in the shop: it is 2026-11-23 there.'],
    ['sales', { from: '2026-11-05', to: '2026-11-01' }, '2026-11-01 is before 2026-11-05.'],
    ['sales', { from: '2024-11-05', to: '2026-11-01' }, 'At most 400 days'], ['sales', { from: '2026-11-05' }, 'does not fit sales'],
    ['best_sellers', { from: '2027-01-01', to: '2027-01-02' }, 'has not begun'], ['best_sellers', { limit: 51 }, 'does not fit best_sellers']
  ]
  for (const [name, input, message] of faults) {
    await t.rejects(tools[name].run(input, context) as Promise<unknown>, { code: 'invalid_input', message }, JSON.stringify(input))
  }
  t.match(await tools.sales.run({ from: '2026-11-16', to: 'today' }, context), {
    from: '2026-11-16', to: '2026-11-23', complete: false, orders: 7, net: '3139.99', days_in_all: 8, days: [{ date: '2026-11-16', orders: 1, net: '1000.00' }]
  })
  t.match(await tools.order.run({ order: 'gid://shopify/Order/1005' }, context), { order: { name: '#1005', total: '1219.99', risk: 'CANCEL' } })
  t.match(await tools.order.run({ order: '#7' }, context), { order: null })
})

t.test('reading ends when nobody waits for it, and not before', async (t) => {
  const { orchestrator, clock, shop } = await createShopRig(t, { orders: [...ORDERS] })
  const tools = createTools(orchestrator, { appName: 'x', version: '1', baseUrl: 'http://h', clock, ports: { commerce: shop.commerce } })
  let open = (): void => {}
  shop.gate = new Promise((resolve) => { open = resolve })
  const [first, second] = [new AbortController(), new AbortController()]
  const ask = (controller: AbortController): Promise<unknown> => tools.shop_info.run({}, { signal: controller.signal, session_id: SESSION })
  const answers = [ask(first), ask(second)]
  while (shop.signals.length === 0) await new Promise(setImmediate)
  first.abort(new Error('left'))
  await t.rejects(answers[0]!, { message: 'left' })
  t.equal(shop.signals[0]!.aborted, false, 'somebody still waits')
  open()
  t.match(await answers[1]!, { shop: 'Test Shop' })
  t.equal(shop.reads.length, 1)

  shop.gate = new Promise(() => {})
  const third = new AbortController()
  const stock = tools.stock.run({}, { signal: third.signal, session_id: SESSION })
  while (shop.signals.length === 1) await new Promise(setImmediate)
  third.abort(new Error('gone'))
  await t.rejects(stock, { message: 'gone' })
  t.equal(shop.signals[1]!.aborted, true)
})

const reading = { source: 'live' as const, read_at: NOW }
const repository = (more: Partial<Repository> = {}): Repository => ({
  name: 'o/r',
  source: 'live',
  status: async () => ({
    ...reading,
    full_name: 'o/r',
    url: 'https://github.com/o/r',
    visibility: 'private',
    archived: false,
    default_branch: 'main',
    open_issues: 1,
    open_pull_requests: 2,
    pushed_at: NOW - HOUR
  }),
  pullRequests: async () => ({
    ...reading,
    more: false,
    items: [7, 8].map((number) => ({
      number,
      title: `Title ${number} \`x\``,
      url: '',
      author: number === 7 ? 'ann' : null,
      draft: number === 8,
      head: 'h',
      head_sha: 's',
      base: 'main',
      labels: [],
      review_requested_from: number === 7 ? ['bob'] : [],
      created_at: NOW,
      updated_at: NOW - DAY
    }))
  }),
  issues: async () => ({
    ...reading,
    more: false,
    items: [{ number: 3, title: 'Broken', url: '', author: 'ann', state: 'open', labels: [], assignees: [], comments: 0, created_at: NOW, updated_at: NOW }]
  }),
  checks: async () => ({
    ...reading,
    ref: 'main',
    state: 'failing',
    checks: [{ name: 'build', state: 'passing', reported: 'success', url: null }, { name: 'lint', state: 'failing', reported: 'failure', url: null }]
  }),
  pullRequest: async () => { throw new Error('unused') },
  rateLimit: async () => { throw new Error('unused') },
  openIssue: async () => { throw new Error('unused') },
  ...more
})

t.test('GitHub: pull requests, issues, checks, and parts that cannot be read', async (t) => {
  const rig = await createRig({ options: { ports: { repository: repository() } } })
  t.teardown(rig.stop)
  t.equal(await rig.ask('open pull requests'), [
    '`o/r` has 2 open pull requests, read now:',
    "- #7 `Title 7 'x'` by `ann`, changed 2026-11-22 06:05 UTC (1 d ago), waits for a review by `bob`",
    "- #8 `Title 8 'x'` (draft), changed 2026-11-22 06:05 UTC (1 d ago)"
  ].join('\n'))
  t.equal(await rig.ask('show GitHub issues'), '`o/r` has 1 open issue, read now:\n- #3 `Broken` by `ann`, changed 2026-11-23 06:05 UTC (now)')
  t.equal(await rig.ask('are the checks of the repo green?'), '`o/r`, read now. Of the 2 checks of `main`, 1 failed: `lint`.')
  t.match(await rig.ask('how is the repository'),
    /^`o\/r`, read now: 2 open pull requests, 1 open issue; last push 2026-11-23 05:05 UTC \(1 h ago\)\.\n- Of the/)
  t.match(await rig.ask('is GitHub fine?'), /^Connected: the repository `o\/r` answers, read now\.\nIts circuit breaker: closed/)

  const denied = async (): Promise<never> => { throw new RepositoryError('repository_access_denied', 'The token lacks checks:read') }
  const partly = await createRig({ options: { ports: { repository: repository({ checks: denied, issues: denied }) } } })
  t.teardown(partly.stop)
  t.match(await partly.ask('did the build pass'), 'The checks could not be read: GitHub: The token lacks checks:read.')
  t.match(await partly.ask('open issues'), '`o/r` has 1 open issue, read now:\n- They could not be read: GitHub: The token lacks checks:read.')
  const status = async (): Promise<never> => { throw new ThrottledError('github_api', 61_000) }
  const down = await createRig({ options: { ports: { repository: repository({ status }) } } })
  t.teardown(down.stop)
  t.equal(await down.ask('open pull requests'), 'I could not look at GitHub: GitHub told us to wait; it will be asked again in 1 min 1 s.')
  const unknown = async (): Promise<never> => {
    throw new RepositoryError('repository_credential_rejected', 'GitHub does not accept the token: check GITHUB_TOKEN.')
  }
  const keyless = await createRig({ options: { ports: { repository: repository({ status: unknown }) } } })
  t.teardown(keyless.stop)
  t.equal(await keyless.ask('open pull requests'), 'I could not look at GitHub: GitHub does not accept the token: check GITHUB_TOKEN.')
  t.match(await down.ask('is GitHub up'), /^No answer: GitHub told us to wait; it will be asked again in 1 min 1 s\.\nIts circuit breaker: /)
})

t.test('BigQuery: the dataset, the table, and what is missing', async (t) => {
  const dataset = async () => ({ ...reading, dataset: 'p.d', location: 'EU' })
  const ask = async (warehouse: Partial<Warehouse>): Promise<string> => {
    const rig = await createRig({ options: { ports: { warehouse: { name: 'p.d', source: 'live', ...warehouse } as Warehouse } } })
    t.teardown(rig.stop)
    return rig.ask('what is in the BigQuery dataset?')
  }
  const table = async () => ({ ...reading, table: 'p.d.t', columns: [{ name: 'day', type: 'DATE', mode: 'REQUIRED' }], rows: 1_234, bytes: 2_048 })
  t.equal(await ask({ dataset, table }),
    'BigQuery answers, read now: the dataset `p.d` lies in `EU`.\n- Table `p.d.t`: 1,234 rows, 2 KiB, 1 column.')
  t.match(await ask({ dataset, table: async () => undefined }), '- No table: The dataset has no table of the configured name yet.')
  t.match(await ask({ dataset, table: async () => { throw new WarehouseError('warehouse_invalid_query', 'No table is named: set BIGQUERY_TABLE.') } }),
    '- No table: No table is named: set BIGQUERY_TABLE.')
  t.equal(await ask({ dataset: async () => { throw new WarehouseError('warehouse_not_found', 'Dataset p.d does not exist') } }),
    'I could not look at BigQuery: BigQuery: Dataset p.d does not exist.')
})

const PARTS = [
  'how is the shop', 'sales', 'orders', 'which orders need me', 'order 1001', '#1004', 'stock', 'saddle', 'best sellers', 'customers', 'refund', 'cancel',
  'yesterday', 'last week', 'in october', '2026-11-03', 'since', 'to', 'last 9 days', 'and', ',', '?', 'pull requests', 'bigquery table', 'how many'
]

t.test('2,000 random questions about the shop: an answer each, nothing is changed, nothing fails', async (t) => {
  const { ask, logged, jobCount } = await createShopRig(t, { orders: [...ORDERS], variants: [variantOf('Saddle', 3)] })
  const words = fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 8 }).map((parts) => parts.join(' '))
  await fc.assert(fc.asyncProperty(words, async (content) => {
    const answer = await ask(content)
    return answer.trim() === answer && answer.length >= 1 && answer.length <= 20_000
  }), { numRuns: 2_000 })
  t.same(logged, [])
  t.equal(await jobCount(), 0)
})
