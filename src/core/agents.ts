// Store agents as callers see them: what there is, how each is doing, run one now, pause and resume.
import type { AgentDefinition, AgentRegistry } from './agent.ts'
import { newAgentJob, type AgentOutput } from './agent-runs.ts'
import { faultOf } from './check.ts'
import type { Clock } from './clock.ts'
import type { Autonomy } from './effects/proposal.ts'
import type { ShadowTotals } from './effects/store.ts'
import { AppError } from './errors.ts'
import type { AgentState, Job, Json, Priority, Schedule } from './model.ts'
import type { Scheduler } from './scheduler.ts'
import type { Store } from './store.ts'

export type AgentHealth = 'healthy' | 'failing' | 'paused' | 'unknown'

export interface AgentOverview {
  agent: AgentDefinition
  state: AgentState
  /** `unknown` until the first run has ended. */
  health: AgentHealth
  schedules: Schedule[]
  last_run: Job | null
}

export interface RunRequest {
  input: Json
  priority?: Priority
  run_at?: number
  dedupe_key?: string
  source: string
}

export class Agents {
  readonly #registry: AgentRegistry
  readonly #store: Store
  readonly #scheduler: Scheduler
  readonly #clock: Clock

  constructor (args: { registry: AgentRegistry, store: Store, scheduler: Scheduler, clock: Clock }) {
    this.#registry = args.registry
    this.#store = args.store
    this.#scheduler = args.scheduler
    this.#clock = args.clock
  }

  async list (): Promise<AgentOverview[]> {
    const [states, schedules] = await Promise.all([this.#store.agentStates(), this.#scheduler.list()])
    return Promise.all(this.#registry.list().map((agent) => this.#overview(agent, states, schedules)))
  }

  /** @throws AppError `agent_not_found` */
  async get (name: string): Promise<AgentOverview> {
    const agent = this.#registry.get(name)
    const [states, schedules] = await Promise.all([this.#store.agentStates(), this.#scheduler.list()])
    return this.#overview(agent, states, schedules)
  }

  /**
   * Makes a job that runs the agent. With a dedupe key, an unfinished job of the same key is answered instead.
   * @throws AppError `agent_not_found`, `invalid_input`, `agent_paused`
   */
  async run (name: string, request: RunRequest): Promise<{ id: string, deduplicated: boolean }> {
    const agent = this.#registry.get(name)
    const fault = await faultOf(agent.input, request.input)
    if (fault !== undefined) throw new AppError('invalid_input', { message: `The input does not fit the schema of the agent: ${fault}.` })
    const state = (await this.#store.agentStates()).find((one) => one.name === name)
    if (state?.enabled === false) throw new AppError('agent_paused')
    const now = this.#clock.now()
    const { dedupe_key: key, ...rest } = request
    const job = newAgentJob({
      agent, kind: 'agent', now, ...rest, ...(key === undefined ? {} : { dedupe_key: `run:${name}:${key}` })
    })
    return (await this.#store.enqueue({ jobs: [job], now }))[0]!
  }

  /** Pausing parks what waits; resuming queues it again and forgets the failures. @throws AppError `agent_not_found` */
  async setEnabled (name: string, enabled: boolean): Promise<AgentOverview> {
    this.#registry.get(name)
    await this.#store.setAgentState({ name, enabled, reason: 'paused by hand', now: this.#clock.now() })
    return this.get(name)
  }

  /** How far the agent may go by itself. @throws AppError `agent_not_found` */
  async setAutonomy (name: string, autonomy: Autonomy, who: { actor: string, request_id: string | null }): Promise<AgentOverview> {
    this.#registry.get(name)
    await this.#store.setAutonomy({ agent: name, autonomy, ...who, now: this.#clock.now() })
    return this.get(name)
  }

  /** What became of what the agent would have done while it only observed. */
  shadow (name: string): Promise<ShadowTotals> { return this.#store.shadowTotals(name) }

  /** What a run of an agent came to. @throws AppError `output_not_found` */
  outputOf (job: Job): Json {
    if (job.agent === null || job.status !== 'succeeded' || job.output === null) throw new AppError('output_not_found')
    return (job.output as AgentOutput).result
  }

  /** The same as a table. @throws AppError `output_not_found`, `csv_not_available` */
  async csvOf (job: Job): Promise<string> {
    const output = this.outputOf(job)
    const agent = this.#registry.has(job.name) ? this.#registry.get(job.name) : undefined
    // An earlier version of the agent may have written what this one cannot read.
    if (agent?.csv === undefined || await faultOf(agent.output, output) !== undefined) throw new AppError('csv_not_available')
    return agent.csv(output)
  }

  async #overview (agent: AgentDefinition, states: AgentState[], schedules: Schedule[]): Promise<AgentOverview> {
    const state = states.find((one) => one.name === agent.name) ?? FRESH(agent.name)
    const runs = await this.#store.listJobs({ agent: agent.name }, { limit: 1 })
    return {
      agent,
      state,
      health: healthOf(state),
      schedules: schedules.filter((schedule) => schedule.agent === agent.name),
      last_run: runs.items[0] ?? null
    }
  }
}

const FRESH = (name: string): AgentState => ({
  name,
  enabled: true,
  autonomy: 'suggest',
  paused_reason: null,
  paused_at: null,
  consecutive_failures: 0,
  last_success_at: null,
  last_failure_at: null,
  last_error: null
})

const healthOf = (state: AgentState): AgentHealth => {
  if (!state.enabled) return 'paused'
  if (state.consecutive_failures > 0) return 'failing'
  return state.last_success_at === null ? 'unknown' : 'healthy'
}
