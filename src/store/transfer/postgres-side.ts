// A schema of a PostgreSQL database as a side of a copy. Services are kept out by a lock that each of them shares while it runs.
import pg, { type CustomTypesConfig } from 'pg'
import { maskedUrl } from '../postgres/connections.ts'
import { migratePostgres } from '../postgres/migrate.ts'
import { inUseLock } from '../postgres/units.ts'
import {
  COPY_TABLE, keyOf, keyToText, OWN_TABLES, PORTION_BYTES, PORTION_ROWS, progressOf, quoted, SAVE_PROGRESS, selectOf, sizeOf, tableOf, TransferError,
  type Row, type Side
} from './side.ts'

/** `beside`: beside running services, all reads see one moment, and nothing is written. `sole`: nobody else uses it. */
export type PostgresUse = 'beside' | 'sole'

export interface PostgresSide extends Side {
  readonly client: pg.Client
  readonly schema: string
}

const CONNECT_WITHIN_MS = 5_000
const FIRST_ROWS = 50
const INTEGERS = [20, 23]

const types: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => INTEGERS.includes(oid)
    ? BigInt
    : pg.types.getTypeParser(oid, format as 'text')) as CustomTypesConfig['getTypeParser']
}

/** @throws TransferError when services are connected or the database is not fit for it; an error of the driver when it cannot be reached. */
export const openPostgresSide = async (url: string, latest: string, use: PostgresUse): Promise<PostgresSide> => {
  const client = new pg.Client({ connectionString: url, application_name: 'store transfer', connectionTimeoutMillis: CONNECT_WITHIN_MS, types })
  client.on('error', () => {})
  const place = maskedUrl(url)
  try {
    await client.connect()
    const { rows: [row] } = await client.query<{ schema: string | null, encoding: string }>(
      "SELECT current_schema() AS schema, current_setting('server_encoding') AS encoding")
    if (row!.schema === null) throw new TransferError(`The schema of the search path of ${place} does not exist.`)
    if (row!.encoding !== 'UTF8') throw new TransferError(`The database ${place} has the encoding ${row!.encoding}; it must be UTF8.`)
    if (use === 'sole') await shutOut(client, row!.schema, place)
    else await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return postgresSide(client, { url, place, schema: row!.schema, latest, use })
  } catch (error) {
    client.end().catch(() => {})
    throw error
  }
}

/** @throws TransferError with who is there. */
const shutOut = async (client: pg.Client, schema: string, place: string): Promise<void> => {
  const number = inUseLock(schema)
  const { rows: [lock] } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [number])
  if (lock!.taken) return
  const { rows } = await client.query<{ who: string }>(
    `SELECT application_name || coalesce(' from ' || client_addr::text, '') AS who FROM pg_stat_activity JOIN pg_locks USING (pid)
     WHERE locktype = 'advisory' AND granted AND ((classid::bigint << 32) | objid::bigint) = $1::bigint ORDER BY 1`, [number])
  throw new TransferError(`The database ${place} is in use (${rows.map(({ who }) => who).join(', ')}): stop every process of the service first.`)
}

const postgresSide = (
  client: pg.Client, { url, place, schema, latest, use }: { url: string, place: string, schema: string, latest: string, use: PostgresUse }
): PostgresSide => {
  const has = async (table: string): Promise<boolean> => (await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [table])).rowCount === 1
  const transact = async (work: () => Promise<void>): Promise<void> => {
    await client.query('BEGIN')
    try {
      await work()
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  }
  const save = (name: string, value: string): Promise<unknown> => client.query(SAVE_PROGRESS.replace('?', '$1').replace('?', '$2'), [name, value])
  return {
    engine: 'postgres',
    place,
    client,
    schema,
    async migration () {
      if (!await has('kysely_migration')) return undefined
      return (await client.query<{ name: string | null }>('SELECT max(name COLLATE "C") AS name FROM kysely_migration')).rows[0]?.name ?? undefined
    },
    migrate: () => migratePostgres({ url, schema, latest }),
    async tables () {
      const { rows } = await client.query<{ name: string, columns: Array<{ name: string, type: string }>, key: string[] | null }>(TABLES)
      return rows.filter(({ name }) => !OWN_TABLES.has(name)).map(({ name, columns, key }) => tableOf(name, columns, key ?? undefined))
    },
    isEmpty: async ({ name }) => (await client.query(`SELECT 1 FROM ${quoted(name)} LIMIT 1`)).rowCount === 0,
    async * read (table, after) {
      if (use === 'sole') await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      const marks = after?.map((_, index) => `$${index + 1}`)
      await client.query({ text: `DECLARE portions NO SCROLL CURSOR FOR ${selectOf(table, marks)}`, values: after ?? [] })
      try {
        for (let limit = FIRST_ROWS; ;) {
          const { rows } = await client.query<Row>({ text: `FETCH ${limit} FROM portions`, rowMode: 'array' })
          if (rows.length > 0) yield rows
          if (rows.length < limit) break
          const bytes = rows.reduce((sum, row) => sum + sizeOf(row), 0)
          limit = Math.max(1, Math.min(PORTION_ROWS, Math.floor(PORTION_BYTES / (bytes / rows.length))))
        }
      } finally {
        await client.query(use === 'sole' ? 'COMMIT' : 'CLOSE portions').catch(() => {})
      }
    },
    begin: (source) => transact(async () => {
      await client.query(COPY_TABLE)
      await save('', source)
    }),
    async progress () {
      if (!await has('store_copy')) return undefined
      return progressOf((await client.query<{ name: string, value: string }>('SELECT name, value FROM store_copy')).rows)
    },
    write: (table, rows) => transact(async () => {
      const arrays = table.columns.map(({ type }, index) => `$${index + 1}::${type === 'text' ? 'text' : 'bigint'}[]`)
      await client.query(
        `INSERT INTO ${quoted(table.name)} (${table.columns.map(({ name }) => quoted(name)).join(', ')}) SELECT * FROM unnest(${arrays.join(', ')})`,
        table.columns.map((_, index) => rows.map((row) => row[index])))
      await save(table.name, keyToText(keyOf(table, rows.at(-1)!)))
    }),
    async finish () {
      await client.query('DROP TABLE store_copy')
      // The planner knows nothing of what was copied.
      await client.query('ANALYZE')
    },
    close: () => client.end()
  }
}

/** Every table with its columns and the columns of its primary key, or else of its first unique index without nulls. */
const TABLES = `
  SELECT c.relname::text AS name,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL)))
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k (attnum, n)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum)
     FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
     WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
       AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND NOT a.attnotnull)
     ORDER BY i.indisprimary DESC, x.relname LIMIT 1) AS key
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname`
