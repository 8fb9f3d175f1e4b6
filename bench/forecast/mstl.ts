// A control that the product does not use: MSTL with an automatic trend, of @bsull/augurs. It has to earn its time.
import { readFileSync } from 'node:fs'
import { initSync, MSTL } from '@bsull/augurs/mstl'
import { scaleOf } from '../../src/agents/inventory-forecasting/backtest.ts'
import type { Sample } from './evaluate.ts'

let ready = false

/** Its MASE over the same forecasts as `evaluate` judges, and milliseconds for one fit. */
export const mstlMase = ({ variants, days, period, units }: Sample, origins: number[], lead: number): { mase: number, fitMs: number } => {
  if (!ready) initSync({ module: readFileSync(new URL('./mstl_bg.wasm', import.meta.resolve('@bsull/augurs/mstl'))) })
  ready = true
  let total = 0
  let count = 0
  const begun = performance.now()
  for (let variant = 0; variant < variants; variant++) {
    const values = Float64Array.from(units.subarray(variant * days, (variant + 1) * days))
    for (const origin of origins) {
      const scale = scaleOf({ values, censored: new Uint8Array(days), period, start: 0 }, origin)
      if (scale === undefined) continue
      const model = MSTL.ets([period])
      model.fit(values.slice(0, origin))
      const { point } = model.predict(lead)
      model.free()
      total += point.reduce((sum, value, step) => sum + Math.abs(values[origin + step]! - value), 0) / lead / scale.absolute
      count += 1
    }
  }
  return { mase: total / count, fitMs: (performance.now() - begun) / count }
}
