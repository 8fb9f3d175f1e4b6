// Closes the books of days: what was sold, given off, sent back, earned and by whom, exact to the cent.
//
// As in Shopify's reports an order that was cancelled stays among the sales of its day, and its goods come off as returns on the day on which it was
// cancelled: a closed day never changes its sales. (The assistant's figures for today leave such orders out.)
import { addMoney, compareMoney, multiplyMoney, scaleMoney, subtractMoney, type Money } from '../../core/money.ts'
import type { SoldLine, SoldOrder } from '../../core/shop-history.ts'
import { addDays, startOf } from '../shop/days.ts'
import { medianOf, quantileOf } from '../shop/quantiles.ts'
import { decimal } from '../shop/sales.ts'

/** Amounts are decimal text with at least two digits after the point, with tax where the prices of the shop include it. */
export interface DayClose {
  day: string
  /** Made that day, without test orders; those that were cancelled since are among them. */
  orders: number
  cancelled: number
  units: number
  gross: string
  discounts: string
  /** Value of the goods that went back that day, whenever they were sold. */
  returns: string
  /** gross - discounts - returns */
  net: string
  shipping: string
  /** Refunds made that day, and what was paid out with them. */
  refunds: number
  refunded: string
  /** (gross - discounts) / orders; null without orders. */
  average_order: string | null
  /** Cost of the units ordered that day, of those with a known cost; null when not a single one is known. */
  cogs: string | null
  units_without_cost: number
  margin: Margin
  new_customers: number
  returning_customers: number
  guests: number
  /** returns / (gross - discounts) in percent, one decimal; null without sales. */
  refund_rate_percent: number | null
  /** Orders whose first parcel left that day, and how long they had waited, in hours. */
  sent: { orders: number, median_hours: number | null, slowest_tenth_hours: number | null }
}

export interface Margin {
  /** `partial`: over the lines with a known cost alone; `unknown`: there is no such line; `none`: nothing was sold or sent back. */
  state: 'complete' | 'partial' | 'unknown' | 'none'
  /** Sales without tax, less what went back. Like cost and amount over the lines with a known cost alone. */
  revenue: string | null
  cost: string | null
  /** revenue - cost */
  amount: string | null
  percent: number | null
  /** The share of the day's sales without tax whose cost is known, from 0 to 1; null without sales. */
  coverage: number | null
}

export interface CloseTally {
  add (order: SoldOrder): void
  /** What was left out, by reason. */
  leftOut (): { test_orders: number, other_currency: number }
  /** In order of the days. */
  result (): DayClose[]
}

interface Scope {
  /** First and last day. */
  from: string
  to: string
  timezone: string
  currency: string
  /** Unit cost by variant, as it is known now; a variant that is missing has none. */
  costs: ReadonlyMap<string, Money>
}

interface Sums {
  orders: number
  cancelled: number
  units: number
  gross: Money
  discounts: Money
  returns: Money
  shipping: Money
  refunds: number
  refunded: Money
  cogs: Money
  unitsWithCost: number
  unitsWithoutCost: number
  /** Without tax: all that was ordered, and the part with a known cost. */
  ordered: Money
  covered: Money
  /** Of goods that went back: revenue without tax and cost, where the cost is known. */
  backRevenue: Money
  backCost: Money
  backWithCost: number
  backWithoutCost: number
  customers: Set<string>
  guests: number
  waited: number[]
}

interface KnownCustomer {
  first: number
  orders: number
  ever: number
}

/** Takes every order of the history, oldest first or not: who is new is only known from all of them. */
export const tallyCloses = ({ from, to, timezone, currency, costs }: Scope): CloseTally => {
  const days: string[] = []
  for (let day = from; day <= to; day = addDays(day, 1)) days.push(day)
  const starts = [...days, addDays(to, 1)].map((day) => startOf(day, timezone))
  const sums = days.map(() => emptySums(currency))
  const known = new Map<string, KnownCustomer>()
  let tests = 0
  let foreign = 0
  const at = (time: number): Sums | undefined => sums[indexOf(starts, time)]
  return {
    add (order) {
      if (order.test) {
        tests += 1
        return
      }
      if (order.currency !== currency) {
        foreign += 1
        return
      }
      if (order.customer !== null) note(known, order.customer, order.created_at)
      const day = at(order.created_at)
      if (day !== undefined) bookOrder(day, order, costs)
      for (const refund of order.refunds) {
        const back = at(refund.created_at)
        if (back !== undefined) bookRefund(back, order, refund, costs)
      }
      if (order.first_sent_at !== null) at(order.first_sent_at)?.waited.push(order.first_sent_at - order.created_at)
    },
    leftOut: () => ({ test_orders: tests, other_currency: foreign }),
    result: () => days.map((day, index) => closeOf(day, sums[index]!, (id) => {
      const { first, orders, ever } = known.get(id)!
      // Somebody with more orders than the history knows of bought before it begins.
      return orders >= ever && indexOf(starts, first) === index
    }, currency))
  }
}

/** The day whose span holds the time; -1 when it is before all, beyond the last index when after. */
const indexOf = (starts: readonly number[], time: number): number => {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= time) low = middle + 1
    else high = middle
  }
  return low - 1
}

const note = (known: Map<string, KnownCustomer>, { id, order_count: count }: { id: string, order_count: number }, at: number): void => {
  const one = known.get(id)
  if (one === undefined) known.set(id, { first: at, orders: 1, ever: count })
  else {
    one.first = Math.min(one.first, at)
    one.orders += 1
    // Orders are read at different times: the latest one knows best.
    one.ever = Math.max(one.ever, count)
  }
}

const bookOrder = (day: Sums, order: SoldOrder, costs: Scope['costs']): void => {
  const { currency } = order
  day.orders += 1
  if (order.cancelled_at !== null) day.cancelled += 1
  day.shipping = addMoney(day.shipping, { amount: order.shipping, currency })
  if (order.customer === null) day.guests += 1
  else day.customers.add(order.customer.id)
  for (const line of order.lines) {
    const gross = multiplyMoney({ amount: line.unit_price, currency }, line.quantity)
    const total = { amount: line.total, currency }
    const untaxed = withoutTax(line, order)
    day.units += line.quantity
    day.gross = addMoney(day.gross, gross)
    day.discounts = addMoney(day.discounts, subtractMoney(gross, total))
    day.ordered = addMoney(day.ordered, untaxed)
    const cost = costOf(costs, line.variant_id, currency)
    if (cost === undefined) {
      day.unitsWithoutCost += line.quantity
      continue
    }
    day.unitsWithCost += line.quantity
    day.cogs = addMoney(day.cogs, multiplyMoney(cost, line.quantity))
    day.covered = addMoney(day.covered, untaxed)
  }
}

const bookRefund = (day: Sums, order: SoldOrder, refund: SoldOrder['refunds'][number], costs: Scope['costs']): void => {
  const { currency } = order
  day.refunds += 1
  day.refunded = addMoney(day.refunded, { amount: refund.total, currency })
  for (const { variant_id: variant, quantity, value } of refund.lines) {
    day.returns = addMoney(day.returns, { amount: value, currency })
    const cost = costOf(costs, variant, currency)
    if (cost === undefined) {
      day.backWithoutCost += quantity
      continue
    }
    day.backWithCost += quantity
    day.backCost = addMoney(day.backCost, multiplyMoney(cost, quantity))
    day.backRevenue = addMoney(day.backRevenue, untaxedPart(value, order.lines.find((line) => line.variant_id === variant), order))
  }
}

const costOf = (costs: Scope['costs'], variant: string | null, currency: string): Money | undefined => {
  const cost = variant === null ? undefined : costs.get(variant)
  return cost?.currency === currency ? cost : undefined
}

const withoutTax = (line: SoldLine, { currency, taxes_included: included }: SoldOrder): Money => {
  const total = { amount: line.total, currency }
  return included ? subtractMoney(total, { amount: line.tax, currency }) : total
}

/** A refund tells its value alone: the tax in it is taken by the share that it had when the line was sold. */
const untaxedPart = (value: string, line: SoldLine | undefined, order: SoldOrder): Money => {
  const money = { amount: value, currency: order.currency }
  if (line === undefined || isZero({ amount: line.total, currency: order.currency })) return money
  return scaleMoney(money, withoutTax(line, order).amount, line.total, 'nearest')
}

const isZero = (money: Money): boolean => compareMoney(money, { amount: '0', currency: money.currency }) === 0

const emptySums = (currency: string): Sums => {
  const zero: Money = { amount: '0', currency }
  return {
    orders: 0,
    cancelled: 0,
    units: 0,
    gross: zero,
    discounts: zero,
    returns: zero,
    shipping: zero,
    refunds: 0,
    refunded: zero,
    cogs: zero,
    unitsWithCost: 0,
    unitsWithoutCost: 0,
    ordered: zero,
    covered: zero,
    backRevenue: zero,
    backCost: zero,
    backWithCost: 0,
    backWithoutCost: 0,
    customers: new Set(),
    guests: 0,
    waited: []
  }
}

const closeOf = (day: string, sums: Sums, isNew: (customer: string) => boolean, currency: string): DayClose => {
  const sold = subtractMoney(sums.gross, sums.discounts)
  const fresh = [...sums.customers].filter(isNew).length
  const hours = sums.waited.map((ms) => ms / 3_600_000)
  return {
    day,
    orders: sums.orders,
    cancelled: sums.cancelled,
    units: sums.units,
    gross: decimal(sums.gross),
    discounts: decimal(sums.discounts),
    returns: decimal(sums.returns),
    net: decimal(subtractMoney(sold, sums.returns)),
    shipping: decimal(sums.shipping),
    refunds: sums.refunds,
    refunded: decimal(sums.refunded),
    average_order: sums.orders === 0 ? null : decimal(scaleMoney(sold, '1', String(sums.orders), 'nearest')),
    cogs: sums.units > 0 && sums.unitsWithCost === 0 ? null : decimal(sums.cogs),
    units_without_cost: sums.unitsWithoutCost,
    margin: marginOf(sums),
    new_customers: fresh,
    returning_customers: sums.customers.size - fresh,
    guests: sums.guests,
    refund_rate_percent: isZero(sold) ? null : Number(scaleMoney({ amount: sums.returns.amount, currency }, '100', sold.amount, 'nearest', 1).amount),
    sent: { orders: hours.length, median_hours: rounded(medianOf(hours)), slowest_tenth_hours: rounded(quantileOf(hours, 0.9)) }
  }
}

const marginOf = (sums: Sums): Margin => {
  const unknown = sums.unitsWithoutCost + sums.backWithoutCost
  const has = sums.unitsWithCost + sums.backWithCost > 0
  const coverage = isZero(sums.ordered) ? null : Number(scaleMoney(sums.covered, '1', sums.ordered.amount, 'nearest', 4).amount)
  if (!has) return { state: unknown > 0 ? 'unknown' : 'none', revenue: null, cost: null, amount: null, percent: null, coverage }
  const revenue = subtractMoney(sums.covered, sums.backRevenue)
  const cost = subtractMoney(sums.cogs, sums.backCost)
  const amount = subtractMoney(revenue, cost)
  const positive = compareMoney(revenue, { amount: '0', currency: revenue.currency }) > 0
  return {
    state: unknown > 0 ? 'partial' : 'complete',
    revenue: decimal(revenue),
    cost: decimal(cost),
    amount: decimal(amount),
    percent: positive ? Number(scaleMoney(amount, '100', revenue.amount, 'nearest', 1).amount) : null,
    coverage
  }
}

const rounded = (value: number | null): number | null => value === null ? null : Math.round(value * 10) / 10
