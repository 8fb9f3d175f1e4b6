// Judges forecasts on what came after: each origin's models are chosen and fitted on what lies before it, and on nothing else.
import { classOf, DEMAND_CLASSES, shapeOf, type DemandClass } from '../../src/agents/inventory-forecasting/demand-class.ts'
import { scaleOf } from '../../src/agents/inventory-forecasting/backtest.ts'
import { NO_FORECAST, type ForecastTask } from '../../src/agents/inventory-forecasting/forecast-task.ts'
import { forecastAll } from '../../src/agents/inventory-forecasting/forecaster.ts'
import { MODELS } from '../../src/agents/inventory-forecasting/models/index.ts'
import type { Series } from '../../src/agents/inventory-forecasting/models/model.ts'

export const BASELINES = ['seasonal_naive', 'ses', 'croston_sba'] as const
type Baseline = typeof BASELINES[number]

export interface Judged {
  label: string
  series: number
  /** Forecasts that were judged. */
  forecasts: number
  /** Mean absolute error by step over that of the seasonal naive in the training part, as a mean over all forecasts. */
  mase: Record<'chosen' | Baseline, number>
  /** Root of the mean squared error of lead-time sums, over that of the seasonal naive: what an order is planned by. */
  sums: Record<'chosen' | Baseline, number>
  /** Part of the lead-time sums inside the interval of 95 %. */
  coverage: number
  /** Part of them not above the reorder quantile for a service level of 95 %. */
  served: number
}

export interface Sample {
  variants: number
  days: number
  period: number
  units: Float32Array
  /** Default: none. */
  groups?: Int32Array
  /** Default: all from the first day on. */
  starts?: Int32Array
  counts?: boolean
  /** 1: nothing was in stock, and the day is not judged; neither are windows that are mostly made of such days. Default: none. */
  censored?: Uint8Array
  /** The forecasts are told of the days without stock. Default: they are. */
  tellStock?: boolean
}

export const taskOf = (sample: Sample, until: number, lead: number, horizon = lead): ForecastTask => {
  const { variants, days, period, units, censored, tellStock = true } = sample
  const cut = new Float32Array(variants * until)
  const mask = new Uint8Array(cut.length)
  for (let variant = 0; variant < variants; variant++) {
    cut.set(units.subarray(variant * days, variant * days + until), variant * until)
    if (censored !== undefined && tellStock) mask.set(censored.subarray(variant * days, variant * days + until), variant * until)
  }
  return {
    variants,
    days: until,
    period,
    units: cut,
    censored: mask,
    starts: (sample.starts ?? new Int32Array(variants)).map((start) => Math.min(start, until)),
    groups: sample.groups?.slice() ?? new Int32Array(variants).fill(-1),
    leads: new Int32Array(variants).fill(lead),
    leadDeviations: new Float64Array(variants),
    serviceLevel: 0.95,
    horizon,
    counts: sample.counts ?? true
  }
}

/** Part of a window that must have been observed to be judged. */
const OBSERVED_AT_LEAST = 0.5

interface Tally {
  variants: Set<number>
  forecasts: number
  absolute: Record<string, number>
  squares: Record<string, number>
  /** Windows without a day that was left out. */
  whole: number
  inside: number
  served: number
}

/** @param labelOf Default: the class of the demand in the first training part. */
export const evaluate = (sample: Sample, origins: number[], lead: number, labelOf?: string): Judged[] => {
  const tallies = new Map<string, Tally>()
  for (const origin of origins) {
    const task = taskOf(sample, origin, lead)
    const result = forecastAll(task)
    for (let variant = 0; variant < sample.variants; variant++) {
      if (result.missing[variant] !== NO_FORECAST.none) continue
      const values = Float64Array.from(sample.units.subarray(variant * sample.days + task.starts[variant]!, (variant + 1) * sample.days))
      const own = origin - task.starts[variant]!
      const out = sample.censored?.subarray(variant * sample.days + origin, variant * sample.days + origin + lead) ?? new Uint8Array(lead)
      const seen = lead - out.reduce((sum, one) => sum + one, 0)
      if (seen < lead * OBSERVED_AT_LEAST) continue
      const known = task.censored.slice(variant * origin + task.starts[variant]!, (variant + 1) * origin)
      const censored = new Uint8Array(values.length)
      censored.set(known)
      const series: Series = { values, censored, period: sample.period, start: 0 }
      const scale = scaleOf(series, own)
      if (scale === undefined) continue
      const paths: Record<string, Float64Array | undefined> = {
        chosen: Float64Array.from(result.paths.subarray(variant * lead, (variant + 1) * lead)),
        ...Object.fromEntries(BASELINES.map((name) => [name, MODELS[name](series, [own], lead)]))
      }
      if (Object.values(paths).includes(undefined)) continue
      const label = labelOf ?? classAt(values.subarray(0, origins[0]! - task.starts[variant]!)) ?? DEMAND_CLASSES[result.classes[variant]!]!
      const tally = tallies.get(label) ?? { variants: new Set(), forecasts: 0, absolute: {}, squares: {}, whole: 0, inside: 0, served: 0 }
      tallies.set(label, tally)
      tally.variants.add(variant)
      tally.forecasts += 1
      const observed = Array.from({ length: lead }, (_, step) => step).filter((step) => out[step] === 0)
      const actual = observed.reduce((sum, step) => sum + values[own + step]!, 0)
      for (const [name, path] of Object.entries(paths)) {
        let absolute = 0
        let sum = 0
        for (const step of observed) {
          absolute += Math.abs(values[own + step]! - path![step]!)
          sum += path![step]!
        }
        tally.absolute[name] = (tally.absolute[name] ?? 0) + absolute / seen / scale.absolute
        tally.squares[name] = (tally.squares[name] ?? 0) + ((actual - sum) / scale.squared) ** 2
      }
      // The interval is one of the whole lead time.
      if (seen < lead) continue
      tally.whole += 1
      if (actual >= result.lower[variant]! && actual <= result.upper[variant]!) tally.inside += 1
      if (actual <= result.quantile[variant]!) tally.served += 1
    }
  }
  const order: string[] = [...DEMAND_CLASSES]
  return [...tallies].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)).map(([label, tally]) => {
    const each = (figure: (name: string) => number) =>
      Object.fromEntries(['chosen', ...BASELINES].map((name) => [name, figure(name)])) as Judged['mase']
    return {
      label,
      series: tally.variants.size,
      forecasts: tally.forecasts,
      mase: each((name) => tally.absolute[name]! / tally.forecasts),
      sums: each((name) => Math.sqrt(tally.squares[name]! / tally.squares['seasonal_naive']!)),
      coverage: tally.inside / tally.whole,
      served: tally.served / tally.whole
    }
  })
}

const classAt = (values: Float64Array): DemandClass | undefined => {
  const shape = shapeOf(values, new Uint8Array(values.length))
  return shape.demands === 0 ? undefined : classOf(shape)
}
