// Migrations for both engines from one text. Since 0008 a migration is a list of statements in the words of SQLite that PostgreSQL knows as well.
import { sql, type Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

export interface Portable {
  /** Types are `text` and `integer`; STRICT and rowids are nobody's business; WITHOUT ROWID may stand at the end of a table. */
  statements: readonly string[]
  /** Tables whose rows are never changed or deleted. */
  appendOnly?: readonly string[]
  /** For a migration that takes away what an older program needs: its own name, see schema_floor. */
  floor?: string
}

export const onSqlite = ({ statements, appendOnly = [] }: Portable): Migration => migrationOf([
  ...statements,
  ...appendOnly.flatMap((table) => ['UPDATE', 'DELETE'].map((change) => `CREATE TRIGGER ${table}_no_${change.toLowerCase()} BEFORE ${change} ON ${table}
    BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END`))
])

export const onPostgres = ({ statements, appendOnly = [], floor }: Portable): Migration => migrationOf([
  ...statements.map(inPostgres),
  ...appendOnly.map((table) => `CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse_change()`),
  ...floor === undefined ? [] : [`UPDATE schema_floor SET floor = '${floor}'`]
])

/** Texts sort by their bytes, as SQLite has it; whole numbers have 64 bits. */
export const inPostgres = (statement: string): string => statement
  .replaceAll(/\btext\b/g, 'text COLLATE "C"')
  .replaceAll(/\binteger\b/g, 'bigint')
  .replace(/\)\s*WITHOUT ROWID\s*$/, ')')

const migrationOf = (statements: readonly string[]): Migration => ({
  async up (db: Kysely<unknown>) {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
})
