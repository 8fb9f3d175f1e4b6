// HTTP beyond the single routes: who gets which form, refusals in one shape, hostile bodies, and what never becomes a request.
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { buildTestApp } from './helpers/app.ts'
import { asker, send, type Answer, type Question } from './helpers/api-document.ts'

const PREFIXES = ['', '/api']
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8'
const JSON_TYPE = 'application/json'

const { app } = await buildTestApp(t)
const { ask, origin, document } = await asker(app)

const isErrorShape = (t: Test, answer: Pick<Answer, 'data' | 'statusCode'>, path: string): void => {
  t.match(answer.data, { error: /\S/, status_code: answer.statusCode, message: /\S/, path, request_id: /\S/, code: /^[a-z_]+$/ })
}

/** Sends bytes as they are; answers everything that comes back until the server closes. */
const raw = (t: Test, bytes: string): Promise<Pick<Answer, 'statusCode' | 'data' | 'body'>> => new Promise((resolve, reject) => {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  t.teardown(() => { socket.destroy() })
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('error', reject)
  socket.on('close', () => {
    const body = text.slice(text.indexOf('\r\n\r\n') + 4)
    resolve({ statusCode: Number(text.split(' ', 2)[1]), body, data: body.startsWith('{') ? JSON.parse(body) as unknown : undefined })
  })
  socket.write(bytes)
})

// Takes four seconds of waiting, so it begins first.
const slow = raw(t, 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ')

const ACCEPTS: Array<[accept: string | undefined, home: string, docs: string, metrics: string, error: string]> = [
  // JSON, HTML, or Prometheus Text; `none` is whatever a client without a preference gets.
  [undefined, 'J', 'none', 'none', 'J'], ['', 'J', 'none', 'none', 'J'], ['*/*', 'J', 'none', 'none', 'J'], ['*/*;q=0.8', 'J', 'none',
    'none', 'J'],
  [JSON_TYPE, 'J', 'J', 'J', 'J'], ['application/json, text/plain, */*', 'J', 'J', 'J', 'J'], ['APPLICATION/JSON', 'J', 'J', 'J', 'J'],
  ['application/json;q=0.9, text/html;q=0.1', 'J', 'J', 'J', 'J'], ['application/json;q=0.1, text/html;q=0.9', 'H', 'H', 'J', 'H'],
  ['text/html', 'H', 'H', 'T', 'H'], [BROWSER, 'H', 'H', 'T', 'H'], ['text/plain', 'J', 'H', 'T', 'J'],
  ['text/plain;q=0.5, application/json;q=0.6', 'J', 'J', 'J', 'J'],
  ['application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'J', 'H', 'T', 'J'],
  ['application/openmetrics-text', 'J', 'H', 'T', 'J'], ['image/png', 'J', 'H', 'T', 'J'], ['garbage', 'J', 'H', 'T', 'J'], [';;,,//', 'J',
    'H', 'T', 'J']
]

for (const LEGACY_JSON of ['false', 'true']) {
  t.test(`who gets which form, LEGACY_JSON=${LEGACY_JSON}`, async (t) => {
    const { app } = await buildTestApp(t, { LEGACY_JSON })
    const { ask } = await asker(app)
    const form = async (url: string, accept: string | undefined, status = 200): Promise<string> => {
      const answer = await ask(t, { url, headers: accept === undefined ? {} : { accept } })
      t.equal(answer.statusCode, status)
      const [type] = String(answer.headers['content-type']).split(';')
      return { [JSON_TYPE]: 'J', 'text/html': 'H', 'text/plain': 'T' }[type!] ?? type!
    }
    for (const prefix of PREFIXES) {
      for (const [accept, home, docs, metrics, error] of ACCEPTS) {
        const got = [await form(`${prefix}/`, accept), await form(`${prefix}/docs`, accept), await form(`${prefix}/metrics`, accept),
          await form(`${prefix}/nothing`, accept, 404)]
        const none = (other: string) => LEGACY_JSON === 'true' ? 'J' : other
        t.strictSame(got, [home, docs === 'none' ? none('H') : docs, metrics === 'none' ? none('T') : metrics, error], `Accept: ${accept}`)
      }
    }
  })
}

t.test('the JSON documents of the old service', async (t) => {
  const { app } = await buildTestApp(t, { LEGACY_JSON: 'true' })
  const { ask } = await asker(app)
  const endpoints = { health: '/healthz', readiness: '/readyz', metrics: '/metrics', command_center: '/command-center', api_docs: '/docs' }
  for (const prefix of PREFIXES) {
    const get = async (path: string) => (await ask(t, { url: `${prefix}${path}` })).data
    const { version, ...home } = await get('/')
    t.match(version, /^\d/)
    t.strictSame(home, { service: 'Royal Equips Orchestrator', status: 'ok', backend: 'fastify', endpoints })
    t.match(await get('/docs'), { message: /\S/, version: /^\d/, backend: 'fastify', endpoints: { '/healthz': ['GET'] } })
    t.match(await get('/metrics'), {
      ok: true,
      backend: 'fastify',
      version: /^\d/,
      uptime_seconds: Number,
      active_sessions: 0,
      total_messages: 0,
      total_requests: Number,
      total_errors: 0,
      timestamp: /Z$/,
      system: Object
    })
    t.match(await get('/readyz'), { ready: true })
    t.match(await get('/jobs'), { jobs: [], total: 0 })
  }
})

t.test('ENABLE_METRICS=false', async (t) => {
  const { app } = await buildTestApp(t, { ENABLE_METRICS: 'false' })
  const { ask } = await asker(app)
  for (const prefix of PREFIXES) {
    for (const accept of [JSON_TYPE, 'text/plain', '*/*']) {
      const answer = await ask(t, { url: `${prefix}/metrics`, headers: { accept } })
      t.match(answer, { statusCode: 503, data: { error: 'Metrics disabled' } })
      isErrorShape(t, answer, `${prefix}/metrics`)
    }
  }
})

t.test('redirects are exactly 307', async (t) => {
  const targets: Array<[string | undefined, string]> = [
    [undefined, '/'], ['/docs', '/'], ['https://admin.example.com/x?y=1', 'https://admin.example.com/x?y=1'], ['/console',
      '/console'], ['/command-center', '/']
  ]
  for (const [url, target] of targets) {
    const { app } = await buildTestApp(t, url === undefined ? {} : { COMMAND_CENTER_URL: url })
    const { ask } = await asker(app)
    for (const prefix of PREFIXES) {
      for (const method of ['GET', 'HEAD']) {
        const to = async (path: string) => {
          const { statusCode, headers, body } = await ask(t, { method, url: `${prefix}${path}`, headers: { accept: BROWSER } })
          return [statusCode, headers.location, body]
        }
        t.strictSame(await to('/command-center'), [307, target, ''])
        t.strictSame(await to('/control-center'), [307, '/command-center', ''])
        t.strictSame(await to('/dashboard'), [307, '/command-center', ''])
      }
    }
  }
})

t.test('every GET answers HEAD, and no trailing slash', async (t) => {
  const gets = Object.entries(document.paths).filter(([, methods]) => methods['get'] !== undefined).map(([path]) =>
    path.replace(/\{\w+\}/g, 'x'))
  t.ok(gets.length > 15)
  for (const path of [...gets.filter((path) => path !== '/stream'), '/docs', '/docs/json', '/favicon.ico']) {
    for (const prefix of PREFIXES) {
      const url = `${prefix}${path}`
      const get = await ask(t, { url })
      const head = await ask(t, { method: 'HEAD', url })
      t.match(head, { statusCode: get.statusCode, body: '', headers: { 'content-type': get.headers['content-type'] ?? undefined } },
        `HEAD ${url}`)
      t.not(get.statusCode, 500)
      if (path === '/') continue
      const slashed = await ask(t, { url: `${url}/` })
      t.equal(slashed.statusCode, 404, `${url}/`)
      isErrorShape(t, slashed, `${url}/`)
    }
  }
  t.match(await ask(t, { url: '/favicon.ico' }), { statusCode: 200, headers: { 'content-type': /^image\// } })
})

t.test('pages and the files that they name', async (t) => {
  for (const [url, status] of [['/', 200], ['/nothing', 404], ['/docs', 200]] as const) {
    const page = await ask(t, { url, headers: { accept: BROWSER } })
    t.match(page, { statusCode: status, headers: { 'content-type': /^text\/html/, 'content-security-policy': /default-src 'none'/ } })
    const files = [...page.body.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, file]) => file!).filter((file) => /\.\w+$/.test(file) &&
      !file.includes('://'))
    t.ok(files.length > 0, url)
    for (const file of files) {
      t.equal((await ask(t, { url: new URL(file, `http://x${url}`).pathname })).statusCode, 200,
      `${url} names ${file}`)
    }
  }
  const attack = await ask(t, { url: '/<script>alert(1)</script>', headers: { accept: BROWSER } })
  t.equal(attack.statusCode, 404)
  t.notMatch(attack.body, '<script>alert')
  for (const url of ['/assets/', '/assets/%00', '/docs/static/%00', '/assets/..%2findex.ts', '/assets/../index.ts', '/assets/nothing']) {
    const answer = await ask(t, { url })
    t.ok([400, 404].includes(answer.statusCode), `${url}: ${answer.statusCode}`)
    isErrorShape(t, answer, url)
  }
})

t.test('what the file server refuses is no fault of ours', async (t) => {
  const conditions = { range: 'bytes=99999999-', 'if-match': '"other"', 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }
  for (const [name, value] of Object.entries(conditions)) {
    const answer = await ask(t, { url: '/docs/static/index.css', headers: { [name]: value } })
    t.equal(answer.statusCode, 400, name)
    isErrorShape(t, answer, '/docs/static/index.css')
  }
})

t.test('405 says what the path answers', async (t) => {
  const cases: Array<[string, string, string]> = [
    ['PUT', '/agents/message', 'POST'], ['GET', '/agents/message', 'POST'], ['HEAD', '/agents/message', 'POST'], ['PATCH',
      '/agents/session', 'POST'],
    ['DELETE', '/agents/sessions', 'GET, HEAD'], ['GET', '/events', 'POST'], ['POST', '/healthz', 'GET, HEAD'], ['POST', '/readyz',
      'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'], ['POST', '/docs', 'GET, HEAD'], ['POST', '/metrics', 'GET, HEAD'], ['OPTIONS', '/jobs', 'GET, HEAD'],
    ['PUT', '/agents/watchdog', 'GET, HEAD, PATCH'], ['POST', '/jobs/x', 'GET, HEAD'], ['DELETE', '/command-center', 'GET, HEAD']
  ]
  for (const prefix of PREFIXES) {
    for (const [method, path, allow] of cases) {
      const url = `${prefix}${path}`
      const answer = await ask(t, { method, url })
      t.match(answer, { statusCode: 405, headers: { allow } }, `${method} ${url}`)
      if (method !== 'HEAD') isErrorShape(t, answer, url)
      t.match((await ask(t, { method, url, headers: { accept: BROWSER } })),
        { statusCode: 405, headers: { 'content-type': /^text\/html/, allow } })
    }
    // The body of an unknown path is no matter.
    const plain = { payload: '{', headers: { 'content-type': 'text/plain' } }
    t.equal((await ask(t, { method: 'PUT', url: `${prefix}/agents/message`, ...plain })).statusCode, 405)
    t.equal((await ask(t, { method: 'POST', url: `${prefix}/nothing`, headers: { 'content-type': JSON_TYPE }, payload: '{' })).statusCode,
      404)
  }
})

const BODY_ROUTES: Array<[method: string, path: string]> = [
  ['POST', '/agents/message'], ['POST', '/events'], ['POST', '/schedules'], ['POST', '/agents/watchdog/run'], ['PATCH',
    '/agents/watchdog'], ['PATCH', '/schedules/watchdog']
]
const eachBodyRoute = async (t: Test, payload: string | Buffer, type: string | undefined,
  check: (answer: Answer, url: string) => void): Promise<void> => {
  for (const [method, path] of BODY_ROUTES) {
    for (const prefix of PREFIXES) {
      const question: Question = { method, url: `${prefix}${path}`, payload, headers: type === undefined ? {} : { 'content-type': type } }
      const answer = await ask(t, question)
      check(answer, question.url)
      if (answer.statusCode >= 400) isErrorShape(t, answer, question.url)
    }
  }
}

t.test('content types', async (t) => {
  const refused = ['text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx',
    'xapplication/json',
    'application/json, text/plain', 'text/plain; application/json', 'application/json; charset=utf-16', 'application/json;charset=latin1',
    'application/\tjson',
    'garbage', '', undefined]
  for (const type of refused) {
    await eachBodyRoute(t, '{"x":1}', type,
      (answer) => t.match(answer, { statusCode: 415, data: { code: 'unsupported_media_type' } }, `refuses ${type}`))
  }
  const taken = ['application/json', 'APPLICATION/Json', 'application/json;charset=utf-8', 'application/json; charset=UTF-8',
    'application/json ; charset="utf-8"',
    'application/json\t;\tcharset=utf-8', 'application/json;', 'application/cloudevents+json']
  // A wrong spelling must not go around the checks: the same body meets the same refusal under each.
  for (const type of taken) {
    const answer = await ask(t, { method: 'POST', url: '/agents/message', payload: '{"x":1}', headers: { 'content-type': type } })
    t.match(answer, { statusCode: 400, data: { error: 'session_id is required' } }, `takes ${type}`)
    const hostile = await ask(t, { method: 'POST', url: '/agents/message', payload: '{"x":"\\u0000"}', headers: { 'content-type': type } })
    t.equal(hostile.data.code, 'malformed_text', type)
  }
})

t.test('hostile bodies', async (t) => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`
  const cases: Array<[string, string | Buffer, number, string]> = [
    ['cut off', '{"session_id":', 400, 'malformed_json'], ['no JSON', 'hello', 400, 'malformed_json'], ['two values', '{}{}', 400,
      'malformed_json'],
    ['a comma too many', '{"a":1,}', 400, 'malformed_json'], ['NaN', '{"a":NaN}', 400, 'malformed_json'], ['only spaces', '   ', 400,
      'malformed_json'],
    ['__proto__', '{"__proto__":{"admin":true}}', 400, 'malformed_json'], ['escaped __proto__', '{"\\u005f_proto__":{"a":1}}', 400,
      'malformed_json'],
    ['constructor.prototype', '{"constructor":{"prototype":{"a":1}}}', 400, 'malformed_json'],
    ['NUL in a value', '{"a":"x\\u0000y"}', 400, 'malformed_text'], ['NUL in a key', '{"x\\u0000y":1}', 400, 'malformed_text'],
    ['a lone high surrogate', '{"a":["\\ud83d"]}', 400, 'malformed_text'], ['a lone low surrogate', '{"a":"\\ude42x"}', 400,
      'malformed_text'],
    ['surrogates the wrong way', '{"a":"\\ude42\\ud83d"}', 400, 'malformed_text'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d]), 400, 'malformed_text'],
    ['overlong UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 400, 'malformed_text'],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), 400, 'malformed_json'],
    ['65 levels', nested(65), 400, 'nested_too_deeply'], ['65 levels of arrays', '['.repeat(65) + ']'.repeat(65), 400, 'nested_too_deeply'],
    ['10,000 levels', '['.repeat(10_000) + ']'.repeat(10_000), 400, 'nested_too_deeply'],
    ['1 MiB and a byte', `"${'x'.repeat(1024 * 1024 - 1)}"`, 413, 'payload_too_large']
  ]
  for (const [name, payload, status, code] of cases) {
    await eachBodyRoute(t, payload, JSON_TYPE,
      (answer, url) => t.match(answer, { statusCode: status, data: { code } }, `${name} at ${url}`))
  }
  for (const payload of [nested(64), `{"x":"${'x'.repeat(1024 * 1024 - 8)}"}`]) {
    t.match(await ask(t, { method: 'POST', url: '/agents/message', payload, headers: { 'content-type': JSON_TYPE } }),
      { statusCode: 400, data: { error: 'session_id is required' } }, 'at the limit')
  }
  const headers = { 'content-type': JSON_TYPE }
  const deep = await ask(t, { method: 'POST', url: '/events', payload: `{"event_type":"deep","data":${nested(63)}}`, headers })
  t.equal(deep.statusCode, 201)
  t.strictSame((await ask(t, { url: `/events/${deep.data.event_id}` })).data.data, JSON.parse(nested(63)))
  // Numbers for strings are not coerced, and nothing reached the prototype of objects.
  t.equal((await ask(t, { method: 'PATCH', url: '/agents/watchdog', payload: '{"enabled":1}', headers })).statusCode, 400)
  t.notOk('admin' in {})
})

t.test('hostile paths', async (t) => {
  for (const url of ['/%', '/%zz', '/api/%E0%A4%A', '/agents/session/%ff/messages', '/jobs/%c0%af', '/assets/%zz']) {
    const answer = await send(origin, { url })
    t.match(answer, { statusCode: 400, data: { code: 'malformed_request' } }, url)
    isErrorShape(t, answer, url)
  }
  const long = `/agents/session/${'x'.repeat(8000)}`
  t.match(await send(origin, { url: long }), { statusCode: 414, data: { code: 'uri_too_long', path: long } })
  for (const url of ['/..', '/./healthz', '//healthz', '/healthz;x', '/HEALTHZ', '/%2e%2e/healthz', '/apihealthz', '/api/api/healthz',
    '/api//healthz']) {
    t.equal((await send(origin, { url })).statusCode, 404, url)
  }
  for (const url of ['/healthz?', '/healthz?x=%zz', '/healthz?a[b]=1&a=2', '/api?x=1',
    '/api']) t.equal((await send(origin, { url })).statusCode, 200, url)
})

t.test('what Node refuses has the documented shape', async (t) => {
  const cases: Array<[string, string, number, string]> = [
    ['no Host', 'GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed_request'],
    ['unknown Expect', 'POST /events HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\nContent-Length: 2\r\n\r\n', 417, 'expectation_failed'],
    ['a header of 20 KiB', `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20 * 1024)}\r\n\r\n`, 431, 'headers_too_large'],
    ['a URL of 20 KiB', `GET /${'x'.repeat(20 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'headers_too_large'],
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed_request'],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'malformed_request'],
    ['two lengths', 'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}', 400, 'malformed_request'],
    ['length and chunks', 'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400,
      'malformed_request'],
    ['a bad chunk', 'POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
      400, 'malformed_request'],
    ['a line feed in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\nb\r\n\r\n', 400, 'malformed_request']
  ]
  for (const [name, bytes, status, code] of cases) {
    const answer = await raw(t, bytes)
    t.equal(answer.statusCode, status, name)
    t.match(answer.data, { status_code: status, error: /\S/, message: /\S/, path: String, request_id: /\S/, code }, name)
  }
  t.match(await raw(t, 'GET /healthz HTTP/1.0\r\n\r\n'), { statusCode: 200, body: 'ok' }, 'HTTP/1.0 needs no Host')
  t.match(await raw(t, 'POST /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n'),
    { statusCode: 100 })
  t.match(await slow, { statusCode: 408, data: { status_code: 408, error: 'Request Timeout', code: 'request_timeout' } },
    'headers that do not come')
})

t.test('callers may name their request, within reason', async (t) => {
  const idFor = async (id: string) => (await ask(t, { url: '/nothing', headers: { 'x-request-id': id } })).data.request_id
  t.equal(await idFor('trace-0123456789'), 'trace-0123456789')
  for (const id of ['short', 'x'.repeat(65), 'has space in it', '"quoted-quoted"', 'a,b,c,d,e,f,g']) t.not(await idFor(id), id)
})
