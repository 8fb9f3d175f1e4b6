// The SQL that writes rows. Names are checked and quoted, values travel as one typed parameter, so no text of ours or theirs becomes SQL.
import { createHash } from 'node:crypto'
import { COLUMN_TYPES, WarehouseError } from '../../core/warehouse.ts'
import type { Cell, Column, ColumnType, Parameter, Query, RowSet } from '../../core/warehouse.ts'

export interface TableName {
  projectId: string
  dataset: string
  table: string
}

/** As BigQuery's REST takes it. */
export interface WireParameter {
  name: string
  parameterType: object
  parameterValue: object
}

export interface Statement {
  sql: string
  parameters: WireParameter[]
}

const MOST_ROWS = 5_000
/** BigQuery takes requests of 10 MB, its parameters included. */
const MOST_BYTES = 8 * 1024 * 1024

const PROJECT = /^(?:[a-z0-9][a-z0-9.-]{0,60}:)?[a-z][a-z0-9-]{1,61}$/
const DATASET = /^[A-Za-z0-9_]{1,1024}$/
const TABLE = /^[A-Za-z0-9_-]{1,1024}$/
const COLUMN = /^[A-Za-z_][A-Za-z0-9_]{0,299}$/
const RESERVED_COLUMN = /^_(?:TABLE_|FILE_|PARTITION|ROW_TIMESTAMP|COLIDENTIFIER)|^__ROOT__/i

const refuse = (message: string): never => { throw new WarehouseError('warehouse_invalid_query', message) }

export const checkProject = (name: string): string =>
  PROJECT.test(name) ? name : refuse(`${JSON.stringify(name)} is no name of a project: set BIGQUERY_PROJECT_ID.`)

export const checkDataset = (name: string): string =>
  DATASET.test(name) ? name : refuse(`${JSON.stringify(name)} is no name of a dataset: set BIGQUERY_DATASET.`)

export const checkTable = (name: string): string => TABLE.test(name) ? name : refuse(`${JSON.stringify(name)} is no name of a table.`)

export const checkColumns = (columns: readonly Column[]): void => {
  if (columns.length === 0) refuse('A table needs at least one column.')
  const seen = new Set<string>()
  for (const { name, type } of columns) {
    if (!COLUMN.test(name) || RESERVED_COLUMN.test(name)) refuse(`${JSON.stringify(name)} is no name of a column.`)
    if (!COLUMN_TYPES.includes(type)) refuse(`Column ${name}: ${String(type)} is not one of ${COLUMN_TYPES.join(', ')}.`)
    // BigQuery's column names know no case.
    if (seen.has(name.toLowerCase())) refuse(`Column ${name} is named twice.`)
    seen.add(name.toLowerCase())
  }
}

export const insertStatement = (table: TableName, { columns, rows }: RowSet): Statement => {
  const names = columns.map(({ name }) => quote(name)).join(', ')
  const batch = batchParameter(columns, rows)
  return { sql: `INSERT INTO ${address(table)} (${names})\nSELECT ${names}\nFROM UNNEST(@batch)`, parameters: [batch] }
}

export const mergeStatement = (table: TableName, { columns, rows, key }: RowSet & { key: readonly string[] }): Statement => {
  const batch = batchParameter(columns, rows)
  checkKey(columns, rows, key)
  const names = columns.map(({ name }) => quote(name))
  const rest = columns.filter(({ name }) => !key.includes(name)).map(({ name }) => quote(name))
  const lines = [
    `MERGE ${address(table)} AS target`,
    `USING (SELECT ${names.join(', ')} FROM UNNEST(@batch)) AS source`,
    `ON ${key.map((name) => `target.${quote(name)} = source.${quote(name)}`).join(' AND ')}`,
    ...(rest.length === 0 ? [] : [`WHEN MATCHED THEN UPDATE SET ${rest.map((name) => `${name} = source.${name}`).join(', ')}`]),
    `WHEN NOT MATCHED THEN INSERT (${names.join(', ')}) VALUES (${names.map((name) => `source.${name}`).join(', ')})`
  ]
  return { sql: lines.join('\n'), parameters: [batch] }
}

/** One SELECT. Not a parser: it keeps a slip from writing; what the credentials may write is for the project's roles to say. */
export const queryStatement = ({ sql, parameters = [] }: Query): Statement => {
  if (!/^\s*(?:select|with)\b/i.test(sql)) refuse('A query begins with SELECT or WITH.')
  if (sql.includes(';')) refuse('A query is one statement, without a semicolon.')
  return {
    sql,
    parameters: parameters.map(({ name, type, value }: Parameter) => {
      if (!COLUMN.test(name)) refuse(`${JSON.stringify(name)} is no name of a parameter.`)
      if (!COLUMN_TYPES.includes(type)) refuse(`Parameter ${name}: ${String(type)} is not one of ${COLUMN_TYPES.join(', ')}.`)
      return { name, parameterType: { type }, parameterValue: { value: wireValue(type, value, `Parameter ${name}`) } }
    })
  }
}

/** What tells whether two statements do the same; fits a label. */
export const digestOf = ({ sql, parameters }: Statement): string =>
  createHash('sha256').update(JSON.stringify([sql, parameters])).digest('hex').slice(0, 48)

const quote = (name: string): string => `\`${name}\``

const address = ({ projectId, dataset, table }: TableName): string => quote(`${projectId}.${dataset}.${table}`)

/** All rows as one array of structs: BigQuery checks each value against its type, and a row costs no parameter of its own. */
const batchParameter = (columns: readonly Column[], rows: RowSet['rows']): WireParameter => {
  checkColumns(columns)
  if (rows.length === 0) refuse('There are no rows to write.')
  if (rows.length > MOST_ROWS) refuse(`${rows.length} rows are too many for one job: ${MOST_ROWS} is the limit.`)
  const known = new Set(columns.map(({ name }) => name))
  let bytes = 0
  const arrayValues = rows.map((row, index) => {
    const stray = Object.keys(row).find((name) => !known.has(name))
    if (stray !== undefined) refuse(`Row ${index + 1} has a value for ${JSON.stringify(stray)}, which is no column of this write.`)
    const structValues: Record<string, { value: string | null }> = {}
    for (const { name, type, required } of columns) {
      const value = wireValue(type, row[name] ?? null, `Row ${index + 1}, column ${name}`)
      if (value === null && required === true) refuse(`Row ${index + 1} has no value for the required column ${name}.`)
      bytes += name.length + (value === null ? 4 : Buffer.byteLength(value)) + 16
      structValues[name] = { value }
    }
    return { structValues }
  })
  if (bytes > MOST_BYTES) refuse(`These rows are ${Math.ceil(bytes / 1024 / 1024)} MiB: ${MOST_BYTES / 1024 / 1024} MiB is the limit of one job.`)
  const structTypes = columns.map(({ name, type }) => ({ name, type: { type } }))
  return { name: 'batch', parameterType: { type: 'ARRAY', arrayType: { type: 'STRUCT', structTypes } }, parameterValue: { arrayValues } }
}

/** A NULL equals nothing and a key twice makes the whole MERGE fail after it was billed: both are found here. */
const checkKey = (columns: readonly Column[], rows: RowSet['rows'], key: readonly string[]): void => {
  if (key.length === 0) refuse('A merge needs a key.')
  for (const name of key) if (!columns.some((column) => column.name === name)) refuse(`The key ${JSON.stringify(name)} is no column of this write.`)
  const seen = new Set<string>()
  for (const [index, row] of rows.entries()) {
    const cells = key.map((name) => row[name] ?? null)
    if (cells.includes(null)) refuse(`Row ${index + 1} has no value for its key ${key.join(', ')}.`)
    const text = JSON.stringify(cells)
    if (seen.has(text)) refuse(`Row ${index + 1} repeats the key ${text}.`)
    seen.add(text)
  }
}

const WANTED: Record<ColumnType, string> = {
  STRING: 'text',
  INT64: 'a whole number',
  FLOAT64: 'a finite number',
  NUMERIC: 'a decimal string with at most 29 digits before and 9 after the point',
  BOOL: 'true or false',
  DATE: 'a day as YYYY-MM-DD',
  TIMESTAMP: 'milliseconds since the epoch'
}

const DECIMAL = /^-?\d{1,29}(?:\.\d{1,9})?$/

/** @throws WarehouseError that names `where` when the value does not fit the type: never rounded, never coerced. */
const wireValue = (type: ColumnType, value: Cell, where: string): string | null => {
  if (value === null) return null
  const text = textOf(type, value)
  return text ?? refuse(`${where}: ${type} takes ${WANTED[type]}.`)
}

const textOf = (type: ColumnType, value: string | number | boolean): string | undefined => {
  switch (type) {
    case 'STRING': return typeof value === 'string' && value.isWellFormed() ? value : undefined
    case 'INT64': return Number.isSafeInteger(value) ? String(value) : undefined
    case 'FLOAT64': return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined
    case 'NUMERIC': return typeof value === 'string' && DECIMAL.test(value) ? value : undefined
    case 'BOOL': return typeof value === 'boolean' ? String(value) : undefined
    case 'DATE': return typeof value === 'string' && isDay(value) ? value : undefined
    case 'TIMESTAMP': return typeof value === 'number' && isTime(value) ? new Date(value).toISOString() : undefined
  }
}

const isDay = (text: string): boolean => {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

/** BigQuery's times lie between the years 1 and 9999; ISO text beyond them looks different. */
const isTime = (value: number): boolean => Number.isInteger(value) && value >= -62_135_596_800_000 && value < 253_402_300_800_000
