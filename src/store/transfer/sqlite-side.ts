// An SQLite file as a side of a copy. It belongs to this process while it is open.
import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openSqlite } from '../sqlite/engine.ts'
import { lockStore } from '../sqlite/lock.ts'
import { migrateSqlite } from '../sqlite/migrate.ts'
import {
  COPY_TABLE, keyOf, keyToText, OWN_TABLES, PORTION_BYTES, PORTION_ROWS, progressOf, quoted, SAVE_PROGRESS, selectOf, sizeOf, tableOf, TransferError,
  type Cell, type Row, type Side, type Table
} from './side.ts'

export interface SqliteSide extends Side { readonly database: DatabaseSync }

/** @throws StoreLockedError when a process uses it, TransferError when it should be there and is not. */
export const openSqliteSide = (file: string, latest: string, { create }: { create: boolean }): SqliteSide => {
  if (!create && !existsSync(file)) throw new TransferError(`There is no store at ${file}.`)
  mkdirSync(dirname(file), { recursive: true })
  const unlock = lockStore(file)
  try {
    const engine = openSqlite(file)
    return sqliteSide(engine.database, realpathSync(file), latest, () => {
      engine.close()
      unlock()
    })
  } catch (error) {
    unlock()
    throw error
  }
}

/** Over a connection that somebody else opened; `latest`: the migration that `migrate` brings it to. */
export const sqliteSide = (database: DatabaseSync, place: string, latest: string, close: () => void): SqliteSide => {
  const has = (table: string): boolean =>
    database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table) !== undefined
  return {
    engine: 'sqlite',
    place,
    database,
    async migration () {
      if (!has('kysely_migration')) return undefined
      return database.prepare('SELECT max(name) AS name FROM kysely_migration').get()?.['name'] as string | null ?? undefined
    },
    migrate: () => migrateSqlite(database, latest),
    async tables () {
      const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name").all()
      return names.map(({ name }) => String(name)).filter((name) => !OWN_TABLES.has(name)).map((name) => describe(database, name))
    },
    isEmpty: async ({ name }) => database.prepare(`SELECT 1 FROM ${quoted(name)} LIMIT 1`).get() === undefined,
    async * read (table, after) {
      const statement = database.prepare(selectOf(table, after?.map(() => '?')))
      statement.setReadBigInts(true)
      statement.setReturnArrays(true)
      let portion: Row[] = []
      let bytes = 0
      for (const values of statement.iterate(...after ?? [])) {
        const row = cellsOf(table, values as unknown as unknown[])
        portion.push(row)
        bytes += sizeOf(row)
        if (portion.length < PORTION_ROWS && bytes < PORTION_BYTES) continue
        yield portion
        portion = []
        bytes = 0
      }
      if (portion.length > 0) yield portion
    },
    async begin (source) {
      database.exec(`BEGIN IMMEDIATE; ${COPY_TABLE}`)
      database.prepare(SAVE_PROGRESS).run('', source)
      database.exec('COMMIT')
    },
    async progress () {
      if (!has('store_copy')) return undefined
      return progressOf(database.prepare('SELECT name, value FROM store_copy').all() as Array<{ name: string, value: string }>)
    },
    async write (table, rows) {
      const names = table.columns.map(({ name }) => quoted(name))
      const insert = database.prepare(`INSERT INTO ${quoted(table.name)} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
      database.exec('BEGIN IMMEDIATE')
      try {
        for (const row of rows) insert.run(...row)
        database.prepare(SAVE_PROGRESS).run(table.name, keyToText(keyOf(table, rows.at(-1)!)))
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    async finish () {
      database.exec('DROP TABLE store_copy; PRAGMA wal_checkpoint(TRUNCATE)')
    },
    async close () { close() }
  }
}

const describe = (database: DatabaseSync, name: string): Table => {
  const columns = database.prepare('SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden = 0').all(name) as
    Array<{ name: string, type: string, notnull: number, pk: number }>
  const primary = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk).map((column) => column.name)
  const full = new Set(columns.filter(({ notnull }) => notnull === 1).map((column) => column.name))
  const unique = database.prepare('SELECT name FROM pragma_index_list(?) WHERE "unique" = 1 AND partial = 0 ORDER BY name').all(name)
    .map((index) => database.prepare('SELECT name FROM pragma_index_info(?) ORDER BY seqno').all(index['name']!).map((column) => String(column['name'])))
  return tableOf(name, columns, primary.length > 0 ? primary : unique.find((key) => key.every((column) => full.has(column))))
}

/** Columns are not strict: what should be a number may be a text, and then it is said here and not rounded there. */
const cellsOf = (table: Table, values: unknown[]): Row => values.map((value, index) => {
  const { name, type } = table.columns[index]!
  if (value === null || (type === 'text' ? typeof value === 'string' : typeof value === 'bigint')) return value as Cell
  throw new TransferError(`The table ${table.name} has a ${typeof value} in the column ${name}, which is ${type}: it cannot be carried.`)
})
