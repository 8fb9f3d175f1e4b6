// What an order looks like against the orders of the past: its value, its destination, and how many came at once. Rules for order-management beside those of
// attention.ts, which need nothing but the order itself.
import type { SoldOrder } from '../../core/shop-history.ts'
import { count, figure } from '../wording.ts'
import type { Reason } from './attention.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

export interface HistoryTerms {
  /** Orders of one customer within these hours that are a reason. */
  velocity_orders: number
  velocity_hours: number
  /** Robust standard deviations of the logarithm above which a value is unusual. */
  value_z: number
}

/** A customer's own values count from so many earlier orders on. */
const OWN_ORDERS = 5
/** Fewer orders say nothing about what is usual. */
const FEWEST_ORDERS = 100
/** A destination is unusual below this part of all orders. */
const RARE_SHARE = 0.002
/** What is normal differs by so much at the least: a factor of about 1.3. */
const LEAST_SPREAD = 0.25
const BASKET_DAYS = 30
const BASKET_HOURS = 2
/** Equal baskets within two hours are a reason from here on, and only well above what is usual for them. */
const BASKETS = 4
const BASKETS_TIMES = 10

export interface OrderHistory {
  /** Orders by time, oldest first. */
  add (order: SoldOrder): void
  /** Reasons that come of the past. `order` is one of those that were added; what came after it counts for its velocity alone. */
  reasonsOf (order: SoldOrder): Reason[]
}

/** `days`: how far back it is given orders; earlier ones are ignored. */
export const createOrderHistory = (now: number, days: number, terms: HistoryTerms): OrderHistory => {
  const byCustomer = new Map<string, Array<{ at: number, log: number }>>()
  const baskets = new Map<string, number[]>()
  const destinations = new Map<string, number>()
  const values: number[] = []
  let shipped = 0
  let usual: Spread | undefined

  const velocity = ({ customer, created_at: at }: SoldOrder): Reason | null => {
    if (customer === null) return null
    const times = byCustomer.get(customer.id) ?? []
    const near = busiest(times.map((one) => one.at), at, terms.velocity_hours * HOUR)
    if (near.length < terms.velocity_orders) return null
    return {
      code: 'velocity', severity: 'high', text: `one of ${near.length} orders of this customer within ${figure(terms.velocity_hours)} hours`, since: near[0]!
    }
  }

  const basket = (order: SoldOrder): Reason | null => {
    const times = baskets.get(basketOf(order))
    if (times === undefined) return null
    const near = busiest(times, order.created_at, BASKET_HOURS * HOUR)
    const usualNumber = (times.length - near.length) * BASKET_HOURS / (BASKET_DAYS * 24)
    if (near.length < BASKETS || near.length < BASKETS_TIMES * usualNumber) return null
    return {
      code: 'velocity',
      severity: 'high',
      text: `one of ${near.length} orders of the same goods to the same country within ${BASKET_HOURS} hours`,
      since: near[0]!
    }
  }

  const value = (order: SoldOrder): Reason | null => {
    const log = logOf(order.total)
    if (log === null || order.shipping_country === null) return null
    const own = order.customer === null ? [] : (byCustomer.get(order.customer.id) ?? []).filter(({ at }) => at < order.created_at).map((one) => one.log)
    if (own.length < OWN_ORDERS && values.length < FEWEST_ORDERS) return null
    const against = own.length >= OWN_ORDERS ? spreadOf(own) : (usual ??= spreadOf(values))
    const z = (log - against.median) / against.spread
    if (z < terms.value_z) return null
    const whose = own.length >= OWN_ORDERS ? `this customer's ${own.length} earlier orders` : `${count(values.length, 'order')} of the last ${days} days`
    const first = own.length === 0 ? '; it is the first order of this customer' : ''
    return {
      code: 'unusual_value',
      severity: own.length === 0 ? 'medium' : 'low',
      text: `its value is ${figure(Math.exp(log - against.median))} times the median of ${whose}${first}`,
      since: order.created_at
    }
  }

  const destination = ({ shipping_country: to, billing_country: by, created_at: at }: SoldOrder): Reason | null => {
    if (to === null || by === null || to === by || shipped < FEWEST_ORDERS) return null
    const number = Math.max(0, (destinations.get(to) ?? 0) - 1)
    if (number >= RARE_SHARE * shipped) return null
    return {
      code: 'unusual_country',
      severity: 'high',
      text: `is billed to ${by} and goes to ${to}, as ${figure(number)} of ${count(shipped - 1, 'other order')} did`,
      since: at
    }
  }

  return {
    add (order) {
      const at = order.created_at
      if (order.test || at < now - days * DAY) return
      const log = logOf(order.total)
      if (order.customer !== null && log !== null) {
        const known = byCustomer.get(order.customer.id)
        if (known === undefined) byCustomer.set(order.customer.id, [{ at, log }])
        else known.push({ at, log })
      }
      if (order.shipping_country !== null) {
        shipped += 1
        destinations.set(order.shipping_country, (destinations.get(order.shipping_country) ?? 0) + 1)
        if (log !== null) values.push(log)
        usual = undefined
        if (at >= now - BASKET_DAYS * DAY) {
          const key = basketOf(order)
          const known = baskets.get(key)
          if (known === undefined) baskets.set(key, [at])
          else known.push(at)
        }
      }
    },
    reasonsOf: (order) => [velocity(order) ?? basket(order), destination(order), value(order)].filter((reason) => reason !== null)
  }
}

const logOf = (amount: string): number | null => {
  const value = Number(amount)
  return value > 0 ? Math.log(value) : null
}

/** The same goods in the same numbers to the same country: addresses are not known here. */
const basketOf = ({ shipping_country: to, billing_country: by, lines }: SoldOrder): string =>
  `${to} ${by} ${lines.map(({ variant_id: id, title, quantity }) => `${id ?? title}x${quantity}`).sort().join(' ')}`

/** Of the spans of this length that hold `at`, the one with the most moments. `times` is sorted. */
const busiest = (times: readonly number[], at: number, span: number): number[] => {
  let most: number[] = []
  for (const from of times) {
    if (from > at || from < at - span) continue
    const within = times.filter((one) => one >= from && one <= from + span)
    if (within.length > most.length) most = within
  }
  return most
}

interface Spread { median: number, spread: number }

/** The median, and the spread as the median distance from it: outliers move neither. */
const spreadOf = (values: readonly number[]): Spread => {
  const median = medianOf(values)
  return { median, spread: Math.max(LEAST_SPREAD, 1.4826 * medianOf(values.map((value) => Math.abs(value - median)))) }
}

const medianOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2
}
