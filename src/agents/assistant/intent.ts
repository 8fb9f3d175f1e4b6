// What a message can ask for, as data, and the parts from which the rules recognise it.
import type { JobStatus } from '../../core/model.ts'
import type { HowToTopic } from './how-to.ts'
import type { Period } from './periods.ts'
import type { NeedFilter } from './needs.ts'
import type { Figure } from './vocabulary.ts'
import type { Words } from './words.ts'

export type Intent =
  | { kind: 'list_agents' }
  | { kind: 'agent_status', agent: string }
  /** Without an agent: it was not said which. */
  | { kind: 'run_agent', agent: string | null }
  | { kind: 'queue' }
  | { kind: 'brief' }
  /** What waits for a person's decision; with an agent: of that one. */
  | { kind: 'proposals', agent: string | null }
  /** No statuses: jobs in whatever state. */
  | { kind: 'list_jobs', statuses: JobStatus[], agent: string | null }
  | { kind: 'job', id: string }
  | { kind: 'cancel_job', id: string | null }
  | { kind: 'health' }
  | { kind: 'circuit_breakers' }
  | { kind: 'upstream', name: string }
  | { kind: 'metrics', figure: Figure }
  | { kind: 'list_schedules', agent: string | null }
  /** Without a topic: it was not said how to do what. `told`: the assistant was told to do it, and cannot. */
  | { kind: 'how_to', topic: HowToTopic | null, told: boolean }
  /** How the shop is doing. See Period. */
  | { kind: 'shop', period: Period }
  | { kind: 'sales', period: Period }
  | { kind: 'orders_of_day', period: Period }
  /** Orders that need somebody; with `only`, for such a reason. */
  | { kind: 'attention', only: NeedFilter | null }
  | { kind: 'order', name: string }
  /** Without words: what runs out. */
  | { kind: 'stock', query: string | null }
  | { kind: 'best_sellers', period: Period }
  | { kind: 'customers', period: Period }
  | { kind: 'github', about: 'status' | 'pull_requests' | 'issues' | 'checks' }
  | { kind: 'bigquery' }
  /** Nothing here looks that up or changes it. */
  | { kind: 'beyond', upstream: 'shop' | 'github' | 'bigquery', about: string }
  /** Something to be done, but not plainly now. */
  | { kind: 'held', action: 'run' | 'cancel' }
  | { kind: 'help' }
  | { kind: 'courtesy', tone: 'greeting' | 'thanks' | 'farewell' }
  | { kind: 'not_understood' }
  /** Part of the message was not understood. */
  | { kind: 'rest' }
  /** The message asks for more than is answered at once. */
  | { kind: 'more', answered: number }

/** What the words can refer to. */
export interface Vocabulary {
  agents: readonly string[]
  /** Names of the upstreams: `shopify_api`. */
  upstreams: readonly string[]
}

export interface Clause {
  words: Words
  /** The words with a space around each. */
  text: string
  ids: string[]
  /** See Sentence. */
  plain: boolean
  /** What the clause before it in the same sentence asked for. */
  previous: Intent | undefined
  /** The span of days that its sentence names, unless it names several. */
  period: Period | undefined
  vocabulary: Vocabulary
}

export const includes = (words: Words, set: ReadonlySet<string>): boolean => words.some((word) => set.has(word))
export const consistsOf = (words: Words, ...sets: Array<ReadonlySet<string>>): boolean => words.every((word) => sets.some((set) => set.has(word)))
export const says = (text: string, ...phrases: string[]): boolean => phrases.some((phrase) => text.includes(` ${phrase} `))
