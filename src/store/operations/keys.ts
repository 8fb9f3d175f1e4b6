// API keys: made, revoked, looked up. Their use is noted at most once a minute.
import type { Area } from '../../core/access.ts'
import type { StoredKey } from '../../core/store-keys.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'
import { insertAudit } from './audit.ts'

const COLUMNS = 'id, name, prefix, hash, role, scopes, created_by, created_at, expires_at, revoked_at, revoked_by, last_used_at'

type Row = Omit<StoredKey, 'scopes'> & { scopes: string | null }

const keyOf = (row: Row): StoredKey => ({ ...row, scopes: row.scopes === null ? null : JSON.parse(row.scopes) as Area[] })

const shown = ({ name, prefix, role, scopes, expires_at: expires }: StoredKey) => ({ name, prefix, role, scopes, expires_at: expires })

export function * addKey (
  tx: Tx, { key, request_id: requestId, first = false }: { key: StoredKey, request_id: string | null, first?: boolean }
): Operation<boolean> {
  if (first && (yield * one('SELECT id FROM api_keys LIMIT 1')) !== undefined) return false
  yield * run(`INSERT INTO api_keys (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    key.id, key.name, key.prefix, key.hash, key.role, key.scopes === null ? null : JSON.stringify(key.scopes), key.created_by, key.created_at,
    key.expires_at, key.revoked_at, key.revoked_by, key.last_used_at)
  yield * insertAudit({
    id: key.id,
    at: key.created_at,
    actor: key.created_by,
    request_id: requestId,
    action: 'make_key',
    target: `api_key:${key.id}`,
    reason: null,
    before: null,
    after: shown(key)
  })
  tx.notice.keys = true
  return true
}

export function * revokeKey (
  tx: Tx, { id, audit_id: auditId, actor, request_id: requestId, now }: { id: string, audit_id: string, actor: string, request_id: string | null, now: number }
): Operation<StoredKey | undefined> {
  const row = yield * one<Row>(
    `UPDATE api_keys SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL RETURNING ${COLUMNS}`, now, actor, id)
  if (row === undefined) {
    const known = yield * one<Row>(`SELECT ${COLUMNS} FROM api_keys WHERE id = ?`, id)
    return known === undefined ? undefined : keyOf(known)
  }
  const key = keyOf(row)
  yield * insertAudit({
    id: auditId,
    at: now,
    actor,
    request_id: requestId,
    action: 'revoke_key',
    target: `api_key:${id}`,
    reason: null,
    before: shown(key),
    after: null
  })
  tx.notice.keys = true
  return key
}

export function * touchKey (_tx: Tx, { id, now }: { id: string, now: number }): Operation<void> {
  yield * run('UPDATE api_keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)', now, id, now)
}

export function * keyByHash (_tx: Tx, hash: string): Operation<StoredKey | undefined> {
  const row = yield * one<Row>(`SELECT ${COLUMNS} FROM api_keys WHERE hash = ?`, hash)
  return row === undefined ? undefined : keyOf(row)
}

export function * listKeys (): Operation<StoredKey[]> {
  return (yield * all<Row>(`SELECT ${COLUMNS} FROM api_keys ORDER BY id DESC`)).map(keyOf)
}
