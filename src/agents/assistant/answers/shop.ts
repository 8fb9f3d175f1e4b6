// Answers about what the shop sells: a day, several days, best sellers, customers.
import { figure, count } from '../../wording.ts'
import { timeOf } from '../../shop/days.ts'
import type { Answer, Desk } from '../desk.ts'
import type { Days, Period } from '../periods.ts'
import type { AssistantTools } from '../tools.ts'
import { needsInShort } from './orders.ts'
import { amount, comparison, daysMeant, dayTitle, isZero, plainAmount, quoted, readAge, spanTitle } from './shop-wording.ts'

type DayRecord = Awaited<ReturnType<AssistantTools['shop_summary']['run']>>
type PeriodRecord = Awaited<ReturnType<AssistantTools['sales']['run']>>

/** `whole`: with what needs a person, for a question about the shop rather than about its sales. */
export async function * sales (period: Period, whole: boolean, desk: Desk): Answer {
  const meant = await daysMeant(period, desk)
  if (typeof meant === 'string') {
    yield meant
    return
  }
  const { days, today } = meant
  // Read at the same time as the sales.
  const needs = whole && days.to === today ? desk.use('orders_needing_attention', { limit: 3 }) : undefined
  // When the sales cannot be read nobody asks for the needs.
  needs?.catch(() => {})
  if (days.from === days.to) {
    const reading = desk.use('shop_summary', { day: days.from })
    yield * whileReading(reading, days, today, desk)
    yield * dayLines(await reading, today, desk)
  } else {
    const reading = desk.use('sales', days)
    yield * whileReading(reading, days, today, desk)
    yield * periodLines(await reading, desk)
  }
  if (needs !== undefined) yield * needsInShort(needs)
}

/** A line for people who would look at nothing for more than a second. */
async function * whileReading (reading: Promise<unknown>, { from, to }: Days, today: string, desk: Desk): AsyncIterable<string> {
  if (!await desk.isSlow(reading)) return
  yield from === to ? `Reading the orders of ${from === today ? 'today' : from} ...` : `Reading the orders from ${from} to ${to} ...`
}

function * dayLines (record: DayRecord, today: string, desk: Desk): Iterable<string> {
  const { time_zone: zone } = record
  const until = record.complete ? ` (${zone})` : ` until ${timeOf(Date.parse(record.until), zone)} (${zone})`
  yield `${dayTitle(record.day, today)}${until}, ${readAge(record.read_at, desk.now())}: ${totals(record)}.`
  yield * details(record)
  const week = record.compared_with_week_before
  const before = record.compared_with_day_before
  if (week === null) yield `- ${UNSEEN}`
  else {
    const both = [comparison(week, record), ...(before === null ? [] : [comparison(before, record)])]
    yield `- Before refunds that is ${amount(record.net_before_refunds, record.currency)}: ${both.join('; ')}.`
  }
  const { customers } = record
  if (record.customers_hidden) yield '- Customers: no order names one. They are all guests, or the access scope read_customers is missing.'
  else if (customers !== null && record.orders > record.cancelled) {
    const guests = customers.guests === 0 ? '' : `; ${count(customers.guests, 'order')} by guests`
    yield `- Customers: ${figure(customers.new)} new, ${figure(customers.returning)} returning${guests}.`
  }
}

function * periodLines (record: PeriodRecord, desk: Desk): Iterable<string> {
  yield `${spanTitle(record)}, ${readAge(record.read_at, desk.now())}: ${totals(record)}.`
  yield * details(record)
  yield record.compared === null
    ? `- ${UNSEEN}`
    : `- Before refunds that is ${amount(record.net_before_refunds, record.currency)}: ${comparison(record.compared, record)}.`
  const [best] = record.days.toSorted((a, b) => Number(b.net_before_refunds) - Number(a.net_before_refunds))
  if (best !== undefined && best.orders > 0) {
    yield `- The best day was ${best.date}: ${count(best.orders, 'order')}, ${amount(best.net_before_refunds, record.currency)} before refunds.`
  }
}

const UNSEEN = 'Not compared with an earlier time: Shopify shows orders of more than 60 days ago only to apps with the access scope read_all_orders.'

/** `23 orders, net 4,310.20 EUR (4,512.10 gross - 120.00 discounts - 81.90 refunds)`. */
const totals = (record: DayRecord | PeriodRecord): string => {
  const { currency, gross, discounts, refunds, net } = record
  if (record.orders === 0 && isZero(refunds)) return 'no orders and no refunds'
  const orders = record.orders === 0 ? 'no orders' : count(record.orders, 'order')
  return `${orders}, net ${amount(net, currency)} (${plainAmount(gross)} gross - ${plainAmount(discounts)} discounts - ${plainAmount(refunds)} refunds)`
}

function * details (record: DayRecord | PeriodRecord): Iterable<string> {
  if (record.orders === 0) return
  const { currency, average_order: average } = record
  const tax = record.prices_include_tax ? 'Amounts include tax' : 'Amounts are without tax'
  const parts = [count(record.units, 'unit'), ...(average === null ? [] : [`${amount(average, currency)} an order on average`]),
    `${amount(record.shipping, currency)} charged for shipping`]
  const cancelled = record.cancelled === 0
    ? ''
    : ` ${record.cancelled === 1 ? '1 of the orders was' : `${figure(record.cancelled)} of the orders were`} cancelled and not in the amounts.`
  yield `- ${parts.join(', ')}. ${tax}.${cancelled}`
}

export async function * bestSellers (period: Period, desk: Desk): Answer {
  const meant = await daysMeant(period, desk)
  if (typeof meant === 'string') {
    yield meant
    return
  }
  const reading = desk.use('best_sellers', meant.days)
  yield * whileReading(reading, meant.days, meant.today, desk)
  const record = await reading
  const title = record.days_in_all === 1 ? `${dayTitle(record.from, meant.today)} (${record.time_zone})` : spanTitle(record)
  if (record.products.length === 0) {
    yield `${title}, ${readAge(record.read_at, desk.now())}: nothing was sold.`
    return
  }
  const shown = record.products.length < record.products_sold ? `, the first ${record.products.length} of ${figure(record.products_sold)} products` : ''
  yield `${title}, ${readAge(record.read_at, desk.now())}, by units sold${shown}:`
  for (const [index, product] of record.products.entries()) {
    yield `- ${index + 1}. ${quoted(product.title)}: ${count(product.units, 'unit')}, ${amount(product.gross, record.currency)} before discounts`
  }
}

export async function * customers (period: Period, desk: Desk): Answer {
  const meant = await daysMeant(period, desk)
  if (typeof meant === 'string') {
    yield meant
    return
  }
  const { from, to } = meant.days
  if (from !== to) {
    yield 'I can tell new from returning customers for today and yesterday only: the shop says how many orders a customer has by now, not how many ' +
      'there were then.'
    return
  }
  const record = await desk.use('shop_summary', { day: from })
  const title = `${dayTitle(record.day, meant.today)} (${record.time_zone}), ${readAge(record.read_at, desk.now())}`
  if (record.customers_hidden) yield `${title}: no order names a customer. They are all guests, or the access scope read_customers is missing.`
  else if (record.customers === null) yield `${title}: I can tell new from returning customers for today and yesterday only.`
  else {
    const { new: fresh, returning, guests } = record.customers
    yield `${title}: ${count(fresh + returning, 'customer')} bought, ${figure(fresh)} for the first time and ${figure(returning)} again; ` +
      `${count(guests, 'order')} came from guests.`
  }
}
