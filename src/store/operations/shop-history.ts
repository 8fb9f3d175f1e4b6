// The copy of the shop's orders with its state, and the stock of each day.
import type { OpenReading, StockOfDay, StoredHistory, StoredOrder } from '../../core/store-history.ts'
import { all, one, oneEach, run, runEach, type Operation, type Tx } from '../statement.ts'

const COPY = 'orders'
const STATE = 'source, shop, as_of, covers_from, watermark, orders, changed, looked_back_at, reading'

export function * historyState (): Operation<StoredHistory | undefined> {
  const row = yield * one<Omit<StoredHistory, 'reading'> & { reading: string | null }>(`SELECT ${STATE} FROM history_state WHERE name = ?`, COPY)
  return row === undefined ? undefined : { ...row, reading: row.reading === null ? null : JSON.parse(row.reading) as OpenReading }
}

export function * saveHistory (
  _tx: Tx, { orders, state }: { orders: StoredOrder[], state: Omit<StoredHistory, 'orders'> }
): Operation<{ changed: number }> {
  // The same order twice in one portion: the last word counts.
  const portion = [...new Map(orders.map((order) => [order.id, order])).values()]
  const inserted = yield * oneEach(
    'INSERT INTO history_orders (id, created_at, updated_at, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id',
    portion.map(({ id, created_at: createdAt, updated_at: updatedAt, body }) => [id, createdAt, updatedAt, body]))
  const known = portion.filter((_order, index) => inserted[index] === undefined)
  // Much of what is read again is as it was: that writes nothing.
  const updated = yield * oneEach(
    'UPDATE history_orders SET created_at = ?, updated_at = ?, body = ? WHERE id = ? AND body <> ? RETURNING id',
    known.map(({ id, created_at: createdAt, updated_at: updatedAt, body }) => [createdAt, updatedAt, body, id, body]))
  const added = portion.length - known.length
  const changed = updated.filter((row) => row !== undefined).length
  yield * run(
    `INSERT INTO history_state (name, ${STATE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET source = excluded.source, shop = excluded.shop, as_of = excluded.as_of, covers_from = excluded.covers_from,
       watermark = excluded.watermark, orders = history_state.orders + excluded.orders, changed = excluded.changed,
       looked_back_at = excluded.looked_back_at, reading = excluded.reading`,
    COPY, state.source, state.shop, state.as_of, state.covers_from, state.watermark, added, state.changed, state.looked_back_at,
    state.reading === null ? null : JSON.stringify(state.reading))
  return { changed: added + changed }
}

export function * dropHistory (_tx: Tx, _args: { now: number }): Operation<void> {
  for (const table of ['history_orders', 'history_state', 'stock_days']) yield * run(`DELETE FROM ${table}`)
}

export function * historyPage (
  _tx: Tx, { from, before, after, limit }: { from: number, before: number, after: Pick<StoredOrder, 'id' | 'created_at'> | null, limit: number }
): Operation<{ shop: string | null, orders: Array<Pick<StoredOrder, 'id' | 'created_at' | 'body'>> }> {
  const state = yield * one<{ shop: string }>('SELECT shop FROM history_state WHERE name = ?', COPY)
  const orders = yield * all<Pick<StoredOrder, 'id' | 'created_at' | 'body'>>(
    'SELECT id, created_at, body FROM history_orders WHERE (created_at, id) > (?, ?) AND created_at < ? ORDER BY created_at, id LIMIT ?',
    // Every id sorts behind the empty text.
    after?.created_at ?? from, after?.id ?? '', before, limit)
  return { shop: state?.shop ?? null, orders }
}

export function * newestOrder (): Operation<StoredOrder | undefined> {
  return yield * one<StoredOrder>('SELECT id, created_at, updated_at, body FROM history_orders ORDER BY created_at DESC, id DESC LIMIT 1')
}

export function * saveStock (_tx: Tx, { stock }: { stock: StockOfDay[] }): Operation<void> {
  const levels = new Map(stock.map((level) => [`${level.day} ${level.variant_id}`, level]))
  yield * runEach(
    `INSERT INTO stock_days (day, variant_id, available) VALUES (?, ?, ?)
     ON CONFLICT (day, variant_id) DO UPDATE SET available = excluded.available`,
    [...levels.values()].map(({ day, variant_id: variant, available }) => [day, variant, available]))
}

export function * stockPage (
  _tx: Tx, { from, after, limit }: { from: string, after: Pick<StockOfDay, 'day' | 'variant_id'> | null, limit: number }
): Operation<StockOfDay[]> {
  return yield * all<StockOfDay>(
    'SELECT day, variant_id, available FROM stock_days WHERE (day, variant_id) > (?, ?) ORDER BY day, variant_id LIMIT ?',
    after?.day ?? from, after?.variant_id ?? '', limit)
}
