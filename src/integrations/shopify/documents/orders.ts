// Orders. Refunds and long lines come with a second question: nested connections are paid for at their full size, found or not.

import { LIST_LIMIT } from './limits.ts'

const MONEY = 'shopMoney { amount currencyCode }'

const LINE = `
  id sku title quantity currentQuantity unfulfilledQuantity requiresShipping isGiftCard
  variant { id }
  product { id }
  originalUnitPriceSet { ${MONEY} }
  originalTotalSet { ${MONEY} }
  discountAllocations { allocatedAmountSet { ${MONEY} } }
  taxLines { priceSet { ${MONEY} } }`

const REFUND = `id createdAt processedAt note totalRefundedSet { ${MONEY} }`

const FULFILMENT = `
  id createdAt status displayStatus deliveredAt estimatedDeliveryAt
  trackingInfo(first: 2) { company number url }`

const ORDER = `
  id name createdAt updatedAt processedAt cancelledAt cancelReason closedAt test
  displayFinancialStatus displayFulfillmentStatus sourceName tags note taxesIncluded discountCodes paymentGatewayNames
  billingAddressMatchesShippingAddress
  subtotalPriceSet { ${MONEY} }
  totalDiscountsSet { ${MONEY} }
  totalShippingPriceSet { ${MONEY} }
  totalTaxSet { ${MONEY} }
  totalPriceSet { ${MONEY} }
  currentTotalPriceSet { ${MONEY} }
  totalRefundedSet { ${MONEY} }
  totalOutstandingSet { ${MONEY} }
  customer { id numberOfOrders }
  shippingAddress { countryCodeV2 }
  billingAddress { countryCodeV2 }
  risk { recommendation assessments { riskLevel facts { description sentiment } } }`

const Orders = /* GraphQL */ `
query Orders($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    pageInfo { hasNextPage endCursor }
    nodes {
      ${ORDER}
      refunds(first: ${LIST_LIMIT}) { ${REFUND} }
      fulfillments(first: ${LIST_LIMIT}) { ${FULFILMENT} }
      lineItems(first: 6) { pageInfo { hasNextPage endCursor } nodes { ${LINE} } }
    }
  }
}`

const OrderById = /* GraphQL */ `
query OrderById($id: ID!) {
  order(id: $id) {
    ${ORDER}
    refunds(first: ${LIST_LIMIT}) { ${REFUND} }
    fulfillments(first: ${LIST_LIMIT}) { ${FULFILMENT} }
    lineItems(first: 6) { pageInfo { hasNextPage endCursor } nodes { ${LINE} } }
  }
}`

/** The lines after the first page of them. */
const OrderLines = /* GraphQL */ `
query OrderLines($id: ID!, $first: Int!, $after: String) {
  order(id: $id) {
    lineItems(first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { ${LINE} } }
  }
}`

/** For an order that filled the short lists of the page. */
const OrderLists = /* GraphQL */ `
query OrderLists($id: ID!) {
  order(id: $id) {
    refunds(first: 50) { ${REFUND} }
    fulfillments(first: 50) { ${FULFILMENT} }
  }
}`

/** What was refunded in refunds that are known to exist. `after` continues the lines of a single one. */
const RefundLines = /* GraphQL */ `
query RefundLines($ids: [ID!]!, $after: String) {
  nodes(ids: $ids) {
    __typename
    ... on Refund {
      id
      refundLineItems(first: 10, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          quantity restockType restocked
          lineItem { id }
          subtotalSet { ${MONEY} }
          totalTaxSet { ${MONEY} }
        }
      }
      refundShippingLines(first: 3) { nodes { subtotalAmountSet { ${MONEY} } taxAmountSet { ${MONEY} } } }
      orderAdjustments(first: 3) { nodes { amountSet { ${MONEY} } taxAmountSet { ${MONEY} } } }
    }
  }
}`

/** For a bulk operation, which takes no connection below a list: the lines of refunds are asked for afterwards. The filter is written into it. */
const BulkOrders = /* GraphQL */ `
query BulkOrders($query: String!) {
  orders(query: $query, sortKey: CREATED_AT) {
    edges {
      node {
        __typename
        ${ORDER}
        refunds { ${REFUND} }
        fulfillments { ${FULFILMENT} }
        lineItems { edges { node { __typename ${LINE} } } }
      }
    }
  }
}`

const FulfilmentOrders = /* GraphQL */ `
query FulfilmentOrders($id: ID!) {
  order(id: $id) {
    id
    fulfillmentOrders(first: 20) {
      nodes { id status fulfillmentHolds { id handle reason heldByRequestingApp } }
    }
  }
}`

/** What Shopify would give back, and through which payments. */
const SuggestedRefund = /* GraphQL */ `
query SuggestedRefund($id: ID!, $lines: [RefundLineItemInput!]!, $shipping: Money) {
  order(id: $id) {
    id
    suggestedRefund(refundLineItems: $lines, shippingAmount: $shipping) {
      amountSet { ${MONEY} }
      suggestedTransactions { gateway kind amountSet { ${MONEY} } parentTransaction { id } }
    }
  }
}`

export const orderDocuments = { Orders, OrderById, OrderLines, OrderLists, RefundLines, BulkOrders, FulfilmentOrders, SuggestedRefund }
