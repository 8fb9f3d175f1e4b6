// The campaigns that the agent knows: whom each is for, and what it offers.
import type { Channel } from './consent.ts'
import { overstockedTypes, type Overstock } from './overstock.ts'
import { IDS_AT_MOST, type Rule } from './rule.ts'

export type Subject = 'new' | 'loyal' | 'at_risk' | 'lapsed' | 'abandoned_checkout' | 'overstock'

export interface Campaign {
  /** Stable: keys of proposals and the hold-out go by it. */
  id: string
  subject: Subject
  /** Name of the segment. */
  segment: string
  rule: Rule
  /** Why the rule is as it is, for people. */
  because: string
  /** Part of the price; null: nothing is taken off. `products` null: all that stay above their floor. */
  offer: { percentage: number, products: string[] | null } | null
  /** For codes: `ATRISK`. */
  mark: string
  /** Only for overstock. */
  type?: string
}

const NEW_WITHIN_DAYS = 60
const BOUGHT_WITHIN_DAYS = 365
const AT_RISK_PERCENTAGE = 0.10
const MOST_PERCENTAGE = 0.15

interface Terms {
  channel: Channel
  thresholds: { at_risk: number, lapsed: number }
  /** How the thresholds came about. */
  interval: string
  checkoutDays: number
  maxDiscount: number
  overstock: Overstock
  maxOverstock: number
  /** Ids of all products of the shop by type, as in the overstock. */
  productsByType: ReadonlyMap<string, string[]>
}

export const campaignsOf = (
  { channel, thresholds, interval, checkoutDays, maxDiscount, overstock, maxOverstock, productsByType }: Terms
): Campaign[] => {
  const named = (name: string): string => channel === 'email' ? `reo: ${name}` : `reo: ${name} (${channel})`
  const id = (name: string): string => channel === 'email' ? name : `${name}_${channel}`
  const { at_risk: atRisk, lapsed } = thresholds
  // Whole percents: they are part of the code's name.
  const atMost = (percentage: number): number => Math.floor(100 * Math.min(percentage, maxDiscount) + 1e-9) / 100
  const campaigns: Campaign[] = [
    {
      id: id('new'),
      subject: 'new',
      segment: named('new customers'),
      rule: { channel, orders_min: 1, orders_max: 1, ordered_within: NEW_WITHIN_DAYS },
      because: `One order, and that within ${NEW_WITHIN_DAYS} days.`,
      offer: null,
      mark: 'NEW'
    },
    {
      id: id('loyal'),
      subject: 'loyal',
      segment: named('loyal'),
      rule: { channel, orders_min: 3, ordered_within: atRisk },
      because: `Three orders or more, the last one within ${atRisk} days: ${interval}.`,
      offer: null,
      mark: 'LOYAL'
    },
    {
      id: id('at_risk'),
      subject: 'at_risk',
      segment: named('at risk'),
      rule: { channel, orders_min: 2, ordered_within: lapsed, ordered_before: atRisk },
      because: `Came back at least once, and has not ordered for ${atRisk} to ${lapsed} days: ${interval}.`,
      offer: { percentage: atMost(AT_RISK_PERCENTAGE), products: null },
      mark: 'ATRISK'
    },
    {
      id: id('lapsed'),
      subject: 'lapsed',
      segment: named('lapsed'),
      rule: { channel, orders_min: 1, ordered_before: lapsed },
      because: `Has not ordered for more than ${lapsed} days: ${interval}.`,
      offer: { percentage: atMost(MOST_PERCENTAGE), products: null },
      mark: 'LAPSED'
    },
    {
      id: id('abandoned_checkout'),
      subject: 'abandoned_checkout',
      segment: named('abandoned checkout'),
      rule: { channel, abandoned_within: checkoutDays, not_ordered_within: checkoutDays },
      because: `Left a checkout within ${checkoutDays} days, and has not ordered in these days.`,
      // A discount for leaving a checkout teaches people to leave checkouts.
      offer: null,
      mark: 'CHECKOUT'
    }
  ]
  for (const type of overstockedTypes(overstock.products, maxOverstock)) {
    const slug = (type.normalize('NFKC').toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).join('_') || 'other'
    const products = overstock.products.filter((product) => product.type === type)
    const ids = (productsByType.get(type) ?? []).map((gid) => gid.slice(gid.lastIndexOf('/') + 1))
    campaigns.push({
      id: id(`overstock_${slug}`),
      subject: 'overstock',
      segment: named(`bought ${type}`),
      rule: {
        channel, bought: { products: ids.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(-IDS_AT_MOST), within: BOUGHT_WITHIN_DAYS }
      },
      because: `Bought a product of the type “${type}” within ${BOUGHT_WITHIN_DAYS} days; ${products.length} of the type are overstocked.`,
      offer: { percentage: atMost(MOST_PERCENTAGE), products: products.map((product) => product.id) },
      mark: `STOCK-${slug.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '').slice(0, 16) || 'OTHER'}`,
      type
    })
  }
  return campaigns
}
