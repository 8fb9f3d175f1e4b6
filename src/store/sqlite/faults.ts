// What SQLite's refusals mean to those who asked for a write.
import { AppError, errorText } from '../../core/errors.ts'

// Primary result codes.
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14

const primaryCode = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff

export const isBusy = (error: unknown): boolean => primaryCode(error) === SQLITE_BUSY

/** Faults of the disk become errors that callers can act on; anything else is a fault of ours and stays as it is. */
export const explain = (error: unknown): unknown => {
  switch (primaryCode(error)) {
    case SQLITE_FULL: return new AppError('store_full', { cause: error, retryAfterMs: 30_000 })
    case SQLITE_BUSY: case SQLITE_READONLY: case SQLITE_IOERR: case SQLITE_CANTOPEN:
      return new AppError('store_unavailable', { cause: new Error(`SQLite: ${errorText(error)}`), retryAfterMs: 5_000 })
    default: return error
  }
}
