// Messages: the entries of a session.
import { decodeNumberCursor, encodeCursor } from '../../core/cursor.ts'
import type { Message, Page } from '../../core/model.ts'
import type { PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'

const MESSAGE = 'id, session_id, seq, role, content, created_at, reply_to, job_id, status'

export function * insertMessage (message: Message): Operation<void> {
  yield * run(`INSERT INTO messages (${MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, message.id, message.session_id, message.seq, message.role,
    message.content, message.created_at, message.reply_to, message.job_id, message.status)
}

/** Adds what an assistant said, at the end of the session. */
export function * addReply (tx: Tx, message: Omit<Message, 'seq'>): Operation<void> {
  const row = yield * one<{ seq: number }>(
    `UPDATE sessions SET message_count = message_count + 1, last_message_seq = last_message_seq + 1, updated_at = ?
     WHERE id = ? RETURNING last_message_seq AS seq`, message.created_at, message.session_id)
  // The session was deleted while the reply was being written.
  if (row === undefined) return
  yield * insertMessage({ ...message, seq: row.seq })
  tx.count('messages', 1)
}

/** Rollback: the message and what was said to it never happened. */
export function * removeExchange (tx: Tx, sessionId: string, jobId: string): Operation<void> {
  const removed = yield * all<{ seq: number }>('DELETE FROM messages WHERE session_id = ? AND job_id = ? RETURNING seq', sessionId, jobId)
  if (removed.length === 0) return
  yield * run('UPDATE sessions SET message_count = message_count - ? WHERE id = ?', removed.length, sessionId)
  tx.count('messages', -removed.length)
}

export function * listMessages (_tx: Tx, { session_id: sessionId, page }: { session_id: string, page: PageRequest }): Operation<Page<Message>> {
  const list = `messages-${sessionId}`
  const after = page.cursor === undefined ? 0 : decodeNumberCursor(list, page.cursor)
  const rows = yield * all<Message>(
    `SELECT ${MESSAGE} FROM messages WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?`, sessionId, after, page.limit + 1)
  return pageOf(rows, page.limit, (last) => encodeCursor(list, last.seq))
}

export function * history (_tx: Tx, args: { session_id: string, up_to: string, limit: number }): Operation<Message[]> {
  const rows = yield * all<Message>(
    `SELECT ${MESSAGE} FROM messages WHERE session_id = ? ORDER BY seq DESC LIMIT ?`, args.session_id, args.limit + MESSAGES_BEHIND)
  // Messages that were queued behind this one are not part of what it answers, but replies to earlier ones are.
  const at = rows.find((message) => message.id === args.up_to)?.seq ?? 0
  return rows.filter((message) => message.seq <= at || message.role === 'assistant').slice(0, args.limit).reverse()
}

// More than can wait in one session, see MAX_QUEUED_PER_SESSION, times two for imported history.
const MESSAGES_BEHIND = 200
