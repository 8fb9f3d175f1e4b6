// The warehouse port over real sockets: credentials, writes that happen once, queries with a price limit, and BigQuery's refusals.
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { Column } from '../../src/core/warehouse.ts'
import { createBigquery, type BigqueryOptions } from '../../src/integrations/bigquery/index.ts'
import { pause } from '../../src/core/pause.ts'
import { FakeClock, until } from '../helpers/fake-clock.ts'
import { json, standIn, timeless, type Seen } from './stand-in.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const PROJECT = '/bigquery/v2/projects/royal-equips'
const DATASET = `${PROJECT}/datasets/shop`
const GIB = 1024 ** 3

type Route = (request: Seen, response: ServerResponse) => void

const answers = (status: number, body: unknown, headers: Record<string, string> = {}): Route => (_request, response) => json(response, status, body, headers)

const refuses = (status: number, reason: string, message = 'No.', headers: Record<string, string> = {}): Route =>
  answers(status, { error: { code: status, message, errors: [{ reason, message, domain: 'global' }], status: 'X' } }, headers)

const rig = async (t: Test, routes: Record<string, Route>, options: Partial<BigqueryOptions> = {}) => {
  const server = await standIn(t, (request, response) => {
    const route = routes[`${request.method} ${request.path}`] ?? routes['*']
    if (route !== undefined) route(request, response)
    else if (request.path === DATASET) json(response, 200, { datasetReference: { projectId: 'royal-equips', datasetId: 'shop' }, location: 'EU' })
    else refuses(404, 'notFound', `Not found: ${request.path}`)(request, response)
  })
  const clock = new FakeClock(NOW)
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  breakers.register('bigquery', { label: 'BigQuery', configured: true, required: false })
  const bigquery = createBigquery({
    projectId: 'royal-equips',
    dataset: 'shop',
    table: 'days',
    endpoint: server.url,
    source: 'sandbox',
    breakers,
    clock,
    random: () => 0,
    log: silentLogger,
    ...options
  })
  t.teardown(() => bigquery.close())
  const { signal } = new AbortController()
  return { server, clock, breakers, dependency: breakers.get('bigquery'), bigquery, warehouse: bigquery.warehouse, signal }
}

/** BigQuery's jobs: a name is taken once. `steps`: what a new job's statuses are, one after the other. */
const jobServer = (steps: object[][] = []) => {
  interface Stored { configuration: unknown, states: object[] }
  const stored = new Map<string, Stored>()
  const inserts: Seen[] = []
  const done = { state: 'DONE' }
  const present = (job: Stored) => {
    const status = job.states.length > 1 ? job.states.shift() : job.states[0]
    return { kind: 'bigquery#job', configuration: job.configuration, status, statistics: { query: { numDmlAffectedRows: '2', totalBytesBilled: '10485760' } } }
  }
  const hooks: { afterInsert?: Route } = {}
  const routes: Record<string, Route> = {
    [`POST ${PROJECT}/jobs`]: (request, response) => {
      inserts.push(request)
      const { jobReference: { jobId }, configuration } = request.body as { jobReference: { jobId: string }, configuration: unknown }
      if (stored.has(jobId)) return refuses(409, 'duplicate', `Already Exists: Job royal-equips:EU.${jobId}`)(request, response)
      const job = { configuration, states: steps.shift() ?? [done] }
      stored.set(jobId, job)
      if (hooks.afterInsert !== undefined) return hooks.afterInsert(request, response)
      json(response, 200, present(job))
    },
    '*': (request, response) => {
      const job = stored.get(request.path.slice(`${PROJECT}/jobs/`.length))
      if (request.path === DATASET) json(response, 200, { datasetReference: { datasetId: 'shop' }, location: 'EU' })
      else if (job === undefined || request.query.get('location') !== 'EU') refuses(404, 'notFound')(request, response)
      else json(response, 200, present(job))
    }
  }
  return { routes, stored, inserts, hooks }
}

const COLUMNS: Column[] = [
  { name: 'day', type: 'DATE', required: true },
  { name: 'gross', type: 'NUMERIC' },
  { name: 'orders', type: 'INT64' },
  { name: 'closed_at', type: 'TIMESTAMP' },
  { name: 'note', type: 'STRING' }
]
const ROWS = [
  { day: '2026-11-22', gross: '1234.50', orders: 31, closed_at: NOW, note: "it's `fine`; DROP TABLE days" },
  { day: '2026-11-23', gross: '0.10', orders: 0, closed_at: null }
]

t.test('the dataset: there, missing, denied', async (t) => {
  let route: Route = answers(200, { datasetReference: { datasetId: 'shop' }, location: 'EU', etag: 'x' })
  const { server, warehouse, dependency, bigquery, signal } = await rig(t, { [`GET ${DATASET}`]: (request, response) => route(request, response) })
  t.same(await warehouse.dataset({ signal }), { dataset: 'royal-equips.shop', location: 'EU', source: 'sandbox', read_at: NOW })
  t.match(server.seen[0]?.headers, { authorization: 'Bearer sandbox' })
  t.match(await bigquery.upstream.probe(signal), { message: /royal-equips\.shop answers.*EU/, missing_scopes: [] })
  route = refuses(404, 'notFound', 'Not found: Dataset royal-equips:shop')
  await t.rejects(warehouse.dataset({ signal }), { code: 'warehouse_not_found', reason: 'notFound', message: /Not found: Dataset/ })
  await t.rejects(bigquery.upstream.probe(signal), { code: 'warehouse_not_found', message: /BIGQUERY_DATASET/ })
  route = refuses(403, 'accessDenied', 'Access Denied: Dataset royal-equips:shop')
  await t.rejects(warehouse.dataset({ signal }), { code: 'warehouse_access_denied' })
  t.equal(dependency.credential, 'accepted', 'one right that is missing is not the end of the credential')
  route = refuses(401, 'authError', 'Invalid Credentials')
  await t.rejects(warehouse.dataset({ signal }), { code: 'warehouse_credential_rejected' })
  t.equal(dependency.credential, 'rejected')
  t.match(dependency.breaker.snapshot(), { state: 'closed', consecutiveFailures: 0 })
})

t.test('a merge: names quoted, values as one typed parameter, a price limit, in the place of the data', async (t) => {
  const { routes, inserts } = jobServer()
  const { warehouse, server, signal } = await rig(t, routes)
  const result = await warehouse.merge({ columns: COLUMNS, rows: ROWS, key: ['day'] }, { effect_key: 'close-2026-11-23', signal })
  t.match(result, { job_id: /^royal_equips_[0-9a-f]{40}_0$/, rows_affected: 2, bytes_billed: 10_485_760, created: true, source: 'sandbox', read_at: NOW })
  const { jobReference, configuration } = inserts[0]?.body as { jobReference: object, configuration: { query: Record<string, unknown> } }
  t.same(jobReference, { projectId: 'royal-equips', jobId: result.job_id, location: 'EU' })
  t.match(configuration, { jobTimeoutMs: '600000', labels: { rows: /^[0-9a-f]{48}$/ } })
  t.same(configuration.query, {
    query: [
      'MERGE `royal-equips.shop.days` AS target',
      'USING (SELECT `day`, `gross`, `orders`, `closed_at`, `note` FROM UNNEST(@batch)) AS source',
      'ON target.`day` = source.`day`',
      'WHEN MATCHED THEN UPDATE SET `gross` = source.`gross`, `orders` = source.`orders`, `closed_at` = source.`closed_at`, `note` = source.`note`',
      'WHEN NOT MATCHED THEN INSERT (`day`, `gross`, `orders`, `closed_at`, `note`) ' +
        'VALUES (source.`day`, source.`gross`, source.`orders`, source.`closed_at`, source.`note`)'
    ].join('\n'),
    useLegacySql: false,
    parameterMode: 'NAMED',
    queryParameters: [{
      name: 'batch',
      parameterType: { type: 'ARRAY', arrayType: { type: 'STRUCT', structTypes: COLUMNS.map(({ name, type }) => ({ name, type: { type } })) } },
      parameterValue: {
        arrayValues: [
          {
            structValues: {
              day: { value: '2026-11-22' },
              gross: { value: '1234.50' },
              orders: { value: '31' },
              closed_at: { value: '2026-11-24T12:00:00.000Z' },
              note: { value: "it's `fine`; DROP TABLE days" }
            }
          },
          {
            structValues: {
              day: { value: '2026-11-23' }, gross: { value: '0.10' }, orders: { value: '0' }, closed_at: { value: null }, note: { value: null }
            }
          }
        ]
      }
    }],
    maximumBytesBilled: String(GIB)
  })
  server.forget()
  await warehouse.insert({ table: 'other', columns: COLUMNS.slice(0, 1), rows: [{ day: '2026-11-22' }] }, { effect_key: 'k', maximum_bytes_billed: 5, signal })
  t.match(inserts[1]?.body, {
    configuration: { query: { query: 'INSERT INTO `royal-equips.shop.other` (`day`)\nSELECT `day`\nFROM UNNEST(@batch)', maximumBytesBilled: '5' } }
  })
  t.equal(server.seen.length, 1, 'where the dataset lies is asked once')
})

t.test('a write happens once for each effect key', async (t) => {
  const { routes, stored, inserts, hooks } = jobServer()
  const { warehouse, clock, signal } = await rig(t, routes)
  const write = { columns: COLUMNS, rows: ROWS }
  const first = await warehouse.insert(write, { effect_key: 'one', signal })
  const again = await warehouse.insert(write, { effect_key: 'one', signal })
  t.same([first.created, again.created, again.job_id === first.job_id, again.rows_affected], [true, false, true, 2])
  t.equal(stored.size, 1)
  t.notSame((await warehouse.insert(write, { effect_key: 'two', signal })).job_id, first.job_id)
  await t.rejects(warehouse.insert({ columns: COLUMNS, rows: ROWS.slice(1) }, { effect_key: 'one', signal }), { code: 'warehouse_key_reused' })

  // The answer is lost after BigQuery has the job: whoever asks again finds it.
  hooks.afterInsert = (_request, response) => { response.socket?.resetAndDestroy() }
  const lost = await timeless(clock, warehouse.insert(write, { effect_key: 'three', signal }))
  t.equal(lost.created, false)
  t.equal(stored.size, 3)
  t.equal(new Set(inserts.map(({ body }) => (body as { jobReference: { jobId: string } }).jobReference.jobId)).size, 3)
})

t.test('a job that failed changed nothing, so the next call makes the next one', async (t) => {
  const failed = (reason: string) => [{ state: 'DONE', errorResult: { reason, message: `It was ${reason}.` } }]
  const { routes, stored } = jobServer([failed('backendError'), failed('notFound')])
  const { warehouse, signal, dependency } = await rig(t, routes)
  const call = () => warehouse.insert({ columns: COLUMNS, rows: ROWS }, { effect_key: 'one', signal })
  await t.rejects(call(), { code: 'warehouse_job_failed', reason: 'backendError', message: /_0 failed/ })
  await t.rejects(call(), { code: 'warehouse_not_found', message: /_1 failed.*It was notFound/ })
  t.match(await call(), { job_id: /_2$/, created: true })
  t.match(await call(), { job_id: /_2$/, created: false })
  t.equal(stored.size, 3)
  t.equal(dependency.breaker.snapshot().state, 'closed')

  const always = jobServer(Array.from({ length: 20 }, () => failed('invalidQuery')))
  const second = await rig(t, always.routes)
  const fail = async () => await second.warehouse.insert({ columns: COLUMNS, rows: ROWS }, { effect_key: 'one', signal })
  for (let attempt = 0; attempt < 10; attempt++) await t.rejects(fail(), { code: 'warehouse_invalid_query' })
  await t.rejects(fail(), { code: 'warehouse_job_failed', message: /failed 10 jobs/ })
  t.equal(always.stored.size, 10)
})

t.test('a job is waited for, up to a time, and found again later', async (t) => {
  const running = { state: 'RUNNING' }
  const { routes, stored } = jobServer([[{ state: 'PENDING' }, running, running, running, { state: 'DONE' }]])
  const { warehouse, server, clock, signal } = await rig(t, routes)
  const write = { columns: COLUMNS, rows: ROWS }
  const polls = () => server.seen.filter(({ method, path }) => method === 'GET' && path.includes('/jobs/')).length
  const call = warehouse.insert(write, { effect_key: 'one', timeout_ms: 1_000, signal })
  const refused = t.rejects(call, { code: 'warehouse_job_running', message: /same effect key/ })
  for (const [seen, ms] of [[0, 250], [1, 500]] as const) {
    await until('it waits', () => polls() === seen && clock.waiting > 0)
    await clock.advance(ms)
  }
  await refused
  const again = warehouse.insert(write, { effect_key: 'one', signal })
  const ended = again.then(() => true)
  while (!await Promise.race([ended, clock.advance(500).then(() => false)]));
  t.match(await again, { created: false, rows_affected: 2 })
  t.equal(stored.size, 1)

  const controller = new AbortController()
  const { routes: slow } = jobServer([[running]])
  const other = await rig(t, slow)
  const left = other.warehouse.insert(write, { effect_key: 'two', signal: controller.signal })
  await until('it waits for the job', () => other.server.seen.length === 2 && other.clock.waiting > 0)
  controller.abort(new Error('the caller left'))
  await t.rejects(left, { message: 'the caller left' })
})

t.test('a pause ends with its time or with its caller, and leaves no timer behind', async (t) => {
  const clock = new FakeClock(NOW)
  const controller = new AbortController()
  const left = pause(clock, 1_000, controller.signal)
  controller.abort(new Error('the caller left'))
  await t.rejects(left, { message: 'the caller left' })
  await t.rejects(pause(clock, 1_000, controller.signal), { message: 'the caller left' })
  t.equal(clock.waiting, 0)
  const over = pause(clock, 1_000, new AbortController().signal)
  await clock.advance(1_000)
  await over
})

t.test('what does not fit is refused before anything is sent', async (t) => {
  const { warehouse, server, signal } = await rig(t, {})
  const options = { effect_key: 'k', signal }
  const one = (type: Column['type'], value: unknown) => ({ columns: [{ name: 'c', type }], rows: [{ c: value as string }] })
  const bad: Array<[object, RegExp]> = [
    [{ columns: [], rows: [{}] }, /at least one column/],
    [{ columns: COLUMNS, rows: [] }, /no rows/],
    [{ columns: COLUMNS, rows: Array.from({ length: 5_001 }, () => ROWS[0]) }, /5001 rows are too many/],
    [{ columns: [{ name: 'c', type: 'STRING' }], rows: Array.from({ length: 9 }, () => ({ c: 'x'.repeat(1024 ** 2) })) }, /8 MiB is the limit/],
    [{ columns: [{ name: 'c` = 1 --', type: 'STRING' }], rows: [{}] }, /no name of a column/],
    [{ columns: [{ name: '_PARTITIONTIME', type: 'DATE' }], rows: [{}] }, /no name of a column/],
    [{ columns: [{ name: 'c', type: 'JSON' }], rows: [{}] }, /not one of/],
    [{ columns: [{ name: 'c', type: 'DATE' }, { name: 'C', type: 'DATE' }], rows: [{}] }, /named twice/],
    [{ columns: COLUMNS, rows: [{ day: '2026-11-22', stray: 1 }] }, /"stray", which is no column/],
    [{ columns: COLUMNS, rows: [{ gross: '1' }] }, /Row 1 has no value for the required column day/],
    [{ table: 'a`b', columns: COLUMNS, rows: ROWS }, /no name of a table/],
    [one('NUMERIC', 12.5), /Row 1, column c: NUMERIC takes a decimal string/],
    [one('NUMERIC', '1e3'), /NUMERIC/],
    [one('NUMERIC', '0.1234567891'), /NUMERIC/],
    [one('INT64', 1.5), /INT64/],
    [one('INT64', 2 ** 53), /INT64/],
    [one('FLOAT64', NaN), /FLOAT64/],
    [one('BOOL', 1), /BOOL/],
    [one('DATE', '2026-02-30'), /DATE/],
    [one('DATE', '24.11.2026'), /DATE/],
    [one('TIMESTAMP', '2026-11-24'), /TIMESTAMP/],
    [one('TIMESTAMP', Infinity), /TIMESTAMP/],
    [one('STRING', '\ud800'), /STRING/]
  ]
  for (const [rows, message] of bad) {
    await t.rejects(warehouse.insert(rows as Parameters<typeof warehouse.insert>[0], options), { code: 'warehouse_invalid_query', message })
  }
  const merges: Array<[string[], object[], RegExp]> = [
    [[], ROWS, /needs a key/],
    [['c'], ROWS, /"c" is no column/],
    [['day'], [...ROWS, ROWS[0] as object], /Row 3 repeats the key/],
    [['note'], ROWS, /Row 2 has no value for its key/]
  ]
  for (const [key, rows, message] of merges) {
    await t.rejects(warehouse.merge({ columns: COLUMNS, rows: rows as typeof ROWS, key }, options), { code: 'warehouse_invalid_query', message })
  }
  for (const sql of ['DELETE FROM days WHERE true', 'SELECT 1; DROP TABLE days', '', 'selection']) {
    await t.rejects(warehouse.query({ sql }, { signal }), { code: 'warehouse_invalid_query' })
  }
  await t.rejects(warehouse.query({ sql: 'SELECT 1' }, { signal, limit: 0 }), { code: 'warehouse_invalid_query' })
  t.same(server.seen.filter(({ path }) => path !== DATASET), [])
  for (const names of [{ projectId: 'a`b' }, { projectId: '' }, { dataset: 'a.b' }, { table: 'x y' }]) {
    await t.rejects(rig(t, {}, names), { code: 'warehouse_invalid_query' })
  }
})

t.test('a query: waits, pages, types, and its price limit', async (t) => {
  const schema = {
    fields: [
      { name: 'day', type: 'DATE', mode: 'NULLABLE' }, { name: 'gross', type: 'NUMERIC' }, { name: 'orders', type: 'INTEGER' },
      { name: 'share', type: 'FLOAT' },
      { name: 'final', type: 'BOOLEAN' }, { name: 'closed_at', type: 'TIMESTAMP' }, { name: 'tags', type: 'STRING', mode: 'REPEATED' }
    ]
  }
  const row = (...cells: unknown[]) => ({ f: cells.map((v) => ({ v })) })
  const jobReference = { projectId: 'royal-equips', jobId: 'job_1', location: 'EU' }
  let complete = false
  const { warehouse, server, clock, signal } = await rig(t, {
    [`POST ${PROJECT}/queries`]: answers(200, { jobComplete: false, jobReference }),
    [`GET ${PROJECT}/queries/job_1`]: (request, response) => {
      if (!complete) {
        complete = true
        json(response, 200, { jobComplete: false, jobReference })
      } else if (request.query.get('pageToken') === 'next') {
        json(response, 200, { jobComplete: true, schema, rows: [row(null, null, '9007199254740993', 'NaN', null, null, [])], totalRows: '2' })
      } else {
        const cells = row('2026-11-22', '1234.5', '31', '0.25', 'true', '1795521600123456', [{ v: 'a' }])
        json(response, 200, { jobComplete: true, schema, rows: [cells], pageToken: 'next', totalRows: '2', totalBytesProcessed: '2048', jobReference })
      }
    }
  })
  const query = { sql: 'SELECT * FROM `royal-equips.shop.days` WHERE day >= @from', parameters: [{ name: 'from', type: 'DATE' as const, value: '2026-11-01' }] }
  const call = warehouse.query(query, { signal })
  for (const ms of [100, 200]) {
    await until('it pauses', () => clock.waiting > 0)
    await clock.advance(ms)
  }
  t.match(await call, {
    rows: [
      { day: '2026-11-22', gross: '1234.5', orders: 31, share: 0.25, final: true, closed_at: 1_795_521_600_123, tags: [{ v: 'a' }] },
      { day: null, gross: null, orders: '9007199254740993', share: 'NaN', final: null, closed_at: null, tags: [] }
    ],
    more: false,
    bytes_processed: 2048,
    source: 'sandbox'
  })
  t.match(server.seen.find(({ method }) => method === 'POST')?.body, {
    query: query.sql,
    useLegacySql: false,
    maximumBytesBilled: String(GIB),
    location: 'EU',
    formatOptions: { useInt64Timestamp: true },
    queryParameters: [{ name: 'from', parameterType: { type: 'DATE' }, parameterValue: { value: '2026-11-01' } }],
    requestId: /^[0-9a-f-]{36}$/
  })
  t.equal(server.seen.at(-1)?.query.get('formatOptions.useInt64Timestamp'), 'true')
})

t.test('a dry run tells the price, and makes no job', async (t) => {
  const { warehouse, server, signal } = await rig(t, {
    [`POST ${PROJECT}/jobs`]: answers(200, { status: { state: 'DONE' }, statistics: { totalBytesProcessed: '3000', query: { statementType: 'SELECT' } } })
  })
  const over = await warehouse.dryRun({ sql: 'SELECT 1', maximum_bytes_billed: 2_999 }, { signal })
  t.match(over, { bytes_processed: 3_000, statement: 'SELECT', over_limit: true })
  t.match(await warehouse.dryRun({ sql: 'SELECT 1' }, { signal }), { over_limit: false })
  t.match(server.seen.at(-1)?.body, { configuration: { dryRun: true } })
  t.equal((server.seen.at(-1)?.body as { jobReference: { jobId?: string } }).jobReference.jobId, undefined)
})

t.test('tables: described, missing, made once', async (t) => {
  let exists = false
  const { warehouse, server, signal } = await rig(t, {
    [`GET ${DATASET}/tables/days`]: (request, response) => exists
      ? json(response, 200, { schema: { fields: [{ name: 'day', type: 'DATE', mode: 'REQUIRED' }] }, numRows: '12', numBytes: '96' })
      : refuses(404, 'notFound')(request, response),
    [`POST ${DATASET}/tables`]: (request, response) => {
      if (exists) return refuses(409, 'duplicate')(request, response)
      exists = true
      json(response, 200, { schema: { fields: [] } })
    }
  })
  t.equal(await warehouse.table({ signal }), undefined)
  const table = { columns: COLUMNS, partition_by: 'day', cluster_by: ['note'] }
  t.same([await warehouse.createTable(table, { signal }), await warehouse.createTable(table, { signal })], [{ created: true }, { created: false }])
  t.match(server.seen.at(-1)?.body, {
    tableReference: { projectId: 'royal-equips', datasetId: 'shop', tableId: 'days' },
    schema: { fields: [{ name: 'day', type: 'DATE', mode: 'REQUIRED' }, { name: 'gross', type: 'NUMERIC', mode: 'NULLABLE' }] },
    timePartitioning: { type: 'DAY', field: 'day' },
    clustering: { fields: ['note'] }
  })
  const described = await warehouse.table({ signal })
  t.match(described, { table: 'royal-equips.shop.days', rows: 12, bytes: 96, columns: [{ name: 'day', type: 'DATE', mode: 'REQUIRED' }] })
  await t.rejects(warehouse.createTable({ columns: COLUMNS, partition_by: 'gross' }, { signal }), { code: 'warehouse_invalid_query' })

  const missing = await rig(t, { [`GET ${DATASET}`]: refuses(404, 'notFound', 'Not found: Dataset') })
  await t.rejects(missing.warehouse.table({ signal }), { code: 'warehouse_not_found', message: /Dataset/ }, 'a missing dataset is not a missing table')
})

t.test('limits close the gate and are no failures; other refusals have names', async (t) => {
  const limits: Array<[Route, number]> = [
    [refuses(403, 'rateLimitExceeded'), 10_000],
    [refuses(403, 'quotaExceeded'), 60_000],
    [refuses(429, 'rateLimitExceeded', 'No.', { 'retry-after': '7' }), 7_000]
  ]
  for (const [route, retryAfterMs] of limits) {
    const { warehouse, server, dependency, signal } = await rig(t, { '*': route })
    await t.rejects(warehouse.dataset({ signal }), { code: 'dependency_throttled', retryAfterMs })
    await t.rejects(warehouse.dataset({ signal }), { code: 'dependency_throttled' })
    t.equal(server.seen.length, 1)
    t.match(dependency.breaker.snapshot(), { state: 'closed', consecutiveFailures: 0 })
  }
  const refusals: Array<[Route, string]> = [
    [refuses(400, 'invalidQuery'), 'warehouse_invalid_query'], [refuses(400, 'bytesBilledLimitExceeded'), 'warehouse_over_limit'],
    [refuses(403, 'billingNotEnabled'), 'warehouse_quota_exceeded'], [answers(400, 'what?'), 'warehouse_invalid_query']
  ]
  for (const [route, code] of refusals) {
    const { warehouse, dependency, signal } = await rig(t, { [`POST ${PROJECT}/queries`]: route })
    await t.rejects(warehouse.query({ sql: 'SELECT 1' }, { signal }), { code })
    t.equal(dependency.breaker.snapshot().consecutiveFailures, 0)
  }
})

t.test('failures open the breaker; garbage and another schema are not believed', async (t) => {
  const { server, clock, dependency, warehouse, signal } = await rig(t, { '*': refuses(503, 'backendError') })
  for (let call = 0; call < 6 && dependency.breaker.snapshot().state === 'closed'; call++) {
    await t.rejects(timeless(clock, warehouse.dataset({ signal })), { code: 'warehouse_unavailable' })
  }
  t.equal(dependency.breaker.snapshot().state, 'open')
  const sent = server.seen.length
  t.equal(sent, 5)
  await t.rejects(warehouse.dataset({ signal }), { code: 'circuit_open' })
  t.equal(server.seen.length, sent)

  const bad: Array<[Route, number]> = [
    [answers(200, {}), 0], [(_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{'), 2]
  ]
  for (const [route, failures] of bad) {
    const { warehouse, clock, dependency } = await rig(t, { '*': route })
    await t.rejects(timeless(clock, warehouse.dataset({ signal })), { code: 'upstream_answer_invalid' })
    t.equal(dependency.breaker.snapshot().consecutiveFailures, failures)
  }
})

t.test('a dataset is asked for without its access list and is small; a page of rows is not', async (t) => {
  const filler = 'x'.repeat(2_000_000)
  const dataset = { datasetReference: { datasetId: 'shop' }, location: 'EU' }
  let large = false
  const { warehouse, server, signal } = await rig(t, {
    [`GET ${DATASET}`]: (_request, response) => json(response, 200, large ? { ...dataset, filler } : dataset),
    [`POST ${PROJECT}/queries`]: answers(200, { jobComplete: true, schema: { fields: [{ name: 'text', type: 'STRING' }] }, rows: [{ f: [{ v: filler }] }] })
  })
  t.match(await warehouse.query({ sql: 'SELECT text', parameters: [] }, { signal }), { rows: [{ text: filler }] })
  t.equal(server.seen[0]?.query.get('fields'), 'datasetReference,location')
  large = true
  await t.rejects(warehouse.dataset({ signal }), { code: 'upstream_answer_too_large', message: /larger than 131072 bytes/ })
})

t.test('credentials', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bigquery-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' }
  })
  const file = (content: unknown): string => {
    const path = join(folder, 'key.json')
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  const grantToken = (count: number): [number, unknown] => [200, { access_token: `ya29.${count}`, expires_in: 3600, token_type: 'Bearer' }]
  /** `grants`: what was posted to the token endpoint. */
  const tokenServer = async (t: Test, answer: (count: number) => [number, unknown] = grantToken) => {
    const grants: URLSearchParams[] = []
    const server = await standIn(t, (request, response) => {
      grants.push(new URLSearchParams(request.body as string))
      json(response, ...answer(grants.length))
    })
    return { grants, uri: `${server.url}/token`, server }
  }
  const account = (uri: string) => ({
    type: 'service_account',
    client_email: 'agents@royal-equips.iam.gserviceaccount.com',
    private_key: privateKey,
    private_key_id: 'key-1',
    token_uri: uri
  })

  await t.test('a service account signs for a token, which is fetched once and renewed in time', async (t) => {
    const { grants, uri } = await tokenServer(t)
    const { warehouse, server, clock, signal } = await rig(t, {}, { source: 'live', credentialsFile: file(account(uri)) })
    await Promise.all([warehouse.dataset({ signal }), warehouse.dataset({ signal })])
    t.equal(grants.length, 1)
    t.equal(grants[0]?.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    const [header = '', claims = '', signature = ''] = grants[0]?.get('assertion')?.split('.') ?? []
    t.ok(verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), createPublicKey(publicKey), Buffer.from(signature, 'base64url')), 'the signature holds')
    t.same(JSON.parse(Buffer.from(header, 'base64url').toString()), { alg: 'RS256', typ: 'JWT', kid: 'key-1' })
    t.same(JSON.parse(Buffer.from(claims, 'base64url').toString()), {
      iss: 'agents@royal-equips.iam.gserviceaccount.com', scope: 'https://www.googleapis.com/auth/bigquery', aud: uri, iat: NOW / 1000, exp: NOW / 1000 + 3600
    })
    t.match(server.seen.map(({ headers }) => headers.authorization), ['Bearer ya29.1', 'Bearer ya29.1'])
    await clock.advance(3_299_999)
    await warehouse.dataset({ signal })
    t.equal(grants.length, 1)
    await clock.advance(1)
    await warehouse.dataset({ signal })
    t.equal(grants.length, 2)
    t.equal(server.seen.at(-1)?.headers.authorization, 'Bearer ya29.2')
  })

  await t.test('a token that was taken back is replaced once', async (t) => {
    const { grants, uri } = await tokenServer(t)
    let good = 'Bearer ya29.2'
    const { warehouse, server, dependency, signal } = await rig(t, {
      [`GET ${DATASET}`]: (request, response) => request.headers.authorization === good
        ? json(response, 200, { datasetReference: { datasetId: 'shop' }, location: 'EU' })
        : refuses(401, 'authError')(request, response)
    }, { source: 'live', credentialsFile: file(account(uri)) })
    t.match(await warehouse.dataset({ signal }), { location: 'EU', source: 'live' })
    t.equal(dependency.credential, 'accepted')
    good = 'none'
    await t.rejects(warehouse.dataset({ signal }), { code: 'warehouse_credential_rejected' })
    t.same([grants.length, server.seen.length, dependency.credential], [3, 4, 'rejected'])
  })

  await t.test('a token endpoint that refuses or fails', async (t) => {
    let answer: [number, unknown] = [400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' }]
    const { uri } = await tokenServer(t, () => answer)
    const { warehouse, server, clock, dependency, signal } = await rig(t, {}, { source: 'live', credentialsFile: file(account(uri)) })
    await t.rejects(warehouse.dataset({ signal }), { code: 'warehouse_credential_rejected', message: /invalid_grant: Invalid JWT Signature/ })
    t.match([dependency.credential, dependency.breaker.snapshot().consecutiveFailures], ['rejected', 0])
    answer = [200, { access_token: 'ya29.secret' }]
    const error: unknown = await warehouse.dataset({ signal }).catch((error: unknown) => error)
    t.match(error, { code: 'upstream_answer_invalid' })
    t.notMatch(String(error), /ya29/)
    answer = [503, {}]
    await t.rejects(timeless(clock, warehouse.dataset({ signal })), { code: 'warehouse_unavailable' })
    t.equal(server.seen.length, 0, 'BigQuery itself was never asked')
  })

  await t.test('a token endpoint that quotes what it was sent', async (t) => {
    const answers: Array<(grant: string) => string> = [String, decodeURIComponent]
    const server = await standIn(t, (request, response) => {
      json(response, 400, { error: 'invalid_grant', error_description: answers.shift()!(request.body as string) })
    })
    const user = { type: 'authorized_user', client_id: 'canary-id', client_secret: 'canary-key', refresh_token: '1//canary', token_uri: `${server.url}/token` }
    const { warehouse, signal } = await rig(t, {}, { source: 'live', credentialsFile: file(user) })
    for (let count = 0; count < 2; count++) {
      const error = await warehouse.dataset({ signal }).catch((error: unknown) => error)
      t.match(error, { code: 'warehouse_credential_rejected', message: /invalid_grant: grant_type=refresh_token&client_id=\[credential\]/ })
      t.notMatch(String(error), /canary/)
    }
  })

  await t.test('the credentials of a person', async (t) => {
    const { grants, uri } = await tokenServer(t)
    const user = { type: 'authorized_user', client_id: 'id', client_secret: 'secret', refresh_token: 'refresh', token_uri: uri }
    const { warehouse, signal } = await rig(t, {}, { source: 'live', credentialsFile: file(user) })
    await warehouse.dataset({ signal })
    t.same(Object.fromEntries(grants[0] ?? []), { grant_type: 'refresh_token', client_id: 'id', client_secret: 'secret', refresh_token: 'refresh' })
  })

  await t.test('a file that is missing or wrong says so, names the variable and shows nothing of the key', async (t) => {
    const { uri } = await tokenServer(t)
    const good = account(uri)
    const files: Array<[string | undefined, RegExp]> = [
      [undefined, /set GOOGLE_APPLICATION_CREDENTIALS/],
      [join(folder, 'none.json'), /GOOGLE_APPLICATION_CREDENTIALS names does not exist/],
      [folder, /GOOGLE_APPLICATION_CREDENTIALS names cannot be read \(EISDIR\)/]
    ]
    for (const [credentialsFile, message] of files) {
      const { warehouse, signal } = await rig(t, {}, { source: 'live', ...(credentialsFile === undefined ? {} : { credentialsFile }) })
      await t.rejects(warehouse.dataset({ signal }), { code: 'warehouse_credentials_invalid', message })
    }
    const contents: Array<[unknown, RegExp]> = [
      ['{"private_key": "SECRET', /not a JSON object/],
      [[], /not a JSON object/],
      [{ ...good, type: 'external_account' }, /"external_account": only/],
      [{ ...good, client_email: undefined }, /incomplete: client_email/],
      [{ ...good, private_key: '-----BEGIN SECRET-----' }, /no RSA key in PEM/],
      [{ ...good, token_uri: 'nowhere' }, /token_uri.*no address/]
    ]
    for (const [content, message] of contents) {
      const { warehouse, server, dependency, signal } = await rig(t, {}, { source: 'live', credentialsFile: file(content) })
      const error: unknown = await warehouse.dataset({ signal }).catch((error: unknown) => error)
      t.match(error, { code: 'warehouse_credentials_invalid', message })
      t.match(String(error), /GOOGLE_APPLICATION_CREDENTIALS/)
      t.notMatch(String(error), /SECRET|BEGIN/)
      t.same([server.seen.length, dependency.breaker.snapshot().consecutiveFailures], [0, 0])
    }
  })
})
