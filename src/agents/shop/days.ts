// Days of the shop: where they begin and end in its time zone, and what time it was there. A day has 23, 24 or 25 hours.

const HOUR = 3_600_000
const DAY = 24 * HOUR
const DATE = /^\d{4}-\d{2}-\d{2}$/

// Making a format takes far longer than using it.
const formats = new Map<string, Intl.DateTimeFormat>()

/** @throws RangeError for a time zone that does not exist. */
const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric'
    })
    formats.set(timeZone, format)
  }
  return format
}

/** What the clock on the wall shows, written as if it were UTC: milliseconds. */
const wallClock = (at: number, timeZone: string): number => {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {}
  for (const { type, value } of formatOf(timeZone).formatToParts(at)) parts[type] = value
  const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts[type])
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) + at - Math.floor(at / 1_000) * 1_000
}

const offsetAt = (at: number, timeZone: string): number => wallClock(at, timeZone) - at

const dateOf = (wall: number): string => new Date(wall).toISOString().slice(0, 10)

/** `2026-11-24`: the shop's date at this moment. */
export const dayOf = (at: number, timeZone: string): string => dateOf(wallClock(at, timeZone))

/** `14:05`: the shop's time of day, rounded down to the minute. */
export const timeOf = (at: number, timeZone: string): string => new Date(wallClock(at, timeZone)).toISOString().slice(11, 16)

/** Whether the text is a date that exists: `2026-02-30` does not. */
export const isDate = (text: string): boolean => DATE.test(text) && !Number.isNaN(Date.parse(text)) && dateOf(Date.parse(text)) === text

export const addDays = (date: string, days: number): string => dateOf(Date.parse(date) + days * DAY)

/** From `from` to `to`, both included. */
export const daysBetween = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / DAY) + 1

/** 0 is Monday. */
export const weekdayOf = (date: string): number => (new Date(date).getUTCDay() + 6) % 7

/** The first moment of the date in the shop, milliseconds since the epoch. */
export const startOf = (date: string, timeZone: string): number => momentOf(Date.parse(date), timeZone)

/** When the shop's clock showed on `date` what it shows at `at`; the first time when it did so twice, the end of the gap when it never did. */
export const sameTimeOn = (date: string, at: number, timeZone: string): number => {
  const wall = wallClock(at, timeZone)
  return momentOf(Date.parse(date) + (wall - Date.parse(dateOf(wall))), timeZone)
}

const momentOf = (wall: number, timeZone: string): number => {
  let before = wall - DAY
  let after = wall + DAY
  const first = offsetAt(before, timeZone)
  const second = offsetAt(after, timeZone)
  if (first === second) return wall - first
  // The clock is put forward or back on one of these days: find the moment.
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetAt(middle, timeZone) === first) before = middle
    else after = middle
  }
  return wall - first < after ? wall - first : Math.max(wall - second, after)
}
