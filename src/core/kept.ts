// Answers that are kept for a moment and shared by all who want them, so that an upstream is not asked the same thing over and over.
// Failures are not kept.
import type { Clock } from './clock.ts'

export interface Kept {
  /**
   * What `load` answered under this key at most `maxAgeMs` ago, or is answering now; else `load` is called. It is aborted when nobody waits any
   * more. @throws what `load` throws, the reason of the signal.
   */
  get<T> (key: string, maxAgeMs: number, signal: AbortSignal, load: (signal: AbortSignal) => Promise<T>): Promise<T>
}

interface Entry {
  result: Promise<unknown>
  begun: number
  /** Not to be used after that. */
  until: number
  controller: AbortController
  waiting: number
  ended: boolean
}

const MOST_ENTRIES = 24

export const createKept = (clock: Pick<Clock, 'monotonic'>): Kept => {
  const entries = new Map<string, Entry>()

  const sweep = (): void => {
    const now = clock.monotonic()
    for (const [key, { ended, until }] of entries) if (ended && now > until) entries.delete(key)
    // The oldest come first.
    for (const [key, { ended }] of entries) {
      if (entries.size <= MOST_ENTRIES) return
      if (ended) entries.delete(key)
    }
  }

  const begin = (key: string, maxAgeMs: number, load: (signal: AbortSignal) => Promise<unknown>): Entry => {
    const controller = new AbortController()
    const begun = clock.monotonic()
    const entry: Entry = { result: load(controller.signal), begun, until: begun + maxAgeMs, controller, waiting: 0, ended: false }
    const forget = (): void => { if (entries.get(key) === entry) entries.delete(key) }
    entry.result.then(() => { entry.ended = true }, forget)
    entries.set(key, entry)
    return entry
  }

  return {
    get: <T>(key: string, maxAgeMs: number, signal: AbortSignal, load: (signal: AbortSignal) => Promise<T>) => {
      signal.throwIfAborted()
      sweep()
      const known = entries.get(key)
      const entry = known !== undefined && (!known.ended || clock.monotonic() - known.begun <= maxAgeMs) ? known : begin(key, maxAgeMs, load)
      entry.waiting += 1
      return new Promise<T>((resolve, reject) => {
        const leave = (): void => {
          signal.removeEventListener('abort', onAbort)
          entry.waiting -= 1
        }
        const onAbort = (): void => {
          leave()
          reject(signal.reason)
          if (entry.waiting > 0 || entry.ended) return
          if (entries.get(key) === entry) entries.delete(key)
          entry.controller.abort(signal.reason)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        entry.result.then((value) => {
          leave()
          resolve(value as T)
        }, (error: unknown) => {
          leave()
          reject(error)
        })
      })
    }
  }
}
