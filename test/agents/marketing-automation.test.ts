// The marketing agent: who is in an audience and who never is, the hold-out, the figures, and the order segment, code, draft.
import fc from 'fast-check'
import t from 'tap'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { audienceOf, heldOut, type Audience } from '../../src/agents/marketing-automation/audience.ts'
import { buyersOf } from '../../src/agents/marketing-automation/buyers.ts'
import { checkoutsOf as fatesOf } from '../../src/agents/marketing-automation/checkouts.ts'
import { consents, contactable } from '../../src/agents/marketing-automation/consent.ts'
import { averageOrderOf, codesFor, discountable } from '../../src/agents/marketing-automation/discounts.ts'
import { marketingAutomation } from '../../src/agents/marketing-automation/index.ts'
import { positionOf, shopIntervalOf, thresholdsOf } from '../../src/agents/marketing-automation/lifecycle.ts'
import { overstockOf } from '../../src/agents/marketing-automation/overstock.ts'
import { quintilesOf } from '../../src/agents/marketing-automation/rfm.ts'
import { matcherOf, queryOf, ruleOf, type Person, type Rule } from '../../src/agents/marketing-automation/rule.ts'
import type { MarketingInput, MarketingOutput } from '../../src/agents/marketing-automation/schemas.ts'
import type { Slices } from '../../src/agents/shop/slices.ts'
import { faultOf } from '../../src/core/check.ts'
import type { AbandonedCheckout, CommerceReader, Customer, DiscountCode, Segment, Variant } from '../../src/core/commerce.ts'
import type { ProposalDraft } from '../../src/core/effects/proposal.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'
import { contextOf, NOW } from '../helpers/agent-context.ts'
import { variantOf } from '../helpers/memory-shop.ts'
import { checkoutsOf, customersOf } from '../helpers/sandbox-customers.ts'
import { soldOrdersOf, variantsOf } from '../helpers/sandbox-history.ts'

const DAY = 86_400_000
const TODAY = '2026-11-24'
const ZONE = 'Europe/Berlin'
const unhurried: Slices = { due: () => false, pause: async () => {} }
const gid = (kind: string, number: number | string): string => `gid://shopify/${kind}/${number}`

const customerOf = (number: number, more: Partial<Customer> = {}): Customer => ({
  id: gid('Customer', number),
  created_at: NOW - 400 * DAY,
  updated_at: NOW,
  order_count: 1,
  amount_spent: { amount: '10.00', currency: 'EUR' },
  last_order_at: NOW - 10 * DAY,
  country: 'DE',
  locale: 'de',
  tags: [],
  email_consent: 'SUBSCRIBED',
  email_consent_at: NOW - 400 * DAY,
  sms_consent: null,
  sms_consent_at: null,
  data_sale_opt_out: false,
  source: 'sandbox',
  read_at: NOW - 1_000,
  ...more
})

const personOf = (customer: Customer, more: Partial<Person> = {}): Person => ({
  order_count: customer.order_count, last_order_at: customer.last_order_at, abandoned_at: null, products: undefined, ...more
})

const orderOf = (id: number, customer: number | null, daysAgo: number, more: Partial<SoldOrder> & { product?: number, price?: string } = {}): SoldOrder => {
  const { product = 1, price = '40.00', ...rest } = more
  return {
    id: gid('Order', id),
    name: `#${id}`,
    created_at: NOW - daysAgo * DAY,
    updated_at: NOW - daysAgo * DAY,
    cancelled_at: null,
    test: false,
    currency: 'EUR',
    taxes_included: true,
    financial_status: 'PAID',
    customer: customer === null ? null : { id: gid('Customer', customer), order_count: 1 },
    shipping_country: 'DE',
    billing_country: 'DE',
    discount_codes: [],
    subtotal: price,
    discounts: '0.00',
    shipping: '0.00',
    tax: '0.00',
    total: price,
    risk: 'ACCEPT',
    lines: [{
      variant_id: gid('ProductVariant', product),
      product_id: gid('Product', product),
      sku: null,
      title: 'A product',
      quantity: 1,
      current_quantity: 1,
      unit_price: price,
      total: price,
      tax: '0.00',
      gift_card: false
    }],
    refunds: [],
    first_sent_at: null,
    ...rest
  }
}

const product = (number: number, available: number | null, more: Partial<Variant> = {}): Variant => variantOf(`Product ${number}`, available, {
  id: gid('ProductVariant', number),
  product_id: gid('Product', number),
  product_type: 'Halters',
  unit_cost: { amount: '8.00', currency: 'EUR' },
  ...more
})

const checkoutOf = (number: number, customer: number | null, more: Partial<AbandonedCheckout> = {}): AbandonedCheckout => ({
  id: gid('AbandonedCheckout', number),
  created_at: NOW - DAY,
  updated_at: NOW - DAY,
  completed_at: null,
  customer_id: customer === null ? null : gid('Customer', customer),
  total: { amount: '25.50', currency: 'EUR' },
  subtotal: { amount: '25.50', currency: 'EUR' },
  discount_codes: [],
  recovery_url: 'https://shop.example/secret-checkout',
  lines: [{
    variant_id: gid('ProductVariant', 1), product_id: gid('Product', 1), sku: null, title: 'A product', quantity: 1, total: { amount: '25.50', currency: 'EUR' }
  }],
  more_lines: false,
  source: 'sandbox',
  read_at: NOW,
  ...more
})

interface Parts {
  now?: number
  orders?: SoldOrder[]
  variants?: Variant[]
  customers?: Customer[]
  checkouts?: AbandonedCheckout[]
}

/** A shop that makes what was proposed, when it is told to. */
const shopOf = (parts: Parts) => {
  const now = parts.now ?? NOW
  const segments: Segment[] = []
  const codes: DiscountCode[] = []
  const reads: string[] = []
  const stamp = { source: 'sandbox' as const, read_at: now }
  const commerce = {
    source: 'sandbox',
    inLane (lane: string) {
      reads.push(`lane ${lane}`)
      return commerce
    },
    shop: async () => ({
      id: gid('Shop', 1),
      name: 'Royal Equips',
      domain: 'x.example',
      currency: 'EUR',
      timezone: ZONE,
      plan: 'Basic',
      taxes_included: true,
      country: 'DE',
      ...stamp
    }),
    async * customers (_filter: unknown, { bulk = false }) {
      reads.push(bulk ? 'customers in bulk' : 'customers in pages')
      yield * parts.customers ?? []
    },
    async * abandonedCheckouts ({ created_from: from = 0 }) { yield * (parts.checkouts ?? []).filter(({ created_at: at }) => at >= from) },
    async * segments (name: string) { yield * segments.filter((segment) => segment.name === name) },
    discountCode: async (code: string) => codes.find((each) => each.code === code) ?? null
  } as unknown as CommerceReader
  const apply = (drafts: ProposalDraft[]): void => {
    for (const draft of drafts) {
      if (draft.class === 'segment') for (const item of draft.items) segments.push({ id: gid('Segment', segments.length + 1), ...item, ...stamp })
      if (draft.class === 'discount_code') {
        for (const { code, title, starts_at: starts, ends_at: ends, usage_limit: limit, segment_ids: ids } of draft.items) {
          if (!ids.every((id) => segments.some((segment) => segment.id === id))) throw new Error('the code names a segment that does not exist')
          codes.push({
            id: gid('DiscountCodeNode', codes.length + 1),
            code,
            title,
            status: 'ACTIVE',
            starts_at: starts,
            ends_at: ends,
            usage_limit: limit,
            used: 0,
            ...stamp
          })
        }
      }
    }
  }
  const run = async (input: MarketingInput = {}, at = now): Promise<{ output: MarketingOutput, proposed: ProposalDraft[] }> => {
    const inputFault = await faultOf(marketingAutomation.input, input)
    if (inputFault !== undefined) throw new Error(`The input does not fit its schema: ${inputFault}`)
    const { context, proposed } = contextOf({ now: at, orders: parts.orders ?? [], variants: parts.variants ?? [], ports: { commerce } })
    const output = await marketingAutomation.run(context, input) as MarketingOutput
    const fault = await faultOf(marketingAutomation.output, output)
    if (fault !== undefined) throw new Error(`The output does not fit its schema: ${fault}`)
    return { output, proposed }
  }
  return { run, apply, segments, codes, reads }
}

const campaignOf = ({ campaigns }: MarketingOutput, name: string) => campaigns.find(({ campaign }) => campaign === name)!

// ---- consent

const consentArbitrary = fc.constantFrom('SUBSCRIBED', 'UNSUBSCRIBED', 'PENDING', 'NOT_SUBSCRIBED', 'NEVER_SUBSCRIBED', 'REDACTED', 'subscribed', '', null)
const customersArbitrary = fc.array(fc.record({
  email_consent: consentArbitrary,
  sms_consent: consentArbitrary,
  data_sale_opt_out: fc.boolean(),
  order_count: fc.nat({ max: 5 }),
  days: fc.option(fc.nat({ max: 400 }))
}), { maxLength: 60 }).map((list) => list.map(({ days, ...more }, index) =>
  customerOf(index + 1, { ...more, last_order_at: days === null ? null : NOW - days * DAY })))
const number = fc.option(fc.nat({ max: 400 }), { nil: undefined })
const ruleArbitrary: fc.Arbitrary<Rule> = fc.record({
  channel: fc.constantFrom('email' as const, 'sms' as const),
  orders_min: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
  orders_max: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
  ordered_within: number,
  ordered_before: number,
  not_ordered_within: number,
  abandoned_within: fc.constant(undefined)
}) as fc.Arbitrary<unknown> as fc.Arbitrary<Rule>

type Maker = typeof audienceOf

/** Nobody without consent on the channel, or with an objection, is in an audience; everybody is in at most one part of it. */
const shareArbitrary = fc.double({ min: 0, max: 1, noNaN: true })
const consentProperty = (make: Maker) => fc.asyncProperty(customersArbitrary, ruleArbitrary, shareArbitrary, async (customers, rule, share) => {
  const people = customers.map((customer) => ({ customer, person: personOf(customer) }))
  const { reached, held } = await make(people, { campaign: 'any', rule, share, today: TODAY, timeZone: ZONE }, unhurried)
  const byId = new Map(customers.map((customer) => [customer.id, customer]))
  for (const id of [...reached, ...held]) {
    const { email_consent: email, sms_consent: sms, data_sale_opt_out: objected } = byId.get(id)!
    if ((rule.channel === 'email' ? email : sms) !== 'SUBSCRIBED') return false
    if (objected) return false
  }
  return new Set([...reached, ...held]).size === reached.length + held.length
})

t.test('nobody without consent is ever in an audience', async (t) => {
  await fc.assert(consentProperty(audienceOf), { numRuns: 200, seed: 20261124 })
  t.pass('200 shops')

  // The controls: makers that are wrong in one way each have to be caught by the same property.
  const wrong: Array<[string, (customer: Customer, rule: Rule) => boolean]> = [
    ['whoever has ordered', ({ order_count: orders }) => orders > 0],
    ['pending is taken for consent', (customer, rule) => consents(customer, rule.channel) || customer.email_consent === 'PENDING'],
    ['any channel is taken for every channel', (customer) => contactable(customer, 'email') || contactable(customer, 'sms')],
    ['objections are overlooked', (customer, rule) => consents(customer, rule.channel)]
  ]
  for (const [what, lets] of wrong) {
    const maker: Maker = async (people, { rule, today, timeZone }): Promise<Audience> => {
      const fits = matcherOf(rule, today, timeZone)
      const reached = [...people].filter(({ customer, person }) => fits(person) && lets(customer, rule)).map(({ customer }) => customer.id)
      return { reached, held: [], without_consent: 0, data_sale_opt_out: 0 }
    }
    t.ok((await fc.check(consentProperty(maker), { numRuns: 200, seed: 20261124 })).failed, `${what}: the property fails`)
  }
})

t.test('every step of a run keeps to consent: segments ask for it, audiences and lists hold nobody else', async (t) => {
  const shop = sandboxShop()
  const contactableIds = new Set(shop.customers.filter((customer) => contactable(customer, 'email')).map(({ id }) => id))
  const rig = shopOf(shop)
  const proposed: ProposalDraft[] = []
  for (let step = 0; step < 3; step++) {
    const run = await rig.run({ list_hold_out_of: 'lapsed', min_audience: 20 })
    proposed.push(...run.proposed)
    rig.apply(run.proposed)
    const { output } = run
    t.ok(output.next_orders.next.length > 0 && output.next_orders.next.every(({ customer_id: id }) => contactableIds.has(id)))
    t.ok(output.hold_out_list!.customer_ids.length > 40 && output.hold_out_list!.customer_ids.every((id) => contactableIds.has(id)))
    t.equal(output.hold_out_list!.total, campaignOf(output, 'lapsed').hold_out)
    for (const { audience, hold_out: held } of output.campaigns) t.ok(audience + held <= contactableIds.size)
    t.ok(JSON.stringify(output).length < 60_000, 'the output is bounded')
  }
  const classes = proposed.map((draft) => draft.class)
  t.same([...new Set(classes)], ['segment', 'discount_code', 'campaign_draft'])
  for (const draft of proposed) {
    if (draft.class === 'segment') for (const { query } of draft.items) t.match(query, /AND email_subscription_status = 'SUBSCRIBED'$/)
    const text = JSON.stringify(draft)
    t.notMatch(text, /@|example\.(com|org)|checkouts\/ac|recover|gid:\/\/shopify\/Customer/, `${draft.key} holds no personal data`)
  }
})

// ---- the hold-out

t.test('the hold-out is stable, disjoint from the audience, of the right size, and another one for another campaign', async (t) => {
  const people = Array.from({ length: 20_000 }, (_, index) => customerOf(index + 1)).map((customer) => ({ customer, person: personOf(customer) }))
  const terms = { campaign: 'at_risk', rule: { channel: 'email' as const }, share: 0.1, today: TODAY, timeZone: ZONE }
  const first = await audienceOf(people, terms, unhurried)
  t.equal(first.reached.length + first.held.length, 20_000)
  t.equal(new Set([...first.reached, ...first.held]).size, 20_000, 'nobody is in both')
  // 2,000 expected with a standard deviation of 42.
  t.ok(Math.abs(first.held.length - 2_000) < 170, `${first.held.length} of 20,000`)
  const turned = await audienceOf([...people].reverse().slice(5_000), terms, unhurried)
  const firstHeld = new Set(first.held)
  t.ok(turned.held.every((id) => firstHeld.has(id)) && turned.reached.every((id) => !firstHeld.has(id)), 'whoever else there is, and in whatever order')
  const other = await audienceOf(people, { ...terms, campaign: 'lapsed' }, unhurried)
  const both = other.held.filter((id) => firstHeld.has(id)).length
  t.ok(both > 120 && both < 290, `independent: ${both} of about 200 are in both hold-outs`)
  const more = await audienceOf(people, { ...terms, share: 0.2 }, unhurried)
  const moreHeld = new Set(more.held)
  t.ok(first.held.every((id) => moreHeld.has(id)), 'a larger hold-out holds the smaller one')
  t.same((await audienceOf(people, { ...terms, share: 0 }, unhurried)).held, [])
  // Written down once: were it to change, running campaigns would change their hold-outs.
  const numbers = Array.from({ length: 40 }, (_, index) => index + 1)
  t.same(numbers.filter((n) => heldOut(gid('Customer', n), 'at_risk', 0.1)), [13, 15, 17, 21, 24, 28, 30])
})

// ---- figures

t.test('fifths: equal values are together, and the order of the buyers does not matter', async (t) => {
  t.same(quintilesOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
  t.same(quintilesOf([1, 1, 1, 1, 1, 1, 1, 2, 2, 9]), [2, 2, 2, 2, 2, 2, 2, 5, 5, 5], 'seven of ten have ordered once')
  t.same(quintilesOf([7, 7, 7]), [3, 3, 3])
  t.same(quintilesOf([]), [])
  t.same(quintilesOf([5]), [3])
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 50 }), (values) => {
    const fifths = quintilesOf(values)
    return values.every((value, i) => fifths[i]! >= 1 && fifths[i]! <= 5 && values.every((other, j) =>
      value === other ? fifths[i] === fifths[j] : value > other ? fifths[i]! >= fifths[j]! : true))
  }), { numRuns: 300, seed: 1 })
})

t.test('stages go by the own interval, shrunken to that of the shop', async (t) => {
  const shop = { days: 60, basis: 'orders' as const, gaps: 100 }
  const at = (...daysAgo: number[]): number[] => daysAgo.map((days) => NOW - days * DAY)
  const stage = (...daysAgo: number[]): string => positionOf(at(...daysAgo), shop, NOW).stage
  t.equal(stage(89), 'new')
  t.equal(stage(91), 'at_risk')
  t.equal(stage(181), 'lapsed')
  t.equal(stage(80, 20), 'active')
  t.equal(stage(140, 80, 20), 'loyal')
  const quick = at(50, 40, 30, 20)
  const { interval, own, expected } = positionOf(quick, shop, NOW)
  t.equal(interval, (3 * 10 + 2 * 60) / 5, 'three own gaps of 10 days and the 60 of the shop twice')
  t.ok(own)
  t.equal(expected, quick[3]! + 30 * DAY)
  t.equal(stage(90, 80, 70, 60), 'at_risk', 'sooner than for the shop')
  t.match(positionOf(at(10), shop, NOW), { own: false, interval: 60 })
  t.match(positionOf(at(10.2, 10), shop, NOW), { own: false }, 'two orders of a day tell no interval')

  const buyers = Array.from({ length: 30 }, (_, index) => ({ orders: at(40 + index, 20) }))
  t.match(await shopIntervalOf(buyers, unhurried), { days: 34.5, basis: 'orders', gaps: 30 })
  t.match(await shopIntervalOf(buyers.slice(1), unhurried), { days: 90, basis: 'assumed', gaps: 29 })
  t.same(thresholdsOf({ days: 55.6, basis: 'orders', gaps: 99 }), { at_risk: 90, lapsed: 170 })
  t.same(thresholdsOf({ days: 1, basis: 'orders', gaps: 99 }), { at_risk: 30, lapsed: 60 })
  t.same(thresholdsOf({ days: 900, basis: 'orders', gaps: 99 }), { at_risk: 180, lapsed: 540 })
})

t.test('buyers: test, cancelled and foreign orders and guests do not count; returns come off what was spent', async (t) => {
  const refund = { created_at: NOW, total: '30.00', shipping: '0', lines: [{ variant_id: null, quantity: 1, value: '30.00' }] }
  const orders = [
    orderOf(1, 1, 200, { price: '100.00', refunds: [refund] }),
    orderOf(2, 1, 10, { price: '20.50', product: 2 }), orderOf(3, 1, 9, { test: true }), orderOf(4, 1, 8, { cancelled_at: NOW }), orderOf(5, null, 7),
    orderOf(6, 1, 6, { currency: 'SEK' })
  ]
  const { buyers, left_out: left, counted, units } =
    await buyersOf((async function * () { yield * orders })(), { currency: 'EUR', unitsFrom: NOW - 90 * DAY }, unhurried)
  t.match(buyers.get(gid('Customer', 1)), { spent: { amount: '90.50' }, ordered: { amount: '120.50' }, orders: [NOW - 200 * DAY, NOW - 10 * DAY] })
  t.same(left, { test: 1, cancelled: 1, guest: 1, other_currency: 1 })
  t.equal(counted, 2)
  t.same(units, new Map([[gid('Product', 2), 1], [gid('Product', 1), 2]]), 'units of guests and of other currencies were sold too')
  t.same(averageOrderOf(buyers.values(), 'EUR'), { value: { amount: '60.25', currency: 'EUR' }, orders: 2 })
  t.equal(averageOrderOf([], 'EUR'), null)
})

t.test('checkouts: each has one fate, and only those that wait are worth something', async (t) => {
  const customers = new Map([
    customerOf(1), customerOf(2, { email_consent: 'PENDING' }), customerOf(3, { data_sale_opt_out: true }), customerOf(4)
  ].map((customer) => [customer.id, customer]))
  const list = [
    checkoutOf(1, 1), checkoutOf(2, 1), checkoutOf(3, 1, { completed_at: NOW - 1 }), checkoutOf(4, 1, { updated_at: NOW - 3_600_000 }), checkoutOf(5, null),
    checkoutOf(6, 2), checkoutOf(7, 3), checkoutOf(8, 9), checkoutOf(9, 4), checkoutOf(10, 1, { lines: [] }),
    checkoutOf(11, 1, { total: { amount: '5', currency: 'SEK' } })
  ]
  const found = await fatesOf((async function * () { yield * list })(), {
    now: NOW,
    quietMs: 4 * 3_600_000,
    channel: 'email',
    currency: 'EUR',
    customers,
    lastOrderAt: (id) => id === gid('Customer', 4) ? NOW - 1_000 : NOW - 5 * DAY,
    available: () => true
  })
  t.same(found.fates, { waiting: 2, completed: 1, too_recent: 1, nobody: 1, ordered_since: 1, sold_out: 1, without_consent: 3, other_currency: 1 })
  t.same(found.value, { amount: '51.00', currency: 'EUR' })
  t.same([...found.people], [gid('Customer', 1)])
})

t.test('overstock: stock that lasts too long, of products that are old enough to tell', async (t) => {
  const old = { created_at: NOW - 200 * DAY }
  const variants = [
    product(1, 100, old), product(2, 100, old), product(3, 9, old), product(4, 100, { created_at: NOW - 89 * DAY }), product(5, null, old),
    product(6, 100, { ...old, status: 'DRAFT' }), product(7, 40, { ...old, unit_cost: null })
  ]
  const units = new Map([[gid('Product', 1), 50], [gid('Product', 2), 49], [gid('Product', 7), 0]])
  const found = overstockOf(variants, units, { now: NOW, coverDays: 181 })
  t.same(found.products.map(({ id, cover, value }) => [id, cover === null ? null : Math.round(cover), value?.amount ?? null]), [
    [gid('Product', 2), 184, '800.00'], [gid('Product', 7), null, null]
  ], '100 / (50 / 90) = 180 days are not too long')
  t.match(found, { looked_at: 6, too_young: 1, untracked: 1 })
})

// ---- rules of segments

t.test('a rule, its query and its test are one', async (t) => {
  t.equal(queryOf({ channel: 'email', orders_min: 3, ordered_within: 365, ordered_before: 90 }),
    "number_of_orders >= 3 AND last_order_date >= -365d AND last_order_date < -90d AND email_subscription_status = 'SUBSCRIBED'")
  t.equal(queryOf({ channel: 'sms', abandoned_within: 14, not_ordered_within: 14 }),
    "(number_of_orders = 0 OR last_order_date < -14d) AND abandoned_checkout_date >= -14d AND sms_subscription_status = 'SUBSCRIBED'")
  t.equal(queryOf({ channel: 'email', bought: { products: ['12', '34'], within: 365 } }),
    "products_purchased MATCHES (id IN (12, 34), date >= -365d) AND email_subscription_status = 'SUBSCRIBED'")
  fc.assert(fc.property(ruleArbitrary, fc.option(fc.array(fc.nat().map(String), { minLength: 1, maxLength: 5 })), (rule, products) => {
    const given = JSON.parse(JSON.stringify({ ...rule, ...(products === null ? {} : { bought: { products, within: 30 } }) })) as Rule
    t.same(ruleOf(queryOf(given)), given)
    return true
  }), { numRuns: 100, seed: 2 })
  for (const query of [
    'number_of_orders >= 3', '', "email_subscription_status = 'SUBSCRIBED' OR number_of_orders >= 1", "email_subscription_status != 'SUBSCRIBED'",
    "email_subscription_status = 'SUBSCRIBED' AND customer_tags CONTAINS 'vip'",
    "number_of_orders >= 3 AND number_of_orders >= 1 AND email_subscription_status = 'SUBSCRIBED'"
  ]) t.equal(ruleOf(query), undefined, `not understood, or without consent: ${query}`)

  const fits = (rule: Partial<Rule>, more: Partial<Customer>, known: Partial<Person> = {}): boolean =>
    matcherOf({ channel: 'email', ...rule }, TODAY, ZONE)(personOf(customerOf(1, more), known))
  const midnight = Date.parse('2026-11-14T00:00:00+01:00')
  t.ok(fits({ ordered_within: 10 }, { last_order_at: midnight }), 'days of the shop, from midnight')
  t.notOk(fits({ ordered_within: 10 }, { last_order_at: midnight - 1 }))
  t.ok(fits({ ordered_before: 10 }, { last_order_at: midnight - 1 }))
  t.notOk(fits({ ordered_before: 10 }, { last_order_at: midnight }))
  t.notOk(fits({ ordered_before: 10 }, { last_order_at: null, order_count: 0 }), 'no order is no old order')
  t.ok(fits({ not_ordered_within: 10 }, { last_order_at: null, order_count: 0 }))
  t.notOk(fits({ not_ordered_within: 10 }, { last_order_at: midnight }))
  t.ok(fits({ abandoned_within: 10 }, {}, { abandoned_at: midnight }))
  t.notOk(fits({ abandoned_within: 10 }, {}))
  t.ok(fits({ bought: { products: ['7', '8'], within: 10 } }, {}, { products: new Map([[gid('Product', 8), midnight]]) }))
  t.notOk(fits({ bought: { products: ['7', '8'], within: 10 } }, {}, { products: new Map([[gid('Product', 8), midnight - 1], [gid('Product', 9), NOW]]) }))
})

// ---- codes

t.test('codes run 14 to 30 days, keep their name for a week, and know those before them', async (t) => {
  const campaign = { mark: 'ATRISK', offer: { percentage: 0.1, products: null } }
  for (let day = 0; day < 7; day++) {
    for (const days of [14, 21, 23]) {
      const now = Date.parse('2026-11-23T00:00:00+01:00') + day * DAY + 3_600_000
      const [first, second] = codesFor(campaign, { now, timeZone: ZONE, days })
      t.equal(first!.code, 'REO-ATRISK10-20261123')
      t.equal(second!.code, 'REO-ATRISK10-20261116')
      const left = (first!.ends_at - now) / DAY
      t.ok(first!.starts_at <= now && left >= 14 && left <= 30, `${left} days are left`)
    }
  }
})

t.test('a discount keeps every variant above its floor; unknown cost is a refusal', async (t) => {
  const { context } = contextOf({ enrolled: ({ sku }) => sku !== 'not enrolled' })
  const limits = await context.priceLimits('EUR')
  const eur = (amount: string) => ({ amount, currency: 'EUR' })
  // The floor of 9.00 is 10.00: 9.00 / (1 - 10 %).
  const fit = (...variants: Array<Partial<Variant>>) =>
    discountable([variants.map((more) => product(1, 5, { price: eur('11.77'), unit_cost: eur('9.00'), ...more }))], 0.15, limits, 'EUR', () => 0)
  t.same(fit({}).products, [gid('Product', 1)], '11.77 - 1.77 = 10.00')
  t.match(fit({ price: eur('11.76') }), { products: [], left_out: { below_floor: 1 } })
  t.match(fit({}, { price: eur('11.76') }), { products: [], left_out: { below_floor: 1 } }, 'one variant below is enough')
  t.match(fit({ unit_cost: null }), { products: [], left_out: { unknown_cost: 1 } })
  const noVat = discountable([[product(1, 5, { price: eur('11.77'), unit_cost: eur('9.00') })]], 0.15, { ...limits, floor: () => null }, 'EUR', () => 0)
  t.match(noVat, { products: [], left_out: { unknown_cost: 0, unknown_vat: 1 } }, 'a known cost without a floor: the policy names no VAT')
  t.match(fit({ sku: 'not enrolled' }), { products: [], left_out: { not_enrolled: 1 } })
  t.match(fit({ unit_cost: { amount: '9.00', currency: 'SEK' } }), { products: [], left_out: { other_currency: 1 } })
  const many = Array.from({ length: 260 }, (_, n) => [product(n + 1, 5, { price: eur('20.00') })])
  const most = discountable(many, 0.15, limits, 'EUR', (id) => Number(id.split('/').at(-1)))
  t.equal(most.products.length, 250)
  t.equal(most.left_out.over_the_limit, 10)
  t.notOk(most.products.includes(gid('Product', 1)), 'the ones sold least are left out')
})

const smallShop = (): Required<Parts> => {
  // 60 customers who came back and stayed away for 100 days; the first ten did not consent.
  const customers = Array.from({ length: 60 }, (_, n) =>
    customerOf(n + 1, { order_count: 2, last_order_at: NOW - 100 * DAY, ...(n < 10 ? { email_consent: 'NOT_SUBSCRIBED' } : {}) }))
  const orders = customers.flatMap((_, n) => [orderOf(2 * n + 1, n + 1, 150), orderOf(2 * n + 2, n + 1, 100)])
  return { now: NOW, customers, orders, variants: [product(1, 5), product(2, 5, { unit_cost: null })], checkouts: [] }
}

t.test('first the segment, then the code for it, then the draft with the code, then quiet', async (t) => {
  const rig = shopOf(smallShop())
  const input = { min_audience: 40, hold_out: 0.2 }
  const first = await rig.run(input)
  t.same(first.proposed.map(({ key }) => key), ['segment:at_risk'])
  t.match(campaignOf(first.output, 'at_risk'), { step: 'segment_proposed', segment_exists: false, code: null, without_consent: 10 })
  t.match(campaignOf(first.output, 'at_risk').next, /the code is proposed in the run after it was made/)
  t.match(first.output.skipped, [{ reason: 'audience_too_small', campaigns: 4 }])
  t.match(first.proposed[0]?.items[0], {
    name: 'reo: at risk', query: "number_of_orders >= 2 AND last_order_date >= -150d AND last_order_date < -80d AND email_subscription_status = 'SUBSCRIBED'"
  })
  t.same((await rig.run(input)).proposed, first.proposed, 'the same plan as long as the segment is not made')
  t.same(rig.reads.slice(0, 2), ['lane marketing', 'customers in pages'])

  rig.apply(first.proposed)
  const second = await rig.run(input)
  t.same(second.proposed.map(({ key }) => key), ['discount:at_risk'])
  const { audience, hold_out: held } = campaignOf(second.output, 'at_risk')
  t.equal(audience + held, 50)
  t.match(second.proposed[0]?.items[0], {
    code: 'REO-ATRISK10-20261123',
    percentage: 0.1,
    product_ids: [gid('Product', 1)],
    segment_ids: [gid('Segment', 1)],
    usage_limit: audience,
    once_per_customer: true,
    minimum_subtotal: '20',
    currency: 'EUR',
    cost_per_use: '4.00'
  })
  t.same((await rig.run(input, NOW + DAY)).proposed[0]?.items, second.proposed[0]?.items, 'and the same on the next day')

  rig.apply(second.proposed)
  const third = await rig.run(input)
  t.same(third.proposed.map(({ key }) => key), ['campaign:at_risk'])
  t.match(third.proposed[0]?.items[0], { segment: 'reo: at risk', audience, hold_out: held, body: /REO-ATRISK10-20261123 takes 10 % off/ })
  t.match((await rig.run(input, NOW + 7 * DAY)).proposed[0]?.key, 'campaign:at_risk', 'the code of last week still runs: no second one')

  rig.codes[0]!.used = 1
  const fourth = await rig.run(input)
  t.same(fourth.proposed, [])
  t.match(campaignOf(fourth.output, 'at_risk'), { step: 'nothing', skipped: 'code_is_in_use', code: 'REO-ATRISK10-20261123' })

  rig.codes[0]!.status = 'EXPIRED'
  t.equal(campaignOf((await rig.run(input, NOW + 35 * DAY)).output, 'at_risk').skipped, 'resting', 'no code after the other')
})

t.test('a segment that the owner changed is followed where it is understood, and left alone where it is not', async (t) => {
  const rig = shopOf(smallShop())
  const segment = { id: gid('Segment', 1), name: 'reo: at risk', query: '', source: 'sandbox' as const, read_at: NOW }
  rig.segments.push(segment)
  segment.query = "number_of_orders >= 2 AND last_order_date < -200d AND email_subscription_status = 'SUBSCRIBED'"
  t.match(campaignOf((await rig.run()).output, 'at_risk'), { audience: 0, hold_out: 0, skipped: 'audience_too_small' }, 'nobody stayed away for 200 days')
  for (const query of ['number_of_orders >= 2', "sms_subscription_status = 'SUBSCRIBED'", "customer_tags CONTAINS 'vip'"]) {
    segment.query = query
    const { output, proposed } = await rig.run()
    t.match(campaignOf(output, 'at_risk'), { audience: 0, skipped: 'segment_not_understood' }, query)
    t.same(proposed, [])
  }
})

t.test('no code where no product stays above its floor, or nothing is known of the orders', async (t) => {
  const parts = smallShop()
  const rig = shopOf({ ...parts, variants: [product(2, 5, { unit_cost: null })] })
  rig.apply((await rig.run({ min_audience: 40 })).proposed)
  const { output, proposed } = await rig.run({ min_audience: 40 })
  t.same(proposed, [])
  t.match(campaignOf(output, 'at_risk'), { skipped: 'no_product_above_its_floor', next: /1 have an unknown cost/ })
  const strangers = shopOf({ ...parts, orders: [] })
  strangers.apply((await strangers.run({ min_audience: 40 })).proposed)
  t.match((await strangers.run({ min_audience: 40 })).output.skipped.map(({ reason }) => reason), ['audience_too_small'])
})

// ---- the whole shop

const sandboxShop = (() => {
  let made: Required<Parts> | undefined
  return (): Required<Parts> => {
    if (made === undefined) {
      const shop = generateShop({ seed: 1, today: TODAY })
      // One customer in five: everything is there, and a run takes a fifth of the time.
      const chosen = (id: string | null | undefined): boolean => id != null && Number(id.slice(-2)) % 5 === 0
      made = {
        now: shop.now,
        orders: soldOrdersOf(shop).filter(({ customer, name }) => chosen(customer?.id) || (customer === null && name.endsWith('5'))),
        variants: variantsOf(shop),
        customers: customersOf(shop).filter(({ id }) => chosen(id)),
        checkouts: checkoutsOf(shop).filter(({ customer_id: id, id: own }) => id === null ? chosen(own) : chosen(id))
      }
    }
    return made
  }
})()

t.test('on the shop of the sandbox: the tables add up, and a second run proposes the same', async (t) => {
  const parts = sandboxShop()
  const rig = shopOf(parts)
  const { output, proposed } = await rig.run({ min_audience: 20 })
  t.ok(rig.reads.includes('customers in bulk'))
  const { customers, rfm, lifecycle, next_orders: next, abandoned_checkouts: left, orders } = output
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  t.equal(sum(rfm.cells.map((cell) => cell.customers)), customers.with_orders)
  for (const score of ['recency', 'frequency', 'monetary'] as const) t.equal(sum(rfm.fifths.map((row) => row[score].customers)), customers.with_orders)
  t.equal(sum(lifecycle.stages.map((row) => row.customers)), customers.read)
  t.equal(sum(lifecycle.stages.map((row) => row.contactable)), customers.contactable)
  t.equal(next.overdue + next.within_7_days + next.within_30_days + next.later, customers.with_orders)
  t.equal(sum(Object.values(left.fates)), left.read)
  t.equal(orders.read, orders.counted + sum(Object.values(orders.left_out)))
  t.equal(customers.contactable, parts.customers.filter((customer) => contactable(customer, 'email')).length)
  t.equal(customers.email_consent, customers.contactable + customers.data_sale_opt_out)
  t.match(marketingAutomation.summarise(output), /customers with orders: .* \d proposals; codes and drafts follow when \d segments were made\.$/)
  const again = await rig.run({ list_hold_out_of: 'loyal', min_audience: 20 })
  t.same(again.proposed, proposed)
  t.match(marketingAutomation.csv!(again.output), /^campaign,customer_id\nloyal,gid:\/\/shopify\/Customer\/\d+\n/)
})

t.test('by text message: another consent, other segments', async (t) => {
  const parts = smallShop()
  const rig = shopOf({ ...parts, customers: parts.customers.map((customer, n) => ({ ...customer, sms_consent: n % 2 === 0 ? 'SUBSCRIBED' : null })) })
  const { output, proposed } = await rig.run({ channel: 'sms', min_audience: 20, list_hold_out_of: 'nonsense' })
  t.equal(output.customers.contactable, 30)
  t.match(proposed[0]?.items[0], { name: 'reo: at risk (sms)', query: /AND sms_subscription_status = 'SUBSCRIBED'$/ })
  t.match(output.hold_out_list, { known: false, total: 0 })
})

t.test('without a shop it fails for good', async (t) => {
  await t.rejects(marketingAutomation.run({ ...contextOf().context, ports: { system: () => Promise.reject(new Error('none')) } }, {}), {
    code: 'shop_not_configured'
  })
})
