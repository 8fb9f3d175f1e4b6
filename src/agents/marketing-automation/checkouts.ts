// Checkouts that were left and may still be finished, by people who consented to be reminded.
import type { AbandonedCheckout, Customer } from '../../core/commerce.ts'
import { addMoney, type Money } from '../../core/money.ts'
import { contactable, type Channel } from './consent.ts'

export const CHECKOUT_FATES = ['waiting', 'completed', 'too_recent', 'nobody', 'ordered_since', 'sold_out', 'without_consent', 'other_currency'] as const
/** `waiting`: a reminder may go out. `nobody`: no customer is known. `sold_out`: none of its lines can be had. */
export type CheckoutFate = typeof CHECKOUT_FATES[number]

export interface Checkouts {
  read: number
  fates: Record<CheckoutFate, number>
  /** Of those that wait. */
  value: Money
  people: Set<string>
  /** By customer: the last checkout that was left and not completed, whatever became of it else. */
  abandonedAt: Map<string, number>
}

interface Known {
  now: number
  /** A checkout that was touched less long ago may be one that goes on. */
  quietMs: number
  channel: Channel
  currency: string
  customers: ReadonlyMap<string, Customer>
  /** When a customer ordered last; undefined: never. */
  lastOrderAt: (customerId: string) => number | undefined
  /** Whether a variant can be had. */
  available: (variantId: string) => boolean
}

export const checkoutsOf = async (list: AsyncIterable<AbandonedCheckout>, known: Known): Promise<Checkouts> => {
  const found: Checkouts = {
    read: 0,
    fates: Object.fromEntries(CHECKOUT_FATES.map((fate) => [fate, 0])) as Record<CheckoutFate, number>,
    value: { amount: '0', currency: known.currency },
    people: new Set(),
    abandonedAt: new Map()
  }
  for await (const checkout of list) {
    found.read += 1
    const { customer_id: id, created_at: at, completed_at: completedAt, total } = checkout
    if (id !== null && completedAt === null) found.abandonedAt.set(id, Math.max(at, found.abandonedAt.get(id) ?? 0))
    const fate = fateOf(checkout, known)
    found.fates[fate] += 1
    if (fate === 'waiting') {
      found.value = addMoney(found.value, total)
      found.people.add(id!)
    }
  }
  return found
}

const fateOf = (checkout: AbandonedCheckout, { now, quietMs, channel, currency, customers, lastOrderAt, available }: Known): CheckoutFate => {
  const { completed_at: completedAt, updated_at: updatedAt, created_at: createdAt, customer_id: id, lines, total } = checkout
  if (completedAt !== null) return 'completed'
  if (now - updatedAt < quietMs) return 'too_recent'
  if (id === null) return 'nobody'
  if ((lastOrderAt(id) ?? -1) >= createdAt) return 'ordered_since'
  if (!lines.some(({ variant_id: variant }) => variant !== null && available(variant))) return 'sold_out'
  const customer = customers.get(id)
  if (customer === undefined || !contactable(customer, channel)) return 'without_consent'
  return total.currency === currency ? 'waiting' : 'other_currency'
}
