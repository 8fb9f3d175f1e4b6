// Which products are bought together more than their popularity explains, and how sure that is.
import type { Slices } from '../shop/slices.ts'
import type { Basket } from './baskets.ts'

const DAY = 86_400_000

export interface Terms {
  /** A basket of this age counts half for who goes with whom. */
  half_life_days: number
  /** The same for how popular a product is now: seasons end sooner than habits. */
  popularity_half_life_days: number
  /** Orders with both, undecayed, before a pair counts. */
  min_support: number
  /** Pairs whose shrunken lift is below this are left out. */
  min_lift: number
  /** Added to what was seen and to what chance explains: pulls the lift of rare pairs to 1. */
  shrinkage: number
  /** Above 1: what belongs together goes before what merely sells. */
  lift_power: number
  /** What a pair out of two consecutive orders of one customer counts; 0: nothing. */
  sequence_weight: number
}

/** Chosen on shops of other seeds than the one that the figures in docs/agents are measured on. */
export const TERMS: Terms = {
  half_life_days: 365, popularity_half_life_days: 45, min_support: 2, min_lift: 0.7, shrinkage: 1, lift_power: 1.5, sequence_weight: 0
}

/** Baskets larger than this are a riding school's, or a machine's: all their pairs would drown the others. */
const LARGEST_BASKET = 20
const SEQUENCE_DAYS = 90

export interface Companions {
  /** By product, then by companion: orders with both, and their decayed weight. */
  pairs: Array<Map<number, { support: number, weight: number }> | undefined>
  /** Orders with the product. */
  orders: Uint32Array
  /** Decayed weight of its companions, and of all products together. */
  seats: Float64Array
  allSeats: number
  /** The part of the recent orders that has the product. */
  popularity: Float64Array
}

export interface Companion {
  product: number
  /** Orders with both. */
  support: number
  /** The part of the orders with the product that has the companion too. */
  confidence: number
  /** Decayed weight of the orders with both, and what chance alone would explain of it. */
  weight: number
  expected: number
  /** (weight + shrinkage) / (expected + shrinkage) */
  lift: number
  /** lift ^ lift_power x popularity: what the order of the list follows. */
  score: number
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
    popularity: new Float64Array(products)
  }
  const previous = new Map<string, Basket>()
  let recent = 0
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
    const now = 0.5 ** (days / terms.popularity_half_life_days)
    recent += now
    for (const product of basket.products) {
      found.orders[product]! += 1
      found.popularity[product]! += now
    }
    const { products: own } = basket
    if (own.length > 1 && own.length <= LARGEST_BASKET) {
      for (const one of own) {
        seat(one, weight * (own.length - 1))
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
  if (recent > 0) for (let product = 0; product < products; product++) found.popularity[product]! /= recent
  return found
}

/** What goes with a product, the best first. `favour` multiplies a companion's score: above 1 for what is shown already. */
export const companionsOf = (
  { pairs, orders, seats, allSeats, popularity }: Companions, product: number, terms: Terms, favour: (companion: number) => number = () => 1
): Companion[] => {
  const list: Companion[] = []
  for (const [companion, { support, weight }] of pairs[product] ?? []) {
    if (support < terms.min_support) continue
    const expected = seats[product]! * seats[companion]! / allSeats
    const lift = (weight + terms.shrinkage) / (expected + terms.shrinkage)
    if (lift < terms.min_lift) continue
    const score = lift ** terms.lift_power * popularity[companion]! * favour(companion)
    list.push({ product: companion, support, confidence: support / orders[product]!, weight, expected, lift, score })
  }
  // Equal scores keep one order, whatever order the orders came in.
  return list.sort((a, b) => b.score - a.score || a.product - b.product)
}
