// Runs a parsed statement over the sandbox's tables, and says how many bytes it read as BigQuery would.
import type { Expression, Insert, Merge, Select, Statement, TableReference } from './parse.ts'
import { calculate, common, compare, convert, isNumber, parseValue, QueryError, sizeOf, typeOf, type Type, type Typed, type Value } from './values.ts'

export interface Column {
  name: string
  type: Type
  mode: string
}

export interface Table {
  columns: Column[]
  rows: Value[][]
  created_at: number
  modified_at: number
  layout: Record<string, unknown>
}

/** A set of rows with names: a table, an array of structs, or a result. */
export interface Relation {
  columns: Array<{ name: string, type: Type }>
  rows: Value[][]
}

export interface Parameters {
  scalars: Map<string, Typed>
  /** Arrays of structs. */
  relations: Map<string, Relation>
}

export interface Outcome {
  statementType: 'SELECT' | 'INSERT' | 'MERGE'
  /** Empty for statements that write. */
  result: Relation
  bytesProcessed: number
  affected: { inserted: number, updated: number }
  /** Makes the change; calling it is left to whoever has checked the price. */
  apply: () => void
}

export interface Database {
  /** @throws QueryError `notFound`. */
  table (path: string): Table
  now: () => number
}

/** Nothing is changed before `apply`. @throws QueryError */
export const run = (statement: Statement, parameters: Parameters, database: Database): Outcome => {
  switch (statement.kind) {
    case 'select': return runSelect(statement, parameters, database)
    case 'insert': return runInsert(statement, parameters, database)
    case 'merge': return runMerge(statement, parameters, database)
  }
}

/** What names mean in an expression: each is a place in the row. */
interface Scope {
  relation: Relation
  qualifiers: readonly string[]
}

interface Row {
  values: Value[]
}

interface Context {
  scopes: Array<Scope & Row>
  parameters: Parameters
  /** The rows of the group, where aggregates are allowed. */
  group: Value[][] | null
  now: number
}

const AGGREGATES = new Set(['COUNT', 'SUM', 'AVG', 'MIN', 'MAX'])

const runSelect = (select: Select, parameters: Parameters, database: Database): Outcome => {
  const { relation, qualifiers, isTable } = readFrom(select, parameters, database)
  const now = database.now()
  const at = (values: Value[], group: Value[][] | null = null): Context => ({ scopes: [{ relation, qualifiers, values }], parameters, group, now })
  const outputs = select.columns.flatMap((column, index): Array<{ name: string, expression: Expression }> => column === '*'
    ? relation.columns.map(({ name }) => ({ name, expression: { kind: 'column', qualifier: null, name } }))
    : [{ name: column.alias ?? (column.expression.kind === 'column' ? column.expression.name : `f${index}_`), expression: column.expression }])

  // Names of the output may be used in GROUP BY, HAVING and ORDER BY, and so may their numbers.
  const resolve = (expression: Expression): Expression => {
    if (expression.kind === 'literal' && expression.type === 'INT64') {
      return outputs[Number(expression.text) - 1]?.expression ?? raise(`ORDER BY or GROUP BY is out of SELECT column number range: ${expression.text}`)
    }
    if (expression.kind !== 'column' || expression.qualifier !== null) return expression
    const named = outputs.find(({ name, expression: from }) => same(name, expression.name) && from !== expression)
    return named === undefined || relation.columns.some(({ name }) => same(name, expression.name)) ? expression : named.expression
  }

  const kept = select.where === null ? relation.rows : relation.rows.filter((values) => isTrue(evaluate(select.where!, at(values))))
  const said = [...outputs.map(({ expression }) => expression), ...select.having === null ? [] : [select.having]]
  const aggregated = select.groupBy.length > 0 || said.some(hasAggregate)
  const contexts = aggregated ? grouped(kept, select.groupBy.map(resolve), at) : kept.map((values) => at(values))
  const passed = select.having === null ? contexts : contexts.filter((context) => isTrue(evaluate(select.having!, context)))

  // Types are found on a row of nulls where there is no row.
  const sample = passed[0] ?? at(relation.columns.map(() => null), aggregated ? [] : null)
  const columns = outputs.map(({ name, expression }) => ({ name, type: evaluate(expression, sample).type }))
  let rows = passed.map((context) => ({ context, values: outputs.map(({ expression }) => evaluate(expression, context).value) }))
  if (select.distinct) rows = [...new Map(rows.map((row) => [keyOf(row.values), row])).values()]
  if (select.orderBy.length > 0) {
    const orders = select.orderBy.map(({ expression, descending }) => ({ expression: resolve(expression), descending }))
    const keys = new Map(rows.map((row) => [row, orders.map(({ expression }) => evaluate(expression, row.context).value)]))
    rows.sort((a, b) => {
      for (const [index, { descending }] of orders.entries()) {
        const order = compareNullsFirst(keys.get(a)![index]!, keys.get(b)![index]!)
        if (order !== 0) return descending ? -order : order
      }
      return 0
    })
  }
  const end = select.limit === null ? undefined : select.offset + select.limit
  const read = [...said, select.where, ...select.groupBy, ...select.orderBy.map(({ expression }) => expression)]
  return {
    statementType: 'SELECT',
    result: { columns, rows: rows.slice(select.offset, end).map(({ values }) => values) },
    // Whole columns are read, whatever LIMIT says.
    bytesProcessed: isTable ? bytesOf(relation, namesIn(read)) : 0,
    affected: { inserted: 0, updated: 0 },
    apply () {}
  }
}

const readFrom = ({ from }: Select, parameters: Parameters, database: Database): Scope & { isTable: boolean } => {
  if (from === null) return { relation: { columns: [], rows: [[]] }, qualifiers: [], isTable: false }
  if (from.kind === 'unnest') {
    const relation = parameters.relations.get(from.parameter) ?? raise(`Query parameter '${from.parameter}' not found`)
    return { relation, qualifiers: from.alias === null ? [] : [from.alias], isTable: false }
  }
  return { relation: database.table(from.path), qualifiers: qualifiersOf(from), isTable: true }
}

const qualifiersOf = ({ path, alias }: TableReference): string[] => [alias ?? path.split('.').at(-1) as string]

const grouped = (rows: Value[][], by: Expression[], at: (values: Value[], group: Value[][]) => Context): Context[] => {
  // Without GROUP BY there is one group, also of no rows.
  if (by.length === 0) return [at(rows[0] ?? [], rows)]
  const groups = new Map<string, Value[][]>()
  for (const values of rows) {
    const context = at(values, [])
    const key = keyOf(by.map((expression) => evaluate(expression, { ...context, group: null }).value))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [values])
    else group.push(values)
  }
  return [...groups.values()].map((group) => at(group[0] as Value[], group))
}

const runInsert = ({ table: reference, columns, select }: Insert, parameters: Parameters, database: Database): Outcome => {
  const table = database.table(reference.path)
  const { result, bytesProcessed } = runSelect(select, parameters, database)
  if (result.columns.length !== columns.length) raise(`Inserted row has wrong column count; Has ${result.columns.length}, expected ${columns.length}`)
  const rows = result.rows.map((values) => rowFor(table, columns, values.map((value, index) => ({ type: result.columns[index]!.type, value }))))
  return {
    statementType: 'INSERT',
    result: { columns: [], rows: [] },
    bytesProcessed,
    affected: { inserted: rows.length, updated: 0 },
    apply () { change(table, [...table.rows, ...rows], database) }
  }
}

const runMerge = (merge: Merge, parameters: Parameters, database: Database): Outcome => {
  const table = database.table(merge.table.path)
  const { result: source } = runSelect(merge.source, parameters, database)
  const target: Scope = { relation: table, qualifiers: qualifiersOf(merge.table) }
  const now = database.now()
  const context = (targetValues: Value[], sourceValues: Value[]): Context => ({
    scopes: [{ ...target, values: targetValues }, { relation: source, qualifiers: [merge.sourceAlias], values: sourceValues }], parameters, group: null, now
  })
  const rows = table.rows.map((row) => [...row])
  const changed = new Set<number>()
  const added: Value[][] = []
  const find = matcher(merge, target.relation, source, table.rows)
  for (const values of source.rows) {
    const matches = find(values).filter((index) => isTrue(evaluate(merge.on, context(table.rows[index]!, values))))
    if (matches.length === 0 && merge.insert !== null) {
      const { columns, values: expressions } = merge.insert
      added.push(rowFor(table, columns, expressions.map((expression) => evaluate(expression, context(table.columns.map(() => null), values)))))
    }
    for (const index of merge.update === null ? [] : matches) {
      if (changed.has(index)) throw new QueryError('UPDATE/MERGE must match at most one source row for each target row')
      changed.add(index)
      for (const { column, value } of merge.update!) {
        const place = placeOf(table, column)
        // The right sides see the row as it was.
        rows[index]![place] = fitting(table.columns[place]!, evaluate(value, context(table.rows[index]!, values)))
      }
    }
  }
  return {
    statementType: 'MERGE',
    result: { columns: [], rows: [] },
    bytesProcessed: bytesOf(table, null),
    affected: { inserted: added.length, updated: changed.size },
    apply () { change(table, [...rows, ...added], database) }
  }
}

/** Candidates by the first equality of the condition, so that a merge of thousands of rows is not a product. */
const matcher = (merge: Merge, target: Relation, source: Relation, rows: Value[][]): ((values: Value[]) => number[]) => {
  const equality = equalities(merge.on).find(({ left, right }) => left.name !== '' && right.name !== '')
  const all = [...rows.keys()]
  if (equality === undefined) return () => all
  const ofSource = same(equality.left.qualifier ?? '', merge.sourceAlias) ? equality.left : equality.right
  const ofTarget = ofSource === equality.left ? equality.right : equality.left
  const from = source.columns.findIndex(({ name }) => same(name, ofSource.name))
  const to = target.columns.findIndex(({ name }) => same(name, ofTarget.name))
  if (from < 0 || to < 0 || source.columns[from]!.type !== target.columns[to]!.type) return () => all
  const index = new Map<Value, number[]>()
  for (const [place, row] of rows.entries()) {
    const list = index.get(row[to]!)
    if (list === undefined) index.set(row[to]!, [place])
    else list.push(place)
  }
  return (values) => index.get(values[from]!) ?? []
}

type ColumnName = Extract<Expression, { kind: 'column' }>

const equalities = (expression: Expression): Array<{ left: ColumnName, right: ColumnName }> => {
  if (expression.kind !== 'binary') return []
  if (expression.operator === 'AND') return [...equalities(expression.left), ...equalities(expression.right)]
  const { operator, left, right } = expression
  return operator === '=' && left.kind === 'column' && right.kind === 'column' ? [{ left, right }] : []
}

const change = (table: Table, rows: Value[][], database: Database): void => {
  table.rows = rows
  table.modified_at = database.now()
}

const rowFor = (table: Table, names: string[], values: Typed[]): Value[] => {
  const row: Value[] = table.columns.map(() => null)
  for (const [index, name] of names.entries()) {
    const place = placeOf(table, name)
    row[place] = fitting(table.columns[place]!, values[index]!)
  }
  const lacking = table.columns.find(({ mode }, index) => mode === 'REQUIRED' && row[index] === null)
  if (lacking !== undefined) throw new QueryError(`Required field ${lacking.name} cannot be null`)
  return row
}

const fitting = (column: Column, typed: Typed): Value => {
  if (typed.value === null || typed.type === column.type) return typed.value
  if (isNumber(typed.type) && isNumber(column.type) && common(typed.type, column.type, 'INSERT') === column.type) return convert(typed, column.type)
  throw new QueryError(`Value of type ${typed.type} cannot be assigned to ${column.name}, which has type ${column.type}`)
}

const placeOf = (table: Table, name: string): number => {
  const place = table.columns.findIndex((column) => same(column.name, name))
  return place >= 0 ? place : raise(`Column ${name} is not present in the table`)
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
const raise = (message: string): never => { throw new QueryError(message) }
const isTrue = ({ value }: Typed): boolean => value === true
const keyOf = (values: Value[]): string => JSON.stringify(values.map((value) => value === null ? null : `${typeof value} ${String(value)}`))
const compareNullsFirst = (a: Value, b: Value): number => a === null ? (b === null ? 0 : -1) : b === null ? 1 : compare(a, b)

/** Columns that the expressions name; null: all. */
const namesIn = (expressions: Array<Expression | null>): Set<string> => {
  const names = new Set<string>()
  const walk = (expression: Expression): void => {
    switch (expression.kind) {
      case 'column':
        names.add(expression.name.toLowerCase())
        return
      case 'unary':
      case 'is':
      case 'cast': return walk(expression.operand)
      case 'binary':
        walk(expression.left)
        walk(expression.right)
        return
      case 'in': return [expression.operand, ...expression.list].forEach(walk)
      case 'call': expression.args.forEach(walk)
    }
  }
  for (const expression of expressions) if (expression !== null) walk(expression)
  return names
}

/** Of the named columns. */
export const bytesOf = ({ columns, rows }: Relation, names: Set<string> | null): number => {
  let bytes = 0
  for (const [index, { name, type }] of columns.entries()) {
    if (names !== null && !names.has(name.toLowerCase())) continue
    for (const row of rows) bytes += sizeOf({ type, value: row[index]! })
  }
  return bytes
}

const hasAggregate = (expression: Expression): boolean => {
  switch (expression.kind) {
    case 'call': return AGGREGATES.has(expression.name) || expression.args.some(hasAggregate)
    case 'binary': return hasAggregate(expression.left) || hasAggregate(expression.right)
    case 'unary':
    case 'is':
    case 'cast': return hasAggregate(expression.operand)
    case 'in': return [expression.operand, ...expression.list].some(hasAggregate)
    default: return false
  }
}

const evaluate = (expression: Expression, context: Context): Typed => {
  switch (expression.kind) {
    case 'literal': {
      const { type, text } = expression
      return type === 'NULL' ? { type: 'INT64', value: null } : { type, value: parseValue(type, text) }
    }
    case 'parameter': return context.parameters.scalars.get(expression.name) ?? raise(`Query parameter '${expression.name}' not found`)
    case 'column': return column(expression, context)
    case 'cast': {
      const type = typeOf(expression.type)
      const operand = evaluate(expression.operand, context)
      return { type, value: type === 'STRING' && operand.value !== null ? String(operand.value) : convert(operand, type) }
    }
    case 'unary': {
      const operand = evaluate(expression.operand, context)
      if (expression.operator === '-') return calculate('-', { type: 'INT64', value: 0n }, operand)
      return { type: 'BOOL', value: operand.value === null ? null : !isTrue(operand) }
    }
    case 'is': {
      const { value } = evaluate(expression.operand, context)
      const holds = expression.what === 'NULL' ? value === null : value === (expression.what === 'TRUE')
      return { type: 'BOOL', value: holds !== expression.negated }
    }
    case 'in': {
      const matches = expression.list.map((item) => comparison('=', expression.operand, item, context).value)
      const found = matches.includes(true) ? true : matches.includes(null) ? null : false
      return { type: 'BOOL', value: found === null ? null : found !== expression.negated }
    }
    case 'binary': return binary(expression.operator, expression.left, expression.right, context)
    case 'call': return call(expression, context)
  }
}

const column = ({ name, qualifier }: ColumnName, { scopes }: Context): Typed => {
  const found = scopes.filter(({ qualifiers }) => qualifier === null || qualifiers.some((known) => same(known, qualifier))).flatMap(({ relation, values }) => {
    const place = relation.columns.findIndex((candidate) => same(candidate.name, name))
    return place < 0 ? [] : [{ type: relation.columns[place]!.type, value: values[place] ?? null }]
  })
  if (found.length > 1) throw new QueryError(`Column name ${name} is ambiguous`)
  return found[0] ?? raise(`Unrecognized name: ${qualifier === null ? name : `${qualifier}.${name}`}`)
}

const binary = (operator: string, left: Expression, right: Expression, context: Context): Typed => {
  if (operator === 'AND' || operator === 'OR') {
    const a = evaluate(left, context).value
    const b = evaluate(right, context).value
    const decisive = operator === 'OR'
    return { type: 'BOOL', value: a === decisive || b === decisive ? decisive : a === null || b === null ? null : !decisive }
  }
  if (operator === 'LIKE') {
    const a = evaluate(left, context)
    const b = evaluate(right, context)
    if (a.type !== 'STRING' || b.type !== 'STRING') throw new QueryError(`No matching signature for operator LIKE for argument types: ${a.type}, ${b.type}.`)
    return { type: 'BOOL', value: a.value === null || b.value === null ? null : likeness(b.value as string).test(a.value as string) }
  }
  if (['+', '-', '*', '/'].includes(operator)) return calculate(operator, evaluate(left, context), evaluate(right, context))
  return comparison(operator, left, right, context)
}

const likeness = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('%', '[\\s\\S]*').replaceAll('_', '[\\s\\S]')}$`)

const comparison = (operator: string, left: Expression, right: Expression, context: Context): Typed => {
  const a = evaluate(left, context)
  const b = evaluate(right, context)
  if (a.value === null || b.value === null) return { type: 'BOOL', value: null }
  const type = typeToCompare(left, right, a, b, operator)
  const order = compare(convert(a, type), convert(b, type))
  const holds = { '=': order === 0, '!=': order !== 0, '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[operator]
  return { type: 'BOOL', value: holds ?? raise(`Unknown operator ${operator}`) }
}

/** A literal of text stands for a date or a time beside one. */
const typeToCompare = (left: Expression, right: Expression, a: Typed, b: Typed, operator: string): Type => {
  if (left.kind === 'literal' && a.type === 'STRING') return b.type
  if (right.kind === 'literal' && b.type === 'STRING') return a.type
  return common(a.type, b.type, `operator ${operator}`)
}

type Call = Extract<Expression, { kind: 'call' }>

const call = (expression: Call, context: Context): Typed => {
  const { name, args } = expression
  if (AGGREGATES.has(name)) return aggregate(expression, context)
  const values = args.map((argument) => evaluate(argument, context))
  const first = values[0]
  switch (name) {
    case 'CURRENT_TIMESTAMP': return { type: 'TIMESTAMP', value: BigInt(context.now) * 1000n }
    case 'CURRENT_DATE': return { type: 'DATE', value: new Date(context.now).toISOString().slice(0, 10) }
    case 'SESSION_USER': return { type: 'STRING', value: 'sandbox@royal-equips-sandbox.iam.gserviceaccount.com' }
  }
  if (first === undefined) return raise(`Function not found in the sandbox: ${name}`)
  switch (name) {
    case 'DATE': return { type: 'DATE', value: convert(first, 'DATE') }
    case 'LOWER': return { type: 'STRING', value: first.value === null ? null : String(first.value).toLowerCase() }
    case 'UPPER': return { type: 'STRING', value: first.value === null ? null : String(first.value).toUpperCase() }
    case 'LENGTH': return { type: 'INT64', value: first.value === null ? null : BigInt([...String(first.value)].length) }
    case 'COALESCE':
    case 'IFNULL': return values.find(({ value }) => value !== null) ?? first
    case 'ABS': return first.value !== null && Number(first.value) < 0 ? calculate('-', { type: 'INT64', value: 0n }, first) : first
    default: return raise(`Function not found in the sandbox: ${name}`)
  }
}

const aggregate = ({ name, args, distinct, star }: Call, context: Context): Typed => {
  const { group, scopes } = context
  if (group === null) return raise(`Aggregate function ${name} not allowed here`)
  if (star) return name === 'COUNT' ? { type: 'INT64', value: BigInt(group.length) } : raise(`${name}(*) is not supported`)
  const argument = args[0] ?? raise(`${name} needs an argument`)
  const inner = (values: Value[]): Typed => evaluate(argument, { ...context, group: null, scopes: [{ ...scopes[0]!, values }] })
  const { type } = inner(group[0] ?? scopes[0]!.relation.columns.map(() => null))
  let values = group.map((row) => inner(row).value).filter((value) => value !== null)
  if (distinct) values = [...new Map(values.map((value) => [keyOf([value]), value])).values()]
  if (name === 'COUNT') return { type: 'INT64', value: BigInt(values.length) }
  if (name === 'MIN' || name === 'MAX') {
    const sorted = values.toSorted(compare)
    return { type, value: (name === 'MIN' ? sorted[0] : sorted.at(-1)) ?? null }
  }
  if (!isNumber(type)) return raise(`No matching signature for aggregate function ${name} for argument types: ${type}.`)
  if (values.length === 0) return { type: name === 'AVG' && type === 'INT64' ? 'FLOAT64' : type, value: null }
  const sum = values.map((value): Typed => ({ type, value })).reduce((a, b) => calculate('+', a, b))
  return name === 'SUM' ? sum : calculate('/', sum, { type: 'INT64', value: BigInt(values.length) })
}
