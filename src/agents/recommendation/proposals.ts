// Puts changed lists into proposals that a person can decide on, a type of product each.
import type { DraftOf } from '../../core/effects/proposal.ts'
import { figure } from '../wording.ts'
import type { Shown } from './catalogue.ts'
import type { Terms } from './companions.ts'
import { METAFIELD, type ProductList } from './lists.ts'

/** Of one proposal. */
const ITEMS_AT_MOST = 50

/**
 * The batch of a product: its type, and its place among all products of the type by age, so that a run that changes one list replaces one
 * proposal and no other.
 */
export const batchesOf = (catalogue: Iterable<Shown>): Map<string, string> => {
  const groups = new Map<string, string[]>()
  for (const { id, type } of catalogue) {
    const group = groupOf(type)
    const ids = groups.get(group)
    if (ids === undefined) groups.set(group, [id])
    else ids.push(id)
  }
  const batches = new Map<string, string>()
  for (const [group, ids] of groups) {
    // Ids grow: a new product goes to the end and moves no other.
    ids.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).forEach((id, place) => {
      batches.set(id, `${group}:${Math.floor(place / ITEMS_AT_MOST) + 1}`)
    })
  }
  return batches
}

/** The type is anybody's text: what is left of it can stand in a key. */
const groupOf = (type: string): string => (type.normalize('NFKC').toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).join('-').slice(0, 60) || 'without-type'

export interface Quality {
  /** The figures of the hold-out in a sentence. */
  sentence: string
  hit_rate: number | null
  bestseller_hit_rate: number | null
}

export const proposalsFor = (
  changed: readonly ProductList[], batches: ReadonlyMap<string, string>, quality: Quality, terms: Terms
): Array<DraftOf<'recommendation'>> => {
  const groups = new Map<string, ProductList[]>()
  for (const list of changed) {
    const batch = batches.get(list.owner.id) ?? 'without-type:1'
    const known = groups.get(batch)
    if (known === undefined) groups.set(batch, [list])
    else known.push(list)
  }
  return [...groups].sort(([a], [b]) => a < b ? -1 : 1).map(([batch, lists]) => proposalFor(batch, lists, quality, terms))
}

const proposalFor = (batch: string, lists: ProductList[], quality: Quality, terms: Terms): DraftOf<'recommendation'> => {
  const type = lists[0]!.owner.type || 'products without a type'
  const unlike = lists.filter(({ kind }) => kind === 'bestsellers_of_type').length
  return {
    class: 'recommendation',
    key: `recommendation:${batch}`,
    title: `Show what goes with ${lists.length === 1 ? `“${lists[0]!.owner.title}”` : `${lists.length} products of ${type}`}.`,
    rationale: [
      `Complementary products by what was ordered together, at least ${terms.min_support} times, recent orders first; only products that are published and ` +
        'to be had. A list goes by the part of the companions that a product is to be expected to be, shrunken to what is popular now.',
      quality.sentence,
      ...(unlike === 0 ? [] : [`${unlike} of these lists are NOT from orders together: too little data, so bestsellers of the same type stand in.`]),
      ...lists.map((list) => lineOf(list, terms))
    ],
    items: lists.map(({ owner, entries, shown }) => ({
      product_id: owner.id,
      title: owner.title,
      ...METAFIELD,
      products: entries.map(({ product }) => product.id),
      expected_digest: shown?.digest ?? null
    })),
    evidence: {
      hit_rate: quality.hit_rate,
      bestseller_hit_rate: quality.bestseller_hit_rate,
      lists: lists.map(({ owner, orders, kind, entries, shown }) => ({
        product_id: owner.id,
        orders,
        kind,
        shown_now: shown?.products.slice(0, ITEMS_AT_MOST) ?? null,
        companions: entries.map(({ product, companion }) => ({
          product_id: product.id,
          orders_with_both: companion?.support ?? null,
          confidence: companion === undefined ? null : rounded(companion.confidence),
          lift: companion === undefined ? null : rounded(companion.lift)
        }))
      }))
    },
    expected_gain: null
  }
}

const lineOf = ({ owner, orders, kind, entries, shown }: ProductList, { prior }: Terms): string => {
  const before = shown === undefined ? 'none until now' : `${shown.products.length} until now`
  const first = entries[0]!
  if (kind === 'bestsellers_of_type' || first.companion === undefined) {
    return `“${owner.title}”: ${entries.length} bestsellers of the same type, not bought together (${before}).`
  }
  const { support, weight, seats, recent, share, lift } = first.companion
  return `“${owner.title}”: ${entries.length} (${before}); first “${first.product.title}”, in ${support} of ${figure(orders)} orders with it. By age: ` +
    `(${weight.toFixed(1)} + ${prior} x ${(100 * recent).toFixed(2)} %) / (${seats.toFixed(1)} + ${prior}) = ${(100 * share).toFixed(1)} % ` +
    `of its companions, lift ${lift.toFixed(1)}.`
}

const rounded = (value: number): number => Math.round(value * 1e4) / 1e4
