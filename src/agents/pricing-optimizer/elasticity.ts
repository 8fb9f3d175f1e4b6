// How demand answers to the price: a log-log fit on each product, shrunk towards its type, the shop, and what has been published.

/** Purchases at one price in some weeks. */
export interface Cell {
  purchases: number
  /** Days, weighted by how much was bought beside the product. */
  exposure: number
  /** Natural logarithm of the price by the current one. */
  logPrice: number
  /** The middle of the time, in years. */
  at: number
}

/** A normal distribution of the elasticity: percent of demand lost for a percent of price. */
export interface Belief {
  mean: number
  sd: number
}

export interface Fit {
  /** Of the product's own data alone. */
  estimate: number
  variance: number
  /** Pearson's measure and its degrees of freedom, for the dispersion of all fits together. */
  chi2: number
  freedom: number
}

/**
 * Where nothing else is known: the mean of 1,851 published elasticities (Bijmolt, van Heerde and Pieters, Journal of Marketing Research 42, 2005) is 2.62;
 * that a shop's own lies within about 1 of it is our assumption.
 */
const PUBLISHED: Belief = { mean: 2.62, sd: 1 }
/** How far types differ within a shop, and products within a type at the least, whatever the data say: assumptions. */
const BETWEEN_TYPES = 0.4
const BETWEEN_PRODUCTS = 0.4
/** Degrees of freedom from which dispersion and spread are read off the data. */
const ENOUGH = 10
/** How far a product drifts away from its type in a year, as a fraction: an assumption. It limits what prices that lie years apart can tell. */
const DRIFT_A_YEAR = 0.2
const WEAK_SD = 2
const STEPS = 30

/** Lists of cells whose own level is unknown, an elasticity common to all. Null: the prices do not differ, or nothing was bought. */
export const fitElasticity = (groups: ReadonlyArray<readonly Cell[]>): Fit | null => {
  const used = groups.map((cells) => cells.filter(({ exposure }) => exposure > 0))
    .filter((cells) => cells.some(({ purchases }) => purchases > 0) && cells.some(({ logPrice }) => Math.abs(logPrice - cells[0]!.logPrice) > 1e-9))
  if (used.length === 0) return null
  // Newton's method, held by a weak belief, as a price at which nothing was bought would send the estimate to infinity.
  let elasticity = PUBLISHED.mean
  for (let step = 0; step < STEPS; step++) {
    const { score, information } = likelihood(used, elasticity)
    const move = (score - (elasticity - PUBLISHED.mean) / WEAK_SD ** 2) / (information + 1 / WEAK_SD ** 2)
    elasticity += Math.max(-1, Math.min(1, move))
    if (Math.abs(move) < 1e-6) break
  }
  const { score, information, chi2, freedom, drift } = likelihood(used, elasticity)
  if (information < 1e-9) return null
  return { estimate: elasticity + score / information, variance: 1 / information + (DRIFT_A_YEAR * drift) ** 2, chi2, freedom }
}

const likelihood = (groups: ReadonlyArray<readonly Cell[]>, elasticity: number) => {
  let score = 0
  let information = 0
  let chi2 = 0
  let freedom = -1
  let along = 0
  for (const cells of groups) {
    const weights = cells.map(({ exposure, logPrice }) => exposure * Math.exp(-elasticity * logPrice))
    const weight = weights.reduce((total, value) => total + value, 0)
    const bought = cells.reduce((total, { purchases }) => total + purchases, 0)
    let x = 0
    let t = 0
    cells.forEach(({ logPrice, at }, i) => {
      x += weights[i]! * logPrice / weight
      t += weights[i]! * at / weight
    })
    cells.forEach(({ logPrice, at, purchases }, i) => {
      const expected = bought * weights[i]! / weight
      score += (expected - purchases) * logPrice
      information += expected * (logPrice - x) ** 2
      along += expected * (logPrice - x) * (at - t)
      // Of cells with few expected purchases Pearson's measure says little but noise.
      if (expected >= 1) {
        chi2 += (purchases - expected) ** 2 / expected
        freedom += 1
      }
    })
    freedom -= 1
  }
  return { score, information, chi2, freedom: Math.max(0, freedom), drift: information < 1e-9 ? 0 : along / information }
}

export interface Fitted {
  type: string
  fit: Fit
}

export interface Elasticities {
  /** How much more purchases vary than by chance alone; at least 1. */
  dispersion: number
  /** How far products of a type differ from each other: standard deviation. */
  spread: number
  shop: Belief
  /** Of a product of this type about which nothing else is known. */
  ofType (type: string): Belief
  /** Of a product with a fit of its own, which is one of those that were pooled. */
  ofProduct (product: Fitted): Belief
}

/** Each level leans on the one above by what is known of it: a mean of means, weighted by how certain they are. */
export const poolElasticities = (fitted: readonly Fitted[]): Elasticities => {
  const freedom = fitted.reduce((total, { fit }) => total + fit.freedom, 0)
  const dispersion = freedom < ENOUGH ? 1.5 : Math.max(1, fitted.reduce((total, { fit }) => total + fit.chi2, 0) / freedom)
  const spread = spreadOf(fitted, dispersion)
  const varianceOf = ({ variance }: Fit): number => variance * dispersion + spread ** 2
  const sums = new Map<string, { precision: number, weighted: number }>()
  for (const { type, fit } of fitted) {
    const known = sums.get(type) ?? { precision: 0, weighted: 0 }
    const precision = 1 / varianceOf(fit)
    sums.set(type, { precision: known.precision + precision, weighted: known.weighted + precision * fit.estimate })
  }
  let precision = 1 / PUBLISHED.sd ** 2
  let weighted = PUBLISHED.mean * precision
  for (const type of sums.values()) {
    const own = 1 / (1 / type.precision + BETWEEN_TYPES ** 2)
    precision += own
    weighted += own * type.weighted / type.precision
  }
  const shop: Belief = { mean: weighted / precision, sd: Math.sqrt(1 / precision) }
  const ofType = (type: string, without?: Fit): Belief => {
    const above = 1 / (shop.sd ** 2 + BETWEEN_TYPES ** 2)
    const known = sums.get(type) ?? { precision: 0, weighted: 0 }
    const left = without === undefined ? 0 : 1 / varianceOf(without)
    const all = above + Math.max(0, known.precision - left)
    const mean = (above * shop.mean + known.weighted - left * (without?.estimate ?? 0)) / all
    return { mean, sd: Math.sqrt(1 / all + spread ** 2) }
  }
  return {
    dispersion,
    spread,
    shop,
    ofType: (type) => ofType(type),
    ofProduct ({ type, fit }) {
      const prior = ofType(type, fit)
      const own = 1 / (fit.variance * dispersion)
      const all = 1 / prior.sd ** 2 + own
      return { mean: (prior.mean / prior.sd ** 2 + own * fit.estimate) / all, sd: Math.sqrt(1 / all) }
    }
  }
}

/** What the estimates of a type differ by beyond their own uncertainty (DerSimonian and Laird's moments), and never less than what is assumed. */
const spreadOf = (fitted: readonly Fitted[], dispersion: number): number => {
  const types = new Map<string, Array<{ estimate: number, weight: number }>>()
  for (const { type, fit } of fitted) {
    const known = types.get(type) ?? []
    known.push({ estimate: fit.estimate, weight: 1 / (fit.variance * dispersion) })
    types.set(type, known)
  }
  let excess = 0
  let freedom = 0
  let scale = 0
  for (const fits of types.values()) {
    const weight = fits.reduce((total, one) => total + one.weight, 0)
    const mean = fits.reduce((total, one) => total + one.weight * one.estimate, 0) / weight
    excess += fits.reduce((total, one) => total + one.weight * (one.estimate - mean) ** 2, 0) - (fits.length - 1)
    freedom += fits.length - 1
    scale += weight - fits.reduce((total, one) => total + one.weight ** 2, 0) / weight
  }
  return freedom < ENOUGH || scale <= 0 ? BETWEEN_PRODUCTS : Math.max(BETWEEN_PRODUCTS, Math.sqrt(Math.max(0, excess / scale)))
}
