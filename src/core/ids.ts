// Ids are UUIDv7: they sort by creation time, also within a millisecond, so lists follow them and new rows land side by side in the store.
import { randomFillSync } from 'node:crypto'
import { V7Generator } from 'uuidv7'
import { keyedId } from './keyed.ts'

// Random numbers in bulk: fetched a few at a time they cost more than the rest of the id.
const pool = new Uint32Array(1024)
let used = pool.length
const nextUint32 = (): number => {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool[used++]!
}

const generator = new V7Generator({ nextUint32 })

export const newId = (): string => keyedId() ?? generator.generate().toString()

/** Sorts before every id made at that time or later, and after those made before. `ms`: milliseconds since the epoch. */
export const firstIdAt = (ms: number): string => {
  const hex = Math.max(0, Math.trunc(ms)).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const isId = (value: string): boolean => UUID.test(value)
