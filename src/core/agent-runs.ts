// Runs store agents as jobs: checked input, checked output, a summary for people.
import { PermanentError, type AgentContext, type AgentDefinition, type AgentRegistry } from './agent.ts'
import { faultOf } from './check.ts'
import type { Clock } from './clock.ts'
import type { FiledProposal, ProposalDraft } from './effects/proposal.ts'
import { newId } from './ids.ts'
import type { Job, Json, NewJob, Priority } from './model.ts'
import type { AgentPorts } from './ports.ts'
import type { Run, RunTools } from './worker.ts'

/** Version 1 of what an agent's job carries. */
type AgentPayload = { v: 1, input: Json }

/** What a run leaves with its job. */
export type AgentOutput = { summary: string, result: Json }

const AGENT_TIMEOUT_MS = 60_000
const AGENT_ATTEMPTS = 3

export interface NewAgentJob {
  agent: AgentDefinition
  input: Json
  kind: 'agent' | 'event'
  source: string
  now: number
  priority?: Priority
  run_at?: number
  dedupe_key?: string
}

export const newAgentJob = ({ agent, input, kind, source, now, ...options }: NewAgentJob): NewJob => {
  const payload: AgentPayload = { v: 1, input }
  return {
    id: newId(),
    kind,
    queue: 'agents',
    name: agent.name,
    agent: agent.name,
    session_id: null,
    // One run of an agent at a time: two would read and propose the same things.
    lane: `agent:${agent.name}`,
    dedupe_key: options.dedupe_key ?? null,
    priority: options.priority ?? 'normal',
    payload,
    run_at: options.run_at ?? now,
    max_attempts: agent.maxAttempts ?? AGENT_ATTEMPTS,
    timeout_ms: agent.timeoutMs ?? AGENT_TIMEOUT_MS,
    source,
    created_at: now
  }
}

/** What a run gets beside its ports. `propose` files under the name of the agent. */
export type AgentServices = Pick<AgentContext, 'feeds' | 'priceLimits' | 'history'> & {
  propose (job: Job, drafts: ProposalDraft[], signal: AbortSignal): Promise<FiledProposal[]>
}

export interface AgentRunParts {
  agents: AgentRegistry
  ports: AgentPorts
  services: AgentServices
  clock: Clock
}

export const agentRun = (job: Job, tools: RunTools, { agents, ports, services, clock }: AgentRunParts): Run | undefined => {
  if (job.agent === null || !agents.has(job.agent)) return undefined
  const agent = agents.get(job.agent)
  return {
    async execute (): Promise<Json> {
      const { input } = job.payload as AgentPayload
      const inputFault = await faultOf(agent.input, input)
      if (inputFault !== undefined) throw new PermanentError('invalid_input', `The input does not fit the schema: ${inputFault}`)
      const output = await agent.run({
        job: { id: job.id, attempt: job.attempt, source: job.source },
        signal: tools.signal,
        log: tools.log,
        clock,
        ports,
        ...(services.history === undefined ? {} : { history: services.history }),
        feeds: services.feeds,
        priceLimits: services.priceLimits,
        propose: (drafts) => services.propose(job, drafts, tools.signal),
        progress: tools.progress
      }, input)
      const outputFault = await faultOf(agent.output, output)
      if (outputFault !== undefined) throw new PermanentError('invalid_output', `The agent's output does not fit its schema: ${outputFault}`)
      if (!isStorable(output)) throw new PermanentError('invalid_output', 'The agent\'s output holds something that JSON cannot.')
      if (tools.signal.aborted) throw new Error('stopped')
      return { summary: agent.summarise(output), result: output as Json } satisfies AgentOutput
    }
  }
}

// A schema may be wider than JSON; the store would refuse a BigInt or a cycle when the run is over.
const isStorable = (output: unknown): boolean => {
  try {
    JSON.stringify(output)
    return true
  } catch {
    return false
  }
}
