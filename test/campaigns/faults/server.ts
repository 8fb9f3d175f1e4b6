// The server under test: the real one in its development profile, against a sandbox that runs already. The campaign tells it by messages when
// to call an upstream; the calls go through the same integrations, breakers and gates as everybody's.
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '../../../plugins/logger.ts'
import type { StandIns } from '../../../plugins/upstreams.ts'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/index.ts'
import { DeadlineError } from '../../../src/core/breaker-registry.ts'
import { errorText } from '../../../src/core/errors.ts'
import type { Answer, CallRecord, Change, Dependency, Memory, Request } from './messages.ts'

// Held back by us: nothing went out.
const NOT_SENT = new Set(['circuit_open', 'dependency_throttled', 'dependency_busy'])
const SAMPLE_MS = 20

const unhandled: string[] = []
process.on('unhandledRejection', (reason) => { unhandled.push(errorText(reason)) })

const standIns = JSON.parse(process.env['STAND_INS'] ?? '') as Pick<StandIns, 'addresses' | 'credentials'>
const { config } = loadConfig(process.env)
const app = await buildApp(config, createLogger(config), { sandbox: { ...standIns, close: async () => {} } })
process.on('SIGTERM', () => { app.close().then(() => process.exit(0), () => process.exit(1)) })
process.on('disconnect', () => { process.exit(0) })

let calls: CallRecord[] = []
let changes: Change[] = []
app.breakers.onChange(({ name, from, to, at }) => { changes.push({ name, from, to, at }) })

const askModel = async (signal: AbortSignal): Promise<void> => {
  const { model } = app.upstreams
  if (model === undefined) throw new Error('there is no model')
  const unavailable = model.unavailable()
  if (unavailable !== undefined) throw unavailable
  const request = { instructions: '', messages: [{ role: 'user' as const, content: 'hello' }], tools: [], mayCall: false, maxOutputTokens: 200, signal }
  const stream = model.stream(request)[Symbol.asyncIterator]()
  while ((await stream.next()).done !== true);
}

const call = async (dependency: Dependency, deadlineMs: number): Promise<void> => {
  const controller = new AbortController()
  // As the background probes have it: a deadline that passes is the upstream's failure.
  const timer = setTimeout(() => { controller.abort(new DeadlineError(deadlineMs)) }, deadlineMs)
  const startedAt = Date.now()
  let code: string | null = null
  try {
    if (dependency === 'llm') await askModel(controller.signal)
    else await app.upstreams.list.find(({ name }) => name === dependency)!.probe(controller.signal)
  } catch (error) {
    code = codeOf(error)
  } finally {
    clearTimeout(timer)
  }
  calls.push({ startedAt, endedAt: Date.now(), code, sent: code === null || !NOT_SENT.has(code) })
}

/** The port of the model words refusals of the breaker in its own way. */
const codeOf = (error: unknown): string => {
  const { code, kind } = error as { code?: string, kind?: string }
  if (kind === 'circuit_open') return 'circuit_open'
  if (kind === 'told_to_wait') return 'dependency_throttled'
  if (kind === 'busy') return 'dependency_busy'
  return code ?? kind ?? errorText(error)
}

let driving = new AbortController()
let callers: Array<Promise<void>> = []

const drive = ({ dependency, callers: count, everyMs, deadlineMs }: Extract<Request, { do: 'drive' }>): void => {
  driving = new AbortController()
  const { signal } = driving
  callers = Array.from({ length: count }, async () => {
    while (!signal.aborted) {
      await call(dependency, deadlineMs)
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
  })
}

const rest = async (): Promise<Answer> => {
  driving.abort()
  await Promise.all(callers)
  const answer = { calls, changes, unhandled: unhandled.splice(0) }
  calls = []
  changes = []
  return answer
}

let peakExternal = 0
let peakRss = 0
setInterval(() => {
  const { external, rss } = process.memoryUsage()
  peakExternal = Math.max(peakExternal, external)
  peakRss = Math.max(peakRss, rss)
}, SAMPLE_MS).unref()

const memory = (): Memory => {
  // Twice: what the first round finalises, the second one frees.
  for (let round = 0; round < 2; round++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const found = { settled: heapUsed + external, peakExternal, peakRss }
  peakExternal = 0
  peakRss = 0
  return found
}

const tell = (answer: Answer): void => { process.send!(answer) }

process.on('message', (request: Request) => {
  switch (request.do) {
    case 'drive': return drive(request)
    case 'rest':
      rest().then(tell, (error: unknown) => { throw error })
      return
    case 'memory': tell({ memory: memory() })
  }
})

await app.listen({ host: config.server.host, port: config.server.port })
tell({ ready: app.listeningOrigin })
