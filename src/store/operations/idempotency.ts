// Idempotency keys: one claim at a time, the effect in one unit with its mark, the answer once.
import { AppError } from '../../core/errors.ts'
import type { KeyHold } from '../../core/keyed.ts'
import type { ClaimedKey, ClaimKey, StoredAnswer } from '../../core/store-idempotency.ts'
import { all, one, run, runEach, type Operation, type Tx } from '../statement.ts'

interface Row {
  fingerprint: string
  owner: string
  seed: string
  work_at: number
  lease_until: number
  expires_at: number
  effect: string | null
  status: number | null
  body: string | null
  content_type: string | null
  location: string | null
}

const MINE = 'scope = ? AND key = ? AND token = ? AND status IS NULL'

export function * claimKey (_tx: Tx, claim: ClaimKey): Operation<ClaimedKey> {
  const { scope, key, token, fingerprint, owner, sole, now, lease_until: leaseUntil, expires_at: expiresAt } = claim
  const fresh = { outcome: 'claimed', work: { scope, key, token, seed: token, now } } as const
  const inserted = yield * one(
    `INSERT INTO idempotency_keys (scope, key, fingerprint, owner, token, seed, work_at, lease_until, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (scope, key) DO NOTHING RETURNING scope, key`,
    scope, key, fingerprint, owner, token, token, now, leaseUntil, expiresAt)
  if (inserted !== undefined) return fresh
  const row = yield * one<Row>(
    `SELECT fingerprint, owner, seed, work_at, lease_until, expires_at, effect, status, body, content_type, location
     FROM idempotency_keys WHERE scope = ? AND key = ?`, scope, key)
  // On PostgreSQL: somebody else made it since this transaction locked what there was, and gave it up between the two looks.
  if (row === undefined) return { outcome: 'in_progress' }
  if (row.expires_at <= now) {
    yield * run(
      `UPDATE idempotency_keys SET fingerprint = ?, owner = ?, token = ?, seed = ?, work_at = ?, lease_until = ?, expires_at = ?, effect = NULL,
         status = NULL, body = NULL, content_type = NULL, location = NULL WHERE scope = ? AND key = ?`,
      fingerprint, owner, token, token, now, leaseUntil, expiresAt, scope, key)
    return fresh
  }
  if (row.fingerprint !== fingerprint) return { outcome: 'reused' }
  if (row.status !== null) {
    const { status, body, content_type: contentType, location } = row
    return { outcome: 'answered', answer: { status, body, content_type: contentType, location } }
  }
  const dead = row.lease_until <= now || (sole && row.owner !== owner)
  if (!dead) return { outcome: 'in_progress' }
  // Without an effect nothing has to come out as before, and old ids and times would only be wrong.
  const again = row.effect !== null
  const work = { scope, key, token, seed: again ? row.seed : token, now: again ? row.work_at : now }
  yield * run(
    'UPDATE idempotency_keys SET owner = ?, token = ?, seed = ?, work_at = ?, lease_until = ? WHERE scope = ? AND key = ?',
    owner, token, work.seed, work.now, leaseUntil, scope, key)
  return { outcome: 'claimed', work, ...(again ? { done: { result: (JSON.parse(row.effect!) as Effect).result } } : {}) }
}

export function * answerKey (_tx: Tx, { scope, key, token, answer }: KeyHold & { answer: StoredAnswer }): Operation<boolean> {
  const { status, body, content_type: contentType, location } = answer
  const answered = yield * one(
    // The effect is not needed any more: its answer is there.
    `UPDATE idempotency_keys SET effect = NULL, status = ?, body = ?, content_type = ?, location = ? WHERE ${MINE} RETURNING key`,
    status, body, contentType, location, scope, key, token)
  return answered !== undefined
}

export function * releaseKey (_tx: Tx, { scope, key, token }: KeyHold): Operation<void> {
  yield * run(`DELETE FROM idempotency_keys WHERE ${MINE} AND effect IS NULL`, scope, key, token)
  yield * run(`UPDATE idempotency_keys SET lease_until = 0 WHERE ${MINE}`, scope, key, token)
}

export function * pruneKeys (_tx: Tx, { now, limit }: { now: number, limit: number }): Operation<number> {
  const expired = yield * all<{ scope: string, key: string }>(
    'SELECT scope, key FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?', now, limit)
  yield * runEach('DELETE FROM idempotency_keys WHERE scope = ? AND key = ?', expired.map(({ scope, key }) => [scope, key]))
  return expired.length
}

interface Effect {
  operation: string
  result?: unknown
}

/** Runs the write that is the effect of a keyed request, and marks the key in the same unit; when that was done before, answers what came of it. */
export function * once (
  { scope, key, token }: KeyHold, { operation, write, counts, again }: { operation: string, write: Operation<unknown> } & EffectRule
): Operation<unknown> {
  const row = yield * one<{ effect: string | null }>(`SELECT effect FROM idempotency_keys WHERE ${MINE}`, scope, key, token)
  // Taken over meanwhile: whoever has it now does the work.
  if (row === undefined) throw new AppError('idempotency_in_progress', { retryAfterMs: 1_000 })
  if (row.effect !== null) {
    const done = JSON.parse(row.effect) as Effect
    if (done.operation !== operation) throw new Error(`the key was used for ${done.operation}, not for ${operation}`)
    return again === undefined ? done.result : again(done.result)
  }
  const result = yield * write
  if (counts === undefined || counts(result)) {
    yield * run('UPDATE idempotency_keys SET effect = ? WHERE scope = ? AND key = ?', JSON.stringify({ operation, result } satisfies Effect), scope, key)
  }
  return result
}

export interface EffectRule {
  /** Whether anything was done, by the result; without it: always. */
  counts? (result: unknown): boolean
  /** What the result is for whoever works again. */
  again? (result: unknown): unknown
}

const outcomeIs = (wanted: string) => (result: unknown): boolean => (result as { outcome: string }).outcome === wanted
const isTrue = (result: unknown): boolean => result === true
const isThere = (result: unknown): boolean => result !== undefined

/** The writes that routes make for their callers. Others within a keyed request are not its effect: news of a circuit breaker, say. */
export const EFFECTS: Record<string, EffectRule> = {
  addDelivery: {},
  addEndpoint: {},
  addFreeze: {},
  // The job is not run here: the lease was that of a process that may be gone, and it comes back by itself.
  addMessage: { counts: outcomeIs('stored'), again: (result) => ({ ...result as object, leased: false }) },
  addPrivacyRequest: {},
  cancelJobs: { counts: (result) => (result as unknown[]).length > 0 },
  changeEndpoint: { counts: isThere },
  changeSchedule: { counts: isThere },
  createSession: {},
  decideProposal: { counts: (result) => 'proposal' in (result as object) },
  deleteEndpoint: { counts: isTrue },
  deleteFeed: { counts: isTrue },
  deleteSchedule: { counts: isTrue },
  deleteSession: { counts: isTrue },
  enqueue: {},
  liftFreeze: { counts: isTrue },
  recordEvent: {},
  retryJob: { counts: (result) => result === 'queued' },
  saveFeed: {},
  savePolicy: { counts: outcomeIs('saved') },
  saveSchedule: { counts: isTrue },
  setAgentState: {},
  setAutonomy: {},
  setHold: {}
}
