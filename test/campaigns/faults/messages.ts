// What the campaign and the server under test say to each other.

export type Dependency = 'shopify_api' | 'github_api' | 'bigquery' | 'llm'

/** `sent` false: held back on our side, by the breaker, the gate or the bulkhead. */
export interface CallRecord {
  startedAt: number
  endedAt: number
  /** Null: it went well. */
  code: string | null
  sent: boolean
}

export interface Change {
  name: string
  from: string
  to: string
  at: number
}

export interface Memory {
  /** After a collection: heap in use and what lies outside of it, bytes. */
  settled: number
  /** The most that lay outside of the heap, and the largest process, since the last question, bytes. */
  peakExternal: number
  peakRss: number
}

export type Request =
  /** Calls the dependency from so many callers, each again `everyMs` after its last call ended, with a deadline of `deadlineMs`. */
  | { do: 'drive', dependency: Dependency, callers: number, everyMs: number, deadlineMs: number }
  /** Stops that, waits for the calls under way, and tells what happened since the last time. */
  | { do: 'rest' }
  | { do: 'memory' }

export type Answer =
  | { ready: string }
  | { calls: CallRecord[], changes: Change[], unhandled: string[] }
  | { memory: Memory }
