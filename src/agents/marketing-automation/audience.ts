// Who of a segment gets a campaign, and who is held out of it to measure by.
import { createHash } from 'node:crypto'
import type { Customer } from '../../core/commerce.ts'
import type { Slices } from '../shop/slices.ts'
import { consents, contactable } from './consent.ts'
import { matcherOf, type Person, type Rule } from './rule.ts'

export interface Audience {
  /** Ids of those who get it. */
  reached: string[]
  /** Ids of those who get nothing. Nobody is in both. */
  held: string[]
  /** Fit the rule, but did not consent on its channel. */
  without_consent: number
  /** Fit the rule and consented, but objected to the sale of their data: in the segment at Shopify, and not counted here. */
  data_sale_opt_out: number
}

/** Always the same for a customer and a campaign, whatever others there are. `share` of all customers, from 0 to 1. */
export const heldOut = (customerId: string, campaign: string, share: number): boolean =>
  createHash('sha256').update(`${campaign}\n${customerId}`).digest().readUInt32BE(0) < share * 2 ** 32

export const audienceOf = async (
  people: Iterable<{ customer: Customer, person: Person }>,
  { campaign, rule, share, today, timeZone }: { campaign: string, rule: Rule, share: number, today: string, timeZone: string },
  slices: Slices
): Promise<Audience> => {
  const found: Audience = { reached: [], held: [], without_consent: 0, data_sale_opt_out: 0 }
  const fits = matcherOf(rule, today, timeZone)
  for (const { customer, person } of people) {
    if (slices.due()) await slices.pause()
    if (!fits(person)) continue
    if (!contactable(customer, rule.channel)) found[consents(customer, rule.channel) ? 'data_sale_opt_out' : 'without_consent'] += 1
    else found[heldOut(customer.id, campaign, share) ? 'held' : 'reached'].push(customer.id)
  }
  return found
}
