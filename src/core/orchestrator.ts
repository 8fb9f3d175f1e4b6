// The orchestrator: the parts of the core, wired to one store, with one start and one ordered stop.
import { agentRun, type AgentServices } from './agent-runs.ts'
import { AgentRegistry, type AgentDefinition } from './agent.ts'
import { Agents } from './agents.ts'
import { BreakerLog } from './breaker-log.ts'
import type { BreakerChange } from './breaker.ts'
import type { BreakerRegistry } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import type { Commerce } from './commerce.ts'
import { createBrief, type Brief } from './effects/brief.ts'
import { effectRun } from './effects/effect-runs.ts'
import { Effects } from './effects/effects.ts'
import { Freezes } from './effects/freezes.ts'
import { Gate } from './effects/gate.ts'
import { guardedPorts } from './effects/guarded-ports.ts'
import { createEffectKinds } from './effects/kinds/index.ts'
import { Policies } from './effects/policies.ts'
import { priceLimitsOf } from './effects/policy.ts'
import { Proposals } from './effects/proposals.ts'
import { Events, SYSTEM_SOURCE } from './events.ts'
import { OwnerFeeds } from './feeds/feeds.ts'
import { Health } from './health.ts'
import { HistoryCopy } from './history/copy.ts'
import { Holds, presentHold } from './holds.ts'
import { Jobs } from './jobs.ts'
import { circuitReason, waitedFor } from './parked.ts'
import type { Logger } from './log.ts'
import { SYSTEM_STREAM, type Job, type Json } from './model.ts'
import type { Observer } from './observer.ts'
import type { AgentPorts, Responder } from './ports.ts'
import { PRIVACY_TASK, PrivacyRequests } from './privacy/requests.ts'
import { Probes } from './probes.ts'
import type { Random } from './random.ts'
import { replyRun } from './replies.ts'
import { KEEP_EVERYTHING, Retention, type RetentionLimits } from './retention.ts'
import { Scheduler } from './scheduler.ts'
import type { Scrubber } from './scrubber.ts'
import { Sessions } from './sessions.ts'
import { shareWaits } from './shared-waits.ts'
import type { ShopHistory } from './shop-history.ts'
import type { Lost, Settlement, Store } from './store.ts'
import { Streams } from './streams.ts'
import { createSystemReporter, type SystemReport } from './system-report.ts'
import { Chore, taskRun, type Task } from './tasks.ts'
import type { Traffic } from './traffic.ts'
import type { Upstream } from './upstream.ts'
import { deliveryRun, type WebhookSender } from './webhooks/delivery.ts'
import { Echoes } from './webhooks/echo.ts'
import { OutgoingWebhooks } from './webhooks/outgoing.ts'
import { createUpkeep, UPKEEP, UPKEEP_EVERY_MS } from './webhooks/upkeep.ts'
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
  /** The shop for the gates: what is approved is changed through it, and by nothing else. */
  commerce?: Commerce
  /** Undefined: webhooks wait for a process that sends them. */
  webhookSender?: WebhookSender
  settings: {
    replyConcurrency: number
    agentConcurrency: number
    maxQueuedPerSession: number
    /** What an upstream needs to be configured: names of settings. */
    missing: Record<string, readonly string[]>
    /** How often upstreams are asked in the background how they are. Default 0: never. */
    probeIntervalMs?: number
    /** How long an effect whose outcome is open is left alone before the shop is asked for it. Default 15 s. */
    settleMs?: number | undefined
    /** Default: everything is kept, and nothing is looked for. */
    retention?: RetentionLimits
  }
}

const MAX_DEATHS = 3
// With leases of 10 s, the jobs of a dead worker are back within 13 s.
const RECOVER_EVERY_MS = 3_000
const TEND_EVERY_MS = 5_000
// Words of commits are lost only with the process that would have said them.
const SWEEP_EVERY_MS = 5_000
const DELIVERY_CONCURRENCY = 16

export class Orchestrator {
  readonly store: Store
  readonly breakers: BreakerRegistry
  readonly traffic: Traffic
  readonly streams: Streams
  readonly sessions: Sessions
  readonly jobs: Jobs
  readonly agents: Agents
  readonly events: Events
  readonly echoes: Echoes
  readonly webhooks: OutgoingWebhooks
  readonly privacy: PrivacyRequests
  readonly schedules: Scheduler
  readonly health: Health
  readonly probes: Probes
  readonly holds: Holds
  readonly proposals: Proposals
  readonly policies: Policies
  readonly freezes: Freezes
  readonly effects: Effects
  readonly clock: Clock
  readonly feeds: OwnerFeeds
  /** Undefined when there is no shop. */
  readonly history: ShopHistory | undefined
  readonly retention: Retention
  readonly #options: OrchestratorOptions
  readonly #reporter: ReturnType<typeof createSystemReporter>
  readonly #breakerLog: BreakerLog
  readonly #workers: { replies: Worker, agents: Worker, deliveries: Worker }
  readonly #chores: Chore[]
  readonly #timers = new Set<unknown>()
  readonly #stopped = new AbortController()
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
    this.echoes = new Echoes({ store, clock })
    this.privacy = new PrivacyRequests({ store, clock })
    const { webhookSender: sender } = options
    this.webhooks = new OutgoingWebhooks({ store, sender, clock, log })
    this.jobs = new Jobs(store, clock)
    this.agents = new Agents({ registry, store, scheduler: this.schedules, clock })
    this.probes = new Probes({
      upstreams: options.upstreams ?? [], breakers, clock, random, log, scrub: options.scrub, intervalMs: settings.probeIntervalMs ?? 0
    })
    this.policies = new Policies(store, clock)
    this.freezes = new Freezes({ store, clock, onChange: ({ id, scope }, change) => { this.#publish('freeze', { id, scope, status: change }) } })
    const kinds = createEffectKinds()
    const gate = options.commerce === undefined
      ? undefined
      : new Gate({ store, commerce: options.commerce, kinds, clock, policy: () => this.policies.current(), settleMs: settings.settleMs })
    const autonomyOf = async (agent: string) => (await store.agentStates()).find((one) => one.name === agent)?.autonomy ?? 'suggest'
    const onChange: ConstructorParameters<typeof Proposals>[0]['onChange'] = ({ id, agent, class: effectClass, title }, status) => {
      this.#publish('proposal', { id, agent, class: effectClass, title, status })
    }
    this.proposals = new Proposals({ store, gate, clock, log, autonomyOf, onChange })
    this.effects = new Effects({ store, gate, clock })
    const onEnded = (proposal: Parameters<typeof onChange>[0], status: 'applied' | 'failed') => { onChange(proposal, status) }
    this.clock = clock
    this.feeds = new OwnerFeeds({ store, clock })
    const commerce = options.ports?.commerce
    this.history = commerce === undefined ? undefined : new HistoryCopy({ commerce, store, clock, log })
    this.retention = new Retention({ store, clock, random, log, limits: settings.retention ?? KEEP_EVERYTHING })
    this.#reporter = createSystemReporter({ store, clock, openStreams: () => this.streams.open })
    const responder = options.assistant(this)
    const ports: AgentPorts = { ...options.ports, system: () => this.system() }
    const services: AgentServices = {
      ...(this.history === undefined ? {} : { history: this.history }),
      feeds: this.feeds,
      priceLimits: async (_currency) => {
        const shop = await options.commerce?.shop({ signal: AbortSignal.timeout(10_000) })
        return priceLimitsOf((await this.policies.current()).policy, shop?.taxes_included ?? true)
      },
      propose: (job, drafts, signal) => this.proposals.file(job, drafts, signal)
    }
    const tasks: Record<string, Task> = {
      [PRIVACY_TASK]: this.privacy.run,
      [UPKEEP]: createUpkeep({
        commerce: commerce ?? options.commerce, store, events: this.events, clock, onMissed: (missed) => this.#record('system.webhooks.missed', { missed })
      })
    }
    const common = {
      store,
      clock,
      random,
      log,
      observer,
      scrub: options.scrub,
      onSettled: (job: Job, settlement: Settlement, paused: boolean) => { this.#settled(job, settlement, paused) },
      announces: () => this.webhooks.wanted
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
        handler: (job, tools) => {
          if (job.kind === 'task') return taskRun(job, tools, tasks)
          if (gate !== undefined && job.kind === 'effect') return effectRun(job, tools, { store, gate, clock, autonomyOf, onEnded })
          return agentRun(job, tools, { agents: registry, ports: guardedPorts(ports, () => this.freezes.ofAgent(job.agent ?? '')), services, clock })
        }
      }),
      deliveries: new Worker({
        ...common,
        queue: 'deliveries',
        concurrency: DELIVERY_CONCURRENCY,
        handler: (job, tools) => sender === undefined || job.kind !== 'delivery'
          ? undefined
          : deliveryRun(job, tools, {
            store, sender, clock, onDisabled: (endpoint) => { this.#record('system.webhook.disabled', endpoint).catch(this.#unrecorded) }
          })
      })
    }
    this.#chores = [new Chore({ store, clock, name: UPKEEP, everyMs: UPKEEP_EVERY_MS })]
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
    shareWaits(store, breakers, clock)
  }

  /** `since`: milliseconds since the epoch. */
  brief (since: number): Promise<Brief> {
    const { store, agents, freezes, breakers } = this
    return createBrief({ store, agents, freezes, breakers, clock: this.#options.clock }, since)
  }

  system (): Promise<SystemReport> { return this.#reporter.report() }

  /** Prepares the store. With `work`, jobs run and schedules fire from here on. */
  async start ({ work }: { work: boolean }): Promise<void> {
    const { store, clock } = this.#options
    // First: nothing may be called that somebody has shut off.
    await this.holds.load()
    this.probes.start()
    await this.schedules.sync()
    if (!store.exclusive) {
      // What others did and could not tell: streams that grew, holds that were set.
      this.#repeat(SWEEP_EVERY_MS, 'could not look for what others did', () => Promise.all([this.streams.sweep(), this.holds.load()]))
    }
    if (!work) return
    const lost = await store.recover({ now: clock.now(), max_deaths: MAX_DEATHS, everything: store.exclusive })
    this.#tellLost(lost)
    // A deploy may have brought the code that they were waiting for.
    await store.unpark({ reason: 'unknown_job', now: clock.now() })
    this.#working = true
    this.#workers.replies.start()
    this.#workers.agents.start()
    this.#workers.deliveries.start()
    this.webhooks.look()
    this.schedules.start()
    this.#repeat(RECOVER_EVERY_MS, 'could not look for jobs of dead workers', () => this.#recover())
    this.#repeat(TEND_EVERY_MS, 'could not look after what waits', async () => {
      await this.#unparkReady()
      await this.proposals.tidy(this.#stopped.signal)
      await Promise.all(this.#chores.map((chore) => chore.tend()))
    })
    if (this.#options.settings.retention !== undefined) this.retention.start()
    await this.#record('system.started', { recovered_jobs: lost.length })
  }

  /** First step of the stop: not ready any more, no further job is claimed. Requests are still served. */
  drain (): void {
    this.health.drain()
    this.#workers.replies.pause()
    this.#workers.agents.pause()
    this.#workers.deliveries.pause()
  }

  /** Last step: running jobs get `ms` to finish, then give their leases back. The store stays open. */
  async stop (ms: number): Promise<void> {
    this.drain()
    this.#working = false
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer)
    this.#stopped.abort(new Error('the system stops'))
    this.probes.stop()
    await Promise.all([this.schedules.stop(), this.retention.stop()])
    await Promise.all(Object.values(this.#workers).map((worker) => worker.stop(ms)))
    this.#reporter.stop()
    this.#breakerLog.stop()
  }

  /** Again and again, each time so long after the end of the last, until the system stops. */
  #repeat (ms: number, failure: string, work: () => Promise<unknown>): void {
    const { clock, log } = this.#options
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer)
      work()
        .catch((error: unknown) => { log.error({ err: error }, failure) })
        .finally(() => { if (!this.#stopped.signal.aborted) this.#repeat(ms, failure, work) })
    }, ms)
    this.#timers.add(timer)
  }

  async #recover (): Promise<void> {
    const { store, clock } = this.#options
    // Our own come first: after a long stall of the event loop their leases have run out, and they are not dead.
    await Promise.all(Object.values(this.#workers).map((worker) => worker.renew()))
    this.#tellLost(await store.recover({ now: clock.now(), max_deaths: MAX_DEATHS, everything: false }))
  }

  /** Jobs go on when what they wait for is over: here, or in a process that is gone. */
  async #unparkReady (): Promise<void> {
    const { store, breakers, clock } = this.#options
    for (const reason of await store.parkedReasons()) {
      const waits = waitedFor(reason)
      if (waits === undefined) continue
      const known = (name: string) => breakers.list().find((one) => one.name === name)
      const over = 'freeze' in waits
        ? await this.freezes.isOver(waits.freeze)
        : 'settings' in waits
          ? known(waits.settings)?.configured === true
          // Half-open, somebody has to be the probe: without other calls nobody would be.
          : ['closed', 'forced_closed', 'half_open'].includes(known(waits.circuit)?.breaker.state() ?? 'closed')
      if (over) await store.unpark({ reason, now: clock.now() })
    }
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
    if (this.#working && (change.to === 'closed' || change.to === 'forced_closed')) {
      this.#options.store.unpark({ reason: circuitReason(change.name), now: this.#options.clock.now() }).catch(this.#unrecorded)
    }
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
