// The doctor: what it says of each integration, to whom, and the command of the same name.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { integrationFacts, loadConfig } from '../src/config/index.ts'
import { createBreakerRegistry } from '../src/core/breaker-registry.ts'
import { createDoctor } from '../src/core/doctor.ts'
import { renderDoctor } from '../src/core/doctor-text.ts'
import { silentLogger } from '../src/core/log.ts'
import { ModelError } from '../src/core/language-model.ts'
import { Probes } from '../src/core/probes.ts'
import { inspectSqliteFile, openStore } from '../src/store/index.ts'
import { buildTestApp } from './helpers/app.ts'
import { asker } from './helpers/api-document.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { puppetUpstream, well } from './helpers/puppet-upstream.ts'

const NAMES = ['shopify_api', 'bigquery', 'github_api', 'llm'] as const
const SECRET = 'canary0123456789'
const CONFIGURED = {
  SHOPIFY_STORE: 'my-shop',
  SHOPIFY_GRAPHQL_TOKEN: `shpat_${SECRET}`,
  BIGQUERY_PROJECT_ID: 'project-1',
  BIGQUERY_DATASET: 'sales',
  GITHUB_TOKEN: `ghp_${SECRET}`,
  OPENAI_API_KEY: `sk-${SECRET}`
}

/** A doctor whose upstreams are puppets, all of them well. */
const setup = (t: Test, environment: Record<string, string> = CONFIGURED) => {
  const { config, origins, warnings } = loadConfig({ NODE_ENV: 'testing', ...environment })
  const clock = new FakeClock(1_790_000_000_000)
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  const facts = integrationFacts(config, origins)
  const puppets = new Map(NAMES.map((name) => [name, puppetUpstream(name, () => breakers)]))
  for (const { name, configured } of facts) breakers.register(name, { label: name, configured, required: false })
  const upstreams = [...puppets.values()].filter((puppet) => facts.some(({ name, configured }) => configured && name === puppet.name))
  const probes = new Probes({ upstreams, breakers, clock, random: () => 0.5, log: silentLogger, scrub: String, intervalMs: 30_000 })
  t.teardown(() => { probes.stop() })
  const doctor = createDoctor({
    about: { service: 'Royal', version: '3', profile: 'testing', node: '24', sandbox: { mode: 'off', upstreams: [] }, warnings },
    integrations: facts,
    breakers,
    probes,
    store: async () => inspectSqliteFile(':memory:'),
    clock
  })
  const of = async (name: typeof NAMES[number]) => (await doctor.examine()).integrations.find((one) => one.name === name)!
  return { doctor, breakers, puppets, of, clock, puppet: (name: typeof NAMES[number]) => puppets.get(name)! }
}

t.test('all is well', async (t) => {
  const { doctor, puppets } = setup(t)
  const report = await doctor.examine()
  t.equal(report.ok, true)
  t.strictSame(report.integrations.map(({ name, state, source, credential, fix }) => [name, state, source, credential, fix]),
    NAMES.map((name) => [name, 'works', 'live', 'accepted', null]))
  t.strictSame(report.integrations[0]!.settings, [
    { setting: 'SHOP_NAME', variable: 'SHOPIFY_STORE', value: 'my-shop' },
    { setting: 'SHOPIFY_ACCESS_TOKEN', variable: 'SHOPIFY_GRAPHQL_TOKEN', value: 'shpat_… (22 characters)' }
  ])
  const both = JSON.stringify(report) + renderDoctor(report)
  t.notMatch(both, SECRET, 'no secret in either form')
  t.match(renderDoctor(report), /SHOPIFY_ACCESS_TOKEN {2}from SHOPIFY_GRAPHQL_TOKEN {2}shpat_… \(22 characters\)/)
  t.match(renderDoctor(report), /Whatever is configured works\.\n$/)
  await Promise.all([doctor.examine(), doctor.examine(), doctor.examine()])
  t.strictSame([...puppets.values()].map(({ calls }) => calls), [2, 2, 2, 2], 'asked afresh, and once for all who ask at a time')
})

t.test('nothing configured is in order; half of it is not', async (t) => {
  const { doctor } = setup(t, {})
  const report = await doctor.examine()
  t.equal(report.ok, true)
  for (const one of report.integrations) t.match(one, { state: 'not_configured', source: null, live_test: null, fix: /^Optional\. To use it, set [A-Z_]+/ })
  t.match(report.integrations[0]!.fix, 'set SHOP_NAME and SHOPIFY_ACCESS_TOKEN.')

  for (const [environment, name, missing] of [
    [{ SHOPIFY_SHOP_URL: 'my-shop' }, 'shopify_api', 'SHOPIFY_ACCESS_TOKEN'],
    [{ SHOPIFY_STORE: 'x', SHOPIFY_API_KEY: 'id' }, 'shopify_api', 'SHOPIFY_API_SECRET'],
    [{ BIGQUERY_DATASET: 'x' }, 'bigquery', 'BIGQUERY_PROJECT_ID']
  ] as const) {
    const { doctor, of } = setup(t, environment)
    t.match(await of(name), { state: 'incomplete', missing_settings: [missing], fix: new RegExp(`^Set ${missing} as well\\.`) })
    t.equal((await doctor.examine()).ok, false)
  }
  for (const environment of [{ OPENAI_MODEL: 'x' }, { BIGQUERY_TABLE: 'x' }, { GITHUB_REPO_OWNER: 'x' }] as Array<Record<string, string>>) {
    t.equal((await setup(t, environment).doctor.examine()).ok, true, 'the deployment files of the old service set these alone')
  }
})

t.test('each fault has its remedy, with the variables that were read', async (t) => {
  const rejected = { verdict: { kind: 'success', credential: 'rejected' } } as const
  const fault = (code: string, message = 'It says no.') => Object.assign(new Error(message), { code })
  const cases = [
    ['shopify_api', { ...rejected, error: fault('shop_credentials_rejected') }, /^shopify_api does not accept SHOPIFY_GRAPHQL_TOKEN\. Install an app/],
    ['shopify_api', fault('shop_access_denied', 'It needs read_orders.'), /^The credential in SHOPIFY_GRAPHQL_TOKEN lacks a right\. It needs read_orders\./],
    ['shopify_api', fault('upstream_unreachable'), /^shopify-api\.example cannot be reached .* check SHOPIFY_STORE, its name service/],
    ['bigquery', fault('warehouse_not_found'), /^Check BIGQUERY_PROJECT_ID and BIGQUERY_DATASET, /],
    ['bigquery', fault('warehouse_credentials_invalid'), /^bigquery needs GOOGLE_APPLICATION_CREDENTIALS, which is not set\. Give a service account/],
    ['github_api', fault('upstream_redirected'), /^What answers at github-api\.example is not what was expected .* GITHUB_REPO_OWNER and GITHUB_REPO_NAME/],
    ['github_api', fault('upstream_timeout'), /without answering in time/],
    ['llm', { ...rejected, error: new ModelError('key_rejected', 'its key was rejected') }, /^llm does not accept OPENAI_API_KEY\. Put a key/],
    ['llm', new ModelError('refused', 'unknown model'), /check OPENAI_BASE_URL and OPENAI_MODEL\.$/],
    ['llm', new TypeError('canary of ours'), /See the message, and the log for more/]
  ] as const
  for (const [name, answer, fix] of cases) {
    const { doctor, of, puppet } = setup(t)
    puppet(name).answer = answer as Error
    const one = await of(name)
    t.match(one, { state: 'broken', live_test: { passed: false, code: /^[a-z_]+$/ }, fix })
    t.notMatch(JSON.stringify(one), 'canary of ours')
    const report = await doctor.examine()
    t.equal(report.ok, false)
    t.match(renderDoctor(report), /DOES NOT WORK[^]*To do: [^]*Something that is configured does not work/)
  }
})

t.test('missing scopes: it works in part, and that is no fault', async (t) => {
  const { doctor, of, puppet } = setup(t)
  puppet('shopify_api').answer = well({ missing_scopes: ['write_orders', 'read_discounts'] })
  t.match(await of('shopify_api'), {
    state: 'limited',
    missing_scopes: ['write_orders', 'read_discounts'],
    fix: 'Grant write_orders and read_discounts to the credential in SHOPIFY_GRAPHQL_TOKEN'
  })
  t.equal((await doctor.examine()).ok, true)
})

t.test('what answers and is set up oddly works, with advice', async (t) => {
  const { doctor, of, puppet } = setup(t)
  puppet('llm').answer = well({ advice: 'Set OPENAI_MODEL to a model that it has.' })
  t.match(await of('llm'), { state: 'works', live_test: { passed: true }, fix: 'Set OPENAI_MODEL to a model that it has.' })
  const report = await doctor.examine()
  t.equal(report.ok, true)
  t.match(renderDoctor(report), /To do: Set OPENAI_MODEL to a model that it has\./)
})

t.test('where nothing is sent, it says why and what will happen', async (t) => {
  const { breakers, of, puppet, clock } = setup(t)
  const { breaker, gate } = breakers.get('github_api')
  breaker.force('forced_open')
  t.match(await of('github_api'), { state: 'broken', circuit_breaker: 'forced_open', fix: /POST \/circuit-breakers\/github_api with \{"action":"reset"\}/ })
  breaker.reset()
  gate.close(clock.monotonic() + 12_000)
  t.match(await of('github_api'), { live_test: { code: 'dependency_throttled' }, fix: /calls are tried again in 12 s/ })
  t.equal(puppet('github_api').calls, 0)
})

t.test('a sandbox is not told to get a key', async (t) => {
  const app = await appOf(t, {}, (breakers) => [puppetUpstream('shopify_api', breakers, 'sandbox')])
  const { data } = await (await asker(app)).ask(t, { url: '/doctor' })
  t.match(data, { ok: true, sandbox: { upstreams: ['shopify_api'] } })
  t.match(data.integrations[0], { state: 'works', source: 'sandbox', missing_settings: ['SHOP_NAME', 'SHOPIFY_ACCESS_TOKEN'], fix: null })
})

type Puppets = (breakers: () => ReturnType<typeof createBreakerRegistry>) => ReturnType<typeof puppetUpstream>[]

const appOf = async (t: Test, environment: Record<string, string> = {}, make: Puppets = () => []) => {
  const list = make(() => app.breakers)
  const { app } = await buildTestApp(t, environment, { upstreams: { list } })
  return app
}

t.test('GET /doctor: JSON or text, at both prefixes', async (t) => {
  const app = await appOf(t, { GITHUB_TOKEN: `ghp_${SECRET}`, PORT: '0' }, (breakers) => [puppetUpstream('github_api', breakers)])
  const { ask } = await asker(app)
  for (const url of ['/doctor', '/api/doctor']) {
    for (const accept of ['*/*', 'application/json', 'text/html']) {
      const { statusCode, data, headers } = await ask(t, { url, headers: { accept } })
      t.match([statusCode, headers['cache-control']], [200, 'no-store'])
      t.match(data, { ok: true, timestamp: /Z$/, profile: 'testing', store: { engine: 'sqlite', path: ':memory:', writable: true } })
      t.strictSame(data.integrations.map(({ name, state }: any) => [name, state]),
        [['shopify_api', 'not_configured'], ['bigquery', 'not_configured'], ['github_api', 'works'], ['llm', 'not_configured']])
    }
    const text = await ask(t, { url, headers: { accept: 'text/plain' } })
    t.match(text, { statusCode: 200, headers: { 'content-type': /^text\/plain/ } })
    t.match(text.body, /^Royal Equips Orchestrator .*\nStore: sqlite at :memory:: a durable write took/)
    t.notMatch(text.body, SECRET)
  }
})

t.test('GET /doctor: for callers on the machine alone, except in development', async (t) => {
  const app = await appOf(t, { TRUST_PROXY: '10.0.0.0/8' })
  const status = async (remoteAddress: string, headers: Record<string, string> = {}, to = app) => {
    const answer = await to.inject({ url: '/doctor', remoteAddress, headers: { host: '127.0.0.1:10000', ...headers } })
    if (answer.statusCode !== 200) {
      t.match(answer.json(), { error: 'Forbidden', status_code: 403, code: 'local_callers_only', path: '/doctor', message: /\S/, request_id: /\S/ })
      t.notMatch(answer.body, /integrations|SHOP/)
    }
    return answer.statusCode
  }
  for (const address of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1']) t.equal(await status(address), 200, address)
  for (const host of ['localhost', 'LOCALHOST:10000', '[::1]:10000']) t.equal(await status('127.0.0.1', { host }), 200, host)
  for (const address of ['10.0.0.5', '192.168.1.7', '203.0.113.9', '2001:db8::1', '::ffff:10.0.0.5']) t.equal(await status(address), 403, address)
  for (const host of ['shop.example.com', 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.1@evil.example']) {
    t.equal(await status('127.0.0.1', { host }), 403, `a name that leads here: ${host}`)
  }
  for (const header of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'Via', 'X-Forwarded-Host']) {
    t.equal(await status('127.0.0.1', { [header]: '127.0.0.1' }), 403, `a proxy in front: ${header}`)
  }
  t.equal(await status('10.0.0.5', { 'x-forwarded-for': '127.0.0.1' }), 403, 'a proxy that is believed')

  const folder = folderOf(t)
  const development = await appOf(t, { NODE_ENV: 'development', LOG_LEVEL: 'silent', DATA_DIR: folder, BACKGROUND_WORK: 'false' })
  t.equal(await status('192.168.1.7', { host: 'shop.lan' }, development), 200)
})

const folderOf = (t: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

t.test('the place of the store, without opening it', async (t) => {
  const file = join(folderOf(t), 'deep', 'orchestrator.sqlite')
  t.match(inspectSqliteFile(file), { writable: true, message: /not there yet/ })
  const store = await openStore({ file })
  t.match(inspectSqliteFile(file), { writable: null, message: /another process is using it/ })
  await store.close()
  t.match(inspectSqliteFile(file), { writable: true, message: /a write beside it took \d/ })
  t.match(inspectSqliteFile('/proc/orchestrator.sqlite'), { writable: false, message: /DATA_DIR/ })
  t.match(inspectSqliteFile(':memory:'), { writable: null })
})

/** Runs the command away from any .env file. */
const run = async (t: Test, environment: Record<string, string>, ...options: string[]) => {
  const cwd = folderOf(t)
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'bin', 'doctor.ts'), ...options], {
    cwd, env: { PATH: process.env['PATH'], ...environment }, stdio: ['ignore', 'pipe', 'pipe']
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => { text += piece })
  const [code] = await once(child, 'close') as [number]
  return { code, text }
}

/** A model server that knows one key. */
const modelServer = async (t: Test): Promise<string> => {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const known = request.headers.authorization === 'Bearer good-key'
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' })
    response.end(JSON.stringify(known ? { object: 'list', data: [{ id: 'm', object: 'model' }] } : { error: { message: `Incorrect API key: ${SECRET}` } }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

t.test('npm run doctor', { timeout: 60_000 }, async (t) => {
  const OPENAI_BASE_URL = await modelServer(t)
  const [nothing, good, bad, wrong, help] = await Promise.all([
    run(t, {}),
    run(t, { OPENAI_BASE_URL, OPENAI_API_KEY: 'good-key', OPENAI_MODEL: 'm' }),
    run(t, { OPENAI_BASE_URL, OPENAI_API_KEY: SECRET }, '--json'),
    run(t, { NODE_ENV: 'production', SANDBOX: 'auto', PORT: 'x' }),
    run(t, {}, '--help')
  ])
  t.equal(nothing.code, 0)
  t.match(nothing.text, /Sandbox: auto[^]*Shopify Admin API +not configured/)
  t.equal(good.code, 0, good.text)
  t.match(good.text, /Language model +works +live +closed +accepted +passed in \d+ ms/)
  t.equal(bad.code, 1)
  t.match(JSON.parse(bad.text).integrations[3], { state: 'broken', credential: 'rejected', fix: /does not accept OPENAI_API_KEY/ })
  t.notMatch(bad.text, SECRET)
  t.equal(wrong.code, 1)
  t.match(wrong.text, /^The configuration is not valid:\n- PORT must[^]*- SANDBOX must be off/)
  t.equal(help.code, 0)
  t.match(help.text, /^Usage/)
  t.equal((await run(t, {}, '--nonsense')).code, 1)
})
