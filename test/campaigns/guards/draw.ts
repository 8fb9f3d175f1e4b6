// What one world is made of, drawn by dice: a policy, a shop, plans near every boundary, and what can be done to them.
import type { EffectClass, EffectItem } from '../../../src/core/effects/items.ts'
import type { ClassRule, Policy } from '../../../src/core/effects/policy.ts'
import type { ProposalDraft } from '../../../src/core/effects/proposal.ts'
import { DAY, draftOf, HOUR, openPolicy } from '../../helpers/effects-rig.ts'
import { addOrder, addVariant, gid, type PuppetShop } from '../../helpers/puppet-shop.ts'
import type { Dice } from '../kill/random.ts'
import { floorFor } from './oracle.ts'

export const AGENTS = ['pricer', 'helper'] as const
const VARIANTS = 24
const ORDERS = 12

export const pick = <T>(dice: Dice, list: readonly T[]): T => list[dice.below(list.length)]!

export const drawPolicy = (dice: Dice): Policy => openPolicy((policy) => {
  const { price } = policy
  price.enrolled_skus = dice.chance(0.8) ? ['SKU-*'] : ['SKU-1*', 'SKU-2']
  price.vat = dice.chance(0.05) ? null : pick(dice, ['0', '0.07', '0.19', '0.255'])
  price.minimum_margin = pick(dice, ['0', '0.05', '0.1', '0.333333'])
  price.shipping_per_unit = pick(dice, ['0', '0.5', '4.9'])
  price.fees_per_unit = pick(dice, ['0', '0.3333'])
  price.max_change_day = pick(dice, ['0.02', '0.1', '0.25'])
  price.max_change_30_days = pick(dice, ['0.1', '0.2', '0.5'])
  price.cooldown_hours = pick(dice, [0, 0, 1, 6])
  for (const name of ['price_change', 'refund', 'discount_code', 'order_tag', 'segment', 'recommendation'] as const) {
    Object.assign(policy.classes[name], drawRule(dice, name === 'price_change'))
  }
  if (dice.chance(0.3)) policy.agents = { helper: { price_change: drawRule(dice, true), order_tag: { decision: 'approve' } } }
  policy.discount.max_percentage = pick(dice, ['0.1', '0.2', '0.5'])
  policy.refund.max_amount = pick(dice, ['15', '500'])
})

const drawRule = (dice: Dice, isPrice: boolean): ClassRule => ({
  decision: pick(dice, ['auto', 'auto', 'approve', 'approve', 'approve', 'two_person', ...(dice.chance(0.2) ? ['block' as const] : [])]),
  max_items: pick(dice, [1, 3, 100, 100]),
  max_items_per_day: pick(dice, isPrice ? [20, 100, 400] : [20, 400]),
  max_at_risk: pick(dice, [null, '300', '2000']),
  two_person_from: pick(dice, [null, null, '50', '500'])
})

const CURRENCIES = ['EUR', 'EUR', 'USD', 'JPY']
export const drawShop = (dice: Dice) => ({ currency: pick(dice, CURRENCIES), taxes_included: dice.chance(0.8) })

const coins = (currency: string, amount: number): string => currency === 'JPY' ? String(Math.max(0, Math.round(amount))) : Math.max(0, amount).toFixed(2)

export const fillShop = (dice: Dice, shop: PuppetShop): void => {
  const { currency } = shop.shop
  for (let n = 1; n <= VARIANTS; n++) {
    const price = 5 + dice.below(20_000) / 100
    const cost = dice.chance(0.05) ? null : { amount: coins(currency, price * (0.2 + dice.below(50) / 100)), currency: dice.chance(0.03) ? 'GBP' : currency }
    addVariant(shop, n, {
      price: { amount: coins(currency, price), currency },
      unit_cost: cost,
      stock: dice.chance(0.05) ? null : dice.below(40) - 2,
      ...(dice.chance(0.04) ? { sku: null } : {}),
      product_id: gid('Product', Math.ceil(n / 2))
    })
  }
  for (let n = 1; n <= ORDERS; n++) addOrder(shop, n)
}

/** In millionths, as decimal text. */
const text = (micro: bigint, currency: string): string => {
  const digits = currency === 'JPY' ? 0 : 2
  const units = micro / 10n ** BigInt(6 - digits)
  const padded = (units < 0n ? 0n : units).toString().padStart(digits + 1, '0')
  return digits === 0 ? padded : `${padded.slice(0, -digits)}.${padded.slice(-digits)}`
}

/** Many of them are just on one side of a limit. */
const drawPrice = (dice: Dice, shop: PuppetShop, policy: Policy): EffectItem<'price_change'> => {
  const { currency, taxes_included: taxed } = shop.shop
  const variant = pick(dice, [...shop.variants.values()])
  const now = Number(variant.price.amount)
  const coin = currency === 'JPY' ? 1 : 0.01
  const floor = floorFor(policy, variant.unit_cost, currency, taxed)
  const day = Number(policy.price.max_change_day)
  const near = (dice.below(3) - 1) * coin
  const target = ((): string => {
    switch (dice.below(floor === undefined ? 6 : 7) + (floor === undefined ? 1 : 0)) {
      case 0: return text(floor! + BigInt(Math.round(near * 1e6)), currency)
      case 1: return coins(currency, now * (1 + day) + near)
      case 2: return coins(currency, now * (1 - day) + near)
      case 3: return coins(currency, now * (1 + (dice.below(600) - 300) / 1_000))
      default: return coins(currency, now * (1 + day * (dice.below(180) - 90) / 100))
    }
  })()
  const compare = variant.compare_at_price?.amount ?? null
  return {
    product_id: dice.chance(0.02) ? gid('Product', 99) : variant.product_id,
    variant_id: dice.chance(0.01) ? gid('ProductVariant', 999) : variant.id,
    sku: 'SKU-1',
    title: 'A thing',
    currency: dice.chance(0.03) ? 'GBP' : currency,
    expected_price: dice.chance(0.02) ? coins(currency, now + 1) : variant.price.amount,
    price: dice.chance(0.02) ? `${target.split('.')[0]!}.005` : target,
    expected_compare_at_price: compare,
    compare_at_price: dice.chance(0.1) ? coins(currency, now + near) : compare
  }
}

let serial = 0

export const drawDraft = (dice: Dice, shop: PuppetShop, policy: Policy, now: number): ProposalDraft => {
  serial += 1
  const order = (): { order_id: string, order_name: string } => {
    const n = 1 + dice.below(ORDERS)
    return { order_id: gid('Order', n), order_name: `#${n}` }
  }
  const { currency } = shop.shop
  const odd = dice.chance(0.03) ? 'GBP' : currency
  const more = { key: `k${dice.chance(0.9) ? serial : dice.below(20)}`, ...(dice.chance(0.3) ? { valid_for_ms: pick(dice, [1_000, HOUR, 5 * HOUR]) } : {}) }
  const several = <C extends EffectClass>(name: C, make: () => EffectItem<C>): ProposalDraft =>
    draftOf(name, Array.from({ length: dice.chance(0.6) ? 1 : 1 + dice.below(5) }, make), more)
  switch (dice.below(20)) {
    case 0: case 1: return several('order_tag', () => ({ ...order(), add: [`t${dice.below(1_000)}`] }))
    case 2: return several('order_note', () => {
      const own = order()
      return { ...own, expected_note: shop.orders.get(own.order_id)!.note, note: `n${serial}` }
    })
    case 3: return several('refund', () => ({
      ...order(),
      lines: [],
      shipping: '1.00',
      expected_total: coins(currency, dice.below(3_000) / 100),
      currency: odd,
      note: 'broken',
      notify_customer: false
    }))
    case 4: return several('segment', () => ({ name: `Segment ${serial} ${dice.below(3)}`, query: 'x' }))
    case 5: return several('discount_code', () => ({
      code: `CODE${serial}X${dice.below(1_000)}`,
      title: 'A code',
      percentage: pick(dice, [0.05, 0.1, 0.100001, 0.2, 0.201, 0.5]),
      product_ids: dice.chance(0.1) ? [] : [gid('Product', 1 + dice.below(VARIANTS / 2))],
      segment_ids: [],
      starts_at: now + (dice.below(3) - 1) * DAY,
      ends_at: now + pick(dice, [-1, 0, 1, 30, 31, 32, 33]) * DAY + dice.below(3) - 1 + DAY,
      usage_limit: 1 + dice.below(100),
      once_per_customer: true,
      currency: odd,
      cost_per_use: coins(currency, dice.below(4_000) / 100)
    }))
    case 6: return several('recommendation', () => ({
      product_id: gid('Product', 100 + serial), title: 'x', namespace: 're', key: 'with', products: [gid('Product', 1 + dice.below(9))], expected_digest: null
    }))
    case 7: return several('order_hold', () => ({ ...order(), reason: 'other', note: 'look' }))
    default: return several('price_change', () => drawPrice(dice, shop, policy))
  }
}
