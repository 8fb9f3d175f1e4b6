// How much is wanted on a day: seasons, weekdays, prices and promotions, and the draw of a buyer from them.
import { DAY, dayOfYear, startOf } from './calendar.ts'
import type { Demand } from './catalogue.ts'
import type { Promotion } from './programme.ts'
import type { Dice } from './random.ts'

export interface Today { total: number, sums: number[], demand: Demand[] }

/** How often each variant is wanted on a day: running sums, to draw from. */
export const ratesOf = (date: string, demand: Demand[], level: number, age: number, running: Promotion[]): Today => {
  const day = dayOfYear(date)
  const start = startOf(date)
  const sums: number[] = []
  const open: Demand[] = []
  let total = 0
  for (const each of demand) {
    if (each.from > start + DAY || each.until <= start || each.product.status !== 'ACTIVE') continue
    const { truth, variant, product } = each
    let rate = truth.rate * level * seasonFactor(each.season, day) * Math.max(0.2, 1 + truth.trend * (age - 365) / 365)
    if (variant.price !== truth.referencePrice) rate *= (variant.price / truth.referencePrice) ** -truth.elasticity
    for (const { percentage, share, types } of running) {
      if (types === null || types.includes(product.type)) rate *= 1 + share * ((1 - percentage) ** -truth.elasticity - 1)
    }
    // New things are looked at for a while before they are bought.
    if (truth.launched !== null) rate *= Math.min(1, 0.25 + (start - each.from) / (21 * DAY))
    total += rate
    sums.push(total)
    open.push(each)
  }
  return { total, sums, demand: open }
}

export const pickDemand = ({ total, sums, demand }: Today, at: number): Demand | undefined => {
  const wanted = at * total
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sums[middle] ?? Infinity) > wanted) high = middle
    else low = middle + 1
  }
  return demand[low]
}

export const quantityOf = ({ buying }: Demand, dice: Dice): number => {
  if (buying === 'single') return dice.chance(0.97) ? 1 : 2
  if (buying === 'steady') return 1 + (dice.chance(0.18) ? 1 : 0) + (dice.chance(0.05) ? 1 : 0)
  if (buying === 'erratic') return dice.chance(0.6) ? 1 : dice.chance(0.7) ? dice.between(2, 4) : dice.between(5, 10)
  return dice.chance(0.7) ? dice.between(1, 2) : dice.between(5, 16)
}

const seasonFactor = (season: string, day: number): number => {
  const wave = (peak: number, size: number): number => 1 + size * Math.cos(2 * Math.PI * (day - peak) / 365.25)
  if (season === 'winter') return wave(325, 0.85)
  if (season === 'summer') return Math.max(0.04, wave(185, 0.95))
  if (season === 'show') return wave(160, 0.5)
  if (season === 'gift') return wave(350, 0.2) + (day > 325 && day < 358 ? 0.9 : 0)
  return 1
}

/** The whole trade: gifts before Christmas, quiet weeks after it. */
export const tradeSeason = (date: string): number => {
  const day = dayOfYear(date)
  const md = date.slice(5)
  if (md === '12-24' || md === '12-25' || md === '01-01') return 0.45
  return 1 + 0.12 * Math.cos(2 * Math.PI * (day - 330) / 365.25) + (day > 325 && day < 355 ? 0.22 : 0)
}
