// The sandbox's shop as the history shows it, without the wire between: for tests and benchmarks of what agents compute.
import { decimal } from '../../sandbox/shop/ledger.ts'
import { gid, type Order, type Variant as SandboxVariant } from '../../sandbox/shop/records.ts'
import type { Shop } from '../../sandbox/shop/shop.ts'
import type { OrderState, Variant } from '../../src/core/commerce.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'

export const soldOrdersOf = (shop: Shop): SoldOrder[] => shop.orders.filter((order) => order.createdAt <= shop.now).map((order) => soldOrderOf(order, shop))

const soldOrderOf = (order: Order, shop: Shop): SoldOrder => ({
  id: gid('Order', order.id),
  name: order.name,
  created_at: order.createdAt,
  updated_at: order.updatedAt,
  cancelled_at: order.cancelledAt,
  test: order.test,
  currency: shop.currency,
  taxes_included: true,
  financial_status: order.financial,
  customer: order.customer === null ? null : { id: gid('Customer', order.customer.id), order_count: order.customer.orders.length },
  shipping_country: order.shippingCountry,
  billing_country: order.billingCountry,
  discount_codes: order.code === null ? [] : [order.code],
  subtotal: decimal(order.gross - order.discount),
  discounts: decimal(order.discount),
  shipping: decimal(order.shipping),
  tax: decimal(order.tax),
  total: decimal(order.total),
  risk: order.risk.recommendation,
  lines: order.lines.map((line) => ({
    variant_id: gid('ProductVariant', line.variant.id),
    product_id: gid('Product', line.variant.product.id),
    sku: line.sku,
    title: line.title,
    quantity: line.quantity,
    current_quantity: line.currentQuantity,
    unit_price: decimal(line.unitPrice),
    total: decimal(line.unitPrice * line.quantity - line.discount),
    tax: decimal(line.tax),
    gift_card: false
  })),
  refunds: order.refunds.map((refund) => ({
    created_at: refund.createdAt,
    total: decimal(refund.total),
    shipping: decimal(refund.shipping),
    lines: refund.lines.map(({ line, quantity, subtotal }) => ({ variant_id: gid('ProductVariant', line.variant.id), quantity, value: decimal(subtotal) }))
  })),
  first_sent_at: order.fulfilments[0]?.createdAt ?? null
})

/** How far each order is, as the port tells it. */
export const orderStatesOf = (shop: Shop): OrderState[] => shop.orders.filter((order) => order.createdAt <= shop.now).map((order) => ({
  id: gid('Order', order.id),
  name: order.name,
  created_at: order.createdAt,
  cancelled_at: order.cancelledAt,
  closed_at: order.closedAt,
  test: order.test,
  financial_status: order.financial,
  fulfilment_status: fulfilmentStatusOf(order),
  tags: order.tags,
  note: order.note,
  payment_gateways: [order.gateway],
  total: { amount: decimal(order.total), currency: shop.currency },
  shipping_country: order.shippingCountry,
  billing_country: order.billingCountry,
  risk: { recommendation: order.risk.recommendation },
  lines: order.lines.map(({ unfulfilled }) => ({ requires_shipping: true, unfulfilled_quantity: unfulfilled })),
  fulfilments: order.fulfilments.map(({ createdAt, deliveredAt, carrier, tracking }) => ({
    created_at: createdAt,
    status: 'SUCCESS',
    display_status: deliveredAt === null ? 'IN_TRANSIT' : 'DELIVERED',
    delivered_at: deliveredAt,
    tracking: tracking === null ? [] : [{ company: carrier, number: tracking, url: null }]
  })),
  source: 'sandbox',
  read_at: shop.now
}))

const fulfilmentStatusOf = ({ fulfilmentOrder, fulfilments, lines }: Order): string => {
  if (fulfilmentOrder.holds.length > 0 && fulfilmentOrder.status === 'OPEN') return 'ON_HOLD'
  if (fulfilments.length === 0) return 'UNFULFILLED'
  return lines.every(({ unfulfilled }) => unfulfilled === 0) ? 'FULFILLED' : 'PARTIALLY_FULFILLED'
}

export const variantsOf = (shop: Shop): Variant[] => shop.variants.map((variant) => variantOf(variant, shop))

const variantOf = ({ id, product, title, sku, price, compareAt, createdAt, oversell, item, updatedAt }: SandboxVariant, shop: Shop): Variant => {
  const money = (cents: number) => ({ amount: decimal(cents), currency: shop.currency })
  return {
    id: gid('ProductVariant', id),
    product_id: gid('Product', product.id),
    product_title: product.title,
    title,
    sku,
    price: money(price),
    compare_at_price: compareAt === null ? null : money(compareAt),
    unit_cost: item.cost === null ? null : money(item.cost),
    inventory_item_id: gid('InventoryItem', item.id),
    tracked: item.tracked,
    sells_when_out_of_stock: oversell,
    levels: item.levels.map(({ location, available, committed, incoming }) =>
      ({ location_id: gid('Location', location.id), available, on_hand: available + committed, committed, incoming })),
    status: product.status,
    published_at: product.publishedAt,
    product_type: product.type,
    vendor: product.vendor,
    tags: product.tags,
    created_at: createdAt,
    updated_at: updatedAt,
    source: 'sandbox',
    read_at: shop.now
  }
}
