// The guard at its exact boundaries, the floor, the hash of a plan, and freezes.
import t from 'tap'
import { distinctPeople, isSameActor, requesterOf } from '../../../src/core/effects/actors.ts'
import { canonicalJson, planHash, sha256 } from '../../../src/core/effects/canonical.ts'
import { freezeFor, isActive, isFreezeScope, windowFault, type Freeze } from '../../../src/core/effects/freeze.ts'
import { evaluate, type Facts, type PastPrice } from '../../../src/core/effects/guard.ts'
import type { EffectClass, EffectItem } from '../../../src/core/effects/items.ts'
import { policyFault } from '../../../src/core/effects/policies.ts'
import { DEFAULT_POLICY, isEnrolled, ruleOf, strictest, type Policy } from '../../../src/core/effects/policy.ts'
import { priceFloor } from '../../../src/core/effects/price-floor.ts'
import { AUTONOMY, mayActAlone, needsApprovals } from '../../../src/core/effects/proposal.ts'
import { DAY, HOUR, openPolicy } from '../../helpers/effects-rig.ts'
import { gid } from '../../helpers/puppet-shop.ts'

const NOW = Date.UTC(2026, 0, 5, 8)
const eur = (amount: string) => ({ amount, currency: 'EUR' })

const price = (to: string, more: Partial<EffectItem<'price_change'>> = {}): EffectItem<'price_change'> => ({
  product_id: gid('Product', 1),
  variant_id: gid('ProductVariant', 1),
  sku: 'S',
  title: 't',
  currency: 'EUR',
  expected_price: '100.00',
  price: to,
  expected_compare_at_price: null,
  compare_at_price: null,
  ...more
})

const variant = (more: Partial<NonNullable<Facts['variant']>> = {}): Facts => ({
  currency: 'EUR',
  taxes_included: true,
  variant: { sku: 'S', price: eur('100.00'), compare_at_price: null, unit_cost: eur('40.00'), available: 10, past: [], ...more }
})

const past = (ago: number, from: string, to: string): PastPrice => ({ at: NOW - ago, from, to })

const judge = <C extends EffectClass>(name: C, items: Array<EffectItem<C>>, facts: Array<Facts | undefined>,
  { change = () => {}, usage = 0, agent = 'pricer' }: {
    change?: (policy: Policy) => void, usage?: number, agent?: string
  } = {}) => evaluate(openPolicy(change), { agent, class: name, items: items as EffectItem[] }, facts, { items_today: usage }, NOW)

/** The reasons against a change of the price; empty: it may be approved. */
const against = (to: string, facts: Facts = variant(), change?: (policy: Policy) => void, more = {}): string[] => {
  const { decision, reasons } = judge('price_change', [price(to, more)], [facts], change === undefined ? {} : { change }).items[0]!
  t.equal(decision === 'block', reasons.length > 0)
  return reasons
}
const free = (policy: Policy): void => { Object.assign(policy.price, { max_change_day: '1', max_change_30_days: '1', cooldown_hours: 0 }) }

t.test('the floor: cost, shipping, fees, VAT and margin, rounded up to the coin', async (t) => {
  const floor = (cost: string, terms: object = {}, currency = 'EUR') =>
    priceFloor({ amount: cost, currency }, { shipping_per_unit: '0', fees_per_unit: '0', vat: '0', minimum_margin: '0', ...terms })?.amount
  t.equal(floor('40.00'), '40.00')
  t.equal(floor('40.00', { vat: '0.19', minimum_margin: '0.1' }), '52.89', '40 x 1.19 / 0.9 = 52.888...')
  t.equal(floor('10.00', { shipping_per_unit: '4.90', fees_per_unit: '0.35', vat: '0.19', minimum_margin: '0.25' }), '24.20',
    '15.25 x 1.19 / 0.75 = 24.1966...')
  t.equal(floor('9.00', { minimum_margin: '0.1' }), '10.00', 'exact: not a coin more')
  t.equal(floor('9.000001', { minimum_margin: '0.1' }), '10.01')
  t.equal(floor('100', { vat: '0.1', minimum_margin: '0.5' }, 'JPY'), '220')
  t.equal(floor('101', { minimum_margin: '0.3' }, 'JPY'), '145', '144.28... yen')
  t.equal(floor('1', {}, 'KWD'), '1.000')
  t.equal(priceFloor(null, { shipping_per_unit: '0', fees_per_unit: '0', vat: '0', minimum_margin: '0' }), null)
  t.throws(() => floor('1', { minimum_margin: '1' }), RangeError)
  t.throws(() => floor('1', { vat: 'x' }), RangeError)

  const at = (cost: string) => variant({ unit_cost: eur(cost), price: eur('60.00') })
  t.same(against('52.89', at('40.00'), free), [])
  t.match(against('52.88', at('40.00'), free), ['52.88 is below its floor of 52.89 EUR.'])
  const untaxed = { ...at('40.00'), taxes_included: false }
  t.same(against('44.45', untaxed, (policy) => { free(policy); policy.price.vat = null }), [], 'a shop without tax in its prices needs no VAT')
  t.match(against('44.44', untaxed, free), [/44\.45/])
})

t.test('what is not known is refused', async (t) => {
  t.match(against('101.00', variant({ unit_cost: null })), [/cost is not known/])
  t.match(against('101.00', variant({ unit_cost: { amount: '40', currency: 'USD' } })), [/floor is not known/])
  t.match(against('101.00', variant(), (policy) => { policy.price.vat = null }), [/names no VAT/])
  t.match(judge('price_change', [price('101.00')], [undefined]).items[0], { decision: 'block', reasons: [/could not be read/] })
  t.match(judge('price_change', [price('101.00')], [{ currency: 'EUR', taxes_included: true }]).items[0], { decision: 'block' })
  t.match(judge('price_change', [price('101.00')], [variant({ available: null })]), { decision: 'approve', at_risk: null, reasons: [/not known/] })
  t.match(judge('price_change', [price('101.00')], [variant({ available: null })], { change: (policy) => { policy.classes.price_change.decision = 'auto' } }),
    { decision: 'approve' }, 'money at risk that nobody knows never goes without a person')
  t.match(against('101.00', variant(), (policy) => { policy.price.enrolled_skus = ['T', 'S1*'] }), [/not enrolled/])
  t.match(against('101.00', variant({ sku: null })), [/not enrolled/])
})

t.test('enrolment', async (t) => {
  const enrolled = (...list: string[]) => (sku: string | null) => isEnrolled(openPolicy((policy) => { policy.price.enrolled_skus = list }), sku)
  t.same(['RE-HAL-1', 'RE-HAL-', 'RE-HAL', 'XRE-HAL-1'].map(enrolled('RE-HAL-*')), [true, true, false, false])
  t.same(['A', 'AB', 'a', ''].map(enrolled('A')), [true, false, false, false])
  t.same([null, 'x'].map(enrolled('*')), [false, true])
  t.equal(isEnrolled(DEFAULT_POLICY, 'x'), false, 'nothing is enrolled by default')
})

t.test('currency and coins', async (t) => {
  t.match(against('101.00', variant(), undefined, { currency: 'USD' }), ['It is in USD, the shop in EUR.'])
  t.match(against('101.00', variant({ price: { amount: '100.00', currency: 'USD' } })), [/in USD, the shop in EUR/])
  t.match(against('101.001'), [/at most 2 decimals/])
  t.same(against('101.0000'), [])
  const yen = { ...variant({ price: { amount: '1000', currency: 'JPY' }, unit_cost: { amount: '400', currency: 'JPY' } }), currency: 'JPY' }
  t.same(against('1050', yen, undefined, { currency: 'JPY' }), [])
  t.match(against('1050.5', yen, undefined, { currency: 'JPY' }), [/at most 0 decimals/])
})

t.test('limits: a day, 30 days, cooldown, by the past', async (t) => {
  t.same(against('110.00'), [])
  t.match(against('110.01'), [/10 % within a day/])
  t.same(against('90.00'), [])
  t.match(against('89.99'), [/10 % within a day/])
  const cold = (policy: Policy): void => { policy.price.cooldown_hours = 0 }
  t.same(against('110.00', variant({ past: [past(DAY - 1, '100.00', '108.00')], price: eur('108.00') }), cold), [])
  t.match(against('110.01', variant({ past: [past(DAY - 1, '100.00', '108.00')], price: eur('108.00') }), cold), [/From 100\.00 to 110\.01.*a day/])
  t.same(against('118.80', variant({ past: [past(DAY, '100.00', '108.00')], price: eur('108.00') }), cold), [], 'exactly a day ago is over')
  t.match(against('120.01', variant({ past: [past(30 * DAY - 1, '100.00', '115.00')], price: eur('115.00') }), cold), [/From 100\.00.*30 days/])
  t.same(against('120.00', variant({ past: [past(30 * DAY - 1, '100.00', '115.00')], price: eur('115.00') }), cold), [])
  t.same(against('120.01', variant({ past: [past(30 * DAY, '100.00', '115.00')], price: eur('115.00') }), cold), [], 'exactly 30 days ago is over')
  t.match(against('105.00', variant({ past: [past(HOUR, '100.00', '101.00')], price: eur('50.00') }), cold), [/From 50\.00 to 105\.00/])
  t.same(against('101.00', variant({ past: [past(6 * HOUR, '100.00', '100.50')] })), [], 'exactly six hours ago is long enough')
  t.match(against('101.00', variant({ past: [past(6 * HOUR - 1, '100.00', '100.50')] })), [/less than 6 hours/])
  t.match(against('101.00', variant({ past: [past(-HOUR, '100.00', '100.50')] })), [/less than 6 hours/], 'a clock that was set back opens nothing')
  t.same(against('100.00', variant({ past: [past(0, '100.00', '100.50')] }), cold), [])
  t.match(against('0.01', variant({ price: eur('0.00'), unit_cost: eur('0') }), undefined, {}), [/a day/, /30 days/], 'nothing is no base for a percentage')
})

t.test('the price before: the lowest of 30 days, above the new one, and only when it is changed', async (t) => {
  const before = (compare: string | null, more: object = {}, facts = variant()) => against('95.00', facts, undefined, { compare_at_price: compare, ...more })
  t.same(before('100.00'), [])
  t.match(before('100.01'), [/above the lowest one known of 30 days, 100\.00/])
  t.match(before('95.00'), [/not above 95\.00/])
  t.match(before('94.00'), [/not above/])
  t.same(before('120.00', { expected_compare_at_price: '120.00' }), [], 'one that stays is not judged')
  t.same(before(null, { expected_compare_at_price: '120.00' }), [], 'nor one that is taken away')
  t.match(before('100.00', {}, variant({ past: [past(20 * DAY, '98.00', '100.00')] })), [/98\.00/])
  t.same(before('98.00', {}, variant({ past: [past(20 * DAY, '98.00', '100.00')] })), [])
  t.same(before('100.00', {}, variant({ past: [past(30 * DAY, '98.00', '100.00')] })), [], 'what is longer ago does not count')
})

t.test('money at risk, two people, and how many', async (t) => {
  const many = (n: number, to = '101.00', available = 10) =>
    ({ items: Array.from({ length: n }, () => price(to)), facts: Array.from({ length: n }, () => variant({ available })) })
  const whole = (n: number, change: (policy: Policy) => void, usage = 0, ...rest: [string?, number?]) => {
    const { items, facts } = many(n, ...rest)
    return judge('price_change', items, facts, { change, usage })
  }
  const limits = (fields: object) => (policy: Policy): void => { Object.assign(policy.classes.price_change, fields) }
  t.match(whole(2, () => {}), { decision: 'approve', at_risk: eur('20.00') })
  t.match(whole(2, limits({ max_at_risk: '20' })), { decision: 'approve' })
  t.match(whole(2, limits({ max_at_risk: '19.99' })), { decision: 'block', reasons: [/at most 19\.99/], items: [{ decision: 'block' }, { decision: 'block' }] })
  t.match(whole(2, limits({ two_person_from: '20' })), { decision: 'two_person' }, 'from means from')
  t.match(whole(2, limits({ two_person_from: '20.01' })), { decision: 'approve' })
  t.match(whole(2, limits({ decision: 'auto', two_person_from: '20' })), { decision: 'two_person' })
  t.match(whole(2, limits({ decision: 'block' })), { decision: 'block' })
  t.match(whole(1, () => {}, 0, '95.00', -3), { at_risk: eur('0.00') }, 'less than nothing in stock puts nothing at risk')
  t.match(whole(3, limits({ max_items: 3 })), { decision: 'approve' })
  t.match(whole(4, limits({ max_items: 3 })), { decision: 'block' })
  t.match(whole(3, limits({ max_items_per_day: 5 }), 2), { decision: 'approve' })
  t.match(whole(4, limits({ max_items_per_day: 5 }), 2), { decision: 'block' })
  t.match(whole(1, limits({ max_items_per_day: 0 })), { decision: 'block' })
  const mixed = judge('price_change', [price('101.00'), price('200.00')], [variant(), variant()], { change: limits({ max_items: 1 }) })
  t.match(mixed, { decision: 'approve', at_risk: eur('10.00'), items: [{ decision: 'approve' }, { decision: 'block' }] }, 'what is blocked does not count')
  t.match(judge('price_change', [price('200.00')], [variant()]), { decision: 'block', at_risk: null })
  const half = (fields: object) => judge('price_change', [price('101.00'), price('101.00')], [variant(), variant({ available: null })],
    { change: limits(fields) })
  t.match(half({ max_at_risk: '10' }), { decision: 'approve', at_risk: null })
  t.match(half({ max_at_risk: '9.99' }), { decision: 'block' }, 'a change of which it is not known does not open the limit for the others')
  t.match(half({ two_person_from: '10' }), { decision: 'two_person' })
  const rest = (made: object, fields: object) =>
    evaluate(openPolicy(limits(fields)), { agent: 'a', class: 'price_change', items: [price('101.00')] }, [variant()], { items_today: 0, made } as never, NOW)
  t.match(rest({ items: 2, at_risk: [eur('10.00'), eur('5.00')] }, { max_items: 3, max_at_risk: '25' }), { decision: 'approve', at_risk: eur('10.00') })
  t.match(rest({ items: 3, at_risk: [] }, { max_items: 3 }), { decision: 'block' }, 'what was made of the same proposal before counts')
  t.match(rest({ items: 1, at_risk: [eur('15.01')] }, { max_at_risk: '25' }), { decision: 'block' })
  t.match(rest({ items: 1, at_risk: [eur('15.00')] }, { two_person_from: '25' }), { decision: 'two_person' })
  t.match(judge('price_change', [price('101.00')], [variant()],
    { change: (policy) => { policy.agents = { pricer: { price_change: { decision: 'two_person' } } } } }), { decision: 'two_person' })
  t.match(judge('price_change', [price('101.00')], [variant()],
    { agent: 'other', change: (policy) => { policy.agents = { pricer: { price_change: { decision: 'block' } } } } }), { decision: 'approve' })
  t.equal(ruleOf(DEFAULT_POLICY, '__proto__', 'order_tag').decision, 'auto', 'names of the language are no agents')
  t.equal(needsApprovals({ decision: 'two_person' }), 2)
  t.equal(strictest([]), 'auto')
  t.equal(strictest(['approve', 'block', 'two_person']), 'block')
})

const facts: Facts = { currency: 'EUR', taxes_included: true }
const ORDER = { order_id: gid('Order', 1), order_name: '#1' }

t.test('refunds, purchase orders, cancellations', async (t) => {
  const refund = (total: string, currency = 'EUR') =>
    judge('refund', [{ ...ORDER, lines: [], expected_total: total, currency, note: 'n', notify_customer: false }], [facts])
  t.match(refund('500'), { decision: 'two_person', at_risk: eur('500') })
  t.match(refund('500.01').items[0], { decision: 'block', reasons: [/500\.01 is more than the 500/] })
  t.match(refund('1.00', 'USD'), { decision: 'block' })
  const order = (cost: string | null, quantity: number, change: (policy: Policy) => void = () => {}) => judge('purchase_order', [{
    variant_id: gid('ProductVariant', 1), sku: null, title: 't', supplier: null, quantity, unit_cost: cost, currency: 'EUR'
  }], [facts], { change })
  t.match(order('20.00', 1_000), { decision: 'two_person', at_risk: eur('20000.00') })
  t.match(order('20.00', 1_001), { decision: 'block' })
  t.match(order('9.99', 1_000), { decision: 'approve' })
  t.match(order(null, 1), { decision: 'block', items: [{ reasons: [/not known/] }] })
  t.match(order('20.00', 100_000, (policy) => { policy.purchase_order.max_value = null }), { decision: 'two_person' })
  const cancel = (total: string) => judge('order_cancel', [{ ...ORDER, total, currency: 'EUR', reason: 'x' }], [facts])
  t.match(cancel('5000'), { decision: 'approve' })
  t.match(cancel('5000.01'), { decision: 'block' })
})

t.test('discount codes', async (t) => {
  const code = (more: Partial<EffectItem<'discount_code'>> = {}, discounted: Facts['discounted'] | null = { variants: 3, below_floor: 0, unknown_floor: 0 }) =>
    judge('discount_code', [{
      code: 'BACK10',
      title: 't',
      percentage: 0.2,
      product_ids: [],
      segment_ids: [],
      starts_at: NOW,
      ends_at: NOW + DAY,
      usage_limit: 100,
      once_per_customer: true,
      currency: 'EUR',
      cost_per_use: '9.99',
      ...more
    }], [discounted === null ? facts : { ...facts, discounted }])
  t.match(code(), { decision: 'approve', at_risk: eur('999.00') })
  t.match(code({ cost_per_use: '10.00' }), { decision: 'two_person' })
  t.match(code({ cost_per_use: '20.01' }), { decision: 'block' })
  t.match(code({ percentage: 0.2001 }), { decision: 'block', items: [{ reasons: [/deeper/] }] })
  t.match(code({ ends_at: NOW + 31 * DAY }), { decision: 'approve' })
  t.match(code({ ends_at: NOW + 31 * DAY + 1 }), { decision: 'block' })
  t.match(code({ starts_at: NOW + DAY, ends_at: NOW + 32 * DAY }), { decision: 'approve' })
  t.match(code({ starts_at: NOW - 100 * DAY, ends_at: NOW + 31 * DAY }), { decision: 'approve' }, 'from now on')
  for (const [starts, ends] of [[NOW, NOW], [NOW + 2, NOW + 1], [NOW - DAY, NOW]]) t.match(code({ starts_at: starts!, ends_at: ends! }), { decision: 'block' })
  t.match(code({}, null), { decision: 'block' }, 'what it makes cheaper is not known')
  t.match(code({}, { variants: 3, below_floor: 1, unknown_floor: 0 }), { decision: 'block' })
  t.match(code({}, { variants: 3, below_floor: 0, unknown_floor: 1 }), { decision: 'block' })
})

t.test('policies: what is none, and the default', async (t) => {
  t.equal(await policyFault(DEFAULT_POLICY), undefined)
  t.equal(await policyFault(openPolicy()), undefined)
  const faults: Array<(policy: any) => void> = [
    (policy) => { policy.price.minimum_margin = '1' }, (policy) => { policy.price.minimum_margin = '1.000000' }, (policy) => { policy.price.vat = '-0.1' },
    (policy) => { policy.price.vat = 0.19 }, (policy) => { policy.price.max_change_day = '1.1' },
    (policy) => { policy.classes.price_change.decision = 'maybe' },
    (policy) => { policy.classes.price_change.decision = 'auto ' }, (policy) => { delete policy.classes.refund },
    (policy) => { policy.classes.theft = policy.classes.refund },
    (policy) => { policy.classes.refund.max_items = -1 }, (policy) => { policy.classes.refund.max_at_risk = 'Infinity' }, (policy) => { policy.price.more = 1 },
    (policy) => { policy.agents = { pricer: { theft: {} } } }, (policy) => { policy.agents = { pricer: { refund: { decision: 'x' } } } },
    (policy) => { policy.agents = { pricer: 1 } },
    (policy) => { policy.price.cooldown_hours = Number.NaN }, (policy) => { policy.price.cooldown_hours = -1 },
    (policy) => { policy.price.enrolled_skus = [''] }
  ]
  for (const break_ of faults) {
    const policy = openPolicy()
    break_(policy)
    t.type(await policyFault(policy), 'string', String(break_))
  }
  for (const policy of [undefined, null, [], {}, 'x']) t.type(await policyFault(policy), 'string')
})

t.test('the ladder', async (t) => {
  t.same(AUTONOMY.map((level) => [mayActAlone(level, 'order_tag'), mayActAlone(level, 'price_change')]),
    [[false, false], [false, false], [true, false], [true, true]])
  for (const name of ['refund', 'discount_code', 'purchase_order', 'order_cancel'] as const) t.equal(mayActAlone('act_with_approval', name), false)
})

t.test('one text for one value, and the hash of a plan', async (t) => {
  t.equal(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined, A: true, é: 1.5 }), '{"A":true,"b":[1,{"c":"x","d":null}],"é":1.5}')
  t.equal(canonicalJson({ 10: 1, 9: 2 }), '{"10":1,"9":2}', 'by text, not by number')
  t.equal(canonicalJson(-0), '0')
  t.equal(canonicalJson(JSON.parse('{"__proto__":1}')), '{"__proto__":1}')
  for (const bad of [Number.NaN, Infinity, 1n, undefined, [undefined], () => {}, Symbol('x')]) t.throws(() => canonicalJson(bad), TypeError)
  t.equal(sha256(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  const plan = { agent: 'a', class: 'order_tag', key: 'k', items: [{ x: 1, y: 2 }] }
  const hash = planHash(plan)
  t.equal(planHash({ ...plan, items: [{ y: 2, x: 1 }], title: 'other words' } as typeof plan), hash)
  const others = [{ agent: 'b' }, { class: 'x' }, { key: 'l' }, { items: [] }, { items: [{ x: 1, y: 3 }] }, { items: [{ x: 1, y: '2' }] },
    { items: [{ x: 1 }, { y: 2 }] }]
  for (const other of others) t.not(planHash({ ...plan, ...other }), hash)
})

t.test('who is who', async (t) => {
  t.equal(requesterOf('api:anna'), 'anna')
  for (const source of ['api', 'schedule:x', 'event:1', 'assistant:1', 'xapi:anna']) t.equal(requesterOf(source), null)
  t.ok(isSameActor('Anna  B', 'anna b '))
  t.notOk(isSameActor('anna', null))
  t.same(distinctPeople(['anna', 'Anna ', 'bert']), ['anna', 'bert'])
})

const freeze = (more: Partial<Freeze> = {}): Freeze => ({
  id: 'f',
  scope: 'all',
  reason: 'r',
  actor: 'a',
  request_id: null,
  created_at: NOW,
  starts_at: NOW,
  ends_at: null,
  window: null,
  lifted_at: null,
  lifted_by: null,
  ...more
})

t.test('freezes: scopes, times, windows, and what cannot be read', async (t) => {
  const effect = { agent: 'pricer', class: 'price_change' as const }
  const holds = (scope: string): boolean => freezeFor([freeze({ scope: scope as Freeze['scope'] })], effect, NOW) !== undefined
  for (const scope of ['all', 'agent:pricer', 'class:price_change', 'class:theft', '', 'ALL', 'agent:Pricer', 'nonsense']) t.equal(holds(scope), true, scope)
  for (const scope of ['agent:other', 'class:refund']) t.equal(holds(scope), false, scope)
  for (const scope of ['all', 'agent:a1', 'class:refund']) t.ok(isFreezeScope(scope))
  for (const scope of ['', 'agent:', 'agent:A', 'class:', 'class:all', 'all ', 'agent:a\n']) t.notOk(isFreezeScope(scope), scope)

  t.equal(isActive(freeze(), NOW), true)
  t.equal(isActive(freeze(), NOW - 1_000), true, 'for a process whose clock is slow, too')
  t.equal(isActive(freeze({ starts_at: NOW + 10 }), NOW + 9), false)
  t.equal(isActive(freeze({ starts_at: NOW + 10 }), NOW + 10), true)
  t.equal(isActive(freeze({ ends_at: NOW + 10 }), NOW + 9), true)
  t.equal(isActive(freeze({ ends_at: NOW + 10 }), NOW + 10), false)
  t.equal(isActive(freeze({ lifted_at: NOW }), NOW), false)

  // Every day from 08:00 UTC for 30 minutes; NOW is 08:00.
  const daily = { cron: '0 8 * * *', timezone: 'UTC', minutes: 30 }
  const inWindow = (at: number, window: unknown = daily): boolean => isActive(freeze({ created_at: 0, starts_at: 0, window: window as Freeze['window'] }), at)
  t.same([-1, 0, 30 * 60_000 - 1, 30 * 60_000].map((offset) => inWindow(NOW + offset)), [false, true, true, false])
  t.equal(inWindow(NOW - 1, { ...daily, minutes: 24 * 60 }), true, 'as long as its period: always')
  // Saturday to Monday morning across the change to summer time in Berlin, 2026-03-29.
  const weekend = { cron: '0 0 * * 6', timezone: 'Europe/Berlin', minutes: 48 * 60 }
  t.equal(inWindow(Date.UTC(2026, 2, 29, 22, 30), weekend), true)
  t.equal(inWindow(Date.UTC(2026, 2, 29, 23, 30), weekend), false)
  for (const bad of [{}, { cron: 'x' }, { ...daily, cron: '99 * * * *' }, { ...daily, timezone: 'Nowhere/City' }, { cron: daily.cron, timezone: 'UTC' },
    { ...daily, minutes: 'many' }, 5, 'text', []]) {
    t.equal(inWindow(NOW + 12 * HOUR, bad), true, `${JSON.stringify(bad)}: one that cannot be read holds`)
  }
  t.equal(windowFault(daily, NOW), undefined)
  t.type(windowFault({ ...daily, cron: 'x' }, NOW), 'string')
  t.type(windowFault({ ...daily, timezone: 'x' }, NOW), 'string')
})
