// Orders read slim, for adding up and for going through many: a whole order costs some ten times as much.

import { LIST_LIMIT } from './limits.ts'

const MONEY = 'shopMoney { amount currencyCode }'

const SALES = `
  id name createdAt updatedAt test cancelledAt displayFinancialStatus displayFulfillmentStatus taxesIncluded subtotalLineItemsQuantity
  subtotalPriceSet { ${MONEY} }
  totalDiscountsSet { ${MONEY} }
  totalShippingPriceSet { ${MONEY} }
  totalPriceSet { ${MONEY} }
  shippingLine { originalPriceSet { ${MONEY} } discountedPriceSet { ${MONEY} } }
  customer { id numberOfOrders }`

const GIVEN_BACK = 'id createdAt processedAt'

const OrderSales = /* GraphQL */ `
query OrderSales($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    pageInfo { hasNextPage endCursor }
    nodes {
      ${SALES}
      refunds(first: ${LIST_LIMIT}) { ${GIVEN_BACK} }
    }
  }
}`

const BulkOrderSales = /* GraphQL */ `
query BulkOrderSales($query: String!) {
  orders(query: $query, sortKey: CREATED_AT) {
    edges {
      node {
        __typename
        ${SALES}
        refunds { ${GIVEN_BACK} }
      }
    }
  }
}`

/** Goods of refunds that are known to exist. `after` continues the lines of a single one. */
const ReturnedGoods = /* GraphQL */ `
query ReturnedGoods($ids: [ID!]!, $after: String) {
  nodes(ids: $ids) {
    __typename
    ... on Refund {
      id
      totalRefundedSet { ${MONEY} }
      refundLineItems(first: 5, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { subtotalSet { ${MONEY} } }
      }
    }
  }
}`

const GOODS_LINE = `title quantity product { id } originalTotalSet { ${MONEY} }`

const OrderGoods = /* GraphQL */ `
query OrderGoods($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    pageInfo { hasNextPage endCursor }
    nodes {
      id name createdAt test cancelledAt
      lineItems(first: 6) { pageInfo { hasNextPage endCursor } nodes { ${GOODS_LINE} } }
    }
  }
}`

const BulkOrderGoods = /* GraphQL */ `
query BulkOrderGoods($query: String!) {
  orders(query: $query, sortKey: CREATED_AT) {
    edges {
      node {
        __typename
        id name createdAt test cancelledAt
        lineItems { edges { node { __typename id ${GOODS_LINE} } } }
      }
    }
  }
}`

const STATE = `
  id name createdAt cancelledAt closedAt test displayFinancialStatus displayFulfillmentStatus tags note paymentGatewayNames
  totalPriceSet { ${MONEY} }
  shippingAddress { countryCodeV2 }
  billingAddress { countryCodeV2 }
  risk { recommendation }`

const STATE_LINE = 'requiresShipping unfulfilledQuantity'

const SENDING = 'id createdAt status displayStatus deliveredAt estimatedDeliveryAt trackingInfo(first: 2) { company number url }'

const OrderStates = /* GraphQL */ `
query OrderStates($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    pageInfo { hasNextPage endCursor }
    nodes {
      ${STATE}
      fulfillments(first: ${LIST_LIMIT}) { ${SENDING} }
      lineItems(first: 6) { pageInfo { hasNextPage endCursor } nodes { ${STATE_LINE} } }
    }
  }
}`

const BulkOrderStates = /* GraphQL */ `
query BulkOrderStates($query: String!) {
  orders(query: $query, sortKey: CREATED_AT) {
    edges {
      node {
        __typename
        ${STATE}
        fulfillments { ${SENDING} }
        lineItems { edges { node { __typename id ${STATE_LINE} } } }
      }
    }
  }
}`

export const orderSalesDocuments = { OrderSales, BulkOrderSales, ReturnedGoods, OrderGoods, BulkOrderGoods, OrderStates, BulkOrderStates }
