// Which orders a person should look at, and why: rules over what the shop knows of each order.
import type { OrderState } from '../../core/commerce.ts'
import { compareMoney } from '../../core/money.ts'

export const SEVERITIES = ['high', 'medium', 'low'] as const
export type Severity = typeof SEVERITIES[number]

export const ATTENTION_CODES = [
  'risk_cancel', 'risk_investigate', 'velocity', 'unusual_country', 'late', 'out_of_stock', 'unpaid', 'no_tracking', 'address_mismatch', 'unusual_value',
  'not_delivered', 'on_hold'
] as const
export type AttentionCode = typeof ATTENTION_CODES[number]

export interface Reason {
  code: AttentionCode
  severity: Severity
  /** Plain words that begin a sentence, without a full stop. */
  text: string
  /** Milliseconds since the epoch; null: the shop does not say. */
  since: number | null
}

export interface OrderInNeed {
  order: OrderState
  /** The worst of its reasons. */
  severity: Severity
  /** The worst first. */
  reasons: Reason[]
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Older orders are nobody's work of today, and without a further right the shop does not show them. */
export const ATTENTION_DAYS = 60
const UNTRACKED_AFTER = 24 * HOUR
const UNDELIVERED_AFTER = 14 * DAY
const MISMATCH_FROM = '200'

export interface AttentionTerms {
  /** Milliseconds from the order on. */
  unpaid_after: number
  late_after: number
  /** Added to it where the money comes by transfer or the like: when it came is not told. */
  slow_payment: number
  /** Of the time between two moments, what nobody sends in: it makes no order late. */
  idle (from: number, until: number): number
}

const TERMS: AttentionTerms = { unpaid_after: 24 * HOUR, late_after: 72 * HOUR, slow_payment: 0, idle: () => 0 }

const UNPAID: Record<string, string> = {
  PENDING: 'not paid yet', PARTIALLY_PAID: 'paid only in part', EXPIRED: 'its payment authorisation has expired', AUTHORIZED: 'payment not captured'
}
/** Ways to pay that Shopify learns of when a person says so. */
const SLOW_PAYMENT = /bank|deposit|transfer|manual|invoice|money.?order|vorkasse|überweisung|rechnung/i
const PAID = new Set(['PAID', 'PARTIALLY_REFUNDED'])

/** Whether it is anybody's work: test, cancelled, closed and older ones are not. */
export const isOpen = ({ test, cancelled_at: cancelledAt, closed_at: closedAt, created_at: createdAt }: OrderState, now: number): boolean =>
  !test && cancelledAt === null && closedAt === null && createdAt >= now - ATTENTION_DAYS * DAY

/** The orders that need somebody, the most severe first, then the oldest. Test, cancelled, closed and older ones are left out. */
export const ordersInNeed = (orders: Iterable<OrderState>, now: number): OrderInNeed[] => {
  const found: OrderInNeed[] = []
  for (const order of orders) {
    if (!isOpen(order, now)) continue
    const reasons = reasonsOf(order, now)
    const [worst] = reasons
    if (worst !== undefined) found.push({ order, severity: worst.severity, reasons })
  }
  const rank = ({ severity }: OrderInNeed): number => SEVERITIES.indexOf(severity)
  return found.sort((a, b) => rank(a) - rank(b) || a.order.created_at - b.order.created_at || (a.order.name < b.order.name ? -1 : 1))
}

/** The worst first; those that are known from elsewhere (order-history.ts, shortages.ts) take their place among them. */
export const allReasons = (own: readonly Reason[], others: readonly Reason[]): Reason[] =>
  [...own, ...others].sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    ATTENTION_CODES.indexOf(a.code) - ATTENTION_CODES.indexOf(b.code))

/** What the order itself tells, the worst first; empty when nobody has to look at it. */
export const reasonsOf = (order: OrderState, now: number, terms: AttentionTerms = TERMS): Reason[] => {
  const age = now - order.created_at
  const status = order.financial_status ?? ''
  const onHold = order.fulfilment_status === 'ON_HOLD'
  const ships = order.lines.some((line) => line.requires_shipping)
  const unsent = order.lines.some((line) => line.requires_shipping && line.unfulfilled_quantity > 0)
  const unpaid = UNPAID[status]
  const sent = ships ? order.fulfilments.filter(isUnderWay) : []
  const untracked = sent.find((one) => !isTracked(one) && now - one.created_at > UNTRACKED_AFTER)
  const undelivered = sent.find((one) => isTracked(one) && now - one.created_at > UNDELIVERED_AFTER)
  const { recommendation } = order.risk
  const lateAfter = terms.late_after + (order.payment_gateways.some((name) => SLOW_PAYMENT.test(name)) ? terms.slow_payment : 0)

  const reasons: Reason[] = []
  const add = (code: AttentionCode, severity: Severity, text: string, since: number | null): void => { reasons.push({ code, severity, text, since }) }
  if (recommendation === 'CANCEL') add('risk_cancel', 'high', 'Shopify takes it for fraud and recommends to cancel it', order.created_at)
  if (recommendation === 'INVESTIGATE') add('risk_investigate', 'high', 'Shopify recommends to check it for fraud', order.created_at)
  if (PAID.has(status) && unsent && !onHold && age - terms.idle(order.created_at, now) > lateAfter) add('late', 'high', 'paid and not sent', order.created_at)
  if (unpaid !== undefined && age > terms.unpaid_after) add('unpaid', 'medium', unpaid, order.created_at)
  if (untracked !== undefined) add('no_tracking', 'medium', 'sent without a tracking number', untracked.created_at)
  if (hasMismatch(order)) {
    add('address_mismatch', 'medium', `goes to ${order.shipping_country!} but is billed to ${order.billing_country!}`, order.created_at)
  }
  if (undelivered !== undefined) add('not_delivered', 'low', 'sent and not delivered', undelivered.created_at)
  // The shop does not tell when a hold began.
  if (onHold) add('on_hold', 'low', 'on hold', null)
  return reasons
}

const isUnderWay = ({ status, delivered_at: deliveredAt, display_status: display }: OrderState['fulfilments'][number]): boolean =>
  status === 'SUCCESS' && deliveredAt === null && display !== 'DELIVERED'

const isTracked = ({ tracking }: OrderState['fulfilments'][number]): boolean => tracking.some(({ number }) => number !== null && number !== '')

const hasMismatch = ({ shipping_country: to, billing_country: by, total }: OrderState): boolean =>
  to !== null && by !== null && to !== by && compareMoney(total, { amount: MISMATCH_FROM, currency: total.currency }) >= 0
