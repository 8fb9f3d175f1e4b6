// Reads customers, abandoned checkouts, segments and discount codes.
import type {
  AbandonedCheckout, CallOptions, Customer, CustomerFilter, DiscountCode, ListOptions, Segment
} from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { bulkRows } from './bulk-rows.ts'
import type { AbandonedCheckoutsQuery, CustomersQuery, DiscountByCodeQuery } from './operations.ts'
import { pages } from './paging.ts'
import { money, shopMoney, stamp, time, timeOrNull, type Reader } from './read.ts'
import { checkoutSearch, customerSearch, segmentSearch } from './search.ts'

type CustomerNode = CustomersQuery['customers']['nodes'][number]
type CheckoutNode = AbandonedCheckoutsQuery['abandonedCheckouts']['nodes'][number]

/** One segment is looked for by its name. */
const SEGMENTS_PAGE = 10

export async function * readCustomers (reader: Reader, filter: CustomerFilter, { signal, bulk = false }: ListOptions): AsyncGenerator<Customer> {
  const call = { lane: reader.lane, signal }
  const query = customerSearch(filter)
  // Shopify's filter takes whole days.
  const wanted = (customer: Customer): boolean => filter.updated_from === undefined || customer.updated_at >= filter.updated_from
  if (bulk) {
    const rows = bulkRows('BulkCustomers')
    for await (const { node } of reader.bulk.run('BulkCustomers', query, call)) {
      const customer = customerOf(reader, rows.root<CustomerNode>(node), reader.clock.now())
      if (wanted(customer)) yield customer
    }
    return
  }
  for await (const { nodes, read_at: readAt } of pages(reader, 'Customers', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('Customers', { first, after, query }, call)
    return { page: data.customers, ...meta }
  })) {
    for (const node of nodes) {
      const customer = customerOf(reader, node, readAt)
      if (wanted(customer)) yield customer
    }
  }
}

export async function * readCheckouts (reader: Reader, filter: { created_from?: number }, { signal }: CallOptions): AsyncGenerator<AbandonedCheckout> {
  const query = checkoutSearch(filter)
  for await (const { nodes, read_at: readAt } of pages(reader, 'AbandonedCheckouts', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('AbandonedCheckouts', { first, after, query }, { lane: reader.lane, signal })
    return { page: data.abandonedCheckouts, ...meta }
  })) {
    for (const node of nodes) yield checkoutOf(reader, node, readAt)
  }
}

export async function * readSegments (reader: Reader, name: string, { signal }: CallOptions): AsyncGenerator<Segment> {
  const query = segmentSearch(name)
  for await (const { nodes, read_at: readAt } of pages(reader, 'Segments', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('Segments', { first, after, query }, { lane: reader.lane, signal })
    return { page: data.segments, ...meta }
  }, SEGMENTS_PAGE)) {
    // The search also finds names that only contain the words.
    for (const node of nodes) if (node.name === name) yield { id: node.id, name: node.name, query: node.query, ...stamp(reader, readAt) }
  }
}

export const readDiscount = async (reader: Reader, code: string, { signal }: CallOptions): Promise<DiscountCode | null> => {
  const { data: { codeDiscountNodeByCode: node }, read_at: readAt } =
    await reader.graphql.execute('DiscountByCode', { code }, { lane: reader.lane, signal })
  return node === null ? null : discountOf(reader, node, readAt)
}

/** @throws CommerceError `shop_user_errors` for a code that is no simple discount: such a one was not made by us. */
export const discountOf = (reader: Pick<Reader, 'source'>, node: NonNullable<DiscountByCodeQuery['codeDiscountNodeByCode']>, readAt: number): DiscountCode => {
  const discount = node.codeDiscount
  if (!('codes' in discount)) throw new CommerceError('shop_user_errors', 'This code belongs to a discount of another kind.')
  const [first] = discount.codes.nodes
  if (first === undefined) throw new CommerceError('shop_answer_invalid', 'A discount comes without its code.')
  return {
    id: node.id,
    code: first.code,
    title: discount.title,
    status: discount.status,
    starts_at: time(discount.startsAt),
    ends_at: timeOrNull(discount.endsAt),
    usage_limit: discount.usageLimit,
    used: discount.asyncUsageCount,
    ...stamp(reader, readAt)
  }
}

const customerOf = (reader: Reader, node: CustomerNode, readAt: number): Customer => ({
  id: node.id,
  created_at: time(node.createdAt),
  updated_at: time(node.updatedAt),
  order_count: Number(node.numberOfOrders),
  amount_spent: money(node.amountSpent),
  last_order_at: timeOrNull(node.lastOrder?.createdAt ?? null),
  country: node.defaultAddress?.countryCodeV2 ?? null,
  locale: node.locale,
  tags: node.tags,
  email_consent: node.defaultEmailAddress?.marketingState ?? null,
  email_consent_at: timeOrNull(node.defaultEmailAddress?.marketingUpdatedAt ?? null),
  sms_consent: node.defaultPhoneNumber?.smsMarketingConsent.state ?? null,
  sms_consent_at: timeOrNull(node.defaultPhoneNumber?.smsMarketingConsent.updatedAt ?? null),
  data_sale_opt_out: node.dataSaleOptOut,
  ...stamp(reader, readAt)
})

const checkoutOf = (reader: Reader, node: CheckoutNode, readAt: number): AbandonedCheckout => ({
  id: node.id,
  created_at: time(node.createdAt),
  updated_at: time(node.updatedAt),
  completed_at: timeOrNull(node.completedAt),
  customer_id: node.customer?.id ?? null,
  total: shopMoney(node.totalPriceSet),
  subtotal: shopMoney(node.subtotalPriceSet),
  discount_codes: node.discountCodes,
  recovery_url: node.abandonedCheckoutUrl,
  lines: node.lineItems.nodes.map((line) => ({
    variant_id: line.variant?.id ?? null,
    product_id: line.product?.id ?? null,
    sku: line.sku,
    title: line.title,
    quantity: line.quantity,
    total: shopMoney(line.discountedTotalPriceSet)
  })),
  more_lines: node.lineItems.pageInfo.hasNextPage,
  ...stamp(reader, readAt)
})
