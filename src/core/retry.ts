// Trying again: only what may be sent twice, with full jitter, and never more than a tenth of all calls.
import { CircuitOpenError, ThrottledError } from './breaker-registry.ts'
import { BulkheadFullError } from './bulkhead.ts'
import type { Clock } from './clock.ts'
import { pause } from './pause.ts'
import type { Random } from './random.ts'

/** Retries of a dependency come out of what its calls pay in: an upstream that fails for everybody is not met with twice the load. */
export interface RetryBudget {
  /** Each first try pays in. */
  called (): void
  /** False: no retry is left. */
  take (): boolean
}

const SHARE = 0.1
// A quiet process may retry its first failure; after a long calm no more than ten retries come at once.
const AT_FIRST = 1
const AT_MOST = 10
// Sums of 0.1 fall short of 1 by less than this.
const ROUNDING = 1e-9

export const createRetryBudget = (): RetryBudget => {
  let left = AT_FIRST
  return {
    called () { left = Math.min(AT_MOST, left + SHARE) },
    take () {
      if (left < 1 - ROUNDING) return false
      left -= 1
      return true
    }
  }
}

export interface RetryOptions<T> {
  budget: RetryBudget
  clock: Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout'>
  random: Random
  /** Ends the wait between two tries. */
  signal: AbortSignal
  /** In all; 1 for what must not be sent twice. */
  attempts: number
  /** By `clock.monotonic()`: no try begins after it. */
  deadline: number
  /** Whether the outcome of a try is worth another one. */
  again (outcome: { ok: true, value: T } | { ok: false, error: unknown }): boolean
}

const BASE_MS = 200
const CAP_MS = 5_000

/**
 * Makes a try, and further ones while they fail; each one asks breaker and gate for itself. The outcome is that of the last try that was sent: a
 * further one that was held back does not make the first one unsent. It does not wait for a closed gate or an open breaker; whoever has the time for
 * that (a job, the shop's query budget) knows for how long.
 */
export const withRetries = async <T>(attempt: () => Promise<T>, options: RetryOptions<T>): Promise<T> => {
  const { budget, clock, random, signal, attempts, deadline, again } = options
  budget.called()
  let sent: Outcome<T> | undefined
  for (let count = 1; ; count++) {
    const outcome = await outcomeOf(attempt)
    const heldBack = !outcome.ok && isHeldBack(outcome.error)
    if (!heldBack || sent === undefined) sent = outcome
    const last = heldBack || count >= attempts || signal.aborted || !again(outcome)
    const waitMs = last ? 0 : random() * Math.min(CAP_MS, BASE_MS * 2 ** (count - 1))
    if (last || clock.monotonic() + waitMs >= deadline || !budget.take()) {
      if (sent.ok) return sent.value
      throw sent.error
    }
    await pause(clock, waitMs, signal)
  }
}

type Outcome<T> = Parameters<RetryOptions<T>['again']>[0]

const outcomeOf = async <T>(attempt: () => Promise<T>): Promise<Outcome<T>> => {
  try {
    return { ok: true, value: await attempt() }
  } catch (error) {
    return { ok: false, error }
  }
}

const isHeldBack = (error: unknown): boolean =>
  error instanceof CircuitOpenError || error instanceof ThrottledError || error instanceof BulkheadFullError
