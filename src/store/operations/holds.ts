// Decisions by hand about circuit breakers, each with its entry in the audit.
import type { BreakerState } from '../../core/breaker.ts'
import { decodeCursor, encodeCursor } from '../../core/cursor.ts'
import { isHold, presentHold } from '../../core/holds.ts'
import type { Json, Page } from '../../core/model.ts'
import type { AuditEntry, PageRequest, StoredHold } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'
import { insertAudit } from './audit.ts'
import { textsBack } from './texts.ts'

const COLUMNS = 'name, id, action, reason, actor, request_id, since, until'

export function * setHold (
  tx: Tx, { hold, state }: { hold: StoredHold, state: { before: BreakerState, after: BreakerState } }
): Operation<void> {
  const replaced = yield * one<StoredHold>(`SELECT ${COLUMNS} FROM breaker_holds WHERE name = ?`, hold.name)
  yield * run(
    `INSERT INTO breaker_holds (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET id = excluded.id, action = excluded.action, reason = excluded.reason, actor = excluded.actor,
       request_id = excluded.request_id, since = excluded.since, until = excluded.until`,
    hold.name, hold.id, hold.action, hold.reason, hold.actor, hold.request_id, hold.since, hold.until)
  yield * insertAudit({
    id: hold.id,
    at: hold.since,
    actor: hold.actor,
    request_id: hold.request_id,
    action: hold.action,
    target: `circuit_breaker:${hold.name}`,
    reason: hold.reason,
    before: { state: state.before, hold: asJson(holdAt(replaced, hold.since)) },
    after: { state: state.after, hold: asJson(holdAt(hold, hold.since)) }
  })
  tx.notice.holds = true
}

export function * listHolds (): Operation<StoredHold[]> {
  return yield * all<StoredHold>(`SELECT ${COLUMNS} FROM breaker_holds ORDER BY name`)
}

export function * listAudit (
  _tx: Tx, { filter: { target }, page }: { filter: { target?: string }, page: PageRequest }
): Operation<Page<AuditEntry>> {
  // Ids sort by time, and every id sorts below this.
  const before = page.cursor === undefined ? '~' : decodeCursor('audit', page.cursor)
  const columns = 'id, at, actor, request_id, action, target, reason, before, after'
  type Row = Omit<AuditEntry, 'before' | 'after'> & { before: string, after: string }
  const rows = target === undefined
    ? yield * all<Row>(`SELECT ${columns} FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?`, before, page.limit + 1)
    : yield * all<Row>(`SELECT ${columns} FROM audit WHERE target = ? AND id < ? ORDER BY id DESC LIMIT ?`, target, before, page.limit + 1)
  const told = yield * textsBack(rows.map((row): [string | null, Json, Json] => [row.reason, JSON.parse(row.before) as Json, JSON.parse(row.after) as Json]))
  const entries = rows.map((row, index) => {
    const [reason, before, after] = told[index]!
    return { ...row, reason, before, after }
  })
  return pageOf(entries, page.limit, (last) => encodeCursor('audit', last.id))
}

const asJson = (hold: ReturnType<typeof presentHold> | null): Json => hold === null ? null : { ...hold }

/** The hold that this decision was at that time; null when it had ended, or is a reset. */
const holdAt = (decided: StoredHold | undefined, now: number): ReturnType<typeof presentHold> | null => {
  if (decided === undefined || !isHold(decided) || (decided.until !== null && decided.until <= now)) return null
  return presentHold(decided)
}
