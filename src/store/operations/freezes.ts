// The kill switch as it is kept.
import type { Freeze, FreezeWindow } from '../../core/effects/freeze.ts'
import { newId } from '../../core/ids.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'
import { insertAudit } from './audit.ts'
import { announce } from './webhooks.ts'

export type FreezeRow = Omit<Freeze, 'window'> & { recurs: string | null }

export const FREEZE_COLUMNS = 'id, scope, reason, actor, request_id, created_at, starts_at, ends_at, recurs, lifted_at, lifted_by'

/** An unreadable window makes a freeze that holds all the time: it is on until somebody lifts it. */
export const freezeOf = ({ recurs, ...row }: FreezeRow): Freeze => {
  try {
    return { ...row, window: recurs === null ? null : JSON.parse(recurs) as FreezeWindow }
  } catch {
    return { ...row, window: null }
  }
}

/** Those that nobody has lifted, whether they hold now or not. */
export function * standingFreezes (): Operation<Freeze[]> {
  return (yield * all<FreezeRow>(`SELECT ${FREEZE_COLUMNS} FROM freezes WHERE lifted_at IS NULL ORDER BY id`)).map(freezeOf)
}

export function * addFreeze (tx: Tx, freeze: Freeze): Operation<void> {
  yield * run(
    `INSERT INTO freezes (${FREEZE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)`,
    freeze.id, freeze.scope, freeze.reason, freeze.actor, freeze.request_id, freeze.created_at, freeze.starts_at, freeze.ends_at,
    freeze.window === null ? null : JSON.stringify(freeze.window))
  yield * announce(tx, 'freeze.set', { freeze_id: freeze.id, scope: freeze.scope }, freeze.created_at)
  yield * insertAudit({
    id: newId(),
    at: freeze.created_at,
    actor: freeze.actor,
    request_id: freeze.request_id,
    action: 'freeze',
    target: `freeze:${freeze.scope}`,
    reason: freeze.reason,
    before: null,
    after: { id: freeze.id, starts_at: freeze.starts_at, ends_at: freeze.ends_at, window: freeze.window === null ? null : { ...freeze.window } }
  })
}

export function * liftFreeze (
  tx: Tx, { id, actor, request_id: requestId, reason, now }: { id: string, actor: string, request_id: string | null, reason: string | null, now: number }
): Operation<boolean> {
  const row = yield * one<{ scope: string }>(
    'UPDATE freezes SET lifted_at = ?, lifted_by = ? WHERE id = ? AND lifted_at IS NULL RETURNING scope', now, actor, id)
  if (row === undefined) return false
  yield * insertAudit({
    id: newId(), at: now, actor, request_id: requestId, action: 'lift', target: `freeze:${row.scope}`, reason, before: { id }, after: null
  })
  yield * announce(tx, 'freeze.lifted', { freeze_id: id, scope: row.scope }, now)
  tx.notice.queues.add('agents')
  return true
}

export function * listFreezes (_tx: Tx, { lifted, now }: { lifted: boolean, now: number }): Operation<Freeze[]> {
  const rows = lifted
    ? yield * all<FreezeRow>(`SELECT ${FREEZE_COLUMNS} FROM freezes ORDER BY id DESC LIMIT 1000`)
    : yield * all<FreezeRow>(`SELECT ${FREEZE_COLUMNS} FROM freezes WHERE lifted_at IS NULL AND (ends_at IS NULL OR ends_at > ?) ORDER BY id DESC`, now)
  return rows.map(freezeOf)
}
