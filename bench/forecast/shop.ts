// The sandbox's shop as a sample: what its orders say by day and variant, and on which days it had nothing left.
import { addDays, dayOf } from '../../sandbox/shop/calendar.ts'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { gid } from '../../sandbox/shop/records.ts'
import { dailyDemand, markStockOuts } from '../../src/agents/inventory-forecasting/daily-demand.ts'
import { daysBetween } from '../../src/agents/shop/days.ts'
import { soldOrdersOf } from '../../test/helpers/sandbox-history.ts'
import type { Sample } from './evaluate.ts'

const TODAY = '2026-11-24'

export const shopSample = async (): Promise<Sample> => {
  const shop = generateShop({ today: TODAY })
  const variants = shop.variants.filter(({ product, item }) => product.status === 'ACTIVE' && item.tracked)
  const places = new Map(variants.map(({ id }, place) => [gid('ProductVariant', id), place]))
  const range = { from: shop.start, to: addDays(TODAY, -1), timeZone: shop.timezone }
  const { units, days } = await dailyDemand(soldOrdersOf(shop), places, range, () => undefined)
  const censored = new Uint8Array(units.length)
  const outs = variants.map(({ id, sku }) => [gid('ProductVariant', id), shop.truth.demand[sku]!.stockOutDays.map((day) => ({ day, available: 0 }))] as const)
  markStockOuts(censored, new Map(outs), places, range)
  const groups = new Map([...new Set(variants.map(({ product }) => product.type))].map((type, number) => [type, number]))
  return {
    variants: variants.length,
    days,
    period: 7,
    units,
    censored,
    groups: Int32Array.from(variants, ({ product }) => groups.get(product.type)!),
    starts: Int32Array.from(variants, ({ createdAt }) => Math.max(0, Math.min(days, daysBetween(range.from, dayOf(createdAt)))))
  }
}
