// The shop's own dice: the same seed and name give the same numbers on every machine, so that a generated shop can be compared figure by figure.

export interface Dice {
  /** A number in [0, 1). */
  next (): number
  /** A whole number in [from, to]. */
  between (from: number, to: number): number
  chance (probability: number): boolean
  pick<T> (from: readonly T[]): T
  /** An index, each with the chance of its weight. */
  weighted (weights: readonly number[]): number
  /** Mean 0, standard deviation 1. */
  normal (): number
  /** How many events of this mean rate happen. */
  poisson (mean: number): number
}

// FNV-1a, 32 bits, with the finalizer of MurmurHash3: names that differ in one letter give unrelated streams.
const hash = (text: string, start: number): number => {
  let value = start
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ value >>> 16, 0x85ebca6b)
  value = Math.imul(value ^ value >>> 13, 0xc2b2ae35)
  return (value ^ value >>> 16) >>> 0
}

/** sfc32 (Chris Doty-Humphrey's small fast counter generator), seeded by the hashes of the names. */
export const diceOf = (...names: Array<string | number>): Dice => {
  const text = names.join('\u001f')
  let a = hash(text, 0x811c9dc5)
  let b = hash(text, 0x9e3779b9)
  let c = hash(text, 0x243f6a88)
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ b >>> 9
    b = (c + (c << 3)) | 0
    c = (c << 21 | c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 12; i++) next()

  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  const dice: Dice = {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick: (from) => {
      const found = from[Math.floor(next() * from.length)]
      if (found === undefined) throw new Error('nothing to pick from')
      return found
    },
    weighted (weights) {
      let left = next() * weights.reduce((sum, weight) => sum + weight, 0)
      for (let i = 0; i < weights.length; i++) {
        left -= weights[i] ?? 0
        if (left < 0) return i
      }
      return weights.length - 1
    },
    normal,
    poisson (mean) {
      // Knuth's products for small means; above, the normal curve is close enough and does not underflow.
      if (mean > 40) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()))
      const limit = Math.exp(-mean)
      let count = 0
      for (let product = next(); product > limit; product *= next()) count++
      return count
    }
  }
  return dice
}
