// Reads orders slim: for adding up sales, for what was sold and what went back, and for finding the orders that need somebody.
import type { CallOptions, ListOptions, OrderFilter, OrderGoods, OrderSales, OrderState, ReturnedGoods } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { addMoney, subtractMoney, sumMoney, type Money } from '../../core/money.ts'
import { bulkRows } from './bulk-rows.ts'
import { LIST_LIMIT } from './documents/limits.ts'
import type { BulkOrderGoodsQuery, OrderGoodsQuery, OrderSalesQuery, OrderStatesQuery, ReturnedGoodsQuery } from './operations.ts'
import { fulfilmentOf, gone, listsOf, moreLines, sortKeyOf } from './orders.ts'
import { pages, rest } from './paging.ts'
import { chunks, shopMoney, stamp, time, timeOrNull, type Reader } from './read.ts'
import { orderSearch } from './search.ts'

type SalesNode = OrderSalesQuery['orders']['nodes'][number]
type StateHead = Omit<OrderStatesQuery['orders']['nodes'][number], 'lineItems'>
type StateLine = OrderStatesQuery['orders']['nodes'][number]['lineItems']['nodes'][number]
type GoodsLine = OrderGoodsQuery['orders']['nodes'][number]['lineItems']['nodes'][number]
type GoodsHead = Omit<BulkOrderGoodsQuery['orders']['edges'][number]['node'], 'lineItems' | '__typename'>
type ReturnNode = Extract<NonNullable<ReturnedGoodsQuery['nodes'][number]>, { refundLineItems: unknown }>

/** Refunds of one question: each is paid for with all its possible lines. */
const REFUNDS_AT_ONCE = 30

export async function * readOrderSales (reader: Reader, filter: OrderFilter, { signal, bulk = false }: ListOptions): AsyncGenerator<OrderSales> {
  const call = { lane: reader.lane, signal }
  const query = orderSearch(filter)
  if (bulk) {
    const rows = bulkRows('BulkOrderSales')
    for await (const { node } of reader.bulk.run('BulkOrderSales', query, call)) {
      const row = rows.root<SalesNode>(node)
      yield salesOf(reader, row, row.refunds, reader.clock.now())
    }
    return
  }
  for await (const { nodes, read_at: readAt } of pages(reader, 'OrderSales', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('OrderSales', { first, after, query, sortKey: sortKeyOf(filter) }, call)
    return { page: data.orders, ...meta }
  })) {
    for (const node of nodes) {
      const refunds = node.refunds.length < LIST_LIMIT ? node.refunds : (await listsOf(reader, node, signal)).refunds
      yield salesOf(reader, node, refunds, readAt)
    }
  }
}

function salesOf (reader: Reader, node: Omit<SalesNode, 'refunds'>, refunds: SalesNode['refunds'], readAt: number): OrderSales {
  const { subtotalPriceSet: subtotal, totalDiscountsSet: discounted, shippingLine: sending } = node
  // The schema lets them be null. An order that cannot be added up must not be taken for one of 0.
  if (subtotal === null || discounted === null) throw new CommerceError('shop_answer_invalid', `Order ${node.name} comes without its totals.`)
  // The order's total has the discounts on shipping costs among it, the subtotal has not.
  const onShipping = sending === null ? undefined : subtractMoney(shopMoney(sending.originalPriceSet), shopMoney(sending.discountedPriceSet))
  const discounts = onShipping === undefined ? shopMoney(discounted) : subtractMoney(shopMoney(discounted), onShipping)
  return {
    id: node.id,
    name: node.name,
    created_at: time(node.createdAt),
    updated_at: time(node.updatedAt),
    test: node.test,
    cancelled_at: timeOrNull(node.cancelledAt),
    financial_status: node.displayFinancialStatus,
    fulfilment_status: node.displayFulfillmentStatus,
    taxes_included: node.taxesIncluded,
    gross: addMoney(shopMoney(subtotal), discounts),
    discounts,
    shipping: shopMoney(node.totalShippingPriceSet),
    total: shopMoney(node.totalPriceSet),
    units: node.subtotalLineItemsQuantity,
    customer: node.customer === null ? null : { id: node.customer.id, order_count: Number(node.customer.numberOfOrders) },
    refunds: refunds.map(({ id, createdAt, processedAt }) => ({ id, created_at: time(createdAt ?? processedAt) })),
    ...stamp(reader, readAt)
  }
}

/** In the order of the ids. @throws CommerceError `shop_conflict` */
export const readReturnedGoods = async (reader: Reader, refundIds: string[], { signal }: CallOptions): Promise<ReturnedGoods[]> => {
  const call = { lane: reader.lane, signal }
  const found: ReturnedGoods[] = []
  for (const ids of chunks(refundIds, REFUNDS_AT_ONCE)) {
    const { data } = await reader.graphql.execute('ReturnedGoods', { ids, after: null }, call)
    for (const [index, id] of ids.entries()) {
      const node = returnNode(data, index)
      const values: Money[] = []
      const more = rest(node.refundLineItems, 1, async (_first, after) =>
        returnNode((await reader.graphql.execute('ReturnedGoods', { ids: [id], after }, call)).data, 0).refundLineItems)
      for await (const { subtotalSet } of more) values.push(shopMoney(subtotalSet))
      found.push({ refund_id: id, value: sumMoney(values, shopMoney(node.totalRefundedSet).currency) })
    }
  }
  return found
}

function returnNode ({ nodes }: ReturnedGoodsQuery, index: number): ReturnNode {
  const node = nodes[index]
  return node != null && 'refundLineItems' in node ? node : gone('with a refund')
}

export async function * readOrderGoods (reader: Reader, filter: OrderFilter, { signal, bulk = false }: ListOptions): AsyncGenerator<OrderGoods> {
  const call = { lane: reader.lane, signal }
  const query = orderSearch(filter)
  if (bulk) {
    const rows = bulkRows('BulkOrderGoods')
    for await (const { node, children } of reader.bulk.run('BulkOrderGoods', query, call)) {
      yield goodsOf(reader, rows.root<GoodsHead>(node), rows.children<GoodsLine>(children), reader.clock.now())
    }
    return
  }
  for await (const { nodes, read_at: readAt } of pages(reader, 'OrderGoods', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('OrderGoods', { first, after, query, sortKey: sortKeyOf(filter) }, call)
    return { page: data.orders, ...meta }
  })) {
    for (const { lineItems, ...node } of nodes) {
      const lines: GoodsLine[] = []
      for await (const line of rest(lineItems, ...moreLines(reader, node, signal))) lines.push(line)
      yield goodsOf(reader, node, lines, readAt)
    }
  }
}

const goodsOf = (reader: Reader, node: GoodsHead, lines: GoodsLine[], readAt: number): OrderGoods => ({
  id: node.id,
  created_at: time(node.createdAt),
  test: node.test,
  cancelled_at: timeOrNull(node.cancelledAt),
  lines: lines.map((line) => ({
    product_id: line.product?.id ?? null, title: line.title, quantity: line.quantity, original_total: shopMoney(line.originalTotalSet)
  })),
  ...stamp(reader, readAt)
})

export async function * readOrderStates (reader: Reader, filter: OrderFilter, { signal, bulk = false }: ListOptions): AsyncGenerator<OrderState> {
  const call = { lane: reader.lane, signal }
  const query = orderSearch(filter)
  if (bulk) {
    const rows = bulkRows('BulkOrderStates')
    for await (const { node, children } of reader.bulk.run('BulkOrderStates', query, call)) {
      const row = rows.root<StateHead>(node)
      yield stateOf(reader, row, rows.children<StateLine>(children), row.fulfillments, reader.clock.now())
    }
    return
  }
  for await (const { nodes, read_at: readAt } of pages(reader, 'OrderStates', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('OrderStates', { first, after, query, sortKey: sortKeyOf(filter) }, call)
    return { page: data.orders, ...meta }
  })) {
    for (const node of nodes) {
      const lines: StateLine[] = []
      for await (const line of rest<StateLine>(node.lineItems, ...moreLines(reader, node, signal))) lines.push(line)
      const sent = node.fulfillments.length < LIST_LIMIT ? node.fulfillments : (await listsOf(reader, node, signal)).fulfillments
      yield stateOf(reader, node, lines, sent, readAt)
    }
  }
}

const stateOf = (reader: Reader, node: StateHead, lines: StateLine[], fulfilments: StateHead['fulfillments'], readAt: number): OrderState => ({
  id: node.id,
  name: node.name,
  created_at: time(node.createdAt),
  cancelled_at: timeOrNull(node.cancelledAt),
  closed_at: timeOrNull(node.closedAt),
  test: node.test,
  financial_status: node.displayFinancialStatus,
  fulfilment_status: node.displayFulfillmentStatus,
  tags: node.tags,
  note: node.note,
  payment_gateways: node.paymentGatewayNames,
  total: shopMoney(node.totalPriceSet),
  shipping_country: node.shippingAddress?.countryCodeV2 ?? null,
  billing_country: node.billingAddress?.countryCodeV2 ?? null,
  risk: { recommendation: node.risk.recommendation },
  lines: lines.map((line) => ({ requires_shipping: line.requiresShipping, unfulfilled_quantity: line.unfulfilledQuantity })),
  fulfilments: fulfilments.map(fulfilmentOf),
  ...stamp(reader, readAt)
})
