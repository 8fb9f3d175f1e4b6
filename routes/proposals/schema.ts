// A proposal and a decision on it, as the API shows them.
import { Type } from '@sinclair/typebox'
import { EFFECT_CLASSES } from '../../src/core/effects/items.ts'
import { VERDICTS } from '../../src/core/effects/policy.ts'
import { AUTONOMY, PROPOSAL_STATUSES } from '../../src/core/effects/proposal.ts'
import { Actor, Reason } from '../actor.ts'
import { AnyJson, Id, Nullable, OneOf, Time } from '../schemas.ts'

export const EffectClassName = OneOf(EFFECT_CLASSES as [string, ...string[]], { description: 'Class of effect.' })

export const Money = Type.Object({ amount: Type.String({ examples: ['12.50'] }), currency: Type.String({ examples: ['EUR'] }) })

const ItemVerdict = Type.Object({ decision: OneOf(VERDICTS), reasons: Type.Array(Type.String()) })

export const Verdict = Type.Object({
  decision: OneOf(VERDICTS, { description: '`auto`: the policy asks nobody; `approve`: one person; `two_person`: two; `block`: it is not done.' }),
  reasons: Type.Array(Type.String({ description: 'What the policy says of the whole.' })),
  items: Type.Array(ItemVerdict, { description: 'In the order of `items`.' }),
  at_risk: Nullable(Type.Object(Money.properties, { description: 'Money at risk; null: it cannot be told.' }))
})

const Decision = Type.Object({
  verdict: OneOf(['approve', 'reject']),
  actor: Type.String({ description: 'Who decided; `policy:<version>` when no person was needed.' }),
  items: Nullable(Type.Array(Type.Integer(), { description: 'Places of the approved changes; null: all of them.' })),
  reason: Nullable(Type.String()),
  at: Time('When it was decided.')
})

export const Proposal = Type.Object({
  id: Id('The proposal.'),
  agent: Type.String({ examples: ['pricing_optimizer'] }),
  job_id: Id('The run that proposed it.'),
  requested_by: Nullable(Type.String({ description: 'Who had the agent run; null: a schedule or an event.' })),
  class: EffectClassName,
  key: Type.String({ description: 'What it is about.' }),
  title: Type.String(),
  rationale: Type.Array(Type.String(), { description: 'Why, with the arithmetic shown.' }),
  items: Type.Array(AnyJson('A change: absolute target and expected old value.')),
  evidence: AnyJson('The figures behind it.'),
  expected_gain: Nullable(Money),
  plan_hash: Type.String({ description: 'SHA-256 of the plan: an approval names it. 64 hexadecimal digits.' }),
  status: OneOf(PROPOSAL_STATUSES),
  reason: Nullable(Type.String({ description: 'Why it is what it is, where that is not a decision.' })),
  verdict: Verdict,
  approvals: Type.Object({ given: Type.Integer(), needed: Type.Integer() }),
  policy_version: Type.Integer(),
  autonomy: OneOf(AUTONOMY),
  source: OneOf(['live', 'sandbox']),
  created_at: Time('When it was filed.'),
  expires_at: Time('Until when it can be approved.'),
  decided_at: Nullable(Time('When the last needed decision was made.')),
  apply_job_id: Nullable(Id('The job that makes its effects.')),
  score: Nullable(AnyJson('For a shadow proposal: what people did.')),
  decisions: Type.Array(Decision)
})

export const Approval = Type.Object({
  plan_hash: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the plan that was looked at.' }),
  items: Type.Optional(Type.Array(Type.Integer({ minimum: 0, maximum: 99 }), {
    minItems: 1, maxItems: 100, description: 'Places of the changes to approve. Default: all that the policy does not block.'
  })),
  actor: Actor,
  reason: Reason
})

export const Rejection = Type.Omit(Approval, ['items'])
