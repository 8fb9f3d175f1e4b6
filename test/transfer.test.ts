// Carrying whole stores: the copy to the other engine and back, interrupted, compared, refused.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { loadTransfer, openStore } from '../src/store/index.ts'
import { copy } from '../src/store/transfer/copy.ts'
import { digestOf } from '../src/store/transfer/digest.ts'
import { openPostgresSide } from '../src/store/transfer/postgres-side.ts'
import { openSqliteSide, sqliteSide } from '../src/store/transfer/sqlite-side.ts'
import { fillStore, tableNames } from './helpers/filled-store.ts'
import { execute, freshSchema, withoutPostgres } from './helpers/postgres.ts'

const skip = await withoutPostgres()
const { copyStore } = await loadTransfer()
const MANY = 3_500
const ROOT = t.testdir()
const FULL = join(ROOT, 'full.sqlite')
await fillStore(FULL, { many: MANY })

const LATEST = withDatabase(FULL, (database) => String(database.prepare('SELECT max(name) AS name FROM kysely_migration').get()!['name']))

function withDatabase<R> (file: string, use: (database: DatabaseSync) => R): R {
  const database = new DatabaseSync(file)
  try {
    return use(database)
  } finally {
    database.close()
  }
}

let files = 0
const fresh = (): string => join(ROOT, `${++files}.sqlite`)

/** A copy of the filled file, changed. */
const changed = (sql = ''): string => {
  const file = fresh()
  cpSync(FULL, file)
  withDatabase(file, (database) => { database.exec(sql) })
  return file
}

const quiet = { report: () => {} }

t.test('to PostgreSQL and back: every table, every row, odd ones too', { skip }, async (t) => {
  const url = await freshSchema(t)
  const said: string[] = []
  const there = await copyStore({ from: FULL, to: url, report: (sentence) => said.push(sentence) })
  const names = withDatabase(FULL, tableNames)
  t.equal(there.tables, names.length)
  t.equal(there.rows, there.copied)
  for (const name of names) {
    const stored = withDatabase(FULL, (database) => Number(database.prepare(`SELECT count(*) AS n FROM ${name}`).get()!['n']))
    const { rows: [row] } = await execute(`SELECT count(*) AS n FROM ${name}`, url)
    t.ok(stored > 0, `${name} has rows`)
    t.equal(Number(row.n), stored, name)
  }
  t.ok(said.some((sentence) => sentence.endsWith(`messages: ${MANY + 1} rows`)))
  t.equal((await execute("SELECT to_regclass('store_copy') AS left", url)).rows[0].left, null)

  const back = join(ROOT, 'new', 'folder', 'store.sqlite')
  t.equal((await copyStore({ from: url, to: back, ...quiet })).hash, there.hash)
  const rowsOf = (file: string, name: string): unknown[] => withDatabase(file, (database) => {
    const columns = database.prepare(`SELECT * FROM ${name}`).columns().length
    const statement = database.prepare(`SELECT * FROM ${name} ORDER BY ${columns > 1 ? '1, 2' : '1'}`)
    statement.setReadBigInts(true)
    return statement.all()
  })
  for (const name of names) t.strictSame(rowsOf(back, name), rowsOf(FULL, name), name)
  const store = await openStore({ file: back })
  t.teardown(() => store.close())
  t.equal((await store.ledgerEntries({ after: 0, limit: 10 })).length, 2)
  t.equal((await store.recover({ now: Date.now(), max_deaths: 3, everything: false })).length, 1, 'a lease that was copied has run out')
})

const CHILD = `
  import { loadTransfer } from '${new URL('../src/store/index.ts', import.meta.url).href}'
  const { copyStore } = await loadTransfer()
  const [,, from, to] = process.argv
  await copyStore({ from, to, report: (sentence) => { process.send(sentence) } })
`

/** Runs a copy in a process of its own and kills it when it says that. */
const killAt = async (t: Test, from: string, to: string, sentence: RegExp): Promise<void> => {
  const child = fork(join(t.testdir({ 'child.mjs': CHILD }), 'child.mjs'), [from, to], { execArgv: [] })
  child.on('message', (said) => { if (sentence.test(String(said))) child.kill('SIGKILL') })
  t.strictSame(await once(child, 'exit'), [null, 'SIGKILL'])
}

const interrupted = async (t: Test, target: string, refused: () => Promise<unknown>): Promise<void> => {
  const whole = await copyStore({ from: FULL, to: fresh(), ...quiet })
  for (const table of ['counters', 'jobs', 'stock_days']) {
    await t.test(`killed after ${table}`, async (t) => { await killAt(t, FULL, target, new RegExp(` ${table}: `)) })
    await t.rejects(refused(), /copy of another store that was not finished/, 'no service starts on half a store')
  }
  await t.rejects(copyStore({ from: changed(), to: target, ...quiet }), /unfinished copy of another store, sqlite .*full\.sqlite/)
  const rest = await copyStore({ from: FULL, to: target, ...quiet })
  t.equal(rest.hash, whole.hash)
  t.ok(rest.copied < whole.rows, `${rest.copied} of ${whole.rows} rows were left`)
}

t.test('killed and run again, the result is the same: SQLite', async (t) => {
  const target = fresh()
  await interrupted(t, target, () => openStore({ file: target }))
})

t.test('killed and run again, the result is the same: PostgreSQL', { skip }, async (t) => {
  const url = await freshSchema(t)
  await interrupted(t, url, () => openStore({ url }))
})

t.test('a table that is added is carried, or refused by name', { skip }, async (t) => {
  const url = await freshSchema(t)
  const refused = async (sql: string, says: RegExp): Promise<void> => { await t.rejects(copyStore({ from: changed(sql), to: url, ...quiet }), says) }
  await refused('CREATE TABLE pets (id text PRIMARY KEY NOT NULL, name text)', /The table pets of .* is not in postgres:/)
  await refused('CREATE TABLE pets (id text, name text)', /The table pets has no primary key/)
  await refused('CREATE TABLE pets (id text PRIMARY KEY, weight real)', /pets\.weight is of the type real/i)
  await refused('ALTER TABLE jobs ADD COLUMN colour text', /The table jobs has other columns/)
  await execute('CREATE TABLE pets (id text COLLATE "C" PRIMARY KEY, age bigint)', url)
  await refused('', /The table pets of postgres:.* is not in/)
  const from = changed("CREATE TABLE pets (age integer, id text PRIMARY KEY NOT NULL); INSERT INTO pets VALUES (3, 'a'), (NULL, 'B')")
  await copyStore({ from, to: url, ...quiet })
  t.same((await execute('SELECT id, age FROM pets ORDER BY id', url)).rows, [{ id: 'B', age: null }, { id: 'a', age: '3' }])
})

t.test('what is refused, in words', async (t) => {
  await t.rejects(copyStore({ from: join(ROOT, 'none.sqlite'), to: fresh(), ...quiet }), /There is no store at/)
  await t.rejects(copyStore({ from: changed('DELETE FROM kysely_migration WHERE name = (SELECT max(name) FROM kysely_migration)'), to: fresh(), ...quiet }),
    /is at 0.*this program's at .*Start the service on it once/)
  await t.rejects(copyStore({ from: changed("INSERT INTO kysely_migration VALUES ('9999-later', '2030')"), to: fresh(), ...quiet }), /Use the newer version/)
  await t.rejects(copyStore({ from: FULL, to: changed(), ...quiet }), /is not empty: there are rows in agents/)
  await t.rejects(copyStore({ from: changed('UPDATE jobs SET run_at = 0.5 WHERE id = (SELECT max(id) FROM jobs)'), to: fresh(), ...quiet }),
    /The table jobs has a number in the column run_at/)
  const file = changed()
  const store = await openStore({ file })
  await t.rejects(copyStore({ from: file, to: fresh(), ...quiet }), { name: 'StoreLockedError' })
  await store.close()
})

t.test('a difference is an error that names the table', async (t) => {
  for (const [sql, says] of [
    ["UPDATE messages SET content = content || ' ' WHERE seq = (SELECT max(seq) FROM messages)", /the table messages has as many rows, 3501, but not the same/],
    ['DELETE FROM stock_days WHERE day = (SELECT max(day) FROM stock_days)', /the table stock_days has 9 rows instead of 10/]
  ] as const) {
    const file = fresh()
    const source = openSqliteSide(FULL, LATEST, { create: false })
    const database = new DatabaseSync(file)
    const target = sqliteSide(database, file, LATEST, () => { database.close() })
    // Somebody meddles with the copy just before it is compared.
    const meddle = (sentence: string): void => { if (sentence === 'comparing both sides') database.exec(sql) }
    await t.rejects(copy(source, target, LATEST, meddle), says)
    await t.rejects(copy(source, target, LATEST, () => {}), says, 'and it is no better the second time')
    await target.close()
    await source.close()
    await t.rejects(openStore({ file }), /not finished/)
  }
})

t.test('a full disk is said, and the copy goes on when there is room', async (t) => {
  const file = fresh()
  const source = openSqliteSide(FULL, LATEST, { create: false })
  t.teardown(() => source.close())
  const database = new DatabaseSync(file)
  const side = sqliteSide(database, file, LATEST, () => { database.close() })
  t.teardown(() => side.close())
  await side.migrate()
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number }
  database.exec(`PRAGMA max_page_count = ${pages + 40}`)
  await t.rejects(copy(source, side, LATEST, () => {}), /The disk of .* is full, in the table messages\. Make room/)
  database.exec('PRAGMA max_page_count = 1000000')
  const { rows, copied } = await copy(source, side, LATEST, () => {})
  t.ok(copied > 0 && copied < rows)
})

t.test('PostgreSQL: whoever runs on it is named, and nobody starts meanwhile', { skip }, async (t) => {
  const url = await freshSchema(t)
  const store = await openStore({ url })
  await t.rejects(copyStore({ from: FULL, to: url, ...quiet }), /is in use \(orchestrator .* listener from .*\): stop every process/)
  await store.close()
  const side = await openPostgresSide(url, LATEST, 'sole')
  await t.rejects(openStore({ url, startWithinMs: 0 }), /a copy or a restore of the whole store is under way/)
  const beside = await freshSchema(t)
  await (await openStore({ url: beside })).close()
  await side.close()
  await (await openStore({ url })).close()
})

t.test('the hash tells apart what is not the same', async (t) => {
  const hashes = new Set<string>()
  const contents = [
    "('a', 'b', 1)", "('a', '', 1)", "('a', NULL, 1)", "('a', 'n', 1)", "('a', 'b', NULL)", "('a', 'b', -1)", "('ab', '', 1)", "('', 'ab', 1)",
    "('a', 'b', 1), ('b', 'b', 1)", "('a', 'b', 9007199254740993)", "('a', 'b', 9007199254740992)", "('a', 'ti1;', 1)"
  ]
  for (const values of contents) {
    const database = new DatabaseSync(':memory:')
    database.exec(`CREATE TABLE pets (id text PRIMARY KEY NOT NULL, name text, age integer); INSERT INTO pets VALUES ${values}`)
    const side = sqliteSide(database, 'memory', LATEST, () => { database.close() })
    hashes.add((await digestOf(side, await side.tables())).hash)
    await side.close()
  }
  t.equal(hashes.size, contents.length)
})
