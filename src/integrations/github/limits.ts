// What an answer of GitHub says of GitHub: well, failing, or telling us to wait. Its limits come as 403 as often as 429.
import { verdictOfStatus, type Verdict } from '../../core/breaker-registry.ts'

export interface AnswerHead {
  status: number
  header: (name: string) => string | undefined
  /** The `message` of an error's body. */
  message: string
}

/** GitHub asks for at least a minute where it names no time, and for more each time it says so again. */
const UNTOLD_WAIT_MS = 60_000
const LONGEST_UNTOLD_WAIT_MS = 16 * UNTOLD_WAIT_MS
/** The primary limit is counted by the hour: a reset beyond that is a wrong clock or a wrong header. */
const LONGEST_RESET_MS = 3_660_000
/** Their clock counts whole seconds. */
const RESET_MARGIN_MS = 1_000

export interface Limits {
  judge (answer: AnswerHead, told: number | undefined): Verdict
  /** Milliseconds until the hour's limit is renewed when the answer says that nothing is left of it; else 0. */
  exhaustedMs (answer: AnswerHead): number
}

/** `now` is the wall clock in milliseconds: the reset is told as a time of day. */
export const createLimits = (now: () => number): Limits => {
  let untoldInARow = 0

  const exhaustedMs = ({ header }: AnswerHead): number => {
    if (header('x-ratelimit-remaining') !== '0') return 0
    const reset = Number(header('x-ratelimit-reset'))
    if (!Number.isFinite(reset) || reset <= 0) return 0
    // By their own clock where they say what it shows: ours may be wrong by minutes.
    const date = Date.parse(header('date') ?? '')
    const left = reset * 1000 - (Number.isNaN(date) ? now() : date)
    return Math.min(Math.max(left, 0) + RESET_MARGIN_MS, LONGEST_RESET_MS)
  }

  return {
    exhaustedMs,
    judge (answer, told) {
      const { status, message } = answer
      const refused = status === 403 || status === 429
      const exhausted = refused ? exhaustedMs(answer) : 0
      const secondary = refused && /rate limit|abuse/i.test(message)
      // Told both, the longer wait counts.
      if (refused && (told !== undefined || exhausted > 0)) return { kind: 'throttled', waitMs: Math.max(told ?? 0, exhausted) }
      if (secondary || status === 429) {
        const waitMs = Math.min(UNTOLD_WAIT_MS * 2 ** untoldInARow, LONGEST_UNTOLD_WAIT_MS)
        untoldInARow += 1
        return { kind: 'throttled', waitMs }
      }
      if (status < 400) untoldInARow = 0
      // A 403 that is no limit speaks of one right that is missing, not of the credential: the token still works elsewhere.
      if (status === 403) return { kind: 'success' }
      return verdictOfStatus(status, { ...(told === undefined ? {} : { told }), untold: UNTOLD_WAIT_MS })
    }
  }
}
