// Retention: what is old, and what is more than the store is to hold, goes in small portions with pauses in between, so that nobody waits for it.
import type { Clock } from './clock.ts'
import { errorText } from './errors.ts'
import type { Logger } from './log.ts'
import { SYSTEM_STREAM } from './model.ts'
import { pause } from './pause.ts'
import type { Random } from './random.ts'
import type { Notice, Store } from './store.ts'
import type { Aging, KeptRows, OldRows } from './store-retention.ts'

/** How long things are kept, in days, and how many there may be. 0: for ever, and as many as come. */
export interface RetentionLimits {
  /** Since the last message. */
  sessionsDays: number
  /** Since the end. */
  jobsDays: number
  eventsDays: number
  scheduleRunsDays: number
  /** Of proposals that came to nothing, since they expired. */
  proposalsDays: number
  stockDays: number
  maxSessions: number
  maxMessages: number
  maxJobs: number
  maxEvents: number
  /** Of each schedule. */
  maxScheduleRuns: number
  /** Of each session's stream. */
  maxStreamEvents: number
}

export const KEEP_EVERYTHING: RetentionLimits = {
  sessionsDays: 0,
  jobsDays: 0,
  eventsDays: 0,
  scheduleRunsDays: 0,
  proposalsDays: 0,
  stockDays: 0,
  maxSessions: 0,
  maxMessages: 0,
  maxJobs: 0,
  maxEvents: 0,
  maxScheduleRuns: 0,
  maxStreamEvents: 0
}

export const RETENTION_TABLES = ['sessions', 'messages', 'stream_chunks', 'jobs', 'events', 'proposals', 'schedule_runs', 'stock_days'] as const
export type RetentionTable = typeof RETENTION_TABLES[number]

export interface RetentionReport {
  /** By this process since its start, rows. */
  removed: Record<RetentionTable, number>
  /** The end of the last pass in which every table had its turn; null: there was none. */
  last_run_at: number | null
  /** As counted by that pass; null: there was none. */
  kept: KeptRows | null
}

export interface RetentionOptions {
  store: Store
  clock: Clock
  random: Random
  log: Logger
  limits: RetentionLimits
}

const DAY_MS = 24 * 60 * 60 * 1000
const FIRST_AFTER_MS = 60_000
const EVERY_MS = 60 * 60 * 1000
/** Rows of one unit: some milliseconds. */
const PORTION = 200
/** Of the time, so much at most is spent in the store. */
const SHARE = 0.2
const SHORTEST_PAUSE_MS = 2
/** What was used this lately stays, however many there are. */
const IN_USE_MS = DAY_MS

export class Retention {
  readonly #options: RetentionOptions
  readonly #removed = Object.fromEntries(RETENTION_TABLES.map((table) => [table, 0])) as Record<RetentionTable, number>
  /** Streams that have grown beyond the limit, and up to where they may be cut. */
  readonly #long = new Map<string, number>()
  #stopped = new AbortController()
  #timer: unknown
  #working = false
  #passing: Promise<void> | undefined
  #trimming: Promise<void> | undefined
  #lastRunAt: number | null = null
  #kept: KeptRows | null = null

  constructor (options: RetentionOptions) {
    this.#options = options
    if (options.limits.maxStreamEvents > 0) options.store.subscribe((notice) => { this.#watch(notice) })
  }

  start (): void {
    this.#working = true
    this.#stopped = new AbortController()
    this.#later(FIRST_AFTER_MS)
  }

  /** Resolves when the portion under way is done. */
  async stop (): Promise<void> {
    this.#working = false
    this.#options.clock.clearTimeout(this.#timer)
    this.#stopped.abort(new Error('the system stops'))
    await Promise.all([this.#passing, this.#trimming])
  }

  report (): RetentionReport { return { removed: { ...this.#removed }, last_run_at: this.#lastRunAt, kept: this.#kept } }

  /** Everything that may go now. A table that fails is logged and does not hold up the others; the signal ends it between two portions. */
  async pass (signal: AbortSignal = this.#stopped.signal): Promise<void> {
    const { limits, log, clock, store } = this.#options
    const before = { ...this.#removed }
    let whole = true
    const turn = async (table: string, remove: () => Promise<void>): Promise<void> => {
      if (signal.aborted) return
      try {
        await remove()
      } catch (error) {
        whole = false
        if (!signal.aborted) log.error({ err: error, table }, `what is old could not be removed: ${errorText(error)}`)
      }
    }
    await turn('sessions', () => this.#sessions(signal))
    await turn('messages', () => this.#remains(signal))
    await turn('proposals', () => this.#age('proposals', limits.proposalsDays, signal))
    await turn('jobs', () => this.#jobs(signal))
    await turn('events', () => this.#events(signal))
    await turn('schedule_runs', () => this.#scheduleRuns(signal))
    await turn('stock_days', () => this.#stock(signal))
    await turn('kept', async () => { this.#kept = await store.keptRows() })
    if (signal.aborted || !whole) return
    this.#lastRunAt = clock.now()
    const removed = Object.fromEntries(RETENTION_TABLES.map((table) => [table, this.#removed[table] - before[table]]).filter(([, count]) => count !== 0))
    if (Object.keys(removed).length > 0) log.info({ removed }, 'what was old was removed')
  }

  /** Processes that share a store spread out, so that mostly one of them finds something to do. */
  #later (ms: number): void {
    const { clock, random } = this.#options
    this.#timer = clock.setTimeout(() => {
      this.#passing = this.pass().finally(() => { if (this.#working) this.#later(EVERY_MS) })
    }, ms * (0.75 + random() / 2))
  }

  async #sessions (signal: AbortSignal): Promise<void> {
    const { limits, store, clock } = this.#options
    await this.#age('sessions', limits.sessionsDays, signal)
    if (limits.maxSessions === 0 && limits.maxMessages === 0) return
    const { sessions, messages } = await store.stats()
    let excess = overOf(sessions, limits.maxSessions)
    let excessMessages = overOf(messages, limits.maxMessages)
    const since = clock.now() - IN_USE_MS
    await this.#walk({ table: 'sessions', before: clock.now(), since, signal }, async (rows) => {
      const own: string[] = []
      for (const { id, messages } of rows) {
        if (excess <= 0 && excessMessages <= 0) break
        own.push(id)
        excess -= 1
        excessMessages -= messages
      }
      await this.#remove('sessions', own, since)
      return excess > 0 || excessMessages > 0
    })
  }

  async #remains (signal: AbortSignal): Promise<void> {
    await this.#repeat(signal, async () => {
      const { messages, jobs, stream_chunks: chunks, more } = await this.#options.store.removeRemains({ limit: PORTION })
      this.#removed.messages += messages
      this.#removed.jobs += jobs
      this.#removed.stream_chunks += chunks
      return more
    })
  }

  async #jobs (signal: AbortSignal): Promise<void> {
    const { limits, store } = this.#options
    await this.#age('jobs', limits.jobsDays, signal)
    const { jobs } = await store.stats()
    await this.#excess('jobs', overOf(jobs.reduce((sum, { count }) => sum + count, 0), limits.maxJobs), signal)
  }

  async #events (signal: AbortSignal): Promise<void> {
    const { limits, store } = this.#options
    await this.#age('events', limits.eventsDays, signal)
    await this.#excess('events', overOf((await store.stats()).events, limits.maxEvents), signal)
  }

  async #scheduleRuns (signal: AbortSignal): Promise<void> {
    const { limits, store, clock } = this.#options
    if (limits.scheduleRunsDays === 0 && limits.maxScheduleRuns === 0) return
    const before = limits.scheduleRunsDays === 0 ? 0 : clock.now() - limits.scheduleRunsDays * DAY_MS
    for (const { id } of await store.listSchedules()) {
      await this.#repeat(signal, async () => {
        const removed = await store.removeScheduleRuns({ schedule_id: id, before, keep: limits.maxScheduleRuns, limit: PORTION })
        this.#removed.schedule_runs += removed
        return removed === PORTION
      })
    }
  }

  async #stock (signal: AbortSignal): Promise<void> {
    const { limits, store, clock } = this.#options
    if (limits.stockDays === 0) return
    const before = new Date(clock.now() - limits.stockDays * DAY_MS).toISOString().slice(0, 10)
    await this.#repeat(signal, async () => {
      const removed = await store.removeStock({ before, limit: PORTION })
      this.#removed.stock_days += removed
      return removed === PORTION
    })
  }

  async #age (table: Aging, days: number, signal: AbortSignal): Promise<void> {
    if (days === 0) return
    const before = this.#options.clock.now() - days * DAY_MS
    await this.#walk({ table, before, since: before, signal }, async (rows) => {
      await this.#remove(table, rows.map(({ id }) => id), before)
      return true
    })
  }

  /** The oldest of those that may go, until there are few enough. */
  async #excess (table: Aging, excess: number, signal: AbortSignal): Promise<void> {
    if (excess <= 0) return
    const now = this.#options.clock.now()
    let left = excess
    await this.#walk({ table, before: now, since: now, signal }, async (rows) => {
      const own = rows.slice(0, left).map(({ id }) => id)
      await this.#remove(table, own, now)
      left -= own.length
      return left > 0
    })
    if (left > 0) this.#options.log.warn({ table, over: left }, 'the store holds more than its limit: the rest is in use, or is kept for what names it')
  }

  /** Hands on what may go, oldest first, while `take` wants more. */
  async #walk (
    { table, before, since, signal }: { table: Aging, before: number, since: number, signal: AbortSignal }, take: (rows: OldRows['rows']) => Promise<boolean>
  ): Promise<void> {
    let after = ''
    await this.#repeat(signal, async () => {
      const { rows, last } = await this.#options.store.oldRows({ table, after, before, idle_since: since, limit: PORTION })
      const more = rows.length === 0 || await take(rows)
      if (last === null || !more) return false
      after = last
      return true
    })
  }

  async #remove (table: Aging, ids: string[], since: number): Promise<void> {
    if (ids.length === 0) return
    const { store } = this.#options
    switch (table) {
      case 'sessions':
        this.#removed.sessions += (await store.removeSessions({ ids, idle_since: since })).sessions
        break
      case 'jobs':
        this.#removed.jobs += await store.removeJobs({ ids, ended_before: since })
        break
      case 'events':
        this.#removed.events += await store.removeEvents({ ids })
        break
      case 'proposals':
        this.#removed.proposals += await store.removeProposals({ ids })
    }
  }

  /** Portion after portion while there are more, with a pause after each that is long beside it. */
  async #repeat (signal: AbortSignal, portion: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      signal.throwIfAborted()
      const start = clock.monotonic()
      if (!await portion()) return
      await pause(clock, Math.max(SHORTEST_PAUSE_MS, (clock.monotonic() - start) * (1 / SHARE - 1)), signal)
    }
  }

  /** The process that appends hears of it with the events at hand: no search for long streams is needed. */
  #watch ({ streams }: Notice): void {
    if (!this.#working) return
    const most = this.#options.limits.maxStreamEvents
    for (const [stream, events] of streams) {
      const last = events?.at(-1)?.seq ?? 0
      if (last <= most || stream === SYSTEM_STREAM) continue
      // In portions: what is beyond the limit by little waits for more of it.
      const step = Math.ceil(most / 10)
      if (Math.floor(last / step) !== Math.floor((events![0]!.seq - 1) / step)) this.#long.set(stream, last - most)
    }
    if (this.#long.size > 0) this.#trimming ??= this.#trim().finally(() => { this.#trimming = undefined })
  }

  async #trim (): Promise<void> {
    const { store, log } = this.#options
    for (let next = this.#long.entries().next().value; next !== undefined; next = this.#long.entries().next().value) {
      const [stream, upTo] = next
      this.#long.delete(stream)
      try {
        await this.#repeat(this.#stopped.signal, async () => {
          const removed = await store.trimStream({ stream, up_to: upTo, limit: PORTION })
          this.#removed.stream_chunks += removed
          return removed === PORTION
        })
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        // Its next events bring it back here.
        log.error({ err: error, stream }, 'a long stream could not be cut')
      }
    }
  }
}

const overOf = (count: number, most: number): number => most === 0 ? 0 : count - most
