// The jobs that make what was approved, and undo what was made: one change after the other through the gates.
import { PermanentError } from '../agent.ts'
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { Job, Json, NewJob } from '../model.ts'
import type { Store } from '../store.ts'
import type { Run, RunTools } from '../worker.ts'
import { ANONYMOUS, distinctPeople, isPolicyActor, isSameActor } from './actors.ts'
import { planHash, sha256 } from './canonical.ts'
import { newEffect, type Ended, type Gate } from './gate.ts'
import { isSameShop, whichShop } from './same-shop.ts'
import { strictest, type VerdictWord } from './policy.ts'
import { mayActAlone, type Autonomy, type Proposal } from './proposal.ts'
import type { EffectItem } from './items.ts'
import type { LedgerEffect } from './store.ts'
import type { Verdict } from './guard.ts'

/** Version 1 of what the job carries. */
type EffectPayload = { v: 1, do: 'apply', proposal_id: string } | { v: 1, do: 'revert', effect_ids: string[], actor: string }

const TIMEOUT_MS = 10 * 60_000
// What is left open is asked for again: giving up early would leave a change that nobody knows of.
const ATTEMPTS = 10

const newEffectJob = (payload: EffectPayload, dedupeKey: string, { name, source, now }: { name: string, source: string, now: number }): NewJob => ({
  id: newId(),
  kind: 'effect',
  queue: 'agents',
  name,
  agent: null,
  session_id: null,
  // One after the other: limits on a day and on a sum are kept by what is in the ledger.
  lane: 'effects',
  dedupe_key: dedupeKey,
  priority: 'high',
  payload,
  run_at: now,
  max_attempts: ATTEMPTS,
  timeout_ms: TIMEOUT_MS,
  source,
  created_at: now
})

export const newApplyJob = (proposalId: string, source: string, now: number): NewJob =>
  newEffectJob({ v: 1, do: 'apply', proposal_id: proposalId }, `apply:${proposalId}`, { name: 'apply', source, now })

/** One job a set of effects: the latest of them is undone first. */
export const newRevertJob = (effectIds: string[], actor: string, now: number): NewJob => {
  const set = sha256([...effectIds].sort().join(' '))
  return newEffectJob({ v: 1, do: 'revert', effect_ids: effectIds, actor }, `revert:${set}`, { name: 'revert', source: `api:${actor}`, now })
}

interface EffectRunParts {
  store: Store
  gate: Gate
  clock: Clock
  autonomyOf: (agent: string) => Promise<Autonomy>
  /** A proposal has come to its end. */
  onEnded: (proposal: Proposal, status: 'applied' | 'failed') => void
}

/** Undefined for jobs of another kind. */
export const effectRun = (job: Job, tools: RunTools, parts: EffectRunParts): Run | undefined => {
  if (job.kind !== 'effect') return undefined
  const payload = job.payload as EffectPayload
  return { execute: () => payload.do === 'apply' ? apply(payload.proposal_id, tools, parts) : revert(payload, tools, parts) }
}

async function apply (id: string, tools: RunTools, { store, gate, clock, autonomyOf, onEnded }: EffectRunParts): Promise<Json> {
  const proposal = await store.getProposal(id)
  if (proposal === undefined) throw new PermanentError('proposal_not_found', 'The proposal is not there any more.')
  if (proposal.status !== 'approved') return { summary: `Nothing to do: the proposal is ${proposal.status}.`, result: { proposal_id: id } }
  const hash = planHash(proposal)
  const approvals = proposal.decisions.filter(({ verdict, plan_hash: seen }) => verdict === 'approve' && seen === hash)
  if (hash !== proposal.plan_hash || approvals.length === 0) {
    await store.endProposal({ id, status: 'failed', reason: 'plan_changed', now: clock.now() })
    throw new PermanentError('plan_changed', 'The plan is not the one that was approved: nothing was done.')
  }
  const chosen = chosenOf(proposal)
  const access = await gate.access(proposal.class, tools.signal)
  if (!isSameShop(proposal, access)) {
    // What was planned on one shop, or on an invented one, is nothing for another, whatever was approved.
    await store.endProposal({ id, status: 'failed', reason: 'other_shop', now: clock.now() })
    throw new PermanentError('other_shop', `The plan was made on ${whichShop(proposal, access)}: nothing was done.`)
  }
  const actors = approvals.map(({ actor }) => actor)
  const ended = new Map<number, Ended>()
  const { agent, class: effectClass, items } = proposal
  const judge = (indexes: number[], except?: string) => {
    const made = [...ended].filter(([, one]) => wasMade(one)).map(([index]) => items[index]!)
    const plan = { agent, class: effectClass, items: indexes.map((index) => items[index]!) }
    return gate.judge(plan, access, { made, ...(except === undefined ? {} : { except }) })
  }
  /** What holds now of one change, without counting what it was itself begun as. */
  const mayGoOn = async (index: number, key: string): Promise<Verdict> => {
    const { verdict } = await judge([index], key)
    if (clock.now() >= proposal.expires_at) return { ...verdict, decision: 'block', reasons: ['The time in which the plan made sense is over.'], items: [] }
    return withApprovals(verdict, actors, proposal, await autonomyOf(proposal.agent))
  }

  const makeOne = async (index: number, asPartOfAll: (alone: Verdict) => Verdict): Promise<Ended | 'judge_again'> => {
    tools.signal.throwIfAborted()
    const item = items[index]!
    // The shop may have moved while earlier changes were made.
    const { verdict: alone, policy: { version } } = await judge([index])
    const change = newEffect({
      key: keyOf(id, index),
      proposal_id: id,
      item_index: index,
      class: effectClass,
      agent,
      job_id: proposal.job_id,
      target: gate.kind(effectClass).target(item),
      item: item as unknown as Json,
      actors,
      source: access.commerce.source,
      shop: access.shop.id,
      reverts: null,
      now: clock.now()
    })
    const verdict = withApprovals(asPartOfAll(alone), actors, proposal, await autonomyOf(proposal.agent))
    return await gate.make(change, hash, { verdict, version }, access)
  }

  // What an earlier run began is brought to its end first: whatever is decided now does not change that it may be done already.
  for (const index of chosen) {
    const known = await store.effectOfKey(keyOf(id, index))
    if (known !== undefined) ended.set(index, await gate.resume(known.key, access, () => mayGoOn(index, known.key)))
  }
  // Once round, and again for what is left each time that the policy is changed meanwhile.
  for (let open = openOf(chosen, ended); open.length > 0; open = openOf(chosen, ended)) {
    const whole = await judge(open)
    for (const [place, index] of open.entries()) {
      tools.progress(ended.size / chosen.length, `${ended.size} of ${chosen.length} changes are done`)
      const made = await makeOne(index, (alone) => stricterOf(whole.verdict, place, alone))
      if (made === 'judge_again') break
      ended.set(index, made)
    }
  }
  const { status, counts } = outcomeOf([...ended.values()])
  await store.endProposal({ id, status, reason: status === 'failed' ? describe(counts) : null, now: clock.now() })
  onEnded(proposal, status)
  return { summary: `${proposal.title.replace(/\.$/, '')}: ${describe(counts)}.`, result: { proposal_id: id, status, ...counts } }
}

const keyOf = (proposalId: string, index: number): string => `${proposalId}:${index}`

const openOf = (chosen: number[], ended: Map<number, Ended>): number[] => chosen.filter((index) => !ended.has(index))

/** Places of the items that every approver chose; without a choice all that the policy had not blocked. */
const chosenOf = ({ items, verdict, decisions }: Proposal): number[] => {
  const choices = decisions.filter((decision) => decision.verdict === 'approve').map((decision) => decision.items)
  return items.map((_item, index) => index).filter((index) =>
    verdict.items[index]?.decision !== 'block' && choices.every((choice) => choice === null || choice.includes(index)))
}

/** What is said of one item as part of the whole, and by itself. */
const stricterOf = (whole: Verdict, place: number, alone: Verdict): Verdict => {
  const first = whole.items[place]!
  const decision = strictest([first.decision, alone.decision])
  const reasons = decision === 'block' ? [...whole.reasons, ...first.reasons, ...alone.reasons, ...alone.items[0]!.reasons] : []
  return { ...alone, decision, reasons, items: [] }
}

/** Blocks what is not approved by enough, or by the right ones, for what the policy says now. */
const withApprovals = (verdict: Verdict, actors: string[], proposal: Proposal, autonomy: Autonomy): Verdict => {
  const people = new Set(actors.filter((actor) => !isPolicyActor(actor)))
  const named = distinctPeople([...people]).filter((actor) => !isSameActor(actor, ANONYMOUS) && !isSameActor(actor, proposal.requested_by))
  const enough: Record<VerdictWord, boolean> = {
    auto: people.size > 0 || (actors.length > 0 && mayActAlone(autonomy, proposal.class)),
    approve: people.size > 0,
    two_person: named.length >= 2,
    block: true
  }
  if (enough[verdict.decision]) return verdict
  const needs = verdict.decision === 'two_person' ? 'The policy wants two named people by now.' : 'The policy wants a person by now.'
  return { ...verdict, decision: 'block', reasons: [needs] }
}

/** It reached the shop, or may have. */
const wasMade = ({ status, code }: Ended): boolean => status === 'done' || status === 'reverted' || code === 'read_back_differs' || code === 'moved_since'

interface Counts { done: number, already: number, conflicts: number, blocked: number, failed: number }

const outcomeOf = (ended: Ended[]): { status: 'applied' | 'failed', counts: Counts } => {
  const counts: Counts = { done: 0, already: 0, conflicts: 0, blocked: 0, failed: 0 }
  for (const { status, code } of ended) {
    if (status === 'done' || status === 'reverted') counts.done += 1
    else if (code === 'already_so') counts.already += 1
    else if (status === 'conflict') counts.conflicts += 1
    else if (status === 'blocked') counts.blocked += 1
    else counts.failed += 1
  }
  return { status: counts.conflicts + counts.blocked + counts.failed === 0 ? 'applied' : 'failed', counts }
}

const describe = ({ done, already, conflicts, blocked, failed }: Counts): string => [
  `${done} done`,
  ...(already > 0 ? [`${already} already so`] : []),
  ...(conflicts > 0 ? [`${conflicts} in conflict with the shop`] : []),
  ...(blocked > 0 ? [`${blocked} blocked`] : []),
  ...(failed > 0 ? [`${failed} failed`] : [])
].join(', ')

async function revert ({ effect_ids: ids, actor }: Extract<EffectPayload, { do: 'revert' }>, tools: RunTools, parts: EffectRunParts): Promise<Json> {
  const { store, gate } = parts
  const ended: Ended[] = []
  // The latest first: what was set twice goes back the way it came.
  const effects = (await store.effectsByIds(ids)).sort((a, b) => b.started_at - a.started_at || (a.id < b.id ? 1 : -1))
  for (const effect of effects) {
    tools.progress(ended.length / effects.length, `${ended.length} of ${effects.length} effects are undone`)
    tools.signal.throwIfAborted()
    ended.push(await undo(effect, actor, gate, store, parts.clock, tools.signal))
  }
  const { status, counts } = outcomeOf(ended)
  return { summary: `Undoing ${effects.length === 1 ? 'one effect' : `${effects.length} effects`}: ${describe(counts)}.`, result: { status, ...counts } }
}

async function undo (effect: LedgerEffect, actor: string, gate: Gate, store: Store, clock: Clock, signal: AbortSignal): Promise<Ended> {
  const access = await gate.access(effect.class, signal)
  if (!isSameShop(effect, access)) return { status: 'conflict', code: 'other_shop' }
  const { key, known } = await revertKey(effect.id, store)
  if (known) return await gate.resume(key, access)
  const item = gate.kind(effect.class).undo?.item(effect) ?? effect.item as EffectItem
  const change = newEffect({
    key,
    proposal_id: effect.proposal_id,
    item_index: effect.item_index,
    class: effect.class,
    agent: effect.agent,
    job_id: effect.job_id,
    target: effect.target,
    item: item as unknown as Json,
    actors: [actor],
    source: access.commerce.source,
    shop: access.shop.id,
    reverts: effect.id,
    now: clock.now()
  })
  return await gate.undo(effect, change, access)
}

/** An undoing that was refused, or met a shop that had moved, may be tried again; one that is under way or done is the one there is. */
async function revertKey (effectId: string, store: Store): Promise<{ key: string, known: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const key = `revert:${effectId}:${attempt}`
    const effect = await store.effectOfKey(key)
    if (effect === undefined) return { key, known: false }
    if (effect.status === 'started' || effect.status === 'done') return { key, known: true }
  }
}
