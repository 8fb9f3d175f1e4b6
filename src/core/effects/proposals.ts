// Proposals: agents file them, the policy judges them, people decide on them.
import { PermanentError } from '../agent.ts'
import { faultOf } from '../check.ts'
import { CommerceError } from '../commerce-error.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Job, Page } from '../model.ts'
import type { PageRequest, Store } from '../store.ts'
import { policyActor, requesterOf } from './actors.ts'
import { planHash } from './canonical.ts'
import { checkDrafts, VALID_FOR_MS } from './drafts.ts'
import { newApplyJob } from './effect-runs.ts'
import type { Gate } from './gate.ts'
import type { Verdict } from './guard.ts'
import { BY_HAND, EFFECT_ITEMS, type EffectClass, type EffectItem } from './items.ts'
import { policyFault } from './policies.ts'
import type { Policy } from './policy.ts'
import { mayActAlone, type Autonomy, type FiledProposal, type Proposal, type ProposalDraft, type ProposalStatus, type ShadowScore } from './proposal.ts'
import type { DecideOutcome, NewProposal, ProposalFilter } from './store.ts'

export interface ProposalsOptions {
  store: Store
  /** Undefined: there is no shop that could be changed. */
  gate: Gate | undefined
  clock: Clock
  log: Logger
  autonomyOf: (agent: string) => Promise<Autonomy>
  /** Something about a proposal changed. */
  onChange: (proposal: Pick<Proposal, 'id' | 'agent' | 'class' | 'title'>, status: ProposalStatus | 'waits_for_second') => void
}

export interface ProposalDecisionOrder {
  /** Of the plan that was seen. */
  plan_hash: string
  /** Places of the changes that are approved; undefined: all that the policy does not block. */
  items?: number[]
  actor: string
  reason: string | null
  request_id: string | null
}

const SHADOWS_AT_ONCE = 20

export class Proposals {
  readonly #options: ProposalsOptions

  constructor (options: ProposalsOptions) { this.#options = options }

  /** For a run of an agent. @throws PermanentError `invalid_proposal`, `shop_not_configured`; what reading the shop throws. */
  async file (job: Job, drafts: ProposalDraft[], signal: AbortSignal): Promise<FiledProposal[]> {
    const { store, gate, clock, autonomyOf } = this.#options
    if (drafts.length === 0) return []
    if (gate === undefined) throw new PermanentError('shop_not_configured', 'There is no shop that could be changed.')
    const agent = job.agent!
    await checkDrafts(drafts)
    const autonomy = await autonomyOf(agent)
    const proposals: NewProposal[] = []
    for (const draft of drafts) {
      const access = await gate.access(draft.class, signal)
      const { verdict, policy } = await gate.judge({ agent, class: draft.class, items: draft.items }, access)
      const now = clock.now()
      const id = newId()
      const hash = planHash({ agent, ...draft })
      const alone = verdict.decision === 'auto' && mayActAlone(autonomy, draft.class)
      const status = autonomy === 'observe' ? 'shadow' : verdict.decision === 'block' ? 'blocked' : alone ? 'approved' : 'pending'
      const actor = policyActor(policy.version)
      const auto = status !== 'approved'
        ? undefined
        : {
            decision: { id: newId(), verdict: 'approve' as const, actor, request_id: null, plan_hash: hash, items: null, reason: null, at: now },
            job: newApplyJob(id, actor, now)
          }
      proposals.push({
        id,
        agent,
        job_id: job.id,
        requested_by: requesterOf(job.source),
        class: draft.class,
        key: draft.key,
        title: storable(draft.title),
        rationale: draft.rationale.map(storable),
        items: draft.items,
        evidence: draft.evidence,
        expected_gain: draft.expected_gain,
        plan_hash: hash,
        status,
        reason: null,
        verdict,
        policy_version: policy.version,
        autonomy,
        source: access.commerce.source,
        shop: access.shop.id,
        created_at: now,
        expires_at: now + (draft.valid_for_ms ?? VALID_FOR_MS),
        apply_job_id: auto?.job.id ?? null,
        ...(auto === undefined ? {} : { auto })
      })
    }
    const filed = await store.fileProposals({ proposals, now: clock.now() })
    return proposals.map((proposal, index): FiledProposal => {
      const { id, outcome } = filed[index]!
      const reasons = [...new Set([...proposal.verdict.reasons, ...proposal.verdict.items.flatMap((item) => item.reasons)])]
      if (outcome === 'unchanged') return { id, outcome, reasons }
      this.#options.onChange(proposal, proposal.status)
      return { id, outcome: proposal.status === 'shadow' || proposal.status === 'blocked' ? proposal.status : 'filed', reasons }
    })
  }

  /**
   * What the policy says of a plan, without doing anything. `policy`: another one than that in force.
   * @throws AppError `validation_failed`, `shop_not_configured`; what reading the shop throws.
   */
  async evaluate (
    plan: { agent: string, class: EffectClass, items: EffectItem[] }, policy: Policy | undefined, signal: AbortSignal
  ): Promise<{ verdict: Verdict, policy_version: number | null }> {
    const { gate } = this.#options
    if (gate === undefined) throw new AppError('shop_not_configured')
    for (const [index, item] of plan.items.entries()) {
      const fault = await faultOf(EFFECT_ITEMS[plan.class], item)
      if (fault !== undefined) throw new AppError('validation_failed', { message: `body.items.${index}: ${fault}.` })
    }
    const policyProblem = policy === undefined ? undefined : await policyFault(policy)
    if (policyProblem !== undefined) throw new AppError('validation_failed', { message: `body.policy.${policyProblem}.` })
    const judged = await gate.judge(plan, await gate.access(plan.class, signal), { instead: policy })
    return { verdict: judged.verdict, policy_version: policy === undefined ? judged.policy.version : null }
  }

  list (filter: ProposalFilter, page: PageRequest): Promise<Page<Proposal> & { total: number }> { return this.#options.store.listProposals(filter, page) }

  /** @throws AppError `proposal_not_found` */
  async get (id: string): Promise<Proposal> {
    const proposal = isId(id) ? await this.#options.store.getProposal(id) : undefined
    if (proposal === undefined) throw new AppError('proposal_not_found')
    return proposal
  }

  /**
   * Approves the plan whose hash is given; with the last approval that it needs its effects are queued.
   * @throws AppError `proposal_not_found`, `proposal_not_pending`, `proposal_expired`, `plan_changed`, `approval_refused`
   */
  async approve (id: string, { items, ...order }: ProposalDecisionOrder): Promise<Proposal> {
    const now = this.#options.clock.now()
    if (items?.length === 0) throw new AppError('validation_failed', { message: 'body.items names no change: reject the proposal instead.' })
    const chosen = items === undefined ? null : [...new Set(items)].sort((a, b) => a - b)
    return await this.#decide(id, { ...order, verdict: 'approve', items: chosen }, newApplyJob(id, `api:${order.actor}`, now), now)
  }

  /** @throws AppError as `approve` */
  reject (id: string, order: Omit<ProposalDecisionOrder, 'items'>): Promise<Proposal> {
    return this.#decide(id, { ...order, verdict: 'reject', items: null }, null, this.#options.clock.now())
  }

  async #decide (id: string, order: Decision, job: ReturnType<typeof newApplyJob> | null, now: number): Promise<Proposal> {
    await this.get(id)
    const result = await this.#options.store.decideProposal({ id, decision: { id: newId(), at: now, ...order }, job, now })
    if ('proposal' in result) {
      this.#options.onChange(result.proposal, result.outcome)
      return result.proposal
    }
    throw refusalOf(result.outcome)
  }

  /** Ends what nobody decided on in time, and looks what became of what observing agents would have done. */
  async tidy (signal: AbortSignal): Promise<void> {
    const { store, clock, gate, log } = this.#options
    await store.expireProposals(clock.now())
    if (gate === undefined) return
    for (const proposal of await store.unscoredShadows({ now: clock.now(), limit: SHADOWS_AT_ONCE })) {
      try {
        await store.scoreShadow({ id: proposal.id, score: await this.#score(proposal, gate, signal) })
      } catch (error) {
        log.warn({ err: error, proposal_id: proposal.id }, 'could not compare a shadow proposal with the shop')
        if (!(error instanceof CommerceError && NEVER_TOLD.has(error.code))) return
        // Asking again would not tell more, and the others must not wait behind it.
        await store.scoreShadow({ id: proposal.id, score: { ...NO_SCORE, unknown: proposal.items.length, at: clock.now() } })
      }
    }
  }

  async #score (proposal: Proposal, gate: Gate, signal: AbortSignal): Promise<ShadowScore> {
    const score: ShadowScore = { ...NO_SCORE, at: this.#options.clock.now() }
    // What people do by hand leaves no trace in the shop that could be compared.
    if (BY_HAND.has(proposal.class)) return { ...score, unknown: proposal.items.length }
    const access = await gate.access(proposal.class, signal)
    const kind = gate.kind(proposal.class)
    for (const [index, item] of proposal.items.entries()) {
      const { state, current } = await kind.look(item as EffectItem, `${proposal.id}:${index}`, access)
      if (state === 'after') score.same += 1
      else if (state === 'before') score.untouched += 1
      else if (current === null) score.unknown += 1
      else score.different += 1
    }
    return score
  }
}

const NO_SCORE = { same: 0, untouched: 0, different: 0, unknown: 0 }
const NEVER_TOLD = new Set<string>(['shop_not_found', 'shop_access_denied', 'shop_user_errors', 'shop_answer_invalid'])

type Decision = Omit<ProposalDecisionOrder, 'items'> & { verdict: 'approve' | 'reject', items: number[] | null }

const refusalOf = (outcome: Exclude<DecideOutcome['outcome'], 'approved' | 'rejected' | 'waits_for_second'>): AppError => {
  switch (outcome) {
    case 'not_found': return new AppError('proposal_not_found')
    case 'not_pending': return new AppError('proposal_not_pending')
    case 'expired': return new AppError('proposal_expired')
    case 'plan_changed': return new AppError('plan_changed')
    case 'no_such_item': return new AppError('validation_failed', { message: 'body.items names a change that the proposal does not have.' })
    case 'item_blocked': return new AppError('approval_refused', { message: 'The policy blocks one of these changes: approve the others by their places.' })
    case 'self_approval': return new AppError('approval_refused', {
      message: 'Whoever asked for the plan may not approve it: the policy wants two other people.'
    })
    case 'same_approver': return new AppError('approval_refused', { message: 'The policy wants two people, and this one has approved already.' })
    case 'unnamed': return new AppError('approval_refused', { message: 'The policy wants two named people: say who approves in body.actor.' })
  }
}

/** Text of the shop may hold what the store refuses. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '')
