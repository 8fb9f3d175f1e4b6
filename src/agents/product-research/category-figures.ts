// What the shop itself has learned about each of its product types: sales, growth, margin and returns.
import type { Variant } from '../../core/commerce.ts'
import { addMoney, compareMoney, multiplyMoney, scaleMoney, subtractMoney, type Money } from '../../core/money.ts'
import type { SoldLine, SoldOrder } from '../../core/shop-history.ts'
import { quantileOf } from '../shop/quantiles.ts'
import { decimal } from '../shop/sales.ts'

const DAY = 86_400_000
const WEEKS = 8
/** 8 weeks. */
const WINDOW = WEEKS * 7 * DAY
/** A year of whole weeks, so that the same weekdays are compared. */
const YEAR = 364 * DAY
/** Orders younger than this may still be sent back. */
const SETTLED = 30 * DAY
/** Below so many units a growth is chance. */
const LEAST_UNITS = 5

export interface CategoryFigures {
  type: string
  /** For sale now. */
  products: number
  /** Of the last 8 weeks, and of the same weeks a year before; null: the history does not reach back that far. */
  units: number
  units_year_before: number | null
  /** `units` by weeks and products; null without products. */
  units_per_week_per_product: number | null
  /** units / units_year_before - 1; null: not known, or too few to tell. */
  growth: number | null
  /** How the 8 weeks stand against the 8 before them, less what the season did in the year before; null as above. */
  trend: number | null
  /** Of settled orders of the last year: units that went back / units sold; null without sales. */
  return_rate: number | null
  /** Net sales of the last year, after discounts and before returns, as they were charged. */
  net: string
  /** (sales without tax - cost) / sales without tax in the last year, over the lines with a known cost; null: no cost is known. */
  margin: number | null
  /** Share of those sales whose cost is known, from 0 to 1; null without sales. */
  margin_coverage: number | null
  median_price: string | null
}

interface Sums {
  /** Units of the last four windows that matter: now, the one before, and both a year earlier. */
  now: number
  before: number
  yearAgo: number
  beforeYearAgo: number
  settled: number
  back: number
  net: Money
  untaxed: Money
  covered: Money
  cost: Money
}

export interface CategoryTally {
  add (order: SoldOrder): void
  /** Sorted by net sales. */
  result (): CategoryFigures[]
  /** Of the last year, by reason. */
  leftOut (): { lines_of_unknown_products: number, orders_in_another_currency: number }
}

/** Takes the orders of the last two years and keeps what belongs to a window. `coversFrom`: no order before it is known. */
export const tallyCategories = (
  variants: readonly Variant[], { now, coversFrom, currency }: { now: number, coversFrom: number, currency: string }
): CategoryTally => {
  const byId = new Map(variants.map((variant) => [variant.id, variant]))
  const sums = new Map<string, Sums>()
  let unknown = 0
  let foreign = 0
  const zero: Money = { amount: '0', currency }
  const sumsOf = (type: string): Sums => {
    let found = sums.get(type)
    if (found === undefined) {
      found = { now: 0, before: 0, yearAgo: 0, beforeYearAgo: 0, settled: 0, back: 0, net: zero, untaxed: zero, covered: zero, cost: zero }
      sums.set(type, found)
    }
    return found
  }
  return {
    add (order) {
      const age = now - order.created_at
      if (order.test || order.cancelled_at !== null || age < 0) return
      if (order.currency !== currency) {
        if (age < YEAR) foreign += 1
        return
      }
      const window = windowOf(age)
      for (const line of order.lines) {
        const variant = byId.get(line.variant_id ?? '')
        if (variant === undefined) {
          if (age < YEAR) unknown += 1
          continue
        }
        const own = sumsOf(typeOf(variant))
        if (window !== undefined) own[window] += line.quantity
        if (age < YEAR) addMoneyOf(own, line, order, variant.unit_cost)
        if (age >= SETTLED && age < YEAR) own.settled += line.quantity
      }
      if (age < SETTLED || age >= YEAR) return
      for (const { variant_id: id, quantity } of order.refunds.flatMap(({ lines }) => lines)) {
        const variant = byId.get(id ?? '')
        if (variant !== undefined) sumsOf(typeOf(variant)).back += quantity
      }
    },
    leftOut: () => ({ lines_of_unknown_products: unknown, orders_in_another_currency: foreign }),
    result () {
      const products = new Map<string, { ids: Set<string>, prices: number[] }>()
      for (const variant of variants) {
        if (variant.status !== 'ACTIVE') continue
        const own = products.get(typeOf(variant)) ?? { ids: new Set(), prices: [] }
        own.ids.add(variant.product_id)
        if (variant.price.currency === currency) own.prices.push(Number(variant.price.amount))
        products.set(typeOf(variant), own)
      }
      const known = (since: number): boolean => coversFrom <= now - since
      return [...new Set([...sums.keys(), ...products.keys()])]
        .map((type) => figuresOf(type, sumsOf(type), products.get(type) ?? { ids: new Set<string>(), prices: [] }, known))
        .sort((a, b) => Number(b.net) - Number(a.net) || (a.type < b.type ? -1 : 1))
    }
  }
}

/** `` for a product without one. */
const typeOf = (variant: Variant): string => variant.product_type.trim()

const windowOf = (age: number): 'now' | 'before' | 'yearAgo' | 'beforeYearAgo' | undefined => {
  if (age < WINDOW) return 'now'
  if (age < 2 * WINDOW) return 'before'
  if (age < YEAR) return undefined
  if (age < YEAR + WINDOW) return 'yearAgo'
  return age < YEAR + 2 * WINDOW ? 'beforeYearAgo' : undefined
}

const addMoneyOf = (own: Sums, line: SoldLine, { currency, taxes_included: included }: SoldOrder, cost: Money | null): void => {
  const total = { amount: line.total, currency }
  const untaxed = included ? subtractMoney(total, { amount: line.tax, currency }) : total
  own.net = addMoney(own.net, total)
  own.untaxed = addMoney(own.untaxed, untaxed)
  if (cost?.currency !== currency) return
  own.covered = addMoney(own.covered, untaxed)
  own.cost = addMoney(own.cost, multiplyMoney(cost, line.quantity))
}

const figuresOf = (
  type: string, own: Sums, { ids, prices }: { ids: ReadonlySet<string>, prices: readonly number[] }, known: (since: number) => boolean
): CategoryFigures => {
  const year = known(YEAR + WINDOW)
  const both = known(YEAR + 2 * WINDOW)
  const step = change(own.now, own.before)
  const seasonal = both ? change(own.yearAgo, own.beforeYearAgo) : null
  const price = quantileOf(prices, 0.5)
  return {
    type,
    products: ids.size,
    units: own.now,
    units_year_before: year ? own.yearAgo : null,
    units_per_week_per_product: ids.size === 0 ? null : round(own.now / WEEKS / ids.size, 3),
    growth: year ? nullable(change(own.now, own.yearAgo)) : null,
    trend: step === null || seasonal === null ? null : round((1 + step) / (1 + seasonal) - 1, 3),
    return_rate: own.settled === 0 ? null : round(own.back / own.settled, 4),
    net: decimal(own.net),
    margin: ratio(subtractMoney(own.covered, own.cost), own.covered),
    margin_coverage: ratio(own.covered, own.untaxed),
    median_price: price === null ? null : price.toFixed(2)
  }
}

/** Null where one of them is too small to tell. */
const change = (now: number, then: number): number | null => then < LEAST_UNITS || now < 1 ? null : now / then - 1

const nullable = (value: number | null): number | null => value === null ? null : round(value, 3)

const ratio = (part: Money, whole: Money): number | null =>
  compareMoney(whole, { amount: '0', currency: whole.currency }) <= 0 ? null : Number(scaleMoney(part, '1', whole.amount, 'nearest', 4).amount)

const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits
