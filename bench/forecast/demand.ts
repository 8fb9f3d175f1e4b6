// Invented demand of all four classes with what shops know: weekdays, the year's seasons, growth and decline, promotions, chance. A seed, one shop.
import { diceOf, type Dice } from '../../sandbox/shop/random.ts'

export interface Demand {
  variants: number
  days: number
  period: number
  /** `variant * days + day` */
  units: Float32Array
  /** Numbers of product types. */
  groups: Int32Array
}

const WEEKDAYS = [1.1, 0.95, 0.9, 0.95, 0.85, 1, 1.25]
const TYPES = 24
const KINDS = ['smooth', 'erratic', 'intermittent', 'lumpy'] as const

export interface DemandOptions {
  seed: number
  /** A quarter of them of each kind. */
  variants: number
  days: number
}

export const generateDemand = ({ seed, variants, days }: DemandOptions): Demand => {
  const units = new Float32Array(variants * days)
  const groups = new Int32Array(variants)
  const shop = diceOf(seed, 'shop')
  // The promotions of the shop and how strong they are: eight days each, six in a year.
  const promotions = Array.from({ length: Math.ceil(days / 60) }, (_, index) => ({ from: index * 60 + shop.between(0, 50), lift: 1.3 + shop.next() }))
  const promoted = Float64Array.from({ length: days }, (_, day) => promotions.find(({ from }) => day >= from && day < from + 8)?.lift ?? 1)
  const types = Array.from({ length: TYPES }, (_, type) => {
    const dice = diceOf(seed, 'type', type)
    return { peak: dice.between(1, 365), swing: dice.chance(0.3) ? 0 : 0.15 + 0.5 * dice.next(), growth: (dice.next() - 0.4) * 0.5, open: dice.next() * 0.7 }
  })
  for (let variant = 0; variant < variants; variant++) {
    const dice = diceOf(seed, 'variant', variant)
    const kind = KINDS[variant % KINDS.length]!
    const group = dice.between(0, TYPES - 1)
    const type = types[group]!
    groups[variant] = group
    const rate = rateOf(kind, dice)
    const growth = type.growth + (dice.next() - 0.5) * 0.3
    // A slow walk of its own: fashion, a review, a place on the start page.
    let fashion = 0
    for (let day = 0; day < days; day++) {
      fashion = fashion * 0.995 + dice.normal() * 0.015
      const year = 1 + type.swing * Math.cos(2 * Math.PI * (day - type.peak) / 365.25)
      const lift = 1 + (promoted[day]! - 1) * type.open
      const wanted = rate * WEEKDAYS[day % 7]! * year * lift * Math.max(0.1, 1 + growth * (day - days / 2) / 365) * Math.exp(fashion)
      units[variant * days + day] = sold(kind, wanted, dice)
    }
  }
  return { variants, days, period: 7, units, groups }
}

type Kind = typeof KINDS[number]

/** Buyers a day. */
const rateOf = (kind: Kind, dice: Dice): number => {
  if (kind === 'smooth') return 4 + 30 * dice.next() ** 2
  if (kind === 'erratic') return 2 + 3 * dice.next()
  return 0.03 + 0.35 * dice.next() ** 2
}

const sold = (kind: Kind, buyers: number, dice: Dice): number => {
  const count = dice.poisson(buyers)
  if (kind === 'smooth') return count
  let units = 0
  for (let buyer = 0; buyer < count; buyer++) {
    if (kind === 'erratic') units += dice.chance(0.85) ? 1 : dice.between(5, 15)
    else if (kind === 'intermittent') units += dice.chance(0.95) ? 1 : 2
    else units += dice.chance(0.6) ? dice.between(1, 2) : dice.between(5, 16)
  }
  return units
}
