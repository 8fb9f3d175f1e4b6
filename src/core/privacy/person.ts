// Whom a privacy request is about, and how text about them is recognised: addresses and numbers however they are written, names as they were given.
import type { Json } from '../model.ts'

export interface Person {
  /** Shopify's number; null: not known. */
  customer_id: string | null
  emails: string[]
  phones: string[]
  /** Full names. Shopify does not tell them: they come from whoever files the request. */
  names: string[]
}

export const REDACTED = '[redacted]'

export interface Redactor {
  /** The text without the person; the same text when it holds nothing of them. */
  text (text: string): string
  /** The same for each text in it, keys included, and for numbers that are theirs. The same value when it holds nothing. */
  json (value: Json): Json
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')

const SHORTEST_PHONE = 7
const SHORTEST_ID = 6
const GAP = '[\\s().\\/-]{0,3}'

/** Digits with whatever people write between them; behind `+`, `00`, or in its national form, with any length of the country's code. */
const phonePatterns = (phone: string): string[] => {
  const digits = phone.replaceAll(/\D/g, '').replace(/^00/, '')
  if (digits.length < SHORTEST_PHONE) return []
  const spaced = (text: string): string => [...text].join(GAP)
  const international = `(?<!\\d)(?:\\+|00)?${GAP}${spaced(digits)}(?!\\d)`
  const isInternational = /^\s*(?:\+|00)/.test(phone)
  const national = isInternational ? [1, 2, 3].map((code) => digits.slice(code)).filter((rest) => rest.length >= SHORTEST_PHONE) : []
  return [international, ...national.map((rest) => `(?<!\\d)0${GAP}${spaced(rest)}(?!\\d)`)]
}

const namePatterns = (name: string): string[] => {
  const words = name.normalize('NFC').trim().split(/\s+/).filter((word) => word !== '')
  if (words.length === 0) return []
  const orders = words.length < 2 ? [words] : [words, [words.at(-1)!, ...words.slice(0, -1)]]
  return orders.map((order) => `(?<![\\p{L}\\p{N}])${order.map(escaped).join('[\\s,]+')}(?![\\p{L}\\p{N}])`)
}

const emailPatterns = (email: string): string[] => {
  const address = escaped(email.trim().normalize('NFC'))
  return address === '' ? [] : [`(?<![\\p{L}\\p{N}._%+-])${address.replace('@', '(?:@|%40)')}(?![\\p{L}\\p{N}-])`]
}

/** One that holds nothing recognises nothing. */
export const redactorOf = ({ customer_id: id, emails, phones, names }: Person): Redactor => {
  const patterns = [
    ...emails.flatMap(emailPatterns),
    ...phones.flatMap(phonePatterns),
    ...names.flatMap(namePatterns),
    ...id === null ? [] : [`gid:\\/\\/shopify\\/Customer\\/${escaped(id)}(?!\\d)`]
  ]
  const any = patterns.length === 0 ? undefined : new RegExp(patterns.join('|'), 'giu')
  // An id by itself could be that of anything: only a value that is nothing else, and long enough to be one of the shop's.
  const isTheirId = (value: string): boolean => id !== null && id.length >= SHORTEST_ID && value === id

  const text = (given: string): string => {
    if (isTheirId(given)) return REDACTED
    if (any === undefined) return given
    const plain = given.normalize('NFC')
    const clean = plain.replaceAll(any, REDACTED)
    return clean === plain ? given : clean
  }
  const json = (value: Json): Json => {
    if (typeof value === 'string') return text(value)
    if (typeof value === 'number') return text(String(value)) === String(value) ? value : REDACTED
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) {
      const list = value.map(json)
      return list.every((each, index) => each === value[index]) ? value : list
    }
    const entries = Object.entries(value).map(([key, each]): [string, Json] => [text(key), json(each)])
    return entries.every(([key, each]) => Object.hasOwn(value, key) && each === value[key]) ? value : Object.fromEntries(entries)
  }
  return { text, json }
}
