// One signal for a call: the caller's wish, the deadline in all, and the time without a byte.
import type { Clock } from '../../core/clock.ts'

export interface LimitsOptions {
  totalMs: number
  /** Without a byte, while one is waited for. */
  idleMs?: number
  /** Makes the error of a call that took too long. */
  onTimeout: () => Error
}

export interface Limits {
  readonly signal: AbortSignal
  /** A byte came and the next one is waited for: `idleMs` begins anew. */
  alive (): void
  /** None is waited for until `alive`: what a reader does with the last one takes none of `idleMs`. */
  rest (): void
  /** Aborts the signal with this reason, unless it is aborted. */
  stop (reason: Error): void
  /** Why the signal was aborted: the caller's own reason, the timeout, or that of `stop`. Undefined while it is not. */
  reason (): unknown
  /** The call is over: stops the timers. */
  end (): void
}

export const createLimits = (clock: Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout'>, caller: AbortSignal, options: LimitsOptions): Limits => {
  const { totalMs, idleMs, onTimeout } = options
  const controller = new AbortController()
  const onTime = (): void => { controller.abort(onTimeout()) }
  const onCaller = (): void => { controller.abort(caller.reason) }
  const total = clock.setTimeout(onTime, totalMs)
  let waitsSince: number | undefined = clock.monotonic()
  let idle: unknown
  // One timer that looks back, not one a byte.
  const watch = (limit: number, ms: number): void => {
    idle = clock.setTimeout(() => {
      const left = waitsSince === undefined ? limit : waitsSince + limit - clock.monotonic()
      if (left <= 0) onTime()
      else watch(limit, left)
    }, ms)
  }
  if (idleMs !== undefined) watch(idleMs, idleMs)
  if (caller.aborted) onCaller()
  else caller.addEventListener('abort', onCaller, { once: true })
  return {
    signal: controller.signal,
    alive () { waitsSince = clock.monotonic() },
    rest () { waitsSince = undefined },
    stop (reason) { controller.abort(reason) },
    reason: () => controller.signal.aborted ? controller.signal.reason : undefined,
    end () {
      clock.clearTimeout(total)
      clock.clearTimeout(idle)
      caller.removeEventListener('abort', onCaller)
    }
  }
}
