// What was sold of each variant, when and at which price, and the codes that took something off.
import type { SoldOrder } from '../../core/shop-history.ts'
import { coinsOf } from '../shop/coins.ts'
import { dayOf } from '../shop/days.ts'

const DAY = 86_400_000

export interface Sale {
  at: number
  /** Days since the epoch, in the shop's time zone. */
  day: number
  /** List price of one unit before discounts, in coins. */
  price: number
  /** What one unit came to after discounts, rounded down, in coins. */
  paid: number
  units: number
}

/** One use of a discount code by an order. */
export interface CodeUse {
  day: number
  /** Product types of the lines that it took something off. */
  types: string[]
  /** It left some lines alone. */
  partial: boolean
}

export interface SalesRecord {
  /** Per variant, oldest first. */
  sales: Map<string, Sale[]>
  codes: Map<string, CodeUse[]>
  orders: number
  /** Not counted: trials, and orders in another currency or with prices that are none. */
  left_out: { test: number, other_currency: number, unreadable_price: number }
  /** Must be given orders by time, oldest first. */
  add (order: SoldOrder): void
}

export const createSalesRecord = (shop: { currency: string, timezone: string }, typeOf: (variantId: string) => string | undefined): SalesRecord => {
  const calendar = createCalendar(shop.timezone)
  const coins = createCoins(shop.currency)
  const record: SalesRecord = {
    sales: new Map(),
    codes: new Map(),
    orders: 0,
    left_out: { test: 0, other_currency: 0, unreadable_price: 0 },
    add (order) {
      if (order.test) {
        record.left_out.test += 1
        return
      }
      if (order.currency !== shop.currency) {
        record.left_out.other_currency += 1
        return
      }
      record.orders += 1
      const day = calendar(order.created_at)
      const types = new Set<string>()
      let partial = false
      for (const { variant_id: id, unit_price: unitPrice, total, quantity, gift_card: gift } of order.lines) {
        if (id === null || gift || quantity < 1) continue
        const price = coins(unitPrice)
        const sum = coins(total)
        if (price === null || sum === null || price <= 0) {
          record.left_out.unreadable_price += 1
          continue
        }
        const discounted = sum < price * quantity
        if (discounted) types.add(typeOf(id) ?? '')
        else partial = true
        const known = record.sales.get(id)
        const sale: Sale = { at: order.created_at, day, price, paid: Math.floor(sum / quantity), units: quantity }
        if (known === undefined) record.sales.set(id, [sale])
        else known.push(sale)
      }
      for (const code of order.discount_codes) {
        const uses = record.codes.get(code)
        const use: CodeUse = { day, types: [...types], partial }
        if (uses === undefined) record.codes.set(code, [use])
        else uses.push(use)
      }
    }
  }
  return record
}

/** Most orders are of the day of the one before: its bounds are kept, as asking for the day takes far longer. */
const createCalendar = (timeZone: string): ((at: number) => number) => {
  const known = new Map<number, number>()
  return (at) => {
    // Clocks differ from UTC by whole quarters of an hour: within one, the day is the same.
    const quarter = Math.floor(at / 900_000)
    let day = known.get(quarter)
    if (day === undefined) {
      day = dayNumber(dayOf(at, timeZone))
      if (known.size > 4_096) known.clear()
      known.set(quarter, day)
    }
    return day
  }
}

/** Days since the epoch. */
export const dayNumber = (date: string): number => Math.round(Date.parse(date) / DAY)

const createCoins = (currency: string): ((amount: string) => number | null) => {
  const known = new Map<string, number | null>()
  return (amount) => {
    let coins = known.get(amount)
    if (coins === undefined) {
      coins = coinsOf(amount, currency)
      if (known.size > 20_000) known.clear()
      known.set(amount, coins)
    }
    return coins
  }
}
