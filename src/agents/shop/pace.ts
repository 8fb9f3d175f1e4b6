// Lets the event loop run between the steps of long work.

const LONGEST_MS = 8

/** Call the result after each step: it waits for a turn of the event loop when the last one is long ago, and throws when the signal has aborted. */
export const paceOf = ({ monotonic }: { monotonic (): number }, signal: AbortSignal): (() => Promise<void> | undefined) => {
  let since = monotonic()
  return () => {
    if (monotonic() - since < LONGEST_MS) return undefined
    signal.throwIfAborted()
    return new Promise((resolve) => {
      setImmediate(() => {
        since = monotonic()
        resolve()
      })
    })
  }
}
