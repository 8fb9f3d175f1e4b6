// BigQuery's rows, where every value is text in a list, as objects by column in the types of the port.
import type { Json } from '../../core/model.ts'
import type { Field, QueryAnswer } from './schemas.ts'

export const readRows = (fields: Field[], rows: NonNullable<QueryAnswer['rows']>): Array<Record<string, Json>> =>
  rows.map(({ f }) => Object.fromEntries(fields.map((field, index) => [field.name, readCell(field, f[index]?.v as Json ?? null)])))

const readCell = ({ type, mode }: Field, value: Json): Json => {
  if (value === null || typeof value !== 'string' || mode === 'REPEATED') return value
  switch (type) {
    case 'INTEGER':
    case 'INT64': return exactly(value)
    case 'FLOAT':
    case 'FLOAT64': return Number.isFinite(Number(value)) ? Number(value) : value // NaN and the infinities have no JSON: they stay text.
    case 'BOOLEAN':
    case 'BOOL': return value === 'true'
    case 'TIMESTAMP': return Math.floor(Number(value) / 1000) // Microseconds, as asked for by useInt64Timestamp: the default is a float.
    default: return value
  }
}

/** A number where it is exact, else its digits. */
const exactly = (digits: string): Json => Number.isSafeInteger(Number(digits)) ? Number(digits) : digits
