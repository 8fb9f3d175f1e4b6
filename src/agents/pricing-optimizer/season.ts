// How much was bought in each week beside the product in question: the seasons and trends that a price must not be blamed for.

const KERNEL = [1, 2, 3, 2, 1]
/** How many purchases the shop's own course counts for, against those of the type in about nine weeks. */
const SHOP_STRENGTH = 8
const DAYS = 7

/** Purchases by week, and the days of it on which nothing special was on. */
export interface Weeks {
  purchases: number[]
  days: number[]
}

export interface Course {
  /** First day, days since the epoch. */
  from: number
  /** The level of each week from `from` on; 1 is the average. */
  level: number[]
}

export const emptyWeeks = (from: number, before: number, isOut: (day: number) => boolean): Weeks => {
  const length = Math.max(1, Math.ceil((before - from) / DAYS))
  const days = Array.from({ length }, (_, week) => {
    let open = 0
    for (let day = from + week * DAYS; day < Math.min(before, from + (week + 1) * DAYS); day++) open += isOut(day) ? 0 : 1
    return open
  })
  return { purchases: new Array<number>(length).fill(0), days }
}

export const weekOf = (day: number, from: number): number => Math.floor((day - from) / DAYS)

/** Purchases of one product by week: all, and those outside of promotions. */
export interface OwnWeeks {
  all: number[]
  plain: number[]
}

/**
 * The course of the type without the product itself, leaning on the shop's without it where little was sold: what its own price did to it must not be
 * taken for a season.
 */
export const courseOf = (from: number, type: Weeks, own: OwnWeeks, whole: Weeks): Course => {
  const rest = type.purchases.map((count, week) => count - own.plain[week]!)
  const shop: Weeks = { purchases: whole.purchases.map((count, week) => count - own.all[week]!), days: whole.days }
  const mean = sum(rest) / Math.max(1, sum(type.days))
  const shopMean = sum(shop.purchases) / Math.max(1, sum(shop.days))
  const level = rest.map((_, week) => {
    const shopLevel = shopMean === 0 ? 1 : ratio(smooth(shop.purchases, week), smooth(shop.days, week), shopMean) / shopMean
    const bought = smooth(rest, week)
    const expected = mean * smooth(type.days, week)
    return (bought + SHOP_STRENGTH * shopLevel) / (expected + SHOP_STRENGTH)
  })
  return { from, level }
}

export const levelOn = ({ from, level }: Course, day: number): number =>
  level[Math.max(0, Math.min(level.length - 1, weekOf(day, from)))] ?? 1

const YEAR = 364
const RECENT = 28

/**
 * How the days ahead compare with the last four weeks, by what they did a year ago; 1 when that is not known. Bounded: a course of one year is no
 * certainty.
 */
export const seasonAhead = (course: Course, today: number, horizon: number): number => {
  if (today - YEAR - RECENT < course.from) return 1
  const mean = (from: number, days: number): number => {
    let total = 0
    for (let day = from; day < from + days; day++) total += levelOn(course, day)
    return total / days
  }
  const before = mean(today - YEAR - RECENT, RECENT)
  return Math.min(3, Math.max(0.1, mean(today - YEAR, horizon) / before))
}

const smooth = (values: readonly number[], week: number): number => {
  let total = 0
  for (let i = -2; i <= 2; i++) total += KERNEL[i + 2]! * (values[week + i] ?? 0)
  return total
}

const ratio = (amount: number, of: number, otherwise: number): number => of === 0 ? otherwise : amount / of

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
