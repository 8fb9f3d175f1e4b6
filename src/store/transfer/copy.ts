// Copies a whole store from one engine to the other: table by table, in portions, resumable, compared row by row at the end.
import { differenceOf, digestOf } from './digest.ts'
import { TransferError, type Progress, type Side, type Table } from './side.ts'

export interface CopyResult {
  tables: number
  rows: number
  /** Rows that an earlier, interrupted run had copied are not among them. */
  copied: number
  seconds: number
  /** See Digest. */
  hash: string
}

/**
 * The sides are opened and closed by the caller; both belong to this process alone. `report` hears a sentence now and then.
 * @throws TransferError when the target is not empty, the versions differ, a table cannot be carried, or the copy is not the same.
 */
export const copy = async (source: Side, target: Side, latest: string, report: (sentence: string) => void): Promise<CopyResult> => {
  const startedAt = performance.now()
  const migration = await source.migration()
  if (migration === undefined) throw new TransferError(`There is no store in ${source.place}.`)
  if (await source.progress() !== undefined) throw new TransferError(`${source.place} is itself a copy that was not finished: finish or remove it first.`)
  assertKnown(source.place, migration, latest)
  const identity = `${source.engine} ${source.place}`
  let progress = await target.progress()
  if (progress === undefined) await target.migrate()
  assertKnown(target.place, await target.migration() ?? 'nothing', latest)
  const tables = await sameTables(source, target)
  if (progress === undefined) {
    for (const table of tables) {
      if (!await target.isEmpty(table)) {
        throw new TransferError(`The target ${target.place} is not empty: there are rows in ${table.name}. Copy into an empty ` +
          `${target.engine === 'sqlite' ? 'folder' : 'schema or database'}: nothing is merged, and nothing is overwritten.`)
      }
    }
    await target.begin(identity)
    progress = { source: identity, last: new Map() }
  } else if (progress.source !== identity) {
    throw new TransferError(`The target ${target.place} holds an unfinished copy of another store, ${progress.source}. Finish that one, or empty the target.`)
  } else {
    report(`going on with the copy that was begun: ${progress.last.size} of ${tables.length} tables were reached`)
  }
  const copied = await copyRows(source, target, tables, progress, report)
  report('comparing both sides')
  const wanted = await digestOf(source, tables)
  const difference = differenceOf(wanted, await digestOf(target, tables))
  if (difference !== undefined) {
    throw new TransferError(`The copy is not the same: ${difference}. Was the source used between two runs? Empty the target and copy again.`)
  }
  await target.finish()
  return { tables: tables.length, rows: wanted.rows, copied, seconds: (performance.now() - startedAt) / 1000, hash: wanted.hash }
}

const REPORT_EVERY_MS = 2_000

const copyRows = async (source: Side, target: Side, tables: Table[], { last }: Progress, report: (sentence: string) => void): Promise<number> => {
  let copied = 0
  let reportedAt = performance.now()
  for (const [index, table] of tables.entries()) {
    let rows = 0
    const say = (): void => { report(`${index + 1}/${tables.length} ${table.name}: ${rows} rows`) }
    for await (const portion of source.read(table, last.get(table.name))) {
      try {
        await target.write(table, portion)
      } catch (error) {
        if (!isFull(error)) throw error
        throw new TransferError(
          `The disk of ${target.place} is full, in the table ${table.name}. Make room and run the same command again: it goes on from there.`, error)
      }
      rows += portion.length
      if (performance.now() - reportedAt < REPORT_EVERY_MS) continue
      reportedAt = performance.now()
      say()
    }
    copied += rows
    say()
  }
  return copied
}

const SQLITE_FULL = 13
const isFull = (error: unknown): boolean => {
  const { errcode, code } = error as { errcode?: number, code?: string }
  return errcode === SQLITE_FULL || code === '53100' || code === 'ENOSPC'
}

/** Migrations of both engines have the same numbers, and not always the same names. */
const numberOf = (migration: string): string => migration.slice(0, 4)

/** @throws TransferError when its schema is not that of this program. */
const assertKnown = (place: string, migration: string, latest: string): void => {
  if (numberOf(migration) === numberOf(latest)) return
  throw new TransferError(`The schema of ${place} is at ${migration}, this program's at ${numberOf(latest)}. ` + (migration > latest
    ? 'Use the newer version of the program that made it.'
    : 'Start the service on it once with this version and stop it: that brings it up to date.'))
}

/** @throws TransferError when a table is there on one side only, or differs. */
const sameTables = async (source: Side, target: Side): Promise<Table[]> => {
  const [tables, others] = [await source.tables(), new Map((await target.tables()).map((table) => [table.name, table]))]
  for (const table of tables) {
    const other = others.get(table.name)
    others.delete(table.name)
    if (other === undefined) throw new TransferError(`The table ${table.name} of ${source.place} is not in ${target.place}.`)
    if (JSON.stringify(other) !== JSON.stringify(table)) throw new TransferError(`The table ${table.name} has other columns or another key in ${target.place}.`)
  }
  const [more] = others.keys()
  if (more !== undefined) throw new TransferError(`The table ${more} of ${target.place} is not in ${source.place}.`)
  return tables
}
