// The steps of the way from a proposal to the shop at which the process is killed.
import type { Commerce } from '../../../src/core/commerce.ts'
import type { Store } from '../../../src/core/store.ts'

export const KILL_OPERATIONS = ['fileProposals', 'decideProposal', 'startEffect', 'finishEffect', 'endProposal',
  'settle'] as const satisfies ReadonlyArray<keyof Store>

export const SHOP_WRITES = [
  'setPrices', 'addOrderTags', 'setOrderNote', 'holdFulfilment', 'refund', 'createDiscountCode', 'createSegment', 'createDraftProduct', 'setMetafields'
] as const satisfies ReadonlyArray<keyof Commerce>

export interface KillStep {
  operation: typeof KILL_OPERATIONS[number] | 'call'
  when: 'before' | 'during' | 'after'
  /** For the end of a job: which one. */
  job?: string
}

export const KILL_STEPS: KillStep[] = [
  ...KILL_OPERATIONS.flatMap((operation) => [{ operation, when: 'before' as const }, { operation, when: 'after' as const }]),
  { operation: 'call', when: 'before' }, { operation: 'call', when: 'during' }, { operation: 'call', when: 'after' }
]
