// How good the lists are: made from the orders before a moment, asked about the orders after it, next to the bestsellers of that moment.
import type { Slices } from '../shop/slices.ts'
import type { Basket } from './baskets.ts'
import { companionsOf, countCompanions, type Terms } from './companions.ts'

const DAY = 86_400_000

/** The bestsellers that the lists compete with: those of so many days before the cut. */
const BESTSELLER_DAYS = 90

export interface HoldOut {
  /** Orders with several products after the cut, and one question for each product of each of them: which other one is in the basket? */
  baskets: number
  questions: number
  /** Questions about products that have a list. The others count as misses. */
  answered: number
  /** Questions with a right answer among the first `count`. */
  hits: number
  /** The same for the bestsellers. */
  bestseller_hits: number
  /** Half of the 95 % interval of (hits - bestseller_hits) / questions: questions of one basket are not independent, baskets are. */
  margin: number
}

export interface HoldOutPlan {
  products: number
  cut: number
  until: number
  /** Length of the lists. */
  count: number
  terms: Terms
  bestsellerDays?: number
}

/** What is in stock today plays no part: of then it is not known. */
export const holdOut = async (
  all: readonly Basket[], { products, cut, until, count, terms, bestsellerDays = BESTSELLER_DAYS }: HoldOutPlan, slices: Slices
): Promise<HoldOut> => {
  const before = all.filter(({ at }) => at < cut)
  const known = await countCompanions(before, { products, at: cut, terms }, slices)
  const sold = new Uint32Array(products)
  for (const basket of before) if (basket.at >= cut - bestsellerDays * DAY) for (const product of basket.products) sold[product]! += 1
  // One more than the lists hold: the product asked about is never an answer.
  const bestsellers = [...sold.keys()].filter((product) => sold[product]! > 0)
    .sort((a, b) => sold[b]! - sold[a]! || a - b).slice(0, count + 1)
  const lists = new Map<number, number[]>()
  const listOf = (product: number): number[] => {
    let list = lists.get(product)
    if (list === undefined) lists.set(product, list = companionsOf(known, product, terms).slice(0, count).map((companion) => companion.product))
    return list
  }
  const result: HoldOut = { baskets: 0, questions: 0, answered: 0, hits: 0, bestseller_hits: 0, margin: 0 }
  let squares = 0
  for (const { at, products: own } of all) {
    if (slices.due()) await slices.pause()
    if (at < cut || at >= until || own.length < 2) continue
    result.baskets += 1
    const lead = result.hits - result.bestseller_hits
    for (const product of own) {
      const list = listOf(product)
      result.questions += 1
      if (list.length > 0) result.answered += 1
      if (list.some((other) => own.includes(other))) result.hits += 1
      if (bestsellers.filter((other) => other !== product).slice(0, count).some((other) => own.includes(other))) result.bestseller_hits += 1
    }
    squares += (result.hits - result.bestseller_hits - lead) ** 2
  }
  if (result.baskets > 0) {
    const lead = result.hits - result.bestseller_hits
    result.margin = 1.96 * Math.sqrt(squares - lead ** 2 / result.baskets) / result.questions
  }
  return result
}
