// The recommendation agent: what is bought together becomes the list of complementary products of each product.
import { defineAgent, PermanentError } from '../../core/agent.ts'
import type { Metafield } from '../../core/commerce.ts'
import type { HistoryState } from '../../core/shop-history.ts'
import { slicesOf, type Slices } from '../shop/slices.ts'
import { count as counted, figure } from '../wording.ts'
import { basketsOf, type Baskets } from './baskets.ts'
import { catalogueOf, type Hindrance, type Shown } from './catalogue.ts'
import { countCompanions, TERMS, type Terms } from './companions.ts'
import { holdOut } from './hold-out.ts'
import { listsOf, METAFIELD, type ProductList } from './lists.ts'
import { batchesOf, proposalsFor, type Quality } from './proposals.ts'
import { RecommendationInputSchema, RecommendationOutputSchema, type RecommendationInput, type RecommendationOutput } from './schemas.ts'

const DAY = 86_400_000
/** Shopify shows no more complementary products than this. */
const LONGEST_LIST = 10
const VARIANTS_MAX_AGE_MS = 3_600_000
const HOLD_OUT_DAYS = 28
/** Orders with several products after the cut; below that a rate says nothing. */
const BASKETS_NEEDED = 30
const PROPOSALS_SHOWN = 100
const CHANGES_SHOWN = 25

export const recommendation = defineAgent({
  name: 'recommendation',
  description: 'Finds what is bought together and proposes the complementary products of each product, measured against the bestsellers.',
  input: RecommendationInputSchema,
  output: RecommendationOutputSchema,
  triggers: { schedule: { cron: '20 */6 * * *', timezone: 'UTC' } },
  timeoutMs: 600_000,

  async run (context, input: RecommendationInput): Promise<RecommendationOutput> {
    const { history, ports: { commerce }, signal, clock } = context
    if (history === undefined || commerce === undefined) {
      throw new PermanentError('shop_not_configured', 'There is no shop to recommend products of: configure Shopify, or let the sandbox stand in.')
    }
    const count = Math.min(input.count ?? 5, LONGEST_LIST)
    const terms: Terms = {
      ...TERMS,
      half_life_days: input.half_life_days ?? TERMS.half_life_days,
      min_support: input.min_support ?? TERMS.min_support,
      min_lift: input.min_lift ?? TERMS.min_lift
    }
    const slices = slicesOf({ clock, signal })
    const state = await history.refresh({ signal, progress: (fraction, note) => { context.progress(0.5 * fraction, note) } })
    context.progress(0.5, 'reading products and stock')
    const { variants, read_at: readAt } = await history.variants({ signal, max_age_ms: VARIANTS_MAX_AGE_MS })
    const catalogue = catalogueOf(variants, clock.now())
    const baskets = await basketsOf(history.orders({ signal }), slices)

    context.progress(0.6, 'counting what is bought together')
    const products = baskets.products.length
    const companions = await countCompanions(baskets.baskets, { products, at: state.as_of, terms }, slices)
    const quality = await qualityOf(baskets, { state, count, terms }, slices)

    context.progress(0.8, 'reading the lists that the shop shows')
    const owners = [...catalogue.values()].filter(({ hindrance }) => hindrance === null || hindrance === 'out_of_stock').map(({ id }) => id)
    const metafields = new Map<string, Metafield>()
    for (const metafield of await commerce.inLane('marketing').metafields(owners, METAFIELD, { signal })) metafields.set(metafield.owner_id, metafield)
    const lists = await listsOf(
      { products: baskets.products, companions, catalogue, metafields },
      { count, terms, fallback: input.fallback === 'bestsellers_of_type' },
      slices
    )

    const chosen = mostOrdered(lists.changed, input.max_changes ?? 100)
    const drafts = proposalsFor(chosen, batchesOf(catalogue.values()), wordsOf(quality), terms)
    context.progress(0.95, `proposing ${counted(chosen.length, 'list')}`)
    const filed = drafts.length === 0 ? [] : await context.propose(drafts)
    return {
      as_of: new Date(state.as_of).toISOString(),
      source: state.source,
      catalogue_as_of: new Date(readAt).toISOString(),
      orders: {
        from: new Date(state.covers_from).toISOString(),
        read: baskets.orders,
        baskets: baskets.baskets.length,
        with_several_products: baskets.baskets.filter((basket) => basket.products.length > 1).length,
        left_out: baskets.left_out
      },
      products: {
        on_show: lists.owners,
        with_list: lists.owners - lists.too_little_data - lists.other_type - lists.bestsellers_of_type,
        too_little_data: lists.too_little_data,
        too_little_data_with_list: lists.too_little_data_with_list,
        bestsellers_of_type: lists.bestsellers_of_type,
        other_type: lists.other_type,
        not_recommended: hindrancesOf(catalogue.values())
      },
      passed_over: lists.passed_over,
      lists: {
        unchanged: lists.unchanged, changed: lists.changed.length, proposed: chosen.length, over_the_cap: lists.changed.length - chosen.length
      },
      quality,
      proposals: drafts.slice(0, PROPOSALS_SHOWN).map(({ key, items }, index) => ({ key, items: items.length, outcome: filed[index]?.outcome ?? 'filed' })),
      proposals_total: drafts.length,
      changes: chosen.slice(0, CHANGES_SHOWN).map(changeOf),
      changes_total: chosen.length
    }
  },

  summarise ({ orders, products, lists, quality }: RecommendationOutput): string {
    const measured = quality.state === 'measured'
      ? `Hit-rate@${quality.count} on the last ${HOLD_OUT_DAYS} days: ${percent(quality.hit_rate)} (bestsellers: ${percent(quality.bestseller_hit_rate)}, ` +
        `lead known to +-${percent(quality.margin)}, ${counted(quality.questions, 'question')}).`
      : `Too little data to measure: ${counted(quality.baskets, 'order')} with several products in the last ${HOLD_OUT_DAYS} days, ` +
        `${quality.needed} are needed.`
    const left = lists.over_the_cap === 0 ? '' : `, ${figure(lists.over_the_cap)} left for later`
    return `${figure(products.with_list)} of ${counted(products.on_show, 'product')} on show have a list, by ` +
      `${counted(orders.with_several_products, 'order')} with several products; ${figure(products.too_little_data)} have too little data. ` +
      `${counted(lists.changed, 'list')} changed, ${figure(lists.proposed)} proposed${left}. ${measured}`
  }
})

/** Those of the products ordered most, in one order for equal ones. */
const mostOrdered = (lists: readonly ProductList[], atMost: number): ProductList[] =>
  [...lists].sort((a, b) => b.orders - a.orders || (a.owner.id < b.owner.id ? -1 : 1)).slice(0, atMost)

const qualityOf = async (
  { baskets, products }: Baskets, { state, count, terms }: { state: HistoryState, count: number, terms: Terms }, slices: Slices
): Promise<RecommendationOutput['quality']> => {
  const until = state.as_of
  const cut = until - HOLD_OUT_DAYS * DAY
  const result = await holdOut(baskets, { products: products.length, cut, until, count, terms }, slices)
  if (result.baskets < BASKETS_NEEDED) return { state: 'too_little_data', baskets: result.baskets, needed: BASKETS_NEEDED }
  return {
    state: 'measured',
    cut_at: new Date(cut).toISOString(),
    until: new Date(until).toISOString(),
    count,
    baskets: result.baskets,
    questions: result.questions,
    hit_rate: rounded(result.hits / result.questions),
    answered: rounded(result.answered / result.questions),
    bestseller_hit_rate: rounded(result.bestseller_hits / result.questions),
    margin: rounded(result.margin)
  }
}

const wordsOf = (quality: RecommendationOutput['quality']): Quality => quality.state === 'measured'
  ? {
      sentence: `Lists made in this way from the orders before ${quality.cut_at.slice(0, 10)} named another product of the same order in ` +
        `${percent(quality.hit_rate)} of ${figure(quality.questions)} questions about the orders after it; the bestsellers did in ` +
        `${percent(quality.bestseller_hit_rate)} (lead known to +-${percent(quality.margin)}).`,
      hit_rate: quality.hit_rate,
      bestseller_hit_rate: quality.bestseller_hit_rate
    }
  : {
      sentence: `How good they are was not measured: only ${counted(quality.baskets, 'order')} with several products in the last ${HOLD_OUT_DAYS} days.`,
      hit_rate: null,
      bestseller_hit_rate: null
    }

const hindrancesOf = (catalogue: Iterable<Shown>): Record<Hindrance, number> => {
  const counts = { not_active: 0, not_published: 0, out_of_stock: 0 }
  for (const { hindrance } of catalogue) if (hindrance !== null) counts[hindrance] += 1
  return counts
}

const changeOf = ({ owner, orders, kind, entries }: ProductList): RecommendationOutput['changes'][number] => ({
  product_id: owner.id,
  title: owner.title,
  orders,
  kind,
  products: entries.map(({ product, companion }) => ({
    product_id: product.id, title: product.title, orders_with_both: companion?.support ?? null, lift: companion === undefined ? null : rounded(companion.lift)
  }))
})

const rounded = (value: number): number => Math.round(value * 1e4) / 1e4
const percent = (part: number): string => `${figure(100 * part)} %`
