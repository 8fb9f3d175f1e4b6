// Customers without their names and addresses, what they left behind at the checkout, segments and discount codes.

const MONEY = 'shopMoney { amount currencyCode }'

const CUSTOMER = `
  id createdAt updatedAt numberOfOrders locale tags dataSaleOptOut
  amountSpent { amount currencyCode }
  lastOrder { createdAt }
  defaultAddress { countryCodeV2 }
  defaultEmailAddress { marketingState marketingUpdatedAt }
  defaultPhoneNumber { smsMarketingConsent { state updatedAt } }`

const Customers = /* GraphQL */ `
query Customers($first: Int!, $after: String, $query: String!) {
  customers(first: $first, after: $after, query: $query, sortKey: ID) {
    pageInfo { hasNextPage endCursor }
    nodes { ${CUSTOMER} }
  }
}`

const BulkCustomers = /* GraphQL */ `
query BulkCustomers($query: String!) {
  customers(query: $query) { edges { node { __typename ${CUSTOMER} } } }
}`

const AbandonedCheckouts = /* GraphQL */ `
query AbandonedCheckouts($first: Int!, $after: String, $query: String!) {
  abandonedCheckouts(first: $first, after: $after, query: $query, sortKey: CREATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes {
      id createdAt updatedAt completedAt discountCodes abandonedCheckoutUrl
      customer { id }
      totalPriceSet { ${MONEY} }
      subtotalPriceSet { ${MONEY} }
      lineItems(first: 10) {
        pageInfo { hasNextPage endCursor }
        nodes { quantity sku title variant { id } product { id } discountedTotalPriceSet { ${MONEY} } }
      }
    }
  }
}`

const Segments = /* GraphQL */ `
query Segments($first: Int!, $after: String, $query: String!) {
  segments(first: $first, after: $after, query: $query) {
    pageInfo { hasNextPage endCursor }
    nodes { id name query }
  }
}`

const DISCOUNT = `
  id
  codeDiscount {
    __typename
    ... on DiscountCodeBasic { title status startsAt endsAt usageLimit asyncUsageCount codes(first: 1) { nodes { code } } }
  }`

const DiscountByCode = /* GraphQL */ `
query DiscountByCode($code: String!) {
  codeDiscountNodeByCode(code: $code) { ${DISCOUNT} }
}`

const CreateDiscountCode = /* GraphQL */ `
mutation CreateDiscountCode($input: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $input) {
    codeDiscountNode { ${DISCOUNT} }
    userErrors { field message code }
  }
}`

const DeactivateDiscountCode = /* GraphQL */ `
mutation DeactivateDiscountCode($id: ID!) {
  discountCodeDeactivate(id: $id) {
    codeDiscountNode { ${DISCOUNT} }
    userErrors { field message code }
  }
}`

const CreateSegment = /* GraphQL */ `
mutation CreateSegment($name: String!, $query: String!) {
  segmentCreate(name: $name, query: $query) {
    segment { id name query }
    userErrors { field message }
  }
}`

export const customerDocuments = {
  Customers,
  BulkCustomers,
  AbandonedCheckouts,
  Segments,
  DiscountByCode,
  CreateDiscountCode,
  DeactivateDiscountCode,
  CreateSegment
}
