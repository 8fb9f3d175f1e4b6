// Answers the fields of Shopify's types from the records of the shop.
import { createHash } from 'node:crypto'
import { GraphQLError, type GraphQLResolveInfo } from 'graphql'
import { decimal } from '../shop/ledger.ts'
import {
  gid, ID, type Checkout, type Customer, type Discount, type Fulfilment, type FulfilmentOrder, type Hold, type InventoryItem, type Level, type Line,
  type Location, type Metafield, type Order, type Policy, type Product, type Refund, type RefundLine, type RiskFact, type Segment, type Variant
} from '../shop/records.ts'
import { outstandingOf, refundedOf, returnedOf, shareOfLine, type Shop } from '../shop/shop.ts'
import { cursorOf, comparePlaces, pageOf, pageOfList, whole, type Connection, type PageArguments, type Place } from './connections.ts'
import { oldestOrder, parseGid, type BulkOperation, type Context } from './context.ts'
import { byNumber, byText, byTime, parseSearch, type Fields } from './search.ts'

/** The arguments are the schema's: graphql-js has checked them. */
export type Resolver<T> = (source: T, args: any, context: Context, info: GraphQLResolveInfo) => unknown
type Answers<T> = Record<string, Resolver<T>>

/** Money of the shop, in cents. */
interface Cents { cents: number }
const money = (cents: number): Cents => ({ cents })

const bag: Answers<Cents> = { shopMoney: (source) => source }

/** `10.0`, `12.34`: decimals as Shopify writes them, with one place at least. */
const shortDecimal = (cents: number): string => decimal(cents).replace(/0$/, '')

const list = <T>(items: readonly T[], args: PageArguments, context: Context): Connection<T> =>
  context.window === undefined ? pageOfList(items, args) : whole([...items])

const connectionOf = <T>(wrap: (item: T) => unknown = (item) => item): Answers<Connection<T>> => ({
  nodes: ({ items }) => items.map(wrap),
  edges: ({ items, place }) => items.map((item) => ({ node: wrap(item), cursor: cursorOf(place(item)) })),
  pageInfo: (connection) => connection
})
const edge: Answers<{ node: unknown, cursor: string }> = { node: ({ node }) => node, cursor: ({ cursor }) => cursor }

const metafieldOf = (owner: { metafields?: Map<string, Metafield> }, { namespace, key }: { namespace?: string, key: string }): Metafield | null =>
  owner.metafields?.get(`${namespace ?? 'app'}.${key}`) ?? null

export const digestOf = ({ type, value }: Pick<Metafield, 'type' | 'value'>): string => createHash('sha256').update(`${type}\n${value}`).digest('hex')

// ---- lists with search and order

interface Listing<T> {
  what: string
  all: (shop: Shop) => readonly T[]
  fields: Fields<T>
  orders: Record<string, (record: T) => number | string>
}

const statusOf = (order: Order): string => order.cancelledAt !== null ? 'cancelled' : order.closedAt !== null ? 'closed' : 'open'

const displayFulfilment = (order: Order): string => {
  if (order.fulfilmentOrder.holds.length > 0 && order.fulfilmentOrder.status === 'OPEN') return 'ON_HOLD'
  if (order.fulfilments.length === 0) return 'UNFULFILLED'
  return order.lines.every((line) => line.unfulfilled === 0) ? 'FULFILLED' : 'PARTIALLY_FULFILLED'
}

const ORDERS: Listing<Order> = {
  what: 'orders',
  all: (shop) => shop.orders,
  fields: {
    default: byText((order) => [order.name, order.name.slice(1)]),
    id: byNumber((order) => order.id),
    name: byText((order) => [order.name, order.name.slice(1)]),
    created_at: byTime((order) => order.createdAt),
    processed_at: byTime((order) => order.createdAt),
    updated_at: byTime((order) => order.updatedAt),
    status: (order, { value }) => value === 'any' || (value === 'not_closed' ? statusOf(order) === 'open' : statusOf(order) === value.toLowerCase()),
    financial_status: (order, { value }) => {
      const wanted = value.toLowerCase()
      if (wanted === 'any') return true
      return wanted === 'unpaid' ? order.financial === 'PENDING' || order.financial === 'AUTHORIZED' : order.financial.toLowerCase() === wanted
    },
    fulfillment_status: (order, { value }) => {
      const status = displayFulfilment(order).toLowerCase()
      const wanted = value.toLowerCase()
      if (wanted === 'any') return true
      if (wanted === 'shipped') return status === 'fulfilled'
      if (wanted === 'unshipped') return status === 'unfulfilled'
      return wanted === 'partial' ? status === 'partially_fulfilled' : status === wanted
    },
    customer_id: (order, { value }) => order.customer !== null && String(order.customer.id) === value,
    email: byText((order) => order.customer?.email ?? null),
    tag: byText((order) => order.tags),
    tag_not: (order, { value }) => !order.tags.some((tag) => tag.toLowerCase() === value.toLowerCase()),
    discount_code: byText((order) => order.code),
    sku: byText((order) => order.lines.map(({ sku }) => sku)),
    source_name: byText((order) => order.source),
    gateway: byText((order) => order.gateway),
    test: (order, { value }) => order.test === (value === 'true'),
    risk_level: byText((order) => order.risk.level)
  },
  orders: {
    CREATED_AT: (order) => order.createdAt,
    PROCESSED_AT: (order) => order.createdAt,
    UPDATED_AT: (order) => order.updatedAt,
    ID: (order) => order.id,
    ORDER_NUMBER: (order) => order.id,
    TOTAL_PRICE: (order) => order.total,
    RELEVANCE: (order) => order.id
  }
}

const VARIANTS: Listing<Variant> = {
  what: 'productVariants',
  all: (shop) => shop.variants,
  fields: {
    default: byText((variant) => [variant.sku, variant.product.title]),
    id: byNumber((variant) => variant.id),
    sku: byText((variant) => variant.sku),
    title: byText((variant) => variant.title),
    product_id: byNumber((variant) => variant.product.id),
    product_status: byText((variant) => variant.product.status),
    product_type: byText((variant) => variant.product.type),
    vendor: byText((variant) => variant.product.vendor),
    tag: byText((variant) => variant.product.tags),
    updated_at: byTime((variant) => variant.updatedAt)
  },
  orders: { ID: (variant) => variant.id, SKU: (variant) => variant.sku, TITLE: (variant) => variant.title, RELEVANCE: (variant) => variant.id }
}

const CUSTOMERS: Listing<Customer> = {
  what: 'customers',
  all: (shop) => shop.customers,
  fields: {
    default: byText((customer) => customer.email),
    id: byNumber((customer) => customer.id),
    email: byText((customer) => customer.email),
    country: byText((customer) => customer.country),
    tag: byText((customer) => customer.tags),
    orders_count: byNumber((customer) => customer.orders.length),
    updated_at: byTime((customer) => customer.updatedAt),
    customer_date: byTime((customer) => customer.createdAt)
  },
  orders: {
    ID: (customer) => customer.id,
    CREATED_AT: (customer) => customer.createdAt,
    UPDATED_AT: (customer) => customer.updatedAt,
    NAME: (customer) => customer.name,
    LOCATION: (customer) => `${customer.country} ${customer.city}`,
    RELEVANCE: (customer) => customer.id
  }
}

const CHECKOUTS: Listing<Checkout> = {
  what: 'abandonedCheckouts',
  all: (shop) => shop.checkouts,
  fields: {
    id: byNumber((checkout) => checkout.id),
    created_at: byTime((checkout) => checkout.createdAt),
    updated_at: byTime((checkout) => checkout.updatedAt),
    recovery_state: (checkout, { value }) => (checkout.completedAt === null ? 'not_recovered' : 'recovered') === value
  },
  orders: {
    CREATED_AT: (checkout) => checkout.createdAt,
    ID: (checkout) => checkout.id,
    CHECKOUT_ID: (checkout) => checkout.id,
    TOTAL_PRICE: (checkout) => checkout.total,
    RELEVANCE: (checkout) => checkout.id
  }
}

const SEGMENTS: Listing<Segment> = {
  what: 'segments',
  all: (shop) => shop.segments,
  fields: { default: byText((segment) => segment.name), name: byText((segment) => segment.name), id: byNumber((segment) => segment.id) },
  orders: { CREATION_DATE: (segment) => segment.id, LAST_EDIT_DATE: (segment) => segment.id, ID: (segment) => segment.id, RELEVANCE: (segment) => segment.id }
}

const LOCATIONS: Listing<Location> = {
  what: 'locations',
  all: (shop) => shop.locations,
  fields: { default: byText((location) => location.name), name: byText((location) => location.name), id: byNumber((location) => location.id) },
  orders: { NAME: (location) => location.name, ID: (location) => location.id, RELEVANCE: (location) => location.id }
}

/** The list that was searched last: paging asks for the same one again and again. */
const searched = new WeakMap<Shop, Map<string, { version: number, sorted: unknown[], warnings: Context['searches'][number]['warnings'] }>>()

const found = <T extends { id: number }>(listing: Listing<T>, args: { query?: string, sortKey: string }, { shop }: Context) => {
  const order = listing.orders[args.sortKey]
  if (order === undefined) {
    throw new GraphQLError(`The sandbox does not sort ${listing.what} by ${args.sortKey}.`, { extensions: { code: 'BAD_REQUEST' } })
  }
  const place = (record: T): Place => ({ value: order(record), id: record.id })
  const query = args.query ?? ''
  let lists = searched.get(shop)
  if (lists === undefined) searched.set(shop, lists = new Map())
  const key = `${listing.what} ${args.sortKey} ${query}`
  let entry = lists.get(key)
  if (entry?.version !== shop.version) {
    const search = parseSearch(query, listing.fields, listing.what)
    const sorted = listing.all(shop).filter((record) => search.matches(record)).sort((a, b) => comparePlaces(place(a), place(b)))
    entry = { version: shop.version, sorted, warnings: search.warnings }
    lists.delete(key)
    lists.set(key, entry)
    const oldest = lists.keys().next().value
    if (lists.size > 16 && oldest !== undefined) lists.delete(oldest)
  }
  return { sorted: entry.sorted as T[], warnings: entry.warnings, place }
}

const search = <T extends { id: number }>(listing: Listing<T>, only?: (context: Context) => ((record: T) => boolean) | undefined): Resolver<unknown> =>
  (_source, args: PageArguments & { query?: string, sortKey: string }, context, info): Connection<T> => {
    const { window } = context
    const { sorted, warnings, place } = found(listing, args, context)
    if (warnings.length > 0) context.searches.push({ path: [info.path.key], query: args.query ?? '', warnings })
    const allowed = only?.(context)
    const visible = allowed === undefined ? sorted : sorted.filter(allowed)
    if (window === undefined) return pageOf(visible, args, place)
    const kept = (window.list ??= args.reverse === true ? visible.toReversed() : [...visible]) as T[]
    window.ended = window.from + window.size >= kept.length
    return whole(kept.slice(window.from, window.from + window.size))
  }

const readable = (context: Context): ((order: Order) => boolean) | undefined => {
  const oldest = oldestOrder(context)
  return oldest === -Infinity ? undefined : (order) => order.createdAt >= oldest
}

/** Another seed or another first day of the books is another shop, whose orders have the same ids: whoever keeps some of them has to notice. */
const shopNumber = ({ seed, start }: Shop): number => ID.Shop + Math.abs(seed) % 1_000_000 * 100_000 + Date.parse(start) / 86_400_000

/** A record by its global id, if it exists and may be seen. */
export const lookUp = (context: Context, id: string, kind?: string): unknown => {
  const { shop } = context
  const parsed = parseGid(id)
  if (kind !== undefined && parsed.kind !== kind) return null
  if (parsed.kind === 'Shop') return parsed.number === shopNumber(shop) ? shop : null
  if (parsed.kind === 'BulkOperation') return context.bulks.get(parsed.number) ?? null
  const record = shop.find(parsed.kind, parsed.number)
  if (record === undefined) return null
  const order = record.kind === 'Order' ? record : 'order' in record ? record.order : undefined
  return order !== undefined && order.createdAt < oldestOrder(context) ? null : record
}

/** The order's share of a refund of some units and shipping costs. @throws GraphQLError for units that are not there. */
export const suggestRefund = (
  order: Order, lines: Array<{ lineItemId: string, quantity: number }>, shipping: number
): { cents: number, order: Order } => {
  let sum = shipping
  for (const { lineItemId, quantity } of lines) {
    const line = order.lines.find((each) => gid('LineItem', each.id) === lineItemId)
    if (line === undefined || quantity < 0 || quantity > line.currentQuantity) {
      throw new GraphQLError('Refund line items quantity cannot exceed the refundable quantity of the line item', { extensions: { code: 'BAD_REQUEST' } })
    }
    sum += shareOfLine(line, quantity).subtotal
  }
  return { cents: Math.min(sum, refundable(order)), order }
}

/** What was paid and has not gone back. */
export const refundable = (order: Order): number => order.financial === 'PENDING' || order.financial === 'VOIDED' ? 0 : order.total - refundedOf(order)

/** Cents of a decimal from outside. @throws GraphQLError */
export const centsOf = (amount: string | number): number => {
  const found = /^(-?)(\d+)(?:\.(\d{1,2})0*)?$/.exec(String(amount))
  if (found === null) throw new GraphQLError(`${String(amount)} is not an amount of money`, { extensions: { code: 'BAD_REQUEST' } })
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 100 + Number((found[3] ?? '').padEnd(2, '0')))
}

export const shippingLeft = (order: Order): number => order.shipping - order.refunds.reduce((sum, refund) => sum + refund.shipping, 0)

const address = (order: Order, kind: number, country: string | null): { id: string, country: string } | null =>
  country === null ? null : { id: gid('MailingAddress', order.id * 2 + kind), country }

const discountStatus = (discount: Discount, now: number): string =>
  discount.startsAt > now ? 'SCHEDULED' : discount.endsAt !== null && discount.endsAt <= now ? 'EXPIRED' : 'ACTIVE'

const id = (type: string): Resolver<{ id: number }> => (record) => gid(type, record.id)

/** By type and field. A field of the schema that is not here cannot be answered; a test looks for such fields. */
export const QUERIES: Record<string, Answers<any>> = {
  QueryRoot: {
    shop: (_source, _args, { shop }) => shop,
    currentAppInstallation: () => ({}),
    orders: search(ORDERS, readable),
    order: (_source, args, context) => lookUp(context, args.id, 'Order'),
    productVariants: search(VARIANTS),
    customers: search(CUSTOMERS),
    abandonedCheckouts: search(CHECKOUTS),
    segments: search(SEGMENTS),
    locations: search(LOCATIONS, () => undefined),
    inventoryItem: (_source, args, context) => lookUp(context, args.id, 'InventoryItem'),
    bulkOperation: (_source, args, context) => lookUp(context, args.id, 'BulkOperation'),
    nodes: (_source, args, context) => (args.ids as string[]).map((each) => lookUp(context, each)),
    node: (_source, args, context) => lookUp(context, args.id),
    codeDiscountNodeByCode: (_source, args, { shop }) =>
      shop.discounts.find(({ code }) => code.toLowerCase() === String(args.code).toLowerCase()) ?? null,
    productByIdentifier (_source, { identifier }, context) {
      if (identifier.id != null) return lookUp(context, identifier.id, 'Product')
      return context.shop.products.find(({ handle }) => handle === identifier.handle) ?? null
    }
  },
  Shop: {
    id: (shop: Shop) => gid('Shop', shopNumber(shop)),
    name: (shop: Shop) => shop.name,
    myshopifyDomain: (shop: Shop) => shop.domain,
    currencyCode: (shop: Shop) => shop.currency,
    ianaTimezone: (shop: Shop) => shop.timezone,
    taxesIncluded: () => true,
    plan: (shop: Shop) => ({ name: shop.plan }),
    shopAddress: (shop: Shop) => shop,
    shopPolicies: (shop: Shop) => shop.policies
  },
  ShopPlan: { publicDisplayName: ({ name }: { name: string }) => name },
  ShopAddress: { id: () => gid('ShopAddress', ID.Shop), countryCodeV2: (shop: Shop) => shop.country },
  ShopPolicy: {
    id: (policy: Policy) => gid('ShopPolicy', policy.type === 'REFUND_POLICY' ? 1 : policy.type === 'SHIPPING_POLICY' ? 2 : 3),
    type: (policy: Policy) => policy.type,
    title: (policy: Policy) => policy.title,
    body: (policy: Policy) => policy.body,
    url: (policy: Policy) => policy.url
  },
  AppInstallation: {
    id: () => gid('AppInstallation', ID.AppInstallation),
    accessScopes: (_source, _args, { scopes }) => scopes
  },
  AccessScope: { handle: (scope: string) => scope },
  MoneyBag: bag,
  MoneyV2: { amount: ({ cents }: Cents) => shortDecimal(cents), currencyCode: (_source, _args, { shop }) => shop.currency },
  PageInfo: {
    hasNextPage: ({ hasNext }: Connection) => hasNext,
    hasPreviousPage: ({ hasPrevious }: Connection) => hasPrevious,
    startCursor: ({ items, place }: Connection) => items.length === 0 ? null : cursorOf(place(items[0])),
    endCursor: ({ items, place }: Connection) => items.length === 0 ? null : cursorOf(place(items.at(-1)))
  },
  Order: {
    id: id('Order'),
    name: (order: Order) => order.name,
    createdAt: (order: Order) => order.createdAt,
    updatedAt: (order: Order) => order.updatedAt,
    processedAt: (order: Order) => order.createdAt,
    cancelledAt: (order: Order) => order.cancelledAt,
    cancelReason: (order: Order) => order.cancelReason,
    closedAt: (order: Order) => order.closedAt,
    test: (order: Order) => order.test,
    displayFinancialStatus: (order: Order) => order.financial,
    displayFulfillmentStatus: (order: Order) => displayFulfilment(order),
    sourceName: (order: Order) => order.source,
    tags: (order: Order) => order.tags,
    note: (order: Order) => order.note,
    taxesIncluded: () => true,
    discountCodes: (order: Order) => order.code === null ? [] : [order.code],
    paymentGatewayNames: (order: Order) => [order.gateway],
    billingAddressMatchesShippingAddress: (order: Order) => order.addressesMatch,
    subtotalPriceSet: (order: Order) => money(order.gross - order.discount),
    totalDiscountsSet: (order: Order) => money(order.discount),
    totalShippingPriceSet: (order: Order) => money(order.shipping),
    // Sold in the shop itself: nothing is sent.
    shippingLine: (order: Order) => order.source === 'pos' ? null : order,
    subtotalLineItemsQuantity: (order: Order) => order.lines.reduce((sum, { quantity }) => sum + quantity, 0),
    totalTaxSet: (order: Order) => money(order.tax),
    totalPriceSet: (order: Order) => money(order.total),
    currentTotalPriceSet: (order: Order) => money(order.total - returnedOf(order)),
    totalRefundedSet: (order: Order) => money(refundedOf(order)),
    totalOutstandingSet: (order: Order) => money(outstandingOf(order)),
    customer: (order: Order) => order.customer,
    shippingAddress: (order: Order) => address(order, 0, order.shippingCountry),
    billingAddress: (order: Order) => address(order, 1, order.billingCountry),
    risk: (order: Order) => order.risk,
    refunds: (order: Order, { first }) => first == null ? order.refunds : order.refunds.slice(0, first),
    fulfillments: (order: Order, { first }) => first == null ? order.fulfilments : order.fulfilments.slice(0, first),
    fulfillmentOrders: (order: Order, args, context) => list([order.fulfilmentOrder], args, context),
    lineItems: (order: Order, args, context) => list(order.lines, args, context),
    metafield: (order: Order, args) => metafieldOf(order, args),
    suggestedRefund (order: Order, { refundLineItems, shippingAmount, refundShipping, suggestFullRefund }) {
      const lines = suggestFullRefund === true
        ? order.lines.map((line) => ({ lineItemId: gid('LineItem', line.id), quantity: line.currentQuantity }))
        : refundLineItems ?? []
      const shipping = refundShipping === true || suggestFullRefund === true ? shippingLeft(order) : shippingAmount == null ? 0 : centsOf(shippingAmount)
      if (shipping > shippingLeft(order)) {
        throw new GraphQLError('Shipping refund exceeds the refundable shipping costs', { extensions: { code: 'BAD_REQUEST' } })
      }
      return suggestRefund(order, lines, shipping)
    }
  },
  // No discount of the sandbox is on shipping costs.
  ShippingLine: { originalPriceSet: (order: Order) => money(order.shipping), discountedPriceSet: (order: Order) => money(order.shipping) },
  SuggestedRefund: {
    amountSet: ({ cents }: Cents) => money(cents),
    suggestedTransactions: (suggestion: { cents: number, order: Order }) => suggestion.cents > 0 ? [suggestion] : []
  },
  SuggestedOrderTransaction: {
    amountSet: ({ cents }: Cents) => money(cents),
    gateway: ({ order }: { order: Order }) => order.gateway,
    kind: () => 'SUGGESTED_REFUND',
    parentTransaction: ({ order }: { order: Order }) => order
  },
  // Every order has one payment, which carries its number.
  OrderTransaction: { id: (order: Order) => gid('OrderTransaction', order.id) },
  OrderRiskSummary: {
    recommendation: (risk: Order['risk']) => risk.recommendation,
    assessments: (risk: Order['risk']) => risk.level === 'NONE' ? [] : [risk]
  },
  OrderRiskAssessment: { riskLevel: (risk: Order['risk']) => risk.level, facts: (risk: Order['risk']) => risk.facts },
  RiskFact: { description: (fact: RiskFact) => fact.description, sentiment: (fact: RiskFact) => fact.sentiment },
  MailingAddress: { id: (place: { id: string }) => place.id, countryCodeV2: (place: { country: string }) => place.country },
  LineItem: {
    id: id('LineItem'),
    sku: (line: Line) => line.sku,
    title: (line: Line) => line.title,
    quantity: (line: Line) => line.quantity,
    currentQuantity: (line: Line) => line.currentQuantity,
    unfulfilledQuantity: (line: Line) => line.unfulfilled,
    requiresShipping: () => true,
    isGiftCard: () => false,
    variant: (line: Line) => line.variant,
    product: (line: Line) => line.variant.product,
    originalUnitPriceSet: (line: Line) => money(line.unitPrice),
    originalTotalSet: (line: Line) => money(line.unitPrice * line.quantity),
    discountAllocations: (line: Line) => line.discount === 0 ? [] : [line],
    taxLines: (line: Line) => [line]
  },
  DiscountAllocation: { allocatedAmountSet: (line: Line) => money(line.discount) },
  TaxLine: { priceSet: (line: Line) => money(line.tax) },
  Refund: {
    id: id('Refund'),
    createdAt: (refund: Refund) => refund.createdAt,
    processedAt: (refund: Refund) => refund.createdAt,
    note: (refund: Refund) => refund.note,
    totalRefundedSet: (refund: Refund) => money(refund.total),
    refundLineItems: (refund: Refund, args, context) => list(refund.lines, args, context),
    refundShippingLines: (refund: Refund, args, context) => list(refund.shipping === 0 ? [] : [refund], args, context),
    orderAdjustments: (_refund: Refund, args, context) => list([], args, context)
  },
  RefundLineItem: {
    lineItem: (line: RefundLine) => line.line,
    quantity: (line: RefundLine) => line.quantity,
    restockType: (line: RefundLine) => line.restockType,
    restocked: (line: RefundLine) => line.restocked,
    subtotalSet: (line: RefundLine) => money(line.subtotal),
    totalTaxSet: (line: RefundLine) => money(line.tax)
  },
  RefundShippingLine: {
    id: id('RefundShippingLine'),
    subtotalAmountSet: (refund: Refund) => money(refund.shipping),
    taxAmountSet: (refund: Refund) => money(refund.shippingTax)
  },
  // Refunds of the sandbox come to what their lines come to: there is nothing to adjust.
  OrderAdjustment: { id: id('OrderAdjustment'), amountSet: () => money(0), taxAmountSet: () => money(0) },
  Fulfillment: {
    id: id('Fulfillment'),
    createdAt: (fulfilment: Fulfilment) => fulfilment.createdAt,
    status: () => 'SUCCESS',
    displayStatus: ({ deliveredAt, tracking }: Fulfilment) => deliveredAt !== null ? 'DELIVERED' : tracking === null ? 'FULFILLED' : 'IN_TRANSIT',
    deliveredAt: (fulfilment: Fulfilment) => fulfilment.deliveredAt,
    estimatedDeliveryAt: (fulfilment: Fulfilment) => fulfilment.estimatedDeliveryAt,
    trackingInfo: (fulfilment: Fulfilment) => fulfilment.tracking === null ? [] : [fulfilment]
  },
  FulfillmentTrackingInfo: {
    company: (fulfilment: Fulfilment) => fulfilment.carrier,
    number: (fulfilment: Fulfilment) => fulfilment.tracking,
    url: (fulfilment: Fulfilment) => `https://tracking.example.com/${fulfilment.tracking ?? ''}`
  },
  FulfillmentOrder: {
    id: id('FulfillmentOrder'),
    status: ({ status, holds }: FulfilmentOrder) => status === 'OPEN' && holds.length > 0 ? 'ON_HOLD' : status,
    fulfillmentHolds: ({ holds }: FulfilmentOrder) => holds
  },
  FulfillmentHold: {
    id: id('FulfillmentHold'),
    handle: (hold: Hold) => hold.handle,
    reason: (hold: Hold) => hold.reason,
    // Only this app makes holds in the sandbox.
    heldByRequestingApp: () => true
  },
  Product: {
    id: id('Product'),
    handle: (product: Product) => product.handle,
    title: (product: Product) => product.title,
    status: (product: Product) => product.status,
    publishedAt: (product: Product) => product.publishedAt,
    productType: (product: Product) => product.type,
    vendor: (product: Product) => product.vendor,
    tags: (product: Product) => product.tags,
    variants: (product: Product, args, context) => list(product.variants, args, context),
    metafield: (product: Product, args) => metafieldOf(product, args)
  },
  ProductVariant: {
    id: id('ProductVariant'),
    title: (variant: Variant) => variant.title,
    sku: (variant: Variant) => variant.sku,
    price: (variant: Variant) => decimal(variant.price),
    compareAtPrice: (variant: Variant) => variant.compareAt === null ? null : decimal(variant.compareAt),
    inventoryPolicy: (variant: Variant) => variant.oversell ? 'CONTINUE' : 'DENY',
    createdAt: (variant: Variant) => variant.createdAt,
    updatedAt: (variant: Variant) => variant.updatedAt,
    product: (variant: Variant) => variant.product,
    inventoryItem: (variant: Variant) => variant.item,
    metafield: (variant: Variant, args) => metafieldOf(variant, args)
  },
  InventoryItem: {
    id: id('InventoryItem'),
    tracked: (item: InventoryItem) => item.tracked,
    unitCost: (item: InventoryItem) => item.cost === null ? null : money(item.cost),
    inventoryLevels: (item: InventoryItem, args, context) => list(item.levels, args, context)
  },
  InventoryLevel: {
    id: (level: Level) => `${gid('InventoryLevel', level.id)}?inventory_item_id=${level.item.id}`,
    location: (level: Level) => level.location,
    quantities: (level: Level, { names }) => (names as string[]).map((name) => {
      const quantity = quantityOf(level, name)
      if (quantity === undefined) throw new GraphQLError(`The sandbox keeps no quantities called ${name}.`, { extensions: { code: 'BAD_REQUEST' } })
      return { level, name, quantity }
    })
  },
  InventoryQuantity: {
    id: ({ level, name }: { level: Level, name: string }) => `${gid('InventoryQuantity', level.id)}?name=${name}`,
    name: ({ name }: { name: string }) => name,
    quantity: ({ quantity }: { quantity: number }) => quantity
  },
  Location: {
    id: id('Location'),
    name: (location: Location) => location.name,
    isActive: (location: Location) => location.active,
    shipsInventory: (location: Location) => location.ships,
    fulfillsOnlineOrders: (location: Location) => location.active,
    address: (location: Location) => location
  },
  LocationAddress: { countryCode: (location: Location) => location.country },
  Customer: {
    id: id('Customer'),
    createdAt: (customer: Customer) => customer.createdAt,
    updatedAt: (customer: Customer) => customer.updatedAt,
    numberOfOrders: (customer: Customer) => String(customer.orders.length),
    amountSpent: (customer: Customer) => money(customer.orders.reduce((sum, order) => sum + order.total - returnedOf(order), 0)),
    lastOrder: (customer: Customer, _args, context) => {
      const last = customer.orders.at(-1)
      return last === undefined || last.createdAt < oldestOrder(context) ? null : last
    },
    defaultAddress: (customer: Customer) => ({ id: gid('MailingAddress', customer.id), country: customer.country }),
    defaultEmailAddress: (customer: Customer) => customer,
    defaultPhoneNumber: (customer: Customer) => customer.phone ? customer : null,
    locale: (customer: Customer) => customer.locale,
    tags: (customer: Customer) => customer.tags,
    dataSaleOptOut: (customer: Customer) => customer.dataSaleOptOut,
    metafield: (customer: Customer, args) => metafieldOf(customer, args)
  },
  CustomerEmailAddress: {
    marketingState: (customer: Customer) => customer.emailConsent,
    marketingUpdatedAt: (customer: Customer) => customer.emailConsentAt
  },
  CustomerPhoneNumber: { smsMarketingConsent: (customer: Customer) => customer },
  CustomerSmsMarketingConsent: { state: (customer: Customer) => customer.smsConsent, updatedAt: (customer: Customer) => customer.smsConsentAt },
  AbandonedCheckout: {
    id: id('AbandonedCheckout'),
    createdAt: (checkout: Checkout) => checkout.createdAt,
    updatedAt: (checkout: Checkout) => checkout.updatedAt,
    completedAt: (checkout: Checkout) => checkout.completedAt,
    customer: (checkout: Checkout) => checkout.customer,
    discountCodes: (checkout: Checkout) => checkout.code === null ? [] : [checkout.code],
    abandonedCheckoutUrl: (checkout: Checkout) => checkout.url,
    subtotalPriceSet: (checkout: Checkout) => money(checkout.subtotal),
    totalPriceSet: (checkout: Checkout) => money(checkout.total),
    lineItems: (checkout: Checkout, args, context) => list(checkout.lines, args, context)
  },
  AbandonedCheckoutLineItem: {
    id: id('AbandonedCheckoutLineItem'),
    quantity: (line: Checkout['lines'][number]) => line.quantity,
    sku: (line: Checkout['lines'][number]) => line.variant.sku,
    title: (line: Checkout['lines'][number]) => line.variant.product.title,
    variant: (line: Checkout['lines'][number]) => line.variant,
    product: (line: Checkout['lines'][number]) => line.variant.product,
    discountedTotalPriceSet: (line: Checkout['lines'][number]) => money(line.total)
  },
  DiscountCodeNode: { id: id('DiscountCodeNode'), codeDiscount: (discount: Discount) => discount },
  DiscountCodeBasic: {
    title: (discount: Discount) => discount.title,
    status: (discount: Discount, _args, { shop }) => discountStatus(discount, shop.now),
    startsAt: (discount: Discount) => discount.startsAt,
    endsAt: (discount: Discount) => discount.endsAt,
    usageLimit: (discount: Discount) => discount.usageLimit,
    asyncUsageCount: (discount: Discount) => discount.used,
    codes: (discount: Discount, args, context) => list([discount], args, context)
  },
  DiscountRedeemCode: { code: (discount: Discount) => discount.code },
  Segment: { id: id('Segment'), name: (segment: Segment) => segment.name, query: (segment: Segment) => segment.query },
  Metafield: {
    id: id('Metafield'),
    namespace: (metafield: Metafield) => metafield.namespace,
    key: (metafield: Metafield) => metafield.key,
    type: (metafield: Metafield) => metafield.type,
    value: (metafield: Metafield) => metafield.value,
    compareDigest: (metafield: Metafield) => digestOf(metafield)
  },
  BulkOperation: {
    id: id('BulkOperation'),
    status: (bulk: BulkOperation) => bulk.status,
    errorCode: (bulk: BulkOperation) => bulk.errorCode,
    objectCount: (bulk: BulkOperation) => String(bulk.objectCount),
    rootObjectCount: (bulk: BulkOperation) => String(bulk.rootObjectCount),
    fileSize: (bulk: BulkOperation) => bulk.status === 'COMPLETED' && bulk.objectCount > 0 ? String(bulk.fileSize) : null,
    // Without objects there is no file, as at Shopify.
    url: (bulk: BulkOperation, _args, { origin }) => bulk.status === 'COMPLETED' && bulk.objectCount > 0 ? `${origin}${bulk.path}` : null,
    partialDataUrl: () => null
  },
  InventoryAdjustmentGroup: {
    id: (group: { id: number }) => gid('InventoryAdjustmentGroup', group.id),
    changes: (group: { changes: Array<{ name: string }> }, { quantityNames }) =>
      quantityNames == null ? group.changes : group.changes.filter(({ name }) => quantityNames.includes(name))
  },
  InventoryChange: { name: (change: { name: string }) => change.name, delta: (change: { delta: number }) => change.delta }
}

const quantityOf = (level: Level, name: string): number | undefined => {
  if (name === 'available') return level.available
  if (name === 'committed') return level.committed
  if (name === 'on_hand') return level.available + level.committed
  return name === 'incoming' ? level.incoming : undefined
}

/** Every connection and edge answers alike. */
export const CONNECTION = connectionOf()
export const EDGE = edge
