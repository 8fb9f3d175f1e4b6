// BigQuery's values and types: read from parameters, compared, calculated with, and written as the text of a result.

export const TYPES = ['STRING', 'INT64', 'FLOAT64', 'NUMERIC', 'BOOL', 'DATE', 'TIMESTAMP'] as const
export type Type = typeof TYPES[number]

/** STRING and DATE: text. INT64: bigint. NUMERIC: bigint of billionths. FLOAT64: number. TIMESTAMP: bigint of microseconds. */
export type Value = string | bigint | number | boolean | null

/** Where several rows are one value: the parameter of UNNEST. */
export interface Typed {
  type: Type
  value: Value
}

/** The job's `reason` and the words of BigQuery. */
export class QueryError extends Error {
  readonly reason: 'invalidQuery' | 'notFound' | 'invalid' | 'bytesBilledLimitExceeded'

  constructor (message: string, reason: QueryError['reason'] = 'invalidQuery') {
    super(message)
    this.reason = reason
  }
}

const NUMERIC_UNIT = 1_000_000_000n
const NUMERIC_TEXT = /^-?\d{1,29}(?:\.\d{1,9})?$/
const ALIASES: Record<string, Type> = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL', DECIMAL: 'NUMERIC' }

export const typeOf = (name: unknown): Type => {
  const upper = String(name).toUpperCase()
  const type = ALIASES[upper] ?? upper
  if ((TYPES as readonly string[]).includes(type)) return type as Type
  throw new QueryError(`Unsupported type: ${String(name)}`, 'invalid')
}

/** The legacy names that schemas of results use. */
export const legacyName = (type: Type): string => ({ INT64: 'INTEGER', FLOAT64: 'FLOAT', BOOL: 'BOOLEAN' } as Record<string, string>)[type] ?? type

/** @throws QueryError when the text is no value of the type. */
export const parseValue = (type: Type, text: string | null): Value => {
  if (text === null) return null
  const bad = (): never => { throw new QueryError(`Invalid value for type ${type}: ${text}`, 'invalid') }
  switch (type) {
    case 'STRING': return text
    case 'INT64': return /^-?\d{1,19}$/.test(text) ? BigInt(text) : bad()
    case 'FLOAT64': return text.trim() !== '' && !Number.isNaN(Number(text)) ? Number(text) : bad()
    case 'NUMERIC': return NUMERIC_TEXT.test(text) ? numeric(text) : bad()
    case 'BOOL': return /^(?:true|false)$/i.test(text) ? text.toLowerCase() === 'true' : bad()
    case 'DATE': return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : bad()
    case 'TIMESTAMP': {
      const ms = Date.parse(text.replace(/ UTC$/, 'Z').replace(/^(\d{4}-\d\d-\d\d) /, '$1T'))
      return Number.isNaN(ms) ? bad() : BigInt(ms) * 1000n
    }
  }
}

const numeric = (text: string): bigint => {
  const [whole = '', part = ''] = text.replace('-', '').split('.')
  const size = BigInt(whole) * NUMERIC_UNIT + BigInt(part.padEnd(9, '0'))
  return text.startsWith('-') ? -size : size
}

/** As a cell of a result: text or null. TIMESTAMP as microseconds, or as the float that is the default of the API. */
export const cellText = ({ type, value }: Typed, int64Timestamp: boolean): string | null => {
  if (value === null) return null
  switch (type) {
    case 'NUMERIC': return numericText(value as bigint)
    case 'TIMESTAMP': return int64Timestamp ? String(value) : (Number(value) / 1e6).toExponential().replace('e+', 'E')
    default: return String(value)
  }
}

const numericText = (value: bigint): string => {
  const size = value < 0n ? -value : value
  const part = String(size % NUMERIC_UNIT).padStart(9, '0').replace(/0+$/, '')
  return `${value < 0n ? '-' : ''}${size / NUMERIC_UNIT}${part === '' ? '' : `.${part}`}`
}

const NUMBERS: readonly Type[] = ['INT64', 'NUMERIC', 'FLOAT64']

export const isNumber = (type: Type): boolean => NUMBERS.includes(type)

/** The type in which both can be compared and calculated with. @throws QueryError when there is none. */
export const common = (a: Type, b: Type, what: string): Type => {
  if (a === b) return a
  if (isNumber(a) && isNumber(b)) return NUMBERS[Math.max(NUMBERS.indexOf(a), NUMBERS.indexOf(b))] as Type
  throw new QueryError(`No matching signature for ${what} for argument types: ${a}, ${b}.`)
}

/** A number in a wider type; a literal of text as a date or a time. @throws QueryError */
export const convert = ({ type, value }: Typed, to: Type): Value => {
  if (type === to || value === null) return value
  if (type === 'INT64' && to === 'NUMERIC') return (value as bigint) * NUMERIC_UNIT
  if (to === 'FLOAT64') return type === 'NUMERIC' ? Number(numericText(value as bigint)) : Number(value)
  if (type === 'STRING') return parseValue(to, value as string)
  if (to === 'DATE' && type === 'TIMESTAMP') return new Date(Number((value as bigint) / 1000n)).toISOString().slice(0, 10)
  throw new QueryError(`Invalid cast from ${type} to ${to}`)
}

/** Below, equal, above: -1, 0, 1. Both of the same type, neither null. */
export const compare = (a: Value, b: Value): number => a === b ? 0 : (a as string) < (b as string) ? -1 : 1

/** @throws QueryError for a division by zero. */
export const calculate = (operator: string, a: Typed, b: Typed): Typed => {
  if (!isNumber(a.type) || !isNumber(b.type)) throw new QueryError(`No matching signature for operator ${operator} for argument types: ${a.type}, ${b.type}.`)
  const wide = common(a.type, b.type, `operator ${operator}`)
  // A division of whole numbers is a FLOAT64 in GoogleSQL.
  const type = operator === '/' && wide === 'INT64' ? 'FLOAT64' : wide
  if (a.value === null || b.value === null) return { type, value: null }
  const left = convert(a, type)
  const right = convert(b, type)
  if (operator === '/' && Number(right) === 0) throw new QueryError(`division by zero: ${String(left)} / ${String(right)}`)
  if (type === 'FLOAT64') return { type, value: float(operator, left as number, right as number) }
  const [x, y] = [left as bigint, right as bigint]
  if (operator === '+') return { type, value: x + y }
  if (operator === '-') return { type, value: x - y }
  if (type === 'INT64') return { type, value: x * y }
  return { type, value: operator === '*' ? rounded(x * y, NUMERIC_UNIT) : rounded(x * NUMERIC_UNIT, y) }
}

const float = (operator: string, a: number, b: number): number => operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : a / b

/** Half away from zero, as NUMERIC rounds. */
const rounded = (dividend: bigint, divisor: bigint): bigint => {
  const size = (absolute(dividend) + absolute(divisor) / 2n) / absolute(divisor)
  return (dividend < 0n) === (divisor < 0n) ? size : -size
}

const absolute = (value: bigint): bigint => value < 0n ? -value : value

/** What BigQuery counts for a value, in bytes. */
export const sizeOf = ({ type, value }: Typed): number => {
  if (value === null) return 0
  if (type === 'STRING') return 2 + Buffer.byteLength(value as string)
  return type === 'NUMERIC' ? 16 : type === 'BOOL' ? 1 : 8
}
