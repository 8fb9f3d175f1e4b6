// What is changed in the shop: plans with absolute targets, and what came of them.
import type { CallOptions, Stamp } from './commerce-readings.ts'
import type { Money } from './money.ts'

/** What was reached. `already`: it is known to have been so before this call, by an earlier one with the same key. */
export interface Effect<T> extends Stamp {
  result: T
  already: boolean
}

/** `effect_key` names one intended change for ever: the same key never has a second effect where Shopify supports it. */
export interface EffectOptions extends CallOptions {
  effect_key: string
}

export interface PriceChange {
  variant_id: string
  /** Decimal text, in the shop's currency. */
  price: string
  /** Null removes it; undefined leaves it. */
  compare_at_price?: string | null
}

export interface StockChange {
  inventory_item_id: string
  location_id: string
  /** The quantity that the caller believes to be there: another one is a `conflict`. */
  expected: number
  /** Absolute target for `setInventory`, difference for `adjustInventory`. */
  quantity: number
}

export interface RefundPlan {
  order_id: string
  lines: Array<{ line_id: string, quantity: number, restock: 'return' | 'cancel' | 'no_restock', location_id?: string }>
  /** Decimal text; undefined: nothing of the shipping costs. */
  shipping?: string
  /** What was approved. When Shopify computes another sum, it is a `conflict` and nothing is refunded. */
  expected_total: Money
  note: string
  notify_customer: boolean
}

export interface DiscountPlan {
  code: string
  title: string
  /** `0.15` is 15 %; or an amount in the shop's currency, as decimal text. */
  value: { percentage: number } | { amount: string }
  /** Empty: everything in the shop. */
  product_ids: string[]
  /** Empty: everybody. */
  segment_ids: string[]
  starts_at: number
  ends_at: number
  /** A code without a limit is never made. */
  usage_limit: number
  once_per_customer: boolean
  minimum_subtotal?: string
}

export interface DraftProductPlan {
  title: string
  handle: string
  description_html: string
  vendor: string
  product_type: string
  tags: string[]
  sku: string
  price: string
  /** Undefined: unknown, and left empty. */
  unit_cost?: string
}

export interface MetafieldPlan {
  owner_id: string
  namespace: string
  key: string
  /** `json`, `list.product_reference`, ... */
  type: string
  value: string
  /** Null: it must not exist yet; undefined: whatever is there is replaced. */
  expected_digest?: string | null
}

export type HoldReason = 'high_risk_of_fraud' | 'awaiting_payment' | 'incorrect_address' | 'out_of_stock' | 'other'
