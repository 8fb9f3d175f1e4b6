// Recognises what is asked about the shop, GitHub and BigQuery: figures, orders, stock, and what lies beyond this service.
import { consistsOf, includes, says, type Clause, type Intent } from './intent.ts'
import { periodIn, type Period } from './periods.ts'
import * as known from './vocabulary.ts'
import { spaced, type NamedAgent, type Words } from './words.ts'

/** `verb`: that of an order, as far as the clause is one. `upstream`: the one that it names. */
export const ofShop = (clause: Clause, verb: string, named: NamedAgent | undefined): Intent | undefined => {
  const { words, text } = clause
  // The "inventory" of an agent's name asks for no stock, and "in order to" for no order.
  const others = named === undefined ? words : [...words.slice(0, named.start), ...words.slice(named.end)]
  const nouns = spaced(others).replace(' in order to ', ' ').trim().split(' ')
  const period = clause.period ?? 'today'
  const topic = known.SHOP_TOPICS.find(([, names]) => includes(nouns, names))?.[0]
  const wants = topic === undefined ? undefined : beyondIn(nouns, text, verb, topic)
  if (wants !== undefined) return wants
  const order = orderIn(nouns)
  if (order !== undefined) return order
  if (asksForNeeds(nouns, text, topic)) return { kind: 'attention', only: known.NEEDS.find(([, names]) => includes(nouns, names))?.[0] ?? null }
  switch (topic) {
    case 'sales': case 'products':
      if (asksForBest(nouns, text)) return { kind: 'best_sellers', period: clause.period ?? 'days 30' }
      if (says(text, 'sold out') || topic === 'products') return stockOf(nouns)
      return { kind: 'sales', period }
    case 'orders': {
      const lists = includes(nouns, known.SHOW) && !says(text, 'how many') && ONE_DAY.test(period)
      return { kind: lists ? 'orders_of_day' : 'sales', period }
    }
    case 'stock': case 'prices': return stockOf(nouns)
    case 'customers': return { kind: 'customers', period }
    case 'the shop': return { kind: 'shop', period }
    case undefined: break
    default: return { kind: 'beyond', upstream: 'shop', about: topic }
  }
  if (says(text, 'my store', 'our store', 'the stores', 'we doing', 'did we do', 'have we done')) return { kind: 'shop', period }
  if (says(text, 'did we make', 'have we made', 'we take')) return { kind: 'sales', period }
  return undefined
}

/** "How many saddle pads do we have?", when nothing else has that many. */
export const ofStockAlone = ({ words, text }: Clause): Intent | undefined => {
  if (!text.startsWith(' how many ') || !says(text, 'do we have', 'have we', 'we have', 'are left', 'left', 'are there')) return undefined
  const intent = stockOf(words)
  return intent.kind === 'stock' && intent.query === null ? undefined : intent
}

/** "And last week?": nothing but a span of days that is over or begins before today. */
export const ofPeriodAlone = ({ words, period }: Clause): Intent | undefined => {
  const own = periodIn(words)
  if (own === undefined || period === undefined || period === 'today' || period === 'unclear') return undefined
  const others = [...words.slice(0, own.start), ...words.slice(own.start + own.used)]
  return consistsOf(others, known.FILLER) ? { kind: 'shop', period } : undefined
}

// Orders are listed day by day; of more days their sum is told.
const ONE_DAY = /^(?:today|yesterday|date|weekday)\b/

/** What nothing here does: advice, changes, figures that nobody computes. */
const beyondIn = (nouns: Words, text: string, verb: string, topic: string): Intent | undefined => {
  const beyond = (about: string): Intent => ({ kind: 'beyond', upstream: 'shop', about })
  if (says(text, 'how do i', 'how do we', 'how to', 'how can i', 'how can we', 'how could', 'how should', 'why')) return beyond(topic)
  // "Send me the sales" changes nothing.
  const changes = known.CHANGE.has(verb) && !says(text, `${verb} me`, `${verb} us`)
  if (changes) return beyond(topic === 'the shop' ? topic : `changing ${topic}`)
  const unknown = nouns.find((word) => known.UNKNOWN_SALES.has(word))
  return unknown === undefined ? undefined : beyond(unknown)
}

const ORDER = new Set(['order', 'orders', 'purchase'])
const NUMBER = new Set(['number', 'no', 'nr', 'id', 'called', 'named'])

/** "order 1042", "order number RE1042". */
const orderIn = (nouns: Words): Intent | undefined => {
  const period = periodIn(nouns)
  for (let at = 0; at < nouns.length; at++) {
    if (!ORDER.has(nouns[at]!)) continue
    const name = at + (NUMBER.has(nouns[at + 1] ?? '') ? 2 : 1)
    const word = nouns[name]
    const isDate = period !== undefined && name >= period.start && name < period.start + period.used
    if (word !== undefined && !isDate && !word.startsWith('#') && /\d/.test(word)) return { kind: 'order', name: word }
  }
  return undefined
}

const asksForNeeds = (nouns: Words, text: string, topic: string | undefined): boolean => {
  if (topic === 'orders') return includes(nouns, known.NEEDY) || known.NEEDS.some(([, names]) => includes(nouns, names)) || says(text, 'not paid')
  return topic === undefined && says(text, 'needs my attention', 'need my attention', 'needs attention', 'needs me', 'need me', 'should i do',
    'do i need to do', 'i have to do', 'anything urgent')
}

const asksForBest = (nouns: Words, text: string): boolean => includes(nouns, known.BEST) ||
  says(text, 'most sold', 'sold most', 'sell most', 'sells most', 'sold the most', 'sells the most', 'sell the most')

/** What is left of the clause names a product. */
const stockOf = (nouns: Words): Intent => {
  const words = nouns.filter((word) => !known.FILLER.has(word) && !known.STOCK_FILLER.has(word) && !word.startsWith('#'))
  return { kind: 'stock', query: words.length === 0 ? null : words.slice(0, MOST_WORDS).join(' ').slice(0, LONGEST_QUERY) }
}

const MOST_WORDS = 8
const LONGEST_QUERY = 100

/** `upstream`: the one that the clause names. */
export const ofGithub = ({ words, text, vocabulary }: Clause, verb: string, upstream: string | undefined): Intent | undefined => {
  if (!vocabulary.upstreams.includes('github_api')) return undefined
  if (says(text, 'any issues', 'issue with', 'issues with', 'a issue', 'problem with')) return undefined
  const pulls = includes(words, known.PULL_REQUESTS)
  const issues = includes(words, known.ISSUES)
  const repository = upstream === 'github_api' || includes(words, known.REPOSITORY)
  if (pulls || issues || repository) {
    const changes = known.CHANGE.has(verb) || says(text, 'open a', 'open an')
    if (changes || (includes(words, known.GITHUB_BEYOND) && (!pulls || known.GITHUB_BEYOND.has(verb)))) return GITHUB_BEYOND
  }
  if (pulls) return { kind: 'github', about: 'pull_requests' }
  if (issues) return { kind: 'github', about: 'issues' }
  if (includes(words, known.BUILDS) || (repository && includes(words, known.GITHUB_CHECKS))) return { kind: 'github', about: 'checks' }
  if (includes(words, known.REPOSITORY)) return { kind: 'github', about: 'status' }
  return includes(words, COMMITS) ? GITHUB_BEYOND : undefined
}

const GITHUB_BEYOND: Intent = { kind: 'beyond', upstream: 'github', about: 'commits, branches and changes at GitHub' }
const COMMITS = new Set(['commit', 'commits', 'branch', 'branches', 'merge', 'merged'])

/** `upstream`: the one that the clause names. */
export const ofBigquery = ({ words }: Clause, upstream: string | undefined): Intent | undefined => {
  if (upstream !== 'bigquery') return undefined
  if (includes(words, known.DATASET)) return { kind: 'bigquery' }
  return includes(words, known.BIGQUERY_DATA) ? { kind: 'beyond', upstream: 'bigquery', about: 'data in BigQuery' } : undefined
}

/** The one span that the clauses of a sentence name; undefined when they name none, or several. */
export const commonPeriod = (clauses: readonly Words[]): Period | undefined => {
  const periods = new Set(clauses.map((words) => periodIn(words)?.period).filter((period) => period !== undefined))
  return periods.size === 1 ? [...periods][0] : undefined
}
