// Jobs as callers see them: list, look at, wait for, cancel, retry.
import type { Clock } from './clock.ts'
import { AppError } from './errors.ts'
import { isId } from './ids.ts'
import type { Job, JobStatus, Page } from './model.ts'
import type { JobFilter, PageRequest, Store } from './store.ts'

const FINISHED = new Set<JobStatus>(['succeeded', 'failed', 'cancelled', 'dead'])

/** `owner` in its methods: a reply in a session of anybody else is not there. Without it all are. */
export class Jobs {
  readonly #store: Store
  readonly #clock: Clock
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor (store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    store.subscribe((notice) => {
      if (this.#waiting.size === 0) return
      const ended = notice.everything === true ? [...this.#waiting.keys()] : notice.finished
      for (const id of ended) for (const wake of this.#waiting.get(id) ?? []) wake()
    })
  }

  list (filter: JobFilter, page: PageRequest): Promise<Page<Job> & { total: number }> { return this.#store.listJobs(filter, page) }

  /** @throws AppError `job_not_found` */
  async get (id: string, owner?: string): Promise<Job> {
    const job = isId(id) ? await this.#store.getJob(id) : undefined
    if (job === undefined || (owner !== undefined && !await this.#isOf(job, owner))) throw new AppError('job_not_found')
    return job
  }

  async #isOf ({ session_id: session }: Job, owner: string): Promise<boolean> {
    return session === null || (await this.#store.getSession(session))?.owner === owner
  }

  /** Answers when the job has ended, or after `ms`, with the job as it is then. @throws AppError `job_not_found` */
  async wait (id: string, ms: number, signal: AbortSignal, owner?: string): Promise<Job> {
    // Listening comes before looking: an end in between is not missed.
    const ended = this.#ended(id, ms, signal)
    try {
      const job = await this.get(id, owner)
      if (FINISHED.has(job.status) || ms <= 0) return job
      await ended.promise
    } finally {
      ended.stop()
    }
    return this.get(id)
  }

  /** A running job is asked to stop and ends soon after. @throws AppError `job_not_found`, `job_finished` */
  async cancel (id: string, owner?: string): Promise<Job> {
    await this.get(id, owner)
    const cancelled = await this.#store.cancelJobs({ id, reason: 'cancelled', now: this.#clock.now() })
    if (cancelled.length === 0) throw new AppError('job_finished')
    return this.get(id)
  }

  /** @throws AppError `job_not_found`, `job_not_finished` */
  async retry (id: string, owner?: string): Promise<Job> {
    await this.get(id, owner)
    const outcome = await this.#store.retryJob({ id, now: this.#clock.now() })
    if (outcome === 'not_found') throw new AppError('job_not_found')
    if (outcome === 'not_finished') throw new AppError('job_not_finished')
    return this.get(id)
  }

  #ended (id: string, ms: number, signal: AbortSignal): { promise: Promise<void>, stop: () => void } {
    let stop = (): void => {}
    const promise = new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, ms)
      const wakers = this.#waiting.get(id) ?? new Set()
      this.#waiting.set(id, wakers.add(resolve))
      const onAbort = (): void => { resolve() }
      signal.addEventListener('abort', onAbort, { once: true })
      stop = () => {
        this.#clock.clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        wakers.delete(resolve)
        if (wakers.size === 0) this.#waiting.delete(id)
      }
    })
    return { promise, stop }
  }
}
