// How large an answer may be: what was asked for decides it, so that a flood in the place of a small answer is cut off early.
import { documents, type OperationName } from './documents/index.ts'

/** Every answer has this much, for lists of scopes, holds and errors. */
const LEAST_BYTES = 128 * 1024
/** A whole order with its first lines takes 3 KiB: room for ten times as much text in each of a page. */
const ITEM_BYTES = 32 * 1024
const MOST_BYTES = 8 * 2 ** 20
/** Texts of up to half a megabyte each, or the notes of fifty refunds, however few objects are asked for. */
const LONG_TEXTS: ReadonlySet<OperationName> = new Set(['Policies', 'Metafields', 'OrderLists'])

/** How many objects are asked for. */
export const sizeOf = (variables: object): number => {
  const { first, ids } = variables as { first?: unknown, ids?: unknown }
  return typeof first === 'number' ? first : Array.isArray(ids) ? ids.length : 1
}

export const isChange = (name: OperationName): boolean => documents[name].trimStart().startsWith('mutation')

/** Bytes. A change has the most that anything has: one whose answer is cut off may have happened, and nobody would know. */
export const mostBytes = (name: OperationName, variables: object): number =>
  isChange(name) || LONG_TEXTS.has(name) ? MOST_BYTES : Math.min(LEAST_BYTES + sizeOf(variables) * ITEM_BYTES, MOST_BYTES)
