// The process: configuration, app, listener, and an ordered end.
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createLogger } from '../plugins/logger.ts'
import { buildApp } from './app.ts'
import { ConfigError, loadConfig, readDotenv, type Config, type Loaded } from './config/index.ts'
import { StoreLockedError, StoreUnusableError } from './store/index.ts'

// On top of the drain delay and the time that running jobs get.
const CLOSE_SLACK_MS = 10_000

const main = async (): Promise<void> => {
  const environment = process.env['NODE_ENV'] === 'production' ? process.env : { ...readDotenv('.env'), ...process.env }
  const loaded = loadConfig(environment)
  const { config, warnings } = loaded
  const logger = createLogger(config)
  for (const warning of warnings) logger.warn(warning)
  const start = boot(loaded, logger)
  stopOrderly(config, logger, start)
  await start
}

/** Does not listen when a signal has come meanwhile. */
const boot = async ({ config, ...settings }: Loaded, logger: Logger): Promise<FastifyInstance> => {
  const app = await buildApp(config, logger, { settings })
  await app.ready()
  if (config.access.mode === 'required' && config.role !== 'worker') tellFirstKey(await app.keys.makeFirst())
  if (stopping) return app
  await app.listen({ host: config.server.host, port: config.server.port })
  logger.info({ profile: config.profile, store: app.orchestrator.store.place, role: config.role, work: config.work.enabled }, `ready: ${app.listeningOrigin}`)
  return app
}

/** The only time that it is shown: not as a line of the log, which is kept and shipped. */
const tellFirstKey = (made: Awaited<ReturnType<FastifyInstance['keys']['makeFirst']>>): void => {
  if (made === undefined) return
  const lines = [
    'There was no key yet. This one may do everything; it is shown now and never again:',
    '',
    made.secret,
    '',
    'Send it as "Authorization: Bearer reo_…", or enter it on the start page. Make one for',
    'each person and program with "POST /keys" or "npm run keys", then revoke this one.'
  ]
  const width = Math.max(...lines.map((line) => line.length))
  const frame = '─'.repeat(width + 2)
  process.stderr.write([`┌${frame}┐`, ...lines.map((line) => `│ ${line.padEnd(width)} │`), `└${frame}┘`, ''].join('\n'))
}

let stopping = false

/**
 * Not ready, but still serving, for the drain delay; then streams end, the listener closes, jobs finish, the store closes.
 * Registered while the start is still under way: a signal then waits for it and undoes it.
 */
const stopOrderly = (config: Config, logger: Logger, start: Promise<FastifyInstance>): void => {
  const delay = config.shutdown.drainDelayMs + config.shutdown.timeoutMs + CLOSE_SLACK_MS
  const grace = closeWithGrace({ delay, logger, skip: ['SIGTERM', 'SIGINT'] }, async ({ err }) => {
    stopping = true
    if (err !== undefined) logger.fatal({ err }, 'an error that nobody caught: stopping')
    const app = await start
    app.orchestrator.drain()
    if (err === undefined && app.server.listening) await sleep(config.shutdown.drainDelayMs)
    await app.close()
    logger.info('stopped')
  })
  process.on('SIGTERM', () => { stop('SIGTERM') })
  process.on('SIGINT', () => { stop('SIGINT') })

  const stop = (signal: NodeJS.Signals): void => {
    if (!stopping) {
      stopping = true
      logger.info({ signal }, 'stopping')
      grace.close()
    } else if (signal === 'SIGINT') {
      // A person who presses Ctrl-C again means it. What was acknowledged is on the disk.
      process.exit(130)
    } else {
      logger.info({ signal }, 'already stopping')
    }
  }
}

main().catch((error: unknown) => {
  // These are the operator's to mend: the message says how, a stack would bury it.
  console.error(explanation(error) ?? error)
  process.exit(1)
})

function explanation (error: unknown): string | undefined {
  if (error instanceof ConfigError || error instanceof StoreLockedError || error instanceof StoreUnusableError) return error.message
  const { syscall, code, message } = error as NodeJS.ErrnoException
  if (syscall !== 'listen') return undefined
  return code === 'EADDRINUSE' ? `${message}\nSomething else listens there: stop it, or set PORT to a free port (0 takes any).` : message
}
