// The sandbox as its callers see it: a process of its own, the wire formats by our own integrations and byte by byte, and faults on request.
import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectSecurely } from 'node:tls'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startSandbox, type Sandbox } from '../../sandbox/index.ts'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createBigquery } from '../../src/integrations/bigquery/index.ts'
import { createGithub } from '../../src/integrations/github/index.ts'

const INDEX = fileURLToPath(new URL('../../sandbox/index.ts', import.meta.url))
const MAIN = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url))

type Wire = 'github_api' | 'bigquery' | 'llm'

let sandbox: Sandbox
t.before(async () => { sandbox = await startSandbox({ seed: 7, upstreams: ['github_api', 'bigquery', 'llm'], log: silentLogger }) })
t.teardown(async () => { await sandbox.close() })
t.beforeEach(async () => {
  await control('DELETE', '/_sandbox/faults')
  await control('DELETE', '/_sandbox/requests')
})

const control = async (method: string, path: string, body?: unknown): Promise<{ status: number, body: any }> => {
  const answer = await fetch(`${sandbox.addresses.control}${path}`, {
    method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) as unknown }
}

const inflict = async (fault: object): Promise<void> => {
  const { status, body } = await control('POST', '/_sandbox/faults', fault)
  if (status !== 201) throw new Error(JSON.stringify(body))
}

const TOKENS: Record<Wire, string> = { github_api: 'sandbox-token', bigquery: 'sandbox', llm: 'sandbox-key' }
const PROJECT = '/bigquery/v2/projects/royal-equips-sandbox'
const REPO = '/repos/royal-equips-sandbox/storefront'
const CHEAP: Record<Wire, string> = { github_api: REPO, bigquery: `${PROJECT}/datasets/shop`, llm: '/v1/models' }

const ask = (upstream: Wire, path = CHEAP[upstream], init: RequestInit = {}): Promise<Response> => fetch(`${sandbox.addresses[upstream]!}${path}`, {
  redirect: 'manual', ...init, headers: { authorization: `Bearer ${TOKENS[upstream]}`, 'user-agent': 'test', ...init.headers as Record<string, string> }
})

const breakersFor = (name: string) => {
  const breakers = createBreakerRegistry({ clock: systemClock })
  breakers.register(name, { label: name, configured: true, required: false })
  return breakers
}

const common = { source: 'sandbox' as const, clock: systemClock, random: () => 0.5, log: silentLogger }

const makeFolder = (t: Test): string => {
  const dir = mkdtempSync(join(tmpdir(), 'sandbox-'))
  t.teardown(() => { rmSync(dir, { recursive: true, force: true }) })
  return dir
}

/** Resolves when the peer has ended the connection. */
const ended = (socket: Socket): Promise<void> => new Promise((resolve) => {
  socket.on('error', () => {})
  socket.on('close', () => { resolve() })
  socket.resume()
})

const connected = async (origin: string): Promise<Socket> => {
  const { hostname, port } = new URL(origin)
  const socket = connect({ host: hostname, port: Number(port) })
  await once(socket, 'connect')
  return socket
}

t.test('it never starts in production, whichever variable says so', async (t) => {
  for (const name of ['NODE_ENV', 'FLASK_ENV']) {
    const before = process.env[name]
    process.env[name] = 'Production'
    try {
      await t.rejects(startSandbox({ log: silentLogger }), { message: `The sandbox never starts in production (${name}=production): its shop is generated.` })
    } finally {
      if (before === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = before
    }
    const alone = spawn(process.execPath, [MAIN], { env: { PATH: process.env['PATH'], [name]: 'production' }, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    alone.stdout.on('data', (piece: Buffer) => { said += piece.toString() })
    alone.stderr.on('data', (piece: Buffer) => { said += piece.toString() })
    const [code] = await once(alone, 'close') as [number]
    t.equal(code, 1, name)
    t.match(said, /never starts in production/)
    t.notMatch(said, /127\.0\.0\.1/)
  }
})

t.test('it ends with whoever started it, also when that one is killed', async (t) => {
  const script = `import { startSandbox } from ${JSON.stringify(INDEX)}
    const log = { debug () {}, info () {}, warn () {}, error () {} }
    const { addresses, pid } = await startSandbox({ upstreams: ['llm'], log })
    console.log(JSON.stringify({ addresses, pid }))
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(parent.stdout, 'data') as [Buffer]
  const { addresses, pid } = JSON.parse(line.toString()) as Pick<Sandbox, 'addresses' | 'pid'>
  t.not(pid, parent.pid, 'it is a process of its own')
  const socket = await connected(addresses.control)
  const gone = ended(socket)
  parent.kill('SIGKILL')
  await gone
  await t.rejects(fetch(`${addresses.control}/_sandbox`), 'nothing listens any more')
})

t.test('it ends when it is closed, and closing twice is closing once', async (t) => {
  const own = await startSandbox({ upstreams: ['llm'], log: silentLogger })
  t.same(Object.keys(own.addresses).sort(), ['control', 'elsewhere', 'llm', 'wrong_host'])
  const gone = ended(await connected(own.addresses.control))
  await Promise.all([own.close(), own.close()])
  await gone
  t.throws(() => process.kill(own.pid, 0), 'the process is gone')
})

t.test('by hand it takes a port, a seed and a script, and says what is wrong with them', async (t) => {
  const script = [{ at_ms: 0, upstream: 'llm', kind: 'status', status: 503 }, { at_ms: 3_600_000, upstream: 'llm', kind: 'reset' }]
  const dir = makeFolder(t)
  writeFileSync(join(dir, 'faults.json'), JSON.stringify(script))
  const run = (...args: string[]) => spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] })
  const good = run('--upstreams', 'llm', '--seed', '3', '--script', join(dir, 'faults.json'))
  const [line] = await once(good.stdout, 'data') as [Buffer]
  const { seed, addresses } = JSON.parse(line.toString()) as Sandbox
  t.equal(seed, 3)
  t.equal((await fetch(`${addresses.llm!}/v1/models`)).status, 503, 'the fault at 0 ms is there')
  const { faults } = await (await fetch(`${addresses.control}/_sandbox/faults`)).json() as { faults: Array<{ kind: string }> }
  t.same(faults.map(({ kind }) => kind), ['status', 'reset'])
  good.kill('SIGTERM')
  t.same(await once(good, 'exit'), [0, null], 'SIGTERM ends it in order')

  writeFileSync(join(dir, 'bad.json'), JSON.stringify([{ at_ms: 5, upstream: 'llm', kind: 'earthquake' }]))
  for (const [args, says] of [
    [['--port', 'x'], /--port is from 0 to/],
    [['--upstreams', 'ftp'], /--upstreams are some of shopify_api,github_api,bigquery,llm/],
    [['--script', join(dir, 'bad.json')], /bad\.json, entry 1: kind is one of latency, /],
    [['--script', join(dir, 'none.json')], /none\.json: ENOENT/]
  ] as const) {
    const child = run(...args)
    let stderr = ''
    child.stderr.on('data', (piece: Buffer) => { stderr += piece.toString() })
    const [code] = await once(child, 'close') as [number]
    t.equal(code, 1)
    t.match(stderr, says)
  }
})

t.test('the control API refuses what it cannot do, and pages of browsers', async (t) => {
  for (const [fault, says] of [
    [[], undefined],
    ['x', /a fault is a JSON object/],
    [{ upstream: 'llm', kind: 'earthquake' }, /kind is one of latency, too_many_requests/],
    [{ upstream: 'ftp', kind: 'reset' }, /upstream is one of/],
    [{ upstream: 'llm', kind: 'latency' }, /ms: /],
    [{ upstream: 'llm', kind: 'latency', ms: -1 }, /ms: /],
    [{ upstream: 'llm', kind: 'reset', colour: 'red' }, /colour: /],
    [{ upstream: 'llm', kind: 'throttled' }, /only shopify_api/],
    [{ upstream: 'shopify_api', kind: 'reset' }, /runs no shopify_api/]
  ] as const) {
    const { status, body } = await control('POST', '/_sandbox/faults', fault)
    t.equal(status, says === undefined ? 201 : 400, JSON.stringify(fault))
    if (says !== undefined) t.match(body.error, says)
  }
  t.equal((await control('DELETE', '/_sandbox/faults/99')).status, 404)
  t.equal((await control('GET', '/_sandbox/nothing')).status, 404)
  t.equal((await control('PUT', '/_sandbox/llm', { deltas: 0 })).status, 400)
  t.equal((await control('GET', '/_sandbox/requests?limit=x')).status, 400)
  const url = `${sandbox.addresses.control}/_sandbox/faults`
  t.equal((await fetch(url, { method: 'DELETE', headers: { origin: 'https://example.com' } })).status, 403)
  t.equal((await fetch(url, { method: 'POST', body: '{"upstream":"llm","kind":"reset"}' })).status, 400, 'a form of a page cannot set faults either')
})

t.test('GitHub: our integration reads the repository and opens an issue once', async (t) => {
  const { token, owner, repo } = sandbox.credentials.github_api
  const breakers = breakersFor('github_api')
  const { repository, upstream, close } = createGithub({ token, owner, repo, baseUrl: sandbox.addresses.github_api, breakers, ...common })
  t.teardown(close)
  const { signal } = new AbortController()
  t.match(await upstream.probe(signal), { message: /^Repository royal-equips-sandbox\/storefront answers; \d+ of 5000/, missing_scopes: [] })
  const status = await repository!.status({ signal })
  const pulls = await repository!.pullRequests({ signal })
  const issues = await repository!.issues({ signal })
  t.equal(status.open_pull_requests, pulls.items.length)
  t.equal(status.open_issues, issues.items.length)
  t.ok(pulls.items.length > 2 && issues.items.length > 4, `${pulls.items.length} pull requests, ${issues.items.length} issues`)
  t.equal((await repository!.pullRequest(pulls.items[0]!.number, { signal })).state, 'open')
  t.match(await repository!.checks({ signal }), { ref: 'main', checks: [{ name: 'lint' }, {}, {}, {}, { name: 'deploy/production' }] })
  const issue = { effect_key: 'effect 1', title: 'Stock of saddle pads is wrong', body: 'Seen twice.', labels: ['bug'] }
  const opened = await repository!.openIssue(issue, { signal })
  t.equal(opened.created, true)
  t.match(await repository!.openIssue(issue, { signal }), { number: opened.number, created: false })
  t.equal((await repository!.issues({ signal })).items.length, issues.items.length + 1, 'the sandbox remembers it')
})

t.test('GitHub: an issue whose answer was lost is found, not opened again', async (t) => {
  const { token, owner, repo } = sandbox.credentials.github_api
  const breakers = breakersFor('github_api')
  const { repository, close } = createGithub({ token, owner, repo, baseUrl: sandbox.addresses.github_api, breakers, ...common })
  t.teardown(close)
  const { signal } = new AbortController()
  const before = (await repository!.issues({ signal, state: 'all' })).items.length
  await inflict({ upstream: 'github_api', kind: 'reset', method: 'POST', after_effect: true, count: 1 })
  t.match(await repository!.openIssue({ effect_key: 'lost', title: 'Lost', body: 'x' }, { signal }), { created: true })
  t.equal((await repository!.issues({ signal, state: 'all' })).items.length, before + 1)
  const { body } = await control('GET', '/_sandbox/requests?upstream=github_api')
  t.match((body.requests as any[]).filter(({ method }) => method === 'POST'), [{ fault: 'reset', status: null, cut: true }], 'it was sent once')
})

t.test('GitHub: rate-limit headers, an unchanged answer for free, pages, and its refusals', async (t) => {
  const first = await ask('github_api')
  const remaining = Number(first.headers.get('x-ratelimit-remaining'))
  t.equal(first.headers.get('x-ratelimit-limit'), '5000')
  t.equal(first.headers.get('x-ratelimit-resource'), 'core')
  t.equal(Number(first.headers.get('x-ratelimit-used')), 5000 - remaining)
  const inAnHour = Number(first.headers.get('x-ratelimit-reset')) - Date.now() / 1000
  t.ok(inAnHour > 3000 && inAnHour <= 3602, String(inAnHour))
  const unchanged = await ask('github_api', REPO, { headers: { 'if-none-match': first.headers.get('etag')! } })
  t.equal(unchanged.status, 304)
  t.equal(await unchanged.text(), '')
  t.equal(Number(unchanged.headers.get('x-ratelimit-remaining')), remaining, 'it cost nothing')
  const limit = await ask('github_api', '/rate_limit')
  t.equal((await limit.json() as any).resources.core.remaining, remaining, 'and neither does asking')

  const numbers: number[] = []
  let pages = 0
  for (let next: string | undefined = `${REPO}/issues?state=all&per_page=5`; next !== undefined; pages++) {
    const page = await ask('github_api', next)
    numbers.push(...(await page.json() as Array<{ number: number }>).map(({ number }) => number))
    next = /<[^>]*?(\/repos[^>]*)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1]
  }
  t.ok(pages >= 5, `${pages} pages`)
  t.equal(new Set(numbers).size, numbers.length, 'none twice')

  const refusals: Array<[number, string, Promise<Response>]> = [
    [401, 'Bad credentials', ask('github_api', REPO, { headers: { authorization: 'Bearer nonsense' } })],
    [404, 'Not Found', fetch(`${sandbox.addresses.github_api!}${REPO}`)],
    [404, 'Not Found', ask('github_api', '/repos/somebody/else')],
    [403, 'Resource not accessible by personal access token',
      ask('github_api', `${REPO}/issues`, { method: 'POST', body: '{"title":"x"}', headers: { authorization: 'Bearer sandbox-read-only' } })],
    [422, 'Validation Failed', ask('github_api', `${REPO}/issues`, { method: 'POST', body: '{"title":""}' })],
    [422, 'No commit found for SHA: nowhere', ask('github_api', `${REPO}/commits/nowhere/check-runs`)],
    [400, 'Problems parsing JSON', ask('github_api', `${REPO}/issues`, { method: 'POST', body: '{' })]
  ]
  for (const [status, message, asked] of refusals) {
    const answer = await asked
    t.equal(answer.status, status, message)
    t.match(await answer.json(), { message, documentation_url: String, status: String(status) })
  }
})

const COLUMNS = [
  { name: 'day', type: 'DATE' as const, required: true },
  { name: 'net', type: 'NUMERIC' as const },
  { name: 'orders', type: 'INT64' as const },
  { name: 'note', type: 'STRING' as const },
  { name: 'at', type: 'TIMESTAMP' as const }
]
const AT = Date.parse('2026-11-24T12:00:00.123Z')

t.test('BigQuery: our integration makes a table, inserts, merges and asks', async (t) => {
  const { project_id: projectId, dataset } = sandbox.credentials.bigquery
  const { warehouse, upstream, close } = createBigquery({
    projectId, dataset, table: 'days', endpoint: sandbox.addresses.bigquery, breakers: breakersFor('bigquery'), ...common
  })
  t.teardown(close)
  const { signal } = new AbortController()
  t.ok(await upstream.probe(signal))
  t.equal(await warehouse.table({ signal }), undefined)
  t.same(await warehouse.createTable({ columns: COLUMNS, partition_by: 'day' }, { signal }), { created: true })
  t.same(await warehouse.createTable({ columns: COLUMNS }, { signal }), { created: false })
  const rows = [
    { day: '2026-11-22', net: '10.10', orders: 2, note: 'quote \' and `tick`', at: AT },
    { day: '2026-11-23', net: '0.2', orders: 1, note: null, at: AT }
  ]
  t.match(await warehouse.insert({ columns: COLUMNS, rows }, { effect_key: 'a', signal }), { rows_affected: 2, created: true })
  t.match(await warehouse.insert({ columns: COLUMNS, rows }, { effect_key: 'a', signal }), { rows_affected: 2, created: false }, 'the job of this name ran')
  await t.rejects(warehouse.insert({ columns: COLUMNS, rows: rows.slice(1) }, { effect_key: 'a', signal }), { code: 'warehouse_key_reused' })
  const merged = [
    { day: '2026-11-23', net: '0.30', orders: 3, note: 'late', at: AT },
    { day: '2026-11-24', net: '99999999999.000000001', orders: 9, note: '', at: AT }
  ]
  t.match(await warehouse.merge({ columns: COLUMNS, rows: merged, key: ['day'] }, { effect_key: 'b', signal }), { rows_affected: 2 })
  t.match(await warehouse.table({ signal }), { rows: 3, columns: [{ name: 'day', type: 'DATE', mode: 'REQUIRED' }, { name: 'net', type: 'NUMERIC' }] })

  const table = `\`${projectId}.${dataset}.days\``
  const all = await warehouse.query({ sql: `SELECT * FROM ${table} ORDER BY day DESC` }, { signal })
  t.same(all.rows, [
    { day: '2026-11-24', net: '99999999999.000000001', orders: 9, note: '', at: AT },
    { day: '2026-11-23', net: '0.3', orders: 3, note: 'late', at: AT },
    { day: '2026-11-22', net: '10.1', orders: 2, note: 'quote \' and `tick`', at: AT }
  ])
  t.ok(all.bytes_processed! > 0)
  const sums = await warehouse.query({
    sql: `SELECT orders > 2 AS busy, COUNT(*) AS n, SUM(net) AS net, AVG(orders) AS mean, MIN(day) AS first FROM ${table}
          WHERE day BETWEEN @from AND '2026-11-23' OR note LIKE 'l%' GROUP BY busy ORDER BY 1`,
    parameters: [{ name: 'from', type: 'DATE', value: '2026-11-01' }]
  }, { signal })
  t.same(sums.rows, [{ busy: false, n: 1, net: '10.1', mean: 2, first: '2026-11-22' }, { busy: true, n: 1, net: '0.3', mean: 3, first: '2026-11-23' }])
  const paged = await warehouse.query({ sql: `SELECT day FROM ${table}` }, { signal, limit: 2 })
  t.match(paged, { more: true, rows: [{}, {}] })
  t.match(await warehouse.dryRun({ sql: `SELECT net FROM ${table}` }, { signal }), { bytes_processed: 48, statement: 'SELECT', over_limit: false })
  await t.rejects(warehouse.query({ sql: `SELECT day FROM ${table}`, maximum_bytes_billed: 1_000_000 }, { signal }), { code: 'warehouse_over_limit' })
  await t.rejects(warehouse.query({ sql: 'SELECT a FROM nowhere.days' }, { signal }), { code: 'warehouse_not_found' })
  const nonsense = [
    'SELECT nothing FROM shop.days', 'SELECT day FROM shop.days d JOIN x', 'SELECT 1 +', 'SELECT note + 1 FROM shop.days', 'WITH a AS (SELECT 1) SELECT 1'
  ]
  for (const sql of nonsense) {
    await t.rejects(warehouse.query({ sql }, { signal }), { code: 'warehouse_invalid_query', reason: 'invalidQuery' }, sql)
  }
})

t.test('BigQuery: its refusals, a name for one job, and a token for a signed assertion', async (t) => {
  const insert = (jobId: string): Promise<Response> => ask('bigquery', `${PROJECT}/jobs`, {
    method: 'POST', body: JSON.stringify({ jobReference: { jobId, location: 'EU' }, configuration: { query: { query: 'SELECT 1', useLegacySql: false } } })
  })
  t.match(await (await insert('twice')).json(), { status: { state: 'RUNNING' }, jobReference: { jobId: 'twice' } })
  const second = await insert('twice')
  t.equal(second.status, 409)
  t.match(await second.json(), { error: { code: 409, status: 'ALREADY_EXISTS', errors: [{ reason: 'duplicate', domain: 'global' }] } })
  for (const [asked, status, reason] of [
    [fetch(`${sandbox.addresses.bigquery!}${CHEAP.bigquery}`), 401, 'required'],
    [ask('bigquery', CHEAP.bigquery, { headers: { authorization: 'Bearer old' } }), 401, 'authError'],
    [ask('bigquery', '/bigquery/v2/projects/other/datasets/shop'), 403, 'accessDenied'],
    [ask('bigquery', `${PROJECT}/datasets/none`), 404, 'notFound'],
    [ask('bigquery', `${PROJECT}/jobs/none`), 404, 'notFound'],
    [ask('bigquery', `${PROJECT}/queries`, { method: 'POST', body: '{"query":"DROP TABLE x","useLegacySql":false}' }), 400, 'invalidQuery']
  ] as const) {
    const answer = await asked
    t.equal(answer.status, status, reason)
    t.match(await answer.json(), { error: { code: status, message: String, errors: [{ reason }] } })
  }

  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const file = join(makeFolder(t), 'key.json')
  writeFileSync(file, JSON.stringify({
    type: 'service_account',
    client_email: 'robot@royal-equips-sandbox.iam.gserviceaccount.com',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: `${sandbox.addresses.bigquery!}/token`
  }))
  const { project_id: projectId, dataset } = sandbox.credentials.bigquery
  const live = createBigquery({
    projectId, dataset, credentialsFile: file, endpoint: sandbox.addresses.bigquery, breakers: breakersFor('bigquery'), ...common, source: 'live'
  })
  t.teardown(live.close)
  t.match(await live.warehouse.dataset({ signal: new AbortController().signal }), { location: 'EU' }, 'the whole way of a service account')
  const form = (fields: Record<string, string>) => fetch(`${sandbox.addresses.bigquery!}/token`, { method: 'POST', body: new URLSearchParams(fields) })
  t.match(await (await form({ grant_type: 'password' })).json(), { error: 'unsupported_grant_type' })
  t.match(await (await form({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: 'a.b.c' })).json(), { error: 'invalid_grant' })
})

const offered = (name: string, description: string, parameters: object) => ({ type: 'function', function: { name, description, parameters } })
const TOOLS = [
  offered('shop_summary', 'Tells how the shop is doing on a day: orders, net sales.', { type: 'object', properties: { day: { type: 'string' } } }),
  offered('orders_needing_attention', 'Lists orders that a person has to look at.',
    { type: 'object', properties: { limit: { type: 'integer', minimum: 1, maximum: 50 } } }),
  offered('run_agent', 'Starts a run of an agent.', { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] })
]

const chat = (body: object, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> => ask('llm', '/v1/chat/completions', {
  method: 'POST', body: JSON.stringify({ model: 'sandbox-rules-1', ...body }), headers, ...(signal === undefined ? {} : { signal })
})
const user = (content: string) => ({ role: 'user', content })

/** Chunks of a streamed answer; fails the test when the stream is not exactly data lines and [DONE]. */
const chunksOf = async (t: Test, answer: Response): Promise<any[]> => {
  t.equal(answer.status, 200)
  t.match(answer.headers.get('content-type'), /^text\/event-stream/)
  const events = (await answer.text()).split('\n\n')
  t.equal(events.pop(), '')
  t.equal(events.pop(), 'data: [DONE]')
  return events.map((event) => JSON.parse(event.replace(/^data: /, '')) as unknown)
}

t.test('the model: calls the tools that fit the words, its arguments split over chunks', async (t) => {
  const chunks = await chunksOf(t, await chat({
    messages: [user('How is the shop doing today, and which 5 orders need me?')], tools: TOOLS, stream: true, stream_options: { include_usage: true }
  }))
  t.ok(chunks.every(({ object, model }) => object === 'chat.completion.chunk' && model === 'sandbox-rules-1'))
  t.equal(new Set(chunks.map(({ id }) => id as string)).size, 1)
  t.same(chunks[0].choices, [{ index: 0, delta: { role: 'assistant', content: null, refusal: null }, logprobs: null, finish_reason: null }])
  interface Delta { index: number, id?: string, function: { name?: string, arguments: string } }
  const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []) as Delta[]
  const calls = [0, 1].map((index) => {
    const parts = deltas.filter((delta) => delta.index === index)
    t.ok(parts.length > 2, 'in several chunks')
    t.match(parts[0], { id: /^call_/, type: 'function', function: { name: String, arguments: '' } })
    return [parts[0]!.function.name, JSON.parse(parts.map((part) => part.function.arguments).join(''))]
  })
  t.same(calls, [['shop_summary', { day: new Date().toISOString().slice(0, 10) }], ['orders_needing_attention', { limit: 5 }]])
  t.same(chunks.at(-2).choices, [{ index: 0, delta: {}, logprobs: null, finish_reason: 'tool_calls' }])
  t.same(chunks.at(-1).choices, [])
  const { prompt_tokens: read, completion_tokens: written, total_tokens: total } = chunks.at(-1).usage
  t.equal(total, read + written)
  t.ok(chunks.slice(0, -1).every(({ usage }) => usage === null))
})

t.test('the model: writes the figures of the tools as they are, and says what it is', async (t) => {
  const called = [{ id: 'call_1', type: 'function', function: { name: 'shop_summary', arguments: '{}' } }]
  const data = { source: 'sandbox', today: { net: '4310.20', orders: 23 }, top: [{ title: 'Saddle pad', units: 7 }], note: null }
  const messages = [
    user('How is the shop doing?'),
    { role: 'assistant', content: null, tool_calls: called },
    { role: 'tool', tool_call_id: 'call_1', content: JSON.stringify({ tool: 'shop_summary', ok: true, data }) }
  ]
  const whole = await (await chat({ messages, tools: TOOLS })).json() as any
  t.match(whole, { object: 'chat.completion', model: 'sandbox-rules-1', choices: [{ finish_reason: 'stop', message: { role: 'assistant' } }] })
  const { content } = whole.choices[0].message
  t.match(content, /^I am sandbox-rules-1: no language model/)
  const lines = [
    'shop_summary:', '- source: sandbox', '- today net: 4310.20', '- today orders: 23', '- top (1):', '  1. title Saddle pad; units 7', '- note: none'
  ]
  t.equal(content.split('\n\n')[1], lines.join('\n'))
  const chunks = await chunksOf(t, await chat({ messages, tools: TOOLS, stream: true }))
  t.equal(chunks.map(({ choices }) => choices[0].delta.content ?? '').join(''), content, 'streamed, it is the same')
  t.notOk(chunks.some((chunk) => 'usage' in chunk), 'no usage unless asked for')

  const said = async (body: object) => (await (await chat(body)).json() as any).choices[0].message
  const failed = { role: 'tool', tool_call_id: 'call_1', content: '{"tool":"shop_summary","ok":false,"error":"Shopify is cut off."}' }
  t.match((await said({ messages: [...messages.slice(0, 2), failed] })).content, /It failed: Shopify is cut off\./)
  const answers = (content: string, more: object = {}) => said({ messages: [user(content)], tools: TOOLS, ...more })
  t.match((await answers('Sing a song')).content, /None of your words fits one\. I have: shop_summary, orders_needing_attention, run_agent\./)
  t.match((await answers('agent run')).content, /run_agent needs name/)
  t.match((await answers('run the watchdog agent')).tool_calls, [{ function: { name: 'run_agent', arguments: '{"name":"watchdog"}' } }])
  t.match((await answers('How is the shop?', { tool_choice: 'none' })).content, /I have no answer/)
  t.equal((await (await chat({ messages, max_tokens: 3 })).json() as any).choices[0].finish_reason, 'length')
})

t.test('the model: its refusals, its pace, and a caller that leaves', async (t) => {
  for (const [asked, status, fits] of [
    [fetch(`${sandbox.addresses.llm!}/v1/models`), 401, { message: /You didn't provide an API key/, type: 'invalid_request_error' }],
    [ask('llm', '/v1/models', { headers: { authorization: 'Bearer sk-1' } }), 401, { code: 'invalid_api_key' }],
    [chat({ model: 'gpt-4o-mini', messages: [user('x')] }), 404, { code: 'model_not_found' }],
    [chat({}), 400, { param: 'messages' }],
    [chat({ messages: [{ role: 'tool', tool_call_id: 'call_9', content: '1' }] }), 400, { message: /must be a response to a preceding message/ }],
    [chat({ messages: [user('x')], stream_options: {} }), 400, { param: 'stream_options' }],
    [chat({ messages: [user('x')] }, { 'x-sandbox-pace': 'deltas=x' }), 400, { message: /x-sandbox-pace: deltas: / }]
  ] as const) {
    const answer = await asked
    t.equal(answer.status, status)
    t.match(await answer.json(), { error: fits })
  }
  t.match(await (await ask('llm', '/v1/models')).json(), { object: 'list', data: [{ id: 'sandbox-rules-1', object: 'model' }] })

  const begun = performance.now()
  const chunks = await chunksOf(t, await chat({ messages: [user('x')], stream: true }, { 'x-sandbox-pace': 'first_ms=60, every_ms=2, deltas=10' }))
  t.ok(performance.now() - begun >= 60 + 9 * 2 - 1, 'it takes its time')
  t.equal(chunks.map(({ choices }) => choices[0].delta.content ?? '').filter((text) => text !== '').length, 10)

  t.match((await control('PUT', '/_sandbox/llm', { first_ms: 3_600, deltas: 5 })).body, { first_ms: 3_600, every_ms: 5, deltas: 5 })
  t.teardown(() => control('PUT', '/_sandbox/llm', {}))
  const leaving = new AbortController()
  const left = chat({ messages: [user('x')], stream: true }, {}, leaving.signal)
  await received('llm', ({ status, ended_at: end }) => status === null && end === null)
  leaving.abort()
  await t.rejects(left)
  t.match(await received('llm', ({ cut }) => cut), { status: null, ended_at: Number }, 'the log says when')
})

/** The request that fits, as soon as the sandbox has it in its log. */
const received = async (upstream: string, fits: (entry: any) => boolean): Promise<any> => {
  for (;;) {
    const { body } = await control('GET', `/_sandbox/requests?upstream=${upstream}`)
    const found = (body.requests as any[]).findLast(fits)
    if (found !== undefined) return found
  }
}

t.test('each fault is what it says', async (t) => {
  const once = async (upstream: Wire, fault: object, init: RequestInit = {}): Promise<Response> => {
    await inflict({ upstream, count: 1, ...fault })
    return await ask(upstream, CHEAP[upstream], init)
  }

  for (const upstream of ['github_api', 'bigquery', 'llm'] as const) {
    const seconds = await once(upstream, { kind: 'too_many_requests', seconds: 7 })
    t.equal(seconds.status, 429)
    t.equal(seconds.headers.get('retry-after'), '7')
    t.match(await seconds.text(), /rate.?limit/i)
    const dated = await once(upstream, { kind: 'too_many_requests', retry_after: 'date', seconds: 60 })
    const wait = Date.parse(dated.headers.get('retry-after')!) - Date.now()
    t.ok(wait > 58_000 && wait <= 61_000, String(wait))
    const garbled = await once(upstream, { kind: 'too_many_requests', retry_after: 'garbage' })
    t.ok(Number.isNaN(Number(garbled.headers.get('retry-after'))) && Number.isNaN(Date.parse(garbled.headers.get('retry-after')!)))
    t.equal((await once(upstream, { kind: 'too_many_requests', retry_after: 'none' })).headers.get('retry-after'), null)
    const broken = await once(upstream, { kind: 'status' })
    t.equal(broken.status, 500)
    t.type(await broken.json(), 'object')

    await t.rejects(once(upstream, { kind: 'reset' }), { cause: { code: 'ECONNRESET' } })
    const begun = performance.now()
    t.equal((await once(upstream, { kind: 'latency', ms: 50 })).status, 200)
    t.ok(performance.now() - begun >= 49)
    await t.rejects(once(upstream, { kind: 'silent' }, { signal: AbortSignal.timeout(80) }), { name: 'TimeoutError' })

    for (const form of ['json', 'bytes']) {
      const garbage = await once(upstream, { kind: 'garbage', form })
      t.equal(garbage.status, 200)
      await t.rejects(garbage.json(), SyntaxError)
    }
    t.match((await once(upstream, { kind: 'garbage', form: 'html' })).headers.get('content-type'), /^text\/html/)
    for (const form of ['length', 'chunked']) {
      const cut = await once(upstream, { kind: 'truncated', form })
      t.equal(cut.status, 200)
      t.equal(cut.headers.has('content-length'), form === 'length')
      await t.rejects(cut.text(), { message: /terminated/ }, `${upstream} ${form}`)
    }
    const dripping = await once(upstream, { kind: 'drip', ms: 5 })
    const reader = dripping.body!.getReader()
    const { value } = await reader.read()
    t.ok(value!.length < Number(dripping.headers.get('content-length')) / 2, `${value!.length} bytes at first`)
    await reader.cancel()

    const moved = await once(upstream, { kind: 'redirect' })
    t.equal(moved.status, 302)
    t.ok(moved.headers.get('location')?.startsWith(sandbox.addresses.elsewhere))
    t.equal((await ask(upstream)).status, 200, 'and after that all is well')
  }

  let bytes = 0
  const flood = await once('llm', { kind: 'flood', megabytes: 20 })
  for await (const piece of flood.body as unknown as AsyncIterable<Uint8Array>) bytes += piece.length
  t.ok(bytes >= 20_000_000, `${bytes} bytes`)
})

t.test('a stream can be cut in the middle of its answer', async (t) => {
  await inflict({ upstream: 'llm', kind: 'truncated', form: 'chunked', after_bytes: 900 })
  const answer = await chat({ messages: [user('x')], stream: true }, { 'x-sandbox-pace': 'deltas=50' })
  let text = ''
  await t.rejects((async () => { for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) text += piece })())
  t.equal(text.length, 900)
  t.match(text, /"content":"delta 1 of 50, "/)
})

t.test('a certificate for another host, from an authority that is trusted', async (t) => {
  const { body } = await control('GET', '/_sandbox/certificate')
  const port = Number(new URL(sandbox.addresses.wrong_host.llm!).port)
  const failure = async (options: object): Promise<string | undefined> => {
    const socket = connectSecurely({ port, host: '127.0.0.1', servername: 'localhost', ...options })
    const [error] = await once(socket, 'error') as [NodeJS.ErrnoException]
    return error.code
  }
  t.equal(await failure({ ca: body.pem }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(await failure({}), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  const trusting = connectSecurely({ port, host: '127.0.0.1', servername: body.host, ca: body.pem })
  await once(trusting, 'secureConnect')
  t.equal(trusting.authorized, true, 'for its own host it is a good one')
  trusting.destroy()
  t.match((await control('GET', '/_sandbox')).body.requests.llm, { tls_connections: 3, total: 0 })
})

t.test('faults end by count, by time and by hand; chance is the same with the same seed', async (t) => {
  const statuses = async (times: number, address = sandbox.addresses.llm!): Promise<number[]> => {
    const list: number[] = []
    for (let n = 0; n < times; n++) list.push((await fetch(`${address}/v1/models`, { headers: { authorization: 'Bearer sandbox-key' } })).status)
    return list
  }
  await inflict({ upstream: 'llm', kind: 'status', status: 503, count: 2 })
  t.same(await statuses(3), [503, 503, 200])
  await inflict([{ upstream: 'llm', kind: 'status', status: 503, path: '/v1/chat' }, { upstream: 'github_api', kind: 'status' }])
  t.same(await statuses(1), [200], 'neither another path nor another upstream')
  await control('DELETE', '/_sandbox/faults')
  await inflict({ upstream: 'llm', kind: 'status', for_ms: 1 })
  // Until it is over: a request cannot be answered in less time than passes.
  while ((await statuses(1))[0] !== 200);
  t.same((await control('GET', '/_sandbox/faults')).body.faults, [])
  const { body } = await control('POST', '/_sandbox/faults', { upstream: 'llm', kind: 'status' })
  t.equal((await control('DELETE', `/_sandbox/faults/${String(body.id)}`)).status, 204)

  const runs = await Promise.all([1, 2].map(async () => {
    const own = await startSandbox({ seed: 42, upstreams: ['llm'], log: silentLogger })
    await fetch(`${own.addresses.control}/_sandbox/faults`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"upstream":"llm","kind":"status","probability":0.5}'
    })
    const list = await statuses(30, own.addresses.llm!)
    await own.close()
    return list
  }))
  t.same(runs[0], runs[1])
  t.equal(new Set(runs[0]).size, 2, 'some were hit and some not')
})

t.test('the log of requests: what came while it was told to wait, what was cut, and who followed a redirect', async (t) => {
  await inflict({ upstream: 'github_api', kind: 'too_many_requests', seconds: 30, count: 1 })
  await ask('github_api')
  const { at } = await received('github_api', ({ ended_at: end }) => end !== null)
  let last
  do last = await (await ask('github_api')).status && await received('github_api', ({ ended_at: end }) => end !== null)
  while (last.at < at + 150)
  const { body } = await control('GET', '/_sandbox/requests?upstream=github_api')
  t.match(body.requests[0], { method: 'GET', path: REPO, fault: 'too_many_requests', status: 429, cut: false, inside_wait: false })
  t.equal(last.inside_wait, true, 'told to wait 30 s and came after 150 ms')
  t.ok(body.counts.github_api.inside_wait >= 1)
  await control('DELETE', '/_sandbox/requests')
  await ask('github_api')
  t.match((await control('GET', '/_sandbox/requests')).body.counts.github_api, { total: 1, inside_wait: 0 }, 'cleared, and the wait with it')

  await inflict({ upstream: 'llm', kind: 'redirect', count: 1 })
  await ask('llm', CHEAP.llm, { redirect: 'follow' })
  t.match(await received('elsewhere', () => true), { method: 'GET', path: '/v1/models' })
})

t.test('the shop: its books, its scopes, its tokens, and a throttled query', async (t) => {
  const own = await startSandbox({ seed: 7, upstreams: ['shopify_api'], log: silentLogger })
  t.teardown(() => own.close())
  const send = async (method: string, path: string, body?: object) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const answer = await fetch(own.addresses.control + path, { method, ...init })
    return { status: answer.status, body: answer.status === 204 ? undefined : await answer.json() as any }
  }
  const { access_token: token, client_id: id, client_secret: secret } = own.credentials.shopify_api
  const query = async (text: string, as: string = token) => {
    const headers = { 'content-type': 'application/json', 'x-shopify-access-token': as }
    const url = `${own.addresses.shopify_api!}/admin/api/2026-10/graphql.json`
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query: text }) })
    return { status: answer.status, body: await answer.json() as any }
  }
  t.match((await query('{ shop { name } }')).body, { data: { shop: { name: 'Royal Equips' } } })
  t.equal((await query('{ shop { name } }', 'shpat_other')).status, 401)

  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret })
  const answer = await fetch(`${own.addresses.shopify_api!}/admin/oauth/access_token`, { method: 'POST', body: form })
  const exchanged = await answer.json() as { access_token: string }
  t.equal((await query('{ shop { name } }', exchanged.access_token)).status, 200)
  t.equal((await send('PUT', '/_sandbox/shop', { revoke_tokens: true })).status, 200)
  t.equal((await query('{ shop { name } }', exchanged.access_token)).status, 401, 'the token was taken back')

  const change = { frozen: true, scopes: ['read_products'] }
  t.match((await send('PUT', '/_sandbox/shop', change)).body, { ...change, as_of: String })
  t.match((await query('{ orders(first: 1) { nodes { id } } }')).body.errors, [{ extensions: { code: 'ACCESS_DENIED' } }])
  const books = await send('GET', '/_sandbox/ledger')
  t.equal(books.body.seed, 7)
  t.ok(books.body.counts.orders > 20_000)
  t.same((await send('GET', '/_sandbox/ledger')).body, books.body, 'frozen, the books stand still')
  t.equal((await send('GET', '/_sandbox/report')).body.as_of, books.body.as_of)
  t.ok(Object.keys((await send('GET', '/_sandbox/truth')).body.demand).length > 500)
  t.equal((await send('GET', '/_sandbox/ledger?from=x')).status, 400)
  t.equal((await send('PUT', '/_sandbox/shop', { frozen: 'yes' })).status, 400)
  t.match((await control('GET', '/_sandbox/ledger')), { status: 400, body: { error: /runs no shopify_api/ } })

  await send('POST', '/_sandbox/faults', { upstream: 'shopify_api', kind: 'throttled', wait_ms: 60_000, count: 1 })
  t.match((await query('{ shop { name } }')).body, {
    errors: [{ extensions: { code: 'THROTTLED' } }],
    extensions: { cost: { requestedQueryCost: 6_000, throttleStatus: { currentlyAvailable: 0, restoreRate: 100 } } }
  })
})

t.test('an open connection sees nothing of a fault on another upstream', async (t) => {
  await inflict({ upstream: 'llm', kind: 'silent' })
  t.equal((await ask('bigquery')).status, 200)
  t.equal((await ask('github_api')).status, 200)
})
