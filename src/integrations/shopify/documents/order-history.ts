// Orders as they are kept in the local copy: what was sold and what went back, without names, notes and addresses.

import { LIST_LIMIT } from './limits.ts'

const MONEY = 'shopMoney { amount currencyCode }'

const ORDER = `
  id name createdAt updatedAt cancelledAt test displayFinancialStatus taxesIncluded discountCodes
  subtotalPriceSet { ${MONEY} }
  totalShippingPriceSet { ${MONEY} }
  totalTaxSet { ${MONEY} }
  totalPriceSet { ${MONEY} }
  customer { id numberOfOrders }
  shippingAddress { countryCodeV2 }
  billingAddress { countryCodeV2 }
  risk { recommendation }`

const LINE = `
  sku title quantity currentQuantity isGiftCard
  variant { id }
  product { id }
  originalUnitPriceSet { ${MONEY} }
  discountAllocations { allocatedAmountSet { ${MONEY} } }
  taxLines { priceSet { ${MONEY} } }`

const SENT = 'createdAt status'

const OrderHistory = /* GraphQL */ `
query OrderHistory($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    pageInfo { hasNextPage endCursor }
    nodes {
      ${ORDER}
      refunds(first: ${LIST_LIMIT}) { id }
      fulfillments(first: ${LIST_LIMIT}) { ${SENT} }
      lineItems(first: 6) { pageInfo { hasNextPage endCursor } nodes { id ${LINE} } }
    }
  }
}`

const BulkOrderHistory = /* GraphQL */ `
query BulkOrderHistory($query: String!) {
  orders(query: $query, sortKey: CREATED_AT) {
    edges {
      node {
        __typename
        ${ORDER}
        refunds { id }
        fulfillments { ${SENT} }
        lineItems { edges { node { __typename id ${LINE} } } }
      }
    }
  }
}`

const REFUND_LINES = `
  pageInfo { hasNextPage endCursor }
  nodes {
    quantity
    lineItem { id }
    subtotalSet { ${MONEY} }
  }`

const REFUND = `
  createdAt processedAt
  totalRefundedSet { ${MONEY} }
  refundShippingLines(first: 2) { nodes { subtotalAmountSet { ${MONEY} } } }`

/** A page of orders is paid for by the logarithm of its size, a list of ids by each of them: for many refunds this is a tenth of RefundHistory. */
const RefundsOfOrders = /* GraphQL */ `
query RefundsOfOrders($first: Int!, $query: String!) {
  orders(first: $first, query: $query, sortKey: CREATED_AT) {
    nodes {
      id
      refunds(first: 2) { id ${REFUND} refundLineItems(first: 5) { ${REFUND_LINES} } }
    }
  }
}`

/** Refunds that are known to exist. `after` continues the lines of a single one. */
const RefundHistory = /* GraphQL */ `
query RefundHistory($ids: [ID!]!, $after: String) {
  nodes(ids: $ids) {
    __typename
    ... on Refund { id ${REFUND} refundLineItems(first: 10, after: $after) { ${REFUND_LINES} } }
  }
}`

export const orderHistoryDocuments = { OrderHistory, BulkOrderHistory, RefundsOfOrders, RefundHistory }
