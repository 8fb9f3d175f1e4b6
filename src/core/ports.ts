// What the core and the agents need from outside, as interfaces. Integrations and the composition root fill them in.
import type { TSchema } from '@sinclair/typebox'
import type { Clock } from './clock.ts'
import type { CommerceReader } from './commerce.ts'
import type { ModelErrorKind, ModelUsage } from './language-model.ts'
import type { Logger } from './log.ts'
import type { Json, Message } from './model.ts'
import type { Repository } from './repository.ts'
import type { SystemReport } from './system-report.ts'
import type { Source } from './upstream.ts'
import type { Warehouse } from './warehouse.ts'

/** What a store agent may use. Each further upstream adds a port here. */
export interface AgentPorts {
  /** Figures about this process, its queues and its store. */
  system: () => Promise<SystemReport>
  /** The shop, for reading. As the others below, undefined when it is not configured and no sandbox stands in. */
  commerce?: CommerceReader
  /** Undefined as well when a token is configured, but no repository. */
  repository?: Repository
  warehouse?: Warehouse
}

/** Something the assistant can do or look up. A language model gets the same tools as the intents. */
export interface Tool {
  name: string
  description: string
  input: TSchema
  /** It changes something. A model gets it only when the user's own message orders it. */
  effect?: boolean
  /** What it answers from an upstream carries that as `source`. @throws AppError when the input cannot be served. */
  run (input: unknown, context: { signal: AbortSignal, session_id: string }): Promise<Json>
}

export interface Conversation {
  session_id: string
  /** The message to answer. */
  question: Message
  /** What was said up to the question: at most `limit` messages, oldest first, the question last. */
  history (limit: number): Promise<Message[]>
}

/** What is known of a reply beside its text. */
export interface ReplyFacts {
  /** Who wrote it: `intents`, `model`. Default: the responder's name. */
  responder: string
  /** Why it is not whole although nobody cancelled it; null: it is. `steps`: the model could not look up all that it wanted to. */
  cut: 'length' | 'steps' | 'filtered' | 'unclear' | null
  /** Where its figures come from, each once. */
  sources: Source[]
  /** What the model did for it; null when it was not asked. */
  usage: ModelUsage | null
  /** Why the model was not heard although there is one. */
  fallback: ModelErrorKind | null
}

export interface ResponderContext {
  signal: AbortSignal
  log: Logger
  clock: Clock
  /** Tells what is known so far; later words replace earlier ones. */
  report? (facts: Partial<ReplyFacts>): void
}

/** Writes the reply to a message, piece by piece. The intents are one; a language model is another. */
export interface Responder {
  name: string
  respond (conversation: Conversation, context: ResponderContext): AsyncIterable<string>
}
