// How much may be wanted over a lead time: a distribution around the forecast, as wide as the backtest's errors were.
import { probit } from 'simple-statistics'

export interface LeadTimeDemand {
  mean: number
  /** Of the sum over the lead time, its own uncertainty among it. */
  variance: number
  /** Independent errors behind the variance: few make the tails heavier. */
  freedom: number
  /** Whole units: below COUNTS_BELOW they are counted, not measured. */
  counts: boolean
}

const COUNTS_BELOW = 200
const LEAST_FREEDOM = 3

/** The smallest demand that is not exceeded with this probability. */
export const quantileOf = (demand: LeadTimeDemand, probability: number): number => {
  const { mean, variance, freedom, counts } = demand
  if (mean <= 0) return 0
  if (counts && mean < COUNTS_BELOW) return countQuantile(mean, variance, probability)
  const value = Math.max(0, gammaQuantile(mean, Math.sqrt(variance), studentQuantile(probability, freedom)))
  return counts ? Math.ceil(value) : value
}

/** The shortest interval that holds at least `level`: where demand may well be nothing, all of the risk lies above. */
export const intervalOf = (demand: LeadTimeDemand, level: number): { lower: number, upper: number } => {
  const { mean, variance, counts } = demand
  if (!counts || mean >= COUNTS_BELOW || mean <= 0) {
    return { lower: quantileOf(demand, (1 - level) / 2), upper: quantileOf(demand, (1 + level) / 2) }
  }
  const chances = [...countChances(mean, variance, 1 - (1 - level) / 20)]
  let lower = 0
  let upper = chances.length - 1
  let held = chances.reduce((sum, chance) => sum + chance, 0)
  while (lower < upper) {
    const out = Math.min(chances[lower]!, chances[upper]!)
    if (held - out < level) break
    held -= out
    if (chances[lower]! <= chances[upper]!) lower += 1
    else upper -= 1
  }
  return { lower, upper }
}

/** Negative binomial, or Poisson where the variance is not above the mean. */
function * countChances (mean: number, variance: number, until: number): Generator<number> {
  // Just above the mean the two are the same, and the quotient would lose its digits.
  const poisson = variance <= mean * 1.001
  const size = poisson ? Infinity : mean * mean / (variance - mean)
  const share = poisson ? 0 : mean / (mean + size)
  let chance = poisson ? Math.exp(-mean) : (1 - share) ** size
  let total = 0
  for (let value = 0; ; value++) {
    yield chance
    total += chance
    if (total >= until || value > mean + 60 * Math.sqrt(Math.max(variance, mean)) + 100) return
    chance *= poisson ? mean / (value + 1) : (value + size) / (value + 1) * share
  }
}

const countQuantile = (mean: number, variance: number, probability: number): number => {
  return [...countChances(mean, variance, probability)].length - 1
}

/** Wilson and Hilferty's: skewed to the right as demand is, never far below zero. `z` is the quantile of the standardised error. */
const gammaQuantile = (mean: number, deviation: number, z: number): number => {
  const ninth = (deviation / mean) ** 2 / 9
  return mean * Math.max(0, 1 - ninth + z * Math.sqrt(ninth)) ** 3
}

/** Student's t by the expansion of Cornish and Fisher around the normal quantile. */
const studentQuantile = (probability: number, freedom: number): number => {
  const z = probit(probability)
  const n = Math.max(LEAST_FREEDOM, freedom)
  return z + (z ** 3 + z) / (4 * n) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * n * n)
}
