// What is old goes, in portions: a look without a lock finds it, and a unit takes away what still may go. Counters stay exact.
import { firstIdAt } from '../../core/ids.ts'
import type { JobKind, JobStatus } from '../../core/model.ts'
import type { Aging, KeptRows, OldRows } from '../../core/store-retention.ts'
import { all, allUnlocked, one, oneEach, run, runEach, type Operation, type SqlValue, type Tx } from '../statement.ts'

interface Look {
  after: string
  /** Ids below it. */
  below: string
  idle_since: number
  limit: number
}

interface Seen {
  id: string
  gone: boolean
  messages?: number
}

export function * oldRows (
  _tx: Tx, { table, before, ...look }: { table: Aging, after: string, before: number, idle_since: number, limit: number }
): Operation<OldRows> {
  const seen = yield * LOOKS[table]({ ...look, below: firstIdAt(before) })
  return {
    rows: seen.filter(({ gone }) => gone).map(({ id, messages = 0 }) => ({ id, messages })),
    last: seen.length < look.limit ? null : seen.at(-1)!.id
  }
}

/** The condition is looked at here and not in SQL: a search for the few that may go would walk over all others in one go. */
const LOOKS: Record<Aging, (look: Look) => Operation<Seen[]>> = {
  * sessions ({ after, below, idle_since: since, limit }) {
    const rows = yield * all<{ id: string, updated_at: number, active: number, messages: number }>(
      'SELECT id, updated_at, active, message_count AS messages FROM sessions WHERE id > ? AND id < ? ORDER BY id LIMIT ?', after, below, limit)
    return rows.map(({ id, updated_at: used, active, messages }) => ({ id, gone: active === 0 && used < since, messages }))
  },
  * jobs ({ after, below, idle_since: since, limit }) {
    const rows = yield * all<{ id: string, kind: JobKind, agent: string | null, active: number, ended: number | null, named: number }>(
      `SELECT id, kind, agent, active, finished_at AS ended, CASE WHEN agent IS NOT NULL AND (EXISTS (SELECT 1 FROM proposals AS p WHERE p.job_id = j.id)
         OR EXISTS (SELECT 1 FROM effects AS e WHERE e.job_id = j.id)) THEN 1 ELSE 0 END AS named
       FROM jobs AS j WHERE id > ? AND id < ? ORDER BY id LIMIT ?`, after, below, limit)
    const lastRuns = yield * lastRunsOf(new Set(rows.map(({ agent }) => agent).filter((agent) => agent !== null)))
    return rows.map(({ id, kind, active, ended, named }) => ({
      // An `effect` is the run that carried out a decision: it stays with the decision.
      id, gone: active === 0 && (ended ?? since) < since && kind !== 'effect' && named === 0 && !lastRuns.has(id)
    }))
  },
  * events ({ after, below, limit }) {
    const rows = yield * all<{ id: string }>('SELECT id FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?', after, below, limit)
    return rows.map(({ id }) => ({ id, gone: true }))
  },
  * proposals ({ after, below, idle_since: since, limit }) {
    const rows = yield * all<{ id: string, expires_at: number, fruitless: number }>(
      `SELECT id, expires_at, CASE WHEN status IN ('expired', 'superseded', 'blocked', 'shadow')
         AND NOT EXISTS (SELECT 1 FROM proposal_decisions AS d WHERE d.proposal_id = p.id)
         AND NOT EXISTS (SELECT 1 FROM effects AS e WHERE e.proposal_id = p.id) THEN 1 ELSE 0 END AS fruitless
       FROM proposals AS p WHERE id > ? AND id < ? ORDER BY id LIMIT ?`, after, below, limit)
    return rows.map(({ id, expires_at: expires, fruitless }) => ({ id, gone: fruitless === 1 && expires < since }))
  }
}

/** Without them an agent that runs once a quarter would look as if it never had. */
function * lastRunsOf (agents: Set<string>): Operation<Set<string>> {
  const kept = new Set<string>()
  for (const agent of agents) {
    const last = yield * one<{ id: string }>('SELECT id FROM jobs WHERE agent = ? ORDER BY id DESC LIMIT 1', agent)
    const good = yield * one<{ id: string }>("SELECT id FROM jobs WHERE agent = ? AND status = 'succeeded' ORDER BY id DESC LIMIT 1", agent)
    for (const row of [last, good]) if (row !== undefined) kept.add(row.id)
  }
  return kept
}

export function * removeSessions (
  tx: Tx, { ids, idle_since: since }: { ids: string[], idle_since: number }
): Operation<{ sessions: number, messages: number }> {
  const gone = (yield * oneEach<{ id: string, message_count: number }>(
    'DELETE FROM sessions WHERE id = ? AND active = 0 AND updated_at < ? RETURNING id, message_count', ids.map((id) => [id, since])))
    .filter((row) => row !== undefined)
  yield * runEach('INSERT INTO session_remains (id) VALUES (?)', gone.map(({ id }) => [id]))
  const messages = gone.reduce((sum, { message_count: count }) => sum + count, 0)
  tx.count('sessions', -gone.length)
  tx.count('messages', -messages)
  tx.notice.gone.push(...gone.map(({ id }) => id))
  return { sessions: gone.length, messages }
}

const REMAINS_AT_ONCE = 50
const OF_REMAINS = 'IN (SELECT value FROM json_each(?))'

export function * removeRemains (
  tx: Tx, { limit }: { limit: number }
): Operation<{ messages: number, jobs: number, stream_chunks: number, more: boolean }> {
  // What another process is at is left to it.
  const rows = yield * allUnlocked<{ id: string }>('SELECT id FROM session_remains AS r ORDER BY id LIMIT ?', 'r', REMAINS_AT_ONCE)
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return { messages: 0, jobs: 0, stream_chunks: 0, more: false }
  const list = JSON.stringify(ids)
  const messages = yield * all<{ id: string, seq: number, job_id: string | null }>(
    `SELECT session_id AS id, seq, job_id FROM messages WHERE session_id ${OF_REMAINS} ORDER BY session_id, seq LIMIT ?`, list, limit)
  const jobs = yield * deleteJobs(tx, [...new Set(messages.map(({ job_id: job }) => job).filter((job) => job !== null))], Number.MAX_SAFE_INTEGER)
  yield * runEach('DELETE FROM messages WHERE session_id = ? AND seq <= ?', endsOf(messages))
  const chunks = yield * all<{ id: string, seq: number }>(
    `SELECT stream AS id, seq FROM stream_chunks WHERE stream ${OF_REMAINS} ORDER BY stream, seq LIMIT ?`, list, limit)
  yield * runEach('DELETE FROM stream_chunks WHERE stream = ? AND seq <= ?', endsOf(chunks))
  if (messages.length === limit || chunks.length === limit) return { messages: messages.length, jobs, stream_chunks: chunks.length, more: true }
  yield * runEach('DELETE FROM session_remains WHERE id = ?', ids.map((id) => [id]))
  return { messages: messages.length, jobs, stream_chunks: chunks.length, more: ids.length === REMAINS_AT_ONCE }
}

/** The last of each session: rows come in order. */
const endsOf = (rows: Array<{ id: string, seq: number }>): SqlValue[][] => [...new Map(rows.map(({ id, seq }) => [id, seq]))]

export function * removeJobs (tx: Tx, { ids, ended_before: before }: { ids: string[], ended_before: number }): Operation<number> {
  return yield * deleteJobs(tx, ids, before)
}

function * deleteJobs (tx: Tx, ids: string[], endedBefore: number): Operation<number> {
  const gone = (yield * oneEach<{ kind: JobKind, status: JobStatus }>(
    'DELETE FROM jobs WHERE id = ? AND active = 0 AND finished_at < ? RETURNING kind, status', ids.map((id) => [id, endedBefore])))
    .filter((row) => row !== undefined)
  for (const { kind, status } of gone) tx.count(`jobs:${kind}:${status}`, -1)
  return gone.length
}

export function * removeEvents (tx: Tx, { ids }: { ids: string[] }): Operation<number> {
  const gone = (yield * oneEach('DELETE FROM events WHERE id = ? RETURNING id', ids.map((id) => [id]))).filter((row) => row !== undefined)
  tx.count('events', -gone.length)
  return gone.length
}

export function * removeProposals (_tx: Tx, { ids }: { ids: string[] }): Operation<number> {
  const gone = yield * oneEach(
    `DELETE FROM proposals WHERE id = ? AND status IN ('expired', 'superseded', 'blocked', 'shadow')
       AND NOT EXISTS (SELECT 1 FROM proposal_decisions AS d WHERE d.proposal_id = proposals.id) RETURNING id`, ids.map((id) => [id]))
  return gone.filter((row) => row !== undefined).length
}

export function * removeScheduleRuns (
  _tx: Tx, { schedule_id: id, before, keep, limit }: { schedule_id: string, before: number, keep: number, limit: number }
): Operation<number> {
  const newest = keep === 0
    ? undefined
    : yield * one<{ due_at: number }>('SELECT due_at FROM schedule_runs WHERE schedule_id = ? ORDER BY due_at DESC LIMIT 1 OFFSET ?', id, keep)
  const rows = yield * all<{ due_at: number }>(
    'SELECT due_at FROM schedule_runs WHERE schedule_id = ? AND due_at < ? ORDER BY due_at LIMIT ?', id,
    Math.max(before, newest === undefined ? 0 : newest.due_at + 1), limit)
  if (rows.length === 0) return 0
  return (yield * all('DELETE FROM schedule_runs WHERE schedule_id = ? AND due_at <= ? RETURNING due_at', id, rows.at(-1)!.due_at)).length
}

export function * removeStock (_tx: Tx, { before, limit }: { before: string, limit: number }): Operation<number> {
  const rows = yield * all<{ day: string, variant_id: string }>(
    'SELECT day, variant_id FROM stock_days WHERE day < ? ORDER BY day, variant_id LIMIT ?', before, limit)
  const last = rows.at(-1)
  if (last !== undefined) yield * run('DELETE FROM stock_days WHERE (day, variant_id) <= (?, ?)', last.day, last.variant_id)
  return rows.length
}

export function * trimStream (_tx: Tx, { stream, up_to: upTo, limit }: { stream: string, up_to: number, limit: number }): Operation<number> {
  const rows = yield * all<{ seq: number }>(
    'SELECT seq FROM stream_chunks WHERE stream = ? AND seq <= ? AND seq + events - 1 <= ? ORDER BY seq LIMIT ?', stream, upTo, upTo, limit)
  if (rows.length === 0) return 0
  return (yield * all('DELETE FROM stream_chunks WHERE stream = ? AND seq <= ? RETURNING seq', stream, rows.at(-1)!.seq)).length
}

export function * keptRows (): Operation<KeptRows> {
  const count = function * (table: keyof KeptRows): Operation<number> {
    return (yield * one<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))!.n
  }
  return {
    audit: yield * count('audit'),
    effects: yield * count('effects'),
    effect_log: yield * count('effect_log'),
    proposals: yield * count('proposals'),
    proposal_decisions: yield * count('proposal_decisions'),
    policies: yield * count('policies'),
    freezes: yield * count('freezes')
  }
}
