// How long an answer tells us to wait.

/** Longer than this is taken for a mistake: a breaker with a gate closed for a week would look like an outage of ours. */
const LONGEST_MS = 3_600_000

/** Milliseconds from a Retry-After header, seconds or a date; undefined when it says nothing that makes sense. `now`: wall clock, ms. */
export const retryAfterMs = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^\d{1,10}(\.\d+)?$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_MS)
  // Date.parse takes many things for dates; those that HTTP allows begin with the name of a day.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - now), LONGEST_MS)
}
