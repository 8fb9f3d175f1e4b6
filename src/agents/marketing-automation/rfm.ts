// Recency, frequency and monetary value in fifths of the buyers.
import type { Slices } from '../shop/slices.ts'

/**
 * 1 for the lowest fifth to 5 for the highest. Equal values are in the same fifth, by the middle of their ranks: where most customers have
 * ordered once, all of them are together, and some fifths are empty.
 */
export const quintilesOf = (values: readonly number[]): number[] => {
  const sorted = Float64Array.from(values).sort()
  const fifths = new Map<number, number>()
  for (let from = 0; from < sorted.length;) {
    let to = from + 1
    while (to < sorted.length && sorted[to] === sorted[from]) to += 1
    const middle = (from + to) / 2 / sorted.length
    fifths.set(sorted[from]!, Math.min(5, 1 + Math.floor(5 * middle)))
    from = to
  }
  return values.map((value) => fifths.get(value)!)
}

export interface Scored {
  /** 5: bought most recently. */
  recency: number
  frequency: number
  monetary: number
}

/** In the order of the buyers. */
export const scoresOf = async (
  buyers: ReadonlyArray<{ orders: readonly number[], spent: { amount: string } }>, slices: Slices
): Promise<Scored[]> => {
  const recency = quintilesOf(buyers.map(({ orders }) => orders[orders.length - 1]!))
  await slices.pause()
  const frequency = quintilesOf(buyers.map(({ orders }) => orders.length))
  await slices.pause()
  // For the ranks alone: sums of money are never made of these.
  const monetary = quintilesOf(buyers.map(({ spent }) => Number(spent.amount)))
  await slices.pause()
  return buyers.map((_, index) => ({ recency: recency[index]!, frequency: frequency[index]!, monetary: monetary[index]! }))
}
