// Analytics: closes the day that ended in the shop, says what was unusual about it, and keeps the row in the warehouse.
import { setImmediate as turn } from 'node:timers/promises'
import { defineAgent, PermanentError, type AgentContext } from '../../core/agent.ts'
import type { Money } from '../../core/money.ts'
import { addDays, dayOf, daysBetween, isDate, startOf } from '../shop/days.ts'
import { changePercent } from '../shop/sales.ts'
import { availableOf, stockOverview } from '../shop/stock.ts'
import { oneLine } from '../wording.ts'
import { tallyCloses, type DayClose } from './close.ts'
import { writeDays } from './daily-rows.ts'
import { anomaliesOf } from './robust.ts'
import { AnalyticsInputSchema, AnalyticsOutputSchema, type AnalyticsInput, type AnalyticsOutput } from './schemas.ts'
import { digestOf } from './digest.ts'

const WEEK = 7
const LEAST_WEEKS = 8
const MOST_DAYS = 366
const LISTED_DAYS = 31
const LISTED_OUT = 20
const VARIANTS_AGE_MS = 6 * 3_600_000
/** Orders that are added up before others get a turn: some milliseconds. */
const ORDERS_A_TURN = 200

export const analytics = defineAgent({
  name: 'analytics',
  description: "Closes the shop's day: sales, returns, margin, customers, lead time, stock-outs, anomalies; keeps a row a day in the warehouse.",
  input: AnalyticsInputSchema,
  output: AnalyticsOutputSchema,
  triggers: { schedule: { cron: '30 3 * * *', timezone: 'Europe/Berlin' } },
  timeoutMs: 15 * 60_000,
  summarise: (output: AnalyticsOutput): string => digestOf(output),

  async run (context: AgentContext, input: AnalyticsInput): Promise<AnalyticsOutput> {
    const { ports: { commerce }, history, signal } = context
    if (commerce === undefined || history === undefined) throw new PermanentError('shop_not_configured', 'There is no shop to close the day of: configure one.')
    const { weeks = 12, threshold = 3.5, table = 'daily_close', rewrite_days: rewrite = 7 } = input
    const { timezone, currency } = await commerce.inLane('research').shop({ signal })
    const { from, to } = rangeOf(input, dayOf(context.clock.now(), timezone))
    const state = await history.refresh({ signal, progress: (fraction, note) => context.progress(fraction * 0.6, note) })
    const { variants, read_at: stockReadAt } = await history.variants({ signal, max_age_ms: VARIANTS_AGE_MS })
    const costs = new Map<string, Money>()
    for (const { id, unit_cost: cost } of variants) if (cost !== null) costs.set(id, cost)

    // Days before the first known order are unknown, not empty; those that had not ended when the shop was read are not over.
    const isKnown = (day: string): boolean => startOf(day, timezone) >= state.covers_from && startOf(addDays(day, 1), timezone) <= state.as_of
    const first = input.from === undefined ? addDays(to, 1 - rewrite) : from
    const begin = [first, addDays(to, -WEEK * weeks)].sort()[0]!
    const tally = tallyCloses({ from: begin, to, timezone, currency, costs })
    let read = 0
    context.progress(0.6, 'adding up the orders')
    for await (const order of history.orders({ signal })) {
      tally.add(order)
      if (++read % ORDERS_A_TURN !== 0) continue
      await turn()
      signal.throwIfAborted()
    }
    const closes = new Map(tally.result().filter(({ day }) => isKnown(day)).map((each) => [each.day, each]))
    const inRange = (start: string): DayClose[] => [...closes.values()].filter(({ day }) => day >= start && day <= to)
    const asked = inRange(from)
    const day = closes.get(to) ?? null
    const weekBefore = closes.get(addDays(to, -WEEK)) ?? null

    context.progress(0.9, 'writing the days to the warehouse')
    const warehouse = await writeDays(context, table, inRange(first), { as_of: state.as_of, source: state.source, currency, timezone })
    const { out, low, untracked, variants: counted } = stockOverview(variants)
    const { test_orders: tests, other_currency: foreign } = tally.leftOut()
    return {
      state: day === null ? 'no_data' : 'closed',
      source: state.source,
      as_of: iso(state.as_of),
      covers_from: iso(state.covers_from),
      timezone,
      currency,
      day,
      compared: day === null || weekBefore === null ? null : comparedWith(day, weekBefore),
      anomalies: anomaliesFor(day, closes, weeks, threshold),
      stock: {
        read_at: iso(stockReadAt),
        out: out.length,
        low: low.length,
        untracked,
        variants: counted,
        first: out.slice(0, LISTED_OUT).map((variant) => ({
          sku: variant.sku === null ? null : oneLine(variant.sku, 80), title: oneLine(variant.product_title, 120), available: availableOf(variant) ?? 0
        }))
      },
      days: { total: asked.length, latest: input.from === undefined ? [] : asked.slice(-LISTED_DAYS) },
      warehouse,
      orders_read: read,
      left_out: [
        { reason: 'test_orders', count: tests },
        { reason: 'orders_in_another_currency', count: foreign },
        { reason: 'days_that_are_not_known', count: daysBetween(from, to) - asked.length }
      ].filter(({ count }) => count > 0),
      notes: [
        'Unit costs are those known now, not those of the day.',
        `Returns of orders from before ${iso(state.covers_from)} are not known.`,
        ...(warehouse.state === 'failed' ? ['The rows were not written to the warehouse; the next run writes the last days again.'] : [])
      ]
    }
  }
})

/** First and last day that are asked for. @throws PermanentError `invalid_input` */
const rangeOf = ({ day, from, to }: AnalyticsInput, today: string): { from: string, to: string } => {
  const refuse = (message: string): never => { throw new PermanentError('invalid_input', message) }
  if (day !== undefined && (from !== undefined || to !== undefined)) refuse('Name a day, or from and to, not both.')
  if ((from === undefined) !== (to === undefined)) refuse('A range has both from and to.')
  const yesterday = addDays(today, -1)
  const first = from ?? day ?? yesterday
  const last = to ?? day ?? yesterday
  for (const each of [first, last]) if (!isDate(each)) refuse(`${each} is no day.`)
  if (last >= today) refuse(`${last} is not over in the shop, where it is ${today}: only days that have ended can be closed.`)
  if (first > last) refuse('from is after to.')
  if (daysBetween(first, last) > MOST_DAYS) refuse(`At most ${MOST_DAYS} days are closed at once.`)
  return { from: first, to: last }
}

const anomaliesFor = (day: DayClose | null, closes: ReadonlyMap<string, DayClose>, weeks: number, threshold: number): AnalyticsOutput['anomalies'] => {
  if (day === null) return { state: 'no_data', threshold, found: [], judged: [], unjudged: [] }
  const before = Array.from({ length: weeks }, (_, index) => closes.get(addDays(day.day, -WEEK * (index + 1)))).filter((each) => each !== undefined)
  const { anomalies, judged, unjudged } = anomaliesOf(day, before, { threshold, least: LEAST_WEEKS })
  return { state: judged.length === 0 ? 'too_little_history' : 'judged', threshold, found: anomalies, judged, unjudged }
}

const comparedWith = (day: DayClose, before: DayClose): NonNullable<AnalyticsOutput['compared']> => ({
  day: before,
  net_percent: changePercent(day.net, before.net),
  orders_percent: changePercent(String(day.orders), String(before.orders)),
  average_order_percent: day.average_order === null || before.average_order === null ? null : changePercent(day.average_order, before.average_order)
})

const iso = (at: number): string => new Date(at).toISOString()
