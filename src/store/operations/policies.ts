// The policy in its versions, and how far each agent may go by itself.
import type { Policy, StoredPolicy } from '../../core/effects/policy.ts'
import type { Autonomy } from '../../core/effects/proposal.ts'
import { decodeNumberCursor, encodeCursor } from '../../core/cursor.ts'
import { newId } from '../../core/ids.ts'
import type { Page } from '../../core/model.ts'
import type { PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'
import { insertAudit } from './audit.ts'
import { keepText, textsBack } from './texts.ts'

export type PolicyRow = Omit<StoredPolicy, 'policy'> & { body: string }

export function * policiesOf (rows: PolicyRow[]): Operation<StoredPolicy[]> {
  const reasons = yield * textsBack(rows.map(({ reason }) => reason))
  return rows.map(({ body, ...row }, index) => ({ ...row, reason: reasons[index]!, policy: JSON.parse(body) as Policy }))
}

export function * currentPolicy (): Operation<StoredPolicy | undefined> {
  const row = yield * one<PolicyRow>('SELECT version, at, actor, reason, body FROM policies ORDER BY version DESC LIMIT 1')
  return row === undefined ? undefined : (yield * policiesOf([row]))[0]
}

export function * savePolicy (_tx: Tx, args: {
  expected_version: number, policy: Policy, actor: string, reason: string | null, request_id: string | null, now: number
}): Operation<{ outcome: 'saved' | 'stale', version: number }> {
  const current = yield * one<{ version: number }>('SELECT max(version) AS version FROM policies')
  const version = current?.version ?? 0
  if (version !== args.expected_version) return { outcome: 'stale', version }
  yield * run('INSERT INTO policies (version, at, actor, reason, body) VALUES (?, ?, ?, ?, ?)',
    version + 1, args.now, args.actor, yield * keepText(args.reason), JSON.stringify(args.policy))
  yield * insertAudit({
    id: newId(),
    at: args.now,
    actor: args.actor,
    request_id: args.request_id,
    action: 'change_policy',
    target: 'policy',
    reason: args.reason,
    before: { version },
    after: { version: version + 1 }
  })
  return { outcome: 'saved', version: version + 1 }
}

export function * listPolicies (_tx: Tx, page: PageRequest): Operation<Page<StoredPolicy>> {
  const below = page.cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeNumberCursor('policies', page.cursor)
  const rows = yield * all<PolicyRow>(
    'SELECT version, at, actor, reason, body FROM policies WHERE version < ? ORDER BY version DESC LIMIT ?', below, page.limit + 1)
  return pageOf(yield * policiesOf(rows), page.limit, (last) => encodeCursor('policies', last.version))
}

export function * setAutonomy (
  tx: Tx, { agent, autonomy, actor, request_id: requestId, now }: { agent: string, autonomy: Autonomy, actor: string, request_id: string | null, now: number }
): Operation<void> {
  const row = yield * one<{ autonomy: Autonomy }>('SELECT autonomy FROM agents WHERE name = ?', agent)
  yield * run('INSERT INTO agents (name, autonomy) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET autonomy = excluded.autonomy', agent, autonomy)
  yield * insertAudit({
    id: newId(),
    at: now,
    actor,
    request_id: requestId,
    action: 'set_autonomy',
    target: `agent:${agent}`,
    reason: null,
    before: { autonomy: row?.autonomy ?? 'suggest' },
    after: { autonomy }
  })
  tx.notice.plans = true
}
