// The least that one unit may be sold for.
import { addMoney, scaleMoney, subtractMoney, type Money } from '../money.ts'

export interface FloorTerms {
  /** Decimal text, in the currency of the cost. */
  shipping_per_unit: string
  fees_per_unit: string
  /** Fractions as decimal text: `0.19`. `vat` is 0 where the prices of the shop are without tax. */
  vat: string
  minimum_margin: string
}

/**
 * (cost + shipping + fees) x (1 + VAT) / (1 - minimum margin), rounded up to the smallest coin; null for an unknown cost: unknown is not zero.
 * @throws RangeError for a minimum margin of 1 or more, or terms that are no decimal numbers.
 */
export const priceFloor = (cost: Money | null, { shipping_per_unit: shipping, fees_per_unit: fees, vat, minimum_margin: margin }: FloorTerms): Money | null => {
  if (cost === null) return null
  const { currency } = cost
  const landed = [shipping, fees].reduce((sum, amount) => addMoney(sum, { amount, currency }), cost)
  const one = { amount: '1', currency }
  const share = subtractMoney(one, { amount: margin, currency }).amount
  if (Number(share) <= 0) throw new RangeError('A minimum margin is less than 1.')
  return scaleMoney(landed, addMoney(one, { amount: vat, currency }).amount, share, 'up')
}
