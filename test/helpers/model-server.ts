// A chat completions server for tests: each request is answered by the next script, in the exact wire format, over real sockets.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** One request, and the means to answer it piece by piece. */
export interface Exchange {
  body: Record<string, any>
  headers: IncomingHttpHeaders
  /** When it came, on the clock of performance.now(). */
  at: number
  /** Resolves with the time at which the connection was closed before the answer's end. */
  closed: Promise<number>
  /** The first chunk of an answer: the role alone. */
  role (): void
  text (...pieces: string[]): void
  /** A tool call; its arguments split over as many chunks as there are pieces. */
  call (index: number, id: string, name: string, ...pieces: string[]): void
  finish (reason: string): void
  usage (prompt: number, completion: number, cached?: number): void
  /** Ends the stream in order. */
  done (): void
  /** Bytes as they are. */
  raw (text: string): void
  /** Ends the response without [DONE]. */
  end (): void
  /** Ends the connection with a reset. */
  reset (): void
  /** A complete answer that is no stream. */
  refuse (status: number, error: object, headers?: Record<string, string>): void
}

export type Script = (exchange: Exchange) => unknown

export interface ModelServer {
  url: string
  /** All chat requests so far. */
  requests: Exchange[]
  /** How often GET /models was asked. */
  probes: () => number
  /** Answers the next requests, one each. Without a script a request gets 500. */
  next (...scripts: Script[]): void
  /** Answers every request that has no script of its own. */
  always (script: Script | undefined): void
  /** What GET /models is answered with. Default: 200 with the model `test-model`. */
  models: { status: number, body: object }
}

export const startModelServer = async (t: Test): Promise<ModelServer> => {
  const scripts: Script[] = []
  let fallback: Script | undefined
  let probes = 0
  const server: ModelServer = {
    url: '',
    requests: [],
    probes: () => probes,
    next (...more) { scripts.push(...more) },
    always (script) { fallback = script },
    models: { status: 200, body: { object: 'list', data: [{ id: 'test-model', object: 'model', created: 1, owned_by: 'tests' }] } }
  }
  const http = createServer((request, response) => {
    if (request.url?.endsWith('/models') === true) {
      probes += 1
      response.writeHead(server.models.status, { 'content-type': 'application/json' }).end(JSON.stringify(server.models.body))
      return
    }
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (piece: string) => { text += piece })
    request.on('end', () => {
      const exchange = createExchange(JSON.parse(text) as Record<string, any>, request.headers, response)
      server.requests.push(exchange)
      const script = scripts.shift() ?? fallback
      if (script === undefined) exchange.refuse(500, { message: 'no script' })
      else script(exchange)
    })
  })
  await new Promise<void>((resolve) => { http.listen(0, '127.0.0.1', resolve) })
  server.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`
  t.teardown(() => {
    http.closeAllConnections()
    http.close()
  })
  return server
}

const createExchange = (body: Record<string, any>, headers: IncomingHttpHeaders, response: ServerResponse): Exchange => {
  const begin = (): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  }
  const send = (fields: object): void => {
    begin()
    const chunk = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_790_000_000, model: body['model'], system_fingerprint: null, ...fields }
    response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }
  const delta = (fields: object, reason: string | null = null): void => {
    send({ choices: [{ index: 0, delta: fields, logprobs: null, finish_reason: reason }] })
  }
  return {
    body,
    headers,
    at: performance.now(),
    closed: new Promise((resolve) => { response.on('close', () => { if (!response.writableEnded) resolve(performance.now()) }) }),
    role () { delta({ role: 'assistant', content: '', refusal: null }) },
    text (...pieces) { for (const content of pieces) delta({ content }) },
    call (index, id, name, ...pieces) {
      delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] })
      for (const piece of pieces) delta({ tool_calls: [{ index, function: { arguments: piece } }] })
    },
    finish (reason) { delta({}, reason) },
    usage (prompt, completion, cached = 0) {
      send({
        choices: [],
        usage: {
          prompt_tokens: prompt,
          completion_tokens: completion,
          total_tokens: prompt + completion,
          prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 0 }
        }
      })
    },
    done () { response.end('data: [DONE]\n\n') },
    raw (text) {
      begin()
      response.write(text)
    },
    end () { response.end() },
    reset () { response.socket?.resetAndDestroy() },
    refuse (status, error, more = {}) {
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify({ error }))
    }
  }
}

/** A whole answer in words, with its usage. */
export const saying = (...pieces: string[]): Script => (exchange) => {
  exchange.role()
  exchange.text(...pieces)
  exchange.finish('stop')
  exchange.usage(100, 20, 40)
  exchange.done()
}

/** Tool calls, each with its arguments in two chunks. */
export const calling = (...calls: Array<[name: string, input: object | string]>): Script => (exchange) => {
  exchange.role()
  for (const [index, [name, input]] of calls.entries()) {
    const text = typeof input === 'string' ? input : JSON.stringify(input)
    const middle = Math.ceil(text.length / 2)
    exchange.call(index, `call_${index}`, name, text.slice(0, middle), text.slice(middle))
  }
  exchange.finish('tool_calls')
  exchange.usage(200, 30)
  exchange.done()
}
