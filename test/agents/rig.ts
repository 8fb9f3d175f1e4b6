// An orchestrator on a store in memory and a clock that is moved by hand, with the real assistant.
import { createAssistant, type AssistantOptions } from '../../src/agents/assistant/index.ts'
import { watchdog } from '../../src/agents/watchdog/index.ts'
import { Type } from '@sinclair/typebox'
import { defineAgent, type AgentDefinition } from '../../src/core/agent.ts'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import type { Clock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/log.ts'
import { silentObserver } from '../../src/core/observer.ts'
import { Orchestrator } from '../../src/core/orchestrator.ts'
import type { Responder } from '../../src/core/ports.ts'
import type { Job, Message } from '../../src/core/model.ts'
import { createTraffic } from '../../src/core/traffic.ts'
import { openStore } from '../../src/store/index.ts'

export const START = Date.UTC(2026, 10, 23, 6, 5)

export const createClock = () => {
  let now = START
  let ids = 0
  const timers = new Map<number, { at: number, fn: () => void }>()
  const clock: Clock = {
    now: () => now,
    monotonic: () => now - START,
    setTimeout (fn, ms) {
      ids += 1
      timers.set(ids, { at: now + Math.max(0, ms), fn })
      return ids
    },
    clearTimeout: (id) => { timers.delete(id as number) }
  }
  return {
    ...clock,
    timers,
    advance (ms: number): void {
      now += ms
      for (const [id, { at, fn }] of [...timers]) {
        if (at > now) continue
        timers.delete(id)
        fn()
      }
    }
  }
}

/** Fails each time with this message; `dead` after its only attempt. */
export const failingAgent = (name: string, message: string): AgentDefinition => defineAgent({
  name,
  description: 'Fails.',
  input: Type.Object({}),
  output: Type.Object({}),
  triggers: {},
  maxAttempts: 1,
  summarise: () => 'never',
  run: async () => { throw new Error(message) }
})

export interface Rig {
  orchestrator: Orchestrator
  clock: ReturnType<typeof createClock>
  assistant: Responder
  /** The whole answer to a message. */
  ask: (content: string, sessionId?: string) => Promise<string>
  /** The answer in the pieces in which it comes. */
  pieces: (content: string, signal: AbortSignal) => AsyncIterable<string>
  /** Runs an agent and waits for the end of its job. */
  run: (agent: string) => Promise<Job>
  jobCount: () => Promise<number>
  logged: string[]
  /** Takes the orchestrator's parts down. */
  stop: () => Promise<void>
}

export const SESSION = '019abc12-0000-7000-8000-000000000001'

const messageOf = (content: string, sessionId = SESSION): Message => ({
  id: '019abc12-0000-7000-8000-000000000002',
  session_id: sessionId,
  seq: 1,
  role: 'user',
  content,
  created_at: START,
  reply_to: null,
  job_id: null,
  status: 'complete'
})

/** With `work`, jobs run and schedules fire. */
export const createRig = async (
  { work = false, agents = [], options = {} }: { work?: boolean, agents?: AgentDefinition[], options?: Partial<AssistantOptions> } = {}
): Promise<Rig> => {
  const clock = createClock()
  const store = await openStore({ file: ':memory:' })
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  breakers.register('shopify_api', { label: 'Shopify Admin API', configured: false, required: false })
  breakers.register('bigquery', { label: 'BigQuery', configured: false, required: false })
  breakers.register('github_api', { label: 'GitHub API', configured: true, required: false })
  breakers.register('llm', { label: 'Language model', configured: false, required: false })
  const logged: string[] = []
  const missing = { shopify_api: ['SHOP_NAME', 'SHOPIFY_ACCESS_TOKEN'] }
  let assistant: Responder | undefined
  const orchestrator = new Orchestrator({
    store,
    breakers,
    agents: [watchdog, ...agents],
    assistant: (system) => {
      assistant = createAssistant(system, { appName: 'Test Service', version: '1.2.3', clock, missing, ...options })
      return assistant
    },
    clock,
    random: () => 0.5,
    log: silentLogger,
    observer: silentObserver,
    scrub: String,
    traffic: { ...createTraffic(), requests: 1_234, client_errors: 5, server_errors: 1 },
    settings: {
      replyConcurrency: 4,
      agentConcurrency: 4,
      maxQueuedPerSession: 10,
      missing
    }
  })
  await orchestrator.start({ work })
  const log = { ...silentLogger, error: (_fields: object, message = '') => { logged.push(message) } }
  const pieces = (content: string, signal: AbortSignal, sessionId = SESSION): AsyncIterable<string> =>
    assistant!.respond({ session_id: sessionId, question: messageOf(content, sessionId), history: async () => [] }, { signal, log, clock })
  return {
    orchestrator,
    clock,
    assistant: assistant!,
    pieces,
    logged,
    async ask (content, sessionId) {
      let said = ''
      for await (const piece of pieces(content, new AbortController().signal, sessionId)) said += piece
      return said
    },
    async run (agent) {
      const { id } = await orchestrator.agents.run(agent, { input: {}, source: 'test' })
      return orchestrator.jobs.wait(id, 60_000, new AbortController().signal)
    },
    jobCount: async () => (await orchestrator.jobs.list({}, { limit: 1 })).total,
    async stop () {
      await orchestrator.stop(0)
      await store.close()
    }
  }
}
