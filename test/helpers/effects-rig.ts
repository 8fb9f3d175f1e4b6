// An orchestrator with a puppet shop behind its gates, an agent that proposes what the test hands it, and the moves that take one line each.
import type { Test } from 'tap'
import type { EffectClass, EffectItem } from '../../src/core/effects/items.ts'
import { DEFAULT_POLICY, type Policy } from '../../src/core/effects/policy.ts'
import type { FiledProposal, Proposal, ProposalDraft } from '../../src/core/effects/proposal.ts'
import type { LedgerEffect } from '../../src/core/effects/store.ts'
import type { Job } from '../../src/core/model.ts'
import type { Store } from '../../src/core/store.ts'
import type { WebhookSender } from '../../src/core/webhooks/delivery.ts'
import { FakeClock, until } from './fake-clock.ts'
import { agent, setup } from './orchestrator-rig.ts'
import { createPuppetShop, type PuppetShop } from './puppet-shop.ts'
import { T0 } from './store-rig.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const SETTLE_MS = 15_000

/** Everything enrolled, VAT known, no cooldown worth mentioning: what the test is about is set on top. */
export const openPolicy = (change: (policy: Policy) => void = () => {}): Policy => {
  const policy = structuredClone(DEFAULT_POLICY)
  policy.price.enrolled_skus = ['*']
  policy.price.vat = '0.19'
  change(policy)
  return policy
}

export const draftOf = <C extends EffectClass>(name: C, items: Array<EffectItem<C>>, more: Partial<ProposalDraft> = {}): ProposalDraft => ({
  class: name,
  key: `${name}:test`,
  title: `A ${name}`,
  rationale: ['because'],
  items,
  evidence: {},
  expected_gain: null,
  ...more
}) as ProposalDraft

interface RigOptions {
  policy?: Policy
  shop?: PuppetShop
  clock?: FakeClock
  store?: Store
  wrap?: (store: Store) => Store
  webhookSender?: WebhookSender
  /** Default: at once. */
  start?: boolean
}

export const effectsRig = async (t: Test, { policy = openPolicy(), start = true, ...options }: RigOptions = {}) => {
  const clock = options.clock ?? new FakeClock(T0)
  const shop = options.shop ?? createPuppetShop(clock)
  let drafts: ProposalDraft[] = []
  let filed: FiledProposal[] = []
  const proposer = (name: string) => agent(name, async ({ propose }) => {
    filed = await propose(drafts)
    return { n: filed.length }
  }, { maxAttempts: 1 })
  const rig = await setup(t, {
    clock,
    commerce: shop.commerce,
    agents: [proposer('pricer'), proposer('helper')],
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.webhookSender === undefined ? {} : { webhookSender: options.webhookSender }),
    ...(options.wrap === undefined ? {} : { wrap: options.wrap })
  })
  const { orchestrator, store, run, ended } = rig
  if ((await orchestrator.policies.current()).version === 0) {
    await orchestrator.policies.change({ policy, expected_version: 0, actor: 'owner', reason: null, request_id: null })
  }
  if (start) await rig.start()
  const proposalOf = (id: string): Promise<Proposal> => orchestrator.proposals.get(id)

  /** A run of the agent that proposes these; answers what became of each, and the job. */
  const file = async (wanted: ProposalDraft[], { by = 'pricer', source = 'schedule:x' } = {}): Promise<FiledProposal[] & { job: Job }> => {
    drafts = wanted
    filed = []
    const job = await ended(await run(by, {}, { source }))
    return Object.assign(filed, { job })
  }
  /** What the agents propose from now on. */
  const hand = (wanted: ProposalDraft[]): void => { drafts = wanted }
  const propose = async (draft: ProposalDraft, more?: Parameters<typeof file>[1]): Promise<Proposal> => {
    const [made] = await file([draft], more)
    if (made === undefined) throw new Error('the run failed')
    return await proposalOf(made.id)
  }
  const approve = async ({ id, plan_hash: hash }: Proposal, actor = 'anna', items?: number[]): Promise<Proposal> =>
    await orchestrator.proposals.approve(id, { plan_hash: hash, actor, reason: null, request_id: null, ...(items === undefined ? {} : { items }) })
  const reject = async ({ id, plan_hash: hash }: Proposal, actor = 'anna'): Promise<Proposal> =>
    await orchestrator.proposals.reject(id, { plan_hash: hash, actor, reason: null, request_id: null })
  const effectsOf = async (proposal: Proposal): Promise<LedgerEffect[]> =>
    (await store.listEffects({ proposal_id: proposal.id }, { limit: 500 })).items.sort((a, b) => a.item_index - b.item_index || (a.id < b.id ? -1 : 1))
  const applyJob = async ({ id }: Proposal): Promise<Job> => await orchestrator.jobs.get((await proposalOf(id)).apply_job_id!)
  /** The proposal when its job has come to its end, and its effects. */
  const applied = async (proposal: Proposal): Promise<{ proposal: Proposal, effects: LedgerEffect[], job: Job }> => {
    const job = await ended((await proposalOf(proposal.id)).apply_job_id!)
    return { proposal: await proposalOf(proposal.id), effects: await effectsOf(proposal), job }
  }
  const becomes = (proposal: Proposal, status: Job['status'], reason?: string): Promise<void> => until(`the job is ${status}`, async () => {
    const job = await applyJob(proposal)
    return job.status === status && (reason === undefined || job.reason === reason)
  })
  const setPolicy = async (next: Policy): Promise<void> => {
    const { version } = await orchestrator.policies.current()
    await orchestrator.policies.change({ policy: next, expected_version: version, actor: 'owner', reason: null, request_id: null })
  }
  const freeze = (scope = 'all') => orchestrator.freezes.freeze({ scope, reason: 'test', actor: 'owner', request_id: null })
  const lift = (id: string) => orchestrator.freezes.lift(id, { actor: 'owner', request_id: null, reason: null })
  const autonomy = (name: string, level: 'observe' | 'suggest' | 'act_with_approval' | 'autonomous') =>
    orchestrator.agents.setAutonomy(name, level, { actor: 'owner', request_id: null })
  const revert = async (effect: LedgerEffect): Promise<Job> =>
    await ended((await orchestrator.effects.revert(effect.id, 'anna', AbortSignal.timeout(5_000))).job_id)
  return {
    ...rig, shop, file, hand, propose, approve, reject, effectsOf, applyJob, applied, becomes, setPolicy, freeze, lift, autonomy, revert, proposalOf
  }
}
