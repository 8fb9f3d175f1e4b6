// Which products may be shown beside another one: active, published, and to be had.
import type { Variant } from '../../core/commerce.ts'
import { oneLine } from '../wording.ts'
import { availableOf } from '../shop/stock.ts'

export type Hindrance = 'not_active' | 'not_published' | 'out_of_stock'

export interface Shown {
  id: string
  title: string
  type: string
  /** Why it is not recommended; null: it may be. */
  hindrance: Hindrance | null
}

const LONGEST_TITLE = 200

/** By product id. `now`: what is published later is not published yet. */
export const catalogueOf = (variants: Iterable<Variant>, now: number): Map<string, Shown> => {
  const found = new Map<string, Shown>()
  for (const variant of variants) {
    const { product_id: id, product_title: title, product_type: type, status, published_at: publishedAt } = variant
    const hindrance = status !== 'ACTIVE'
      ? 'not_active'
      : publishedAt === null || publishedAt > now
        ? 'not_published'
        : toBeHad(variant) ? null : 'out_of_stock'
    const known = found.get(id)
    if (known === undefined) found.set(id, { id, title: oneLine(title, LONGEST_TITLE) || id, type: oneLine(type, LONGEST_TITLE), hindrance })
    // One variant that can be bought is enough.
    else if (known.hindrance === 'out_of_stock') known.hindrance = hindrance
  }
  return found
}

const toBeHad = (variant: Variant): boolean => {
  const available = availableOf(variant)
  return available === null || available > 0 || variant.sells_when_out_of_stock
}
