// The owner's lists: the last version of each, in portions of rows. Each change has its entry in the audit.
import type { Json } from '../../core/model.ts'
import type { FeedName } from '../../core/shop-history.ts'
import type { FeedChange, FeedHead } from '../../core/store-history.ts'
import { all, one, run, runEach, type Operation, type Tx } from '../statement.ts'
import { insertAudit } from './audit.ts'

const HEAD = 'id, name, received_at, columns, rows, actor'

type HeadRow = Omit<FeedHead, 'columns'> & { columns: string }

const headOf = (row: HeadRow): FeedHead => ({ ...row, columns: JSON.parse(row.columns) as string[] })

export function * listFeeds (): Operation<FeedHead[]> {
  return (yield * all<HeadRow>(`SELECT ${HEAD} FROM feeds ORDER BY name`)).map(headOf)
}

export function * saveFeed (_tx: Tx, { feed, chunks, change }: { feed: FeedHead, chunks: string[], change: FeedChange }): Operation<void> {
  const before = yield * removeFeed(feed.name)
  yield * run(`INSERT INTO feeds (${HEAD}) VALUES (?, ?, ?, ?, ?, ?)`,
    feed.id, feed.name, feed.received_at, JSON.stringify(feed.columns), feed.rows, feed.actor)
  yield * runEach('INSERT INTO feed_chunks (feed_id, seq, body) VALUES (?, ?, ?)', chunks.map((body, seq) => [feed.id, seq, body]))
  yield * enterChange('replace_feed', feed.name, change, before, feed)
}

export function * deleteFeed (_tx: Tx, { name, change }: { name: FeedName, change: FeedChange }): Operation<boolean> {
  const before = yield * removeFeed(name)
  if (before === undefined) return false
  yield * enterChange('delete_feed', name, change, before, undefined)
  return true
}

export function * feedChunk (_tx: Tx, { id, seq }: { id: string, seq: number }): Operation<string | undefined> {
  return (yield * one<{ body: string }>('SELECT body FROM feed_chunks WHERE feed_id = ? AND seq = ?', id, seq))?.body
}

/** Answers what was known of it. */
function * removeFeed (name: FeedName): Operation<FeedHead | undefined> {
  const known = yield * one<HeadRow>(`SELECT ${HEAD} FROM feeds WHERE name = ?`, name)
  if (known === undefined) return undefined
  yield * run('DELETE FROM feed_chunks WHERE feed_id = ?', known.id)
  yield * run('DELETE FROM feeds WHERE name = ?', name)
  return headOf(known)
}

function * enterChange (action: string, name: FeedName, change: FeedChange, before: FeedHead | undefined, after: FeedHead | undefined): Operation<void> {
  yield * insertAudit({ ...change, action, target: `feed:${name}`, reason: null, before: summaryOf(before), after: summaryOf(after) })
}

const summaryOf = (feed: FeedHead | undefined): Json => feed === undefined
  ? null
  : { received_at: new Date(feed.received_at).toISOString(), rows: feed.rows, columns: feed.columns }
