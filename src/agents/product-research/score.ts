// What a candidate is worth looking at: a weighted sum of terms between 0 and 1, less its likeness to what is sold already, each term shown.
import { addMoney, compareMoney, scaleMoney, subtractMoney, type Money } from '../../core/money.ts'
import type { PriceLimits } from '../../core/shop-history.ts'
import { decimal } from '../shop/sales.ts'
import type { Candidate } from './candidate-rows.ts'
import type { CategoryFigures } from './category-figures.ts'
import type { Likeness } from './likeness.ts'

export interface Weights {
  margin: number
  demand: number
  momentum: number
  lead_time: number
  returns: number
  /** Taken off. */
  similarity: number
}

export interface Term {
  name: keyof Weights
  /** From 0 to 1. */
  value: number
  weight: number
  /** weight x value, below 0 for what is taken off; the sum of all is the score. */
  points: number
  /** How the value came about. */
  because: string
}

export interface Scored {
  candidate: Candidate
  score: number
  terms: Term[]
  price: Money
  floor: Money
  /** Of one unit at `price`: what is left after tax, landed cost, shipping and fees. */
  unit_margin: Money
  margin: number
  likeness: Likeness
  category: CategoryFigures | null
}

/** A margin of this and more is full marks. */
const FULL_MARGIN = 0.6
const LONGEST_LEAD_TIME = 90
const WORST_RETURN_RATE = 0.25
/** The year counts more than the last weeks, which swing. */
const GROWTH_SHARE = 0.7
/** What nobody knows is neither good nor bad. */
const NEUTRAL = 0.5

export interface Market {
  categories: ReadonlyMap<string, CategoryFigures>
  /** Units a week and product of the middle type that sells at all; null: nothing was sold. */
  usual_demand: number | null
}

/** Null: the floor is unknown, and without it there is no price. */
export const scoreOf = (
  candidate: Candidate, likeness: Likeness, { categories, usual_demand: usual }: Market,
  limits: Pick<PriceLimits, 'floor' | 'vat' | 'shipping_per_unit' | 'fees_per_unit'>, weights: Weights
): Scored | null => {
  const floor = limits.floor(candidate.landed)
  if (floor === null) return null
  const { currency } = candidate.landed
  const price = compareMoney(candidate.suggested_price, floor) < 0 ? floor : candidate.suggested_price
  // The tax in the price is not the shop's.
  const untaxed = scaleMoney(price, '1', (1 + limits.vat).toFixed(6), 'nearest')
  const costs = [limits.shipping_per_unit, limits.fees_per_unit].reduce((sum, amount) => addMoney(sum, { amount, currency }), candidate.landed)
  const left = subtractMoney(untaxed, costs)
  const margin = Number(left.amount) / Number(untaxed.amount)
  const category = categories.get(candidate.type.toLowerCase()) ?? null

  const terms: Term[] = []
  const add = (name: keyof Weights, value: number, because: string): void => {
    const clamped = round(Math.min(1, Math.max(0, value)))
    terms.push({ name, value: clamped, weight: weights[name], points: round(weights[name] * clamped * (name === 'similarity' ? -1 : 1)), because })
  }
  add('margin', margin / FULL_MARGIN,
    `(${decimal(untaxed)} without tax - ${decimal(costs)} landed, shipping and fees) / ${decimal(untaxed)} = ${percent(margin)}, of ${percent(FULL_MARGIN)}`)
  const demand = category?.units_per_week_per_product ?? null
  if (demand === null || usual === null) add('demand', 0, `unknown: the shop sells no ${candidate.type}`)
  else add('demand', demand / (demand + usual), `${demand} units a week and product of ${candidate.type} / (the same + ${usual} of the middle type)`)
  add('momentum', ...momentumOf(category))
  if (candidate.lead_time_days === null) add('lead_time', 0, 'unknown: neither the list nor the supplier says')
  else add('lead_time', 1 - candidate.lead_time_days / LONGEST_LEAD_TIME, `1 - ${candidate.lead_time_days} days / ${LONGEST_LEAD_TIME}`)
  const rate = category?.return_rate ?? null
  if (rate === null) add('returns', NEUTRAL, `unknown: counted as ${NEUTRAL}`)
  else add('returns', 1 - rate / WORST_RETURN_RATE, `1 - ${percent(rate)} of the units go back / ${percent(WORST_RETURN_RATE)}`)
  add('similarity', likeness.share, likeness.title === null ? 'the shop sells nothing yet' : `most like ${JSON.stringify(likeness.title)}`)
  return {
    candidate,
    score: round(terms.reduce((sum, { points }) => sum + points, 0)),
    terms,
    price,
    floor,
    unit_margin: left,
    margin: round(margin),
    likeness,
    category
  }
}

const momentumOf = (category: CategoryFigures | null): [value: number, because: string] => {
  const growth = category?.growth ?? null
  const trend = category?.trend ?? null
  if (growth === null) return [NEUTRAL, `unknown: no year to compare with, counted as ${NEUTRAL}`]
  const mixed = trend === null ? growth : GROWTH_SHARE * growth + (1 - GROWTH_SHARE) * trend
  const sum = trend === null
    ? `${signed(growth)} against the same 8 weeks a year before`
    : `${GROWTH_SHARE} x ${signed(growth)} against the same 8 weeks a year before + ${round(1 - GROWTH_SHARE)} x ${signed(trend)} trend`
  return [0.5 + mixed / 2, `0.5 + (${sum}) / 2`]
}

const round = (value: number): number => {
  const rounded = Math.round(value * 10_000) / 10_000
  return rounded === 0 ? 0 : rounded
}

const percent = (value: number): string => `${Math.round(value * 1_000) / 10} %`

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${percent(Math.abs(value))}`
