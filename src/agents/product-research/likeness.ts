// How much a title is like what the shop sells already: by its words, rare ones counting more, and by its letters, for other spellings.

export interface Likeness {
  /** From 0 to 1. */
  share: number
  /** The title that is most like it; null: the shop sells nothing. */
  title: string | null
}

/** Answers for one title after another over an index of the catalogue, made once. */
export const createLikeness = (titles: readonly string[]): (title: string) => Likeness => {
  const own = titles.map((title) => ({ title, words: new Set(wordsOf(title)), letters: trigramsOf(title) }))
  const byWord = postings(own.map(({ words }) => words))
  const byLetters = postings(own.map(({ letters }) => letters))
  /** A word that every title has says nothing. */
  const weightOf = (word: string): number => Math.log(1 + (own.length + 1) / ((byWord.get(word)?.length ?? 0) + 1))
  const weights = own.map(({ words }) => sum([...words].map(weightOf)))
  return (title) => {
    const words = [...new Set(wordsOf(title))]
    const letters = trigramsOf(title)
    const weight = sum(words.map(weightOf))
    const sharedWeight = new Map<number, number>()
    for (const word of words) for (const index of byWord.get(word) ?? []) sharedWeight.set(index, (sharedWeight.get(index) ?? 0) + weightOf(word))
    const sharedLetters = new Map<number, number>()
    for (const three of letters) for (const index of byLetters.get(three) ?? []) sharedLetters.set(index, (sharedLetters.get(index) ?? 0) + 1)
    let best: Likeness = { share: 0, title: own[0]?.title ?? null }
    for (const [index, common] of sharedLetters) {
      const inWords = sharedWeight.get(index) ?? 0
      const byWords = inWords / (weight + weights[index]! - inWords)
      const bySpelling = 2 * common / (letters.size + own[index]!.letters.size)
      const share = Math.round((byWords + bySpelling) / 2 * 1_000) / 1_000
      if (share > best.share) best = { share, title: own[index]!.title }
    }
    return best
  }
}

const plain = (title: string): string => title.normalize('NFKD').toLowerCase().replaceAll(/\p{M}/gu, '')

const wordsOf = (title: string): string[] => plain(title).match(/[\p{L}\p{N}]+/gu) ?? []

const trigramsOf = (title: string): Set<string> => {
  const text = ` ${wordsOf(title).join(' ')} `
  const found = new Set<string>()
  for (let at = 0; at + 3 <= text.length; at++) found.add(text.slice(at, at + 3))
  return found
}

const postings = (sets: ReadonlyArray<ReadonlySet<string>>): Map<string, number[]> => {
  const index = new Map<string, number[]>()
  for (const [at, set] of sets.entries()) {
    for (const key of set) {
      const list = index.get(key)
      if (list === undefined) index.set(key, [at])
      else list.push(at)
    }
  }
  return index
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
