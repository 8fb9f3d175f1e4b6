// Makes articles of the shop's variants: those of a product that have one price now, with what was sold of them, at which prices, and how fast.
import type { Variant } from '../../core/commerce.ts'
import { availableOf } from '../shop/stock.ts'
import { coinsOf } from '../shop/coins.ts'
import { fitElasticity, poolElasticities, type Cell, type Elasticities, type Fit } from './elasticity.ts'
import { mergedSales, spansOf, type PriceSpan } from './price-record.ts'
import { promotedOn, promotionsOf, type Promotion } from './promotions.ts'
import { dayNumber, type Sale, type SalesRecord } from './sales-record.ts'
import { courseOf, emptyWeeks, levelOn, seasonAhead, weekOf, type Course, type OwnWeeks, type Weeks } from './season.ts'

const DAY = 86_400_000
const YEAR_DAYS = 365.25
const CELL_DAYS = 28
const RATE_DAYS = 180
/** A price that stood for less, at which less was bought, or that differs by less, tells nothing. */
const FEWEST_DAYS = 7
const FEWEST_PURCHASES = 3
const LEAST_STEP = 0.01

/** A part of a product: variants with the same price and the same crossed-out price. */
export interface Article {
  product_id: string
  type: string
  variants: Variant[]
  /** In coins. */
  price: number
  compareAt: number | null
  sales: Sale[]
  spans: PriceSpan[]
  /** Purchases by price and month, as far as the price is known. */
  cells: Cell[]
  /** Distinct prices that stood for a week and longer and sold. */
  pricePoints: PricePoint[]
  course: Course
}

export interface PricePoint {
  price: number
  days: number
  purchases: number
  units: number
}

export interface ArticleSet {
  articles: Article[]
  /** By product. */
  fits: Map<string, Fit>
  elasticities: Elasticities
  promotions: Promotion[]
  isPromoted (type: string): (day: number) => boolean
  skipped: { not_active: number, other_currency: number, no_price: number }
}

export interface ArticleSource {
  variants: readonly Variant[]
  record: SalesRecord
  currency: string
  now: number
  /** Days since the epoch. */
  today: number
  /** No order before this is known. */
  coversFrom: number
  stockDays: ReadonlyMap<string, ReadonlyArray<{ day: string, available: number }>>
  pace: () => Promise<void> | undefined
}

export const readArticles = async (source: ArticleSource): Promise<ArticleSet> => {
  const { variants, record, currency, today, coversFrom, pace } = source
  const promotions = promotionsOf(record.codes)
  const tests = new Map<string, (day: number) => boolean>()
  const isPromoted = (type: string): ((day: number) => boolean) => {
    let test = tests.get(type)
    if (test === undefined) tests.set(type, test = promotedOn(promotions, type))
    return test
  }
  const from = Math.max(Math.floor(coversFrom / DAY), today - 1_095)
  const weeks = await countWeeks(source, from, isPromoted)
  const set: ArticleSet = {
    articles: [],
    fits: new Map(),
    elasticities: poolElasticities([]),
    promotions,
    isPromoted,
    skipped: { not_active: 0, other_currency: 0, no_price: 0 }
  }
  const fitted: Array<{ type: string, fit: Fit }> = []
  for (const [productId, members] of groupBy(variants, ({ product_id: id }) => id)) {
    const type = members[0]!.product_type
    const usable = members.filter((variant) => {
      const reason = unusable(variant, currency)
      if (reason !== null) set.skipped[reason] += 1
      return reason === null
    })
    if (usable.length === 0) continue
    const course = courseOf(from, weeks.types.get(type)!, weeks.products.get(productId)!, weeks.shop)
    const articles: Article[] = []
    const price = (variant: Variant) => coinsOf(variant.price.amount, currency)!
    for (const group of groupBy(usable, (variant) => `${price(variant)} ${variant.compare_at_price?.amount ?? ''}`).values()) {
      const lists = group.map(({ id }) => record.sales.get(id) ?? [])
      const merged = mergedSales(lists)
      const parts = merged === null ? group.map((variant, i) => ({ members: [variant], sales: [...lists[i]!] })) : [{ members: group, sales: merged }]
      for (const part of parts) {
        const first = part.members[0]!
        const article: Article = {
          product_id: productId,
          type,
          variants: part.members,
          price: price(first),
          compareAt: first.compare_at_price === null ? null : coinsOf(first.compare_at_price.amount, currency),
          sales: part.sales,
          spans: spansOf(part.sales),
          cells: [],
          pricePoints: [],
          course
        }
        addCells(article, source, isPromoted(type))
        articles.push(article)
      }
    }
    set.articles.push(...articles)
    const fit = fitElasticity(articles.map(({ cells }) => cells))
    if (fit !== null) {
      set.fits.set(productId, fit)
      fitted.push({ type, fit })
    }
    await pace()
  }
  set.elasticities = poolElasticities(fitted)
  return set
}

const unusable = ({ status, price, unit_cost: cost, compare_at_price: compareAt }: Variant, currency: string): keyof ArticleSet['skipped'] | null => {
  if (status !== 'ACTIVE') return 'not_active'
  if (price.currency !== currency || (cost !== null && cost.currency !== currency) || (compareAt !== null && compareAt.currency !== currency)) {
    return 'other_currency'
  }
  const coins = coinsOf(price.amount, currency)
  if (coins === null || coins <= 0 || (compareAt !== null && coinsOf(compareAt.amount, currency) === null)) return 'no_price'
  return null
}

const groupBy = <T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

/** Purchases by week: of the shop, of each type, of each product. */
const countWeeks = async (
  { variants, record, today, pace }: ArticleSource, from: number, isPromoted: (type: string) => (day: number) => boolean
): Promise<{ shop: Weeks, types: Map<string, Weeks>, products: Map<string, OwnWeeks> }> => {
  const shop = emptyWeeks(from, today, () => false)
  const types = new Map<string, Weeks>()
  const products = new Map<string, OwnWeeks>()
  for (const { id, product_id: product, product_type: type } of variants) {
    const isOut = isPromoted(type)
    let ofType = types.get(type)
    if (ofType === undefined) types.set(type, ofType = emptyWeeks(from, today, isOut))
    let ofProduct = products.get(product)
    if (ofProduct === undefined) products.set(product, ofProduct = { all: shop.days.map(() => 0), plain: shop.days.map(() => 0) })
    for (const { day } of record.sales.get(id) ?? []) {
      const week = weekOf(day, from)
      if (week < 0 || week >= shop.days.length) continue
      shop.purchases[week]! += 1
      ofProduct.all[week]! += 1
      if (isOut(day)) continue
      ofType.purchases[week]! += 1
      ofProduct.plain[week]! += 1
    }
    await pace()
  }
  return { shop, types, products }
}

/**
 * A price is taken to have stood from the middle of the gap before its first sale to the middle of the gap after its last: nobody noted when it changed. The
 * first begins with its first sale, the current one lasts until yesterday.
 */
const addCells = (article: Article, { today, stockDays }: ArticleSource, isPromoted: (day: number) => boolean): void => {
  const { spans, sales, price: current, variants } = article
  const out = daysWithoutStock(variants, stockDays)
  const isOut = (day: number): boolean => isPromoted(day) || out.has(day)
  const byDay = new Map<number, { purchases: number, units: number }>()
  for (const { day, price, units } of sales) {
    const key = day * 1e9 + price
    const known = byDay.get(key) ?? { purchases: 0, units: 0 }
    byDay.set(key, { purchases: known.purchases + 1, units: known.units + units })
  }
  const points = new Map<number, PricePoint>()
  spans.forEach(({ price, firstDay, lastDay }, i) => {
    const before = spans[i - 1]
    const after = spans[i + 1]
    const from = before === undefined ? firstDay + 1 : Math.ceil((before.lastDay + firstDay) / 2)
    const until = after !== undefined ? Math.ceil((lastDay + after.firstDay) / 2) : price === current ? today : lastDay + 1
    const point = points.get(price) ?? { price, days: 0, purchases: 0, units: 0 }
    points.set(price, point)
    for (let start = from; start < until; start += CELL_DAYS) {
      const end = Math.min(until, start + CELL_DAYS)
      const cell: Cell = { purchases: 0, exposure: 0, logPrice: Math.log(price / current), at: (start + end) / 2 / YEAR_DAYS }
      for (let day = start; day < end; day++) {
        if (isOut(day)) continue
        const sold = byDay.get(day * 1e9 + price)
        cell.exposure += levelOn(article.course, day)
        cell.purchases += sold?.purchases ?? 0
        point.days += 1
        point.purchases += sold?.purchases ?? 0
        point.units += sold?.units ?? 0
      }
      if (cell.exposure > 0) article.cells.push(cell)
    }
  })
  article.pricePoints = distinct([...points.values()].filter(({ days, purchases }) => days >= FEWEST_DAYS && purchases >= FEWEST_PURCHASES))
}

/** By price; those that nearly equal a more common one are no point of their own. */
const distinct = (points: PricePoint[]): PricePoint[] => {
  const kept: PricePoint[] = []
  for (const point of points.sort((a, b) => b.days - a.days)) {
    if (kept.every(({ price }) => Math.abs(Math.log(price / point.price)) >= LEAST_STEP)) kept.push(point)
  }
  return kept.sort((a, b) => a.price - b.price)
}

/** Days on which nothing was left of at least half of the variants, as far as it was noted. */
const daysWithoutStock = (variants: readonly Variant[], stockDays: ArticleSource['stockDays']): Set<number> => {
  const empty = new Map<number, number>()
  for (const { id } of variants) {
    for (const { day, available } of stockDays.get(id) ?? []) {
      if (available <= 0) empty.set(dayNumber(day), (empty.get(dayNumber(day)) ?? 0) + 1)
    }
  }
  return new Set([...empty].filter(([, count]) => count * 2 >= variants.length).map(([day]) => day))
}

export interface Rate {
  /** Units a day at the current price over the days ahead. */
  mean: number
  /** Standard deviation of its logarithm. */
  sd: number
  /** What it rests on. */
  purchases: number
  days: number
  /** The days ahead against the last four weeks. */
  season: number
}

/** A season is read off one year: it may be off by about so much. An assumption. */
const SEASON_SD = 0.3

/** Of the whole article. What was bought at other prices counts as it would have been at the current one. */
export const rateOf = (article: Article, elasticity: number, dispersion: number, today: number, horizon: number): Rate => {
  const since = (today - RATE_DAYS) / YEAR_DAYS
  let purchases = 0
  let exposure = 0
  for (const cell of article.cells) {
    if (cell.at < since) continue
    purchases += cell.purchases
    exposure += cell.exposure * Math.exp(-elasticity * cell.logPrice)
  }
  let units = 1
  let sold = 1
  for (const sale of article.sales) {
    if (sale.day < today - 365) continue
    units += sale.units
    sold += 1
  }
  const season = seasonAhead(article.course, today, horizon)
  let recent = 0
  for (let day = today - 28; day < today; day++) recent += levelOn(article.course, day) / 28
  // Without any purchase, half of one is taken to be on its way.
  const mean = exposure === 0 ? 0 : (purchases + 0.5) / exposure * units / sold * recent * season
  return { mean, sd: Math.sqrt(dispersion / (purchases + 0.5) + SEASON_SD ** 2), purchases, days: Math.round(exposure), season }
}

/** How the article's purchases are shared by its variants, in their order; together 1. */
export const sharesOf = (article: Article, record: SalesRecord, today: number): number[] => {
  const counts = article.variants.map(({ id }) =>
    1 + (record.sales.get(id) ?? []).reduce((total, { day, units }) => day < today - 365 ? total : total + units, 0))
  const all = counts.reduce((total, count) => total + count, 0)
  return counts.map((count) => count / all)
}

/** Units to sell now, and with what is on its way; null: the shop does not count them, or goes on selling at zero. */
export const stockOf = (variant: Variant): { now: number, ahead: number } | null => {
  const now = availableOf(variant)
  if (now === null || variant.sells_when_out_of_stock) return null
  return { now, ahead: now + variant.levels.reduce((sum, level) => sum + Math.max(0, level.incoming), 0) }
}
