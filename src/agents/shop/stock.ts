// What the shop has left of each variant that it sells, and which ones run out.
import type { Variant } from '../../core/commerce.ts'

const LOW_UNTIL = 5

export type StockState = 'out' | 'low' | 'enough' | 'untracked'

/** Units to sell at all locations together; null: Shopify does not count this variant. Below zero: sold and not there. */
export const availableOf = ({ tracked, levels }: Variant): number | null =>
  tracked ? levels.reduce((sum, level) => sum + level.available, 0) : null

/** `out` from 0 down, `low` up to 5. */
export const stockStateOf = (variant: Variant): StockState => {
  const available = availableOf(variant)
  if (available === null) return 'untracked'
  return available <= 0 ? 'out' : available <= LOW_UNTIL ? 'low' : 'enough'
}

export interface StockOverview {
  /** Of active products. */
  products: number
  variants: number
  /** Out of stock, and low, of those that are counted. */
  out: Variant[]
  low: Variant[]
  untracked: number
}

/** What runs out, the least first, then by title. */
export const stockOverview = (variants: Iterable<Variant>): StockOverview => {
  const products = new Set<string>()
  const lists: Record<StockState, Variant[]> = { out: [], low: [], enough: [], untracked: [] }
  let count = 0
  for (const variant of variants) {
    if (variant.status !== 'ACTIVE') continue
    count += 1
    products.add(variant.product_id)
    lists[stockStateOf(variant)].push(variant)
  }
  return { products: products.size, variants: count, out: lists.out.sort(byStock), low: lists.low.sort(byStock), untracked: lists.untracked.length }
}

const byStock = (a: Variant, b: Variant): number =>
  (availableOf(a) ?? 0) - (availableOf(b) ?? 0) || compareText(a.product_title, b.product_title) || compareText(a.title, b.title)

const compareText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/** Active variants whose product, title or SKU has all of these words, or their singular; the closest title first. */
export const findVariants = (variants: Iterable<Variant>, words: readonly string[]): Variant[] => {
  const wanted = words.flatMap(textWords)
  const found: Array<{ variant: Variant, extra: number }> = []
  for (const variant of variants) {
    if (variant.status !== 'ACTIVE') continue
    const own = textWords(`${variant.product_title} ${variant.title} ${variant.sku ?? ''}`)
    if (wanted.every((word) => own.some((one) => one === word || (word.length > 2 && one.startsWith(word))))) found.push({ variant, extra: own.length })
  }
  return found.sort((a, b) => a.extra - b.extra || compareText(a.variant.product_title, b.variant.product_title) ||
    compareText(a.variant.title, b.variant.title)).map(({ variant }) => variant)
}

const textWords = (text: string): string[] => (text.normalize('NFKD').toLowerCase().replaceAll(/\p{M}/gu, '').match(/[\p{L}\p{N}]+/gu) ?? []).map(plain)

const plain = (word: string): string => word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
