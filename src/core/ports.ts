// What the core and the agents need from outside, as interfaces. Integrations and the composition root fill them in.
import type { TSchema } from '@sinclair/typebox'
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import type { Json, Message } from './model.ts'
import type { SystemReport } from './system-report.ts'

/** What a store agent may use. Each further upstream adds a port here. */
export interface AgentPorts {
  /** Figures about this process, its queues and its store. */
  system: () => Promise<SystemReport>
}

/** Something the assistant can do or look up. A language model gets the same tools as the intents. */
export interface Tool {
  name: string
  description: string
  input: TSchema
  /** @throws AppError when the input cannot be served. */
  run (input: unknown, context: { signal: AbortSignal, session_id: string }): Promise<Json>
}

export interface Conversation {
  session_id: string
  /** The message to answer. */
  question: Message
  /** What was said up to the question: at most `limit` messages, oldest first, the question last. */
  history (limit: number): Promise<Message[]>
}

export interface ResponderContext {
  signal: AbortSignal
  log: Logger
  clock: Clock
}

/** Writes the reply to a message, piece by piece. The intents are one; a language model is another. */
export interface Responder {
  name: string
  respond (conversation: Conversation, context: ResponderContext): AsyncIterable<string>
}
