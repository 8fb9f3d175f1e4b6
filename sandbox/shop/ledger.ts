// The shop's own books, added up from the records and from nothing else: what a question about the shop has to be answered with, to the cent.
import { addDays, dayOf, DAY, HOUR } from './calendar.ts'
import type { Order } from './records.ts'
import { availableOf, levelOf, type Shop } from './shop.ts'

/** Money is decimal text in the shop's currency; prices include tax. Test orders count nowhere. */
export interface DayBook {
  /** In the shop's time zone. */
  date: string
  /** Made that day, those that were cancelled since among them. */
  orders: number
  /** Of them, cancelled by now. */
  cancelled: number
  units: number
  /** Lines at their price. */
  gross: string
  discounts: string
  /** Value of the goods that went back that day, whenever they were bought, paid out or not. */
  returns: string
  /** gross - discounts - returns */
  net: string
  /** Charged for sending. */
  shipping: string
  /** In the lines and the shipping costs. */
  tax: string
  /** What the orders of the day came to: gross - discounts + shipping. */
  total: string
  /** Paid out that day, whenever the orders were made; shipping costs among it. */
  refunded: string
  /** Number of refunds made that day, those without money among them. */
  refunds: number
  /** (gross - discounts) / orders, rounded to cents; null without orders. */
  average_order: string | null
  /** What the units cost; of those with a known cost. */
  cost: string
  units_without_cost: number
  /** Customers who ordered that day, each once: by whether it was the day of their first order. */
  new_customers: number
  returning_customers: number
  /** Orders without a customer. */
  guests: number
}

export type AttentionReason = 'risk' | 'country_mismatch' | 'velocity' | 'unpaid' | 'late' | 'no_tracking' | 'oversold' | 'on_hold'

export interface AttentionRules {
  /** Unpaid for longer. */
  unpaidHours: number
  /** Paid, and not sent for longer. */
  lateHours: number
  /** Orders of one customer within a day. */
  velocityOrders: number
  /** How far back sent orders without a tracking number still matter. */
  noTrackingDays: number
}

const ATTENTION_RULES: AttentionRules = { unpaidHours: 72, lateHours: 120, velocityOrders: 3, noTrackingDays: 7 }

export interface AttentionEntry {
  id: string
  name: string
  created_at: string
  total: string
  reasons: AttentionReason[]
}

export interface StockOut {
  sku: string
  variant_id: string
  title: string
  available: number
  incoming: number
  /** Units of the last 30 days. */
  sold_30_days: number
}

export interface Ledger {
  shop: string
  currency: string
  timezone: string
  seed: number
  /** ISO: the books are as of then. */
  as_of: string
  today: string
  counts: { orders: number, test_orders: number, customers: number, products: number, variants: number, abandoned_checkouts: number }
  days: DayBook[]
  attention: AttentionEntry[]
  stock_outs: StockOut[]
}

export const decimal = (cents: number): string => {
  const text = String(Math.abs(cents)).padStart(3, '0')
  return `${cents < 0 ? '-' : ''}${text.slice(0, -2)}.${text.slice(-2)}`
}

/** Days from and to (inclusive), as dates of the shop; default: today and yesterday. */
export const ledgerOf = (shop: Shop, range: { from?: string, to?: string } = {}, rules: AttentionRules = ATTENTION_RULES): Ledger => {
  const today = dayOf(shop.now)
  return {
    shop: shop.domain,
    currency: shop.currency,
    timezone: shop.timezone,
    seed: shop.seed,
    as_of: new Date(shop.now).toISOString(),
    today,
    counts: {
      orders: shop.orders.filter(({ test }) => !test).length,
      test_orders: shop.orders.filter(({ test }) => test).length,
      customers: shop.customers.length,
      products: shop.products.length,
      variants: shop.variants.length,
      abandoned_checkouts: shop.checkouts.length
    },
    days: daysOf(shop, range.from ?? addDays(range.to ?? today, -1), range.to ?? today),
    attention: attentionOf(shop, rules),
    stock_outs: stockOutsOf(shop)
  }
}

interface Sums {
  orders: number
  cancelled: number
  units: number
  gross: number
  discounts: number
  returns: number
  shipping: number
  tax: number
  total: number
  refunded: number
  refunds: number
  cost: number
  unitsWithoutCost: number
  guests: number
  fresh: Set<number>
  known: Set<number>
}

/** The first of `from` to the last of `to`; days without trade among them. @throws Error for what is no date, or more than 1,000 days. */
export const daysOf = (shop: Shop, from: string, to: string): DayBook[] => {
  for (const date of [from, to]) {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(Date.parse(date))) throw new Error(`${date} is no date like 2026-11-24`)
  }
  const days = new Map<string, Sums>()
  for (let date = from; date <= to; date = addDays(date, 1)) {
    if (days.size >= 1_000) throw new Error('at most 1,000 days at once')
    days.set(date, {
      orders: 0,
      cancelled: 0,
      units: 0,
      gross: 0,
      discounts: 0,
      returns: 0,
      shipping: 0,
      tax: 0,
      total: 0,
      refunded: 0,
      refunds: 0,
      cost: 0,
      unitsWithoutCost: 0,
      guests: 0,
      fresh: new Set(),
      known: new Set()
    })
  }
  for (const order of shop.orders) {
    if (order.test) continue
    const day = days.get(dayOf(order.createdAt))
    if (day !== undefined) bookOrder(day, order)
    for (const refund of order.refunds) {
      const back = days.get(dayOf(refund.createdAt))
      if (back === undefined) continue
      back.refunds++
      back.refunded += refund.total
      for (const line of refund.lines) back.returns += line.subtotal
    }
  }
  return [...days].map(([date, sums]) => ({
    date,
    orders: sums.orders,
    cancelled: sums.cancelled,
    units: sums.units,
    gross: decimal(sums.gross),
    discounts: decimal(sums.discounts),
    returns: decimal(sums.returns),
    net: decimal(sums.gross - sums.discounts - sums.returns),
    shipping: decimal(sums.shipping),
    tax: decimal(sums.tax),
    total: decimal(sums.total),
    refunded: decimal(sums.refunded),
    refunds: sums.refunds,
    average_order: sums.orders === 0 ? null : decimal(Math.round((sums.gross - sums.discounts) / sums.orders)),
    cost: decimal(sums.cost),
    units_without_cost: sums.unitsWithoutCost,
    new_customers: sums.fresh.size,
    returning_customers: sums.known.size,
    guests: sums.guests
  }))
}

const bookOrder = (day: Sums, order: Order): void => {
  day.orders++
  if (order.cancelledAt !== null) day.cancelled++
  day.shipping += order.shipping
  day.tax += order.shippingTax
  day.total += order.shipping
  for (const line of order.lines) {
    const amount = line.unitPrice * line.quantity
    day.units += line.quantity
    day.gross += amount
    day.discounts += line.discount
    day.tax += line.tax
    day.total += amount - line.discount
    if (line.variant.item.cost === null) day.unitsWithoutCost += line.quantity
    else day.cost += line.variant.item.cost * line.quantity
  }
  if (order.customer === null) {
    day.guests++
    return
  }
  const first = order.customer.orders.reduce((earliest, each) => Math.min(earliest, each.createdAt), Infinity)
  ;(dayOf(first) === dayOf(order.createdAt) ? day.fresh : day.known).add(order.customer.id)
}

/** Orders that a person should look at now, the oldest first. */
export const attentionOf = (shop: Shop, rules: AttentionRules = ATTENTION_RULES): AttentionEntry[] => {
  const found: AttentionEntry[] = []
  for (const order of shop.orders) {
    if (order.test || order.cancelledAt !== null) continue
    const reasons = reasonsOf(shop, order, rules)
    if (reasons.length === 0) continue
    found.push({
      id: `gid://shopify/Order/${order.id}`,
      name: order.name,
      created_at: new Date(order.createdAt).toISOString(),
      total: decimal(order.total),
      reasons
    })
  }
  return found
}

const reasonsOf = (shop: Shop, order: Order, rules: AttentionRules): AttentionReason[] => {
  const reasons: AttentionReason[] = []
  const age = shop.now - order.createdAt
  const sent = order.fulfilments.length > 0
  // What has been sent cannot be held back any more.
  if (!sent) {
    if (order.risk.recommendation === 'CANCEL' || order.risk.recommendation === 'INVESTIGATE') reasons.push('risk')
    if (order.shippingCountry !== null && order.billingCountry !== null && order.shippingCountry !== order.billingCountry) reasons.push('country_mismatch')
    const near = order.customer?.orders.filter((each) => each.cancelledAt === null && Math.abs(each.createdAt - order.createdAt) < DAY).length ?? 0
    if (near >= rules.velocityOrders) reasons.push('velocity')
    if (order.financial === 'PENDING' && age > rules.unpaidHours * HOUR) reasons.push('unpaid')
    const open = order.lines.some(({ unfulfilled }) => unfulfilled > 0)
    const paid = order.financial === 'PAID' || order.financial === 'PARTIALLY_REFUNDED'
    if (open && paid && age > rules.lateHours * HOUR) reasons.push('late')
    if (open && order.lines.some((line) => line.unfulfilled > 0 && (levelOf(line.variant, line.location)?.available ?? 0) < 0)) reasons.push('oversold')
    if (order.fulfilmentOrder.holds.length > 0) reasons.push('on_hold')
  } else if (order.source === 'web' && order.fulfilments.some((each) => each.tracking === null && shop.now - each.createdAt < rules.noTrackingDays * DAY)) {
    reasons.push('no_tracking')
  }
  return reasons
}

/** What is for sale and has nothing left, by what sold best. */
export const stockOutsOf = (shop: Shop): StockOut[] => {
  const sold = new Map<number, number>()
  for (let i = shop.orders.length - 1; i >= 0; i--) {
    const order = shop.orders[i]
    if (order === undefined || order.createdAt <= shop.now - 30 * DAY) break
    if (order.test || order.cancelledAt !== null) continue
    for (const line of order.lines) sold.set(line.variant.id, (sold.get(line.variant.id) ?? 0) + line.quantity)
  }
  return shop.variants
    .filter((variant) => variant.product.status === 'ACTIVE' && variant.item.tracked && availableOf(variant) <= 0)
    .map((variant) => ({
      sku: variant.sku,
      variant_id: `gid://shopify/ProductVariant/${variant.id}`,
      title: variant.product.title,
      available: availableOf(variant),
      incoming: variant.item.levels.reduce((sum, level) => sum + level.incoming, 0),
      sold_30_days: sold.get(variant.id) ?? 0
    }))
    .sort((a, b) => b.sold_30_days - a.sold_30_days || (a.sku < b.sku ? -1 : 1))
}
