// Which price stood when, as far as what was sold at it shows.
import type { Sale } from './sales-record.ts'

const DAY = 86_400_000

export interface PriceSpan {
  /** In coins. */
  price: number
  /** First and last sale at it, milliseconds since the epoch. */
  first: number
  last: number
  /** The same as days since the epoch, in the shop's time zone. */
  firstDay: number
  lastDay: number
}

/** Oldest first; two neighbours differ in price. */
export const spansOf = (sales: readonly Sale[]): PriceSpan[] => {
  const spans: PriceSpan[] = []
  for (const { at, day, price } of sales) {
    const last = spans[spans.length - 1]
    if (last?.price === price) [last.last, last.lastDay] = [at, day]
    else spans.push({ price, first: at, last: at, firstDay: day, lastDay: day })
  }
  return spans
}

/**
 * Sales of variants that have one price now, as one record. Null: they did not have one price all along, and each has to be looked at alone.
 * Sizes of one article sell seldom, and together they tell much closer when a price changed.
 */
export const mergedSales = (lists: ReadonlyArray<readonly Sale[]>): Sale[] | null => {
  if (lists.length === 1) return [...lists[0]!]
  const merged = lists.flat().sort((a, b) => a.at - b.at)
  const most = Math.max(0, ...lists.map((sales) => spansOf(sales).length))
  return spansOf(merged).length > 2 * most + 1 ? null : merged
}

/** The prices that are known to have stood since then, the one that stood at its beginning among them, and the current one. */
export const pricesSince = (spans: readonly PriceSpan[], from: number, current: number): number[] => {
  const prices = new Set([current])
  spans.forEach((span, i) => {
    // It stood until the next one was seen at the latest.
    const until = spans[i + 1]?.first ?? Infinity
    if (until > from) prices.add(span.price)
  })
  return [...prices]
}

/**
 * When the current price began, between these two moments; null: it stood as long as the record goes. Nothing was sold at it yet: between the last sale
 * at another one and now.
 */
export const lastChange = (spans: readonly PriceSpan[], current: number, now: number): { after: number, until: number } | null => {
  const last = spans[spans.length - 1]
  if (last === undefined) return null
  if (last.price !== current) return { after: last.last, until: now }
  const before = spans[spans.length - 2]
  return before === undefined ? null : { after: before.last, until: last.first }
}

const LOWEST_DAYS = 30

/**
 * The lowest price of the last 30 days, in coins, with what codes of a promotion took off; null where the record does not show it: it must begin before the
 * 30 days and have a sale within them.
 */
export const lowestOf30Days = (
  sales: readonly Sale[], spans: readonly PriceSpan[], current: number, now: number, promoted: (day: number) => boolean
): number | null => {
  const from = now - LOWEST_DAYS * DAY
  const first = spans[0]
  const last = spans[spans.length - 1]
  if (first === undefined || last === undefined || first.first > from || last.last < from) return null
  let lowest = Math.min(...pricesSince(spans, from, current))
  for (let i = sales.length - 1; i >= 0 && sales[i]!.at >= from; i--) {
    const sale = sales[i]!
    if (promoted(sale.day)) lowest = Math.min(lowest, sale.paid)
  }
  return lowest
}
