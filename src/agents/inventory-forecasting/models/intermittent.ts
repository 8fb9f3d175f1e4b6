// Models for demand with many empty days: Croston's with the correction of Syntetos and Boylan, and that of Teunter, Syntetos and Babai.
import { fillFlat, type Model, type Series } from './model.ts'

const SBA_ALPHAS = [0.05, 0.1, 0.2]
const TSB_ALPHAS = [0.05, 0.15]
const TSB_BETAS = [0.01, 0.02, 0.05, 0.1]

type Run = (series: Series, until: number, note: (step: number, level: number) => void) => void

/** Size and interval are smoothed at each demand; (1 - alpha / 2) takes the bias of their quotient away. */
const croston = (alpha: number): Run => ({ values, censored }, until, note) => {
  let size = 0
  let interval = 0
  let gap = 1
  let seen = 0
  for (let step = 0; step <= until; step++) {
    note(step, seen === 0 ? 0 : (1 - alpha / 2) * size / interval)
    if (step === until || censored[step] === 1) continue
    const value = values[step]!
    if (value > 0) {
      // The first demands set the begin: a mean of what has been, until alpha weighs less.
      const weight = Math.max(alpha, 1 / (seen + 1))
      size += weight * (value - size)
      interval += weight * (gap - interval)
      seen += 1
      gap = 1
    } else gap += 1
  }
}

/** The chance of a demand is smoothed each day, so that it sinks when nothing is sold any more. */
const teunter = (alpha: number, beta: number): Run => ({ values, censored }, until, note) => {
  let size = 0
  let chance = 0
  let seen = 0
  let days = 0
  for (let step = 0; step <= until; step++) {
    note(step, chance * size)
    if (step === until || censored[step] === 1) continue
    const value = values[step]!
    days += 1
    chance += Math.max(beta, 1 / days) * ((value > 0 ? 1 : 0) - chance)
    if (value <= 0) continue
    seen += 1
    size += Math.max(alpha, 1 / seen) * (value - size)
  }
}

const best = (runs: Run[]): Model => (series, origins, horizon) => {
  const fitUntil = origins[0]!
  if (fitUntil < 8) return undefined
  const { values, censored } = series
  const warm = Math.floor(fitUntil / 3)
  let chosen = runs[0]!
  let least = Infinity
  for (const run of runs) {
    let error = 0
    run(series, fitUntil, (step, level) => { if (step >= warm && step < fitUntil && censored[step] !== 1) error += (values[step]! - level) ** 2 })
    if (error < least) [chosen, least] = [run, error]
  }
  const out = new Float64Array(origins.length * horizon)
  let next = 0
  chosen(series, origins[origins.length - 1]!, (step, level) => {
    while (origins[next] === step) {
      fillFlat(out, next, horizon, level)
      next += 1
    }
  })
  return out
}

export const crostonSba = best(SBA_ALPHAS.map(croston))
export const tsb = best(TSB_ALPHAS.flatMap((alpha) => TSB_BETAS.map((beta) => teunter(alpha, beta))))
