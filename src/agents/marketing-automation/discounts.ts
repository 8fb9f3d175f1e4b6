// Discount codes with limits: when they run, for which products, and what they can cost.
import type { Variant } from '../../core/commerce.ts'
import { compareMoney, multiplyMoney, scaleMoney, subtractMoney, sumMoney, type Money } from '../../core/money.ts'
import type { DraftOf } from '../../core/effects/proposal.ts'
import type { PriceLimits } from '../../core/shop-history.ts'
import { addDays, dayOf, startOf, weekdayOf } from '../shop/days.ts'
import { count as counted, figure } from '../wording.ts'
import type { Campaign } from './campaigns.ts'

/** Shopify takes at most so many products for a code. */
const PRODUCTS_AT_MOST = 250
const WEEK = 7
const REST_WEEKS = 4

export interface CodePlan {
  code: string
  starts_at: number
  ends_at: number
}

/**
 * Codes begin with the week, so that a plan that waits stays the same for a week. The first is the code of this week; the others are those of
 * earlier weeks that may still run, or ended so short ago that no new one should follow: whoever gets one code after the other waits for them.
 */
export const codesFor = (
  { mark, offer }: Pick<Campaign, 'mark' | 'offer'>, { now, timeZone, days }: { now: number, timeZone: string, days: number }
): CodePlan[] => {
  const today = dayOf(now, timeZone)
  const monday = addDays(today, -weekdayOf(today))
  return Array.from({ length: Math.ceil((days + WEEK) / WEEK) + REST_WEEKS }, (_, weeks) => {
    const begin = addDays(monday, -WEEK * weeks)
    return {
      // The percentage is in the name: a code that was found tells what it takes off.
      code: `REO-${mark}${Math.round(100 * (offer?.percentage ?? 0))}-${begin.replaceAll('-', '')}`,
      starts_at: startOf(begin, timeZone),
      ends_at: startOf(addDays(begin, WEEK + days), timeZone)
    }
  })
}

export interface Discountable {
  /** The most sold ones, by id. */
  products: string[]
  left_out: { unknown_cost: number, unknown_vat: number, below_floor: number, not_enrolled: number, other_currency: number, over_the_limit: number }
}

/** The products of which every variant stays at or above its floor with the discount. An unknown cost is a refusal, not a default. */
export const discountable = (
  products: Iterable<readonly Variant[]>, percentage: number, limits: PriceLimits, currency: string, soldOf: (productId: string) => number
): Discountable => {
  const left = { unknown_cost: 0, unknown_vat: 0, below_floor: 0, not_enrolled: 0, other_currency: 0, over_the_limit: 0 }
  const fit: string[] = []
  for (const variants of products) {
    const reason = variants.map((variant) => hindranceOf(variant, percentage, limits, currency)).find((found) => found !== null)
    if (reason !== undefined && reason !== null) left[reason] += 1
    else fit.push(variants[0]!.product_id)
  }
  fit.sort((a, b) => soldOf(b) - soldOf(a) || (a < b ? -1 : 1))
  left.over_the_limit = Math.max(0, fit.length - PRODUCTS_AT_MOST)
  // In the order of the ids: what sells best changes daily, and a plan that waits should not.
  return { products: fit.slice(0, PRODUCTS_AT_MOST).sort(), left_out: left }
}

const hindranceOf = (
  variant: Variant, percentage: number, limits: PriceLimits, currency: string
): Exclude<keyof Discountable['left_out'], 'over_the_limit'> | null => {
  if (!limits.enrolled(variant)) return 'not_enrolled'
  if (variant.price.currency !== currency || (variant.unit_cost !== null && variant.unit_cost.currency !== currency)) return 'other_currency'
  const floor = limits.floor(variant.unit_cost)
  // The floor of a known cost is unknown for one reason: the shop shows prices with tax, and the policy names none.
  if (floor === null) return variant.unit_cost === null ? 'unknown_cost' : 'unknown_vat'
  const reduced = subtractMoney(variant.price, scaleMoney(variant.price, String(percentage), '1', 'up'))
  return compareMoney(reduced, floor) < 0 ? 'below_floor' : null
}

/** Goods of an average order, after discounts and before returns, rounded to the coin; null: none of them has ordered. */
export const averageOrderOf = (buyers: Iterable<{ orders: readonly number[], ordered: Money }>, currency: string): { value: Money, orders: number } | null => {
  let orders = 0
  const sums: Money[] = []
  for (const buyer of buyers) {
    orders += buyer.orders.length
    sums.push(buyer.ordered)
  }
  return orders === 0 ? null : { value: scaleMoney(sumMoney(sums, currency), '1', String(orders), 'up'), orders }
}

interface Terms {
  campaign: Campaign & { offer: NonNullable<Campaign['offer']> }
  plan: CodePlan
  segmentId: string
  discountable: Discountable
  average: { value: Money, orders: number }
  reached: number
  held: number
  maxUses: number
  timeZone: string
}

export const discountProposal = (
  { campaign, plan, segmentId, discountable: { products, left_out: left }, average, reached, held, maxUses, timeZone }: Terms
): DraftOf<'discount_code'> => {
  const { percentage } = campaign.offer
  const { currency } = average.value
  const uses = Math.max(1, Math.min(reached, maxUses))
  const perUse = scaleMoney(average.value, String(percentage), '1', 'up')
  // Half an average order: below that the discount would cost more than it can bring back.
  const minimum = scaleMoney(average.value, '0.5', '1', 'up', 0)
  const atRisk = multiplyMoney(perUse, uses)
  const lastDay = dayOf(plan.ends_at - 1, timeZone)
  return {
    class: 'discount_code',
    key: `discount:${campaign.id}`,
    title: `Make the code ${plan.code}: ${figure(100 * percentage)} % for the segment “${campaign.segment}” until ${lastDay}.`,
    rationale: [
      campaign.because,
      `${counted(reached, 'consenting contact')} would hear of it; ${figure(held)} more are held out to measure by.`,
      `Once a customer, at most ${counted(uses, 'time')}: the smaller of ${figure(reached)} contacts and the limit of ${figure(maxUses)}. ` +
        'Not with other discounts.',
      `An average order of these customers is ${average.value.amount} ${currency} (${counted(average.orders, 'order')}). One use costs about ` +
        `${average.value.amount} x ${figure(100 * percentage)} % = ${perUse.amount} ${currency}, all uses ${perUse.amount} x ${uses} = ` +
        `${atRisk.amount} ${currency}.`,
      `From an order value of ${minimum.amount} ${currency}: half an average order, rounded up.`,
      `${counted(products.length, 'product')} stay at or above the floor with it. Left out: ${left.unknown_cost} of unknown cost, ` +
        `${left.unknown_vat} because the policy names no VAT, ` +
        `${left.below_floor} below the floor, ${left.not_enrolled} not enrolled, ${left.other_currency} in another currency, ` +
        `${left.over_the_limit} over Shopify's limit.`,
      'Whether it brings more than it costs is not known before: compare the buyers among the contacts and among the held-out ones afterwards.'
    ],
    items: [{
      code: plan.code,
      title: `reo: ${campaign.id} ${dayOf(plan.starts_at, timeZone)}`.slice(0, 200),
      percentage,
      product_ids: products,
      segment_ids: [segmentId],
      starts_at: plan.starts_at,
      ends_at: plan.ends_at,
      usage_limit: uses,
      once_per_customer: true,
      minimum_subtotal: minimum.amount,
      currency,
      cost_per_use: perUse.amount
    }],
    evidence: { campaign: campaign.id, reached, hold_out: held, average_order: average.value.amount, orders: average.orders, left_out: { ...left } },
    expected_gain: null
  }
}
