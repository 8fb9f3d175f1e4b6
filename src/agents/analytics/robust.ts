// Which figures of a day are unlike those of the same weekday before: by medians, which a few wild days do not move.
import { medianOf } from '../shop/quantiles.ts'
import type { DayClose } from './close.ts'

export const METRICS = [
  'orders', 'units', 'gross', 'net', 'average_order', 'discounts', 'returns', 'new_customers', 'returning_customers', 'sent_median_hours'
] as const
export type Metric = typeof METRICS[number]

export interface Anomaly {
  metric: Metric
  value: number
  /** Of the same weekday in the weeks before. */
  median: number
  /** What a value has to be between, to be usual. */
  usual_from: number
  usual_to: number
  /** How many usual distances it is away from the median, on the scale of asinh. */
  score: number
  direction: 'high' | 'low'
  /** Days that it was compared with. */
  weeks: number
}

/** Makes the median of the distances comparable with a standard deviation. */
const TO_DEVIATION = 1.4826
/** Amounts that hardly ever change would make every cent an anomaly: the usual distance is at least this share of the median. */
const LEAST_SHARE = 0.05
const COUNTS = new Set<Metric>(['orders', 'units', 'new_customers', 'returning_customers'])

/**
 * Those at or above the threshold, the most unusual first; metrics with fewer than `least` days to compare with are in `unjudged`.
 * Distances are taken on the scale of asinh, where half and double are equally far as with logarithms, and zero and less have their place: trade
 * goes up and down by factors, and on a plain scale a day without orders would be near to everything in a season that grows.
 */
export const anomaliesOf = (
  day: DayClose, before: readonly DayClose[], { threshold, least }: { threshold: number, least: number }
): { anomalies: Anomaly[], judged: Metric[], unjudged: Metric[] } => {
  const anomalies: Anomaly[] = []
  const judged: Metric[] = []
  const unjudged: Metric[] = []
  for (const metric of METRICS) {
    const value = valueOf(day, metric)
    const values = before.map((each) => valueOf(each, metric)).filter((each) => each !== null)
    const median = medianOf(values)
    if (value === null || median === null || values.length < least) {
      unjudged.push(metric)
      continue
    }
    judged.push(metric)
    const centre = Math.asinh(median)
    const spread = spreadOf(metric, values, median)
    const score = (Math.asinh(value) - centre) / spread
    if (Math.abs(score) < threshold) continue
    anomalies.push({
      metric,
      value,
      median,
      usual_from: round(Math.sinh(centre - threshold * spread)),
      usual_to: round(Math.sinh(centre + threshold * spread)),
      score: round(score),
      direction: score > 0 ? 'high' : 'low',
      weeks: values.length
    })
  }
  return { anomalies: anomalies.sort((a, b) => Math.abs(b.score) - Math.abs(a.score)), judged, unjudged }
}

const valueOf = (day: DayClose, metric: Metric): number | null => {
  if (metric === 'sent_median_hours') return day.sent.median_hours
  const value = day[metric]
  return value === null ? null : Number(value)
}

/** Never 0: where the weeks before were all alike, it is what chance alone makes. */
const spreadOf = (metric: Metric, values: readonly number[], median: number): number => {
  const deviation = TO_DEVIATION * medianOf(values.map((value) => Math.abs(Math.asinh(value) - Math.asinh(median))))!
  // People come by chance: a count of n is off by the root of n without anything having happened.
  const chance = COUNTS.has(metric) ? Math.sqrt(Math.max(median, 1)) / Math.sqrt(1 + median ** 2) : LEAST_SHARE
  return Math.max(deviation, chance)
}

const round = (value: number): number => Math.round(value * 100) / 100
