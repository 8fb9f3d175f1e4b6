// Brings the schema of a database up to date: one process at a time, the others wait and find it done. Kysely is loaded only when there is something to do.
import type { DatabaseIntrospector } from 'kysely'
import pg from 'pg'
import { UnfinishedCopyError } from '../unusable.ts'

/** The schema was made by a newer program in a way that this one cannot work with. */
class SchemaTooNewError extends Error {
  constructor (known: string, needed: string) {
    super(`The database has a schema that needs a program which knows ${needed}; this one knows up to ${known}. Deploy the newer version.`)
    this.name = 'SchemaTooNewError'
  }
}

const NO_SUCH_TABLE = '42P01'
const NO_SUCH_SCHEMA = '3F000'

/**
 * A newer schema is no fault as long as its floor, the oldest migration that a program must know to work with it, is known here: replicas of
 * two versions work side by side during a rolling upgrade, and a rollback works.
 * @throws SchemaTooNewError, UnfinishedCopyError, or what a migration failed with.
 */
export const migratePostgres = async ({ url, schema, latest }: { url: string, schema: string, latest: string }): Promise<void> => {
  // Without the short timeouts of the service: an index over a large table takes its time.
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 5_000, application_name: 'orchestrator migration' })
  pool.on('error', () => {})
  try {
    const names = await namesIn(pool)
    if ((names.at(-1) ?? '') >= latest) {
      const { rows: [row] } = await pool.query<{ floor: string, unfinished: boolean }>(
        "SELECT floor, to_regclass('store_copy') IS NOT NULL AS unfinished FROM schema_floor")
      if (row?.unfinished === true) throw new UnfinishedCopyError('The database')
      if (row !== undefined && row.floor > latest) throw new SchemaTooNewError(latest, row.floor)
      return
    }
    const [{ Kysely, PostgresDialect }, { Migrator }, { migrations }] =
      await Promise.all([import('kysely'), import('kysely/migration'), import('./migrations/index.ts')])
    const dialect = new PostgresDialect({ pool })
    // Kysely's own look goes through every schema of the database, and fails when somebody drops one of them meanwhile.
    dialect.createIntrospector = () => lookInto(pool, schema)
    const db = new Kysely<unknown>({ dialect })
    const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations }, migrationTableSchema: schema })
    for (let tries = 0; ; tries++) {
      const { error } = await migrator.migrateToLatest()
      if (error === undefined) return
      // Kysely looks at all schemas of the database, and somebody has just dropped one.
      if ([NO_SUCH_SCHEMA, NO_SUCH_TABLE].includes((error as { code?: string }).code ?? '') && tries < 3) continue
      throw error instanceof Error ? error : new Error(String(error))
    }
  } finally {
    await pool.end()
  }
}

/** What the migrator asks: whether the schema and its own tables are there. */
const lookInto = (pool: pg.Pool, schema: string): DatabaseIntrospector => ({
  async getSchemas () { return [{ name: schema }] },
  async getTables () {
    const { rows } = await pool.query<{ name: string }>('SELECT tablename AS name FROM pg_tables WHERE schemaname = $1', [schema])
    return rows.map(({ name }) => ({ name, schema, isView: false, isForeign: false, columns: [] }))
  }
})

const namesIn = async (pool: pg.Pool): Promise<string[]> => {
  try {
    return (await pool.query<{ name: string }>('SELECT name FROM kysely_migration ORDER BY name COLLATE "C"')).rows.map(({ name }) => name)
  } catch (error) {
    if ((error as { code?: string }).code === NO_SUCH_TABLE) return []
    throw error
  }
}
