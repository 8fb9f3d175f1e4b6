// Events: facts from outside and from the system itself, each stored with the jobs of the agents that want it.
import type { AgentRegistry } from './agent.ts'
import { newAgentJob } from './agent-runs.ts'
import type { Clock } from './clock.ts'
import { AppError } from './errors.ts'
import { isId, newId } from './ids.ts'
import type { Job, Json, ResourceChange, StoreEvent } from './model.ts'
import type { Store } from './store.ts'

export interface NewEvent {
  type: string
  data: Json
  /** As the sender wrote it; now when it wrote none. */
  timestamp?: string
  source: string
  /** The sender's own id of this delivery: what comes twice is taken once. */
  delivery?: string
  /** What it is about: jobs of one agent about the same thing that have not begun are one. */
  subject?: string
  change?: ResourceChange
  /** We made the change ourselves. */
  echo?: boolean
}

export class Events {
  readonly #store: Store
  readonly #registry: AgentRegistry
  readonly #clock: Clock

  constructor (args: { store: Store, registry: AgentRegistry, clock: Clock }) {
    this.#store = args.store
    this.#registry = args.registry
    this.#clock = args.clock
  }

  /** Stores the event and one job a subscribed agent, in one commit. */
  async record (
    { type, data, timestamp, source, delivery, subject, change, echo = false }: NewEvent
  ): Promise<{ event: StoreEvent, jobs: string[], duplicate: boolean }> {
    const now = this.#clock.now()
    const event: StoreEvent = {
      id: newId(), type, data, timestamp: timestamp ?? new Date(now).toISOString(), source, delivery: delivery ?? null, received_at: now, ignored: null
    }
    const jobs = this.#registry.subscribers(type)
      // News about an agent's own failure would make it run, fail and report again.
      .filter((agent) => !(source === SYSTEM_SOURCE && isAbout(data, agent.name)))
      .map((agent) => {
        const input = (agent.inputFromEvent?.(event) ?? {}) as Json
        const about = subject ?? agent.subjectOf?.(input)
        return newAgentJob({
          agent,
          input,
          kind: 'event',
          source: `event:${event.id}`,
          now,
          // A burst of system events is one look at the system.
          ...(source === SYSTEM_SOURCE ? { dedupe_key: `system:${agent.name}` } : {}),
          // And a burst of changes of one thing is one look at it.
          ...(about === undefined ? {} : { dedupe_key: `subject:${agent.name}:${about}` })
        })
      })
    const made = await this.#store.recordEvent({ event, jobs, echo, coalesce: source !== SYSTEM_SOURCE, ...(change === undefined ? {} : { change }) })
    return { event: { ...event, id: made.event_id, ignored: made.ignored }, jobs: made.jobs.map((job) => job.id), duplicate: made.event_id !== event.id }
  }

  /** @throws AppError `event_not_found` */
  async get (id: string): Promise<{ event: StoreEvent, jobs: Job[] }> {
    const event = isId(id) ? await this.#store.getEvent(id) : undefined
    if (event === undefined) throw new AppError('event_not_found')
    return { event, jobs: await this.#store.jobsOfEvent(id) }
  }
}

export const SYSTEM_SOURCE = 'system'

const isAbout = (data: Json, agent: string): boolean =>
  data !== null && typeof data === 'object' && !Array.isArray(data) && data['agent'] === agent
