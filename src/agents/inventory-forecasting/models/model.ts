// What a forecasting model is given and what it answers.

/** Demand by day, or by month: whatever the step is. */
export interface Series {
  /** Units, oldest first. */
  values: Float64Array
  /** 1: the day says nothing about demand, because there was nothing to sell. */
  censored: Uint8Array
  /** Steps of a season: 7 for days, 12 for months. */
  period: number
  /** Where the first value stands on the time line of the group. */
  start: number
  /** Demand of everything that it belongs to; undefined: it stands alone. */
  group?: GroupDemand
}

/** Sums over a group of variants, to borrow a season from: one variant alone sells too little to show it. */
export interface GroupDemand {
  /** Running sums of the group's units: `sums[t]` is what was sold before step t. */
  sums: Float64Array
  /** The same of the whole shop. */
  all: Float64Array
}

/**
 * Forecasts made at each origin out of what lies before it, `horizon` steps each, one after the other. Parameters are fitted on what lies before
 * the first origin. Undefined: the model needs more history than there is before the first origin.
 */
export type Model = (series: Series, origins: readonly number[], horizon: number) => Float64Array | undefined

/** Mean of the observed steps in [from, to); 0 without any. */
export const meanOf = ({ values, censored }: Series, from: number, to: number): number => {
  let sum = 0
  let count = 0
  for (let step = Math.max(0, from); step < to; step++) {
    if (censored[step] === 1) continue
    sum += values[step]!
    count += 1
  }
  return count === 0 ? 0 : sum / count
}

/** The same level at each step. */
export const fillFlat = (out: Float64Array, index: number, horizon: number, level: number): void => {
  out.fill(Math.max(0, level), index * horizon, (index + 1) * horizon)
}
