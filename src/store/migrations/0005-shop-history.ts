// The copy of the shop's orders, the stock of each day, and the owner's lists.
import { sql, type Kysely } from 'kysely'

export async function up (db: Kysely<unknown>): Promise<void> {
  const execute = async (...statements: string[]): Promise<void> => {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
  await execute(
    // Rows of a kilobyte: without a rowid SQLite would put most of each on a page of its own.
    `CREATE TABLE history_orders (
       id text PRIMARY KEY, created_at integer NOT NULL, updated_at integer NOT NULL, body text NOT NULL)`,
    'CREATE INDEX history_orders_created ON history_orders (created_at, id)',
    // One row for each copy; there is one.
    `CREATE TABLE history_state (
       name text PRIMARY KEY, source text NOT NULL, shop text NOT NULL, as_of integer, covers_from integer, watermark integer,
       orders integer NOT NULL, changed integer NOT NULL, looked_back_at integer NOT NULL, reading text) WITHOUT ROWID`,
    // By day first: a day is written at once.
    `CREATE TABLE stock_days (
       day text NOT NULL, variant_id text NOT NULL, available integer NOT NULL, PRIMARY KEY (day, variant_id)) WITHOUT ROWID`,
    `CREATE TABLE feeds (
       name text PRIMARY KEY, id text NOT NULL, received_at integer NOT NULL, columns text NOT NULL, rows integer NOT NULL,
       actor text NOT NULL) WITHOUT ROWID`,
    'CREATE TABLE feed_chunks (feed_id text NOT NULL, seq integer NOT NULL, body text NOT NULL)',
    'CREATE UNIQUE INDEX feed_chunks_of_feed ON feed_chunks (feed_id, seq)'
  )
}
