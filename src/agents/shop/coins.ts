// Amounts as whole smallest coins, where many prices are compared: 12.95 EUR is 1295, exact.
import { fractionDigits, isDecimal } from '../../core/money.ts'

/** Null: it is no decimal number, has parts of a coin, or is too large to be exact. */
export const coinsOf = (amount: string, currency: string): number | null => {
  if (!isDecimal(amount)) return null
  const digits = fractionDigits(currency)
  const [whole = '', fraction = ''] = amount.split('.')
  if (/[1-9]/.test(fraction.slice(digits))) return null
  const coins = Number(whole + fraction.slice(0, digits).padEnd(digits, '0'))
  return Number.isSafeInteger(coins) ? coins : null
}

/** `12.95`, with the digits of the currency. @throws RangeError for parts of a coin */
export const amountOf = (coins: number, currency: string): string => {
  if (!Number.isSafeInteger(coins)) throw new RangeError(`${coins} is no whole number of coins.`)
  const digits = fractionDigits(currency)
  const text = String(Math.abs(coins)).padStart(digits + 1, '0')
  const sign = coins < 0 ? '-' : ''
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`
}
