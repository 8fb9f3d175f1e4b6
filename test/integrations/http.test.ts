// The shared HTTP client against a hostile upstream: deadlines, caps, shapes, addresses, retries, and what each means for the breaker.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type LookupFunction, type Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { createCertificate, WRONG_HOST } from '../../sandbox/faults/certificate.ts'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createPermission, PERMISSION_MS, PermissionLapsedError } from '../../src/core/permission.ts'
import { isPublicAddress, publicLookup } from '../../src/integrations/http/addresses.ts'
import { checkedUrl } from '../../src/integrations/http/client.ts'
import { createAgent, createHttpClient, namesPrivateHost, retryAfterMs, type HttpClientOptions, type HttpRequest } from '../../src/integrations/http/index.ts'
import { FakeClock, settled, until } from '../helpers/fake-clock.ts'

const WALL = Date.UTC(2026, 10, 24, 12, 0, 0)
const MIB = 2 ** 20

type Answerer = (request: IncomingMessage, response: ServerResponse, count: number) => void

const setup = async (t: Test, answer: Answerer, more: Partial<HttpClientOptions> = {}) => {
  const sockets = new Set<Socket>()
  let asked = 0
  const server = createServer((request, response) => { answer(request, response, ++asked) })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => { sockets.delete(socket) })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const clock = new FakeClock(WALL)
  const logged: Array<Record<string, unknown>> = []
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  breakers.register('shop', { label: 'Shop', configured: true, required: false, bulkhead: { concurrent: 4, queue: 2 } })
  const client = createHttpClient({
    dependency: 'shop',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`,
    breakers,
    clock,
    random: () => 0,
    log: { ...silentLogger, debug (fields) { logged.push(fields as Record<string, unknown>) } },
    allowPrivate: true,
    ...more
  })
  t.teardown(async () => {
    await client.close()
    server.closeAllConnections()
    server.close()
  })
  const send = (request: Partial<HttpRequest> = {}) =>
    client.send({ method: 'GET', path: '/x?token=s3cret', idempotent: false, signal: new AbortController().signal, ...request })
  const { breaker, gate, bulkhead } = breakers.get('shop')
  return { client, send, clock, breaker, gate, bulkhead, breakers, logged, sockets, asked: () => asked, server }
}

const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

t.test('a good answer, on a kept connection, and no secrets in the log', async (t) => {
  const seen: string[] = []
  const { send, breaker, logged, sockets } = await setup(t, (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${request.headers['content-type']}`)
    json(response, 200, { ok: true }, { 'x-thing': 'yes' })
  })
  const answer = await send({ method: 'POST', headers: { authorization: 'Bearer s3cret', 'content-type': 'application/json' }, body: '{}' })
  t.match(answer, { status: 200, body: { ok: true }, retryAfterMs: undefined })
  t.equal(answer.header('x-thing'), 'yes')
  await send()
  await send()
  await send()
  t.ok(sockets.size <= 2, 'connections are kept')
  const [first, ...others] = seen
  t.equal(first, 'POST /base/x?token=s3cret Bearer s3cret application/json')
  t.strictSame(others, Array.from({ length: 3 }, () => 'GET /base/x?token=s3cret undefined undefined'))
  t.match(logged[0], { dependency: 'shop', method: 'POST', path: '/base/x', status: 200 })
  t.notMatch(JSON.stringify(logged), /s3cret/)
  t.match(breaker.snapshot().totals, { success: 4, failure: 0 })
})

t.test('a permission that lapsed while the process stood still: nothing is sent, and the breaker hears nothing of it', async (t) => {
  const { send, clock, breaker, asked } = await setup(t, (_request, response) => { json(response, 200, {}) })
  const permission = createPermission(clock, clock.monotonic())
  await clock.advance(PERMISSION_MS)
  await permission.run(() => send())
  t.equal(asked(), 1, 'just in time')
  await clock.advance(1)
  await t.rejects(permission.run(() => send()), PermissionLapsedError)
  t.equal(asked(), 1)
  permission.renew(clock.monotonic())
  await permission.run(() => send())
  t.equal(asked(), 2, 'renewed')
  await clock.advance(PERMISSION_MS * 2)
  await send()
  t.equal(asked(), 3, 'calls without one are free')
  t.match(breaker.snapshot().totals, { success: 3, failure: 0 })
})

// What is sent, and what must come of it: [code, counts as a failure].
const BAD: Array<[name: string, answer: Answerer, code: string, message: RegExp]> = [
  ['garbage for JSON', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":')
  }, 'upstream_answer_invalid', /not JSON/],
  ['bytes that are no text', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from([0x22, 0xff, 0xfe, 0x22]))
  }, 'upstream_answer_invalid', /UTF-8/],
  ['a page', (_request, response) => { response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Welcome') }, 'upstream_answer_invalid', /text\/html/],
  ['no type', (_request, response) => { response.writeHead(200).end('{}') }, 'upstream_answer_invalid', /nobody knows/],
  ['a packed answer that nobody asked for', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('xx')
  }, 'upstream_answer_invalid', /packs/],
  ['less than announced', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
    response.write('{"a":1}')
    setImmediate(() => { response.socket!.end() })
  }, 'upstream_answer_invalid', /broke off after 7 bytes/],
  ['a chunked answer cut off', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"a":1}')
    setImmediate(() => { response.socket!.end() })
  }, 'upstream_answer_invalid', /broke off/],
  ['reset', (_request, response) => { response.socket!.resetAndDestroy() }, 'upstream_unreachable', /broke/],
  ['closed without a word', (_request, response) => { response.socket!.end() }, 'upstream_unreachable', /broke/],
  ['no HTTP', (_request, response) => { response.socket!.end('220 smtp.example ESMTP\r\n') }, 'upstream_unreachable', /broke/],
  ['redirected elsewhere', (_request, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end()
  }, 'upstream_redirected', /302/],
  ['announced as too large', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(130 * MIB) })
    response.write('[')
  }, 'upstream_answer_too_large', /larger than 131072 bytes/]
]

for (const [name, answer, code, message] of BAD) {
  t.test(`a failure: ${name}`, async (t) => {
    const { send, breaker } = await setup(t, answer)
    for (let count = 1; count <= 5; count++) await t.rejects(send(), { name: 'UpstreamError', code, message, dependency: 'shop' })
    t.match(breaker.snapshot(), { state: 'open', totals: { failure: 5 }, lastError: { code } })
    await t.rejects(send(), { code: 'circuit_open' })
  })
}

/** Sends 130 MB as fast as they are taken, and counts what it has handed over. */
const flood = (piece: Buffer): { answer: Answerer, sent: () => number } => {
  let sent = 0
  const answer: Answerer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = (): void => {
      while (sent < 130 * MIB && !response.destroyed) {
        sent += piece.length
        if (!response.write(piece)) return
      }
    }
    response.on('drain', more)
    more()
  }
  return { answer, sent: () => sent }
}

t.test('130 MB: read up to the cap, and the connection is gone', async (t) => {
  const { answer, sent } = flood(Buffer.alloc(64 * 1024, 0x20))
  const { send, breaker, sockets } = await setup(t, answer)
  const before = process.memoryUsage().rss
  await t.rejects(send({ maxBytes: MIB }), { code: 'upstream_answer_too_large', message: /larger than 1048576 bytes/ })
  await until('the connection is gone', () => sockets.size === 0)
  t.ok(sent() < 16 * MIB, `${(sent() / MIB).toFixed(1)} MiB were taken from the upstream`)
  t.ok(process.memoryUsage().rss - before < 20 * MIB)
  t.match(breaker.snapshot().totals, { failure: 1 })
})

t.test('who does not ask for more gets an eighth of a mebibyte, and who does gets all of it, whole', async (t) => {
  const text = 'äö😀'.repeat(100_000)
  const { send, sockets } = await setup(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(text))
  })
  await t.rejects(send(), { code: 'upstream_answer_too_large', message: /larger than 131072 bytes/ })
  await until('the connection is gone', () => sockets.size === 0)
  t.equal((await send({ maxBytes: MIB })).body, text)
  for (let n = 0; n < 4; n++) await send({ maxBytes: MIB })
  t.ok(sockets.size <= 2, 'what was read to its end keeps its connection')
})

t.test('lines: a reader that stops reading stops the upstream', async (t) => {
  const line = Buffer.alloc(64 * 1024, 0x78)
  line[line.length - 1] = 0x0a
  const { answer, sent } = flood(line)
  const { client, server } = await setup(t, answer)
  const options = { signal: new AbortController().signal, deadlineMs: 60_000, idleMs: 60_000, maxBytes: 2 ** 31 }
  const lines = client.lines(`http://127.0.0.1:${(server.address() as AddressInfo).port}/file`, options)[Symbol.asyncIterator]()
  await lines.next()
  const before = process.memoryUsage().external
  let seen = -1
  await until('no more is sent', async () => {
    const earlier = seen
    for (let turn = 0; turn < 20; turn++) await settled()
    seen = sent()
    return seen === earlier
  })
  t.ok(seen < 64 * MIB, `${(seen / MIB).toFixed(1)} MiB were taken from the upstream`)
  t.ok(process.memoryUsage().external - before < 2 * MIB, 'what waits lies in the sockets, not with us')
  let read = 1
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
    read += 1
    if (read === 1_000) break
  }
  t.equal(read, 1_000, 'it goes on where it stopped')
  await lines.return!()
})

t.test('the deadline holds for what is silent, slow to begin, and dripping', async (t) => {
  const held: Array<NodeJS.Timeout> = []
  const { send, clock, breaker, asked } = await setup(t, (request, response) => {
    if (request.url!.endsWith('drip')) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('[')
      held.push(setInterval(() => { response.write(' ') }, 5))
    } else if (request.url!.endsWith('headers')) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.flushHeaders()
    }
  })
  t.teardown(() => { for (const timer of held) clearInterval(timer) })
  for (const [index, path] of ['/silent', '/headers', '/drip'].entries()) {
    const answer = send({ path, deadlineMs: 3_000 })
    answer.catch(() => {})
    await until('it was asked', () => asked() === index + 1)
    await clock.advance(2_999)
    t.equal(breaker.snapshot().totals.failure, index, 'not yet')
    await clock.advance(1)
    await t.rejects(answer, { code: 'upstream_timeout', message: /within 3 s/ })
  }
  t.match(breaker.snapshot().totals, { failure: 3 })
  t.equal(clock.waiting, 0, 'no timer is left')
})

t.test('no connection: refused, unknown name, no TLS', async (t) => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')
  const { send } = await setup(t, () => {}, { baseUrl: `http://127.0.0.1:${port}` })
  await t.rejects(send(), { code: 'upstream_unreachable', message: /refused/ })
  const unknown = await setup(t, () => {}, { baseUrl: 'http://shop.invalid' })
  await t.rejects(unknown.send(), { code: 'upstream_unreachable', message: /shop\.invalid could not be resolved/ })
  const plain = createTcpServer((socket) => { socket.on('error', () => {}).end('hello') }).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => { plain.close() })
  const tls = await setup(t, () => {}, { baseUrl: `https://127.0.0.1:${(plain.address() as AddressInfo).port}` })
  await t.rejects(tls.send(), { code: 'upstream_unreachable' })
  t.match(tls.breaker.snapshot().totals, { failure: 1 })
})

t.test('statuses: what they mean for breaker, credential and gate', async (t) => {
  let status = 200
  let headers: Record<string, string> = {}
  const { send, breaker, breakers, gate, clock } = await setup(t, (_request, response) => { json(response, status, { status }, headers) })
  const ask = async (next: number, more: Record<string, string> = {}) => {
    status = next
    headers = more
    return (await send()).status
  }
  for (const fine of [200, 201, 404, 409, 422]) t.equal(await ask(fine), fine)
  t.match(breaker.snapshot().totals, { success: 5, failure: 0 })
  for (const failing of [408, 500, 503]) t.equal(await ask(failing), failing)
  t.match(breaker.snapshot().totals, { failure: 3 })
  t.equal(await ask(200), 200)
  t.equal(breakers.get('shop').credential, 'accepted')
  await ask(401)
  t.equal(breakers.get('shop').credential, 'rejected')
  await ask(200)

  for (const [said, ms] of [
    ['2', 2_000], [new Date(WALL + 7_000).toUTCString(), 7_000], ['soon', 5_000], ['-3', 5_000], ['', 5_000], ['99999999', 3_600_000]
  ] as const) {
    t.equal(await ask(429, { 'retry-after': said, date: '' }), 429)
    const waits = said.includes('GMT') ? ms - (clock.now() - WALL) : ms
    t.ok(Math.abs(gate.remainingMs() - Math.max(waits, 0)) <= 1_000, `${said}: ${gate.remainingMs()}`)
    if (gate.remainingMs() > 0) await t.rejects(send(), { code: 'dependency_throttled' }, 'nothing is sent')
    await clock.advance(gate.remainingMs())
  }
  t.equal(breaker.snapshot().state, 'closed', 'to be told to wait is no failure')
})

t.test('a refusal as a page is a refusal', async (t) => {
  const { send } = await setup(t, (_request, response) => { response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway') })
  t.match(await send(), { status: 502, body: '<h1>Bad Gateway' })
})

t.test('the judge decides what a complete answer means', async (t) => {
  const { send, gate } = await setup(t, (_request, response) => { json(response, 200, { errors: [{ code: 'THROTTLED' }] }) })
  await send({ judge: ({ body }) => JSON.stringify(body).includes('THROTTLED') ? { kind: 'throttled', waitMs: 700 } : { kind: 'success' } })
  t.equal(gate.remainingMs(), 700)
})

t.test('cancelled by the caller: before, while it is silent, in the middle of the body; nothing is counted', async (t) => {
  const { send, breaker, sockets, asked } = await setup(t, (request, response) => {
    if (!request.url!.endsWith('body')) return
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('[')
  })
  const before = AbortSignal.abort(new Error('changed my mind'))
  await t.rejects(send({ signal: before }), { message: 'changed my mind' })
  t.equal(asked(), 0)
  for (const [index, path] of ['/silent', '/body'].entries()) {
    const controller = new AbortController()
    const answer = send({ path, signal: controller.signal, idempotent: true })
    answer.catch(() => {})
    await until('it was asked', () => asked() === index + 1)
    if (path === '/body') await settled()
    controller.abort(new Error('enough'))
    await t.rejects(answer, { message: 'enough' })
    await until('the connection is gone', () => sockets.size === 0)
  }
  t.match(breaker.snapshot().totals, { success: 0, failure: 0, cancelled: 2 })
})

t.test('retries: only what may be sent twice, each through the breaker, within a tenth of all calls', async (t) => {
  let failures = 0
  const { send, clock, asked, breaker } = await setup(t, (_request, response) => {
    failures -= 1
    json(response, failures >= 0 ? 503 : 200, {})
  })
  /** The status that comes of a call whose first `bad` tries fail, and how often it was sent. */
  const call = async (bad: number, idempotent: boolean): Promise<[status: number, tries: number]> => {
    failures = bad
    const before = asked()
    let over = false
    const answer = send({ idempotent }).finally(() => { over = true })
    await until('it is over', async () => {
      await clock.advance(0)
      return over
    })
    return [(await answer).status, asked() - before]
  }
  t.strictSame(await call(1, false), [503, 1], 'not what may have had its effect')
  t.strictSame(await call(1, true), [200, 2])
  t.match(breaker.snapshot().totals, { success: 1, failure: 2 })
  t.strictSame(await call(1, true), [503, 1], 'the budget of a quiet process is one retry')
  for (let n = 0; n < 7; n++) t.strictSame(await call(0, true), [200, 1])
  t.strictSame(await call(1, true), [200, 2], 'ten calls have paid for one more')
  for (let n = 0; n < 40; n++) await call(0, true)
  t.strictSame(await call(3, true), [503, 3], 'three tries are all')
})

t.test('retries: none after a word to wait, an open breaker or the deadline', async (t) => {
  const { send, asked, clock } = await setup(t, (request, response) => {
    if (request.url!.endsWith('429')) json(response, 429, {}, { 'retry-after': '1' })
    else if (request.url!.endsWith('503')) json(response, 503, {}, { 'retry-after': '1' })
  })
  await send({ path: '/503', idempotent: true })
  t.equal(asked(), 1, 'a 503 that says when')
  await send({ path: '/429', idempotent: true })
  t.equal(asked(), 2)
  await clock.advance(1_000)
  const silent = send({ path: '/silent', idempotent: true, deadlineMs: 100 })
  silent.catch(() => {})
  await until('it was asked', () => asked() === 3)
  await clock.advance(100)
  await t.rejects(silent, { code: 'upstream_timeout' })
  t.equal(asked(), 3)
})

t.test('bulkhead: four at a time, two wait, the rest is refused; who leaves makes room', async (t) => {
  const waiting: ServerResponse[] = []
  const { send, bulkhead, breaker } = await setup(t, (_request, response) => { waiting.push(response) })
  const controller = new AbortController()
  const running = Array.from({ length: 4 }, () => send())
  await until('four are asked', () => waiting.length === 4)
  const quits = send({ signal: controller.signal })
  const stays = send()
  await settled()
  await t.rejects(send(), { code: 'dependency_busy', dependency: 'shop' })
  controller.abort(new Error('no more'))
  await t.rejects(quits, { message: 'no more' })
  t.equal(bulkhead.waiting, 1)
  json(waiting[0]!, 200, {})
  await until('the next is asked', () => waiting.length === 5)
  for (const response of waiting.slice(1)) json(response, 200, {})
  t.equal((await Promise.all([...running, stays])).length, 5)
  t.equal(bulkhead.running, 0)
  t.match(breaker.snapshot().totals, { success: 5, failure: 0 }, 'who waited or was refused is not in the figures')
})

t.test('lines: put together as bytes, as they come, within deadline, idle time and cap', async (t) => {
  const { client, clock, asked, server } = await setup(t, async (request, response) => {
    const [path] = request.url!.split('?')
    if (path === '/moved') return response.writeHead(302, { location: '/lines' }).end()
    if (path === '/gone') return response.writeHead(404).end()
    response.writeHead(200)
    if (path === '/idle') return response.write('first\n')
    if (path === '/large') return response.end('x'.repeat(3_000))
    const bytes = Buffer.from('{"a":"ä"}\n\n{"b":"😀"}\r\n{"c":1}')
    for (const byte of bytes) {
      response.write(Buffer.from([byte]))
      await new Promise((resolve) => { setImmediate(resolve) })
    }
    response.end()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const read = async (path: string): Promise<string[]> => {
    const lines: string[] = []
    const options = { signal: new AbortController().signal, deadlineMs: 60_000, idleMs: 5_000, maxBytes: 2_000 }
    for await (const line of client.lines(`${origin}${path}`, options)) lines.push(line.trim())
    return lines
  }
  t.strictSame(await read('/lines'), ['{"a":"ä"}', '{"b":"😀"}', '{"c":1}'])
  t.equal(clock.waiting, 0)
  await t.rejects(read('/moved'), { code: 'upstream_answer_invalid', message: /302/ })
  await t.rejects(read('/gone'), { code: 'upstream_answer_invalid', message: /404/ })
  await t.rejects(read('/large'), { code: 'upstream_answer_too_large' })
  const idle = read('/idle')
  idle.catch(() => {})
  await until('it was asked', () => asked() === 5)
  await settled()
  await clock.advance(5_000)
  await clock.advance(5_000)
  await t.rejects(idle, { code: 'upstream_timeout' })
  t.equal(clock.waiting, 0)
})

t.test('hosts: only the configured one, https, no credentials, no private address', async (t) => {
  for (const path of ['//elsewhere.example/x', '/\\elsewhere.example/x']) {
    const { send } = await setup(t, () => {}, { baseUrl: 'https://shop.example', allowPrivate: false })
    await t.rejects(send({ path }), { code: 'upstream_forbidden_host' }, path)
  }
  t.throws(() => checkedUrl('http://shop.example', false), /https/)
  t.throws(() => checkedUrl('https://me:secret@shop.example', true), { message: /credentials/ })
  t.throws(() => checkedUrl('ftp://shop.example', true), /https/)
  for (const baseUrl of [
    'https://127.0.0.1:1', 'https://[::1]:1', 'https://localhost:1', 'https://169.254.169.254', 'https://[::ffff:10.0.0.1]', 'https://0x7f.1'
  ]) {
    const { send, breaker } = await setup(t, () => {}, { baseUrl, allowPrivate: false })
    await t.rejects(send(), { code: 'upstream_forbidden_host' }, baseUrl)
    t.match(breaker.snapshot().totals, { failure: 0 }, 'our own refusal says nothing of the upstream')
  }
  for (const address of ['10.1.2.3', '172.16.0.1', '192.168.1.1', '127.0.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255',
    '::1', '::', 'fe80::1', 'fc00::1', '::ffff:192.168.0.1', 'ff02::1', '64:ff9b::a00:1', '2002:a00:1::', 'nonsense', '198.18.0.1', '192.0.2.1']) {
    t.notOk(isPublicAddress(address), address)
  }
  for (const address of ['23.227.38.65', '140.82.121.4', '2606:4700::6810:84e5', '::ffff:140.82.121.4']) t.ok(isPublicAddress(address), address)
  t.ok(namesPrivateHost('localhost') && namesPrivateHost('[::1]') && !namesPrivateHost('shop.example'))
})

t.test('a name that resolves to a private address is not called, not even beside a public one', async (t) => {
  const resolves = (...addresses: string[]) => publicLookup((_hostname, _options, done) => {
    done(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
  })
  const ask = (lookup: LookupFunction, all: boolean): Promise<unknown> => new Promise((resolve, reject) => {
    lookup('shop.example', { all }, (error, address) => { if (error === null) resolve(address); else reject(error) })
  })
  for (const all of [true, false]) {
    await t.rejects(ask(resolves('10.0.0.1'), all), { code: 'upstream_forbidden_host' })
    await t.rejects(ask(resolves('23.227.38.65', '127.0.0.1'), all), { code: 'upstream_forbidden_host' })
    await t.rejects(ask(resolves(), all), { code: 'upstream_forbidden_host' })
  }
  t.same(await ask(resolves('23.227.38.65'), true), [{ address: '23.227.38.65', family: 4 }])
  t.equal(await ask(resolves('23.227.38.65'), false), '23.227.38.65')
})

t.test('Retry-After', async (t) => {
  const told = (text: string | undefined): number | undefined => retryAfterMs(text, WALL)
  t.strictSame(['0', '3', ' 3 ', '1.5', new Date(WALL + 9_000).toUTCString(), new Date(WALL - 9_000).toUTCString(), '999999'].map(told),
    [0, 3_000, 3_000, 1_500, 9_000, 0, 3_600_000])
  t.strictSame([undefined, '', 'soon', '-1', '1e3', '0x10', 'NaN', '2026-11-24', 'Monday'].map(told), Array.from({ length: 9 }, () => undefined))
})

t.test('a name that resolves to a private address: the connection itself is refused', async (t) => {
  let asked = 0
  const { server } = await setup(t, () => { asked += 1 })
  const { port } = server.address() as AddressInfo
  const lookup = publicLookup((_hostname, _options, done) => { done(null, [{ address: '127.0.0.1', family: 4 }]) })
  const agent = createAgent(false, 1, lookup)
  t.teardown(() => agent.destroy())
  await t.rejects(request(`http://shop.example:${port}/x`, { dispatcher: agent }), { code: 'upstream_forbidden_host' })
  t.equal(asked, 0)
})

t.test('certificates: one that nobody vouches for, and a good one of another host', async (t) => {
  const { cert, key } = createCertificate(Date.now())
  const server = createTlsServer({ cert, key }, (_request, response) => { json(response, 200, {}) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const baseUrl = `https://localhost:${(server.address() as AddressInfo).port}`
  const stranger = await setup(t, () => {}, { baseUrl })
  await t.rejects(stranger.send(), { code: 'upstream_unreachable', message: /^The certificate of localhost:.+\(DEPTH_ZERO_SELF_SIGNED_CERT\)/ })
  const trusted = getCACertificates('default')
  setDefaultCACertificates([...trusted, cert])
  t.teardown(() => { setDefaultCACertificates(trusted) })
  const other = await setup(t, () => {}, { baseUrl })
  await t.rejects(other.send(), { code: 'upstream_unreachable', message: /^The certificate of localhost:.+\(ERR_TLS_CERT_ALTNAME_INVALID\)/ })
  t.match(other.breaker.snapshot().totals, { failure: 1 })

  // The control: the same certificate is good for the host that it names.
  const agent = createAgent(true, 1)
  t.teardown(() => agent.destroy())
  const named = await request(baseUrl, { dispatcher: agent, headers: { host: WRONG_HOST } })
  t.equal(named.statusCode, 200)
  await named.body.dump()
})

t.test('closing ends what is under way, and counts for nothing', async (t) => {
  const { client, send, breaker, asked, sockets, clock, server } = await setup(t, (request, response) => {
    if (request.url!.startsWith('/file')) response.writeHead(200).write('one\n')
  })
  const lines = client.lines(`http://127.0.0.1:${(server.address() as AddressInfo).port}/file`, {
    signal: new AbortController().signal, deadlineMs: 60_000, idleMs: 60_000, maxBytes: MIB
  })[Symbol.asyncIterator]()
  t.equal((await lines.next()).value, 'one')
  const next = lines.next()
  const answer = send({ idempotent: true })
  const ended = Promise.allSettled([answer, next])
  await until('both are asked', () => asked() === 2)
  await client.close()
  t.match(await ended, [{ reason: { code: 'client_closed' } }, { reason: { code: 'client_closed' } }])
  t.match(breaker.snapshot().totals, { success: 0, failure: 0, cancelled: 1 })
  await until('the connections are gone', () => sockets.size === 0)
  await t.rejects(send(), { code: 'client_closed' })
  t.equal(clock.waiting, 0)
})

t.test('a deadline that ends in our own queue is no failure of the upstream', async (t) => {
  const waiting: ServerResponse[] = []
  const { send, breaker, bulkhead, clock } = await setup(t, (_request, response) => { waiting.push(response) })
  const running = Array.from({ length: 4 }, () => send())
  await until('four are asked', () => waiting.length === 4)
  const late = send({ deadlineMs: 300 })
  const hasted = send({ deadlineMs: 1_000, idempotent: true })
  const told = Promise.allSettled([late, hasted])
  await clock.advance(300)
  await t.rejects(late, { code: 'dependency_busy' })
  t.equal(bulkhead.waiting, 1)
  await clock.advance(600)
  json(waiting[0]!, 200, {})
  await until('the fifth is asked', () => waiting.length === 5)
  await clock.advance(100)
  await told
  await t.rejects(hasted, { code: 'upstream_timeout' }, 'it had a tenth of its time')
  t.match(breaker.snapshot().totals, { success: 1, failure: 0, cancelled: 1 })
  for (const response of waiting.slice(1)) json(response, 200, {})
  await Promise.all(running)
})

t.test('a request that cannot be sent is a fault of ours', async (t) => {
  const { send, breaker, asked } = await setup(t, (_request, response) => { json(response, 200, {}) })
  await t.rejects(send({ headers: { 'x-note': 'a\r\nb' }, idempotent: true }), { code: 'UND_ERR_INVALID_ARG' })
  t.equal(asked(), 0)
  t.match(breaker.snapshot().totals, { failure: 0, cancelled: 1 })
})

t.test('what the upstream said is in no error, nor are our headers and query', async (t) => {
  const raw = createTcpServer((socket) => {
    socket.on('error', () => {}).once('data', () => { socket.end('s3cret in the answer\r\n\r\n') })
  }).listen(0, '127.0.0.1')
  await once(raw, 'listening')
  t.teardown(() => { raw.close() })
  const noHttp = await setup(t, () => {}, { baseUrl: `http://127.0.0.1:${(raw.address() as AddressInfo).port}` })
  const noJson = await setup(t, (_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end('s3cret in the answer') })
  const cut = await setup(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('s3cret in the answer')
    setImmediate(() => { response.socket!.resetAndDestroy() })
  })
  for (const { send, logged, breaker } of [noHttp, noJson, cut]) {
    const error: unknown = await send({ headers: { authorization: 'Bearer s3cret' } }).catch((reason: unknown) => reason)
    t.match(error, { name: 'UpstreamError' })
    t.notMatch(inspect([error, logged, breaker.snapshot()], { depth: 9, showHidden: true }), /s3cret/)
  }
  t.match(noHttp.logged, [{ dependency: 'shop', method: 'GET', path: '/x', code: 'upstream_unreachable' }])
  t.match(cut.logged, [{ code: 'upstream_answer_invalid' }], 'a reset within the answer')
})

t.test('a credential that the upstream quotes does not come back: not in a body, a header, an error', async (t) => {
  const token = 'canary-token-0123456789'
  const quoting = await setup(t, ({ headers }, response, count) => {
    const said = `You sent ${String(headers.authorization ?? headers['x-shopify-access-token'])}`
    json(response, count < 3 ? 403 : 200, { message: said }, { 'x-needs': said, ...(count === 3 ? { 'content-type': `text/html; x="${said}"` } : {}) })
  })
  const quoted = 'You sent Bearer [credential]'
  const refused = await quoting.send({ headers: { authorization: `Bearer ${token}` } })
  t.strictSame([refused.body, refused.header('x-needs')], [{ message: quoted }, quoted])
  t.strictSame((await quoting.send({ headers: { 'x-shopify-access-token': token } })).body, { message: 'You sent [credential]' })
  const page: unknown = await quoting.send({ headers: { authorization: `Bearer ${token}` } }).catch((error: unknown) => error)
  t.match(page, { message: 'The answer is of the type text/html, not JSON.' })
  t.notMatch(inspect([page, quoting.logged, quoting.breaker.snapshot()], { depth: 9 }), /canary|You sent/)
  // A short one is a word of its own right: the sandbox takes `sandbox`, and its data may hold that.
  t.strictSame((await quoting.send({ headers: { authorization: 'Bearer sandbox' } })).body, { message: 'You sent Bearer sandbox' })
})

t.test('lines: a reader may take its time, and may leave', async (t) => {
  const held: ServerResponse[] = []
  const { client, clock, sockets, server } = await setup(t, (_request, response) => {
    response.writeHead(200).write('one\ntwo\n')
    held.push(response)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`
  const options = { signal: new AbortController().signal, deadlineMs: 600_000, idleMs: 5_000, maxBytes: MIB }
  const lines = client.lines(url, options)[Symbol.asyncIterator]()
  t.equal((await lines.next()).value, 'one')
  await clock.advance(60_000)
  t.equal((await lines.next()).value, 'two', 'a minute between two lines is not the silence of the upstream')
  const third = lines.next()
  await clock.advance(4_000)
  held[0]!.end('three\n')
  t.equal((await third).value, 'three')
  t.equal((await lines.next()).done, true)

  const leaves = client.lines(url, options)[Symbol.asyncIterator]()
  t.equal((await leaves.next()).value, 'one')
  await leaves.return!()
  await until('the connection of who left is gone', () => sockets.size <= 1)
  await settled()
  t.equal(clock.waiting, 0)
})

t.test('lines: an answer cannot send us to another host of our network', async (t) => {
  const { client } = await setup(t, () => {})
  for (const url of ['http://127.0.0.2:1/x', 'https://127.0.0.2:1/x', 'https://169.254.169.254/latest', 'https://[::1]/x', 'http://files.example/x',
    'ftp://127.0.0.1/x', 'https://me:s3cret@files.example/x', 'nonsense']) {
    const read = async (): Promise<void> => {
      const options = { signal: new AbortController().signal, deadlineMs: 1_000, idleMs: 1_000, maxBytes: MIB }
      for await (const line of client.lines(url, options)) t.fail(line)
    }
    await t.rejects(read(), { name: 'UpstreamError', code: 'upstream_forbidden_host' }, url)
  }
})
