// What the assistant can look up in the shop.
import { Type } from '@sinclair/typebox'
import { AppError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import type { BreakerRegistry } from '../../core/breaker-registry.ts'
import type { CommerceReader } from '../../core/commerce.ts'
import { addDays, dayOf, daysBetween, isDate, timeOf } from '../shop/days.ts'
import { findVariants, stockOverview } from '../shop/stock.ts'
import { createShopReadings, type ShopReadings } from './shop-readings.ts'
import { comparedRecord, heading, needRecord, orderListRecord, orderRecord, stockRecord } from './shop-records.ts'
import { tool } from './tool.ts'
import { guarded } from './upstream-faults.ts'

const LONGEST_LIST = 50
const DEFAULT_DAYS = 30
const DAILY_SHOWN = 31

const Day = Type.String({ minLength: 1, maxLength: 10, description: '`today`, `yesterday` or a date as 2026-11-24, in the shop\'s time zone.' })
const limitOf = (usual: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: LONGEST_LIST, description: `How many at most. Default: ${usual}.` }))

const COUNTING = 'Test orders never count; of cancelled orders only their number does. Compared with an earlier time before refunds.'

export interface ShopToolOptions {
  commerce: CommerceReader | undefined
  /** What connects it: a sentence for people. */
  unconnected: () => string
  breakers: BreakerRegistry
  clock: Pick<Clock, 'now' | 'monotonic'>
}

export const createShopTools = ({ commerce, unconnected, breakers, clock }: ShopToolOptions) => {
  const readings = commerce === undefined ? undefined : createShopReadings(commerce, clock)

  /** Every reading of the shop goes through here. @throws AppError with a sentence for people. */
  const read = <T>(signal: AbortSignal, work: (shop: ShopReadings) => Promise<T>): Promise<T> => {
    if (readings === undefined) throw new AppError('dependency_unavailable', { message: unconnected() })
    return guarded('shopify_api', breakers, signal, () => work(readings))
  }

  const dateOf = async (day: string, shop: ShopReadings, signal: AbortSignal): Promise<string> => {
    const back = ['today', 'yesterday'].indexOf(day)
    const date = back < 0 ? day : addDays(await shop.today(signal), -back)
    if (!isDate(date)) throw new AppError('invalid_input', { message: 'There is no such day: give today, yesterday or a date such as 2026-11-24.' })
    return date
  }

  return {
    shop_info: tool({
      name: 'shop_info',
      description: 'The shop itself: its name, currency, time zone, and what day and time it is there.',
      input: Type.Object({}),
      run: (_input, { signal }) => read(signal, async (shop) => {
        const known = await shop.shop(signal)
        const now = clock.now()
        return {
          ...heading(shop.source, known.read_at, known),
          domain: known.domain,
          plan: known.plan,
          country: known.country,
          today: dayOf(now, known.timezone),
          time: timeOf(now, known.timezone)
        }
      })
    }),

    shop_summary: tool({
      name: 'shop_summary',
      description: 'How the shop is doing on one day: orders, sales, discounts, refunds, average order, new and returning customers, compared with the same ' +
        `weekday a week before and with the day before, up to the same time of day while the day is going on. ${COUNTING}`,
      input: Type.Object({ day: Type.Optional(Day) }),
      run: ({ day = 'today' }, { signal }) => read(signal, async (shop) => {
        const reading = await shop.day(await dateOf(day, shop, signal), signal)
        const { sales, week_before: week, day_before: before } = reading
        return {
          ...heading(shop.source, reading.read_at, reading.shop),
          day: reading.days.from,
          until: new Date(reading.span.before).toISOString(),
          complete: reading.complete,
          ...sales,
          customers: reading.customers === null || reading.customers_hidden ? null : { ...reading.customers },
          customers_hidden: reading.customers_hidden,
          compared_with_week_before: week === null ? null : comparedRecord(week, sales),
          compared_with_day_before: before === null ? null : comparedRecord(before, sales)
        }
      })
    }),

    sales: tool({
      name: 'sales',
      description: `Sales of several days together and day by day, compared with the same weekdays before or the month before. ${COUNTING}`,
      input: Type.Object({ from: Day, to: Day }),
      run: ({ from, to }, { signal }) => read(signal, async (shop) => {
        const reading = await shop.period({ from: await dateOf(from, shop, signal), to: await dateOf(to, shop, signal) }, signal)
        const { daily, sales, compared } = reading
        return {
          ...heading(shop.source, reading.read_at, reading.shop),
          ...reading.days,
          until: new Date(reading.span.before).toISOString(),
          complete: reading.complete,
          ...sales,
          compared: compared === null ? null : comparedRecord(compared, sales),
          days: daily.slice(0, daily.length > DAILY_SHOWN ? 0 : DAILY_SHOWN).map(({ date, sales: { orders, net_before_refunds: before, refunds, net } }) =>
            ({ date, orders, net_before_refunds: before, refunds, net })),
          days_in_all: daily.length
        }
      })
    }),

    orders_of_day: tool({
      name: 'orders_of_day',
      description: 'Lists the orders that were placed on a day, the latest first, with test and cancelled ones.',
      input: Type.Object({ day: Type.Optional(Day), limit: limitOf(10) }),
      run: ({ day = 'today', limit = 10 }, { signal }) => read(signal, async (shop) => {
        const reading = await shop.day(await dateOf(day, shop, signal), signal)
        return {
          ...heading(shop.source, reading.read_at, reading.shop),
          day: reading.days.from,
          complete: reading.complete,
          total: reading.orders.length,
          orders: reading.orders.slice(0, limit).map(orderListRecord)
        }
      })
    }),

    orders_needing_attention: tool({
      name: 'orders_needing_attention',
      description: 'Which open orders of the last 60 days need a person, and why: fraud risk, paid and not sent for 3 days, unpaid for a day, sent without ' +
        'tracking, not delivered for 14 days, on hold, countries that differ. The most severe first, then the oldest.',
      input: Type.Object({ limit: limitOf(10) }),
      run: ({ limit = 10 }, { signal }) => read(signal, async (shop) => {
        const { orders, ...reading } = await shop.attention(signal)
        const severe = (severity: string): number => orders.filter((order) => order.severity === severity).length
        return {
          ...heading(shop.source, reading.read_at, reading.shop),
          total: orders.length,
          by_severity: { high: severe('high'), medium: severe('medium'), low: severe('low') },
          open_orders_looked_at: reading.looked_at,
          orders: orders.slice(0, limit).map(needRecord)
        }
      })
    }),

    order: tool({
      name: 'order',
      description: 'Shows one order with its lines, payment, sendings, refunds and risk. `order` is null when the shop has none of this name.',
      input: Type.Object({ order: Type.String({ minLength: 1, maxLength: 100, description: 'Its name as people say it (#1042), or its global id.' }) }),
      run: ({ order: which }, { signal }) => read(signal, async (shop) => {
        const [known, order] = [await shop.shop(signal), await shop.order(which, signal)]
        return { ...heading(shop.source, order?.read_at ?? clock.now(), known), order: order === undefined ? null : orderRecord(order, clock.now()) }
      })
    }),

    stock: tool({
      name: 'stock',
      description: 'What is left of active products: with `query` the variants whose title or SKU has these words, with their prices; else what is out of ' +
        'stock (0 or less) and low (1 to 5).',
      input: Type.Object({
        query: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Words of the product, the variant or the SKU.' })),
        limit: limitOf(10)
      }),
      run: ({ query, limit = 10 }, { signal }) => read(signal, async (shop) => {
        const [known, { read_at: readAt, variants }] = [await shop.shop(signal), await shop.catalogue(signal)]
        const overview = stockOverview(variants)
        const words = query?.match(/[\p{L}\p{N}]+/gu) ?? []
        const found = words.length === 0 ? undefined : findVariants(variants, words)
        return {
          ...heading(shop.source, readAt, known),
          active_products: overview.products,
          active_variants: overview.variants,
          out_of_stock: overview.out.length,
          low: overview.low.length,
          not_counted: overview.untracked,
          found: found === undefined ? null : { total: found.length, variants: found.slice(0, limit).map(stockRecord) },
          out_of_stock_variants: found === undefined ? overview.out.slice(0, limit).map(stockRecord) : [],
          low_variants: found === undefined ? overview.low.slice(0, limit).map(stockRecord) : []
        }
      })
    }),

    best_sellers: tool({
      name: 'best_sellers',
      description: 'The products that sold the most units in some days, all variants of a product together, returns not taken off. Default: the last 30 days.',
      input: Type.Object({ from: Type.Optional(Day), to: Type.Optional(Day), limit: limitOf(10) }),
      run: ({ from, to = 'today', limit = 10 }, { signal }) => read(signal, async (shop) => {
        const last = await dateOf(to, shop, signal)
        const first = from === undefined ? addDays(last, 1 - DEFAULT_DAYS) : await dateOf(from, shop, signal)
        const reading = await shop.bestSellers({ from: first, to: last }, signal)
        return {
          ...heading(shop.source, reading.read_at, reading.shop),
          ...reading.days,
          days_in_all: daysBetween(reading.days.from, reading.days.to),
          until: new Date(reading.span.before).toISOString(),
          complete: reading.complete,
          units: reading.best_sellers.reduce((sum, { units }) => sum + units, 0),
          products_sold: reading.best_sellers.length,
          products: reading.best_sellers.slice(0, limit).map((product) => ({ ...product }))
        }
      })
    })
  }
}
