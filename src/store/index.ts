// The door of the store: opens an engine, brings its schema up to date and puts the operations behind the core's port.
import type { Logger } from '../core/log.ts'
import type { Store } from '../core/store.ts'
import { GroupCommit, type CommitObserver } from './group-commit.ts'
import { unitOf, type NamedUnit } from './operations/index.ts'
import { openSqlite } from './sqlite/engine.ts'
import { openSqliteFile } from './sqlite/file.ts'
import { openThreadEngine } from './sqlite/thread-engine.ts'
import { storeOf, type Engine } from './wired.ts'

export type { CommitObserver } from './group-commit.ts'
export { inspectPostgres } from './postgres/inspect.ts'
export { createBackups } from './scheduled-backups.ts'
export { inspectSqliteFile } from './sqlite/inspect.ts'
export { StoreLockedError } from './sqlite/lock.ts'
export { TransferError } from './transfer/side.ts'
export { StoreUnusableError } from './unusable.ts'

/** The newest migration of both engines. */
const LATEST = '0011-privacy'

/** What carries whole stores about: copies, backups, restores. Loaded by the commands that do it. */
export const loadTransfer = async () => (await import('./transfer/index.ts')).transferOf(LATEST, openStore)

interface Observed {
  /** Hears how long each commit took and how many units it held. */
  onCommit?: CommitObserver
}

export interface SqliteOptions extends Observed {
  /** Path of the SQLite file, or `:memory:`. */
  file: string
  /** Write in a thread of its own: for slow disks, see docs/decisions/0004. */
  writerThread?: boolean
}

export interface PostgresStoreOptions extends Observed {
  /** The address of the database; any number of processes may share it. */
  url: string
  /** How long a question may take before the database counts as away, milliseconds. */
  timeoutMs?: number
  /** How long the start waits for a server that does not answer. Default: 30 s. */
  startWithinMs?: number
  /** Hears of transactions that lost a race against another process and are tried again. */
  onConflict?: () => void
  log?: Logger
}

export type StoreOptions = SqliteOptions | PostgresStoreOptions

const DEFAULT_TIMEOUT_MS = 1_500

/** @throws StoreLockedError when another process holds the file, StoreUnusableError when it cannot be opened. */
export const openStore = async (options: StoreOptions): Promise<Store> => {
  const { onCommit = () => {} } = options
  if ('url' in options) return storeOf(await openDatabase(options, onCommit))
  const { file, writerThread = false } = options
  return storeOf(writerThread && file !== ':memory:' ? await openThreaded(file, onCommit) : await openHere(file, onCommit))
}

const EMBEDDED = { name: 'sqlite', exclusive: true, onNews: () => {}, announce: () => {} } as const

/** One connection, on this thread. */
const openHere = async (file: string, onCommit: CommitObserver): Promise<Engine> => {
  const { engine, close } = await openSqliteFile(file, LATEST, 'sole')
  const named = { commit: (batch: NamedUnit[]) => engine.commit(batch.map(unitOf)) }
  // A read is done before anything else can happen.
  return {
    ...EMBEDDED,
    place: file,
    commits: new GroupCommit(named, onCommit),
    read: engine.read,
    readSnapshot: engine.read,
    sizeBytes: engine.sizeBytes,
    backup: async (to, signal) => (await liveBackup()).backupLive(engine.database, to, { atOnce: false, signal }),
    close
  }
}

const liveBackup = () => import('./transfer/live-backup.ts')

const openThreaded = async (file: string, onCommit: CommitObserver): Promise<Engine> => {
  const engine = await openThreadEngine(file, LATEST)
  return {
    ...EMBEDDED,
    place: file,
    commits: new GroupCommit(engine, onCommit),
    read: engine.read,
    readSnapshot: engine.read,
    sizeBytes: engine.sizeBytes,
    // The connection here does not write: one of its own reads a moment, while the thread goes on writing.
    async backup (to, signal) {
      const reader = openSqlite(file, 'shared')
      try {
        return await (await liveBackup()).backupLive(reader.database, to, { atOnce: true, signal })
      } finally {
        reader.close()
      }
    },
    close: engine.close
  }
}

/** Loaded only where it is used: the driver costs time at the start. */
const openDatabase = async (
  { url, timeoutMs = DEFAULT_TIMEOUT_MS, startWithinMs, onConflict, log }: PostgresStoreOptions, onCommit: CommitObserver
): Promise<Engine> => {
  const [{ openPostgres }, { maskedUrl }] = await Promise.all([import('./postgres/engine.ts'), import('./postgres/connections.ts')])
  const engine = await openPostgres({ url, timeoutMs, startWithinMs, onConflict, log }, LATEST)
  return { name: 'postgres', place: maskedUrl(url), exclusive: false, commits: new GroupCommit(engine, onCommit), ...engine }
}
