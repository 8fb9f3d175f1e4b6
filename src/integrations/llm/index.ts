// The language model: any server that speaks OpenAI's chat completions, through the AI SDK's provider for them.
import { Type, type Static } from '@sinclair/typebox'
import type { BreakerRegistry, CallResult, Verdict } from '../../core/breaker-registry.ts'
import { faultOf } from '../../core/check.ts'
import type { Clock } from '../../core/clock.ts'
import { ModelError, type LanguageModelPort, type ModelBudgets, type ModelPart, type ModelPrices, type ModelRequest } from '../../core/language-model.ts'
import type { Logger } from '../../core/log.ts'
import type { ProbeResult, Source, Upstream } from '../../core/upstream.ts'
import { UpstreamError } from '../http/index.ts'
import { modelErrorOf, verdictOf, verdictOfAnswer } from './errors.ts'
import { createTransport } from './transport.ts'
import type { ChatModel } from './wire.ts'

export interface LanguageModelOptions {
  apiKey?: string | undefined
  /** With its version: `http://127.0.0.1:11434/v1`. Default: OpenAI's. */
  baseUrl?: string | undefined
  model: string
  source: Source
  /** Holds `llm`. */
  breakers: BreakerRegistry
  clock: Clock
  log: Logger
  budgets: ModelBudgets
  prices: ModelPrices
  /** Milliseconds. Default: 110 s for a call, 60 s without a byte. */
  timeouts?: { totalMs: number, idleMs: number }
}

export interface LanguageModel {
  model: LanguageModelPort
  upstream: Upstream
  /** Ends what is under way. */
  close (): Promise<void>
}

const NAME = 'llm'
const OPENAI = 'https://api.openai.com/v1'
// Below the two minutes of a reply, so that a model that hangs is its own fault and not the reply's.
const TIMEOUTS = { totalMs: 110_000, idleMs: 60_000 }
const LEAST_BYTES_CAP = 4 * 1024 * 1024
/** A token comes as an event of 200 to 300 bytes. */
const BYTES_PER_TOKEN = 1024

/** @throws TypeError when the URL holds credentials. */
export const createLanguageModel = (options: LanguageModelOptions): LanguageModel => {
  const { apiKey, model, source, breakers, clock, log, budgets, prices } = options
  const url = new URL(options.baseUrl ?? OPENAI)
  if (url.username !== '' || url.password !== '') throw new TypeError('OPENAI_BASE_URL must not hold credentials: put the key into OPENAI_API_KEY.')
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  const transport = createTransport({
    dependency: NAME,
    origin: url.origin,
    allowPrivate: options.baseUrl !== undefined,
    clock,
    log,
    ...(options.timeouts ?? TIMEOUTS),
    maxBytes: Math.max(LEAST_BYTES_CAP, budgets.outputTokens * BYTES_PER_TOKEN)
  })

  // 55 ms and 22 MiB that neither a start nor a service without a model should pay.
  let loading: Promise<Loaded> | undefined
  const load = async (): Promise<Loaded> => {
    loading ??= loadProvider({ apiKey, base, model, fetch: transport.fetch })
    return loading
  }

  const unavailable = (): ModelError | undefined => {
    const { breaker, gate, credential } = breakers.get(NAME)
    const state = breaker.state()
    if (state === 'open' || state === 'forced_open') return new ModelError('circuit_open', 'circuit breaker open')
    const waitMs = gate.remainingMs()
    if (waitMs > 0) return new ModelError('told_to_wait', `it told us to wait ${Math.ceil(waitMs / 1000)} s`)
    // Only the probe in the background tries a key again that was rejected.
    return credential === 'rejected' ? new ModelError('key_rejected', 'its key was rejected: check OPENAI_API_KEY') : undefined
  }

  async function * stream (request: ModelRequest): AsyncGenerator<ModelPart, void> {
    const { signal } = request
    let call: OpenCall | undefined
    try {
      const { chat, callModel } = await load()
      const opened = call = await openCall(breakers, clock, signal)
      yield * callModel(chat, request, () => { opened.answered() })
      call.end()
    } catch (error) {
      call?.fail(error)
      throw signal.aborted ? signal.reason : modelErrorOf(error, { model, apiKey })
    } finally {
      // Whoever stops listening says nothing of the model.
      call?.leave()
    }
  }

  const probe = async (signal: AbortSignal): Promise<ProbeResult> => {
    const headers = { accept: 'application/json', ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) }
    const ask = async () => {
      const answer = await transport.fetch(`${base}/models`, { headers, signal })
      const text = await answer.text()
      return { status: answer.status, retryAfter: answer.headers.get('retry-after'), list: answer.status < 400 ? await modelsIn(text) : [] }
    }
    const { status, list } = await breakers.call(NAME, ask, {
      signal,
      classify: (result) => result.ok ? verdictOfAnswer(result.value.status, result.value.retryAfter, clock.now()) : verdictOf(result.error, clock.now())
    })
    // The first reply should not wait for it.
    await load()
    return probeResult({ status, list, host: url.host, model })
  }

  return {
    model: { model, source, budgets, prices, unavailable, stream },
    upstream: { name: NAME, source, host: url.host, probe },
    close: () => transport.close()
  }
}

/** A call that lasts as long as somebody reads its answer. The first of its ends counts. */
interface OpenCall {
  /** The provider begins to answer. */
  answered (): void
  end (): void
  fail (error: unknown): void
  leave (): void
}

class ReaderLeft extends Error {}

/** Before the 30 s after which a probe counts as hung. */
const PROBE_VERDICT_MS = 25_000

/** @throws what `breakers.call` throws before the call is made. */
const openCall = (breakers: BreakerRegistry, clock: Clock, signal: AbortSignal): Promise<OpenCall> => new Promise((resolve, reject) => {
  const startedAt = clock.monotonic()
  let answeredMs: number | undefined
  let stillWriting: unknown
  const made = (): Promise<void> => {
    const ended = Promise.withResolvers<void>()
    ended.promise.catch(() => {}).finally(() => { clock.clearTimeout(stillWriting) })
    resolve({
      answered () {
        answeredMs ??= clock.monotonic() - startedAt
        // A probe has 30 s to its verdict, and an answer may take longer: one that is still being written then will do.
        if (stillWriting === undefined && breakers.get(NAME).breaker.state() === 'half_open') {
          stillWriting = clock.setTimeout(ended.resolve, Math.max(0, PROBE_VERDICT_MS - answeredMs))
        }
      },
      end: ended.resolve,
      fail: ended.reject,
      leave () { ended.reject(new ReaderLeft()) }
    })
    return ended.promise
  }
  const classify = (result: CallResult<void>): Verdict => {
    // How long an answer is says nothing of the model's health; how long it takes to begin does.
    if (result.ok) return { kind: 'success', credential: 'accepted', ...(answeredMs === undefined ? {} : { durationMs: answeredMs }) }
    return result.error instanceof ReaderLeft ? { kind: 'cancelled' } : verdictOf(result.error, clock.now())
  }
  // When the call was made its end is known to who made it: this rejection is then for nobody.
  breakers.call(NAME, made, { classify, signal }).catch(reject)
})

interface Loaded {
  chat: ChatModel
  callModel: typeof import('./wire.ts').callModel
}

const loadProvider = async (
  { apiKey, base, model, fetch }: { apiKey: string | undefined, base: string, model: string, fetch: typeof globalThis.fetch }
): Promise<Loaded> => {
  const [{ createOpenAICompatible }, { callModel }] = await Promise.all([import('@ai-sdk/openai-compatible'), import('./wire.ts')])
  const provider = createOpenAICompatible({
    name: NAME,
    baseURL: base,
    includeUsage: true,
    fetch,
    ...(apiKey === undefined ? {} : { apiKey }),
    // OpenAI's newer models refuse the old name of the limit; other servers know only that one.
    ...(base === OPENAI ? { transformRequestBody: ({ max_tokens: limit, ...body }) => ({ ...body, max_completion_tokens: limit }) } : {})
  })
  return { chat: provider.chatModel(model), callModel }
}

const ModelList = Type.Object({ data: Type.Array(Type.Object({ id: Type.String() })) })

const modelsIn = async (text: string): Promise<string[]> => {
  const list = parsed(text)
  if (await faultOf(ModelList, list) !== undefined) {
    throw new UpstreamError(NAME, 'upstream_answer_invalid', 'The list of models is not in the format of OpenAI.')
  }
  return (list as Static<typeof ModelList>).data.map(({ id }) => id)
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const probeResult = ({ status, list, host, model }: { status: number, list: string[], host: string, model: string }): ProbeResult => {
  const details = { model, status }
  // Some servers have chat completions and no list.
  if (status === 404 || status === 405) return { message: `${host} answers; it does not list its models.`, missing_scopes: [], details }
  if (status >= 400) throw modelErrorOf(Object.assign(new Error('The list of models was refused.'), { statusCode: status }), { model, apiKey: undefined })
  if (list.includes(model)) return { message: `${host} answers and has the model ${model}.`, missing_scopes: [], details: { ...details, listed: true } }
  return {
    message: `${host} answers, but does not list the model ${model}: check OPENAI_MODEL.`,
    missing_scopes: [],
    // No fault: some servers serve models that they do not list.
    advice: `If replies fall back to rules, set OPENAI_MODEL to a model that ${host} has.`,
    details: { ...details, listed: false }
  }
}
