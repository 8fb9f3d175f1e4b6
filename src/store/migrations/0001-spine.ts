// Sessions, messages, streams, events, jobs, schedules and the state of agents.
import { sql, type Kysely } from 'kysely'

export async function up (db: Kysely<unknown>): Promise<void> {
  // Raw text where the schema builder has no word for it (WITHOUT ROWID, partial indexes): the order of rows on disk decides the speed.
  const table = async (name: string, columns: string): Promise<void> => {
    await sql.raw(`CREATE TABLE ${name} (${columns}) WITHOUT ROWID`).execute(db)
  }
  await table('sessions', `
    id text PRIMARY KEY, created_at integer NOT NULL, updated_at integer NOT NULL,
    message_count integer NOT NULL DEFAULT 0, last_message_seq integer NOT NULL DEFAULT 0,
    latest_job_id text, latest_position integer NOT NULL DEFAULT 0`)
  // Clustered by session: reading a conversation and adding to it touch the same page.
  await table('messages', `
    session_id text NOT NULL, seq integer NOT NULL, id text NOT NULL, role text NOT NULL, content text NOT NULL,
    created_at integer NOT NULL, reply_to text, job_id text, status text NOT NULL, PRIMARY KEY (session_id, seq)`)
  await table('stream_events', `
    stream text NOT NULL, seq integer NOT NULL, name text NOT NULL, data text NOT NULL, job_id text,
    final integer NOT NULL, at integer NOT NULL, PRIMARY KEY (stream, seq)`)
  await table('events', `
    id text PRIMARY KEY, type text NOT NULL, data text NOT NULL, timestamp text NOT NULL, source text NOT NULL, received_at integer NOT NULL`)
  await table('jobs', `
    id text PRIMARY KEY, kind text NOT NULL, queue text NOT NULL, name text NOT NULL, agent text, session_id text, lane text, dedupe_key text,
    priority integer NOT NULL, payload text NOT NULL, run_at integer NOT NULL, max_attempts integer NOT NULL, timeout_ms integer NOT NULL,
    source text NOT NULL, created_at integer NOT NULL, status text NOT NULL, active integer NOT NULL, attempt integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 0, reason text, progress text, output text, error text, failures text NOT NULL DEFAULT '[]',
    cancel_requested text, lease_token text, lease_until integer, worker text, started_at integer, finished_at integer`)
  const index = async (definition: string): Promise<void> => { await sql.raw(`CREATE ${definition}`).execute(db) }
  await index("INDEX jobs_ready ON jobs (queue, priority, run_at, id) WHERE status = 'queued'")
  await index("INDEX jobs_running ON jobs (lease_until) WHERE status = 'running'")
  await index('INDEX jobs_lane ON jobs (lane, id) WHERE active = 1 AND lane IS NOT NULL')
  await index('UNIQUE INDEX jobs_dedupe ON jobs (dedupe_key) WHERE active = 1 AND dedupe_key IS NOT NULL')
  await index('INDEX jobs_agent ON jobs (agent, id) WHERE agent IS NOT NULL')
  await index("INDEX jobs_troubled ON jobs (status, id) WHERE status IN ('failed', 'dead', 'parked', 'waiting', 'cancelled')")
  await index("INDEX jobs_event ON jobs (source) WHERE kind = 'event'")
  await table('schedules', `
    id text PRIMARY KEY, agent text NOT NULL, cron text NOT NULL, timezone text NOT NULL, input text NOT NULL, paused integer NOT NULL,
    built_in integer NOT NULL, next_due_at integer, last_due_at integer, created_at integer NOT NULL, updated_at integer NOT NULL`)
  await table('schedule_runs', `
    schedule_id text NOT NULL, due_at integer NOT NULL, fired_at integer NOT NULL, job_id text, outcome text NOT NULL,
    missed integer NOT NULL, PRIMARY KEY (schedule_id, due_at)`)
  await table('agents', `
    name text PRIMARY KEY, enabled integer NOT NULL DEFAULT 1, paused_reason text, paused_at integer, consecutive_failures integer NOT NULL DEFAULT 0,
    last_success_at integer, last_failure_at integer, last_error text`)
  await table('counters', 'name text PRIMARY KEY, value integer NOT NULL')
  await table('heartbeats', 'name text PRIMARY KEY, at integer NOT NULL')
}
