// What agents want to change, who decided on it, what was changed, and the rules: proposals, effects with their chained log, policies, freezes.
import { sql, type Kysely } from 'kysely'

export async function up (db: Kysely<unknown>): Promise<void> {
  const execute = async (text: string): Promise<void> => { await sql.raw(text).execute(db) }
  await execute(`CREATE TABLE proposals (
    id text PRIMARY KEY, agent text NOT NULL, job_id text NOT NULL, requested_by text, class text NOT NULL, key text NOT NULL, title text NOT NULL,
    rationale text NOT NULL, items text NOT NULL, evidence text NOT NULL, expected_gain text, plan_hash text NOT NULL, status text NOT NULL, reason text,
    verdict text NOT NULL, policy_version integer NOT NULL, autonomy text NOT NULL, source text NOT NULL, shop text NOT NULL, created_at integer NOT NULL,
    expires_at integer NOT NULL, decided_at integer, apply_job_id text, score text) WITHOUT ROWID`)
  await execute('CREATE INDEX proposals_key ON proposals (agent, key, id)')
  await execute('CREATE INDEX proposals_status ON proposals (status, id)')
  await execute('CREATE INDEX proposals_job ON proposals (job_id)')
  await execute("CREATE INDEX proposals_waiting ON proposals (expires_at) WHERE status = 'pending'")
  await execute("CREATE INDEX proposals_shadow ON proposals (expires_at) WHERE status = 'shadow' AND score IS NULL")
  await execute(`CREATE TABLE proposal_decisions (
    id text PRIMARY KEY, proposal_id text NOT NULL, verdict text NOT NULL, actor text NOT NULL, request_id text, plan_hash text NOT NULL, items text,
    reason text, at integer NOT NULL) WITHOUT ROWID`)
  await execute('CREATE INDEX proposal_decisions_of ON proposal_decisions (proposal_id, id)')
  await execute(`CREATE TABLE effects (
    id text PRIMARY KEY, key text NOT NULL UNIQUE, proposal_id text NOT NULL, item_index integer NOT NULL, class text NOT NULL, agent text NOT NULL,
    job_id text NOT NULL, target text NOT NULL, status text NOT NULL, item text NOT NULL, before text NOT NULL, after text NOT NULL, result text NOT NULL,
    error text, actors text NOT NULL, source text NOT NULL, shop text NOT NULL, reverts text, reverted_by text, started_at integer NOT NULL, finished_at integer
    ) WITHOUT ROWID`)
  await execute('CREATE INDEX effects_proposal ON effects (proposal_id, item_index)')
  await execute('CREATE INDEX effects_job ON effects (job_id, id)')
  await execute('CREATE INDEX effects_target ON effects (target, started_at)')
  await execute('CREATE INDEX effects_counted ON effects (class, status)')
  await execute('CREATE INDEX effects_started ON effects (started_at)')
  await execute('CREATE INDEX effects_agent ON effects (agent, class, started_at)')
  await execute(`CREATE TABLE effect_log (
    seq integer PRIMARY KEY, effect_id text NOT NULL, type text NOT NULL, at integer NOT NULL, body text NOT NULL, prev_hash text NOT NULL,
    hash text NOT NULL)`)
  await execute('CREATE INDEX effect_log_of ON effect_log (effect_id, seq)')
  await execute(`CREATE TABLE policies (
    version integer PRIMARY KEY, at integer NOT NULL, actor text NOT NULL, reason text, body text NOT NULL)`)
  await execute(`CREATE TABLE freezes (
    id text PRIMARY KEY, scope text NOT NULL, reason text NOT NULL, actor text NOT NULL, request_id text, created_at integer NOT NULL,
    starts_at integer NOT NULL, ends_at integer, recurs text, lifted_at integer, lifted_by text) WITHOUT ROWID`)
  await execute('CREATE INDEX freezes_standing ON freezes (id) WHERE lifted_at IS NULL')
  await execute("ALTER TABLE agents ADD COLUMN autonomy text NOT NULL DEFAULT 'suggest'")
  // The sender's own id of a delivery: what comes twice is one event.
  await execute('ALTER TABLE events ADD COLUMN delivery text')
  await execute('CREATE UNIQUE INDEX events_delivery ON events (delivery) WHERE delivery IS NOT NULL')
  // Not even a fault of ours may rewrite what was recorded.
  for (const table of ['effect_log', 'proposal_decisions', 'policies']) {
    for (const change of ['UPDATE', 'DELETE']) {
      await execute(`CREATE TRIGGER ${table}_no_${change.toLowerCase()} BEFORE ${change} ON ${table}
        BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END`)
    }
  }
}
