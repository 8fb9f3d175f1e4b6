// What lies in stock far longer than it sells, by type of product.
import type { Variant } from '../../core/commerce.ts'
import { addMoney, multiplyMoney, type Money } from '../../core/money.ts'
import { oneLine } from '../wording.ts'
import { availableOf } from '../shop/stock.ts'

const DAY = 86_400_000
/** Sales of so many days tell how fast a product sells. Younger products are not judged. */
export const SALES_DAYS = 90
const LEAST_UNITS = 10
const LONGEST_TYPE = 60

export interface OverstockedProduct {
  id: string
  title: string
  type: string
  available: number
  sold: number
  /** Days that the stock lasts at the pace of the last 90 days; null: none was sold. */
  cover: number | null
  /** At unit cost; null: a cost is unknown. */
  value: Money | null
  variants: Variant[]
}

export interface Overstock {
  looked_at: number
  too_young: number
  untracked: number
  /** The most stock first. */
  products: OverstockedProduct[]
}

export const overstockOf = (
  variants: Iterable<Variant>, units: ReadonlyMap<string, number>, { now, coverDays }: { now: number, coverDays: number }
): Overstock => {
  const byProduct = new Map<string, Variant[]>()
  for (const variant of variants) {
    if (variant.status !== 'ACTIVE' || variant.published_at === null || variant.published_at > now) continue
    const own = byProduct.get(variant.product_id)
    if (own === undefined) byProduct.set(variant.product_id, [variant])
    else own.push(variant)
  }
  const found: Overstock = { looked_at: byProduct.size, too_young: 0, untracked: 0, products: [] }
  for (const [id, own] of byProduct) {
    if (Math.min(...own.map(({ created_at: at }) => at)) > now - SALES_DAYS * DAY) {
      found.too_young += 1
      continue
    }
    const levels = own.map(availableOf)
    if (levels.includes(null)) {
      found.untracked += 1
      continue
    }
    const available = levels.reduce<number>((sum, level) => sum + Math.max(0, level!), 0)
    const sold = Math.max(0, units.get(id) ?? 0)
    const cover = sold === 0 ? null : available / (sold / SALES_DAYS)
    if (available < LEAST_UNITS || (cover !== null && cover < coverDays)) continue
    const { product_title: title, product_type: type } = own[0]!
    found.products.push({
      id, title: oneLine(title, 200) || id, type: oneLine(type, LONGEST_TYPE), available, sold, cover, value: valueOf(own), variants: own
    })
  }
  found.products.sort((a, b) => b.available - a.available || (a.id < b.id ? -1 : 1))
  return found
}

const valueOf = (variants: readonly Variant[]): Money | null => {
  let value: Money | null = null
  for (const variant of variants) {
    const units = Math.max(0, availableOf(variant) ?? 0)
    if (units === 0) continue
    if (variant.unit_cost === null) return null
    const own = multiplyMoney(variant.unit_cost, units)
    value = value === null ? own : addMoney(value, own)
  }
  return value
}

/** Types with the most overstocked units. What has no type has no customers of its type. */
export const overstockedTypes = (products: readonly OverstockedProduct[], atMost: number): string[] => {
  const units = new Map<string, number>()
  for (const { type, available } of products) if (type !== '') units.set(type, (units.get(type) ?? 0) + available)
  return [...units].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, atMost).map(([type]) => type)
}
