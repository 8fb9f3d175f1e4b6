// Changing the price of a variant.
import { CommerceError } from '../../commerce-error.ts'
import type { Variant } from '../../commerce.ts'
import { compareMoney, type Money } from '../../money.ts'
import type { EffectItem } from '../items.ts'
import { shopFacts, type EffectKind, type ShopAccess } from './kind.ts'

type Item = EffectItem<'price_change'>

export const priceChange: EffectKind<'price_change'> = {
  class: 'price_change',
  lane: 'pricing',
  target: ({ variant_id: id }) => `variant:${id}`,

  async facts (items, access) {
    const variants = await readVariants(items.map((item) => item.variant_id), access)
    return items.map((item) => {
      const variant = variants.get(item.variant_id)
      // A variant of another product than the plan says is not the thing that was planned for.
      if (variant === undefined || variant.product_id !== item.product_id) return undefined
      return {
        ...shopFacts(access),
        variant: {
          sku: variant.sku,
          price: variant.price,
          compare_at_price: variant.compare_at_price,
          unit_cost: variant.unit_cost,
          available: availableOf(variant),
          past: []
        }
      }
    })
  },

  async look (item, _key, access) {
    const variant = (await readVariants([item.variant_id], access)).get(item.variant_id)
    if (variant === undefined) return { state: 'other', current: null }
    const current = { price: variant.price.amount, compare_at_price: variant.compare_at_price?.amount ?? null }
    const { currency } = variant.price
    const is = (price: string, before: string | null): boolean => currency === item.currency &&
      sameAmount(variant.price, price) && (before === null ? variant.compare_at_price === null : sameAmount(variant.compare_at_price, before))
    if (is(item.price, item.compare_at_price)) return { state: 'after', current }
    return { state: is(item.expected_price, item.expected_compare_at_price) ? 'before' : 'other', current }
  },

  make: setPrice,

  undo: {
    restores: true,
    item: ({ item }) => swapped(item as Item),
    make: ({ item }, key, access) => setPrice(swapped(item as Item), key, access)
  }
}

async function setPrice (item: Item, key: string, { commerce, signal }: ShopAccess) {
  const change = {
    variant_id: item.variant_id,
    price: item.price,
    ...(item.compare_at_price === item.expected_compare_at_price ? {} : { compare_at_price: item.compare_at_price })
  }
  const { result } = await commerce.setPrices(item.product_id, [change], { effect_key: key, signal })
  return {
    prices: result.map(({ id, price, compare_at_price: before }) =>
      ({ variant_id: id, price: price.amount, compare_at_price: before?.amount ?? null }))
  }
}

const swapped = (item: Item): Item => ({
  ...item,
  price: item.expected_price,
  expected_price: item.price,
  compare_at_price: item.expected_compare_at_price,
  expected_compare_at_price: item.compare_at_price
})

const sameAmount = (money: Money | null, amount: string): boolean => money !== null && compareMoney(money, { amount, currency: money.currency }) === 0

/** Those that exist. One that is gone does not hide the others. */
const readVariants = async (ids: string[], { commerce, signal }: Pick<ShopAccess, 'commerce' | 'signal'>): Promise<Map<string, Variant>> => {
  try {
    return new Map((await commerce.variantsById([...new Set(ids)], { signal })).map((variant) => [variant.id, variant]))
  } catch (error) {
    if (!(error instanceof CommerceError) || error.code !== 'shop_not_found') throw error
    if (ids.length === 1) return new Map()
    const found = new Map<string, Variant>()
    for (const id of new Set(ids)) {
      for (const [known, variant] of await readVariants([id], { commerce, signal })) found.set(known, variant)
    }
    return found
  }
}

/** Null: the shop does not count it. */
const availableOf = ({ tracked, levels }: Variant): number | null => tracked ? levels.reduce((sum, level) => sum + level.available, 0) : null
