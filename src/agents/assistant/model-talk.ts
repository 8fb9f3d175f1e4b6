// A reply by the language model: it is asked, its tool calls are run, and it is asked again, until it has said all or a budget is spent.
import { faultOf } from '../../core/check.ts'
import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import {
  ModelError, type LanguageModelPort, type ModelCall, type ModelFinish, type ModelMessage, type ModelUsage, type TokenCount
} from '../../core/language-model.ts'
import type { Logger } from '../../core/log.ts'
import type { ReplyFacts, Tool } from '../../core/ports.ts'
import { estimateTokens } from './history.ts'
import type { Order } from './orders.ts'

export interface Talk {
  model: LanguageModelPort
  instructions: string
  messages: readonly ModelMessage[]
  tools: readonly Tool[]
  orders: readonly Order[]
  session_id: string
  signal: AbortSignal
  clock: Clock
  log: Logger
  report (facts: Partial<ReplyFacts>): void
}

const TOOL_TIMEOUT_MS = 35_000
const LONGEST_RESULT = 12_000
const MOST_CALLS_A_STEP = 8
/** Far more than any tokeniser packs into one. */
const MOST_CHARACTERS_PER_TOKEN = 16
/** How often a call that makes no sense is answered with what is wrong with it. */
const MOST_BAD_CALLS = 2

/**
 * Yields text as it comes. Ends when the reply is as whole as it will be; `cut` is reported when that is not whole.
 * @throws ModelError when a call fails, the reason of the signal when it is aborted.
 */
export async function * talk (talk: Talk): AsyncGenerator<string, void> {
  const { model, signal, clock, report } = talk
  const { budgets } = model
  const messages = [...talk.messages]
  const orders = [...talk.orders]
  const tools = talk.tools.filter(({ name, effect }) => effect !== true || orders.some((order) => order.tool === name))
  const usage = createUsage(model, clock)
  let said = ''
  let badCalls = 0
  // As the provider counts them, or as we estimate them where it does not tell: a budget has to hold with any server.
  let written = 0
  let spent = 0

  for (let step = 1; ; step++) {
    const mayCall = step < budgets.steps && spent < budgets.replyTokens && badCalls < MOST_BAD_CALLS && tools.length > 0
    const maxOutputTokens = budgets.outputTokens - written
    if (maxOutputTokens <= 0) {
      yield * ending('length')
      return
    }
    const calls: ModelCall[] = []
    let text = ''
    let finish: ModelFinish | undefined
    usage.begin()
    report({ usage: usage.figures() })
    for await (const part of model.stream({ instructions: talk.instructions, messages, tools, mayCall, maxOutputTokens, signal })) {
      if (part.type === 'text') {
        // At once: a reply that is cancelled before its end has its first delta all the same.
        if (usage.spoke()) report({ usage: usage.figures() })
        if (text === '' && said !== '') yield '\n\n'
        // A server that does not keep to the limit ends here, whatever it still has to say.
        const room = budgets.outputTokens * MOST_CHARACTERS_PER_TOKEN - said.length - text.length
        const piece = part.text.length <= room ? part.text : part.text.slice(0, room).toWellFormed()
        text += piece
        yield piece
        if (piece.length < part.text.length) {
          said += text
          yield * ending('length')
          return
        }
      } else if (part.type === 'call') {
        calls.push(part.call)
      } else {
        finish = part.finish
        const output = part.tokens.output ?? estimateTokens(JSON.stringify([text, calls]))
        written += output
        spent += output + (part.tokens.input ?? estimateTokens(talk.instructions + JSON.stringify(messages)))
        usage.end(part.tokens)
        report({ usage: usage.figures() })
      }
    }
    signal.throwIfAborted()
    if (finish === undefined) throw new ModelError('failed', 'its answer ended too soon')
    said += text
    if (finish !== 'stop') {
      yield * ending(finish)
      return
    }
    if (calls.length === 0 || !mayCall) {
      if (calls.length > 0) yield * ending('steps')
      else if (said === '') throw new ModelError('failed', 'it said nothing')
      return
    }
    messages.push({ role: 'assistant', content: text, calls })
    usage.called(calls.length)
    const results = await Promise.all(calls.map((call, index) => index < MOST_CALLS_A_STEP
      ? answerCall(call, tools, orders, talk)
      : { bad: true, content: failed(call.name, `Only ${MOST_CALLS_A_STEP} calls are run at a time.`) }))
    report({ usage: usage.figures() })
    if (results.some(({ bad }) => bad)) badCalls += 1
    for (const [index, { content }] of results.entries()) {
      messages.push({ role: 'tool', id: calls[index]!.id, name: calls[index]!.name, content })
    }
  }

  function * ending (cut: Exclude<ReplyFacts['cut'], null>): Generator<string> {
    report({ cut })
    yield `${said === '' ? '' : '\n\n'}${CUT_SENTENCES[cut]}`
  }
}

const CUT_SENTENCES = {
  length: '(My answer stops here: it reached the limit of its length.)',
  steps: '(My answer stops here: I looked things up as often as I may for one reply and have no complete answer. Ask for less at once.)',
  filtered: '(My answer stops here: the content filter of the language model\'s provider ended it.)',
  unclear: '(My answer may not be whole: the language model did not say why it ended here.)'
} as const

const NOT_ORDERED = 'The last message of the user does not order this, or it was done already. Nothing was done.'

/** What the model reads as the answer to its call. `bad`: the call made no sense. */
interface CallResult {
  bad: boolean
  content: string
}

const answerCall = async (call: ModelCall, tools: readonly Tool[], orders: Order[], talk: Talk): Promise<CallResult> => {
  const tool = tools.find(({ name }) => name === call.name)
  if (tool === undefined) return { bad: true, content: failed(call.name, 'There is no such tool.') }
  const input = parsed(call.arguments)
  if (input === undefined) return { bad: true, content: failed(call.name, 'The arguments are not JSON.') }
  const fault = await faultOf(tool.input, input)
  if (fault !== undefined) return { bad: true, content: failed(call.name, `The arguments do not fit: ${fault}.`) }
  if (tool.effect === true) {
    const index = orders.findIndex((order) => order.tool === tool.name && order.allows(input))
    if (index < 0) return { bad: true, content: failed(call.name, NOT_ORDERED) }
    orders.splice(index, 1)
  }
  const { log, signal } = talk
  try {
    return { bad: false, content: told(call.name, await runTool(tool, input, talk)) }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof AppError)) log.error({ err: error, tool: tool.name }, 'a tool of the assistant failed')
    return { bad: false, content: failed(call.name, error instanceof AppError ? error.message : 'Something failed on our side; the log says more.') }
  }
}

/** Ends with the reply's signal and after its own time, also when the tool does not listen. */
const runTool = (tool: Tool, input: unknown, { signal, clock, session_id: sessionId }: Talk): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const controller = new AbortController()
    const stop = (reason: unknown): void => {
      controller.abort(reason)
      reject(reason)
    }
    const onAbort = (): void => { stop(signal.reason) }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const deadline = clock.setTimeout(() => {
      stop(new AppError('dependency_unavailable', { message: `No answer within ${TOOL_TIMEOUT_MS / 1000} s.` }))
    }, TOOL_TIMEOUT_MS)
    tool.run(input, { signal: controller.signal, session_id: sessionId }).then(resolve, reject).finally(() => {
      clock.clearTimeout(deadline)
      signal.removeEventListener('abort', onAbort)
    })
  })

const parsed = (text: string): unknown => {
  // Many models write nothing where they mean no arguments.
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const failed = (tool: string, error: string): string => JSON.stringify({ tool, ok: false, error })

const told = (tool: string, data: unknown): string => {
  const text = JSON.stringify(data) ?? 'null'
  if (text.length <= LONGEST_RESULT) return `{"tool":${JSON.stringify(tool)},"ok":true,"data":${text}}`
  const cut = `only the first ${LONGEST_RESULT} of ${text.length} characters are here: ask for less, or say that there is more`
  return JSON.stringify({ tool, ok: true, cut, data: text.slice(0, LONGEST_RESULT).toWellFormed() })
}

const createUsage = (model: LanguageModelPort, clock: Clock) => {
  const startedAt = clock.monotonic()
  const figures: ModelUsage = {
    model: model.model,
    source: model.source,
    steps: 0,
    steps_without_count: 0,
    input_tokens: null,
    cached_tokens: null,
    output_tokens: null,
    tool_calls: 0,
    first_delta_ms: null,
    cost: null
  }
  return {
    /** Not counted until its end says otherwise: a call that breaks off costs what nobody knows. */
    begin (): void {
      figures.steps += 1
      figures.steps_without_count += 1
    },
    /** Whether this was the first. */
    spoke (): boolean {
      if (figures.first_delta_ms !== null) return false
      figures.first_delta_ms = Math.round((clock.monotonic() - startedAt) * 10) / 10
      return true
    },
    end ({ input, cached, output }: TokenCount): void {
      if (input === null || output === null) return
      figures.steps_without_count -= 1
      figures.input_tokens = (figures.input_tokens ?? 0) + input
      figures.output_tokens = (figures.output_tokens ?? 0) + output
      if (cached !== null) figures.cached_tokens = (figures.cached_tokens ?? 0) + cached
    },
    called (count: number): void { figures.tool_calls += count },
    figures: (): ModelUsage => ({ ...figures, cost: costOf(figures, model.prices) })
  }
}

const PRICED_TOKENS = 1_000_000

/** Cached tokens at the full price: what a provider takes off for them is not known here. */
const costOf = (usage: ModelUsage, prices: LanguageModelPort['prices']): number | null => {
  if (prices.input === null || prices.output === null || usage.steps_without_count > 0) return null
  if (usage.input_tokens === null || usage.output_tokens === null) return null
  const cost = (usage.input_tokens * prices.input + usage.output_tokens * prices.output) / PRICED_TOKENS
  return Number(cost.toFixed(8))
}
