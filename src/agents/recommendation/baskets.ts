// What was bought together: orders as sets of products.
import type { SoldOrder } from '../../core/shop-history.ts'
import type { Slices } from '../shop/slices.ts'

export interface Basket {
  at: number
  customer: string | null
  /** Each once, as places in `products` of the Baskets. */
  products: number[]
}

export interface Baskets {
  /** Oldest first. */
  baskets: Basket[]
  /** Ids of the products. */
  products: string[]
  orders: number
  left_out: { test: number, cancelled: number, without_product: number }
}

/** Test and cancelled orders are no baskets; gift cards and lines without a product do not count. */
export const basketsOf = async (orders: AsyncIterable<SoldOrder>, slices: Slices): Promise<Baskets> => {
  const found: Baskets = { baskets: [], products: [], orders: 0, left_out: { test: 0, cancelled: 0, without_product: 0 } }
  const places = new Map<string, number>()
  for await (const { created_at: at, test, cancelled_at: cancelledAt, customer, lines } of orders) {
    if (slices.due()) await slices.pause()
    found.orders += 1
    if (test || cancelledAt !== null) {
      found.left_out[test ? 'test' : 'cancelled'] += 1
      continue
    }
    const products = new Set<number>()
    for (const { product_id: id, gift_card: giftCard } of lines) {
      if (id === null || giftCard) continue
      let place = places.get(id)
      if (place === undefined) places.set(id, place = found.products.push(id) - 1)
      products.add(place)
    }
    if (products.size === 0) found.left_out.without_product += 1
    else found.baskets.push({ at, customer: customer?.id ?? null, products: [...products] })
  }
  return found
}
