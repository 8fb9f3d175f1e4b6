// Metrics for Prometheus through fastify-metrics, each app with a registry of its own.
// Its route hooks cost more than the routes (see docs/decisions): the request histogram is filled by our one onResponse hook instead.
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import metrics from 'fastify-metrics'
import fp from 'fastify-plugin'
import { BREAKER_STATE_CODES } from '../src/core/breaker.ts'
import { silentObserver, type Observer } from '../src/core/observer.ts'
import type { Orchestrator } from '../src/core/orchestrator.ts'

declare module 'fastify' {
  interface FastifyInstance {
    telemetry: Telemetry
  }
}

export interface Telemetry {
  observer: Observer
  onCommit (milliseconds: number, units: number): void
  onAnswer (answer: { method: string, route: string, status: number, seconds: number, stream: boolean }): void
  /** Gauges are read from the orchestrator when Prometheus asks. */
  watch (orchestrator: Orchestrator): void
  /** The exposition text and its content type; undefined when metrics are switched off. */
  render: (() => Promise<{ type: string, text: string }>) | undefined
}

const silent: Telemetry = { observer: silentObserver, onCommit () {}, onAnswer () {}, watch () {}, render: undefined }

const plugin: FastifyPluginAsync<{ enabled: boolean }> = async (app, { enabled }) => {
  app.decorate('telemetry', enabled ? await createTelemetry(app) : silent)
}

export default fp(plugin, { name: 'metrics', fastify: '5.x' })

const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const COMMIT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const REPLY_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const STATS_KEPT_MS = 500

type SetGauge = (labels: Record<string, string>, value: number) => void
type Client = FastifyInstance['metrics']['client']
type Registry = InstanceType<Client['Registry']>

const createTelemetry = async (app: FastifyInstance): Promise<Telemetry> => {
  await app.register(metrics.default, { endpoint: null, routeMetrics: { enabled: false }, defaultMetrics: { enabled: false } })
  const { client } = app.metrics
  const register = new client.Registry()
  client.collectDefaultMetrics({ register })
  const registers = [register]

  const requests = new client.Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests by route pattern.',
    labelNames: ['method', 'route', 'status_code'],
    buckets: REQUEST_BUCKETS,
    registers
  })
  const streams = new client.Counter({
    name: 'orchestrator_streams_ended_total', help: 'Server-sent event streams that have ended.', labelNames: ['route'], registers
  })
  const commits = new client.Histogram({
    name: 'orchestrator_store_commit_duration_seconds', help: 'Duration of durable commits of the store.', buckets: COMMIT_BUCKETS, registers
  })
  const units = new client.Counter({
    name: 'orchestrator_store_commit_units_total', help: 'Writes that the commits of the store held.', registers
  })
  const runs = new client.Histogram({
    name: 'orchestrator_job_duration_seconds',
    help: 'Duration of attempts at jobs, by how they ended.',
    labelNames: ['kind', 'status'],
    buckets: REPLY_BUCKETS,
    registers
  })
  const agentRuns = new client.Counter({
    name: 'orchestrator_agent_runs_total', help: 'Attempts of agents, by how they ended.', labelNames: ['agent', 'status'], registers
  })
  const replies = new client.Histogram({
    name: 'orchestrator_reply_duration_seconds',
    help: 'From the receipt of a message to the end of its reply.',
    labelNames: ['status'],
    buckets: REPLY_BUCKETS,
    registers
  })
  const firstDeltas = new client.Histogram({
    name: 'orchestrator_reply_first_delta_seconds', help: 'From the receipt of a message to the first piece of its reply.', buckets: REPLY_BUCKETS, registers
  })

  const modelTokens = new client.Counter({
    name: 'orchestrator_model_tokens_total',
    help: 'Tokens of the language model, as its provider counts them; cached ones are among the input.',
    labelNames: ['model', 'kind'],
    registers
  })
  const modelCalls = new client.Counter({
    name: 'orchestrator_model_calls_total', help: 'Calls of the language model for replies.', labelNames: ['model'], registers
  })
  const modelUncounted = new client.Counter({
    name: 'orchestrator_model_calls_uncounted_total',
    help: 'Calls of the language model whose tokens are not known: broken off, or not told by the provider.',
    labelNames: ['model'],
    registers
  })
  const modelToolCalls = new client.Counter({
    name: 'orchestrator_model_tool_calls_total', help: 'Tools that the language model called.', labelNames: ['model'], registers
  })
  const modelCost = new client.Counter({
    name: 'orchestrator_model_cost_total',
    help: 'Cost of the counted calls by the configured prices, in their currency. Absent without prices.',
    labelNames: ['model'],
    registers
  })
  const modelFirstDeltas = new client.Histogram({
    name: 'orchestrator_model_first_delta_seconds',
    help: 'From the first request of a reply to the first piece of text of the language model.',
    labelNames: ['model'],
    buckets: REPLY_BUCKETS,
    registers
  })

  return {
    observer: {
      modelUsed (usage) {
        const { model } = usage
        modelCalls.inc({ model }, usage.steps)
        modelToolCalls.inc({ model }, usage.tool_calls)
        modelUncounted.inc({ model }, usage.steps_without_count)
        if (usage.input_tokens !== null) modelTokens.inc({ model, kind: 'input' }, usage.input_tokens)
        if (usage.cached_tokens !== null) modelTokens.inc({ model, kind: 'cached' }, usage.cached_tokens)
        if (usage.output_tokens !== null) modelTokens.inc({ model, kind: 'output' }, usage.output_tokens)
        if (usage.cost !== null) modelCost.inc({ model }, usage.cost)
        if (usage.first_delta_ms !== null) modelFirstDeltas.observe({ model }, usage.first_delta_ms / 1000)
      },
      jobSettled (kind, agent, status, ms) {
        runs.observe({ kind, status }, ms / 1000)
        if (agent !== null) agentRuns.inc({ agent, status })
      },
      firstDelta (ms) { firstDeltas.observe(ms / 1000) },
      replyEnded (status, ms) { replies.observe({ status }, ms / 1000) }
    },
    onCommit (milliseconds, count) {
      commits.observe(milliseconds / 1000)
      units.inc(count)
    },
    onAnswer ({ method, route, status, seconds, stream }) {
      if (stream && status === 200) streams.inc({ route })
      else requests.observe({ method, route, status_code: status }, seconds)
    },
    watch (orchestrator) { watch(orchestrator, client, registers) },
    render: async () => ({ type: register.contentType, text: await register.metrics() })
  }
}

const watch = (orchestrator: Orchestrator, client: Client, registers: Registry[]): void => {
  // Several gauges of one scrape share one look at the store.
  let kept: { at: number, stats: ReturnType<Orchestrator['store']['stats']> } | undefined
  const stats = () => {
    const now = performance.now()
    if (kept === undefined || now - kept.at > STATS_KEPT_MS) kept = { at: now, stats: orchestrator.store.stats() }
    return kept.stats
  }
  const gauge = (name: string, help: string, labelNames: string[], read: (set: SetGauge) => Promise<void>): void => {
    const made = new client.Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect () {
        const empty = (): void => {
          this.reset()
          // A gauge without labels begins as a zero, also when nothing is known.
          if (labelNames.length === 0) this.remove()
        }
        empty()
        // Without the store its figures are left out, never 0; the others are still needed, most of all orchestrator_ready.
        await read((labels, value) => { made.set(labels, value) }).catch(empty)
      }
    })
  }
  /** Parts that count by themselves, and never backwards. */
  const countedElsewhere = (name: string, help: string, labelNames: string[], read: (add: SetGauge) => void): void => {
    const made = new client.Counter({
      name,
      help,
      labelNames,
      registers,
      collect () {
        this.reset()
        read((labels, value) => { made.inc(labels, value) })
      }
    })
  }
  gauge('orchestrator_ready', 'Whether /readyz says ready: 1, or 0.', [], async (set) => { set({}, (await orchestrator.health.report()).ready ? 1 : 0) })
  gauge('orchestrator_schedule_overdue_seconds', 'How long the due instant of a schedule that is not paused has passed without its job.', ['schedule'],
    async (set) => {
      const now = orchestrator.clock.now()
      for (const { id, paused, next_due_at: due } of await orchestrator.schedules.list()) {
        if (!paused && due !== null) set({ schedule: id }, Math.max(0, now - due) / 1000)
      }
    })
  gauge('orchestrator_jobs', 'Stored jobs by kind and status.', ['kind', 'status'], async (set) => {
    for (const { kind, status, count } of (await stats()).jobs) set({ kind, status }, count)
  })
  gauge('orchestrator_queue_oldest_ready_seconds', 'How long the oldest job that could run now has waited.', ['queue'], async (set) => {
    const now = Date.now()
    for (const [queue, since] of Object.entries((await stats()).oldest_ready)) set({ queue }, since === null ? 0 : Math.max(0, now - since) / 1000)
  })
  gauge('orchestrator_proposals', 'Stored proposals by status.', ['status'], async (set) => {
    for (const { status, count } of (await orchestrator.store.gateCounts()).proposals) set({ status }, count)
  })
  gauge('orchestrator_effects', 'Effects in the ledger by class and status.', ['class', 'status'], async (set) => {
    for (const { class: effectClass, status, count } of (await orchestrator.store.gateCounts()).effects) set({ class: effectClass, status }, count)
  })
  gauge('orchestrator_freezes_active', 'Freezes that hold now.', [], async (set) => {
    set({}, (await orchestrator.freezes.list()).filter(({ active }) => active).length)
  })
  gauge('orchestrator_sessions', 'Stored sessions.', [], async (set) => { set({}, (await stats()).sessions) })
  gauge('orchestrator_messages', 'Stored messages.', [], async (set) => { set({}, (await stats()).messages) })
  gauge('orchestrator_events', 'Stored events.', [], async (set) => { set({}, (await stats()).events) })
  gauge('orchestrator_store_size_bytes', 'Size of the store.', [], async (set) => { set({}, (await stats()).size_bytes) })
  gauge('orchestrator_open_streams', 'Server-sent event streams that are open now.', [], async (set) => { set({}, orchestrator.streams.open) })
  const { retention } = orchestrator
  gauge('orchestrator_retention_last_run_timestamp_seconds', 'When this process last looked through all tables for what is old.', [], async (set) => {
    const { last_run_at: at } = retention.report()
    if (at !== null) set({}, at / 1000)
  })
  gauge('orchestrator_store_kept_rows', 'Rows that are kept for good, as the last such look counted them.', ['table'], async (set) => {
    for (const [table, count] of Object.entries(retention.report().kept ?? {})) set({ table }, count)
  })
  countedElsewhere('orchestrator_retention_removed_rows_total', 'Rows that this process removed because they were old or too many.', ['table'], (add) => {
    for (const [table, count] of Object.entries(retention.report().removed)) add({ table }, count)
  })
  const states = Object.entries(BREAKER_STATE_CODES).map(([state, code]) => `${code} ${state}`).join(', ')
  gauge('orchestrator_circuit_breaker_state', `State of the circuit breaker: ${states}.`, ['dependency'], async (set) => {
    for (const { name, breaker } of orchestrator.breakers.list()) set({ dependency: name }, breaker.snapshot().stateCode)
  })
  const rejected = 'Calls to a dependency by how they ended; `rejected`: not let through by its circuit breaker.'
  countedElsewhere('orchestrator_circuit_breaker_calls_total', rejected, ['dependency', 'outcome'], (add) => {
    for (const { name, breaker } of orchestrator.breakers.list()) {
      for (const [outcome, count] of Object.entries(breaker.snapshot().totals)) add({ dependency: name, outcome }, count)
    }
  })
}
