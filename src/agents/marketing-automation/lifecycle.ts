// Where a buyer stands, by the time that has passed against the time that usually passes between two orders.
import type { Slices } from '../shop/slices.ts'

const DAY = 86_400_000
/** Weight of the shop's interval against the customer's own ones. */
const SHOP_WEIGHT = 2
/** Returns of customers that the shop's interval needs, to be more than chance. */
const GAPS_NEEDED = 30
const LOYAL_FROM = 3
/** In intervals since the last order. */
const AT_RISK_FROM = 1.5
const LAPSED_FROM = 3

export const STAGES = ['new', 'active', 'loyal', 'at_risk', 'lapsed'] as const
export type Stage = typeof STAGES[number]

export interface ShopInterval {
  days: number
  /** `assumed`: too few customers came back to tell. */
  basis: 'orders' | 'assumed'
  /** Between how many pairs of orders. */
  gaps: number
}

const ASSUMED_DAYS = 90

/** Days between orders of one customer; orders of the same day are one. */
const gapsOf = (orders: readonly number[]): number[] => {
  const gaps: number[] = []
  for (let index = 1; index < orders.length; index++) {
    const days = (orders[index]! - orders[index - 1]!) / DAY
    if (days >= 1) gaps.push(days)
  }
  return gaps
}

/** The median over all customers who came back. Whoever has not come back yet is not in it: it is rather too short. */
export const shopIntervalOf = async (buyers: Iterable<{ orders: readonly number[] }>, slices: Slices): Promise<ShopInterval> => {
  const found: number[] = []
  for (const { orders } of buyers) {
    if (slices.due()) await slices.pause()
    for (const gap of gapsOf(orders)) found.push(gap)
  }
  if (found.length < GAPS_NEEDED) return { days: ASSUMED_DAYS, basis: 'assumed', gaps: found.length }
  const gaps = Float64Array.from(found).sort()
  return { days: (gaps[Math.floor((gaps.length - 1) / 2)]! + gaps[Math.floor(gaps.length / 2)]!) / 2, basis: 'orders', gaps: gaps.length }
}

export interface Position {
  stage: Stage
  /** Days between two orders: the customer's own mean, shrunken to the shop's interval. */
  interval: number
  /** False: it is only the shop's. */
  own: boolean
  /** Milliseconds since the epoch; it may have passed. */
  expected: number
}

export const positionOf = (orders: readonly number[], shop: ShopInterval, now: number): Position => {
  const gaps = gapsOf(orders)
  const last = orders[orders.length - 1]!
  const interval = (gaps.reduce((sum, gap) => sum + gap, 0) + SHOP_WEIGHT * shop.days) / (gaps.length + SHOP_WEIGHT)
  const passed = (now - last) / DAY / interval
  const stage = passed >= LAPSED_FROM
    ? 'lapsed'
    : passed >= AT_RISK_FROM ? 'at_risk' : orders.length === 1 ? 'new' : orders.length < LOYAL_FROM ? 'active' : 'loyal'
  return { stage, interval, own: gaps.length > 0, expected: last + interval * DAY }
}

/** From how many days after the last order the shop's segments call a customer at risk, and lapsed: whole tens, so that they stay the same for long. */
export const thresholdsOf = ({ days }: ShopInterval): { at_risk: number, lapsed: number } => {
  const tens = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, Math.ceil(value / 10) * 10))
  const atRisk = tens(AT_RISK_FROM * days, 30, 180)
  return { at_risk: atRisk, lapsed: Math.max(atRisk + 30, tens(LAPSED_FROM * days, 60, 540)) }
}
