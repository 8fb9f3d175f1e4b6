// Keyset pages: one row more than asked for tells whether there is a next page.
import type { Page } from '../core/model.ts'

export const pageOf = <T>(rows: T[], limit: number, cursorOf: (last: T) => string): Page<T> => {
  const items = rows.length > limit ? rows.slice(0, limit) : rows
  return { items, next_cursor: rows.length > limit ? cursorOf(items[items.length - 1]!) : null }
}
