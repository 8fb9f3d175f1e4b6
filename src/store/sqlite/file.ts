// A database that belongs to this process alone: locked, opened, and with an up-to-date schema.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { openSqlite, type SqliteEngine } from './engine.ts'
import { errorText } from '../../core/errors.ts'
import { StoreUnusableError } from '../unusable.ts'
import { lockStore } from './lock.ts'
import { migrateSqlite } from './migrate.ts'

/** `file` may be `:memory:`, which needs no lock. @throws StoreLockedError when another process owns the file, StoreUnusableError. */
export const openSqliteFile = async (file: string, latest: string, use: 'sole' | 'shared'): Promise<{ engine: SqliteEngine, close: () => void }> => {
  let unlock = (): void => {}
  let engine: SqliteEngine | undefined
  try {
    if (file !== ':memory:') {
      mkdirSync(dirname(file), { recursive: true })
      unlock = lockStore(file)
    }
    engine = openSqlite(file, use)
    const opened = engine
    await migrateSqlite(engine.database, latest)
    return { engine: opened, close () { opened.close(); unlock() } }
  } catch (error) {
    engine?.close()
    unlock()
    // What the system refuses has a code; anything else is a fault of ours.
    if (!('code' in (error as object))) throw error
    throw new StoreUnusableError(`The store ${file} cannot be opened: ${errorText(error)}. Is DATA_DIR there, writable, and not full?`, error)
  }
}
