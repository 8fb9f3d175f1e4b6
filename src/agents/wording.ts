// How figures, times and foreign text are put into sentences, the same way by every agent.

// Making a format takes far longer than using it.
const FORMAT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 })

/** `1,234.5`: at most one decimal. */
export const figure = (value: number): string => FORMAT.format(value)

/** `1 job`, `1,024 jobs`. */
export const count = (amount: number, one: string, many = `${one}s`): string => `${figure(amount)} ${amount === 1 ? one : many}`

const BYTE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `512 B`, `4.2 MiB`. */
export const bytes = (amount: number): string => {
  let value = amount
  let unit = 'B'
  for (const next of BYTE_UNITS) {
    // What would round to 1,024 belongs to the next unit.
    if (value < 1023.95) break
    value /= 1024
    unit = next
  }
  return `${figure(value)} ${unit}`
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Milliseconds as the two largest units that count: `850 ms`, `12.3 s`, `5 min`, `2 h 5 min`, `4 d 3 h`. */
export const duration = (ms: number): string => {
  if (ms < SECOND) return `${figure(ms)} ms`
  if (ms < MINUTE) return `${figure(Math.floor(ms / 100) / 10)} s`
  return coarse(ms)
}

/** Like `duration`, in whole seconds: for ages, where tenths would only flicker. */
export const age = (ms: number): string => ms < MINUTE ? `${Math.floor(ms / SECOND)} s` : coarse(ms)

const coarse = (ms: number): string => {
  const parts = (big: number, bigUnit: string, small: number, smallUnit: string): string => {
    const rest = Math.floor(ms % big / small)
    return `${figure(Math.floor(ms / big))} ${bigUnit}${rest === 0 ? '' : ` ${rest} ${smallUnit}`}`
  }
  if (ms < HOUR) return parts(MINUTE, 'min', SECOND, 's')
  return ms < DAY ? parts(HOUR, 'h', MINUTE, 'min') : parts(DAY, 'd', HOUR, 'h')
}

/** `2026-11-23 06:05 UTC (12 s ago)`, or `(in 48 s)`. Both arguments in milliseconds since the epoch or ISO-8601. */
export const moment = (at: number | string, now: number): string => {
  const time = typeof at === 'string' ? Date.parse(at) : at
  const distance = Math.abs(now - time)
  const relative = distance < SECOND ? 'now' : time < now ? `${age(distance)} ago` : `in ${age(distance)}`
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC (${relative})`
}

/** `a, b and c`. */
export const listed = (items: readonly string[], word = 'and'): string =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} ${word} ${items[items.length - 1]}`

const LONGEST_LINE = 240

/** Text that somebody else wrote, on one line, without control characters, and cut where it is long. */
export const oneLine = (text: string, longest = LONGEST_LINE): string => {
  const line = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim()
  const characters = [...line]
  return characters.length <= longest ? line : `${characters.slice(0, longest - 1).join('')}…`
}

/** Text that somebody else wrote, as inline code: whatever markup it holds stays text. */
export const code = (text: string): string => `\`${oneLine(text).replaceAll('`', "'")}\``
