// The language model as the assistant sees it: one call at a time, whoever serves it.
import type { TSchema } from '@sinclair/typebox'
import type { Source } from './upstream.ts'

export type ModelMessage =
  | { role: 'user', content: string }
  | { role: 'assistant', content: string, calls?: ModelCall[] }
  /** What a tool answered to the call with this id. */
  | { role: 'tool', id: string, name: string, content: string }

/** The model asks for a tool. `arguments` is what it wrote: it should be JSON, and is checked by whoever runs the tool. */
export interface ModelCall {
  id: string
  name: string
  arguments: string
  /** What its provider wants to see again with the call; opaque. */
  providerNote?: unknown
}

/** A tool as it is described to the model. */
export interface ModelTool {
  name: string
  description: string
  input: TSchema
}

export interface ModelRequest {
  instructions: string
  messages: readonly ModelMessage[]
  tools: readonly ModelTool[]
  /** False: the model sees the tools and has to answer in words. */
  mayCall: boolean
  maxOutputTokens: number
  /** Ends the request at the provider as well. */
  signal: AbortSignal
}

/**
 * `stop`: the model had said all. `length`: it reached its limit. `filtered`: the provider's content filter ended it.
 * `unclear`: it ended in order, for a reason that we do not know.
 */
export type ModelFinish = 'stop' | 'length' | 'filtered' | 'unclear'

/** Tokens as the provider counts them; null when it did not tell. */
export interface TokenCount {
  input: number | null
  /** Those of `input` that the provider had in its cache. */
  cached: number | null
  output: number | null
}

/** What comes of a call, in this order: text and tool calls as they come, then one end. Without the end, it has failed. */
export type ModelPart =
  | { type: 'text', text: string }
  | { type: 'call', call: ModelCall }
  | { type: 'end', finish: ModelFinish, tokens: TokenCount }

export interface ModelBudgets {
  /** Calls of the model for one reply, at least 1. */
  steps: number
  /** Tokens that the model may write for one reply, over all steps. */
  outputTokens: number
  /** Tokens of one reply, read and written, over all steps: when they are spent the model gets one more step, to answer. */
  replyTokens: number
  /** Tokens of the conversation before the question, by our estimate. */
  historyTokens: number
}

/** Per million tokens, in the currency of whoever set them; null: not known, so that no cost is told. */
export interface ModelPrices {
  input: number | null
  output: number | null
}

export interface LanguageModelPort {
  /** By the provider's name for it. */
  readonly model: string
  readonly source: Source
  readonly budgets: Readonly<ModelBudgets>
  readonly prices: Readonly<ModelPrices>
  /** Why a call would not even be sent now; undefined when it would. */
  unavailable (): ModelError | undefined
  /** One call. @throws ModelError, or the reason of a signal that was aborted. */
  stream (request: ModelRequest): AsyncIterable<ModelPart>
}

export type ModelErrorKind =
  /** Nothing was sent. */
  | 'circuit_open' | 'told_to_wait' | 'busy' | 'key_rejected'
  /** No answer, or none in time. */
  | 'unreachable' | 'timeout'
  /** It answered and would not do it: a 4xx, an unknown model. */
  | 'refused'
  /** A 5xx, a broken answer, an answer that ends too soon. */
  | 'failed'

/** A call of the model that came to nothing, or broke off. The message is for people and holds no secret. */
export class ModelError extends Error {
  readonly kind: ModelErrorKind

  /** `message`: the reason alone, to stand in brackets: `circuit breaker open`. */
  constructor (kind: ModelErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ModelError'
    this.kind = kind
  }
}

/** What the model did for one reply. */
export interface ModelUsage {
  model: string
  source: Source
  /** Calls of the model. */
  steps: number
  /** Calls whose tokens are not known: the provider did not tell, or the call did not end. */
  steps_without_count: number
  /** Over all steps that were counted; null when none was. Cached ones are among the input. */
  input_tokens: number | null
  cached_tokens: number | null
  output_tokens: number | null
  tool_calls: number
  /** From the first request to the first piece of text; null when there was none. */
  first_delta_ms: number | null
  /** By the configured prices, in their currency; null without prices, or when a step was not counted. */
  cost: number | null
}
