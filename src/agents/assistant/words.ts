// Takes a message apart: sentences, clauses, words, ids and the names of agents. Every step is linear in the length of the message.

/** The words of a clause, lower-case and without accents. `#0` stands for the first id of the message. */
export type Words = readonly string[]

export interface Sentence {
  clauses: Words[]
  /** It may start or cancel something: no condition, negation, later time, and not part of a quotation. */
  plain: boolean
}

export interface Message {
  sentences: Sentence[]
  /** UUIDs, in the order in which they were found. */
  ids: string[]
}

export const wordSet = (list: string): ReadonlySet<string> => new Set(list.split(' '))

const LONGEST_TEXT = 8_000
const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g
// A full stop ends a sentence only before a space: not in "3.0.1".
const SENTENCE = /(?:[^?!;\n.]|\.(?!\s|$))+[?!;\n.]?/g
const CLAUSE_END = /[,&]|\b(?:and|then|also|plus)\b/
const QUOTE = /["“”„«»`]/
const CITED_LINE = /^\s*[>|]/
/** Begin a question. "Is it safe to stop, start the watchdog?" asks; "Can you run the watchdog?" does not. */
export const QUESTION = wordSet('what which who how is are was were when why where did does do should has have had')
const CONDITION = wordSet('if unless when whenever once after before until till while dont not never no without didnt doesnt shouldnt ' +
  'cant wont should would might maybe tomorrow later tonight every daily hourly weekly monthly nightly minutes hours days oclock pm ' +
  'said says wrote')
// Polite orders hold these words too; they say nothing of the time.
const POLITE = / (?:(?:would|could) you(?: mind)?|would like (?:you )?to|id like (?:you )?to|when you can|if you (?:can|could)) /g

export const takeApart = (content: string): Message => {
  const ids: string[] = []
  const text = content.normalize('NFKD').slice(0, LONGEST_TEXT).toLowerCase()
    .replaceAll(/\p{M}/gu, '').replaceAll('#', ' ').replaceAll(/['’‘]/g, '')
    .replaceAll('big query', 'bigquery').replaceAll('git hub', 'github')
    .replaceAll(UUID, (id) => ` #${ids.push(id) - 1} `)
  let quoting = false
  let cited = false
  const sentences = (text.match(SENTENCE) ?? []).map((sentence): Sentence => {
    const clauses = sentence.split(CLAUSE_END).map(wordsOf).filter((words) => words.length > 0)
    cited ||= CITED_LINE.test(sentence)
    const plain = !quoting && !cited && isPlain(sentence)
    quoting ||= QUOTE.test(sentence)
    if (sentence.endsWith('\n')) cited = false
    return { clauses, plain }
  })
  return { sentences: sentences.filter(({ clauses }) => clauses.length > 0), ids }
}

const isPlain = (sentence: string): boolean => {
  const words = wordsOf(spaced(wordsOf(sentence)).replaceAll(POLITE, ' '))
  return !words.some((word) => CONDITION.has(word)) && !(sentence.endsWith('?') && QUESTION.has(words[0] ?? ''))
}

const wordsOf = (text: string): string[] => text.match(/#\d+|[a-z0-9]+/g) ?? []

/** The words with a space around each, to look for phrases in. */
export const spaced = (words: Words): string => ` ${words.join(' ')} `

/** The ids that a clause names. */
export const idsIn = (words: Words, ids: readonly string[]): string[] =>
  words.filter((word) => word.startsWith('#')).map((word) => ids[Number(word.slice(1))]).filter((id) => id !== undefined)

export interface NamedAgent {
  name: string
  /** Its words are those from `start` up to but not including `end`. */
  start: number
  end: number
}

/** The first agent that the words name: written together or apart, in the plural, or with a slip of the pen. */
export const agentIn = (words: Words, agents: readonly string[]): NamedAgent | undefined => {
  for (let start = 0; start < words.length; start++) {
    for (const name of agents) {
      // The first letter is hardly ever the wrong one; asking for it keeps other words apart.
      if (words[start]![0] !== name[0]) continue
      const plain = name.replaceAll('_', '')
      // Longer spans first: "watch dog" is two words, "watchdog" one.
      for (let length = name.split('_').length + 1; length >= 1; length--) {
        if (start + length > words.length) continue
        const written = words.slice(start, start + length).join('')
        if (isSlipOf(written, plain)) return { name, start, end: start + length }
      }
    }
  }
  return undefined
}

const isSlipOf = (written: string, name: string): boolean => {
  if (written === name || written === `${name}s`) return true
  const allowed = name.length >= 12 ? 2 : name.length >= 6 ? 1 : 0
  return Math.abs(written.length - name.length) <= allowed && distance(written, name) <= allowed
}

/** How many letters differ, are missing, too many or swapped with their neighbour (optimal string alignment). */
const distance = (a: string, b: string): number => {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1), swapped ? before[j - 2]! + 1 : Infinity))
    }
    before = last
    last = row
  }
  return last[b.length]!
}
