// The policy in force: read, changed in versions, tried on a plan without doing anything.
import { faultOf } from '../check.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Page } from '../model.ts'
import type { PageRequest, Store } from '../store.ts'
import { DEFAULT_POLICY, PolicySchema, type Policy, type StoredPolicy } from './policy.ts'

export interface PolicyChange {
  policy: unknown
  /** Of the policy that the change was made on. */
  expected_version: number
  actor: string
  reason: string | null
  request_id: string | null
}

export class Policies {
  readonly #store: Store
  readonly #clock: Clock

  constructor (store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Read each time: what another process has changed holds here with the next look. */
  async current (): Promise<StoredPolicy> {
    return await this.#store.currentPolicy() ?? { version: 0, at: 0, actor: 'built-in', reason: null, policy: DEFAULT_POLICY }
  }

  /** @throws AppError `validation_failed`, `policy_changed` */
  async change ({ policy, expected_version: expected, ...who }: PolicyChange): Promise<StoredPolicy> {
    const fault = await policyFault(policy)
    if (fault !== undefined) throw new AppError('validation_failed', { message: `policy.${fault}.` })
    const outcome = await this.#store.savePolicy({ policy: policy as Policy, expected_version: expected, ...who, now: this.#clock.now() })
    if (outcome.outcome === 'stale') {
      throw new AppError('policy_changed', { message: `The policy is in version ${outcome.version}, not ${expected}: look at it again.` })
    }
    return await this.current()
  }

  /** Newest first, without the built-in one. */
  history (page: PageRequest): Promise<Page<StoredPolicy>> { return this.#store.listPolicies(page) }
}

/** What is wrong with a policy; undefined: nothing. */
export const policyFault = async (policy: unknown): Promise<string | undefined> => {
  const fault = await faultOf(PolicySchema, policy)
  if (fault !== undefined) return fault
  return Number((policy as Policy).price.minimum_margin) >= 1 ? 'price.minimum_margin: less than 1' : undefined
}
