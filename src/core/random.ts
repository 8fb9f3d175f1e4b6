// Jitter comes from here, so that tests can hand in a source of their own. Results of the product never do.
import { randomInt } from 'node:crypto'

/** A number in [0, 1). */
export type Random = () => number

const STEPS = 2 ** 32

export const systemRandom: Random = () => randomInt(STEPS) / STEPS
