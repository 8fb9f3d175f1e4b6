// Circuit breakers held open or closed by hand: decided once, stored with an audit entry, applied by every process that shares the store.
import type { BreakerChange, BreakerHold, BreakerState } from './breaker.ts'
import type { BreakerRegistry, Dependency } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import { AppError } from './errors.ts'
import { newId } from './ids.ts'
import type { Logger } from './log.ts'
import type { Page } from './model.ts'
import type { AuditEntry, HoldAction, HoldStore, PageRequest, Store, StoredHold } from './store.ts'

export interface HoldsOptions {
  store: HoldStore & Pick<Store, 'subscribe'>
  breakers: BreakerRegistry
  clock: Clock
  log: Logger
  /** Hears of decisions that left the state of a breaker what it was: a hold with another reason or end, a reset of a closed one. */
  onRenewed: (change: BreakerChange) => void
}

export interface Decision {
  action: HoldAction
  /** Why, in words of whoever decides; needed for a hold. */
  reason?: string
  /** The hold ends by itself after so many seconds; without it, with the next decision. */
  for_seconds?: number
  actor: string
  request_id: string
}

export type Hold = StoredHold & { action: Exclude<HoldAction, 'reset'> }

/** A hold as people see it; times are ISO-8601. */
export interface PresentedHold {
  action: Hold['action']
  reason: string | null
  actor: string
  since: string
  until: string | null
}

const MODES: Record<Hold['action'], BreakerHold> = { force_open: 'forced_open', force_closed: 'forced_closed' }

export class Holds {
  readonly #options: HoldsOptions
  /** By breaker: the decision that this process has applied last. */
  readonly #applied = new Map<string, StoredHold>()
  #loading: Promise<void> = Promise.resolve()
  #started = false

  constructor (options: HoldsOptions) {
    this.#options = options
    options.store.subscribe((notice) => {
      if (notice.holds !== true) return
      this.load().catch((error: unknown) => { options.log.error({ err: error }, 'could not read the holds of the circuit breakers') })
    })
  }

  /** Applies what was decided since the last time, here or by another process that shares the store. One reading at a time. */
  load (): Promise<void> {
    const next = this.#loading.then(() => this.#read())
    this.#loading = next.catch(() => {})
    return next
  }

  /**
   * Stores the decision, then applies it. A `reset` ends a hold and begins afresh: closed, with an empty window and no openings.
   * @throws AppError `not_found` for an unknown breaker, `store_unavailable`, `store_full`: nothing is applied then.
   */
  async decide (name: string, { for_seconds: seconds, reason, ...decision }: Decision): Promise<void> {
    const { breaker } = this.get(name)
    const now = this.#options.clock.now()
    const after = decision.action === 'reset' ? 'closed' : MODES[decision.action]
    const until = seconds === undefined ? null : now + seconds * 1000
    const hold: StoredHold = { name, id: newId(), ...decision, reason: reason ?? null, since: now, until }
    await this.#options.store.setHold({ hold, state: { before: breaker.state(), after } })
    await this.load()
  }

  /** The breaker with what stands before it. @throws AppError `not_found` */
  get (name: string): Dependency {
    const dependency = this.#find(name)
    if (dependency === undefined) throw new AppError('not_found', { message: 'No circuit breaker has this name.' })
    return dependency
  }

  /** The hold under which a breaker is now; null when it decides for itself. */
  of (name: string): Hold | null {
    const decided = this.#applied.get(name)
    if (decided === undefined || !isHold(decided)) return null
    return this.#find(name)?.breaker.state() === MODES[decided.action] ? decided : null
  }

  /** @throws AppError `invalid_cursor` */
  audit (filter: { target?: string }, page: PageRequest): Promise<Page<AuditEntry>> { return this.#options.store.listAudit(filter, page) }

  #find (name: string): Dependency | undefined { return this.#options.breakers.list().find((one) => one.name === name) }

  async #read (): Promise<void> {
    for (const hold of await this.#options.store.listHolds()) this.#apply(hold)
    this.#started = true
  }

  #apply (decided: StoredHold): void {
    const { name, id, action, until } = decided
    const breaker = this.#find(name)?.breaker
    // A breaker that this version does not have: its hold waits for one that does.
    if (breaker === undefined || this.#applied.get(name)?.id === id) return
    const before = breaker.state()
    // First, so that whoever hears of the change finds the hold.
    this.#applied.set(name, decided)
    const leftMs = until === null ? Infinity : until - this.#options.clock.now()
    if (action === 'reset') breaker.reset()
    else breaker.force(leftMs > 0 ? MODES[action] : undefined, Math.max(leftMs, 1))
    if (this.#started && breaker.state() === before) this.#tellRenewed(decided, before)
  }

  #tellRenewed ({ name, action, since }: StoredHold, state: BreakerState): void {
    this.#options.onRenewed({ name, from: state, to: state, reason: action === 'reset' ? 'reset' : 'forced', at: since })
  }
}

/** Whether it holds the breaker, or ended what did. */
export const isHold = (decided: StoredHold): decided is Hold => decided.action !== 'reset'

export const presentHold = ({ action, reason, actor, since, until }: Hold): PresentedHold =>
  ({ action, reason, actor, since: new Date(since).toISOString(), until: until === null ? null : new Date(until).toISOString() })
