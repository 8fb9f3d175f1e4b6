// The sandbox's customers and the checkouts that they left as the port shows them, without the wire between.
import { decimal } from '../../sandbox/shop/ledger.ts'
import { gid, type Checkout, type Customer as SandboxCustomer } from '../../sandbox/shop/records.ts'
import type { Shop } from '../../sandbox/shop/shop.ts'
import type { AbandonedCheckout, Customer } from '../../src/core/commerce.ts'

export const customersOf = (shop: Shop): Customer[] => shop.customers.map((customer) => customerOf(customer, shop))

const customerOf = (customer: SandboxCustomer, shop: Shop): Customer => ({
  id: gid('Customer', customer.id),
  created_at: customer.createdAt,
  updated_at: customer.updatedAt,
  order_count: customer.orders.length,
  amount_spent: { amount: decimal(customer.orders.reduce((sum, { total }) => sum + total, 0)), currency: shop.currency },
  last_order_at: customer.orders.at(-1)?.createdAt ?? null,
  country: customer.country,
  locale: customer.locale,
  tags: customer.tags,
  email_consent: customer.emailConsent,
  email_consent_at: customer.emailConsentAt,
  sms_consent: customer.phone ? customer.smsConsent : null,
  sms_consent_at: customer.smsConsentAt,
  data_sale_opt_out: customer.dataSaleOptOut,
  source: 'sandbox',
  read_at: shop.now
})

export const checkoutsOf = (shop: Shop): AbandonedCheckout[] => shop.checkouts.map((checkout) => checkoutOf(checkout, shop))

const checkoutOf = ({ id, createdAt, updatedAt, completedAt, customer, total, subtotal, code, url, lines }: Checkout, shop: Shop): AbandonedCheckout => ({
  id: gid('AbandonedCheckout', id),
  created_at: createdAt,
  updated_at: updatedAt,
  completed_at: completedAt,
  customer_id: customer === null ? null : gid('Customer', customer.id),
  total: { amount: decimal(total), currency: shop.currency },
  subtotal: { amount: decimal(subtotal), currency: shop.currency },
  discount_codes: code === null ? [] : [code],
  recovery_url: url,
  lines: lines.map(({ variant, quantity, total: sum }) => ({
    variant_id: gid('ProductVariant', variant.id),
    product_id: gid('Product', variant.product.id),
    sku: variant.sku,
    title: variant.product.title,
    quantity,
    total: { amount: decimal(sum), currency: shop.currency }
  })),
  more_lines: false,
  source: 'sandbox',
  read_at: shop.now
})
