// The assistant that works without a language model: it recognises what is asked and answers from the same tools that a model gets.
import { AppError } from '../../core/errors.ts'
import type { Orchestrator } from '../../core/orchestrator.ts'
import type { Responder } from '../../core/ports.ts'
import { answer, attempted } from './answers/index.ts'
import { createDesk, type Desk } from './desk.ts'
import { recognise, type Intent, type Vocabulary } from './intents.ts'
import { createTools } from './tools.ts'

export { createTools, toolList } from './tools.ts'

export interface AssistantOptions {
  /** The name of the service. */
  appName: string
  version: string
  /** Where people reach the API, for the commands that it explains. Default: `http://127.0.0.1:10000`. */
  baseUrl?: string
}

const DEFAULT_BASE_URL = 'http://127.0.0.1:10000'

/** An answer is a line, or several; answers to several questions stand apart. Nothing is said after the signal. */
export const createAssistant = (orchestrator: Orchestrator, options: AssistantOptions): Responder => {
  const { appName, version, baseUrl = DEFAULT_BASE_URL } = options
  const tools = createTools(orchestrator, { appName, version, baseUrl })
  // The agents are the same for as long as the process lives.
  let agents: string[] | undefined
  const vocabularyOf = async (desk: Desk): Promise<Vocabulary> => {
    agents ??= (await desk.use('list_agents')).agents.map(({ name }) => name)
    return { agents, upstreams: orchestrator.breakers.list().map(({ name }) => name) }
  }
  return {
    name: 'intents',
    async * respond ({ session_id: sessionId, question }, { signal, log, clock }) {
      const desk = createDesk(tools, { signal, session_id: sessionId }, {
        service: { name: appName, version },
        now: () => clock.now()
      })

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
  }
}
