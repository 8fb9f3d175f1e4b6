// What the sandbox's model does instead of thinking: it compares the words of a question with the words of the tools that it is offered.
import { isObject } from '../http.ts'
import { renderResults } from './render.ts'

export interface ChatMessage {
  role: string
  content: string
  /** Of a tool's message: the call that it answers. */
  tool_call_id?: string
  /** Of an assistant's message: names by the ids of its calls. */
  calls?: Array<{ id: string, name: string }>
}

export interface OfferedTool {
  name: string
  description: string
  /** JSON Schema of its arguments. */
  parameters: Record<string, unknown>
}

export type Turn =
  | { kind: 'calls', calls: Array<{ name: string, arguments: Record<string, unknown> }> }
  | { kind: 'text', text: string }

const WHO = 'I am sandbox-rules-1: no language model, but rules that match your words with my tools.'
const MOST_CALLS = 3

/** `mayCall` false: an answer in words is wanted. `now` in milliseconds since the epoch. */
export const decide = (messages: readonly ChatMessage[], tools: readonly OfferedTool[], mayCall: boolean, now: number): Turn => {
  const asked = messages.findLastIndex(({ role }) => role === 'user')
  const question = messages[asked]?.content ?? ''
  const results = resultsOf(messages.slice(asked + 1))
  if (results.length > 0) return { kind: 'text', text: `${WHO} This is what they answered.\n\n${renderResults(results)}` }
  if (!mayCall || tools.length === 0) return { kind: 'text', text: `${WHO} I was given no tool for this question, so I have no answer.` }

  const calls: Array<{ name: string, arguments: Record<string, unknown> }> = []
  const lacking: string[] = []
  for (const clause of clausesOf(question)) {
    const tool = bestTool(clause, tools)
    if (tool === undefined || calls.some(({ name }) => name === tool.name) || calls.length === MOST_CALLS) continue
    const filled = fillArguments(tool, clause, question, now)
    if ('missing' in filled) lacking.push(`${tool.name} needs ${filled.missing.join(' and ')}`)
    else calls.push({ name: tool.name, arguments: filled.values })
  }
  if (calls.length > 0) return { kind: 'calls', calls }
  if (lacking.length > 0) return { kind: 'text', text: `${WHO} Your words do not say enough: ${lacking.join('; ')}.` }
  return { kind: 'text', text: `${WHO} None of your words fits one. I have: ${tools.map(({ name }) => name).join(', ')}.` }
}

const resultsOf = (messages: readonly ChatMessage[]): Array<{ tool: string, content: string }> => {
  const names = new Map(messages.flatMap(({ calls = [] }) => calls.map(({ id, name }): [string, string] => [id, name])))
  return messages.filter(({ role }) => role === 'tool')
    .map(({ tool_call_id: id, content }) => ({ tool: names.get(id ?? '') ?? 'tool', content }))
}

/** The parts of a question that may each mean a tool of their own; the whole question when no part is long enough. */
const clausesOf = (question: string): string[] => {
  const clauses = question.split(/[?!;\n]|\.(?=\s|$)|,|\b(?:and|und)\b/i).map((clause) => clause.trim()).filter((clause) => wordsOf(clause).length > 0)
  return clauses.length > 0 ? clauses : [question]
}

const NAME_WEIGHT = 3
const LEAST_SCORE = 3

const bestTool = (clause: string, tools: readonly OfferedTool[]): OfferedTool | undefined => {
  const words = new Set(wordsOf(clause))
  let best: { tool: OfferedTool, score: number } | undefined
  for (const tool of tools) {
    const name = wordsOf(tool.name)
    const hits = name.filter((word) => words.has(word)).length
    // What its arguments may be says as much about it: `today` is a day.
    const about = wordsOf(`${tool.description} ${JSON.stringify(tool.parameters)}`)
    const described = new Set(about.filter((word) => words.has(word) && !name.includes(word))).size
    // Of two tools with the same words in their names, the one whose name is used up fits better.
    const score = hits * NAME_WEIGHT + described + 2 * hits / Math.max(name.length, 1)
    if (score >= LEAST_SCORE && (best === undefined || score > best.score)) best = { tool, score }
  }
  return best?.tool
}

const SILENT = new Set((
  'a an the is are was were be been do does did doing how what which who when where why i me my we our us you your it its this that these those ' +
  'there of in on at to for from with by as or not no any all can could should would will have has had show tell give list get please now about if each one'
).split(' '))

/** Lower case, without endings and without words that say nothing. */
const wordsOf = (text: string): string[] => text.toLowerCase().split(/[^\p{L}\p{N}]+/u)
  .map((word) => FORMS[word] ?? word)
  .filter((word) => word.length > 1 && !SILENT.has(word))
  .map((word) => word.length > 4 ? word.replace(/(?:ies|ing|ed|es|s)$/, '') : word.replace(/s$/, ''))

// Words that people use for words that tools use.
const FORMS: Record<string, string> = {
  need: 'attention',
  needs: 'attention',
  needing: 'attention',
  wrong: 'health',
  fine: 'status',
  sell: 'sales',
  sold: 'sales',
  sale: 'sales',
  revenue: 'sales',
  turnover: 'sales',
  inventory: 'stock',
  store: 'shop',
  business: 'shop',
  bestsellers: 'sellers',
  repository: 'github',
  prs: 'github',
  breakers: 'breaker',
  breaker: 'breaker'
}

type Filled = { values: Record<string, unknown> } | { missing: string[] }

const fillArguments = (tool: OfferedTool, clause: string, question: string, now: number): Filled => {
  const { properties, required } = tool.parameters
  const values: Record<string, unknown> = {}
  const missing: string[] = []
  for (const [name, schema] of Object.entries(isObject(properties) ? properties : {})) {
    const needed = Array.isArray(required) && required.includes(name)
    const value = valueFor(name, isObject(schema) ? schema : {}, { clause, question, needed, now })
    if (value !== undefined) values[name] = value
    else if (needed) missing.push(name)
  }
  return missing.length > 0 ? { missing } : { values }
}

interface Wording {
  clause: string
  question: string
  needed: boolean
  now: number
}

const DAY_MS = 86_400_000
const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/i
const ISO_DATE = /\b\d{4}-\d\d-\d\d\b/g

const valueFor = (name: string, schema: Record<string, unknown>, wording: Wording): unknown => {
  const { clause, question, needed, now } = wording
  const choices = choicesOf(schema)
  if (choices.length > 0) {
    const said = choices.find((choice) => new RegExp(`\\b${String(choice).replaceAll(/[^\p{L}\p{N}]+/gu, '\\W+')}\\b`, 'iu').test(clause))
    if (said !== undefined) return said
  }
  const types = [schema['type'], ...alternatives(schema).map((one) => one['type'])]
  if (types.includes('boolean')) return new RegExp(`\\b${name}\\b`, 'i').test(clause) ? true : undefined
  if (types.includes('integer') || types.includes('number')) return numberIn(name, clause, schema, needed)
  if (!types.includes('string')) return undefined

  if (/^(?:day|date|from|to|since|until)$/.test(name)) return dayIn(name, clause, now)
  if (/(?:^|_)id$/.test(name)) return UUID.exec(question)?.[0] ?? (needed ? /#?\b\d+\b/.exec(clause)?.[0] : undefined)
  const quoted = /"([^"]+)"|“([^”]+)”|'([^']+)'/.exec(question)
  if (quoted !== null && /name|query|search|text|title/.test(name)) return quoted[1] ?? quoted[2] ?? quoted[3]
  const numbered = /#[\p{L}\p{N}-]+/u.exec(clause)?.[0]
  if (/^(?:name|order|number)$/.test(name)) {
    return numbered ?? (/\b(?:run|start|launch)\s+(?:the\s+)?(?:agent\s+)?([a-z][\w-]*)/i.exec(clause)?.[1] ?? /\b([a-z][\w-]*)\s+agent\b/i.exec(clause)?.[1])
  }
  return undefined
}

const alternatives = (schema: Record<string, unknown>): Array<Record<string, unknown>> =>
  [schema['anyOf'], schema['oneOf']].flatMap((list) => Array.isArray(list) ? list.filter(isObject) : [])

const choicesOf = (schema: Record<string, unknown>): unknown[] => [
  ...Array.isArray(schema['enum']) ? schema['enum'] as unknown[] : [],
  ...alternatives(schema).filter((one) => 'const' in one).map((one) => one['const'])
].filter((choice) => typeof choice === 'string')

const numberIn = (name: string, clause: string, schema: Record<string, unknown>, needed: boolean): number | undefined => {
  const text = (name === 'days' ? /\b(\d{1,4})\s*days?\b/i : /\b(?:first|last|top|best|latest)\s+(\d{1,6})\b|\b(\d{1,6})\s+\p{L}+/iu).exec(clause)
  const value = Number(text?.[1] ?? text?.[2] ?? (needed ? /\b\d{1,9}\b/.exec(clause)?.[0] : undefined))
  const fits = Number.isInteger(value) && value >= Number(schema['minimum'] ?? -Infinity) && value <= Number(schema['maximum'] ?? Infinity)
  return fits ? value : undefined
}

/** Days as the question says them; `yesterday` by the calendar of UTC. */
const dayIn = (name: string, clause: string, now: number): string | undefined => {
  const dates = clause.match(ISO_DATE) ?? []
  if (dates.length > 0) return name === 'to' || name === 'until' ? dates.at(-1) : dates[0]
  if (/\byesterday\b/i.test(clause)) return new Date(now - DAY_MS).toISOString().slice(0, 10)
  if (/\btoday\b/i.test(clause)) return new Date(now).toISOString().slice(0, 10)
  return undefined
}
