// How a call to the shop can fail, in classes that callers decide by.

export type CommerceErrorCode =
  /** Told to wait for longer than this call could. */
  | 'shop_throttled'
  /** The token lacks a right; `scopes` names what would give it. */
  | 'shop_access_denied'
  /** The shop did not take the token, or gave none. */
  | 'shop_credentials_rejected'
  /** The shop refused the change; `problems` says why. */
  | 'shop_user_errors'
  /** The shop is no longer as the caller expected: re-plan. */
  | 'shop_conflict'
  | 'shop_not_found'
  /** The answer does not have the shape that it must have. */
  | 'shop_answer_invalid'
  /** A bulk operation ended without its result. */
  | 'shop_bulk_failed'
  /** Too many calls wait already. */
  | 'shop_busy'
  | 'shop_unavailable'

export interface UserProblem {
  /** Path in the input, as Shopify gives it; empty when it concerns the whole. */
  field: string[]
  message: string
  code: string | null
}

interface Details {
  scopes?: string[]
  problems?: UserProblem[]
  retryAfterMs?: number
  /** Shopify's own id of the request, for its support. */
  requestId?: string
  cause?: unknown
}

const STATUS: Record<CommerceErrorCode, number> = {
  shop_throttled: 503,
  shop_access_denied: 403,
  shop_credentials_rejected: 503,
  shop_user_errors: 422,
  shop_conflict: 409,
  shop_not_found: 404,
  shop_answer_invalid: 502,
  shop_bulk_failed: 502,
  shop_busy: 503,
  shop_unavailable: 503
}

/** Safe to show: no tokens, no query texts. */
export class CommerceError extends Error {
  readonly code: CommerceErrorCode
  readonly statusCode: number
  /** Access scopes of which one is missing, for `shop_access_denied`. */
  readonly scopes: string[]
  readonly problems: UserProblem[]
  readonly retryAfterMs: number | undefined
  readonly requestId: string | undefined

  constructor (code: CommerceErrorCode, message: string, details: Details = {}) {
    super(message, { cause: details.cause })
    this.name = 'CommerceError'
    this.code = code
    this.statusCode = STATUS[code]
    this.scopes = details.scopes ?? []
    this.problems = details.problems ?? []
    this.retryAfterMs = details.retryAfterMs
    this.requestId = details.requestId
  }
}
