// The end of the system's stream is counted, as that of a session is.
import { sql, type Kysely } from 'kysely'

export async function up (db: Kysely<unknown>): Promise<void> {
  await sql.raw(`INSERT INTO counters (name, value)
    SELECT 'position:system', seq + events - 1 FROM stream_chunks WHERE stream = 'system' ORDER BY seq DESC LIMIT 1`).execute(db)
}
