// What is read of the shop. Ids are Shopify's global ids (`gid://shopify/Order/1`), times are milliseconds since the epoch, amounts are in the
// currency of the shop.
import type { Money } from './money.ts'
import type { Source } from './upstream.ts'

/** Where something was read, and when. */
export interface Stamp {
  source: Source
  read_at: number
}

export interface CallOptions {
  /** Ends waiting and fetching. */
  signal: AbortSignal
}

export interface ListOptions extends CallOptions {
  /**
   * Read everything with one bulk operation: it begins slowly (seconds to minutes), but costs next to nothing of the query budget. For reads of
   * thousands of objects.
   */
  bulk?: boolean
}

export interface Shop extends Stamp {
  id: string
  name: string
  /** `royal-equips.myshopify.com` */
  domain: string
  currency: string
  /** IANA name: days of the shop begin and end by it. */
  timezone: string
  plan: string
  taxes_included: boolean
  country: string | null
}

export interface ShopPolicy {
  type: string
  title: string
  /** HTML, as the owner wrote it. */
  body: string
  url: string
}

export interface OrderLine {
  id: string
  /** Null: a custom line, or the product was deleted. */
  variant_id: string | null
  product_id: string | null
  sku: string | null
  title: string
  /** As ordered. */
  quantity: number
  /** Without refunded and removed units. */
  current_quantity: number
  unfulfilled_quantity: number
  requires_shipping: boolean
  gift_card: boolean
  /** Before discounts, for one unit. */
  unit_price: Money
  /** `unit_price` x `quantity`. */
  original_total: Money
  /** Of the line and its share of discounts on the whole order. */
  discount: Money
  /** `original_total` - `discount`; includes tax when the order's `taxes_included`. */
  discounted_total: Money
  tax: Money
}

export interface RefundLine {
  line_id: string
  quantity: number
  subtotal: Money
  tax: Money
  /** RETURN, CANCEL, NO_RESTOCK, LEGACY_RESTOCK */
  restock_type: string
  restocked: boolean
}

export interface Refund {
  id: string
  created_at: number
  note: string | null
  /** What went back to the customer. */
  total: Money
  lines: RefundLine[]
  /** Of shipping costs, with tax. */
  shipping: Money
  /** Differences between the computed and the actual refund, with Shopify's sign. */
  adjustments: Money
}

export interface Fulfilment {
  id: string
  created_at: number
  /** SUCCESS, CANCELLED, ERROR, FAILURE */
  status: string
  /** IN_TRANSIT, DELIVERED, ...; null when the carrier says nothing. */
  display_status: string | null
  delivered_at: number | null
  estimated_delivery_at: number | null
  /** Empty: sent without a tracking number. */
  tracking: Array<{ company: string | null, number: string | null, url: string | null }>
}

export interface OrderRisk {
  /** Shopify's own word: ACCEPT, INVESTIGATE, CANCEL, NONE. */
  recommendation: string
  assessments: Array<{ level: string, facts: Array<{ description: string, sentiment: string }> }>
}

/** What an order adds to the sales of a day. Its lines and what it gave back are read apart, where they are wanted: reading them costs far more. */
export interface OrderSales extends Stamp {
  id: string
  name: string
  created_at: number
  updated_at: number
  test: boolean
  cancelled_at: number | null
  financial_status: string | null
  fulfilment_status: string
  taxes_included: boolean
  /** Lines at their price, before discounts and returns. */
  gross: Money
  /** Of lines and of the whole order; those on shipping costs are not among them. */
  discounts: Money
  shipping: Money
  /** As ordered, before returns. */
  total: Money
  /** As ordered; tips are none. */
  units: number
  /** See Order. */
  customer: { id: string, order_count: number } | null
  /** When it gave something back, and under which id that can be read. */
  refunds: Array<{ id: string, created_at: number }>
}

/** The goods that went back with a refund, whether it was paid out or not. */
export interface ReturnedGoods {
  refund_id: string
  /** With tax when the order's `taxes_included`. */
  value: Money
}

/** What was sold with an order. */
export interface OrderGoods extends Stamp, Pick<OrderSales, 'id' | 'created_at' | 'test' | 'cancelled_at'> {
  lines: Array<Pick<OrderLine, 'product_id' | 'title' | 'quantity' | 'original_total'>>
}

/** What tells whether an order needs somebody. */
export interface OrderState extends Stamp, Pick<
  Order,
  'id' | 'name' | 'created_at' | 'cancelled_at' | 'closed_at' | 'test' | 'financial_status' | 'fulfilment_status' | 'tags' | 'note' | 'total' |
  'payment_gateways' | 'shipping_country' | 'billing_country'
> {
  risk: Pick<OrderRisk, 'recommendation'>
  lines: Array<Pick<OrderLine, 'requires_shipping' | 'unfulfilled_quantity'>>
  fulfilments: Array<Pick<Fulfilment, 'created_at' | 'status' | 'display_status' | 'delivered_at' | 'tracking'>>
}

export interface Order extends Stamp {
  id: string
  /** What people call it: `#1001`. */
  name: string
  created_at: number
  updated_at: number
  processed_at: number
  cancelled_at: number | null
  cancel_reason: string | null
  closed_at: number | null
  /** Made to try the checkout: not a sale. */
  test: boolean
  /** PAID, PENDING, ...; null before payment is known. */
  financial_status: string | null
  fulfilment_status: string
  /** `web`, `pos`, ... */
  channel: string | null
  tags: string[]
  note: string | null
  taxes_included: boolean
  /** Lines after discounts, before returns. */
  subtotal: Money
  discounts: Money
  discount_codes: string[]
  shipping: Money
  tax: Money
  /** As ordered, before returns. */
  total: Money
  /** After returns and removals. */
  current_total: Money
  refunded: Money
  /** Still to be paid. */
  outstanding: Money
  payment_gateways: string[]
  /** Null: a guest, or read_customers is missing. `order_count` is the customer's, at the time of reading. */
  customer: { id: string, order_count: number } | null
  shipping_country: string | null
  billing_country: string | null
  addresses_match: boolean
  risk: OrderRisk
  lines: OrderLine[]
  refunds: Refund[]
  fulfilments: Fulfilment[]
}

/** All that are given must hold. */
export interface OrderFilter {
  /** Inclusive, milliseconds since the epoch. */
  created_from?: number
  /** Exclusive. */
  created_before?: number
  updated_from?: number
  /** Of the order itself: `paid`, `pending`, `authorized`, `partially_paid`, `refunded`, ... */
  financial_status?: string
  /** `unfulfilled`, `partial`, `fulfilled`, `on_hold`, ... */
  fulfilment_status?: string
  /** Open: neither closed nor cancelled. */
  status?: 'open' | 'closed' | 'cancelled'
  customer_id?: string
  tag?: string
  /** `#1001` */
  name?: string
  discount_code?: string
}

export interface InventoryLevel {
  location_id: string
  available: number
  on_hand: number
  committed: number
  /** Ordered from the supplier, not yet there. */
  incoming: number
}

export interface Variant extends Stamp {
  id: string
  product_id: string
  product_title: string
  title: string
  sku: string | null
  price: Money
  compare_at_price: Money | null
  /** Null: nobody entered it. Unknown is not zero. */
  unit_cost: Money | null
  inventory_item_id: string
  /** False: Shopify does not count this stock, and the levels mean nothing. */
  tracked: boolean
  /** Goes on selling at zero. */
  sells_when_out_of_stock: boolean
  levels: InventoryLevel[]
  /** ACTIVE, DRAFT, ARCHIVED, UNLISTED: the product's. */
  status: string
  /** When the product was published to the online store; null when it is not. */
  published_at: number | null
  product_type: string
  vendor: string
  tags: string[]
  created_at: number
  updated_at: number
}

/** All that are given must hold. */
export interface VariantFilter {
  status?: 'active' | 'draft' | 'archived'
  sku?: string
  product_id?: string
  updated_from?: number
}

/** No names, no addresses: agents work with ids. */
export interface Customer extends Stamp {
  id: string
  created_at: number
  updated_at: number
  order_count: number
  amount_spent: Money
  last_order_at: number | null
  country: string | null
  locale: string
  tags: string[]
  /** Only SUBSCRIBED is consent; null when there is no address. */
  email_consent: string | null
  email_consent_at: number | null
  sms_consent: string | null
  sms_consent_at: number | null
  /** The customer objected to the sale or sharing of personal data. */
  data_sale_opt_out: boolean
}

export interface CustomerFilter {
  updated_from?: number
  /** The one customer with this address, for a ticket. */
  email?: string
}

export interface AbandonedCheckout extends Stamp {
  id: string
  created_at: number
  updated_at: number
  /** Not null: it became an order after all. */
  completed_at: number | null
  customer_id: string | null
  total: Money
  subtotal: Money
  discount_codes: string[]
  /** The address at which the customer can go on. Whoever has it sees the checkout. */
  recovery_url: string
  /** The first ten. */
  lines: Array<{ variant_id: string | null, product_id: string | null, sku: string | null, title: string | null, quantity: number, total: Money }>
  more_lines: boolean
}

export interface Location extends Stamp {
  id: string
  name: string
  active: boolean
  ships: boolean
  fulfils_online_orders: boolean
  country: string | null
}

export interface Metafield extends Stamp {
  owner_id: string
  namespace: string
  key: string
  type: string
  value: string
  /** Hand it back when it is set, to be told when somebody else set it meanwhile. */
  digest: string
}

export interface DiscountCode extends Stamp {
  id: string
  code: string
  title: string
  /** ACTIVE, EXPIRED, SCHEDULED */
  status: string
  starts_at: number
  ends_at: number | null
  usage_limit: number | null
  used: number
}

export interface Segment extends Stamp {
  id: string
  name: string
  query: string
}

export interface DraftProduct extends Stamp {
  id: string
  handle: string
  status: string
  variant_id: string
}
