// What was decided by hand about circuit breakers, and the audit of decisions.
import { sql, type Kysely } from 'kysely'

export async function up (db: Kysely<unknown>): Promise<void> {
  const execute = async (text: string): Promise<void> => { await sql.raw(text).execute(db) }
  await execute(`CREATE TABLE breaker_holds (
    name text PRIMARY KEY, id text NOT NULL, action text NOT NULL, reason text, actor text NOT NULL, request_id text,
    since integer NOT NULL, until integer) WITHOUT ROWID`)
  await execute(`CREATE TABLE audit (
    id text PRIMARY KEY, at integer NOT NULL, actor text NOT NULL, request_id text, action text NOT NULL, target text NOT NULL,
    reason text, before text NOT NULL, after text NOT NULL) WITHOUT ROWID`)
  await execute('CREATE INDEX audit_target ON audit (target, id)')
  // Not even a fault of ours may rewrite what was recorded.
  for (const change of ['UPDATE', 'DELETE']) {
    await execute(`CREATE TRIGGER audit_no_${change.toLowerCase()} BEFORE ${change} ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END`)
  }
}
