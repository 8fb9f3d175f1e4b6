// The part of GoogleSQL that the sandbox understands, as a tree: SELECT over one table or array, INSERT ... SELECT, MERGE. All else is refused.
import { QueryError } from './values.ts'

export type Expression =
  | { kind: 'column', name: string, qualifier: string | null }
  | { kind: 'literal', type: 'STRING' | 'INT64' | 'NUMERIC' | 'FLOAT64' | 'BOOL' | 'NULL' | 'DATE' | 'TIMESTAMP', text: string }
  | { kind: 'parameter', name: string }
  | { kind: 'unary', operator: 'NOT' | '-', operand: Expression }
  | { kind: 'binary', operator: string, left: Expression, right: Expression }
  | { kind: 'is', operand: Expression, negated: boolean, what: 'NULL' | 'TRUE' | 'FALSE' }
  | { kind: 'in', operand: Expression, negated: boolean, list: Expression[] }
  | { kind: 'call', name: string, distinct: boolean, star: boolean, args: Expression[] }
  | { kind: 'cast', operand: Expression, type: string }

export interface TableReference {
  kind: 'table'
  /** As written, without backticks: `project.dataset.table`. */
  path: string
  alias: string | null
}

export interface UnnestReference {
  kind: 'unnest'
  parameter: string
  alias: string | null
}

export interface Select {
  kind: 'select'
  distinct: boolean
  columns: Array<{ expression: Expression, alias: string | null } | '*'>
  from: TableReference | UnnestReference | null
  where: Expression | null
  groupBy: Expression[]
  having: Expression | null
  orderBy: Array<{ expression: Expression, descending: boolean }>
  limit: number | null
  offset: number
}

export interface Insert {
  kind: 'insert'
  table: TableReference
  columns: string[]
  select: Select
}

export interface Merge {
  kind: 'merge'
  table: TableReference
  source: Select
  sourceAlias: string
  on: Expression
  update: Array<{ column: string, value: Expression }> | null
  insert: { columns: string[], values: Expression[] } | null
}

export type Statement = Select | Insert | Merge

interface Token {
  kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol' | 'end'
  text: string
  at: number
}

// Blanks and comments, then one group each: name in backticks, string, parameter, number, word, symbol.
const TOKEN = new RegExp([
  /\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\//, /(`[^`]+`)/, /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/, /(@[A-Za-z_]\w*)/,
  /(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/, /([A-Za-z_]\w*)/, /(<=|>=|!=|<>|[-+*/(),.=<>;])/
].map(({ source }) => source).join('|'), 'y')

const tokenise = (sql: string): Token[] => {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < sql.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(sql)
    if (match === null) throw syntaxError(sql, at, `Illegal input character "${sql[at] ?? ''}"`)
    const [, quoted, string, parameter, number, word, symbol] = match
    if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.slice(1, -1), at })
    else if (string !== undefined) tokens.push({ kind: 'string', text: unescaped(string.slice(1, -1)), at })
    else if (parameter !== undefined) tokens.push({ kind: 'parameter', text: parameter.slice(1), at })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at })
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, at })
  }
  tokens.push({ kind: 'end', text: 'end of query', at: sql.length })
  return tokens
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' }

const unescaped = (text: string): string => text.replace(/\\(.)/g, (_all, letter: string) => ESCAPES[letter] ?? letter)

const syntaxError = (sql: string, at: number, what: string): QueryError => {
  const before = sql.slice(0, at).split('\n')
  return new QueryError(`Syntax error: ${what} at [${before.length}:${(before.at(-1)?.length ?? 0) + 1}]`)
}

const RESERVED = new Set(('SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET AS ON AND OR NOT IN IS NULL BETWEEN LIKE TRUE FALSE ASC DESC ' +
  'UNNEST CASE WHEN THEN ELSE END CAST JOIN INNER LEFT CROSS UNION WITH USING SET').split(' '))

const isName = ({ kind, text }: Token): boolean => kind === 'quoted' || (kind === 'word' && !RESERVED.has(text.toUpperCase()))

/** @throws QueryError `invalidQuery` with the place of the fault. */
export const parse = (sql: string): Statement => {
  const tokens = tokenise(sql)
  let position = 0
  const peek = (offset = 0): Token => tokens[Math.min(position + offset, tokens.length - 1)] as Token
  const isWord = (word: string, offset = 0): boolean => peek(offset).kind === 'word' && peek(offset).text.toUpperCase() === word
  const isSymbol = (symbol: string): boolean => peek().kind === 'symbol' && peek().text === symbol
  const fail = (what: string): never => { throw syntaxError(sql, peek().at, what) }
  const unexpected = (wanted: string): never => fail(`Expected ${wanted} but got ${JSON.stringify(peek().text)}`)
  const take = (): Token => tokens[position++] as Token
  const eatWord = (...words: string[]): boolean => {
    if (!words.every((word, index) => isWord(word, index))) return false
    position += words.length
    return true
  }
  const eatSymbol = (symbol: string): boolean => {
    if (!isSymbol(symbol)) return false
    position += 1
    return true
  }
  const needWord = (word: string): void => { if (!eatWord(word)) unexpected(`keyword ${word}`) }
  const needSymbol = (symbol: string): void => { if (!eatSymbol(symbol)) unexpected(`"${symbol}"`) }
  const separated = <T>(read: () => T): T[] => {
    const list = [read()]
    while (eatSymbol(',')) list.push(read())
    return list
  }

  const name = (): string => {
    return isName(peek()) ? take().text : unexpected('a name')
  }
  const alias = (): string | null => {
    if (eatWord('AS')) return name()
    return isName(peek()) ? take().text : null
  }
  const table = (): TableReference => {
    let path = name()
    while (eatSymbol('.')) path += `.${name()}`
    return { kind: 'table', path, alias: alias() }
  }

  const select = (): Select => {
    needWord('SELECT')
    const distinct = eatWord('DISTINCT')
    const columns = separated((): Select['columns'][number] => eatSymbol('*') ? '*' : { expression: expression(), alias: alias() })
    let from: Select['from'] = null
    if (eatWord('FROM')) {
      if (eatWord('UNNEST')) {
        needSymbol('(')
        const parameter = take()
        if (parameter.kind !== 'parameter') fail('The sandbox unnests parameters only')
        needSymbol(')')
        from = { kind: 'unnest', parameter: parameter.text, alias: alias() }
      } else {
        from = table()
      }
      if (isSymbol(',') || ['JOIN', 'INNER', 'LEFT', 'CROSS'].some((word) => isWord(word))) {
        fail('The sandbox reads one table at a time: joins are not supported')
      }
    }
    const where = eatWord('WHERE') ? expression() : null
    const groupBy = eatWord('GROUP', 'BY') ? separated(expression) : []
    const having = eatWord('HAVING') ? expression() : null
    const orderBy = eatWord('ORDER', 'BY')
      ? separated(() => {
        const ordered = expression()
        const descending = eatWord('DESC')
        if (!descending) eatWord('ASC')
        return { expression: ordered, descending }
      })
      : []
    const limit = eatWord('LIMIT') ? whole() : null
    const offset = limit !== null && eatWord('OFFSET') ? whole() : 0
    return { kind: 'select', distinct, columns, from, where, groupBy, having, orderBy, limit, offset }
  }
  const whole = (): number => /^\d+$/.test(peek().text) ? Number(take().text) : unexpected('a whole number')

  const insert = (): Insert => {
    eatWord('INTO')
    const into = table()
    needSymbol('(')
    const columns = separated(name)
    needSymbol(')')
    return { kind: 'insert', table: into, columns, select: select() }
  }

  const merge = (): Merge => {
    eatWord('INTO')
    const into = table()
    needWord('USING')
    needSymbol('(')
    const source = select()
    needSymbol(')')
    const sourceAlias = alias() ?? unexpected('an alias')
    needWord('ON')
    const on = expression()
    let update: Merge['update'] = null
    let inserted: Merge['insert'] = null
    while (eatWord('WHEN')) {
      const matched = !eatWord('NOT')
      needWord('MATCHED')
      if (isWord('AND') || isWord('BY')) fail('The sandbox knows WHEN MATCHED and WHEN NOT MATCHED without further conditions')
      needWord('THEN')
      if (matched) {
        needWord('UPDATE')
        needWord('SET')
        update = separated(() => {
          const column = name()
          needSymbol('=')
          return { column, value: expression() }
        })
      } else {
        needWord('INSERT')
        needSymbol('(')
        const columns = separated(name)
        needSymbol(')')
        needWord('VALUES')
        needSymbol('(')
        inserted = { columns, values: separated(expression) }
        needSymbol(')')
      }
    }
    return { kind: 'merge', table: into, source, sourceAlias, on, update, insert: inserted }
  }

  const expression = (): Expression => either()
  const either = (): Expression => {
    let left = both()
    while (eatWord('OR')) left = { kind: 'binary', operator: 'OR', left, right: both() }
    return left
  }
  const both = (): Expression => {
    let left = negation()
    while (eatWord('AND')) left = { kind: 'binary', operator: 'AND', left, right: negation() }
    return left
  }
  const negation = (): Expression => eatWord('NOT') ? { kind: 'unary', operator: 'NOT', operand: negation() } : comparison()
  const comparison = (): Expression => {
    const left = sum()
    if (eatWord('IS')) {
      const negated = eatWord('NOT')
      const what = take().text.toUpperCase()
      if (what !== 'NULL' && what !== 'TRUE' && what !== 'FALSE') return fail('Expected NULL, TRUE or FALSE after IS')
      return { kind: 'is', operand: left, negated, what }
    }
    const negated = isWord('NOT') && ['IN', 'LIKE', 'BETWEEN'].some((word) => isWord(word, 1)) && eatWord('NOT')
    const negate = (inner: Expression): Expression => negated ? { kind: 'unary', operator: 'NOT', operand: inner } : inner
    if (eatWord('IN')) {
      needSymbol('(')
      const list = separated(expression)
      needSymbol(')')
      return { kind: 'in', operand: left, negated, list }
    }
    if (eatWord('LIKE')) return negate({ kind: 'binary', operator: 'LIKE', left, right: sum() })
    if (eatWord('BETWEEN')) {
      const low = sum()
      needWord('AND')
      const high = sum()
      return negate({
        kind: 'binary',
        operator: 'AND',
        left: { kind: 'binary', operator: '>=', left, right: low },
        right: { kind: 'binary', operator: '<=', left, right: high }
      })
    }
    for (const operator of ['<=', '>=', '!=', '<>', '=', '<', '>']) {
      if (eatSymbol(operator)) return { kind: 'binary', operator: operator === '<>' ? '!=' : operator, left, right: sum() }
    }
    return left
  }
  const sum = (): Expression => {
    let left = product()
    while (isSymbol('+') || isSymbol('-')) left = { kind: 'binary', operator: take().text, left, right: product() }
    return left
  }
  const product = (): Expression => {
    let left = sign()
    while (isSymbol('*') || isSymbol('/')) left = { kind: 'binary', operator: take().text, left, right: sign() }
    return left
  }
  const sign = (): Expression => eatSymbol('-') ? { kind: 'unary', operator: '-', operand: sign() } : primary()

  const primary = (): Expression => {
    const token = peek()
    if (eatSymbol('(')) {
      const inner = expression()
      needSymbol(')')
      return inner
    }
    if (token.kind === 'number') return { kind: 'literal', type: /e/i.test(token.text) || token.text.includes('.') ? 'FLOAT64' : 'INT64', text: take().text }
    if (token.kind === 'string') return { kind: 'literal', type: 'STRING', text: take().text }
    if (token.kind === 'parameter') return { kind: 'parameter', name: take().text }
    if (eatWord('NULL')) return { kind: 'literal', type: 'NULL', text: '' }
    if (eatWord('TRUE')) return { kind: 'literal', type: 'BOOL', text: 'true' }
    if (eatWord('FALSE')) return { kind: 'literal', type: 'BOOL', text: 'false' }
    for (const type of ['DATE', 'TIMESTAMP', 'NUMERIC'] as const) {
      if (isWord(type) && peek(1).kind === 'string') {
        position += 1
        return { kind: 'literal', type, text: take().text }
      }
    }
    if (eatWord('CAST')) {
      needSymbol('(')
      const operand = expression()
      needWord('AS')
      const type = take().text
      needSymbol(')')
      return { kind: 'cast', operand, type }
    }
    if (!isName(token)) return fail(`Unexpected ${token.kind === 'word' ? `keyword ${token.text.toUpperCase()}` : JSON.stringify(token.text)}`)
    const first = name()
    if (token.kind === 'word' && eatSymbol('(')) {
      if (eatSymbol('*')) {
        needSymbol(')')
        return { kind: 'call', name: first.toUpperCase(), distinct: false, star: true, args: [] }
      }
      if (eatSymbol(')')) return { kind: 'call', name: first.toUpperCase(), distinct: false, star: false, args: [] }
      const distinct = eatWord('DISTINCT')
      const args = separated(expression)
      needSymbol(')')
      return { kind: 'call', name: first.toUpperCase(), distinct, star: false, args }
    }
    return eatSymbol('.') ? { kind: 'column', qualifier: first, name: name() } : { kind: 'column', qualifier: null, name: first }
  }

  const statement: Statement = isWord('SELECT')
    ? select()
    : eatWord('INSERT')
      ? insert()
      : eatWord('MERGE') ? merge() : fail('The sandbox understands SELECT, INSERT ... SELECT and MERGE: expected one of them')
  eatSymbol(';')
  if (peek().kind !== 'end') unexpected('end of query')
  return statement
}
