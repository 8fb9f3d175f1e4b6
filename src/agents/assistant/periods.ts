// Spans of days as people say them, and which days they are. Words become a name first; the shop's own today turns it into dates later.
import { addDays, isDate, weekdayOf } from '../shop/days.ts'
import type { Words } from './words.ts'

/**
 * `today`, `yesterday`, `this_week`, `last_week`, `this_month`, `last_month`, `this_year`, `last_year`, `last_weekend`, `days 30` (to today),
 * `month 10` and `month 2025-10`, `weekday 0` (the latest Monday before today), `date 2026-11-03` and `date 11-03`, two dates as
 * `range 11-03..11-05`, `since` with another one, or `unclear`.
 */
export type Period = string

/** Dates of the shop, both included. */
export interface Days {
  from: string
  to: string
}

const MONTHS = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december']
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve']
const UNIT_DAYS: Record<string, number> = { day: 1, week: 7, fortnight: 14, month: 30, year: 365 }
const BACK = new Set(['last', 'past', 'previous', 'latest', 'recent'])
const NOW = new Set(['this', 'current'])
const TO = new Set(['to', 'until', 'till', 'through'])
const GENITIVE = new Set([...MONTHS, ...WEEKDAYS, 'today', 'yesterday', 'week', 'month', 'year', 'weekend'].map((word) => `${word}s`))
const UNCLEAR = new Set(('quarter quarters q1 q2 q3 q4 hour hours hourly minute minutes morning afternoon evening tonight tomorrow next between since until ' +
  'ago decade ever lifetime christmas xmas easter season spring summer autumn winter daily monthly weekly nightly yearly').split(' '))
const MOST_DAYS = 730

const at = <T>(list: readonly T[], test: (item: T) => boolean): number | undefined => {
  const index = list.findIndex(test)
  return index < 0 ? undefined : index
}

const monthIn = (word: string | undefined): number | undefined => {
  if (word === undefined || word.length < 3) return undefined
  const index = at(MONTHS, (month) => month === word || month.slice(0, 3) === word || (word === 'sept' && month === 'september'))
  return index === undefined ? undefined : index + 1
}

const weekdayIn = (word: string | undefined): number | undefined => {
  const plain = word !== undefined && word.length > 5 && word.endsWith('s') ? word.slice(0, -1) : word
  return at(WEEKDAYS, (day) => day === plain)
}

const numberIn = (word: string | undefined): number | undefined => {
  if (word === undefined) return undefined
  if (/^\d{1,4}$/.test(word)) return Number(word)
  return at(NUMBERS, (name) => name === word)
}

const dayIn = (word: string | undefined): number | undefined => {
  const day = /^(\d{1,2})(?:st|nd|rd|th)?$/.exec(word ?? '')?.[1]
  return day !== undefined && Number(day) >= 1 && Number(day) <= 31 ? Number(day) : undefined
}

const yearIn = (word: string | undefined): number | undefined => /^20\d\d$/.test(word ?? '') ? Number(word) : undefined

const two = (value: number): string => String(value).padStart(2, '0')

/** The first span that the words name; undefined when they name none. `used`: how many words it takes, from `start`. */
export const periodIn = (said: Words): { period: Period, start: number, used: number } | undefined => {
  // "yesterday's orders" has lost its apostrophe.
  const words = said.map((word) => GENITIVE.has(word) ? word.slice(0, -1) : word)
  for (let start = 0; start < words.length; start++) {
    const found = periodAt(words, start)
    if (found === undefined) continue
    if (words[start - 1] === 'since') return { period: `since ${found.period}`, start: start - 1, used: found.used + 1 }
    const next = start + found.used
    const end = TO.has(words[next] ?? '') && next + 1 < words.length ? periodAt(words, next + 1) : undefined
    if (end === undefined || !isDated(found.period) || !isDated(end.period)) return { ...found, start }
    return { period: `range ${found.period.slice(5)}..${end.period.slice(5)}`, start, used: found.used + 1 + end.used }
  }
  const vague = words.findIndex((word) => UNCLEAR.has(word))
  return vague < 0 ? undefined : { period: 'unclear', start: vague, used: 1 }
}

const isDated = (period: Period): boolean => period.startsWith('date ')

const periodAt = (words: Words, start: number): { period: Period, used: number } | undefined => {
  const [word, second, third] = [words[start]!, words[start + 1], words[start + 2]]
  if (word === 'today' || word === 'yesterday') return { period: word, used: 1 }
  const year = yearIn(word)
  if (year !== undefined && second !== undefined && third !== undefined && /^\d\d?$/.test(second) && /^\d\d?$/.test(third)) {
    return { period: `date ${year}-${two(Number(second))}-${two(Number(third))}`, used: 3 }
  }
  return relative(word, second, third) ?? calendar(words, start)
}

const relative = (word: string, second: string | undefined, third: string | undefined): { period: Period, used: number } | undefined => {
  const back = BACK.has(word)
  if (!back && !NOW.has(word)) return undefined
  const amount = numberIn(second)
  const unit = third === undefined ? undefined : UNIT_DAYS[third.replace(/s$/, '')]
  if (back && amount !== undefined && unit !== undefined) {
    const days = amount * unit
    return { period: days >= 1 && days <= MOST_DAYS ? `days ${days}` : 'unclear', used: 3 }
  }
  switch (second) {
    case 'week': case 'month': case 'year': return { period: `${back ? 'last' : 'this'}_${second}`, used: 2 }
    case 'weekend': return { period: 'last_weekend', used: 2 }
    case 'day': return { period: back ? 'yesterday' : 'today', used: 2 }
    case 'days': return { period: 'days 7', used: 2 }
  }
  const weekday = weekdayIn(second)
  return back && weekday !== undefined ? { period: `weekday ${weekday}`, used: 2 } : undefined
}

const calendar = (words: Words, start: number): { period: Period, used: number } | undefined => {
  const word = words[start]!
  const weekday = weekdayIn(word)
  if (weekday !== undefined) return { period: `weekday ${weekday}`, used: 1 }
  const month = monthIn(word)
  const day = dayIn(word)
  // "3 November", "the 3rd of November 2025"
  const of = words[start + 1] === 'of' ? 1 : 0
  const monthAfter = day === undefined ? undefined : monthIn(words[start + 1 + of])
  if (day !== undefined && monthAfter !== undefined) return dated(monthAfter, day, yearIn(words[start + 2 + of]), 2 + of)
  if (month === undefined) return undefined
  // "may" and "march" are no months by themselves: "may I", "march on".
  const before = words[start - 1]
  const surely = !['may', 'mar', 'march', 'jun', 'jan', 'dec', 'sep', 'oct', 'nov', 'aug', 'apr', 'feb', 'jul'].includes(word) ||
    ['in', 'of', 'for', 'during', 'since', 'last', 'this'].includes(before ?? '')
  const dayAfter = dayIn(words[start + 1])
  if (dayAfter !== undefined) return dated(month, dayAfter, yearIn(words[start + 2]), 2)
  const year = yearIn(words[start + 1])
  if (year !== undefined) return { period: `month ${year}-${two(month)}`, used: 2 }
  return surely ? { period: `month ${two(month)}`, used: 1 } : undefined
}

const dated = (month: number, day: number, year: number | undefined, used: number): { period: Period, used: number } =>
  ({ period: `date ${year === undefined ? '' : `${year}-`}${two(month)}-${two(day)}`, used: year === undefined ? used : used + 1 })

/** The days of a span, seen from `today`; nothing after today. Undefined: it is unclear, does not exist, or lies ahead. */
export const daysOf = (period: Period, today: string): Days | undefined => {
  if (period.startsWith('since ')) {
    const begin = daysOf(period.slice(6), today)
    return begin === undefined ? undefined : { from: begin.from, to: today }
  }
  const [kind = '', value = ''] = period.split(' ')
  const found = resolve(kind, value, today)
  if (found === undefined || found.from > today) return undefined
  return found.to > today ? { from: found.from, to: today } : found
}

const resolve = (kind: string, value: string, today: string): Days | undefined => {
  const monday = addDays(today, -weekdayOf(today))
  const year = Number(today.slice(0, 4))
  const month = today.slice(0, 7)
  switch (kind) {
    case 'today': return { from: today, to: today }
    case 'yesterday': return oneDay(addDays(today, -1))
    case 'this_week': return { from: monday, to: today }
    case 'last_week': return { from: addDays(monday, -7), to: addDays(monday, -1) }
    // From Monday on; on a weekend it is the one that is going on.
    case 'last_weekend': return weekdayOf(today) >= 5 ? { from: addDays(monday, 5), to: today } : { from: addDays(monday, -2), to: addDays(monday, -1) }
    case 'this_month': return { from: `${month}-01`, to: today }
    case 'last_month': return monthOf(addDays(`${month}-01`, -1).slice(0, 7))
    case 'this_year': return { from: `${year}-01-01`, to: today }
    case 'last_year': return { from: `${year - 1}-01-01`, to: `${year - 1}-12-31` }
    case 'days': return { from: addDays(today, 1 - Number(value)), to: today }
    case 'weekday': return oneDay(addDays(today, -((weekdayOf(today) - Number(value) + 6) % 7 + 1)))
    case 'month': return value.length > 2 ? monthOf(value) : latest((own) => `${own}-${value}-01`, today, (date) => monthOf(date.slice(0, 7)))
    case 'range': return rangeOf(value, today)
    case 'date': return value.length > 5 ? dayOrNothing(value) : latest((own) => `${own}-${value}`, today, dayOrNothing)
  }
  return undefined
}

const rangeOf = (value: string, today: string): Days | undefined => {
  const [first, last] = value.split('..').map((date) => resolve('date', date, today))
  return first === undefined || last === undefined || last.to < first.from ? undefined : { from: first.from, to: last.to }
}

const oneDay = (date: string): Days => ({ from: date, to: date })
const dayOrNothing = (date: string): Days | undefined => isDate(date) ? oneDay(date) : undefined
const monthOf = (month: string): Days => ({ from: `${month}-01`, to: addDays(`${addDays(`${month}-01`, 31).slice(0, 7)}-01`, -1) })

/** Without a year it is the last one that has begun. */
const latest = (dateIn: (year: number) => string, today: string, days: (date: string) => Days | undefined): Days | undefined => {
  const year = Number(today.slice(0, 4))
  return [year, year - 1].map(dateIn).filter((date) => date <= today).map(days).find((found) => found !== undefined)
}

/** What a span is compared with: the same weekdays one week or some weeks before, or for a month from its first day the same days of the month before. */
export const before = ({ from, to }: Days): Days => {
  const length = Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1
  if (from.endsWith('-01') && length > 7 && from.slice(0, 7) === to.slice(0, 7)) {
    const whole = monthOf(addDays(from, -1).slice(0, 7))
    const isWhole = to === monthOf(from.slice(0, 7)).to
    const same = `${whole.from.slice(0, 8)}${to.slice(8)}`
    return { from: whole.from, to: isWhole || same > whole.to ? whole.to : same }
  }
  const shift = -7 * Math.ceil(length / 7)
  return { from: addDays(from, shift), to: addDays(to, shift) }
}
