// The owner's lists: handed in as CSV, kept until the next version comes, read by agents.
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import { decodeNumberCursor, encodeCursor } from '../cursor.ts'
import { AppError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Page } from '../model.ts'
import { FEED_NAMES, type Feed, type FeedName, type Feeds } from '../shop-history.ts'
import type { PageRequest } from '../store.ts'
import { FEED_CHUNK_ROWS, type FeedHead, type FeedStore } from '../store-history.ts'
import { csvLine, parseFeed } from './csv.ts'

/** Who hands a list in or takes it away. */
export interface FeedAuthor {
  actor: string
  request_id: string
}

type Row = Record<string, string>

export class OwnerFeeds implements Feeds {
  readonly #store: FeedStore
  readonly #clock: Pick<Clock, 'now'>

  constructor (args: { store: FeedStore, clock: Pick<Clock, 'now'> }) {
    this.#store = args.store
    this.#clock = args.clock
  }

  /** Those that were handed in. */
  list (): Promise<FeedHead[]> { return this.#store.listFeeds() }

  async get (name: FeedName): Promise<Feed | undefined> {
    const head = await this.#head(name)
    if (head === undefined) return undefined
    const rows: Row[] = []
    for await (const chunk of this.#chunks(head)) for (const cells of chunk) rows.push(rowOf(head.columns, cells))
    return { name, received_at: head.received_at, columns: head.columns, rows }
  }

  /** Takes the place of what was handed in before. @throws AppError `feed_not_found`, `malformed_text`, `invalid_feed` */
  async replace (name: string, csv: Uint8Array, author: FeedAuthor): Promise<FeedHead> {
    const known = nameOf(name)
    const { columns, rows, chunks } = await parseFeed(known, csv)
    const at = this.#clock.now()
    const feed: FeedHead = { id: newId(), name: known, received_at: at, columns, rows, actor: author.actor }
    await this.#store.saveFeed({ feed, chunks, change: { id: newId(), at, ...author } })
    return feed
  }

  /** @throws AppError `feed_not_found` */
  async remove (name: string, author: FeedAuthor): Promise<void> {
    const removed = await this.#store.deleteFeed({ name: nameOf(name), change: { id: newId(), at: this.#clock.now(), ...author } })
    if (!removed) throw missing()
  }

  /** Rows in the order of the list. @throws AppError `feed_not_found`, `invalid_cursor`: also when the list was replaced since the page before. */
  async page (name: string, { limit, cursor }: PageRequest): Promise<{ head: FeedHead } & Page<Row>> {
    const head = await this.#found(name)
    const list = `feed-${head.id}`
    const from = cursor === undefined ? 0 : decodeNumberCursor(list, cursor)
    const items: Row[] = []
    for await (const chunk of this.#chunks(head, Math.floor(from / FEED_CHUNK_ROWS))) {
      const skipped = items.length === 0 ? from % FEED_CHUNK_ROWS : 0
      for (const cells of chunk.slice(skipped, skipped + limit - items.length)) items.push(rowOf(head.columns, cells))
      if (items.length === limit) break
    }
    const end = from + items.length
    return { head, items, next_cursor: end < head.rows ? encodeCursor(list, end) : null }
  }

  /** The whole list as lines of CSV, some hundred at a time. @throws AppError `feed_not_found` */
  async csv (name: string): Promise<AsyncIterable<string>> {
    const head = await this.#found(name)
    const chunks = this.#chunks(head)
    return (async function * () {
      yield csvLine(head.columns)
      for await (const chunk of chunks) yield chunk.map(csvLine).join('')
    })()
  }

  async #head (name: FeedName): Promise<FeedHead | undefined> { return (await this.#store.listFeeds()).find((head) => head.name === name) }

  async #found (name: string): Promise<FeedHead> {
    const head = await this.#head(nameOf(name))
    if (head === undefined) throw missing()
    return head
  }

  async * #chunks (head: FeedHead, first = 0): AsyncGenerator<string[][]> {
    for (let seq = first; seq * FEED_CHUNK_ROWS < head.rows; seq++) {
      const body = await this.#store.feedChunk({ id: head.id, seq })
      if (body === undefined) throw new AppError('feed_replaced')
      yield JSON.parse(body) as string[][]
      await turn()
    }
  }
}

/** @throws AppError `feed_not_found` */
const nameOf = (name: string): FeedName => {
  const known = FEED_NAMES.find((one) => one === name)
  if (known === undefined) throw new AppError('feed_not_found', { message: `No list has this name: they are ${FEED_NAMES.join(', ')}.` })
  return known
}

const missing = (): AppError => new AppError('feed_not_found')

const rowOf = (columns: string[], cells: string[]): Row => Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']))
