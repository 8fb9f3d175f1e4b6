// The orchestrator: the parts of the core, wired to one store, with one start and one ordered stop.
import { agentRun, type AgentServices } from './agent-runs.ts'
import { AgentRegistry, PermanentError, type AgentDefinition } from './agent.ts'
import { Agents } from './agents.ts'
import { BreakerLog } from './breaker-log.ts'
import type { BreakerChange } from './breaker.ts'
import type { BreakerRegistry } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import { Events, SYSTEM_SOURCE } from './events.ts'
import { OwnerFeeds } from './feeds/feeds.ts'
import { Health } from './health.ts'
import { HistoryCopy } from './history/copy.ts'
import { Holds, presentHold } from './holds.ts'
import { Jobs } from './jobs.ts'
import type { Logger } from './log.ts'
import { SYSTEM_STREAM, type Job, type Json } from './model.ts'
import type { Observer } from './observer.ts'
import type { AgentPorts, Responder } from './ports.ts'
import { Probes } from './probes.ts'
import type { Random } from './random.ts'
import { replyRun } from './replies.ts'
import { Scheduler } from './scheduler.ts'
import type { Scrubber } from './scrubber.ts'
import { Sessions } from './sessions.ts'
import type { ShopHistory } from './shop-history.ts'
import type { Lost, Settlement, Store } from './store.ts'
import { Streams } from './streams.ts'
import { createSystemReporter, type SystemReport } from './system-report.ts'
import type { Traffic } from './traffic.ts'
import type { Upstream } from './upstream.ts'
import { Worker } from './worker.ts'

export interface OrchestratorOptions {
  store: Store
  breakers: BreakerRegistry
  agents: AgentDefinition[]
  /** Makes the assistant; it looks at the system through the orchestrator. */
  assistant: (orchestrator: Orchestrator) => Responder
  clock: Clock
  random: Random
  log: Logger
  observer: Observer
  /** Takes secrets out of what failures say. */
  scrub: Scrubber
  traffic: Traffic
  /** Those that are configured; each has its breaker in the registry. Default: none. */
  upstreams?: readonly Upstream[]
  /** What agents get of them. Default: nothing. */
  ports?: Omit<AgentPorts, 'system'>
  settings: {
    replyConcurrency: number
    agentConcurrency: number
    maxQueuedPerSession: number
    /** What an upstream needs to be configured: names of settings. */
    missing: Record<string, readonly string[]>
    /** How often upstreams are asked in the background how they are. Default 0: never. */
    probeIntervalMs?: number
  }
}

const MAX_DEATHS = 3
// With leases of 10 s, the jobs of a dead worker are back within 13 s.
const RECOVER_EVERY_MS = 3_000

export class Orchestrator {
  readonly store: Store
  readonly breakers: BreakerRegistry
  readonly traffic: Traffic
  readonly streams: Streams
  readonly sessions: Sessions
  readonly jobs: Jobs
  readonly agents: Agents
  readonly events: Events
  readonly schedules: Scheduler
  readonly health: Health
  readonly probes: Probes
  readonly holds: Holds
  readonly clock: Clock
  readonly feeds: OwnerFeeds
  /** Undefined when there is no shop. */
  readonly history: ShopHistory | undefined
  readonly #options: OrchestratorOptions
  readonly #reporter: ReturnType<typeof createSystemReporter>
  readonly #breakerLog: BreakerLog
  readonly #workers: { replies: Worker, agents: Worker }
  #recovery: unknown
  #working = false

  constructor (options: OrchestratorOptions) {
    const { store, breakers, clock, random, log, observer, settings } = options
    const registry = new AgentRegistry(options.agents)
    this.#options = options
    this.store = store
    this.breakers = breakers
    this.traffic = options.traffic
    this.streams = new Streams(store)
    this.schedules = new Scheduler({ store, agents: registry, clock, log })
    this.events = new Events({ store, registry, clock })
    this.jobs = new Jobs(store, clock)
    this.agents = new Agents({ registry, store, scheduler: this.schedules, clock })
    this.probes = new Probes({
      upstreams: options.upstreams ?? [], breakers, clock, random, log, scrub: options.scrub, intervalMs: settings.probeIntervalMs ?? 0
    })
    this.clock = clock
    this.feeds = new OwnerFeeds({ store, clock })
    const commerce = options.ports?.commerce
    this.history = commerce === undefined ? undefined : new HistoryCopy({ commerce, store, clock, log })
    this.#reporter = createSystemReporter({ store, clock, openStreams: () => this.streams.open })
    const responder = options.assistant(this)
    const common = {
      store,
      clock,
      random,
      log,
      observer,
      scrub: options.scrub,
      onSettled: (job: Job, settlement: Settlement, paused: boolean) => { this.#settled(job, settlement, paused) }
    }
    const services: AgentServices = {
      ...(this.history === undefined ? {} : { history: this.history }),
      feeds: this.feeds,
      // TO BE WIRED: the gates bring their own in the place of these two.
      priceLimits: () => Promise.reject(new PermanentError('not_wired', 'The limits on prices are not wired yet.')),
      propose: () => Promise.reject(new PermanentError('not_wired', 'The gates are not wired yet.'))
    }
    this.#workers = {
      replies: new Worker({
        ...common,
        queue: 'replies',
        concurrency: settings.replyConcurrency,
        handler: (job, tools) => replyRun(job, tools, { store, responder, clock, observer })
      }),
      agents: new Worker({
        ...common,
        queue: 'agents',
        concurrency: settings.agentConcurrency,
        handler: (job, tools) => agentRun(job, tools, { agents: registry, ports: { ...options.ports, system: () => this.system() }, services, clock })
      })
    }
    this.sessions = new Sessions({ store, clock, replies: this.#workers.replies, maxQueued: settings.maxQueuedPerSession })
    this.health = new Health({
      store,
      breakers,
      clock,
      log,
      missing: settings.missing,
      probes: this.probes,
      oldestReadyMs: async () => {
        const { oldest_ready: oldest } = await store.stats()
        const since = Math.min(oldest.replies ?? Infinity, oldest.agents ?? Infinity)
        return since === Infinity ? 0 : Math.max(0, clock.now() - since)
      }
    })
    this.#breakerLog = new BreakerLog({ breakers, clock, log })
    const tell = (change: BreakerChange): void => { this.#tellChange(change) }
    this.holds = new Holds({ store, breakers, clock, log, onRenewed: tell })
    breakers.onChange(tell)
  }

  system (): Promise<SystemReport> { return this.#reporter.report() }

  /** Prepares the store. With `work`, jobs run and schedules fire from here on. */
  async start ({ work }: { work: boolean }): Promise<void> {
    const { store, clock } = this.#options
    // First: nothing may be called that somebody has shut off.
    await this.holds.load()
    this.probes.start()
    await this.schedules.sync()
    if (!work) return
    const lost = await store.recover({ now: clock.now(), max_deaths: MAX_DEATHS, everything: store.exclusive })
    this.#tellLost(lost)
    // A deploy may have brought the code that they were waiting for.
    await store.unpark({ reason: 'unknown_job', now: clock.now() })
    this.#working = true
    this.#workers.replies.start()
    this.#workers.agents.start()
    this.schedules.start()
    this.#recoverLater()
    await this.#record('system.started', { recovered_jobs: lost.length })
  }

  /** First step of the stop: not ready any more, no further job is claimed. Requests are still served. */
  drain (): void {
    this.health.drain()
    this.#workers.replies.pause()
    this.#workers.agents.pause()
  }

  /** Last step: running jobs get `ms` to finish, then give their leases back. The store stays open. */
  async stop (ms: number): Promise<void> {
    this.drain()
    this.#working = false
    this.#options.clock.clearTimeout(this.#recovery)
    this.probes.stop()
    await this.schedules.stop()
    await Promise.all([this.#workers.replies.stop(ms), this.#workers.agents.stop(ms)])
    this.#reporter.stop()
    this.#breakerLog.stop()
  }

  #recoverLater (): void {
    const { store, clock, log } = this.#options
    this.#recovery = clock.setTimeout(() => {
      // Our own come first: after a long stall of the event loop their leases have run out, and they are not dead.
      Promise.all([this.#workers.replies.renew(), this.#workers.agents.renew()])
        .then(() => store.recover({ now: clock.now(), max_deaths: MAX_DEATHS, everything: false }))
        .then((lost) => { this.#tellLost(lost) })
        .catch((error: unknown) => { log.error({ err: error }, 'could not look for jobs of dead workers') })
        .finally(() => { if (this.#working) this.#recoverLater() })
    }, RECOVER_EVERY_MS)
  }

  #tellLost (lost: Lost[]): void {
    if (lost.length > 0) this.#options.log.warn({ jobs: lost.length }, 'jobs of a worker that died were taken back')
    for (const { id, kind, agent, outcome } of lost) {
      if (outcome !== 'dead') continue
      this.#record('system.job.dead', { job_id: id, kind, name: agent ?? kind, agent, code: 'worker_died' }).catch(this.#unrecorded)
    }
  }

  /** Failures that nobody is waiting for become events: the watchdog and the owner's tools can subscribe to them. */
  #settled (job: Job, settlement: Settlement, agentPaused: boolean): void {
    const about = { job_id: job.id, kind: job.kind, name: job.name, agent: job.agent }
    if (settlement.status === 'dead' || settlement.status === 'failed') {
      this.#record(`system.job.${settlement.status}`, { ...about, code: settlement.failure.code }).catch(this.#unrecorded)
    }
    if (agentPaused && job.agent !== null) {
      this.#options.log.error({ agent: job.agent }, 'an agent failed again and again and is paused')
      this.#record('system.agent.paused', about).catch(this.#unrecorded)
      this.#publish('agent', { agent: job.agent, status: 'paused' })
    }
  }

  #tellChange (change: BreakerChange): void {
    this.#breakerLog.tell(change)
    const hold = this.holds.of(change.name)
    this.#publish('breaker', { ...change, hold: hold === null ? null : presentHold(hold) })
  }

  #record (type: string, data: Json): Promise<unknown> { return this.events.record({ type, data, source: SYSTEM_SOURCE }) }

  readonly #unrecorded = (error: unknown): void => { this.#options.log.error({ err: error }, 'a system event could not be recorded') }

  #publish (name: string, fields: object): void {
    const now = this.#options.clock.now()
    const data = JSON.stringify({ type: name, ...fields, at: new Date(now).toISOString() })
    this.store.publish({ now, events: [{ stream: SYSTEM_STREAM, name, data, job_id: null, final: false }] }).catch(this.#unrecorded)
  }
}
