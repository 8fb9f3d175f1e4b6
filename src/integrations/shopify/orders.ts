// Reads orders whole: page by page or in bulk, with the lines and refunds that did not fit into the page.
import type { CallOptions, Fulfilment, ListOptions, Order, OrderFilter, OrderLine, Refund, RefundLine } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { addMoney, subtractMoney, sumMoney } from '../../core/money.ts'
import { bulkRows } from './bulk-rows.ts'
import { LIST_LIMIT } from './documents/limits.ts'
import type { OrderByIdQuery, OrderLinesQuery, OrderListsQuery, RefundLinesQuery } from './operations.ts'
import { pages, rest } from './paging.ts'
import { chunks, shopMoney, stamp, time, timeOrNull, type Reader } from './read.ts'
import { orderSearch } from './search.ts'

type Node = NonNullable<OrderByIdQuery['order']>
type Lines = NonNullable<OrderLinesQuery['order']>['lineItems']
type LineNode = Lines['nodes'][number]
type RefundHead = NonNullable<OrderListsQuery['order']>['refunds'][number]
type FulfilmentNode = NonNullable<OrderListsQuery['order']>['fulfillments'][number]
type RefundNode = Extract<NonNullable<RefundLinesQuery['nodes'][number]>, { refundLineItems: unknown }>

/** An order with all its lines, but its refunds still without theirs. */
interface Draft {
  node: Omit<Node, 'lineItems' | 'refunds' | 'fulfillments'>
  lines: LineNode[]
  refunds: RefundHead[]
  fulfilments: FulfilmentNode[]
  read_at: number
}

const LINES_PAGE = 50
/** Refunds of one question: each is paid for with all its possible lines. */
const REFUNDS_AT_ONCE = 6
/** Bulk orders that are held back so that their refunds are asked for together. */
const BATCH = 50

export async function * readOrders (reader: Reader, filter: OrderFilter, { signal, bulk = false }: ListOptions): AsyncGenerator<Order> {
  const call = { lane: reader.lane, signal }
  const query = orderSearch(filter)
  if (bulk) {
    const rows = bulkRows('BulkOrders')
    let batch: Draft[] = []
    for await (const { node: row, children } of reader.bulk.run('BulkOrders', query, call)) {
      const { refunds, fulfillments: fulfilments, ...node } = rows.root<Omit<Node, 'lineItems'>>(row)
      const lines = rows.children<LineNode>(children)
      batch.push({ node, lines, refunds, fulfilments, read_at: reader.clock.now() })
      if (batch.length < BATCH) continue
      yield * await withRefundLines(reader, batch, signal)
      batch = []
    }
    yield * await withRefundLines(reader, batch, signal)
    return
  }
  const sortKey = sortKeyOf(filter)
  for await (const { nodes, read_at: readAt } of pages(reader, 'Orders', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('Orders', { first, after, query, sortKey }, call)
    return { page: data.orders, ...meta }
  })) {
    const drafts: Draft[] = []
    for (const node of nodes) drafts.push(await complete(reader, node, readAt, signal))
    yield * await withRefundLines(reader, drafts, signal)
  }
}

/** @throws CommerceError `shop_not_found` */
export const readOrder = async (reader: Reader, id: string, { signal }: CallOptions): Promise<Order> => {
  const { data: { order }, read_at: readAt } = await reader.graphql.execute('OrderById', { id }, { lane: reader.lane, signal })
  if (order === null) throw new CommerceError('shop_not_found', 'The shop has no order with this id.')
  const [whole] = await withRefundLines(reader, [await complete(reader, order, readAt, signal)], signal)
  return whole as Order
}

/** What is asked for when more than its first lines are wanted: how many at a time, and how they are fetched. */
export const moreLines = (
  reader: Reader, { id, name }: Pick<Node, 'id' | 'name'>, signal: AbortSignal
): [size: number, fetch: (first: number, after: string) => Promise<Lines>] => [LINES_PAGE, async (first, after) => {
  const { data: { order } } = await reader.graphql.execute('OrderLines', { id, first, after }, { lane: reader.lane, signal })
  return order?.lineItems ?? gone(name)
}]

/** The refunds and fulfilments of an order that filled the short lists of its page. */
export const listsOf = async (
  reader: Reader, { id, name }: Pick<Node, 'id' | 'name'>, signal: AbortSignal
): Promise<NonNullable<OrderListsQuery['order']>> => {
  const { data: { order } } = await reader.graphql.execute('OrderLists', { id }, { lane: reader.lane, signal })
  return order ?? gone(name)
}

export const sortKeyOf = ({ updated_from: from }: OrderFilter): 'CREATED_AT' | 'UPDATED_AT' => from === undefined ? 'CREATED_AT' : 'UPDATED_AT'

async function complete (reader: Reader, { lineItems, refunds, fulfillments, ...node }: Node, readAt: number, signal: AbortSignal): Promise<Draft> {
  const lines: LineNode[] = []
  for await (const line of rest(lineItems, ...moreLines(reader, node, signal))) lines.push(line)
  if (refunds.length < LIST_LIMIT && fulfillments.length < LIST_LIMIT) return { node, lines, refunds, fulfilments: fulfillments, read_at: readAt }
  const lists = await listsOf(reader, node, signal)
  return { node, lines, refunds: lists.refunds, fulfilments: lists.fulfillments, read_at: readAt }
}

async function withRefundLines (reader: Reader, drafts: Draft[], signal: AbortSignal): Promise<Order[]> {
  const heads = new Map(drafts.flatMap(({ node, refunds }) => refunds.map((refund) => [refund.id, { refund, order: node.name }] as const)))
  const refunds = new Map<string, Refund>()
  const call = { lane: reader.lane, signal }
  for (const ids of chunks([...heads.keys()], REFUNDS_AT_ONCE)) {
    const { data } = await reader.graphql.execute('RefundLines', { ids, after: null }, call)
    for (const [index, id] of ids.entries()) {
      const { refund, order } = heads.get(id) as { refund: RefundHead, order: string }
      const found = refundNode(data, index, order)
      const lines: RefundLine[] = []
      const more = rest(found.refundLineItems, 1, async (_first, after) => {
        const { data: next } = await reader.graphql.execute('RefundLines', { ids: [id], after }, call)
        return refundNode(next, 0, order).refundLineItems
      })
      for await (const line of more) lines.push(refundLine(line))
      refunds.set(id, refundOf(refund, found, lines))
    }
  }
  return drafts.map((draft) => orderOf(reader, draft, draft.refunds.map(({ id }) => refunds.get(id) as Refund)))
}

function refundNode ({ nodes }: RefundLinesQuery, index: number, order: string): RefundNode {
  const node = nodes[index]
  return node != null && 'refundLineItems' in node ? node : gone(order)
}

/** It was there a moment ago: reading again is the way out. */
export const gone = (name: string): never => {
  throw new CommerceError('shop_conflict', `Order ${name} changed while it was read.`)
}

function orderOf (reader: Reader, { node, lines, refunds: _heads, fulfilments, read_at: readAt }: Draft, refunds: Refund[]): Order {
  const { subtotalPriceSet: subtotal, totalDiscountsSet: discounts, totalTaxSet: tax, ...rest } = node
  // The schema lets them be null. An order that cannot be added up must not be taken for one of 0.
  if (subtotal === null || discounts === null || tax === null) throw new CommerceError('shop_answer_invalid', `Order ${node.name} comes without its totals.`)
  return {
    id: rest.id,
    name: rest.name,
    created_at: time(rest.createdAt),
    updated_at: time(rest.updatedAt),
    processed_at: time(rest.processedAt),
    cancelled_at: timeOrNull(rest.cancelledAt),
    cancel_reason: rest.cancelReason,
    closed_at: timeOrNull(rest.closedAt),
    test: rest.test,
    financial_status: rest.displayFinancialStatus,
    fulfilment_status: rest.displayFulfillmentStatus,
    channel: rest.sourceName,
    tags: rest.tags,
    note: rest.note,
    taxes_included: rest.taxesIncluded,
    subtotal: shopMoney(subtotal),
    discounts: shopMoney(discounts),
    discount_codes: rest.discountCodes,
    shipping: shopMoney(rest.totalShippingPriceSet),
    tax: shopMoney(tax),
    total: shopMoney(rest.totalPriceSet),
    current_total: shopMoney(rest.currentTotalPriceSet),
    refunded: shopMoney(rest.totalRefundedSet),
    outstanding: shopMoney(rest.totalOutstandingSet),
    payment_gateways: rest.paymentGatewayNames,
    customer: rest.customer === null ? null : { id: rest.customer.id, order_count: Number(rest.customer.numberOfOrders) },
    shipping_country: rest.shippingAddress?.countryCodeV2 ?? null,
    billing_country: rest.billingAddress?.countryCodeV2 ?? null,
    addresses_match: rest.billingAddressMatchesShippingAddress,
    risk: {
      recommendation: rest.risk.recommendation,
      assessments: rest.risk.assessments.map(({ riskLevel, facts }) => ({
        level: riskLevel, facts: facts.map(({ description, sentiment }) => ({ description, sentiment }))
      }))
    },
    lines: lines.map(lineOf),
    refunds,
    fulfilments: fulfilments.map(fulfilmentOf),
    ...stamp(reader, readAt)
  }
}

function lineOf (node: LineNode): OrderLine {
  const original = shopMoney(node.originalTotalSet)
  const discount = sumMoney(node.discountAllocations.map(({ allocatedAmountSet }) => shopMoney(allocatedAmountSet)), original.currency)
  return {
    id: node.id,
    variant_id: node.variant?.id ?? null,
    product_id: node.product?.id ?? null,
    sku: node.sku,
    title: node.title,
    quantity: node.quantity,
    current_quantity: node.currentQuantity,
    unfulfilled_quantity: node.unfulfilledQuantity,
    requires_shipping: node.requiresShipping,
    gift_card: node.isGiftCard,
    unit_price: shopMoney(node.originalUnitPriceSet),
    original_total: original,
    discount,
    discounted_total: subtractMoney(original, discount),
    tax: sumMoney(node.taxLines.map(({ priceSet }) => shopMoney(priceSet)), original.currency)
  }
}

function refundOf (head: RefundHead, node: RefundNode, lines: RefundLine[]): Refund {
  const total = shopMoney(head.totalRefundedSet)
  const sum = (list: Array<Parameters<typeof shopMoney>[0]>): Refund['total'] => sumMoney(list.map(shopMoney), total.currency)
  return {
    id: head.id,
    created_at: time(head.createdAt ?? head.processedAt),
    note: head.note,
    total,
    lines,
    shipping: addMoney(
      sum(node.refundShippingLines.nodes.map((line) => line.subtotalAmountSet)), sum(node.refundShippingLines.nodes.map((line) => line.taxAmountSet))
    ),
    adjustments: addMoney(
      sum(node.orderAdjustments.nodes.map((line) => line.amountSet)), sum(node.orderAdjustments.nodes.map((line) => line.taxAmountSet))
    )
  }
}

const refundLine = (line: RefundNode['refundLineItems']['nodes'][number]): RefundLine => ({
  line_id: line.lineItem.id,
  quantity: line.quantity,
  subtotal: shopMoney(line.subtotalSet),
  tax: shopMoney(line.totalTaxSet),
  restock_type: line.restockType,
  restocked: line.restocked
})

export const fulfilmentOf = (node: FulfilmentNode): Fulfilment => ({
  id: node.id,
  created_at: time(node.createdAt),
  status: node.status,
  display_status: node.displayStatus,
  delivered_at: timeOrNull(node.deliveredAt),
  estimated_delivery_at: timeOrNull(node.estimatedDeliveryAt),
  tracking: node.trackingInfo.map(({ company, number, url }) => ({ company, number, url }))
})
