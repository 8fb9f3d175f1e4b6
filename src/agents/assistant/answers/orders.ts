// Answers about orders: those that need somebody, those of a day, one of them.
import { AppError } from '../../../core/errors.ts'
import { count, figure, listed } from '../../wording.ts'
import type { Answer, Desk } from '../desk.ts'
import { NEED_CODES, type NeedFilter } from '../needs.ts'
import type { Period } from '../periods.ts'
import type { NeedRecord, OrderRecord } from '../shop-records.ts'
import type { AssistantTools } from '../tools.ts'
import { amount, daysMeant, dayTitle, isZero, quoted, readAge, shopMoment } from './shop-wording.ts'

const SHOWN = 10
const MOST = 50

const ABOUT: Record<NeedFilter, string> = {
  risk: 'Risky',
  late: 'Paid more than 3 days ago and not sent',
  unpaid: 'Not paid after a day',
  no_tracking: 'Sent without a tracking number',
  not_delivered: 'Not delivered 14 days after it was sent',
  on_hold: 'On hold'
}

export async function * attention (only: NeedFilter | null, desk: Desk): Answer {
  const record = await desk.use('orders_needing_attention', { limit: only === null ? SHOWN : MOST })
  const read = `${count(record.open_orders_looked_at, 'open order')} of the last 60 days looked at, ${readAge(record.read_at, desk.now())}; ` +
    `times of ${record.time_zone}`
  if (only !== null) {
    const orders = record.orders.filter(({ reasons }) => reasons.some(({ code }) => NEED_CODES[only].includes(code)))
    const cut = record.total > record.orders.length ? ` among the ${MOST} most urgent` : ''
    yield `${ABOUT[only]}: ${count(orders.length, 'order')}${cut} (${read})${orders.length === 0 ? '.' : ':'}`
    yield * orders.slice(0, SHOWN).map((order) => lineOf(order, record, desk))
    if (orders.length > SHOWN) yield `These are the ${SHOWN} most urgent of them.`
    return
  }
  if (record.total === 0) {
    yield `No order needs you (${read}).`
    return
  }
  const { high, medium, low } = record.by_severity
  const tally = listed([...(high > 0 ? [`${figure(high)} urgent`] : []), ...(medium > 0 ? [`${figure(medium)} soon`] : []),
    ...(low > 0 ? [`${figure(low)} to keep an eye on`] : [])])
  yield `${count(record.total, 'order needs', 'orders need')} you, ${tally} (${read}):`
  yield * record.orders.map((order) => lineOf(order, record, desk))
  if (record.total > record.orders.length) yield `These are the ${record.orders.length} most urgent of ${figure(record.total)}.`
}

const LEVELS = { high: 'urgent', medium: 'soon', low: 'keep an eye on it' } as const

const lineOf = (
  { name, created_at: at, total, severity, reasons }: NeedRecord, { currency, time_zone: zone }: { currency: string, time_zone: string }, desk: Desk
): string => `- ${quoted(name)} (${LEVELS[severity]}), ${amount(total, currency)}, placed ${shopMoment(at, zone, desk.now())}: ` +
  `${reasons.map(({ text }) => text).join('; ')}.`

type NeedsRecord = Awaited<ReturnType<AssistantTools['orders_needing_attention']['run']>>

/** One line for an answer about the shop, which is told whatever becomes of this one. */
export async function * needsInShort (reading: Promise<NeedsRecord>): AsyncIterable<string> {
  try {
    const { total, by_severity: by, orders } = await reading
    if (total === 0) {
      yield '- No order needs you.'
      return
    }
    const first = listed(orders.map(({ name, reasons }) => `${quoted(name)} (${reasons[0]!.text})`))
    const urgent = by.high === 0 ? 'none of them urgently' : by.high === total ? 'urgently' : `${figure(by.high)} of them urgently`
    yield `- ${count(total, 'order needs', 'orders need')} you, ${urgent}: ${first}${total > orders.length ? ' and more' : ''}. Ask “Which orders need me?”.`
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    yield `- Which orders need you I could not read: ${error.message}`
  }
}

export async function * ordersOfDay (period: Period, desk: Desk): Answer {
  const meant = await daysMeant(period, desk)
  if (typeof meant === 'string') {
    yield meant
    return
  }
  const { from, to } = meant.days
  if (from !== to) yield `I list the orders of one day at a time; these are the ones of the last day, ${to}.`
  const record = await desk.use('orders_of_day', { day: to, limit: SHOWN })
  const title = `${dayTitle(to, meant.today)} (${record.time_zone}), ${readAge(record.read_at, desk.now())}`
  if (record.total === 0) {
    yield `${title}: no orders${record.complete ? '' : ' yet'}.`
    return
  }
  yield `${title}: ${count(record.total, 'order')}${record.total > record.orders.length ? `, the latest ${record.orders.length}` : ''}:`
  for (const order of record.orders) {
    const marks = [...(order.test ? ['a test'] : []), ...(order.cancelled ? ['cancelled'] : []), words(order.payment), words(order.fulfilment)]
    yield `- ${quoted(order.name)}, ${amount(order.total, record.currency)}, ${shopMoment(order.created_at, record.time_zone, desk.now())}: ${marks.join(', ')}`
  }
}

export async function * oneOrder (name: string, desk: Desk): Answer {
  const { order, currency, read_at: readAt, time_zone: zone } = await desk.use('order', { order: name })
  if (order === null) {
    yield `The shop has no order called ${quoted(`#${name}`)} that I can see. Without the access scope read_all_orders Shopify shows the last 60 days only.`
    return
  }
  const now = desk.now()
  const when = (at: string): string => shopMoment(at, zone, now)
  const state = order.cancelled_at !== null ? `cancelled ${when(order.cancelled_at)}` : `${words(order.payment)}, ${words(order.fulfilment)}`
  yield `Order ${quoted(order.name)}${order.test ? ' (a test)' : ''}: ${amount(order.total, currency)}, placed ${when(order.created_at)}, ${state}; ` +
    `${readAge(readAt, now)}; times of ${zone}.`
  yield * moneyLines(order, currency)
  for (const line of order.lines) {
    const marks = [...(line.returned > 0 ? [`${figure(line.returned)} returned`] : []), ...(line.unsent > 0 ? [`${figure(line.unsent)} not sent`] : [])]
    yield `- ${figure(line.quantity)} × ${quoted(line.title)}${line.sku === null ? '' : ` (${quoted(line.sku)})`}: ${amount(line.total, currency)}` +
      `${marks.length === 0 ? '' : `; ${marks.join(', ')}`}`
  }
  if (order.lines_in_all > order.lines.length) yield `- These are ${order.lines.length} of ${order.lines_in_all} lines.`
  for (const sent of order.sendings) {
    const tracking = sent.tracking.length === 0 ? 'without a tracking number' : listed(sent.tracking.map(quoted))
    yield `- Sent ${when(sent.at)}, ${tracking}${sent.delivered_at === null ? '' : `, delivered ${when(sent.delivered_at)}`}.`
  }
  for (const refund of order.refunds) yield `- Refunded ${amount(refund.total, currency)} ${when(refund.at)}.`
  for (const { text } of order.needs) yield `- It needs you: ${text}.`
  if (order.risk_facts.length > 0) yield `- Shopify's risk assessment: ${order.risk_facts.map(quoted).join('; ')}.`
}

function * moneyLines (order: OrderRecord, currency: string): Iterable<string> {
  const parts = [
    ...(isZero(order.discounts) ? [] : [`${amount(order.discounts, currency)} discounts`]),
    `${amount(order.shipping, currency)} shipping`,
    `${amount(order.tax, currency)} tax`,
    ...(isZero(order.outstanding) ? [] : [`${amount(order.outstanding, currency)} still to be paid`])
  ]
  const customer = order.customer_orders === null ? 'a guest' : `a customer with ${count(order.customer_orders, 'order')} by now`
  const to = order.ships_to === null ? '' : `, to ${quoted(order.ships_to)}`
  yield `- By ${customer}${to}; ${parts.join(', ')}${order.has_note ? '; it has a note' : ''}.`
}

/** `PARTIALLY_REFUNDED` as `partially refunded`. */
const words = (status: string | null): string => status === null ? 'payment unknown' : status.toLowerCase().replaceAll('_', ' ')
