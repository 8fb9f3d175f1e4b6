// Reads what a forecast needs: orders by day, stock, the days without any, suppliers; and says what was left out.
import type { AgentContext } from '../../core/agent.ts'
import type { CommerceReader, Variant } from '../../core/commerce.ts'
import type { ShopHistory } from '../../core/shop-history.ts'
import { addDays, dayOf, daysBetween, startOf } from '../shop/days.ts'
import { availableOf } from '../shop/stock.ts'
import { count } from '../wording.ts'
import type { Candidate } from './assess.ts'
import { dailyDemand, markStockOuts, type DailyDemand } from './daily-demand.ts'
import type { StockRow } from './dead-stock.ts'
import { LEAST_OBSERVED, type ForecastTask } from './forecast-task.ts'
import type { ForecastOutput, withDefaults } from './schemas.ts'
import { assumedSupply, readSuppliers, type SupplyList } from './suppliers.ts'

const STOCK_MAX_AGE_MS = 15 * 60_000
/** The demand of more variants over more days would not fit into memory beside everything else: the days are cut. */
const MOST_CELLS = 50_000_000
const WEEK = 7

export interface Observed {
  today: string
  currency: string
  candidates: Candidate[]
  stockRows: StockRow[]
  task: ForecastTask
  facts: Pick<ForecastOutput, 'as_of' | 'source' | 'stock_as_of' | 'day' | 'timezone' | 'history' | 'suppliers' | 'assumptions' | 'variants'>
}

type Input = ReturnType<typeof withDefaults>
type Context = Omit<AgentContext, 'history'> & { history: ShopHistory, commerce: CommerceReader }
type Pace = () => Promise<void> | undefined

export const observe = async (context: Context, input: Input, pace: Pace): Promise<Observed> => {
  const { history, commerce, feeds, clock, signal, progress } = context
  progress(0, 'Reading the orders that changed.')
  const state = await history.refresh({ signal, progress: (fraction, note) => { progress(fraction * 0.4, note) } })
  const { timezone, currency } = await commerce.shop({ signal })
  const stock = await history.variants({ signal, max_age_ms: STOCK_MAX_AGE_MS })
  const today = dayOf(clock.now(), timezone)
  const counted = stock.variants.filter((variant) => variant.status === 'ACTIVE' && variant.tracked)
  await history.recordStock(dayOf(stock.read_at, timezone), counted.map((variant) => ({ variant_id: variant.id, available: availableOf(variant)! })))

  const places = new Map(counted.map(({ id }, place) => [id, place]))
  const to = addDays(today, -1)
  const days = Math.max(0, Math.min(input.history_days, daysBetween(firstWholeDay(state.covers_from, timezone), to), Math.floor(MOST_CELLS / counted.length)))
  const range = { from: addDays(today, -days), to, timeZone: timezone }
  progress(0.4, `Adding up the orders of ${count(days, 'day')}.`)
  const demand = await dailyDemand(history.orders({ from: startOf(range.from, timezone), before: startOf(today, timezone), signal }), places, range, pace)

  const censored = new Uint8Array(demand.units.length)
  // What goes on selling at zero is not held back by it.
  const limited = new Map(counted.flatMap(({ id, sells_when_out_of_stock: goesOn }, place) => goesOn ? [] : [[id, place] as const]))
  const marked = markStockOuts(censored, await history.stockDays({ from: range.from }), limited, range)
  const feed = await feeds.get('suppliers')
  const list = readSuppliers(feed, input.default_lead_time_days)
  const candidates = await mapPaced(counted, (variant) => candidateOf(variant, list, input), pace)
  const starts = await startsOf(counted, demand, range, pace)
  const leads = Int32Array.from(candidates, ({ supply }) => supply.lead_time_days)
  return {
    today,
    currency,
    candidates,
    stockRows: await mapPaced(candidates, (candidate, place) => stockRowOf(candidate, place, demand, starts[place]!, range.from), pace),
    task: {
      variants: counted.length,
      days,
      period: WEEK,
      units: demand.units,
      censored,
      starts,
      groups: groupsOf(counted),
      leads,
      leadDeviations: Float64Array.from(candidates, ({ supply }) => supply.lead_time_sd),
      serviceLevel: input.service_level,
      horizon: leads.reduce((most, lead) => Math.max(most, lead), input.default_lead_time_days) + input.order_cover_days,
      counts: true
    },
    facts: {
      as_of: new Date(state.as_of).toISOString(),
      source: state.source,
      stock_as_of: new Date(stock.read_at).toISOString(),
      day: today,
      timezone,
      history: {
        state: days === 0 || demand.orders === 0 ? 'none' : days < LEAST_OBSERVED ? 'too_little' : 'enough',
        from: days === 0 ? null : range.from,
        to: days === 0 ? null : to,
        days,
        orders: demand.orders,
        orders_cancelled: demand.cancelled,
        orders_test: demand.test,
        units: demand.totalUnits,
        units_of_other_variants: demand.otherUnits,
        stock_out_days: marked.days,
        variants_with_stock_out_days: marked.variants,
        stock_noted_for: counted.length
      },
      variants: { total: stock.variants.length, forecast: 0, left_out: leftOut(stock.variants) },
      suppliers: {
        state: feed === undefined ? 'none' : 'used',
        received_at: feed === undefined ? null : new Date(feed.received_at).toISOString(),
        rows: list.rows,
        matched: candidates.filter(({ variant }) => list.by_sku.has(variant.sku?.trim() ?? '')).length,
        ignored: list.ignored
      },
      assumptions: assumptionsOf(candidates, input, marked.days)
    }
  }
}

/** The day on which the copy begins is only known in part, unless it begins with it. */
const firstWholeDay = (at: number, timezone: string): string => {
  const day = dayOf(at, timezone)
  return startOf(day, timezone) === at ? day : addDays(day, 1)
}

const candidateOf = (variant: Variant, { by_sku: list }: SupplyList, input: Input): Candidate => {
  const supply = list.get(variant.sku?.trim() ?? '') ?? assumedSupply(input.default_lead_time_days)
  return {
    variant,
    available: availableOf(variant)!,
    incoming: variant.levels.reduce((sum, { incoming }) => sum + incoming, 0),
    supply,
    unit_cost: supply.unit_cost ?? variant.unit_cost
  }
}

/** The first day of which something can be known: after the variant was made, or when it was sold before that (it came from another shop system). */
const startsOf = async (
  variants: Variant[], { days, units }: DailyDemand, { from, timeZone }: { from: string, timeZone: string }, pace: Pace
): Promise<Int32Array> => {
  const starts = await mapPaced(variants, ({ created_at: made }, place) => {
    const after = Math.max(0, Math.min(days, daysBetween(from, dayOf(made, timeZone))))
    const sold = units.subarray(place * days, (place + 1) * days).findIndex((value) => value > 0)
    return sold < 0 ? after : Math.min(sold, after)
  }, pace)
  return Int32Array.from(starts)
}

const stockRowOf = (
  { variant, available, unit_cost: cost }: Candidate, place: number, { days, units }: DailyDemand, start: number, from: string
): StockRow => {
  const last = units.subarray(place * days, (place + 1) * days).findLastIndex((value) => value > 0)
  return {
    variant,
    available,
    unit_cost: cost,
    idle_days: last < 0 ? null : days - 1 - last,
    known_days: days - start,
    last_sold: last < 0 ? null : addDays(from, last)
  }
}

const mapPaced = async <A, B>(list: A[], map: (one: A, place: number) => B, pace: Pace): Promise<B[]> => {
  const found: B[] = []
  for (const [place, one] of list.entries()) {
    const turn = pace()
    if (turn !== undefined) await turn
    found.push(map(one, place))
  }
  return found
}

/** Variants of one product type lend each other their season. */
const groupsOf = (variants: Variant[]): Int32Array => {
  const numbers = new Map<string, number>()
  return Int32Array.from(variants, ({ product_type: type }) => {
    let number = numbers.get(type)
    if (number === undefined) numbers.set(type, number = numbers.size)
    return number
  })
}

const leftOut = (variants: Variant[]): Record<string, number> => {
  const active = variants.filter(({ status }) => status === 'ACTIVE')
  const found: Record<string, number> = {}
  if (active.length < variants.length) found['not_active'] = variants.length - active.length
  const untracked = active.filter(({ tracked }) => !tracked).length
  if (untracked > 0) found['untracked'] = untracked
  return found
}

const assumptionsOf = (candidates: Candidate[], input: Input, stockOutDays: number): string[] => {
  const assumed = candidates.filter(({ supply }) => supply.assumed_lead_time).length
  const nobody = candidates.filter(({ supply }) => supply.supplier === null).length
  return [
    ...assumed === 0
      ? []
      : [`A lead time of ${count(input.default_lead_time_days, 'day')} is assumed for ${count(assumed, 'variant')}: no list of suppliers tells theirs.`],
    ...nobody === 0 ? [] : [`No supplier is known for ${count(nobody, 'variant')}: MOQ and pack size are taken as 1.`],
    'Demand is counted on the day of the order, as ordered, without cancelled and test orders; returns do not lessen it.',
    'Incoming units count as if they came within the lead time.',
    'Today counts as a whole day of demand that is still to come.',
    ...stockOutDays > 0 ? [] : ['No day without stock is known yet: each run notes the stock, and earlier stock-outs are never guessed.']
  ]
}
