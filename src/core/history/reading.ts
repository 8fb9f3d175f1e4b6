// Brings the copy of the shop's orders up to date: everything in bulk the first time, then what changed. What was read is stored at once, with how far it
// has come, so that a reading that breaks off is gone on with.
import type { Clock } from '../clock.ts'
import type { CommerceReader, OrderFilter } from '../commerce.ts'
import type { Logger } from '../log.ts'
import type { SoldOrder } from '../shop-history.ts'
import type { HistoryStore, OpenReading, StoredHistory, StoredOrder } from '../store-history.ts'

export interface HistoryReading {
  commerce: CommerceReader
  store: HistoryStore
  clock: Pick<Clock, 'now'>
  log: Logger
  signal: AbortSignal
  tell: (fraction: number, note: string) => void
  /** The copy was another shop's, and is forgotten. */
  onOtherShop: () => void
}

type State = Omit<StoredHistory, 'orders'>
type Whole = StoredHistory & { as_of: number, covers_from: number }

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Orders of one commit: it holds the event loop. */
const BATCH = 100
/** What changed may become visible some minutes late, and the shop's clock may not be ours. */
const OVERLAP = 10 * MINUTE
/** Page by page so many cost a good part of the query budget; more are read in bulk, which takes its time but costs next to nothing. */
const MOST_PAGED = 1_000
/** How often an order changes: paid, sent, delivered, returned. */
const CHANGES_OF_AN_ORDER = 3
/** After a longer time than this, orders that are shown for 60 days only may have come and gone unseen. */
const LONGEST_GAP = 59 * DAY
/** After a reading that took longer there is something new to be read. */
const STALE_AFTER = 10 * MINUTE
const MOST_PASSES = 3

/** @throws what the port to the shop throws; what was read until then is kept. */
export const readHistory = async (parts: HistoryReading): Promise<Whole> => {
  const { clock } = parts
  let state = await openCopy(parts)
  state.changed = 0
  for (let pass = 1; ; pass++) {
    state = await readPass(parts, state)
    // What goes on with an earlier reading is as old as that one was.
    if (pass === MOST_PASSES || (state.as_of !== null && state.reading === null && clock.now() - state.as_of < STALE_AFTER)) break
  }
  return await parts.store.historyState() as Whole
}

const readPass = async (parts: HistoryReading, state: State): Promise<State> => {
  if (state.reading !== null) return readInBulk(parts, state, state.reading)
  const { as_of: asOf, watermark } = state
  const now = parts.clock.now()
  const everything: OpenReading = { begun_at: now, updated_from: null, created_from: 0, covers_from: null, last_change: 0 }
  if (asOf === null || watermark === null || now - asOf > LONGEST_GAP) return readInBulk(parts, state, everything)
  if (await olderAreShown(parts, state, now)) return readInBulk(parts, { ...state, looked_back_at: now }, everything)
  const looked = now - state.looked_back_at >= DAY ? { ...state, looked_back_at: now } : state
  const changes = { ...everything, updated_from: watermark - OVERLAP }
  if (await expectedChanges(parts, now - asOf) > MOST_PAGED / 2) return readInBulk(parts, looked, changes)
  return readPages(parts, looked, now)
}

/** The state of the copy of this very shop; the orders of another one are forgotten. */
const openCopy = async (parts: HistoryReading): Promise<State> => {
  const { commerce, store, clock, log, signal, onOtherShop } = parts
  const { id, domain } = await commerce.shop({ signal })
  const shop = `${id} ${domain}`
  const known = await store.historyState()
  if (known !== undefined) {
    if (known.source === commerce.source && known.shop === shop && await knowsOurNewest(parts)) return known
    log.warn({ shop: domain, source: commerce.source, orders: known.orders }, 'the history was of another shop: it is forgotten and read afresh')
    await store.dropHistory({ now: clock.now() })
    onOtherShop()
  }
  return {
    source: commerce.source, shop, as_of: null, covers_from: null, watermark: null, changed: 0, looked_back_at: clock.now(), reading: null
  }
}

/** A sandbox forgets at its restart what was changed, and may from then on have another past under the same name. */
const knowsOurNewest = async ({ commerce, store, signal }: HistoryReading): Promise<boolean> => {
  const newest = commerce.source === 'sandbox' ? await store.newestOrder() : undefined
  if (newest === undefined) return true
  const { id, created_at: at } = newest
  for await (const order of commerce.orderSales({ created_from: at, created_before: at + 1 }, { signal })) if (order.id === id) return true
  return false
}

/** Once a day: with the right read_all_orders the shop shows orders from before those that it showed first. */
const olderAreShown = async ({ commerce, signal }: HistoryReading, state: State, now: number): Promise<boolean> => {
  if (now - state.looked_back_at < DAY || state.covers_from === null) return false
  const older = commerce.orderSales({ created_before: state.covers_from }, { signal })[Symbol.asyncIterator]()
  const first = await older.next()
  await older.return?.()
  return first.done !== true
}

/** By what the shop sold on average. */
const expectedChanges = async ({ store }: HistoryReading, gap: number): Promise<number> => {
  const state = await store.historyState()
  if (state === undefined || state.as_of === null || state.covers_from === null) return 0
  return state.orders / Math.max(state.as_of - state.covers_from, DAY) * gap * CHANGES_OF_AN_ORDER
}

/** Goes on with a reading in bulk, oldest first by creation, until its end. */
const readInBulk = async (parts: HistoryReading, state: State, reading: OpenReading): Promise<State> => {
  const { commerce, signal, tell } = parts
  const { updated_from: changedFrom, begun_at: begunAt } = reading
  tell(0, changedFrom === null ? 'asking the shop for all its orders' : 'asking the shop for all orders that changed')
  let current: State = { ...state, reading }
  let read = 0
  let inOrder = true
  let first: number | undefined
  const filter: OrderFilter = {
    ...(reading.created_from === 0 ? {} : { created_from: reading.created_from }), ...(changedFrom === null ? {} : { updated_from: changedFrom })
  }
  for await (const batch of batches(commerce.soldOrders(filter, { signal, bulk: true }))) {
    const open = current.reading as OpenReading
    const last = batch[batch.length - 1]!.created_at
    // Only what comes in order tells what is left.
    inOrder &&= isInOrder(open.created_from, batch)
    first ??= batch[0]!.created_at
    read += batch.length
    current = await save(parts, batch, {
      ...current,
      reading: {
        ...open,
        created_from: inOrder ? last : open.created_from,
        covers_from: Math.min(open.covers_from ?? Infinity, ...batch.map((order) => order.created_at)),
        last_change: Math.max(open.last_change, ...batch.map((order) => order.updated_at))
      }
    })
    tell(fractionOf(last, first, begunAt), `${read} orders read, up to ${dateOf(last)}`)
  }
  const { covers_from: coversFrom, last_change: lastChange } = current.reading as OpenReading
  // An order that changed after it was read must come again: what changed since the beginning is read next time.
  const seen = Math.min(lastChange === 0 ? begunAt : lastChange, begunAt)
  return await save(parts, [], {
    ...current,
    as_of: begunAt,
    covers_from: changedFrom === null ? coversFrom ?? begunAt : current.covers_from,
    watermark: changedFrom === null ? seen : Math.max(current.watermark ?? 0, seen),
    reading: null
  })
}

/** Reads what changed, oldest first by change; goes over to a bulk operation when there is more than was thought. */
const readPages = async (parts: HistoryReading, state: State, begunAt: number): Promise<State> => {
  const { commerce, clock, signal, tell } = parts
  const from = (state.watermark as number) - OVERLAP
  let current = state
  let read = 0
  for await (const batch of batches(commerce.soldOrders({ updated_from: from }, { signal }))) {
    const last = batch[batch.length - 1]!.updated_at
    read += batch.length
    current = await save(parts, batch, { ...current, watermark: Math.max(current.watermark as number, last) })
    tell(fractionOf(last, from, begunAt), `${read} orders read that changed, up to ${dateOf(last)}`)
    if (read < MOST_PAGED) continue
    const rest = { begun_at: clock.now(), updated_from: last - OVERLAP, created_from: 0, covers_from: null, last_change: 0 }
    return readInBulk(parts, current, rest)
  }
  return await save(parts, [], { ...current, as_of: begunAt })
}

const save = async ({ store }: HistoryReading, orders: SoldOrder[], state: State): Promise<State> => {
  const { changed } = await store.saveHistory({ orders: orders.map(storedOf), state })
  if (changed === 0) return state
  // The count goes with the next save, and with the last one, which has no orders.
  return { ...state, changed: state.changed + changed }
}

const storedOf = (order: SoldOrder): StoredOrder =>
  ({ id: order.id, created_at: order.created_at, updated_at: order.updated_at, body: JSON.stringify(order) })

async function * batches (orders: AsyncIterable<SoldOrder>): AsyncGenerator<SoldOrder[]> {
  let batch: SoldOrder[] = []
  for await (const order of orders) {
    batch.push(order)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

const isInOrder = (from: number, batch: SoldOrder[]): boolean => {
  let last = from
  for (const { created_at: at } of batch) {
    if (at < last) return false
    last = at
  }
  return true
}

/** By time: how many orders there will be is not known. */
const fractionOf = (at: number, from: number, to: number): number => to <= from ? 0.99 : Math.min(Math.max((at - from) / (to - from), 0), 0.99)

const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10)
