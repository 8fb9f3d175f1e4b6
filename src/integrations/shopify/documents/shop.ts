// What is asked of the shop itself: who it is, what we may do there, where its stock lies.

const Shop = /* GraphQL */ `
query Shop {
  shop {
    id name myshopifyDomain currencyCode ianaTimezone taxesIncluded
    plan { publicDisplayName }
    shopAddress { countryCodeV2 }
  }
}`

/** The cheapest question that needs a valid token: who are we, and what may we do? */
const AccessScopes = /* GraphQL */ `
query AccessScopes {
  shop { name myshopifyDomain plan { publicDisplayName } }
  currentAppInstallation { accessScopes { handle } }
}`

const Policies = /* GraphQL */ `
query Policies {
  shop { shopPolicies { type title body url } }
}`

const Locations = /* GraphQL */ `
query Locations($first: Int!, $after: String) {
  locations(first: $first, after: $after, includeInactive: true) {
    pageInfo { hasNextPage endCursor }
    nodes { id name isActive shipsInventory fulfillsOnlineOrders address { countryCode } }
  }
}`

export const shopDocuments = { Shop, AccessScopes, Policies, Locations }
