// Product research: what the shop's own types teach, which candidates of the owner's list fit, and the best of them as drafts to decide on.
import { setImmediate as turn } from 'node:timers/promises'
import { defineAgent, PermanentError, type AgentContext } from '../../core/agent.ts'
import type { CommerceReader, Variant } from '../../core/commerce.ts'
import { csvOf } from '../csv.ts'
import { quantileOf } from '../shop/quantiles.ts'
import { decimal } from '../shop/sales.ts'
import { count, figure, listed } from '../wording.ts'
import { candidatesOf, suppliersOf, type Candidate, type InvalidRow } from './candidate-rows.ts'
import { tallyCategories, type CategoryFigures } from './category-figures.ts'
import { handleOf, proposalOf } from './draft-proposals.ts'
import { createLikeness } from './likeness.ts'
import { ResearchInputSchema, ResearchOutputSchema, WEIGHTS, type Exclusion, type ResearchInput, type ResearchOutput } from './schemas.ts'
import { scoreOf, type Market, type Scored, type Weights } from './score.ts'

const DAY = 86_400_000
/** The last 8 weeks, the 8 before, and both a year earlier. */
const LOOK_BACK_MS = (364 + 112) * DAY
const VARIANTS_AGE_MS = 6 * 3_600_000
const ORDERS_A_TURN = 500
const CANDIDATES_A_TURN = 10
const LISTED = 100
const LISTED_CATEGORIES = 60
const FIRST_ROWS = 10

export const productResearch = defineAgent({
  name: 'product_research',
  description: "Ranks the owner's list of candidate products by the shop's own figures and proposes the best as drafts.",
  input: ResearchInputSchema,
  output: ResearchOutputSchema,
  triggers: { schedule: { cron: '15 5 * * *', timezone: 'Europe/Berlin' } },
  timeoutMs: 15 * 60_000,

  async run (context: AgentContext, input: ResearchInput): Promise<ResearchOutput> {
    const { ports: { commerce: port }, history, signal, feeds } = context
    if (port === undefined || history === undefined) throw new PermanentError('shop_not_configured', 'There is no shop to research for: configure one.')
    const commerce = port.inLane('research')
    const weights: Weights = { ...WEIGHTS, ...input.weights }
    const { currency } = await commerce.shop({ signal })
    const state = await history.refresh({ signal, progress: (fraction, note) => context.progress(fraction * 0.6, note) })
    const { variants } = await history.variants({ signal, max_age_ms: VARIANTS_AGE_MS })

    context.progress(0.6, 'adding up sales by product type')
    const tally = tallyCategories(variants, { now: state.as_of, coversFrom: state.covers_from, currency })
    let read = 0
    for await (const order of history.orders({ from: state.as_of - LOOK_BACK_MS, signal })) {
      tally.add(order)
      if (++read % ORDERS_A_TURN === 0) await pauseFor(signal)
    }
    const categories = tally.result()

    const list = await feeds.get('product_candidates')
    const supplierList = await feeds.get('suppliers')
    const suppliers = suppliersOf(supplierList)
    const { candidates, invalid } = list === undefined ? { candidates: [], invalid: [] } : candidatesOf(list, suppliers, currency)
    const excluded = new Map<Exclusion, number[]>()
    const exclude = (reason: Exclusion, { row }: Candidate): void => { excluded.set(reason, [...excluded.get(reason) ?? [], row]) }

    context.progress(0.75, `scoring ${count(candidates.length, 'candidate')}`)
    const scored = await rank(context, candidates, { variants, categories, currency, weights, tooSimilar: input.too_similar ?? 0.85, exclude })
    const stamp = { as_of: iso(state.as_of), received_at: list === undefined ? '' : iso(list.received_at) }
    const drafts = await chosen(commerce, scored, { most: input.most ?? 5, least: input.least_score ?? 0.5, exclude, signal })
    const filed = drafts.length === 0
      ? []
      : await context.propose(drafts.map(({ one, handle }) => proposalOf(one, handle, { ...stamp, rank: scored.indexOf(one) + 1 })))
    const { lines_of_unknown_products: unknown, orders_in_another_currency: foreign } = tally.leftOut()
    return {
      state: candidates.length === 0 ? 'no_candidates' : 'ranked',
      source: state.source,
      as_of: stamp.as_of,
      covers_from: iso(state.covers_from),
      currency,
      feed: list === undefined
        ? null
        : { received_at: stamp.received_at, rows: list.rows.length, valid: candidates.length, invalid: byReason(invalid) },
      suppliers: supplierList === undefined ? null : { received_at: iso(supplierList.received_at), known: suppliers.size },
      weights,
      ranking: scored.slice(0, LISTED).map(rankedOf),
      ranked: scored.length,
      excluded: [...excluded].map(([reason, rows]) => ({ reason, count: rows.length, first_rows: rows.slice(0, FIRST_ROWS) })),
      proposals: drafts.map(({ one, handle }, index) =>
        ({ handle, sku: one.candidate.sku, id: filed[index]?.id ?? '', outcome: filed[index]?.outcome ?? 'unknown' })),
      categories: categories.slice(0, LISTED_CATEGORIES),
      categories_total: categories.length,
      left_out: [
        { reason: 'lines_of_unknown_products', count: unknown },
        { reason: 'orders_in_another_currency', count: foreign }
      ].filter((each) => each.count > 0)
    }
  },

  csv: ({ ranking }: ResearchOutput): string => csvOf(
    ['rank', 'score', 'sku', 'title', 'type', 'supplier', 'landed', 'price', 'floor', 'unit_margin', 'margin', 'lead_time_days', 'moq', 'most_like', 'likeness',
      ...TERM_NAMES.map((name) => `points_${name}`)],
    ranking.map((one) => [
      one.rank, one.score, one.sku, one.title, one.type, one.supplier, one.landed, one.price, one.floor, one.unit_margin, one.margin, one.lead_time_days,
      one.moq, one.most_like, one.likeness, ...TERM_NAMES.map((name) => one.terms.find((term) => term.name === name)?.points ?? null)
    ])
  ),

  summarise ({ state, feed, ranked, ranking: [best], proposals, excluded, categories, categories_total: types, currency }: ResearchOutput): string {
    const growing = categories.filter(({ growth }) => growth !== null).sort((a, b) => b.growth! - a.growth!)[0]
    const moved = growing === undefined ? '' : `; ${growing.type} grew most, ${figure(growing.growth! * 100)} % on a year before`
    const own = `${count(types, 'product type')} looked at${moved}.`
    const invalid = feed === null ? 0 : feed.rows - feed.valid
    const faults = feed === null || invalid === 0 ? '' : ` (${listed(feed.invalid.map((each) => `${each.count} ${each.reason.replaceAll('_', ' ')}`))})`
    if (state === 'no_candidates') {
      return `${feed === null ? 'No list of candidates was handed in' : `None of the ${count(feed.rows, 'row')} of the list is usable${faults}`}. ${own}`
    }
    const first = best === undefined ? '' : ` The best is “${best.title}” with ${best.score}, at ${best.price} ${currency}.`
    const out = excluded.reduce((sum, each) => each.reason === 'sku_in_catalogue' || each.reason === 'too_similar' ? sum + each.count : sum, 0)
    return `${count(ranked, 'candidate')} ranked, ${count(proposals.length, 'draft')} proposed.${first} ${count(out, 'candidate')} sold already, ` +
      `${count(invalid, 'row')} not usable${faults}. ${own}`
  }
})

const TERM_NAMES = Object.keys(WEIGHTS) as Array<keyof Weights>

interface Ranking {
  variants: readonly Variant[]
  categories: readonly CategoryFigures[]
  currency: string
  weights: Weights
  tooSimilar: number
  exclude (reason: Exclusion, candidate: Candidate): void
}

/** The best first. */
const rank = async (
  { priceLimits, signal }: AgentContext, candidates: readonly Candidate[], { variants, categories, currency, weights, tooSimilar, exclude }: Ranking
): Promise<Scored[]> => {
  if (candidates.length === 0) return []
  const limits = await priceLimits(currency)
  const skus = new Set(variants.map(({ sku }) => sku?.trim().toLowerCase()))
  const likeness = createLikeness([...new Map(variants.map((variant) => [variant.product_id, variant.product_title])).values()])
  const market: Market = {
    categories: new Map(categories.filter(({ products }) => products > 0).map((each) => [each.type.toLowerCase(), each])),
    usual_demand: quantileOf(categories.map((each) => each.units_per_week_per_product ?? 0).filter((demand) => demand > 0), 0.5)
  }
  const scored: Scored[] = []
  for (const [index, candidate] of candidates.entries()) {
    if (index % CANDIDATES_A_TURN === 0) await pauseFor(signal)
    if (skus.has(candidate.sku.toLowerCase())) {
      exclude('sku_in_catalogue', candidate)
      continue
    }
    const like = likeness(candidate.title)
    if (like.share >= tooSimilar) {
      exclude('too_similar', candidate)
      continue
    }
    const one = scoreOf(candidate, like, market, limits, weights)
    if (one === null) exclude('no_floor', candidate)
    else scored.push(one)
  }
  return scored.sort((a, b) => b.score - a.score || a.candidate.row - b.candidate.row)
}

/** The best whose address in the shop is free. */
const chosen = async (
  commerce: CommerceReader, scored: readonly Scored[],
  { most, least, exclude, signal }: { most: number, least: number, exclude: Ranking['exclude'], signal: AbortSignal }
): Promise<Array<{ one: Scored, handle: string }>> => {
  const drafts: Array<{ one: Scored, handle: string }> = []
  const taken = new Set<string>()
  for (const one of scored) {
    if (one.score < least) exclude('below_least_score', one.candidate)
    else if (drafts.length >= most) exclude('beyond_most', one.candidate)
    else {
      const handle = handleOf(one.candidate.title)
      if (handle === '' || taken.has(handle) || await commerce.productByHandle(handle, { signal }) !== null) {
        exclude('handle_taken', one.candidate)
        continue
      }
      taken.add(handle)
      drafts.push({ one, handle })
    }
  }
  return drafts
}

const rankedOf = (one: Scored, index: number): ResearchOutput['ranking'][number] => ({
  rank: index + 1,
  row: one.candidate.row,
  sku: one.candidate.sku,
  title: one.candidate.title,
  type: one.candidate.type,
  supplier: one.candidate.supplier,
  score: one.score,
  terms: one.terms,
  landed: decimal(one.candidate.landed),
  price: decimal(one.price),
  floor: decimal(one.floor),
  unit_margin: decimal(one.unit_margin),
  margin: one.margin,
  lead_time_days: one.candidate.lead_time_days,
  moq: one.candidate.moq,
  most_like: one.likeness.title,
  likeness: one.likeness.share
})

const byReason = (rows: readonly InvalidRow[]): NonNullable<ResearchOutput['feed']>['invalid'] => {
  const found = new Map<InvalidRow['reason'], number[]>()
  for (const { row, reason } of rows) found.set(reason, [...found.get(reason) ?? [], row])
  return [...found].map(([reason, list]) => ({ reason, count: list.length, first_rows: list.slice(0, FIRST_ROWS) }))
}

const pauseFor = async (signal: AbortSignal): Promise<void> => {
  await turn()
  signal.throwIfAborted()
}

const iso = (at: number): string => new Date(at).toISOString()
