// Takes jobs from one queue and runs them: leases, timeouts, cancels, retries and the way each ends.
import { PermanentError } from './agent.ts'
import type { Clock } from './clock.ts'
import { CommerceError } from './commerce-error.ts'
import { AppError, errorText } from './errors.ts'
import { newId } from './ids.ts'
import type { Logger } from './log.ts'
import type { Job, JobFailure, JobQueue, Json, Message, NewJob, NewStreamEvent } from './model.ts'
import type { Observer } from './observer.ts'
import { outageOf } from './parked.ts'
import type { Random } from './random.ts'
import { RepositoryError } from './repository.ts'
import type { Scrubber } from './scrubber.ts'
import { WarehouseError } from './warehouse.ts'
import type { Lease, SettleJob, SettleResult, Settlement, Store } from './store.ts'

export interface RunTools {
  signal: AbortSignal
  log: Logger
  /** Appends to streams under the job's lease. */
  append (events: NewStreamEvent[]): Promise<void>
  progress (fraction: number, note: string): void
}

/** One attempt at a job. */
export interface Run {
  execute (): Promise<Json>
  /** What the end of this attempt adds to the session, in the same commit. */
  ending? (settlement: Settlement): Promise<{ message?: Omit<Message, 'seq'>, events: NewStreamEvent[] }>
  /** How long to wait after this failed attempt, milliseconds, give or take a fifth. Default: exponential backoff. */
  retryIn? (attempt: number): number
}

/** Knows how to run the jobs of a queue; undefined when it does not know this one. */
export type JobHandler = (job: Job, tools: RunTools) => Run | undefined

export interface WorkerOptions {
  queue: JobQueue
  concurrency: number
  store: Store
  handler: JobHandler
  clock: Clock
  random: Random
  log: Logger
  observer: Observer
  /** What a failure says is shown to callers: secrets come out of it first. */
  scrub: Scrubber
  /** Hears of attempts that ended and jobs that were lost; failures of agents become events there. */
  onSettled (job: Job, settlement: Settlement, agentPaused: boolean): void
  /** Whether somebody outside wants to hear of the ends of jobs. Default: nobody. */
  announces? (): boolean
}

const LEASE_MS = 10_000
const RENEW_MS = 3_000
const POLL_MS = 1_000
/** How long a run may go on after it was told to stop. */
const GRACE_MS = 5_000
const BACKOFF_BASE_MS = 1_000
const BACKOFF_CAP_MS = 60_000
const PAUSE_AGENT_AFTER = 5
const CLAIM_AT_MOST = 32
/** How long to wait before a store that did not take the end of a run is asked again. */
const SETTLE_AGAIN_MS = 1_000

type Stop = { kind: 'cancel', reason: string } | { kind: 'timeout' } | { kind: 'lost' } | { kind: 'shutdown' }

interface Running {
  job: Job
  token: string
  controller: AbortController
  stop: Stop | undefined
  /** Settles the attempt although its run does not come back. */
  giveUp: () => void
  grace: unknown
}

export class Worker {
  readonly id = newId()
  readonly #options: WorkerOptions
  readonly #running = new Map<string, Running>()
  #reserved = 0
  #tokens = 0
  #active = false
  /** The time to finish is over: nothing waits for the store any more. */
  #ending = false
  #claiming: Promise<void> | undefined
  #wanted = false
  #timers: unknown[] = []
  #retryTimer: unknown
  #nextRetry = Infinity
  #idle: (() => void) | undefined

  constructor (options: WorkerOptions) {
    this.#options = options
    options.store.subscribe((notice) => {
      for (const { id, reason } of notice.cancels) this.#stop(id, { kind: 'cancel', reason })
      if (notice.queues.has(options.queue)) this.wake()
      // Cancels may have been missed: the store tells them to whoever renews.
      if (notice.everything === true && this.#active) this.renew()
    })
  }

  get running (): number { return this.#running.size }

  start (): void {
    this.#active = true
    const every = (ms: number, fn: () => void): void => {
      const index = this.#timers.length
      const tick = (): void => {
        fn()
        this.#timers[index] = this.#options.clock.setTimeout(tick, ms)
      }
      this.#timers.push(this.#options.clock.setTimeout(tick, ms))
    }
    every(RENEW_MS, () => { this.renew() })
    every(POLL_MS, () => { this.wake() })
    this.wake()
  }

  /** Looks for work. Called after each commit that made some; the poll is only the safety net. */
  wake (): void {
    this.#wanted = true
    if (this.#claiming !== undefined || !this.#active) return
    this.#claiming = this.#claim()
      .catch((error: unknown) => { this.#options.log.error({ err: error, queue: this.#options.queue }, 'could not claim jobs') })
      .finally(() => { this.#claiming = undefined })
  }

  /** A lease for a job that is about to be made, so that it starts without being claimed. Give it back with `release` or `begin`. */
  reserve (): Lease | undefined {
    if (!this.#active || this.#free() <= 0) return undefined
    this.#reserved += 1
    return this.#lease()
  }

  release (): void { this.#reserved -= 1 }

  /** Starts a job that was stored under a reserved lease. */
  begin (job: NewJob, lease: Lease): void {
    this.#reserved -= 1
    this.#start({
      ...job,
      status: 'running',
      attempt: 1,
      deaths: 0,
      reason: null,
      progress: null,
      output: null,
      error: null,
      failures: [],
      cancel_requested: null,
      lease_token: lease.token,
      lease_until: lease.until,
      worker: lease.worker,
      started_at: job.created_at,
      finished_at: null
    })
  }

  /** Claims nothing more. Running jobs go on. */
  pause (): void { this.#active = false }

  /** Waits for running jobs, at most `ms`; those left are stopped and their leases given back. */
  async stop (ms: number): Promise<void> {
    this.pause()
    // What a claim under way brings is running already, as far as the store knows.
    await this.#claiming
    if (!await this.#drained(ms)) {
      this.#ending = true
      for (const id of this.#running.keys()) this.#stop(id, { kind: 'shutdown' })
      await this.#drained(GRACE_MS * 2)
    }
    for (const timer of [...this.#timers, this.#retryTimer]) this.#options.clock.clearTimeout(timer)
  }

  /** Extends the leases of all running jobs, and hears which are lost and which are to stop. Never rejects. */
  async renew (): Promise<void> {
    const leases = [...this.#running.values()].map(({ job, token }) => ({ id: job.id, token }))
    if (leases.length === 0) return
    try {
      const { held, cancels } = await this.#options.store.renew({ leases, until: this.#options.clock.now() + LEASE_MS })
      const kept = new Set(held)
      // A run that settled meanwhile is not in the map any more, and not lost.
      for (const { id, token } of leases) if (!kept.has(id)) this.#lose(id, token)
      for (const { id, reason } of cancels) this.#stop(id, { kind: 'cancel', reason })
    } catch (error) {
      this.#options.log.warn({ err: error }, 'could not renew leases')
    }
  }

  #drained (ms: number): Promise<boolean> {
    if (this.#running.size === 0) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimeout(() => { this.#idle = undefined; resolve(false) }, ms)
      this.#idle = () => { this.#options.clock.clearTimeout(timer); resolve(true) }
    })
  }

  #free (): number { return this.#options.concurrency - this.#running.size - this.#reserved }

  #lease (): Lease {
    this.#tokens += 1
    return { worker: this.id, token: `${this.id}.${this.#tokens}`, until: this.#options.clock.now() + LEASE_MS }
  }

  async #claim (): Promise<void> {
    while (this.#wanted && this.#active) {
      const limit = Math.min(this.#free(), CLAIM_AT_MOST)
      // A finished run wakes the worker again.
      if (limit <= 0) return
      this.#wanted = false
      this.#reserved += limit
      try {
        const jobs = await this.#options.store.claim({ queue: this.#options.queue, limit, lease: this.#lease(), now: this.#options.clock.now() })
        for (const job of jobs) this.#start(job)
        if (jobs.length === limit) this.#wanted = true
      } finally {
        this.#reserved -= limit
      }
    }
  }

  #start (job: Job): void {
    const { clock, log } = this.#options
    const controller = new AbortController()
    const token = job.lease_token!
    const running: Running = { job, token, controller, stop: undefined, giveUp: () => {}, grace: undefined }
    this.#running.set(job.id, running)
    const abandoned = new Promise<never>((_resolve, reject) => {
      running.giveUp = () => { reject(new PermanentError('hung', 'The run did not stop when it was told to.')) }
    })
    // Without a run that races it, its rejection would have no listener.
    abandoned.catch(() => {})
    const deadline = clock.setTimeout(() => { this.#stop(job.id, { kind: 'timeout' }) }, job.timeout_ms)
    const jobLog = withFields(log, { job_id: job.id, job_name: job.name, attempt: job.attempt })
    const run = this.#options.handler(job, {
      signal: controller.signal,
      log: jobLog,
      append: async (events) => {
        if (running.stop?.kind === 'lost' || !this.#holds(job.id, token)) return
        const kept = await this.#options.store.appendEvents({ job_id: job.id, token, now: clock.now(), events })
        if (kept === undefined) this.#lose(job.id, token)
      },
      progress: (fraction, note) => { this.#progress(running, fraction, note) }
    })
    this.#attempt(running, run, abandoned)
      .catch((error: unknown) => {
        // The store did not take the outcome. The lease runs out and the job comes back; nothing is lost, but nothing is known either.
        jobLog.error({ err: error }, 'could not record the end of a job')
      })
      .finally(() => {
        clock.clearTimeout(deadline)
        clock.clearTimeout(running.grace)
        this.#running.delete(job.id)
        if (this.#running.size === 0) this.#idle?.()
        if (this.#wanted || this.#free() === 1) this.wake()
      })
  }

  async #attempt (running: Running, run: Run | undefined, abandoned: Promise<never>): Promise<void> {
    const { clock, observer } = this.#options
    const { job } = running
    const begun = clock.monotonic()
    let settlement: Settlement
    if (run === undefined) {
      settlement = { status: 'parked', reason: 'unknown_job' }
    } else {
      try {
        const output = await Promise.race([run.execute(), abandoned])
        settlement = { status: 'succeeded', output }
      } catch (error) {
        settlement = this.#settlementOf(running, error, run)
      }
    }
    if (running.stop?.kind === 'lost') return
    const ending = await run?.ending?.(settlement)
    const agent = settlement.status === 'succeeded' || ('failure' in settlement && settlement.failure !== undefined)
      ? agentOutcome(job, settlement)
      : undefined
    const result = await this.#settle({
      id: job.id,
      token: running.token,
      session_id: job.session_id,
      now: clock.now(),
      settlement,
      events: ending?.events ?? [],
      announce: this.#options.announces?.() ?? false,
      ...(ending?.message === undefined ? {} : { message: ending.message }),
      ...(agent === undefined ? {} : { agent })
    })
    if (result.outcome === 'lost') return
    observer.jobSettled(job.kind, job.agent, settlement.status, clock.monotonic() - begun)
    this.#options.onSettled(job, settlement, result.agent_paused)
    if (settlement.status === 'queued') this.#wakeAt(settlement.run_at)
  }

  /** A store that is full or away gets the end of the run later: to run it again would do its work twice. */
  async #settle (end: SettleJob): Promise<SettleResult> {
    const { store, clock, log } = this.#options
    for (;;) {
      try {
        return await store.settle(end)
      } catch (error) {
        if (!(error instanceof AppError) || this.#ending) throw error
        log.warn({ err: error, job_id: end.id }, 'the store did not take the end of a job; it is asked again')
        await new Promise<void>((resolve) => { clock.setTimeout(resolve, SETTLE_AGAIN_MS) })
      }
    }
  }

  /** False for a run that was given up, also when a later attempt at its job runs here. */
  #holds (id: string, token: string): boolean { return this.#running.get(id)?.token === token }

  #lose (id: string, token: string): void {
    if (this.#holds(id, token)) this.#stop(id, { kind: 'lost' })
  }

  #settlementOf (running: Running, error: unknown, run: Run): Settlement {
    const { clock, random, log } = this.#options
    const { job, stop } = running
    if (stop?.kind === 'cancel') return { status: 'cancelled', reason: stop.reason }
    if (stop?.kind === 'shutdown') return { status: 'queued', run_at: clock.now() }
    const failure: JobFailure = stop?.kind === 'timeout'
      ? { attempt: job.attempt, at: clock.now(), code: 'timeout', message: `The run took longer than ${job.timeout_ms} ms.` }
      : { attempt: job.attempt, at: clock.now(), code: codeOf(error), message: this.#options.scrub(errorText(error)).slice(0, 1000) }
    const outage = stop === undefined && job.kind !== 'reply' ? outageOf(error) : undefined
    if (outage !== undefined) {
      log.info({ job_id: job.id, job_name: job.name, outage, err: error }, 'a job waits for something outside')
      if ('park' in outage) return { status: 'parked', reason: outage.park }
      if ('again' in outage) return { status: 'queued', run_at: clock.now() + Math.max(outage.again, BACKOFF_BASE_MS) }
      if (job.attempt >= job.max_attempts) return { status: 'parked', reason: outage.unavailable }
    }
    log.warn({ job_id: job.id, job_name: job.name, attempt: job.attempt, code: failure.code, err: error }, 'a job failed')
    if (stop === undefined && error instanceof PermanentError) return { status: 'failed', failure }
    if (job.attempt >= job.max_attempts) return { status: 'dead', failure }
    const wait = run.retryIn?.(job.attempt)
    if (wait !== undefined) return { status: 'queued', run_at: clock.now() + Math.round(wait * (0.8 + 0.4 * random())), failure }
    // Full jitter: many jobs that failed together do not come back together.
    const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (job.attempt - 1))
    return { status: 'queued', run_at: clock.now() + Math.round(random() * ceiling), failure }
  }

  #stop (id: string, stop: Stop): void {
    const running = this.#running.get(id)
    if (running === undefined || running.stop !== undefined) return
    running.stop = stop
    running.controller.abort(stop.kind)
    if (stop.kind === 'lost') running.giveUp()
    else running.grace = this.#options.clock.setTimeout(() => { running.giveUp() }, GRACE_MS)
  }

  #progress (running: Running, fraction: number, note: string): void {
    if (!this.#holds(running.job.id, running.token)) return
    const progress = { fraction: Math.min(1, Math.max(0, fraction || 0)), note, at: this.#options.clock.now() }
    this.#options.store.reportProgress({ id: running.job.id, token: running.token, progress })
      .catch((error: unknown) => { this.#options.log.warn({ err: error, job_id: running.job.id }, 'could not record progress') })
  }

  /** One timer, for the earliest retry of this worker; the poll finds those of others. */
  #wakeAt (at: number): void {
    if (at >= this.#nextRetry) return
    const { clock } = this.#options
    clock.clearTimeout(this.#retryTimer)
    this.#nextRetry = at
    this.#retryTimer = clock.setTimeout(() => {
      this.#nextRetry = Infinity
      this.wake()
    }, Math.max(0, at - clock.now()))
  }
}

// What the caller did wrong, and what an upstream fails at, is not the agent's failure.
const NOT_ITS_OWN = new Set(['invalid_input', 'shop_not_configured', 'shop_unavailable', 'repository_unavailable', 'warehouse_unavailable'])

const agentOutcome = (job: Job, settlement: Settlement): SettleJob['agent'] => job.agent === null || NOT_ITS_OWN.has(failureCode(settlement) ?? '')
  ? undefined
  : {
      name: job.agent,
      ok: settlement.status === 'succeeded',
      error: 'failure' in settlement ? settlement.failure?.message ?? null : null,
      pause_after: PAUSE_AGENT_AFTER
    }

const failureCode = (settlement: Settlement): string | undefined => 'failure' in settlement ? settlement.failure?.code : undefined

const codeOf = (error: unknown): string => error instanceof PermanentError || error instanceof AppError || error instanceof CommerceError ||
  error instanceof RepositoryError || error instanceof WarehouseError
  ? error.code
  : 'run_failed'

const withFields = (log: Logger, fields: object): Logger => ({
  debug: (more, message) => { log.debug({ ...fields, ...more }, message) },
  info: (more, message) => { log.info({ ...fields, ...more }, message) },
  warn: (more, message) => { log.warn({ ...fields, ...more }, message) },
  error: (more, message) => { log.error({ ...fields, ...more }, message) }
})
