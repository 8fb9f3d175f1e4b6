// How this folder sends: one guarded call, and what comes back. The shared HTTP client stands behind it.
import type { TSchema } from '@sinclair/typebox'
import type { Grant } from './credentials.ts'

export interface Answer {
  status: number
  /** Parsed JSON; undefined for an empty body. */
  body: unknown
}

export interface Request {
  method: 'GET' | 'POST'
  /** With its query. */
  path: string
  token: string
  body?: object
  /** What the body of a 2xx has to be. */
  schema: TSchema
  /** Of the answer. */
  maxBytes: number
  signal: AbortSignal
}

/**
 * Answers with any complete answer but those that say "wait". Tried again where it failed: every call here is a read or
 * names what it makes. @throws ThrottledError, CircuitOpenError, and the errors of the HTTP client:
 * an answer that does not fit the schema is one of them.
 */
export type Send = (request: Request) => Promise<Answer>

/** Posts a grant to the token endpoint, as above; a 2xx is a TokenAnswer. Its deadline is its own: many callers may wait for one token. */
export type Exchange = (grant: Grant) => Promise<Answer>
