// Which access scopes our features need, and what a token lacks of them.

interface Need {
  /** For people: what does not work without it. */
  feature: string
  /** One of these is enough; the first is the one to ask for. */
  scopes: readonly [string, ...string[]]
}

export const NEEDS: readonly Need[] = [
  { feature: 'orders (order_management, analytics, inventory_forecasting, recommendation)', scopes: ['read_orders'] },
  { feature: 'orders older than 60 days (forecasts, seasons, price history)', scopes: ['read_all_orders'] },
  { feature: 'tags and notes on orders, refunds (order_management, customer_support)', scopes: ['write_orders'] },
  {
    feature: 'reading fulfilment orders (order_management)',
    scopes: ['read_merchant_managed_fulfillment_orders', 'read_third_party_fulfillment_orders', 'read_assigned_fulfillment_orders']
  },
  {
    feature: 'holding fulfilment (order_management)',
    scopes: ['write_merchant_managed_fulfillment_orders', 'write_third_party_fulfillment_orders']
  },
  { feature: 'products, prices and costs (pricing_optimizer, product_research, recommendation)', scopes: ['read_products'] },
  { feature: 'price changes, drafts and recommendations (pricing_optimizer, product_research, recommendation)', scopes: ['write_products'] },
  { feature: 'stock (inventory_forecasting, pricing_optimizer)', scopes: ['read_inventory'] },
  { feature: 'stock corrections', scopes: ['write_inventory'] },
  { feature: 'locations (inventory_forecasting)', scopes: ['read_locations'] },
  { feature: 'customers and their consent (marketing_automation, customer_support, analytics)', scopes: ['read_customers'] },
  { feature: 'segments (marketing_automation)', scopes: ['write_customers'] },
  { feature: 'reading discount codes (marketing_automation)', scopes: ['read_discounts'] },
  { feature: 'discount codes (marketing_automation)', scopes: ['write_discounts'] },
  { feature: "the shop's policies (customer_support)", scopes: ['read_legal_policies'] }
]

export interface MissingScope {
  scope: string
  features: string[]
}

/** What the granted scopes leave out. A scope to write includes the one to read. */
export const missingScopes = (granted: Iterable<string>): MissingScope[] => {
  const have = new Set(granted)
  const missing = new Map<string, string[]>()
  for (const { feature, scopes } of NEEDS) {
    if (scopes.some((scope) => have.has(scope) || have.has(scope.replace(/^read_/, 'write_')))) continue
    missing.set(scopes[0], [...missing.get(scopes[0]) ?? [], feature])
  }
  return [...missing].map(([scope, features]) => ({ scope, features }))
}
