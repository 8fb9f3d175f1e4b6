// Chat completions in OpenAI's wire format, written by rules: the model says in every answer that it is none.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { openaiError } from '../faults/error-bodies.ts'
import { bearerOf, isObject, readObject, sendJson, urlOf } from '../http.ts'
import { CREDENTIALS, type Handler } from '../upstreams.ts'
import { DEFAULT_PACE, numberedPieces, parsePaceHeader, piecesOf, type Pace } from './pace.ts'
import { decide, type ChatMessage, type OfferedTool, type Turn } from './rules.ts'

export interface LlmSandbox {
  handle: Handler
  pace (): Pace
  /** For all requests that bring no pace of their own. */
  setPace (pace: Pace): void
}

interface ChatRequest {
  messages: ChatMessage[]
  tools: OfferedTool[]
  mayCall: boolean
  stream: boolean
  includeUsage: boolean
  /** Tokens; Infinity without a limit. */
  limit: number
}

const MODEL = CREDENTIALS.llm.model
const CREATED = 1_767_225_600
/** Said by the model's own makers about English; good enough for a count that nobody pays for. */
const BYTES_PER_TOKEN = 4

export const createLlmSandbox = ({ now }: { now: () => number }): LlmSandbox => {
  let pace = DEFAULT_PACE

  const handle: Handler = async (request, response) => {
    response.setHeader('x-request-id', `req_${randomUUID().replaceAll('-', '')}`)
    const { pathname } = urlOf(request)
    const refused = faultOfKey(request)
    if (refused !== undefined) return sendJson(response, 401, refused)
    if (request.method === 'GET' && pathname === '/v1/models') return sendJson(response, 200, { object: 'list', data: [MODEL_CARD] })
    if (request.method === 'GET' && pathname === `/v1/models/${MODEL}`) return sendJson(response, 200, MODEL_CARD)
    if (pathname !== '/v1/chat/completions') {
      return sendJson(response, 404, openaiError(`Invalid URL (${request.method ?? ''} ${pathname})`, { type: 'invalid_request_error' }))
    }
    if (request.method !== 'POST') {
      return sendJson(response, 405, openaiError(`Not allowed to ${request.method ?? ''} on ${pathname}.`, { type: 'invalid_request_error' }))
    }
    await complete(request, response)
  }

  const complete = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readObject(request)
    const parsed = body === undefined ? badRequest('We could not parse the JSON body of your request.') : parseRequest(body)
    if ('status' in parsed) return sendJson(response, parsed.status, parsed.error)
    const header = request.headers['x-sandbox-pace']
    let own: Pace
    try {
      own = header === undefined ? pace : await parsePaceHeader(String(header))
    } catch (error) {
      return sendJson(response, 400, openaiError(`x-sandbox-pace: ${(error as Error).message}`, { type: 'invalid_request_error' }))
    }
    const turn: Turn = own.deltas === null
      ? decide(parsed.messages, parsed.tools, parsed.mayCall, now())
      : { kind: 'text', text: numberedPieces(own.deltas).join('') }
    const pieces = turn.kind === 'calls' ? [] : own.deltas === null ? piecesOf(turn.text) : numberedPieces(own.deltas)
    const answer = limited({ turn, pieces }, parsed.limit)
    const prompt = tokensOf(JSON.stringify([body?.['messages'], body?.['tools']]))
    const facts = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(now() / 1000), prompt }
    if (parsed.stream) await stream(response, answer, own, facts, parsed.includeUsage)
    else await whole(response, answer, own, facts)
  }

  return { handle, pace: () => pace, setPace: (next) => { pace = next } }
}

const MODEL_CARD = { id: MODEL, object: 'model', created: CREATED, owned_by: 'sandbox' }

const faultOfKey = (request: IncomingMessage): object | undefined => {
  const key = bearerOf(request)
  if (key === undefined) {
    return openaiError("You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth " +
      '(i.e. Authorization: Bearer YOUR_KEY).', { type: 'invalid_request_error' })
  }
  if (key === CREDENTIALS.llm.api_key) return undefined
  return openaiError(`Incorrect API key provided: ${key.slice(0, 3)}***. The sandbox takes the key that it prints at its start.`,
    { type: 'invalid_request_error', code: 'invalid_api_key' })
}

interface Refusal {
  status: number
  error: object
}

const badRequest = (message: string, param: string | null = null): Refusal =>
  ({ status: 400, error: openaiError(message, { type: 'invalid_request_error', param }) })

const parseRequest = (body: Record<string, unknown>): ChatRequest | Refusal => {
  const { model, messages, tools = [], stream = false, stream_options: options } = body
  if (typeof model !== 'string') return badRequest("Missing required parameter: 'model'.", 'model')
  if (model !== MODEL) {
    return {
      status: 404,
      error: openaiError(`The model \`${model}\` does not exist or you do not have access to it. The sandbox has ${MODEL}.`,
        { type: 'invalid_request_error', code: 'model_not_found' })
    }
  }
  if (!Array.isArray(messages) || messages.length === 0) return badRequest("Missing required parameter: 'messages'.", 'messages')
  if (!Array.isArray(tools)) return badRequest("Invalid type for 'tools': expected an array.", 'tools')
  if (typeof stream !== 'boolean') return badRequest("Invalid type for 'stream': expected a boolean.", 'stream')
  if (options != null && !stream) return badRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options')
  const read = messages.map(readMessage)
  const bad = read.findIndex((message) => message === undefined)
  if (bad >= 0) return badRequest(`Invalid message: 'messages[${bad}]'.`, `messages[${bad}]`)
  const known = new Set(read.flatMap((message) => message?.calls?.map(({ id }) => id) ?? []))
  const stray = read.findIndex((message) => message?.role === 'tool' && !known.has(message.tool_call_id ?? ''))
  if (stray >= 0) {
    return badRequest("Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.", `messages[${stray}].role`)
  }
  const limit = body['max_completion_tokens'] ?? body['max_tokens'] ?? Infinity
  if (typeof limit !== 'number' || limit < 1) return badRequest("Invalid 'max_tokens': expected a whole number from 1.", 'max_tokens')
  return {
    messages: read as ChatMessage[],
    tools: tools.flatMap(readTool),
    mayCall: body['tool_choice'] !== 'none',
    stream,
    includeUsage: isObject(options) && options['include_usage'] === true,
    limit
  }
}

const ROLES = new Set(['system', 'developer', 'user', 'assistant', 'tool'])

const readMessage = (value: unknown): ChatMessage | undefined => {
  if (!isObject(value) || !ROLES.has(String(value['role']))) return undefined
  const { role, content, tool_calls: calls, tool_call_id: id } = value
  return {
    role: String(role),
    content: typeof content === 'string' ? content : textOf(content),
    ...(typeof id === 'string' ? { tool_call_id: id } : {}),
    ...(Array.isArray(calls)
      ? { calls: calls.filter(isObject).map(({ id: call, function: called }) => ({ id: String(call), name: nameOf(called) })) }
      : {})
  }
}

const nameOf = (called: unknown): string => isObject(called) ? String(called['name']) : ''

/** Of the parts of a message that is not one text. */
const textOf = (content: unknown): string => Array.isArray(content) ? content.map((part) => isObject(part) ? String(part['text'] ?? '') : '').join('') : ''

const readTool = (value: unknown): OfferedTool[] => {
  const { name, description, parameters } = isObject(value) && isObject(value['function']) ? value['function'] : {}
  if (typeof name !== 'string') return []
  return [{ name, description: typeof description === 'string' ? description : '', parameters: isObject(parameters) ? parameters : {} }]
}

const tokensOf = (text: string | undefined): number => Math.ceil(Buffer.byteLength(text ?? '') / BYTES_PER_TOKEN)

interface Written {
  calls: Array<{ id: string, name: string, text: string }>
  pieces: string[]
  reason: 'stop' | 'length' | 'tool_calls'
  tokens: number
}

const limited = ({ turn, pieces }: { turn: Turn, pieces: string[] }, limit: number): Written => {
  if (turn.kind === 'calls') {
    const calls = turn.calls.map((call) => ({ id: callId(), name: call.name, text: JSON.stringify(call.arguments) }))
    return { calls, pieces: [], reason: 'tool_calls', tokens: tokensOf(JSON.stringify(turn.calls)) }
  }
  let tokens = 0
  for (const [index, piece] of pieces.entries()) {
    tokens += tokensOf(piece)
    if (tokens > limit) return { calls: [], pieces: pieces.slice(0, index), reason: 'length', tokens: limit }
  }
  return { calls: [], pieces, reason: 'stop', tokens }
}

const callId = (): string => `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`

interface Facts {
  id: string
  /** Seconds since the epoch. */
  created: number
  /** Tokens. */
  prompt: number
}

const usageOf = ({ prompt }: Facts, { tokens }: Written): object => ({
  prompt_tokens: prompt,
  completion_tokens: tokens,
  total_tokens: prompt + tokens,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 }
})

const whole = async (response: ServerResponse, answer: Written, pace: Pace, facts: Facts): Promise<void> => {
  await sleep(pace.first_ms + pace.every_ms * Math.max(answer.pieces.length - 1, 0))
  if (response.destroyed) return
  const calls = answer.calls.map(({ id, name, text }) => ({ id, type: 'function', function: { name, arguments: text } }))
  sendJson(response, 200, {
    id: facts.id,
    object: 'chat.completion',
    created: facts.created,
    model: MODEL,
    choices: [{
      index: 0,
      message: {
        role: 'assistant',
        content: calls.length > 0 ? null : answer.pieces.join(''),
        ...(calls.length > 0 ? { tool_calls: calls } : {}),
        refusal: null,
        annotations: []
      },
      logprobs: null,
      finish_reason: answer.reason
    }],
    usage: usageOf(facts, answer),
    service_tier: 'default',
    system_fingerprint: null
  })
}

const stream = async (response: ServerResponse, answer: Written, pace: Pace, facts: Facts, includeUsage: boolean): Promise<void> => {
  const left = new AbortController()
  response.once('close', () => { left.abort() })
  const common = { id: facts.id, object: 'chat.completion.chunk', created: facts.created, model: MODEL, service_tier: 'default', system_fingerprint: null }
  const send = async (fields: object): Promise<void> => {
    // With include_usage every chunk but the last says null.
    const chunk = { ...common, ...fields, ...(includeUsage && !('usage' in fields) ? { usage: null } : {}) }
    if (!response.write(`data: ${JSON.stringify(chunk)}\n\n`)) await once(response, 'drain', { signal: left.signal })
  }
  const delta = async (fields: object, reason: string | null = null): Promise<void> => {
    await send({ choices: [{ index: 0, delta: fields, logprobs: null, finish_reason: reason }] })
  }
  const pause = async (ms: number): Promise<void> => {
    if (ms > 0) await sleep(ms, undefined, { signal: left.signal })
    else left.signal.throwIfAborted()
  }
  try {
    await pause(pace.first_ms)
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
    await delta({ role: 'assistant', content: answer.calls.length > 0 ? null : '', refusal: null })
    for (const [index, piece] of answer.pieces.entries()) {
      if (index > 0) await pause(pace.every_ms)
      await delta({ content: piece })
    }
    for (const [index, { id, name, text }] of answer.calls.entries()) {
      await delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] })
      for (const piece of text.match(/[\s\S]{1,8}/g) ?? []) {
        await pause(pace.every_ms)
        await delta({ tool_calls: [{ index, function: { arguments: piece } }] })
      }
    }
    await delta({}, answer.reason)
    if (includeUsage) await send({ choices: [], usage: usageOf(facts, answer) })
    response.end('data: [DONE]\n\n')
  } catch (error) {
    // The caller has what it wanted, or does not want it any more.
    if (!left.signal.aborted) throw error
  }
}
