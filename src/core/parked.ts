// Runs that cannot go on now and are not to be blamed: they wait, without costing an attempt, until what they wait for is over.
import { PermanentError } from './agent.ts'
import { CircuitOpenError, ThrottledError } from './breaker-registry.ts'
import { CommerceError } from './commerce-error.ts'
import { PermissionLapsedError } from './permission.ts'
import { RepositoryError } from './repository.ts'
import { WarehouseError } from './warehouse.ts'

/** Parks the job that throws it. `reason` is stored: `frozen:<id of the freeze>`. */
export class ParkedError extends Error {
  readonly reason: string

  constructor (reason: string) {
    super(`Parked: ${reason}.`)
    this.name = 'ParkedError'
    this.reason = reason
  }
}

export const circuitReason = (dependency: string): string => `circuit_open:${dependency}`
export const frozenReason = (freezeId: string): string => `frozen:${freezeId}`

/** There is nothing to call: the jobs wait for a start with the settings that make it. */
const unconfiguredReason = (dependency: string): string => `not_configured:${dependency}`

/** What a parked job waits for; undefined for the other reasons for which jobs are parked. */
export const waitedFor = (reason: string): { circuit: string } | { freeze: string } | { settings: string } | undefined => {
  const [, kind, what = ''] = /^(circuit_open|frozen|not_configured):(.+)$/.exec(reason) ?? []
  switch (kind) {
    case 'circuit_open': return { circuit: what }
    case 'frozen': return { freeze: what }
    case 'not_configured': return { settings: what }
    default: return undefined
  }
}

/**
 * How a run that failed for something outside goes on. `park`: at once; `again`: at that time, in milliseconds from now; `unavailable`: by the
 * ordinary retries, and when those are used up the job is parked for this reason instead of ending.
 */
export type Outage = { park: string } | { again: number } | { unavailable: string }

/** Undefined: the failure is the run's own. */
export const outageOf = (error: unknown): Outage | undefined => {
  if (error instanceof ParkedError) return { park: error.reason }
  if (error instanceof CircuitOpenError) return { park: circuitReason(error.dependency) }
  // Schedules go on without a shop: one job an agent waits for it, rather than one after the other failing.
  if (error instanceof PermanentError && error.code === 'shop_not_configured') return { park: unconfiguredReason('shopify_api') }
  if (error instanceof ThrottledError) return { again: error.retryAfterMs }
  if (error instanceof PermissionLapsedError) return { again: 0 }
  if (error instanceof CommerceError) {
    if (error.code === 'shop_throttled') return { again: error.retryAfterMs ?? BUSY_MS }
    if (error.code === 'shop_busy') return { again: BUSY_MS }
    if (error.code === 'shop_unavailable') return { unavailable: circuitReason('shopify_api') }
  }
  if (error instanceof RepositoryError && error.code === 'repository_unavailable') return { unavailable: circuitReason('github_api') }
  if (error instanceof WarehouseError && error.code === 'warehouse_unavailable') return { unavailable: circuitReason('bigquery') }
  return undefined
}

const BUSY_MS = 5_000
