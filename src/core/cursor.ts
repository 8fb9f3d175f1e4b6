// Cursors of lists: opaque to callers, bound to the list that made them.
import { AppError } from './errors.ts'

export const encodeCursor = (list: string, key: string | number): string =>
  Buffer.from(`${list}:${key}`).toString('base64url')

/** @throws AppError `invalid_cursor` when another list, or nobody, made it. */
export const decodeCursor = (list: string, cursor: string): string => {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (!text.startsWith(`${list}:`)) throw new AppError('invalid_cursor')
  return text.slice(list.length + 1)
}

/** Like decodeCursor, for lists that are ordered by a number. */
export const decodeNumberCursor = (list: string, cursor: string): number => {
  const key = Number(decodeCursor(list, cursor))
  if (!Number.isSafeInteger(key)) throw new AppError('invalid_cursor')
  return key
}
