// What the shop's tools answer: readings as plain JSON, amounts as decimals, times as ISO-8601, and nothing by which a customer is known.
import type { Order, OrderSales, Shop, Variant } from '../../core/commerce.ts'
import type { Money } from '../../core/money.ts'
import type { Source } from '../../core/upstream.ts'
import { reasonsOf, type OrderInNeed, type Reason } from '../shop/attention.ts'
import { changePercent, decimal, type Sales } from '../shop/sales.ts'
import { availableOf, stockStateOf } from '../shop/stock.ts'
import type { Figures } from './shop-readings.ts'

export type OrderRecord = ReturnType<typeof orderRecord>
export type NeedRecord = ReturnType<typeof needRecord>
export type StockRecord = ReturnType<typeof stockRecord>
export type ComparedRecord = ReturnType<typeof comparedRecord>

const iso = (ms: number): string => new Date(ms).toISOString()
const isoOrNull = (ms: number | null): string | null => ms === null ? null : iso(ms)
const amount = (money: Money): string => decimal(money)

/** What every answer of the shop begins with. */
export const heading = (source: Source, readAt: number, shop: Shop) => ({
  source,
  read_at: iso(readAt),
  shop: shop.name,
  time_zone: shop.timezone,
  currency: shop.currency,
  prices_include_tax: shop.taxes_included
})

/** `change_percent`: of net_before_refunds, from then to now; null when there was nothing then. */
export const comparedRecord = (then: Figures, now: Sales) => ({
  from: then.days.from,
  to: then.days.to,
  until: iso(then.span.before),
  orders: then.sales.orders,
  net_before_refunds: then.sales.net_before_refunds,
  change_percent: changePercent(now.net_before_refunds, then.sales.net_before_refunds)
})

const reasonRecord = ({ code, severity, text, since }: Reason) => ({ code, severity, text, since: isoOrNull(since) })

export const orderListRecord = (order: OrderSales) => ({
  id: order.id,
  name: order.name,
  created_at: iso(order.created_at),
  total: amount(order.total),
  payment: order.financial_status,
  fulfilment: order.fulfilment_status,
  cancelled: order.cancelled_at !== null,
  test: order.test
})

export const needRecord = ({ order, severity, reasons }: OrderInNeed) => ({
  id: order.id,
  name: order.name,
  created_at: iso(order.created_at),
  total: amount(order.total),
  severity,
  reasons: reasons.map(reasonRecord)
})

const LINES_SHOWN = 30

/** `needs`: why a person should look at it, as for orders_needing_attention. Notes and names of customers stay in the shop. */
export const orderRecord = (order: Order, now: number) => ({
  id: order.id,
  name: order.name,
  created_at: iso(order.created_at),
  test: order.test,
  payment: order.financial_status,
  fulfilment: order.fulfilment_status,
  cancelled_at: isoOrNull(order.cancelled_at),
  cancel_reason: order.cancel_reason,
  closed_at: isoOrNull(order.closed_at),
  total: amount(order.total),
  discounts: amount(order.discounts),
  shipping: amount(order.shipping),
  tax: amount(order.tax),
  refunded: amount(order.refunded),
  outstanding: amount(order.outstanding),
  discount_codes: order.discount_codes,
  ships_to: order.shipping_country,
  billed_to: order.billing_country,
  customer_orders: order.customer === null ? null : order.customer.order_count,
  lines: order.lines.slice(0, LINES_SHOWN).map((line) => ({
    title: line.title,
    sku: line.sku,
    quantity: line.quantity,
    returned: line.quantity - line.current_quantity,
    unsent: line.unfulfilled_quantity,
    total: amount(line.discounted_total)
  })),
  lines_in_all: order.lines.length,
  sendings: order.fulfilments.map((sent) => ({
    at: iso(sent.created_at),
    status: sent.display_status ?? sent.status,
    delivered_at: isoOrNull(sent.delivered_at),
    tracking: sent.tracking.flatMap(({ company, number }) => number === null ? [] : [`${company ?? ''} ${number}`.trim()])
  })),
  refunds: order.refunds.map((refund) => ({ at: iso(refund.created_at), total: amount(refund.total) })),
  tags: order.tags,
  has_note: order.note !== null && order.note !== '',
  risk: order.risk.recommendation,
  risk_facts: order.risk.assessments.flatMap(({ facts }) => facts).filter(({ sentiment }) => sentiment === 'NEGATIVE').slice(0, 5)
    .map(({ description }) => description),
  needs: order.test || order.cancelled_at !== null || order.closed_at !== null ? [] : reasonsOf(order, now).map(reasonRecord)
})

/** `available` is null where the shop does not count the stock. */
export const stockRecord = (variant: Variant) => ({
  product: variant.product_title,
  variant: variant.title,
  sku: variant.sku,
  price: amount(variant.price),
  available: availableOf(variant),
  incoming: variant.tracked ? variant.levels.reduce((sum, level) => sum + level.incoming, 0) : null,
  state: stockStateOf(variant),
  sells_when_out_of_stock: variant.sells_when_out_of_stock
})
