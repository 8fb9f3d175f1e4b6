// The store on a real PostgreSQL: the contract of every engine, and what only this one has: other processes beside it, and a server that may be away.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createBreakerRegistry, ThrottledError } from '../src/core/breaker-registry.ts'
import { newId } from '../src/core/ids.ts'
import { SYSTEM_STREAM } from '../src/core/model.ts'
import { shareWaits } from '../src/core/shared-waits.ts'
import type { Notice, Store } from '../src/core/store.ts'
import { openStore } from '../src/store/index.ts'
import { claimKey } from '../src/store/operations/idempotency.ts'
import { manyText, singleText } from '../src/store/postgres/sql.ts'
import { noticeOf, payloadsOf } from '../src/store/postgres/notices.ts'
import { planOf } from '../src/store/postgres/units.ts'
import { emptyNotice } from '../src/store/notices.ts'
import { Tx } from '../src/store/statement.ts'
import { emptiedSchema, execute, freshSchema, TEST_DATABASE_URL, withoutPostgres } from './helpers/postgres.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { storeContract } from './helpers/store-contract.ts'
import { delta, job, rig, schedule, T0 } from './helpers/store-rig.ts'
import { startTcpProxy } from './helpers/tcp-proxy.ts'
import { idAt } from './helpers/store-contract-retention.ts'

const skip = await withoutPostgres()

t.test('the contract of the store', { skip }, async (t) => {
  const schema = emptiedSchema(t)
  storeContract(t, async (options) => openStore({ url: await schema(), timeoutMs: 10_000, ...options }), { walk: false })
})

/** Stores of as many processes on one schema, each with what it hears. */
const replicas = async (t: Test, count: number, url?: string) => {
  const shared = url ?? await freshSchema(t)
  const stores = await Promise.all(Array.from({ length: count }, () => openStore({ url: shared, timeoutMs: 10_000 })))
  for (const store of stores) t.teardown(() => store.close())
  return { url: shared, stores, rigs: stores.map(rig) }
}

/** The next notice that fits, from now on. */
const hears = (store: Store, fits: (notice: Notice) => boolean): Promise<Notice> => new Promise((resolve) => {
  store.subscribe((notice) => { if (fits(notice)) resolve(notice) })
})

t.test('replicas: several that start at once migrate once', { skip }, async (t) => {
  const { url, stores } = await replicas(t, 4)
  for (const store of stores) await store.createSession({ id: newId(), now: T0 })
  const { rows } = await execute('SELECT name FROM kysely_migration', url)
  t.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
  t.equal((await stores[0]!.stats()).sessions, 4)
})

t.test('replicas: what one commits the others hear', { skip }, async (t) => {
  const { rigs: [a, b] } = await replicas(t, 2) as unknown as { rigs: [ReturnType<typeof rig>, ReturnType<typeof rig>] }
  const id = await a.session()
  const queued = hears(b.store, ({ queues }) => queues.has('replies'))
  const { job_id: jobId } = await a.say(id)
  await queued
  const [held] = await b.take(1, T0, 'replies')
  t.equal(held?.id, jobId)
  const grown = hears(a.store, ({ streams }) => streams.has(id))
  await b.store.appendEvents({ job_id: jobId, token: held!.lease_token!, now: T0, events: [delta(id, jobId, 'one'), delta(id, jobId, 'two')] })
  t.equal((await grown).streams.get(id), undefined, 'that it grew, not with what')
  t.strictSame((await a.store.readEvents(id, 0, 10)).map(({ seq }) => seq), [1, 2])
  const asked = hears(b.store, ({ cancels }) => cancels.length > 0)
  await a.store.cancelJobs({ id: jobId, reason: 'cancelled', now: T0 })
  t.strictSame((await asked).cancels, [{ id: jobId, reason: 'cancelled' }])
  const ended = hears(a.store, ({ finished }) => finished.includes(jobId))
  await b.settle(held!, { status: 'cancelled', reason: 'cancelled' })
  await ended
  const holds = hears(b.store, (notice) => notice.holds === true)
  await a.store.setHold({
    hold: { name: 'shopify_api', id: newId(), action: 'force_open', reason: 'x', actor: 'y', request_id: null, since: T0, until: null },
    state: { before: 'closed', after: 'forced_open' }
  })
  await holds
  const plans = hears(b.store, (notice) => notice.plans)
  await a.store.saveSchedule(schedule(), 'insert')
  await plans
  const gone = hears(b.store, (notice) => notice.gone.includes(id))
  await a.store.deleteSession({ id, now: T0 })
  await gone
})

t.test('replicas: told to wait, all wait', { skip }, async (t) => {
  const { stores: [a, b] } = await replicas(t, 2) as unknown as { stores: [Store, Store] }
  const clock = new FakeClock(T0)
  const gates = [a, b].map((store) => {
    const breakers = createBreakerRegistry({ clock })
    breakers.register('shopify_api', { label: 'Shopify', configured: true, required: false })
    shareWaits(store, breakers, clock)
    return breakers
  })
  const heard = hears(b, ({ waits }) => waits !== undefined)
  await gates[0]!.call('shopify_api', async () => 'later', { classify: () => ({ kind: 'throttled', waitMs: 7_000 }) })
  await heard
  t.equal(gates[1]!.get('shopify_api').gate.remainingMs(), 7_000)
  await t.rejects(gates[1]!.call('shopify_api', async () => t.fail('it was called'), { classify: () => ({ kind: 'success' }) }), ThrottledError)
})

t.test('replicas: jobs are claimed once, a lane runs one at a time, streams have no gaps', { skip }, async (t) => {
  const { rigs } = await replicas(t, 3)
  const [first] = rigs as [typeof rigs[number]]
  const sessions = await Promise.all(Array.from({ length: 6 }, () => first.session()))
  // Each says to the same sessions at the same time.
  await Promise.all(rigs.flatMap((own) => sessions.flatMap((id) => [own.say(id), own.say(id)])))
  await first.add(...Array.from({ length: 60 }, () => job()))
  const claimed = new Map<string, number>()
  const running = new Map<string, string>()
  let overlaps = 0
  const work = async (own: typeof first): Promise<void> => {
    for (let dry = 0; dry < 3;) {
      const jobs = [...await own.take(5, T0, 'replies'), ...await own.take(5)]
      dry = jobs.length === 0 ? dry + 1 : 0
      for (const held of jobs) {
        claimed.set(held.id, (claimed.get(held.id) ?? 0) + 1)
        if (held.lane === null) continue
        if (running.has(held.lane)) overlaps += 1
        running.set(held.lane, held.id)
      }
      await Promise.all(jobs.map(async (held) => {
        if (held.lane !== null) {
          const events = [delta(held.lane, held.id, 'a'), delta(held.lane, held.id, 'b')]
          await own.store.appendEvents({ job_id: held.id, token: held.lease_token!, now: T0, events })
          running.delete(held.lane)
        }
        await (held.kind === 'reply' ? own.answer(held, 'ab') : own.succeed(held))
      }))
    }
  }
  await Promise.all(rigs.map(work))
  t.equal(claimed.size, 6 * 6 + 60)
  t.ok([...claimed.values()].every((times) => times === 1), 'each once')
  t.equal(overlaps, 0)
  for (const id of sessions) {
    const messages = (await first.store.listMessages(id, { limit: 100 })).items
    t.strictSame(messages.map(({ seq }) => seq), Array.from({ length: 12 }, (_, index) => index + 1))
    t.strictSame((await first.store.readEvents(id, 0, 100)).map(({ seq }) => seq), Array.from({ length: 12 }, (_, index) => index + 1))
  }
  const system = []
  for (let after = 0; ;) {
    const events = await first.store.readEvents(SYSTEM_STREAM, after, 500)
    if (events.length === 0) break
    system.push(...events)
    after = events.at(-1)!.seq
  }
  t.strictSame(system.map(({ seq }) => seq), system.map((_, index) => index + 1), 'the stream of the system too')
  const stats = await first.store.stats()
  t.equal(stats.messages, 6 * 12)
  t.strictSame(stats.jobs.filter(({ count }) => count !== 0).map(({ status, count }) => [status, count]).sort(), [['succeeded', 36], ['succeeded', 60]])
})

t.test('replicas: twins are one', { skip }, async (t) => {
  const { stores } = await replicas(t, 3)
  const twins = await Promise.all(stores.flatMap((store) => Array.from({ length: 5 }, () => store.enqueue({ jobs: [job({ dedupe_key: 'one' })], now: T0 }))))
  t.equal(new Set(twins.flat().map(({ id }) => id)).size, 1)
  t.equal(twins.flat().filter(({ deduplicated }) => !deduplicated).length, 1)
  const event = { type: 'order.created', data: {}, timestamp: 'now', source: 'shopify', delivery: 'd1', received_at: T0 }
  const events = await Promise.all(stores.flatMap((store) =>
    Array.from({ length: 5 }, () => store.recordEvent({ event: { ...event, id: newId() }, jobs: [] }))))
  t.equal(new Set(events.map(({ event_id: id }) => id)).size, 1)
  const [store] = stores as [Store]
  await store.saveSchedule(schedule({ next_due_at: T0 }), 'insert')
  const fired = await Promise.all(stores.flatMap((one) => Array.from({ length: 4 }, () => one.fireSchedule({
    id: 'stocktaker', due_at: T0, expected_due_at: T0, next_due_at: T0 + 60_000, missed: 0, now: T0, job: job()
  }))))
  t.equal(fired.filter((outcome) => outcome === 'queued').length, 1, 'a due instant fires once')
  const claim = (owner: string, now: number) => ({
    scope: '', key: 'k', fingerprint: 'f', owner, token: newId(), sole: false, now, lease_until: now + 1_000, expires_at: now + 100_000
  })
  const first = await Promise.all(stores.map((one, index) => one.claimKey(claim(`p${index}`, T0))))
  t.equal(first.filter(({ outcome }) => outcome === 'claimed').length, 1)
  const taken = await Promise.all(stores.map((one, index) => one.claimKey(claim(`q${index}`, T0 + 5_000))))
  t.equal(taken.filter(({ outcome }) => outcome === 'claimed').length, 1, 'a key whose holder died is taken over by one')
})

t.test('replicas: writers that want each other\'s sessions do not wait in a ring', { skip }, async (t) => {
  // As with millions of sessions: each is found through the index, in the order in which it is asked for.
  const url = (await freshSchema(t)).replace('search_path', 'enable_seqscan=off%20-c%20enable_hashjoin=off%20-c%20enable_mergejoin=off%20-c%20search_path')
  let conflicts = 0
  const rigs = await Promise.all([0, 1].map(async () => {
    const store = await openStore({ url, timeoutMs: 10_000, onConflict: () => { conflicts += 1 } })
    t.teardown(() => store.close())
    return rig(store)
  }))
  const sessions = await Promise.all(Array.from({ length: 200 }, () => rigs[0]!.session()))
  for (let round = 0; round < 8; round++) {
    const said = await Promise.all(rigs.flatMap((own, index) =>
      (index === 0 ? sessions : sessions.toReversed()).map((id) => own.say(id, 'enqueue', { max: 1_000 }))))
    t.ok(said.every(({ outcome }) => outcome === 'stored'))
  }
  t.equal(conflicts, 0)
})

t.test('replicas: whatever isolation is usual on the server, whoever got the lock sees what came before', { skip }, async (t) => {
  const url = (await freshSchema(t)).replace('search_path', 'default_transaction_isolation=serializable%20-c%20search_path')
  let conflicts = 0
  const stores = await Promise.all([0, 1, 2].map(() => openStore({ url, timeoutMs: 10_000, onConflict: () => { conflicts += 1 } })))
  for (const store of stores) t.teardown(() => store.close())
  for (let round = 0; round < 10; round++) await Promise.all(stores.map((store) => store.createSession({ id: newId(), now: T0 })))
  t.equal((await stores[0]!.stats()).sessions, 30)
  t.equal(conflicts, 0)
})

t.test('replicas: writers that do wait in a ring are both done in the end', { skip }, async (t) => {
  const url = await freshSchema(t)
  let conflicts = 0
  const stores = await Promise.all([0, 1].map(() => openStore({ url, onConflict: () => { conflicts += 1 } })))
  for (const store of stores) t.teardown(() => store.close())
  const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`)
  const [made, again] = await Promise.all([keys, keys.toReversed()].map((own, index) =>
    stores[index]!.enqueue({ jobs: own.map((key) => job({ dedupe_key: key })), now: T0 })))
  t.strictSame(made!.map(({ id }) => id), again!.toReversed().map(({ id }) => id))
  t.comment(`${conflicts} lost`)
})

t.test('replicas: a lease that was taken back ends nothing, however close the two come', { skip }, async (t) => {
  const { rigs: [a, b] } = await replicas(t, 2) as unknown as { rigs: [ReturnType<typeof rig>, ReturnType<typeof rig>] }
  let settled = 0
  for (let round = 0; round < 100; round++) {
    await a.add(...Array.from({ length: 4 }, () => job()))
    const held = await a.take(4)
    const recovery = (): ReturnType<Store['recover']> => b.store.recover({ now: T0, max_deaths: 1_000, everything: true })
    const early = round % 2 === 0 ? recovery() : undefined
    const [ends, lost] = await Promise.all([Promise.all(held.map((one) => a.succeed(one))), early ?? recovery()])
    for (const [index, { outcome }] of ends.entries()) {
      const taken = lost.some(({ id }) => id === held[index]!.id)
      if ((outcome === 'settled') === taken) t.fail(`${outcome}, and ${taken ? 'taken back' : 'not taken back'}`)
      if (outcome === 'settled') settled += 1
    }
    for (const one of await b.take(10)) await b.succeed(one)
  }
  t.ok(settled > 0 && settled < 400, `${settled} of 400 ended in time`)
  t.strictSame((await a.store.stats()).jobs.filter(({ count }) => count !== 0), [{ kind: 'agent', status: 'succeeded', count: 400 }])
})

t.test('a key that was made and given up while it was asked for is asked for again', async (t) => {
  const operation = claimKey(new Tx(), {
    scope: '', key: 'k', fingerprint: 'f', owner: 'o', token: newId(), sole: false, now: T0, lease_until: T0 + 1_000, expires_at: T0 + 10_000
  })
  operation.next()
  t.equal(operation.next([]).done, false, 'somebody has it')
  t.strictSame(operation.next([]), { done: true, value: { outcome: 'in_progress' } }, 'and nobody any more')
})

t.test('a race that is lost in the middle of a batch is run again, whatever was sent behind it', { skip }, async (t) => {
  const url = await freshSchema(t)
  let conflicts = 0
  const store = await openStore({ url, onConflict: () => { conflicts += 1 } })
  t.teardown(() => store.close())
  await execute(`CREATE SEQUENCE tries; CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') = 1 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER lose BEFORE INSERT ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION lose()`, url)
  const claim = {
    scope: '', key: 'k', fingerprint: 'f', owner: 'o', token: newId(), sole: false, now: T0, lease_until: T0 + 1_000, expires_at: T0 + 10_000
  }
  // Its answer is waited for; the statement of the probe, behind it, is not, and fails because of it.
  const [claimed] = await Promise.all([store.claimKey(claim), store.probe(T0)])
  t.equal(claimed.outcome, 'claimed')
  t.equal(conflicts, 1)
})

t.test('a long queue can be paused, resumed and unparked', { skip }, async (t) => {
  const { url, rigs: [{ store, add }] } = await replicas(t, 1) as unknown as { url: string, rigs: [ReturnType<typeof rig>] }
  await add(job())
  const { rows: [row] } = await execute(`SELECT string_agg(column_name, ', ') AS columns FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = 'jobs' AND column_name <> 'id'`, url)
  await execute(`INSERT INTO jobs (id, ${row.columns}) SELECT 'job ' || n, ${row.columns} FROM jobs, generate_series(2, 20000) AS n`, url)
  const short = await openStore({ url, timeoutMs: 1_000 })
  t.teardown(() => short.close())
  const counts = async () => (await execute('SELECT status, reason, count(*)::int AS count FROM jobs GROUP BY 1, 2', url)).rows
  const change = { name: 'stocktaker', reason: 'x', now: T0 }
  const paused = { status: 'parked', reason: 'agent_paused:stocktaker', count: 20_000 }
  await short.setAgentState({ ...change, enabled: false })
  t.strictSame(await counts(), [paused])
  t.equal(await short.unpark({ reason: paused.reason, now: T0 }), 20_000)
  t.strictSame(await counts(), [paused], 'the agent is paused still')
  await short.setAgentState({ ...change, enabled: true })
  t.strictSame(await counts(), [{ status: 'queued', reason: null, count: 20_000 }])
  t.strictSame((await store.stats()).jobs.filter(({ count }) => count !== 0), [{ kind: 'agent', status: 'queued', count: 1 }],
    'what was added behind its back is not counted, and what moved there and back neither')
})

t.test('the schema: both engines have the same tables and columns', { skip }, async (t) => {
  const url = await freshSchema(t)
  const file = join(t.testdir(), 'store.sqlite')
  await (await openStore({ url })).close()
  await (await openStore({ file })).close()
  const database = new DatabaseSync(file)
  const sqlite = database.prepare(`SELECT m.name AS table_name, c.name AS column_name, c.type AS type FROM sqlite_master m, pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name NOT LIKE 'kysely%' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, 2`).all().map((row) => Object.values(row).join(' '))
  database.close()
  const { rows } = await execute(`SELECT table_name, column_name, CASE data_type WHEN 'bigint' THEN 'integer' ELSE data_type END AS type
    FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE 'kysely%' AND table_name <> 'schema_floor'
    ORDER BY table_name COLLATE "C", column_name COLLATE "C"`, url)
  t.strictSame(rows.map((row) => Object.values(row).join(' ')), sqlite.map((line) => line.toLowerCase()))
})

t.test('the schema: a newer one is worked with as long as this program knows its floor', { skip }, async (t) => {
  const url = await freshSchema(t)
  await (await openStore({ url })).close()
  await execute("INSERT INTO kysely_migration (name, timestamp) VALUES ('9998-expanded', '2030')", url)
  const store = await openStore({ url })
  await store.createSession({ id: newId(), now: T0 })
  await store.close()
  await execute("UPDATE schema_floor SET floor = '9998-expanded'", url)
  await t.rejects(openStore({ url }), { name: 'StoreUnusableError', message: /9998-expanded.*Deploy the newer version/ })
})

t.test('the schema: a replica that runs while a newer one adds columns goes on', { skip }, async (t) => {
  const { url, rigs: [own] } = await replicas(t, 1) as unknown as { url: string, rigs: [ReturnType<typeof rig>] }
  const { store } = own
  const id = await own.session()
  await own.add(job())
  const [held] = await own.take(1)
  // As many connections as there are read with plans of before.
  const readAll = () => Promise.all(Array.from({ length: 20 }, () =>
    Promise.all([store.getJob(held!.id), store.getProposal(newId()), store.listJobs({}, { limit: 9 })])))
  await readAll()
  await execute('ALTER TABLE jobs ADD COLUMN more text; ALTER TABLE proposals ADD COLUMN more text; ALTER TABLE sessions ADD COLUMN more text', url)
  await readAll()
  await own.add(job())
  t.equal((await Promise.all([own.take(1), own.say(id)]))[0].length, 1, 'claimed')
  await own.succeed(held!)
})

t.test('the schema: it is made although other schemas of the database come and go', { skip }, async (t) => {
  const over = new AbortController()
  const names = Array.from({ length: 4 }, (_, index) => `test_${process.pid}_passing_${index}`)
  const passing = Promise.all(names.map(async (name) => {
    const client = new pg.Client({ connectionString: TEST_DATABASE_URL })
    await client.connect()
    while (!over.signal.aborted) {
      await client.query(`CREATE SCHEMA ${name}; CREATE TABLE ${name}.a (${Array.from({ length: 200 }, (_, n) => `c${n} integer`).join()})`)
      await client.query(`DROP SCHEMA ${name} CASCADE`)
    }
    await client.end()
  }))
  try {
    for (let round = 0; round < 3; round++) await (await openStore({ startWithinMs: 0, url: await freshSchema(t) })).close()
  } finally {
    over.abort()
    await passing
  }
  t.pass('made')
})

t.test('what was recorded cannot be rewritten', { skip }, async (t) => {
  const { url, rigs: [own] } = await replicas(t, 1)
  await own!.store.setHold({
    hold: { name: 'x', id: newId(), action: 'reset', reason: null, actor: 'y', request_id: null, since: T0, until: null },
    state: { before: 'closed', after: 'closed' }
  })
  await t.rejects(execute("UPDATE audit SET actor = 'z'", url), /append-only/)
  await t.rejects(execute('DELETE FROM audit', url), /append-only/)
})

t.test('a server that cannot be used is said with what to do', { skip }, async (t) => {
  const at = (change: (url: URL) => void): string => {
    const url = new URL(TEST_DATABASE_URL)
    change(url)
    return url.href
  }
  await t.rejects(openStore({ url: at((url) => { url.pathname = '/no_such_database' }) }), { message: /no_such_database.*Create the database first/ })
  const error = await openStore({ url: at((url) => { url.port = '1'; url.password = 'hunter22' }), startWithinMs: 0 }).catch((cause: Error) => cause) as Error
  t.match(error, { name: 'StoreUnusableError', message: /Is the server of DATABASE_URL running/ })
  t.notMatch(error.message, /hunter22/)
})

t.test('a server that is away or hangs: bounded answers, nothing lost, back by itself', { skip }, async (t) => {
  const url = new URL(await freshSchema(t))
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5432) })
  t.teardown(() => proxy.close())
  url.port = String(proxy.port)
  url.hostname = '127.0.0.1'
  const store = await openStore({ url: url.href, timeoutMs: 500 })
  t.teardown(() => store.close())
  const { session } = rig(store)
  const kept = await session()

  for (const trouble of ['cut', 'hold'] as const) {
    proxy[trouble]()
    const begun = performance.now()
    const outcomes = await Promise.allSettled([session(), store.getSession(kept), ...Array.from({ length: 20 }, () => session())])
    t.ok(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'store_unavailable'), `${trouble}: refused`)
    t.ok(performance.now() - begun < 2_000, `within ${Math.round(performance.now() - begun)} ms`)
    const again = performance.now()
    await t.rejects(session(), { code: 'store_unavailable' })
    t.ok(performance.now() - again < 100, 'nobody waits for a server that is known to be away')
    const back = hears(store, (notice) => notice.everything === true)
    proxy.release()
    await back
    t.ok(await store.getSession(kept))
    t.ok(await session(), `${trouble}: over`)
  }
  // A connection that is ended from outside.
  const lost = hears(store, (notice) => notice.everything === true)
  await execute(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'orchestrator %:${process.pid} listener'
    AND query LIKE '%${new URL(url).searchParams.get('options')!.split('=')[1]}%'`)
  await lost
  t.ok(await session())
})

t.test('what takes too long fails alone: the server is not taken for away', { skip }, async (t) => {
  const url = await freshSchema(t)
  const store = await openStore({ url, timeoutMs: 400 })
  t.teardown(() => store.close())
  const news: Notice[] = []
  store.subscribe((notice) => { if (notice.everything === true) news.push(notice) })
  await store.probe(T0)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  t.teardown(() => client.end())
  const locked = async (table: string, use: () => Promise<void>): Promise<void> => {
    await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
    await use()
    await client.query('ROLLBACK')
  }
  await locked('feeds', async () => {
    await t.rejects(store.listFeeds(), { code: 'store_unavailable' })
    await store.probe(T0)
    // More than there are connections: some do not get one.
    const waiting = Array.from({ length: 20 }, () => store.listFeeds())
    for (const { status } of await Promise.allSettled(waiting)) t.equal(status, 'rejected')
    await store.probe(T0)
  })
  await locked('heartbeats', async () => {
    await t.rejects(store.probe(T0), { code: 'store_unavailable' })
    t.strictSame(await store.listFeeds(), [])
  })
  await store.probe(T0)
  t.strictSame(news, [], 'nobody was told that anything was lost')
})

t.test('a connection that is cut in the middle of a read of several statements ends that read, not the process', { skip }, async (t) => {
  const url = new URL(await freshSchema(t))
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5432) })
  t.teardown(() => proxy.close())
  url.port = String(proxy.port)
  const store = await openStore({ url: url.href, timeoutMs: 5_000 })
  t.teardown(() => store.close())
  await store.getProposal(newId())
  proxy.hold()
  const reading = store.getProposal(newId())
  const back = hears(store, (notice) => notice.everything === true)
  // The connection is handed out, and the question is on its way.
  setImmediate(() => { proxy.cut() })
  await t.rejects(reading, { code: 'store_unavailable' })
  proxy.release()
  await back
  t.equal(await store.getProposal(newId()), undefined)
})

t.test('a store that is closed while it looks for its server leaves nothing open', { skip }, async (t) => {
  const url = new URL(await freshSchema(t))
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5432) })
  t.teardown(() => proxy.close())
  url.port = String(proxy.port)
  const store = await openStore({ url: url.href, timeoutMs: 5_000 })
  const listening = async (): Promise<number> => (await execute(`SELECT 1 FROM pg_stat_activity
    WHERE application_name LIKE 'orchestrator %:${process.pid} listener' AND query LIKE '%${url.searchParams.get('options')!.split('=')[1]}%'`)).rows.length
  t.equal(await listening(), 1)
  const query = pg.Client.prototype.query as (this: pg.Client, ...args: unknown[]) => unknown
  t.teardown(() => { pg.Client.prototype.query = query as never })
  const closed = new Promise<void>((resolve) => {
    pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
      if (String(args[0]).startsWith('LISTEN')) store.close().then(resolve, resolve)
      return query.apply(this, args)
    } as never
  })
  proxy.cut()
  await t.rejects(store.probe(T0), { code: 'store_unavailable' })
  proxy.release()
  await closed
  let left = 1
  for (let looks = 0; left > 0 && looks < 50; looks++) left = await listening()
  t.equal(left, 0)
})

t.test('texts: one statement for many tuples', async (t) => {
  t.equal(singleText('SELECT a FROM t WHERE b = ? AND c = ?'), 'SELECT a FROM t WHERE b = $1 AND c = $2')
  t.equal(singleText('SELECT a FROM t AS j LIMIT ?', 'j'), 'SELECT a FROM t AS j LIMIT $1 FOR UPDATE OF j SKIP LOCKED')
  const tuples = 'unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS v(p1, p2, _ord)'
  t.strictSame(manyText('UPDATE t SET a = a + ? WHERE id = ? RETURNING a, b', ['bigint', 'text']),
    { sql: `UPDATE t SET a = a + v.p1 FROM ${tuples} WHERE id = v.p2 RETURNING v._ord, a, b`, match: undefined })
  t.equal(manyText('DELETE FROM t WHERE a = ? AND b IN (SELECT c FROM u WHERE d = ?)', ['bigint', 'text'])?.sql,
    `DELETE FROM t USING ${tuples} WHERE a = v.p1 AND b IN (SELECT c FROM u WHERE d = v.p2)`)
  t.strictSame(manyText('INSERT INTO t (a, b, c) VALUES (?, ?, 1) ON CONFLICT (b) DO NOTHING RETURNING b', ['bigint', 'text']),
    { sql: `INSERT INTO t (a, b, c) SELECT v.p1, v.p2, 1 FROM ${tuples} ON CONFLICT (b) DO NOTHING RETURNING b`, match: [['b', 1]] })
  t.equal(manyText('INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET n = t.n + 1 RETURNING n', ['bigint', 'text']), undefined,
    'what it counted has no tuple')
  t.equal(manyText('SELECT 1 FROM t WHERE a = ? LIMIT ?', ['bigint', 'bigint']), undefined)
  t.equal(manyText('SELECT 1 FROM t WHERE a = ? AND b = ?', ['bigint', 'text'])?.sql,
    `SELECT v._ord, q.* FROM ${tuples} CROSS JOIN LATERAL (SELECT 1 FROM t WHERE a = v.p1 AND b = v.p2) AS q`)
})

t.test('plans: what touches the same comes one after the other, and the rest of the store waits for whoever needs it alone', async (t) => {
  const say = (session: string) => ({ operation: 'addMessage' as const, args: { session_id: session } })
  t.strictSame(planOf([say('a'), say('b'), say('a'), say('a')]).waves, [[0, 1], [2], [3]])
  t.equal(planOf([say('a')]).alone, false)
  const alone = planOf([say('a'), { operation: 'deleteSession', args: { id: 'a' } }, say('a'), say('b')])
  t.equal(alone.alone, true)
  t.strictSame(alone.waves, [[0], [1], [2, 3]])
  // A lease that is given back says nothing to its session, and changes its row all the same.
  const back = { operation: 'settle' as const, args: { id: 'j', session_id: 'a', events: [] } }
  t.match(planOf([back, say('a')]), { waves: [[0], [1]], sessions: ['a'] })
  const hold = { scope: '', key: 'k', token: 't' }
  const keyed = planOf([{ ...say('a'), hold }, { ...say('b'), hold }])
  t.strictSame(keyed.waves, [[0], [1]])
  t.strictSame(keyed.idempotencyKeys, [hold, hold])
})

t.test('news: whatever its length, in portions that NOTIFY takes', async (t) => {
  const notice: Notice = {
    ...emptyNotice(),
    streams: new Map(Array.from({ length: 500 }, () => [newId(), undefined])),
    queues: new Set(['replies']),
    cancels: [{ id: newId(), reason: 'session_deleted' }],
    finished: Array.from({ length: 500 }, () => newId()),
    gone: [newId()],
    plans: true,
    holds: true
  }
  const payloads = payloadsOf('me', notice)
  t.ok(payloads.length > 1)
  t.ok(payloads.every((payload) => Buffer.byteLength(payload) < 8_000), payloads.map((payload) => payload.length).join(' '))
  const heard = payloads.map((payload) => noticeOf('you', payload)!)
  t.strictSame(heard.flatMap(({ streams }) => [...streams.keys()]), [...notice.streams.keys()])
  t.strictSame(heard.flatMap(({ finished }) => finished), notice.finished)
  t.strictSame(heard.flatMap(({ cancels }) => cancels), notice.cancels)
  t.match(heard[0], { plans: true, holds: true })
  t.equal(noticeOf('me', payloads[0]!), undefined, 'nobody hears itself')
  t.equal(noticeOf('me', 'hello'), undefined)
  t.strictSame(payloadsOf('me', emptyNotice()), [])
})

t.test('two processes take away what is old at the same time: each row counts once', { skip }, async (t) => {
  const url = await freshSchema(t)
  const stores = [await openStore({ url, timeoutMs: 10_000 }), await openStore({ url, timeoutMs: 10_000 })]
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  const [store] = stores
  const ids = Array.from({ length: 200 }, (_, n) => idAt(T0, n))
  await Promise.all(ids.map((id) => store!.createSession({ id, now: T0 })))
  await Promise.all(ids.flatMap((id, n) => [1, 2, 3].map((seq) =>
    store!.addMessage({ id: idAt(T0 + seq, n), session_id: id, role: 'assistant', content: 'x', now: T0 }))))
  const gone = await Promise.all(stores.map((one) => one.removeSessions({ ids, idle_since: T0 + 1 })))
  t.equal(gone.reduce((sum, { sessions }) => sum + sessions, 0), 200)
  let messages = 0
  await Promise.all(stores.map(async (one) => {
    for (let more = true; more;) {
      const removed = await one.removeRemains({ limit: 40 })
      messages += removed.messages
      more = removed.more
    }
  }))
  t.equal(messages, 600)
  t.match(await store!.stats(), { sessions: 0, messages: 0 })
})
