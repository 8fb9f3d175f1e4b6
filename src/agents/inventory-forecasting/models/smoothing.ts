// Exponential smoothing: level, trend (damped or not) and season (added or multiplied), with parameters from a grid by the squared one-step error.
import { meanOf, type Model, type Series } from './model.ts'

type Season = 'none' | 'added' | 'multiplied'

interface Shape {
  trend: 'none' | 'straight' | 'damped'
  season: Season
}

interface Parameters {
  alpha: number
  beta: number
  gamma: number
  phi: number
}

interface Grid {
  alphas: number[]
  /** Of alpha. */
  betas: number[]
  gammas: number[]
  phis: number[]
}

// Short series get the finer grid: they are the ones with few points to err on, and it costs little there.
const FINE: Grid = { alphas: [0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.8], betas: [0.05, 0.15, 0.4], gammas: [0.03, 0.1, 0.25, 0.5], phis: [0.9, 0.97] }
const COARSE: Grid = { alphas: [0.02, 0.05, 0.1, 0.2, 0.4], betas: [0.02, 0.1], gammas: [0.02, 0.08], phis: [0.95] }
const LONG_FROM = 300
/** Seasons that the first level and season come from. */
const SEASONS_TO_BEGIN = 8
const SMALLEST_FACTOR = 0.05

const smoothing = (shapes: Shape[]): Model => (series, origins, horizon) => {
  const fitUntil = origins[0]!
  const seasonal = shapes.some(({ season }) => season !== 'none')
  if (fitUntil < (seasonal ? 2 * series.period + 2 : 8)) return undefined
  const grid = series.values.length > LONG_FROM ? COARSE : FINE
  let best: { shape: Shape, begin: Begin, parameters: Parameters, error: number } | undefined
  for (const shape of shapes) {
    const begin = beginOf(series, shape, fitUntil)
    if (begin === undefined) continue
    for (const parameters of combinations(grid, shape)) {
      const error = filter(series, shape, begin, parameters, fitUntil)
      if (best === undefined || error < best.error) best = { shape, begin, parameters, error }
    }
  }
  if (best === undefined) return undefined
  const out = new Float64Array(origins.length * horizon)
  filter(series, best.shape, best.begin, best.parameters, origins[origins.length - 1]!, { origins, horizon, out })
  return out
}

export const ses = smoothing([{ trend: 'none', season: 'none' }])
export const holt = smoothing([{ trend: 'straight', season: 'none' }])
export const dampedTrend = smoothing([{ trend: 'damped', season: 'none' }])
export const seasonal = smoothing([{ trend: 'none', season: 'added' }, { trend: 'none', season: 'multiplied' }])
export const seasonalTrend = smoothing([{ trend: 'straight', season: 'added' }, { trend: 'straight', season: 'multiplied' }])
export const seasonalDamped = smoothing([{ trend: 'damped', season: 'added' }, { trend: 'damped', season: 'multiplied' }])

function * combinations ({ alphas, betas, gammas, phis }: Grid, { trend, season }: Shape): Generator<Parameters> {
  for (const alpha of alphas) {
    for (const beta of trend === 'none' ? [0] : betas) {
      for (const gamma of season === 'none' ? [0] : gammas) {
        for (const phi of trend === 'damped' ? phis : [1]) yield { alpha, beta: alpha * beta, gamma, phi }
      }
    }
  }
}

interface Begin {
  level: number
  slope: number
  season: Float64Array
  /** Errors count from here: before it, the begin has seen the values. */
  warm: number
}

/** Undefined: nothing was observed, or a factor makes no sense. */
const beginOf = (series: Series, { trend, season }: Shape, fitUntil: number): Begin | undefined => {
  const { values, censored, period } = series
  const seasons = Math.max(2, Math.min(SEASONS_TO_BEGIN, period > 7 ? 2 : SEASONS_TO_BEGIN, Math.floor(fitUntil / period / 2)))
  const end = Math.min(fitUntil, season === 'none' ? Math.max(8, 2 * period) : seasons * period)
  const half = Math.floor(end / 2)
  const level = meanOf(series, 0, end)
  if (level <= 0 && season === 'multiplied') return undefined
  const slope = trend === 'none' ? 0 : (meanOf(series, half, end) - meanOf(series, 0, half)) / Math.max(1, half)
  const first = level - slope * (end - 1) / 2
  const places = season === 'none' ? 1 : period
  const sums = new Float64Array(places)
  const counts = new Float64Array(places)
  for (let step = 0; step < end; step++) {
    if (censored[step] === 1 || season === 'none') continue
    const expected = Math.max(first + slope * step, level * SMALLEST_FACTOR)
    sums[step % places]! += season === 'added' ? values[step]! - expected : values[step]! / expected
    counts[step % places]! += 1
  }
  const neutral = season === 'multiplied' ? 1 : 0
  const factors = sums.map((sum, place) => counts[place] === 0 ? neutral : sum / counts[place]!)
  if (season === 'multiplied') for (let place = 0; place < places; place++) factors[place] = Math.max(SMALLEST_FACTOR, factors[place]!)
  return { level: first - slope, slope, season: factors, warm: Math.min(end, Math.floor(fitUntil / 2)) }
}

interface Wanted {
  origins: readonly number[]
  horizon: number
  out: Float64Array
}

/** Runs through [0, until), writes the forecasts that are wanted on the way, and answers the mean squared one-step error. */
const filter = (
  { values, censored, period }: Series, { season }: Shape, begin: Begin, { alpha, beta, gamma, phi }: Parameters, until: number, wanted?: Wanted
): number => {
  const factors = begin.season.slice()
  const places = season === 'none' ? 1 : period
  let { level, slope } = begin
  let error = 0
  let count = 0
  let next = 0
  for (let step = 0; step <= until; step++) {
    if (wanted?.origins[next] === step) {
      project(wanted, next, step, { level, slope, phi, factors, places, season })
      next += 1
    }
    if (step === until) break
    const expected = level + phi * slope
    if (censored[step] === 1) {
      level = expected
      slope *= phi
      continue
    }
    const value = values[step]!
    const place = step % places
    const factor = factors[place]!
    const forecast = season === 'multiplied' ? expected * factor : expected + factor
    if (step >= begin.warm) {
      error += (value - forecast) ** 2
      count += 1
    }
    const now = alpha * (season === 'multiplied' ? value / factor : value - factor) + (1 - alpha) * expected
    slope = beta * (now - level) + (1 - beta) * phi * slope
    if (season === 'added') factors[place] = gamma * (value - expected) + (1 - gamma) * factor
    else if (season === 'multiplied' && expected > 0) factors[place] = Math.max(SMALLEST_FACTOR, gamma * value / expected + (1 - gamma) * factor)
    level = now
  }
  return count === 0 ? Infinity : error / count
}

interface State {
  level: number
  slope: number
  phi: number
  factors: Float64Array
  places: number
  season: Season
}

const project = ({ horizon, out }: Wanted, index: number, origin: number, { level, slope, phi, factors, places, season }: State): void => {
  let expected = level
  let move = slope
  for (let step = 0; step < horizon; step++) {
    move *= phi
    expected += move
    const factor = factors[(origin + step) % places]!
    out[index * horizon + step] = Math.max(0, season === 'multiplied' ? expected * factor : expected + factor)
  }
}
