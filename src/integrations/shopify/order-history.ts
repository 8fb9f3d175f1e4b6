// Reads orders as they are kept in the shop's history: page by page or in bulk, with what went back.
import { setImmediate as turn } from 'node:timers/promises'
import type { ListOptions, OrderFilter } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { fractionDigits, multiplyMoney, subtractMoney, sumMoney, type Money } from '../../core/money.ts'
import type { SoldLine, SoldOrder } from '../../core/shop-history.ts'
import { bulkRows } from './bulk-rows.ts'
import { LIST_LIMIT } from './documents/limits.ts'
import type { OrderHistoryQuery, RefundHistoryQuery, RefundsOfOrdersQuery } from './operations.ts'
import { gone, listsOf, moreLines, sortKeyOf } from './orders.ts'
import { pages, rest } from './paging.ts'
import { chunks, shopMoney, time, timeOrNull, type Reader } from './read.ts'
import { orderSearch } from './search.ts'

type Node = OrderHistoryQuery['orders']['nodes'][number]
type LineNode = Node['lineItems']['nodes'][number]
type Head = Omit<Node, 'lineItems' | 'refunds' | 'fulfillments'>
type RefundNode = RefundsOfOrdersQuery['orders']['nodes'][number]['refunds'][number]
type RefundLineNode = RefundNode['refundLineItems']['nodes'][number]

/** An order with all its lines, but without what is in its refunds. */
interface Draft {
  node: Head
  lines: LineNode[]
  refunds: string[]
  sent: Node['fulfillments']
}

interface Refund {
  created_at: number
  total: Money
  shipping: Money
  lines: RefundLineNode[]
}

/** Orders with refunds of one question, as many as a page of a tenth of the budget takes. */
const ORDERS_AT_ONCE = 100
/** How many refunds of an order that question shows. */
const REFUNDS_SHOWN = 2
/** Refunds of one question by ids: each is paid for with all its possible lines. */
const REFUNDS_AT_ONCE = 12
/** Bulk orders that are held back until there are enough refunds to ask for, but not more orders than this. */
const LARGEST_BATCH = 2_000
/** Orders between two turns of the event loop. */
const BREATH = 50

export async function * readSoldOrders (reader: Reader, filter: OrderFilter, { signal, bulk = false }: ListOptions): AsyncGenerator<SoldOrder> {
  const call = { lane: reader.lane, signal }
  const query = orderSearch(filter)
  if (bulk) {
    const rows = bulkRows('BulkOrderHistory')
    let batch: Array<SoldOrder | Draft> = []
    let refunded: Draft[] = []
    for await (const { node: row, children } of reader.bulk.run('BulkOrderHistory', query, call)) {
      const { refunds, fulfillments: sent, ...node } = rows.root<Omit<Node, 'lineItems'>>(row)
      const draft = { node, lines: rows.children<LineNode>(children), refunds: refunds.map(({ id }) => id), sent }
      // What is held back is held in its smallest form.
      batch.push(refunds.length === 0 ? soldOrder(draft, NO_REFUNDS) : draft)
      if (refunds.length > 0) refunded.push(draft)
      // A file comes faster than it is read.
      if (batch.length % BREATH === 0) await turn()
      if (refunded.length < ORDERS_AT_ONCE && batch.length < LARGEST_BATCH) continue
      yield * inOrder(batch, await refundsOf(reader, refunded, signal))
      batch = []
      refunded = []
    }
    yield * inOrder(batch, await refundsOf(reader, refunded, signal))
    return
  }
  for await (const { nodes } of pages(reader, 'OrderHistory', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('OrderHistory', { first, after, query, sortKey: sortKeyOf(filter) }, call)
    return { page: data.orders, ...meta }
  })) {
    const drafts: Draft[] = []
    for (const node of nodes) drafts.push(await complete(reader, node, signal))
    yield * inOrder(drafts, await refundsOf(reader, drafts, signal))
  }
}

async function complete (reader: Reader, { lineItems, refunds, fulfillments: sent, ...node }: Node, signal: AbortSignal): Promise<Draft> {
  const lines: LineNode[] = []
  for await (const line of rest<LineNode>(lineItems, ...moreLines(reader, node, signal))) lines.push(line)
  if (refunds.length < LIST_LIMIT && sent.length < LIST_LIMIT) return { node, lines, refunds: refunds.map(({ id }) => id), sent }
  const lists = await listsOf(reader, node, signal)
  return { node, lines, refunds: lists.refunds.map(({ id }) => id), sent: lists.fulfillments }
}

/** What went back with these orders, by the refund's id. */
async function refundsOf (reader: Reader, drafts: Draft[], signal: AbortSignal): Promise<Map<string, Refund>> {
  const call = { lane: reader.lane, signal }
  const found = new Map<string, Refund>()
  const wanted = drafts.filter(({ refunds }) => refunds.length > 0)
  const add = async (node: RefundNode, order: string): Promise<void> => {
    const lines: RefundLineNode[] = []
    const more = rest(node.refundLineItems, 1, async (_first, after) => {
      const { data } = await reader.graphql.execute('RefundHistory', { ids: [node.id], after }, call)
      return refundNode(data, 0, order).refundLineItems
    })
    for await (const line of more) lines.push(line)
    found.set(node.id, refundOf(node, lines))
  }

  // A few are cheaper by their ids.
  const searched = wanted.length > REFUNDS_AT_ONCE ? wanted.filter(({ refunds }) => refunds.length <= REFUNDS_SHOWN) : []
  for (const some of chunks(searched, ORDERS_AT_ONCE)) {
    const query = some.map(({ node }) => `id:${node.id.slice(node.id.lastIndexOf('/') + 1)}`).join(' OR ')
    const { data: { orders } } = await reader.graphql.execute('RefundsOfOrders', { first: some.length, query }, call)
    for (const { refunds } of orders.nodes) for (const refund of refunds) await add(refund, refund.id)
  }
  // The search knows an order some moments later than the list: what it did not find is asked for by its id.
  const left = wanted.flatMap(({ node, refunds }) => refunds.filter((id) => !found.has(id)).map((id) => ({ id, order: node.name })))
  for (const some of chunks(left, REFUNDS_AT_ONCE)) {
    const { data } = await reader.graphql.execute('RefundHistory', { ids: some.map(({ id }) => id), after: null }, call)
    for (const [index, { order }] of some.entries()) await add(refundNode(data, index, order), order)
  }
  return found
}

function refundNode ({ nodes }: RefundHistoryQuery, index: number, order: string): RefundNode {
  const node = nodes[index]
  return node != null && 'refundLineItems' in node ? node : gone(order)
}

function refundOf (node: RefundNode, lines: RefundLineNode[]): Refund {
  const total = shopMoney(node.totalRefundedSet)
  const costs = node.refundShippingLines.nodes.map((line) => shopMoney(line.subtotalAmountSet))
  return { created_at: time(node.createdAt ?? node.processedAt), total, shipping: sumMoney(costs, total.currency), lines }
}

function * inOrder (orders: Array<SoldOrder | Draft>, refunds: Map<string, Refund>): Iterable<SoldOrder> {
  for (const order of orders) yield 'node' in order ? soldOrder(order, refunds) : order
}

const NO_REFUNDS: Map<string, Refund> = new Map()

function soldOrder ({ node, lines, refunds, sent }: Draft, known: Map<string, Refund>): SoldOrder {
  const { subtotalPriceSet: subtotal, totalTaxSet: tax } = node
  // The schema lets them be null. An order that cannot be added up must not be taken for one of 0.
  if (subtotal === null || tax === null) throw new CommerceError('shop_answer_invalid', `Order ${node.name} comes without its totals.`)
  const total = shopMoney(node.totalPriceSet)
  const variantOf = new Map(lines.map((line) => [line.id, line.variant?.id ?? null]))
  const left = sent.filter(({ status }) => !NOT_SENT.has(status)).map(({ createdAt }) => time(createdAt))
  const discounts = lines.map(discountOf)
  return {
    id: node.id,
    name: node.name,
    created_at: time(node.createdAt),
    updated_at: time(node.updatedAt),
    cancelled_at: timeOrNull(node.cancelledAt),
    test: node.test,
    currency: total.currency,
    taxes_included: node.taxesIncluded,
    financial_status: node.displayFinancialStatus,
    customer: node.customer === null ? null : { id: node.customer.id, order_count: Number(node.customer.numberOfOrders) },
    shipping_country: node.shippingAddress?.countryCodeV2 ?? null,
    billing_country: node.billingAddress?.countryCodeV2 ?? null,
    discount_codes: node.discountCodes,
    subtotal: plain(shopMoney(subtotal)),
    // Those on shipping costs are not among them.
    discounts: plain(sumMoney(discounts, total.currency)),
    shipping: plain(shopMoney(node.totalShippingPriceSet)),
    tax: plain(shopMoney(tax)),
    total: plain(total),
    risk: node.risk.recommendation,
    lines: lines.map((line, index) => soldLine(line, discounts[index] as Money)),
    refunds: refunds.map((id) => {
      const refund = known.get(id) as Refund
      return {
        created_at: refund.created_at,
        total: plain(refund.total),
        shipping: plain(refund.shipping),
        lines: refund.lines.map(({ lineItem, quantity, subtotalSet }) =>
          ({ variant_id: variantOf.get(lineItem.id) ?? null, quantity, value: plain(shopMoney(subtotalSet)) }))
      }
    }),
    first_sent_at: left.length === 0 ? null : Math.min(...left)
  }
}

const NOT_SENT: ReadonlySet<string> = new Set(['CANCELLED', 'ERROR', 'FAILURE'])

/** Of the line and its share of discounts on the whole order. */
const discountOf = ({ originalUnitPriceSet: unit, discountAllocations: allocations }: LineNode): Money =>
  sumMoney(allocations.map(({ allocatedAmountSet }) => shopMoney(allocatedAmountSet)), unit.shopMoney.currencyCode)

function soldLine (node: LineNode, discount: Money): SoldLine {
  const unit = shopMoney(node.originalUnitPriceSet)
  return {
    variant_id: node.variant?.id ?? null,
    product_id: node.product?.id ?? null,
    sku: node.sku,
    title: node.title,
    quantity: node.quantity,
    current_quantity: node.currentQuantity,
    unit_price: plain(unit),
    total: plain(subtractMoney(multiplyMoney(unit, node.quantity), discount)),
    tax: plain(sumMoney(node.taxLines.map(({ priceSet }) => shopMoney(priceSet)), unit.currency)),
    gift_card: node.isGiftCard
  }
}

/** With as many digits as the currency has, so that equal amounts are equal texts: Shopify writes `12.5` and, of some, `12.500`. */
function plain ({ amount, currency }: Money): string {
  const digits = fractionDigits(currency)
  const point = amount.indexOf('.')
  const whole = point === -1 ? amount : amount.slice(0, point)
  const fraction = point === -1 ? '' : amount.slice(point + 1)
  // More digits than the currency has are kept where they say something.
  const kept = fraction.slice(digits).replace(/0+$/, '')
  const text = fraction.slice(0, digits).padEnd(digits, '0') + kept
  return text === '' ? whole : `${whole}.${text}`
}
