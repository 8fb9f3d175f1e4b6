// A change of each class that the sandbox's shop takes, of another thing each time.
import type { CommerceReader, Order, Variant } from '../../../src/core/commerce.ts'
import type { ProposalDraft } from '../../../src/core/effects/proposal.ts'
import { compareMoney, scaleMoney } from '../../../src/core/money.ts'
import { openPolicy } from '../../helpers/effects-rig.ts'

export const KILL_CLASSES = [
  'price_change', 'order_tag', 'order_hold', 'order_note', 'discount_code', 'segment', 'draft_product', 'recommendation', 'refund'
] as const
export type KillClass = typeof KILL_CLASSES[number]

const DAY = 86_400_000

/** Every change waits for one person, whatever it is worth. */
export const campaignPolicy = (): ReturnType<typeof openPolicy> => openPolicy((own) => {
  for (const rule of Object.values(own.classes)) {
    Object.assign(rule, { decision: 'approve', max_at_risk: null, two_person_from: null, max_items_per_day: 10_000 })
  }
  own.price.cooldown_hours = 0
  own.refund.max_amount = '10000'
  own.price.minimum_margin = '0'
})

export const draftFor = async (shop: CommerceReader, name: KillClass, n: number, now: number, signal: AbortSignal): Promise<ProposalDraft> => {
  const common = { key: `${name} ${n}`, title: `${name} ${n}`, rationale: ['the campaign'], evidence: {}, expected_gain: null }
  const order = async (fits: (order: Order) => boolean): Promise<Order> => {
    // What was held or refunded before does not fit any more.
    let left = name === 'order_hold' || name === 'refund' ? 0 : n
    for await (const one of shop.orders({ created_from: now - 20 * DAY, status: 'open', financial_status: 'paid', fulfilment_status: 'unfulfilled' },
      { signal })) {
      if (one.fulfilment_status === 'UNFULFILLED' && fits(one) && left-- === 0) return one
    }
    throw new Error(`there is no order ${n} for ${name}`)
  }
  const of = ({ id, name: called }: Order) => ({ order_id: id, order_name: called })
  switch (name) {
    case 'price_change': {
      const variant = await variantOf(shop, n, signal)
      const { amount, currency } = variant.price
      const before = variant.compare_at_price?.amount ?? null
      return {
        ...common,
        class: name,
        items: [{
          product_id: variant.product_id,
          variant_id: variant.id,
          sku: variant.sku,
          title: variant.product_title,
          currency,
          expected_price: amount,
          price: scaleMoney(variant.price, '1.03', '1', 'up').amount,
          expected_compare_at_price: before,
          compare_at_price: before
        }]
      }
    }
    case 'order_tag': return { ...common, class: name, items: [{ ...of(await order(() => true)), add: [`campaign-${n}`] }] }
    case 'order_note': {
      const own = await order(() => true)
      return { ...common, class: name, items: [{ ...of(own), expected_note: own.note, note: `campaign ${n}` }] }
    }
    case 'order_hold': return { ...common, class: name, items: [{ ...of(await order(() => true)), reason: 'other', note: `campaign ${n}` }] }
    case 'refund': {
      const own = await order(({ lines, refunds, discounts }) => refunds.length === 0 && Number(discounts.amount) === 0 &&
        lines.every((line) => line.quantity === 1))
      const line = own.lines[0]!
      return {
        ...common,
        class: name,
        items: [{
          ...of(own),
          lines: [{ line_id: line.id, quantity: 1, restock: 'no_restock' }],
          expected_total: line.discounted_total.amount,
          currency: line.discounted_total.currency,
          note: 'the campaign',
          notify_customer: false
        }]
      }
    }
    case 'discount_code': {
      const variant = await variantOf(shop, 0, signal)
      return {
        ...common,
        class: name,
        items: [{
          code: `CAMPAIGN${n}`,
          title: `Campaign ${n}`,
          percentage: 0.01,
          product_ids: [variant.product_id],
          segment_ids: [],
          starts_at: now - now % DAY,
          ends_at: now - now % DAY + 2 * DAY,
          usage_limit: 1,
          once_per_customer: true,
          currency: variant.price.currency,
          cost_per_use: '1.00'
        }]
      }
    }
    case 'segment': return { ...common, class: name, items: [{ name: `Campaign ${n}`, query: 'number_of_orders > 1' }] }
    case 'draft_product': return {
      ...common,
      class: name,
      items: [{
        title: `Campaign ${n}`,
        handle: `campaign-${n}`,
        description_html: '',
        vendor: 'Campaign',
        product_type: 'Test',
        tags: [],
        sku: `CAMPAIGN-${n}`,
        price: '10.00',
        unit_cost: '1.00',
        currency: 'EUR'
      }]
    }
    case 'recommendation': {
      const variant = await variantOf(shop, n % 40, signal)
      return {
        ...common,
        class: name,
        items: [{
          product_id: variant.product_id, title: 'x', namespace: 'campaign', key: `with_${n}`, products: [variant.product_id], expected_digest: null
        }]
      }
    }
  }
}

/** The n-th one with a cost far below its price. */
const variantOf = async (shop: CommerceReader, n: number, signal: AbortSignal): Promise<Variant> => {
  let left = n
  for await (const variant of shop.variants({ status: 'active' }, { signal })) {
    const { price, unit_cost: cost, sku } = variant
    if (sku === null || cost === null || compareMoney(price, scaleMoney(cost, '1.6', '1', 'up')) < 0) continue
    if (left-- === 0) return variant
  }
  throw new Error(`there is no variant ${n}`)
}
