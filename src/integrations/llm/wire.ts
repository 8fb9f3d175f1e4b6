// One call of the model over the AI SDK's provider for OpenAI-compatible servers: our words in, our words out.
import type { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ModelError, type ModelFinish, type ModelMessage, type ModelPart, type ModelRequest } from '../../core/language-model.ts'
import { createStorableText } from './storable-text.ts'

export type ChatModel = ReturnType<ReturnType<typeof createOpenAICompatible>['chatModel']>
type CallOptions = Parameters<ChatModel['doStream']>[0]
type StreamPart = Awaited<ReturnType<ChatModel['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never

/** `onAnswer` is called when the provider begins to answer. @throws what the package and its fetch throw. */
export async function * callModel (chat: ChatModel, request: ModelRequest, onAnswer: () => void): AsyncGenerator<ModelPart, void> {
  const { stream } = await chat.doStream(toOptions(request))
  onAnswer()
  const reader = stream.getReader()
  const storable = createStorableText()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      const part = done ? undefined : toPart(value)
      if (part === undefined && !done) continue
      const text = part?.type === 'text' ? storable.next(part.text) : storable.rest()
      if (text !== '') yield { type: 'text', text }
      if (done) return
      if (part !== undefined && part.type !== 'text') yield part
    }
  } finally {
    // Whoever stops listening ends the request at the provider; after its end nothing happens.
    reader.cancel().catch(() => {})
  }
}

const toOptions = ({ instructions, messages, tools, mayCall, maxOutputTokens, signal }: ModelRequest): CallOptions => ({
  prompt: [{ role: 'system', content: instructions }, ...messages.map(toPrompt)],
  maxOutputTokens,
  abortSignal: signal,
  ...(tools.length === 0
    ? {}
    : {
        tools: tools.map(({ name, description, input }) => ({ type: 'function', name, description, inputSchema: input })),
        toolChoice: { type: mayCall ? 'auto' : 'none' }
      })
} as CallOptions)

const toPrompt = (message: ModelMessage): CallOptions['prompt'][number] => {
  switch (message.role) {
    case 'user': return { role: 'user', content: [{ type: 'text', text: message.content }] }
    case 'tool': return {
      role: 'tool',
      content: [{ type: 'tool-result', toolCallId: message.id, toolName: message.name, output: { type: 'text', value: message.content } }]
    }
    case 'assistant': return {
      role: 'assistant',
      content: [
        { type: 'text', text: message.content },
        ...(message.calls ?? []).map(({ id, name, arguments: text, providerNote }) => ({
          type: 'tool-call' as const,
          toolCallId: id,
          toolName: name,
          input: argumentsOf(text),
          ...(providerNote === undefined ? {} : { providerOptions: providerNote as never })
        }))
      ]
    }
  }
}

/** Servers parse the arguments of earlier calls: what is no JSON goes back as a JSON string. */
const argumentsOf = (text: string): unknown => {
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

const toPart = (part: StreamPart): ModelPart | undefined => {
  switch (part.type) {
    case 'text-delta': return part.delta === '' ? undefined : { type: 'text', text: part.delta }
    case 'tool-call': return {
      type: 'call',
      call: {
        id: part.toolCallId,
        name: part.toolName,
        arguments: part.input,
        ...(part.providerMetadata === undefined ? {} : { providerNote: part.providerMetadata })
      }
    }
    case 'finish': {
      const { inputTokens, outputTokens } = part.usage
      const tokens = { input: inputTokens.total ?? null, cached: inputTokens.cacheRead ?? null, output: outputTokens.total ?? null }
      return { type: 'end', finish: toFinish(part.finishReason), tokens }
    }
    case 'error': throw part.error
    default: return undefined
  }
}

// Words that other servers than OpenAI's use for the same ends.
const STOPPED = new Set(['eos', 'eos_token', 'end_turn', 'stop_sequence', 'complete', 'completed'])
const REACHED_LIMIT = new Set(['model_length', 'max_tokens', 'max_output_tokens'])

const toFinish = ({ unified, raw = '' }: { unified: string, raw?: string | undefined }): ModelFinish => {
  if (unified === 'stop' || unified === 'tool-calls' || STOPPED.has(raw)) return 'stop'
  if (unified === 'length' || REACHED_LIMIT.has(raw)) return 'length'
  if (unified === 'content-filter') return 'filtered'
  if (unified === 'error') throw new ModelError('failed', 'its answer broke off')
  return 'unclear'
}
