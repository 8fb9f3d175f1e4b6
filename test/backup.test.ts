// Backups: made beside what goes on or of a store at rest, proved whole, restored, refused when damaged.
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import type { BackupReport } from '../src/core/store.ts'
import { newId } from '../src/core/ids.ts'
import { loadTransfer, openStore } from '../src/store/index.ts'
import type { Manifest } from '../src/store/transfer/manifest.ts'
import { buildTestApp } from './helpers/app.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { fillStore } from './helpers/filled-store.ts'
import { execute, freshSchema, withoutPostgres } from './helpers/postgres.ts'
import { T0 } from './helpers/store-rig.ts'

const skip = await withoutPostgres()
const { backupStore, copyStore, restoreStore } = await loadTransfer()
const ROOT = t.testdir()
let files = 0
const fresh = (): string => join(ROOT, `${++files}.sqlite`)
const FULL = fresh()
await fillStore(FULL, { many: 500 })
const SAVED = fresh()
const MANIFEST = await backupStore({ from: FULL, to: SAVED })

/** A copy of the backup, damaged in some way. */
const damaged = (damage: (file: string) => void, { manifest = true } = {}): string => {
  const file = fresh()
  cpSync(SAVED, file)
  if (manifest) cpSync(`${SAVED}.json`, `${file}.json`)
  damage(file)
  return file
}
const flip = (place: number) => (file: string): void => {
  const bytes = readFileSync(file)
  bytes[place % bytes.length]! ^= 1
  writeFileSync(file, bytes)
}
const sql = (text: string) => (file: string): void => {
  const database = new DatabaseSync(file)
  database.exec(text)
  database.close()
}
type Lines = Array<Record<string, unknown>>
const leftIn = (pattern: RegExp): string[] => readdirSync(ROOT).filter((name) => pattern.test(name))

t.test('SQLite: saved, restored, the same to the last row', async (t) => {
  const stored = JSON.parse(readFileSync(`${SAVED}.json`, 'utf8')) as Manifest
  t.strictSame(stored, MANIFEST)
  t.match(stored, { engine: 'sqlite', bytes: readFileSync(SAVED).length, sha256: /^[0-9a-f]{64}$/, rows_sha256: /^[0-9a-f]{64}$/ })
  t.equal((await copyStore({ from: FULL, to: fresh(), report: () => {} })).hash, stored.rows_sha256, 'the hash is that of the copies')
  const to = join(ROOT, 'a', 'new', 'folder.sqlite')
  const restored = await restoreStore({ from: SAVED, to, replace: false })
  t.match(restored, { tables: stored.tables, rows: stored.rows, messages: 1, ledger_entries: 2, kept: undefined, compared: true })
  t.strictSame(readdirSync(join(ROOT, 'a', 'new')).sort(), ['folder.sqlite', 'folder.sqlite.lock'])
  await t.rejects(backupStore({ from: FULL, to: SAVED }), /is there already, and nothing is overwritten/)
  await t.rejects(backupStore({ from: join(ROOT, 'none'), to: fresh() }), /There is no store at/)
  const store = await openStore({ file: to })
  await t.rejects(backupStore({ from: to, to: fresh() }), { name: 'StoreLockedError' })
  await t.rejects(restoreStore({ from: SAVED, to, replace: true }), { name: 'StoreLockedError' })
  await store.close()
  t.strictSame(leftIn(/part|restored/), [])
})

t.test('SQLite: a damaged backup is refused, and the store stays as it was', async (t) => {
  const to = fresh()
  cpSync(FULL, to)
  const before = readFileSync(to)
  const refused = async (from: string, says: RegExp | { name: string }): Promise<void> => {
    await t.rejects(restoreStore({ from, to, replace: true }), says)
    t.ok(before.equals(readFileSync(to)), 'untouched')
  }
  for (const place of [20, 5_000, 70_001, 123_457, readFileSync(SAVED).length - 3]) await refused(damaged(flip(place)), /is damaged: its SHA-256 is/)
  await refused(damaged((file) => { truncateSync(file, 40_000) }), /is damaged: its SHA-256/)
  // Without the manifest, what the file itself shows.
  await refused(damaged((file) => { truncateSync(file, 40_000) }, { manifest: false }), /is damaged:/)
  await refused(damaged((file) => { writeFileSync(file, 'no database at all') }, { manifest: false }), /is damaged: file is not a database/)
  await refused(damaged((file) => { for (let page = 2; page < 20; page++) flip(page * 4096 + 3)(file) }, { manifest: false }), /is damaged/)
  await refused(damaged(sql('DROP TABLE kysely_migration'), { manifest: false }), /not a store/)
  await refused(damaged(sql("UPDATE effects SET result = '{}'"), { manifest: false }), /record of effects is not whole/)
  await refused(damaged(sql("INSERT INTO kysely_migration VALUES ('9999-later', '2030')"), { manifest: false }), /9999-later/)
  await refused(join(ROOT, 'none'), /There is no backup at/)
  await refused(damaged((file) => { writeFileSync(`${file}.json`, JSON.stringify({ ...MANIFEST, engine: 'postgres' })) }), /backup of postgres/)
  await refused(damaged((file) => { writeFileSync(`${file}.json`, JSON.stringify({ ...MANIFEST, rows_sha256: 'x' })) }), /as many rows, but not the same/)
  await t.rejects(restoreStore({ from: SAVED, to, replace: false }), /There is a store at .* already. With --replace/)
  const { kept } = await restoreStore({ from: SAVED, to, replace: true })
  t.ok(before.equals(readFileSync(kept!)), 'what was there is kept')
})

for (const writerThread of [false, true]) {
  t.test(`SQLite: saved while it is written to, ${writerThread ? 'by a thread' : 'by the same connection'}`, async (t) => {
    const file = fresh()
    cpSync(FULL, file)
    const store = await openStore({ file, writerThread })
    const going = new AbortController()
    const acknowledged: string[] = []
    const write = async (): Promise<void> => {
      const id = newId()
      await store.createSession({ id, now: T0 })
      acknowledged.push(id)
    }
    const writer = async (): Promise<void> => { while (!going.signal.aborted) await write() }
    for (let n = 0; n < 20; n++) await write()
    const writers = Array.from({ length: 4 }, writer)
    const before = [...acknowledged]
    const to = fresh()
    const report = await store.backup!(to, new AbortController().signal)
    const { length: after } = acknowledged
    t.ok(after > before.length, `${after - before.length} writes went on meanwhile`)
    const aborted = new AbortController()
    const gone = fresh()
    const given = store.backup!(gone, aborted.signal)
    aborted.abort(new Error('enough'))
    await t.rejects(given, /enough|abort/i)
    t.strictSame(leftIn(new RegExp(`^${files}\\.`)), [], 'one that is given up leaves nothing')
    going.abort()
    await Promise.all(writers)
    await store.close()
    const restored = fresh()
    t.match(await restoreStore({ from: to, to: restored, replace: false }), { rows: report.rows, compared: true })
    const database = new DatabaseSync(restored)
    const missing = before.filter((id) => database.prepare('SELECT 1 FROM sessions WHERE id = ?').get(id) === undefined)
    t.equal(missing.length, 0, 'all that was acknowledged before is in it')
    database.close()
  })
}

t.test('the service saves itself', async (t) => {
  const clock = new FakeClock(T0)
  const dir = join(ROOT, 'saved')
  const HOUR = 3_600_000
  const saved = (): string[] => existsSync(dir) ? readdirSync(dir).sort() : []
  const of = async (t: Test, environment: Record<string, string> = {}, backup?: () => Promise<BackupReport>) => {
    const wrapStore = backup === undefined ? {} : { wrapStore: (store: Awaited<ReturnType<typeof openStore>>) => ({ ...store, backup }) }
    const built = await buildTestApp(t, { BACKUP_DIR: dir, BACKUP_EVERY_HOURS: '6', BACKUP_KEEP: '2', ...environment }, { clock, ...wrapStore })
    await built.app.ready()
    return built
  }
  const times = (lines: Lines, msg: RegExp): number => lines.filter((line) => msg.test(String(line['msg']))).length
  /** Backups are made by threads and the disk, which follow no fake clock. */
  const until = (lines: Lines, msg: RegExp, count: number): Promise<void> => new Promise((resolve) => {
    const look = (): void => { if (times(lines, msg) >= count) resolve() }
    lines.push = (...more) => {
      const length = Array.prototype.push.apply(lines, more)
      look()
      return length
    }
    look()
  })
  await t.test('on time, and keeps the newest', { skip: process.env['TEST_ENGINE'] === 'postgres' }, async (t) => {
    const { app, lines } = await of(t)
    await clock.advance(59_000)
    t.strictSame(saved(), [], 'not while it starts')
    await clock.advance(2_000)
    await until(lines, /saved and checked/, 1)
    t.match(saved(), [/^orchestrator-20260105T08010\dZ\.sqlite$/, /^orchestrator-20260105T08010\dZ\.sqlite\.json$/])
    writeFileSync(join(dir, 'orchestrator-20260105T090000Z.sqlite.part'), 'of a process that was killed')
    writeFileSync(join(dir, 'notes.txt'), 'mine')
    for (const count of [2, 3]) {
      await clock.advance(6 * HOUR)
      await until(lines, /saved and checked/, count)
    }
    await app.close()
    t.match(saved(), ['notes.txt', /^orchestrator-20260105T14.*sqlite$/, /json$/, /^orchestrator-20260105T20.*sqlite$/, /json$/])
  })
  await t.test('a restart makes none before its time', { skip: process.env['TEST_ENGINE'] === 'postgres' }, async (t) => {
    const { app, lines } = await of(t)
    await clock.advance(2 * HOUR)
    await clock.advance(5 * HOUR)
    await until(lines, /saved and checked/, 1)
    await app.close()
    t.equal(times(lines, /saved/), 1)
    t.match(saved().at(-1), /^orchestrator-20260106T0[23]/, 'six hours after the one before, not one minute after the start')
  })
  await t.test('what goes wrong is said, and tried again', async (t) => {
    rmSync(dir, { recursive: true, force: true })
    const { app, lines } = await of(t, {}, async () => { throw new Error('no space left') })
    await clock.advance(61_000)
    await until(lines, /could not be saved; the next try is in 15 minutes/, 1)
    await clock.advance(15 * 60_000 + 1)
    await until(lines, /could not be saved/, 2)
    t.strictSame(saved(), [])
    await app.close()
  })
})

t.test('PostgreSQL: saved beside the running service, restored, refused', { skip }, async (t) => {
  const url = await freshSchema(t)
  await copyStore({ from: FULL, to: url, report: () => {} })
  const store = await openStore({ url, timeoutMs: 10_000 })
  t.teardown(() => store.close())
  const early = newId()
  await store.createSession({ id: early, now: T0 })
  const saved = join(ROOT, 'saved.dump')
  const made = await backupStore({ from: url, to: saved })
  t.match(made, { engine: 'postgres', schema: /^test_/, tables: MANIFEST.tables, rows: MANIFEST.rows + 1 })
  const late = newId()
  await store.createSession({ id: late, now: T0 })
  await t.rejects(restoreStore({ from: saved, to: url, replace: true }), /is in use/)
  await store.close()
  await t.rejects(restoreStore({ from: saved, to: url, replace: false }), /is not empty. With --replace/)
  const other = await freshSchema(t)
  await t.rejects(restoreStore({ from: saved, to: other, replace: false }), /is of the schema test_.*: a dump goes back into its own/)
  const sessions = async (id: string): Promise<number> => Number((await execute(`SELECT count(*) AS n FROM sessions WHERE id = '${id}'`, url)).rows[0].n)
  const broken = join(ROOT, 'broken.dump')
  const damage = (manifest: object | undefined): void => {
    cpSync(saved, broken)
    rmSync(`${broken}.json`, { force: true })
    if (manifest !== undefined) writeFileSync(`${broken}.json`, JSON.stringify(manifest))
  }
  damage(made)
  flip(30_000)(broken)
  await t.rejects(restoreStore({ from: broken, to: url, replace: true }), /is damaged: its SHA-256/)
  damage(undefined)
  truncateSync(broken, 20_000)
  await t.rejects(restoreStore({ from: broken, to: url, replace: true }), /pg_restore failed/)
  damage({ ...made, rows_sha256: 'x' })
  await t.rejects(restoreStore({ from: broken, to: url, replace: true }), /not what was saved: as many rows/)
  t.equal(await sessions(late), 1, 'a restore that fails leaves what was there')
  const { kept, ...restored } = await restoreStore({ from: saved, to: url, replace: true })
  t.teardown(() => execute(`DROP SCHEMA ${kept} CASCADE`))
  t.match(restored, { rows: made.rows, messages: 1, ledger_entries: 2, compared: true })
  t.strictSame([await sessions(early), await sessions(late)], [1, 0])
  await t.rejects(execute('DELETE FROM effect_log', url), /append-only/, 'triggers are there again')
  await t.rejects(restoreStore({ from: SAVED, to: url, replace: true }), /backup of sqlite/)
  await execute(`DROP SCHEMA ${made.schema!} CASCADE; CREATE SCHEMA ${made.schema!}`)
  t.match(await restoreStore({ from: saved, to: url, replace: false }), { rows: made.rows, kept: undefined }, 'into an empty schema')
})

t.test('PostgreSQL: programs that are missing or too old are said', { skip }, async (t) => {
  const url = await freshSchema(t)
  await (await openStore({ url })).close()
  const { PATH } = process.env
  t.teardown(() => { process.env['PATH'] = PATH })
  const folder = t.testdir({ pg_dump: '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.2"\n' })
  process.env['PATH'] = join(folder, 'none')
  await t.rejects(backupStore({ from: url, to: fresh() }), /pg_dump is not on the PATH.*postgresql-client/)
  chmodSync(join(folder, 'pg_dump'), 0o755)
  process.env['PATH'] = `${folder}:/bin:/usr/bin`
  await t.rejects(backupStore({ from: url, to: fresh() }), /pg_dump is of version 9\.6\.2, the server of \d+.*: install/)
})
