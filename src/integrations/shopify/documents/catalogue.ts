// Variants with price, cost and stock, products by handle, and metafields.

const VARIANT = `
  id title sku price compareAtPrice inventoryPolicy createdAt updatedAt
  product { id title status publishedAt productType vendor tags }
  inventoryItem {
    id tracked
    unitCost { amount currencyCode }`

const LEVEL = 'location { id } quantities(names: ["available", "on_hand", "committed", "incoming"]) { name quantity }'

const Variants = /* GraphQL */ `
query Variants($first: Int!, $after: String, $query: String!) {
  productVariants(first: $first, after: $after, query: $query, sortKey: ID) {
    pageInfo { hasNextPage endCursor }
    nodes {
      ${VARIANT}
        inventoryLevels(first: 5) { pageInfo { hasNextPage endCursor } nodes { ${LEVEL} } }
      }
    }
  }
}`

const VariantsById = /* GraphQL */ `
query VariantsById($ids: [ID!]!) {
  nodes(ids: $ids) {
    __typename
    ... on ProductVariant {
      ${VARIANT}
        inventoryLevels(first: 5) { pageInfo { hasNextPage endCursor } nodes { ${LEVEL} } }
      }
    }
  }
}`

/** The levels after the first page of them. */
const InventoryLevels = /* GraphQL */ `
query InventoryLevels($id: ID!, $first: Int!, $after: String) {
  inventoryItem(id: $id) {
    inventoryLevels(first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { ${LEVEL} } }
  }
}`

const BulkVariants = /* GraphQL */ `
query BulkVariants($query: String!) {
  productVariants(query: $query) {
    edges {
      node {
        __typename
        ${VARIANT}
          inventoryLevels { edges { node { __typename id ${LEVEL} } } }
        }
      }
    }
  }
}`

const ProductByHandle = /* GraphQL */ `
query ProductByHandle($handle: String!) {
  productByIdentifier(identifier: { handle: $handle }) {
    id handle status
    variants(first: 1) { nodes { id } }
  }
}`

const Metafields = /* GraphQL */ `
query Metafields($ids: [ID!]!, $namespace: String!, $key: String!) {
  nodes(ids: $ids) {
    __typename
    id
    ... on Product { metafield(namespace: $namespace, key: $key) { namespace key type value compareDigest } }
    ... on ProductVariant { metafield(namespace: $namespace, key: $key) { namespace key type value compareDigest } }
    ... on Order { metafield(namespace: $namespace, key: $key) { namespace key type value compareDigest } }
    ... on Customer { metafield(namespace: $namespace, key: $key) { namespace key type value compareDigest } }
  }
}`

export const catalogueDocuments = { Variants, VariantsById, InventoryLevels, BulkVariants, ProductByHandle, Metafields }
