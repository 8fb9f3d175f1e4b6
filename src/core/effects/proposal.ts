// What an agent wants to change, and what becomes of the wish.
import type { Money } from '../money.ts'
import type { Json } from '../model.ts'
import type { EffectClass, EffectItem } from './items.ts'

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
