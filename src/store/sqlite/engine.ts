// The embedded engine: one SQLite file, one writer, every commit flushed to the disk.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { AppError, errorText } from '../../core/errors.ts'
import type { Notice } from '../../core/store.ts'
import type { Committer, Outcome, Unit } from '../group-commit.ts'
import { Tx, type Operation, type Statement } from '../statement.ts'

export interface SqliteEngine extends Committer {
  readonly database: DatabaseSync
  read<R> (operation: Operation<R>): R
  sizeBytes (): number
  close (): void
}

/** The store file is held by another process. */
export class StoreLockedError extends Error {
  constructor (file: string) {
    super(`Another process is using the store ${file}. One process owns the embedded store: stop the other one, ` +
      'or give this one a DATA_DIR of its own.')
    this.name = 'StoreLockedError'
  }
}

/**
 * Opens `file` (or `:memory:`) and takes the lock that keeps every other process out until this one closes or dies.
 * @throws StoreLockedError when it is taken.
 */
export const openSqlite = (file: string): SqliteEngine => {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
  const database = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS })
  try {
    // EXCLUSIVE before WAL: the lock is taken by the first write and the wal index stays in this process's memory.
    // FULL flushes at every commit; SQLite's customary NORMAL loses acknowledged rows in a power cut.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
    database.exec('PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE; COMMIT')
  } catch (error) {
    database.close()
    if (isBusy(error)) throw new StoreLockedError(file)
    throw error
  }
  return createEngine(database)
}

const LOCK_TIMEOUT_MS = 300
const STATEMENTS_KEPT = 500
// SQLite's primary result codes.
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14

const primaryCode = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff
const isBusy = (error: unknown): boolean => primaryCode(error) === SQLITE_BUSY

const createEngine = (database: DatabaseSync): SqliteEngine => {
  const prepared = new Map<string, StatementSync>()

  const prepare = (sql: string): StatementSync => {
    let statement = prepared.get(sql)
    if (statement === undefined) {
      if (prepared.size >= STATEMENTS_KEPT) prepared.delete(prepared.keys().next().value!)
      statement = database.prepare(sql)
      prepared.set(sql, statement)
    }
    return statement
  }

  const execute = ({ sql, params, rows }: Statement): unknown[] => {
    const statement = prepare(sql)
    if (rows) return statement.all(...params)
    statement.run(...params)
    return NO_ROWS
  }

  const drive = <R>(operation: Operation<R>): R => {
    let step = operation.next(NO_ROWS)
    while (step.done !== true) step = operation.next(execute(step.value))
    return step.value
  }

  /** All or nothing; throws what a unit threw. */
  const transact = (units: Unit[]): { values: unknown[], notice: Notice } => {
    const tx = new Tx()
    prepare('BEGIN IMMEDIATE').run()
    try {
      const values = units.map((unit) => drive(unit(tx)))
      drive(tx.finish(Date.now()))
      prepare('COMMIT').run()
      return { values, notice: tx.notice }
    } catch (error) {
      // A full disk may have rolled the transaction back already.
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  const attempt = (units: Unit[]): { outcomes: Outcome[], notices: Notice[] } => {
    try {
      const { values, notice } = transact(units)
      return { outcomes: values.map((value) => ({ ok: true, value })), notices: [notice] }
    } catch (error) {
      if (units.length === 1) return { outcomes: [{ ok: false, error: explain(error) }], notices: [] }
      // One unit is at fault: each gets a transaction of its own, so that the others do not share its fate.
      const alone = units.map((unit) => attempt([unit]))
      return { outcomes: alone.flatMap((one) => one.outcomes), notices: alone.flatMap((one) => one.notices) }
    }
  }

  return {
    database,
    commit (units) {
      const { outcomes, notices } = attempt(units)
      return { outcomes, notice: notices.length === 1 ? notices[0]! : mergeNotices(notices) }
    },
    read (operation) {
      try {
        return drive(operation)
      } catch (error) {
        throw explain(error)
      }
    },
    sizeBytes () {
      const [pages] = execute({ sql: 'PRAGMA page_count', params: [], rows: true }) as [{ page_count: number }]
      const [size] = execute({ sql: 'PRAGMA page_size', params: [], rows: true }) as [{ page_size: number }]
      return pages.page_count * size.page_size
    },
    close () {
      prepared.clear()
      database.close()
    }
  }
}

const NO_ROWS: unknown[] = []

/** Faults of the disk become errors that callers can act on; anything else is a fault of ours and stays as it is. */
const explain = (error: unknown): unknown => {
  switch (primaryCode(error)) {
    case SQLITE_FULL: return new AppError('store_full', { cause: error, retryAfterMs: 30_000 })
    case SQLITE_BUSY: case SQLITE_READONLY: case SQLITE_IOERR: case SQLITE_CANTOPEN:
      return new AppError('store_unavailable', { cause: new Error(`SQLite: ${errorText(error)}`), retryAfterMs: 5_000 })
    default: return error
  }
}

const mergeNotices = (notices: Notice[]): Notice => {
  const merged = new Tx().notice
  for (const notice of notices) {
    for (const [stream, events] of notice.streams) {
      const known = merged.streams.get(stream)
      merged.streams.set(stream, events === undefined || (known === undefined && merged.streams.has(stream)) ? undefined : [...known ?? [], ...events])
    }
    for (const queue of notice.queues) merged.queues.add(queue)
    merged.cancels.push(...notice.cancels)
    merged.finished.push(...notice.finished)
    merged.plans ||= notice.plans
  }
  return merged
}
