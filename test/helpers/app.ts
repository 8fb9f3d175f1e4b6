// Builds the app for a test: in memory, silent, with whatever parts the test puts in, and closes it afterwards.
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import type { Test } from 'tap'
import { buildApp, type Parts } from '../../src/app.ts'
import { loadConfig } from '../../src/config/index.ts'
import type { Responder } from '../../src/core/ports.ts'
import { freshSchema } from './postgres.ts'

export interface TestApp {
  app: FastifyInstance
  /** Lines that were logged, parsed. */
  lines: Array<Record<string, unknown>>
}

export const buildTestApp = async (t: Test, environment: Record<string, string> = {}, parts: Parts = {}): Promise<TestApp> => {
  const { config, ...settings } = loadConfig({ NODE_ENV: 'testing', ...await storeOfTests(t), ...environment })
  const lines: Array<Record<string, unknown>> = []
  const logger = pino({ level: environment['LOG_LEVEL'] ?? 'info' }, { write (line: string) { lines.push(JSON.parse(line) as Record<string, unknown>) } })
  const app = await buildApp(config, logger, { settings, ...parts })
  t.teardown(() => app.close())
  return { app, lines }
}

/** TEST_ENGINE=postgres puts every app of a test on a PostgreSQL schema of its own: the same tests, the other engine. */
const storeOfTests = async (t: Test): Promise<Record<string, string>> =>
  process.env['TEST_ENGINE'] === 'postgres' ? { DATABASE_URL: await freshSchema(t), DATABASE_TIMEOUT_MS: '10000' } : {}

/** Listens on a free port of the loopback; answers the origin. */
export const listen = (app: FastifyInstance): Promise<string> => app.listen({ host: '127.0.0.1', port: 0 })

/** An assistant that says these pieces, one a turn of the event loop, and stops when told to. */
export const sayer = (...pieces: string[]): (() => Responder) => () => ({
  name: 'sayer',
  async * respond (_conversation, { signal }) {
    for (const piece of pieces) {
      if (signal.aborted) return
      yield piece
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
})
