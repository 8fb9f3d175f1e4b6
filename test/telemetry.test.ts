// What the service says of itself: the API document, the counters, the metrics, and a log without secrets.
import { spawnSync } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { createLogger } from '../plugins/logger.ts'
import { buildApp, type Parts } from '../src/app.ts'
import { loadConfig } from '../src/config/index.ts'
import { settings } from '../src/config/settings.ts'
import { defineAgent } from '../src/core/agent.ts'
import { buildTestApp, sayer } from './helpers/app.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { asker, schemaChecker, send, type Answer, type Operation } from './helpers/api-document.ts'

const json = (method: string, url: string, body: unknown) =>
  ({ method, url, payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

t.test('the API document is whole', async (t) => {
  const { app } = await buildTestApp(t)
  const { document } = await asker(app)
  t.match(document, {
    openapi: /^3\.1\./,
    info: { title: /\S/, version: /^\d+\.\d+\.\d+$/, description: /\| `session_not_found` \| 404 \|/ },
    servers: [{ url: '/' }, { url: '/api' }]
  })
  const tags = new Set((document as unknown as { tags: Array<{ name: string }> }).tags.map((tag) => tag.name))
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
  const ids = operations.map(({ operation }) => operation.operationId)
  t.equal(new Set(ids).size, operations.length, 'every operationId is there once')
  t.notOk(operations.some(({ path }) => path.startsWith('/api')), 'the prefix is a server, not a second path')

  const isError = (response: Operation['responses'][string] | undefined): boolean =>
    (response?.content?.['application/json']?.schema as { $ref?: string } | undefined)?.$ref === '#/components/schemas/Error'
  const check = schemaChecker(document)
  for (const { path, method, operation } of operations) {
    const name = `${method} ${path}`
    t.match(operation, { operationId: /^[a-z][A-Za-z]+$/, summary: /^[A-Z].*[^.]$/ }, name)
    t.ok(operation.tags?.length === 1 && tags.has(operation.tags[0]!), `${name} has one of the tags`)
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
    t.strictSame(operation.parameters?.filter((one) => one.in === 'path').map((one) => one.name) ?? [], inPath,
      `${name} declares its path parameters`)
    const statuses = Object.keys(operation.responses)
    t.ok(statuses.some((status) => status < '400'), `${name} can succeed`)
    const isProbe = ['/healthz', '/health', '/readyz'].includes(path)
    if (!isProbe) t.ok(statuses.includes('500') && statuses.includes('503'), `${name} can fail`)
    for (const status of statuses.filter((status) => status >= '400' && !isProbe)) {
      t.ok(isError(operation.responses[status]),
      `${name} ${status} is an Error`)
    }
    if (method !== 'get') t.ok(statuses.some((status) => status >= '400' && status < '500'), `${name} can be refused`)
    if (operation.requestBody !== undefined) {
      t.ok(['400', '413', '415'].every((status) => statuses.includes(status)),
      `${name} says how bodies are refused`)
    }
    if (inPath.length > 0) t.ok(statuses.includes('404'), `${name} may find nothing`)
    // Compiling resolves every reference and refuses what is no JSON Schema.
    const contents = [operation.requestBody, ...Object.values(operation.responses)].flatMap((one) => Object.values(one?.content ?? {}))
    for (const { schema } of contents) t.type(check(schema, undefined), 'string')
  }
})

/** `METHOD /path` of every route that apps of this file register, HEAD left out. */
const routes = new Set<string>()
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.add(`${one} ${url}`)
  })
})

t.test('every route is in the document, but those that are hidden on purpose', async (t) => {
  const { app } = await buildTestApp(t)
  const { document } = await asker(app)
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`))
  t.ok(routes.size > 30)
  t.strictSame([...routes].filter((route) => !documented.includes(route)).sort(),
    ['GET /assets/:file', 'GET /docs/json', 'GET /docs/static/*', 'GET /favicon.ico'])
})

t.test('requests and errors are counted', async (t) => {
  const { app } = await buildTestApp(t, {}, { wrapStore: (store) => ({ ...store, getEvent: () => Promise.reject(new Error('broken')) }) })
  const { origin } = await asker(app)
  const counted = async () => {
    const { data } = await send(origin, { url: '/metrics', headers: { accept: 'application/json' } })
    return { requests: data.total_requests, errors: data.total_errors, client: data.client_errors, server: data.server_errors }
  }
  const before = await counted()
  const refusals = [
    { url: '/nothing' }, { method: 'PUT', url: '/jobs' }, json('POST', '/events',
      []), { method: 'POST', url: '/events', payload: 'x' }, { url: '/%zz' },
    { url: `/jobs/${'x'.repeat(500)}` }, { url: '/jobs/unknown' }, { url: '/jobs', headers: { expect: 'a-miracle' } }, json('POST',
      '/events', 'x'.repeat(1024 * 1024))
  ]
  for (const question of refusals) t.match((await send(origin, question)).statusCode, /^4/)
  for (const url of ['/jobs', '/healthz', '/api/agents']) await send(origin, { url })
  t.equal((await send(origin, { url: '/events/01900000-0000-7000-8000-000000000000' })).statusCode, 500)
  const after = await counted()
  t.equal(after.requests - before.requests, refusals.length + 3 + 1 + 1, 'each request once, this look among them')
  t.equal(after.client - before.client, refusals.length)
  t.equal(after.server - before.server, 1)
  t.equal(after.errors, after.client + after.server)
})

t.test('metrics for Prometheus', async (t) => {
  const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true', GITHUB_TOKEN: 'canary' }, { assistant: sayer('Hi') })
  const { origin } = await asker(app)
  const scrape = async () => (await send(origin, { url: '/metrics', headers: { accept: 'text/plain' } })).body
  for (let i = 0; i < 3; i++) await send(origin, { url: `/${i % 2 === 0 ? 'api/' : ''}jobs?limit=${i + 1}` })
  const { data: { job_id: job } } = await send(origin, { method: 'POST', url: '/agents/watchdog/run' })
  await send(origin, { url: `/jobs/${job}?wait=10` })
  const { data: { session_id: session } } = await send(origin, { method: 'POST', url: '/agents/session' })
  await send(origin, json('POST', '/agents/message', { session_id: session, role: 'user', content: 'Hi' }))
  await send(origin, { url: `/agents/stream?session_id=${session}` })
  app.breakers.get('github_api').breaker.force('forced_open')

  const randomPaths = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      const noise = `${i * 7919 % 1000}-${i}`
      for (const url of [`/${noise}`, `/api/agents/session/${noise}`, `/jobs/${noise}`, `/%${noise}`]) {
        await send(origin,
          { url, method: i % 3 === 0 ? 'PUT' : 'GET' })
      }
    }
  }
  await randomPaths()
  await scrape()
  const text = await scrape()
  t.equal(valueOf(text, 'http_request_duration_seconds_count{method="GET",route="/jobs",status_code="200"}'), 3,
    'both prefixes are one route')
  t.equal(valueOf(text, 'orchestrator_ready'), 1)
  t.equal(valueOf(text, 'orchestrator_sessions'), 1)
  t.equal(valueOf(text, 'orchestrator_messages'), 2)
  t.equal(valueOf(text, 'orchestrator_streams_ended_total{route="/agents/stream"}'), 1)
  t.ok(valueOf(text, 'orchestrator_agent_runs_total{agent="watchdog",status="succeeded"}') >= 1)
  t.equal(valueOf(text, 'orchestrator_reply_duration_seconds_count{status="succeeded"}'), 1)
  t.equal(valueOf(text, 'orchestrator_circuit_breaker_state{dependency="github_api"}'), 4)
  t.equal(valueOf(text, 'orchestrator_circuit_breaker_state{dependency="bigquery"}'), 0)

  await randomPaths()
  const series = (exposition: string) =>
    exposition.split('\n').filter((line) => /^(?:http_|orchestrator_)/.test(line)).map((line) => line.slice(0, line.lastIndexOf(' ')))
  t.equal(series(await scrape()).length, series(text).length, 'random paths make no series')
  const labels = new Set([...text.matchAll(/route="([^"]+)"/g)].map(([, route]) => route!))
  const known = new Set([...[...routes].map((route) => route.split(' ')[1]), '__unknown__'])
  t.strictSame([...labels].filter((route) => !known.has(route)), [], 'a route label is the pattern of a route')

  const ours = text.split('\n').filter((line) => /^(?:# \w+ )?(?:http_|orchestrator_)/.test(line)).join('\n') + '\n'
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: ours, encoding: 'utf8' })
  if (promtool.error === undefined) t.equal(promtool.status, 0, `promtool: ${promtool.stdout}${promtool.stderr}`)
  else t.comment('promtool is not installed: its check was left out')
})

t.test('without the store /metrics still answers: not ready, and its figures are left out', async (t) => {
  const away = () => Promise.reject(new Error('the store is away'))
  let up = true
  const { app } = await buildTestApp(t, {}, {
    wrapStore: (store) => ({
      ...store, stats: () => up ? store.stats() : away(), probe: (now) => up ? store.probe(now) : away(), gateCounts: () => up ? store.gateCounts() : away()
    })
  })
  const { origin } = await asker(app)
  up = false
  const answer = await send(origin, { url: '/metrics', headers: { accept: 'text/plain' } })
  t.equal(answer.statusCode, 200)
  t.equal(valueOf(answer.body, 'orchestrator_ready'), 0)
  t.match(answer.body, /^nodejs_eventloop_lag_p99_seconds \d/m)
  for (const name of ['sessions', 'jobs', 'effects', 'queue_oldest_ready_seconds']) {
    t.notMatch(answer.body, new RegExp(`^orchestrator_${name}[ {]`, 'm'), `${name} is not known, and not 0`)
  }
})

t.test('a schedule that nobody fires is seen', async (t) => {
  const clock = new FakeClock(Date.UTC(2026, 10, 27, 12, 0, 30))
  const { app } = await buildTestApp(t, {}, { clock })
  const { origin } = await asker(app)
  const overdue = async () => valueOf((await send(origin, { url: '/metrics', headers: { accept: 'text/plain' } })).body,
    'orchestrator_schedule_overdue_seconds{schedule="watchdog"}')
  t.equal(await overdue(), 0)
  await clock.advance(330_000)
  t.equal(await overdue(), 300, 'it was due each minute; background work is off in this profile')
  await send(origin, json('PATCH', '/schedules/watchdog', { paused: true }))
  t.ok(Number.isNaN(await overdue()), 'a paused one is not late')
})

const valueOf = (text: string, series: string): number => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? NaN : Number(line.slice(series.length + 1))
}

interface LogLine extends Record<string, unknown> { msg: string }

/** The app with its real logger, and the lines that it wrote. */
const loggedApp = async (t: Test, environment: Record<string, string>,
  parts: Parts = {}): Promise<{ origin: string, lines: () => LogLine[], text: () => string }> => {
  const { config, warnings } = loadConfig({ NODE_ENV: 'testing', LOG_LEVEL: 'trace', ...environment })
  const written: string[] = []
  const logger = createLogger(config, { write (line: string) { written.push(line) } })
  for (const warning of warnings) logger.warn(warning)
  const app = await buildApp(config, logger, parts)
  t.teardown(() => app.close())
  const { origin } = await asker(app)
  return { origin, lines: () => written.map((line) => JSON.parse(line) as LogLine), text: () => written.join('') }
}

t.test('one line a request', async (t) => {
  const { origin, lines } = await loggedApp(t, {})
  const asked = [
    { url: '/jobs?limit=1' }, { url: '/api/agents' }, { url: '/nothing?secret=1' }, { method: 'PUT', url: '/jobs' }, json('POST',
      '/events', {}), { url: '/%zz' },
    { url: '/', headers: { accept: 'text/html' } }, { url: '/docs', headers: { accept: 'text/html' } },
    { url: '/docs/static/nothing' }, { url: '/favicon.ico' }, { url: '/metrics' },
    { url: '/command-center' }
  ]
  const before = lines().length
  const answers: Answer[] = []
  for (const question of asked) answers.push(await send(origin, question))
  for (const url of ['/healthz', '/health', '/readyz', '/api/healthz']) await send(origin, { url })
  const made = lines().slice(before)
  t.strictSame(made.map(({ path, status }) => [path, status]), asked.map(({ url }, i) => [url.split('?')[0], answers[i]!.statusCode]),
    'in order, and nothing for probes')
  for (const line of made) {
    t.match(line,
      { level: 30, time: Number, request_id: /\S/, method: /^[A-Z]+$/, route: /^(?:\/|__unknown__)/, ip: '127.0.0.1', msg: 'request' })
  }
  for (const [i, answer] of answers.entries()) {
    if (answer.data?.request_id !== undefined) {
      t.equal(made[i]!['request_id'],
        answer.data.request_id)
    }
  }
  t.match(made[1], { route: '/agents', path: '/api/agents' }, 'the pattern without the prefix, the path with it')
})

t.test('probes are logged when asked for', async (t) => {
  const { origin, lines } = await loggedApp(t, { SUPPRESS_HEALTH_LOGS: 'false' })
  const before = lines().length
  await send(origin, { url: '/healthz' })
  t.match(lines().slice(before), [{ path: '/healthz', status: 200, msg: 'request' }])
})

t.test('secrets never reach the log', async (t) => {
  const environment: Record<string, string> = { BACKGROUND_WORK: 'true', SHOP_NAME: 'shop' }
  const canaries: string[] = []
  for (const [name, { secret, format }] of settings) {
    // The database would have to be there: test/postgres.test.ts looks for its password.
    if (secret !== true || name === 'DATABASE_URL') continue
    // A quote and a backslash: in a line of JSON they stand escaped.
    const canary = format === undefined ? `canary-"${name}\\x` : `canary${name.replaceAll('_', '')}`
    canaries.push(canary)
    environment[name] = format === undefined ? canary : `https://user:${canary}@db.example.com/0`
  }
  t.ok(canaries.length >= 10)
  const others = ['canaryBearerToken', 'sk-canary0123456789abcdef', 'shpat_canary0123456789', 'ghp_canary0123456789', 'canaryQuery',
    'canaryProperty', 'canaryBody', 'ya29.canary-0123', 'GOCSPX-canary_0123', 'canary0PrivateKey']
  const [bearer, openai, shopify, github] = others
  const [access, client, key] = others.slice(-3)
  const pem = `-----BEGIN PRIVATE KEY-----\n${key}\nMIIE+/canary\n-----END PRIVATE KEY-----\n`
  const told = `${canaries.join(' ')} Authorization: Bearer ${bearer} ${openai} ${shopify} ${github} ${access} ${client} ${pem}`
  const failure = () => Object.assign(new Error(told, { cause: new Error(told) }),
    { apiKey: 'canaryProperty', headers: { authorization: 'canaryProperty' }, detail: told })
  const agent = defineAgent({
    name: 'leaky',
    description: 'Throws what it knows.',
    input: Type.Object({}),
    output: Type.Object({}),
    triggers: {},
    maxAttempts: 1,
    summarise: () => '',
    async run ({ log }) {
      log.info({ token: 'canaryProperty', text: told }, told)
      throw failure()
    }
  })
  const assistant = () => ({ name: 'leaky', async * respond () { yield 'x'; throw failure() } })
  const { origin, lines, text } = await loggedApp(t, environment, {
    agents: [agent], assistant, random: () => 0, wrapStore: (store) => ({ ...store, getEvent: () => Promise.reject(failure()) })
  })
  const headers = { authorization: `Bearer ${bearer}`, cookie: 'session=canaryProperty', 'x-api-key': 'canaryProperty' }
  const broken = await send(origin, { url: '/events/01900000-0000-7000-8000-000000000000?api_key=canaryQuery', headers })
  t.equal(broken.statusCode, 500)
  t.notMatch(broken.body, /canary/i, 'nor an answer')
  await send(origin, json('POST', '/agents/message', { session_id: 'x', role: 'user', content: 5, password: 'canaryBody' }))
  await send(origin, { ...json('POST', '/events', ''), payload: '{"canaryBody' })
  const { data: run } = await send(origin, { method: 'POST', url: '/agents/leaky/run', headers })
  t.equal((await send(origin, { url: `/jobs/${run.job_id}?wait=10` })).data.status, 'dead')
  const { data: { session_id: session } } = await send(origin, { method: 'POST', url: '/agents/session' })
  const { data: message } = await send(origin, json('POST', '/agents/message', { session_id: session, role: 'user', content: 'Hi' }))
  t.equal((await send(origin, { url: `/jobs/${message.job_id}?wait=10` })).data.status, 'dead')

  // What failed jobs and their agents say of it is shown to callers.
  for (const url of [`/jobs/${run.job_id}`, '/agents', '/agents/leaky', `/jobs/${message.job_id}`, `/agents/session/${session}/messages`]) {
    const { body } = await send(origin, { url })
    t.notMatch(body, /canary/i, url)
  }

  for (const msg of ['a request failed', 'a job failed', 'request failed']) {
    t.ok(lines().some((line) => line.msg === msg),
    `"${msg}" was logged`)
  }
  t.match(text(), '[redacted]')
  for (const secret of [...canaries, ...others]) {
    t.notOk(text().includes(secret) || text().includes(JSON.stringify(secret).slice(1, -1)), secret)
  }
})
