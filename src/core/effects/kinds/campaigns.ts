// Segments, discount codes, drafts of products and what goes with a product.
import type { Variant } from '../../commerce.ts'
import { compareMoney, scaleMoney } from '../../money.ts'
import type { EffectItem } from '../items.ts'
import { floorOf } from '../policy.ts'
import { shopFacts, type EffectKind, type ShopAccess } from './kind.ts'

const facts: EffectKind['facts'] = async (items, access) => items.map(() => shopFacts(access))

export const segment: EffectKind<'segment'> = {
  class: 'segment',
  lane: 'marketing',
  target: ({ name }) => `segment:${name}`,
  facts,
  async look ({ name, query }, _key, { commerce, signal }) {
    for await (const known of commerce.segments(name, { signal })) {
      if (known.name === name) return { state: known.query === query ? 'after' : 'other', current: { id: known.id, query: known.query } }
    }
    return { state: 'before', current: null }
  },
  async make ({ name, query }, key, { commerce, signal }) {
    const { result } = await commerce.createSegment({ name, query }, { effect_key: key, signal })
    return { id: result.id, name: result.name, query: result.query }
  }
}

export const discountCode: EffectKind<'discount_code'> = {
  class: 'discount_code',
  lane: 'marketing',
  target: ({ code }) => `discount:${code}`,

  async facts (items, access, rules) {
    const list: Array<Awaited<ReturnType<EffectKind['facts']>>[number]> = []
    for (const item of items) {
      const counts = { variants: 0, below_floor: 0, unknown_floor: 0 }
      for await (const variant of covered(item, access)) {
        counts.variants += 1
        const cost = variant.unit_cost
        const floor = cost !== null && cost.currency !== access.shop.currency ? null : floorOf(rules, cost, access.shop.taxes_included)
        const price = scaleMoney(variant.price, (1 - item.percentage).toFixed(6), '1', 'down')
        if (floor === null) counts.unknown_floor += 1
        else if (compareMoney(price, floor) < 0) counts.below_floor += 1
      }
      list.push({ ...shopFacts(access), discounted: counts })
    }
    return list
  },

  async look ({ code, title, ends_at: endsAt }, _key, { commerce, signal }) {
    const known = await commerce.discountCode(code, { signal })
    if (known === null) return { state: 'before', current: null }
    const current = { id: known.id, title: known.title, status: known.status, ends_at: known.ends_at, usage_limit: known.usage_limit }
    // The shop keeps whole seconds.
    const same = known.title === title && known.ends_at !== null && Math.abs(known.ends_at - endsAt) < 1_000
    return { state: same ? 'after' : 'other', current }
  },

  async make ({ percentage, minimum_subtotal: minimum, currency: _currency, cost_per_use: _cost, ...plan }, key, { commerce, signal }) {
    const discount = { ...plan, value: { percentage }, ...(minimum === undefined ? {} : { minimum_subtotal: minimum }) }
    const { result } = await commerce.createDiscountCode(discount, { effect_key: key, signal })
    return { id: result.id, code: result.code, status: result.status }
  },

  undo: {
    restores: false,
    item: ({ item }) => item as EffectItem<'discount_code'>,
    async make ({ item, result }, key, { commerce, signal }) {
      const { code } = item as EffectItem<'discount_code'>
      const id = (result as { id?: string } | null)?.id ?? (await commerce.discountCode(code, { signal }))?.id
      if (id === undefined) return { status: 'GONE' }
      return { ...(await commerce.deactivateDiscountCode(id, { effect_key: key, signal })).result }
    }
  }
}

async function * covered (item: EffectItem<'discount_code'>, { commerce, signal }: ShopAccess): AsyncGenerator<Variant> {
  if (item.product_ids.length === 0) return yield * commerce.variants({ status: 'active' }, { signal, bulk: true })
  for (const id of item.product_ids) yield * commerce.variants({ product_id: id }, { signal })
}

export const draftProduct: EffectKind<'draft_product'> = {
  class: 'draft_product',
  lane: 'research',
  target: ({ handle }) => `product:${handle}`,
  facts,
  async look ({ handle }, _key, { commerce, signal }) {
    const known = await commerce.productByHandle(handle, { signal })
    return known === null
      ? { state: 'before', current: null }
      : { state: known.status === 'DRAFT' ? 'after' : 'other', current: { id: known.id, status: known.status } }
  },
  async make ({ currency: _currency, ...plan }, key, { commerce, signal }) {
    const { result } = await commerce.createDraftProduct(plan, { effect_key: key, signal })
    return { id: result.id, handle: result.handle, status: result.status }
  }
}

const listOf = (products: string[]): string => JSON.stringify(products)

export const recommendation: EffectKind<'recommendation'> = {
  class: 'recommendation',
  lane: 'marketing',
  target: ({ product_id: id, namespace, key }) => `metafield:${id}:${namespace}.${key}`,
  facts,
  async look ({ product_id: id, namespace, key: name, products, expected_digest: digest }, _key, { commerce, signal }) {
    const [known] = await commerce.metafields([id], { namespace, key: name }, { signal })
    if (known === undefined) return { state: digest === null ? 'before' : 'other', current: null }
    const current = { value: known.value, digest: known.digest }
    if (known.value === listOf(products)) return { state: 'after', current }
    return { state: known.digest === digest ? 'before' : 'other', current }
  },
  async make (item, key, { commerce, signal }) {
    const { result } = await commerce.setMetafields([metafieldOf(item)], { effect_key: key, signal })
    return { digest: result[0]?.digest ?? null }
  },
  undo: {
    restores: true,
    item: ({ item, before, after }) =>
      ({ ...item as EffectItem<'recommendation'>, products: productsBefore(before) as [string, ...string[]], expected_digest: digestAfter(after) }),
    async make ({ item, before, after }, key, { commerce, signal }) {
      const digest = digestAfter(after)
      const plan = { ...metafieldOf({ ...item as EffectItem<'recommendation'>, expected_digest: digest }), value: listOf(productsBefore(before)) }
      return { digest: (await commerce.setMetafields([plan], { effect_key: key, signal })).result[0]?.digest ?? null }
    }
  }
}

const metafieldOf = ({ product_id: id, namespace, key, products, expected_digest: digest }: EffectItem<'recommendation'>) => ({
  owner_id: id, namespace, key, type: 'list.product_reference', value: listOf(products), expected_digest: digest
})

/** As the change was read back; what was found done after a crash has no answer of its own. */
const digestAfter = (after: unknown): string | null => (after as { digest?: string } | null)?.digest ?? null

/** A list that was not there before is left empty: the shop shows an empty one as none. */
const productsBefore = (before: unknown): string[] => {
  const value = (before as { value?: string } | null)?.value
  return value === undefined ? [] : JSON.parse(value) as string[]
}
