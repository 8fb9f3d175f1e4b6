// What a person carries out: the approval hands it over, and nothing is called.
import type { EffectClass, EffectItem } from '../items.ts'
import { shopFacts, type EffectKind } from './kind.ts'

const byHand = <C extends EffectClass>(name: C, target: (item: EffectItem<C>) => string): EffectKind<C> => ({
  class: name,
  lane: 'orders',
  target,
  facts: async (items, access) => items.map(() => shopFacts(access)),
  look: async () => ({ state: 'before', current: null }),
  make: async () => ({ handed_over: true })
})

export const orderCancel = byHand('order_cancel', ({ order_id: id }) => `order_cancel:${id}`)
export const purchaseOrder = byHand('purchase_order', ({ variant_id: id }) => `purchase:${id}`)
export const campaignDraft = byHand('campaign_draft', ({ name }) => `campaign:${name}`)
export const replyDraft = byHand('reply_draft', ({ ticket_id: id }) => `reply:${id}`)
