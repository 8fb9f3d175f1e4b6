// The part of the store that holds proposals, effects, the policy and freezes. Every write is one atomic unit.
import type { JobStatus, Json, NewJob, Page, PageRequest } from '../model.ts'
import type { Money } from '../money.ts'
import type { Source } from '../upstream.ts'
import type { Freeze } from './freeze.ts'
import type { PastPrice } from './guard.ts'
import type { EffectClass } from './items.ts'
import type { Policy, StoredPolicy } from './policy.ts'
import type { Autonomy, Proposal, ProposalDecision, ProposalStatus, ShadowScore } from './proposal.ts'

/**
 * `started`: it may have reached the shop, and is asked for before anything else is done; `done`: made and read back; `blocked`: a gate kept it
 * from being made; `conflict`: the shop had moved; `failed`: the shop refused it; `reverted`: done, and undone by another effect.
 */
export const EFFECT_STATUSES = ['started', 'done', 'blocked', 'conflict', 'failed', 'reverted'] as const
export type EffectStatus = typeof EFFECT_STATUSES[number]

export interface EffectFailure {
  code: string
  message: string
}

/** A change that was made or tried. Times are milliseconds since the epoch. */
export interface LedgerEffect {
  id: string
  /** Names the intended change for ever: one approved item, or one undoing of an effect, has one key. */
  key: string
  proposal_id: string
  item_index: number
  class: EffectClass
  agent: string
  /** The agent's run that proposed it. */
  job_id: string
  /** What is changed: `variant:gid://shopify/ProductVariant/1`. */
  target: string
  status: EffectStatus
  item: Json
  /** What the shop had, as far as it is changed; null: nothing was read. */
  before: Json
  after: Json
  /** What the shop answered. */
  result: Json
  error: EffectFailure | null
  /** Who let it happen: approvers, or `policy:<version>`. */
  actors: string[]
  source: Source
  /** The id of the shop in which it was made. */
  shop: string
  /** The effect that this one undoes. */
  reverts: string | null
  reverted_by: string | null
  started_at: number
  finished_at: number | null
  /** The log holds digests under it; null: of an earlier version, or redacted. */
  salt: string | null
  /** Personal data was taken out of it then: it cannot be compared with the log any more, nor undone. */
  redacted_at: number | null
}

/** An entry of the chained log. `hash` is SHA-256 of `prev_hash`, a line feed, and the entry's canonical JSON without hashes. */
export interface LedgerEntry {
  seq: number
  effect_id: string
  type: EffectStatus
  at: number
  body: Json
  prev_hash: string
  hash: string
}

export type NewEffect = Omit<LedgerEffect, 'status' | 'after' | 'result' | 'error' | 'reverted_by' | 'finished_at' | 'salt' | 'redacted_at'>

export type StartOutcome =
  | { outcome: 'started' | 'exists' | 'not_approved' | 'expired' | 'policy_changed' | 'not_revertible' }
  | { outcome: 'frozen', freeze: Freeze }

export type NewProposal = Omit<Proposal, 'decided_at' | 'decisions' | 'score'> & {
  /** The policy lets it pass: decided with its making, and its job is queued. */
  auto?: { decision: ProposalDecision, job: NewJob }
}

export type DecideOutcome =
  | { outcome: 'approved' | 'rejected' | 'waits_for_second', proposal: Proposal }
  | { outcome: 'not_found' | 'not_pending' | 'expired' | 'plan_changed' | 'item_blocked' | 'no_such_item' | 'self_approval' | 'same_approver' | 'unnamed' }

export interface ProposalFilter {
  status?: ProposalStatus
  agent?: string
  class?: EffectClass
  job_id?: string
}

export interface EffectFilter {
  status?: EffectStatus
  agent?: string
  class?: EffectClass
  proposal_id?: string
  job_id?: string
}

export interface ShadowTotals extends Omit<ShadowScore, 'at'> {
  proposals: number
  scored: number
}

/** What the brief is made of; `at` in milliseconds since the epoch. */
export interface BriefRows {
  runs: Array<{ agent: string, status: JobStatus, count: number }>
  effects: Array<{ class: EffectClass, status: EffectStatus, count: number }>
  /** Expected gains of proposals of which all changes were applied, and none was undone. */
  gains: Money[]
  refunds: Money[]
  /** The latest 50. */
  troubles: Array<{ id: string, name: string, status: JobStatus, reason: string | null, message: string | null, at: number | null }>
  /** Changes that no webhook had told of. */
  missed_webhooks: number
  /** How many there are. */
  troubled: { failed: number, parked: number }
}

export interface GateCounts {
  proposals: Array<{ status: ProposalStatus, count: number }>
  effects: Array<{ class: EffectClass, status: EffectStatus, count: number }>
}

export interface EffectStore {
  gateCounts (): Promise<GateCounts>
  briefRows (args: { since: number }): Promise<BriefRows>

  /** In the order given. `unchanged`: an equal plan waits, is being applied, or was rejected and would still be valid; `id` is that one's. */
  fileProposals (args: { proposals: NewProposal[], now: number }): Promise<Array<{ id: string, outcome: 'filed' | 'unchanged' }>>
  getProposal (id: string): Promise<Proposal | undefined>
  /** Newest first. */
  listProposals (filter: ProposalFilter, page: PageRequest): Promise<Page<Proposal> & { total: number }>
  /** Compare-and-set: the proposal is decided once. `job` is queued when it is approved. */
  decideProposal (args: { id: string, decision: ProposalDecision, job: NewJob | null, now: number }): Promise<DecideOutcome>
  endProposal (args: { id: string, status: 'applied' | 'failed', reason: string | null, now: number }): Promise<void>
  /** Ends proposals that wait and whose time is over. */
  expireProposals (now: number): Promise<number>
  /** Shadow proposals whose time is over and that have no score yet, oldest first. */
  unscoredShadows (args: { now: number, limit: number }): Promise<Proposal[]>
  scoreShadow (args: { id: string, score: ShadowScore }): Promise<void>
  shadowTotals (agent: string): Promise<ShadowTotals>

  /**
   * The last gate: freeze, approval and key are looked at in the unit that writes the record, and that the policy is still the one that let the
   * change pass. For an undoing neither hash nor policy is looked at.
   */
  startEffect (args: { effect: NewEffect, plan_hash: string, policy_version: number, now: number }): Promise<StartOutcome>
  finishEffect (args: {
    key: string, status: 'done' | 'failed' | 'conflict', after: Json, result: Json, error: EffectFailure | null, now: number
  }): Promise<void>
  /** A change that was not made, with its reason. Does nothing when the key exists. */
  refuseEffect (args: { effect: NewEffect, status: 'blocked' | 'conflict', error: EffectFailure, now: number }): Promise<void>
  getEffect (id: string): Promise<LedgerEffect | undefined>
  effectOfKey (key: string): Promise<LedgerEffect | undefined>
  /** Newest first. */
  listEffects (filter: EffectFilter, page: PageRequest): Promise<Page<LedgerEffect> & { total: number }>
  effectsByIds (ids: string[]): Promise<LedgerEffect[]>
  /** That reached the shop or may have, begun in [from, to], on any of these targets. */
  effectsOn (args: { targets: string[], from: number, to: number }): Promise<LedgerEffect[]>
  /** In the order of the chain. */
  ledgerEntries (args: { after: number, limit: number }): Promise<LedgerEntry[]>
  /** By target, oldest first: prices that were set since then, or may have been. `except`: the key of one that does not count. */
  pastPrices (args: { targets: string[], since: number, now: number, except: string | null }): Promise<Record<string, PastPrice[]>>
  /** Effects of the agent in this class since then that reached the shop, or may have. */
  countEffects (args: { agent: string, class: EffectClass, since: number, except: string | null }): Promise<number>

  /** The one that holds; undefined: nobody has made one. */
  currentPolicy (): Promise<StoredPolicy | undefined>
  /** Compare-and-set on the version. */
  savePolicy (args: { expected_version: number, policy: Policy, actor: string, reason: string | null, request_id: string | null, now: number }): Promise<
    { outcome: 'saved', version: number } | { outcome: 'stale', version: number }>
  /** Newest first. */
  listPolicies (page: PageRequest): Promise<Page<StoredPolicy>>

  addFreeze (freeze: Freeze): Promise<void>
  liftFreeze (args: { id: string, actor: string, request_id: string | null, reason: string | null, now: number }): Promise<boolean>
  /** Those that hold or will, and with `lifted` all that ever were; newest first. */
  listFreezes (args: { lifted: boolean, now: number }): Promise<Freeze[]>

  setAutonomy (args: { agent: string, autonomy: Autonomy, actor: string, request_id: string | null, now: number }): Promise<void>
}
