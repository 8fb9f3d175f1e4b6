// The list of each product, held against the one that the shop shows now.
import type { Metafield } from '../../core/commerce.ts'
import type { Slices } from '../shop/slices.ts'
import type { Shown } from './catalogue.ts'
import { companionsOf, type Companion, type Companions, type Terms } from './companions.ts'

/** Shopify's own place for them: themes with the block "complementary products" show it. */
export const METAFIELD = { namespace: 'shopify--discovery--product_recommendation', key: 'complementary_products' } as const
const METAFIELD_TYPE = 'list.product_reference'

/** What is shown already stays until something is better by so much: otherwise places would be swapped with every order. */
const KEEP = 1.1

export type Kind = 'co_purchase' | 'bestsellers_of_type'

export interface Entry {
  product: Shown
  /** Undefined: not bought together, only a bestseller of the same type. */
  companion?: Companion
}

export interface ProductList {
  owner: Shown
  /** Orders with the owner. */
  orders: number
  kind: Kind
  entries: Entry[]
  /** What the metafield holds now; undefined: it does not exist. */
  shown: { products: string[], digest: string } | undefined
}

export interface Lists {
  /** Products that are on show: active and published. */
  owners: number
  changed: ProductList[]
  unchanged: number
  too_little_data: number
  /** Of these, the products that show a list all the same: it is left as it is. */
  too_little_data_with_list: number
  /** The metafield exists with another type: somebody uses it for something else. */
  other_type: number
  bestsellers_of_type: number
  /** Candidates that were passed over, by reason, counted once a list. */
  passed_over: { not_active: number, not_published: number, out_of_stock: number, gone: number }
}

interface Known {
  /** Places and ids as in the Baskets. */
  products: readonly string[]
  companions: Companions
  catalogue: ReadonlyMap<string, Shown>
  /** By product id. */
  metafields: ReadonlyMap<string, Metafield>
}

export const listsOf = async (
  { products, companions, catalogue, metafields }: Known, { count, terms, fallback }: { count: number, terms: Terms, fallback: boolean }, slices: Slices
): Promise<Lists> => {
  const found: Lists = {
    owners: 0,
    changed: [],
    unchanged: 0,
    too_little_data: 0,
    too_little_data_with_list: 0,
    other_type: 0,
    bestsellers_of_type: 0,
    passed_over: { not_active: 0, not_published: 0, out_of_stock: 0, gone: 0 }
  }
  const places = new Map(products.map((id, place) => [id, place]))
  const orders = (id: string): number => companions.orders[places.get(id) ?? -1] ?? 0
  const bestsellers = fallback ? bestsellersByType(catalogue, orders) : new Map<string, Shown[]>()
  for (const owner of catalogue.values()) {
    if (slices.due()) await slices.pause()
    if (owner.hindrance === 'not_active' || owner.hindrance === 'not_published') continue
    found.owners += 1
    const metafield = metafields.get(owner.id)
    if (metafield !== undefined && metafield.type !== METAFIELD_TYPE) {
      found.other_type += 1
      continue
    }
    const shown = metafield === undefined ? undefined : { products: productsIn(metafield.value), digest: metafield.digest }
    const kept = new Set(shown?.products)
    const place = places.get(owner.id)
    const all = place === undefined ? [] : companionsOf(companions, place, terms, (companion) => kept.has(products[companion]!) ? KEEP : 1)
    const entries: Entry[] = []
    for (const companion of all) {
      if (entries.length === count) break
      const product = catalogue.get(products[companion.product]!)
      if (product === undefined) found.passed_over.gone += 1
      else if (product.hindrance !== null) found.passed_over[product.hindrance] += 1
      else if (product.id !== owner.id) entries.push({ product, companion })
    }
    let kind: Kind = 'co_purchase'
    if (entries.length === 0) {
      const others = (bestsellers.get(owner.type) ?? []).filter(({ id }) => id !== owner.id).slice(0, count)
      if (others.length === 0) {
        found.too_little_data += 1
        if (shown !== undefined && shown.products.length > 0) found.too_little_data_with_list += 1
        continue
      }
      kind = 'bestsellers_of_type'
      found.bestsellers_of_type += 1
      entries.push(...others.map((product) => ({ product })))
    }
    if (shown !== undefined && shown.products.length === entries.length && entries.every(({ product }) => kept.has(product.id))) found.unchanged += 1
    else found.changed.push({ owner, orders: place === undefined ? 0 : companions.orders[place]!, kind, entries, shown })
  }
  return found
}

/** The ids in the value of the metafield; none for a value that cannot be read. */
const productsIn = (value: string): string[] => {
  try {
    const list: unknown = JSON.parse(value)
    return Array.isArray(list) ? list.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}

const bestsellersByType = (catalogue: ReadonlyMap<string, Shown>, orders: (id: string) => number): Map<string, Shown[]> => {
  const found = new Map<string, Shown[]>()
  for (const product of catalogue.values()) {
    if (product.hindrance !== null || product.type === '' || orders(product.id) === 0) continue
    const list = found.get(product.type)
    if (list === undefined) found.set(product.type, [product])
    else list.push(product)
  }
  for (const list of found.values()) list.sort((a, b) => orders(b.id) - orders(a.id) || (a.id < b.id ? -1 : 1))
  return found
}
