// A generated demand as the history of a shop: orders that are made up while they are read, so that they need no memory.
import type { AgentContext } from '../../src/core/agent.ts'
import type { CommerceReader, Variant } from '../../src/core/commerce.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'
import { contextOf } from '../../test/helpers/agent-context.ts'
import type { Demand } from './demand.ts'

const DAY = 86_400_000
const TODAY = Date.parse('2026-11-24T00:00:00Z')
const LINES = 3

export const contextOfDemand = (demand: Demand, signal: AbortSignal): AgentContext => {
  const shop = { timezone: 'UTC', currency: 'EUR' }
  const commerce = { source: 'sandbox', shop: async () => shop } as unknown as CommerceReader
  const coversFrom = TODAY - demand.days * DAY
  const { context } = contextOf({ now: TODAY + DAY / 4, coversFrom, variants: variantsOf(demand), ports: { commerce }, signal })
  return { ...context, history: { ...context.history!, orders: () => ordersOf(demand) } }
}

async function * ordersOf ({ variants, days, units }: Demand): AsyncGenerator<SoldOrder> {
  let number = 0
  for (let day = 0; day < days; day++) {
    let lines: SoldOrder['lines'] = []
    for (let variant = 0; variant <= variants; variant++) {
      const quantity = variant < variants ? units[variant * days + day]! : 0
      if (quantity > 0) lines.push(lineOf(variant, quantity))
      if (lines.length < LINES && (variant < variants || lines.length === 0)) continue
      number += 1
      yield orderOf(number, TODAY - (days - day) * DAY + DAY / 2, lines)
      lines = []
    }
  }
}

const idOf = (variant: number): string => `gid://shopify/ProductVariant/${variant + 1}`

const lineOf = (variant: number, quantity: number): SoldOrder['lines'][number] => ({
  variant_id: idOf(variant),
  product_id: null,
  sku: null,
  title: '',
  quantity,
  current_quantity: quantity,
  unit_price: '1.00',
  total: '1.00',
  tax: '0.00',
  gift_card: false
})

const orderOf = (number: number, at: number, lines: SoldOrder['lines']): SoldOrder => ({
  id: `gid://shopify/Order/${number}`,
  name: `#${number}`,
  created_at: at,
  updated_at: at,
  cancelled_at: null,
  test: false,
  currency: 'EUR',
  taxes_included: true,
  financial_status: 'PAID',
  customer: null,
  shipping_country: null,
  billing_country: null,
  discount_codes: [],
  subtotal: '1.00',
  discounts: '0.00',
  shipping: '0.00',
  tax: '0.00',
  total: '1.00',
  risk: 'NONE',
  lines,
  refunds: [],
  first_sent_at: null
})

const variantsOf = ({ variants, groups }: Demand): Variant[] => Array.from({ length: variants }, (_, variant) => ({
  id: idOf(variant),
  product_id: `gid://shopify/Product/${variant + 1}`,
  product_title: `Product ${variant + 1}`,
  title: 'Default Title',
  sku: `SKU-${variant + 1}`,
  price: { amount: '10.00', currency: 'EUR' },
  compare_at_price: null,
  unit_cost: { amount: '5.00', currency: 'EUR' },
  inventory_item_id: `gid://shopify/InventoryItem/${variant + 1}`,
  tracked: true,
  sells_when_out_of_stock: false,
  levels: [{ location_id: 'gid://shopify/Location/1', available: variant % 40, on_hand: variant % 40, committed: 0, incoming: 0 }],
  status: 'ACTIVE',
  published_at: 0,
  product_type: `Type ${groups[variant]}`,
  vendor: '',
  tags: [],
  created_at: 0,
  updated_at: 0,
  source: 'sandbox',
  read_at: TODAY
}))
