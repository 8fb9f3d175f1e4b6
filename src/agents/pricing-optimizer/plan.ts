// Decides on a price for each article: where the least that a change is expected to bring beats leaving it as it is, within all limits.
import type { Variant } from '../../core/commerce.ts'
import { compareMoney, type Money } from '../../core/money.ts'
import type { PriceLimits } from '../../core/shop-history.ts'
import { amountOf, coinsOf } from '../shop/coins.ts'
import { rateOf, sharesOf, stockOf, type Article, type ArticleSet, type Rate } from './articles.ts'
import type { CompetitorPrice } from './competitors.ts'
import { compareAtOf, type CompareAt } from './compare-at.ts'
import type { Belief } from './elasticity.ts'
import { candidatesBetween, type Habit } from './endings.ts'
import { gainOf, holdingOf, type Gain, type Offer } from './gain.ts'
import { lastChange, lowestOf30Days, pricesSince } from './price-record.ts'
import type { SalesRecord } from './sales-record.ts'
import type { Method, PricingInput, SkipReason } from './schemas.ts'

const DAY = 86_400_000
const HOUR = 3_600_000
const FEWEST_POINTS = 3
/** An article that is younger has no rate that could be relied on. */
const YOUNG_DAYS = 28
/** Competitors that differ by less do not differ. */
const LEAST_GAP = 0.03

export interface PlanTerms {
  input: PricingInput
  currency: string
  now: number
  /** Days since the epoch. */
  today: number
  limits: PriceLimits
  habit: Habit
  competitors: ReadonlyMap<string, CompetitorPrice>
  record: SalesRecord
}

export interface PlannedChange {
  article: Article
  /** Those whose price changes, and those that keep theirs, with the reason. */
  variants: Array<{ variant: Variant, floor: Money }>
  kept: Array<{ variant: Variant, reason: SkipReason }>
  method: Method
  /** In coins. */
  price: number
  compareAt: CompareAt
  gain: Gain
  elasticity: Belief
  rate: Rate
  /** Units to sell now and with what is on its way; null: not counted. */
  stock: number | null
  coverDays: number | null
  competitor: CompetitorPrice | null
}

export interface Decision {
  change: PlannedChange | null
  skipped: Array<{ reason: SkipReason, variants: number }>
}

export const decide = (article: Article, set: ArticleSet, terms: PlanTerms): Decision => {
  const { limits, currency } = terms
  const kept: PlannedChange['kept'] = []
  const variants: PlannedChange['variants'] = []
  for (const variant of article.variants) {
    const reason = refusalOf(variant, terms)
    if (reason !== null) kept.push({ variant, reason })
    // The floor of a known cost is known.
    else variants.push({ variant, floor: limits.floor(variant.unit_cost)! })
  }
  const skipped = countReasons(kept.map(({ reason }) => reason))
  const skip = (reason: SkipReason): Decision =>
    ({ change: null, skipped: variants.length === 0 ? skipped : [...skipped, { reason, variants: variants.length }] })
  if (variants.length === 0) return { change: null, skipped }
  if (article.sales.length === 0) return skip('never_sold')
  if (isYoung(article, terms)) return skip('too_little_history')
  if (changedRecently(article, terms)) return skip('changed_recently')

  const band = bandOf(article, terms)
  const floor = Math.max(...variants.map((one) => coinsAbove(one.floor, currency)))
  if (floor > band.high) return skip('floor_out_of_reach')
  const situation = situationOf(article, variants, set, terms)
  const goals = goalsOf(article, situation, set, terms)
  let best: PlannedChange | null = null
  let within = false
  for (const { method, low, high } of goals) {
    for (const price of candidatesBetween(Math.max(low, band.low, floor), Math.min(high, band.high), terms.habit)) {
      if (price === article.price) continue
      within = true
      const gain = gainOf(situation.offers, article.price, price, situation.elasticity, {
        days: terms.input.horizon_days, vat: limits.vat, caution: terms.input.caution
      })
      if (gain.lower <= (best?.gain.lower ?? 0)) continue
      best = { article, variants, kept, method, price, compareAt: { coins: null, note: null }, gain, ...situation }
    }
  }
  if (best === null) return skip(goals.length > 0 && !within ? 'no_price_within_limits' : 'no_certain_gain')
  const lowest = lowestOf30Days(article.sales, article.spans, article.price, terms.now, set.isPromoted(article.type))
  best.compareAt = compareAtOf({ current: article.price, planned: best.price, compareAt: article.compareAt, lowest, markdown: best.method === 'overstock' })
  return { change: best, skipped }
}

const countReasons = (reasons: SkipReason[]): Decision['skipped'] => {
  const counts = new Map<SkipReason, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts].map(([reason, variants]) => ({ reason, variants }))
}

/** Why the price of this variant is not touched whatever its article does. */
const refusalOf = (variant: Variant, { limits }: PlanTerms): SkipReason | null => {
  if (!limits.enrolled(variant)) return 'not_enrolled'
  // A unit that costs nothing is a field that nobody filled in.
  if (variant.unit_cost === null || Number(variant.unit_cost.amount) <= 0) return 'unknown_cost'
  // The floor of a known cost is unknown for one reason: the shop shows prices with tax, and the policy names none.
  if (limits.floor(variant.unit_cost) === null) return 'unknown_vat'
  const stock = stockOf(variant)
  return stock !== null && stock.now <= 0 ? 'out_of_stock' : null
}

const isYoung = ({ sales }: Article, { today }: PlanTerms): boolean => sales[0]!.day > today - YOUNG_DAYS

const changedRecently = ({ spans, price }: Article, { input, limits, now }: PlanTerms): boolean => {
  const change = lastChange(spans, price, now)
  return change !== null && change.until > now - Math.max(input.settle_days * DAY, limits.cooldown_ms)
}

/** The floor in coins: parts of a coin count as a whole one more. */
const coinsAbove = (floor: Money, currency: string): number => {
  const exact = coinsOf(floor.amount, currency)
  if (exact !== null) return exact
  const below = Math.floor(Number(floor.amount) * 10 ** String(amountOf(0, currency).split('.')[1] ?? '').length)
  return compareMoney({ amount: amountOf(below, currency), currency }, floor) < 0 ? below + 1 : below
}

/** Where a price may go: near enough to each one that stood within a day and within 30 days. */
const bandOf = ({ spans, price }: Article, { limits, now }: PlanTerms): { low: number, high: number } => {
  const days = pricesSince(spans, now - 30 * DAY, price)
  const day = pricesSince(spans, now - 24 * HOUR, price)
  const bounds = [
    ...day.map((one) => [one, limits.max_change_day] as const), ...days.map((one) => [one, limits.max_change_30_days] as const)
  ]
  // Rounded inwards, with room for what binary fractions cannot say.
  return {
    low: Math.max(1, ...bounds.map(([one, share]) => Math.ceil(one * (1 - share) + 1e-6))),
    high: Math.min(...bounds.map(([one, share]) => Math.floor(one * (1 + share) - 1e-6)))
  }
}

interface Situation {
  offers: Offer[]
  elasticity: Belief
  rate: Rate
  stock: number | null
  coverDays: number | null
  competitor: CompetitorPrice | null
}

/** The offers are those of the variants that change; rate, stock and cover are the whole article's. */
const situationOf = (article: Article, variants: PlannedChange['variants'], set: ArticleSet, terms: PlanTerms): Situation => {
  const { input, limits, currency, record, today } = terms
  const fit = set.fits.get(article.product_id)
  const elasticity = fit === undefined ? set.elasticities.ofType(article.type) : set.elasticities.ofProduct({ type: article.type, fit })
  const rate = rateOf(article, elasticity.mean, set.elasticities.dispersion, today, input.horizon_days)
  const shares = sharesOf(article, record, today)
  const stocks = article.variants.map(stockOf)
  const stock = stocks.some((one) => one === null) ? null : stocks.reduce((sum, one) => sum + Math.max(0, one!.now), 0)
  const beside = (coinsOf(limits.shipping_per_unit, currency) ?? 0) + (coinsOf(limits.fees_per_unit, currency) ?? 0)
  // Out of season a stock looks larger than it is: its yearly rate counts for the cover when that is higher.
  const yearly = yearlyRate(article, today)
  const offers = variants.map(({ variant }): Offer => {
    const i = article.variants.indexOf(variant)
    const own = rate.mean * shares[i]!
    const left = stocks[i]
    const cost = Number(variant.unit_cost!.amount) * 10 ** (amountOf(0, currency).split('.')[1]?.length ?? 0)
    const coverDays = left == null ? 0 : left.now / Math.max(1e-6, Math.max(own, yearly * shares[i]!))
    // Whatever is on its way cannot be taken off, but it will not lie for long before the horizon ends.
    return {
      rate: own,
      rateSd: rate.sd,
      stock: left == null ? null : left.ahead,
      cost: cost + beside,
      holding: coverDays > input.overstock_days ? holdingOf(cost, coverDays, input.holding_cost_per_year) : 0
    }
  })
  const skus = variants.map(({ variant }) => variant.sku === null ? undefined : terms.competitors.get(variant.sku)).filter((one) => one !== undefined)
  return {
    offers,
    elasticity,
    rate,
    stock,
    coverDays: stock === null ? null : stock / Math.max(1e-6, Math.max(rate.mean, yearly)),
    // The cheapest size of the competition speaks for the article, so that no size is pushed beyond it.
    competitor: skus.sort((a, b) => a.median - b.median)[0] ?? null
  }
}

const yearlyRate = ({ sales }: Article, today: number): number => {
  const days = Math.min(365, today - sales[0]!.day)
  return sales.reduce((sum, { day, units }) => day < today - days ? sum : sum + units, 0) / Math.max(1, days)
}

interface Goal {
  method: Method
  low: number
  high: number
}

/** Which prices are worth a thought, and why: all within the limits where an own elasticity is known, else what a rule says. */
const goalsOf = (article: Article, { competitor, coverDays, offers, rate }: Situation, set: ArticleSet, { input }: PlanTerms): Goal[] => {
  const { price } = article
  // Never raised beyond the middle of the competition.
  const most = competitor === null ? Infinity : Math.max(price, competitor.median)
  const step = input.rule_step
  if (article.pricePoints.length >= FEWEST_POINTS && set.fits.has(article.product_id)) return [{ method: 'elasticity', low: 0, high: most }]
  const goals: Goal[] = []
  const short = offers.every(({ stock }) => stock !== null) &&
    offers.reduce((sum, { stock }) => sum + stock!, 0) < offers.reduce((sum, one) => sum + one.rate, 0) * input.horizon_days
  if (coverDays !== null && rate.purchases > 0 && coverDays < input.stock_out_days && short) {
    goals.push({ method: 'stock_out_risk', low: price, high: Math.min(most, Math.floor(price * (1 + step))) })
  }
  if (coverDays !== null && coverDays > input.overstock_days) goals.push({ method: 'overstock', low: Math.ceil(price * (1 - step)), high: price })
  if (competitor !== null && Math.abs(competitor.median / price - 1) >= LEAST_GAP) {
    goals.push(competitor.median > price
      ? { method: 'competitor_gap', low: price, high: Math.min(competitor.median, Math.floor(price * (1 + step))) }
      : { method: 'competitor_gap', low: Math.max(competitor.median, Math.ceil(price * (1 - step))), high: price })
  }
  return goals
}
