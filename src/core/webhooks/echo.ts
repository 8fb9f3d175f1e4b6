// Tells webhooks about our own changes from those about somebody else's: the ledger knows what we set, and when.
import type { Clock } from '../clock.ts'
import type { EffectItem } from '../effects/items.ts'
import type { EffectStore, LedgerEffect } from '../effects/store.ts'
import type { ResourceChange } from '../model.ts'
import { compareMoney } from '../money.ts'

/** What a webhook says of a thing, as far as effects of ours can have made it so. */
export type ToldState =
  | { kind: 'product', variants: Array<{ id: string, price: string, compare_at_price: string | null }> }
  | { kind: 'order', id: string, tags: string[], note: string, refund_notes: string[] }

/** The shop dates its changes by seconds, and its clock is not ours. */
const SLACK_MS = 5_000
/** Older effects are not looked at, whatever they waited for. */
const LONGEST_EFFECT_MS = 15 * 60_000

export class Echoes {
  readonly #store: Pick<EffectStore, 'effectsOn'>
  readonly #clock: Pick<Clock, 'now'>

  constructor (args: { store: Pick<EffectStore, 'effectsOn'>, clock: Pick<Clock, 'now'> }) {
    this.#store = args.store
    this.#clock = args.clock
  }

  /** True when the thing was changed while an effect of ours on it was made, and is as that effect makes it. Where it cannot be told: false. */
  async isEcho (told: ToldState | undefined, change: ResourceChange | undefined): Promise<boolean> {
    if (told === undefined || change === undefined) return false
    const targets = targetsOf(told)
    if (targets.length === 0) return false
    const { at } = change
    const effects = await this.#store.effectsOn({ targets, from: at - LONGEST_EFFECT_MS, to: at + SLACK_MS })
    return effects.some((effect) => at <= (effect.finished_at ?? this.#clock.now()) + SLACK_MS && showsIn(effect, told))
  }
}

const targetsOf = (told: ToldState): string[] => told.kind === 'product'
  ? told.variants.map(({ id }) => `variant:${id}`)
  : [`order:${told.id}`, `order_note:${told.id}`, `refund:${told.id}`]

/** Whether what the effect makes is what the webhook shows. */
const showsIn = ({ class: effectClass, item, key, reverts }: LedgerEffect, told: ToldState): boolean => {
  if (told.kind === 'product') {
    if (effectClass !== 'price_change') return false
    const { variant_id: id, price, compare_at_price: compared, currency } = item as EffectItem<'price_change'>
    const isAmount = (shown: string | null, wanted: string | null): boolean => shown === null || wanted === null
      ? shown === wanted
      : AMOUNT.test(shown) && compareMoney({ amount: shown, currency }, { amount: wanted, currency }) === 0
    return told.variants.some((variant) => variant.id === id && isAmount(variant.price, price) && isAmount(variant.compare_at_price, compared))
  }
  switch (effectClass) {
    case 'order_tag': return (item as EffectItem<'order_tag'>).add.every((tag) => told.tags.includes(tag) === (reverts === null))
    case 'order_note': return told.note === (item as EffectItem<'order_note'>).note
    // The note of a refund carries the key of its effect.
    case 'refund': return told.refund_notes.some((note) => note.includes(`[${key}]`))
    // A hold does not show in an order.
    default: return false
  }
}

const AMOUNT = /^\d{1,14}(?:\.\d{1,4})?$/
