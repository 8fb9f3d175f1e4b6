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
import { evaluate, floorProblems, type Facts, type Usage, type Verdict } from './guard.ts'
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
}

/** What became of one change. */
export type Ended = { status: LedgerEffect['status'], code: string | null }

const DAY = 86_400_000
/** After a crash, a call that was under way may still reach the shop: it is asked only when the call's own deadline is over. */
const SETTLE_MS = 15_000

// The shop said no: trying again changes nothing. Anything else leaves the outcome open, and the shop is asked.
const REFUSED = new Set<CommerceErrorCode>(['shop_user_errors', 'shop_not_found', 'shop_access_denied', 'shop_credentials_rejected'])

export class Gate {
  readonly #options: GateOptions

  constructor (options: GateOptions) { this.#options = options }

  kind (name: EffectClass): EffectKind { return this.#options.kinds(name) }

  async access (effectClass: EffectClass, signal: AbortSignal): Promise<ShopAccess> {
    const commerce = this.#options.commerce.inLane(this.kind(effectClass).lane)
    return { commerce, shop: await commerce.shop({ signal }), signal }
  }

  /** What the policy says of these changes, by what the shop has now. `instead`: another policy than that in force, to try it. */
  async judge (
    plan: { agent: string, class: EffectClass, items: EffectItem[] }, access: ShopAccess, instead?: Policy
  ): Promise<{ verdict: Verdict, policy: StoredPolicy }> {
    const policy = await this.#options.policy()
    const facts = await this.#facts(plan.class, plan.items, access)
    const verdict = evaluate(instead ?? policy.policy, plan, facts, await this.#usage(plan), this.#options.clock.now())
    return { verdict, policy }
  }

  async #usage ({ agent, class: effectClass }: { agent: string, class: EffectClass }): Promise<Usage> {
    const { store, clock } = this.#options
    return { items_today: await store.countEffects({ agent, class: effectClass, since: clock.now() - DAY }) }
  }

  async #facts (effectClass: EffectClass, items: EffectItem[], access: ShopAccess): Promise<Array<Facts | undefined>> {
    const kind = this.kind(effectClass)
    const facts = await kind.facts(items, access)
    const targets = items.map((item) => kind.target(item))
    const past = facts.some((one) => one?.variant !== undefined)
      ? await this.#options.store.pastPrices({ targets, since: this.#options.clock.now() - 30 * DAY })
      : {}
    return facts.map((one, index) => one?.variant === undefined ? one : { ...one, variant: { ...one.variant, past: past[targets[index]!] ?? [] } })
  }

  /**
   * Takes one approved change through the gates. It ends in the ledger whatever happens; what leaves the outcome open rejects, and a later call
   * with the same key goes on by asking the shop. @throws ParkedError while it is frozen; CircuitOpenError, ThrottledError, CommerceError
   */
  async make (change: NewEffect, planHash: string, allowed: Verdict, access: ShopAccess): Promise<Ended> {
    const { store, clock } = this.#options
    const kind = this.kind(change.class)
    const item = change.item as EffectItem
    if (allowed.decision === 'block') return await this.#refuse(change, 'blocked', { code: 'policy', message: reasonsOf(allowed) })
    const look = await kind.look(item, change.key, access)
    if (look.state === 'after') return await this.#refuse({ ...change, before: look.current }, 'blocked', ALREADY_SO)
    if (look.state === 'other') return await this.#refuse({ ...change, before: look.current }, 'conflict', MOVED)
    const before = look.current
    const now = clock.now()
    const started = await store.startEffect({ effect: { ...change, before, started_at: now }, plan_hash: planHash, now })
    if (started.outcome === 'frozen') throw new ParkedError(frozenReason(started.freeze.id))
    if (started.outcome === 'exists') return await this.resume(change.key, access)
    if (started.outcome !== 'started') return await this.#refuse(change, 'blocked', { code: started.outcome, message: NOT_APPROVED })
    return await this.#call({ key: change.key, class: change.class, item, reverts: undefined }, access)
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
    const now = clock.now()
    const started = await store.startEffect({ effect: { ...change, before: look.current, started_at: now }, plan_hash: '', now })
    if (started.outcome === 'frozen') throw new ParkedError(frozenReason(started.freeze.id))
    if (started.outcome === 'exists') return await this.resume(change.key, access)
    if (started.outcome !== 'started') return await this.#refuse(change, 'blocked', { code: started.outcome, message: 'It is not done any more.' })
    return await this.#call({ key: change.key, class: effect.class, item: change.item as EffectItem, reverts: effect }, access)
  }

  /** Limits on how far a price moves do not bind who undoes it; its floor does. */
  async #floorProblems ({ class: name, item }: NewEffect, access: ShopAccess): Promise<string[]> {
    if (name !== 'price_change') return []
    const [facts] = await this.#facts(name, [item as EffectItem], access)
    if (facts === undefined) return ['The variant could not be read.']
    return floorProblems((await this.#options.policy()).policy, item as EffectItem<'price_change'>, facts)
  }

  /** Goes on with an effect that was started and never ended: asks the shop, and calls only what has not been done. @throws as `make` */
  async resume (key: string, access: ShopAccess): Promise<Ended> {
    const { store, clock } = this.#options
    const effect = await store.effectOfKey(key)
    if (effect === undefined) throw new Error(`There is no effect with the key ${key}.`)
    if (effect.status !== 'started') return { status: effect.status, code: effect.error?.code ?? null }
    const reverts = effect.reverts === null ? undefined : await store.getEffect(effect.reverts)
    await pause(clock, effect.started_at + SETTLE_MS - clock.now(), access.signal)
    const call = { key, class: effect.class, item: effect.item as EffectItem, reverts }
    const seen = await this.#seen(call, access)
    if (seen.state === 'after') return await this.#finish(key, 'done', seen.current, { found: true }, null)
    if (seen.state === 'other') return await this.#finish(key, 'conflict', seen.current, null, MOVED)
    // Not done: it is called, with the same key, unless it is frozen by now.
    const freeze = freezeFor(await store.listFreezes({ lifted: false, now: clock.now() }), effect, clock.now())
    if (freeze !== undefined) throw new ParkedError(frozenReason(freeze.id))
    return await this.#call(call, access)
  }

  async #call (call: Call, access: ShopAccess): Promise<Ended> {
    const kind = this.kind(call.class)
    let result: Json
    try {
      result = call.reverts === undefined ? await kind.make(call.item, call.key, access) : await kind.undo!.make(call.reverts, call.key, access)
    } catch (error) {
      if (!(error instanceof CommerceError)) throw error
      const failure = { code: error.code, message: error.message.slice(0, 500) }
      if (error.code === 'shop_conflict') return await this.#finish(call.key, 'conflict', null, null, failure)
      if (REFUSED.has(error.code)) return await this.#finish(call.key, 'failed', null, null, failure)
      throw error
    }
    if (isByHand(result)) return await this.#finish(call.key, 'done', null, result, null)
    const seen = await this.#seen(call, access)
    if (seen.state === 'after') return await this.#finish(call.key, 'done', seen.current, result, null)
    return await this.#finish(call.key, 'failed', seen.current, result, READ_BACK)
  }

  /** `after`: as the change, or the undoing, wants it. */
  async #seen ({ key, class: name, item, reverts }: Call, access: ShopAccess): Promise<Look> {
    const kind = this.kind(name)
    if (reverts === undefined) return await kind.look(item, key, access)
    if (kind.undo?.restores === true) return await kind.look(item, key, access)
    const look = await kind.look(reverts.item as EffectItem, reverts.key, access)
    return { ...look, state: look.state === 'after' ? 'before' : 'after' }
  }

  async #finish (key: string, status: 'done' | 'failed' | 'conflict', after: Json, result: Json, error: EffectFailure | null): Promise<Ended> {
    await this.#options.store.finishEffect({ key, status, after, result, error, now: this.#options.clock.now() })
    return { status, code: error?.code ?? null }
  }

  async #refuse (effect: NewEffect, status: 'blocked' | 'conflict', error: EffectFailure): Promise<Ended> {
    await this.#options.store.refuseEffect({ effect, status, error, now: this.#options.clock.now() })
    return { status, code: error.code }
  }
}

interface Call {
  key: string
  class: EffectClass
  item: EffectItem
  /** The effect that is undone. */
  reverts: LedgerEffect | undefined
}

const ALREADY_SO: EffectFailure = { code: 'already_so', message: 'The shop is as the plan wants it already: nothing was changed.' }
const MOVED: EffectFailure = { code: 'moved', message: 'The shop is not any more as the plan expects it: plan again.' }
const READ_BACK: EffectFailure = { code: 'read_back_differs', message: 'The shop took the change, but does not show it.' }
const NOT_APPROVED = 'The plan is not approved as it is.'

export const reasonsOf = (verdict: Verdict): string => {
  const reasons = [...verdict.reasons, ...verdict.items.flatMap((item) => item.reasons)]
  return reasons.length === 0 ? 'The policy blocks it.' : [...new Set(reasons)].join(' ').slice(0, 1_000)
}

const isByHand = (result: Json): boolean => result !== null && typeof result === 'object' && 'handed_over' in result

export const newEffect = (fields: Omit<NewEffect, 'id' | 'before' | 'started_at'> & { now: number }): NewEffect => {
  const { now, ...rest } = fields
  return { id: newId(), before: null, started_at: now, ...rest }
}
