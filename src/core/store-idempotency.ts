// What the store keeps of requests with an idempotency key: who works on each, what it did, what was answered.
import type { KeyedWork, KeyHold } from './keyed.ts'

export interface ClaimKey extends KeyHold {
  /** Of the request: another one under the same key is refused. */
  fingerprint: string
  /** The process. */
  owner: string
  /** No other process can be alive: what another one holds is free. */
  sole: boolean
  now: number
  /** From then on the work counts as given up. */
  lease_until: number
  expires_at: number
}

export interface StoredAnswer {
  status: number
  body: string | null
  content_type: string | null
  location: string | null
}

export type ClaimedKey =
  /** `done`: what the one before did, and did not get to answer. Working on it again does nothing more. */
  | { outcome: 'claimed', work: KeyedWork, done?: { result: unknown } }
  | { outcome: 'answered', answer: StoredAnswer }
  | { outcome: 'in_progress' | 'reused' }

export interface IdempotencyStore {
  claimKey (args: ClaimKey): Promise<ClaimedKey>
  /** False when somebody else has taken it over. */
  answerKey (args: KeyHold & { answer: StoredAnswer }): Promise<boolean>
  /** Nothing was done: the key is new again. What was done stays, for the next one to answer. */
  releaseKey (args: KeyHold): Promise<void>
  /** Forgets keys that have expired; answers how many. */
  pruneKeys (args: { now: number, limit: number }): Promise<number>
}
