// The record of what was decided by hand. Entries are never changed.
import type { AuditEntry } from '../../core/store.ts'
import { run, type Operation } from '../statement.ts'
import { keepText, keepTexts } from './texts.ts'

export function * insertAudit ({ id, at, actor, request_id: requestId, action, target, reason, before, after }: AuditEntry): Operation<void> {
  yield * run(
    'INSERT INTO audit (id, at, actor, request_id, action, target, reason, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    id, at, actor, requestId, action, target, yield * keepText(reason), JSON.stringify(yield * keepTexts(before)), JSON.stringify(yield * keepTexts(after)))
}
