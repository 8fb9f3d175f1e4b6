// Which days were days of a promotion, told from the codes that were used for a while: what sold on them says little about the list price.
import type { CodeUse } from './sales-record.ts'

/** A code that rested for longer is taken for a new promotion of the same name. */
const REST_DAYS = 14
/** Codes that are used for longer are part of every day: a welcome, a newsletter. */
const LONGEST_DAYS = 45
const FEWEST_USES = 10

export interface Promotion {
  code: string
  /** Days since the epoch, both included. */
  from: number
  to: number
  /** Null: everything in the shop. */
  types: ReadonlySet<string> | null
}

export const promotionsOf = (codes: ReadonlyMap<string, readonly CodeUse[]>): Promotion[] => {
  const promotions: Promotion[] = []
  for (const [code, uses] of codes) {
    for (const run of runsOf(uses)) {
      const from = run[0]!.day
      const to = run[run.length - 1]!.day
      if (run.length < FEWEST_USES || to - from >= LONGEST_DAYS) continue
      const partial = run.some((use) => use.partial)
      promotions.push({ code, from, to, types: partial ? new Set(run.flatMap(({ types }) => types)) : null })
    }
  }
  return promotions.sort((a, b) => a.from - b.from || (a.code < b.code ? -1 : 1))
}

const runsOf = (uses: readonly CodeUse[]): CodeUse[][] => {
  const runs: CodeUse[][] = []
  let last = -Infinity
  for (const use of uses) {
    if (use.day - last > REST_DAYS) runs.push([])
    runs[runs.length - 1]!.push(use)
    last = use.day
  }
  return runs
}

/** Whether a promotion ran for this type of product on this day. */
export const promotedOn = (promotions: readonly Promotion[], type: string): ((day: number) => boolean) => {
  const days = new Set<number>()
  for (const { from, to, types } of promotions) {
    if (types !== null && !types.has(type)) continue
    for (let day = from; day <= to; day++) days.add(day)
  }
  return (day) => days.has(day)
}
