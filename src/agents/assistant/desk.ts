// What an answer has at hand: the tools, for this conversation, and the time.
import type { AssistantTools, ToolContext } from './tools.ts'

export interface Desk {
  session_id: string
  service: { name: string, version: string }
  /** Milliseconds since the epoch. */
  now (): number
  /** Runs a tool. Rejects at once when the answer is no longer wanted. */
  use<K extends keyof AssistantTools> (tool: K, input?: object): Promise<Awaited<ReturnType<AssistantTools[K]['run']>>>
}

/** The lines of an answer, as they come. */
export type Answer = AsyncIterable<string> | Iterable<string>

export const createDesk = (tools: AssistantTools, context: ToolContext, more: Pick<Desk, 'service' | 'now'>): Desk => ({
  ...more,
  session_id: context.session_id,
  use: (tool, input = {}) => untilAborted<unknown>(tools[tool].run(input, context), context.signal) as never
})

/** A tool that hangs must not keep the reply from stopping. */
const untilAborted = <T>(result: Promise<T>, signal: AbortSignal): Promise<T> => new Promise((resolve, reject) => {
  const onAbort = (): void => { reject(signal.reason) }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  result.then(resolve, reject).finally(() => { signal.removeEventListener('abort', onAbort) })
})
