// What the thread of the forecasts gets and what it hands back: plain arrays, `variant * days + day`, so that they can change hands.

export interface ForecastTask {
  variants: number
  days: number
  /** Steps of a season: 7. */
  period: number
  units: Float32Array
  /** 1: nothing was there to be sold, so that what was sold is not what was wanted. */
  censored: Uint8Array
  /** The first day of each variant: there is nothing to know before it. */
  starts: Int32Array
  /** Variants with the same number lend each other their season; -1: alone. */
  groups: Int32Array
  /** Days until an order arrives. */
  leads: Int32Array
  /** Standard deviation of the lead time, days. */
  leadDeviations: Float64Array
  /** Probability that the lead time's demand is met: 0.95. */
  serviceLevel: number
  /** Days of each variant's path. */
  horizon: number
  /** Whole units are sold. */
  counts: boolean
}

/** Why a variant has no forecast. */
export const NO_FORECAST = { none: 0, too_little_history: 1, no_sale: 2 } as const

/** By variant. Figures of variants without a forecast are NaN. */
export interface ForecastResult {
  missing: Uint8Array
  /** Index in DEMAND_CLASSES. */
  classes: Uint8Array
  adi: Float64Array
  cv2: Float64Array
  observed: Int32Array
  demands: Int32Array
  /** A bit for each of MODEL_NAMES that is averaged. */
  models: Uint32Array
  /** Origins of the backtest; 0: too short for one. */
  origins: Int32Array
  /** Of the backtest. The baselines are always there, whatever was chosen. */
  mase: Float64Array
  maseNaive: Float64Array
  maseSes: Float64Array
  maseSba: Float64Array
  /** Over the lead time. */
  mean: Float64Array
  deviation: Float64Array
  /** That is not exceeded with the probability of the service level. */
  quantile: Float64Array
  /** Of the interval of 95 %. */
  lower: Float64Array
  upper: Float64Array
  /** Expected units by day: `variant * horizon + day`. */
  paths: Float32Array
}

/** Observed days, and days with demand, that a forecast needs at least. */
export const LEAST_OBSERVED = 28
export const LEAST_DEMANDS = 2
