// How amounts, days and changes of the shop are told.
import { age, code } from '../../wording.ts'
import { addDays, dayOf, daysBetween, timeOf, weekdayOf } from '../../shop/days.ts'
import type { Desk } from '../desk.ts'
import { daysOf, type Days, type Period } from '../periods.ts'
import type { ComparedRecord } from '../shop-records.ts'

const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

/** `4,310.20` of `4310.20`. Text all the way: a float would lose cents. */
export const plainAmount = (decimal: string): string => {
  const [whole = '', fraction] = decimal.split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** `4,310.20 EUR`. */
export const amount = (decimal: string, currency: string): string => `${plainAmount(decimal)} ${currency}`

export const isZero = (decimal: string): boolean => /^-?0*\.?0*$/.test(decimal)

/** `read now`, `read 12 s ago`: when an answer was true. */
export const readAge = (readAt: string, now: number): string => {
  const ms = now - Date.parse(readAt)
  return ms < 1_000 ? 'read now' : `read ${age(ms)} ago`
}

/** `Monday 2026-11-23`. */
const dayName = (date: string): string => `${WEEKDAYS[weekdayOf(date)]!} ${date}`

/** `Today`, `Yesterday, Monday 2026-11-23`, `Monday 2026-11-16`. */
export const dayTitle = (date: string, today: string): string => {
  if (date === today) return 'Today'
  return date === addDays(today, -1) ? `Yesterday, ${dayName(date)}` : dayName(date)
}

/** `From 2026-11-16 to 2026-11-22 (7 days, Europe/Berlin)`; with the time of day up to which a span is told that goes on. */
export const spanTitle = ({ from, to, until, complete, time_zone: zone }: Days & { until: string, complete: boolean, time_zone: string }): string =>
  `From ${from} to ${to}${complete ? '' : ` ${timeOf(Date.parse(until), zone)}`} (${daysBetween(from, to)} days, ${zone})`

/** `2026-11-23 07:05 (12 s ago)`: the shop's own time. An answer that has such times names the zone once. */
export const shopMoment = (at: string, zone: string, now: number): string => {
  const time = Date.parse(at)
  return `${dayOf(time, zone)} ${timeOf(time, zone)} (${age(Math.max(0, now - time))} ago)`
}

/** `12.6 % more than`, `as much as`; the empty text when there is nothing to compare with. */
const changeOf = ({ change_percent: change }: ComparedRecord): string => {
  if (change === null) return ''
  return change === 0 ? 'as much as ' : `${Math.abs(change)} % ${change > 0 ? 'more' : 'less'} than `
}

/** `12.6 % more than on Monday 2026-11-16 until 14:05 (19 orders, 3,900.00 EUR)`, or that there were none. */
export const comparison = (compared: ComparedRecord, more: { complete: boolean, time_zone: string, currency: string }): string => {
  const when = compared.from === compared.to
    ? `on ${dayName(compared.from)}${more.complete ? '' : ` until ${timeOf(Date.parse(compared.until), more.time_zone)}`}`
    : `from ${compared.from} to ${compared.to}${more.complete ? '' : ` ${timeOf(Date.parse(compared.until), more.time_zone)}`}`
  if (compared.orders === 0) return `there were no orders ${when}`
  const orders = compared.orders === 1 ? '1 order' : `${plainAmount(String(compared.orders))} orders`
  const change = changeOf(compared)
  const figures = `${orders}, ${amount(compared.net_before_refunds, more.currency)}`
  return change === '' ? `${figures} ${when}` : `${change}${when} (${figures})`
}

/** The days that were meant, seen from the shop's own date; a sentence when that is unclear. */
export const daysMeant = async (period: Period, desk: Desk): Promise<{ days: Days, today: string } | string> => {
  const { today } = await desk.use('shop_info')
  const days = daysOf(period, today)
  if (days !== undefined) return { days, today }
  return period.includes('unclear')
    ? 'I did not understand which days you mean. Say, for example, “yesterday”, “last week”, “in October”, “since Monday” or “on 2026-11-03”.'
    : `Of the days that you name none has begun in the shop, or they do not exist: it is ${today} there.`
}

/** Text of the shop, of suppliers or customers. */
export const quoted = (text: string): string => code(text)
