// Order management: looks for orders that need a person every ten minutes and when an order changes, and proposes what to do about each.
import { defineAgent, PermanentError, type AgentContext } from '../../core/agent.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import type { CommerceReader, OrderState } from '../../core/commerce.ts'
import type { FiledProposal } from '../../core/effects/proposal.ts'
import type { Json, StoreEvent } from '../../core/model.ts'
import type { SoldOrder } from '../../core/shop-history.ts'
import { ATTENTION_DAYS } from '../shop/attention.ts'
import { createOrderHistory } from '../shop/order-history.ts'
import { paceOf } from '../shop/pace.ts'
import { count, listed, oneLine } from '../wording.ts'
import { findExceptions, isWaiting, type OrderException } from './exceptions.ts'
import { planOf, type OrderPlan } from './proposals.ts'
import {
  DEFAULTS, EXCEPTION_CODES, LEFT_OUT, ORDER_CLASSES, OrdersInputSchema, OrdersOutputSchema, type LeftOut, type OrdersInput, type OrdersOutput, type Settings
} from './schemas.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
/** How far back values and destinations are compared. */
export const COMPARED_DAYS = 365
const MOST_SHOWN = 100
/** Beyond so many, one bulk operation costs less of the query budget than the pages. */
const MOST_PAGED = 1_250
const MOST_SENT = 2_000

export const orderManagement = defineAgent({
  name: 'order_management',
  description: 'Looks every ten minutes, and when one changes, for orders that need a person, and proposes holds, tags and notes.',
  input: OrdersInputSchema,
  output: OrdersOutputSchema,
  triggers: {
    schedule: { cron: '*/10 * * * *', timezone: 'UTC' },
    events: ['orders/create', 'orders/updated', 'orders/paid', 'orders/edited', 'orders/fulfilled', 'orders/partially_fulfilled']
  },
  timeoutMs: 5 * MINUTE,
  inputFromEvent: ({ data }: StoreEvent): OrdersInput => inputOf(data),
  subjectOf: ({ order_id: id }: OrdersInput): string => id ?? 'all',

  async run (context: AgentContext, { order_id: orderId, ...given }: OrdersInput): Promise<OrdersOutput> {
    const settings: Settings = { ...DEFAULTS, ...given }
    const { history, ports, signal, clock, progress } = context
    if (history === undefined || ports.commerce === undefined) {
      throw new PermanentError('shop_not_configured', 'There is no shop to read orders from: configure Shopify, or let the sandbox stand in.')
    }
    const commerce = ports.commerce.inLane('orders')
    const pace = paceOf(clock, signal)
    const shop = await commerce.shop({ signal })
    const state = await history.refresh({ signal, progress: (fraction, note) => { progress(0.5 * fraction, note) } })
    const { variants, read_at: stockReadAt } = await history.variants({ signal, max_age_ms: 10 * MINUTE })
    const now = clock.now()
    // A single order has to be judged at once: it is compared with fewer.
    const days = orderId === undefined ? COMPARED_DAYS : ATTENTION_DAYS
    const past = createOrderHistory(now, days, settings)
    const recent: SoldOrder[] = []
    for await (const order of history.orders({ from: now - days * DAY, signal })) {
      past.add(order)
      if (order.created_at >= now - ATTENTION_DAYS * DAY) recent.push(order)
      await pace()
    }
    progress(0.6, 'reading orders')
    const { states, cut } = orderId === undefined
      ? await readStates(commerce, now, settings, recent.filter((order) => isWaiting(order, now)).length, signal)
      : { states: [await readOne(commerce, orderId, signal)], cut: false }

    progress(0.8, `judging ${count(states.length, 'order')}`)
    const { exceptions, ...looked } = await findExceptions({ states, history: past, recent, variants, timezone: shop.timezone, now, settings, pace })
    const plans = exceptions.map(planOf)
    const drafts = plans.flatMap((plan) => plan.drafts)
    const kept = drafts.slice(0, settings.max_proposals)
    const filed = await context.propose(kept)
    return {
      as_of: new Date(states.reduce((oldest, order) => Math.min(oldest, order.read_at), states.length === 0 ? state.as_of : Infinity)).toISOString(),
      history_as_of: new Date(state.as_of).toISOString(),
      history_from: new Date(state.covers_from).toISOString(),
      stock_read_at: new Date(stockReadAt).toISOString(),
      source: commerce.source,
      scope: orderId === undefined ? 'all' : 'one_order',
      looked_at: { ...looked, sent_list_cut: cut },
      exceptions: plans.slice(0, MOST_SHOWN).map((plan) => exceptionOf(plan, new Set(kept))),
      exceptions_total: exceptions.length,
      by_severity: { high: severe(exceptions, 'high'), medium: severe(exceptions, 'medium'), low: severe(exceptions, 'low') },
      by_reason: EXCEPTION_CODES.flatMap((reason) => {
        const orders = exceptions.filter(({ reasons }) => reasons.some(({ code }) => code === reason)).length
        return orders === 0 ? [] : [{ reason, orders }]
      }),
      proposals: outcomesOf(kept, filed),
      not_proposed: leftOutOf([...plans.flatMap((plan) => plan.left_out), ...drafts.slice(kept.length).map(() => 'beyond_max_proposals' as const)])
    }
  },

  summarise ({ exceptions_total: total, by_severity: by, by_reason: reasons, proposals, looked_at: looked, scope, as_of: asOf }: OrdersOutput): string {
    const read = scope === 'one_order'
      ? `One order looked at as of ${asOf}.`
      : `${count(looked.open, 'open order')} and ${count(looked.sent, 'sent one')} looked at as of ${asOf}.`
    if (total === 0) return `No order is an exception: ${read}`
    const made = proposals.reduce((sum, one) => sum + one.made, 0)
    return `${count(total, 'exception')} (${by.high} high, ${by.medium} medium, ${by.low} low): ` +
      `${listed(reasons.map(({ reason, orders }) => `${orders} ${reason.replaceAll('_', ' ')}`))}. ${count(made, 'proposal')}. ${read}`
  }
})

const ORDER_GID = /^gid:\/\/shopify\/Order\/\d{1,20}$/

/** The order of a webhook; without one that can be read, everything is looked at. */
const inputOf = (data: Json): OrdersInput => {
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return {}
  const { admin_graphql_api_id: gid, id } = data
  if (typeof gid === 'string' && ORDER_GID.test(gid)) return { order_id: gid }
  if (typeof id === 'string' && ORDER_GID.test(id)) return { order_id: id }
  const number = typeof id === 'number' ? Number.isSafeInteger(id) && id > 0 ? String(id) : '' : typeof id === 'string' ? id : ''
  return /^\d{1,20}$/.test(number) ? { order_id: `gid://shopify/Order/${number}` } : {}
}

const readOne = async (commerce: CommerceReader, id: string, signal: AbortSignal): Promise<OrderState> => {
  try {
    return await commerce.order(id, { signal })
  } catch (error) {
    // A webhook may tell of an order that is gone by now: whoever asks for it is mistaken, and the agent is well.
    if (error instanceof CommerceError && error.code === 'shop_not_found') throw new PermanentError('invalid_input', `The shop has no order ${id}.`)
    throw error
  }
}

/** Open ones, and those that were sent lately, which Shopify has closed. */
const readStates = async (
  commerce: CommerceReader, now: number, { sent_days: days }: Settings, waiting: number, signal: AbortSignal
): Promise<{ states: OrderState[], cut: boolean }> => {
  const states: OrderState[] = []
  const bulk = waiting > MOST_PAGED
  for await (const order of commerce.orderStates({ status: 'open', created_from: now - ATTENTION_DAYS * DAY }, { signal, bulk })) states.push(order)
  let sent = 0
  for await (const order of commerce.orderStates({ status: 'closed', updated_from: now - days * DAY }, { signal })) {
    if (sent === MOST_SENT) return { states, cut: true }
    states.push(order)
    sent += 1
  }
  return { states, cut: false }
}

const severe = (exceptions: readonly OrderException[], severity: OrderException['severity']): number =>
  exceptions.filter((one) => one.severity === severity).length

const exceptionOf = ({ exception: { order, severity, reasons }, drafts }: OrderPlan, kept: ReadonlySet<unknown>): OrdersOutput['exceptions'][number] => ({
  order_id: order.id,
  order_name: oneLine(order.name, 80),
  created_at: new Date(order.created_at).toISOString(),
  total: { ...order.total },
  severity,
  reasons: reasons.flatMap(({ code, severity: own, text }) => code === 'on_hold' ? [] : [{ code, severity: own, text }]),
  proposed: drafts.filter((draft) => kept.has(draft)).map((draft) => draft.class)
})

const outcomesOf = (kept: OrderPlan['drafts'], filed: readonly FiledProposal[]): OrdersOutput['proposals'] => ORDER_CLASSES.flatMap((name) => {
  const own = filed.filter((_, i) => kept[i]?.class === name)
  const of = (outcome: FiledProposal['outcome']): number => own.filter((one) => one.outcome === outcome).length
  return own.length === 0
    ? []
    : [
        { class: name, made: own.length, filed: of('filed'), unchanged: of('unchanged'), shadow: of('shadow'), blocked: of('blocked') }
      ]
})

const leftOutOf = (reasons: readonly LeftOut[]): OrdersOutput['not_proposed'] => LEFT_OUT.flatMap((reason) => {
  const changes = reasons.filter((one) => one === reason).length
  return changes === 0 ? [] : [{ reason, changes }]
})
