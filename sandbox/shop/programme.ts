// The year of the shop: its promotions with their codes, and the policies that it publishes.
import { addDays, startOf } from './calendar.ts'
import type { Discount, Policy, Truth } from './records.ts'

export interface Promotion {
  code: string
  /** First and last day. */
  from: string
  to: string
  percentage: number
  /** The part of the orders that use it. */
  share: number
  /** Product types; null: everything. */
  types: string[] | null
}

const YEARLY: Array<{ code: string, from: string, to: string, percentage: number, share: number, types: string[] | null }> = [
  { code: 'SPRING', from: '03-20', to: '04-02', percentage: 0.15, share: 0.4, types: null },
  { code: 'RIDEOUT', from: '06-10', to: '06-16', percentage: 0.1, share: 0.35, types: null },
  { code: 'SUMMER', from: '07-20', to: '08-03', percentage: 0.2, share: 0.5, types: ['Fly Sheets', 'Fly Sprays', 'Fly Bonnets', 'Show Shirts'] },
  { code: 'AUTUMN', from: '09-25', to: '10-01', percentage: 0.1, share: 0.35, types: null },
  { code: 'BLACKWEEK', from: '11-23', to: '11-30', percentage: 0.2, share: 0.6, types: null },
  { code: 'ADVENT', from: '12-05', to: '12-12', percentage: 0.1, share: 0.35, types: null }
]

export const plantPromotions = (start: string, truth: Truth): Promotion[] => {
  const first = Number(start.slice(0, 4))
  const promotions: Promotion[] = []
  for (let year = first; year <= first + 3; year++) {
    for (const { code, from, to, ...rest } of YEARLY) {
      if (`${year}-${to}` >= start) promotions.push({ code: `${code}${year % 100}`, from: `${year}-${from}`, to: `${year}-${to}`, ...rest })
    }
  }
  truth.promotions = promotions.map(({ code, from, to, percentage, types }) => ({ code, from, to, percentage, types }))
  return promotions
}

export const promotionsOn = (promotions: Promotion[], date: string): Promotion[] => promotions.filter(({ from, to }) => from <= date && date <= to)

/** The codes that exist at the shop, those of later promotions among them. */
export const discountCodes = (start: string, promotions: Promotion[]): Array<Omit<Discount, 'kind' | 'id' | 'used'>> => [
  { code: 'WELCOME10', title: 'First order', startsAt: startOf(start), endsAt: null, usageLimit: null, percentage: 0.1, amount: null },
  ...promotions.map(({ code, from, to, percentage }) => ({
    code, title: code, startsAt: startOf(from), endsAt: startOf(addDays(to, 1)), usageLimit: null, percentage, amount: null
  }))
]

const URL = 'https://royal-equips-sandbox.myshopify.com/policies'
export const POLICIES: Policy[] = [
  {
    type: 'REFUND_POLICY',
    title: 'Returns and refunds',
    body: '<p>Unused goods can be returned within 30 days of delivery. The refund goes out within 5 working days of the arrival of the goods. ' +
      'The customer pays for sending them back, unless they arrived damaged or wrong. Opened supplements and sprays are not taken back.</p>',
    url: `${URL}/refund-policy`
  },
  {
    type: 'SHIPPING_POLICY',
    title: 'Shipping',
    body: '<p>Paid orders leave Berlin on the next or second working day. Delivery takes 1 to 4 days in Germany and 2 to 6 days elsewhere in the EU. ' +
      'Shipping costs 5.90 EUR in Germany (free from 99 EUR) and 9.90 EUR elsewhere (free from 149 EUR).</p>',
    url: `${URL}/shipping-policy`
  },
  {
    type: 'PRIVACY_POLICY',
    title: 'Privacy',
    body: '<p>Personal data is used to carry out orders, and for news by mail or text message only with consent, which can be withdrawn at any time.</p>',
    url: `${URL}/privacy-policy`
  }
]
