// What BigQuery's refusals mean: for the breaker and the throttle gate, and in the words of the port.
import { verdictOfStatus, type Verdict } from '../../core/breaker-registry.ts'
import { WarehouseError, type WarehouseErrorCode } from '../../core/warehouse.ts'
import type { Fault } from './schemas.ts'

const LIMITS = new Set(['rateLimitExceeded', 'jobRateLimitExceeded', 'userRateLimitExceeded', 'quotaExceeded'])
/** Rates recover within seconds; a quota counts a minute or a day, and BigQuery does not say which. */
const RATE_WAIT_MS = 10_000
const QUOTA_WAIT_MS = 60_000

const LONGEST_MESSAGE = 300

/** Of `{ error: { message, errors: [{ reason, message }] } }`; of anything else, that it gives no reason. Proxies answer in their own words. */
export const faultOfAnswer = (body: unknown): Fault => {
  const error = field(body, 'error')
  const errors = field(error, 'errors')
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  const reason = field(first, 'reason')
  const message = field(error, 'message') ?? field(first, 'message')
  return { ...(typeof reason === 'string' ? { reason } : {}), ...(typeof message === 'string' ? { message } : {}) }
}

const field = (value: unknown, name: string): unknown =>
  value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[name] : undefined

/** `told`: the answer's Retry-After. */
export const judge = (status: number, fault: Fault, told: number | undefined): Verdict => {
  const limited = status === 429 || (status === 403 && LIMITS.has(fault.reason ?? ''))
  if (limited) return { kind: 'throttled', waitMs: told ?? (fault.reason === 'quotaExceeded' ? QUOTA_WAIT_MS : RATE_WAIT_MS) }
  // A right that is missing on one table is not the credential's end: only a 401 is.
  if (status === 403) return { kind: 'success' }
  return verdictOfStatus(status, { ...(told === undefined ? {} : { told }), untold: RATE_WAIT_MS })
}

const CODES: Record<string, WarehouseErrorCode> = {
  accessDenied: 'warehouse_access_denied',
  blocked: 'warehouse_access_denied',
  billingNotEnabled: 'warehouse_quota_exceeded',
  billingTierLimitExceeded: 'warehouse_quota_exceeded',
  bytesBilledLimitExceeded: 'warehouse_over_limit',
  invalid: 'warehouse_invalid_query',
  invalidQuery: 'warehouse_invalid_query',
  notFound: 'warehouse_not_found',
  quotaExceeded: 'warehouse_quota_exceeded',
  rateLimitExceeded: 'warehouse_quota_exceeded',
  jobRateLimitExceeded: 'warehouse_quota_exceeded',
  userRateLimitExceeded: 'warehouse_quota_exceeded',
  resourcesExceeded: 'warehouse_over_limit'
}

/** For a complete answer that refuses. */
export const refusal = (status: number, fault: Fault): WarehouseError => {
  if (status === 408 || status >= 500) return new WarehouseError('warehouse_unavailable', `BigQuery is failing (status ${status}).`, fault)
  if (status === 401) {
    return new WarehouseError('warehouse_credential_rejected',
      'BigQuery does not accept the credentials: check the file that GOOGLE_APPLICATION_CREDENTIALS names.', fault)
  }
  const byStatus: Record<number, WarehouseErrorCode> = { 403: 'warehouse_access_denied', 404: 'warehouse_not_found', 429: 'warehouse_quota_exceeded' }
  const code = CODES[fault.reason ?? ''] ?? byStatus[status] ?? 'warehouse_invalid_query'
  return new WarehouseError(code, `BigQuery refused (${fault.reason ?? status}): ${shortened(fault)}`, fault)
}

/** For a job that ended with an error. BigQuery's jobs change all or nothing. */
export const failureOfJob = (jobId: string, fault: Fault): WarehouseError =>
  new WarehouseError(CODES[fault.reason ?? ''] ?? 'warehouse_job_failed',
    `BigQuery's job ${jobId} failed (${fault.reason ?? 'unknown'}): ${shortened(fault)}`, fault)

const shortened = ({ message = 'it gives no reason' }: Fault): string => message.slice(0, LONGEST_MESSAGE)
