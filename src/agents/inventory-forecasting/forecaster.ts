// Forecasts all variants: each candidate is tried on the past of each variant, the best by its own and its class's record are averaged.
// Plain arrays in and out, so that it can run in a thread.
import { judge, leadSums, originsOf, scaleOf, type Scale } from './backtest.ts'
import { classOf, DEMAND_CLASSES, shapeOf } from './demand-class.ts'
import { LEAST_DEMANDS, LEAST_OBSERVED, NO_FORECAST, type ForecastResult, type ForecastTask } from './forecast-task.ts'
import { intervalOf, quantileOf, type LeadTimeDemand } from './lead-time-demand.ts'
import { MODELS } from './models/index.ts'
import type { GroupDemand, Series } from './models/model.ts'
import { MODEL_NAMES } from './models/names.ts'

/** Origins that a backtest needs at least. */
const LEAST_ORIGINS = 3
/** Independent backtests that the class's record weighs as much as. */
const CLASS_WEIGHT = { smooth: 4, erratic: 6, intermittent: 30, lumpy: 30 }
/** Of models that are averaged, and how far behind the best they may be. */
const MOST_AVERAGED = 4
const AVERAGED_WITHIN = Math.log(1.1)
/** The same for the spread. What comes rarely in heaps has often not shown its largest heap yet. */
const SPREAD_WEIGHT = { smooth: 4, erratic: 4, intermittent: 12, lumpy: 24 }
const INTERVAL = 0.95
/** A model that is not worth the wait on most days: only regular demand has a trend or a season of its own to be found. */
const ONLY_REGULAR = new Set(['holt', 'damped_trend', 'seasonal', 'seasonal_trend', 'seasonal_damped'])

/** Called often: throw in it to stop. */
export type Tick = (fraction: number) => void

export const forecastAll = (task: ForecastTask, tick: Tick = () => {}): ForecastResult => {
  const { variants } = task
  const result = emptyResult(task)
  const groups = groupDemands(task)
  const names = MODEL_NAMES.length
  const scores = new Float64Array(variants * names).fill(NaN)
  for (let variant = 0; variant < variants; variant++) {
    tick(variant / variants * 0.8)
    describe(task, variant, result)
    if (result.missing[variant] === NO_FORECAST.none) tryAll(task, groups, variant, result, scores)
  }
  const records = recordsOf(task, result, scores)
  const spreads = new Float64Array(variants).fill(NaN)
  for (let variant = 0; variant < variants; variant++) {
    tick(0.8 + variant / variants * 0.15)
    if (result.missing[variant] === NO_FORECAST.none) choose(task, groups, variant, result, scores, records, spreads)
  }
  const usual = usualSpreads(result, spreads)
  for (let variant = 0; variant < variants; variant++) {
    tick(0.95 + variant / variants * 0.05)
    if (result.missing[variant] === NO_FORECAST.none) spread(task, variant, result, spreads, usual)
  }
  return result
}

const emptyResult = ({ variants, horizon }: ForecastTask): ForecastResult => {
  const figures = () => new Float64Array(variants).fill(NaN)
  return {
    missing: new Uint8Array(variants),
    classes: new Uint8Array(variants),
    adi: figures(),
    cv2: figures(),
    observed: new Int32Array(variants),
    demands: new Int32Array(variants),
    models: new Uint32Array(variants),
    origins: new Int32Array(variants),
    mase: figures(),
    maseNaive: figures(),
    maseSes: figures(),
    maseSba: figures(),
    mean: figures(),
    deviation: figures(),
    quantile: figures(),
    lower: figures(),
    upper: figures(),
    paths: new Float32Array(variants * horizon).fill(NaN)
  }
}

/** Sums by group. What came into the shop later is left out, as long as others are there: an arrival is no season. */
const groupDemands = ({ variants, days, units, starts, groups }: ForecastTask): Map<number, GroupDemand> => {
  const old = (variant: number): boolean => starts[variant]! === 0
  const settled = new Set<number>()
  let anyOld = false
  for (let variant = 0; variant < variants; variant++) {
    if (!old(variant)) continue
    settled.add(groups[variant]!)
    anyOld = true
  }
  const all = new Float64Array(days + 1)
  const found = new Map<number, GroupDemand>()
  for (let variant = 0; variant < variants; variant++) {
    const group = groups[variant]!
    if (group < 0) continue
    let demand = found.get(group)
    if (demand === undefined) found.set(group, demand = { sums: new Float64Array(days + 1), all })
    for (let day = 0; day < days; day++) {
      const value = units[variant * days + day]!
      if (value === 0) continue
      if (old(variant) || !settled.has(group)) demand.sums[day + 1]! += value
      if (old(variant) || !anyOld) all[day + 1]! += value
    }
  }
  for (const line of [all, ...[...found.values()].map(({ sums }) => sums)]) for (let day = 0; day < days; day++) line[day + 1]! += line[day]!
  return found
}

const seriesOf = ({ days, period, units, censored, starts, groups }: ForecastTask, demands: Map<number, GroupDemand>, variant: number): Series => {
  const start = starts[variant]!
  const group = demands.get(groups[variant]!)
  const mask = censored.slice(variant * days + start, (variant + 1) * days)
  return {
    values: Float64Array.from(units.subarray(variant * days + start, (variant + 1) * days)),
    censored: mask,
    period,
    start,
    ...(group === undefined ? {} : { group })
  }
}

const describe = (task: ForecastTask, variant: number, result: ForecastResult): void => {
  const { values, censored } = seriesOf(task, new Map(), variant)
  const shape = shapeOf(values, censored)
  result.adi[variant] = shape.adi
  result.cv2[variant] = shape.cv2
  result.observed[variant] = shape.observed
  result.demands[variant] = shape.demands
  result.classes[variant] = DEMAND_CLASSES.indexOf(classOf(shape))
  result.missing[variant] = shape.observed < LEAST_OBSERVED
    ? NO_FORECAST.too_little_history
    : shape.demands === 0 ? NO_FORECAST.no_sale : shape.demands < LEAST_DEMANDS ? NO_FORECAST.too_little_history : NO_FORECAST.none
}

const classNameOf = (result: ForecastResult, variant: number) => DEMAND_CLASSES[result.classes[variant]!]!

const isRegular = (result: ForecastResult, variant: number): boolean => {
  const name = classNameOf(result, variant)
  return name === 'smooth' || name === 'erratic'
}

/** Scores of all candidates in the backtest. */
const tryAll = (task: ForecastTask, groups: Map<number, GroupDemand>, variant: number, result: ForecastResult, scores: Float64Array): void => {
  const series = seriesOf(task, groups, variant)
  const lead = task.leads[variant]!
  const origins = originsOf(series.values.length, task.period, lead)
  if (origins.length < LEAST_ORIGINS) return
  const scale = scaleOrAll(series, origins)
  if (scale === undefined) return
  result.origins[variant] = origins.length
  const regular = isRegular(result, variant)
  MODEL_NAMES.forEach((name, index) => {
    if (!regular && ONLY_REGULAR.has(name)) return
    const paths = MODELS[name](series, origins, lead)
    if (paths === undefined) return
    const { mase, sums } = judge(series, origins, paths, lead, scale)
    scores[variant * MODEL_NAMES.length + index] = regular ? mase : sums
    if (name === 'seasonal_naive') result.maseNaive[variant] = mase
    else if (name === 'ses') result.maseSes[variant] = mase
    else if (name === 'croston_sba') result.maseSba[variant] = mase
  })
}

/** Of what lies before the first origin; of everything where nothing moved until then. */
const scaleOrAll = (series: Series, origins: number[]): Scale | undefined => scaleOf(series, origins[0]!) ?? scaleOf(series, series.values.length)

/** Independent backtests: windows that overlap say the same again. */
const weightOf = (task: ForecastTask, result: ForecastResult, variant: number): number => {
  const stride = task.period === 7 ? 7 : 1
  return Math.max(1, result.origins[variant]! * Math.min(1, stride / task.leads[variant]!))
}

/** Logarithm of the score over that of simple smoothing; NaN without one. */
const relative = (scores: Float64Array, variant: number, model: number): number => {
  const first = variant * MODEL_NAMES.length
  const own = scores[first + model]!
  const base = scores[first + MODEL_NAMES.indexOf('ses')]!
  return own > 0 && base > 0 ? Math.log(own / base) : NaN
}

/**
 * How each model does in each class, against simple smoothing: logarithm of the quotient of their mean squared scores. A mean of the variants' own
 * quotients would be ruled by those that happened to sell nothing, where every model that forecasts little looks perfect.
 */
const recordsOf = ({ variants }: ForecastTask, result: ForecastResult, scores: Float64Array): Float64Array => {
  const names = MODEL_NAMES.length
  const own = new Float64Array(DEMAND_CLASSES.length * names)
  const base = new Float64Array(own.length)
  for (let variant = 0; variant < variants; variant++) {
    for (let model = 0; model < names; model++) {
      if (Number.isNaN(relative(scores, variant, model))) continue
      const place = result.classes[variant]! * names + model
      own[place]! += scores[variant * names + model]! ** 2
      base[place]! += scores[variant * names + MODEL_NAMES.indexOf('ses')]! ** 2
    }
  }
  return own.map((sum, place) => base[place] === 0 ? NaN : Math.log(sum / base[place]!) / 2)
}

/** Candidates by their own record, leaning on that of the class; the best and those close behind. */
const rank = (task: ForecastTask, result: ForecastResult, variant: number, scores: Float64Array, records: Float64Array): number[] => {
  const names = MODEL_NAMES.length
  const own = weightOf(task, result, variant)
  const shared = CLASS_WEIGHT[classNameOf(result, variant)]
  const ranked: Array<{ model: number, score: number }> = []
  for (let model = 0; model < names; model++) {
    const value = relative(scores, variant, model)
    const record = records[result.classes[variant]! * names + model]!
    if (Number.isNaN(value) || Number.isNaN(record)) continue
    ranked.push({ model, score: (own * value + shared * record) / (own + shared) })
  }
  ranked.sort((a, b) => a.score - b.score || a.model - b.model)
  return ranked.slice(0, MOST_AVERAGED).filter(({ score }) => score <= ranked[0]!.score + AVERAGED_WITHIN).map(({ model }) => model)
}

/** Without a backtest: what asks for least. */
const WITHOUT_BACKTEST = ['recent_short', 'tsb', 'ses'] as const

const choose = (
  task: ForecastTask, groups: Map<number, GroupDemand>, variant: number, result: ForecastResult, scores: Float64Array, records: Float64Array,
  spreads: Float64Array
): void => {
  const series = seriesOf(task, groups, variant)
  const length = series.values.length
  const lead = task.leads[variant]!
  let chosen = result.origins[variant]! === 0 ? [] : rank(task, result, variant, scores, records)
  const path = (): Float64Array | undefined => averaged(series, chosen, [length], task.horizon)
  let ahead = path()
  if (ahead === undefined) {
    chosen = WITHOUT_BACKTEST.map((name) => MODEL_NAMES.indexOf(name))
    ahead = path() ?? new Float64Array(task.horizon)
  }
  result.models[variant] = chosen.reduce((bits, model) => bits | 1 << model, 0)
  result.paths.set(ahead, variant * task.horizon)
  let mean = 0
  for (let day = 0; day < lead; day++) mean += ahead[Math.min(day, task.horizon - 1)]!
  result.mean[variant] = mean
  if (result.origins[variant] === 0) return
  const origins = originsOf(length, task.period, lead)
  const past = averaged(series, chosen, origins, lead)
  if (past === undefined) return
  result.mase[variant] = judge(series, origins, past, lead, scaleOrAll(series, origins)).mase
  spreads[variant] = spreadOf(leadSums(series, origins, past, lead))
}

/** The mean of the models' forecasts; of those that have one. */
const averaged = (series: Series, models: number[], origins: number[], horizon: number): Float64Array | undefined => {
  let sum: Float64Array | undefined
  let count = 0
  for (const model of models) {
    const paths = MODELS[MODEL_NAMES[model]!](series, origins, horizon)
    if (paths === undefined) continue
    count += 1
    if (sum === undefined) sum = paths
    else for (let index = 0; index < sum.length; index++) sum[index]! += paths[index]!
  }
  return sum?.map((value) => value / count)
}

/** Squared error for a unit of forecast: 1 where sales come by chance alone (Poisson), more where they come in heaps or the level moves. */
const spreadOf = (sums: ReturnType<typeof leadSums>): number => {
  let squares = 0
  let forecasts = 0
  for (const { forecast, actual } of sums) {
    squares += (actual - forecast) ** 2
    forecasts += forecast
  }
  return forecasts <= 0 ? NaN : squares / forecasts
}

/** Mean by class; the highest hundredth counts as its lowest. */
const usualSpreads = (result: ForecastResult, spreads: Float64Array): number[] => DEMAND_CLASSES.map((_, index) => {
  const values = [...spreads].filter((value, variant) => result.classes[variant] === index && !Number.isNaN(value)).sort((a, b) => a - b)
  const most = values[Math.floor(values.length * 0.99)]!
  return values.length === 0 ? NaN : values.reduce((sum, value) => sum + Math.min(value, most), 0) / values.length
})

const spread = (task: ForecastTask, variant: number, result: ForecastResult, spreads: Float64Array, usual: number[]): void => {
  const mean = result.mean[variant]!
  const lead = task.leads[variant]!
  const own = spreads[variant]!
  const shared = usual[result.classes[variant]!]!
  const weight = Number.isNaN(own) ? 0 : weightOf(task, result, variant)
  const lent = Number.isNaN(shared) ? 1 : shared
  const prior = task.variants === 1 ? 0 : SPREAD_WEIGHT[classNameOf(result, variant)]
  const each = weight === 0 ? lent : (weight * own + prior * lent) / (weight + prior)
  // One more window than those that were seen: what is known of the spread is uncertain itself.
  const floored = task.counts ? Math.max(1, each) : each
  const freedom = Math.max(1, 2 * weight + prior)
  const fromDemand = floored * mean * (1 + 1 / freedom)
  const fromLead = (task.leadDeviations[variant]! * mean / lead) ** 2
  const demand: LeadTimeDemand = { mean, variance: fromDemand + fromLead, freedom, counts: task.counts }
  result.deviation[variant] = Math.sqrt(demand.variance)
  result.quantile[variant] = quantileOf(demand, task.serviceLevel)
  const { lower, upper } = intervalOf(demand, INTERVAL)
  result.lower[variant] = lower
  result.upper[variant] = upper
}
