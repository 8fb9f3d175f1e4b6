// Rolling-origin backtest: forecasts made at moments of the past are held against what came.
import type { Series } from './models/model.ts'

/** Origins at the most: half a year of weeks. */
const MOST_ORIGINS = 26
/** Part of the series that lies before the first origin. */
const TRAINED_AT_LEAST = 0.4
/** Part of the lead time that must have been observed, for its sum to say anything. */
const OBSERVED_AT_LEAST = 0.7

/** The moments to forecast from, oldest first: a season apart (a step where seasons are years), the last one a lead time before the end. */
export const originsOf = (length: number, period: number, lead: number): number[] => {
  const stride = period === 7 ? 7 : 1
  const first = Math.max(2 * period + 2, Math.floor(length * TRAINED_AT_LEAST))
  const origins: number[] = []
  for (let origin = length - lead; origin >= first && origins.length < MOST_ORIGINS; origin -= stride) origins.push(origin)
  return origins.reverse()
}

/** What errors are measured by: mean absolute and root mean squared difference to the season before; undefined where nothing ever changed. */
export interface Scale {
  absolute: number
  squared: number
}

/** @param until the first step that is not used: what is judged has no part in the scale. */
export const scaleOf = ({ values, censored, period }: Series, until: number): Scale | undefined => {
  let absolute = 0
  let squares = 0
  let count = 0
  for (let step = period; step < until; step++) {
    if (censored[step] === 1 || censored[step - period] === 1) continue
    const change = values[step]! - values[step - period]!
    absolute += Math.abs(change)
    squares += change * change
    count += 1
  }
  return absolute === 0 ? undefined : { absolute: absolute / count, squared: Math.sqrt(squares / count) }
}

export interface Scores {
  /** Mean absolute error by step, over the scale. NaN: there is no scale, or nothing was observed. */
  mase: number
  /** Root mean squared error of the lead time's sums, over the scale. Unlike MASE, it does not reward forecasting nothing. */
  sums: number
}

/** Sums over the lead time, as far as it was observed: forecast, what came, and the part of it that was seen. */
export interface LeadSum {
  forecast: number
  actual: number
}

/** @param paths as the models answer them: `horizon` steps for each origin, of which the first `lead` count. */
export const judge = (series: Series, origins: readonly number[], paths: Float64Array, lead: number, scale: Scale | undefined): Scores => {
  const { values, censored } = series
  let absolute = 0
  let count = 0
  let squares = 0
  let sums = 0
  origins.forEach((origin, index) => {
    let error = 0
    let seen = 0
    for (let step = 0; step < lead; step++) {
      if (censored[origin + step] === 1) continue
      const off = values[origin + step]! - paths[index * lead + step]!
      absolute += Math.abs(off)
      error += off
      seen += 1
    }
    count += seen
    if (seen < lead * OBSERVED_AT_LEAST) return
    squares += error * error
    sums += 1
  })
  if (scale === undefined || count === 0) return { mase: NaN, sums: NaN }
  return { mase: absolute / count / scale.absolute, sums: sums === 0 ? NaN : Math.sqrt(squares / sums) / scale.squared }
}

export const leadSums = ({ values, censored }: Series, origins: readonly number[], paths: Float64Array, lead: number): LeadSum[] => {
  const found: LeadSum[] = []
  origins.forEach((origin, index) => {
    let forecast = 0
    let actual = 0
    let seen = 0
    for (let step = 0; step < lead; step++) {
      if (censored[origin + step] === 1) continue
      forecast += paths[index * lead + step]!
      actual += values[origin + step]!
      seen += 1
    }
    if (seen >= lead * OBSERVED_AT_LEAST) found.push({ forecast, actual })
  })
  return found
}
