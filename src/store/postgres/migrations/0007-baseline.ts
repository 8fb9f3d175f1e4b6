// The whole schema as of migration 0007 of the embedded store: PostgreSQL came later, and has no earlier one.
// Columns are those of SQLite, so that operations are written once: whole numbers are bigint, flags 0 and 1, JSON is text. Texts sort by their bytes.
import { sql, type Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { inPostgres } from '../../migrations/portable.ts'

const up = async (db: Kysely<unknown>): Promise<void> => {
  const execute = async (...texts: string[]): Promise<void> => {
    for (const text of texts) await sql.raw(inPostgres(text)).execute(db)
  }
  await functions(db)
  await execute(
    `CREATE TABLE sessions (
       id text PRIMARY KEY, created_at integer NOT NULL, updated_at integer NOT NULL, message_count integer NOT NULL DEFAULT 0,
       last_message_seq integer NOT NULL DEFAULT 0, latest_job_id text, latest_position integer NOT NULL DEFAULT 0,
       position integer NOT NULL DEFAULT 0, active integer NOT NULL DEFAULT 0) WITH (fillfactor = 80)`,
    `CREATE TABLE messages (
       session_id text NOT NULL, seq integer NOT NULL, id text NOT NULL, role text NOT NULL, content text NOT NULL, created_at integer NOT NULL,
       reply_to text, job_id text, status text NOT NULL, PRIMARY KEY (session_id, seq))`,
    `CREATE TABLE stream_chunks (
       stream text NOT NULL, seq integer NOT NULL, events integer NOT NULL, job_id text, at integer NOT NULL, body text NOT NULL,
       PRIMARY KEY (stream, seq))`,
    `CREATE TABLE events (
       id text PRIMARY KEY, type text NOT NULL, data text NOT NULL, timestamp text NOT NULL, source text NOT NULL, received_at integer NOT NULL,
       delivery text)`,
    'CREATE UNIQUE INDEX events_delivery ON events (delivery) WHERE delivery IS NOT NULL',
    // Every change of a job's status leaves a dead row and dead entries of indexes: they are cleared away often, and in small portions.
    `CREATE TABLE jobs (
       id text PRIMARY KEY, kind text NOT NULL, queue text NOT NULL, name text NOT NULL, agent text, session_id text, lane text, dedupe_key text,
       priority integer NOT NULL, payload text NOT NULL, run_at integer NOT NULL, max_attempts integer NOT NULL, timeout_ms integer NOT NULL,
       source text NOT NULL, created_at integer NOT NULL, status text NOT NULL, active integer NOT NULL, attempt integer NOT NULL DEFAULT 0,
       deaths integer NOT NULL DEFAULT 0, reason text, progress text, output text, error text, failures text NOT NULL DEFAULT '[]',
       cancel_requested text, lease_token text, lease_until integer, worker text, started_at integer, finished_at integer)
       WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.05)`,
    "CREATE INDEX jobs_ready ON jobs (queue, priority, run_at, id) WHERE status = 'queued'",
    "CREATE INDEX jobs_running ON jobs (lease_until) WHERE status = 'running'",
    'CREATE INDEX jobs_lane ON jobs (lane, id) WHERE active = 1 AND lane IS NOT NULL',
    // Whatever two claims see of each other: in a lane runs one.
    "CREATE UNIQUE INDEX jobs_lane_running ON jobs (lane) WHERE status = 'running' AND lane IS NOT NULL",
    'CREATE UNIQUE INDEX jobs_dedupe ON jobs (dedupe_key) WHERE active = 1 AND dedupe_key IS NOT NULL',
    'CREATE INDEX jobs_agent ON jobs (agent, id) WHERE agent IS NOT NULL',
    "CREATE INDEX jobs_troubled ON jobs (status, id) WHERE status IN ('failed', 'dead', 'parked', 'waiting', 'cancelled')",
    "CREATE INDEX jobs_event ON jobs (source) WHERE kind = 'event'",
    `CREATE TABLE schedules (
       id text PRIMARY KEY, agent text NOT NULL, cron text NOT NULL, timezone text NOT NULL, input text NOT NULL, paused integer NOT NULL,
       built_in integer NOT NULL, next_due_at integer, last_due_at integer, created_at integer NOT NULL, updated_at integer NOT NULL)`,
    `CREATE TABLE schedule_runs (
       schedule_id text NOT NULL, due_at integer NOT NULL, fired_at integer NOT NULL, job_id text, outcome text NOT NULL, missed integer NOT NULL,
       PRIMARY KEY (schedule_id, due_at))`,
    `CREATE TABLE agents (
       name text PRIMARY KEY, enabled integer NOT NULL DEFAULT 1, paused_reason text, paused_at integer, consecutive_failures integer NOT NULL DEFAULT 0,
       last_success_at integer, last_failure_at integer, last_error text, autonomy text NOT NULL DEFAULT 'suggest')`,
    'CREATE TABLE counters (name text PRIMARY KEY, value integer NOT NULL) WITH (fillfactor = 50)',
    'CREATE TABLE heartbeats (name text PRIMARY KEY, at integer NOT NULL) WITH (fillfactor = 50)',
    `CREATE TABLE breaker_holds (
       name text PRIMARY KEY, id text NOT NULL, action text NOT NULL, reason text, actor text NOT NULL, request_id text, since integer NOT NULL,
       until integer)`,
    `CREATE TABLE audit (
       id text PRIMARY KEY, at integer NOT NULL, actor text NOT NULL, request_id text, action text NOT NULL, target text NOT NULL, reason text,
       before text NOT NULL, after text NOT NULL)`,
    'CREATE INDEX audit_target ON audit (target, id)'
  )
  await gates(execute)
  await execute(
    'CREATE TABLE history_orders (id text PRIMARY KEY, created_at integer NOT NULL, updated_at integer NOT NULL, body text NOT NULL)',
    'CREATE INDEX history_orders_created ON history_orders (created_at, id)',
    `CREATE TABLE history_state (
       name text PRIMARY KEY, source text NOT NULL, shop text NOT NULL, as_of integer, covers_from integer, watermark integer,
       orders integer NOT NULL, changed integer NOT NULL, looked_back_at integer NOT NULL, reading text)`,
    'CREATE TABLE stock_days (day text NOT NULL, variant_id text NOT NULL, available integer NOT NULL, PRIMARY KEY (day, variant_id))',
    `CREATE TABLE feeds (
       name text PRIMARY KEY, id text NOT NULL, received_at integer NOT NULL, columns text NOT NULL, rows integer NOT NULL, actor text NOT NULL)`,
    'CREATE TABLE feed_chunks (feed_id text NOT NULL, seq integer NOT NULL, body text NOT NULL, PRIMARY KEY (feed_id, seq))',
    `CREATE TABLE idempotency_keys (
       scope text NOT NULL, key text NOT NULL, fingerprint text NOT NULL, owner text NOT NULL, token text NOT NULL, seed text NOT NULL,
       work_at integer NOT NULL, lease_until integer NOT NULL, expires_at integer NOT NULL, effect text, status integer, body text, content_type text,
       location text, PRIMARY KEY (scope, key)) WITH (fillfactor = 80)`,
    'CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)',
    // The oldest migration that a program must know to work with this schema. A migration that takes something away raises it.
    'CREATE TABLE schema_floor (floor text NOT NULL)',
    "INSERT INTO schema_floor (floor) VALUES ('0007-baseline')"
  )
  // Not even a fault of ours may rewrite what was recorded.
  for (const table of ['audit', 'effect_log', 'proposal_decisions', 'policies']) {
    await sql.raw(`CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse_change()`).execute(db)
  }
}

/** What the operations ask of SQL and PostgreSQL calls otherwise. */
const functions = async (db: Kysely<unknown>): Promise<void> => {
  for (const text of [
    `CREATE FUNCTION json_extract(body text, path text) RETURNS text LANGUAGE sql IMMUTABLE
       AS $$ SELECT body::jsonb #>> string_to_array(substr(path, 3), '.') $$`,
    `CREATE FUNCTION json_each(body text) RETURNS TABLE (value text) LANGUAGE sql IMMUTABLE
       AS $$ SELECT jsonb_array_elements_text(body::jsonb) $$`,
    'CREATE FUNCTION instr(body text, part text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT strpos(body, part) $$',
    `CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
       AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$`
  ]) await sql.raw(text).execute(db)
}

const gates = async (execute: (...texts: string[]) => Promise<void>): Promise<void> => {
  await execute(
    `CREATE TABLE proposals (
       id text PRIMARY KEY, agent text NOT NULL, job_id text NOT NULL, requested_by text, class text NOT NULL, key text NOT NULL, title text NOT NULL,
       rationale text NOT NULL, items text NOT NULL, evidence text NOT NULL, expected_gain text, plan_hash text NOT NULL, status text NOT NULL,
       reason text, verdict text NOT NULL, policy_version integer NOT NULL, autonomy text NOT NULL, source text NOT NULL, shop text NOT NULL,
       created_at integer NOT NULL, expires_at integer NOT NULL, decided_at integer, apply_job_id text, score text)`,
    'CREATE INDEX proposals_key ON proposals (agent, key, id)',
    'CREATE INDEX proposals_status ON proposals (status, id)',
    'CREATE INDEX proposals_job ON proposals (job_id)',
    "CREATE INDEX proposals_waiting ON proposals (expires_at) WHERE status = 'pending'",
    "CREATE INDEX proposals_shadow ON proposals (expires_at) WHERE status = 'shadow' AND score IS NULL",
    `CREATE TABLE proposal_decisions (
       id text PRIMARY KEY, proposal_id text NOT NULL, verdict text NOT NULL, actor text NOT NULL, request_id text, plan_hash text NOT NULL,
       items text, reason text, at integer NOT NULL)`,
    'CREATE INDEX proposal_decisions_of ON proposal_decisions (proposal_id, id)',
    `CREATE TABLE effects (
       id text PRIMARY KEY, key text NOT NULL UNIQUE, proposal_id text NOT NULL, item_index integer NOT NULL, class text NOT NULL,
       agent text NOT NULL, job_id text NOT NULL, target text NOT NULL, status text NOT NULL, item text NOT NULL, before text NOT NULL,
       after text NOT NULL, result text NOT NULL, error text, actors text NOT NULL, source text NOT NULL, shop text NOT NULL, reverts text,
       reverted_by text, started_at integer NOT NULL, finished_at integer)`,
    'CREATE INDEX effects_proposal ON effects (proposal_id, item_index)',
    'CREATE INDEX effects_job ON effects (job_id, id)',
    'CREATE INDEX effects_target ON effects (target, started_at)',
    'CREATE INDEX effects_counted ON effects (class, status)',
    'CREATE INDEX effects_started ON effects (started_at)',
    'CREATE INDEX effects_agent ON effects (agent, class, started_at)',
    `CREATE TABLE effect_log (
       seq integer PRIMARY KEY, effect_id text NOT NULL, type text NOT NULL, at integer NOT NULL, body text NOT NULL, prev_hash text NOT NULL,
       hash text NOT NULL)`,
    'CREATE INDEX effect_log_of ON effect_log (effect_id, seq)',
    'CREATE TABLE policies (version integer PRIMARY KEY, at integer NOT NULL, actor text NOT NULL, reason text, body text NOT NULL)',
    `CREATE TABLE freezes (
       id text PRIMARY KEY, scope text NOT NULL, reason text NOT NULL, actor text NOT NULL, request_id text, created_at integer NOT NULL,
       starts_at integer NOT NULL, ends_at integer, recurs text, lifted_at integer, lifted_by text)`,
    'CREATE INDEX freezes_standing ON freezes (id) WHERE lifted_at IS NULL'
  )
}

export const baseline: Migration = { up }
