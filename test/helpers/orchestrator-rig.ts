// An orchestrator on a clock that is moved by hand, and the agents that its tests put in.
import { Type } from '@sinclair/typebox'
import type { Test } from 'tap'
import { defineAgent, type AgentContext, type AgentDefinition } from '../../src/core/agent.ts'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { Commerce } from '../../src/core/commerce.ts'
import type { Job } from '../../src/core/model.ts'
import { silentObserver } from '../../src/core/observer.ts'
import { Orchestrator } from '../../src/core/orchestrator.ts'
import type { Store } from '../../src/core/store.ts'
import { createTraffic } from '../../src/core/traffic.ts'
import type { WebhookSender } from '../../src/core/webhooks/delivery.ts'
import { openStore } from '../../src/store/index.ts'
import { FakeClock, until } from './fake-clock.ts'
import { T0 } from './store-rig.ts'

interface Setup {
  agents?: AgentDefinition[]
  concurrency?: number
  random?: () => number
  store?: Store
  clock?: FakeClock
  wrap?: (store: Store) => Store
  /** The shop for the gates; its breaker is registered. */
  commerce?: Commerce
  settleMs?: number
  webhookSender?: WebhookSender
}

export const setup = async (t: Test, { agents = [], concurrency = 4, random = () => 0.5, store, wrap, commerce, settleMs, webhookSender, ...parts }: Setup) => {
  const clock = parts.clock ?? new FakeClock(T0)
  const opened = store ?? await openStore({ file: ':memory:' })
  if (store === undefined) t.teardown(() => opened.close())
  const settledJobs: string[] = []
  const breakers = createBreakerRegistry({ clock, settings: {}, log: silentLogger })
  if (commerce !== undefined) breakers.register('shopify_api', { label: 'Shop', configured: true, required: false })
  const orchestrator = new Orchestrator({
    store: wrap?.(opened) ?? opened,
    breakers,
    ...(commerce === undefined ? {} : { commerce }),
    ...(webhookSender === undefined ? {} : { webhookSender }),
    agents,
    assistant: () => ({ name: 'mute', async * respond () { yield 'yes' } }),
    clock,
    random,
    log: silentLogger,
    observer: { ...silentObserver, jobSettled: (_kind, _agent, status) => { settledJobs.push(status) } },
    scrub: String,
    traffic: createTraffic(),
    settings: { replyConcurrency: 2, agentConcurrency: concurrency, maxQueuedPerSession: 10, missing: {}, settleMs }
  })
  t.teardown(async () => {
    const stopping = orchestrator.stop(0)
    await clock.advance(20_000)
    await stopping
  })
  const run = async (name: string, input: object = {}, more: object = {}): Promise<string> =>
    (await orchestrator.agents.run(name, { input: input as never, source: 'test', ...more })).id
  const get = (id: string): Promise<Job> => orchestrator.jobs.get(id)
  const ended = async (id: string): Promise<Job> => {
    await until(`job ${id} ended`, async () => (await get(id)).finished_at !== null)
    return get(id)
  }
  return { orchestrator, store: opened, clock, run, get, ended, settledJobs, start: () => orchestrator.start({ work: true }) }
}

type AgentRun = (context: AgentContext, input: Record<string, unknown>) => unknown

export const agent = (name: string, run: AgentRun, more: Partial<AgentDefinition> = {}): AgentDefinition =>
  defineAgent({
    name,
    description: 'An agent of the tests.',
    input: Type.Object({}),
    output: Type.Object({ n: Type.Number() }),
    triggers: {},
    summarise: ({ n }) => `It is ${n}.`,
    async run (context, input) { return await run(context, input as Record<string, unknown>) as { n: number } },
    ...more
  } as AgentDefinition)

/** An agent whose runs end when the test says so. */
export const held = (name: string, more: Partial<AgentDefinition> = {}) => {
  const runs: Array<{ context: AgentContext, finish: () => void, fail: (error: Error) => void }> = []
  return {
    runs,
    definition: agent(name, (context) => new Promise((resolve, reject) => {
      runs.push({ context, finish: () => { resolve({ n: runs.length }) }, fail: reject })
    }), more)
  }
}

/** Stops when it is told to, as a good agent does. */
export const obedient = (name: string, more: Partial<AgentDefinition> = {}) => {
  const seen: string[] = []
  return {
    seen,
    definition: agent(name, ({ signal }) => new Promise((_resolve, reject) => {
      seen.push('run')
      signal.addEventListener('abort', () => {
        seen.push(String(signal.reason))
        reject(new Error('stopped'))
      })
    }), more)
  }
}
