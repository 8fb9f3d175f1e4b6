// Open orders for which there is not enough: what was sold and is not there falls on the latest of them.
import type { Variant } from '../../core/commerce.ts'
import type { SoldOrder } from '../../core/shop-history.ts'
import { count, listed, oneLine } from '../wording.ts'
import type { Reason } from './attention.ts'
import { availableOf } from './stock.ts'

/** Orders that wait to be sent, with their lines; by their id. A variant whose stock is below zero is missing as often as that. */
export const shortagesOf = (waiting: readonly SoldOrder[], variants: Iterable<Variant>): Map<string, Reason> => {
  const missing = new Map<string, number>()
  for (const variant of variants) {
    const available = availableOf(variant)
    if (available !== null && available < 0) missing.set(variant.id, -available)
  }
  const short = new Map<string, Array<{ title: string, units: number }>>()
  for (const order of [...waiting].sort((a, b) => b.created_at - a.created_at)) {
    for (const { variant_id: id, title, current_quantity: quantity } of order.lines) {
      const lacking = id === null ? 0 : missing.get(id) ?? 0
      if (lacking === 0 || quantity === 0) continue
      const units = Math.min(lacking, quantity)
      missing.set(id!, lacking - units)
      short.set(order.id, [...short.get(order.id) ?? [], { title, units }])
    }
  }
  const created = new Map(waiting.map(({ id, created_at: at }) => [id, at]))
  return new Map([...short].map(([id, goods]) => [id, {
    code: 'out_of_stock',
    severity: 'medium',
    text: `${listed(goods.slice(0, 3).map(({ title, units }) => `${count(units, 'unit')} of “${oneLine(title, 60)}”`))} not in stock`,
    since: created.get(id)!
  } satisfies Reason]))
}
