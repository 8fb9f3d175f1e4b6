// Holding, tagging and noting an order, and giving money back.
import { CommerceError } from '../../commerce-error.ts'
import type { Order } from '../../commerce.ts'
import type { Json } from '../../model.ts'
import type { EffectItem } from '../items.ts'
import { shopFacts, type EffectKind, type Look, type ShopAccess } from './kind.ts'

const target = ({ order_id: id }: { order_id: string }): string => `order:${id}`
const facts: EffectKind['facts'] = async (items, access) => items.map(() => shopFacts(access))

/** Null: the shop has no such order. */
const readOrder = async (id: string, { commerce, signal }: ShopAccess): Promise<Order | null> => {
  try {
    return await commerce.order(id, { signal })
  } catch (error) {
    if (error instanceof CommerceError && error.code === 'shop_not_found') return null
    throw error
  }
}

/** How an order stands to an item; one that is gone is neither before nor after. */
const ofOrder = <I extends { order_id: string }>(judge: (item: I, order: Order, key: string) => Look) =>
  async (item: I, key: string, access: ShopAccess): Promise<Look> => {
    const order = await readOrder(item.order_id, access)
    return order === null ? { state: 'other', current: null } : judge(item, order, key)
  }

type Holds = { holds: Array<{ fulfilment_order_id: string, hold_id: string }> }

export const orderHold: EffectKind<'order_hold'> = {
  class: 'order_hold',
  lane: 'orders',
  target,
  facts,
  look: ofOrder<EffectItem<'order_hold'>>((_item, order) => {
    const current = { fulfilment_status: order.fulfilment_status, cancelled: order.cancelled_at !== null }
    if (order.fulfilment_status === 'ON_HOLD') return { state: 'after', current }
    const open = order.cancelled_at === null && order.fulfilment_status !== 'FULFILLED'
    return { state: open ? 'before' : 'other', current }
  }),
  async make ({ order_id: id, reason, note }, key, { commerce, signal }) {
    const { result } = await commerce.holdFulfilment(id, { reason, note }, { effect_key: key, signal })
    return { holds: result }
  },
  undo: {
    restores: false,
    item: ({ item }) => item as EffectItem<'order_hold'>,
    async make ({ result }, key, { commerce, signal }) {
      const holds = (result as Holds | null)?.holds ?? []
      if (holds.length === 0) throw new CommerceError('shop_conflict', 'The ledger does not name the holds that were set: release them in the shop.')
      for (const { fulfilment_order_id: id, hold_id: hold } of holds) await commerce.releaseHold(id, [hold], { effect_key: key, signal })
      return { released: holds }
    }
  }
}

export const orderTag: EffectKind<'order_tag'> = {
  class: 'order_tag',
  lane: 'orders',
  target,
  facts,
  look: ofOrder<EffectItem<'order_tag'>>((item, order) => {
    const missing = item.add.filter((tag) => !order.tags.includes(tag))
    return { state: missing.length === 0 ? 'after' : 'before', current: { tags: order.tags } }
  }),
  async make ({ order_id: id, add }, key, { commerce, signal }) {
    const { result } = await commerce.addOrderTags(id, add, { effect_key: key, signal })
    return { tags: result.tags }
  },
  undo: {
    restores: false,
    item: ({ item }) => item as EffectItem<'order_tag'>,
    async make ({ item, before }, key, { commerce, signal }) {
      const { order_id: id, add } = item as EffectItem<'order_tag'>
      const had = (before as { tags: string[] } | null)?.tags ?? []
      const { result } = await commerce.removeOrderTags(id, add.filter((tag) => !had.includes(tag)), { effect_key: key, signal })
      return { tags: result.tags }
    }
  }
}

export const orderNote: EffectKind<'order_note'> = {
  class: 'order_note',
  lane: 'orders',
  target: ({ order_id: id }) => `order_note:${id}`,
  facts,
  look: ofOrder<EffectItem<'order_note'>>((item, order) => {
    const current = { note: order.note }
    if ((order.note ?? '') === item.note) return { state: 'after', current }
    return { state: (order.note ?? '') === (item.expected_note ?? '') ? 'before' : 'other', current }
  }),
  make: async ({ order_id: id, note }, key, { commerce, signal }) => ({ ...(await commerce.setOrderNote(id, note, { effect_key: key, signal })).result }),
  undo: {
    restores: true,
    item: ({ item }) => {
      const { note, expected_note: expected, ...order } = item as EffectItem<'order_note'>
      return { ...order, note: expected ?? '', expected_note: note }
    },
    async make ({ item }, key, { commerce, signal }) {
      const { order_id: id, expected_note: note } = item as EffectItem<'order_note'>
      return { ...(await commerce.setOrderNote(id, note ?? '', { effect_key: key, signal })).result }
    }
  }
}

/** The note of a refund carries the key: a lost answer can be asked for. */
const marked = (note: string, key: string): string => `${note} [${key}]`

export const refund: EffectKind<'refund'> = {
  class: 'refund',
  lane: 'orders',
  target: ({ order_id: id }) => `refund:${id}`,
  facts,
  look: ofOrder<EffectItem<'refund'>>((item, order, key) => {
    const current: Json = { refunded: order.refunded.amount, refunds: order.refunds.map(({ id, note, total }) => ({ id, note, total: total.amount })) }
    if (order.refunds.some(({ note }) => note?.includes(`[${key}]`))) return { state: 'after', current }
    const enough = item.lines.every(({ line_id: id, quantity }) => (order.lines.find((line) => line.id === id)?.current_quantity ?? 0) >= quantity)
    return { state: enough && order.cancelled_at === null ? 'before' : 'other', current }
  }),
  async make ({ order_id: id, lines, shipping, expected_total: amount, currency, note, notify_customer: notify }, key, { commerce, signal }) {
    const { result } = await commerce.refund({
      order_id: id,
      lines: lines.map(({ location_id: location, ...line }) => ({ ...line, ...(location === undefined ? {} : { location_id: location }) })),
      ...(shipping === undefined ? {} : { shipping }),
      expected_total: { amount, currency },
      note: marked(note, key),
      notify_customer: notify
    }, { effect_key: key, signal })
    return { refund_id: result.refund_id, total: { ...result.total } }
  }
}
