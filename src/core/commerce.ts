// The shop as agents and the assistant see it: what can be read, what can be changed, and how that can fail. Shopify's words end here.
import type {
  DiscountPlan, DraftProductPlan, Effect, EffectOptions, HoldReason, MetafieldPlan, PriceChange, RefundPlan, StockChange
} from './commerce-effects.ts'
import type {
  AbandonedCheckout, CallOptions, Customer, CustomerFilter, DiscountCode, DraftProduct, ListOptions, Location,
  Metafield, Order, OrderFilter, OrderGoods, OrderSales, OrderState, ReturnedGoods, Segment, Shop, ShopPolicy, Stamp, Variant, VariantFilter
} from './commerce-readings.ts'
import type { Money } from './money.ts'
import type { SoldOrder } from './shop-history.ts'
import type { Source } from './upstream.ts'

export type * from './commerce-effects.ts'
export type * from './commerce-readings.ts'

/** Who goes first when the query budget of the shop is short, the most urgent first. */
export const LANES = ['orders', 'interactive', 'support', 'pricing', 'marketing', 'research'] as const
export type Lane = typeof LANES[number]

/** What can be read. Every method rejects with CommerceError, CircuitOpenError, ThrottledError, or the reason of the signal. */
export interface CommerceReader {
  readonly source: Source
  /** The same shop with calls in another lane. */
  inLane (lane: Lane): CommerceReader

  shop (options: CallOptions): Promise<Shop>
  /** The owner's published policies: shipping, returns, ... */
  policies (options: CallOptions): Promise<{ policies: ShopPolicy[] } & Stamp>
  /** Oldest first: by creation, or by change when `updated_from` is given. Only the last 60 days without read_all_orders. */
  orders (filter: OrderFilter, options: ListOptions): AsyncIterable<Order>
  order (id: string, options: CallOptions): Promise<Order>
  /** The same orders as `orders`, for adding up: some 50 of them cost what one whole order does. */
  orderSales (filter: OrderFilter, options: ListOptions): AsyncIterable<OrderSales>
  /** The same orders as `orders`, as they are kept in the shop's history, with what went back; in bulk oldest first by creation, whatever the filter. */
  soldOrders (filter: OrderFilter, options: ListOptions): AsyncIterable<SoldOrder>
  /** In the order of the ids. @throws CommerceError `shop_conflict` when a refund is not there. */
  returnedGoods (refundIds: string[], options: CallOptions): Promise<ReturnedGoods[]>
  /** The same orders as `orders`, with what was sold. */
  orderGoods (filter: OrderFilter, options: ListOptions): AsyncIterable<OrderGoods>
  /** The same orders as `orders`, with how far they are. */
  orderStates (filter: OrderFilter, options: ListOptions): AsyncIterable<OrderState>
  variants (filter: VariantFilter, options: ListOptions): AsyncIterable<Variant>
  /** In the order of the ids. @throws CommerceError `not_found` when one is unknown. */
  variantsById (ids: string[], options: CallOptions): Promise<Variant[]>
  customers (filter: CustomerFilter, options: ListOptions): AsyncIterable<Customer>
  abandonedCheckouts (filter: { created_from?: number }, options: CallOptions): AsyncIterable<AbandonedCheckout>
  locations (options: CallOptions): AsyncIterable<Location>
  /** Those that exist, of these owners. */
  metafields (ownerIds: string[], name: { namespace: string, key: string }, options: CallOptions): Promise<Metafield[]>
  discountCode (code: string, options: CallOptions): Promise<DiscountCode | null>
  segments (name: string, options: CallOptions): AsyncIterable<Segment>
  productByHandle (handle: string, options: CallOptions): Promise<DraftProduct | null>
}

/** Reading and changing. Agents and the assistant get a CommerceReader: changes go through the gates of core/effects. */
export interface Commerce extends CommerceReader {
  inLane (lane: Lane): Commerce

  /** All of one product or none. Answers with the prices that Shopify then has. */
  setPrices (productId: string, changes: PriceChange[], options: EffectOptions): Promise<Effect<Array<Pick<Variant, 'id' | 'price' | 'compare_at_price'>>>>
  setInventory (changes: StockChange[], reason: string, options: EffectOptions): Promise<Effect<{ changes: number }>>
  adjustInventory (changes: StockChange[], reason: string, options: EffectOptions): Promise<Effect<{ changes: number }>>
  addOrderTags (orderId: string, tags: string[], options: EffectOptions): Promise<Effect<{ tags: string[] }>>
  removeOrderTags (orderId: string, tags: string[], options: EffectOptions): Promise<Effect<{ tags: string[] }>>
  setOrderNote (orderId: string, note: string, options: EffectOptions): Promise<Effect<{ note: string | null }>>
  /** Holds every open fulfilment order of the order. `result` names them, for the release. */
  holdFulfilment (
    orderId: string, hold: { reason: HoldReason, note: string }, options: EffectOptions
  ): Promise<Effect<Array<{ fulfilment_order_id: string, hold_id: string }>>>
  releaseHold (fulfilmentOrderId: string, holdIds: string[], options: EffectOptions): Promise<Effect<{ status: string }>>
  refund (plan: RefundPlan, options: EffectOptions): Promise<Effect<{ refund_id: string, total: Money }>>
  createDraftProduct (plan: DraftProductPlan, options: EffectOptions): Promise<Effect<DraftProduct>>
  createDiscountCode (plan: DiscountPlan, options: EffectOptions): Promise<Effect<DiscountCode>>
  deactivateDiscountCode (id: string, options: EffectOptions): Promise<Effect<{ status: string }>>
  /** All or none, at most 25. */
  setMetafields (metafields: MetafieldPlan[], options: EffectOptions): Promise<Effect<Metafield[]>>
  createSegment (segment: { name: string, query: string }, options: EffectOptions): Promise<Effect<Segment>>
}

const READINGS = [
  'shop', 'policies', 'orders', 'order', 'orderSales', 'soldOrders', 'returnedGoods', 'orderGoods', 'orderStates', 'variants', 'variantsById',
  'customers', 'abandonedCheckouts', 'locations', 'metafields', 'discountCode', 'segments', 'productByHandle'
] as const satisfies ReadonlyArray<keyof CommerceReader>

/** The shop without the means to change it: whoever holds the result has no way to them, whatever it was made to do. */
export const readOnly = (commerce: Commerce): CommerceReader => {
  const readings = Object.fromEntries(READINGS.map((name) => [name, (...args: unknown[]) => (commerce[name] as (...args: unknown[]) => unknown)(...args)]))
  return { ...readings, source: commerce.source, inLane: (lane) => readOnly(commerce.inLane(lane)) } as CommerceReader
}
