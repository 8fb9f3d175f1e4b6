// A backup of an SQLite store: its pages, copied beside what is written meanwhile, then looked at from one end to the other.
import { existsSync } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { errorText } from '../../core/errors.ts'
import { digestOf, type Digest } from './digest.ts'
import { partOf, seal, type Manifest } from './manifest.ts'
import { TransferError } from './side.ts'
import { sqliteSide } from './sqlite-side.ts'

/** So many pages at a time: 400 KiB, a millisecond or less, in which the connection can do nothing else. */
const PAGES_A_STEP = 100
/** Steps between two flushes: what the last step has to flush, with the connection held, stays small. */
const FLUSH_EVERY = 40

/**
 * Copies the database behind the connection, which may go on writing: what it writes meanwhile is in the copy. What another connection writes would
 * make it begin again: for that, `atOnce` takes all pages in one step. The pages are read in a thread of the pool.
 */
export const copyPages = async (database: DatabaseSync, part: string, options: { atOnce?: boolean, signal?: AbortSignal } = {}): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      await copyOnce(database, part, options)
      return
    } catch (error) {
      // The first step came in the middle of a transaction of this connection: later ones wait by themselves, that one does not.
      if ((error as { errcode?: number }).errcode !== SQLITE_OK || attempt === FIRST_STEPS) throw error
    }
  }
}

const SQLITE_OK = 0
const FIRST_STEPS = 1_000

const copyOnce = async (database: DatabaseSync, part: string, { atOnce = false, signal }: { atOnce?: boolean, signal?: AbortSignal }): Promise<void> => {
  await rm(part, { force: true })
  const handle = await open(part, 'w')
  let steps = 0
  let flushing: Promise<unknown> | undefined
  try {
    await backup(database, part, {
      rate: atOnce ? 2 ** 31 - 1 : PAGES_A_STEP,
      progress () {
        signal?.throwIfAborted()
        steps += 1
        if (steps % FLUSH_EVERY === 0) flushing ??= handle.datasync().catch(() => {}).finally(() => { flushing = undefined })
      }
    })
    signal?.throwIfAborted()
  } finally {
    await flushing
    await handle.close()
  }
}

/** @throws TransferError when it is not a whole store. */
export const inspectFile = async (file: string): Promise<{ migration: string, digest: Digest }> => {
  try {
    const database = new DatabaseSync(file)
    try {
      // One file, whatever the journal of the original was.
      database.exec('PRAGMA journal_mode = DELETE')
      const verdict = String(Object.values(database.prepare('PRAGMA integrity_check(1)').get()!)[0])
      if (verdict !== 'ok') throw new TransferError(`${file} is damaged: ${verdict}.`)
      const side = sqliteSide(database, file, '', () => {})
      const migration = await side.migration()
      if (migration === undefined) throw new TransferError(`${file} is an SQLite file, but not a store.`)
      if (await side.progress() !== undefined) throw new TransferError(`${file} is a copy of another store that was not finished.`)
      return { migration, digest: await digestOf(side, await side.tables()) }
    } finally {
      database.close()
    }
  } catch (error) {
    throw error instanceof TransferError ? error : new TransferError(`${file} is damaged: ${errorText(error)}.`, error)
  }
}

/** Looks at what was copied, and gives it its name. @throws TransferError */
export const sealSqlite = async (file: string, madeAt: string): Promise<Manifest> => {
  const { migration, digest } = await inspectFile(partOf(file))
  return await seal(file, { engine: 'sqlite', made_at: madeAt, migration }, digest)
}

/** Where a backup may be written: nothing is overwritten. @throws TransferError */
export const prepareFolder = async (file: string): Promise<void> => {
  if (existsSync(file)) throw new TransferError(`${file} is there already, and nothing is overwritten.`)
  await mkdir(dirname(file), { recursive: true })
}
