// What questions about the shop's day have to be answered with: its trade up to a moment, and the orders that need a person. Counted from the
// records alone, so that an answer can be held against it.
import { addDays, dayOf, DAY, HOUR, startOf, timeOf } from './calendar.ts'
import { decimal } from './ledger.ts'
import type { Order } from './records.ts'
import type { Shop } from './shop.ts'

/** Money is decimal text with tax. Test orders count nowhere, cancelled ones only in `orders` and `cancelled`. */
export interface Trade {
  orders: number
  cancelled: number
  units: number
  gross: string
  discounts: string
  net_before_refunds: string
  /** Goods that went back in this time, of orders that count. */
  refunds: string
  net: string
  shipping: string
  /** net_before_refunds by orders that count, rounded half up; null without any. */
  average_order: string | null
  /** Each once: whether the first order ever, a cancelled one too, was made in this time. */
  new_customers: number
  returning_customers: number
  guests: number
}

export interface Need {
  name: string
  severity: 'high' | 'medium' | 'low'
  reasons: string[]
}

export interface DayReport {
  as_of: string
  /** From midnight until now. */
  today: Trade
  /** Up to the same time of day. */
  yesterday: Trade
  week_before: Trade
  needs: Need[]
}

export const reportOf = (shop: Shop): DayReport => {
  const now = shop.now
  const today = dayOf(now)
  const sinceMidnight = wallClockHours(now, today)
  const until = (date: string): Trade => tradeOf(shop, startOf(date), date === today ? now : timeAt(date, sinceMidnight))
  return {
    as_of: new Date(now).toISOString(),
    today: until(today),
    yesterday: until(addDays(today, -1)),
    week_before: until(addDays(today, -7)),
    needs: needsOf(shop)
  }
}

/** Hours as the clock on the wall shows them, also on a day of 23 or 25 hours. */
const wallClockHours = (time: number, date: string): number => {
  const elapsed = (time - startOf(date)) / HOUR
  const length = (startOf(addDays(date, 1)) - startOf(date)) / HOUR
  return elapsed >= 3 ? elapsed + 24 - length : elapsed
}

const timeAt = (date: string, hours: number): number => {
  const length = (startOf(addDays(date, 1)) - startOf(date)) / HOUR
  return timeOf(date, hours >= 3 ? hours + length - 24 : hours)
}

const tradeOf = (shop: Shop, from: number, before: number): Trade => {
  const within = (time: number): boolean => time >= from && time < before
  let orders = 0
  let cancelled = 0
  let counting = 0
  let units = 0
  let gross = 0
  let discounts = 0
  let shipping = 0
  let refunds = 0
  let guests = 0
  const fresh = new Set<number>()
  const known = new Set<number>()
  for (const order of shop.orders) {
    if (order.test) continue
    const made = within(order.createdAt)
    if (made) orders += 1
    if (made && order.cancelledAt !== null) cancelled += 1
    if (order.cancelledAt !== null) continue
    for (const refund of order.refunds) {
      if (within(refund.createdAt)) for (const line of refund.lines) refunds += line.subtotal
    }
    if (!made) continue
    counting += 1
    shipping += order.shipping
    for (const line of order.lines) {
      units += line.quantity
      gross += line.unitPrice * line.quantity
      discounts += line.discount
    }
    if (order.customer === null) guests += 1
    else (order.customer.orders.some(({ createdAt }) => createdAt < from) ? known : fresh).add(order.customer.id)
  }
  return {
    orders,
    cancelled,
    units,
    gross: decimal(gross),
    discounts: decimal(discounts),
    net_before_refunds: decimal(gross - discounts),
    refunds: decimal(refunds),
    net: decimal(gross - discounts - refunds),
    shipping: decimal(shipping),
    average_order: counting === 0 ? null : decimal(Math.floor((gross - discounts) / counting + 0.5)),
    new_customers: fresh.size,
    returning_customers: known.size,
    guests
  }
}

const SEVERITY: Record<string, Need['severity']> = {
  risk_cancel: 'high',
  risk_investigate: 'high',
  late: 'high',
  unpaid: 'medium',
  no_tracking: 'medium',
  address_mismatch: 'medium',
  not_delivered: 'low',
  on_hold: 'low'
}
const RANK = ['high', 'medium', 'low']
const MISMATCH_FROM_CENTS = 20_000

/** Open orders of the last 60 days that a person should look at: the most severe first, then the oldest. */
const needsOf = (shop: Shop): Need[] => {
  const { now } = shop
  const found: Array<Need & { createdAt: number }> = []
  for (const order of shop.orders) {
    if (order.test || order.cancelledAt !== null || order.closedAt !== null || order.createdAt < now - 60 * DAY) continue
    const reasons = reasonsFor(order, now)
    const [worst] = reasons.map((reason) => SEVERITY[reason]!).sort((a, b) => RANK.indexOf(a) - RANK.indexOf(b))
    if (worst !== undefined) found.push({ name: order.name, severity: worst, reasons, createdAt: order.createdAt })
  }
  return found
    .sort((a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity) || a.createdAt - b.createdAt)
    .map(({ name, severity, reasons }) => ({ name, severity, reasons }))
}

const reasonsFor = (order: Order, now: number): string[] => {
  const { risk, financial, fulfilments, fulfilmentOrder, lines } = order
  const age = now - order.createdAt
  const held = fulfilmentOrder.holds.length > 0 && fulfilmentOrder.status === 'OPEN'
  const paid = financial === 'PAID' || financial === 'PARTIALLY_REFUNDED'
  const waiting = lines.some(({ unfulfilled }) => unfulfilled > 0)
  const underWay = fulfilments.filter(({ deliveredAt }) => deliveredAt === null)
  const abroad = order.shippingCountry !== null && order.billingCountry !== null && order.shippingCountry !== order.billingCountry
  const holds: Record<string, boolean> = {
    risk_cancel: risk.recommendation === 'CANCEL',
    risk_investigate: risk.recommendation === 'INVESTIGATE',
    late: paid && waiting && !held && age > 72 * HOUR,
    unpaid: (financial === 'PENDING' || financial === 'AUTHORIZED') && age > 24 * HOUR,
    no_tracking: underWay.some(({ tracking, createdAt }) => tracking === null && now - createdAt > 24 * HOUR),
    address_mismatch: abroad && order.total >= MISMATCH_FROM_CENTS,
    not_delivered: underWay.some(({ tracking, createdAt }) => tracking !== null && now - createdAt > 14 * DAY),
    on_hold: held
  }
  return Object.keys(holds).filter((reason) => holds[reason])
}
