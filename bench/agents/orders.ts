// How good the exceptions are that order management finds: precision and recall against what the sandbox planted, on several days of the last months.
import { addDays, DAY, HOUR, startOf } from '../../sandbox/shop/calendar.ts'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { gid, type Order } from '../../sandbox/shop/records.ts'
import { levelOf, type Shop } from '../../sandbox/shop/shop.ts'
import { COMPARED_DAYS } from '../../src/agents/order-management/index.ts'
import { findExceptions, weekendIn } from '../../src/agents/order-management/exceptions.ts'
import { isSuspicious } from '../../src/agents/order-management/proposals.ts'
import { DEFAULTS } from '../../src/agents/order-management/schemas.ts'
import type { AttentionCode } from '../../src/agents/shop/attention.ts'
import { createOrderHistory } from '../../src/agents/shop/order-history.ts'
import { orderStatesOf, soldOrdersOf, variantsOf } from '../../test/helpers/sandbox-history.ts'
import type { Section } from './section.ts'

const SEEDS = [1, 2, 3]
/** The books begin on the first of a month: a shop for each, which then lives through some days. */
const MONTHS = ['2026-06-01', '2026-07-01', '2026-08-01', '2026-09-01', '2026-10-01', '2026-11-01']
const STEPS = [2, 7, 12, 17, 23]
const LAST = '2026-11-24'
const EVENING = 19

/** What a rule says, and when it is right. */
interface Question {
  name: string
  says: (codes: ReadonlySet<AttentionCode>, reasons: Parameters<typeof isSuspicious>[0]['reasons']) => boolean
  /** Whether the order is what the rule looks for; undefined: it does not matter for this rule. */
  holds: (order: Order, shop: Shop) => boolean
}

const planted = (order: Order, { truth }: Shop, kind: string): boolean => truth.exceptions[order.name]?.includes(kind) === true
const isFraud = (order: Order, { truth }: Shop): boolean => truth.fraud[order.name] !== undefined
const isUnsent = ({ fulfilments, cancelledAt }: Order): boolean => fulfilments.length === 0 && cancelledAt === null
const age = (order: Order, { now }: Shop): number => now - order.createdAt
const isShort = (order: Order): boolean => order.lines.some((line) => line.unfulfilled > 0 && (levelOf(line.variant, line.location)?.available ?? 0) < 0)
const isLate = (order: Order, shop: Shop): boolean => age(order, shop) - weekendIn(order.createdAt, shop.now, shop.timezone) > DEFAULTS.late_hours * HOUR

const WITHOUT_SHOPIFY = new Set<AttentionCode>(['risk_cancel', 'risk_investigate'])

const QUESTIONS: Question[] = [
  { name: 'fraud: held back (all signs)', says: (_, reasons) => isSuspicious({ reasons }), holds: (order, shop) => isFraud(order, shop) && isUnsent(order) },
  {
    name: 'fraud: held back, without Shopify\'s own word',
    says: (_, reasons) => isSuspicious({ reasons: reasons.filter(({ code }) => !WITHOUT_SHOPIFY.has(code)) }),
    holds: (order, shop) => isFraud(order, shop) && isUnsent(order)
  },
  {
    name: 'fraud: Shopify\'s own word alone',
    says: (codes) => codes.has('risk_cancel') || codes.has('risk_investigate'),
    holds: (order, shop) => isFraud(order, shop) && isUnsent(order)
  },
  {
    name: 'fraud: CANCEL or a sign of our own, INVESTIGATE alone is not enough',
    says: (codes, reasons) => codes.has('risk_cancel') || isSuspicious({ reasons: reasons.filter(({ code }) => !WITHOUT_SHOPIFY.has(code)) }),
    holds: (order, shop) => isFraud(order, shop) && isUnsent(order)
  },
  {
    name: 'velocity',
    says: (codes) => codes.has('velocity'),
    holds: (order, shop) => isUnsent(order) &&
      shop.truth.fraud[order.name]?.includes('velocity') === true
  },
  {
    name: 'unusual_country',
    says: (codes) => codes.has('unusual_country'),
    holds: (order, shop) => isUnsent(order) && shop.truth.fraud[order.name]?.includes('country_mismatch') === true
  },
  {
    name: 'address_mismatch',
    says: (codes) => codes.has('address_mismatch'),
    holds: (order, shop) => isUnsent(order) && shop.truth.fraud[order.name]?.includes('country_mismatch') === true
  },
  {
    name: 'unusual_value (listed, never held for it alone)',
    says: (codes) => codes.has('unusual_value'),
    holds: (order, shop) => isUnsent(order) && shop.truth.fraud[order.name]?.includes('high_value') === true
  },
  {
    name: 'late: planted',
    says: (codes) => codes.has('late'),
    holds: (order, shop) => planted(order, shop, 'late') && isUnsent(order) && order.financial === 'PAID' && isLate(order, shop)
  },
  {
    name: 'late: planted, or short of stock',
    says: (codes) => codes.has('late'),
    holds: (order, shop) => (planted(order, shop, 'late') || isShort(order)) && isUnsent(order) && order.financial === 'PAID' && isLate(order, shop)
  },
  {
    name: 'unpaid: will never be paid, a day old and older',
    says: (codes) => codes.has('unpaid'),
    holds: (order, shop) => planted(order, shop, 'unpaid') && order.financial === 'PENDING' && order.cancelledAt === null && age(order, shop) > DAY
  },
  {
    name: 'unpaid: will never be paid, older than the limit',
    says: (codes) => codes.has('unpaid'),
    holds: (order, shop) =>
      planted(order, shop, 'unpaid') && order.financial === 'PENDING' && order.cancelledAt === null && age(order, shop) > DEFAULTS.unpaid_hours * HOUR
  },
  {
    name: 'no_tracking: sent between 1 and 7 days ago',
    says: (codes) => codes.has('no_tracking'),
    holds: (order, shop) => planted(order, shop, 'no_tracking') && order.cancelledAt === null &&
      order.fulfilments.some(({ createdAt }) => shop.now - createdAt > DAY && shop.now - createdAt <= DEFAULTS.sent_days * DAY)
  },
  { name: 'out_of_stock: a line\'s stock is below zero', says: (codes) => codes.has('out_of_stock'), holds: (order) => isUnsent(order) && isShort(order) }
]

export interface Score {
  name: string
  right: number
  wrong: number
  missed: number
}

export const emptyScores = (): Score[] => QUESTIONS.map(({ name }) => ({ name, right: 0, wrong: 0, missed: 0 }))

/** Judges the shop as it stands, with what could be known of it then. */
export const scoreOrders = async (shop: Shop, scores: Score[]): Promise<{ open: number, exceptions: number }> => {
  const history = createOrderHistory(shop.now, COMPARED_DAYS, DEFAULTS)
  const sold = soldOrdersOf(shop)
  for (const order of sold) history.add(order)
  const { exceptions, open } = await findExceptions({
    states: orderStatesOf(shop),
    history,
    recent: sold.filter(({ created_at: at }) => at >= shop.now - 60 * DAY),
    variants: variantsOf(shop),
    timezone: shop.timezone,
    now: shop.now,
    settings: DEFAULTS,
    pace: () => undefined
  })
  const found = new Map(exceptions.map((one) => [one.order.id, one.reasons]))
  for (const order of shop.orders) {
    if (order.test || order.createdAt > shop.now || order.createdAt < shop.now - 60 * DAY) continue
    const reasons = found.get(gid('Order', order.id)) ?? []
    const codes = new Set(reasons.map(({ code }) => code))
    QUESTIONS.forEach(({ says, holds }, i) => {
      const said = says(codes, reasons)
      const is = holds(order, shop)
      const score = scores[i]!
      if (said && is) score.right += 1
      else if (said) score.wrong += 1
      else if (is) score.missed += 1
    })
  }
  return { open, exceptions: exceptions.length }
}

const percent = (part: number, of: number): string => of === 0 ? 'none' : `${Math.round(100 * part / of)} %`

const tableOf = (scores: Score[]): Section['tables'][number] => ({
  columns: ['rule', 'found', 'right', 'precision', 'missed', 'recall'],
  rows: scores.map(({ name, right, wrong, missed }) =>
    [name, String(right + wrong), String(right), percent(right, right + wrong), String(missed), percent(right, right + missed)])
})

export const orders = async (): Promise<Section> => {
  const now = emptyScores()
  const replayed = emptyScores()
  let open = 0
  let exceptions = 0
  let days = 0
  for (const seed of SEEDS) {
    const current = generateShop({ seed, today: LAST })
    current.advance(startOf(LAST) + EVENING * HOUR)
    const looked = await scoreOrders(current, now)
    open += looked.open
    exceptions += looked.exceptions
    for (const month of MONTHS) {
      const shop = generateShop({ seed, today: month })
      for (const step of STEPS) {
        shop.advance(startOf(addDays(month, step)) + EVENING * HOUR)
        await scoreOrders(shop, replayed)
        days += 1
      }
    }
  }
  return {
    title: 'order_management',
    text: [
      `The sandbox's shop of ${LAST}, 19:00, seeds ${SEEDS.join(', ')}: ${open} open orders, ${exceptions} exceptions. Then the same rules replayed on ` +
        `${days} evenings from ${MONTHS[0]} on, each with what could be known by then. An order counts once for each evening on which it stands. ` +
        'Precision: the part of the found orders that really are so; ' +
        'recall: the part of those that really are so that is found.',
      'Fraud is what the sandbox planted, unsent by then. Its three kinds are clean patterns (four to six orders within an hour or so; a ' +
        'destination that nobody else has), so ' +
        'figures near 100 % say that the rules do what they are meant to, not that real fraud is as easy to find.'
    ],
    tables: [tableOf(now), tableOf(replayed)]
  }
}
