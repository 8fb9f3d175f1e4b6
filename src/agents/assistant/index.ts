// The assistant: a language model with the tools of this service, and without a model the answers by rules over the very same tools.
import { systemClock, type Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { ModelError, type LanguageModelPort } from '../../core/language-model.ts'
import type { Orchestrator } from '../../core/orchestrator.ts'
import type { Conversation, Responder, ResponderContext } from '../../core/ports.ts'
import type { Source } from '../../core/upstream.ts'
import { answer, attempted } from './answers/index.ts'
import { createDesk, type Desk } from './desk.ts'
import { readHistory } from './history.ts'
import { instructionsOf } from './instructions.ts'
import { recognise, type Intent, type Vocabulary } from './intents.ts'
import { maskedModel } from './masked-model.ts'
import { talk } from './model-talk.ts'
import { observeTools } from './observed-tools.ts'
import { ordersOf } from './orders.ts'
import { createTools, toolList, unconnected, type AssistantTools, type UpstreamPorts } from './tools.ts'

export { createTools, toolList } from './tools.ts'

export interface AssistantOptions {
  /** The name of the service. */
  appName: string
  version: string
  /** Where people reach the API, for the commands that it explains. Default: `http://127.0.0.1:10000`. */
  baseUrl?: string
  /** Without one, all is answered by rules. */
  model?: LanguageModelPort
  /** The model reads placeholders where addresses, phone and card numbers of people stand. Default: true. */
  maskPersonalData?: boolean
  /** The upstreams that it may look at. Default: none. */
  ports?: UpstreamPorts
  /** Names of the settings that would connect an upstream, by the name of its circuit breaker. */
  missing?: Record<string, readonly string[]>
  /** Dates what is read of upstreams, and how long that is kept. Default: the system's. */
  clock?: Clock
}

const DEFAULT_BASE_URL = 'http://127.0.0.1:10000'
const SANDBOX_SENTENCE = '(Figures from the sandbox, not from a real shop.)'

/** An answer is a line, or several; answers to several questions stand apart. Nothing is said after the signal. */
export const createAssistant = (orchestrator: Orchestrator, options: AssistantOptions): Responder => {
  const { appName, version, baseUrl = DEFAULT_BASE_URL, model, ports = {}, missing = {}, clock: ownClock = systemClock, maskPersonalData = true } = options
  const plainTools = createTools(orchestrator, { appName, version, baseUrl, ports, missing, clock: ownClock })
  const portOf = { shopify_api: ports.commerce, github_api: ports.repository, bigquery: ports.warehouse }
  // The agents are the same for as long as the process lives.
  let agents: string[] | undefined
  const vocabularyOf = async (desk: Desk): Promise<Vocabulary> => {
    agents ??= (await desk.use('list_agents')).agents.map(({ name }) => name)
    return { agents, upstreams: orchestrator.breakers.list().map(({ name }) => name) }
  }
  const deskFor = (tools: AssistantTools, { session_id: sessionId }: Conversation, { signal, clock }: ResponderContext): Desk =>
    createDesk(tools, { signal, session_id: sessionId }, {
      service: { name: appName, version },
      clock,
      unconnected: (name) => portOf[name] === undefined ? unconnected(name, orchestrator, { missing }) : undefined
    })

  async function * byRules (desk: Desk, { question }: Conversation, { signal, log }: ResponderContext): AsyncGenerator<string> {
    /** When a tool fails, a line says so, and what else was asked is answered all the same. */
    const told = async function * (attempt: string, lines: () => AsyncIterable<string> | Iterable<string>): AsyncIterable<string> {
      try {
        yield * lines()
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof AppError)) log.error({ err: error, attempt }, 'a tool of the assistant failed')
        yield `I could not ${attempt}: ${error instanceof AppError ? error.message : 'Something failed on our side; the log says more.'}`
      }
    }

    let intents: Intent[] = []
    yield * told('read the agents', async function * () {
      intents = recognise(question.content, await vocabularyOf(desk))
    })
    let separator = ''
    for (const intent of intents) {
      for await (const line of told(attempted(intent), () => answer(intent, desk))) {
        if (signal.aborted) return
        yield `${separator}${line}`
        separator = '\n'
      }
      if (signal.aborted) return
      separator = '\n\n'
    }
  }

  async function * byModel (port: LanguageModelPort, tools: AssistantTools, conversation: Conversation, context: ResponderContext): AsyncGenerator<string> {
    const { signal, log, clock, report = () => {} } = context
    const vocabulary = await vocabularyOf(deskFor(tools, conversation, context))
    const orders = ordersOf(recognise(conversation.question.content, vocabulary))
    const { messages, cut } = await readHistory(conversation, port.budgets.historyTokens)
    const instructions = instructionsOf({ service: appName, now: clock.now(), orders, cut })
    yield * talk({
      model: port, instructions, messages, tools: toolList(tools), orders, session_id: conversation.session_id, signal, clock, log, report
    })
  }

  return {
    name: model === undefined ? 'intents' : 'assistant',
    async * respond (conversation, context) {
      const { signal, log, report = () => {} } = context
      const sources = new Set<Source>()
      const basedOn = (source: Source): void => {
        sources.add(source)
        report({ sources: [...sources] })
      }
      let figures: Source | undefined
      const tools = observeTools(plainTools, (source) => {
        if (figures !== 'sandbox') figures = source
        basedOn(source)
      })
      let said = ''
      let fault = model?.unavailable()
      if (model !== undefined && fault === undefined) {
        try {
          for await (const piece of byModel(maskPersonalData ? maskedModel(model) : model, tools, conversation, context)) {
            if (signal.aborted) return
            if (said === '') {
              report({ responder: 'model' })
              basedOn(model.source)
            }
            said += piece
            yield piece
          }
        } catch (error) {
          if (signal.aborted) return
          if (!(error instanceof ModelError)) throw error
          // Half an answer is never finished by somebody else: the next attempt begins again.
          if (said !== '') throw new AppError('model_failed', { message: `The language model broke off: ${error.message}.`, cause: error })
          log.warn({ err: error, kind: error.kind }, 'the language model could not answer; the rules do')
          fault = error
        }
      }
      if (model === undefined || fault !== undefined) {
        report({ responder: 'intents', fallback: fault?.kind ?? null })
        if (fault !== undefined) yield said = `The language model is unavailable (${fault.message}); I answer by rules.\n\n`
        for await (const piece of byRules(deskFor(tools, conversation, context), conversation, context)) {
          said += piece
          yield piece
        }
      }
      if (!signal.aborted && figures === 'sandbox' && !/\bsandbox\b/i.test(said)) yield `\n\n${SANDBOX_SENTENCE}`
    }
  }
}
