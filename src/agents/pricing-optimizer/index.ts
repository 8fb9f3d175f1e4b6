// The price optimiser: proposes prices where the least that they are expected to bring beats the current ones.
import { defineAgent, PermanentError, type AgentContext } from '../../core/agent.ts'
import type { FiledProposal } from '../../core/effects/proposal.ts'
import { dayOf } from '../shop/days.ts'
import { paceOf } from '../shop/pace.ts'
import { amountOf, coinsOf } from '../shop/coins.ts'
import { count, listed } from '../wording.ts'
import { readArticles } from './articles.ts'
import { readCompetitors, type CompetitorReading } from './competitors.ts'
import { habitOf } from './endings.ts'
import { decide, type PlannedChange, type PlanTerms } from './plan.ts'
import { byProduct, draftOf, moneyOf, type ProductPlan } from './proposals.ts'
import { createSalesRecord, dayNumber } from './sales-record.ts'
import { PricingInputSchema, PricingOutputSchema, SKIP_REASONS, DEFAULTS, type PricingInput, type PricingOutput, type SkipReason } from './schemas.ts'

const MINUTE = 60_000
const MOST_SHOWN = 100
const THREE = 3

export const pricingOptimizer = defineAgent({
  name: 'pricing_optimizer',
  description: 'Proposes price changes every two hours where the lower bound of the expected gross profit beats the current price, within floor and limits.',
  input: PricingInputSchema,
  output: PricingOutputSchema,
  triggers: { schedule: { cron: '20 */2 * * *', timezone: 'UTC' } },
  timeoutMs: 10 * MINUTE,

  async run (context: AgentContext, given: Partial<PricingInput>): Promise<PricingOutput> {
    const input = { ...DEFAULTS, ...given }
    const { history, ports, signal, clock, progress } = context
    if (history === undefined || ports.commerce === undefined) {
      throw new PermanentError('shop_not_configured', 'There is no shop to read prices and sales from: configure Shopify, or let the sandbox stand in.')
    }
    const pace = paceOf(clock, signal)
    const shop = await ports.commerce.inLane('pricing').shop({ signal })
    const state = await history.refresh({ signal, progress: (fraction, note) => { progress(0.5 * fraction, note) } })
    const { variants, read_at: readAt, source } = await history.variants({ signal, max_age_ms: 10 * MINUTE })
    const now = clock.now()
    const today = dayNumber(dayOf(now, shop.timezone))

    progress(0.5, 'adding up what was sold at which price')
    const typeOf = new Map(variants.map(({ id, product_type: type }) => [id, type]))
    const record = createSalesRecord(shop, (id) => typeOf.get(id))
    for await (const order of history.orders({ signal })) {
      record.add(order)
      await pace()
    }
    const stockDays = await history.stockDays({ from: dayOf(state.covers_from, shop.timezone) })
    const set = await readArticles({ variants, record, currency: shop.currency, now, today, coversFrom: state.covers_from, stockDays, pace })

    progress(0.8, 'weighing prices')
    const feed = await context.feeds.get('competitor_prices')
    const competitors = readCompetitors(feed, { currency: shop.currency, now, maxAgeDays: input.competitor_max_age_days })
    const limits = await context.priceLimits(shop.currency)
    const habit = input.endings === 'any' ? null : habitOf(set.articles.map(({ price }) => price))
    const terms: PlanTerms = { input, currency: shop.currency, now, today, limits, habit, competitors: competitors.prices, record }
    const skipped = new Map<SkipReason, number>(Object.entries(set.skipped) as Array<[SkipReason, number]>)
    const skip = (reason: SkipReason, amount: number): void => { skipped.set(reason, (skipped.get(reason) ?? 0) + amount) }
    const changes: PlannedChange[] = []
    for (const article of set.articles) {
      const decision = decide(article, set, terms)
      for (const { reason, variants: amount } of decision.skipped) skip(reason, amount)
      if (decision.change !== null) changes.push(decision.change)
      await pace()
    }
    const least = (coinsOf('1', shop.currency) ?? 1) * input.min_gain
    const plans = byProduct(changes)
    const worth = plans.filter(({ point }) => point >= least)
    const kept = worth.slice(0, input.max_proposals)
    skip('gain_too_small', variantsIn(plans.filter(({ point }) => point < least)))
    skip('beyond_max_proposals', variantsIn(worth.slice(input.max_proposals)))

    progress(0.9, `filing ${count(kept.length, 'proposal')}`)
    const filed = await context.propose(kept.map((plan) => draftOf(plan, terms)))
    const skus = new Set(variants.map(({ sku }) => sku))
    return {
      as_of: new Date(state.as_of).toISOString(),
      prices_read_at: new Date(readAt).toISOString(),
      source,
      currency: shop.currency,
      horizon_days: input.horizon_days,
      history_from: new Date(state.covers_from).toISOString(),
      looked_at: { orders: record.orders, products: new Set(variants.map(({ product_id: id }) => id)).size, variants: variants.length },
      orders_left_out: {
        test: record.left_out.test, other_currency: record.left_out.other_currency, lines_without_price: record.left_out.unreadable_price
      },
      skipped: SKIP_REASONS.flatMap((reason) => {
        const amount = skipped.get(reason) ?? 0
        return amount === 0 ? [] : [{ reason, variants: amount }]
      }),
      competitor_prices: feed === undefined ? null : feedOf(competitors, feed.received_at, skus),
      elasticity: {
        shop: round(set.elasticities.shop.mean),
        shop_sd: round(set.elasticities.shop.sd),
        spread: round(set.elasticities.spread),
        products_with_estimate: set.fits.size,
        products_with_three_prices: new Set(set.articles.filter(({ pricePoints }) => pricePoints.length >= THREE).map(({ product_id: id }) => id)).size,
        dispersion: round(set.elasticities.dispersion)
      },
      price_endings: habit === null ? null : habit.map((ending) => amountOf(ending, shop.currency)),
      proposals: outcomesOf(filed),
      plan: planOf(kept, shop.currency),
      changes: kept.flatMap((plan) => changesOf(plan, shop.currency)).slice(0, MOST_SHOWN),
      changes_total: variantsIn(kept)
    }
  },

  summarise ({ changes_total: total, proposals, plan, skipped, horizon_days: days, looked_at: looked, as_of: asOf }: PricingOutput): string {
    const left = skipped.length === 0 ? '' : ` Left alone: ${listed(skipped.map(({ reason, variants }) => `${variants} ${reason.replaceAll('_', ' ')}`))}.`
    const read = `${count(looked.variants, 'variant')} of ${count(looked.products, 'product')} looked at, sales as of ${asOf}.`
    if (proposals.made === 0) {
      const why = SETTINGS.filter(([reason]) => skipped.some((one) => one.reason === reason)).map(([, what]) => what)
      // Where the owner's settings keep every price, nothing was weighed, and that is no judgement on the prices.
      const weighed = looked.variants - skipped.filter(({ reason }) => UNWEIGHED.has(reason)).reduce((sum, { variants }) => sum + variants, 0)
      if (weighed <= 0 && why.length > 0) return `No price could be weighed: ${listed(why)}. ${read}${left}`
      return `No price is worth changing: ${read}${left}`
    }
    const { expected_gain: gain } = plan
    return `${count(proposals.made, 'proposal')} for ${count(total, 'variant')}: expected ${gain.amount} ${gain.currency} more over ` +
      `${days} days, at the least ${plan.expected_gain_lower.amount}. ${read}${left}`
  }
})

/** What the owner has to say before a price may be touched, by the reason that counts its lack. */
const SETTINGS: ReadonlyArray<[SkipReason, string]> = [
  ['not_enrolled', 'the policy enrols none of these SKUs (price.enrolled_skus at PUT /policies)'],
  ['unknown_vat', 'the policy names no VAT (price.vat at PUT /policies), so no floor is known']
]
const UNWEIGHED: ReadonlySet<SkipReason> = new Set<SkipReason>(['not_active', 'other_currency', 'no_price', 'not_enrolled', 'unknown_cost', 'unknown_vat'])

const variantsIn = (plans: readonly ProductPlan[]): number =>
  plans.reduce((sum, { changes }) => sum + changes.reduce((total, { variants }) => total + variants.length, 0), 0)

const round = (value: number): number => Math.round(value * 1_000) / 1_000

const feedOf = ({ prices, ...counts }: CompetitorReading, receivedAt: number, skus: ReadonlySet<string | null>): PricingOutput['competitor_prices'] => ({
  received_at: new Date(receivedAt).toISOString(), ...counts, unknown_sku: [...prices.keys()].filter((sku) => !skus.has(sku)).length
})

const outcomesOf = (filed: readonly FiledProposal[]): PricingOutput['proposals'] => {
  const of = (outcome: FiledProposal['outcome']): number => filed.filter((one) => one.outcome === outcome).length
  return { made: filed.length, filed: of('filed'), unchanged: of('unchanged'), shadow: of('shadow'), blocked: of('blocked') }
}

const planOf = (plans: readonly ProductPlan[], currency: string): PricingOutput['plan'] => {
  const gains = plans.flatMap(({ changes }) => changes.map(({ gain }) => gain))
  const sum = (pick: (gain: PlannedChange['gain']) => number): number => gains.reduce((total, gain) => total + pick(gain), 0)
  return {
    status_quo: { gross_profit: moneyOf(sum(({ current }) => current.profit), currency), units: round(sum(({ current }) => current.units)) },
    planned: { gross_profit: moneyOf(sum(({ planned }) => planned.profit), currency), units: round(sum(({ planned }) => planned.units)) },
    gross_profit_gain: moneyOf(sum((gain) => gain.profitPoint), currency),
    gross_profit_gain_lower: moneyOf(sum((gain) => gain.profitLower), currency),
    holding_cost_saved: moneyOf(sum(({ current, planned }) => planned.holding - current.holding), currency),
    expected_gain: moneyOf(sum(({ point }) => point), currency),
    expected_gain_lower: moneyOf(sum(({ lower }) => lower), currency)
  }
}

const changesOf = ({ changes }: ProductPlan, currency: string): PricingOutput['changes'] =>
  changes.flatMap(({ article, variants, price, method }) => variants.map(({ variant, floor }) => ({
    product_id: variant.product_id,
    variant_id: variant.id,
    sku: variant.sku,
    title: `${variant.product_title}, ${variant.title}`.slice(0, 200),
    price: moneyOf(article.price, currency),
    new_price: moneyOf(price, currency),
    floor,
    method
  })))
