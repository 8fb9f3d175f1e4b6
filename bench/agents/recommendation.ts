// How good the lists of the recommendation agent are on shops of the sandbox: hit-rate@5 on time hold-outs, and how many planted affinities they find.
import { generateShop } from '../../sandbox/shop/generate.ts'
import { gid } from '../../sandbox/shop/records.ts'
import { basketsOf } from '../../src/agents/recommendation/baskets.ts'
import { companionsOf, countCompanions, TERMS, type Terms } from '../../src/agents/recommendation/companions.ts'
import { holdOut, type HoldOut } from '../../src/agents/recommendation/hold-out.ts'
import type { Slices } from '../../src/agents/shop/slices.ts'
import { soldOrdersOf } from '../../test/helpers/sandbox-history.ts'

export interface MeasuredRow {
  case: string
  figure: string
  bar: string
  verdict: 'PASS' | 'MISS' | ''
  note: string
}

const DAY = 86_400_000
/** The terms were chosen on seeds 2 to 4. */
const SEEDS = [1, 5, 6]
const TODAY = '2026-11-24'
const CUTS = [28, 56, 84, 112, 140, 168]
const COUNT = 5
const unhurried: Slices = { due: () => false, pause: async () => {} }

export const measure = async (): Promise<MeasuredRow[]> => {
  const rows: MeasuredRow[] = []
  for (const seed of SEEDS) {
    const shop = generateShop({ seed, today: TODAY })
    const sold = soldOrdersOf(shop)
    const { baskets, products } = await basketsOf((async function * () { yield * sold })(), unhurried)
    const over = async (terms: Terms, bestsellerDays?: number): Promise<Omit<HoldOut, 'margin'> & { won: number }> => {
      const total = { baskets: 0, questions: 0, answered: 0, hits: 0, bestseller_hits: 0, won: 0 }
      for (const days of CUTS) {
        const cut = shop.now - days * DAY
        const plan = { products: products.length, cut, until: cut + 28 * DAY, count: COUNT, terms }
        const one = await holdOut(baskets, bestsellerDays === undefined ? plan : { ...plan, bestsellerDays }, unhurried)
        for (const key of ['baskets', 'questions', 'answered', 'hits', 'bestseller_hits'] as const) total[key] += one[key]
        if (one.hits > one.bestseller_hits) total.won += 1
      }
      return total
    }
    const ours = await over(TERMS)
    const rate = ours.hits / ours.questions
    const bestsellers = ours.bestseller_hits / ours.questions
    const month = await over(TERMS, 28)
    const ever = await over(TERMS, 10_000)
    rows.push({
      case: `recommendation, hit-rate@${COUNT}, seed ${seed}`,
      figure: percent(rate),
      bar: `above the bestsellers' ${percent(bestsellers)}`,
      verdict: rate > bestsellers ? 'PASS' : 'MISS',
      note: `${CUTS.length} cuts of 28 days, ${ours.questions} questions, ${percent(ours.answered / ours.questions)} with a list; ` +
        `better on ${ours.won} cuts; bestsellers of 28 days ${percent(month.bestseller_hits / month.questions)}, ` +
        `of all days ${percent(ever.bestseller_hits / ever.questions)}`
    })
    for (const [name, terms] of [['minimum lift 1', { ...TERMS, min_lift: 1 }], ['minimum support 3', { ...TERMS, min_support: 3 }],
      ['consecutive orders count 0.2', { ...TERMS, sequence_weight: 0.2 }]] as const) {
      const other = await over(terms)
      rows.push({
        case: `recommendation, ${name}, seed ${seed}`,
        figure: percent(other.hits / other.questions),
        bar: '',
        verdict: '',
        note: `${percent(other.answered / other.questions)} with a list`
      })
    }

    const companions = await countCompanions(baskets, { products: products.length, at: shop.now, terms: TERMS }, unhurried)
    const places = new Map(products.map((id, place) => [id, place]))
    const idOf = new Map(shop.products.map(({ handle, id }) => [handle, gid('Product', id)]))
    let found = 0
    let seen = 0
    for (const { from, to } of shop.truth.affinities) {
      const one = places.get(idOf.get(from) ?? '')
      const other = places.get(idOf.get(to) ?? '')
      if (one === undefined || other === undefined) continue
      if ((companions.pairs[one]?.get(other)?.support ?? 0) >= TERMS.min_support) seen += 1
      if (companionsOf(companions, one, TERMS).slice(0, COUNT).some(({ product }) => product === other)) found += 1
    }
    rows.push({
      case: `recommendation, planted affinities in the first ${COUNT}, seed ${seed}`,
      figure: `${found} of ${shop.truth.affinities.length}`,
      bar: '',
      verdict: '',
      note: `${seen} of them were bought together at least ${TERMS.min_support} times`
    })
  }
  return rows
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`

if (import.meta.main) for (const row of await measure()) console.log(`${row.case}: ${row.figure} ${row.bar} ${row.verdict} (${row.note})`)
