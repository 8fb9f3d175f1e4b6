// The contract of a store agent, and the list of those that are registered.
import type { Static, TSchema } from '@sinclair/typebox'
import type { Clock } from './clock.ts'
import type { FiledProposal, ProposalDraft } from './effects/proposal.ts'
import { AppError } from './errors.ts'
import type { Logger } from './log.ts'
import type { StoreEvent } from './model.ts'
import type { AgentPorts } from './ports.ts'
import type { Feeds, PriceLimits, ShopHistory } from './shop-history.ts'

export interface AgentContext {
  job: { id: string, attempt: number, source: string }
  /** Aborts on cancel, timeout and shutdown. Hand it to everything that waits. */
  signal: AbortSignal
  log: Logger
  clock: Clock
  ports: AgentPorts
  /** The shop's past. Undefined when there is no shop. */
  history?: ShopHistory
  feeds: Feeds
  /** The policy's limits on prices, in the currency of the shop, so that plans keep to them from the start. */
  priceLimits (currency: string): Promise<PriceLimits>
  /**
   * Files what the agent wants to change. Nothing is changed here: policy and people decide. Filing the same plan again leaves the first one
   * as it is, so a run that is repeated files nothing twice. @throws PermanentError `invalid_proposal`
   */
  propose (drafts: ProposalDraft[]): Promise<FiledProposal[]>
  /** Tells people how far the run is: `fraction` from 0 to 1. */
  progress (fraction: number, note: string): void
}

export interface AgentTriggers {
  /** A cron line (5 or 6 fields) in an IANA time zone (default UTC). */
  schedule?: { cron: string, timezone?: string }
  /** Event types; `system.*` takes every type that begins with `system.`. */
  events?: string[]
}

export interface AgentDefinition<I extends TSchema = TSchema, O extends TSchema = TSchema> {
  /** snake_case; part of URLs and metrics. */
  name: string
  /** One sentence for people. */
  description: string
  input: I
  output: O
  triggers: AgentTriggers
  /** Input for a run that an event caused. Default: `{}`. */
  inputFromEvent? (event: StoreEvent): Static<I>
  /**
   * What a run that an event caused is about: while one about the same has not ended, another is not made. Only for agents whose schedule finds what
   * changes meanwhile. Undefined: each event is a run.
   */
  subjectOf? (input: Static<I>): string | undefined
  /** Default 60 s. */
  timeoutMs?: number
  /** Default 3. */
  maxAttempts?: number
  /** The output as a table, where it has one: CSV with a header line. */
  csv? (output: Static<O>): string
  /** A plain sentence about an output, for people. */
  summarise (output: Static<O>): string
  /** @throws PermanentError when trying again is pointless; anything else is tried again. */
  run (context: AgentContext, input: Static<I>): Promise<Static<O>>
}

/** A failure that no retry can mend. */
export class PermanentError extends Error {
  readonly code: string
  constructor (code: string, message: string) {
    super(message)
    this.name = 'PermanentError'
    this.code = code
  }
}

const AGENT_NAME = /^[a-z][a-z0-9_]{1,63}$/

/** Checks a definition and keeps its types. @throws TypeError on a bad name. */
export const defineAgent = <I extends TSchema, O extends TSchema>(definition: AgentDefinition<I, O>): AgentDefinition => {
  if (!AGENT_NAME.test(definition.name)) throw new TypeError(`Agent name ${JSON.stringify(definition.name)} is not snake_case.`)
  // The schema is checked before each run, so the wider type holds at run time.
  return definition as unknown as AgentDefinition
}

export class AgentRegistry {
  readonly #agents = new Map<string, AgentDefinition>()

  constructor (agents: AgentDefinition[]) {
    for (const agent of agents) {
      if (this.#agents.has(agent.name)) throw new TypeError(`Two agents are called ${agent.name}.`)
      this.#agents.set(agent.name, agent)
    }
  }

  has (name: string): boolean { return this.#agents.has(name) }

  list (): AgentDefinition[] { return [...this.#agents.values()] }

  /** @throws AppError `agent_not_found` */
  get (name: string): AgentDefinition {
    const agent = this.#agents.get(name)
    if (agent === undefined) throw new AppError('agent_not_found')
    return agent
  }

  /** The agents that want events of this type. */
  subscribers (type: string): AgentDefinition[] {
    return this.list().filter((agent) => agent.triggers.events?.some((pattern) => matches(pattern, type)) ?? false)
  }
}

const matches = (pattern: string, type: string): boolean =>
  pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type
