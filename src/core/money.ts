// Money as decimal text with its currency, and exact arithmetic on it: never floating point.

export interface Money {
  /** A plain decimal number: `1234.5`, `-0.01`. No exponent, no thousands separators. */
  amount: string
  /** ISO 4217: `EUR`. */
  currency: string
}

/** Two amounts of different currencies met. */
export class CurrencyMismatchError extends Error {
  readonly code = 'currency_mismatch'

  constructor (a: string, b: string) {
    super(`Amounts in ${a} and ${b} cannot be combined.`)
    this.name = 'CurrencyMismatchError'
  }
}

const DECIMAL = /^(-?)(\d{1,30})(?:\.(\d{1,18}))?$/

export const isDecimal = (text: string): boolean => DECIMAL.test(text)

/** @throws CurrencyMismatchError; RangeError when an amount is not a decimal number. */
export const addMoney = (a: Money, b: Money): Money => combine(a, b, (x, y) => x + y)

/** @throws CurrencyMismatchError; RangeError when an amount is not a decimal number. */
export const subtractMoney = (a: Money, b: Money): Money => combine(a, b, (x, y) => x - y)

/** `times` is a whole number: units of a line. @throws RangeError */
export const multiplyMoney = ({ amount, currency }: Money, times: number): Money => {
  if (!Number.isSafeInteger(times)) throw new RangeError(`${times} is not a whole number.`)
  const { units, scale } = parse(amount)
  return { amount: print(units * BigInt(times), scale), currency }
}

export type Rounding = 'up' | 'down' | 'nearest'

/**
 * `money` x `times` / `over`, exact until it is rounded to `digits` after the point: up and down mean towards and away from more money, nearest
 * rounds halves up. @throws RangeError when a factor is not a decimal number, or `over` is zero.
 */
export const scaleMoney = (money: Money, times: string, over: string, rounding: Rounding, digits = fractionDigits(money.currency)): Money => {
  const amount = parse(money.amount)
  const factor = parse(times)
  const divisor = parse(over)
  if (divisor.units === 0n) throw new RangeError('An amount cannot be divided by zero.')
  let above = amount.units * factor.units * 10n ** BigInt(divisor.scale + digits)
  let below = divisor.units * 10n ** BigInt(amount.scale + factor.scale)
  if (below < 0n) [above, below] = [-above, -below]
  return { amount: print(divide(above, below, rounding), digits), currency: money.currency }
}

/** Digits after the point that amounts of a currency are written with: 2 for EUR, 0 for JPY. */
export const fractionDigits = (currency: string): number => {
  let digits = digitsOf.get(currency)
  if (digits === undefined) {
    digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
    digitsOf.set(currency, digits)
  }
  return digits
}

const digitsOf = new Map<string, number>()

/** Floor division, then one more where the rounding wants it; `below` is positive. */
const divide = (above: bigint, below: bigint, rounding: Rounding): bigint => {
  let whole = above / below
  let rest = above % below
  if (rest < 0n) {
    whole -= 1n
    rest += below
  }
  const more = rounding === 'up' ? rest > 0n : rounding === 'nearest' && rest * 2n >= below
  return more ? whole + 1n : whole
}

/** The sum, `0` in `currency` for an empty list. @throws CurrencyMismatchError, RangeError */
export const sumMoney = (list: Iterable<Money>, currency: string): Money => {
  let total: Money = { amount: '0', currency }
  for (const money of list) total = addMoney(total, money)
  return total
}

/** Below zero when `a` is less than `b`, zero when they are equal: `1.50` equals `1.5`. @throws CurrencyMismatchError, RangeError */
export const compareMoney = (a: Money, b: Money): number => {
  const { units } = parse(subtractMoney(a, b).amount)
  return units < 0n ? -1 : units > 0n ? 1 : 0
}

const combine = (a: Money, b: Money, operation: (a: bigint, b: bigint) => bigint): Money => {
  if (a.currency !== b.currency) throw new CurrencyMismatchError(a.currency, b.currency)
  const x = parse(a.amount)
  const y = parse(b.amount)
  const scale = Math.max(x.scale, y.scale)
  return { amount: print(operation(rescale(x, scale), rescale(y, scale)), scale), currency: a.currency }
}

interface Decimal {
  units: bigint
  /** Digits after the point. */
  scale: number
}

const parse = (text: string): Decimal => {
  const match = DECIMAL.exec(text)
  if (match === null) throw new RangeError(`${JSON.stringify(text.slice(0, 40))} is not a decimal number.`)
  const [, sign = '', whole = '0', fraction = ''] = match
  return { units: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length }
}

const rescale = ({ units, scale }: Decimal, wanted: number): bigint => units * 10n ** BigInt(wanted - scale)

const print = (units: bigint, scale: number): string => {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return units < 0n ? `-${text}` : text
}
