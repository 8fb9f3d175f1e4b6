// The reorder list as CSV for a spreadsheet.
import type { ReorderLine } from './schemas.ts'

const COLUMNS: Array<[name: string, value: (line: ReorderLine) => string | number | null]> = [
  ['sku', ({ sku }) => sku],
  ['title', ({ title }) => title],
  ['variant_id', (line) => line.variant_id],
  ['supplier', ({ supplier }) => supplier],
  ['quantity', ({ quantity }) => quantity],
  ['unit_cost', (line) => line.unit_cost === null ? null : line.unit_cost.amount],
  ['value', ({ value }) => value === null ? null : value.amount],
  ['currency', ({ unit_cost: cost }) => cost === null ? null : cost.currency],
  ['available', ({ available }) => available],
  ['incoming', ({ incoming }) => incoming],
  ['reorder_point', (line) => line.reorder_point],
  ['lead_time_days', (line) => line.lead_time_days],
  ['lead_time_demand', (line) => line.lead_time_demand],
  ['cover_demand', (line) => line.cover_demand],
  ['needed', ({ needed }) => needed],
  ['moq', ({ moq }) => moq],
  ['pack_size', (line) => line.pack_size],
  ['days_of_cover', (line) => line.days_of_cover],
  ['stock_out_date', (line) => line.stock_out_date],
  ['demand_class', (line) => line.class],
  ['models', ({ models }) => models.join(' ')]
]

export const reorderCsv = (lines: ReorderLine[]): string =>
  [COLUMNS.map(([name]) => name), ...lines.map((line) => COLUMNS.map(([, value]) => cellOf(value(line))))].map((cells) => `${cells.join(',')}\r\n`).join('')

/** Spreadsheets run text that begins like this as a formula; white space before it does not stop them. */
const FORMULA = /^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]/u

/** Numbers stay numbers; text cannot become a formula, a further cell or a further line. */
const cellOf = (value: string | number | null): string => {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const text = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
