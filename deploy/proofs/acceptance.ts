// A short pass over a running service, as its first caller would make it.
import { strict as assert } from 'node:assert'
import { isDone, openStream, textOf } from '../../test/helpers/event-source.ts'
import { createTalk } from '../../test/helpers/talk.ts'

/** @throws AssertionError at the first thing that is not as it should be. Answers a session with two messages, and how many things were looked at. */
export const acceptancePass = async (origin: string): Promise<{ session: string, checks: number }> => {
  let checks = 0
  const equal = (found: unknown, wanted: unknown, what: string): void => {
    assert.deepEqual(found, wanted, what)
    checks += 1
  }
  const ok = (holds: boolean, what: string): void => { equal(holds, true, what) }
  const get = async (path: string, accept = '*/*') => {
    const answer = await fetch(`${origin}${path}`, { headers: { accept } })
    return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() }
  }

  equal(await get('/healthz'), { status: 200, type: 'text/plain; charset=utf-8', text: 'ok' }, '/healthz')
  const ready = await get('/readyz')
  equal(ready.status, 200, `/readyz: ${ready.text}`)
  const { checks: parts } = JSON.parse(ready.text) as { checks: Array<{ name: string, healthy: boolean }> }
  ok(parts.some(({ name, healthy }) => name === 'store' && healthy), `the store takes writes: ${ready.text}`)

  const talk = createTalk(origin)
  const session = await talk.open()
  await talk.ask(session, 'Are you healthy?')
  const stream = openStream(talk.stream(session))
  const done = await stream.until(isDone)
  equal(done.data['status'], 'complete', 'the stream ends as a whole')
  const said = textOf(stream.frames)
  ok(said.length > 0, 'the stream answered')
  equal(await stream.closed, 'ended', 'the stream was closed by the service')
  equal((await talk.messages(session)).map(({ role }) => role), ['user', 'assistant'], 'both messages are stored')
  equal((await talk.messages(session))[1]?.content, said, 'the stored reply is the one that was streamed')

  const started = await fetch(`${origin}/agents/watchdog/run`, { method: 'POST' })
  equal(started.status, 202, 'an agent runs')
  const { job_id: job } = await started.json() as { job_id: string }
  equal((JSON.parse((await get(`/jobs/${job}?wait=20`)).text) as { status: string }).status, 'succeeded', 'and succeeds')

  const metrics = await get('/metrics', 'text/plain')
  ok(/^orchestrator_ready 1$/m.test(metrics.text), '/metrics says ready')
  const page = await get('/', 'text/html')
  ok(page.status === 200 && page.type.startsWith('text/html'), 'the start page')
  const assets = [...page.text.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, path]) => `/${path}`)
  ok(assets.length > 0, 'the start page loads something')
  for (const asset of assets) equal((await get(asset)).status, 200, asset)
  equal((await get('/docs', 'text/html')).status, 200, '/docs')
  equal((await get('/docs/static/swagger-ui-bundle.js')).status, 200, 'what /docs loads')
  ok((JSON.parse((await get('/docs/json')).text) as { openapi: string }).openapi.startsWith('3.1'), 'the API document')
  return { session, checks }
}

/** What was said before is there after a restart. */
export const storedMessages = async (origin: string, session: string): Promise<string[]> =>
  (await createTalk(origin).messages(session)).map(({ role }) => role)
