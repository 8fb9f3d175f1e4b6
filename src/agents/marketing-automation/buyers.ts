// What each customer has bought, out of the orders of the shop.
import { addMoney, subtractMoney, type Money } from '../../core/money.ts'
import type { SoldOrder } from '../../core/shop-history.ts'
import type { Slices } from '../shop/slices.ts'

export interface Buyer {
  id: string
  /** When, oldest first. */
  orders: number[]
  /** Goods after discounts, of all known orders: before returns, and after them. */
  ordered: Money
  spent: Money
  /** By product id: when it was bought last. */
  products: Map<string, number>
}

export interface Buyers {
  buyers: Map<string, Buyer>
  orders: number
  counted: number
  left_out: { test: number, cancelled: number, guest: number, other_currency: number }
  /** Units of a product that were sold since `unitsFrom` and stayed sold, guests' too. */
  units: Map<string, number>
}

/** Test and cancelled orders count nowhere. @param orders oldest first */
export const buyersOf = async (
  orders: AsyncIterable<SoldOrder>, { currency, unitsFrom }: { currency: string, unitsFrom: number }, slices: Slices
): Promise<Buyers> => {
  const found: Buyers = {
    buyers: new Map(), orders: 0, counted: 0, left_out: { test: 0, cancelled: 0, guest: 0, other_currency: 0 }, units: new Map()
  }
  const zero: Money = { amount: '0', currency }
  for await (const order of orders) {
    if (slices.due()) await slices.pause()
    found.orders += 1
    if (order.test || order.cancelled_at !== null) {
      found.left_out[order.test ? 'test' : 'cancelled'] += 1
      continue
    }
    if (order.created_at >= unitsFrom) {
      for (const { product_id: id, current_quantity: units } of order.lines) if (id !== null) found.units.set(id, (found.units.get(id) ?? 0) + units)
    }
    if (order.customer === null || order.currency !== currency) {
      found.left_out[order.customer === null ? 'guest' : 'other_currency'] += 1
      continue
    }
    found.counted += 1
    const { id } = order.customer
    let buyer = found.buyers.get(id)
    if (buyer === undefined) found.buyers.set(id, buyer = { id, orders: [], ordered: zero, spent: zero, products: new Map() })
    buyer.orders.push(order.created_at)
    const goods = { amount: order.subtotal, currency }
    buyer.ordered = addMoney(buyer.ordered, goods)
    buyer.spent = addMoney(buyer.spent, goods)
    for (const { lines } of order.refunds) for (const { value } of lines) buyer.spent = subtractMoney(buyer.spent, { amount: value, currency })
    for (const { product_id: product } of order.lines) if (product !== null) buyer.products.set(product, order.created_at)
  }
  return found
}
