// A real PostgreSQL for tests: TEST_DATABASE_URL, or the local default port. Each store gets a schema of its own.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Test } from 'tap'

export const TEST_DATABASE_URL = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test'

/** Why tests that need the server are skipped; false when it is there. @throws Error when REQUIRE_SERVICES is set and it is not. */
export const withoutPostgres = async (): Promise<string | false> => {
  const client = new pg.Client({ connectionString: TEST_DATABASE_URL, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SELECT 1')
    return false
  } catch (error) {
    if (process.env['REQUIRE_SERVICES'] === '1') throw new Error('REQUIRE_SERVICES is set, and there is no PostgreSQL', { cause: error })
    return `no PostgreSQL at ${new URL(TEST_DATABASE_URL).host}: set TEST_DATABASE_URL`
  } finally {
    client.end().catch(() => {})
  }
}

/** The address of an empty schema, which goes with the test. */
export const freshSchema = async (t: Test): Promise<string> => {
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`
  await execute(`CREATE SCHEMA ${name}`)
  t.teardown(() => execute(`DROP SCHEMA ${name} CASCADE`))
  const url = new URL(TEST_DATABASE_URL)
  url.searchParams.set('options', `-c search_path=${name}`)
  return url.href
}

/** Makes empty stores one after the other in one schema: to migrate a new one for each test takes a quarter of a second. */
export const emptiedSchema = (t: Test): (() => Promise<string>) => {
  let made: Promise<string> | undefined
  return async () => {
    if (made === undefined) {
      made = freshSchema(t)
      return made
    }
    const url = await made
    // Rows that may not be deleted are rows of an earlier test here.
    await execute(`SET session_replication_role = replica;
      DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'kysely%' AND tablename <> 'schema_floor' LOOP
          EXECUTE 'DELETE FROM ' || quote_ident(name);
        END LOOP; END $$`, url)
    return url
  }
}

export const execute = async (text: string, url = TEST_DATABASE_URL): Promise<pg.QueryResult> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  try {
    await client.connect()
    return await client.query(text)
  } finally {
    await client.end()
  }
}
