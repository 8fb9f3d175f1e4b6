// The kill switch as callers see it: freeze, lift, look.
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import type { Store } from '../store.ts'
import { frozenReason } from '../parked.ts'
import { agentFreeze, isActive, isFreezeScope, windowFault, type Freeze, type FreezeWindow } from './freeze.ts'

export interface FreezeOrder {
  scope: string
  reason: string
  /** Default: now, and until it is lifted. Milliseconds since the epoch. */
  starts_at?: number
  ends_at?: number
  window?: FreezeWindow
  actor: string
  request_id: string | null
}

export class Freezes {
  readonly #store: Store
  readonly #clock: Clock
  readonly #onChange: (freeze: Freeze, change: 'frozen' | 'lifted') => void

  constructor (args: { store: Store, clock: Clock, onChange: (freeze: Freeze, change: 'frozen' | 'lifted') => void }) {
    this.#store = args.store
    this.#clock = args.clock
    this.#onChange = args.onChange
  }

  /** Those that stand, whether they hold now or later; with `lifted` also those that are over. */
  async list ({ lifted = false }: { lifted?: boolean } = {}): Promise<Array<Freeze & { active: boolean }>> {
    const now = this.#clock.now()
    return (await this.#store.listFreezes({ lifted, now })).map((freeze) => ({ ...freeze, active: isActive(freeze, now) }))
  }

  /** Holds from the moment the promise resolves. @throws AppError `validation_failed` */
  async freeze ({ scope, starts_at: starts, ends_at: ends, window, ...order }: FreezeOrder): Promise<Freeze & { active: boolean }> {
    const now = this.#clock.now()
    if (!isFreezeScope(scope)) throw invalid('scope is `all`, `agent:<name>` or `class:<class of effect>`')
    if (ends !== undefined && ends <= Math.max(now, starts ?? now)) throw invalid('ends_at lies before the begin, or has passed')
    const fault = window === undefined ? undefined : windowFault(window, now)
    if (fault !== undefined) throw invalid(`window: ${fault}`)
    const freeze: Freeze = {
      id: newId(), scope, ...order, created_at: now, starts_at: starts ?? now, ends_at: ends ?? null, window: window ?? null, lifted_at: null, lifted_by: null
    }
    await this.#store.addFreeze(freeze)
    this.#onChange(freeze, 'frozen')
    return { ...freeze, active: isActive(freeze, now) }
  }

  /** @throws AppError `freeze_not_found` */
  async lift (id: string, who: { actor: string, request_id: string | null, reason: string | null }): Promise<void> {
    const freeze = isId(id) ? (await this.#store.listFreezes({ lifted: false, now: 0 })).find((one) => one.id === id) : undefined
    if (freeze === undefined || !await this.#store.liftFreeze({ id, ...who, now: this.#clock.now() })) throw new AppError('freeze_not_found')
    await this.#store.unpark({ reason: frozenReason(id), now: this.#clock.now() })
    this.#onChange(freeze, 'lifted')
  }

  /** The freeze that stops everything an agent does, beside effects of one class alone. */
  async ofAgent (agent: string): Promise<Freeze | undefined> {
    const now = this.#clock.now()
    return agentFreeze(await this.#store.listFreezes({ lifted: false, now }), agent, now)
  }

  /** Whether what was parked for this freeze may go on. */
  async isOver (id: string): Promise<boolean> {
    const freeze = (await this.#store.listFreezes({ lifted: false, now: 0 })).find((one) => one.id === id)
    return freeze === undefined || !isActive(freeze, this.#clock.now())
  }
}

const invalid = (what: string): AppError => new AppError('validation_failed', { message: `${what}.` })
