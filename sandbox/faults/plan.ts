// The faults that are set, and which of them a request meets: the one that was set last, where several fit.
import { createDice } from '../dice.ts'
import type { UpstreamName } from '../upstreams.ts'
import type { Fault } from './kinds.ts'

/** A fault that is set. Times in milliseconds since the epoch; null: without end. */
export interface PlannedFault {
  id: number
  fault: Fault
  from: number
  until: number | null
  /** How many requests it may still hit. */
  left: number | null
  hits: number
}

export interface FaultPlan {
  add (fault: Fault): PlannedFault
  /** The fault that such a request meets now; it counts as hit. */
  take (upstream: UpstreamName, method: string, path: string): Fault | undefined
  /** Those that are set and not over, oldest first. */
  list (): PlannedFault[]
  /** False when there is none with this id. */
  remove (id: number): boolean
  clear (): void
}

export const createFaultPlan = ({ seed, now }: { seed: number, now: () => number }): FaultPlan => {
  let planned: PlannedFault[] = []
  let nextId = 1
  const dice = createDice(seed)

  const current = (): PlannedFault[] => {
    const at = now()
    planned = planned.filter(({ until, left }) => (until === null || until > at) && left !== 0)
    return planned
  }

  return {
    add (fault) {
      const from = now() + (fault.after_ms ?? 0)
      const added: PlannedFault = {
        id: nextId++, fault, from, until: fault.for_ms === undefined ? null : from + fault.for_ms, left: fault.count ?? null, hits: 0
      }
      planned.push(added)
      return added
    },
    take (upstream, method, path) {
      const at = now()
      for (const entry of current().toReversed()) {
        const { fault } = entry
        if (fault.upstream !== upstream || entry.from > at) continue
        if ((fault.path !== undefined && !path.includes(fault.path)) || (fault.method ?? method) !== method) continue
        if (fault.probability !== undefined && dice() >= fault.probability) continue
        entry.hits += 1
        if (entry.left !== null) entry.left -= 1
        return fault
      }
      return undefined
    },
    list: () => [...current()],
    remove (id) {
      const before = planned.length
      planned = planned.filter((entry) => entry.id !== id)
      return planned.length < before
    },
    clear () { planned = [] }
  }
}
