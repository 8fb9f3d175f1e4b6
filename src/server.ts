// The process: configuration, app, listener, and an ordered end.
import closeWithGrace from 'close-with-grace'
import { createLogger } from '../plugins/logger.ts'
import { buildApp } from './app.ts'
import { ConfigError, loadConfig, readDotenv } from './config/index.ts'
import { StoreLockedError } from './store/index.ts'

const environment = process.env['NODE_ENV'] === 'production' ? process.env : { ...readDotenv('.env'), ...process.env }

const main = async (): Promise<void> => {
  const { config, warnings } = loadConfig(environment)
  const logger = createLogger(config)
  for (const warning of warnings) logger.warn(warning)
  const app = await buildApp(config, logger)

  // Registered before listen: a signal during the start ends it just as orderly.
  closeWithGrace({ delay: config.shutdown.drainDelayMs + config.shutdown.timeoutMs + CLOSE_SLACK_MS, logger }, async ({ signal, err }) => {
    if (err !== undefined) logger.fatal({ err }, 'an error that nobody caught: stopping')
    else logger.info({ signal }, 'stopping')
    app.orchestrator.drain()
    if (err === undefined) await new Promise((resolve) => { setTimeout(resolve, config.shutdown.drainDelayMs) })
    await app.close()
    logger.info('stopped')
  })

  await app.listen({ host: config.server.host, port: config.server.port })
  logger.info({ profile: config.profile, store: config.store.path, work: config.work.enabled }, `ready: ${app.listeningOrigin}`)
}

const CLOSE_SLACK_MS = 10_000

main().catch((error: unknown) => {
  // These are the operator's to mend: the message says how, a stack would bury it.
  const expected = error instanceof ConfigError || error instanceof StoreLockedError || (error as NodeJS.ErrnoException).syscall === 'listen'
  console.error(expected ? (error as Error).message : error)
  process.exit(1)
})
