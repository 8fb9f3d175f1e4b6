// Backups of a schema of PostgreSQL by its own programs, with the same proof beside them as those of SQLite.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf } from './digest.ts'
import { partOf, readManifest, seal, type Manifest } from './manifest.ts'
import { openPostgresSide } from './postgres-side.ts'
import { assertRecent, connectionOf, runTool } from './postgres-tools.ts'
import { quoted, TransferError } from './side.ts'
import { prepareFolder } from './sqlite-backup.ts'
import { differenceOfTotals, type Restored, type Verified, type Verify } from './verify.ts'

/** Beside running services: the dump and the proof see one moment. @throws TransferError; nothing is left behind then. */
export const backupPostgres = async (url: string, file: string, latest: string): Promise<Manifest> => {
  await prepareFolder(file)
  const madeAt = new Date().toISOString()
  const side = await openPostgresSide(url, latest, 'beside')
  try {
    const migration = await side.migration()
    if (migration === undefined) throw new TransferError(`There is no store in ${side.place}.`)
    if (await side.progress() !== undefined) throw new TransferError(`${side.place} holds a copy of another store that was not finished.`)
    const { rows: [row] } = await side.client.query<{ snapshot: string, version: string }>(
      "SELECT pg_export_snapshot() AS snapshot, current_setting('server_version') AS version")
    await assertRecent('pg_dump', row!.version)
    const { address, environment } = connectionOf(url)
    await runTool('pg_dump', [
      '--format=custom', '--no-owner', '--no-privileges', `--schema=${quoted(side.schema)}`, `--snapshot=${row!.snapshot}`, `--file=${partOf(file)}`,
      `--dbname=${address}`
    ], environment)
    await runTool('pg_restore', ['--list', partOf(file)])
    return await seal(file, { engine: 'postgres', made_at: madeAt, migration, schema: side.schema }, await digestOf(side, await side.tables()))
  } catch (error) {
    await rm(partOf(file), { force: true })
    throw error
  } finally {
    await side.close()
  }
}

export interface RestorePostgres { from: string, url: string, replace: boolean, latest: string, verify: Verify }

/** @throws TransferError; until the rows are compared, everything is as it was then. */
export const restorePostgres = async ({ from, url, replace, latest, verify }: RestorePostgres): Promise<Restored> => {
  const manifest = await readManifest(from, 'postgres')
  const entries = (await runTool('pg_restore', ['--list', from])).split('\n')
  const dumped = manifest?.schema ?? /^\d+; \d+ \d+ TABLE (\S+) kysely_migration /m.exec(entries.join('\n'))?.[1]
  const side = await openPostgresSide(url, latest, 'sole')
  let restored: Omit<Restored, keyof Verified>
  let undo: (() => Promise<void>) | undefined
  try {
    const { client, schema, place } = side
    if (dumped !== schema) {
      throw new TransferError(`${from} is of the schema ${dumped ?? '(unknown)'}, DATABASE_URL is about ${schema}: a dump goes back into its own.`)
    }
    const { rows: [row] } = await client.query<{ taken: boolean, version: string }>(
      "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace) AS taken, current_setting('server_version') AS version")
    await assertRecent('pg_restore', row!.version)
    if (row!.taken && !replace) throw new TransferError(`The schema ${schema} of ${place} is not empty. With --replace it is kept under another name.`)
    const kept = row!.taken ? `${schema}_before_${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '').toLowerCase()}` : undefined
    if (kept !== undefined) {
      await client.query(`ALTER SCHEMA ${quoted(schema)} RENAME TO ${quoted(kept)}`)
      await client.query(`CREATE SCHEMA ${quoted(schema)}`)
      undo = async () => { await client.query(`DROP SCHEMA ${quoted(schema)} CASCADE; ALTER SCHEMA ${quoted(kept)} RENAME TO ${quoted(schema)}`) }
    }
    await load(from, entries, url)
    const digest = await digestOf(side, await side.tables())
    const difference = manifest === undefined ? undefined : differenceOfTotals(manifest, digest)
    if (difference !== undefined) throw new TransferError(`What was restored is not what was saved: ${difference}. Do not use it.`)
    restored = { tables: digest.tables.length, rows: digest.rows, kept, compared: manifest !== undefined }
  } catch (error) {
    await undo?.()
    throw error
  } finally {
    await side.close()
  }
  return { ...restored, ...await verify(url) }
}

/** All or nothing. The schema is there already. */
const load = async (from: string, entries: string[], url: string): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'restore-'))
  try {
    const list = join(folder, 'list')
    await writeFile(list, entries.filter((entry) => !/^\d+; \d+ \d+ (SCHEMA|COMMENT) - /.test(entry)).join('\n'))
    const { address, environment } = connectionOf(url)
    await runTool('pg_restore', [
      '--exit-on-error', '--single-transaction', '--no-owner', '--no-privileges', `--use-list=${list}`, `--dbname=${address}`, from
    ], environment)
  } finally {
    await rm(folder, { recursive: true })
  }
}
