// How good the prices are that the optimiser proposes: their expected profit by its own word and under the demand that the sandbox really has.
import { DAY, addDays, dayOf, startOf } from '../../sandbox/shop/calendar.ts'
import type { Demand } from '../../sandbox/shop/catalogue.ts'
import { ratesOf, tradeSeason } from '../../sandbox/shop/demand.ts'
import { generateShop, TRADE_GROWTH } from '../../sandbox/shop/generate.ts'
import { gid, type Variant } from '../../sandbox/shop/records.ts'
import type { Shop } from '../../sandbox/shop/shop.ts'
import { pricingOptimizer } from '../../src/agents/pricing-optimizer/index.ts'
import { DEFAULTS, type Method, type PricingOutput } from '../../src/agents/pricing-optimizer/schemas.ts'
import type { CommerceReader } from '../../src/core/commerce.ts'
import type { DraftOf } from '../../src/core/effects/proposal.ts'
import { contextOf } from '../../test/helpers/agent-context.ts'
import { soldOrdersOf, variantsOf } from '../../test/helpers/sandbox-history.ts'
import { makeHardShop } from './hard-shop.ts'
import type { Section } from './section.ts'

const SEEDS = [1, 2, 3, 4, 5]
const TODAY = '2026-11-24'
const HOUR = 18 * 3_600_000
const VAT = 0.19
/** For the comparison: all prices moved by the same part. */
const STEPS = [-0.1, -0.05, 0.05, 0.1]

export interface PricingResult {
  seed: number
  output: PricingOutput
  /** Expected gain over the horizon, in euro: by the agent's word, its lower bound, and the truth with the stock as it is and without limit. */
  claim: number
  lower: number
  truth: number
  unlimited: number
  proposals: number
  /** Proposals that truly gain, with the stock as it is. */
  gaining: number
  /** Those whose true gain is not below the claimed lower bound. */
  above: number
  byMethod: Map<Method, { proposals: number, gaining: number, claim: number, truth: number }>
  /** The same steps applied to everything that is for sale and has a known cost: what share gains. */
  blind: Array<{ step: number, share: number }>
  ms: number
}

/** `today` as the sandbox's books; the shop is looked at at 19:00 of its time. */
export const measurePricing = async (seed: number, today = TODAY): Promise<PricingResult> => {
  const shop = generateShop({ seed, today })
  const now = startOf(today) + HOUR
  shop.advance(now)
  const commerce = { inLane: () => commerce, shop: async () => ({ currency: shop.currency, timezone: shop.timezone }) } as unknown as CommerceReader
  const { context, proposed } = contextOf({
    now, orders: soldOrdersOf(shop), variants: variantsOf(shop), ports: { commerce }, terms: { vat: String(VAT) }
  })
  const begun = performance.now()
  const output = await pricingOptimizer.run(context, { max_proposals: 200 }) as PricingOutput
  const ms = performance.now() - begun
  const world = worldOf(shop, DEFAULTS.horizon_days)
  const methods = new Map(output.changes.map(({ variant_id: id, method }) => [id, method]))
  const result: PricingResult = {
    seed,
    output,
    claim: Number(output.plan.gross_profit_gain.amount),
    lower: Number(output.plan.gross_profit_gain_lower.amount),
    truth: 0,
    unlimited: 0,
    proposals: proposed.length,
    gaining: 0,
    above: 0,
    byMethod: new Map(),
    blind: STEPS.map((step) => ({ step, share: blindShare(world, step) })),
    ms
  }
  for (const draft of proposed as Array<DraftOf<'price_change'>>) {
    let truth = 0
    for (const { variant_id: id, price } of draft.items) {
      truth += world.gain(id, Math.round(Number(price) * 100), true)
      result.unlimited += world.gain(id, Math.round(Number(price) * 100), false)
    }
    const articles = (draft.evidence as { articles: Array<{ method: Method, gain: { lower: { amount: string } } }> }).articles
    const method = methods.get(draft.items[0]!.variant_id) ?? articles[0]!.method
    const known = result.byMethod.get(method) ?? { proposals: 0, gaining: 0, claim: 0, truth: 0 }
    result.byMethod.set(method, {
      proposals: known.proposals + 1,
      gaining: known.gaining + (truth > 0 ? 1 : 0),
      claim: known.claim + Number(draft.expected_gain!.amount),
      truth: known.truth + truth
    })
    result.truth += truth
    if (truth > 0) result.gaining += 1
    if (truth >= articles.reduce((sum, { gain }) => sum + Number(gain.lower.amount), 0)) result.above += 1
  }
  return result
}

interface World {
  variants: Variant[]
  /** Of a price in cents against the current one: expected gross profit over the horizon, in euro. */
  gain (id: string, price: number, limited: boolean): number
}

/** A visit adds some of anything to its basket: 0.27 of them a first thing, a quarter of those a second one, and so on. */
const EXTRAS = 0.27 / (1 - 0.25)

/**
 * The expected demand of the days ahead, as the generator draws it: buyers of the variant, what others add at random, and what goes with other things, which
 * has no elasticity. Without promotions, for either price. The stock is what is there and on its way.
 */
const worldOf = (shop: Shop, horizon: number): World => {
  const demand: Demand[] = shop.variants.filter(({ product }) => product.status === 'ACTIVE').map((variant) => {
    const truth = shop.truth.demand[variant.sku]!
    return {
      product: variant.product,
      variant,
      truth,
      season: truth.season as Demand['season'],
      buying: 'single',
      from: variant.createdAt,
      until: Infinity,
      caution: 1,
      openingStock: 0
    }
  })
  const direct = new Map<Variant, number>(demand.map(({ variant }) => [variant, 0]))
  for (let i = 1; i <= horizon; i++) {
    const date = addDays(dayOf(shop.now), i)
    const age = (startOf(date) - startOf(shop.start)) / DAY
    const today = ratesOf(date, demand, tradeSeason(date) * (1 + TRADE_GROWTH) ** ((age - 365) / 365), age, [])
    today.demand.forEach(({ variant }, at) => {
      direct.set(variant, direct.get(variant)! + today.sums[at]! - (today.sums[at - 1] ?? 0))
    })
  }
  const byHandle = new Map(shop.products.map((product) => [product.handle, product]))
  const along = new Map<Variant, number>()
  for (const { from, to, chance } of shop.truth.affinities) {
    const target = byHandle.get(to)
    if (target === undefined) continue
    const buyers = (byHandle.get(from)?.variants ?? []).reduce((sum, variant) => sum + (direct.get(variant) ?? 0), 0)
    for (const variant of target.variants) along.set(variant, (along.get(variant) ?? 0) + buyers * chance / target.variants.length)
  }
  const byId = new Map(demand.map(({ variant }) => [gid('ProductVariant', variant.id), variant]))
  const profitAt = (variant: Variant, price: number, limited: boolean): number => {
    const truth = shop.truth.demand[variant.sku]!
    const buyers = direct.get(variant)! * (price / variant.price) ** -truth.elasticity
    const wanted = buyers * (truth.units + EXTRAS) + (along.get(variant) ?? 0)
    const stock = variant.item.levels.reduce((sum, { available, incoming }) => sum + available + incoming, 0)
    const units = limited && !variant.oversell ? Math.min(wanted, Math.max(0, stock)) : wanted
    return units * (price / (1 + VAT) - variant.item.cost!) / 100
  }
  return {
    variants: demand.map(({ variant }) => variant).filter(({ item }) => item.cost !== null),
    gain (id, price, limited) {
      const variant = byId.get(id)!
      return profitAt(variant, price, limited) - profitAt(variant, variant.price, limited)
    }
  }
}

/** What a change of all prices by the same part would do, of the variants whose profit it touches at all. */
const blindShare = ({ variants, gain }: World, step: number): number => {
  const gains = variants.map(
    (variant) => gain(gid('ProductVariant', variant.id), Math.round(variant.price * (1 + step)), true)
  ).filter((one) => Math.abs(one) > 1e-9)
  return gains.filter((one) => one > 0).length / Math.max(1, gains.length)
}

export interface HardResult {
  seed: number
  claim: number
  lower: number
  truth: number
  proposals: number
  gaining: number
  raises: number
  blind: Array<{ step: number, share: number }>
}

export const measureHardPricing = async (seed: number): Promise<HardResult> => {
  const now = startOf(TODAY) + HOUR
  const { orders, variants, truth } = makeHardShop(seed, now)
  const commerce = { inLane: () => commerce, shop: async () => ({ currency: 'EUR', timezone: 'Europe/Berlin' }) } as unknown as CommerceReader
  const { context, proposed } = contextOf({ now, orders, variants, ports: { commerce }, terms: { vat: String(VAT) } })
  const output = await pricingOptimizer.run(context, { max_proposals: 200 }) as PricingOutput
  const gain = (id: string, planned: number): number => {
    const { elasticity, rate, price, cost } = truth.get(id)!
    const at = (one: number): number => rate * DEFAULTS.horizon_days * (one / price) ** -elasticity * (one / (1 + VAT) - cost) / 100
    return at(planned) - at(price)
  }
  const items = (proposed as Array<DraftOf<'price_change'>>).flatMap((draft) => draft.items)
  const gains = items.map(({ variant_id: id, price }) => gain(id, Math.round(Number(price) * 100)))
  return {
    seed,
    claim: Number(output.plan.gross_profit_gain.amount),
    lower: Number(output.plan.gross_profit_gain_lower.amount),
    truth: gains.reduce((sum, one) => sum + one, 0),
    proposals: items.length,
    gaining: gains.filter((one) => one > 0).length,
    raises: items.filter((item) => Number(item.price) > Number(item.expected_price)).length,
    blind: STEPS.map((step) => ({ step, share: [...truth].filter(([id, { price }]) => gain(id, price * (1 + step)) > 0).length / truth.size }))
  }
}

const euro = (amount: number): string => amount.toLocaleString('en-US', { minimumFractionDigits: 0, maximumFractionDigits: 0 })
const percent = (share: number): string => `${Math.round(share * 100)} %`

export const pricing = async (): Promise<Section> => {
  const results: PricingResult[] = []
  for (const seed of SEEDS) results.push(await measurePricing(seed))
  const methods = new Map<Method, { proposals: number, gaining: number, claim: number, truth: number }>()
  for (const { byMethod } of results) {
    for (const [method, one] of byMethod) {
      const known = methods.get(method) ?? { proposals: 0, gaining: 0, claim: 0, truth: 0 }
      methods.set(method, {
        proposals: known.proposals + one.proposals, gaining: known.gaining + one.gaining, claim: known.claim + one.claim, truth: known.truth + one.truth
      })
    }
  }
  const hard: HardResult[] = []
  for (const seed of SEEDS) hard.push(await measureHardPricing(seed))
  return {
    title: 'pricing_optimizer',
    text: [
      `The sandbox's shop of ${TODAY}, 19:00, seeds ${SEEDS.join(', ')}; all proposals of a run (no limit of 25); VAT 19 %, 10 % minimum margin, ` +
        `no competitor feed. Euro of gross profit over ${DEFAULTS.horizon_days} days. “True”: under the sandbox's own elasticities, ` +
        'seasons, trends and baskets, without promotions, with the stock that is there and on its way; “unlimited”: as if stock never ran out.',
      `The same step for every price, without looking, truly gains at this share of the variants: ${blindly(results)}. The sandbox rewards raises, so ` +
        'that share has to be held against that of the proposals.',
      `The last table is a shop that does not: ${makeHardShop(1, 0).variants.length} articles with elasticities from 1 to 4, margins of 40 to 60 % and 3 ` +
        `to 5 prices in 540 days, stock never short. The same step for every price gains there at: ${blindly(hard)}.`
    ],
    tables: [{
      columns: ['seed', 'proposals', 'truly gain', 'claim', 'lower bound', 'true', 'true, unlimited', 'true not below the lower bound', 'run'],
      rows: results.map((one) => [
        String(one.seed), String(one.proposals), percent(
          one.gaining / Math.max(1, one.proposals)
        ), euro(one.claim), euro(one.lower), euro(one.truth), euro(one.unlimited),
        percent(one.above / Math.max(1, one.proposals)), `${Math.round(one.ms)} ms`
      ])
    }, {
      columns: ['reason of the proposal', 'proposals', 'truly gain', 'claim with holding costs', 'true gross profit'],
      rows: [...methods].sort((a, b) => b[1].proposals - a[1].proposals)
        .map(([method, one]) => [method, String(one.proposals), percent(one.gaining / one.proposals), euro(one.claim), euro(one.truth)])
    }, {
      columns: ['seed (hard shop)', 'proposals', 'of them raises', 'truly gain', 'claim', 'lower bound', 'true'],
      rows: hard.map((one) => [
        String(one.seed), String(one.proposals), String(one.raises), percent(
          one.gaining / Math.max(1, one.proposals)
        ), euro(one.claim), euro(one.lower), euro(one.truth)
      ])
    }]
  }
}

const blindly = (results: ReadonlyArray<Pick<HardResult, 'blind'>>): string => STEPS.map((step, i) =>
  `${step > 0 ? '+' : ''}${percent(step)}: ${percent(results.reduce((sum, one) => sum + one.blind[i]!.share, 0) / results.length)}`).join('; ')
