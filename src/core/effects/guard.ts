// What the policy says of a plan, by what is so in the shop now. It believes nothing that the plan says of the shop.
import { compareMoney, fractionDigits, multiplyMoney, scaleMoney, subtractMoney, sumMoney, type Money } from '../money.ts'
import type { EffectClass, EffectItem } from './items.ts'
import { exceeds, floorOf, isEnrolled, ruleOf, strictest, type ClassRule, type Policy, type VerdictWord } from './policy.ts'

/** A price that this system set before. Times are milliseconds since the epoch. */
export interface PastPrice {
  at: number
  from: string
  to: string
}

/** What the guard has to know of a change beyond the plan, freshly read; what is missing is unknown, and unknown never passes. */
export interface Facts {
  /** Of the shop: amounts in another one are refused. */
  currency: string
  taxes_included: boolean
  variant?: {
    sku: string | null
    price: Money
    compare_at_price: Money | null
    unit_cost: Money | null
    /** Null: not counted. */
    available: number | null
    /** Changes of the last 30 days, oldest first. */
    past: PastPrice[]
  }
  /** Variants that a discount code would make cheaper, by what stands in its way. */
  discounted?: { variants: number, below_floor: number, unknown_floor: number }
}

export interface Usage {
  /** Changes of this class that the agent made within the last 24 hours. */
  items_today: number
  /** Of the same proposal, made before these: what is judged in pieces is limited as a whole. */
  made?: { items: number, at_risk: Array<Money | null> }
}

export interface ItemVerdict {
  decision: VerdictWord
  /** For people; empty when nothing but the rule of the class decides. */
  reasons: string[]
}

export interface Verdict extends ItemVerdict {
  items: ItemVerdict[]
  /** Null: it cannot be told. */
  at_risk: Money | null
}

export interface Plan {
  agent: string
  class: EffectClass
  items: EffectItem[]
}

const DAY = 86_400_000

/** @param facts one for each item; undefined where they could not be read, which blocks the item. */
export const evaluate = (policy: Policy, plan: Plan, facts: Array<Facts | undefined>, usage: Usage, now: number): Verdict => {
  const rule = ruleOf(policy, plan.agent, plan.class)
  const risks: Array<Money | null> = []
  const items = plan.items.map((item, index): ItemVerdict => {
    const known = facts[index]
    if (known === undefined) return { decision: 'block', reasons: ['What the shop has now could not be read.'] }
    const { problems, risk } = judge(policy, plan.class, item, known, now)
    if (problems.length > 0) return { decision: 'block', reasons: problems }
    risks.push(risk)
    return { decision: rule.decision, reasons: rule.decision === 'block' ? ['The policy blocks this class of effect.'] : [] }
  })
  const open = items.filter(({ decision }) => decision !== 'block')
  const { made = { items: 0, at_risk: [] } } = usage
  const whole = ofWhole(rule, { changes: open.length, made: made.items, risks: [...made.at_risk, ...risks], usage })
  if (open.length > 0 && whole.decision !== 'auto') {
    for (const item of open) item.decision = strictest([item.decision, whole.decision])
  }
  const decision = open.length === 0 ? 'block' : strictest(open.map((item) => item.decision))
  return { decision, reasons: whole.reasons, items, at_risk: risks.includes(null) ? null : totalOf(risks) }
}

/** Limits on the proposal as a whole. */
const ofWhole = (
  rule: ClassRule, { changes, made, risks, usage }: { changes: number, made: number, risks: Array<Money | null>, usage: Usage }
): ItemVerdict => {
  const found: Array<[VerdictWord, string]> = []
  if (made + changes > rule.max_items) found.push(['block', `${made + changes} changes in one proposal; at most ${rule.max_items} are allowed.`])
  if (usage.items_today + changes > rule.max_items_per_day) {
    found.push(['block', `${usage.items_today} changes within 24 hours and ${changes} more; at most ${rule.max_items_per_day} are allowed.`])
  }
  if (changes > 0 && risks.includes(null)) found.push(['approve', 'The money at risk is not known.'])
  // One change of which it is not known does not open the limit for the others.
  const atRisk = totalOf(risks)
  if (atRisk !== null) {
    const sum = `${atRisk.amount} ${atRisk.currency}`
    if (exceeds(atRisk, rule.max_at_risk)) found.push(['block', `${sum} at risk; at most ${rule.max_at_risk!} is allowed.`])
    else if (rule.two_person_from !== null && compareMoney(atRisk, { amount: rule.two_person_from, currency: atRisk.currency }) >= 0) {
      found.push(['two_person', `${sum} at risk: from ${rule.two_person_from} two people have to approve.`])
    }
  }
  return { decision: strictest(found.map(([word]) => word)), reasons: found.map(([, reason]) => reason) }
}

/** What the changes that were made already had put at risk. @param facts one for each item, as for `evaluate` */
export const atRiskOf = (effectClass: EffectClass, items: EffectItem[], facts: Array<Facts | undefined>): Array<Money | null> =>
  items.map((item, index) => riskOf(effectClass, item, facts[index]))

const riskOf = (effectClass: EffectClass, item: EffectItem, known: Facts | undefined): Money | null => {
  if (known === undefined) return null
  const { currency } = known
  switch (effectClass) {
    case 'price_change': {
      const { expected_price: from, price: to } = item as EffectItem<'price_change'>
      return stakeOf({ amount: from, currency }, { amount: to, currency }, known.variant?.available ?? null)
    }
    case 'refund': return { amount: (item as EffectItem<'refund'>).expected_total, currency }
    case 'discount_code': {
      const { cost_per_use: cost, usage_limit: uses } = item as EffectItem<'discount_code'>
      return multiplyMoney({ amount: cost, currency }, uses)
    }
    case 'purchase_order': {
      const { unit_cost: cost, quantity } = item as EffectItem<'purchase_order'>
      return cost === null ? null : multiplyMoney({ amount: cost, currency }, quantity)
    }
    case 'order_cancel': return { amount: (item as EffectItem<'order_cancel'>).total, currency }
    default: return { amount: '0', currency }
  }
}

/** What is given away, or not sold, if all that is in stock goes at the new price. */
const stakeOf = (from: Money, to: Money, available: number | null): Money | null =>
  available === null ? null : multiplyMoney(absolute(subtractMoney(to, from)), Math.max(0, Math.trunc(available)))

/** Of those that are known; null when none is. */
const totalOf = (risks: Array<Money | null>): Money | null => {
  const known = risks.filter((risk) => risk !== null)
  return known[0] === undefined ? null : sumMoney(known, known[0].currency)
}

interface Judgement {
  problems: string[]
  risk: Money | null
}

const judge = (policy: Policy, effectClass: EffectClass, item: EffectItem, facts: Facts, now: number): Judgement => {
  const own = 'currency' in item ? item.currency : facts.currency
  if (own !== facts.currency) return { problems: [`It is in ${own}, the shop in ${facts.currency}.`], risk: null }
  const risk = riskOf(effectClass, item, facts)
  switch (effectClass) {
    case 'price_change': return judgePrice(policy, item as EffectItem<'price_change'>, facts, now)
    case 'refund': return { problems: refundProblems(policy, item as EffectItem<'refund'>), risk }
    case 'discount_code': return { problems: discountProblems(policy, item as EffectItem<'discount_code'>, facts, now), risk }
    case 'purchase_order': return { problems: orderProblems(policy, risk), risk }
    default: return { problems: [], risk }
  }
}

const judgePrice = (policy: Policy, item: EffectItem<'price_change'>, { variant, taxes_included: taxed, currency }: Facts, now: number): Judgement => {
  if (variant === undefined) return { problems: ['The variant could not be read.'], risk: null }
  const { price: rules } = policy
  const problems: string[] = []
  const target = { amount: item.price, currency }
  if (variant.price.currency !== currency) return { problems: [`Its price is in ${variant.price.currency}, the shop in ${currency}.`], risk: null }
  if ([item.price, item.compare_at_price].some((amount) => amount !== null && !isWhole({ amount, currency }))) {
    problems.push(`A price in ${currency} has at most ${fractionDigits(currency)} decimals.`)
  }
  if (!isEnrolled(policy, variant.sku)) problems.push(`The SKU ${variant.sku ?? '(none)'} is not enrolled.`)
  problems.push(...floorProblems(policy, item, { variant, taxes_included: taxed, currency }))
  for (const [word, span, most] of [['a day', DAY, rules.max_change_day], ['30 days', 30 * DAY, rules.max_change_30_days]] as const) {
    const base = { amount: variant.past.find(({ at }) => at > now - span)?.from ?? variant.price.amount, currency }
    if (isBeyond(target, base, most)) problems.push(`From ${base.amount} to ${item.price} is more than ${percent(most)} within ${word}.`)
    // Somebody else may have moved the price meanwhile: the step from where it is now is a change of this day as well.
    else if (isBeyond(target, variant.price, most)) problems.push(`From ${variant.price.amount} to ${item.price} is more than ${percent(most)} within ${word}.`)
  }
  const last = variant.past.at(-1)
  const rest = last === undefined ? 0 : last.at + rules.cooldown_hours * 3_600_000 - now
  if (rest > 0) problems.push(`Its price was changed less than ${rules.cooldown_hours} hours ago.`)
  const before = item.compare_at_price
  if (before !== null && before !== item.expected_compare_at_price) {
    // The price that a discount is shown against is the lowest one of the last 30 days (Directive 98/6/EC, article 6a).
    const lowest = [variant.price.amount, ...variant.past.filter(({ at }) => at > now - 30 * DAY).flatMap(({ from, to }) => [from, to])]
      .map((amount) => ({ amount, currency })).reduce((a, b) => compareMoney(a, b) <= 0 ? a : b)
    if (compareMoney({ amount: before, currency }, lowest) > 0) {
      problems.push(`A price before of ${before} is above the lowest one known of 30 days, ${lowest.amount}.`)
    }
    if (compareMoney({ amount: before, currency }, target) <= 0) problems.push(`A price before of ${before} is not above ${item.price}.`)
  }
  return { problems, risk: stakeOf(variant.price, target, variant.available) }
}

/** What the floor says against a price; it holds for the undoing of a change as well. Empty: nothing. */
export const floorProblems = (policy: Policy, item: EffectItem<'price_change'>, { variant, taxes_included: taxed, currency }: Facts): string[] => {
  if (variant === undefined) return ['The variant could not be read.']
  const cost = variant.unit_cost
  const floor = cost !== null && cost.currency !== currency ? null : floorOf(policy, cost, taxed)
  if (floor === null) return [cost === null ? 'Its cost is not known, so its floor is not.' : 'Its floor is not known: the policy names no VAT.']
  return compareMoney({ amount: item.price, currency }, floor) < 0 ? [`${item.price} is below its floor of ${floor.amount} ${currency}.`] : []
}

const refundProblems = (policy: Policy, { expected_total: amount, currency }: EffectItem<'refund'>): string[] => {
  const most = policy.refund.max_amount
  return exceeds({ amount, currency }, most) ? [`${amount} is more than the ${most} that may be given back.`] : []
}

const discountProblems = (policy: Policy, item: EffectItem<'discount_code'>, { discounted }: Facts, now: number): string[] => {
  const { max_percentage: most, max_days: days } = policy.discount
  const problems: string[] = []
  if (item.percentage > Number(most)) problems.push(`${percent(String(item.percentage))} is deeper than ${percent(most)}.`)
  if (item.ends_at <= item.starts_at || item.ends_at <= now) problems.push('It ends before it begins, or has ended already.')
  if (item.ends_at - Math.max(item.starts_at, now) > days * DAY) problems.push(`It runs for longer than ${days} days.`)
  if (discounted === undefined) problems.push('The products that it makes cheaper could not be read.')
  else {
    if (discounted.unknown_floor > 0) problems.push(`The floor of ${discounted.unknown_floor} of ${discounted.variants} variants is not known.`)
    if (discounted.below_floor > 0) problems.push(`${discounted.below_floor} of ${discounted.variants} variants would be sold below their floor.`)
  }
  return problems
}

const orderProblems = (policy: Policy, value: Money | null): string[] => {
  if (value === null) return ['Its cost is not known, so the value of the order is not.']
  const most = policy.purchase_order.max_value
  return exceeds(value, most) ? [`${value.amount} is more than the ${most!} that a line may cost.`] : []
}

/** Whether it can be paid in coins: the shop would round it. */
const isWhole = (money: Money): boolean => compareMoney(scaleMoney(money, '1', '1', 'down'), money) === 0

/** Whether the target is further from the base than this fraction of it. */
const isBeyond = (target: Money, base: Money, fraction: string): boolean =>
  compareMoney(absolute(subtractMoney(target, base)), scaleMoney(base, fraction, '1', 'down', 6)) > 0

const absolute = (money: Money): Money => money.amount.startsWith('-') ? { ...money, amount: money.amount.slice(1) } : money

const percent = (fraction: string): string => `${Number((Number(fraction) * 100).toFixed(2))} %`
