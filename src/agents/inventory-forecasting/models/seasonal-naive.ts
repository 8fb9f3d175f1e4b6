// The baseline of all: next Monday will be as last Monday was.
import { fillFlat, meanOf, type Model, type Series } from './model.ts'

export const seasonalNaive: Model = (series, origins, horizon) => {
  const { period } = series
  if (origins[0]! < period) return undefined
  const out = new Float64Array(origins.length * horizon)
  origins.forEach((origin, index) => {
    for (let place = 0; place < period; place++) {
      const value = lastSeen(series, origin - period + place)
      if (value === undefined) {
        fillFlat(out, index, horizon, meanOf(series, 0, origin))
        return
      }
      for (let step = place; step < horizon; step += period) out[index * horizon + step] = value
    }
  })
  return out
}

/** The value at this place of the latest season in which it was observed. */
const lastSeen = ({ values, censored, period }: Series, from: number): number | undefined => {
  for (let step = from; step >= 0; step -= period) if (censored[step] !== 1) return values[step]
  return undefined
}
