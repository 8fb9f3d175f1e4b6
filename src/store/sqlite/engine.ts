// One connection to an SQLite database: reads, and units of writes that are flushed to the disk together.
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Notice } from '../../core/store.ts'
import type { Committer, Outcome, Unit } from '../group-commit.ts'
import { mergeNotices } from '../notices.ts'
import { finishBatch } from '../operations/batch.ts'
import { Tx, type Operation, type Statement } from '../statement.ts'
import { explain } from './faults.ts'

export interface SqliteEngine extends Committer<Unit> {
  readonly database: DatabaseSync
  read<R> (operation: Operation<R>): R
  sizeBytes (): number
  close (): void
}

/**
 * Opens a connection to `file` (or `:memory:`). Two `shared` ones may write and read beside each other in this process;
 * other processes are kept out by lockStore.
 */
export const openSqlite = (file: string, use: 'sole' | 'shared' = 'sole'): SqliteEngine => {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  // FULL flushes at every commit; SQLite's customary NORMAL loses acknowledged rows in a power cut.
  // A sole connection keeps its locks and the index of the log to itself, which saves system calls with every write.
  if (use === 'sole') database.exec('PRAGMA locking_mode = EXCLUSIVE')
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; PRAGMA temp_store = MEMORY;')
  return createEngine(database)
}

// Only a recovery after a crash makes the two connections wait for each other.
const BUSY_TIMEOUT_MS = 2_000
const STATEMENTS_KEPT = 500

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

  const execute = ({ sql, params, rows, tuples }: Statement): unknown[] => {
    const statement = prepare(sql)
    if (tuples !== undefined) {
      if (rows) return tuples.map((tuple) => statement.all(...tuple))
      for (const tuple of tuples) statement.run(...tuple)
      return NO_ROWS
    }
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
      drive(finishBatch(tx, Date.now()))
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
