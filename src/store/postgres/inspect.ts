// Looks at a database without touching its schema.
import { performance } from 'node:perf_hooks'
import type { StoreReport } from '../../core/doctor-report.ts'
import { errorText } from '../../core/errors.ts'

/** Clocks that differ by more give jobs back too early or too late: leases are ten seconds long. */
const SKEW_MS = 2_000

/** Never rejects. */
export const inspectPostgres = async (url: string): Promise<StoreReport> => {
  const [{ default: pg }, { maskedUrl }] = await Promise.all([import('pg'), import('./connections.ts')])
  const about = { engine: 'postgres', path: maskedUrl(url) }
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 3_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const start = performance.now()
    const { rows: [row] } = await client.query<{ version: string, now: number, read_only: string, migrated: string | null }>(
      `SELECT current_setting('server_version') AS version, extract(epoch FROM clock_timestamp()) * 1000 AS now,
         current_setting('transaction_read_only') AS read_only, to_regclass('kysely_migration')::text AS migrated`)
    const ms = performance.now() - start
    const skew = Math.round(Math.abs(Date.now() - Number(row!.now)))
    if (row!.read_only === 'on') return { ...about, writable: false, message: 'the server is read-only: is it a standby? Point DATABASE_URL at the primary.' }
    if (Number.parseInt(row!.version) < 14) return { ...about, writable: false, message: `PostgreSQL ${row!.version} is too old: 14 or later is needed` }
    const schema = row!.migrated === null ? '; its schema is not there yet, the first start makes it' : ''
    const clock = skew > SKEW_MS ? `; its clock differs from ours by ${skew} ms: keep both on NTP` : ''
    return { ...about, writable: true, message: `PostgreSQL ${row!.version} answered in ${ms.toFixed(1)} ms${schema}${clock}` }
  } catch (error) {
    return { ...about, writable: false, message: `${errorText(error)}. Is DATABASE_URL right, and the server up?` }
  } finally {
    client.end().catch(() => {})
  }
}
