// The figures about customers as tables: recency, frequency and value; stages; expected orders.
import type { Customer } from '../../core/commerce.ts'
import { addMoney, type Money } from '../../core/money.ts'
import { dayOf } from '../shop/days.ts'
import type { Slices } from '../shop/slices.ts'
import type { Buyer } from './buyers.ts'
import { contactable, type Channel } from './consent.ts'
import { positionOf, STAGES, type ShopInterval } from './lifecycle.ts'
import { scoresOf } from './rfm.ts'
import type { MarketingOutput } from './schemas.ts'

const DAY = 86_400_000
const NEXT_SHOWN = 20

interface Known {
  /** Buyers whom the shop still lists. */
  buyers: readonly Buyer[]
  customers: ReadonlyMap<string, Customer>
  channel: Channel
  now: number
  currency: string
  timeZone: string
}

const SCORES = ['recency', 'frequency', 'monetary'] as const

export const rfmTable = async ({ buyers, customers, channel, now, currency }: Known, slices: Slices): Promise<MarketingOutput['rfm']> => {
  const scores = await scoresOf(buyers, slices)
  await slices.pause()
  const ranges = new Map<string, { customers: number, range: [number, number] }>()
  const cells = new Map<number, { customers: number, contactable: number, monetary: number, spent: Money }>()
  for (const [index, buyer] of buyers.entries()) {
    if (slices.due()) await slices.pause()
    const score = scores[index]!
    const values = {
      recency: Math.floor((now - buyer.orders[buyer.orders.length - 1]!) / DAY), frequency: buyer.orders.length, monetary: Number(buyer.spent.amount)
    }
    for (const name of SCORES) {
      const key = `${name} ${score[name]}`
      const value = values[name]
      const known = ranges.get(key)
      if (known === undefined) ranges.set(key, { customers: 1, range: [value, value] })
      else {
        known.customers += 1
        known.range = [Math.min(known.range[0], value), Math.max(known.range[1], value)]
      }
    }
    const place = 10 * score.recency + score.frequency
    let cell = cells.get(place)
    if (cell === undefined) cells.set(place, cell = { customers: 0, contactable: 0, monetary: 0, spent: { amount: '0', currency } })
    cell.customers += 1
    if (contactable(customers.get(buyer.id)!, channel)) cell.contactable += 1
    cell.monetary += score.monetary
    cell.spent = addMoney(cell.spent, buyer.spent)
  }
  const rangeOf = (name: typeof SCORES[number], fifth: number): { customers: number, range: [number, number] | null } =>
    ranges.get(`${name} ${fifth}`) ?? { customers: 0, range: null }
  const fifths = [1, 2, 3, 4, 5].map((fifth) => {
    const recency = rangeOf('recency', fifth)
    const frequency = rangeOf('frequency', fifth)
    const monetary = rangeOf('monetary', fifth)
    return {
      fifth,
      recency: { customers: recency.customers, days_since_last_order: recency.range },
      frequency: { customers: frequency.customers, orders: frequency.range },
      monetary: { customers: monetary.customers, spent: monetary.range }
    }
  })
  return {
    fifths,
    cells: [...cells].sort(([a], [b]) => b - a).map(([place, { customers: count, contactable: reachable, monetary, spent }]) => ({
      recency: Math.floor(place / 10),
      frequency: place % 10,
      customers: count,
      contactable: reachable,
      mean_monetary: Math.round(100 * monetary / count) / 100,
      spent
    }))
  }
}

export const stagesAndNext = async (
  { buyers, customers, channel, now, timeZone }: Known, interval: ShopInterval, slices: Slices
): Promise<Pick<MarketingOutput, 'lifecycle' | 'next_orders'>> => {
  const stages = new Map([...STAGES, 'no_order' as const].map((stage) => [stage, { stage, customers: 0, contactable: 0 }]))
  const next = { by_own_interval: 0, overdue: 0, within_7_days: 0, within_30_days: 0, later: 0 }
  const soon: Array<{ id: string, expected: number, interval: number, orders: number }> = []
  const seen = new Set<string>()
  for (const { id, orders } of buyers) {
    if (slices.due()) await slices.pause()
    seen.add(id)
    const { stage, own, expected, interval: days } = positionOf(orders, interval, now)
    const reachable = contactable(customers.get(id)!, channel)
    const row = stages.get(stage)!
    row.customers += 1
    if (reachable) row.contactable += 1
    if (own) next.by_own_interval += 1
    const wait = (expected - now) / DAY
    next[wait < 0 ? 'overdue' : wait <= 7 ? 'within_7_days' : wait <= 30 ? 'within_30_days' : 'later'] += 1
    if (own && reachable && wait >= 0) soon.push({ id, expected, interval: days, orders: orders.length })
  }
  for (const customer of customers.values()) {
    if (seen.has(customer.id)) continue
    const row = stages.get('no_order')!
    row.customers += 1
    if (contactable(customer, channel)) row.contactable += 1
  }
  soon.sort((a, b) => a.expected - b.expected || (a.id < b.id ? -1 : 1))
  return {
    lifecycle: { interval: { ...interval, days: tenths(interval.days) }, stages: [...stages.values()] },
    next_orders: {
      ...next,
      next: soon.slice(0, NEXT_SHOWN).map(({ id, expected, interval: days, orders }) => ({
        customer_id: id, expected_on: dayOf(expected, timeZone), interval_days: tenths(days), orders
      }))
    }
  }
}

const tenths = (value: number): number => Math.round(10 * value) / 10
