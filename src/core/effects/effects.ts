// The ledger as callers see it: what was changed, whether the record is whole, and undoing.
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { isId } from '../ids.ts'
import type { Page } from '../model.ts'
import type { PageRequest, Store } from '../store.ts'
import { GENESIS } from './canonical.ts'
import { newRevertJob } from './effect-runs.ts'
import type { Gate } from './gate.ts'
import type { EffectItem } from './items.ts'
import { isSameShop, whichShop } from './same-shop.ts'
import { faultOfEffect, faultOfEntry, grown, type LoggedEffect } from './ledger-check.ts'
import type { EffectFilter, LedgerEffect } from './store.ts'

export interface LedgerReport {
  ok: boolean
  entries: number
  effects: number
  /** SHA-256 of the last entry: kept elsewhere, it shows later whether the end was cut off. */
  head: string
  /** The first thing that is not as it must be; null: nothing. */
  fault: { seq: number | null, effect_id: string | null, message: string } | null
}

const PAGE = 500
const VERIFY_ATTEMPTS = 5

export class Effects {
  readonly #store: Store
  readonly #gate: Gate | undefined
  readonly #clock: Clock

  constructor (args: { store: Store, gate: Gate | undefined, clock: Clock }) {
    this.#store = args.store
    this.#gate = args.gate
    this.#clock = args.clock
  }

  list (filter: EffectFilter, page: PageRequest): Promise<Page<LedgerEffect> & { total: number }> { return this.#store.listEffects(filter, page) }

  /** @throws AppError `effect_not_found` */
  async get (id: string): Promise<LedgerEffect> {
    const effect = isId(id) ? await this.#store.getEffect(id) : undefined
    if (effect === undefined) throw new AppError('effect_not_found')
    return effect
  }

  /**
   * Queues the undoing of an effect, when the shop is still as it left it.
   * @throws AppError `effect_not_found`, `effect_not_revertible`, `effect_moved`; what reading the shop throws.
   */
  async revert (id: string, actor: string, signal: AbortSignal): Promise<{ job_id: string }> {
    const effect = await this.get(id)
    await this.#assertRevertible(effect, signal)
    return await this.#queue([effect.id], actor)
  }

  /** Queues the undoing of all that a run of an agent brought about. @throws AppError as `revert`; `job_not_found` when it changed nothing. */
  async revertJob (jobId: string, actor: string): Promise<{ job_id: string, effects: number }> {
    const ids: string[] = []
    for (let cursor: string | undefined; ;) {
      const page = await this.#store.listEffects({ job_id: jobId, status: 'done' }, { limit: PAGE, cursor })
      ids.push(...page.items.filter((effect) => effect.reverts === null && this.#gate?.kind(effect.class).undo !== undefined).map((effect) => effect.id))
      if (page.next_cursor === null) break
      cursor = page.next_cursor
    }
    if (ids.length === 0) throw new AppError('effect_not_revertible', { message: 'This run has no effect that could be undone.' })
    return { ...await this.#queue(ids, actor), effects: ids.length }
  }

  async #queue (ids: string[], actor: string): Promise<{ job_id: string }> {
    const now = this.#clock.now()
    const [made] = await this.#store.enqueue({ jobs: [newRevertJob(ids, actor, now)], now })
    return { job_id: made!.id }
  }

  async #assertRevertible (effect: LedgerEffect, signal: AbortSignal): Promise<void> {
    const kind = this.#gate?.kind(effect.class)
    if (this.#gate === undefined || kind?.undo === undefined) {
      throw new AppError('effect_not_revertible', { message: 'Effects of this class cannot be undone.' })
    }
    if (effect.redacted_at !== null) {
      throw new AppError('effect_not_revertible', { message: 'Personal data was taken out of it: what it was is not known any more.' })
    }
    if (effect.status !== 'done' || effect.reverts !== null) {
      const why = effect.reverts === null ? `It is ${effect.status}.` : 'It is itself the undoing of another effect.'
      throw new AppError('effect_not_revertible', { message: `${why} Only an effect that is done can be undone.` })
    }
    const access = await this.#gate.access(effect.class, signal)
    if (!isSameShop(effect, access)) {
      throw new AppError('effect_not_revertible', { message: `It was made on ${whichShop(effect, access)}.` })
    }
    const { state } = await kind.look(effect.item as EffectItem, effect.key, access)
    if (state !== 'after') throw new AppError('effect_moved')
  }

  /** Reads the whole log, follows the chain of hashes and compares it with the effects as they stand. */
  async verify (): Promise<LedgerReport> {
    for (let attempt = 1; ; attempt++) {
      const report = await this.#compare()
      // An effect that was made meanwhile is in one half of what was read and not in the other.
      const grown = !report.ok && (await this.#store.ledgerEntries({ after: report.entries, limit: 1 })).length > 0
      if (!grown || attempt === VERIFY_ATTEMPTS) return report
    }
  }

  async #compare (): Promise<LedgerReport> {
    const logged = new Map<string, LoggedEffect>()
    let head = GENESIS
    let seq = 0
    const report = (fault: LedgerReport['fault']): LedgerReport => ({ ok: fault === null, entries: seq, effects: logged.size, head, fault })
    for (;;) {
      const entries = await this.#store.ledgerEntries({ after: seq, limit: PAGE })
      for (const entry of entries) {
        const fault = faultOfEntry(entry, seq, head)
        if (fault !== undefined) return report({ seq: entry.seq, effect_id: entry.effect_id, message: fault })
        logged.set(entry.effect_id, grown(logged.get(entry.effect_id), entry))
        head = entry.hash
        seq = entry.seq
      }
      if (entries.length < PAGE) break
    }
    for (let cursor: string | undefined; ;) {
      const page = await this.#store.listEffects({}, { limit: PAGE, cursor })
      for (const effect of page.items) {
        const fault = faultOfEffect(effect, logged.get(effect.id))
        if (fault !== undefined) return report({ seq: null, effect_id: effect.id, message: fault })
      }
      if (page.total !== logged.size) {
        return report({ seq: null, effect_id: null, message: `The log has ${logged.size} effects, the ledger ${page.total}.` })
      }
      if (page.next_cursor === null) return report(null)
      cursor = page.next_cursor
    }
  }
}
