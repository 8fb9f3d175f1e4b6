// The gates between an approved plan and the shop, in their order: approval, freeze, policy, record, call, reading back.
import type { Clock } from '../clock.ts'
import { CommerceError, type CommerceErrorCode } from '../commerce-error.ts'
import type { Commerce } from '../commerce.ts'
import { newId } from '../ids.ts'
import type { Json } from '../model.ts'
import { frozenReason, ParkedError } from '../parked.ts'
import { pause } from '../pause.ts'
import type { Store } from '../store.ts'
import { freezeFor } from './freeze.ts'
import { unlessFrozen } from './frozen-call.ts'
import { atRiskOf, evaluate, floorProblems, type Facts, type Usage, type Verdict } from './guard.ts'
import type { EffectClass, EffectItem } from './items.ts'
import type { EffectKind, EffectKinds, Look, ShopAccess } from './kinds/index.ts'
import type { Policy, StoredPolicy } from './policy.ts'
import type { EffectFailure, LedgerEffect, NewEffect } from './store.ts'

export interface GateOptions {
  store: Store
  commerce: Commerce
  kinds: EffectKinds
  clock: Clock
  policy: () => Promise<StoredPolicy>
  /** How long a call that nobody waits for any more may take to show in the shop. Default 15 s. */
  settleMs?: number | undefined
}

/** Says whether a change that was begun may still be made, by what is so now. */
export type MayGoOn = () => Promise<Verdict>

/** What became of one change. */
export type Ended = { status: LedgerEffect['status'], code: string | null }

const DAY = 86_400_000
const SETTLE_MS = 15_000

// The shop said no: trying again changes nothing. Anything else leaves the outcome open, and the shop is asked.
const REFUSED = new Set<CommerceErrorCode>(['shop_user_errors', 'shop_not_found', 'shop_access_denied', 'shop_credentials_rejected'])

export class Gate {
  readonly #options: GateOptions
  /** By key: when something was last sent for an effect whose outcome is open, as far as this process can know. */
  readonly #lastSent = new Map<string, number>()

  constructor (options: GateOptions) { this.#options = options }

  kind (name: EffectClass): EffectKind { return this.#options.kinds(name) }

  async access (effectClass: EffectClass, signal: AbortSignal): Promise<ShopAccess> {
    const commerce = this.#options.commerce.inLane(this.kind(effectClass).lane)
    return { commerce, shop: await commerce.shop({ signal }), signal }
  }

  /**
   * What the policy says of these changes, by what the shop has now. `instead`: another policy than that in force, to try it. `except`: the key of
   * an effect that is not counted as one that was made before; `made`: changes of the same proposal that were made before these.
   */
  async judge (
    plan: { agent: string, class: EffectClass, items: EffectItem[] }, access: ShopAccess,
    { instead, except, made = [] }: { instead?: Policy | undefined, except?: string, made?: EffectItem[] } = {}
  ): Promise<{ verdict: Verdict, policy: StoredPolicy }> {
    const policy = await this.#options.policy()
    const rules = instead ?? policy.policy
    const facts = await this.#facts(plan.class, plan.items, access, rules, except)
    const usage: Usage = { items_today: await this.#itemsToday(plan, except) }
    if (made.length > 0) usage.made = { items: made.length, at_risk: atRiskOf(plan.class, made, await this.kind(plan.class).facts(made, access, rules)) }
    const verdict = evaluate(rules, plan, facts, usage, this.#options.clock.now())
    return { verdict, policy }
  }

  #itemsToday ({ agent, class: effectClass }: { agent: string, class: EffectClass }, except: string | undefined): Promise<number> {
    const { store, clock } = this.#options
    return store.countEffects({ agent, class: effectClass, since: clock.now() - DAY, except: except ?? null })
  }

  async #facts (
    effectClass: EffectClass, items: EffectItem[], access: ShopAccess, policy: Policy, except: string | undefined
  ): Promise<Array<Facts | undefined>> {
    const kind = this.kind(effectClass)
    const facts = await kind.facts(items, access, policy)
    const targets = items.map((item) => kind.target(item))
    const now = this.#options.clock.now()
    const past = facts.some((one) => one?.variant !== undefined)
      ? await this.#options.store.pastPrices({ targets, since: now - 30 * DAY, now, except: except ?? null })
      : {}
    return facts.map((one, index) => one?.variant === undefined ? one : { ...one, variant: { ...one.variant, past: past[targets[index]!] ?? [] } })
  }

  /**
   * Takes one approved change through the gates. It ends in the ledger whatever happens; what leaves the outcome open rejects, and a later call
   * with the same key goes on by asking the shop. `judge_again`: the policy was changed since `allowed`, and nothing was done.
   * @throws ParkedError while it is frozen; CircuitOpenError, ThrottledError, CommerceError
   */
  async make (
    change: NewEffect, planHash: string, { verdict: allowed, version }: { verdict: Verdict, version: number }, access: ShopAccess
  ): Promise<Ended | 'judge_again'> {
    const { store, clock } = this.#options
    const kind = this.kind(change.class)
    const item = change.item as EffectItem
    if (allowed.decision === 'block') return await this.#refuse(change, 'blocked', { code: 'policy', message: reasonsOf(allowed) })
    const look = await kind.look(item, change.key, access)
    if (look.state === 'after') return await this.#refuse({ ...change, before: look.current }, 'blocked', ALREADY_SO)
    if (look.state === 'other') return await this.#refuse({ ...change, before: look.current }, 'conflict', MOVED)
    const before = look.current
    // A run that was given up because it hung must not begin anything.
    access.signal.throwIfAborted()
    const now = clock.now()
    const since = clock.monotonic()
    const started = await store.startEffect({ effect: { ...change, before, started_at: now }, plan_hash: planHash, policy_version: version, now })
    if (started.outcome === 'policy_changed') return 'judge_again'
    if (started.outcome === 'frozen') throw new ParkedError(frozenReason(started.freeze.id))
    if (started.outcome === 'exists') return await this.resume(change.key, access, async () => allowed)
    if (started.outcome === 'expired') return await this.#refuse(change, 'blocked', EXPIRED)
    if (started.outcome !== 'started') return await this.#refuse(change, 'blocked', { code: started.outcome, message: NOT_APPROVED })
    return await this.#call({ ...change, item, reverts: undefined }, access, since)
  }

  /** Undoes an effect whose mark the shop still bears. @throws as `make` */
  async undo (effect: LedgerEffect, change: NewEffect, access: ShopAccess): Promise<Ended> {
    const { store, clock } = this.#options
    const kind = this.kind(effect.class)
    if (kind.undo === undefined) return await this.#refuse(change, 'blocked', { code: 'not_revertible', message: 'Effects of this class cannot be undone.' })
    const problems = await this.#floorProblems(change, access)
    if (problems.length > 0) return await this.#refuse(change, 'blocked', { code: 'policy', message: problems.join(' ') })
    const look = await kind.look(effect.item as EffectItem, effect.key, access)
    if (look.state !== 'after') return await this.#refuse({ ...change, before: look.current }, 'conflict', MOVED)
    access.signal.throwIfAborted()
    const now = clock.now()
    const since = clock.monotonic()
    const started = await store.startEffect({ effect: { ...change, before: look.current, started_at: now }, plan_hash: '', policy_version: 0, now })
    if (started.outcome === 'frozen') throw new ParkedError(frozenReason(started.freeze.id))
    if (started.outcome === 'exists') return await this.resume(change.key, access)
    if (started.outcome !== 'started') return await this.#refuse(change, 'blocked', { code: started.outcome, message: 'It is not done any more.' })
    return await this.#call({ ...change, item: change.item as EffectItem, reverts: effect }, access, since)
  }

  /** Limits on how far a price moves do not bind who undoes it; its floor does. */
  async #floorProblems ({ class: name, item }: Pick<NewEffect, 'class' | 'item'>, access: ShopAccess): Promise<string[]> {
    if (name !== 'price_change') return []
    const { policy } = await this.#options.policy()
    const [facts] = await this.#facts(name, [item as EffectItem], access, policy, undefined)
    if (facts === undefined) return ['The variant could not be read.']
    return floorProblems(policy, item as EffectItem<'price_change'>, facts)
  }

  /**
   * Goes on with an effect that was started and never ended: asks the shop, and calls only what has not been done and may still be.
   * `mayGoOn` is asked for a change; an undoing is held back by the floor of a price alone. @throws as `make`
   */
  async resume (key: string, access: ShopAccess, mayGoOn?: MayGoOn): Promise<Ended> {
    const { store, clock } = this.#options
    const effect = await store.effectOfKey(key)
    if (effect === undefined) throw new Error(`There is no effect with the key ${key}.`)
    if (effect.status !== 'started') return { status: effect.status, code: effect.error?.code ?? null }
    const reverts = effect.reverts === null ? undefined : await store.getEffect(effect.reverts)
    await this.#settled(key, access.signal)
    const call = { ...effect, item: effect.item as EffectItem, reverts }
    // Another process may begin to wait from here on; it waits longer than this permission lasts.
    const since = clock.monotonic()
    const seen = await this.#seen(call, access)
    if (seen.state === 'after') return await this.#finish(key, 'done', seen.current, { found: true }, null)
    if (seen.state === 'other') return await this.#finish(key, 'conflict', seen.current, null, MOVED_SINCE)
    // Not done: it is called, with the same key, unless it is frozen or forbidden by now.
    const freeze = freezeFor(await store.listFreezes({ lifted: false, now: clock.now() }), effect, clock.now())
    if (freeze !== undefined) throw new ParkedError(frozenReason(freeze.id))
    const problems = reverts === undefined ? await problemsOf(mayGoOn) : await this.#floorProblems(effect, access)
    if (problems.length > 0) return await this.#finish(key, 'failed', seen.current, null, { code: 'policy', message: problems.join(' ').slice(0, 1_000) })
    return await this.#call(call, access, since)
  }

  /**
   * Waits until what was sent before has had its time to show. After a crash nobody knows when that was, and the call may have waited long for its
   * turn: the time counts from the first look of this process.
   */
  async #settled (key: string, signal: AbortSignal): Promise<void> {
    const { clock, settleMs = SETTLE_MS } = this.#options
    const sent = this.#lastSent.get(key) ?? clock.now()
    this.#lastSent.set(key, sent)
    await pause(clock, sent + settleMs - clock.now(), signal)
  }

  /** `since`: the monotonic time before this process was sure that the call is its own. */
  async #call (call: Call, access: ShopAccess, since: number): Promise<Ended> {
    const { store, clock } = this.#options
    const kind = this.kind(call.class)
    access.signal.throwIfAborted()
    let result: Json
    try {
      result = await unlessFrozen(call, { store, clock, signal: access.signal, since }, (signal) => call.reverts === undefined
        ? kind.make(call.item, call.key, { ...access, signal })
        : kind.undo!.make(call.reverts, call.key, { ...access, signal }))
    } catch (error) {
      this.#lastSent.set(call.key, clock.now())
      if (!(error instanceof CommerceError) || !(error.code === 'shop_conflict' || REFUSED.has(error.code))) throw error
      // An earlier try whose answer was lost can be why the shop refuses this one.
      const made = await this.#made(call, access)
      if (made !== undefined) return await this.#finish(call.key, 'done', made.current, { found: true }, null)
      const failure = { code: error.code, message: error.message.slice(0, 500) }
      return await this.#finish(call.key, error.code === 'shop_conflict' ? 'conflict' : 'failed', null, null, failure)
    }
    this.#lastSent.set(call.key, clock.now())
    if (isByHand(result)) return await this.#finish(call.key, 'done', null, result, null)
    const seen = await this.#seen(call, access)
    if (seen.state === 'after') return await this.#finish(call.key, 'done', seen.current, result, null)
    return await this.#finish(call.key, 'failed', seen.current, result, READ_BACK)
  }

  /** Undefined: it is not made. Where the shop refuses to be read as well, it is not. */
  async #made (call: Call, access: ShopAccess): Promise<Look | undefined> {
    try {
      const seen = await this.#seen(call, access)
      return seen.state === 'after' ? seen : undefined
    } catch (error) {
      if (error instanceof CommerceError && REFUSED.has(error.code)) return undefined
      throw error
    }
  }

  /** `after`: as the change, or the undoing, wants it. */
  async #seen ({ key, class: name, item, reverts }: Pick<Call, 'key' | 'class' | 'item' | 'reverts'>, access: ShopAccess): Promise<Look> {
    const kind = this.kind(name)
    if (reverts === undefined) return await kind.look(item, key, access)
    if (kind.undo?.restores === true) return await kind.look(item, key, access)
    const look = await kind.look(reverts.item as EffectItem, reverts.key, access)
    return { ...look, state: look.state === 'after' ? 'before' : 'after' }
  }

  async #finish (key: string, status: 'done' | 'failed' | 'conflict', after: Json, result: Json, error: EffectFailure | null): Promise<Ended> {
    await this.#options.store.finishEffect({ key, status, after, result, error, now: this.#options.clock.now() })
    this.#lastSent.delete(key)
    return { status, code: error?.code ?? null }
  }

  async #refuse (effect: NewEffect, status: 'blocked' | 'conflict', error: EffectFailure): Promise<Ended> {
    await this.#options.store.refuseEffect({ effect, status, error, now: this.#options.clock.now() })
    return { status, code: error.code }
  }
}

interface Call {
  key: string
  agent: string
  class: EffectClass
  item: EffectItem
  /** The effect that is undone. */
  reverts: LedgerEffect | undefined
}

const ALREADY_SO: EffectFailure = { code: 'already_so', message: 'The shop is as the plan wants it already: nothing was changed.' }
const MOVED: EffectFailure = { code: 'moved', message: 'The shop is not any more as the plan expects it: plan again.' }
/** The shop may have had it in between. */
const MOVED_SINCE: EffectFailure = { code: 'moved_since', message: 'The shop is neither as it was before the change nor as the change wants it: look at it.' }
const EXPIRED: EffectFailure = { code: 'expired', message: 'The time in which the plan made sense is over.' }
const READ_BACK: EffectFailure = { code: 'read_back_differs', message: 'The shop took the change, but does not show it.' }
const NOT_APPROVED = 'The plan is not approved as it is.'

const reasonsOf = (verdict: Verdict): string => {
  const reasons = [...verdict.reasons, ...verdict.items.flatMap((item) => item.reasons)]
  return reasons.length === 0 ? 'The policy blocks it.' : [...new Set(reasons)].join(' ').slice(0, 1_000)
}

const problemsOf = async (mayGoOn: MayGoOn | undefined): Promise<string[]> => {
  if (mayGoOn === undefined) return []
  const verdict = await mayGoOn()
  return verdict.decision === 'block' ? [reasonsOf(verdict)] : []
}

const isByHand = (result: Json): boolean => result !== null && typeof result === 'object' && 'handed_over' in result

export const newEffect = (fields: Omit<NewEffect, 'id' | 'before' | 'started_at'> & { now: number }): NewEffect => {
  const { now, ...rest } = fields
  return { id: newId(), before: null, started_at: now, ...rest }
}
