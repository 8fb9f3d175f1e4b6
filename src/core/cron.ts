// Cron lines in time zones: when is the next due instant, and which one is due now. Croner knows the calendar.
import { Cron } from 'croner'
import { AppError, errorText } from './errors.ts'

const parsed = new Map<string, Cron>()
const PARSED_KEPT = 200

/** @throws AppError `invalid_schedule` when the line or the zone makes no sense. */
const cronOf = (line: string, timezone: string): Cron => {
  const key = `${timezone} ${line}`
  let cron = parsed.get(key)
  if (cron === undefined) {
    const fields = line.trim().split(/\s+/).length
    if (fields !== 5 && fields !== 6) throw new AppError('invalid_schedule', { message: 'A cron line has five fields, or six with seconds first.' })
    try {
      // Time zones load the calendar data of the runtime, 20 ms of the start; UTC does without.
      cron = new Cron(line, { paused: true, ...(timezone === 'UTC' ? { utcOffset: 0 } : { timezone }) })
      cron.nextRun()
    } catch (error) {
      throw new AppError('invalid_schedule', { message: `The cron line or the time zone is not valid: ${errorText(error)}` })
    }
    if (parsed.size >= PARSED_KEPT) parsed.clear()
    parsed.set(key, cron)
  }
  return cron
}

/** The first due instant after `after`; null when there is none any more. @throws AppError `invalid_schedule` */
export const nextDue = (line: string, timezone: string, after: number): number | null =>
  cronOf(line, timezone).nextRun(new Date(after))?.getTime() ?? null

/** Like nextDue, for a schedule that is being made: one that would never fire is a mistake. @throws AppError `invalid_schedule` */
export const firstDue = (line: string, timezone: string, after: number): number => {
  const due = nextDue(line, timezone, after)
  if (due === null) throw new AppError('invalid_schedule', { message: 'The cron line names no instant that is still to come.' })
  return due
}

// A schedule of every second that slept for a day counts no further.
const MOST_MISSED = 10_000

/**
 * What to fire when `expected` has passed: the latest instant up to `now`, and how many before it were missed
 * (counted up to 10,000). Many missed instants are one run, never a backlog.
 */
export const latestDue = (line: string, timezone: string, expected: number, now: number): { due_at: number, missed: number } => {
  let due = expected
  let missed = 0
  while (missed < MOST_MISSED) {
    const next = nextDue(line, timezone, due)
    if (next === null || next > now) return { due_at: due, missed }
    due = next
    missed += 1
  }
  const last = cronOf(line, timezone).previousRuns(1, new Date(now + 1))[0]
  return { due_at: last?.getTime() ?? due, missed }
}

/** The last instant of the line up to `now`; null when there was none. @throws AppError `invalid_schedule` */
export const latestStart = (line: string, timezone: string, now: number): number | null =>
  cronOf(line, timezone).previousRuns(1, new Date(now + 1))[0]?.getTime() ?? null
