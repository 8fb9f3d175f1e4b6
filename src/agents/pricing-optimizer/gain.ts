// What a price brings over the days ahead, and what it brings at the least: gross profit under an elasticity and a rate that are not known exactly.
import type { Belief } from './elasticity.ts'

/** All amounts are in coins, as numbers: they are expectations, not prices. */
export interface Offer {
  /** Units a day at the current price over the days ahead, and how uncertain that is: standard deviation of its logarithm. */
  rate: number
  rateSd: number
  /** What can be sold in that time; null: as much as is wanted. */
  stock: number | null
  /** Of one unit, beside the price: cost, sending, fees. */
  cost: number
  /** What it saves to have sold a unit now and not when the stock would have run out. */
  holding: number
}

export interface Terms {
  days: number
  /** `0.19`: in the price. */
  vat: number
  /** Standard deviations that the lower bound lies off the mean: 1.28 for one chance in ten. */
  caution: number
}

export interface Outcome {
  /** Units over the days ahead. */
  units: number
  /** Gross profit over the days ahead: price without tax, less cost, sending and fees. */
  profit: number
  /** Holding costs that the units sold save. */
  holding: number
}

export interface Gain {
  current: Outcome
  planned: Outcome
  /** planned - current, of profit and holding costs together, as expected and at the least. */
  point: number
  lower: number
  /** The same of the gross profit alone. */
  profitPoint: number
  profitLower: number
}

export const gainOf = (offers: readonly Offer[], current: number, planned: number, elasticity: Belief, terms: Terms): Gain => {
  const { caution } = terms
  const at = (price: number, e: number, z: number): Outcome => outcomeOf(offers, current, price, e, z, terms)
  const now = at(current, elasticity.mean, 0)
  const then = at(planned, elasticity.mean, 0)
  let lower = Infinity
  let profitLower = Infinity
  for (const e of [Math.max(0, elasticity.mean - caution * elasticity.sd), elasticity.mean, elasticity.mean + caution * elasticity.sd]) {
    for (const z of [-caution, 0, caution]) {
      const one = at(current, e, z)
      const other = at(planned, e, z)
      lower = Math.min(lower, total(other) - total(one))
      profitLower = Math.min(profitLower, other.profit - one.profit)
    }
  }
  return { current: now, planned: then, point: total(then) - total(now), lower, profitPoint: then.profit - now.profit, profitLower }
}

const total = ({ profit, holding }: Outcome): number => profit + holding

const outcomeOf = (
  offers: readonly Offer[], current: number, price: number, elasticity: number, z: number, { days, vat }: Terms
): Outcome => {
  const outcome: Outcome = { units: 0, profit: 0, holding: 0 }
  const change = Math.exp(-elasticity * Math.log(price / current))
  for (const { rate, rateSd, stock, cost, holding } of offers) {
    const wanted = rate * Math.exp(z * rateSd) * days * change
    const units = stock === null ? wanted : Math.min(Math.max(0, stock), wanted)
    outcome.units += units
    outcome.profit += units * (price / (1 + vat) - cost)
    outcome.holding += units * holding
  }
  return outcome
}

/** Of its cost: what a unit costs that lies there until the stock runs out. Beyond half of it nothing more is said to be saved. */
const MOST_HOLDING = 0.5

export const holdingOf = (cost: number, coverDays: number, holdingPerYear: number): number =>
  cost * Math.min(MOST_HOLDING, Math.max(0, holdingPerYear) * coverDays / 365)
