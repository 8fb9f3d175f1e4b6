// What PostgreSQL's refusals mean to those who asked for something.
import { AppError, errorText } from '../../core/errors.ts'

/** How soon to come back: a server that restarts takes some seconds. */
const RETRY_AFTER_MS = 1_000

// Classes and codes of SQLSTATE, see the appendix of PostgreSQL's manual.
const DISK_FULL = '53100'
const UNIQUE = '23505'
const SERIALIZATION = '40001'
const DEADLOCK = '40P01'
const FEATURE_NOT_SUPPORTED = '0A000'
const AWAY = new Set([
  '25006', // read-only: a standby, or a server that is being switched over
  '25P03', // the transaction was ended because it stood still
  '57P01', '57P02', '57P03', '57P05', // the server stops, starts, or has cut the connection
  '58000', '58030' // the server's own disk
])

const BUSY = new Set([
  '55P03', // a lock was not to be had in time
  '57014' // the statement took too long
])

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** Lost against another transaction: the same again finds what that one made, and mostly goes through. */
export const isLostRace = (error: unknown): boolean => [UNIQUE, SERIALIZATION, DEADLOCK].includes(codeOf(error))

/** A newer replica has added a column: what stays prepared on this connection answers no more, and on a new one it does. */
export const isStalePlan = (error: unknown): boolean => codeOf(error) === FEATURE_NOT_SUPPORTED && /cached plan/.test(errorText(error))

/** The server is there, but this was not to be had in time: a lock, an answer, or one of our connections that read. Others may have more luck. */
export const isBusy = (error: unknown): boolean => BUSY.has(codeOf(error)) || errorText(error) === POOL_IS_USED

/** What the pool says when all of its connections are handed out for too long. */
const POOL_IS_USED = 'timeout exceeded when trying to connect'

/** The server did not answer, or not in time. Whether a commit went through is not known then. */
export const isAway = (error: unknown): boolean => {
  const code = codeOf(error)
  if (isBusy(error)) return false
  if (AWAY.has(code) || code.startsWith('08') || (code.startsWith('53') && code !== DISK_FULL)) return true
  // What the driver and the sockets say has no SQLSTATE.
  return /^E[A-Z]+$/.test(code) || (code === '' && /timeout|terminated|connection|not queryable/i.test(errorText(error)))
}

export const unavailable = (cause: unknown): AppError =>
  new AppError('store_unavailable', { cause: new Error(`PostgreSQL: ${errorText(cause)}`), retryAfterMs: RETRY_AFTER_MS })

/** Faults of the server become errors that callers can act on; anything else is a fault of ours and stays as it is. */
export const explain = (error: unknown): unknown => {
  if (error instanceof AppError) return error
  if (codeOf(error) === DISK_FULL) return new AppError('store_full', { cause: error, retryAfterMs: 30_000 })
  return isAway(error) || isBusy(error) || [SERIALIZATION, DEADLOCK].includes(codeOf(error)) ? unavailable(error) : error
}
