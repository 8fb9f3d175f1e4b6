// What an answer has at hand: the tools, for this conversation, and the time.
import type { Clock } from '../../core/clock.ts'
import type { ToolContext } from './tool.ts'
import type { AssistantTools } from './tools.ts'
import type { UpstreamName } from './upstream-faults.ts'

export interface Desk {
  session_id: string
  service: { name: string, version: string }
  /** Milliseconds since the epoch. */
  now (): number
  /** What would connect an upstream, as sentences; undefined when there is something to ask. */
  unconnected (upstream: UpstreamName): string | undefined
  /** Runs a tool. Rejects at once when the answer is no longer wanted. */
  use<K extends keyof AssistantTools> (tool: K, input?: object): Promise<Awaited<ReturnType<AssistantTools[K]['run']>>>
  /** Whether the work, however it ends, takes more than a second: then a person who waits should hear what is being done. */
  isSlow (work: Promise<unknown>): Promise<boolean>
}

/** The lines of an answer, as they come. */
export type Answer = AsyncIterable<string> | Iterable<string>

export interface DeskOptions extends Pick<Desk, 'service' | 'unconnected'> {
  clock: Clock
}

const SLOW_MS = 1_000

export const createDesk = (tools: AssistantTools, context: ToolContext, { clock, ...more }: DeskOptions): Desk => ({
  ...more,
  now: () => clock.now(),
  isSlow: (work) => new Promise((resolve) => {
    const timer = clock.setTimeout(() => { resolve(true) }, SLOW_MS)
    const end = (): void => {
      clock.clearTimeout(timer)
      resolve(false)
    }
    work.then(end, end)
  }),
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
