// Sessions, and the one commit that takes a message with the job that answers it.
import { decodeCursor, encodeCursor } from '../../core/cursor.ts'
import type { MultitaskStrategy, Page, Session } from '../../core/model.ts'
import type { AddMessage, AddMessageResult, PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'
import { cancelJobs, insertJob } from './jobs.ts'
import { appendMessage, insertMessage } from './messages.ts'

export const SESSION = 'id, created_at, updated_at, message_count, owner'

export function * createSession (tx: Tx, { id, now, owner = null }: { id: string, now: number, owner?: string | null }): Operation<void> {
  yield * run('INSERT INTO sessions (id, created_at, updated_at, owner) VALUES (?, ?, ?, ?)', id, now, now, owner)
  tx.count('sessions', 1)
}

export function * getSession (_tx: Tx, id: string): Operation<Session | undefined> {
  return yield * one<Session>(`SELECT ${SESSION} FROM sessions WHERE id = ?`, id)
}

export function * listSessions (_tx: Tx, { page, owner }: { page: PageRequest, owner: string | undefined }): Operation<Page<Session> & { total: number }> {
  // UUIDv7 ids sort by creation.
  const after = page.cursor === undefined ? '' : decodeCursor('sessions', page.cursor)
  const [rows, total] = owner === undefined
    ? [
        yield * all<Session>(`SELECT ${SESSION} FROM sessions WHERE id > ? ORDER BY id LIMIT ?`, after, page.limit + 1),
        yield * one<{ value: number }>("SELECT value FROM counters WHERE name = 'sessions'")
      ]
    : [
        yield * all<Session>(`SELECT ${SESSION} FROM sessions WHERE owner = ? AND id > ? ORDER BY id LIMIT ?`, owner, after, page.limit + 1),
        yield * one<{ value: number }>('SELECT count(*) AS value FROM sessions WHERE owner = ?', owner)
      ]
  return { ...pageOf(rows, page.limit, (last) => encodeCursor('sessions', last.id)), total: total?.value ?? 0 }
}

export function * deleteSession (tx: Tx, { id, now }: { id: string, now: number }): Operation<boolean> {
  const session = yield * getSession(tx, id)
  if (session === undefined) return false
  yield * cancelJobs(tx, { session_id: id, reason: 'session_deleted', now })
  yield * run('DELETE FROM messages WHERE session_id = ?', id)
  yield * run('DELETE FROM stream_chunks WHERE stream = ?', id)
  yield * run('DELETE FROM sessions WHERE id = ?', id)
  tx.count('sessions', -1)
  tx.count('messages', -session.message_count)
  tx.notice.gone.push(id)
  return true
}

export function * addMessage (tx: Tx, message: AddMessage): Operation<AddMessageResult> {
  const { reply, session_id: sessionId, now } = message
  if (reply === undefined) {
    const known = yield * appendMessage(tx, { ...stored(message), job_id: null })
    return known ? { outcome: 'stored', leased: false } : { outcome: 'session_not_found' }
  }
  const { strategy } = reply
  const stopped = strategy === 'interrupt' || strategy === 'rollback'
    ? yield * cancelJobs(tx, { session_id: sessionId, reason: strategy, now })
    : []
  // The one statement that most messages need here: it counts, refuses, and tells what is ahead.
  const row = yield * one<{ seq: number, active: number }>(
    `UPDATE sessions SET message_count = message_count + 1, last_message_seq = last_message_seq + 1, active = active + 1, updated_at = ?,
       latest_job_id = ?, latest_position = position WHERE id = ? AND active < ? RETURNING last_message_seq AS seq, active`,
    now, reply.job.id, sessionId, mostActive(reply))
  if (row === undefined) return yield * refusal(sessionId, strategy)
  yield * insertMessage({ ...stored(message), seq: row.seq, job_id: reply.job.id })
  tx.count('messages', 1)
  // Those that were stopped and are still running end soon, but have not yet.
  const leased = reply.lease !== undefined && row.active === 1 && !stopped.some(({ running }) => running)
  yield * insertJob(tx, reply.job, leased ? reply.lease : undefined)
  return { outcome: 'stored', leased }
}

/** How many unfinished replies a session may have and still take this message. */
const mostActive = ({ strategy, max_queued: maxQueued }: NonNullable<AddMessage['reply']>): number => {
  switch (strategy) {
    case 'reject': return 1
    case 'enqueue': return maxQueued
    case 'interrupt': case 'rollback': return Number.MAX_SAFE_INTEGER
  }
}

function * refusal (sessionId: string, strategy: MultitaskStrategy): Operation<AddMessageResult> {
  const known = yield * one('SELECT 1 FROM sessions WHERE id = ?', sessionId)
  if (known === undefined) return { outcome: 'session_not_found' }
  return { outcome: strategy === 'reject' ? 'session_busy' : 'queue_full' }
}

const stored = ({ id, session_id: sessionId, role, content, now }: AddMessage) =>
  ({ id, session_id: sessionId, role, content, created_at: now, reply_to: null, status: 'complete' as const })

export function * latestReply (_tx: Tx, sessionId: string): Operation<{ job_id: string, after: number, active: boolean, first: number } | undefined> {
  const row = yield * one<{ job_id: string | null, after: number, active: number | null, first: number }>(
    `SELECT s.latest_job_id AS job_id, s.latest_position AS after, j.active AS active,
       (SELECT coalesce(min(seq), 0) FROM stream_chunks WHERE stream = s.id) AS first
     FROM sessions AS s LEFT JOIN jobs AS j ON j.id = s.latest_job_id WHERE s.id = ?`, sessionId)
  if (row === undefined || row.job_id === null) return undefined
  return { job_id: row.job_id, after: row.after, active: row.active === 1, first: row.first }
}

export function * hasActiveReply (_tx: Tx, sessionId: string): Operation<boolean> {
  const row = yield * one<{ active: number }>('SELECT active FROM sessions WHERE id = ?', sessionId)
  return row !== undefined && row.active > 0
}
