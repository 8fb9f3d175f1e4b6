// Days of the shop: where they begin in its time zone, and how they are called.

export const TIMEZONE = 'Europe/Berlin'
export const HOUR = 3_600_000
export const DAY = 24 * HOUR

const parts = new Intl.DateTimeFormat('en-CA', { timeZone: TIMEZONE, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', hourCycle: 'h23' })
const dateOnly = new Intl.DateTimeFormat('en-CA', { timeZone: TIMEZONE, year: 'numeric', month: '2-digit', day: '2-digit' })

/** `2026-11-24`: the day of the shop at this moment. */
export const dayOf = (time: number): string => dateOnly.format(time)

/** A date some days later. */
export const addDays = (date: string, days: number): string => new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10)

const weekdays = new Map<string, number>()

/** 0 is Monday. */
export const weekdayOf = (date: string): number => {
  let day = weekdays.get(date)
  if (day === undefined) weekdays.set(date, day = (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7)
  return day
}

/** 1 to 366. */
export const dayOfYear = (date: string): number => Math.round((Date.parse(`${date}T00:00:00Z`) - Date.parse(`${date.slice(0, 4)}-01-01T00:00:00Z`)) / DAY) + 1

/** The first of the month, this many months earlier. */
export const monthsBefore = (date: string, months: number): string => {
  const [year = 0, month = 1] = date.split('-').map(Number)
  return new Date(Date.UTC(year, month - 1 - months, 1)).toISOString().slice(0, 10)
}

const starts = new Map<string, number>()

/** When the day begins, milliseconds since the epoch. Days of 23 and 25 hours exist. */
export const startOf = (date: string): number => {
  const known = starts.get(date)
  if (known !== undefined) return known
  const midnight = Date.parse(`${date}T00:00:00Z`)
  // Berlin is one or two hours ahead of UTC: the hour it has there at midnight UTC is the difference.
  const ahead = Number(parts.formatToParts(midnight).find((part) => part.type === 'hour')?.value) * HOUR
  let start = midnight - ahead
  if (dayOf(start) !== date) start += HOUR
  else if (dayOf(start - 1) === date) start -= HOUR
  starts.set(date, start)
  return start
}

/** A time on the shop's clock: the day and hours since it began. */
export const timeOf = (date: string, hours: number): number => Math.round(startOf(date) + hours * HOUR)
