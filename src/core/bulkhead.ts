// A bulkhead: so many calls at a time, so many more that wait, and the rest are refused. One slow upstream cannot take all of the process.

export interface BulkheadOptions {
  /** Calls under way at a time. */
  concurrent: number
  /** Calls that may wait for a place. */
  queue: number
}

/** As many calls as may wait are waiting already. */
export class BulkheadFullError extends Error {
  readonly code = 'dependency_busy'
  readonly statusCode = 503
  readonly dependency: string
  readonly retryAfterMs = 1_000

  constructor (dependency: string) {
    super(`Too many calls to ${dependency} are under way and waiting.`)
    this.name = 'BulkheadFullError'
    this.dependency = dependency
  }
}

export interface Bulkhead {
  readonly running: number
  readonly waiting: number
  /** Takes a free place at once; false when there is none. Each place that was taken is given back with `leave`. */
  tryEnter (): boolean
  /** Waits for a place, first come, first served. @throws BulkheadFullError, or the reason of the signal. */
  enter (signal?: AbortSignal): Promise<void>
  leave (): void
}

export const createBulkhead = (dependency: string, { concurrent, queue }: BulkheadOptions): Bulkhead => {
  const line = new Set<() => void>()
  let running = 0
  return {
    get running () { return running },
    get waiting () { return line.size },
    tryEnter () {
      if (running >= concurrent) return false
      running += 1
      return true
    },
    enter (signal) {
      if (line.size >= queue) return Promise.reject(new BulkheadFullError(dependency))
      return new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          line.delete(proceed)
          reject(signal!.reason)
        }
        const proceed = (): void => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }
        if (signal?.aborted === true) return reject(signal.reason)
        line.add(proceed)
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
    leave () {
      const [next] = line
      // The place goes to the next in line: nobody who comes meanwhile takes it.
      if (next === undefined) running -= 1
      else {
        line.delete(next)
        next()
      }
    }
  }
}
