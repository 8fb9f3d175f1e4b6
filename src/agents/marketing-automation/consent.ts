// Who may be written to: consent alone decides, on the channel that it was given for.
import type { Customer } from '../../core/commerce.ts'

export type Channel = 'email' | 'sms'

/** SUBSCRIBED is consent, and nothing else is: not PENDING, not an order, not silence. */
export const consents = (customer: Pick<Customer, 'email_consent' | 'sms_consent'>, channel: Channel): boolean =>
  (channel === 'email' ? customer.email_consent : customer.sms_consent) === 'SUBSCRIBED'

/**
 * Consent, and no objection to the sale or sharing of personal data: audiences end up in tools of others, and who objected to that is in none.
 */
export const contactable = (customer: Pick<Customer, 'email_consent' | 'sms_consent' | 'data_sale_opt_out'>, channel: Channel): boolean =>
  consents(customer, channel) && !customer.data_sale_opt_out
