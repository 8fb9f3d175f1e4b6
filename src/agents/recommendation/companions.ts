// Which products are bought together, how much of that their popularity explains, and what to expect of the next basket.
import type { Slices } from '../shop/slices.ts'
import type { Basket } from './baskets.ts'

const DAY = 86_400_000

export interface Terms {
  /** A basket of this age counts half for who goes with whom. */
  half_life_days: number
  /** The same for what is popular as a companion now: seasons end sooner than habits. */
  recent_half_life_days: number
  /** Orders with both, undecayed, before a pair counts. */
  min_support: number
  /** Pairs whose lift is below this are left out. */
  min_lift: number
  /** Companions that every product is given in advance, spread as the recent ones of the whole shop: the fewer it has, the more these count. */
  prior: number
  /** What a pair out of two consecutive orders of one customer counts; 0: nothing. */
  sequence_weight: number
}

/** Chosen on shops of other seeds than those that the figures in docs/agents are measured on. */
export const TERMS: Terms = { half_life_days: 365, recent_half_life_days: 30, min_support: 2, min_lift: 0, prior: 80, sequence_weight: 0 }

/** Added to what was seen and to what chance explains: pulls the lift of rare pairs to 1. */
const LIFT_SHRINKAGE = 1

/** Baskets larger than this are a riding school's, or a machine's: all their pairs would drown the others. */
const LARGEST_BASKET = 20
const SEQUENCE_DAYS = 90

export interface Companions {
  /** By product, then by companion: orders with both, and their decayed weight. */
  pairs: Array<Map<number, { support: number, weight: number }> | undefined>
  /** Orders with the product. */
  orders: Uint32Array
  /** Decayed weight of its companions, and of those of all products together. */
  seats: Float64Array
  allSeats: number
  /** The part of the recent companions that it is. */
  recent: Float64Array
}

export interface Companion {
  product: number
  /** Orders with both. */
  support: number
  /** The part of the orders with the product that has the companion too. */
  confidence: number
  /** Decayed weight of the orders with both; of all companions of the product; and what chance alone would explain of it. */
  weight: number
  seats: number
  expected: number
  /** weight / expected, shrunken to 1. */
  lift: number
  /** (weight + prior x recent) / (seats + prior): the part of the companions that it is to be expected to be. The list goes by it. */
  share: number
  recent: number
}

/** Counts pairs as they were known at a moment; baskets must be older than it. */
export const countCompanions = async (
  baskets: Iterable<Basket>, { products, at, terms }: { products: number, at: number, terms: Terms }, slices: Slices
): Promise<Companions> => {
  const found: Companions = {
    pairs: new Array(products),
    orders: new Uint32Array(products),
    seats: new Float64Array(products),
    allSeats: 0,
    recent: new Float64Array(products)
  }
  const previous = new Map<string, Basket>()
  let allRecent = 0
  const seat = (product: number, weight: number): void => {
    found.seats[product]! += weight
    found.allSeats += weight
  }
  const pair = (one: number, other: number, weight: number, support: number): void => {
    const own = found.pairs[one] ??= new Map()
    const known = own.get(other)
    if (known === undefined) own.set(other, { support, weight })
    else {
      known.support += support
      known.weight += weight
    }
  }
  for (const basket of baskets) {
    if (slices.due()) await slices.pause()
    const days = (at - basket.at) / DAY
    const weight = 0.5 ** (days / terms.half_life_days)
    const now = 0.5 ** (days / terms.recent_half_life_days)
    const { products: own } = basket
    for (const product of own) found.orders[product]! += 1
    if (own.length > 1 && own.length <= LARGEST_BASKET) {
      for (const one of own) {
        seat(one, weight * (own.length - 1))
        found.recent[one]! += now * (own.length - 1)
        allRecent += now * (own.length - 1)
        for (const other of own) if (one !== other) pair(one, other, weight, 1)
      }
    }
    if (terms.sequence_weight > 0 && basket.customer !== null && own.length <= LARGEST_BASKET) {
      const before = previous.get(basket.customer)
      previous.set(basket.customer, basket)
      if (before === undefined || basket.at - before.at > SEQUENCE_DAYS * DAY) continue
      const less = weight * terms.sequence_weight
      for (const one of before.products) {
        for (const other of own) {
          if (one === other) continue
          pair(one, other, less, 0)
          pair(other, one, less, 0)
          seat(one, less)
          seat(other, less)
        }
      }
    }
  }
  if (allRecent > 0) for (let product = 0; product < products; product++) found.recent[product]! /= allRecent
  return found
}

/** What goes with a product, the best first. `favour` multiplies a companion's share: above 1 for what is shown already. */
export const companionsOf = (
  { pairs, orders, seats, allSeats, recent }: Companions, product: number, terms: Terms, favour: (companion: number) => number = () => 1
): Companion[] => {
  const list: Array<Companion & { score: number }> = []
  for (const [companion, { support, weight }] of pairs[product] ?? []) {
    if (support < terms.min_support) continue
    const expected = seats[product]! * seats[companion]! / allSeats
    const lift = (weight + LIFT_SHRINKAGE) / (expected + LIFT_SHRINKAGE)
    if (lift < terms.min_lift) continue
    const share = (weight + terms.prior * recent[companion]!) / (seats[product]! + terms.prior)
    list.push({
      product: companion,
      support,
      confidence: support / orders[product]!,
      weight,
      seats: seats[product]!,
      expected,
      lift,
      share,
      recent: recent[companion]!,
      score: share * favour(companion)
    })
  }
  // Equal scores keep one order, whatever order the orders came in.
  return list.sort((a, b) => b.score - a.score || a.product - b.product)
}
