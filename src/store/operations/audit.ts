// The record of what was decided by hand. Entries are never changed.
import type { AuditEntry } from '../../core/store.ts'
import { run, type Operation } from '../statement.ts'

export function * insertAudit ({ id, at, actor, request_id: requestId, action, target, reason, before, after }: AuditEntry): Operation<void> {
  yield * run(
    'INSERT INTO audit (id, at, actor, request_id, action, target, reason, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    id, at, actor, requestId, action, target, reason, JSON.stringify(before), JSON.stringify(after))
}
