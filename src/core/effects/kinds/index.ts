// Every class of effect with the way to make it.
import type { EffectClass } from '../items.ts'
import { campaignDraft, orderCancel, purchaseOrder, replyDraft } from './by-hand.ts'
import { discountCode, draftProduct, recommendation, segment } from './campaigns.ts'
import type { EffectKind } from './kind.ts'
import { orderHold, orderNote, orderTag, refund } from './orders.ts'
import { priceChange } from './price.ts'

export type { EffectKind, Look, ShopAccess } from './kind.ts'

export type EffectKinds = (name: EffectClass) => EffectKind

export const createEffectKinds = (): EffectKinds => {
  const kinds = {
    price_change: priceChange,
    order_hold: orderHold,
    order_tag: orderTag,
    order_note: orderNote,
    order_cancel: orderCancel,
    refund,
    discount_code: discountCode,
    segment,
    draft_product: draftProduct,
    recommendation,
    purchase_order: purchaseOrder,
    campaign_draft: campaignDraft,
    reply_draft: replyDraft
  } satisfies { [C in EffectClass]: EffectKind<C> }
  // A kind is only ever given items of its own class: proposals are checked against the schema of their class when they are filed.
  return (name) => kinds[name] as unknown as EffectKind
}
