// The statements of the operations as PostgreSQL takes them: alone, or one text for many tuples of parameters at once.

/** A statement in one text for many tuples: each parameter is the array of its values, `_ord` in the answer the number of the tuple, from 1. */
export interface ManyText {
  sql: string
  /** For INSERT … RETURNING, which cannot tell the tuple: the answer's columns that were parameters, and which ones. */
  match: Array<[column: string, parameter: number]> | undefined
}

/** Positional parameters in the place of question marks. Texts of ours hold none in literals. */
export const singleText = (sql: string, skipLocked?: string): string => {
  const text = numbered(sql, (n) => `$${n}`)
  return skipLocked === undefined ? text : `${text} FOR UPDATE OF ${skipLocked} SKIP LOCKED`
}

/** `types`: of the parameters, as PostgreSQL infers them. Undefined when the statement has to run once a tuple. */
export const manyText = (sql: string, types: readonly string[]): ManyText | undefined => {
  if (types.length === 0 || /\bLIMIT \?/.test(sql)) return undefined
  const names = types.map((_type, index) => `p${index + 1}`)
  const tuples = `unnest(${types.map((type, index) => `$${index + 1}::${type}[]`).join(', ')}) WITH ORDINALITY AS v(${[...names, '_ord'].join(', ')})`
  const text = numbered(sql, (n) => `v.p${n}`)
  switch (/^\w+/.exec(sql)?.[0]) {
    case 'SELECT': return { sql: manySelect(text, tuples), match: undefined }
    case 'UPDATE': return { sql: withTuples(text, `FROM ${tuples}`), match: undefined }
    case 'DELETE': return { sql: withTuples(text, `USING ${tuples}`), match: undefined }
    case 'INSERT': return manyInsert(text, tuples)
    default: return undefined
  }
}

const numbered = (sql: string, name: (n: number) => string): string => {
  let n = 0
  return sql.replaceAll('?', () => name(++n))
}

const manySelect = (text: string, tuples: string): string => /\bORDER BY\b/.test(text)
  ? `SELECT v._ord, q.* FROM ${tuples} CROSS JOIN LATERAL (SELECT row_number() OVER () AS _row, s.* FROM (${text}) AS s) AS q ORDER BY v._ord, q._row`
  : `SELECT v._ord, q.* FROM ${tuples} CROSS JOIN LATERAL (${text}) AS q`

const withTuples = (text: string, tuples: string): string => {
  const [head, where, returning] = clauses(text)
  return `${head} ${tuples} ${where}${returning === '' ? '' : ` RETURNING v._ord, ${returning.slice('RETURNING '.length)}`}`
}

/** Up to WHERE, the condition, and RETURNING; what stands in brackets belongs to subqueries. */
const clauses = (text: string): [head: string, where: string, returning: string] => {
  const where = topLevel(text, 'WHERE')
  const returning = topLevel(text, 'RETURNING')
  const end = returning === -1 ? text.length : returning
  if (where === -1) return [text.slice(0, end).trim(), '', text.slice(end).trim()]
  return [text.slice(0, where).trim(), text.slice(where, end).trim(), text.slice(end).trim()]
}

const topLevel = (text: string, word: string): number => {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '(') depth += 1
    else if (character === ')') depth -= 1
    else if (depth === 0 && text.startsWith(word, at) && /\s/.test(text[at - 1] ?? ' ') && /\s/.test(text[at + word.length] ?? ' ')) return at
  }
  return -1
}

const INSERT = /^INSERT INTO (\w+) \(([^)]*)\)\s+VALUES \(([^()]*)\)(.*)$/s

const manyInsert = (text: string, tuples: string): ManyText | undefined => {
  const parts = INSERT.exec(text)
  if (parts === null) return undefined
  const [, table, columns, values, rest] = parts as unknown as [string, string, string, string, string]
  const returning = topLevel(rest, 'RETURNING')
  const match = returning === -1 ? undefined : matched(columns, values, rest.slice(returning + 'RETURNING'.length))
  // An upsert that answers with what it counted cannot say for which tuple.
  if (returning !== -1 && match === undefined) return undefined
  return { sql: `INSERT INTO ${table} (${columns}) SELECT ${values} FROM ${tuples}${rest}`, match }
}

const listOf = (text: string): string[] => text.split(',').map((part) => part.trim())

const matched = (columns: string, values: string, returned: string): ManyText['match'] => {
  const expressions = listOf(values)
  const match = listOf(returned).map((column): [string, number] => {
    const parameter = /^v\.p(\d+)$/.exec(expressions[listOf(columns).indexOf(column)] ?? '')
    return [column, parameter === null ? -1 : Number(parameter[1]) - 1]
  })
  return match.every(([, parameter]) => parameter >= 0) ? match : undefined
}
