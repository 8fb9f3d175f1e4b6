// The sandbox's shop behind the port, without the wire between: what a ticket needs of it, and a record of what was read.
import { decimal } from '../../sandbox/shop/ledger.ts'
import { gid, type Order as SandboxOrder } from '../../sandbox/shop/records.ts'
import type { Shop } from '../../sandbox/shop/shop.ts'
import type { CommerceReader, Order } from '../../src/core/commerce.ts'
import type { Money } from '../../src/core/money.ts'

export interface SandboxCommerce {
  commerce: CommerceReader
  /** `#1001` of every order that was handed out. */
  handedOut: string[]
  lanes: Set<string>
}

export const commerceOf = (shop: Shop): SandboxCommerce => {
  const handedOut: string[] = []
  const lanes = new Set<string>()
  const stamp = { source: 'sandbox' as const, read_at: shop.now }
  const { byName, byEmail, byCustomer } = indexOf(shop)
  const unused = (name: string) => (): never => { throw new Error(`${name} is not for tickets`) }
  const commerce: CommerceReader = {
    ...Object.fromEntries(['order', 'orderSales', 'returnedGoods', 'orderGoods', 'orderStates', 'variants', 'variantsById', 'abandonedCheckouts', 'locations',
      'metafields', 'discountCode', 'segments', 'productByHandle'].map((name) => [name, unused(name)])) as unknown as CommerceReader,
    source: 'sandbox',
    inLane (lane) {
      lanes.add(lane)
      return commerce
    },
    shop: async () => ({
      id: gid('Shop', 1),
      name: shop.name,
      domain: shop.domain,
      currency: shop.currency,
      timezone: shop.timezone,
      plan: shop.plan,
      taxes_included: true,
      country: shop.country,
      ...stamp
    }),
    policies: async () => ({ policies: shop.policies.map((policy) => ({ ...policy })), ...stamp }),
    async * customers ({ email }) {
      const found = byEmail.get(email?.toLowerCase() ?? '')
      if (found === undefined) return
      yield {
        id: gid('Customer', found.id),
        created_at: found.createdAt,
        updated_at: found.updatedAt,
        order_count: found.orders.length,
        amount_spent: { amount: '0', currency: shop.currency },
        last_order_at: null,
        country: found.country,
        locale: found.locale,
        tags: found.tags,
        email_consent: found.emailConsent,
        email_consent_at: null,
        sms_consent: null,
        sms_consent_at: null,
        data_sale_opt_out: found.dataSaleOptOut,
        ...stamp
      }
    },
    async * orders ({ customer_id: customer, name, created_from: from = 0 }) {
      const own = customer === undefined ? shop.orders : byCustomer.get(customer)?.orders ?? []
      const named = name === undefined ? own : [byName.get(name)].filter((order) => order !== undefined)
      for (const order of named) {
        if (order.createdAt < from || (customer !== undefined && !own.includes(order))) continue
        handedOut.push(order.name)
        yield orderOf(order, shop)
      }
    }
  }
  return { commerce, handedOut, lanes }
}

const indexes = new WeakMap<Shop, ReturnType<typeof makeIndex>>()

const makeIndex = (shop: Shop) => ({
  byName: new Map(shop.orders.map((order) => [order.name, order])),
  byEmail: new Map(shop.customers.map((customer) => [customer.email.toLowerCase(), customer])),
  byCustomer: new Map(shop.customers.map((customer) => [gid('Customer', customer.id), customer]))
})

/** Made once: tests ask for hundreds of views of one shop that stands still. */
const indexOf = (shop: Shop): ReturnType<typeof makeIndex> => {
  let index = indexes.get(shop)
  if (index === undefined) indexes.set(shop, index = makeIndex(shop))
  return index
}

const orderOf = (order: SandboxOrder, shop: Shop): Order => {
  const money = (cents: number): Money => ({ amount: decimal(cents), currency: shop.currency })
  return {
    id: gid('Order', order.id),
    name: order.name,
    created_at: order.createdAt,
    updated_at: order.updatedAt,
    processed_at: order.createdAt,
    cancelled_at: order.cancelledAt,
    cancel_reason: order.cancelReason,
    closed_at: order.closedAt,
    test: order.test,
    financial_status: order.financial,
    fulfilment_status: order.fulfilments.length > 0 ? 'FULFILLED' : 'UNFULFILLED',
    channel: order.source,
    tags: order.tags,
    note: order.note,
    taxes_included: true,
    subtotal: money(order.gross - order.discount),
    discounts: money(order.discount),
    discount_codes: [],
    shipping: money(order.shipping),
    tax: money(order.tax),
    total: money(order.total),
    current_total: money(order.total),
    refunded: money(order.refunds.reduce((sum, { total }) => sum + total, 0)),
    outstanding: money(0),
    payment_gateways: [order.gateway],
    customer: order.customer === null ? null : { id: gid('Customer', order.customer.id), order_count: order.customer.orders.length },
    shipping_country: order.shippingCountry,
    billing_country: order.billingCountry,
    addresses_match: order.addressesMatch,
    risk: { recommendation: order.risk.recommendation, assessments: [] },
    lines: order.lines.map((line) => ({
      id: gid('LineItem', line.id),
      variant_id: gid('ProductVariant', line.variant.id),
      product_id: gid('Product', line.variant.product.id),
      sku: line.sku,
      title: line.title,
      quantity: line.quantity,
      current_quantity: line.currentQuantity,
      unfulfilled_quantity: line.unfulfilled,
      requires_shipping: true,
      gift_card: false,
      unit_price: money(line.unitPrice),
      original_total: money(line.unitPrice * line.quantity),
      discount: money(line.discount),
      discounted_total: money(line.unitPrice * line.quantity - line.discount),
      tax: money(line.tax)
    })),
    refunds: order.refunds.map((refund) => ({
      id: gid('Refund', refund.id),
      created_at: refund.createdAt,
      note: refund.note,
      total: money(refund.total),
      lines: [],
      shipping: money(refund.shipping),
      adjustments: money(0)
    })),
    fulfilments: order.fulfilments.map((fulfilment) => ({
      id: gid('Fulfillment', fulfilment.id),
      created_at: fulfilment.createdAt,
      status: 'SUCCESS',
      display_status: fulfilment.deliveredAt === null ? 'IN_TRANSIT' : 'DELIVERED',
      delivered_at: fulfilment.deliveredAt,
      estimated_delivery_at: fulfilment.estimatedDeliveryAt,
      tracking: fulfilment.tracking === null ? [] : [{ company: fulfilment.carrier, number: fulfilment.tracking, url: null }]
    })),
    source: 'sandbox',
    read_at: shop.now
  }
}
