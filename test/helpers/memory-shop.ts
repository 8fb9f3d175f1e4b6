// A shop in memory behind the port, with orders that a test writes down in a line each.
import type { Clock } from '../../src/core/clock.ts'
import type { Commerce, Fulfilment, Lane, Order, OrderFilter, OrderLine, OrderSales, Refund, Shop, Variant } from '../../src/core/commerce.ts'
import { multiplyMoney, subtractMoney, sumMoney, type Money } from '../../src/core/money.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'
import type { Source } from '../../src/core/upstream.ts'

const CURRENCY = 'EUR'
const eur = (amount: string): Money => ({ amount, currency: CURRENCY })
const ZERO = eur('0.00')

interface LineNote { title?: string, product?: string | null, price: string, quantity?: number, discount?: string, unsent?: number, ships?: boolean }
interface RefundNote { at: number, amount: string }

export interface OrderNote extends Partial<Omit<Order, 'lines' | 'refunds' | 'customer' | 'total'>> {
  name: string
  at: number
  lines?: LineNote[]
  refunds?: RefundNote[]
  /** The customer's id and number of orders by now. */
  buyer?: [id: string, orders: number]
  risky?: string
  total?: string
}

export const orderOf = ({ name, at, lines = [{ price: '10.00' }], refunds = [], buyer, risky = 'ACCEPT', total, ...more }: OrderNote): Order => {
  const own = lines.map((line, index) => lineOf(line, `${name}/${index}`))
  const sum = total === undefined ? sumMoney(own.map((line) => line.discounted_total), CURRENCY) : eur(total)
  return {
    id: `gid://shopify/Order/${name.replaceAll(/\D/g, '')}`,
    name,
    created_at: at,
    updated_at: Math.max(at, more.cancelled_at ?? 0, ...refunds.map((refund) => refund.at)),
    processed_at: at,
    cancelled_at: null,
    cancel_reason: null,
    closed_at: null,
    test: false,
    financial_status: refunds.length > 0 ? 'PARTIALLY_REFUNDED' : 'PAID',
    fulfilment_status: 'UNFULFILLED',
    channel: 'web',
    tags: [],
    note: null,
    taxes_included: true,
    subtotal: sum,
    discounts: sumMoney(own.map((line) => line.discount), CURRENCY),
    discount_codes: [],
    shipping: ZERO,
    tax: ZERO,
    total: sum,
    current_total: sum,
    refunded: sumMoney(refunds.map((refund) => eur(refund.amount)), CURRENCY),
    outstanding: ZERO,
    payment_gateways: ['card'],
    customer: buyer === undefined ? null : { id: buyer[0], order_count: buyer[1] },
    shipping_country: 'DE',
    billing_country: 'DE',
    addresses_match: true,
    risk: { recommendation: risky, assessments: [] },
    lines: own,
    refunds: refunds.map((refund, index) => refundOf(refund, `${name}/${index}`)),
    fulfilments: [],
    source: 'live',
    read_at: at,
    ...more
  }
}

const lineOf = (
  { title = 'Saddle pad', product = 'p1', price, quantity = 1, discount = '0.00', unsent = quantity, ships = true }: LineNote, id: string
): OrderLine => {
  const original = multiplyMoney(eur(price), quantity)
  return {
    id,
    variant_id: product,
    product_id: product,
    sku: null,
    title,
    quantity,
    current_quantity: quantity,
    unfulfilled_quantity: unsent,
    requires_shipping: ships,
    gift_card: false,
    unit_price: eur(price),
    original_total: original,
    discount: eur(discount),
    discounted_total: subtractMoney(original, eur(discount)),
    tax: ZERO
  }
}

const refundOf = ({ at, amount }: RefundNote, id: string): Refund => ({
  id,
  created_at: at,
  note: null,
  total: eur(amount),
  lines: [{ line_id: id, quantity: 1, subtotal: eur(amount), tax: ZERO, restock_type: 'RETURN', restocked: true }],
  // Shipping costs that went back are no goods that went back.
  shipping: eur('4.90'),
  adjustments: ZERO
})

/** The order as it is read for adding up. */
export const salesOf = (order: Order): OrderSales => ({
  ...order,
  gross: sumMoney(order.lines.map((line) => line.original_total), CURRENCY),
  units: order.lines.reduce((sum, { quantity }) => sum + quantity, 0),
  refunds: order.refunds.map(({ id, created_at: at }) => ({ id, created_at: at }))
})

/** The order as it is kept in the history. */
export const soldOrderOf = (order: Order): SoldOrder => ({
  id: order.id,
  name: order.name,
  created_at: order.created_at,
  updated_at: order.updated_at,
  cancelled_at: order.cancelled_at,
  test: order.test,
  currency: order.total.currency,
  taxes_included: order.taxes_included,
  financial_status: order.financial_status,
  customer: order.customer,
  shipping_country: order.shipping_country,
  billing_country: order.billing_country,
  discount_codes: order.discount_codes,
  subtotal: order.subtotal.amount,
  discounts: order.discounts.amount,
  shipping: order.shipping.amount,
  tax: order.tax.amount,
  total: order.total.amount,
  risk: order.risk.recommendation,
  lines: order.lines.map((line) => ({
    variant_id: line.variant_id,
    product_id: line.product_id,
    sku: line.sku,
    title: line.title,
    quantity: line.quantity,
    current_quantity: line.current_quantity,
    unit_price: line.unit_price.amount,
    total: line.discounted_total.amount,
    tax: line.tax.amount,
    gift_card: line.gift_card
  })),
  refunds: order.refunds.map((refund) => ({
    created_at: refund.created_at,
    total: refund.total.amount,
    shipping: refund.shipping.amount,
    lines: refund.lines.map(({ quantity, subtotal }) => ({ variant_id: null, quantity, value: subtotal.amount }))
  })),
  first_sent_at: order.fulfilments[0]?.created_at ?? null
})

/** What went back with the refunds of these orders, by their ids. */
export const goodsOf = (orders: readonly Order[]): Map<string, Money> =>
  new Map(orders.flatMap(({ refunds }) => refunds.map(({ id, lines }) => [id, sumMoney(lines.map(({ subtotal }) => subtotal), CURRENCY)])))

export const fulfilmentOf = (at: number, number: string | null, more: Partial<Fulfilment> = {}): Fulfilment => ({
  id: `f${at}`,
  created_at: at,
  status: 'SUCCESS',
  display_status: 'IN_TRANSIT',
  delivered_at: null,
  estimated_delivery_at: null,
  tracking: number === null ? [] : [{ company: 'DHL', number, url: null }],
  ...more
})

export const variantOf = (title: string, available: number | null, more: Partial<Variant> = {}): Variant => ({
  id: `v ${title}`,
  product_id: `p ${title}`,
  product_title: title,
  title: 'Default Title',
  sku: null,
  price: eur('19.90'),
  compare_at_price: null,
  unit_cost: null,
  inventory_item_id: `i ${title}`,
  tracked: available !== null,
  sells_when_out_of_stock: false,
  levels: [{ location_id: 'l1', available: available ?? 99, on_hand: 0, committed: 0, incoming: 0 }],
  status: 'ACTIVE',
  published_at: 0,
  product_type: '',
  vendor: '',
  tags: [],
  created_at: 0,
  updated_at: 0,
  source: 'live',
  read_at: 0,
  ...more
})

export interface MemoryShop {
  commerce: Commerce
  orders: Order[]
  variants: Variant[]
  /** One entry a read: `interactive orders {"status":"open"}`. */
  reads: string[]
  /** What a read fails with, by its entry in `reads`. */
  failure: (read: string) => Error | undefined
  /** Reads wait for this. */
  gate: Promise<void>
  /** Signals of reads that were begun. */
  signals: AbortSignal[]
  /** Only orders from then on are shown. */
  horizon: number
}

export const createMemoryShop = (
  clock: Pick<Clock, 'now'>, { orders = [], variants = [], source = 'live', ...more }: Partial<Shop> & { orders?: Order[], variants?: Variant[] } = {}
): MemoryShop => {
  const matches = (order: Order, filter: OrderFilter): boolean => {
    const { created_from: from = 0, created_before: before = Infinity, updated_from: changed = 0, financial_status: paid, status, name } = filter
    const state = order.cancelled_at !== null ? 'cancelled' : order.closed_at !== null ? 'closed' : 'open'
    return order.created_at >= Math.max(from, memory.horizon) && order.created_at < before && order.updated_at >= changed && order.created_at <= clock.now() &&
      (paid === undefined || order.financial_status?.toLowerCase() === paid) && (status === undefined || status === state) &&
      (name === undefined || order.name.includes(name))
  }
  const found = (filter: OrderFilter): Order[] => memory.orders.filter((order) => matches(order, filter))
    .sort((a, b) => a.created_at - b.created_at).map((order) => ({ ...order, source: commerce.source, read_at: clock.now() }))
  const begin = async (lane: Lane, what: string, signal: AbortSignal): Promise<void> => {
    memory.reads.push(`${lane} ${what}`)
    memory.signals.push(signal)
    await memory.gate
    signal.throwIfAborted()
    const failure = memory.failure(`${lane} ${what}`)
    if (failure !== undefined) throw failure
  }
  const unused = (): never => { throw new Error('this shop does not do that') }
  const view = (lane: Lane): Commerce => ({
    ...Object.fromEntries(UNUSED.map((name) => [name, unused])) as unknown as Commerce,
    source: source as Source,
    inLane: view,
    async shop ({ signal }) {
      await begin(lane, 'shop', signal)
      return {
        id: 'gid://shopify/Shop/1',
        name: 'Test Shop',
        domain: 'test-shop.example',
        currency: CURRENCY,
        timezone: 'Europe/Berlin',
        plan: 'Basic',
        taxes_included: true,
        country: 'DE',
        source,
        read_at: clock.now(),
        ...more
      }
    },
    async * orders (filter, { signal, bulk = false }) {
      await begin(lane, `orders ${JSON.stringify(filter)}${bulk ? ' in bulk' : ''}`, signal)
      yield * found(filter)
    },
    async * orderSales (filter, { signal, bulk = false }) {
      await begin(lane, `order sales ${JSON.stringify(filter)}${bulk ? ' in bulk' : ''}`, signal)
      yield * found(filter).map(salesOf)
    },
    async * soldOrders (filter, { signal, bulk = false }) {
      await begin(lane, `sold orders ${JSON.stringify(filter)}${bulk ? ' in bulk' : ''}`, signal)
      yield * found(filter).sort((a, b) => filter.updated_from === undefined || bulk ? 0 : a.updated_at - b.updated_at).map(soldOrderOf)
    },
    async returnedGoods (ids, { signal }) {
      await begin(lane, `returned goods ${ids.length}`, signal)
      const goods = goodsOf(memory.orders)
      return ids.map((id) => ({ refund_id: id, value: goods.get(id)! }))
    },
    async * orderGoods (filter, { signal, bulk = false }) {
      await begin(lane, `order goods ${JSON.stringify(filter)}${bulk ? ' in bulk' : ''}`, signal)
      yield * found(filter)
    },
    async * orderStates (filter, { signal, bulk = false }) {
      await begin(lane, `order states ${JSON.stringify(filter)}${bulk ? ' in bulk' : ''}`, signal)
      yield * found(filter)
    },
    async order (id, { signal }) {
      await begin(lane, 'order', signal)
      return memory.orders.find((order) => order.id === id) ?? unused()
    },
    async * variants (filter, { signal, bulk = false }) {
      await begin(lane, `variants ${JSON.stringify(filter)}${bulk ? ' in bulk' : ''}`, signal)
      yield * memory.variants.filter(({ status }) => filter.status === undefined || status.toLowerCase() === filter.status)
    }
  })
  const commerce = view('research')
  const memory: MemoryShop = { commerce, orders, variants, reads: [], failure: () => undefined, gate: Promise.resolve(), signals: [], horizon: 0 }
  return memory
}

const UNUSED = [
  'policies', 'variantsById', 'customers', 'abandonedCheckouts', 'locations', 'metafields', 'discountCode', 'segments', 'productByHandle', 'setPrices',
  'setInventory', 'adjustInventory', 'addOrderTags', 'removeOrderTags', 'setOrderNote', 'holdFulfilment', 'releaseHold', 'refund', 'createDraftProduct',
  'createDiscountCode', 'deactivateDiscountCode', 'setMetafields', 'createSegment'
]
