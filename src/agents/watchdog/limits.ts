// From where on the watchdog calls a figure worth a warning, and from where on critical. A figure equal to its limit is still well.

export interface Limit {
  warning: number
  /** Absent: it never gets worse than a warning. */
  critical?: number
}

const GIB = 2 ** 30

export const EVENT_LOOP_P99_MS: Limit = { warning: 100, critical: 500 }
export const HEAP_USED_PERCENT: Limit = { warning: 80, critical: 92 }
/** Resident memory as a share of the heap limit. Buffers live outside of the heap: it may pass 100 % while the heap is nearly empty. */
export const RSS_PERCENT: Limit = { warning: 100, critical: 150 }
export const QUEUED_JOBS: Limit = { warning: 1_000, critical: 10_000 }
export const OLDEST_READY_MS: Limit = { warning: 60_000, critical: 300_000 }
export const DEAD_JOBS: Limit = { warning: 0 }
export const PARKED_JOBS: Limit = { warning: 0 }
export const STUCK_SCHEDULES: Limit = { warning: 0 }
export const PAUSED_AGENTS: Limit = { warning: 0 }
export const STORE_BYTES: Limit = { warning: 5 * GIB, critical: 20 * GIB }
