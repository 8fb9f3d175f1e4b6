// A store as those see it who carry it elsewhere: tables found in the schema itself, rows in the order of their keys.

/** Whole numbers are exact, whatever their size. */
export type Cell = string | bigint | null
export type Row = Cell[]

export interface Table {
  name: string
  /** By name: engines keep them in different orders. Cells of a row are in this order. */
  columns: Array<{ name: string, type: 'text' | 'integer' }>
  /** What rows are ordered by, and found by again. */
  key: string[]
}

export interface Side {
  readonly engine: 'sqlite' | 'postgres'
  /** Where it is, without secrets. */
  readonly place: string
  /** The newest migration; undefined when there is no schema. */
  migration (): Promise<string | undefined>
  migrate (): Promise<void>
  /** Without those that are the engine's own. @throws TransferError for one that cannot be carried. */
  tables (): Promise<Table[]>
  isEmpty (table: Table): Promise<boolean>
  /** Rows in portions, in the order of the key; of a resumed copy, those behind `after`. */
  read (table: Table, after?: Cell[]): AsyncIterable<Row[]>
  /** Marks what it holds as unfinished: no service starts on it until `finish`. */
  begin (source: string): Promise<void>
  /** Of an unfinished copy; undefined when there is none. */
  progress (): Promise<Progress | undefined>
  /** The rows, and that they are there, in one transaction. */
  write (table: Table, rows: Row[]): Promise<void>
  finish (): Promise<void>
  close (): Promise<void>
}

export interface Progress {
  source: string
  /** Of each table that was begun, the key of the last row. */
  last: Map<string, Cell[]>
}

/** The message is for whoever gave the command, with what to do about it. */
export class TransferError extends Error {
  constructor (message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'TransferError'
  }
}

/** Kysely's books and the floor of rolling upgrades belong to the engine; the last is how far a copy has come. */
export const OWN_TABLES: ReadonlySet<string> = new Set(['kysely_migration', 'kysely_migration_lock', 'schema_floor', 'store_copy'])

/** How far an unfinished copy has come: its source under the empty name, the last key of each table under the table's. */
export const COPY_TABLE = 'CREATE TABLE store_copy (name text PRIMARY KEY, value text NOT NULL)'
export const SAVE_PROGRESS = 'INSERT INTO store_copy (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'

export const PORTION_ROWS = 1_000
export const PORTION_BYTES = 4 * 1024 * 1024

/** Memory is bounded by this, and by the largest single row. */
export const sizeOf = (row: Row): number => row.reduce((sum, cell) => sum + (typeof cell === 'string' ? cell.length : 8), 0)

export const keyOf = (table: Table, row: Row): Cell[] => table.key.map((name) => row[table.columns.findIndex((column) => column.name === name)]!)

export const keyToText = (key: Cell[]): string => JSON.stringify(key.map((cell) => typeof cell === 'bigint' ? { integer: cell.toString() } : cell))

export const progressOf = (rows: Array<{ name: string, value: string }>): Progress => ({
  source: rows.find(({ name }) => name === '')?.value ?? '',
  last: new Map(rows.filter(({ name }) => name !== '').map(({ name, value }) => [name, keyOfText(value)]))
})

const keyOfText = (text: string): Cell[] =>
  (JSON.parse(text) as Array<string | null | { integer: string }>).map((cell) => typeof cell === 'object' && cell !== null ? BigInt(cell.integer) : cell)

const TYPES: Record<string, 'text' | 'integer'> = { text: 'text', integer: 'integer', bigint: 'integer' }

/** @throws TransferError for a table that both engines could not hold alike. */
export const tableOf = (name: string, columns: Array<{ name: string, type: string }>, key: string[] | undefined): Table => {
  if (key === undefined) throw new TransferError(`The table ${name} has no primary key and no unique index without nulls: its rows have no order.`)
  return {
    name,
    columns: columns.map((column) => {
      const type = TYPES[column.type.toLowerCase()]
      if (type === undefined) throw new TransferError(`The column ${name}.${column.name} is of the type ${column.type}, which cannot be carried.`)
      return { name: column.name, type }
    }).sort((a, b) => a.name < b.name ? -1 : 1),
    key
  }
}

/** Names of tables and columns come from the schema. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The rows of a table in the order of its key; `marks` stand for the key of the last row that is not wanted. */
export const selectOf = ({ name, columns, key }: Table, marks?: string[]): string => [
  `SELECT ${columns.map((column) => quoted(column.name)).join(', ')} FROM ${quoted(name)}`,
  ...marks === undefined ? [] : [`WHERE (${key.map(quoted).join(', ')}) > (${marks.join(', ')})`],
  `ORDER BY ${key.map(quoted).join(', ')}`
].join(' ')
