// The habit by which the shop's prices end, and the prices near another one that keep to it.

/** Endings of the last two digits in coins: 95 for 12.95. Null: the shop has no habit. */
export type Habit = readonly number[] | null

const FEWEST_PRICES = 10
/** A habit covers so much of all prices with at most four endings of which each is no rarity. */
const COVERED = 0.8
const RARE = 0.05
const MOST_ENDINGS = 4

export const habitOf = (prices: readonly number[]): Habit => {
  if (prices.length < FEWEST_PRICES) return null
  const counts = new Map<number, number>()
  for (const price of prices) counts.set(price % 100, (counts.get(price % 100) ?? 0) + 1)
  const common = [...counts].filter(([, count]) => count >= RARE * prices.length).sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MOST_ENDINGS)
  const covered = common.reduce((total, [, count]) => total + count, 0)
  return covered >= COVERED * prices.length ? common.map(([ending]) => ending).sort((a, b) => a - b) : null
}

const MOST_CANDIDATES = 40

/** Whole prices from `low` to `high`, both included, that end as the shop's do: at most 40, evenly spread, the bounds' neighbours among them. */
export const candidatesBetween = (low: number, high: number, habit: Habit): number[] => {
  if (high < low) return []
  const all: number[] = []
  if (habit === null) {
    const step = Math.max(1, Math.floor((high - low) / MOST_CANDIDATES))
    for (let price = low; price <= high; price += step) all.push(price)
  } else {
    const hundreds = Math.floor(high / 100) - Math.floor(low / 100) + 1
    const stride = Math.max(1, Math.ceil(hundreds * habit.length / MOST_CANDIDATES))
    // Of wide ranges every n-th price is taken, from the top down, so that the highest is among them.
    for (let hundred = Math.floor(high / 100), at = 0; hundred >= Math.floor(low / 100); hundred--) {
      for (const ending of habit.toReversed()) {
        const price = hundred * 100 + ending
        if (price >= low && price <= high && price > 0 && at++ % stride === 0) all.push(price)
      }
    }
  }
  return [...new Set(all)].sort((a, b) => a - b).slice(0, MOST_CANDIDATES + 2)
}
