// Well-known public series, each in a file of its own with its source.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sample } from './evaluate.ts'

export interface PublicSeries {
  name: string
  title: string
  source: string
  /** Steps of a year. */
  period: number
  values: number[]
}

const FOLDER = join(import.meta.dirname, 'series')

export const publicSeries = (): PublicSeries[] =>
  readdirSync(FOLDER).filter((file) => file.endsWith('.json')).sort().map((file) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as PublicSeries)

export const sampleOf = ({ period, values }: PublicSeries): Sample =>
  ({ variants: 1, days: values.length, period, units: Float32Array.from(values), counts: false })

/** Steps that are forecast: half a year of months, a year of quarters. */
export const leadOf = ({ period }: PublicSeries): number => period === 12 ? 6 : 4

/** Every step of the last third. */
export const originsOf = (series: PublicSeries): number[] => {
  const { length } = series.values
  const first = Math.ceil(length * 2 / 3)
  return Array.from({ length: length - leadOf(series) - first + 1 }, (_, index) => first + index)
}
