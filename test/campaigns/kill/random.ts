// A random source with a seed (mulberry32): the same seed gives the same plan. What the machine makes of the plan still varies.

export type Dice = ReturnType<typeof createDice>

export const createDice = (seed: number) => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    /** A whole number from 0 to `below` - 1. */
    below: (below: number): number => Math.floor(next() * below),
    /** True with this probability. */
    chance: (probability: number): boolean => next() < probability
  }
}
