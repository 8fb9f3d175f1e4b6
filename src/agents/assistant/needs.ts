// Kinds of reasons why an order needs somebody, as people ask for them.
import type { AttentionCode } from '../shop/attention.ts'

export type NeedFilter = 'risk' | 'late' | 'unpaid' | 'no_tracking' | 'not_delivered' | 'on_hold'

/** The reasons that belong to it. */
export const NEED_CODES: Record<NeedFilter, readonly AttentionCode[]> = {
  risk: ['risk_cancel', 'risk_investigate', 'address_mismatch'],
  late: ['late'],
  unpaid: ['unpaid'],
  no_tracking: ['no_tracking'],
  not_delivered: ['not_delivered'],
  on_hold: ['on_hold']
}
