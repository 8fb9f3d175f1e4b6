// Finds the order that a ticket is about among those of its own customer. Orders of others are never read: who is not known to be the customer gets none.
import type { CommerceReader, Order } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import type { TicketClass } from './vocabulary.ts'
import { wordsOf } from './words.ts'

export interface Ticket {
  id: string
  subject: string
  text: string
  email?: string
  customer_id?: string
  order_name?: string
}

export const UNMATCHED = [
  'not_about_an_order', 'sender_unknown', 'sender_unclear', 'sender_contradicts', 'customers_not_readable', 'no_such_order_of_the_customer',
  'no_fitting_order', 'several_orders_fit'
] as const
export type Unmatched = typeof UNMATCHED[number]

export type OrderMatch =
  | { state: 'matched', order: Order, by: 'name' | 'item' | 'only_one_fits' }
  | { state: 'none', reason: Unmatched }

const DAY = 86_400_000
/** Without a name, older orders are not guessed at. */
const RECENT = 90 * DAY
const MOST_NAMES = 5
const MOST_ORDERS = 50
const SENDER = /^[^\s@*"\\()<>,;:]{1,64}@[^\s@*"'\\()<>,;:]{1,255}$/
const CUSTOMER = /^(?:gid:\/\/shopify\/Customer\/)?(\d{1,20})$/

/** The classes that an order can be found for by what is known of it, and what it must be like. */
const FITS: Partial<Record<TicketClass, (order: Order) => boolean>> = {
  where_is_my_order: ({ fulfilments }) => fulfilments.every(({ delivered_at: at }) => at === null),
  return: ({ fulfilments }) => fulfilments.length > 0,
  exchange: ({ fulfilments }) => fulfilments.length > 0,
  damaged_or_wrong: ({ fulfilments }) => fulfilments.length > 0,
  cancel_or_change: ({ fulfilments }) => fulfilments.length === 0,
  invoice_or_payment: () => true
}

export const matchOrder = async (
  commerce: CommerceReader, ticket: Ticket, kind: TicketClass, { now, signal }: { now: number, signal: AbortSignal }
): Promise<OrderMatch> => {
  const names = namesIn(ticket)
  const fits = FITS[kind]
  if (kind === 'spam' || (names.length === 0 && fits === undefined)) return none('not_about_an_order')
  const customer = await customerOf(commerce, ticket, signal)
  if (typeof customer !== 'object') return none(customer)
  // A shop that answers more than it was asked for must not make a stranger's order this customer's.
  const isOwn = (order: Order): boolean => order.customer?.id === customer.id && !order.test

  for (const group of names) {
    const found = new Map<string, Order>()
    for (const name of group) {
      for await (const order of commerce.orders({ customer_id: customer.id, name }, { signal })) {
        if (isOwn(order) && order.name.toLowerCase() === name.toLowerCase()) found.set(order.id, order)
      }
    }
    const [order] = found.values()
    if (order !== undefined) return found.size === 1 ? { state: 'matched', order, by: 'name' } : none('several_orders_fit')
  }
  // Somebody who names an order is not told about another one.
  if (names.length > 0) return none('no_such_order_of_the_customer')

  const fitting: Order[] = []
  let read = 0
  for await (const order of commerce.orders({ customer_id: customer.id, created_from: now - RECENT }, { signal })) {
    if (isOwn(order) && order.cancelled_at === null && fits!(order)) fitting.push(order)
    if (++read >= MOST_ORDERS) break
  }
  const words = wordsOf(`${ticket.subject}\n${ticket.text}`)
  const named = fitting.filter(({ lines }) => lines.some(({ title }) => words.includes(wordsOf(title)) && title.trim() !== ''))
  if (named.length === 1) return { state: 'matched', order: named[0]!, by: 'item' }
  if (fitting.length === 1) return { state: 'matched', order: fitting[0]!, by: 'only_one_fits' }
  return none(fitting.length === 0 ? 'no_fitting_order' : 'several_orders_fit')
}

const none = (reason: Unmatched): OrderMatch => ({ state: 'none', reason })

/** By id, by address, or by both when they agree. */
const customerOf = async (commerce: CommerceReader, { email, customer_id: id }: Ticket, signal: AbortSignal): Promise<{ id: string } | Unmatched> => {
  const number = CUSTOMER.exec(id ?? '')?.[1]
  if (id !== undefined && number === undefined) return 'sender_unclear'
  const byId = number === undefined ? undefined : `gid://shopify/Customer/${number}`
  if (email === undefined) return byId === undefined ? 'sender_unknown' : { id: byId }
  // What is no address could be a search for all of them.
  if (!SENDER.test(email)) return 'sender_unclear'
  const found = new Set<string>()
  try {
    for await (const customer of commerce.customers({ email }, { signal })) {
      found.add(customer.id)
      if (found.size > 1) return 'sender_unclear'
    }
  } catch (error) {
    if (error instanceof CommerceError && error.code === 'shop_access_denied') return 'customers_not_readable'
    throw error
  }
  const [byEmail] = found
  if (byEmail === undefined) return byId === undefined ? 'sender_unknown' : 'sender_contradicts'
  return byId === undefined || byId === byEmail ? { id: byEmail } : 'sender_contradicts'
}

const NUMBER = /#\s?(\d{3,10})\b/g
const AFTER_WORD = new RegExp('(?:order|bestellung|bestellnummer|auftrag|auftragsnummer|commande|bestelling|bestelnummer|ordernummer|ordernumber)' +
  '(?:\\s{1,3}(?:no|nr|n°|nº|number|nummer|numéro|numero)\\.?)?[\\s:]{1,3}(\\d{4,10})\\b', 'gi')

/** What it calls its order, in groups: the field of the ticket, else the subject, then the text. */
export const namesIn = ({ order_name: name, subject, text }: Ticket): string[][] => {
  const own = name?.trim() ?? ''
  if (own !== '') return [[/^\d+$/.test(own) ? `#${own}` : own]]
  return [subject, text].map((part) => {
    const numbers = [...part.matchAll(NUMBER), ...part.matchAll(AFTER_WORD)].map(([, number]) => `#${number!}`)
    return [...new Set(numbers)].slice(0, MOST_NAMES)
  }).filter((group) => group.length > 0)
}
