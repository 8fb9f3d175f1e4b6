// What can be changed, by class of effect: one typed item is one change with its absolute target and the old value that it expects.
import { Type, type Static, type TSchema } from '@sinclair/typebox'

const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
const Gid = (kind: string) => Type.String({ pattern: `^gid://shopify/${kind}/[0-9]+$`, maxLength: 80 })
/** Decimal text, not negative, at most 18 digits and 4 decimals: never a float. */
const Amount = Type.String({ pattern: '^[0-9]{1,14}(\\.[0-9]{1,4})?$' })
const Currency = Type.String({ pattern: '^[A-Z]{3}$' })
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Instant = Type.Integer({ minimum: 0, description: 'Milliseconds since the epoch.' })

const PriceChange = Type.Object({
  product_id: Gid('Product'),
  variant_id: Gid('ProductVariant'),
  sku: Nullable(Text(200)),
  title: Text(500),
  currency: Currency,
  /** The price that the shop has to have: another one is a conflict. */
  expected_price: Amount,
  price: Amount,
  expected_compare_at_price: Nullable(Amount),
  compare_at_price: Nullable(Amount)
}, { additionalProperties: false })

const Order = { order_id: Gid('Order'), order_name: Text(80) }

const OrderHold = Type.Object({
  ...Order,
  reason: Type.Union([
    Type.Literal('high_risk_of_fraud'), Type.Literal('awaiting_payment'), Type.Literal('incorrect_address'), Type.Literal('out_of_stock'),
    Type.Literal('other')
  ]),
  note: Text(500)
}, { additionalProperties: false })

const OrderTag = Type.Object({ ...Order, add: Type.Array(Text(40), { minItems: 1, maxItems: 10, uniqueItems: true }) }, { additionalProperties: false })

const OrderNote = Type.Object({ ...Order, expected_note: Nullable(Type.String({ maxLength: 5_000 })), note: Text(5_000) }, { additionalProperties: false })

/** Cancelling is always done by a person: the approved item is the order to do so. */
const OrderCancel = Type.Object({ ...Order, total: Amount, currency: Currency, reason: Text(500) }, { additionalProperties: false })

const Refund = Type.Object({
  ...Order,
  lines: Type.Array(Type.Object({
    line_id: Gid('LineItem'),
    quantity: Type.Integer({ minimum: 1, maximum: 10_000 }),
    restock: Type.Union([Type.Literal('return'), Type.Literal('cancel'), Type.Literal('no_restock')]),
    location_id: Type.Optional(Gid('Location'))
  }, { additionalProperties: false }), { maxItems: 100 }),
  shipping: Type.Optional(Amount),
  expected_total: Amount,
  currency: Currency,
  note: Text(500),
  notify_customer: Type.Boolean()
}, { additionalProperties: false })

const DiscountCode = Type.Object({
  code: Type.String({ pattern: '^[A-Z0-9][A-Z0-9_-]{2,39}$' }),
  title: Text(200),
  /** `0.15` is 15 %. */
  percentage: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  /** Empty: everything in the shop. */
  product_ids: Type.Array(Gid('Product'), { maxItems: 250, uniqueItems: true }),
  /** Names of segments, made before the code; empty: everybody. */
  segment_ids: Type.Array(Gid('Segment'), { maxItems: 20, uniqueItems: true }),
  starts_at: Instant,
  ends_at: Instant,
  usage_limit: Type.Integer({ minimum: 1, maximum: 100_000 }),
  once_per_customer: Type.Boolean(),
  minimum_subtotal: Type.Optional(Amount),
  currency: Currency,
  /** What one use can cost at the most, for the money at risk: the average order of those it is meant for, times the percentage. */
  cost_per_use: Amount
}, { additionalProperties: false })

const Segment = Type.Object({ name: Text(120), query: Text(5_000) }, { additionalProperties: false })

const DraftProduct = Type.Object({
  title: Text(250),
  handle: Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', maxLength: 200 }),
  description_html: Type.String({ maxLength: 20_000 }),
  vendor: Text(200),
  product_type: Text(200),
  tags: Type.Array(Text(60), { maxItems: 50 }),
  sku: Text(200),
  price: Amount,
  unit_cost: Amount,
  currency: Currency
}, { additionalProperties: false })

/** Sets one metafield of a product: the list of what goes with it. */
const Recommendation = Type.Object({
  product_id: Gid('Product'),
  title: Text(500),
  namespace: Text(60),
  key: Text(60),
  /** Products in this order. */
  products: Type.Array(Gid('Product'), { minItems: 1, maxItems: 10, uniqueItems: true }),
  /** Of the metafield as it was read; null: it must not exist yet. */
  expected_digest: Nullable(Text(200))
}, { additionalProperties: false })

/** Ordering from a supplier is done by a person: the approved item is a line of the purchase order. */
const PurchaseOrder = Type.Object({
  variant_id: Gid('ProductVariant'),
  sku: Nullable(Text(200)),
  title: Text(500),
  supplier: Nullable(Text(200)),
  quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  /** Null: unknown, and then the value is unknown too. */
  unit_cost: Nullable(Amount),
  currency: Currency
}, { additionalProperties: false })

/** Sending is done by a person. */
const CampaignDraft = Type.Object({
  name: Text(120),
  segment: Text(120),
  subject: Text(200),
  body: Text(10_000),
  audience: Type.Integer({ minimum: 0 }),
  hold_out: Type.Integer({ minimum: 0, description: 'People of the segment that get nothing, to measure by.' })
}, { additionalProperties: false })

/** Sending is done by a person. */
const ReplyDraft = Type.Object({
  ticket_id: Text(200),
  language: Type.String({ pattern: '^[a-z]{2}$' }),
  subject: Text(200),
  body: Text(10_000),
  facts: Type.Array(Type.Object({ fact: Text(500), source: Text(200) }, { additionalProperties: false }), { maxItems: 50 })
}, { additionalProperties: false })

/** The schema of one item of each class. */
export const EFFECT_ITEMS = {
  price_change: PriceChange,
  order_hold: OrderHold,
  order_tag: OrderTag,
  order_note: OrderNote,
  order_cancel: OrderCancel,
  refund: Refund,
  discount_code: DiscountCode,
  segment: Segment,
  draft_product: DraftProduct,
  recommendation: Recommendation,
  purchase_order: PurchaseOrder,
  campaign_draft: CampaignDraft,
  reply_draft: ReplyDraft
} as const

export type EffectClass = keyof typeof EFFECT_ITEMS
export type EffectItem<C extends EffectClass = EffectClass> = Static<(typeof EFFECT_ITEMS)[C]>

export const EFFECT_CLASSES = Object.keys(EFFECT_ITEMS) as EffectClass[]

/** Those that a person carries out: an approval hands them over, and nothing is called. */
export const BY_HAND: ReadonlySet<EffectClass> = new Set(['order_cancel', 'purchase_order', 'campaign_draft', 'reply_draft'])

/** Those that move money: they never go without a person below full autonomy. */
export const MONEY_CLASSES: ReadonlySet<EffectClass> = new Set(['price_change', 'refund', 'discount_code', 'purchase_order', 'order_cancel'])
