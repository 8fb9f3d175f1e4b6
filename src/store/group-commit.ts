// Group commit: what one turn of the event loop brings is written in one transaction, and answered after it.
import { outsideOfWork } from '../core/keyed.ts'
import type { Notice } from '../core/store.ts'
import type { Operation, Tx } from './statement.ts'

export type Unit<R = unknown> = (tx: Tx) => Operation<R>

export type Outcome = { ok: true, value: unknown } | { ok: false, error: unknown }

export interface Committer<U> {
  /** Runs the units in one transaction, in their order. Never rejects: a unit that fails fails alone. */
  commit (units: U[]): { outcomes: Outcome[], notice: Notice } | Promise<{ outcomes: Outcome[], notice: Notice }>
}

export interface CommitObserver {
  (milliseconds: number, units: number): void
}

interface Waiting<U> {
  unit: U
  resolve (value: unknown): void
  reject (error: unknown): void
}

// A bound on how long one transaction may hold the event loop.
const LARGEST_BATCH = 512

export class GroupCommit<U> {
  readonly #committer: Committer<U>
  readonly #observe: CommitObserver
  readonly #listeners: Array<(notice: Notice) => void> = []
  // A flush is nobody's alone: what its notice sets off is no part of the request that came first.
  readonly #outside = outsideOfWork()
  #waiting: Array<Waiting<U>> = []
  #flushing = false
  #idle: (() => void) | undefined

  constructor (committer: Committer<U>, observe: CommitObserver) {
    this.#committer = committer
    this.#observe = observe
  }

  /** Resolves with the unit's result when it is durable. */
  write<R> (unit: U): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ unit, resolve: resolve as (value: unknown) => void, reject })
      this.#schedule()
    })
  }

  subscribe (listener: (notice: Notice) => void): void {
    this.#listeners.push(listener)
  }

  /** Resolves when everything handed in so far is committed. */
  drained (): Promise<void> {
    if (this.#waiting.length === 0 && !this.#flushing) return Promise.resolve()
    return new Promise((resolve) => { this.#idle = resolve })
  }

  #schedule (): void {
    if (this.#flushing) return
    this.#flushing = true
    // setImmediate comes after all sockets that are readable now: their requests share the transaction.
    this.#outside(() => setImmediate(() => { this.#flush() }))
  }

  async #flush (): Promise<void> {
    const batch = this.#waiting.length > LARGEST_BATCH ? this.#waiting.splice(0, LARGEST_BATCH) : this.#waiting
    if (batch === this.#waiting) this.#waiting = []
    const start = performance.now()
    const committed = this.#committer.commit(batch.map(({ unit }) => unit))
    const { outcomes, notice } = committed instanceof Promise ? await committed : committed
    this.#observe(performance.now() - start, batch.length)
    for (const [index, { resolve, reject }] of batch.entries()) {
      const outcome = outcomes[index]!
      if (outcome.ok) resolve(outcome.value)
      else reject(outcome.error)
    }
    this.#flushing = false
    if (this.#waiting.length > 0) this.#schedule()
    else { this.#idle?.(); this.#idle = undefined }
    for (const listener of this.#listeners) listener(notice)
  }
}
