// What the assistant can look up and do. The intents use these tools, and a language model gets the very same list.
import { Type } from '@sinclair/typebox'
import { systemClock, type Clock } from '../../core/clock.ts'
import { JOB_STATUSES, type Job, type Json, type JobStatus } from '../../core/model.ts'
import type { Orchestrator } from '../../core/orchestrator.ts'
import type { AgentPorts, Tool } from '../../core/ports.ts'
import type { Source } from '../../core/upstream.ts'
import { listed } from '../wording.ts'
import { guide, HOW_TO_TOPICS, type HowToTopic } from './how-to.ts'
import { agentRecord, breakerRecord, briefRecord, jobDetail, jobRecord, proposalRecord, scheduleRecord } from './records.ts'
import { createShopTools } from './shop-tools.ts'
import { tool } from './tool.ts'
import type { UpstreamName } from './upstream-faults.ts'
import { createUpstreamTools } from './upstream-tools.ts'

export interface ToolOptions {
  appName: string
  version: string
  /** Where people reach the API, for the commands of the how-tos: `http://127.0.0.1:10000`. */
  baseUrl: string
  /** Default: the system's. */
  clock?: Pick<Clock, 'now' | 'monotonic'>
  /** The upstreams that there are. Default: none. */
  ports?: UpstreamPorts
  /** Names of the settings that would connect an upstream, by the name of its circuit breaker. */
  missing?: Record<string, readonly string[]>
}

export type UpstreamPorts = Omit<AgentPorts, 'system'>
export type AssistantTools = ReturnType<typeof createTools>

const LONGEST_LIST = 50
const LONGEST_WAIT_MS = 30_000

const Nothing = Type.Object({})
const Name = Type.String({ minLength: 1, maxLength: 64, description: 'Name of the agent, as list_agents tells it.' })
const JobId = Type.String({ minLength: 1, maxLength: 64, description: 'Id of the job, a UUID.' })

const oneOf = <T extends string>(values: readonly T[], description: string) =>
  Type.Unsafe<T>(Type.Union(values.map((value) => Type.Literal(value)), { description }))

export const createTools = (orchestrator: Orchestrator, options: ToolOptions) => ({
  list_agents: tool({
    name: 'list_agents',
    description: 'Lists the agents: what each is for, how it is doing, its schedules and its last run.',
    input: Nothing,
    run: async () => ({ agents: (await orchestrator.agents.list()).map(agentRecord) })
  }),

  agent_status: tool({
    name: 'agent_status',
    description: 'Tells how one agent is doing, with its latest run and the result of its latest successful run.',
    input: Type.Object({ name: Name }),
    async run ({ name }) {
      const overview = await orchestrator.agents.get(name)
      const done = await orchestrator.jobs.list({ agent: name, status: 'succeeded' }, { limit: 1 })
      const last = done.items[0]
      return { ...agentRecord(overview), last_success: last === undefined ? null : jobRecord(last) }
    }
  }),

  run_agent: tool({
    name: 'run_agent',
    description: 'Starts a run of an agent now and answers with the id of its job, without waiting. ' +
      'While a run that this conversation asked for is not finished, that one is answered (`deduplicated`).',
    effect: true,
    input: Type.Object({
      name: Name,
      input: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Input of the agent. Default: {}.' }))
    }),
    async run ({ name, input = {} }, { session_id: sessionId }) {
      const { id, deduplicated } = await orchestrator.agents.run(name, {
        input: input as Json,
        source: `assistant:${sessionId}`,
        // A reply that is written a second time, after a crash, must not start a second run.
        dedupe_key: `assistant:${sessionId}`
      })
      return { job_id: id, deduplicated }
    }
  }),

  list_jobs: tool({
    name: 'list_jobs',
    description: 'Lists jobs, newest first, with how many there are in all.',
    input: Type.Object({
      status: Type.Optional(oneOf<JobStatus>(JOB_STATUSES, 'Only jobs in this state.')),
      agent: Type.Optional(Name),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LONGEST_LIST, description: 'How many at most. Default: 10.' }))
    }),
    async run ({ status, agent, limit = 10 }) {
      const filter = { ...(status === undefined ? {} : { status }), ...(agent === undefined ? {} : { agent }) }
      const { items, total } = await orchestrator.jobs.list(filter, { limit })
      return { jobs: items.map((job: Job) => jobRecord(job)), total }
    }
  }),

  job: tool({
    name: 'job',
    description: 'Shows one job with its output. With wait_ms it first waits for its end, at most that long.',
    input: Type.Object({
      id: JobId,
      wait_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: LONGEST_WAIT_MS, description: 'Milliseconds. Default: 0.' }))
    }),
    run: async ({ id, wait_ms: waitMs = 0 }, { signal }) =>
      jobDetail(waitMs === 0 ? await orchestrator.jobs.get(id) : await orchestrator.jobs.wait(id, waitMs, signal))
  }),

  cancel_job: tool({
    name: 'cancel_job',
    description: 'Cancels a job that has not ended. A running one is asked to stop and ends soon after.',
    effect: true,
    input: Type.Object({ id: JobId }),
    run: async ({ id }) => jobRecord(await orchestrator.jobs.cancel(id))
  }),

  health: tool({
    name: 'health',
    description: 'Tells whether the service is ready, with every check: the core, the store, the queue and each upstream.',
    input: Nothing,
    async run () {
      const { ready, status, checks } = await orchestrator.health.report()
      return { ready, status, checks: checks.map(({ name, healthy, message }) => ({ name, healthy, message })) }
    }
  }),

  circuit_breakers: tool({
    name: 'circuit_breakers',
    description: 'Lists the upstreams (Shopify, GitHub, ...): whether each is configured, and its circuit breaker with its figures.',
    input: Nothing,
    run: async () => ({ circuit_breakers: orchestrator.breakers.list().map(breakerRecord) })
  }),

  metrics: tool({
    name: 'metrics',
    description: 'Figures about the service: uptime, event loop, memory, jobs by state, sessions, messages, store and HTTP traffic.',
    input: Nothing,
    async run () {
      const { at, ...report } = await orchestrator.system()
      const service = { service: options.appName, version: options.version }
      return { ...service, at: new Date(at).toISOString(), ...report, traffic: { ...orchestrator.traffic } }
    }
  }),

  list_schedules: tool({
    name: 'list_schedules',
    description: 'Lists the schedules: their cron lines, when each fires next and when it fired last.',
    input: Nothing,
    run: async () => ({ schedules: (await orchestrator.schedules.list()).map(scheduleRecord) })
  }),

  brief: tool({
    name: 'brief',
    description: 'The brief: what the agents did, what waits for a decision of a person, what broke, and what moved in money, since so many hours ago.',
    input: Type.Object({ hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 24 * 31, description: 'Default: 24.' })) }),
    async run ({ hours = 24 }) {
      const brief = await orchestrator.brief((options.clock ?? systemClock).now() - hours * 3_600_000)
      return { ...briefRecord(brief, hours), ...shopSource(options) }
    }
  }),

  list_proposals: tool({
    name: 'list_proposals',
    description: 'Lists what agents propose to change in the shop and nobody has decided on, newest first, with how many there are. Only people decide: ' +
      'there is no tool for it.',
    input: Type.Object({
      agent: Type.Optional(Name),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LONGEST_LIST, description: 'How many at most. Default: 10.' }))
    }),
    async run ({ agent, limit = 10 }) {
      const { items, total } = await orchestrator.proposals.list({ status: 'pending', ...(agent === undefined ? {} : { agent }) }, { limit })
      return { proposals: items.map(proposalRecord), total, ...shopSource(options) }
    }
  }),

  how_to: tool({
    name: 'how_to',
    description: 'Explains how people do something through the API, with the exact commands.',
    input: Type.Object({ topic: oneOf<HowToTopic>(HOW_TO_TOPICS, 'What they want to do.') }),
    run: async ({ topic }) => guide(topic, options.baseUrl)
  }),

  ...createShopTools({
    commerce: options.ports?.commerce,
    unconnected: () => unconnected('shopify_api', orchestrator, options),
    breakers: orchestrator.breakers,
    clock: options.clock ?? systemClock
  }),
  ...createUpstreamTools({
    repository: options.ports?.repository,
    warehouse: options.ports?.warehouse,
    unconnected: (name) => unconnected(name, orchestrator, options),
    breakers: orchestrator.breakers
  })
})

/** What agents say of the shop rests on where it was read. */
const shopSource = ({ ports }: ToolOptions): { source?: Source } => ports?.commerce === undefined ? {} : { source: ports.commerce.source }

const SUBJECTS: Record<UpstreamName, [subject: string, name: string]> = {
  shopify_api: ['The shop', 'Shopify'], github_api: ['GitHub', 'GitHub'], bigquery: ['BigQuery', 'BigQuery']
}

/** Why there is no port, and what makes one. */
export const unconnected = (name: UpstreamName, orchestrator: Orchestrator, { missing }: Pick<ToolOptions, 'missing'>): string => {
  const settings = missing?.[name] ?? []
  const isConfigured = orchestrator.breakers.list().some((one) => one.name === name && one.configured)
  // A token alone does not say which repository is meant.
  if (name === 'github_api' && isConfigured) return 'No repository is named: set GITHUB_REPO_OWNER and GITHUB_REPO_NAME, and restart the service.'
  const [subject, called] = SUBJECTS[name]
  const how = settings.length === 0 ? `Ask “How do I configure ${called}?”` : `Set ${listed(settings)} and restart the service`
  return `${subject} is not connected. ${how}.`
}

/** The tools as a list, for a language model. */
export const toolList = (tools: AssistantTools): Tool[] => Object.values(tools)
