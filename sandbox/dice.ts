// A random source with a seed (mulberry32): the same seed makes the same choices in the same order.

/** Numbers from 0 up to but not including 1. */
export type Dice = () => number

export const createDice = (seed: number): Dice => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
