// Messages: the entries of a session.
import { decodeNumberCursor, encodeCursor } from '../../core/cursor.ts'
import type { Message, Page } from '../../core/model.ts'
import type { PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'

export const MESSAGE = 'id, session_id, seq, role, content, created_at, reply_to, job_id, status'

export function * insertMessage (message: Message): Operation<void> {
  yield * run(`INSERT INTO messages (${MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, message.id, message.session_id, message.seq, message.role,
    message.content, message.created_at, message.reply_to, message.job_id, message.status)
}

/** Adds a message at the end of the session; false when there is no session (any more). */
export function * appendMessage (tx: Tx, message: Omit<Message, 'seq'>): Operation<boolean> {
  const row = yield * one<{ seq: number }>(
    `UPDATE sessions SET message_count = message_count + 1, last_message_seq = last_message_seq + 1, updated_at = ?
     WHERE id = ? RETURNING last_message_seq AS seq`, message.created_at, message.session_id)
  if (row === undefined) return false
  yield * insertMessage({ ...message, seq: row.seq })
  tx.count('messages', 1)
  return true
}

/** Rollback: the message and what was said to it never happened. */
export function * removeExchange (tx: Tx, sessionId: string, jobId: string): Operation<void> {
  yield * uncount(tx, sessionId, yield * all('DELETE FROM messages WHERE session_id = ? AND job_id = ? RETURNING seq', sessionId, jobId))
}

/** What was said of a reply before it was cut short: a retry says it again. */
export function * removeReply (tx: Tx, sessionId: string, jobId: string): Operation<void> {
  yield * uncount(tx, sessionId,
    yield * all("DELETE FROM messages WHERE session_id = ? AND job_id = ? AND role = 'assistant' RETURNING seq", sessionId, jobId))
}

function * uncount (tx: Tx, sessionId: string, removed: unknown[]): Operation<void> {
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

/** From the end: what is asked for has mostly just been stored. */
export function * getMessage (_tx: Tx, args: { session_id: string, id: string }): Operation<Message | undefined> {
  return yield * one<Message>(`SELECT ${MESSAGE} FROM messages WHERE session_id = ? AND id = ? ORDER BY seq DESC LIMIT 1`, args.session_id, args.id)
}

export function * history (_tx: Tx, args: { session_id: string, up_to: string, limit: number }): Operation<Message[]> {
  const rows = yield * all<Message>(
    `SELECT ${MESSAGE} FROM messages WHERE session_id = ? ORDER BY seq DESC LIMIT ?`, args.session_id, args.limit + MESSAGES_BEHIND)
  const seqs = new Map(rows.map((message) => [message.id, message.seq]))
  const at = seqs.get(args.up_to)
  // A rollback took the question: there is nothing to answer.
  if (at === undefined) return []
  // A reply stands right behind its question, also when further messages were stored before it was written.
  const place = ({ reply_to: question, seq }: Message): number => question === null ? seq : (seqs.get(question) ?? seq) + 0.5
  // Messages that were queued behind this one are not part of what it answers, but replies to earlier ones are.
  return rows.filter((message) => place(message) <= at).sort((a, b) => place(a) - place(b) || a.seq - b.seq).slice(-args.limit)
}

// More than can wait in one session, see MAX_QUEUED_PER_SESSION, times two for imported history.
const MESSAGES_BEHIND = 200
