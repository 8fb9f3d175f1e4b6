// Refusals as each upstream words them.
import { STATUS_CODES } from 'node:http'
import type { UpstreamName } from '../upstreams.ts'

/** `limit`: the refusal of too many requests, whatever its status. */
export const errorBody = (upstream: UpstreamName, status: number, why?: 'limit'): object => {
  const words = STATUS_CODES[status] ?? 'Unknown Error'
  switch (upstream) {
    case 'shopify_api': {
      if (why === 'limit') return { errors: 'Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.' }
      if (status === 401) return { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' }
      return { errors: words }
    }
    case 'github_api': return {
      message: why === 'limit'
        ? 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
        : GITHUB_MESSAGES[status] ?? words,
      documentation_url: 'https://docs.github.com/rest',
      status: String(status)
    }
    case 'bigquery': return googleError(status, why === 'limit'
      ? { reason: 'rateLimitExceeded', message: 'Exceeded rate limits: too many api requests per user per method for this user_method.' }
      : { reason: GOOGLE_REASONS[status] ?? (status >= 500 ? 'backendError' : 'invalid'), message: words })
    case 'llm': return openaiError(words, why === 'limit' || status === 429
      ? { type: 'requests', code: 'rate_limit_exceeded' }
      : { type: status >= 500 ? 'server_error' : 'invalid_request_error', code: status === 401 ? 'invalid_api_key' : null })
  }
}

const GITHUB_MESSAGES: Record<number, string> = {
  401: 'Bad credentials',
  403: 'Resource not accessible by personal access token',
  500: 'Server Error',
  502: 'Server Error',
  503: 'Service Unavailable'
}

const GOOGLE_REASONS: Record<number, string> = {
  401: 'authError', 403: 'accessDenied', 404: 'notFound', 409: 'duplicate', 429: 'rateLimitExceeded', 500: 'internalError', 503: 'backendError'
}

const GOOGLE_STATUSES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE'
}

/** The error of a Google API. */
export const googleError = (status: number, { reason, message, location }: { reason: string, message: string, location?: string }): object => ({
  error: {
    code: status,
    message,
    errors: [{ message, domain: 'global', reason, ...(location === undefined ? {} : { location, locationType: 'header' }) }],
    ...(GOOGLE_STATUSES[status] === undefined ? {} : { status: GOOGLE_STATUSES[status] })
  }
})

/** The error of OpenAI's API. */
export const openaiError = (message: string, { type, code = null, param = null }: { type: string, code?: string | null, param?: string | null }): object =>
  ({ error: { message, type, param, code } })
