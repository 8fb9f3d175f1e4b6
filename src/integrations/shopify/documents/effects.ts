// What changes orders, prices and stock. Where Shopify takes an idempotency key, it gets one.

const SetPrices = /* GraphQL */ `
mutation SetPrices($productId: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $productId, variants: $variants, allowPartialUpdates: false) {
    productVariants { id price compareAtPrice }
    userErrors { field message code }
  }
}`

const SetInventory = /* GraphQL */ `
mutation SetInventory($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { name delta } }
    userErrors { field message code }
  }
}`

const AdjustInventory = /* GraphQL */ `
mutation AdjustInventory($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { name delta } }
    userErrors { field message code }
  }
}`

const AddTags = /* GraphQL */ `
mutation AddTags($id: ID!, $tags: [String!]!) {
  tagsAdd(id: $id, tags: $tags) {
    node { id __typename ... on Order { tags } }
    userErrors { field message }
  }
}`

const RemoveTags = /* GraphQL */ `
mutation RemoveTags($id: ID!, $tags: [String!]!) {
  tagsRemove(id: $id, tags: $tags) {
    node { id __typename ... on Order { tags } }
    userErrors { field message }
  }
}`

const SetOrderNote = /* GraphQL */ `
mutation SetOrderNote($id: ID!, $note: String!) {
  orderUpdate(input: { id: $id, note: $note }) {
    order { id note }
    userErrors { field message }
  }
}`

const HoldFulfilment = /* GraphQL */ `
mutation HoldFulfilment($id: ID!, $hold: FulfillmentOrderHoldInput!) {
  fulfillmentOrderHold(id: $id, fulfillmentHold: $hold) {
    fulfillmentHold { id handle }
    userErrors { field message code }
  }
}`

const ReleaseHold = /* GraphQL */ `
mutation ReleaseHold($id: ID!, $holdIds: [ID!]!) {
  fulfillmentOrderReleaseHold(id: $id, holdIds: $holdIds) {
    fulfillmentOrder { id status }
    userErrors { field message code }
  }
}`

const CreateRefund = /* GraphQL */ `
mutation CreateRefund($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id totalRefundedSet { shopMoney { amount currencyCode } } }
    userErrors { field message }
  }
}`

const CreateDraftProduct = /* GraphQL */ `
mutation CreateDraftProduct($input: ProductSetInput!) {
  productSet(input: $input, synchronous: true) {
    product { id handle status variants(first: 1) { nodes { id } } }
    userErrors { field message code }
  }
}`

const SetMetafields = /* GraphQL */ `
mutation SetMetafields($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { namespace key type value compareDigest }
    userErrors { field message code }
  }
}`

export const effectDocuments = {
  SetPrices,
  SetInventory,
  AdjustInventory,
  AddTags,
  RemoveTags,
  SetOrderNote,
  HoldFulfilment,
  ReleaseHold,
  CreateRefund,
  CreateDraftProduct,
  SetMetafields
}
