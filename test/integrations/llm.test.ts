// The language model over real sockets: the wire format, every way in which a provider fails, and what its breaker makes of it.
import { Type } from '@sinclair/typebox'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { ModelError, type ModelPart, type ModelRequest } from '../../src/core/language-model.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createLanguageModel } from '../../src/integrations/llm/index.ts'
import { FakeClock, until } from '../helpers/fake-clock.ts'
import { calling, saying, startModelServer, type Exchange } from '../helpers/model-server.ts'

const KEY = 'sk-test-0123456789'
const BUDGETS = { steps: 8, outputTokens: 4000, replyTokens: 100_000, historyTokens: 8000 }
const PRICES = { input: null, output: null }

const setup = async (t: Test, { clock = systemClock, url, timeouts, name = 'test-model' }: {
  clock?: Clock, url?: string, timeouts?: { totalMs: number, idleMs: number }, name?: string
} = {}) => {
  const server = await startModelServer(t)
  const logged: unknown[] = []
  const log = { ...silentLogger, debug: (fields: object) => { logged.push(fields) } }
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  const dependency = breakers.register('llm', { label: 'Language model', configured: true, required: false })
  const { model, upstream, close } = createLanguageModel({
    apiKey: KEY,
    baseUrl: url ?? server.url,
    model: name,
    source: 'live',
    breakers,
    clock,
    log,
    budgets: BUDGETS,
    prices: PRICES,
    ...(timeouts === undefined ? {} : { timeouts })
  })
  t.teardown(close)
  const ask = (more: Partial<ModelRequest> = {}) => model.stream({
    instructions: 'Be brief.',
    messages: [{ role: 'user', content: 'hello' }],
    tools: [],
    mayCall: true,
    maxOutputTokens: 500,
    signal: new AbortController().signal,
    ...more
  })
  /** `hear` is told of each piece of text. */
  const all = async (more: Partial<ModelRequest> = {}, hear: (text: string) => void = () => {}): Promise<ModelPart[]> => {
    const parts: ModelPart[] = []
    for await (const part of ask(more)) {
      parts.push(part)
      if (part.type === 'text') hear(part.text)
    }
    return parts
  }
  /** What was heard before the error, and the error. */
  const broken = async (hear: (text: string) => void = () => {}): Promise<{ text: string, error: ModelError }> => {
    let text = ''
    try {
      await all({}, (piece) => {
        text += piece
        hear(text)
      })
    } catch (error) {
      if (error instanceof ModelError) return { text, error }
      throw error
    }
    throw new Error('it did not fail')
  }
  return { server, breakers, dependency, model, upstream, ask, all, broken, logged }
}

const textOf = (parts: ModelPart[]): string => parts.map((part) => part.type === 'text' ? part.text : '').join('')

t.test('an answer in words', async (t) => {
  const { server, all, dependency, logged } = await setup(t)
  server.next(saying('Hel', 'lo, ', 'you ', '👑'))
  const parts = await all({ messages: [{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'Yes?' }, { role: 'user', content: 'again' }] })
  t.same(parts.filter((part) => part.type === 'text').map((part) => part.text), ['Hel', 'lo, ', 'you ', '👑'], 'piece by piece')
  t.same(parts.at(-1), { type: 'end', finish: 'stop', tokens: { input: 100, cached: 40, output: 20 } })
  const [{ body, headers }] = server.requests as [Exchange]
  t.match(body, { model: 'test-model', stream: true, stream_options: { include_usage: true }, max_tokens: 500 })
  t.same(body['messages'], [
    { role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hello' }, { role: 'assistant', content: 'Yes?' }, { role: 'user', content: 'again' }
  ])
  t.equal(body['tools'], undefined)
  t.equal(headers.authorization, `Bearer ${KEY}`)
  t.match(dependency.breaker.snapshot(), { state: 'closed', totals: { success: 1, failure: 0 } })
  t.equal(dependency.credential, 'accepted')
  t.match(logged, [{ dependency: 'llm', method: 'POST', path: '/v1/chat/completions', status: 200 }])
  t.notMatch(JSON.stringify(logged), /hello|sk-test/, 'neither key nor conversation is logged')
})

t.test('what cannot be stored is replaced, and a character cut in two is put together', async (t) => {
  const { server, all } = await setup(t)
  const heard = async (...pieces: string[]): Promise<string> => {
    server.next(saying(...pieces))
    return (await all()).flatMap((part) => part.type === 'text' ? [part.text] : []).join('')
  }
  t.equal(await heard('a\0b', 'c'), 'a\ufffdbc')
  t.equal(await heard('so \ud83d', '\ude00!'), 'so 😀!')
  t.equal(await heard('x\ud83d', 'y\ude00'), 'x\ufffdy\ufffd')
  t.equal(await heard('end\ud83d'), 'end\ufffd')
})

t.test('tool calls, split over chunks', async (t) => {
  const { server, all } = await setup(t)
  const tool = { name: 'look', description: 'Looks.', input: Type.Object({ at: Type.String() }) }
  server.next(calling(['look', { at: 'orders' }], ['look', { at: 'stock "and" more' }]))
  const parts = await all({ tools: [tool] })
  t.same(parts.slice(0, -1), [
    { type: 'call', call: { id: 'call_0', name: 'look', arguments: '{"at":"orders"}' } },
    { type: 'call', call: { id: 'call_1', name: 'look', arguments: '{"at":"stock \\"and\\" more"}' } }
  ])
  const [{ body }] = server.requests as [Exchange]
  const described = { name: 'look', description: 'Looks.', parameters: { type: 'object', required: ['at'] } }
  t.match(body, { tool_choice: 'auto', tools: [{ type: 'function', function: described }] })
  server.next(saying('Done.'))
  await all({
    tools: [tool],
    mayCall: false,
    messages: [
      { role: 'user', content: 'hello' },
      {
        role: 'assistant',
        content: '',
        calls: [{ id: 'call_0', name: 'look', arguments: '{"at":"orders"}' }, { id: 'call_1', name: 'look', arguments: 'no json' }]
      },
      { role: 'tool', id: 'call_0', name: 'look', content: '{"ok":true}' },
      { role: 'tool', id: 'call_1', name: 'look', content: '{"ok":false}' }
    ]
  })
  t.equal(server.requests[1]!.body['tool_choice'], 'none')
  t.same(server.requests[1]!.body['messages'].slice(2), [
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: 'call_0', type: 'function', function: { name: 'look', arguments: '{"at":"orders"}' } },
        { id: 'call_1', type: 'function', function: { name: 'look', arguments: '"no json"' } }
      ]
    },
    { role: 'tool', tool_call_id: 'call_0', content: '{"ok":true}' },
    { role: 'tool', tool_call_id: 'call_1', content: '{"ok":false}' }
  ])
})

t.test('why an answer ended', async (t) => {
  const { server, all } = await setup(t)
  const ends = {
    stop: 'stop', eos_token: 'stop', end_turn: 'stop', length: 'length', model_length: 'length', content_filter: 'filtered', moon_phase: 'unclear'
  }
  for (const [reason, finish] of Object.entries(ends)) {
    server.next((exchange) => {
      exchange.text('So')
      exchange.finish(reason)
      exchange.done()
    })
    t.match((await all()).at(-1), { type: 'end', finish, tokens: { input: null, cached: null, output: null } }, reason)
  }
})

t.test('answers that break off are failures, with what was heard before', async (t) => {
  const ways: Record<string, (exchange: Exchange) => void> = {
    'a reset': (exchange) => { exchange.reset() },
    'an end without a reason': (exchange) => { exchange.end() },
    'an end with [DONE] alone': (exchange) => { exchange.done() },
    'an event that is no JSON': (exchange) => {
      exchange.raw('data: {"choices":[{"delta":{"cont\n\n')
      exchange.text(' never heard')
      exchange.finish('stop')
      exchange.done()
    },
    'an event of another shape': (exchange) => {
      exchange.raw('data: {"hello":"world"}\n\n')
      exchange.finish('stop')
      exchange.done()
    },
    'an error as an event': (exchange) => {
      exchange.raw('data: {"error":{"message":"overloaded, request 4711","type":"server_error"}}\n\n')
      exchange.done()
    }
  }
  for (const [name, way] of Object.entries(ways)) {
    const { server, broken, dependency } = await setup(t)
    server.next(async (exchange) => {
      exchange.role()
      exchange.text('Half ')
      await until('the half is heard', () => true)
      way(exchange)
    })
    const { text, error } = await broken()
    // A reset may throw away what had arrived and was not read.
    t.match(text, /^(Half )?$/, name)
    t.match(error.kind, /^(failed|unreachable)$/, name)
    t.notMatch(inspect(error, { depth: null, showHidden: true }), /sk-test|Be brief|Half|cont|hello/, `${name}: nothing of the conversation is in the error`)
    await until('the verdict', () => dependency.breaker.snapshot().totals.failure === 1)
    t.match(dependency.breaker.snapshot().totals, { success: 0, failure: 1, cancelled: 0 }, name)
  }
})

t.test('refusals', async (t) => {
  const { server, broken, dependency, model, upstream } = await setup(t)
  const refuse = (status: number, error: object = { message: 'no' }, headers?: Record<string, string>): void => {
    server.next((exchange) => { exchange.refuse(status, error, headers) })
  }
  refuse(500)
  t.match((await broken()).error, { kind: 'failed', message: 'it answered with status 500' })
  refuse(400, { message: 'max_tokens is too large' })
  t.match((await broken()).error, { kind: 'refused', message: 'it refused the request with status 400', cause: { message: 'max_tokens is too large' } })
  refuse(404, { message: 'no such model', code: 'model_not_found' })
  t.match((await broken()).error, { kind: 'refused', message: /knows no model "test-model": check OPENAI_MODEL/ })
  t.match(dependency.breaker.snapshot().totals, { failure: 1, success: 2 }, 'who refuses is alive')
  server.next((exchange) => { exchange.refuse(503, { message: 'x'.repeat(200_000) }) })
  t.match((await broken()).error, { kind: 'failed', message: 'it answered with status 503' }, 'a long refusal is still one')

  refuse(401, { message: `Incorrect API key provided: ${KEY}` })
  const rejected = await broken()
  t.match(rejected.error, { kind: 'key_rejected', message: /check OPENAI_API_KEY/, cause: { message: 'Incorrect API key provided: [key]' } })
  t.equal(dependency.credential, 'rejected')
  t.match(model.unavailable(), { kind: 'key_rejected' }, 'the next reply does not even ask')
  server.models.status = 401
  await t.rejects(upstream.probe(new AbortController().signal), { kind: 'key_rejected' } as never)
  t.match(model.unavailable(), { kind: 'key_rejected' })
  server.models.status = 200
  await upstream.probe(new AbortController().signal)
  t.equal(model.unavailable(), undefined, 'a probe that is let in ends it')
})

t.test('told to wait: nothing is sent before the time is over', async (t) => {
  const clock = new FakeClock(Date.UTC(2026, 10, 23))
  for (const [retryAfter, seconds] of [['7', 7], [new Date(clock.now() + 9_000).toUTCString(), 9], ['soon', 5], ['-3', 5], [undefined, 5]] as const) {
    const { server, broken, all, model, dependency } = await setup(t, { clock })
    const about = `Retry-After ${retryAfter}`
    server.next((exchange) => { exchange.refuse(429, { message: 'slow down' }, retryAfter === undefined ? {} : { 'retry-after': retryAfter }) })
    const expected = typeof retryAfter === 'string' && retryAfter.includes('GMT') ? (Date.parse(retryAfter) - clock.now()) / 1000 : seconds
    t.match((await broken()).error, { kind: 'told_to_wait' }, about)
    t.match(dependency.breaker.snapshot().totals, { throttled: 1, failure: 0 }, about)
    await clock.advance(expected * 1000 - 1)
    t.match(model.unavailable(), { kind: 'told_to_wait' }, about)
    t.match((await broken()).error, { kind: 'told_to_wait', message: /wait 1 s/ }, about)
    t.equal(server.requests.length, 1, `${about}: nothing was sent`)
    await clock.advance(1)
    t.equal(model.unavailable(), undefined, about)
    server.next(saying('Here I am.'))
    t.equal(textOf(await all()), 'Here I am.', about)
  }
  const { server, broken } = await setup(t, { clock })
  server.next((exchange) => { exchange.refuse(429, { message: 'pay', code: 'insufficient_quota' }) })
  t.match((await broken()).error, { kind: 'refused', message: /quota/ })
})

t.test('servers that are not there, or are something else', async (t) => {
  const nobody = await setup(t, { url: 'http://127.0.0.1:9/v1' })
  t.match((await nobody.broken()).error, { kind: 'unreachable', message: 'it cannot be reached' })
  const nowhere = await setup(t, { url: 'http://model.invalid/v1' })
  t.match((await nowhere.broken()).error, { kind: 'unreachable' })
  for (const { dependency } of [nobody, nowhere]) {
    t.match(dependency.breaker.snapshot(), { totals: { failure: 1 }, lastError: { code: 'upstream_unreachable' } })
  }
  await t.rejects(setup(t, { url: 'http://u:secret@127.0.0.1/v1' }), { message: /must not hold credentials/ } as never)

  const { server, broken, dependency } = await setup(t)
  server.next((exchange) => { exchange.refuse(302, {}, { location: 'http://127.0.0.1:9/elsewhere' }) })
  t.match((await broken()).error, { kind: 'refused', message: /sends us elsewhere/ })
  server.next((exchange) => { exchange.refuse(200, {}, { 'content-type': 'text/html' }) })
  t.match((await broken()).error, { kind: 'failed', message: 'its answer could not be read' })
  t.match(dependency.breaker.snapshot(), { totals: { failure: 2 }, lastError: { message: /is not text\/event-stream/ } })
})

t.test('silence and drips have an end', async (t) => {
  const clock = new FakeClock(Date.UTC(2026, 10, 23))
  const { server, broken, dependency } = await setup(t, { clock, timeouts: { totalMs: 30_000, idleMs: 10_000 } })
  const arrived = async (count: number): Promise<Exchange> => {
    await until('the request arrived', () => server.requests.length === count)
    return server.requests[count - 1]!
  }
  server.next(() => {})
  let failed = broken()
  let exchange = await arrived(1)
  await clock.advance(9_999)
  t.equal(dependency.breaker.snapshot().totals.failure, 0)
  await clock.advance(1)
  t.match((await failed).error, { kind: 'timeout', message: 'it did not answer in time' }, 'not a byte')
  await exchange.closed

  let heard = ''
  const hear = (text: string): void => { heard = text }
  server.next((exchange) => { exchange.text('So ') })
  failed = broken(hear)
  exchange = await arrived(2)
  await until('the piece was heard', () => heard === 'So ')
  await clock.advance(10_000)
  t.match(await failed, { text: 'So ', error: { kind: 'timeout' } }, 'silent after a piece')
  await exchange.closed

  server.next((exchange) => { exchange.text('.') })
  failed = broken(hear)
  exchange = await arrived(3)
  for (let n = 1; n <= 15; n++) {
    await until('the byte was heard', () => heard === '.'.repeat(n))
    await clock.advance(2_000)
    exchange.text('.')
  }
  t.match((await failed).error, { kind: 'timeout' }, 'a byte now and then is no answer')
  t.match(dependency.breaker.snapshot(), { totals: { failure: 3 }, lastError: { code: 'upstream_timeout' } })
  t.equal(clock.waiting, 0, 'no timer is left behind')
})

t.test('a cancel ends the request at the provider within 100 ms', async (t) => {
  const { server, ask, dependency } = await setup(t)
  const took: number[] = []
  const cancelled = async (script: (exchange: Exchange) => void, when: (heard: string) => boolean): Promise<void> => {
    const controller = new AbortController()
    server.next(script)
    let at = 0
    const stop = (): void => {
      at = performance.now()
      controller.abort('cancel')
    }
    const before = server.requests.length
    let heard = ''
    const reading = (async () => {
      for await (const part of ask({ signal: controller.signal })) {
        if (part.type === 'text') heard += part.text
        if (at === 0 && when(heard)) stop()
      }
    })()
    await until('the request arrived', () => server.requests.length > before)
    if (when('')) stop()
    await t.rejects(reading)
    took.push(await server.requests[before]!.closed - at)
  }
  for (let n = 0; n < 10; n++) {
    await cancelled((exchange) => { exchange.text('one ', 'two ') }, (heard) => heard.includes('two'))
    await cancelled(() => {}, (heard) => heard === '')
  }
  t.ok(Math.max(...took) < 100, `the slowest of ${took.length} took ${Math.max(...took).toFixed(1)} ms`)
  t.comment(`cancel to closed socket at the model: median ${took.sort((a, b) => a - b)[10]!.toFixed(1)} ms, worst ${took.at(-1)!.toFixed(1)} ms`)
  await until('the verdicts', () => dependency.breaker.snapshot().totals.cancelled === 20)
  t.match(dependency.breaker.snapshot().totals, { failure: 0, success: 0 }, 'who cancels says nothing of the model')
  // Leaving without a signal ends it as well.
  server.next((exchange) => { exchange.text('one ', 'two ') })
  for await (const part of ask()) if (part.type === 'text') break
  await server.requests.at(-1)!.closed
  await until('the verdict', () => dependency.breaker.snapshot().totals.cancelled === 21)
})

t.test('large answers', async (t) => {
  const { server, all, broken } = await setup(t)
  const large = 'ä'.repeat(1_000_000)
  server.next(saying(large))
  t.equal(textOf(await all()), large, 'two megabytes in one piece')
  server.next((exchange) => {
    const more = (): void => {
      for (let n = 0; n < 16; n++) exchange.text('x'.repeat(64 * 1024))
      if (!closed) setImmediate(more)
    }
    let closed = false
    exchange.closed.then(() => { closed = true }, () => {})
    more()
  })
  const { text, error } = await broken()
  t.match(error, { kind: 'failed', message: 'its answer was too long' })
  t.ok(text.length <= 4 * 1024 * 1024, 'no more is read than may be')
})

t.test('the breaker', async (t) => {
  const clock = new FakeClock(Date.UTC(2026, 10, 23))
  const { server, broken, all, ask, model, dependency } = await setup(t, { clock, timeouts: { totalMs: 110_000, idleMs: 60_000 } })
  server.always((exchange) => { exchange.refuse(500, { message: 'down' }) })
  for (let n = 0; n < 5; n++) await broken()
  t.equal(dependency.breaker.state(), 'open')
  t.match(model.unavailable(), { kind: 'circuit_open', message: 'circuit breaker open' })
  t.match((await broken()).error, { kind: 'circuit_open' })
  t.equal(server.requests.length, 5, 'nothing is sent while it is open')
  await clock.advance(60_000)
  t.equal(model.unavailable(), undefined, 'due for a probe')

  // A probe whose answer begins and then breaks off has failed: beginnings alone would close a breaker in front of broken answers.
  server.always(undefined)
  server.next((exchange) => { exchange.text('half of ') })
  const half = ask()[Symbol.asyncIterator]()
  t.match((await half.next()).value, { text: 'half of ' })
  t.equal(dependency.breaker.snapshot().totals.success, 0, 'no verdict yet')
  server.requests.at(-1)!.reset()
  await t.rejects(half.next())
  t.equal(dependency.breaker.state(), 'open')
  await clock.advance(120_000)

  // A probe that streams for longer than the 30 s in which a probe has to come back.
  server.next((exchange) => { exchange.text('slowly ') })
  const parts = ask()[Symbol.asyncIterator]()
  t.match((await parts.next()).value, { text: 'slowly ' })
  await clock.advance(24_000)
  t.equal(dependency.breaker.snapshot().totals.success, 0)
  await clock.advance(21_000)
  t.equal(dependency.breaker.snapshot().totals.success, 1, 'it is still being written')
  const exchange = server.requests.at(-1)!
  exchange.text('but surely')
  exchange.finish('stop')
  exchange.done()
  t.match((await parts.next()).value, { text: 'but surely' })
  await parts.next()
  await parts.next()
  server.always(saying('well'))
  await all()
  await all()
  t.equal(dependency.breaker.state(), 'closed')

  // Ten answers of 40 s each: none of them is slow, because each began at once.
  server.always((exchange) => { exchange.text('so ') })
  let begun = 0
  const long = Array.from({ length: 10 }, () => all({}, () => { begun += 1 }))
  await until('all are under way', () => begun === 10)
  await clock.advance(40_000)
  for (const exchange of server.requests.slice(-10)) {
    exchange.finish('stop')
    exchange.done()
  }
  await Promise.all(long)
  t.match(dependency.breaker.snapshot(), { state: 'closed', window: { calls: 10, slow: 0, failures: 0 } })
})

t.test('the probe', async (t) => {
  const { server, upstream, breakers } = await setup(t)
  t.match(upstream, { name: 'llm', source: 'live', host: new URL(server.url).host })
  const probe = () => upstream.probe(new AbortController().signal)
  t.match(await probe(), { message: /answers and has the model test-model\.$/, missing_scopes: [], details: { model: 'test-model', listed: true } })
  server.models.body = { data: [{ id: 'another' }] }
  t.match(await probe(), {
    message: /does not list the model test-model: check OPENAI_MODEL/,
    advice: /set OPENAI_MODEL to a model that/,
    details: { listed: false }
  })
  server.models.status = 404
  t.match(await probe(), { message: /does not list its models/ })
  server.models = { status: 200, body: { models: [] } }
  await t.rejects(probe(), { code: 'upstream_answer_invalid' } as never)
  server.models.status = 502
  await t.rejects(probe(), { kind: 'failed' } as never)
  t.match(breakers.get('llm').breaker.snapshot().totals, { success: 3, failure: 2 })
  t.equal(server.requests.length, 0, 'a probe costs no tokens')
})
