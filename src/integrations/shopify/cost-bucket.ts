// Our picture of the shop's query budget: a bucket that leaks back at a fixed rate. It errs on the low side, so that what it allows is never refused.
import type { Clock } from '../../core/clock.ts'

/** `extensions.cost` of an answer, in points. */
export interface CostReport {
  requested: number
  /** Null when the query was not executed. */
  actual: number | null
  maximumAvailable: number
  currentlyAvailable: number
  /** Points a second. */
  restoreRate: number
}

export interface Sent {
  cost: number
  /** Nothing else was under way from its beginning on: what its answer reports is the whole truth. */
  alone: boolean
}

export interface CostBucket {
  /** Points that surely are there. */
  available (): number
  readonly maximum: number
  readonly restoreRate: number
  /** Milliseconds until `available` reaches `points`, should nothing else happen; Infinity when calls under way stand in between. */
  millisecondsUntil (points: number): number
  send (cost: number): Sent
  /** The call has ended; without a report nobody knows what it cost. */
  settle (sent: Sent, report: CostReport | undefined): void
  /** It never left, or was turned away before it was looked at. */
  cancel (sent: Sent): void
}

// What a Standard plan has; the first answer tells the truth. A fresh process begins with enough for one page, since another may have spent the rest.
const FIRST_MAXIMUM = 2_000
const FIRST_RATE = 100
const FIRST_POINTS = 1_200

export const createCostBucket = (clock: Pick<Clock, 'monotonic'>): CostBucket => {
  let maximum = FIRST_MAXIMUM
  let restoreRate = FIRST_RATE
  let points = FIRST_POINTS
  let at = clock.monotonic()
  const underWay = new Set<Sent>()

  const owed = (): number => {
    let sum = 0
    for (const { cost } of underWay) sum += cost
    return sum
  }

  // A bucket that is full at the shop does not fill further: while calls are under way we cannot have more than the maximum less their cost.
  const refresh = (): void => {
    const now = clock.monotonic()
    points = Math.min(points + Math.max(0, now - at) / 1_000 * restoreRate, maximum - owed())
    at = now
  }

  return {
    get maximum () { return maximum },
    get restoreRate () { return restoreRate },
    available () {
      refresh()
      return points
    },
    millisecondsUntil (wanted) {
      refresh()
      if (points >= wanted) return 0
      if (wanted > maximum - owed()) return Infinity
      return Math.ceil((wanted - points) / restoreRate * 1_000)
    },
    send (cost) {
      refresh()
      const sent: Sent = { cost, alone: underWay.size === 0 }
      for (const other of underWay) other.alone = false
      underWay.add(sent)
      points -= cost
      return sent
    },
    settle (sent, report) {
      refresh()
      if (!underWay.delete(sent) || report === undefined) return
      maximum = report.maximumAvailable
      restoreRate = report.restoreRate
      // A query that was refused has no actual cost: it was not executed, and nothing was taken for it.
      points += sent.cost - (report.actual ?? 0)
      // With nothing else under way the shop's own figure is right. Else it may lack what the others cost, so it only counts when it is below ours:
      // somebody else spends from the same bucket.
      if (sent.alone || report.currentlyAvailable < points) points = report.currentlyAvailable - owed()
      points = Math.min(points, maximum - owed())
    },
    cancel (sent) {
      refresh()
      if (underWay.delete(sent)) points = Math.min(points + sent.cost, maximum - owed())
    }
  }
}
