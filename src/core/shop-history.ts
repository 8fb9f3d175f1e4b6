// What agents know of the shop's past: a local copy of its orders that grows by what changed, the stock of each day, and the owner's own lists.
import type { CallOptions, Variant } from './commerce-readings.ts'
import type { Money } from './money.ts'
import type { Source } from './upstream.ts'

/** A line of an order as it is kept. */
export interface SoldLine {
  variant_id: string | null
  product_id: string | null
  sku: string | null
  title: string
  /** As ordered. */
  quantity: number
  /** Without refunded and removed units. */
  current_quantity: number
  /** Before discounts, for one unit, decimal text in the currency of the order. */
  unit_price: string
  /** Of all units, after discounts; with tax when the order's `taxes_included`. */
  total: string
  /** Of `total`. */
  tax: string
  gift_card: boolean
}

/** What is kept of an order: no names, no addresses. Amounts are decimal text in `currency`; times are milliseconds since the epoch. */
export interface SoldOrder {
  id: string
  name: string
  created_at: number
  updated_at: number
  cancelled_at: number | null
  test: boolean
  currency: string
  taxes_included: boolean
  financial_status: string | null
  /** Null: a guest. `order_count` is the customer's when the order was read. */
  customer: { id: string, order_count: number } | null
  shipping_country: string | null
  billing_country: string | null
  discount_codes: string[]
  /** Lines after discounts, before returns. */
  subtotal: string
  /** Of lines and of the whole order. */
  discounts: string
  shipping: string
  tax: string
  /** As ordered, before returns. */
  total: string
  /** Shopify's recommendation: ACCEPT, INVESTIGATE, CANCEL, NONE. */
  risk: string
  lines: SoldLine[]
  /** `value`: of the goods, and `shipping`: of its costs, with tax when the order's `taxes_included`; `total`: what was paid out. */
  refunds: Array<{ created_at: number, total: string, shipping: string, lines: Array<{ variant_id: string | null, quantity: number, value: string }> }>
  /** When the first parcel left; null: none has. */
  first_sent_at: number | null
}

export interface HistoryState {
  source: Source
  /** The shop as it was then, milliseconds since the epoch. */
  as_of: number
  /** No order before this is known: the shop shows no older ones, or has none. */
  covers_from: number
  /** Orders in the copy. */
  orders: number
  /** Of this refresh. */
  changed: number
}

export interface ShopHistory {
  /**
   * Reads what changed since the last time into the copy: everything the first time. Several callers at a time share one reading.
   * @throws what the port to the shop throws; what was read until then is kept.
   */
  refresh (options: CallOptions & { progress?: (fraction: number, note: string) => void }): Promise<HistoryState>
  /** As it was left by the last refresh; undefined before the first one. */
  state (): Promise<HistoryState | undefined>
  /** Orders of the copy that were created in [from, before), oldest first. Calls nobody. */
  orders (range: { from?: number, before?: number, signal: AbortSignal }): AsyncIterable<SoldOrder>
  /** All variants of the shop, read at most `max_age_ms` ago. */
  variants (options: CallOptions & { max_age_ms: number }): Promise<{ variants: Variant[], read_at: number, source: Source }>
  /** Notes what is in stock on this day of the shop (`2026-11-24`); the last word of a day counts. */
  recordStock (day: string, stock: Array<{ variant_id: string, available: number }>): Promise<void>
  /** Days on which the stock was noted, by variant, oldest first. A day that is missing is unknown, not zero. */
  stockDays (range: { from: string }): Promise<Map<string, Array<{ day: string, available: number }>>>
}

/** The owner's lists, by name. */
export const FEED_NAMES = ['competitor_prices', 'suppliers', 'product_candidates'] as const
export type FeedName = typeof FEED_NAMES[number]

export interface Feed {
  name: FeedName
  /** When the owner handed it in, milliseconds since the epoch. */
  received_at: number
  columns: string[]
  /** By column name, as text; missing cells are ''. */
  rows: Array<Record<string, string>>
}

export interface Feeds {
  /** Undefined: the owner has handed in none. */
  get (name: FeedName): Promise<Feed | undefined>
}

/** What one unit must bring at least: see core/effects/policy.ts, which decides by the same arithmetic. */
export interface PriceLimits {
  /** (cost + shipping + fees) x (1 + VAT) / (1 - minimum margin), rounded up to the cent; null: the cost is unknown. */
  floor (unitCost: Money | null): Money | null
  /** The most that a price may move within a day and within 30 days, as fractions. */
  max_change_day: number
  max_change_30_days: number
  cooldown_ms: number
  /** False: the owner has not enrolled it, and its price is not touched. */
  enrolled (variant: { sku: string | null }): boolean
  /** Added to the price of goods before it is shown with tax: `0.19`. 0 where prices are without tax. */
  vat: number
  /** Of one unit, beside its cost. */
  shipping_per_unit: string
  fees_per_unit: string
}
