// The one shape of every JSON error.
import type { AppError } from '../src/core/errors.ts'

// Not an ES import: see server-options.ts.
const { STATUS_CODES } = process.getBuiltinModule('node:http')

export interface ErrorBody {
  /** The text that the contract names for this fault, else the reason phrase of the status. */
  error: string
  status_code: number
  message: string
  path: string
  request_id: string
  /** Stable, for programs. */
  code: string
}

/** `url` as the caller sent it; its query string is left out, it may hold secrets. */
export const errorBody = (error: Pick<AppError, 'code' | 'statusCode' | 'title' | 'message'>, url: string, requestId: string): ErrorBody => ({
  error: error.title ?? STATUS_CODES[error.statusCode] ?? 'Error',
  status_code: error.statusCode,
  message: error.message,
  path: pathOf(url),
  request_id: requestId,
  code: error.code
})

export const pathOf = (url: string): string => {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
