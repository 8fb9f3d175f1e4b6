// The server under measurement: the production set-up. On request it computes the forecasts of a generated shop in their thread, or runs the agent whole.
import type { AddressInfo } from 'node:net'
import { createLogger } from '../../plugins/logger.ts'
import { forecastInThread } from '../../src/agents/inventory-forecasting/forecast-thread.ts'
import { inventoryForecasting } from '../../src/agents/inventory-forecasting/index.ts'
import type { ForecastOutput } from '../../src/agents/inventory-forecasting/schemas.ts'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/index.ts'
import { systemClock } from '../../src/core/clock.ts'
import { generateDemand } from './demand.ts'
import { taskOf } from './evaluate.ts'
import { contextOfDemand } from './history.ts'

/** `compute`: all variants; `compute a part`: long enough for some slices of load; `run`: the agent whole. */
export type ServerRequest = 'compute' | 'compute a part' | 'run'
export type ServerAnswer = { port: number } | { done: ServerRequest, ms: number, computingMs: number, lines: number } | { failed: string }

export const VARIANTS = 5_000
export const DAYS = 540
const PART = 1_500

const say = (answer: ServerAnswer): void => { process.send!(answer) }

const { config } = loadConfig(process.env)
const app = await buildApp(config, createLogger(config), { agents: [] })
await app.listen({ host: config.server.host, port: config.server.port })

const demand = generateDemand({ seed: 1, variants: VARIANTS, days: DAYS })
const signal = new AbortController().signal

const compute = async (request: ServerRequest): Promise<void> => {
  const variants = request === 'compute' ? VARIANTS : PART
  const task = taskOf({ ...demand, variants, units: demand.units.subarray(0, variants * DAYS), groups: demand.groups.slice(0, variants) }, DAYS, 14, 42)
  const begun = performance.now()
  await forecastInThread(task, { signal })
  const ms = performance.now() - begun
  say({ done: request, ms, computingMs: ms, lines: 0 })
}

const run = async (): Promise<void> => {
  const begun = performance.now()
  const base = contextOfDemand(demand, signal)
  const context = { ...base, clock: { ...systemClock, now: () => base.clock.now() } }
  const output = await inventoryForecasting.run(context, {}) as ForecastOutput
  say({ done: 'run', ms: performance.now() - begun, computingMs: output.computing_ms, lines: output.reorder.total })
}

process.on('message', (request: ServerRequest) => {
  (request === 'run' ? run() : compute(request)).catch((error: unknown) => { say({ failed: String(error) }) })
})
process.on('disconnect', () => { process.exit(0) })
say({ port: (app.server.address() as AddressInfo).port })
