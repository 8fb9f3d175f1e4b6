// One world of the campaign: the real proposals, gates, runs and store over a puppet shop, on a clock that only the campaign moves, with the oracle
// at the door of the shop. A control replaces one part.
import { CircuitOpenError } from '../../../src/core/breaker-registry.ts'
import type { Clock } from '../../../src/core/clock.ts'
import { CommerceError } from '../../../src/core/commerce-error.ts'
import { effectRun, newApplyJob, newRevertJob } from '../../../src/core/effects/effect-runs.ts'
import { Effects } from '../../../src/core/effects/effects.ts'
import { Freezes } from '../../../src/core/effects/freezes.ts'
import { Gate } from '../../../src/core/effects/gate.ts'
import { createEffectKinds, type EffectKinds } from '../../../src/core/effects/kinds/index.ts'
import { Policies } from '../../../src/core/effects/policies.ts'
import type { Policy } from '../../../src/core/effects/policy.ts'
import type { Autonomy, Proposal, ProposalDraft } from '../../../src/core/effects/proposal.ts'
import { Proposals } from '../../../src/core/effects/proposals.ts'
import { newId } from '../../../src/core/ids.ts'
import { silentLogger } from '../../../src/core/log.ts'
import type { Job, NewJob } from '../../../src/core/model.ts'
import type { Store } from '../../../src/core/store.ts'
import type { Shop } from '../../../src/core/commerce.ts'
import { createPuppetShop, type PuppetShop } from '../../helpers/puppet-shop.ts'
import { openTampered, type TamperedStore } from '../../helpers/tampered-store.ts'
import { Oracle, type Circumstances } from './oracle.ts'

/** What a control puts in the place of a gate. */
export interface Substitution {
  store?: (store: Store, tampered: TamperedStore) => Store
  policy?: (policy: Policy) => Policy
  kinds?: (kinds: EffectKinds, shop: PuppetShop) => EffectKinds
  autonomy?: Autonomy
}

export interface World {
  shop: PuppetShop
  oracle: Oracle
  tampered: TamperedStore
  clock: { now (): number, pass (ms: number): void }
  file (agent: string, drafts: ProposalDraft[], requestedBy: string | null): Promise<Array<{ id: string, outcome: string }>>
  approve (proposal: Proposal, actor: string, items: number[] | undefined, hash?: string): Promise<string>
  reject (proposal: Proposal): Promise<void>
  get (id: string): Promise<Proposal>
  /** One attempt of the job that makes the effects. */
  apply (id: string): Promise<'ended' | 'again' | 'failed'>
  revert (proposal: Proposal): Promise<void>
  setPolicy (policy: Policy): Promise<void>
  setAutonomy (agent: string, autonomy: Autonomy): Promise<void>
  freeze (scope: string): Promise<string>
  lift (id: string): Promise<void>
  verify (): Promise<string | null>
  close (): Promise<void>
}

const START = Date.UTC(2026, 0, 5, 8)

export const createWorld = async (first: Policy, shopFields: Partial<Shop>, change: Substitution = {}): Promise<World> => {
  let now = START
  // Nothing here waits: what is to be waited for is over at once, and looks at the freeze during a call do not come.
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    setTimeout: (fn, ms) => { if (ms <= 0) queueMicrotask(fn) },
    clearTimeout: () => {}
  }
  const shop = createPuppetShop(clock, shopFields)
  const tampered = await openTampered()
  const frozen = new Map<string, string>()
  const autonomies = new Map<string, Autonomy>()
  let policy = first
  const holds = (): Circumstances => ({ policy, autonomy: new Map(autonomies), frozen: [...frozen.values()] })
  let atRun = holds()
  const begun = new Map<string, Circumstances>()
  const { database } = tampered
  const loggedBegin = database.prepare("SELECT 1 FROM effect_log WHERE type = 'started' AND effect_id = (SELECT id FROM effects WHERE key = ?)")
  const undone = database.prepare('SELECT o.key AS key FROM effects AS u JOIN effects AS o ON o.id = u.reverts WHERE u.key = ?')
  const oracle = new Oracle({
    shop,
    now: clock.now,
    circumstances: (key) => begun.get(key) ?? atRun,
    isLogged: (key) => loggedBegin.get(key) !== undefined,
    undoes: (key) => (undone.get(key) as { key: string } | undefined)?.key
  })
  shop.onWrite = (call) => { oracle.judge(call) }

  const inner: Store = {
    ...tampered.store,
    async startEffect (args) {
      const outcome = await tampered.store.startEffect(args)
      // What was acknowledged before this holds for it.
      if (outcome.outcome === 'started') begun.set(args.effect.key, holds())
      return outcome
    }
  }
  const store = change.store?.(inner, tampered) ?? inner
  const policies = new Policies(store, clock)
  const freezes = new Freezes({ store, clock, onChange: () => {} })
  const kinds = createEffectKinds()
  const gate = new Gate({
    store,
    commerce: shop.commerce,
    kinds: change.kinds?.(kinds, shop) ?? kinds,
    clock,
    async policy () {
      const current = await policies.current()
      return change.policy === undefined ? current : { ...current, policy: change.policy(structuredClone(current.policy)) }
    },
    settleMs: 0
  })
  const autonomyOf = async (agent: string): Promise<Autonomy> => change.autonomy ?? autonomies.get(agent) ?? 'suggest'
  const proposals = new Proposals({ store, gate, clock, log: silentLogger, autonomyOf, onChange: () => {} })
  const effects = new Effects({ store, gate, clock })
  await policies.change({ policy: first, expected_version: 0, actor: 'owner', reason: null, request_id: null })
  const { signal } = new AbortController()
  const run = async (job: NewJob): Promise<'ended' | 'again' | 'failed'> => {
    begun.clear()
    atRun = holds()
    const tools = { signal, log: silentLogger, append: async () => {}, progress: () => {} }
    try {
      await effectRun(job as Job, tools, { store, gate, clock, autonomyOf, onEnded: () => {} })!.execute()
      return 'ended'
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code === 'plan_changed') return 'failed'
      if (error instanceof CommerceError || error instanceof CircuitOpenError || (error as Error).name === 'ParkedError') return 'again'
      throw error
    }
  }

  return {
    shop,
    oracle,
    tampered,
    clock: { now: clock.now, pass (ms) { now += ms } },
    async file (agent, drafts, requestedBy) {
      const job = { id: newId(), agent, source: requestedBy === null ? 'schedule' : `api:${requestedBy}` } as Job
      const copies = structuredClone(drafts)
      const filed = await proposals.file(job, drafts, signal)
      for (const [index, { id, outcome }] of filed.entries()) {
        if (outcome === 'unchanged') continue
        const draft = copies[index]!
        const alone = (await store.getProposal(id))!.status === 'approved'
        oracle.known.set(id, {
          agent,
          requestedBy,
          draft,
          expiresAt: now + (draft.valid_for_ms ?? 72 * 3_600_000),
          approvals: alone ? [{ actor: null, items: null }] : [],
          rejected: false
        })
      }
      return filed
    },
    async approve (proposal, actor, items, hash = proposal.plan_hash) {
      const chosen = items === undefined ? {} : { items }
      try {
        const { status } = await proposals.approve(proposal.id, { plan_hash: hash, actor, reason: null, request_id: null, ...chosen })
        // Taken for another plan than the one that was filed, it is no approval of that one.
        if (hash === proposal.plan_hash) oracle.known.get(proposal.id)!.approvals.push({ actor, items: items ?? null })
        return status
      } catch (error) {
        return (error as { code: string }).code
      }
    },
    async reject (proposal) {
      await proposals.reject(proposal.id, { plan_hash: proposal.plan_hash, actor: 'anna', reason: null, request_id: null }).then(
        () => { oracle.known.get(proposal.id)!.rejected = true }, () => {})
    },
    get: (id) => proposals.get(id),
    apply: (id) => run({ ...newApplyJob(id, 'campaign', now) }),
    async revert (proposal) {
      const { items } = await store.listEffects({ proposal_id: proposal.id, status: 'done' }, { limit: 100 })
      const undoable = items.filter((effect) => effect.reverts === null && gate.kind(effect.class).undo !== undefined)
      if (undoable.length === 0) return
      for (const { key } of undoable) oracle.undone.set(key, 'anna')
      await run(newRevertJob(undoable.map(({ id }) => id), 'anna', now))
    },
    async setPolicy (next) {
      const { version } = await policies.current()
      await policies.change({ policy: next, expected_version: version, actor: 'owner', reason: null, request_id: null })
      policy = next
    },
    async setAutonomy (agent, autonomy) { autonomies.set(agent, autonomy) },
    async freeze (scope) {
      const { id } = await freezes.freeze({ scope, reason: 'campaign', actor: 'owner', request_id: null })
      frozen.set(id, scope)
      return id
    },
    async lift (id) {
      // From here on it may not hold any more.
      frozen.delete(id)
      // A control may have kept nothing of it.
      await freezes.lift(id, { actor: 'owner', request_id: null, reason: null }).catch((error: { code?: string }) => {
        if (error.code !== 'freeze_not_found') throw error
      })
    },
    async verify () { return (await effects.verify()).fault?.message ?? null },
    close: () => tampered.store.close()
  }
}
