// What the gates have to know of a class of effect: how to read the shop for it, how to make it, and how to undo it.
import type { Commerce, Lane, Shop } from '../../commerce.ts'
import type { Json } from '../../model.ts'
import type { Facts } from '../guard.ts'
import type { EffectClass, EffectItem } from '../items.ts'
import type { Policy } from '../policy.ts'
import type { LedgerEffect } from '../store.ts'

/** The shop during one run of a job. */
export interface ShopAccess {
  commerce: Commerce
  /** Read once a run: currency and taxes of a shop do not change within seconds. */
  shop: Shop
  signal: AbortSignal
}

/**
 * `before`: as the plan expects to find it; `after`: as the plan wants it; `other`: neither, or it cannot be told apart. `current`: what was seen,
 * as far as the class changes it.
 */
export interface Look {
  state: 'before' | 'after' | 'other'
  current: Json
}

export interface EffectKind<C extends EffectClass = EffectClass> {
  class: C
  lane: Lane
  /** What is changed, as one text: limits and the history of a thing go by it. */
  target (item: EffectItem<C>): string
  /** What the guard has to know, one for each item; undefined where the thing is not there. Prices set before are added by the caller. */
  facts (items: Array<EffectItem<C>>, access: ShopAccess, policy: Policy): Promise<Array<Facts | undefined>>
  /** `key` names the effect: what carries it was made by it. */
  look (item: EffectItem<C>, key: string, access: ShopAccess): Promise<Look>
  /** Makes it. Answers with what the shop said that undoing it needs. */
  make (item: EffectItem<C>, key: string, access: ShopAccess): Promise<Json>
  /** Undefined: it cannot be undone. */
  undo?: {
    /** Whether the shop then is as `item` wants it; else it is only not any more as the effect left it. */
    restores: boolean
    /** The plan of the undoing, as the ledger keeps it. */
    item (effect: LedgerEffect): EffectItem<C>
    /** Only called while the shop is as the effect left it. */
    make (effect: LedgerEffect, key: string, access: ShopAccess): Promise<Json>
  }
}

export const shopFacts = ({ shop }: ShopAccess): Facts => ({ currency: shop.currency, taxes_included: shop.taxes_included })
