// Puts planned prices into proposals, one a product, with the arithmetic that a person can follow.
import type { DraftOf } from '../../core/effects/proposal.ts'
import type { Money } from '../../core/money.ts'
import { amountOf } from '../shop/coins.ts'
import { count, figure, listed, oneLine } from '../wording.ts'
import type { PricePoint } from './articles.ts'
import type { PlannedChange, PlanTerms } from './plan.ts'
import type { Method } from './schemas.ts'

const MOST_ITEMS = 100
const SHOWN_POINTS = 8

export interface ProductPlan {
  product_id: string
  /** The highest gain first. */
  changes: PlannedChange[]
  /** Together, in coins. */
  point: number
  lower: number
}

/** The highest expected gain first. */
export const byProduct = (changes: readonly PlannedChange[]): ProductPlan[] => {
  const plans = new Map<string, ProductPlan>()
  for (const change of changes) {
    const id = change.article.product_id
    const plan = plans.get(id) ?? { product_id: id, changes: [], point: 0, lower: 0 }
    plans.set(id, plan)
    plan.changes.push(change)
    plan.point += change.gain.point
    plan.lower += change.gain.lower
  }
  for (const plan of plans.values()) plan.changes.sort((a, b) => b.gain.point - a.gain.point)
  return [...plans.values()].sort((a, b) => b.point - a.point || (a.product_id < b.product_id ? -1 : 1))
}

export const moneyOf = (coins: number, currency: string): Money => ({ amount: amountOf(Math.round(coins), currency), currency })

const METHOD_WORDS: Record<Method, string> = {
  elasticity: 'what its own prices of the past tell about demand',
  stock_out_risk: 'it runs out before the days ahead are over',
  overstock: 'there is far more of it than sells',
  competitor_gap: 'competitors ask for another price'
}

export const draftOf = (plan: ProductPlan, terms: PlanTerms): DraftOf<'price_change'> => {
  const { currency } = terms
  const title = oneLine(plan.changes[0]!.article.variants[0]!.product_title, 120)
  const steps = plan.changes.map(({ article, price }) => `${amountOf(article.price, currency)} to ${amountOf(price, currency)} ${currency}`)
  const items = plan.changes.flatMap((change) => itemsOf(change, currency)).slice(0, MOST_ITEMS)
  return {
    class: 'price_change',
    key: `price:${plan.product_id}`,
    title: `Price of “${title}” from ${listed([...new Set(steps)].slice(0, 3))}`,
    rationale: plan.changes.flatMap((change) => rationaleOf(change, terms)),
    items,
    evidence: {
      history_as_of: new Date(terms.now).toISOString(),
      horizon_days: terms.input.horizon_days,
      caution: terms.input.caution,
      articles: plan.changes.map((change) => evidenceOf(change, currency))
    },
    expected_gain: moneyOf(plan.point, currency)
  }
}

const itemsOf = ({ article, variants, price, compareAt }: PlannedChange, currency: string): DraftOf<'price_change'>['items'] =>
  variants.map(({ variant }) => ({
    product_id: variant.product_id,
    variant_id: variant.id,
    sku: variant.sku === null || variant.sku === '' ? null : variant.sku.slice(0, 200),
    title: oneLine(
      variant.title === 'Default Title' || variant.title === '' ? variant.product_title : `${variant.product_title}, ${variant.title}`, 300
    ) || variant.id,
    currency,
    expected_price: amountOf(article.price, currency),
    price: amountOf(price, currency),
    expected_compare_at_price: article.compareAt === null ? null : amountOf(article.compareAt, currency),
    compare_at_price: compareAt.coins === null ? null : amountOf(compareAt.coins, currency)
  }))

const two = (value: number): string => value.toFixed(2)

const rationaleOf = (change: PlannedChange, terms: PlanTerms): string[] => {
  const { article, variants, kept, method, price, compareAt, gain, elasticity, rate, stock, coverDays, competitor } = change
  const { currency, input, limits } = terms
  const money = (coins: number): string => `${amountOf(Math.round(coins), currency)} ${currency}`
  const percent = figure((price / article.price - 1) * 100)
  const first = variants[0]!
  const cost = first.variant.unit_cost!
  const factor = (price / article.price) ** -elasticity.mean
  const points = article.pricePoints
  const pointText = (point: PricePoint): string => `${money(point.price)}: ${figure(point.units)} units in ${figure(point.days)} days`
  const lines = [
    `${money(article.price)} to ${money(price)} (${percent} %) for ${count(variants.length, 'variant')}: ${METHOD_WORDS[method]}.`,
    `Floor ${first.floor.amount} ${currency}: (cost ${cost.amount} + sending ${limits.shipping_per_unit} + fees ${limits.fees_per_unit}) with VAT of ` +
      `${figure(limits.vat * 100)} % and the minimum margin.`,
    `Sells ${two(rate.mean)} units a day at the current price (${count(rate.purchases, 'purchase')} of the last 180 days without promotions, ` +
      `the days ahead at ${two(rate.season)} times the last four weeks).`,
    `Elasticity ${two(elasticity.mean)} (uncertain by ${two(elasticity.sd)}): at the new price ${two(factor)} times as many units. ` +
      (method === 'elasticity'
        ? `Own prices: ${points.slice(0, SHOWN_POINTS).map(pointText).join('; ')}.`
        : `It has ${count(points.length, 'price')} of its own on record, fewer than 3: the elasticity is that of its type and the shop.`),
    `Over ${input.horizon_days} days: gross profit ${money(gain.current.profit)} now, ${money(gain.planned.profit)} then (${figure(gain.current.units)} and ` +
      `${figure(gain.planned.units)} units${stock === null ? '' : `; ${figure(stock)} in stock`}); expected gain ${money(gain.point)}, ` +
      `at the least ${money(gain.lower)}.`
  ]
  const holding = gain.planned.holding - gain.current.holding
  if (Math.abs(holding) >= 0.5) {
    lines.push(`Of that gain ${money(holding)} is what keeping stock costs (${figure(input.holding_cost_per_year * 100)} % of its cost a year, ` +
      `an assumption; it lasts ${figure(coverDays ?? 0)} days at the current rate).`)
  }
  if (competitor !== null) {
    lines.push(`Competitors: median ${money(competitor.median)}, lowest ${money(competitor.lowest)} (${count(competitor.competitors, 'price')}, the oldest ` +
      `seen ${new Date(competitor.oldest).toISOString().slice(0, 10)}).`)
  }
  if (compareAt.note !== null) lines.push(compareAt.note)
  if (kept.length > 0) {
    const reasons = new Map<string, number>()
    for (const { reason } of kept) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    lines.push(`Other variants of the same price keep it: ${listed([...reasons].map(([reason, amount]) => `${amount} ${reason.replaceAll('_', ' ')}`))}.`)
  }
  return lines
}

const evidenceOf = ({ article, method, price, gain, elasticity, rate, stock, coverDays }: PlannedChange, currency: string) => ({
  method,
  price: amountOf(article.price, currency),
  new_price: amountOf(price, currency),
  elasticity: { mean: round(elasticity.mean), sd: round(elasticity.sd) },
  rate: { units_a_day: round(rate.mean), sd_of_log: round(rate.sd), purchases: rate.purchases },
  price_points: article.pricePoints.slice(0, SHOWN_POINTS).map((point) => ({ ...point, price: amountOf(point.price, currency) })),
  stock,
  cover_days: coverDays === null ? null : Math.round(coverDays),
  gross_profit: { now: { ...moneyOf(gain.current.profit, currency) }, then: { ...moneyOf(gain.planned.profit, currency) } },
  gain: { point: { ...moneyOf(gain.point, currency) }, lower: { ...moneyOf(gain.lower, currency) } }
})

const round = (value: number): number => Math.round(value * 1_000) / 1_000
