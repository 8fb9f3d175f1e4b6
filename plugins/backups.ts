// Backups of the embedded store by the service itself, on a schedule: it alone may open the file. What is on PostgreSQL is saved from outside.
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Clock } from '../src/core/clock.ts'
import type { Logger } from '../src/core/log.ts'
import { createBackups } from '../src/store/index.ts'

export interface BackupsOptions {
  /** Undefined: none are made. */
  dir: string | undefined
  everyMs: number
  keep: number
  clock: Clock
  log: Logger
}

const plugin: FastifyPluginAsync<BackupsOptions> = async (app, { dir, ...options }) => {
  const { store } = app.orchestrator
  if (dir === undefined) return
  if (store.backup === undefined) {
    options.log.warn({ dir }, 'BACKUP_DIR is about the embedded store: save PostgreSQL by `npm run backup` or by its own ways, see docs/store.md')
    return
  }
  const backups = createBackups({ dir, ...options, backup: store.backup })
  app.addHook('onReady', async () => { backups.start() })
  // Registered after the orchestrator, so it ends before the store is closed.
  app.addHook('onClose', async () => { await backups.stop() })
}

export default fp(plugin, { name: 'backups', dependencies: ['orchestrator'], fastify: '5.x' })
