// Outgoing webhooks: endpoints, deliveries with their jobs, and what is announced in the unit that made it so.
import { decodeCursor, encodeCursor } from '../../core/cursor.ts'
import { newId } from '../../core/ids.ts'
import type { Json, NewJob, Page } from '../../core/model.ts'
import type { PageRequest } from '../../core/store.ts'
import { bodyOf, newDelivery, wants, type WebhookType } from '../../core/webhooks/delivery.ts'
import { maskedSecret } from '../../core/webhooks/signature.ts'
import type { Attempted, Decided, DeliveryStatus, EndpointChange, NewDelivery, WebhookDelivery, WebhookEndpoint } from '../../core/webhooks/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type SqlValue, type Tx } from '../statement.ts'
import { insertAudit } from './audit.ts'
import { insertJob } from './jobs.ts'

type EndpointRow = Omit<WebhookEndpoint, 'events'> & { events: string }

const endpointOf = (row: EndpointRow): WebhookEndpoint => ({ ...row, events: JSON.parse(row.events) as string[] })

/** Tells every endpoint that wants the type, in the unit that made it so: what is committed is announced, and nothing else. */
export function * announce (tx: Tx, type: WebhookType, data: Json, now: number): Operation<void> {
  const endpoints = yield * all<{ id: string, events: string }>("SELECT id, events FROM webhook_endpoints WHERE status = 'enabled' ORDER BY id")
  for (const { id, events } of endpoints) {
    if (wants(JSON.parse(events) as string[], type)) yield * addDelivery(tx, newDelivery({ endpoint_id: id, type, body: bodyOf(type, data, now), now }))
  }
}

export function * addDelivery (tx: Tx, { delivery, job }: { delivery: NewDelivery, job: NewJob }): Operation<WebhookDelivery> {
  yield * run(
    `INSERT INTO webhook_deliveries (id, endpoint_id, message_id, type, body, status, attempts, job_id, replay_of, created_at)
     VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?, ?, ?)`,
    delivery.id, delivery.endpoint_id, delivery.message_id, delivery.type, delivery.body, delivery.job_id, delivery.replay_of, delivery.created_at)
  yield * insertJob(tx, job)
  return (yield * getDelivery(tx, delivery.id))!
}

export function * addEndpoint (tx: Tx, { endpoint, ...who }: { endpoint: WebhookEndpoint } & Decided): Operation<WebhookEndpoint> {
  yield * run(
    'INSERT INTO webhook_endpoints (id, url, description, events, secret, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    endpoint.id, endpoint.url, endpoint.description, JSON.stringify(endpoint.events), endpoint.secret, endpoint.status, endpoint.created_at,
    endpoint.updated_at)
  yield * entered('add_webhook', endpoint.id, undefined, endpoint, who)
  tx.notice.plans = true
  return endpoint
}

export function * getEndpoint (_tx: Tx, id: string): Operation<WebhookEndpoint | undefined> {
  const row = yield * one<EndpointRow>('SELECT * FROM webhook_endpoints WHERE id = ?', id)
  return row === undefined ? undefined : endpointOf(row)
}

export function * listEndpoints (): Operation<WebhookEndpoint[]> {
  return (yield * all<EndpointRow>('SELECT * FROM webhook_endpoints ORDER BY id')).map(endpointOf)
}

export function * changeEndpoint (
  tx: Tx, { id, change, ...who }: { id: string, change: EndpointChange } & Decided
): Operation<WebhookEndpoint | undefined> {
  const before = yield * getEndpoint(tx, id)
  if (before === undefined) return undefined
  const { new_secret: secret, old_secret_until: until, ...rest } = change
  const after: WebhookEndpoint = {
    ...before,
    ...rest,
    ...(rest.status === undefined ? {} : { reason: null }),
    ...(secret === undefined ? {} : { secret, old_secret: before.secret, old_secret_until: until ?? null }),
    updated_at: who.now
  }
  yield * run(
    `UPDATE webhook_endpoints SET url = ?, description = ?, events = ?, secret = ?, old_secret = ?, old_secret_until = ?, status = ?, reason = ?,
       updated_at = ? WHERE id = ?`,
    after.url, after.description, JSON.stringify(after.events), after.secret, after.old_secret, after.old_secret_until, after.status, after.reason,
    after.updated_at, id)
  yield * entered('change_webhook', id, before, after, who)
  tx.notice.plans = true
  return after
}

export function * deleteEndpoint (tx: Tx, { id, ...who }: { id: string } & Decided): Operation<boolean> {
  const before = yield * getEndpoint(tx, id)
  if (before === undefined) return false
  yield * run('DELETE FROM webhook_endpoints WHERE id = ?', id)
  yield * run('DELETE FROM webhook_deliveries WHERE endpoint_id = ?', id)
  yield * entered('delete_webhook', id, before, undefined, who)
  tx.notice.plans = true
  return true
}

function * entered (
  action: string, id: string, before: WebhookEndpoint | undefined, after: WebhookEndpoint | undefined, { actor, request_id: requestId, now }: Decided
): Operation<void> {
  yield * insertAudit({
    id: newId(), at: now, actor, request_id: requestId, action, target: `webhook:${id}`, reason: null, before: shown(before), after: shown(after)
  })
}

const shown = (endpoint: WebhookEndpoint | undefined): Json => endpoint === undefined
  ? null
  : { url: withoutQuery(endpoint.url), events: endpoint.events, status: endpoint.status, secret: maskedSecret(endpoint.secret) }

/** The path of a receiver often is its password. */
const withoutQuery = (url: string): string => new URL(url).origin

const DELIVERY = `d.id, d.endpoint_id, d.message_id, d.type, d.body,
  CASE WHEN d.status = 'waiting' AND (j.active IS NULL OR j.active = 0) THEN 'dead' ELSE d.status END AS status,
  d.attempts, d.last_status, d.last_error, d.last_ms, d.job_id, d.replay_of, d.created_at, d.attempted_at, d.finished_at`
// A job that killed its worker, or was cancelled by hand, could not say what became of its delivery.
const DELIVERIES = 'webhook_deliveries d LEFT JOIN jobs j ON j.id = d.job_id'

export function * getDelivery (_tx: Tx, id: string): Operation<WebhookDelivery | undefined> {
  return yield * one<WebhookDelivery>(`SELECT ${DELIVERY} FROM ${DELIVERIES} WHERE d.id = ?`, id)
}

export function * listDeliveries (
  _tx: Tx, { filter, page }: { filter: { endpoint_id: string, status?: DeliveryStatus }, page: PageRequest }
): Operation<Page<WebhookDelivery>> {
  const where = ['endpoint_id = ?']
  const values: SqlValue[] = [filter.endpoint_id]
  if (filter.status !== undefined) {
    where.push('status = ?')
    values.push(filter.status)
  }
  if (page.cursor !== undefined) {
    where.push('id < ?')
    values.push(decodeCursor('deliveries', page.cursor))
  }
  const rows = yield * all<WebhookDelivery>(
    `SELECT * FROM (SELECT ${DELIVERY} FROM ${DELIVERIES} WHERE d.endpoint_id = ?) AS known WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ?`,
    filter.endpoint_id, ...values, page.limit + 1)
  return pageOf(rows, page.limit, (last) => encodeCursor('deliveries', last.id))
}

export function * noteAttempt (tx: Tx, { id, status, answer, error, ms, now, disable }: Attempted): Operation<boolean> {
  const row = yield * one<{ endpoint_id: string }>(
    `UPDATE webhook_deliveries SET status = ?, attempts = attempts + ?, last_status = ?, last_error = ?, last_ms = ?, attempted_at = ?, finished_at = ?
     WHERE id = ? RETURNING endpoint_id`,
    status, status === 'dropped' ? 0 : 1, answer, error, ms, now, status === 'waiting' ? null : now, id)
  if (row === undefined || disable === undefined) return false
  const disabled = yield * one(
    `UPDATE webhook_endpoints SET status = 'disabled', reason = ?, updated_at = ? WHERE id = ? AND status = 'enabled' AND NOT EXISTS (
       SELECT 1 FROM webhook_deliveries WHERE endpoint_id = ? AND status = 'succeeded' AND finished_at >= ?) RETURNING id`,
    disable.reason, now, row.endpoint_id, row.endpoint_id, disable.unless_well_since ?? Number.MAX_SAFE_INTEGER)
  if (disabled !== undefined) tx.notice.plans = true
  return disabled !== undefined
}

export function * pruneDeliveries (_tx: Tx, { before, keep }: { before: number, keep: number }): Operation<number> {
  let pruned = (yield * all('DELETE FROM webhook_deliveries WHERE finished_at < ? RETURNING id', before)).length
  for (const { id } of yield * all<{ id: string }>('SELECT id FROM webhook_endpoints ORDER BY id')) {
    const oldest = yield * one<{ id: string }>('SELECT id FROM webhook_deliveries WHERE endpoint_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?', id, keep)
    if (oldest === undefined) continue
    pruned += (yield * all('DELETE FROM webhook_deliveries WHERE endpoint_id = ? AND id <= ? AND finished_at IS NOT NULL RETURNING id', id, oldest.id)).length
  }
  return pruned
}
