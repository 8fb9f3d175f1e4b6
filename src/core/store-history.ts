// What the store keeps of the shop's past: a copy of its orders, the stock of each day, and the owner's lists.
import type { FeedName } from './shop-history.ts'
import type { Source } from './upstream.ts'

export interface StoredOrder {
  id: string
  created_at: number
  updated_at: number
  /** A SoldOrder as JSON text. */
  body: string
}

/** A reading of many orders, oldest first by creation, that has not come to its end. */
export interface OpenReading {
  begun_at: number
  /** Only what changed from then on; null: everything. */
  updated_from: number | null
  /** All that were created before are stored. */
  created_from: number
  /** Creation of its first order; null: none has come. */
  covers_from: number | null
  /** The latest change of an order so far; 0: none has come. */
  last_change: number
}

/** Of the copy. Times are milliseconds since the epoch. */
export interface StoredHistory {
  source: Source
  /** Which shop it is the copy of. */
  shop: string
  /** When the last whole reading began; null: none has come to its end. */
  as_of: number | null
  covers_from: number | null
  /** What changed from then on is to be read next, by the shop's clock. */
  watermark: number | null
  orders: number
  /** Of the last refresh. */
  changed: number
  /** The moment up to which it was last looked whether older orders are shown by now. */
  looked_back_at: number
  reading: OpenReading | null
}

export interface StockOfDay {
  day: string
  variant_id: string
  available: number
}

export interface HistoryStore {
  historyState (): Promise<StoredHistory | undefined>
  /** Stores orders and how far the copy has come; `changed`: those that are new or differ from what was stored. */
  saveHistory (args: { orders: StoredOrder[], state: Omit<StoredHistory, 'orders'> }): Promise<{ changed: number }>
  /** Forgets the orders, the state and the stock of all days. */
  dropHistory (args: { now: number }): Promise<void>
  /** Created in [from, before), oldest first, behind `after`. `shop`: whose they are, null when there is no copy. */
  historyPage (args: { from: number, before: number, after: Pick<StoredOrder, 'id' | 'created_at'> | null, limit: number }):
  Promise<{ shop: string | null, orders: Array<Pick<StoredOrder, 'id' | 'created_at' | 'body'>> }>
  newestOrder (): Promise<StoredOrder | undefined>
  /** The last word of a day counts. */
  saveStock (args: { stock: StockOfDay[] }): Promise<void>
  /** By day, then by variant, behind `after`. */
  stockPage (args: { from: string, after: Pick<StockOfDay, 'day' | 'variant_id'> | null, limit: number }): Promise<StockOfDay[]>
}

/** What is known of a list without reading it. */
export interface FeedHead {
  /** Of this version of the list. */
  id: string
  name: FeedName
  received_at: number
  columns: string[]
  rows: number
  actor: string
}

/** Who changed a list: for the audit. */
export interface FeedChange {
  /** Of the entry. */
  id: string
  at: number
  actor: string
  request_id: string | null
}

export interface FeedStore {
  listFeeds (): Promise<FeedHead[]>
  /** Takes the place of the list before. `chunks`: rows as JSON text, arrays of cells, FEED_CHUNK_ROWS in each but the last. Entered into the audit. */
  saveFeed (args: { feed: FeedHead, chunks: string[], change: FeedChange }): Promise<void>
  /** Entered into the audit. False when there is none. */
  deleteFeed (args: { name: FeedName, change: FeedChange }): Promise<boolean>
  /** Undefined: there is none, or the list has been replaced. */
  feedChunk (args: { id: string, seq: number }): Promise<string | undefined>
}

/** So many that reading one takes no time that anybody would notice. */
export const FEED_CHUNK_ROWS = 500
