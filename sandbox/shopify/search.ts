// Shopify's search syntax: `status:open created_at:>='2026-01-01' (tag:a OR -tag:b)`. A field that does not exist is ignored with a warning, as there.
import { GraphQLError } from 'graphql'

export interface SearchTerm {
  field: string
  comparator: ':' | ':>' | ':>=' | ':<' | ':<='
  value: string
}

/** Answers for one record; undefined: the field is not known. */
export type Fields<T> = Record<string, (record: T, term: SearchTerm) => boolean>

export interface Search<T> {
  matches (record: T): boolean
  warnings: Array<{ field: string, message: string, code: 'invalid_field' }>
}

type Node =
  | { kind: 'term', term: SearchTerm }
  | { kind: 'not', of: Node }
  | { kind: 'and' | 'or', of: Node[] }

type Token = { kind: '(' | ')' | 'AND' | 'OR' | 'NOT' } | { kind: 'term', term: SearchTerm }

/** @throws GraphQLError for what cannot be read. */
export const parseSearch = <T>(text: string, fields: Fields<T>, what: string): Search<T> => {
  const tree = parse(tokensOf(text, what), what)
  const warnings: Search<T>['warnings'] = []
  const walk = (node: Node): ((record: T) => boolean) => {
    if (node.kind === 'term') {
      const test = fields[node.term.field]
      if (test === undefined) {
        warnings.push({ field: node.term.field, message: 'Invalid search field for this query.', code: 'invalid_field' })
        return () => true
      }
      return (record) => test(record, node.term)
    }
    if (node.kind === 'not') {
      const inner = walk(node.of)
      return (record) => !inner(record)
    }
    const parts = node.of.map(walk)
    return node.kind === 'and' ? (record) => parts.every((part) => part(record)) : (record) => parts.some((part) => part(record))
  }
  return { matches: tree === undefined ? () => true : walk(tree), warnings }
}

const tokensOf = (text: string, what: string): Token[] => {
  const tokens: Token[] = []
  let at = 0
  const fail = (): never => { throw new GraphQLError(`Invalid search syntax in the query of ${what}: ${text}`, { extensions: { code: 'BAD_REQUEST' } }) }
  const quoted = (): string => {
    const quote = text[at++]
    let value = ''
    for (; text[at] !== quote; at++) {
      if (at >= text.length) fail()
      if (text[at] === '\\') at++
      value += text[at] ?? ''
    }
    at++
    return value
  }
  const bare = (): string => {
    const found = /^(?:\\.|[^\s()])+/.exec(text.slice(at))?.[0] ?? fail()
    at += found.length
    return found.replaceAll(/\\(.)/g, '$1')
  }
  while (at < text.length) {
    const rest = text.slice(at)
    const blank = /^\s+/.exec(rest)?.[0]
    const word = /^(?:AND|OR|NOT)(?=[\s(]|$)/.exec(rest)?.[0] as 'AND' | 'OR' | 'NOT' | undefined
    const field = /^([A-Za-z_][\w.]*):(>=|<=|>|<|=)?/.exec(rest)
    if (blank !== undefined) at += blank.length
    else if (rest[0] === '(' || rest[0] === ')') {
      tokens.push({ kind: rest[0] })
      at++
    } else if (word !== undefined) {
      tokens.push({ kind: word })
      at += word.length
    } else if (rest[0] === '-') {
      tokens.push({ kind: 'NOT' })
      at++
    } else if (field !== null) {
      at += field[0].length
      const value = text[at] === "'" || text[at] === '"' ? quoted() : bare()
      const operator = field[2] === '=' ? '' : field[2] ?? ''
      tokens.push({ kind: 'term', term: { field: field[1] ?? '', comparator: `:${operator}` as SearchTerm['comparator'], value } })
    } else {
      const value = rest[0] === "'" || rest[0] === '"' ? quoted() : bare()
      tokens.push({ kind: 'term', term: { field: 'default', comparator: ':', value } })
    }
  }
  return tokens
}

const parse = (tokens: Token[], what: string): Node | undefined => {
  let at = 0
  const fail = (): never => { throw new GraphQLError(`Invalid search syntax in the query of ${what}.`, { extensions: { code: 'BAD_REQUEST' } }) }
  const unary = (): Node => {
    const token = tokens[at++] ?? fail()
    if (token.kind === 'NOT') return { kind: 'not', of: unary() }
    if (token.kind === '(') {
      const inner = either()
      if (tokens[at++]?.kind !== ')') fail()
      return inner
    }
    return token.kind === 'term' ? token : fail()
  }
  const both = (): Node => {
    const of = [unary()]
    for (; at < tokens.length && tokens[at]?.kind !== 'OR' && tokens[at]?.kind !== ')';) {
      if (tokens[at]?.kind === 'AND') at++
      of.push(unary())
    }
    return of.length === 1 ? of[0] ?? fail() : { kind: 'and', of }
  }
  const either = (): Node => {
    const of = [both()]
    for (; tokens[at]?.kind === 'OR';) {
      at++
      of.push(both())
    }
    return of.length === 1 ? of[0] ?? fail() : { kind: 'or', of }
  }
  if (tokens.length === 0) return undefined
  const tree = either()
  return at === tokens.length ? tree : fail()
}

const compare = (comparator: SearchTerm['comparator'], difference: number): boolean => {
  if (comparator === ':>') return difference > 0
  if (comparator === ':>=') return difference >= 0
  if (comparator === ':<') return difference < 0
  return comparator === ':<=' ? difference <= 0 : difference === 0
}

/** A date without a time means its day in UTC. */
export const byTime = <T>(timeOf: (record: T) => number | null) => (record: T, { comparator, value }: SearchTerm): boolean => {
  const wanted = Date.parse(value)
  if (Number.isNaN(wanted)) throw new GraphQLError(`Invalid timestamp in the search: ${value}`, { extensions: { code: 'BAD_REQUEST' } })
  const time = timeOf(record)
  if (time === null) return false
  if (/^\d{4}-\d{2}-\d{2}$/.test(value) && comparator === ':') return time >= wanted && time < wanted + 86_400_000
  return compare(comparator, time - wanted)
}

export const byNumber = <T>(numberOf: (record: T) => number) => (record: T, { comparator, value }: SearchTerm): boolean =>
  compare(comparator, numberOf(record) - Number(value.slice(value.lastIndexOf('/') + 1)))

/** Without regard to upper and lower case; `x*` matches what begins with x. */
export const byText = <T>(textsOf: (record: T) => string | string[] | null) => (record: T, { value }: SearchTerm): boolean => {
  const wanted = value.toLowerCase()
  return [textsOf(record) ?? []].flat().some((text) =>
    wanted.endsWith('*') ? text.toLowerCase().startsWith(wanted.slice(0, -1)) : text.toLowerCase() === wanted)
}
