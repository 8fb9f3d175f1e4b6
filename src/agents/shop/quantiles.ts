// The middle of a list of numbers, and what lies at another share of it.

/** Null of nothing. */
export const medianOf = (values: readonly number[]): number | null => quantileOf(values, 0.5)

/** Between two values, by the distance to each. */
export const quantileOf = (values: readonly number[], share: number): number | null => {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = Math.floor(place)
  const low = sorted[below]!
  return low + (place - below) * ((sorted[below + 1] ?? low) - low)
}
