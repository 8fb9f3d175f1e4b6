// Reads the shop for the assistant: through the port, in the lane of people who wait, kept for a moment, and added up on the way.
import type { Clock } from '../../core/clock.ts'
import type { CommerceReader, Order, OrderFilter, OrderSales, Shop, Variant } from '../../core/commerce.ts'
import { AppError } from '../../core/errors.ts'
import { createKept } from '../../core/kept.ts'
import type { Money } from '../../core/money.ts'
import { ATTENTION_DAYS, ordersInNeed, type OrderInNeed } from '../shop/attention.ts'
import { addDays, dayOf, daysBetween, sameTimeOn, startOf } from '../shop/days.ts'
import { customersOf, tallyProducts, tallySales, type BestSeller, type Customers, type Sales, type Span } from '../shop/sales.ts'
import { before as periodBefore, type Days } from './periods.ts'

/** A span of days as it was added up. */
export interface Figures {
  days: Days
  span: Span
  sales: Sales
}

export interface DayReading extends Figures {
  /** When the reading began, milliseconds since the epoch: what happened later is not in it. */
  read_at: number
  shop: Shop
  /** False while the day is going on. */
  complete: boolean
  /** Null for days before yesterday: the shop only tells how many orders a customer has by now. */
  customers: Customers | null
  /** No order names its customer, and there are orders: perhaps the right to read them is missing. */
  customers_hidden: boolean
  /** Of that day, the latest first. */
  orders: OrderSales[]
  /** Up to the same time of day when the day is going on, and without refunds; null: the shop does not show orders of that time. */
  week_before: Figures | null
  day_before: Figures | null
}

export interface PeriodReading extends Figures {
  read_at: number
  shop: Shop
  complete: boolean
  daily: Array<{ date: string, sales: Sales }>
  /** Null: the shop does not show orders of that time. */
  compared: Figures | null
}

export interface BestSellersReading {
  days: Days
  span: Span
  read_at: number
  shop: Shop
  complete: boolean
  best_sellers: BestSeller[]
}

export interface AttentionReading {
  read_at: number
  shop: Shop
  /** Open orders, without test orders. */
  looked_at: number
  orders: OrderInNeed[]
}

export type ShopReadings = ReturnType<typeof createShopReadings>

const SECOND = 1_000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

const KEPT = { shop: 10 * MINUTE, today: 30 * SECOND, past: 5 * MINUTE, attention: MINUTE, catalogue: 5 * MINUTE, horizon: 10 * MINUTE }

/**
 * What changed since a moment longer ago is read with a bulk operation: page by page it would use the query budget up. What was made in some days is
 * known by their number.
 */
const PAGED_AGE = 8 * DAY
const PAGED_DAYS = 7
/** Lists of unknown length are read page by page so far, which are some pages, and then again with a bulk operation. */
const MOST_PAGED = 1_250
const LONGEST_DAYS = 400
/** Days before this are only shown with the right read_all_orders. */
const HORIZON_DAYS = 60
/** What day comparisons are read up to, so that questions some minutes apart share one reading. */
const COMPARED_STEP = 15 * MINUTE

export const createShopReadings = (port: CommerceReader, clock: Pick<Clock, 'now' | 'monotonic'>) => {
  const commerce = port.inLane('interactive')
  const kept = createKept(clock)

  const shop = (signal: AbortSignal): Promise<Shop> => kept.get('shop', KEPT.shop, signal, (own) => commerce.shop({ signal: own }))

  /** All, each once: pages first where the length is not known. */
  const list = async <T>(read: (bulk: boolean) => AsyncIterable<T>, bulk: boolean | undefined): Promise<T[]> => {
    const items: T[] = []
    for await (const item of read(bulk === true)) {
      items.push(item)
      if (bulk === undefined && items.length > MOST_PAGED) return list(read, true)
    }
    return items
  }

  /** Each order once, as it was read last: one that changes meanwhile comes again. */
  const orderSales = async (filter: OrderFilter, bulk: boolean | undefined, signal: AbortSignal): Promise<OrderSales[]> => {
    const found = await list((inBulk) => commerce.orderSales(filter, { signal, bulk: inBulk }), bulk)
    return [...new Map(found.map((order) => [order.id, order])).values()]
  }

  /** Every order that was made or gave something back since then: either is a change. */
  const changedSince = (from: number, signal: AbortSignal): Promise<OrderSales[]> =>
    orderSales({ updated_from: from }, clock.now() - from > PAGED_AGE ? true : undefined, signal)

  /** What went back, by the refund's id. */
  const goodsOf = async (refundIds: readonly string[], signal: AbortSignal): Promise<Map<string, Money>> => {
    if (refundIds.length === 0) return new Map()
    const goods = await commerce.returnedGoods([...refundIds], { signal })
    return new Map(goods.map(({ refund_id: id, value }) => [id, value]))
  }

  /** Whether orders of that time are shown: their absence would look like no sales. */
  const isVisible = async (from: number, signal: AbortSignal): Promise<boolean> => {
    const horizon = horizonAt(clock.now())
    return from >= horizon || kept.get('horizon', KEPT.horizon, signal, async (own) => {
      const oldest = commerce.orderSales({ created_before: horizon }, { signal: own })[Symbol.asyncIterator]()
      const first = await oldest.next()
      await oldest.return?.()
      return first.done !== true
    })
  }

  const spanOf = ({ from, to }: Days, timeZone: string, now: number): Span =>
    ({ from: startOf(from, timeZone), before: Math.min(startOf(addDays(to, 1), timeZone), now) })

  /** The orders of a day up to a moment, without looking at refunds that came later. */
  const earlierDay = async (date: string, until: number | undefined, { timezone, currency }: Shop, signal: AbortSignal): Promise<Figures | null> => {
    const from = startOf(date, timezone)
    const end = startOf(addDays(date, 1), timezone)
    const before = until === undefined ? end : sameTimeOn(date, until, timezone)
    const readTo = Math.min(end, from + Math.ceil((before - from) / COMPARED_STEP) * COMPARED_STEP)
    if (!await isVisible(from, signal)) return null
    const found = await kept.get(`orders ${from} ${readTo}`, KEPT.past, signal, (own) =>
      orderSales({ created_from: from, created_before: readTo }, undefined, own))
    const span = { from, before }
    const tally = tallySales(span, currency)
    // Refunds of a day that is compared come later and would need all that changed since.
    for (const order of found) tally.add({ ...order, refunds: [] })
    return { days: { from: date, to: date }, span, sales: tally.result() }
  }

  /** @throws AppError for a day that has not begun, and one of which orders are not shown. */
  const day = async (date: string, signal: AbortSignal): Promise<DayReading> => {
    const known = await shop(signal)
    const today = dayOf(clock.now(), known.timezone)
    assertBegun(date, today)
    return kept.get(`day ${date}`, date === today ? KEPT.today : KEPT.past, signal, async (own) => {
      const now = clock.now()
      const { timezone, currency } = known
      const span = spanOf({ from: date, to: date }, timezone, now)
      const complete = date !== today
      if (!await isVisible(span.from, own)) throw hidden(now)
      const until = complete ? undefined : now
      // A person waits: what does not need each other is read at the same time.
      const [changed, weekBefore, dayBefore] = await Promise.all([
        changedSince(span.from, own),
        earlierDay(addDays(date, -7), until, known, own),
        earlierDay(addDays(date, -1), until, known, own)
      ])
      const tally = tallySales(span, currency)
      for (const order of changed) tally.add(order)
      const sales = tally.result(await goodsOf(tally.refundIds(), own))
      const made = changed.filter(({ created_at: at }) => at >= span.from && at < span.before)
        .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1))
      return {
        days: { from: date, to: date },
        span,
        sales,
        read_at: now,
        shop: known,
        complete,
        customers: daysBetween(date, today) <= 2 ? customersOf(changed, span) : null,
        customers_hidden: made.length > 0 && made.every(({ customer }) => customer === null),
        orders: made,
        week_before: weekBefore,
        day_before: dayBefore
      }
    })
  }

  /** The days as far as they have begun. @throws AppError for days that have not begun, and for more of them than are read. */
  const begun = async (asked: Days, signal: AbortSignal): Promise<{ known: Shop, days: Days, length: number, complete: boolean }> => {
    const known = await shop(signal)
    const today = dayOf(clock.now(), known.timezone)
    assertBegun(asked.from, today)
    if (asked.to < asked.from) throw new AppError('invalid_input', { message: `${asked.to} is before ${asked.from}.` })
    const days = { from: asked.from, to: asked.to > today ? today : asked.to }
    const length = daysBetween(days.from, days.to)
    if (length > LONGEST_DAYS) throw new AppError('invalid_input', { message: `At most ${LONGEST_DAYS} days can be added up at once; these are ${length}.` })
    return { known, days, length, complete: days.to < today }
  }

  /** @throws AppError for days that have not begun, for more of them than are read, and for days of which orders are not shown. */
  const period = async (asked: Days, signal: AbortSignal): Promise<PeriodReading> => {
    const { known, days, length, complete } = await begun(asked, signal)
    return kept.get(`period ${days.from} ${days.to}`, complete ? KEPT.past : MINUTE, signal, async (own) => {
      const now = clock.now()
      const { timezone, currency } = known
      const span = spanOf(days, timezone, now)
      if (!await isVisible(span.from, own)) throw hidden(now)
      const earlier = periodBefore(days)
      const then = spanOf(earlier, timezone, now)
      if (!complete) then.before = Math.min(then.before, sameTimeOn(earlier.to, now, timezone))
      const compares = await isVisible(then.from, own)

      const whole = tallySales(span, currency)
      const compared = tallySales(then, currency)
      const daily = new Map(Array.from({ length }, (_, index) => {
        const date = addDays(days.from, index)
        return [date, tallySales(spanOf({ from: date, to: date }, timezone, now), currency)] as const
      }))
      for (const order of await changedSince(compares ? then.from : span.from, own)) {
        whole.add(order)
        // Compared before refunds.
        compared.add({ ...order, refunds: [] })
        const moments = [order.created_at, ...order.refunds.map((refund) => refund.created_at)]
        for (const date of new Set(moments.map((at) => dayOf(at, timezone)))) daily.get(date)?.add(order)
      }
      const goods = await goodsOf(whole.refundIds(), own)
      return {
        days,
        span,
        sales: whole.result(goods),
        read_at: now,
        shop: known,
        complete,
        daily: [...daily].map(([date, tally]) => ({ date, sales: tally.result(goods) })),
        compared: compares ? { days: earlier, span: then, sales: compared.result() } : null
      }
    })
  }

  /** @throws what `period` throws. */
  const bestSellers = async (asked: Days, signal: AbortSignal): Promise<BestSellersReading> => {
    const { known, days, length, complete } = await begun(asked, signal)
    return kept.get(`best sellers ${days.from} ${days.to}`, complete ? KEPT.past : MINUTE, signal, async (own) => {
      const now = clock.now()
      const span = spanOf(days, known.timezone, now)
      if (!await isVisible(span.from, own)) throw hidden(now)
      const products = tallyProducts(span, known.currency)
      const filter = { created_from: span.from, created_before: span.before }
      const sold = await list((bulk) => commerce.orderGoods(filter, { signal: own, bulk }), length > PAGED_DAYS ? true : undefined)
      for (const order of sold) products.add(order)
      return { days, span, read_at: now, shop: known, complete, best_sellers: products.result() }
    })
  }

  const attention = async (signal: AbortSignal): Promise<AttentionReading> => {
    const known = await shop(signal)
    return kept.get('attention', KEPT.attention, signal, async (own) => {
      const now = clock.now()
      const filter: OrderFilter = { status: 'open', created_from: now - ATTENTION_DAYS * DAY }
      const open = await list((bulk) => commerce.orderStates(filter, { signal: own, bulk }), undefined)
      return { read_at: now, shop: known, looked_at: open.filter(({ test }) => !test).length, orders: ordersInNeed(open, now) }
    })
  }

  /** What is for sale. */
  const catalogue = (signal: AbortSignal): Promise<{ read_at: number, variants: Variant[] }> =>
    kept.get('catalogue', KEPT.catalogue, signal, async (own) => {
      const readAt = clock.now()
      return { read_at: readAt, variants: await list((bulk) => commerce.variants({ status: 'active' }, { signal: own, bulk }), undefined) }
    })

  /** By name (`#1042`, with or without the sign) or global id. Undefined: there is none. */
  const order = async (which: string, signal: AbortSignal): Promise<Order | undefined> => {
    if (which.startsWith('gid://shopify/Order/')) return commerce.order(which, { signal })
    const plain = which.trim().replace(/^#/, '')
    for (const name of [`#${plain}`, plain]) {
      // The search knows words, not whole names: what it finds has to be looked at.
      for await (const found of commerce.orders({ name }, { signal })) {
        if (found.name.replace(/^#/, '').toLowerCase() === plain.toLowerCase()) return found
      }
    }
    return undefined
  }

  const today = async (signal: AbortSignal): Promise<string> => dayOf(clock.now(), (await shop(signal)).timezone)

  return { source: port.source, shop, today, day, period, bestSellers, attention, catalogue, order }
}

const horizonAt = (now: number): number => now - HORIZON_DAYS * DAY

const hidden = (now: number): AppError => new AppError('dependency_unavailable', {
  message: `I see no order from before ${new Date(horizonAt(now)).toISOString().slice(0, 10)}: Shopify shows only the last ${HORIZON_DAYS} days to ` +
    'apps without the access scope read_all_orders, so that figures of that time would not be whole. Grant the scope, or ask for later days.'
})

const assertBegun = (date: string, today: string): void => {
  if (date > today) throw new AppError('invalid_input', { message: `${date} has not begun in the shop: it is ${today} there.` })
}
