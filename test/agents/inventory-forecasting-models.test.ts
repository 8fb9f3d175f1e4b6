// What the forecasting agent computes with: days, classes, models, backtest, distributions, quantities, and its thread.
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { generateDemand } from '../../bench/forecast/demand.ts'
import { evaluate, taskOf } from '../../bench/forecast/evaluate.ts'
import { leadOf, originsOf as originsOfPublic, publicSeries, sampleOf } from '../../bench/forecast/series.ts'
import { judge, originsOf, scaleOf } from '../../src/agents/inventory-forecasting/backtest.ts'
import { dailyDemand, markStockOuts } from '../../src/agents/inventory-forecasting/daily-demand.ts'
import { ADI_CUT_OFF, classOf, CV2_CUT_OFF, shapeOf } from '../../src/agents/inventory-forecasting/demand-class.ts'
import { NO_FORECAST } from '../../src/agents/inventory-forecasting/forecast-task.ts'
import { forecastInThread } from '../../src/agents/inventory-forecasting/forecast-thread.ts'
import { forecastAll } from '../../src/agents/inventory-forecasting/forecaster.ts'
import { intervalOf, quantileOf } from '../../src/agents/inventory-forecasting/lead-time-demand.ts'
import { MODELS } from '../../src/agents/inventory-forecasting/models/index.ts'
import type { Series } from '../../src/agents/inventory-forecasting/models/model.ts'
import { MODEL_NAMES } from '../../src/agents/inventory-forecasting/models/names.ts'
import { createPace } from '../../src/agents/inventory-forecasting/pace.ts'
import { daysOfCover, expectedUnits, orderQuantity } from '../../src/agents/inventory-forecasting/reorder.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'

const seriesOf = (values: number[], more: Partial<Series> = {}): Series =>
  ({ values: Float64Array.from(values), censored: new Uint8Array(values.length), period: 7, start: 0, ...more })

const soldAt = (time: string, quantity: number, more: Partial<SoldOrder> = {}): SoldOrder => ({
  created_at: Date.parse(time), test: false, cancelled_at: null, lines: [{ variant_id: 'v', quantity, gift_card: false }], ...more
} as SoldOrder)

t.test('days are the shop\'s, on the days of 23 and 25 hours too', async (t) => {
  const places = new Map([['v', 0]])
  const count = async (from: string, to: string, orders: SoldOrder[]) =>
    [...(await dailyDemand(orders, places, { from, to, timeZone: 'Europe/Berlin' }, () => undefined)).units]
  t.same(await count('2026-03-28', '2026-03-30', [
    soldAt('2026-03-27T22:59:59.999Z', 100),
    soldAt('2026-03-27T23:00:00Z', 1), soldAt('2026-03-28T22:59:59.999Z', 2),
    soldAt('2026-03-28T23:00:00Z', 4), soldAt('2026-03-29T21:59:59.999Z', 8),
    soldAt('2026-03-29T22:00:00Z', 16), soldAt('2026-03-30T21:59:59.999Z', 32),
    soldAt('2026-03-30T22:00:00Z', 100)
  ]), [3, 12, 48], 'the clock is put forward on the 29th')
  t.same(await count('2026-10-24', '2026-10-26', [
    soldAt('2026-10-24T21:59:59.999Z', 1), soldAt('2026-10-24T22:00:00Z', 2), soldAt('2026-10-25T22:59:59.999Z', 4), soldAt('2026-10-25T23:00:00Z', 8)
  ]), [1, 6, 8], 'and back on the 25th')
})

t.test('orders that do not count, and a pause where it is due', async (t) => {
  let asked = 0
  const demand = await dailyDemand([
    soldAt('2026-11-01T12:00:00Z', 3), soldAt('2026-11-01T12:00:00Z', 5, { test: true }), soldAt('2026-11-01T12:00:00Z', 7, { cancelled_at: 1 }),
    soldAt('2026-12-01T12:00:00Z', 9)
  ], new Map([['v', 0]]), { from: '2026-11-01', to: '2026-11-02', timeZone: 'UTC' }, () => ++asked === 1 ? Promise.resolve() : undefined)
  t.same([...demand.units], [3, 0])
  t.same([demand.orders, demand.test, demand.cancelled, demand.totalUnits], [3, 1, 1, 3])
  t.equal(asked, 4)
})

t.test('only noted days are days without stock', async (t) => {
  const censored = new Uint8Array(6)
  const stock = new Map([
    ['a', [{ day: '2026-10-31', available: 0 }, { day: '2026-11-01', available: 0 }, { day: '2026-11-02', available: 1 }]],
    ['b', [{ day: '2026-11-03', available: -2 }, { day: '2026-11-04', available: 0 }]],
    ['other', [{ day: '2026-11-01', available: 0 }]]
  ])
  const marked = markStockOuts(censored, stock, new Map([['a', 0], ['b', 1]]), { from: '2026-11-01', to: '2026-11-03' })
  t.same([...censored], [1, 0, 0, 0, 0, 1])
  t.same(marked, { days: 2, variants: 2 })
})

t.test('classes at their cut-offs', async (t) => {
  const below = 1e-9
  t.equal(classOf({ adi: ADI_CUT_OFF - below, cv2: CV2_CUT_OFF - below }), 'smooth')
  t.equal(classOf({ adi: ADI_CUT_OFF - below, cv2: CV2_CUT_OFF }), 'erratic')
  t.equal(classOf({ adi: ADI_CUT_OFF, cv2: CV2_CUT_OFF - below }), 'intermittent')
  t.equal(classOf({ adi: ADI_CUT_OFF, cv2: CV2_CUT_OFF }), 'lumpy')
  const shape = shapeOf(Float64Array.from([0, 2, 0, 4, 0, 0]), Uint8Array.from([0, 0, 0, 0, 1, 1]))
  t.same([shape.observed, shape.demands, shape.adi], [4, 2, 2], 'days without stock are no gaps between demands')
  t.equal(shape.cv2, 2 / 9)
  t.equal(shapeOf(new Float64Array(3), new Uint8Array(3)).adi, Infinity)
})

t.test('every model forecasts a constant as itself, from what lies before the origin alone', async (t) => {
  const line = new Float64Array(481).map((_, index) => index * 5)
  const group = { sums: line, all: line }
  for (const name of MODEL_NAMES) {
    const flat = MODELS[name](seriesOf(Array(480).fill(5), { group }), [470, 480], 10)!
    const bias = name === 'croston_sba' ? 0.1 : 1e-6
    t.ok(flat.length === 20 && flat.every((value) => Math.abs(value / 5 - 1) <= bias), `${name}: ${flat[0]} to ${flat.at(-1)}`)
    const past = Array.from({ length: 470 }, (_, index) => index * 13 % 7)
    const [calm, wild] = [0, 1_000].map((after) => MODELS[name](seriesOf([...past, ...Array(10).fill(after)], { group }), [470], 10)!)
    t.same(calm, wild, `${name} knows nothing of what comes after`)
  }
})

t.test('weekdays, a trend, a season of the group', async (t) => {
  const week = [1, 2, 3, 4, 5, 9, 0]
  const weekly = seriesOf(Array.from({ length: 210 }, (_, day) => week[day % 7]!))
  for (const name of ['seasonal_naive', 'seasonal', 'recent_short'] as const) {
    const path = MODELS[name](weekly, [210], 7)!
    t.ok(path.every((value, day) => Math.abs(value - week[day]!) < 0.9), `${name}: ${[...path].map((value) => value.toFixed(1)).join(' ')}`)
  }
  const rising = MODELS.holt(seriesOf(Array.from({ length: 200 }, (_, day) => 10 + day / 10)), [200], 10)!
  t.ok(Math.abs(rising[9]! - 30.9) < 1, `goes on rising: ${rising[9]}`)
  t.equal(MODELS.seasonal(seriesOf([1, 2, 3]), [3], 2), undefined, 'too short for a season')

  // A type sells three times as much from day 364 + 28 of each year on; this variant sold once a week throughout the year.
  const sums = new Float64Array(393)
  for (let day = 0; day < 392; day++) sums[day + 1] = sums[day]! + (day < 28 ? 20 : 60)
  const quiet = seriesOf(Array.from({ length: 392 }, (_, day) => day % 7 === 0 ? 1 : 0), { group: { sums, all: sums } })
  const total = (name: 'recent_short' | 'year_short'): number => MODELS[name](quiet, [392], 28)!.reduce((sum, value) => sum + value, 0)
  t.ok(Math.abs(total('recent_short') - 4) < 0.1)
  t.ok(total('year_short') > 8, `borrows the step of its type: ${total('year_short')}`)
})

t.test('days without stock do not lower any model', async (t) => {
  const values = Array.from({ length: 480 }, (_, day) => day >= 430 && day < 470 ? 0 : 6)
  const line = new Float64Array(481).map((_, index) => index * 6)
  const censored = Uint8Array.from(values, (value) => value === 0 ? 1 : 0)
  for (const name of MODEL_NAMES) {
    const path = MODELS[name](seriesOf(values, { censored, group: { sums: line, all: line } }), [480], 14)!
    t.ok(path.every((value) => value > 5.3 && value < 6.7), `${name}: ${path[0]}`)
  }
})

t.test('the backtest looks back only, and scores as defined', async (t) => {
  const origins = originsOf(540, 7, 14)
  t.equal(origins.at(-1), 526)
  t.equal(origins.length, 26)
  t.ok(origins[0]! >= 216 && origins.every((origin, index) => index === 0 || origin - origins[index - 1]! === 7))
  t.same(originsOf(20, 7, 14), [], 'too short')
  const series = seriesOf([...Array(7).fill(0), ...Array(7).fill(2), 4, 4])
  t.same(scaleOf(series, 14), { absolute: 2, squared: 2 })
  t.equal(scaleOf(seriesOf(Array(20).fill(3)), 20), undefined, 'nothing ever changed')
  t.same(judge(series, [14], Float64Array.from([3, 3]), 2, { absolute: 2, squared: 2 }), { mase: 0.5, sums: 1 })
})

t.test('quantiles and intervals', async (t) => {
  const poisson = { mean: 3, variance: 3, freedom: 100, counts: true }
  t.same([0.5, 0.9, 0.95, 0.99].map((p) => quantileOf(poisson, p)), [3, 5, 6, 8], 'those of Poisson\'s law')
  t.same(intervalOf(poisson, 0.95), { lower: 0, upper: 6 })
  // R: qnbinom(c(.5, .9, .95, .99), size = 2, mu = 5)
  t.same([0.5, 0.9, 0.95, 0.99].map((p) => quantileOf({ ...poisson, mean: 5, variance: 17.5 }, p)), [4, 11, 13, 19], 'those of the negative binomial')
  const large = { mean: 1_000, variance: 900, freedom: 1e6, counts: false }
  t.ok(Math.abs(quantileOf(large, 0.95) - 1_049.5) < 1.5, 'nearly normal')
  t.ok(quantileOf({ ...large, freedom: 3 }, 0.95) > 1_060, 'few errors, heavy tails')
  t.equal(quantileOf({ ...poisson, mean: 0 }, 0.99), 0)
  for (const mean of [0.2, 1, 7, 60, 199, 201, 5_000]) {
    const demand = { mean, variance: mean * 2, freedom: 10, counts: true }
    const { lower, upper } = intervalOf(demand, 0.95)
    t.ok(lower <= mean && upper >= mean && quantileOf(demand, 0.9) <= quantileOf(demand, 0.95), `${mean}: ${lower} to ${upper}`)
  }
})

t.test('quantities: only when it is time, at least the MOQ, in whole packs', async (t) => {
  const terms = { available: 5, incoming: 0, reorder_point: 10, cover_demand: 7.2, moq: 1, pack_size: 1 }
  t.same(orderQuantity(terms), { needed: 13, quantity: 13, rounded: null })
  t.same(orderQuantity({ ...terms, pack_size: 6 }), { needed: 13, quantity: 18, rounded: 'pack' })
  t.same(orderQuantity({ ...terms, moq: 20 }), { needed: 13, quantity: 20, rounded: 'moq' })
  t.same(orderQuantity({ ...terms, moq: 20, pack_size: 6 }), { needed: 13, quantity: 24, rounded: 'moq_and_pack' })
  t.same(orderQuantity({ ...terms, moq: 0, pack_size: 13 }), { needed: 13, quantity: 13, rounded: null })
  t.same(orderQuantity({ ...terms, available: -4 }), { needed: 22, quantity: 22, rounded: null }, 'what is sold and not there comes on top')
  t.same(orderQuantity({ ...terms, incoming: 5 })?.needed, 8, 'at the reorder point')
  t.equal(orderQuantity({ ...terms, incoming: 6 }), null, 'above it')
  t.equal(orderQuantity({ ...terms, available: 0, reorder_point: 0, cover_demand: 0 }), null, 'nothing is expected')
  t.equal(daysOfCover(5, Float32Array.from([2, 2, 2])), 2)
  t.equal(daysOfCover(0, Float32Array.from([2])), 0)
  t.equal(daysOfCover(20, Float32Array.from([2, 2])), 9, 'goes on as it was')
  t.equal(daysOfCover(20, Float32Array.from([0, 0])), null)
  t.equal(expectedUnits(Float32Array.from([1, 2]), 1, 4), 6)
})

t.test('a task: each variant by itself, equal each time, nothing made up', async (t) => {
  const demand = generateDemand({ seed: 4, variants: 24, days: 300 })
  demand.units.fill(0, 0, 300)
  demand.units.fill(0, 300, 599)
  const task = () => ({ ...taskOf(demand, 300, 14, 30), starts: Int32Array.from(demand.groups, (_, variant) => variant === 2 ? 290 : 0) })
  const result = forecastAll(task())
  t.same([...result.missing.subarray(0, 4)], [NO_FORECAST.no_sale, NO_FORECAST.too_little_history, NO_FORECAST.too_little_history, NO_FORECAST.none])
  t.ok(Number.isNaN(result.mean[0]) && Number.isNaN(result.quantile[1]) && Number.isNaN(result.paths[2 * 30]), 'unknown is not zero')
  t.ok(result.paths.subarray(3 * 30).every((value) => value >= 0))
  t.same(forecastAll(task()), result, 'the same again')
  const careful = forecastAll({ ...task(), serviceLevel: 0.99 })
  t.ok(careful.quantile.every((value, variant) => Number.isNaN(value) || value >= result.quantile[variant]!))
  const unsure = forecastAll({ ...task(), leadDeviations: new Float64Array(24).fill(7) })
  t.ok(unsure.deviation[3]! > result.deviation[3]!, 'a lead time that differs asks for more')
})

t.test('the chosen forecast keeps its bars on demand that it has not seen', async (t) => {
  const judged = evaluate(generateDemand({ seed: 1, variants: 160, days: 540 }), [477, 519], 21)
  t.same(judged.map(({ label }) => label), ['smooth', 'erratic', 'intermittent', 'lumpy'])
  for (const { label, mase, sums, coverage } of judged) {
    const best = Math.min(mase.seasonal_naive, mase.ses, mase.croston_sba)
    if (label === 'smooth') t.ok(mase.chosen <= 0.9 * mase.seasonal_naive, `smooth: ${mase.chosen / mase.seasonal_naive} of the seasonal naive`)
    // Of a twelfth of the bench's forecasts, whose bar is 1.02: what differs more is chance.
    t.ok(mase.chosen <= 1.08 * best, `${label}: ${mase.chosen / best} of the best simple baseline`)
    t.ok(sums.chosen < 1, `${label}: ${sums.chosen} of the seasonal naive in lead-time sums`)
    t.ok(coverage >= 0.86 && coverage <= 1, `${label}: ${coverage} in the interval`)
  }
  for (const series of publicSeries().filter(({ name }) => ['air-passengers', 'uk-gas', 'us-accidental-deaths'].includes(name))) {
    const [{ mase }] = evaluate(sampleOf(series), originsOfPublic(series), leadOf(series), series.name) as [ReturnType<typeof evaluate>[number]]
    t.ok(mase.chosen <= 0.9 * mase.seasonal_naive, `${series.name}: ${mase.chosen / mase.seasonal_naive} of the seasonal naive`)
  }
})

t.test('the thread answers as the module does, and says how far it is', async (t) => {
  const task = () => taskOf(generateDemand({ seed: 5, variants: 400, days: 400 }), 400, 14, 30)
  const told: number[] = []
  const given = task()
  const result = await forecastInThread(given, { signal: new AbortController().signal, progress: (fraction) => { told.push(fraction) } })
  t.same(result, forecastAll(task()))
  t.equal(given.units.length, 0, 'handed over, not copied')
  t.ok(told.every((fraction, index) => fraction >= (told[index - 1] ?? 0) && fraction <= 1))
})

t.test('a cancel ends the thread within a second', async (t) => {
  const controller = new AbortController()
  const reason = new Error('cancelled')
  let worker: Worker | undefined
  let begun = NaN
  const task = taskOf(generateDemand({ seed: 6, variants: 4_000, days: 200 }), 200, 14, 30)
  const run = forecastInThread(task, {
    signal: controller.signal,
    started: (thread) => { worker = thread },
    progress: () => {
      if (controller.signal.aborted) return
      begun = performance.now()
      controller.abort(reason)
    }
  })
  await t.rejects(run, reason)
  const took = performance.now() - begun
  t.ok(took < 1_000, `after ${Math.round(took)} ms`)
  t.equal(worker!.threadId, -1, 'the thread is gone')
  t.throws(() => { createPace({ monotonic: () => performance.now() * 1e6 }, controller.signal)() }, reason)
  await t.rejects(forecastInThread(taskOf(generateDemand({ seed: 6, variants: 1, days: 200 }), 200, 14), { signal: controller.signal }), reason)
})

t.test('a thread that fails says why', async (t) => {
  const task = { ...taskOf(generateDemand({ seed: 6, variants: 4, days: 200 }), 200, 14), horizon: -1 }
  await t.rejects(forecastInThread(task, { signal: new AbortController().signal }), RangeError)
})

t.test('long loops give way', async (t) => {
  let now = 0
  const pace = createPace({ monotonic: () => now }, new AbortController().signal)
  t.equal(pace(), undefined)
  now = 50
  const turn = pace()
  t.ok(turn instanceof Promise)
  const [order] = await Promise.all([Promise.race([turn!.then(() => 'loop'), once(process, 'never').then(() => 'never')])])
  t.equal(order, 'loop')
  t.equal(pace(), undefined, 'a new turn has begun')
})
