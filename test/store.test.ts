// The embedded store: the contract of every engine, and what is SQLite's own: durability, the lock, kill -9, migrations, a full disk.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { isActive } from '../src/core/effects/freeze.ts'
import { DEFAULT_POLICY } from '../src/core/effects/policy.ts'
import { newId } from '../src/core/ids.ts'
import { GroupCommit } from '../src/store/group-commit.ts'
import { openStore, StoreLockedError } from '../src/store/index.ts'
import { createSession, getSession } from '../src/store/operations/sessions.ts'
import { openSqlite } from '../src/store/sqlite/engine.ts'
import { migrateSqlite } from '../src/store/sqlite/migrate.ts'
import { run, Tx } from '../src/store/statement.ts'
import { storeContract } from './helpers/store-contract.ts'
import { rig, T0 } from './helpers/store-rig.ts'
import { openTampered } from './helpers/tampered-store.ts'

storeContract(t, (options) => openStore({ file: ':memory:', ...options }))
t.test('with a thread that writes', async (t) => {
  const dir = t.testdir()
  let stores = 0
  storeContract(t, (options) => openStore({ file: join(dir, `store-${++stores}.sqlite`), writerThread: true, ...options }),
    // The operations are the same; the walk has thousands of commits, and here each waits for the disk.
    { walk: false })
})

// A store in a process of its own, so that it can be killed.
const CHILD = `
  import { newId } from '${new URL('../src/core/ids.ts', import.meta.url).href}'
  import { openStore } from '${new URL('../src/store/index.ts', import.meta.url).href}'
  try {
    const store = await openStore({ file: process.argv[2] })
    const stored = []
    for (let n = 0; n < 50; n++) {
      const id = newId()
      stored.push(store.createSession({ id, now: n }).then(() => { process.send({ stored: id }) }))
    }
    await Promise.all(stored)
    process.send({ open: true })
    process.on('message', () => {})
  } catch (error) {
    process.send({ failed: error.name })
    process.disconnect()
  }
`

const spawnChild = (dir: string, file: string): { child: ChildProcess, stored: string[], said: (key: string) => Promise<unknown> } => {
  const child = fork(join(dir, 'child.mjs'), [file], { execArgv: [] })
  const stored: string[] = []
  const news = new Map<string, unknown>()
  child.on('message', (message: Record<string, unknown>) => {
    if (typeof message['stored'] === 'string') stored.push(message['stored'])
    for (const [key, value] of Object.entries(message)) news.set(key, value)
  })
  return {
    child,
    stored,
    async said (key) {
      while (!news.has(key)) await once(child, 'message')
      return news.get(key)
    }
  }
}

t.test('sqlite: every commit is flushed', async (t) => {
  const engine = openSqlite(join(t.testdir(), 'store.sqlite'))
  t.teardown(() => { engine.close() })
  const pragma = (name: string): unknown => Object.values(engine.database.prepare(`PRAGMA ${name}`).get()!)[0]
  t.equal(pragma('synchronous'), 2, 'FULL')
  t.equal(pragma('journal_mode'), 'wal')
  t.equal(pragma('locking_mode'), 'exclusive')
})

t.test('sqlite: a second process is refused; a killed one leaves everything it acknowledged', async (t) => {
  const dir = t.testdir({ 'child.mjs': CHILD })
  const file = join(dir, 'store.sqlite')
  const first = spawnChild(dir, file)
  t.teardown(() => first.child.kill('SIGKILL'))
  t.equal(await first.said('open'), true)
  const second = spawnChild(dir, file)
  t.equal(await second.said('failed'), 'StoreLockedError')
  await t.rejects(openStore({ file }), StoreLockedError)

  const exit = once(first.child, 'exit')
  first.child.kill('SIGKILL')
  t.strictSame(await exit, [null, 'SIGKILL'])
  t.equal(first.stored.length, 50)
  const store = await openStore({ file })
  t.teardown(() => store.close())
  for (const id of first.stored) t.ok(await store.getSession(id))
  t.equal((await store.stats()).sessions, 50)
})

t.test('sqlite: closed and opened again, everything is there, jobs under way too', async (t) => {
  const file = join(t.testdir(), 'store.sqlite')
  const before = await openStore({ file })
  const { session, say, take, get } = rig(before)
  const id = await session()
  const { job_id: jobId } = await say(id)
  await take(1, T0, 'replies')
  const stored = await get(jobId)
  // Not awaited: closing waits for what was handed in.
  const late = before.createSession({ id: newId(), now: T0 })
  await before.close()
  await late
  await t.rejects(before.createSession({ id: newId(), now: T0 }), 'a closed store takes nothing')

  const after = await openStore({ file })
  t.teardown(() => after.close())
  t.strictSame(await after.getJob(jobId), stored)
  t.equal((await after.stats()).sessions, 2)
  t.match(await after.recover({ now: T0, max_deaths: 3, everything: true }), [{ id: jobId, outcome: 'queued' }])
})

t.test('sqlite: migrations run once; a file of a newer version is refused', async (t) => {
  const file = join(t.testdir(), 'store.sqlite')
  const schema = (): unknown[] => {
    const database = new DatabaseSync(file)
    try {
      return [
        database.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all(),
        database.prepare('SELECT * FROM kysely_migration').all()
      ]
    } finally {
      database.close()
    }
  }
  await (await openStore({ file })).close()
  const first = schema()
  await (await openStore({ file })).close()
  t.strictSame(schema(), first)
  const engine = openSqlite(file)
  // The long way round, past the look at the last name.
  await migrateSqlite(engine.database, 'something-else')
  engine.close()
  t.strictSame(schema(), first)

  const database = new DatabaseSync(file)
  database.exec("INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-future', '2030')")
  database.close()
  await t.rejects(openStore({ file }), /9999-future/)
  await t.rejects(openStore({ file }), /9999-future/, 'and the lock is not kept')
})

t.test('sqlite: a full or read-only disk is said, reads go on, and it recovers by itself', async (t) => {
  const engine = openSqlite(join(t.testdir(), 'store.sqlite'))
  t.teardown(() => { engine.close() })
  await migrateSqlite(engine.database, '0001-spine')
  const commits = new GroupCommit(engine, () => {})
  const create = (id: string): Promise<void> => commits.write((tx) => createSession(tx, { id, now: T0 }))
  const publishMuch = (): Promise<void> => commits.write(function * () {
    yield * run('INSERT INTO events (id, type, data, timestamp, source, received_at) VALUES (?, ?, ?, ?, ?, ?)',
      newId(), 'x', 'x'.repeat(50_000), '', '', 0)
  })
  const counted = (): unknown => engine.database.prepare("SELECT value FROM counters WHERE name = 'sessions'").get()
  const known = newId()
  await create(known)

  const { page_count: pages } = engine.database.prepare('PRAGMA page_count').get() as { page_count: number }
  engine.database.exec(`PRAGMA max_page_count = ${pages + 2}`)
  const small = newId()
  const [big, beside] = await Promise.allSettled([publishMuch(), create(small)])
  t.match(big, { status: 'rejected', reason: { code: 'store_full', statusCode: 507, retryAfterMs: 30_000 } })
  t.equal(beside?.status, 'fulfilled', 'what still fits is stored')
  t.match(engine.read(getSession(new Tx(), known)), { id: known }, 'reads go on')
  t.match(counted(), { value: 2 })
  engine.database.exec('PRAGMA max_page_count = 1000000')
  await publishMuch()

  engine.database.exec('PRAGMA query_only = ON')
  await t.rejects(create(newId()), { code: 'store_unavailable', statusCode: 503, retryAfterMs: 5_000 })
  t.match(engine.read(getSession(new Tx(), small)), { id: small })
  engine.database.exec('PRAGMA query_only = OFF')
  await create(newId())
  t.match(counted(), { value: 3 })
})

t.test('sqlite: an unexpected fault stays what it is', async (t) => {
  const engine = openSqlite(':memory:')
  t.teardown(() => { engine.close() })
  const commits = new GroupCommit(engine, () => {})
  await t.rejects(commits.write(function * () { yield { sql: 'SELECT nonsense', params: [], rows: true } }), /no such column/)
  await t.rejects(commits.write(function * (): Generator<never, void> { throw new TypeError('ours') }), TypeError)
})

t.test('sqlite: counters that lie are noticed', async (t) => {
  // The walk of the contract compares counters with rows; here a row vanishes behind the counters' back.
  const engine = openSqlite(':memory:')
  t.teardown(() => { engine.close() })
  await migrateSqlite(engine.database, '0001-spine')
  const commits = new GroupCommit(engine, () => {})
  await commits.write((tx) => createSession(tx, { id: newId(), now: T0 }))
  engine.database.exec('DELETE FROM sessions')
  const rows = engine.database.prepare('SELECT count(*) AS n FROM sessions').get()
  const counted = engine.database.prepare("SELECT value AS n FROM counters WHERE name = 'sessions'").get()
  t.not(rows?.['n'], counted?.['n'])
})

t.test('sqlite: what is append-only cannot even be changed by hand; a freeze that cannot be read holds', async (t) => {
  const { store, sql } = await openTampered()
  t.teardown(() => store.close())
  const id = newId()
  await store.addFreeze({
    id,
    scope: 'all',
    reason: 'r',
    actor: 'a',
    request_id: null,
    created_at: T0,
    starts_at: T0,
    ends_at: null,
    window: null,
    lifted_at: null,
    lifted_by: null
  })
  await store.savePolicy({ expected_version: 0, policy: DEFAULT_POLICY, actor: 'a', reason: null, request_id: null, now: T0 })
  sql("INSERT INTO effect_log (seq, effect_id, type, at, body, prev_hash, hash) VALUES (1, 'e', 'started', 1, '{}', '', '')")
  sql("INSERT INTO proposal_decisions (id, proposal_id, verdict, actor, plan_hash, at) VALUES ('d', 'p', 'approve', 'a', '', 1)")
  for (const table of ['effect_log', 'proposal_decisions', 'policies']) {
    t.throws(() => sql(`DELETE FROM ${table}`), /append-only/)
    t.throws(() => sql(`UPDATE ${table} SET at = 2`), /append-only/)
  }
  for (const recurs of ['{', 'null', '5', '{"cron":"0 0 1 1 *","timezone":"UTC"}', '{"cron":"?","timezone":"UTC","minutes":1}']) {
    sql('UPDATE freezes SET recurs = ? WHERE id = ?', recurs, id)
    const [freeze] = await store.listFreezes({ lifted: false, now: T0 })
    t.equal(isActive(freeze!, T0 + 86_400_000), true, recurs)
  }
})

t.test('a store of the first version keeps its conversations', async (t) => {
  const file = join(t.testdir(), 'store.sqlite')
  const before = new DatabaseSync(file)
  await migrateSqlite(before, '0001-spine', '0001-spine')
  const [session, job, question] = [newId(), newId(), newId()]
  before.prepare(`INSERT INTO sessions (id, created_at, updated_at, message_count, last_message_seq, latest_job_id, latest_position)
    VALUES (?, 1, 2, 2, 3, ?, 1)`).run(session, job)
  const message = before.prepare("INSERT INTO messages VALUES (?, ?, ?, ?, ?, 1, NULL, ?, 'complete')")
  message.run(session, 2, question, 'user', 'how are you?', job)
  message.run(session, 3, newId(), 'assistant', 'older', null)
  const event = before.prepare('INSERT INTO stream_events VALUES (?, ?, ?, ?, ?, ?, ?)')
  event.run(session, 1, 'message', '{"type":"done"}', newId(), 1, 5)
  event.run(session, 2, 'message', '{"type":"delta","content":"a\\tb\\n"}', job, 0, 6)
  event.run('system', 1, 'jobs', '{}', null, 0, 7)
  before.prepare(`INSERT INTO jobs (id, kind, queue, name, session_id, lane, priority, payload, run_at, max_attempts, timeout_ms, source, created_at, status,
    active) VALUES (?, 'reply', 'replies', 'reply', ?, ?, 2, ?, 1, 3, 1000, 'message', 1, 'queued', 1)`)
    .run(job, session, session, JSON.stringify({ v: 1, reply_to: question, message_id: newId(), strategy: 'enqueue' }))
  before.close()

  const store = await openStore({ file })
  t.teardown(() => store.close())
  t.strictSame((await store.readEvents(session, 0, 10)).map(({ seq, data, job_id: id, final, at }) => [seq, data, id === job, final, at]), [
    [1, '{"type":"done"}', false, true, 5], [2, '{"type":"delta","content":"a\\tb\\n"}', true, false, 6]
  ])
  t.strictSame((await store.listMessages(session, { limit: 10 })).items.map(({ seq, content, job_id: id }) => [seq, content, id]),
    [[2, 'how are you?', job], [3, 'older', null]])
  t.equal(await store.hasActiveReply(session), true)
  t.strictSame(await store.latestReply(session), { job_id: job, after: 1, active: true, first: 1 })
  t.equal(await store.hasSaid({ stream: session, job_id: job }), true)
  const [claimed] = await store.claim({ queue: 'replies', limit: 1, now: 10, lease: { worker: 'w', token: 't', until: 20 } })
  await store.appendEvents({
    job_id: job, token: claimed!.lease_token!, now: 11, events: [{ stream: session, name: 'message', data: '{}', job_id: job, final: true }]
  })
  t.same((await store.readEvents(session, 2, 10)).map(({ seq }) => seq), [3], 'the stream goes on where it was')
  t.same(await store.streamRange('system'), { first: 1, last: 2 }, 'the claim was told')
})
