// Finds the orders that are exceptions: the rules of the shop's orders, those against their history, and what is missing in stock, as one list.
import type { OrderState, Variant } from '../../core/commerce.ts'
import type { SoldOrder } from '../../core/shop-history.ts'
import { allReasons, ATTENTION_DAYS, isOpen, reasonsOf, SEVERITIES, type AttentionTerms, type Reason, type Severity } from '../shop/attention.ts'
import { addDays, dayOf, startOf, weekdayOf } from '../shop/days.ts'
import type { OrderHistory } from '../shop/order-history.ts'
import { shortagesOf } from '../shop/shortages.ts'
import type { Settings } from './schemas.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const SATURDAY = 5

export interface OrderException {
  order: OrderState
  severity: Severity
  /** The worst first. */
  reasons: Reason[]
  /** Some of it can still be held back. */
  unsent: boolean
}

export interface ExceptionSource {
  states: Iterable<OrderState>
  /** Has been given the orders of the past. */
  history: OrderHistory
  /** The orders of the last 60 days. */
  recent: readonly SoldOrder[]
  variants: readonly Variant[]
  timezone: string
  now: number
  settings: Settings
  pace: () => Promise<void> | undefined
}

export interface ExceptionReading {
  exceptions: OrderException[]
  open: number
  sent: number
  without_history: number
}

export const findExceptions = async ({ states, history, recent, variants, timezone, now, settings, pace }: ExceptionSource): Promise<ExceptionReading> => {
  const known = new Map(recent.map((order) => [order.id, order]))
  const terms: AttentionTerms = {
    unpaid_after: settings.unpaid_hours * HOUR,
    late_after: settings.late_hours * HOUR,
    slow_payment: settings.unpaid_hours * HOUR,
    idle: (from, until) => weekendIn(from, until, timezone)
  }
  const reading: ExceptionReading = { exceptions: [], open: 0, sent: 0, without_history: 0 }
  const shortages = shortagesOf(recent.filter((order) => isWaiting(order, now)), variants)
  for (const order of new Map([...states].map((one) => [one.id, one])).values()) {
    const open = isOpen(order, now)
    if (!open && !isSentLately(order, now, settings)) continue
    reading[open ? 'open' : 'sent'] += 1
    const unsent = open && order.lines.some((line) => line.requires_shipping && line.unfulfilled_quantity > 0)
    const sold = known.get(order.id)
    if (open && sold === undefined) reading.without_history += 1
    const own = reasonsOf(order, now, terms).filter(({ code }) => code !== 'on_hold' && (open || code === 'no_tracking'))
    // What has left the house cannot be held back: its value and its destination are no news to anybody any more.
    const more = sold === undefined || !unsent ? [] : history.reasonsOf(sold)
    const short = unsent ? shortages.get(order.id) : undefined
    const reasons = allReasons(own, short === undefined ? more : [...more, short])
    if (reasons.length > 0) reading.exceptions.push({ order, severity: reasons[0]!.severity, reasons, unsent })
    await pace()
  }
  const rank = ({ severity }: OrderException): number => SEVERITIES.indexOf(severity)
  reading.exceptions.sort((a, b) => rank(a) - rank(b) || a.order.created_at - b.order.created_at || (a.order.id < b.order.id ? -1 : 1))
  return reading
}

/** Nothing of it was sent, as far as the history knows. */
export const isWaiting = ({ test, cancelled_at: cancelledAt, first_sent_at: sentAt, created_at: createdAt }: SoldOrder, now: number): boolean =>
  !test && cancelledAt === null && sentAt === null && createdAt >= now - ATTENTION_DAYS * DAY

/** Shopify archives what is paid and sent: a missing tracking number would never be seen among the open ones. */
const isSentLately = ({ test, cancelled_at: cancelledAt, fulfilments }: OrderState, now: number, { sent_days: days }: Settings): boolean =>
  !test && cancelledAt === null && fulfilments.some(({ created_at: at }) => at >= now - days * DAY)

/** Of this time, what falls on Saturdays and Sundays of the shop. Holidays are not known. */
export const weekendIn = (from: number, until: number, timezone: string): number => {
  let idle = 0
  for (let date = dayOf(from, timezone); ; date = addDays(date, 1)) {
    const start = startOf(date, timezone)
    if (start >= until) return idle
    if (weekdayOf(date) >= SATURDAY) idle += Math.max(0, Math.min(until, startOf(addDays(date, 1), timezone)) - Math.max(from, start))
  }
}
