// Fewer rows and pages for each message: streams in chunks, positions and the number of unfinished replies on the session's row,
// messages in the order in which they come. Figures in docs/decisions/0009-lean-writes.md.
import { sql, type Kysely } from 'kysely'

export async function up (db: Kysely<unknown>): Promise<void> {
  const execute = async (...statements: string[]): Promise<void> => {
    for (const statement of statements) await sql.raw(statement).execute(db)
  }
  await execute(
    // What one append brings is one row: `body` has a line an event, see operations/chunks.ts.
    `CREATE TABLE stream_chunks (
       stream text NOT NULL, seq integer NOT NULL, events integer NOT NULL, job_id text, at integer NOT NULL, body text NOT NULL,
       PRIMARY KEY (stream, seq)) WITHOUT ROWID`,
    `INSERT INTO stream_chunks (stream, seq, events, job_id, at, body)
       SELECT stream, seq, 1, job_id, at, name || char(9) || final || char(9) || data FROM stream_events ORDER BY stream, seq`,
    'DROP TABLE stream_events',
    // Where the session's stream ends, and how many of its replies have not ended.
    'ALTER TABLE sessions ADD COLUMN position integer NOT NULL DEFAULT 0',
    'ALTER TABLE sessions ADD COLUMN active integer NOT NULL DEFAULT 0',
    `UPDATE sessions SET position = (SELECT coalesce(max(seq), 0) FROM stream_chunks WHERE stream = sessions.id),
       active = (SELECT count(*) FROM jobs WHERE jobs.active = 1 AND jobs.lane = sessions.id)`,
    // Clustered by session, each message of a batch was a page of its own to write.
    'ALTER TABLE messages RENAME TO messages_by_session',
    `CREATE TABLE messages (
       session_id text NOT NULL, seq integer NOT NULL, id text NOT NULL, role text NOT NULL, content text NOT NULL,
       created_at integer NOT NULL, reply_to text, job_id text, status text NOT NULL)`,
    `INSERT INTO messages (session_id, seq, id, role, content, created_at, reply_to, job_id, status)
       SELECT session_id, seq, id, role, content, created_at, reply_to, job_id, status FROM messages_by_session ORDER BY id`,
    'DROP TABLE messages_by_session',
    'CREATE UNIQUE INDEX messages_of_session ON messages (session_id, seq)'
  )
}
