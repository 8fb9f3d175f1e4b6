// What was ordered of each variant on each day of the shop, out of the orders: as ordered, without test orders and those that were cancelled.
import type { SoldOrder } from '../../core/shop-history.ts'
import { addDays, daysBetween, startOf } from '../shop/days.ts'

export interface DemandRange {
  /** First and last day, as dates of the shop, both included. */
  from: string
  to: string
  timeZone: string
}

export interface DailyDemand {
  days: number
  /** `variant * days + day` */
  units: Float32Array
  /** Orders of the range, and why some of them are no demand. */
  orders: number
  cancelled: number
  test: number
  /** Units of lines whose variant is none of those asked for: left the shop, not counted, gift cards, custom lines. */
  otherUnits: number
  totalUnits: number
}

/**
 * @param places row of each variant by its id
 * @param pace called often; what it answers is waited for
 */
export const dailyDemand = async (
  orders: AsyncIterable<SoldOrder> | Iterable<SoldOrder>, places: ReadonlyMap<string, number>, range: DemandRange, pace: () => Promise<void> | undefined
): Promise<DailyDemand> => {
  const days = daysBetween(range.from, range.to)
  const starts = dayStarts(range, days)
  const units = new Float32Array(places.size * days)
  const found: DailyDemand = { days, units, orders: 0, cancelled: 0, test: 0, otherUnits: 0, totalUnits: 0 }
  for await (const order of orders) {
    const turn = pace()
    if (turn !== undefined) await turn
    const day = dayAt(starts, order.created_at)
    if (day < 0 || day >= days) continue
    found.orders += 1
    if (order.test) {
      found.test += 1
      continue
    }
    if (order.cancelled_at !== null) {
      found.cancelled += 1
      continue
    }
    for (const { variant_id: id, quantity, gift_card: giftCard } of order.lines) {
      const place = id === null || giftCard ? undefined : places.get(id)
      if (place === undefined) found.otherUnits += quantity
      else {
        units[place * days + day]! += quantity
        found.totalUnits += quantity
      }
    }
  }
  return found
}

/** The first moment of each day and of the one after the last. A day has 23, 24 or 25 hours. */
const dayStarts = ({ from, timeZone }: DemandRange, days: number): Float64Array =>
  Float64Array.from({ length: days + 1 }, (_, day) => startOf(addDays(from, day), timeZone))

/** -1 before the first day, the number of days after the last. */
const dayAt = (starts: Float64Array, at: number): number => {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= at) low = middle + 1
    else high = middle
  }
  return low - 1
}

/**
 * Marks the days on which nothing was there to be sold. Only days whose stock was noted can be: a day without sales alone is no stock-out.
 * @param places only of variants that stop selling at zero
 */
export const markStockOuts = (
  censored: Uint8Array, stock: ReadonlyMap<string, ReadonlyArray<{ day: string, available: number }>>, places: ReadonlyMap<string, number>,
  { from, to }: Pick<DemandRange, 'from' | 'to'>
): { days: number, variants: number } => {
  const days = daysBetween(from, to)
  const marked = { days: 0, variants: 0 }
  for (const [id, place] of places) {
    let own = 0
    for (const { day, available } of stock.get(id) ?? []) {
      if (available > 0 || day < from || day > to) continue
      censored[place * days + daysBetween(from, day) - 1] = 1
      own += 1
    }
    marked.days += own
    if (own > 0) marked.variants += 1
  }
  return marked
}
