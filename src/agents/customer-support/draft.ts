// Writes the draft of an answer from facts alone: whatever it says of an order or a policy is listed beside it with where it was read.
import type { Order, ShopPolicy } from '../../core/commerce.ts'
import { compareMoney } from '../../core/money.ts'
import { dayOf } from '../shop/days.ts'
import { decimal } from '../shop/sales.ts'
import { oneLine } from '../wording.ts'
import type { ReplyLanguage } from './language.ts'
import { PHRASES, type AnsweredClass } from './phrases.ts'

export interface Fact {
  fact: string
  source: string
}

export interface Draft {
  subject: string
  body: string
  facts: Fact[]
}

/** The classes of answers that tell how the order stands, and the policy that goes with each. */
const TELLS_STATE = new Set<AnsweredClass>([
  'where_is_my_order', 'return', 'exchange', 'damaged_or_wrong', 'cancel_or_change', 'invoice_or_payment', 'complaint'
])
const POLICY_OF: Partial<Record<AnsweredClass, string>> = {
  where_is_my_order: 'SHIPPING_POLICY',
  return: 'REFUND_POLICY',
  exchange: 'REFUND_POLICY',
  damaged_or_wrong: 'REFUND_POLICY',
  cancel_or_change: 'REFUND_POLICY'
}
const UNPAID = new Set(['PENDING', 'EXPIRED', 'PARTIALLY_PAID'])
const MOST_PARCELS = 5
const MOST_REFUNDS = 3

interface Parts {
  kind: AnsweredClass
  language: ReplyLanguage
  /** Known to be the customer's. */
  order: Order | null
  /** The answer needs one, and there is none. */
  askOrder: boolean
  policies: readonly ShopPolicy[]
  shop: { name: string, timezone: string }
}

export const draftOf = ({ kind, language, order, askOrder, policies, shop }: Parts): Draft => {
  const words = PHRASES[language]
  const facts: Fact[] = []
  const lines: string[] = []
  const say = (sentence: string, fact: string, source: string): void => {
    lines.push(sentence)
    facts.push({ fact: oneLine(fact, 500), source: oneLine(source, 200) })
  }
  if (order !== null && TELLS_STATE.has(kind)) tellState(order, say, words, language, shop.timezone)
  const policy = policies.find(({ type, url, title }) => type === POLICY_OF[kind] && isAddress(url) && title.trim() !== '')
  const rules: string[] = []
  if (policy !== undefined) {
    const title = oneLine(policy.title, 120)
    rules.push(words.policy(title, policy.url))
    facts.push({ fact: oneLine(`Policy “${title}”: ${policy.url}`, 500), source: `policy ${policy.type}` })
  }
  const body = [
    words.greeting, words.opening[kind], lines.join('\n'), askOrder ? words.askOrder : '', rules.join('\n'), words.next[kind],
    words.closing(oneLine(shop.name, 80))
  ].filter((part) => part !== '').join('\n\n')
  return { subject: words.subject(order === null ? null : oneLine(order.name, 40)), body, facts }
}

const tellState = (
  order: Order, say: (sentence: string, fact: string, source: string) => void, words: typeof PHRASES['en'], language: ReplyLanguage, timezone: string
): void => {
  const name = oneLine(order.name, 40)
  const source = `order ${order.id}`
  const dates = new Intl.DateTimeFormat(language, { timeZone: timezone, dateStyle: 'long' })
  const day = (at: number): string => dates.format(at)
  const iso = (at: number): string => dayOf(at, timezone)
  say(words.placed(name, day(order.created_at)), `Order ${name} was placed on ${iso(order.created_at)}.`, source)
  const parcels = order.fulfilments.filter(({ status }) => status === 'SUCCESS')
  if (order.cancelled_at !== null) {
    say(words.cancelled(day(order.cancelled_at)), `Order ${name} was cancelled on ${iso(order.cancelled_at)}.`, source)
  } else {
    if (UNPAID.has(order.financial_status ?? '')) say(words.unpaid, `Order ${name} is not paid: ${order.financial_status}.`, source)
    const open = order.lines.some((line) => line.requires_shipping && line.unfulfilled_quantity > 0)
    if (parcels.length === 0 && open) say(words.notSent, `No parcel of order ${name} has been sent; when one will is not known.`, source)
    else if (open) say(words.partlySent, `A part of order ${name} has not been sent.`, source)
  }
  for (const parcel of parcels.slice(0, MOST_PARCELS)) {
    const own = `fulfilment ${parcel.id}`
    say(words.sent(day(parcel.created_at)), `A parcel of order ${name} was sent on ${iso(parcel.created_at)}.`, own)
    const tracking = parcel.tracking.find(({ number }) => number !== null && number.trim() !== '')
    if (tracking === undefined) say(words.noTracking, 'It has no tracking number.', own)
    else {
      const number = oneLine(tracking.number!, 80)
      const carrier = tracking.company === null || tracking.company.trim() === '' ? null : oneLine(tracking.company, 60)
      say(words.tracking(carrier, number), `Its tracking number is ${number}${carrier === null ? '' : ` of ${carrier}`}.`, own)
      if (tracking.url !== null && isAddress(tracking.url)) say(words.trackingPage(tracking.url), `It can be followed at ${tracking.url}`, own)
    }
    if (parcel.delivered_at !== null) say(words.delivered(day(parcel.delivered_at)), `It was delivered on ${iso(parcel.delivered_at)}.`, own)
    else if (parcel.estimated_delivery_at !== null) {
      say(words.expected(day(parcel.estimated_delivery_at)), `The carrier estimates its delivery for ${iso(parcel.estimated_delivery_at)}.`, own)
    }
  }
  for (const refund of order.refunds.slice(-MOST_REFUNDS)) {
    if (compareMoney(refund.total, { amount: '0', currency: refund.total.currency }) <= 0) continue
    const amount = decimal(refund.total)
    const shown = `${language === 'en' ? amount : amount.replace('.', ',')} ${refund.total.currency}`
    const fact = `A refund of ${amount} ${refund.total.currency} was made on ${iso(refund.created_at)}.`
    say(words.refunded(shown, day(refund.created_at)), fact, `refund ${refund.id}`)
  }
}

const isAddress = (url: string): boolean => url.length <= 400 && /^https:\/\/[^\s<>"]+$/.test(url) && URL.canParse(url)
