// Hides personal data from a language model: addresses, phone and card numbers become placeholders, the same for the same value, and come back in what
// the model says.

export interface Mask {
  /** Whether anything was hidden. */
  readonly used: boolean
  hide (text: string): string
  reveal (text: string): string
  /** For text that comes in pieces: what may be the beginning of a placeholder waits for the rest. `end`: that was all. */
  revealer (): { piece (text: string): string, end (): string }
}

const EMAIL = /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,24}(?![\p{L}\p{N}-])/gu
/** 13 to 19 digits in groups. */
const CARD = /(?<![\w./-])\d(?:[ -]?\d){12,18}(?![\w-])/g
/** International with + or 00, or national with a 0 in front; no date. */
const PHONE = /(?<![\w./+-])(?!\d\d[./-]\d\d[./-]\d{4}(?!\d))(?:(?:\+|00)[1-9(](?:[ ()./-]{0,2}\d){6,13}|0[1-9](?:[ ()/-]{0,2}\d){7,12})(?![\w-])/g

const PLACEHOLDER = /\[(?:email|phone|card)-\d{1,6}\]/g
const LONGEST_PLACEHOLDER = '[phone-000000]'.length

export const createMask = (): Mask => {
  const placeholders = new Map<string, string>()
  const values = new Map<string, string>()
  const counts: Record<string, number> = {}

  const placeholder = (kind: string) => (value: string): string => {
    const known = placeholders.get(value)
    if (known !== undefined) return known
    counts[kind] = (counts[kind] ?? 0) + 1
    const made = `[${kind}-${counts[kind]}]`
    placeholders.set(value, made)
    values.set(made, value)
    return made
  }

  const reveal = (text: string): string => text.replaceAll(PLACEHOLDER, (found) => values.get(found) ?? found)

  return {
    get used () { return values.size > 0 },
    hide: (text) => text
      .replaceAll(EMAIL, placeholder('email'))
      .replaceAll(CARD, (found) => isCard(found) ? placeholder('card')(found) : found)
      .replaceAll(PHONE, placeholder('phone')),
    reveal,
    revealer () {
      let waiting = ''
      return {
        piece (text) {
          waiting += text
          const open = waiting.lastIndexOf('[')
          const cut = open !== -1 && !waiting.includes(']', open) && waiting.length - open < LONGEST_PLACEHOLDER ? open : waiting.length
          const ready = waiting.slice(0, cut)
          waiting = waiting.slice(cut)
          return reveal(ready)
        },
        end () {
          const rest = waiting
          waiting = ''
          return rest
        }
      }
    }
  }
}

/** By its check digit (Luhn): other long numbers are ids. */
const isCard = (text: string): boolean => {
  const digits = [...text.replaceAll(/\D/g, '')].reverse().map(Number)
  const sum = digits.reduce((total, digit, index) => {
    const doubled = index % 2 === 1 ? digit * 2 : digit
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return sum % 10 === 0 && new Set(digits).size > 1
}
