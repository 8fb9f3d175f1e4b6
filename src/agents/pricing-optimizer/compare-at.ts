// The crossed-out price: in the EU, a discount is announced against the lowest price of the last 30 days.

export interface CompareAt {
  /** In coins; null: none is shown. */
  coins: number | null
  /** What a person has to know about it; null: nothing to say. */
  note: string | null
}

export interface CompareAtQuestion {
  /** All in coins. */
  current: number
  planned: number
  compareAt: number | null
  /** Of the last 30 days; null: the record does not show it. */
  lowest: number | null
  /** The change is a markdown, which is worth announcing. */
  markdown: boolean
}

export const compareAtOf = ({ current, planned, compareAt, lowest, markdown }: CompareAtQuestion): CompareAt => {
  if (planned > current) {
    if (compareAt === null) return { coins: null, note: null }
    if (planned >= compareAt) return { coins: null, note: 'The crossed-out price is removed: it would not be above the new one.' }
    return { coins: compareAt, note: 'The crossed-out price is left as it is: a raised price announces no new discount.' }
  }
  if (compareAt === null && !markdown) return { coins: null, note: null }
  if (lowest === null) {
    return {
      coins: compareAt,
      note: 'The lowest price of the last 30 days is not known from the sales: the crossed-out price is left as it is. ' +
        'Check it before the change (EU price indication).'
    }
  }
  if (lowest > planned) return { coins: lowest, note: 'The crossed-out price is the lowest of the last 30 days, as the EU asks for it.' }
  return {
    coins: null,
    note: 'No crossed-out price: the lowest price of the last 30 days was not above the new one, so that no discount may be announced.'
  }
}
