// Requests with an idempotency key.
import { sql, type Kysely } from 'kysely'

export async function up (db: Kysely<unknown>): Promise<void> {
  const execute = async (text: string): Promise<void> => { await sql.raw(text).execute(db) }
  // `scope` is the caller's, when callers have keys; `effect` is what was done, written with it in one unit.
  await execute(`CREATE TABLE idempotency_keys (
    scope text NOT NULL, key text NOT NULL, fingerprint text NOT NULL, owner text NOT NULL, token text NOT NULL, seed text NOT NULL,
    work_at integer NOT NULL, lease_until integer NOT NULL, expires_at integer NOT NULL, effect text, status integer, body text, content_type text,
    location text)`)
  await execute('CREATE UNIQUE INDEX idempotency_keys_of ON idempotency_keys (scope, key)')
  await execute('CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)')
}
