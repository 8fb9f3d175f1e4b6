// What every engine of the store must do with proposals, effects, policies and freezes: decided once, begun once, recorded for ever.
import type { Test } from 'tap'
import { canonicalJson, GENESIS, planHash, sha256 } from '../../src/core/effects/canonical.ts'
import type { Freeze } from '../../src/core/effects/freeze.ts'
import { newApplyJob } from '../../src/core/effects/effect-runs.ts'
import type { EffectItem } from '../../src/core/effects/items.ts'
import { DEFAULT_POLICY } from '../../src/core/effects/policy.ts'
import type { ProposalDecision, ProposalStatus } from '../../src/core/effects/proposal.ts'
import type { NewEffect, NewProposal } from '../../src/core/effects/store.ts'
import type { Store } from '../../src/core/store.ts'
import { newId } from '../../src/core/ids.ts'
import { gid } from './puppet-shop.ts'
import type { Fresh } from './store-contract.ts'
import { everything, T0 } from './store-rig.ts'

const item = (n = 1): EffectItem<'price_change'> => ({
  product_id: gid('Product', n),
  variant_id: gid('ProductVariant', n),
  sku: 'S',
  title: 't',
  currency: 'EUR',
  expected_price: '100.00',
  price: '105.00',
  expected_compare_at_price: null,
  compare_at_price: null
})

export const proposed = (more: Partial<NewProposal> = {}): NewProposal => {
  const fields: NewProposal = {
    id: newId(),
    agent: 'pricer',
    job_id: newId(),
    requested_by: null,
    class: 'price_change',
    key: 'k',
    title: 'A price',
    rationale: ['because'],
    items: [item()],
    evidence: { n: 1 },
    expected_gain: { amount: '1.00', currency: 'EUR' },
    plan_hash: '',
    status: 'pending',
    reason: null,
    verdict: { decision: 'approve', reasons: [], items: [{ decision: 'approve', reasons: [] }], at_risk: null },
    policy_version: 0,
    autonomy: 'suggest',
    source: 'sandbox',
    shop: 'gid://shopify/Shop/1',
    created_at: T0,
    expires_at: T0 + 1_000,
    apply_job_id: null,
    ...more
  }
  return { ...fields, plan_hash: planHash(fields) }
}

const decision = (proposal: NewProposal, more: Partial<ProposalDecision> = {}): ProposalDecision => ({
  id: newId(), verdict: 'approve', actor: 'anna', request_id: null, plan_hash: proposal.plan_hash, items: null, reason: null, at: T0, ...more
})

export const effectOf = (proposal: NewProposal, more: Partial<NewEffect> = {}): NewEffect => ({
  id: newId(),
  key: `${proposal.id}:0`,
  proposal_id: proposal.id,
  item_index: 0,
  class: proposal.class,
  agent: proposal.agent,
  job_id: proposal.job_id,
  target: `variant:${gid('ProductVariant', 1)}`,
  item: proposal.items[0] as NewEffect['item'],
  before: { price: '100.00' },
  actors: ['anna'],
  source: 'sandbox',
  shop: 'gid://shopify/Shop/1',
  reverts: null,
  started_at: T0,
  ...more
})

const frozen = (more: Partial<Freeze> = {}): Freeze => ({
  id: newId(),
  scope: 'all',
  reason: 'r',
  actor: 'a',
  request_id: null,
  created_at: T0,
  starts_at: T0,
  ends_at: null,
  window: null,
  lifted_at: null,
  lifted_by: null,
  ...more
})

/** Files and approves; answers what was filed. */
export const approved = async (store: Store, more: Partial<NewProposal> = {}): Promise<NewProposal> => {
  const proposal = proposed(more)
  await store.fileProposals({ proposals: [proposal], now: T0 })
  await store.decideProposal({ id: proposal.id, decision: decision(proposal), job: null, now: T0 })
  return proposal
}
export const begin = (store: Store, effect: NewEffect, hash: string, more: { now?: number, policy_version?: number } = {}) =>
  store.startEffect({ effect, plan_hash: hash, policy_version: 0, now: T0, ...more })
export const finish = (store: Store, key: string, more: object = {}) =>
  store.finishEffect({ key, status: 'done', after: { price: '105.00' }, result: { ok: true }, error: null, now: T0 + 1, ...more })

/** A proposal that was approved, with the effect that it came to. */
export const makeEffect = async (store: Store, key: string): Promise<void> => {
  const proposal = await approved(store, { key })
  await begin(store, effectOf(proposal), proposal.plan_hash)
  await finish(store, `${proposal.id}:0`)
}

export const effectsContract = (t: Test, fresh: Fresh): void => {
  t.test('proposals: kept as filed, listed newest first', async (t) => {
    const { store } = await fresh(t)
    const list = Array.from({ length: 5 }, (_, n) => proposed({ key: `k${n}`, class: n === 4 ? 'order_tag' : 'price_change' }))
    await store.fileProposals({ proposals: list, now: T0 })
    t.same(await store.getProposal(list[0]!.id), { ...list[0], decided_at: null, score: null, decisions: [] })
    t.equal(await store.getProposal(newId()), undefined)
    for (const limit of [1, 2, 5, 6]) {
      t.same((await everything((page) => store.listProposals({}, page), limit)).map(({ key }) => key), ['k4', 'k3', 'k2', 'k1', 'k0'])
    }
    t.match(await store.listProposals({ class: 'order_tag' }, { limit: 5 }), { total: 1, items: [{ key: 'k4' }] })
    t.match(await store.listProposals({ status: 'applied' }, { limit: 5 }), { total: 0, items: [], next_cursor: null })
    await t.rejects(store.listProposals({}, { limit: 1, cursor: 'x' }), { code: 'invalid_cursor' })
  })

  t.test('proposals: equal plans, newer plans, and what the policy let pass', async (t) => {
    const { store, get } = await fresh(t)
    const file = async (proposal: NewProposal, now = T0) => (await store.fileProposals({ proposals: [proposal], now }))[0]!
    const first = proposed()
    t.same(await file(first), { id: first.id, outcome: 'filed' })
    t.same(await file(proposed()), { id: first.id, outcome: 'unchanged' })
    t.match(await file(proposed({ agent: 'other' })), { outcome: 'filed' })
    t.match(await file(proposed(), T0 + 1_000), { outcome: 'filed' }, 'one whose time is over is none')
    t.match(await store.getProposal(first.id), { status: 'superseded' })
    const status = async (wanted: ProposalStatus, again: ProposalStatus): Promise<string> => {
      const key = `${wanted} ${again}`
      await file(proposed({ key, status: wanted }))
      return (await file(proposed({ key, status: again }))).outcome
    }
    t.equal(await status('approved', 'pending'), 'unchanged')
    t.equal(await status('rejected', 'approved'), 'unchanged', 'what people refused does not come back as what the policy lets pass')
    t.equal(await status('blocked', 'blocked'), 'unchanged')
    t.equal(await status('blocked', 'pending'), 'filed')
    t.equal(await status('pending', 'approved'), 'filed')
    t.equal(await status('applied', 'pending'), 'filed')
    const auto = proposed({ key: 'auto', status: 'approved' })
    const job = newApplyJob(auto.id, 'policy:1', T0)
    await file({ ...auto, apply_job_id: job.id, auto: { decision: decision(auto, { actor: 'policy:1' }), job } })
    t.match(await store.getProposal(auto.id), { status: 'approved', decided_at: T0, apply_job_id: job.id, decisions: [{ actor: 'policy:1' }] })
    t.match(await get(job.id), { status: 'queued', lane: 'effects', kind: 'effect' })
  })

  t.test('proposals: decided once, by the right ones, on the plan that was seen', async (t) => {
    const { store, get } = await fresh(t)
    const decide = (proposal: NewProposal, more: Partial<ProposalDecision> = {}, now = T0, job = newApplyJob(proposal.id, 'x', T0)) =>
      store.decideProposal({ id: proposal.id, decision: decision(proposal, more), job, now })
    const file = async (more: Partial<NewProposal> = {}) => {
      const proposal = proposed({ key: newId(), ...more })
      await store.fileProposals({ proposals: [proposal], now: T0 })
      return proposal
    }
    t.same(await decide(proposed()), { outcome: 'not_found' })
    const one = await file()
    t.same(await decide(one, { plan_hash: 'f'.repeat(64) }), { outcome: 'plan_changed' })
    t.same(await decide(one, {}, T0 + 1_000), { outcome: 'expired' })
    t.same(await decide(one, { items: [1] }), { outcome: 'no_such_item' })
    t.same(await decide(one, { items: [-1] }), { outcome: 'no_such_item' })
    const job = newApplyJob(one.id, 'x', T0)
    const both = await Promise.all([decide(one, {}, T0, job), decide(one, { actor: 'bert' })])
    t.same(both.map(({ outcome }) => outcome), ['approved', 'not_pending'])
    t.match(await store.getProposal(one.id), { status: 'approved', apply_job_id: job.id, decided_at: T0, decisions: [{ actor: 'anna', items: null }] })
    t.equal((await get(job.id)).status, 'queued')

    const two = { decision: 'two_person' as const, reasons: [], items: [{ decision: 'two_person' as const, reasons: [] }], at_risk: null }
    const pair = await file({ verdict: two, requested_by: 'anna' })
    t.same(await decide(pair), { outcome: 'self_approval' })
    t.same(await decide(pair, { actor: 'api' }), { outcome: 'unnamed' })
    t.match(await decide(pair, { actor: 'bert', items: [0] }), { outcome: 'waits_for_second' })
    t.same(await decide(pair, { actor: 'BERT' }), { outcome: 'same_approver' })
    t.match(await decide(pair, { actor: 'carl' }), { outcome: 'approved' })

    const refused = await file()
    t.match(await decide(refused, { verdict: 'reject', reason: 'no' }, T0, null as never), { outcome: 'rejected', proposal: { status: 'rejected' } })
    t.same(await decide(refused), { outcome: 'not_pending' })
    const blocked = await file({ verdict: { ...two, decision: 'approve', items: [{ decision: 'block', reasons: [] }] } })
    t.same(await decide(blocked, { items: [0] }), { outcome: 'item_blocked' })
    const audit = await store.listAudit({ target: `proposal:${pair.id}` }, { limit: 5 })
    t.match(audit.items, [{ action: 'approve', actor: 'carl', after: { status: 'approved', approvals: 2 } }, { action: 'approve', actor: 'bert' }])
  })

  t.test('proposals: ended, expired, scored', async (t) => {
    const { store } = await fresh(t)
    const pending = proposed()
    await store.fileProposals({ proposals: [pending], now: T0 })
    await store.endProposal({ id: pending.id, status: 'applied', reason: null, now: T0 })
    t.match(await store.getProposal(pending.id), { status: 'pending' }, 'only what is approved can be applied')
    t.equal(await store.expireProposals(T0 + 999), 0)
    t.equal(await store.expireProposals(T0 + 1_000), 1)
    t.match(await store.getProposal(pending.id), { status: 'expired' })
    const shadows = [proposed({ key: 's1', status: 'shadow' }), proposed({ key: 's2', status: 'shadow', expires_at: T0 + 5 })]
    await store.fileProposals({ proposals: shadows, now: T0 })
    t.same((await store.unscoredShadows({ now: T0 + 5, limit: 9 })).map(({ id }) => id), [shadows[1]!.id])
    t.same((await store.unscoredShadows({ now: T0 + 1_000, limit: 9 })).map(({ id }) => id), [shadows[1]!.id, shadows[0]!.id])
    await store.scoreShadow({ id: shadows[0]!.id, score: { same: 1, untouched: 2, different: 3, unknown: 4, at: T0 } })
    await store.scoreShadow({ id: pending.id, score: { same: 9, untouched: 0, different: 0, unknown: 0, at: T0 } })
    t.same(await store.shadowTotals('pricer'), { proposals: 2, scored: 1, same: 1, untouched: 2, different: 3, unknown: 4 })
    t.same(await store.shadowTotals('none'), { proposals: 0, scored: 0, same: 0, untouched: 0, different: 0, unknown: 0 })
  })

  t.test('effects: begun only when approved, as approved, once, and not while frozen', async (t) => {
    const { store } = await fresh(t)
    const proposal = await approved(store)
    const effect = effectOf(proposal)
    const pending = proposed({ key: 'pending' })
    await store.fileProposals({ proposals: [pending], now: T0 })
    t.same(await begin(store, effectOf(pending), pending.plan_hash), { outcome: 'not_approved' })
    t.same(await begin(store, effectOf(proposed()), proposal.plan_hash), { outcome: 'not_approved' })
    t.same(await begin(store, effect, 'f'.repeat(64)), { outcome: 'not_approved' })
    t.same(await begin(store, { ...effect, item: { ...item(), price: '106.00' } }, proposal.plan_hash), { outcome: 'not_approved' })
    t.same(await begin(store, { ...effect, item_index: 1 }, proposal.plan_hash), { outcome: 'not_approved' })
    t.same(await begin(store, effect, proposal.plan_hash, { now: T0 + 1_000 }), { outcome: 'expired' })
    t.same(await begin(store, effect, proposal.plan_hash, { policy_version: 1 }), { outcome: 'policy_changed' })
    for (const scope of ['all', 'agent:pricer', 'class:price_change'] as const) {
      const freeze = frozen({ scope })
      await store.addFreeze(freeze)
      t.match(await begin(store, effect, proposal.plan_hash), { outcome: 'frozen', freeze: { id: freeze.id } })
      t.equal(await store.liftFreeze({ id: freeze.id, actor: 'a', request_id: null, reason: null, now: T0 }), true)
    }
    await store.addFreeze(frozen({ scope: 'agent:other' }))
    t.equal(await store.effectOfKey(effect.key), undefined, 'what did not begin has left nothing')
    const reordered = Object.fromEntries(Object.entries(item()).reverse()) as NewEffect['item']
    const tries = await Promise.all([begin(store, { ...effect, item: reordered }, proposal.plan_hash),
      begin(store, { ...effect, id: newId() }, proposal.plan_hash)])
    t.same(tries, [{ outcome: 'started' }, { outcome: 'exists' }])
    t.match(await store.effectOfKey(effect.key), { ...effect, status: 'started', after: null, result: null, error: null, finished_at: null })
    await store.endProposal({ id: proposal.id, status: 'applied', reason: null, now: T0 })
    t.same(await begin(store, { ...effect, id: newId(), key: 'another' }, proposal.plan_hash), { outcome: 'not_approved' }, 'an approval is used up')
  })

  t.test('effects: ended once, undone once, and every step in the chained log', async (t) => {
    const { store } = await fresh(t)
    const proposal = await approved(store)
    const effect = effectOf(proposal)
    await begin(store, effect, proposal.plan_hash)
    await finish(store, effect.key)
    await finish(store, effect.key, { status: 'failed', error: { code: 'x', message: 'y' } })
    t.match(await store.getEffect(effect.id), { status: 'done', after: { price: '105.00' }, result: { ok: true }, error: null, finished_at: T0 + 1 })
    const undoing = effectOf(proposal, { key: 'revert:1', reverts: effect.id })
    t.same(await begin(store, { ...undoing, reverts: newId() }, ''), { outcome: 'not_revertible' })
    t.same(await begin(store, undoing, ''), { outcome: 'started' })
    await finish(store, undoing.key, { status: 'conflict' })
    t.match(await store.getEffect(effect.id), { status: 'done', reverted_by: null }, 'not undone by an undoing that failed')
    const again = effectOf(proposal, { key: 'revert:2', reverts: effect.id })
    await begin(store, again, '')
    await finish(store, again.key)
    t.match(await store.getEffect(effect.id), { status: 'reverted', reverted_by: again.id })
    t.same(await begin(store, effectOf(proposal, { key: 'revert:3', reverts: effect.id }), ''), { outcome: 'not_revertible' })
    const kept = effectOf(proposal, { key: 'kept' })
    await store.refuseEffect({ effect: kept, status: 'blocked', error: { code: 'policy', message: 'no' }, now: T0 })
    await store.refuseEffect({ effect: { ...kept, id: newId() }, status: 'conflict', error: { code: 'moved', message: 'x' }, now: T0 })
    t.match(await store.effectOfKey('kept'), { id: kept.id, status: 'blocked', error: { code: 'policy' } })

    const log = await store.ledgerEntries({ after: 0, limit: 100 })
    t.same(log.map(({ seq, type }) => [seq, type]), [
      [1, 'started'], [2, 'done'], [3, 'started'], [4, 'conflict'], [5, 'started'], [6, 'done'], [7, 'reverted'], [8, 'blocked']
    ])
    let prev = GENESIS
    for (const { hash, prev_hash: before, ...entry } of log) {
      t.equal(before, prev)
      t.equal(hash, sha256(`${before}\n${canonicalJson(entry)}`))
      prev = hash
    }
    t.same((await store.ledgerEntries({ after: 6, limit: 1 })).map(({ seq }) => seq), [7])
    t.same((await everything((page) => store.listEffects({}, page), 2)).map(({ key }) => key), ['kept', 'revert:2', 'revert:1', effect.key])
    t.match(await store.listEffects({ status: 'done', proposal_id: proposal.id, job_id: proposal.job_id, agent: 'pricer', class: 'price_change' },
      { limit: 9 }), { total: 1 })
    t.same((await store.effectsByIds([again.id, effect.id, newId()])).map(({ id }) => id), [effect.id, again.id])
  })

  t.test('effects: what may have reached the shop counts as if it had', async (t) => {
    const { store } = await fresh(t)
    const proposal = await approved(store)
    // Begun long before: what counts is when its end was known, and what is open may be made now.
    const make = async (key: string, at: number, end?: object): Promise<void> => {
      await begin(store, effectOf(proposal, { key, started_at: T0 - 1_000 }), proposal.plan_hash)
      if (end !== undefined) await finish(store, key, { ...end, now: at })
    }
    const { target } = effectOf(proposal)
    const failure = (code: string) => ({ code, message: 'm' })
    await make('open', 0)
    await make('done', T0 - 4, {})
    await make('odd', T0 - 3, { status: 'failed', error: failure('read_back_differs') })
    await make('moved', T0 - 2, { status: 'conflict', error: failure('moved_since') })
    await make('refused', T0 - 1, { status: 'failed', error: failure('shop_user_errors') })
    await store.refuseEffect({ effect: effectOf(proposal, { key: 'blocked' }), status: 'blocked', error: failure('policy'), now: T0 })
    const past = async (since: number, except: string | null = null, now = T0 + 9) =>
      (await store.pastPrices({ targets: [target, 'none'], since, now, except }))[target]!
    const times = async (...args: Parameters<typeof past>) => (await past(...args)).map(({ at }) => at - T0)
    t.same(await times(T0 - 100), [-4, -3, -2, 9])
    t.same(await times(T0 - 4), [-3, -2, 9])
    t.same(await times(T0 - 100, 'open'), [-4, -3, -2])
    t.same(await store.pastPrices({ targets: ['none'], since: 0, now: T0, except: null }), { none: [] })
    t.match((await past(0))[0], { from: '100.00', to: '105.00' })
    const count = (more: object = {}) => store.countEffects({ agent: 'pricer', class: 'price_change', since: T0 - 100, except: null, ...more })
    t.same(await Promise.all([{}, { since: T0 - 4 }, { agent: 'x' }, { class: 'refund' }, { except: 'done' }].map(count)), [4, 3, 0, 0, 3])
  })

  t.test('policies: versions, compare-and-set, in the audit', async (t) => {
    const { store } = await fresh(t)
    t.equal(await store.currentPolicy(), undefined)
    const save = (version: number, note: string) => store.savePolicy({
      expected_version: version, policy: { ...DEFAULT_POLICY, refund: { max_amount: note } }, actor: 'anna', reason: note, request_id: null, now: T0
    })
    t.same(await Promise.all([save(0, '1'), save(0, '2')]), [{ outcome: 'saved', version: 1 }, { outcome: 'stale', version: 1 }])
    t.same(await save(1, '3'), { outcome: 'saved', version: 2 })
    t.match(await store.currentPolicy(), { version: 2, actor: 'anna', policy: { refund: { max_amount: '3' } } })
    t.same((await everything((page) => store.listPolicies(page), 1)).map(({ version }) => version), [2, 1])
    t.match((await store.listAudit({ target: 'policy' }, { limit: 9 })).items, [{ action: 'change_policy', after: { version: 2 } }, { after: { version: 1 } }])
  })

  t.test('freezes: kept, listed, lifted once; autonomy', async (t) => {
    const { store, notices } = await fresh(t)
    const window = { cron: '0 8 * * *', timezone: 'UTC', minutes: 5 }
    const list = [frozen(), frozen({ scope: 'agent:x', ends_at: T0 + 10, window }), frozen({ scope: 'class:refund', starts_at: T0 + 99 })]
    for (const freeze of list) await store.addFreeze(freeze)
    t.same(await store.listFreezes({ lifted: false, now: T0 }), [...list].reverse())
    t.same((await store.listFreezes({ lifted: false, now: T0 + 10 })).map(({ id }) => id), [list[2]!.id, list[0]!.id])
    const lift = (id: string) => store.liftFreeze({ id, actor: 'bert', request_id: null, reason: 'over', now: T0 + 1 })
    notices.length = 0
    t.same([await lift(list[0]!.id), await lift(list[0]!.id), await lift(newId())], [true, false, false])
    t.ok(notices.some(({ queues }) => queues.has('agents')))
    t.match((await store.listFreezes({ lifted: true, now: T0 })).at(-1), { id: list[0]!.id, lifted_at: T0 + 1, lifted_by: 'bert' })
    t.match((await store.listAudit({ target: 'freeze:all' }, { limit: 9 })).items, [{ action: 'lift', actor: 'bert', reason: 'over' }, { action: 'freeze' }])
    await store.setAutonomy({ agent: 'pricer', autonomy: 'autonomous', actor: 'anna', request_id: null, now: T0 })
    t.match((await store.agentStates()).find(({ name }) => name === 'pricer'), { autonomy: 'autonomous', enabled: true })
    t.match((await store.listAudit({ target: 'agent:pricer' }, { limit: 9 })).items, [{ before: { autonomy: 'suggest' }, after: { autonomy: 'autonomous' } }])
  })
}
