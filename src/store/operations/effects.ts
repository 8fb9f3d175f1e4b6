// The ledger of effects: what was made or tried, as it stands, and the chained log of how it came to be so.
import { randomBytes } from 'node:crypto'
import { canonicalJson, GENESIS, planHash, sha256 } from '../../core/effects/canonical.ts'
import { freezeFor } from '../../core/effects/freeze.ts'
import type { PastPrice } from '../../core/effects/guard.ts'
import type { EffectClass, EffectItem } from '../../core/effects/items.ts'
import { begunDigests, digestOf, faultOfEffect, grown, type LoggedEffect } from '../../core/effects/ledger-check.ts'
import type {
  EffectFailure, EffectFilter, EffectStatus, LedgerEffect, LedgerEntry, NewEffect, StartOutcome
} from '../../core/effects/store.ts'
import { decodeCursor, encodeCursor } from '../../core/cursor.ts'
import type { Json, Page } from '../../core/model.ts'
import type { PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type SqlValue, type Tx } from '../statement.ts'
import { standingFreezes } from './freezes.ts'
import { currentPolicy } from './policies.ts'
import { getProposal, whereOf } from './proposals.ts'

const JSON_COLUMNS = ['item', 'before', 'after', 'result', 'error', 'actors'] as const

export type EffectRow = Omit<LedgerEffect, typeof JSON_COLUMNS[number]> & Record<typeof JSON_COLUMNS[number], string | null>

export const effectOf = (row: EffectRow): LedgerEffect =>
  ({ ...row, ...Object.fromEntries(JSON_COLUMNS.map((column) => [column, row[column] === null ? null : JSON.parse(row[column])])) }) as unknown as LedgerEffect

export function * startEffect (
  tx: Tx, { effect, plan_hash: hash, policy_version: judgedBy, now }: { effect: NewEffect, plan_hash: string, policy_version: number, now: number }
): Operation<StartOutcome> {
  const known = yield * one('SELECT 1 FROM effects WHERE key = ?', effect.key)
  if (known !== undefined) return { outcome: 'exists' }
  const freeze = freezeFor(yield * standingFreezes(), effect, now)
  if (freeze !== undefined) return { outcome: 'frozen', freeze }
  if (effect.reverts === null) {
    const proposal = yield * getProposal(tx, effect.proposal_id)
    const approved = proposal !== undefined && proposal.status === 'approved' && proposal.plan_hash === hash && planHash(proposal) === hash
    // The very item that was approved, compared as text: what is about to be called came through many hands.
    if (!approved || canonicalJson(proposal.items[effect.item_index] ?? null) !== canonicalJson(effect.item)) return { outcome: 'not_approved' }
    if (proposal.expires_at <= now) return { outcome: 'expired' }
    const policy = yield * currentPolicy()
    if ((policy?.version ?? 0) !== judgedBy) return { outcome: 'policy_changed' }
  } else {
    const target = yield * getEffect(tx, effect.reverts)
    if (target?.status !== 'done' || target.redacted_at !== null || !(yield * isAsLogged(target))) return { outcome: 'not_revertible' }
  }
  const salt = yield * insertEffect(effect, 'started', null, null)
  yield * appendLog(effect.id, 'started', now, begunDigests(salt, effect, null))
  return { outcome: 'started' }
}

/** What is put back is what was recorded, not what somebody made of it since. */
function * isAsLogged (effect: LedgerEffect): Operation<boolean> {
  const rows = yield * all<{ type: EffectStatus, body: string }>('SELECT type, body FROM effect_log WHERE effect_id = ? ORDER BY seq', effect.id)
  const logged = rows.reduce<LoggedEffect | undefined>((known, { type, body }) => grown(known, { type, body: JSON.parse(body) as Json }), undefined)
  return faultOfEffect(effect, logged) === undefined
}

/** Answers the salt of its digests. */
function * insertEffect (effect: NewEffect, status: EffectStatus, error: EffectFailure | null, finishedAt: number | null): Operation<string> {
  const salt = randomBytes(16).toString('hex')
  yield * run(
    `INSERT INTO effects (id, key, proposal_id, item_index, class, agent, job_id, target, status, item, before, after, result, error, actors, source, shop,
       reverts, reverted_by, started_at, finished_at, salt)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'null', 'null', ?, ?, ?, ?, ?, NULL, ?, ?, ?)`,
    effect.id, effect.key, effect.proposal_id, effect.item_index, effect.class, effect.agent, effect.job_id, effect.target, status,
    JSON.stringify(effect.item), JSON.stringify(effect.before), error === null ? null : JSON.stringify(error), JSON.stringify(effect.actors), effect.source,
    effect.shop, effect.reverts, effect.started_at, finishedAt, salt)
  return salt
}

export function * finishEffect (_tx: Tx, args: {
  key: string, status: 'done' | 'failed' | 'conflict', after: Json, result: Json, error: EffectFailure | null, now: number
}): Operation<void> {
  const row = yield * one<{ id: string, reverts: string | null, salt: string | null }>(
    "UPDATE effects SET status = ?, after = ?, result = ?, error = ?, finished_at = ? WHERE key = ? AND status = 'started' RETURNING id, reverts, salt",
    args.status, JSON.stringify(args.after), JSON.stringify(args.result), args.error === null ? null : JSON.stringify(args.error), args.now, args.key)
  // Somebody else brought it to its end.
  if (row === undefined) return
  const { after, result, error } = args
  yield * appendLog(row.id, args.status, args.now, { ended: digestOf(row.salt, { after, result, error }) })
  if (row.reverts === null || args.status !== 'done') return
  yield * run("UPDATE effects SET status = 'reverted', reverted_by = ? WHERE id = ?", row.id, row.reverts)
  yield * appendLog(row.reverts, 'reverted', args.now, { by: row.id })
}

export function * refuseEffect (
  _tx: Tx, { effect, status, error, now }: { effect: NewEffect, status: 'blocked' | 'conflict', error: EffectFailure, now: number }
): Operation<void> {
  const known = yield * one('SELECT 1 FROM effects WHERE key = ?', effect.key)
  if (known !== undefined) return
  const salt = yield * insertEffect(effect, status, error, now)
  yield * appendLog(effect.id, status, now, begunDigests(salt, effect, { ...error }))
}

function * appendLog (effectId: string, type: EffectStatus, at: number, body: Json): Operation<void> {
  const last = yield * one<{ seq: number, hash: string }>('SELECT seq, hash FROM effect_log ORDER BY seq DESC LIMIT 1')
  const entry = { seq: (last?.seq ?? 0) + 1, effect_id: effectId, type, at, body }
  const prev = last?.hash ?? GENESIS
  yield * run(
    'INSERT INTO effect_log (seq, effect_id, type, at, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
    entry.seq, effectId, type, at, JSON.stringify(body), prev, sha256(`${prev}\n${canonicalJson(entry)}`))
}

export function * getEffect (_tx: Tx, id: string): Operation<LedgerEffect | undefined> {
  const row = yield * one<EffectRow>('SELECT * FROM effects WHERE id = ?', id)
  return row === undefined ? undefined : effectOf(row)
}

export function * effectOfKey (_tx: Tx, key: string): Operation<LedgerEffect | undefined> {
  const row = yield * one<EffectRow>('SELECT * FROM effects WHERE key = ?', key)
  return row === undefined ? undefined : effectOf(row)
}

export function * effectsByIds (_tx: Tx, ids: string[]): Operation<LedgerEffect[]> {
  const rows = yield * all<EffectRow>('SELECT * FROM effects WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id', JSON.stringify(ids))
  return rows.map(effectOf)
}

export function * effectsOn (_tx: Tx, { targets, from, to }: { targets: string[], from: number, to: number }): Operation<LedgerEffect[]> {
  const rows = yield * all<EffectRow>(
    `SELECT * FROM effects WHERE target IN (SELECT value FROM json_each(?)) AND started_at >= ? AND started_at <= ?
       AND status IN ('started', 'done', 'reverted') ORDER BY id`, JSON.stringify(targets), from, to)
  return rows.map(effectOf)
}

export function * listEffects (
  _tx: Tx, { filter, page }: { filter: EffectFilter, page: PageRequest }
): Operation<Page<LedgerEffect> & { total: number }> {
  const conditions = (Object.entries(filter) as Array<[string, string | undefined]>).filter(([, value]) => value !== undefined)
  const where = conditions.map(([column]) => `${column} = ?`)
  const values = conditions.map(([, value]) => value as SqlValue)
  const total = yield * one<{ n: number }>(`SELECT count(*) AS n FROM effects ${whereOf(where)}`, ...values)
  if (page.cursor !== undefined) {
    where.push('id < ?')
    values.push(decodeCursor('effects', page.cursor))
  }
  const rows = yield * all<EffectRow>(`SELECT * FROM effects ${whereOf(where)} ORDER BY id DESC LIMIT ?`, ...values, page.limit + 1)
  const { items, ...next } = pageOf(rows, page.limit, (last) => encodeCursor('effects', last.id))
  return { items: items.map(effectOf), ...next, total: total!.n }
}

export function * ledgerEntries (_tx: Tx, { after, limit }: { after: number, limit: number }): Operation<LedgerEntry[]> {
  type Row = Omit<LedgerEntry, 'body'> & { body: string }
  const rows = yield * all<Row>('SELECT seq, effect_id, type, at, body, prev_hash, hash FROM effect_log WHERE seq > ? ORDER BY seq LIMIT ?', after, limit)
  return rows.map((row) => ({ ...row, body: JSON.parse(row.body) as Json }))
}

/** What may have reached the shop counts as if it had: a limit that is kept too early hurts nobody. */
const MAY_HAVE_REACHED = "(status IN ('started', 'done', 'reverted') OR json_extract(error, '$.code') IN ('read_back_differs', 'moved_since'))"

export function * pastPrices (
  _tx: Tx, { targets, since, now, except }: { targets: string[], since: number, now: number, except: string | null }
): Operation<Record<string, PastPrice[]>> {
  const past: Record<string, PastPrice[]> = {}
  for (const target of targets) {
    // What was begun may have waited long for its turn: it was made by the time at which its end was known, or may still be made now.
    const rows = yield * all<{ item: string, at: number }>(
      `SELECT item, coalesce(finished_at, ?) AS at FROM effects WHERE target = ? AND class = 'price_change' AND coalesce(finished_at, ?) > ?
         AND key IS DISTINCT FROM ? AND ${MAY_HAVE_REACHED} ORDER BY 2, id`, now, target, now, since, except)
    past[target] = rows.map(({ item, at }) => {
      const { expected_price: from, price: to } = JSON.parse(item) as EffectItem<'price_change'>
      return { at, from, to }
    })
  }
  return past
}

export function * countEffects (
  _tx: Tx, { agent, class: effectClass, since, except }: { agent: string, class: EffectClass, since: number, except: string | null }
): Operation<number> {
  const row = yield * one<{ n: number }>(
    `SELECT count(*) AS n FROM effects WHERE agent = ? AND class = ?
       AND (finished_at IS NULL OR finished_at > ?) AND key IS DISTINCT FROM ? AND ${MAY_HAVE_REACHED}`,
    agent, effectClass, since, except)
  return row!.n
}
