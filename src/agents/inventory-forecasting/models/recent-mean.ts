// Robust simple models: the mean of the last weeks with a profile over the weekdays, times the step that last year took; and a share of the group.
import { meanOf, type GroupDemand, type Model, type Series } from './model.ts'

/** Whole weeks, so that a year later is the same weekday. */
const YEAR = 364
/** Steps that the season of last year is smoothed over: four weeks. */
const SMOOTHED = 28
/** Units that a profile or a step of the year has to outweigh before it is believed. */
const PRIOR_OWN = 10
const PRIOR_GROUP = 30
/** Seasons that a profile is made from. */
const PROFILE_SEASONS = 26
const SHARE_SEASONS = 26

interface Window {
  /** Weeks, where the period is a week. */
  weeks: number
  /** Seasons, where it is anything else. */
  seasons: number
}

const recentMean = ({ weeks, seasons }: Window, withYear: boolean): Model => (series, origins, horizon) => {
  const { period, group, start } = series
  const length = period * (period === 7 ? weeks : seasons)
  if (origins[0]! < Math.min(length, 4 * period)) return undefined
  const last = origins[origins.length - 1]!
  // Without last year's step at the last origin it would only be the same model without it.
  if (withYear && (group === undefined || period !== 7 || last + start - YEAR - length < 0)) return undefined
  const out = new Float64Array(origins.length * horizon)
  origins.forEach((origin, index) => {
    const level = meanOf(series, origin - length, origin)
    const profile = profileOf(series, origin)
    for (let step = 0; step < horizon; step++) {
      const year = withYear ? yearStep(group!, origin + start, length, step) : 1
      out[index * horizon + step] = Math.max(0, level * profile[(origin + step) % period]! * year)
    }
  })
  return out
}

const SHORT: Window = { weeks: 4, seasons: 1 }
const MEDIUM: Window = { weeks: 8, seasons: 2 }
const LONG: Window = { weeks: 26, seasons: 3 }

export const recentShort = recentMean(SHORT, false)
export const recentMedium = recentMean(MEDIUM, false)
export const recentLong = recentMean(LONG, false)
export const yearShort = recentMean(SHORT, true)
export const yearMedium = recentMean(MEDIUM, true)

/** The part that it had of its group's units over half a year, of what the group sells now, times the step that last year took. */
export const groupShare: Model = (series, origins, horizon) => {
  const { values, censored, period, group, start } = series
  const level = SMOOTHED
  if (group === undefined || period !== 7 || origins[0]! < level) return undefined
  const out = new Float64Array(origins.length * horizon)
  origins.forEach((origin, index) => {
    let own = 0
    let whole = 0
    for (let step = Math.max(0, origin - SHARE_SEASONS * period); step < origin; step++) {
      if (censored[step] === 1) continue
      own += values[step]!
      whole += group.sums[start + step + 1]! - group.sums[start + step]!
    }
    const now = between(group.sums, start + origin - level, start + origin) / level
    const mean = whole <= 0 ? 0 : own / whole * now
    const profile = profileOf(series, origin)
    for (let step = 0; step < horizon; step++) {
      out[index * horizon + step] = mean * profile[(origin + step) % period]! * yearStep(group, origin + start, level, step)
    }
  })
  return out
}

/**
 * How the group's demand around this day of last year compares with that of the `length` steps up to the same origin of last year; 1 where last
 * year is unknown. A small group leans on the whole shop, and a small shop on no change.
 */
const yearStep = ({ sums, all }: GroupDemand, origin: number, length: number, step: number): number => {
  const then = origin - YEAR
  if (then - length < 0) return 1
  // Never past the origin: what comes after it is not known yet.
  const around = Math.min(then + step + SMOOTHED / 2, origin)
  const target = (line: Float64Array): number => between(line, around - SMOOTHED, around)
  const usual = (line: Float64Array): number => between(line, then - length, then) * SMOOTHED / length
  const shop = (target(all) + PRIOR_GROUP) / (usual(all) + PRIOR_GROUP)
  return (target(sums) + PRIOR_GROUP * shop) / (usual(sums) + PRIOR_GROUP)
}

const between = (sums: Float64Array, from: number, to: number): number => sums[Math.max(0, to)]! - sums[Math.max(0, from)]!

/** Factors around 1 by place in the season: its own, leaning on the group's, leaning on none. */
const profileOf = (series: Series, origin: number): Float64Array => {
  const { values, censored, period, group, start } = series
  const from = Math.max(0, origin - PROFILE_SEASONS * period)
  const own = new Float64Array(period)
  const whole = new Float64Array(period)
  const days = new Float64Array(period)
  let units = 0
  let groupUnits = 0
  let count = 0
  for (let step = from; step < origin; step++) {
    if (censored[step] === 1) continue
    const place = step % period
    const all = group === undefined ? 0 : group.sums[start + step + 1]! - group.sums[start + step]!
    own[place]! += values[step]!
    whole[place]! += all
    days[place]! += 1
    units += values[step]!
    groupUnits += all
    count += 1
  }
  const factors = new Float64Array(period)
  let total = 0
  for (let place = 0; place < period; place++) {
    const part = count === 0 ? 0 : days[place]! / count
    const shared = (whole[place]! + PRIOR_GROUP) / (groupUnits * part + PRIOR_GROUP)
    factors[place] = (own[place]! + PRIOR_OWN * shared) / (units * part + PRIOR_OWN)
    total += factors[place]!
  }
  return total <= 0 ? factors.fill(1) : factors.map((factor) => factor * period / total)
}
