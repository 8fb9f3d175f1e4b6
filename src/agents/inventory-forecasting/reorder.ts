// Whether to order, how much, and how long the stock lasts.

export interface OrderTerms {
  /** To sell now, and what is on its way. Below zero: sold and not there. */
  available: number
  incoming: number
  /** Order when available and incoming are down to it. */
  reorder_point: number
  /** Expected units of the days that the order is to cover after it has come. */
  cover_demand: number
  moq: number
  pack_size: number
}

export interface OrderQuantity {
  /** What is missing, before MOQ and packs. */
  needed: number
  quantity: number
  /** Why `quantity` is more than `needed`; null: it is not. */
  rounded: 'moq' | 'pack' | 'moq_and_pack' | null
}

/** Null: there is enough. */
export const orderQuantity = ({ available, incoming, reorder_point: point, cover_demand: cover, moq, pack_size: pack }: OrderTerms): OrderQuantity | null => {
  const position = available + incoming
  if (position > point) return null
  const needed = Math.ceil(point + cover - position)
  // Nothing is expected to be sold: nothing is missing.
  if (needed <= 0) return null
  const atLeast = Math.max(needed, moq)
  const quantity = Math.ceil(atLeast / pack) * pack
  const rounded = quantity === needed ? null : atLeast === needed ? 'pack' : quantity === atLeast ? 'moq' : 'moq_and_pack'
  return { needed, quantity, rounded }
}

/** Farther away than this is not worth a date. */
const LONGEST_COVER_DAYS = 730
/** Units that are left over only because paths are kept in single precision. */
const ROUNDED_AWAY = 0.001

/**
 * Days until `available` is sold, counted from the first day of the path, which goes on as its last four weeks were. Null: it lasts longer than
 * two years, or nothing is expected to be sold.
 */
export const daysOfCover = (available: number, path: Float32Array): number | null => {
  if (available <= 0) return 0
  const tail = path.subarray(Math.max(0, path.length - 28))
  const later = tail.reduce((sum, units) => sum + units, 0) / Math.max(1, tail.length)
  let left = available
  for (let day = 0; day < LONGEST_COVER_DAYS; day++) {
    left -= path[day] ?? later
    if (left <= ROUNDED_AWAY) return day
  }
  return null
}

/** Expected units in [from, to) of a path that goes on as its last four weeks were. */
export const expectedUnits = (path: Float32Array, from: number, to: number): number => {
  let sum = 0
  for (let day = from; day < to; day++) sum += path[Math.min(day, path.length - 1)]!
  return sum
}
