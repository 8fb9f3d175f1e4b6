// Personal data in the store: found, given out, taken away. Each portion of a table is a unit of its own.
import { decodeCursor, encodeCursor } from '../../core/cursor.ts'
import type { Json, NewJob, Page } from '../../core/model.ts'
import { REDACTED, redactorOf, type Person, type Redactor } from '../../core/privacy/person.ts'
import type { NewPrivacyRequest, Place, PrivacyRequest } from '../../core/privacy/store.ts'
import type { PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type SqlValue, type Tx } from '../statement.ts'
import { insertJob } from './jobs.ts'
import { PERSONAL_PLACES, type Form, type PersonalPlace } from './personal-places.ts'
import { partsOf, redactDeltas } from './redacted-streams.ts'

type RequestRow = Omit<PrivacyRequest, 'person' | 'places'> & { person: string | null, places: string | null }

const requestOf = (row: RequestRow): PrivacyRequest => ({
  ...row,
  person: row.person === null ? null : JSON.parse(row.person) as Person,
  places: row.places === null ? null : JSON.parse(row.places) as Record<string, number>
})

const COLUMNS = 'id, kind, source, customer_id, person, status, job_id, places, received_at, finished_at'

export function * addPrivacyRequest (tx: Tx, { request, job }: { request: NewPrivacyRequest, job: NewJob }): Operation<PrivacyRequest> {
  const twin = request.delivery === null
    ? undefined
    : yield * one<RequestRow>(`SELECT ${COLUMNS} FROM privacy_requests WHERE delivery = ?`, request.delivery)
  if (twin !== undefined) return requestOf(twin)
  const { id, kind, source, customer_id: customer, person, job_id: jobId, received_at: receivedAt, delivery } = request
  yield * run(
    "INSERT INTO privacy_requests (id, kind, source, customer_id, person, status, job_id, received_at, delivery) VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?)",
    id, kind, source, customer, person === null ? null : JSON.stringify(person), jobId, receivedAt, delivery)
  yield * insertJob(tx, job)
  return (yield * getPrivacyRequest(tx, id))!
}

export function * getPrivacyRequest (_tx: Tx, id: string): Operation<PrivacyRequest | undefined> {
  const row = yield * one<RequestRow>(`SELECT ${COLUMNS} FROM privacy_requests WHERE id = ?`, id)
  return row === undefined ? undefined : requestOf(row)
}

export function * listPrivacyRequests (_tx: Tx, page: PageRequest): Operation<Page<PrivacyRequest>> {
  const before = page.cursor === undefined ? '~' : decodeCursor('privacy', page.cursor)
  const rows = yield * all<RequestRow>(`SELECT ${COLUMNS} FROM privacy_requests WHERE id < ? ORDER BY id DESC LIMIT ?`, before, page.limit + 1)
  return pageOf(rows.map(requestOf), page.limit, (last) => encodeCursor('privacy', last.id))
}

export function * endPrivacyRequest (
  _tx: Tx, { id, places, now }: { id: string, places: Record<string, number>, now: number }
): Operation<void> {
  yield * run("UPDATE privacy_requests SET status = 'done', person = NULL, places = ?, finished_at = ? WHERE id = ?", JSON.stringify(places), now, id)
}

const PORTION = 200
type Row = Record<string, SqlValue>

const placeOf = (table: string): PersonalPlace => {
  const place = PERSONAL_PLACES.find((one) => one.table === table)
  if (place === undefined) throw new Error(`${table} is no place of personal data`)
  return place
}

function * portion ({ table, key, columns }: PersonalPlace, after: Place): Operation<{ rows: Row[], next: Place }> {
  const keys = key.join(', ')
  const more = Object.keys(columns).filter((column) => !key.includes(column))
  const behind = after === null ? '' : `WHERE (${keys}) > (${key.map(() => '?').join(', ')})`
  const rows = yield * all<Row>(`SELECT ${[...key, ...more].join(', ')} FROM ${table} ${behind} ORDER BY ${keys} LIMIT ?`, ...after ?? [], PORTION)
  const last = rows[rows.length - 1]
  return { rows, next: rows.length < PORTION || last === undefined ? null : key.map((column) => last[column] as string | number) }
}

const cleaned = (text: string, form: Form, redactor: Redactor): string => {
  switch (form) {
    case 'text': return redactor.text(text)
    case 'json': return cleanJson(text, redactor)
    case 'answer': try { return cleanJson(text, redactor) } catch { return redactor.text(text) }
    case 'jsonl': return text.split('\n').map((line) => line === '' ? line : cleanJson(line, redactor)).join('\n')
    case 'lines': return text.split('\n').map((line) => {
      const { head, data } = partsOf(line)
      return head + cleanJson(data, redactor)
    }).join('\n')
  }
}

const cleanJson = (text: string, redactor: Redactor): string => {
  const value = JSON.parse(text) as Json
  const clean = redactor.json(value)
  return clean === value ? text : JSON.stringify(clean)
}

/** The row's columns that hold something of the person, as they are to be. */
const changesOf = (row: Row, { columns, table }: PersonalPlace, redactor: Redactor, person: Person): Array<[string, string | null]> =>
  Object.entries(columns).flatMap(([column, form]): Array<[string, string | null]> => {
    const text = row[column]
    if (typeof text !== 'string') return []
    const clean = table === 'history_orders' ? withoutBuyer(cleaned(text, form, redactor), person) : cleaned(text, form, redactor)
    // Two that were told apart by a name would be the same without it.
    return clean === text ? [] : [[column, column === 'dedupe_key' ? null : clean]]
  })

/** The order stays with its sums, as that of a guest. */
const withoutBuyer = (body: string, person: Person): string => {
  const order = JSON.parse(body) as { customer: { id: string } | null }
  const theirs = order.customer !== null && (order.customer.id === REDACTED || order.customer.id === `gid://shopify/Customer/${person.customer_id ?? ''}`)
  return theirs ? JSON.stringify({ ...order, customer: null }) : body
}

export function * redactPortion (
  tx: Tx, { table, after, person, now }: { table: string, after: Place, person: Person, now: number }
): Operation<{ next: Place, changed: number }> {
  const place = placeOf(table)
  const redactor = redactorOf(person)
  const { rows, next } = yield * portion(place, after)
  let changed = table === 'stream_chunks' ? yield * redactDeltas(rows, redactor) : 0
  for (const row of changed > 0 ? (yield * portion(place, after)).rows : rows) {
    const changes = changesOf(row, place, redactor, person)
    if (changes.length === 0) continue
    changed += 1
    const where = place.key.map((column) => `${column} = ?`).join(' AND ')
    const which = place.key.map((column) => row[column]!)
    // A key that names somebody would be theirs as well: its answer is forgotten with it.
    if (changes.some(([column]) => place.key.includes(column))) {
      yield * run(`DELETE FROM ${table} WHERE ${where}`, ...which)
      continue
    }
    yield * run(`UPDATE ${table} SET ${changes.map(([column]) => `${column} = ?`).join(', ')} WHERE ${where}`, ...changes.map(([, text]) => text), ...which)
    yield * followUp(tx, table, which[0] as string, changes, now)
  }
  return { next, changed }
}

const PLAN_CHANGED = 'Personal data was taken out of the plan.'

/** A plan that was changed cannot be approved any more; an effect that was changed cannot be compared with its log. */
function * followUp (_tx: Tx, table: string, id: string, changes: Array<[string, string | null]>, now: number): Operation<void> {
  if (table === 'effects') yield * run('UPDATE effects SET salt = NULL, redacted_at = ? WHERE id = ?', now, id)
  if (table === 'proposals' && changes.some(([column]) => column === 'items' || column === 'key')) {
    yield * run("UPDATE proposals SET status = 'expired', reason = ? WHERE id = ? AND status IN ('pending', 'shadow')", PLAN_CHANGED, id)
  }
}

export function * findPortion (
  _tx: Tx, { table, after, person }: { table: string, after: Place, person: Person }
): Operation<{ next: Place, rows: Row[] }> {
  const place = placeOf(table)
  const redactor = redactorOf(person)
  const { rows, next } = yield * portion(place, after)
  return { next, rows: rows.filter((row) => changesOf(row, place, redactor, person).length > 0) }
}

export const personalTables = (): readonly string[] => PERSONAL_PLACES.map(({ table }) => table)

/** What is left of each table when a shop is gone. What an effect was cannot be told any more, that there was one can. */
const SHOP_STATEMENTS: ReadonlyArray<readonly [table: string, sql: string]> = [
  ['stream_chunks', 'DELETE FROM stream_chunks RETURNING seq'],
  ['events', `UPDATE events SET data = '{}', timestamp = '', delivery = NULL, type = CASE WHEN source = 'api' THEN '${REDACTED}' ELSE type END
     WHERE source <> 'system' RETURNING id`],
  ['jobs', `UPDATE jobs SET output = NULL, error = NULL, failures = '[]', progress = NULL, dedupe_key = NULL, reason = NULL, cancel_requested = NULL,
     source = CASE WHEN kind = 'agent' THEN '${REDACTED}' ELSE source END,
     payload = CASE WHEN kind IN ('effect', 'task', 'delivery') THEN payload ELSE '{"v":1,"input":{}}' END WHERE active = 0 RETURNING id`],
  ['agents', 'UPDATE agents SET last_error = NULL WHERE last_error IS NOT NULL RETURNING name'],
  ['proposals', `UPDATE proposals SET key = id, title = '${REDACTED}', rationale = '[]', items = '[]', evidence = '{}', expected_gain = NULL,
     requested_by = NULL, score = NULL, status = CASE WHEN status IN ('pending', 'shadow', 'approved') THEN 'expired' ELSE status END RETURNING id`],
  ['effects', `UPDATE effects SET target = '${REDACTED}', item = '{}', before = 'null', after = 'null', result = 'null', error = NULL, salt = NULL,
     redacted_at = ? WHERE status <> 'started' RETURNING id`],
  ['texts', `UPDATE texts SET body = '${REDACTED}' RETURNING id`],
  ['history_orders', 'DELETE FROM history_orders RETURNING id'],
  ['history_state', 'DELETE FROM history_state RETURNING name'],
  ['stock_days', 'DELETE FROM stock_days RETURNING day'],
  ['feed_chunks', 'DELETE FROM feed_chunks RETURNING seq'],
  ['feeds', 'DELETE FROM feeds RETURNING name'],
  ['idempotency_keys', 'DELETE FROM idempotency_keys RETURNING scope'],
  ['changes_seen', 'DELETE FROM changes_seen RETURNING resource'],
  ['webhook_deliveries', 'DELETE FROM webhook_deliveries RETURNING id'],
  ['privacy_exports', 'DELETE FROM privacy_exports RETURNING seq']
]

export function * redactShop (_tx: Tx, { now }: { now: number }): Operation<Record<string, number>> {
  const places: Record<string, number> = {}
  for (const [table, sql] of SHOP_STATEMENTS) {
    const rows = yield * all(sql, ...sql.includes('?') ? [now] : [])
    if (rows.length > 0) places[table] = rows.length
  }
  return places
}

export function * addExport (
  _tx: Tx, { request_id: id, seq, body, expires_at: expires }: { request_id: string, seq: number, body: string, expires_at: number }
): Operation<void> {
  // A run that is repeated begins again.
  yield * run('DELETE FROM privacy_exports WHERE request_id = ? AND seq >= ?', id, seq)
  yield * run('INSERT INTO privacy_exports (request_id, seq, body, expires_at) VALUES (?, ?, ?, ?)', id, seq, body, expires)
}

export function * exportPortion (_tx: Tx, { request_id: id, seq }: { request_id: string, seq: number }): Operation<string | undefined> {
  return (yield * one<{ body: string }>('SELECT body FROM privacy_exports WHERE request_id = ? AND seq = ?', id, seq))?.body
}

export function * forgetExports (_tx: Tx, { now }: { now: number }): Operation<number> {
  return (yield * all('DELETE FROM privacy_exports WHERE expires_at <= ? RETURNING seq', now)).length
}
