// From forecasts and stock to the reorder list and the figures about it.
import type { Variant } from '../../core/commerce.ts'
import { multiplyMoney, type Money } from '../../core/money.ts'
import { addDays } from '../shop/days.ts'
import { titleOf } from './dead-stock.ts'
import { DEMAND_CLASSES } from './demand-class.ts'
import { NO_FORECAST, type ForecastResult } from './forecast-task.ts'
import { MODEL_NAMES, type ModelName } from './models/names.ts'
import { daysOfCover, expectedUnits, orderQuantity } from './reorder.ts'
import type { ForecastOutput, ReorderLine } from './schemas.ts'
import type { Supply } from './suppliers.ts'

/** A row of the forecast with what is known of its variant. */
export interface Candidate {
  variant: Variant
  available: number
  incoming: number
  supply: Supply
  /** The list's, else the shop's; null: nobody knows. */
  unit_cost: Money | null
}

export interface Assessment {
  lines: ReorderLine[]
  forecast: number
  left_out: Record<string, number>
  out_of_stock: number
  runs_out_within_lead_time: number
}

const MOST_UNITS = 1_000_000

export interface AssessTerms {
  /** Days of each path; `today` is their first. */
  horizon: number
  today: string
  /** Days that an order is to last after it has come. */
  coverDays: number
}

/** The most urgent line first. `pace` is called for each variant; what it answers is waited for. */
export const assess = async (
  candidates: Candidate[], result: ForecastResult, { horizon, coverDays, today }: AssessTerms, pace: () => Promise<void> | undefined
): Promise<Assessment> => {
  const found: Assessment = { lines: [], forecast: 0, left_out: {}, out_of_stock: 0, runs_out_within_lead_time: 0 }
  const leaveOut = (reason: string): void => { found.left_out[reason] = (found.left_out[reason] ?? 0) + 1 }
  for (const [place, candidate] of candidates.entries()) {
    const turn = pace()
    if (turn !== undefined) await turn
    const missing = result.missing[place]!
    if (missing !== NO_FORECAST.none) {
      leaveOut(missing === NO_FORECAST.no_sale ? 'no_sale' : 'too_little_history')
      continue
    }
    found.forecast += 1
    const { available, supply } = candidate
    const path = result.paths.subarray(place * horizon, (place + 1) * horizon)
    const cover = daysOfCover(available, path)
    if (available <= 0) found.out_of_stock += 1
    if (cover !== null && cover < supply.lead_time_days) found.runs_out_within_lead_time += 1
    const line = lineOf(candidate, result, place, path, { cover, coverDays, today })
    if (line === null) continue
    if (line.quantity > MOST_UNITS) leaveOut('too_many_units')
    else found.lines.push(line)
  }
  found.lines.sort((a, b) => (a.days_of_cover ?? Infinity) - (b.days_of_cover ?? Infinity) || b.lead_time_demand - a.lead_time_demand ||
    (a.variant_id < b.variant_id ? -1 : 1))
  return found
}

const lineOf = (
  { variant, available, incoming, supply, unit_cost: cost }: Candidate, result: ForecastResult, place: number, path: Float32Array,
  { cover, coverDays, today }: { cover: number | null, coverDays: number, today: string }
): ReorderLine | null => {
  const lead = supply.lead_time_days
  const point = Math.ceil(result.quantile[place]!)
  const coverDemand = tenth(expectedUnits(path, lead, lead + coverDays))
  const order = orderQuantity({ available, incoming, reorder_point: point, cover_demand: coverDemand, moq: supply.moq, pack_size: supply.pack_size })
  if (order === null) return null
  return {
    variant_id: variant.id,
    sku: variant.sku,
    title: titleOf(variant),
    supplier: supply.supplier,
    class: DEMAND_CLASSES[result.classes[place]!]!,
    models: modelsOf(result.models[place]!),
    available,
    incoming,
    lead_time_days: lead,
    lead_time_assumed: supply.assumed_lead_time,
    lead_time_demand: tenth(result.mean[place]!),
    lead_time_demand_lower: tenth(result.lower[place]!),
    lead_time_demand_upper: tenth(result.upper[place]!),
    reorder_point: point,
    cover_demand: coverDemand,
    needed: order.needed,
    moq: supply.moq,
    pack_size: supply.pack_size,
    quantity: order.quantity,
    unit_cost: cost,
    value: cost === null ? null : multiplyMoney(cost, order.quantity),
    days_of_cover: cover,
    stock_out_date: cover === null ? null : addDays(today, cover),
    mase: known(result.mase[place]!),
    mase_seasonal_naive: known(result.maseNaive[place]!)
  }
}

const modelsOf = (bits: number): ModelName[] => MODEL_NAMES.filter((_, index) => (bits >> index & 1) === 1)

const tenth = (value: number): number => Math.round(value * 10) / 10

/** JSON has no NaN: what is not known is null. */
const known = (value: number): number | null => Number.isNaN(value) ? null : Math.round(value * 1_000) / 1_000

/** Per class: how many, and how well the backtest went against the baselines. Means over variants for which all four are known. */
export const classSummaries = (result: ForecastResult): ForecastOutput['classes'] => DEMAND_CLASSES.map((name, index) => {
  const places = [...result.classes.keys()].filter((place) => result.classes[place] === index && result.missing[place] === NO_FORECAST.none)
  const errors = ['mase', 'maseNaive', 'maseSes', 'maseSba'] as const
  const judged = places.filter((place) => errors.every((error) => !Number.isNaN(result[error][place])))
  const mean = (error: typeof errors[number]): number | null =>
    judged.length === 0 ? null : known(judged.reduce((sum, place) => sum + result[error][place]!, 0) / judged.length)
  const models = MODEL_NAMES.map((model, bit) => ({ model, variants: places.filter((place) => (result.models[place]! >> bit & 1) === 1).length }))
  return {
    class: name,
    variants: places.length,
    backtested: judged.length,
    mase: mean('mase'),
    mase_seasonal_naive: mean('maseNaive'),
    mase_ses: mean('maseSes'),
    mase_croston_sba: mean('maseSba'),
    models: models.filter(({ variants }) => variants > 0).sort((a, b) => b.variants - a.variants)
  }
})
