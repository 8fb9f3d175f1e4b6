// What an agent wants to change, and what becomes of the wish.
import type { Json } from '../model.ts'
import type { Money } from '../money.ts'
import type { Source } from '../upstream.ts'
import type { Verdict } from './guard.ts'
import type { Autonomy } from './autonomy.ts'
import { MONEY_CLASSES, type EffectClass, type EffectItem } from './items.ts'

export { AUTONOMY, type Autonomy } from './autonomy.ts'

/** What an agent files. Everything in it is checked again before anything is done: an agent's word opens no gate. */
export type ProposalDraft = { [C in EffectClass]: DraftOf<C> }[EffectClass]

export interface DraftOf<C extends EffectClass> {
  class: C
  /**
   * What it is about, unique among the open proposals of the agent: `price:gid://shopify/Product/1`. A new plan with the same key takes the
   * place of the one that still waits; an equal one leaves it as it is.
   */
  key: string
  /** One sentence for people. */
  title: string
  /** Why, with the arithmetic shown: a line each, plain text. */
  rationale: string[]
  /** What a person decides together: at most 100 changes with absolute targets. Some of them can be approved alone. */
  items: Array<EffectItem<C>>
  /** The figures behind it, and how old they are. */
  evidence: Json
  /** What it should bring against leaving everything as it is; null: nobody can say. */
  expected_gain: Money | null
  /** Until when the plan makes sense. Default 72 hours. */
  valid_for_ms?: number
}

export interface FiledProposal {
  id: string
  /** `shadow`: the agent only observes; `blocked`: the policy forbids all of it. */
  outcome: 'filed' | 'unchanged' | 'shadow' | 'blocked'
  /** What the policy says of it, for people. */
  reasons: string[]
}

/**
 * `pending` waits for a decision; `approved`: its effects are being made; `applied`: all that was approved is done; `failed`: some of it could
 * not be done, see its effects. `shadow`: the agent only observes. The others speak for themselves.
 */
export const PROPOSAL_STATUSES = [
  'pending', 'approved', 'applied', 'failed', 'rejected', 'expired', 'superseded', 'blocked', 'shadow'
] as const
export type ProposalStatus = typeof PROPOSAL_STATUSES[number]

export interface ProposalDecision {
  id: string
  verdict: 'approve' | 'reject'
  /** `policy:3` when version 3 of the policy let it pass. */
  actor: string
  request_id: string | null
  /** The plan that was seen. */
  plan_hash: string
  /** Places in `items`, from 0; null: all of them. */
  items: number[] | null
  reason: string | null
  at: number
}

/** What people did with what an observing agent would have done; items by outcome. */
export interface ShadowScore {
  /** The shop is now as the agent wanted it. */
  same: number
  /** Nobody changed it. */
  untouched: number
  /** Somebody changed it to something else. */
  different: number
  /** It could not be told. */
  unknown: number
  at: number
}

/** Times are milliseconds since the epoch. */
export interface Proposal {
  id: string
  agent: string
  job_id: string
  /** Whoever had the agent run; null: a schedule or an event. */
  requested_by: string | null
  class: EffectClass
  key: string
  title: string
  rationale: string[]
  items: EffectItem[]
  evidence: Json
  expected_gain: Money | null
  /** SHA-256 of the plan: an approval is bound to it. */
  plan_hash: string
  status: ProposalStatus
  /** Why it is what it is, where that is not a decision. */
  reason: string | null
  /** When it was filed; it is asked again before anything is done. */
  verdict: Verdict
  policy_version: number
  autonomy: Autonomy
  source: Source
  /** The id of the shop that it was made on: it is applied to no other. */
  shop: string
  created_at: number
  expires_at: number
  decided_at: number | null
  /** The job that makes its effects. */
  apply_job_id: string | null
  score: ShadowScore | null
  /** Oldest first. */
  decisions: ProposalDecision[]
}

/** Whether an agent may do by itself what the policy calls `auto`. */
export const mayActAlone = (autonomy: Autonomy, effectClass: EffectClass): boolean =>
  autonomy === 'autonomous' || (autonomy === 'act_with_approval' && !MONEY_CLASSES.has(effectClass))

export const needsApprovals = (verdict: Pick<Verdict, 'decision'>): number => verdict.decision === 'two_person' ? 2 : 1
