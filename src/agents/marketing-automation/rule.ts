// Rules of segments: as a query in Shopify's segment query language, back from one, and as a test of what is known here. One rule, so that the
// people who are counted are the people whom the segment means.
import { addDays, startOf } from '../shop/days.ts'
import type { Channel } from './consent.ts'

export interface Rule {
  channel: Channel
  orders_min?: number
  orders_max?: number
  /** The last order is at most so many days ago. */
  ordered_within?: number
  /** There is a last order, and it is more days ago. */
  ordered_before?: number
  /** No order at all, or the last one is more days ago. */
  not_ordered_within?: number
  abandoned_within?: number
  /** Numbers of products, any of which was bought at most so many days ago. */
  bought?: { products: string[], within: number }
}

/** Shopify takes at most 10 clauses and 500 ids. */
export const IDS_AT_MOST = 500

/** In the words of Shopify's reference of 2026: dates in whole days of the shop, functions with MATCHES. */
export const queryOf = (rule: Rule): string => [
  rule.orders_min === undefined ? [] : [`number_of_orders >= ${rule.orders_min}`],
  rule.orders_max === undefined ? [] : [`number_of_orders <= ${rule.orders_max}`],
  rule.ordered_within === undefined ? [] : [`last_order_date >= -${rule.ordered_within}d`],
  rule.ordered_before === undefined ? [] : [`last_order_date < -${rule.ordered_before}d`],
  // A customer without an order has no last_order_date to compare.
  rule.not_ordered_within === undefined ? [] : [`(number_of_orders = 0 OR last_order_date < -${rule.not_ordered_within}d)`],
  rule.abandoned_within === undefined ? [] : [`abandoned_checkout_date >= -${rule.abandoned_within}d`],
  rule.bought === undefined ? [] : [`products_purchased MATCHES (id IN (${rule.bought.products.join(', ')}), date >= -${rule.bought.within}d)`],
  [`${rule.channel}_subscription_status = 'SUBSCRIBED'`]
].flat().join(' AND ')

const CLAUSES: Array<[RegExp, (rule: Partial<Rule>, groups: string[]) => void]> = [
  [/^number_of_orders >= (\d{1,6})$/, (rule, [n]) => { rule.orders_min = Number(n) }],
  [/^number_of_orders <= (\d{1,6})$/, (rule, [n]) => { rule.orders_max = Number(n) }],
  [/^last_order_date >= -(\d{1,5})d$/, (rule, [n]) => { rule.ordered_within = Number(n) }],
  [/^last_order_date < -(\d{1,5})d$/, (rule, [n]) => { rule.ordered_before = Number(n) }],
  [/^\(number_of_orders = 0 OR last_order_date < -(\d{1,5})d\)$/, (rule, [n]) => { rule.not_ordered_within = Number(n) }],
  [/^abandoned_checkout_date >= -(\d{1,5})d$/, (rule, [n]) => { rule.abandoned_within = Number(n) }],
  [/^products_purchased MATCHES \(id IN \((\d+(?:, \d+)*)\), date >= -(\d{1,5})d\)$/, (rule, [ids, n]) => {
    rule.bought = { products: ids!.split(', '), within: Number(n) }
  }],
  [/^(email|sms)_subscription_status = 'SUBSCRIBED'$/, (rule, [channel]) => { rule.channel = channel as Channel }]
]

/** The rule behind a query; undefined: it says something that is not understood here, or does not ask for consent. */
export const ruleOf = (query: string): Rule | undefined => {
  const rule: Partial<Rule> = {}
  for (const clause of query.trim().split(' AND ')) {
    const before = Object.keys(rule).length
    const known = CLAUSES.some(([pattern, take]) => {
      const match = pattern.exec(clause)
      if (match !== null) take(rule, match.slice(1))
      return match !== null
    })
    // A second clause about the same thing would take the place of the first.
    if (!known || Object.keys(rule).length === before) return undefined
  }
  return rule.channel === undefined ? undefined : rule as Rule
}

/** What is known of a customer, as far as rules ask for it. */
export interface Person {
  order_count: number
  last_order_at: number | null
  /** The last checkout that was left; null: none is known. */
  abandoned_at: number | null
  /** By product id; undefined: none of the known orders is theirs. */
  products: ReadonlyMap<string, number> | undefined
}

/** A test of everything but consent, on this day of the shop. */
export const matcherOf = (rule: Rule, today: string, timeZone: string): ((person: Person) => boolean) => {
  const ago = (days: number): number => startOf(addDays(today, -days), timeZone)
  const tests: Array<(person: Person) => boolean> = []
  const { orders_min: min, orders_max: max, ordered_within: within, ordered_before: before, not_ordered_within: not, abandoned_within: left, bought } = rule
  if (min !== undefined) tests.push(({ order_count: orders }) => orders >= min)
  if (max !== undefined) tests.push(({ order_count: orders }) => orders <= max)
  if (within !== undefined) {
    const from = ago(within)
    tests.push(({ last_order_at: at }) => at !== null && at >= from)
  }
  if (before !== undefined) {
    const until = ago(before)
    tests.push(({ last_order_at: at }) => at !== null && at < until)
  }
  if (not !== undefined) {
    const until = ago(not)
    tests.push(({ order_count: orders, last_order_at: at }) => orders === 0 || (at !== null && at < until))
  }
  if (left !== undefined) {
    const from = ago(left)
    tests.push(({ abandoned_at: at }) => at !== null && at >= from)
  }
  if (bought !== undefined) {
    const from = ago(bought.within)
    const ids = bought.products.map((number) => `gid://shopify/Product/${number}`)
    tests.push(({ products }) => products !== undefined && ids.some((id) => (products.get(id) ?? -1) >= from))
  }
  return (person) => tests.every((test) => test(person))
}
