// The owner's rules on what agents may change: typed, with a default that lets nothing go without a person.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { EFFECT_CLASSES, type EffectClass } from './items.ts'
import { priceFloor } from './price-floor.ts'
import { compareMoney, type Money } from '../money.ts'
import type { PriceLimits } from '../shop-history.ts'

const Amount = Type.String({ pattern: '^[0-9]{1,14}(\\.[0-9]{1,4})?$', description: 'Decimal text in the currency of the shop.', examples: ['250.00'] })
const Fraction = Type.String({ pattern: '^0(\\.[0-9]{1,6})?$|^1(\\.0{1,6})?$', description: 'A fraction as decimal text: `0.1` is 10 %.', examples: ['0.1'] })

/** Strictness grows from left to right. */
export const VERDICTS = ['auto', 'approve', 'two_person', 'block'] as const
export type VerdictWord = typeof VERDICTS[number]

const RuleSchema = Type.Object({
  // The pattern is for TypeBox, which does not look at `enum`.
  decision: Type.Unsafe<VerdictWord>(Type.String({
    enum: [...VERDICTS],
    pattern: `^(?:${VERDICTS.join('|')})$`,
    description: 'What a change of this class needs when no limit says more: `auto` nothing, `approve` a person, `two_person` two, `block` it is not made.'
  })),
  max_items: Type.Integer({ minimum: 0, maximum: 100, description: 'Changes in one proposal.' }),
  max_items_per_day: Type.Integer({ minimum: 0, maximum: 100_000, description: 'Changes of one agent within 24 hours.' }),
  max_at_risk: Type.Union([Amount, Type.Null()], { description: 'Money at risk in one proposal beyond which nothing is done; null: no limit.' }),
  two_person_from: Type.Union([Amount, Type.Null()], { description: 'Money at risk from which two people have to approve; null: never.' })
}, { additionalProperties: false })

export type ClassRule = Static<typeof RuleSchema>

const PartialRule = Type.Partial(RuleSchema)
const ofClasses = <T extends TSchema>(schema: T) => Object.fromEntries(EFFECT_CLASSES.map((name) => [name, schema])) as Record<EffectClass, T>

const PriceRules = Type.Object({
  minimum_margin: Fraction,
  vat: Type.Union([Fraction, Type.Null()], {
    description: 'In the prices of the shop; null: not told. Shops that show prices with tax need it: without it no floor is known.'
  }),
  shipping_per_unit: Amount,
  fees_per_unit: Amount,
  max_change_day: Fraction,
  max_change_30_days: Fraction,
  cooldown_hours: Type.Number({ minimum: 0, maximum: 24 * 30 }),
  enrolled_skus: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
    maxItems: 20_000, description: 'Prices of these SKUs may be changed; a `*` at the end stands for anything.', examples: [['RE-HAL-*']]
  })
}, { additionalProperties: false })

export const PolicySchema = Type.Object({
  classes: Type.Object(ofClasses(RuleSchema), { additionalProperties: false }),
  agents: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_]{1,63}$' }), Type.Partial(Type.Object(ofClasses(PartialRule), { additionalProperties: false })), {
    description: 'Stricter or wider rules for one agent, by class.'
  }),
  price: PriceRules,
  refund: Type.Object({ max_amount: Amount }, { additionalProperties: false }),
  discount: Type.Object({ max_percentage: Fraction, max_days: Type.Integer({ minimum: 1, maximum: 366 }) }, { additionalProperties: false }),
  purchase_order: Type.Object({
    max_value: Type.Union([Amount, Type.Null()], { description: 'Of one line of an order; the whole is held by `max_at_risk` and `two_person_from`.' })
  }, { additionalProperties: false })
}, { additionalProperties: false })

export type Policy = Static<typeof PolicySchema>

export interface StoredPolicy {
  /** 0: the built-in one. */
  version: number
  at: number
  actor: string
  reason: string | null
  policy: Policy
}

const rule = (decision: VerdictWord, limits: Partial<ClassRule> = {}): ClassRule =>
  ({ decision, max_items: 100, max_items_per_day: 500, max_at_risk: null, two_person_from: null, ...limits })

/** Nobody decided anything yet: people approve everything, no SKU is enrolled, and no VAT is known. */
export const DEFAULT_POLICY: Policy = {
  classes: {
    price_change: rule('approve', { max_items: 50, max_items_per_day: 200, max_at_risk: '5000', two_person_from: '2000' }),
    order_hold: rule('approve'),
    order_tag: rule('auto'),
    order_note: rule('auto'),
    order_cancel: rule('approve', { max_at_risk: '5000' }),
    refund: rule('two_person', { max_items: 10, max_items_per_day: 50, max_at_risk: '1000' }),
    discount_code: rule('approve', { max_items: 5, max_items_per_day: 10, max_at_risk: '2000', two_person_from: '1000' }),
    segment: rule('auto', { max_items: 20, max_items_per_day: 50 }),
    draft_product: rule('approve', { max_items: 20, max_items_per_day: 50 }),
    recommendation: rule('auto', { max_items_per_day: 5_000 }),
    purchase_order: rule('approve', { two_person_from: '10000' }),
    campaign_draft: rule('approve'),
    reply_draft: rule('approve')
  },
  agents: {},
  price: {
    minimum_margin: '0.1',
    vat: null,
    shipping_per_unit: '0',
    fees_per_unit: '0',
    max_change_day: '0.1',
    max_change_30_days: '0.2',
    cooldown_hours: 6,
    enrolled_skus: []
  },
  refund: { max_amount: '500' },
  discount: { max_percentage: '0.2', max_days: 31 },
  purchase_order: { max_value: '20000' }
}

/** The rule for a class as it holds for an agent. */
export const ruleOf = (policy: Policy, agent: string, effectClass: EffectClass): ClassRule =>
  ({ ...policy.classes[effectClass], ...policy.agents[agent]?.[effectClass] })

export const isEnrolled = (policy: Policy, sku: string | null): boolean => sku !== null && policy.price.enrolled_skus.some((pattern) =>
  pattern.endsWith('*') ? sku.startsWith(pattern.slice(0, -1)) : sku === pattern)

/** The least that a unit may be sold for; null when the cost or the tax in it is not known: then no price is set. */
export const floorOf = ({ price }: Policy, cost: Money | null, taxesIncluded: boolean): Money | null => {
  const vat = taxesIncluded ? price.vat : '0'
  return vat === null ? null : priceFloor(cost, { ...price, vat })
}

export const priceLimitsOf = (policy: Policy, taxesIncluded: boolean): PriceLimits => ({
  floor: (cost) => floorOf(policy, cost, taxesIncluded),
  max_change_day: Number(policy.price.max_change_day),
  max_change_30_days: Number(policy.price.max_change_30_days),
  cooldown_ms: policy.price.cooldown_hours * 3_600_000,
  enrolled: ({ sku }) => isEnrolled(policy, sku),
  vat: taxesIncluded ? Number(policy.price.vat ?? 0) : 0,
  shipping_per_unit: policy.price.shipping_per_unit,
  fees_per_unit: policy.price.fees_per_unit
})

/** Strictest of several. */
export const strictest = (words: Iterable<VerdictWord>): VerdictWord =>
  VERDICTS[Math.max(0, ...[...words].map((word) => VERDICTS.indexOf(word)))]!

export const exceeds = (amount: Money, limit: string | null): boolean =>
  limit !== null && compareMoney(amount, { amount: limit, currency: amount.currency }) > 0
