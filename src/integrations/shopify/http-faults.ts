// What the HTTP client says of a call, in the words of the port.
import { CircuitOpenError } from '../../core/breaker-registry.ts'
import { BulkheadFullError } from '../../core/bulkhead.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { PermissionLapsedError } from '../../core/permission.ts'
import { UpstreamError } from '../http/index.ts'

/** The error to throw in the place of `error`; what is none of the HTTP client's stays as it is. */
export const httpFault = (error: unknown): unknown => {
  if (error instanceof BulkheadFullError) return new CommerceError('shop_busy', 'Too many calls to the shop are under way.', { cause: error })
  if (!(error instanceof UpstreamError)) return error
  const code = error.code === 'upstream_answer_invalid' || error.code === 'upstream_answer_too_large' ? 'shop_answer_invalid' : 'shop_unavailable'
  return new CommerceError(code, error.message, { cause: error })
}

/** Nothing left this process: it cost nothing of the query budget. */
export const wasNotSent = (error: unknown): boolean =>
  error instanceof CircuitOpenError || error instanceof BulkheadFullError || error instanceof PermissionLapsedError
