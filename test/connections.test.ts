// What single connections do to the server: pipelined streams, uploads that break off, browsers of other origins.
import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { buildTestApp, listen, sayer } from './helpers/app.ts'

t.test('a stream that has ended behind another one of its connection is left alone', async (t) => {
  const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true', SSE_HEARTBEAT_MS: '10' }, { assistant: sayer('yes') })
  const { port } = new URL(await listen(app))
  const session = (await app.inject({ method: 'POST', url: '/agents/session' })).json<{ session_id: string }>().session_id
  const posted = await app.inject({ method: 'POST', url: '/agents/message', payload: { session_id: session, role: 'user', content: 'x' } })
  await app.orchestrator.jobs.wait(posted.json<{ job_id: string }>().job_id, 10_000, new AbortController().signal)
  const socket = connect(Number(port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(`GET /stream HTTP/1.1\r\nhost: x\r\n\r\nGET /agents/stream?session_id=${session} HTTP/1.1\r\nhost: x\r\n\r\n`)
  // Every group of connections has had its heartbeat several times: an uncaught error would have failed this test.
  let beats = 0
  for (let text = ''; beats < 5;) {
    const [chunk] = await once(socket, 'data') as [Buffer]
    text += chunk.toString()
    beats = text.split(': heartbeat').length - 1
  }
  t.equal((await app.inject('/healthz')).statusCode, 200)
})

t.test('an upload that breaks off is the caller\'s affair', async (t) => {
  const { app, lines } = await buildTestApp(t)
  const { port } = new URL(await listen(app))
  const answered = new Promise<void>((resolve) => { app.server.on('request', (_request, response) => { response.once('close', resolve) }) })
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('POST /agents/message HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
  await once(app.server, 'request')
  socket.destroy()
  await answered
  await app.close()
  t.same(lines.filter(({ level }) => Number(level) >= 50), [], 'nothing at error level')
})

t.test('CORS: listed origins may do what the API offers, others nothing', async (t) => {
  const { app } = await buildTestApp(t, { CORS_ORIGINS: 'https://a.example' })
  const preflight = (origin: string, method: string) =>
    app.inject({ method: 'OPTIONS', url: '/schedules/watchdog', headers: { origin, 'access-control-request-method': method } })
  for (const method of ['PATCH', 'DELETE']) {
    const { headers } = await preflight('https://a.example', method)
    t.equal(headers['access-control-allow-origin'], 'https://a.example')
    t.match(headers['access-control-allow-methods'], method)
  }
  t.equal((await preflight('https://b.example', 'PATCH')).headers['access-control-allow-origin'], undefined)
  for (const url of ['/readyz', '/', '/jobs']) {
    const { headers } = await app.inject({ url, headers: { origin: 'https://a.example' } })
    t.equal(headers['access-control-allow-origin'], 'https://a.example', url)
    t.match(headers['access-control-expose-headers'], 'x-request-id')
  }
  const { headers } = await buildTestApp(t).then(({ app }) => app.inject({ url: '/jobs', headers: { origin: 'https://a.example' } }))
  t.equal(headers['access-control-allow-origin'], undefined, 'none is listed by default')
})
