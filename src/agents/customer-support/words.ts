// Text as words that can be compared, and cues: short patterns of words that are looked for in it.

/** Lower case, without accents and punctuation, a blank between words and at both ends. Umlauts lose their dots: `zurück` and `zuruck` are one. */
export const wordsOf = (text: string): string =>
  ` ${(text.replaceAll('ß', 'ss').normalize('NFKD').toLowerCase().replaceAll(/\p{M}/gu, '').match(/[\p{L}\p{N}%]+/gu) ?? []).join(' ')} `

export interface Cue {
  pattern: RegExp
  weight: number
}

/** Words between two terms of a cue that may be passed over. */
const GAP = '(?:[^ ]+ ){0,3}'

/**
 * `return*` is every word that begins so, `*` at the front every word that ends so; `money|cash` is either; between words up to three others may
 * stand, and `_` before a word means that none may: `my order`, `where _is`. Bounded, so that no text makes it slow.
 */
export const cueOf = (text: string, weight: number): Cue => {
  const terms = text.split(' ').map((term) => {
    const close = term.startsWith('_')
    const words = (close ? term.slice(1) : term).split('|').map(wordPattern).join('|')
    return `${close ? '' : GAP}(?:${words}) `
  })
  // The first word stands where it likes.
  return { pattern: new RegExp(` ${terms.join('').replace(GAP, '')}`, 'u'), weight }
}

const wordPattern = (word: string): string => {
  const plain = word.normalize('NFKD').toLowerCase().replaceAll(/\p{M}/gu, '').replaceAll('ß', 'ss')
  const inner = plain.replaceAll('*', '')
  return `${plain.startsWith('*') ? '[^ ]*' : ''}${inner}${plain.endsWith('*') ? '[^ ]*' : ''}`
}

/** The weights of the cues that the words hold, each once. */
export const weightOf = (words: string, cues: readonly Cue[]): number =>
  cues.reduce((sum, { pattern, weight }) => pattern.test(words) ? sum + weight : sum, 0)
