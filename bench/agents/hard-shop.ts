// A shop that does not reward raises: elasticities from 1 to 4 at margins of about a half, so that half of the prices are too high and half too low.
import { diceOf } from '../../sandbox/shop/random.ts'
import type { Variant } from '../../src/core/commerce.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'

const DAY = 86_400_000
const DAYS = 540
const PRODUCTS = 160
const TYPES = 8

export interface HardShop {
  orders: SoldOrder[]
  variants: Variant[]
  truth: Map<string, { elasticity: number, rate: number, price: number, cost: number }>
}

const text = (cents: number): string => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
const ending = (cents: number): number => Math.max(195, Math.round(cents / 100) * 100 - 5)

/** `truth.rate` is what sells a day at the current price. Prices are with 19 % VAT. */
export const makeHardShop = (seed: number, now: number): HardShop => {
  const shop: HardShop = { orders: [], variants: [], truth: new Map() }
  const lines: Array<{ at: number, variant: Variant, price: number, units: number }> = []
  for (let i = 0; i < PRODUCTS; i++) {
    const dice = diceOf(seed, 'hard', i)
    const base = ending(1_500 + 13_500 * dice.next() ** 2)
    const cost = Math.round(base / 1.19 * (0.4 + 0.2 * dice.next()))
    const elasticity = 1 + 3 * dice.next()
    const level = Math.exp(-0.5 + 1.1 * dice.normal())
    const changes = dice.between(2, 4)
    const prices = Array.from({ length: changes + 1 }, () => ending(base * dice.pick([0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15])))
    const price = prices[changes]!
    const variant: Variant = {
      id: `gid://shopify/ProductVariant/${i + 1}`,
      product_id: `gid://shopify/Product/${i + 1}`,
      product_title: `Article ${i + 1}`,
      title: 'Default Title',
      sku: `HARD-${i + 1}`,
      price: { amount: text(price), currency: 'EUR' },
      compare_at_price: null,
      unit_cost: { amount: text(cost), currency: 'EUR' },
      inventory_item_id: `gid://shopify/InventoryItem/${i + 1}`,
      tracked: false,
      sells_when_out_of_stock: true,
      levels: [],
      status: 'ACTIVE',
      published_at: 0,
      product_type: `Type ${i % TYPES}`,
      vendor: '',
      tags: [],
      created_at: 0,
      updated_at: 0,
      source: 'sandbox',
      read_at: now
    }
    shop.variants.push(variant)
    shop.truth.set(variant.id, { elasticity, rate: level * (price / base) ** -elasticity, price, cost })
    for (let day = 0; day < DAYS; day++) {
      const at = prices[Math.min(changes, Math.floor(day / DAYS * (changes + 1)))]!
      const bought = dice.poisson(level * (at / base) ** -elasticity)
      for (let n = 0; n < bought; n++) lines.push({ at: now - (DAYS - day) * DAY + Math.floor(DAY * dice.next()), variant, price: at, units: 1 })
    }
  }
  lines.sort((a, b) => a.at - b.at)
  shop.orders = lines.map(({ at, variant, price, units }, i) => ({
    id: `gid://shopify/Order/${i + 1}`,
    name: `#${i + 1}`,
    created_at: at,
    updated_at: at,
    cancelled_at: null,
    test: false,
    currency: 'EUR',
    taxes_included: true,
    financial_status: 'PAID',
    customer: null,
    shipping_country: 'DE',
    billing_country: 'DE',
    discount_codes: [],
    subtotal: text(price * units),
    discounts: '0.00',
    shipping: '0.00',
    tax: '0.00',
    total: text(price * units),
    risk: 'NONE',
    lines: [{
      variant_id: variant.id,
      product_id: variant.product_id,
      sku: variant.sku,
      title: variant.product_title,
      quantity: units,
      current_quantity: units,
      unit_price: text(price),
      total: text(price * units),
      tax: '0.00',
      gift_card: false
    }],
    refunds: [],
    first_sent_at: at
  }))
  return shop
}
