// The records of the sandbox's shop. Money is in whole cents, times in milliseconds since the epoch; `kind` is the type's name at Shopify.

export interface Metafield {
  kind: 'Metafield'
  id: number
  namespace: string
  key: string
  type: string
  value: string
}

/** Things that tags and metafields hang on. */
interface Owner {
  updatedAt: number
  /** By `namespace.key`; undefined: none yet. */
  metafields?: Map<string, Metafield>
}

export interface Location {
  kind: 'Location'
  id: number
  name: string
  country: string
  active: boolean
  ships: boolean
}

export interface Level {
  kind: 'InventoryLevel'
  id: number
  item: InventoryItem
  location: Location
  available: number
  /** Sold, not yet sent. On hand is available + committed. */
  committed: number
  incoming: number
}

export interface InventoryItem {
  kind: 'InventoryItem'
  id: number
  variant: Variant
  tracked: boolean
  /** Cents; null: nobody entered it. */
  cost: number | null
  levels: Level[]
}

export interface Variant extends Owner {
  kind: 'ProductVariant'
  id: number
  product: Product
  title: string
  sku: string
  price: number
  compareAt: number | null
  createdAt: number
  /** Goes on selling at zero. */
  oversell: boolean
  item: InventoryItem
}

export interface Product extends Owner {
  kind: 'Product'
  id: number
  handle: string
  title: string
  descriptionHtml: string
  type: string
  vendor: string
  tags: string[]
  status: 'ACTIVE' | 'DRAFT' | 'ARCHIVED' | 'UNLISTED'
  createdAt: number
  publishedAt: number | null
  variants: Variant[]
}

export type EmailConsent = 'SUBSCRIBED' | 'UNSUBSCRIBED' | 'PENDING' | 'NOT_SUBSCRIBED'
export type SmsConsent = 'SUBSCRIBED' | 'UNSUBSCRIBED' | 'NEVER_SUBSCRIBED'

/** Nobody: a number, an address at example.com, a country and a city. */
export interface Customer extends Owner {
  kind: 'Customer'
  id: number
  name: string
  email: string
  emailConsent: EmailConsent
  emailConsentAt: number | null
  phone: boolean
  smsConsent: SmsConsent
  smsConsentAt: number | null
  dataSaleOptOut: boolean
  country: string
  city: string
  locale: string
  tags: string[]
  createdAt: number
  /** Without test orders and guests. */
  orders: Order[]
}

export interface Line {
  kind: 'LineItem'
  id: number
  order: Order
  variant: Variant
  title: string
  sku: string
  quantity: number
  /** Without refunded units. */
  currentQuantity: number
  unfulfilled: number
  unitPrice: number
  /** Its share of the order's discount, for all its units. */
  discount: number
  /** In the price, after the discount. */
  tax: number
  location: Location
}

export interface RefundLine {
  kind: 'RefundLineItem'
  line: Line
  quantity: number
  restockType: 'RETURN' | 'CANCEL' | 'NO_RESTOCK'
  restocked: boolean
  subtotal: number
  tax: number
}

export interface Refund {
  kind: 'Refund'
  id: number
  order: Order
  createdAt: number
  note: string | null
  /** What went back to the customer. */
  total: number
  lines: RefundLine[]
  shipping: number
  shippingTax: number
}

export interface Fulfilment {
  kind: 'Fulfillment'
  id: number
  createdAt: number
  deliveredAt: number | null
  estimatedDeliveryAt: number | null
  carrier: string
  tracking: string | null
}

export interface Hold {
  kind: 'FulfillmentHold'
  id: number
  handle: string | null
  reason: string
  note: string | null
}

export interface FulfilmentOrder {
  kind: 'FulfillmentOrder'
  id: number
  order: Order
  status: 'OPEN' | 'CLOSED' | 'CANCELLED'
  holds: Hold[]
}

export interface RiskFact { description: string, sentiment: 'NEGATIVE' | 'NEUTRAL' | 'POSITIVE' }

export type FinancialStatus = 'PAID' | 'PENDING' | 'AUTHORIZED' | 'PARTIALLY_REFUNDED' | 'REFUNDED' | 'VOIDED'

export interface Order extends Owner {
  kind: 'Order'
  id: number
  name: string
  createdAt: number
  cancelledAt: number | null
  cancelReason: 'CUSTOMER' | 'FRAUD' | 'INVENTORY' | 'DECLINED' | 'OTHER' | null
  closedAt: number | null
  test: boolean
  financial: FinancialStatus
  source: 'web' | 'pos'
  gateway: string
  tags: string[]
  note: string | null
  /** The code, when it is a promotion's. */
  code: string | null
  lines: Line[]
  /** Sum of lines x price. */
  gross: number
  discount: number
  shipping: number
  shippingTax: number
  /** With that of the shipping costs; all of it is in the prices. */
  tax: number
  total: number
  customer: Customer | null
  shippingCountry: string | null
  billingCountry: string | null
  addressesMatch: boolean
  risk: { recommendation: 'ACCEPT' | 'INVESTIGATE' | 'CANCEL' | 'NONE', level: 'LOW' | 'MEDIUM' | 'HIGH' | 'NONE', facts: RiskFact[] }
  fulfilments: Fulfilment[]
  fulfilmentOrder: FulfilmentOrder
  refunds: Refund[]
}

export interface Checkout {
  kind: 'AbandonedCheckout'
  id: number
  createdAt: number
  updatedAt: number
  completedAt: number | null
  customer: Customer | null
  code: string | null
  url: string
  subtotal: number
  total: number
  lines: Array<{ kind: 'AbandonedCheckoutLineItem', id: number, variant: Variant, quantity: number, total: number }>
}

export interface Discount {
  kind: 'DiscountCodeNode'
  id: number
  code: string
  title: string
  startsAt: number
  endsAt: number | null
  usageLimit: number | null
  used: number
  /** Part of the price: 0.15; null for an amount. */
  percentage: number | null
  /** Cents; null for a percentage. */
  amount: number | null
}

export interface Segment {
  kind: 'Segment'
  id: number
  name: string
  query: string
}

export interface Policy { type: 'REFUND_POLICY' | 'SHIPPING_POLICY' | 'PRIVACY_POLICY', title: string, body: string, url: string }

/** A customer's message. Its answer is in the truth, not here. */
export interface Ticket {
  id: number
  createdAt: number
  email: string
  customerId: number | null
  subject: string
  text: string
}

/** What was put into the shop on purpose, for tests and benchmarks. The API of the shop never shows it. */
export interface Truth {
  /** By SKU. */
  demand: Record<string, {
    profile: 'smooth' | 'erratic' | 'intermittent' | 'lumpy'
    /** Buyers a day who come for it, at the reference price, in an average week after a year; what others add to their baskets comes on top. */
    rate: number
    /** Percent of demand lost for a percent of price. */
    elasticity: number
    /** Mean units of such a buyer. */
    units: number
    referencePrice: number
    season: string
    /** Growth a year: 0.2 is 20 %. */
    trend: number
    launched: string | null
    leadTimeDays: number
    /** Days at the end of which nothing was left to sell. */
    stockOutDays: string[]
    /** Units that people wanted while there were none. */
    lostUnits: number
    returnRate: number
  }>
  /** Order names by what is wrong with them. */
  fraud: Record<string, string[]>
  exceptions: Record<string, string[]>
  /** Who buys the first also buys the second, with this chance. */
  affinities: Array<{ from: string, to: string, chance: number }>
  promotions: Array<{ code: string, from: string, to: string, percentage: number, types: string[] | null }>
  priceChanges: Array<{ date: string, handle: string, from: number, to: number }>
  /** By ticket id. */
  tickets: Record<string, { class: string, language: string, urgent: boolean, order: string | null }>
}

export const ID = {
  Shop: 71_000_000_001,
  AppInstallation: 560_000_000_001
} as const

/** `gid://shopify/Order/1` */
export const gid = (type: string, id: number | string): string => `gid://shopify/${type}/${id}`
