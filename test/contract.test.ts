// The contract of the service that this one replaces, route by route, at both prefixes.
// Every answer is held against the API document as well.
import t, { type Test } from 'tap'
import { AppError } from '../src/core/errors.ts'
import type { Store } from '../src/core/store.ts'
import { buildTestApp, sayer } from './helpers/app.ts'
import { asker, send, type Answer, type Question } from './helpers/api-document.ts'

const PREFIXES = ['', '/api']
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const UNKNOWN_ID = '01900000-0000-7000-8000-000000000000'
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
const SPEAKING = { BACKGROUND_WORK: 'true' }

const { app } = await buildTestApp(t, SPEAKING, { assistant: sayer('Hello ', 'there', '. 🙂') })
const { ask, unseen } = await asker(app)

const bothPrefixes = (name: string, run: (t: Test, prefix: string) => Promise<void>): void => {
  for (const prefix of PREFIXES) t.test(`${name}, at ${prefix}/`, (t) => run(t, prefix))
}

/** Every key of the one error shape. */
const refused = (t: Test, answer: Answer, status: number, error: string, code?: string): void => {
  t.match(answer, { statusCode: status, data: { error, status_code: status, message: /\S/, request_id: /\S/, code: code ?? /^[a-z_]+$/ } })
  t.strictSame(Object.keys(answer.data ?? {}).sort(), ['code', 'error', 'message', 'path', 'request_id', 'status_code'])
  t.equal(answer.data?.path, answer.url.split('?')[0], 'the path as it was asked for')
}

const post = (url: string, body?: unknown): Question => body === undefined
  ? { method: 'POST', url }
  : { method: 'POST', url, payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }

const openSession = async (t: Test, prefix: string): Promise<string> => (await ask(t, post(`${prefix}/agents/session`))).data.session_id

t.test('probes', async (t) => {
  for (const prefix of PREFIXES) {
    for (const url of [`${prefix}/healthz`, `${prefix}/health`]) {
      const answer = await ask(t, { url })
      t.match(answer, { statusCode: 200, body: 'ok', headers: { 'content-type': /^text\/plain/, 'content-length': '2' } })
    }
    const json = await ask(t, { url: `${prefix}/health`, headers: { accept: 'application/json' } })
    t.match(json, { statusCode: 200, data: { status: 'ok' } })
    t.equal((await ask(t, { url: `${prefix}/health`, headers: { accept: 'application/json, text/plain, */*' } })).data.status, 'ok',
      'JSON named first')
    for (const accept of ['text/plain, application/json', '*/*', BROWSER, 'application/jsonx']) {
      t.equal((await ask(t, { url: `${prefix}/health`, headers: { accept } })).body, 'ok', accept)
    }
    t.equal((await ask(t, { url: `${prefix}/healthz`, headers: { accept: 'application/json' } })).body, 'ok', 'healthz is always text')
  }
})

bothPrefixes('readiness: shape and order', async (t, prefix) => {
  const { statusCode, data } = await ask(t, { url: `${prefix}/readyz` })
  t.equal(statusCode, 200)
  t.match(data, { ready: true, status: 'healthy', timestamp: ISO_UTC })
  t.strictSame(data.checks.slice(0, 4).map((check: any) => check.name), ['core_service', 'shopify_api', 'bigquery', 'github_api'])
  t.match(data.checks[0], { healthy: true, message: /\S/, uptime_seconds: Number })
  for (const check of data.checks.slice(1, 4)) {
    t.match(check, { healthy: true, required: false, message: /optional/ })
    t.notOk('circuit_state' in check, 'a dependency that is not configured has no circuit')
  }
  t.ok(data.checks.length > 4 && data.checks.every((check: any) => typeof check.healthy === 'boolean' && check.message !== ''),
    'ours come after')
})

t.test('readiness: an open circuit degrades, and never more', async (t) => {
  const { app } = await buildTestApp(t, { GITHUB_TOKEN: 'canary-token' })
  const { ask } = await asker(app)
  const github = async () => (await ask(t, { url: '/readyz' })).data.checks[3]
  t.match(await github(), { name: 'github_api', healthy: true, circuit_state: 'closed', required: false })
  const { breaker } = app.breakers.get('github_api')
  for (const failure of [1, 2, 3, 4, 5]) {
    const permit = breaker.tryAcquire()
    if (permit.granted) breaker.settle(permit, { kind: 'failure', durationMs: failure })
  }
  const open = await ask(t, { url: '/api/readyz' })
  t.match(open, { statusCode: 200, data: { ready: true, status: 'degraded' } })
  t.match(await github(), { healthy: false, circuit_state: 'open', required: false })
  breaker.reset()
  breaker.force('forced_open')
  t.match(await github(), { healthy: false, circuit_state: 'open' }, 'held open by hand: one of the three words')
  breaker.force('forced_closed')
  t.match(await github(), { healthy: true, circuit_state: 'closed' })
})

t.test('readiness: the store decides', async (t) => {
  const fault = () => Promise.reject(new Error('canary: disk on fire'))
  const broken = (store: Store): Store => ({ ...store, probe: fault, stats: fault })
  const { app } = await buildTestApp(t, {}, { wrapStore: broken })
  const { ask } = await asker(app)
  const answer = await ask(t, { url: '/readyz' })
  t.match(answer, { statusCode: 503, data: { ready: false, status: 'degraded' } })
  t.match(answer.data.checks.find((check: any) => check.name === 'store'), { healthy: false, required: true })
  t.notMatch(answer.body, 'canary')
  t.equal((await ask(t, { url: '/healthz' })).statusCode, 200, 'liveness touches nothing')
})

t.test('readiness: a drain says 503 while requests are still served', async (t) => {
  const { app } = await buildTestApp(t)
  const { ask } = await asker(app)
  app.orchestrator.drain()
  t.match(await ask(t, { url: '/readyz' }), { statusCode: 503, data: { ready: false, checks: [{ name: 'core_service', healthy: false }] } })
  t.equal((await ask(t, { url: '/jobs' })).statusCode, 200)
})

bothPrefixes('sessions and messages', async (t, prefix) => {
  const opened = []
  for (const request of [post(`${prefix}/agents/session`), post(`${prefix}/agents/session`, {}),
    post(`${prefix}/agents/session`, { any: ['thing'] }),
    { method: 'POST', url: `${prefix}/agents/session`, headers: { 'content-type': 'application/json' } }]) {
    const answer = await ask(t, request)
    t.equal(answer.statusCode, 201)
    t.match(answer.data.session_id, UUID)
    opened.push(answer.data.session_id)
  }
  const list = (await ask(t, { url: `${prefix}/agents/sessions` })).data
  t.strictSame(list.sessions.slice(-4).map((session: any) => session.id), opened, 'in creation order')
  t.equal(list.total, list.sessions.length)
  for (const session of list.sessions) t.match(session, { id: UUID, created_at: ISO_UTC, status: 'active' })

  const [session] = opened
  const content = '  \t untrimmed: "quotes" \\ \u2028 é 🙂\n '
  const sent = await ask(t, post(`${prefix}/agents/message`, { session_id: session, role: 'assistant', content, unknown_key: 1 }))
  t.match(sent, { statusCode: 200, data: { status: 'received', message_id: UUID } })
  const messages = (await ask(t, { url: `${prefix}/agents/session/${session}/messages` })).data
  t.match(messages, { session_id: session, total: 1 })
  t.match(messages.messages, [{ id: sent.data.message_id, session_id: session, role: 'assistant', timestamp: ISO_UTC }])
  t.equal(messages.messages[0].content, content, 'stored as it was sent')

  for (const id of [UNKNOWN_ID, 'nonsense', '%00', "';--"]) {
    refused(t, await ask(t, { url: `${prefix}/agents/session/${id}/messages` }), 404, 'Session not found', 'session_not_found')
  }
})

bothPrefixes('messages: each fault in its words and its order', async (t, prefix) => {
  const url = `${prefix}/agents/message`
  const session = await openSession(t, prefix)
  const own = { session_id: session }
  const NO_JSON = 'No JSON data provided'
  const ROLE = "role must be 'user' or 'assistant'"
  const EMPTY = 'content is required and cannot be empty'
  const LONG = 'content must be 4000 characters or less'
  refused(t, await ask(t, { method: 'POST', url }), 400, NO_JSON)
  refused(t, await ask(t, { method: 'POST', url, headers: { 'content-type': 'application/json' } }), 400, NO_JSON)
  const long = 'x'.repeat(4001)
  const cases: Array<[unknown, string]> = [
    [null, NO_JSON], [[], NO_JSON], [[own], NO_JSON], ['text', NO_JSON], [5, NO_JSON], [true, NO_JSON],
    [{}, 'session_id is required'],
    [{ role: 'robot', content: '' }, 'session_id is required'],
    [{ session_id: '', role: 'user', content: 'x' }, 'session_id is required'],
    [{ session_id: null, role: 'user', content: 'x' }, 'session_id is required'],
    [own, ROLE], [{ ...own, content: 'x' }, ROLE], [{ ...own, role: 'robot', content: long }, ROLE],
    [{ ...own, role: 'User', content: 'x' }, ROLE], [{ ...own, role: 1, content: 'x' }, ROLE], [{ session_id: 'unknown', role: 'x' }, ROLE],
    [{ ...own, role: 'user' }, EMPTY], [{ ...own, role: 'user', content: '' }, EMPTY], [{ ...own, role: 'user', content: null }, EMPTY],
    [{ ...own, role: 'user', content: ' \n\t\u00a0 ' }, EMPTY], [{ session_id: UNKNOWN_ID, role: 'user', content: ' '.repeat(5000) },
      EMPTY],
    [{ ...own, role: 'user', content: long }, LONG], [{ session_id: UNKNOWN_ID, role: 'user', content: long }, LONG],
    [{ ...own, role: 'user', content: '🙂'.repeat(4001) }, LONG]
  ]
  for (const [body, error] of cases) refused(t, await ask(t, post(url, body)), 400, error, 'validation_failed')
  for (const unknown of [UNKNOWN_ID, 'nonsense', session.toUpperCase() + 'x']) {
    refused(t, await ask(t, post(url, { session_id: unknown, role: 'user', content: 'x' })), 404, 'Session not found', 'session_not_found')
  }
  // Wrong types, for which the old service had no words but a 500.
  for (const body of [{ session_id: 5, role: 'user', content: 'x' }, { session_id: [session], role: 'user', content: 'x' },
    { ...own, role: 'user', content: 5 }, { ...own, role: 'user', content: ['x'] }, { ...own, role: 'user', content: { a: 1 } },
    { ...own, role: 'user', content: true }, { ...own, role: 'user', content: 'x', multitask_strategy: 'never' },
    { ...own, role: 'user', content: '🙂'.repeat(2500), multitask_strategy: 'never' }]) {
    refused(t, await ask(t, post(url, body)), 400, 'Bad Request', 'validation_failed')
  }
  t.equal((await ask(t, { url: `${prefix}/agents/session/${session}/messages` })).data.total, 0, 'nothing of it was stored')
  for (const content of ['x'.repeat(4000), '🙂'.repeat(4000)]) {
    t.equal((await ask(t, post(url, { ...own, role: 'assistant', content }))).statusCode, 200, '4000 code points')
  }
})

/** The blocks of a stream: name and data; ids, times and comments left out. */
const framesOf = (text: string) => text.split('\n\n').filter((block) => /^data:/m.test(block)).map((block) => ({
  event: /^event: (.*)$/m.exec(block)?.[1], data: JSON.parse(/^data: (.*)$/m.exec(block)![1]!) as Record<string, unknown>
}))

bothPrefixes('the reply as a stream', async (t, prefix) => {
  refused(t, await ask(t, { url: `${prefix}/agents/stream` }), 400, 'session_id parameter is required')
  refused(t, await ask(t, { url: `${prefix}/agents/stream?session_id=` }), 400, 'session_id parameter is required')
  refused(t, await ask(t, { url: `${prefix}/agents/stream?session_id=${UNKNOWN_ID}` }), 404, 'Session not found')
  const session = await openSession(t, prefix)
  const { data: { message_id: id } } = await ask(t, post(`${prefix}/agents/message`, { session_id: session, role: 'user', content: 'Hi' }))
  const stream = await ask(t, { url: `${prefix}/agents/stream?session_id=${session}` })
  t.equal(stream.statusCode, 200)
  t.match(stream.headers, { 'content-type': /^text\/event-stream/, 'x-accel-buffering': 'no', 'cache-control': /no-cache/ })
  const frames = framesOf(stream.body)
  const last = frames.pop()
  t.match(last, { event: 'message', data: { type: 'done', session_id: session } })
  t.ok(frames.length > 0)
  for (const frame of frames) t.match(frame, { event: 'message', data: { type: 'delta', content: /\S/, session_id: session } })
  const said = frames.map((frame) => frame.data['content']).join('')
  t.equal(said, 'Hello there. 🙂')
  const { messages } = (await ask(t, { url: `${prefix}/agents/session/${session}/messages` })).data
  t.strictSame(messages.map((one: any) => [one.role, one.content, one.reply_to]), [['user', 'Hi', null], ['assistant', said, id]],
    'the stored reply is what was streamed')

  const again = await ask(t, { url: `${prefix}/agents/stream?session_id=${session}` })
  t.strictSame(framesOf(again.body).map((frame) => frame.data), framesOf(stream.body).map((frame) => frame.data),
    'a second reader starts no second answer')
  const head = await ask(t, { method: 'HEAD', url: `${prefix}/agents/stream?session_id=${session}` })
  t.match(head, { statusCode: 200, body: '', headers: { 'content-type': /^text\/event-stream/ } })
  t.equal((await ask(t, { url: `${prefix}/agents/stream?session_id=${session}`, headers: { 'last-event-id': '999' } })).statusCode, 400)
  const lastId = Math.max(...[...stream.body.matchAll(/^id: (\d+)$/gm)].map(([, position]) => Number(position)))
  t.equal((await ask(t, { url: `${prefix}/agents/stream?session_id=${session}&last_event_id=${lastId}` })).statusCode, 204,
    'nothing more will come')
})

t.test('a reply that fails ends its stream with an error event', async (t) => {
  const secret = 'canary-exception-text'
  const failing = () => ({
    name: 'failing',
    async * respond () {
      yield 'I was '; throw Object.assign(new Error(secret),
        { name: 'Oops' })
    }
  })
  const { app } = await buildTestApp(t, SPEAKING, { assistant: failing, random: () => 0 })
  const { ask } = await asker(app)
  const session = (await ask(t, post('/agents/session'))).data.session_id
  await ask(t, post('/agents/message', { session_id: session, role: 'user', content: 'Hi' }))
  const { body } = await ask(t, { url: `/agents/stream?session_id=${session}` })
  t.match(framesOf(body).at(-1), { event: 'error', data: { type: 'error', error: /\S/, session_id: session } })
  t.notMatch(body, secret)
  t.equal((await ask(t, { url: `/agents/session/${session}/messages` })).data.total, 1, 'no half reply is stored')
})

t.test('ENABLE_STREAMING=false', async (t) => {
  const { app } = await buildTestApp(t, { ENABLE_STREAMING: 'false' })
  const { ask } = await asker(app)
  for (const prefix of PREFIXES) {
    const session = (await ask(t, post(`${prefix}/agents/session`))).data.session_id
    const { statusCode, headers, body } = await ask(t, { url: `${prefix}/agents/stream?session_id=${session}` })
    t.equal(statusCode, 200)
    t.match(headers['content-type'], /^text\/event-stream/)
    t.equal(body.replace(/^retry: \d+\n\n/, ''), 'data: {"type":"error","message":"Streaming disabled"}\n\n',
      'one unnamed event, then the end')
    t.equal((await ask(t, { url: `${prefix}/agents/stream` })).statusCode, 400)
  }
})

bothPrefixes('events', async (t, prefix) => {
  const url = `${prefix}/events`
  for (const body of [undefined, [], null, 'text', 1]) refused(t, await ask(t, post(url, body)), 400, 'No JSON data provided')
  for (const body of [{}, { event_type: '' }, { event_type: ' ' }, { event_type: null }, { data: { event_type: 'x' } }]) {
    refused(t, await ask(t, post(url, body)), 400, 'event_type is required')
  }
  for (const body of [{ event_type: 1 }, { event_type: ['x'] }, { event_type: 'x'.repeat(201) }, { event_type: 'x', timestamp: {} }]) {
    refused(t, await ask(t, post(url, body)), 400, 'Bad Request', 'validation_failed')
  }
  const data = { nested: [{ a: null, b: 1.5, c: '🙂' }], constructor: 'text' }
  const taken = await ask(t, post(url, { event_type: 'ticket.created', data, extra: true }))
  t.match(taken, { statusCode: 201, data: { status: 'accepted', event_id: UUID, timestamp: ISO_UTC } })
  t.strictSame((await ask(t, { url: `${prefix}/events/${taken.data.event_id}` })).data.data, data)
  for (const timestamp of ['2024-02-30 not ISO', '2024-01-01T00:00:00+02:00', 1700000000, 0.5, '']) {
    t.equal((await ask(t, post(url, { event_type: 'x', timestamp }))).data.timestamp, timestamp, 'the timestamp is echoed')
  }
  refused(t, await ask(t, { url: `${prefix}/events/${UNKNOWN_ID}` }), 404, 'Not Found', 'event_not_found')
})

bothPrefixes('jobs', async (t, prefix) => {
  const run = await ask(t, post(`${prefix}/agents/watchdog/run`))
  t.equal(run.statusCode, 202)
  const done = await ask(t, { url: `${prefix}/jobs/${run.data.job_id}?wait=10` })
  t.match(done.data, { id: run.data.job_id, name: 'watchdog', status: 'succeeded', output: { summary: /\S/ } })
  const { jobs, total } = (await ask(t, { url: `${prefix}/jobs?agent=watchdog` })).data
  t.ok(total >= 1 && jobs.length === total)
  for (const job of jobs) t.match(job, { id: UUID, name: /\S/, status: /^[a-z]+$/, created_at: ISO_UTC })
})

t.test('lists are paged, and a cursor belongs to its list', async (t) => {
  const { app } = await buildTestApp(t)
  const { ask } = await asker(app)
  const walk = async (url: string, key: string): Promise<{ ids: string[], cursor: string }> => {
    const ids: string[] = []
    let cursor = ''
    let next: string | null = null
    do {
      const { data } = await ask(t, { url: `${url}?limit=2${next === null ? '' : `&cursor=${encodeURIComponent(next)}`}` })
      ids.push(...data[key].map((item: any) => item.id))
      t.ok(data[key].length <= 2)
      next = data.next_cursor
      cursor = next ?? cursor
    } while (next !== null)
    return { ids, cursor }
  }
  const sessions: string[] = []
  for (let i = 0; i < 5; i++) sessions.push((await ask(t, post('/agents/session'))).data.session_id)
  const [session] = sessions
  const sent: string[] = []
  for (let i = 0; i < 5; i++) {
    sent.push((await ask(t,
      post('/agents/message', { session_id: session, role: 'user', content: `${i}` }))).data.message_id)
  }
  await ask(t, post('/agents/message', { session_id: sessions[1], role: 'user', content: 'x' }))
  const lists = {
    sessions: await walk('/agents/sessions', 'sessions'),
    messages: await walk(`/agents/session/${session}/messages`,
      'messages'),
    jobs: await walk('/jobs', 'jobs')
  }
  t.strictSame(lists.sessions.ids, sessions)
  t.strictSame(lists.messages.ids, sent)
  t.equal(new Set(lists.jobs.ids).size, 6)
  t.equal((await ask(t, { url: `/agents/session/${session}/messages?limit=2` })).data.total, 5,
    'total is that of the list, not of the page')
  const urls = { sessions: '/agents/sessions', messages: `/agents/session/${session}/messages`, jobs: '/jobs' }
  for (const [list, url] of Object.entries(urls)) {
    const foreign = Object.entries(lists).filter(([other]) => other !== list).map(([, { cursor }]) => cursor)
    for (const cursor of [...foreign, 'nonsense', '%F0%9F%99%82']) {
      refused(t, await ask(t, { url: `${url}?cursor=${cursor}` }), 400,
        'Bad Request', 'invalid_cursor')
    }
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1.5', 'limit=', 'limit=1&limit=2', 'cursor=']) {
      refused(t, await ask(t, { url: `${url}?${query}` }), 400, 'Bad Request', 'validation_failed')
    }
  }
  refused(t, await ask(t, { url: `/agents/session/${sessions[1]}/messages?cursor=${lists.messages.cursor}` }), 400, 'Bad Request',
    'invalid_cursor')
})

t.test('what lies beyond the contract: every operation answers as its document says', async (t) => {
  const session = await openSession(t, '')
  t.equal((await ask(t, { url: `/agents/session/${session}` })).statusCode, 200)
  t.equal((await ask(t, post(`/agents/session/${session}/cancel`))).statusCode, 202)
  t.equal((await ask(t, { method: 'DELETE', url: `/agents/session/${session}` })).statusCode, 204)
  refused(t, await ask(t, { method: 'DELETE', url: `/agents/session/${session}` }), 404, 'Session not found')
  for (const url of ['/agents', '/agents/watchdog', '/schedules', '/schedules/watchdog', '/schedules/watchdog/runs', '/circuit-breakers', '/feeds', '/history',
    '/', '/command-center',
    '/control-center', '/dashboard', '/metrics', '/docs']) await ask(t, { url })
  const patch = (url: string, body: unknown): Question => ({ ...post(url, body), method: 'PATCH' })
  t.equal((await ask(t, patch('/agents/watchdog', { enabled: false }))).data.enabled, false)
  refused(t, await ask(t, post('/agents/watchdog/run', {})), 409, 'Conflict', 'agent_paused')
  t.equal((await ask(t, patch('/agents/watchdog', { enabled: true }))).data.enabled, true)
  refused(t, await ask(t, patch('/agents/watchdog', { enabled: 'true' })), 400, 'Bad Request', 'validation_failed')
  refused(t, await ask(t, post('/agents/watchdog/run', { run_at: '2026-12-31T23:59:60Z' })), 400, 'Bad Request', 'validation_failed')
  const later = await ask(t, post('/agents/watchdog/run', { run_at: '2199-01-01T00:00:00Z', dedupe_key: 'k' }))
  t.equal((await ask(t, post(`/jobs/${later.data.job_id}/cancel`))).data.status, 'cancelled')
  refused(t, await ask(t, post(`/jobs/${later.data.job_id}/cancel`)), 409, 'Conflict', 'job_finished')
  t.equal((await ask(t, post(`/jobs/${later.data.job_id}/retry`))).statusCode, 202)
  const schedule = { id: 'nightly', agent: 'watchdog', cron: '0 3 * * *', timezone: 'Europe/Berlin' }
  t.equal((await ask(t, post('/schedules', schedule))).statusCode, 201)
  refused(t, await ask(t, post('/schedules', schedule)), 409, 'Conflict', 'schedule_exists')
  refused(t, await ask(t, post('/schedules', { ...schedule, id: 'x', cron: '99 * * * *' })), 400, 'Bad Request', 'invalid_schedule')
  t.equal((await ask(t, patch('/schedules/nightly', { paused: true }))).data.paused, true)
  t.equal((await ask(t, post('/schedules/nightly/run'))).statusCode, 202)
  t.equal((await ask(t, { method: 'DELETE', url: '/schedules/nightly' })).statusCode, 204)
  const csv = { headers: { 'content-type': 'text/csv' }, payload: 'sku,lead_time_days\nA-1,14\n' }
  t.equal((await ask(t, { method: 'PUT', url: '/feeds/suppliers', ...csv })).statusCode, 200)
  t.equal((await ask(t, { url: '/feeds/suppliers' })).data.total, 1)
  t.equal((await ask(t, { method: 'DELETE', url: '/feeds/suppliers' })).statusCode, 204)
  const [done] = (await ask(t, { url: '/jobs?agent=watchdog&status=succeeded' })).data.jobs
  t.equal((await ask(t, { url: `/jobs/${done.id}/output` })).statusCode, 200)
  t.match(await ask(t, { method: 'HEAD', url: '/stream' }), { statusCode: 200, body: '' })
  const reset = post('/circuit-breakers/llm', { action: 'reset' })
  for (const question of [{ url: '/brief' }, { url: '/circuit-breakers/llm' }, reset, { url: '/audit' }, { url: '/doctor' }]) {
    t.equal((await ask(t, question)).statusCode, 200)
  }
  t.same((await ask(t, { url: '/whoami' })).data, { auth: 'off', name: null, role: 'admin', scopes: null, expires_at: null })
  const made = await ask(t, post('/keys', { name: 'anna', role: 'viewer', scopes: ['jobs'] }))
  t.match(made, { statusCode: 201, data: { name: 'anna', key: /^reo_/, created_by: 'api' } })
  refused(t, await ask(t, post('/keys', { name: 'api', role: 'viewer' })), 400, 'Bad Request', 'validation_failed')
  t.equal((await ask(t, { url: '/keys' })).data.total, 1)
  t.match((await ask(t, post(`/keys/${made.data.id}/revoke`))).data, { revoked_by: 'api' })
  refused(t, await ask(t, post('/keys/x/revoke')), 404, 'Not Found', 'key_not_found')
  // Proposals, effects, the policy and freezes have test/gates.test.ts, webhooks, personal data and exports tests of their names.
  const elsewhere = /^\w+ \/(?:proposals|effects|policies|freeze|webhooks|privacy|export)\b|\/export$|^POST \/jobs\/\{id\}\/revert$/
  t.strictSame(unseen().filter((name) => !elsewhere.test(name)), [], 'no operation was left out')
})

t.test('a failing store has the one shape, and a browser its page', async (t) => {
  const faults: Record<string, () => Error> = {
    500: () => new Error('canary'), 503: () => new AppError('store_unavailable', { retryAfterMs: 1500 })
  }
  for (const [status, fault] of Object.entries(faults)) {
    const { app } = await buildTestApp(t, {}, { wrapStore: (store) => ({ ...store, listSessions: () => Promise.reject(fault()) }) })
    const answer = (await asker(app)).ask
    const json = await answer(t, { url: '/api/agents/sessions' })
    refused(t, json, Number(status), { 500: 'Internal Server Error', 503: 'Service Unavailable' }[status]!)
    t.notMatch(json.body, 'canary')
    t.equal(json.headers['retry-after'], status === '503' ? '2' : undefined)
    const page = await answer(t, { url: '/agents/sessions', headers: { accept: BROWSER } })
    t.match(page, { statusCode: Number(status), headers: { 'content-type': /^text\/html/ } })
    t.notMatch(page.body, 'canary')
  }
  const { app } = await buildTestApp(t, {},
    { wrapStore: (store) => ({ ...store, createSession: () => Promise.reject(new AppError('store_full')) }) })
  const { origin } = await asker(app)
  refused(t, await send(origin, post('/agents/session')), 507, 'Insufficient Storage', 'store_full')
})
