// Changes stock, prices and orders.
import { createHash } from 'node:crypto'
import type { Effect, EffectOptions, HoldReason, PriceChange, RefundPlan, StockChange } from '../../core/commerce-effects.ts'
import type { Variant } from '../../core/commerce-readings.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { compareMoney, type Money } from '../../core/money.ts'
import { assertTaken } from './errors.ts'
import type { FulfillmentHoldReason, FulfilmentOrdersQuery, RefundLineItemInput } from './operations.ts'
import { shopMoney, stamp, type Reader } from './read.ts'

export const setPrices = async (
  reader: Reader, productId: string, changes: PriceChange[], { signal }: EffectOptions
): Promise<Effect<Array<Pick<Variant, 'id' | 'price' | 'compare_at_price'>>>> => {
  const currency = await reader.currency(signal)
  const variants = changes.map(({ variant_id: id, price, compare_at_price: compareAtPrice }) =>
    ({ id, price, ...(compareAtPrice === undefined ? {} : { compareAtPrice }) }))
  const { data, read_at: readAt } = await reader.graphql.execute('SetPrices', { productId, variants }, { lane: reader.lane, signal, idempotent: true })
  const payload = taken('change the prices', data.productVariantsBulkUpdate)
  const result = present('prices', payload.productVariants).map((variant) => ({
    id: variant.id,
    price: { amount: variant.price, currency },
    compare_at_price: variant.compareAtPrice === null ? null : { amount: variant.compareAtPrice, currency }
  }))
  return { result, already: false, ...stamp(reader, readAt) }
}

export const setInventory = async (
  reader: Reader, changes: StockChange[], reason: string, { signal, effect_key: effectKey }: EffectOptions
): Promise<Effect<{ changes: number }>> => {
  const quantities = changes.map(({ quantity, ...change }) => ({ ...place(change), quantity }))
  const input = { name: 'available', reason, referenceDocumentUri: referenceOf(effectKey), quantities }
  const { data, read_at: readAt } = await reader.graphql.execute(
    'SetInventory', { input, key: keyOf(effectKey) }, { lane: reader.lane, signal, idempotent: true })
  const { inventoryAdjustmentGroup: group } = taken('set the stock', data.inventorySetQuantities)
  // No group: the stock was as it should be.
  return { result: { changes: group?.changes.length ?? 0 }, already: group === null, ...stamp(reader, readAt) }
}

export const adjustInventory = async (
  reader: Reader, changes: StockChange[], reason: string, { signal, effect_key: effectKey }: EffectOptions
): Promise<Effect<{ changes: number }>> => {
  const deltas = changes.map(({ quantity, ...change }) => ({ ...place(change), delta: quantity }))
  const input = { name: 'available', reason, referenceDocumentUri: referenceOf(effectKey), changes: deltas }
  const { data, read_at: readAt } = await reader.graphql.execute(
    'AdjustInventory', { input, key: keyOf(effectKey) }, { lane: reader.lane, signal, idempotent: true })
  const { inventoryAdjustmentGroup: group } = taken('adjust the stock', data.inventoryAdjustQuantities)
  return { result: { changes: group?.changes.length ?? 0 }, already: false, ...stamp(reader, readAt) }
}

export const changeOrderTags = async (
  reader: Reader, change: 'AddTags' | 'RemoveTags', id: string, tags: string[], { signal }: EffectOptions
): Promise<Effect<{ tags: string[] }>> => {
  const call = { lane: reader.lane, signal, idempotent: true }
  const { data, read_at: readAt } = await reader.graphql.execute(change, { id, tags }, call)
  const { node } = taken('change the tags', 'tagsAdd' in data ? data.tagsAdd : data.tagsRemove)
  if (node === null || !('tags' in node)) throw new CommerceError('shop_not_found', 'The shop has no order with this id.')
  return { result: { tags: node.tags }, already: false, ...stamp(reader, readAt) }
}

export const setOrderNote = async (reader: Reader, id: string, note: string, { signal }: EffectOptions): Promise<Effect<{ note: string | null }>> => {
  const { data, read_at: readAt } = await reader.graphql.execute('SetOrderNote', { id, note }, { lane: reader.lane, signal, idempotent: true })
  const { order } = taken('write the note', data.orderUpdate)
  return { result: { note: present('the order', order).note }, already: false, ...stamp(reader, readAt) }
}

const HOLD_REASONS: Record<HoldReason, FulfillmentHoldReason> = {
  high_risk_of_fraud: 'HIGH_RISK_OF_FRAUD',
  awaiting_payment: 'AWAITING_PAYMENT',
  incorrect_address: 'INCORRECT_ADDRESS',
  out_of_stock: 'INVENTORY_OUT_OF_STOCK',
  other: 'OTHER'
}
// What is closed, cancelled or at the warehouse already cannot be held.
const HOLDABLE = new Set(['OPEN', 'SCHEDULED', 'ON_HOLD'])

export const holdFulfilment = async (
  reader: Reader, orderId: string, { reason, note }: { reason: HoldReason, note: string }, { signal, effect_key: effectKey }: EffectOptions
): Promise<Effect<Array<{ fulfilment_order_id: string, hold_id: string }>>> => {
  const call = { lane: reader.lane, signal, idempotent: true }
  const handle = `effect-${keyOf(effectKey)}`
  const holdable = (await fulfilmentOrders(reader, orderId, signal)).filter(({ status }) => HOLDABLE.has(status))
  if (holdable.length === 0) throw new CommerceError('shop_conflict', 'The order has nothing left that could be held.')
  const result: Array<{ fulfilment_order_id: string, hold_id: string }> = []
  let already = true
  for (const { id, fulfillmentHolds: holds } of holdable) {
    let holdId = holds.find((hold) => hold.handle === handle)?.id
    if (holdId === undefined) {
      const hold = { handle, reason: HOLD_REASONS[reason], reasonNotes: note }
      const { data } = await reader.graphql.execute('HoldFulfilment', { id, hold }, call)
      // The answer to an earlier try was lost: the hold is there.
      const repeated = data.fulfillmentOrderHold?.userErrors.some(({ code }) => code === 'DUPLICATE_FULFILLMENT_HOLD_HANDLE') ?? false
      if (repeated) {
        const now = await fulfilmentOrders(reader, orderId, signal)
        holdId = now.find((own) => own.id === id)?.fulfillmentHolds.find((own) => own.handle === handle)?.id
      } else {
        already = false
        holdId = taken('hold the fulfilment', data.fulfillmentOrderHold).fulfillmentHold?.id
      }
    }
    result.push({ fulfilment_order_id: id, hold_id: present('the hold', holdId) })
  }
  return { result, already, ...stamp(reader, reader.clock.now()) }
}

async function fulfilmentOrders (
  reader: Reader, id: string, signal: AbortSignal
): Promise<NonNullable<FulfilmentOrdersQuery['order']>['fulfillmentOrders']['nodes']> {
  const { data: { order } } = await reader.graphql.execute('FulfilmentOrders', { id }, { lane: reader.lane, signal })
  if (order === null) throw new CommerceError('shop_not_found', 'The shop has no order with this id.')
  return order.fulfillmentOrders.nodes
}

export const releaseHold = async (
  reader: Reader, id: string, holdIds: string[], { signal }: EffectOptions
): Promise<Effect<{ status: string }>> => {
  const { data, read_at: readAt } = await reader.graphql.execute('ReleaseHold', { id, holdIds }, { lane: reader.lane, signal })
  const { fulfillmentOrder: order } = taken('release the hold', data.fulfillmentOrderReleaseHold)
  return { result: { status: present('the fulfilment order', order).status }, already: false, ...stamp(reader, readAt) }
}

const RESTOCK = { return: 'RETURN', cancel: 'CANCEL', no_restock: 'NO_RESTOCK' } as const

/** Asks Shopify first what it would give back, and through which payments: only the approved sum is ever sent. */
export const refund = async (
  reader: Reader, plan: RefundPlan, { signal, effect_key: effectKey }: EffectOptions
): Promise<Effect<{ refund_id: string, total: Money }>> => {
  const call = { lane: reader.lane, signal }
  const lines = plan.lines.map(({ line_id: lineItemId, quantity, restock, location_id: locationId }): RefundLineItemInput =>
    ({ lineItemId, quantity, restockType: RESTOCK[restock], ...(locationId === undefined ? {} : { locationId }) }))
  const { data: { order } } = await reader.graphql.execute('SuggestedRefund', { id: plan.order_id, lines, shipping: plan.shipping ?? null }, call)
  if (order === null) throw new CommerceError('shop_not_found', 'The shop has no order with this id.')
  const suggestion = present('what can be refunded', order.suggestedRefund)
  const computed = shopMoney(suggestion.amountSet)
  if (computed.currency !== plan.expected_total.currency || compareMoney(computed, plan.expected_total) !== 0) {
    const { amount, currency } = plan.expected_total
    throw new CommerceError(
      'shop_conflict', `The shop computes ${computed.amount} ${computed.currency} for this refund, not the ${amount} ${currency} that were approved.`
    )
  }
  const transactions = suggestion.suggestedTransactions.map(({ gateway, amountSet, parentTransaction }) => ({
    orderId: plan.order_id,
    kind: 'REFUND' as const,
    gateway: present('the payment to give back', gateway),
    amount: shopMoney(amountSet).amount,
    ...(parentTransaction === null ? {} : { parentId: parentTransaction.id })
  }))
  const input = {
    orderId: plan.order_id,
    note: plan.note,
    notify: plan.notify_customer,
    refundLineItems: lines,
    transactions,
    ...(plan.shipping === undefined ? {} : { shipping: { amount: plan.shipping } })
  }
  const { data, read_at: readAt } = await reader.graphql.execute('CreateRefund', { input, key: keyOf(effectKey) }, { ...call, idempotent: true })
  const { refund: made } = taken('refund', data.refundCreate)
  const { id, totalRefundedSet: total } = present('the refund', made)
  return { result: { refund_id: id, total: shopMoney(total) }, already: false, ...stamp(reader, readAt) }
}

const place = ({ inventory_item_id: inventoryItemId, location_id: locationId, expected }: Omit<StockChange, 'quantity'>) =>
  ({ inventoryItemId, locationId, changeFromQuantity: expected })

/** Shopify recommends UUIDs; ours come from the effect, so that the same one always has the same key. */
const keyOf = (effectKey: string): string => {
  const hex = createHash('sha256').update(effectKey).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** What people read in the history of the stock. */
const referenceOf = (effectKey: string): string => `gid://royal-equips/Effect/${keyOf(effectKey)}`

/** The payload of a change that the shop took. @throws CommerceError of `assertTaken` */
export const taken = <T extends { userErrors: Parameters<typeof assertTaken>[1] }>(what: string, payload: T | null): T => {
  const { userErrors } = present('an answer to the change', payload)
  assertTaken(what, userErrors)
  return payload as T
}

/** Null where the schema allows it and sense does not. */
export const present = <T>(what: string, value: T | null | undefined): T => {
  if (value == null) throw new CommerceError('shop_answer_invalid', `The shop answers without ${what}.`)
  return value
}
