// Proposals, effects, the policy and freezes in the forms of the API.
import type { Freeze } from '../src/core/effects/freeze.ts'
import type { StoredPolicy } from '../src/core/effects/policy.ts'
import { needsApprovals, type Proposal } from '../src/core/effects/proposal.ts'
import type { LedgerEffect } from '../src/core/effects/store.ts'
import { iso, isoOrNull } from './present.ts'

export const presentProposal = (proposal: Proposal) => ({
  ...proposal,
  approvals: {
    given: proposal.decisions.filter(({ verdict }) => verdict === 'approve').length,
    needed: needsApprovals(proposal.verdict)
  },
  created_at: iso(proposal.created_at),
  expires_at: iso(proposal.expires_at),
  decided_at: isoOrNull(proposal.decided_at),
  decisions: proposal.decisions.map(({ verdict, actor, items, reason, at }) => ({ verdict, actor, items, reason, at: iso(at) })),
  score: proposal.score === null ? null : { ...proposal.score, at: iso(proposal.score.at) }
})

export const presentEffect = (effect: LedgerEffect) => ({
  ...effect,
  started_at: iso(effect.started_at),
  finished_at: isoOrNull(effect.finished_at)
})

/** Version 0 is nobody's doing and has no time. */
export const presentPolicy = ({ version, at, actor, reason, policy }: StoredPolicy) =>
  ({ version, at: version === 0 ? null : iso(at), actor, reason, policy })

export const presentFreeze = (freeze: Freeze & { active: boolean }) => ({
  id: freeze.id,
  scope: freeze.scope,
  active: freeze.active,
  reason: freeze.reason,
  actor: freeze.actor,
  created_at: iso(freeze.created_at),
  starts_at: iso(freeze.starts_at),
  ends_at: isoOrNull(freeze.ends_at),
  window: freeze.window,
  lifted_at: isoOrNull(freeze.lifted_at),
  lifted_by: freeze.lifted_by
})
