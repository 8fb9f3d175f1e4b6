// Brings the schema of an SQLite file up to date. Kysely is loaded only when there is something to do: it costs 0.1 s of start.
import type { DatabaseSync } from 'node:sqlite'
import { UnfinishedCopyError } from '../unusable.ts'

/**
 * `upTo`: stop at this migration, as an older version would.
 * @throws UnfinishedCopyError, or Error when one fails or when the file is from a newer version of the program.
 */
export const migrateSqlite = async (database: DatabaseSync, latest: string, upTo?: string): Promise<void> => {
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE name IN ('kysely_migration', 'store_copy')").all().map((row) => row['name'])
  if (tables.includes('store_copy')) throw new UnfinishedCopyError('The file')
  const known = tables.includes('kysely_migration')
  const names = known ? database.prepare('SELECT name FROM kysely_migration ORDER BY name').all().map((row) => String(row['name'])) : []
  if (names.at(-1) === latest) return
  const [{ Kysely, SqliteDialect }, { Migrator }, { migrations }] =
    await Promise.all([import('kysely'), import('kysely/migration'), import('../migrations/index.ts')])
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: asBetterSqlite(database) }) })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await (upTo === undefined ? migrator.migrateToLatest() : migrator.migrateTo(upTo))
  if (error !== undefined) throw error instanceof Error ? error : new Error(String(error))
}

/** Kysely's dialect speaks to better-sqlite3; node:sqlite differs in how parameters are passed. Closing stays with the engine. */
const asBetterSqlite = (database: DatabaseSync) => ({
  close () {},
  prepare (sql: string) {
    const statement = database.prepare(sql)
    return {
      reader: statement.columns().length > 0,
      all: (parameters: readonly unknown[]) => statement.all(...parameters as string[]),
      run: (parameters: readonly unknown[]) => statement.run(...parameters as string[]),
      iterate: (parameters: readonly unknown[]) => statement.iterate(...parameters as string[])
    }
  }
})
