// An SQLite file with rows in every table that the schema has, whatever is added to it: real ones in the ledger and among the jobs, odd ones everywhere.
import { DatabaseSync } from 'node:sqlite'
import { openStore } from '../../src/store/index.ts'
import { approved, begin, effectOf, finish } from './store-contract-effects.ts'
import { rig, T0 } from './store-rig.ts'

const ODD_TEXTS = ['', 'plain', 'Ünïcødé 🐎', 'a "quoted", {braced} \\ text', "it's", 'two\nlines\tand a tab', 'NULL', '\u{10ffff}\u0001', '\ufeffmark', '1']
const ODD_NUMBERS = [0n, 1n, -1n, 7n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 62n)]
/** Their rows depend on each other; real ones are made. */
const REAL = new Set(['effects', 'effect_log', 'counters'])

interface Column { name: string, type: string, notnull: number, key: boolean }

/** Of the store in the file; Kysely's are none of it. */
export const tableNames = (database: DatabaseSync): string[] =>
  database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'kysely%' AND name NOT LIKE 'sqlite%' ORDER BY name").all()
    .map(({ name }) => String(name))

/** `many`: rows in `messages`, for several portions. */
export const fillStore = async (file: string, { many = 10 }: { many?: number } = {}): Promise<void> => {
  const store = await openStore({ file })
  const moves = rig(store)
  const session = await moves.session()
  await moves.say(session)
  await moves.take(1, T0, 'replies')
  const proposal = await approved(store)
  const effect = effectOf(proposal)
  await begin(store, effect, proposal.plan_hash)
  await finish(store, effect.key)
  await store.close()
  const database = new DatabaseSync(file)
  for (const name of tableNames(database)) {
    if (!REAL.has(name)) fillTable(database, name, name === 'messages' ? many : ODD_TEXTS.length)
  }
  database.close()
}

const fillTable = (database: DatabaseSync, table: string, rows: number): void => {
  const unique = new Set(database.prepare('SELECT c.name FROM pragma_index_list(?) AS i JOIN pragma_index_info(i.name) AS c WHERE i."unique" = 1').all(table)
    .map(({ name }) => name))
  const columns = database.prepare('SELECT name, type, "notnull", pk FROM pragma_table_info(?)').all(table)
    .map((row) => ({ ...row, key: Number(row['pk']) > 0 || unique.has(row['name']!) }) as unknown as Column)
  const insert = database.prepare(`INSERT INTO ${table} (${columns.map(({ name }) => `"${name}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
  database.exec('BEGIN')
  for (let n = 0; n < rows; n++) insert.run(...columns.map((column, index) => cell(column, n, index)))
  database.exec('COMMIT')
}

const cell = ({ type, notnull, key }: Column, n: number, index: number): string | bigint | null => {
  const isText = type.toLowerCase() === 'text'
  if (key) return isText ? `${ODD_TEXTS[(n + index) % ODD_TEXTS.length]!} ${n}` : BigInt(n) + 1_000n
  if (notnull === 0 && (n + index) % 3 === 0) return null
  return isText ? ODD_TEXTS[(n + index) % ODD_TEXTS.length]! : ODD_NUMBERS[(n + index) % ODD_NUMBERS.length]!
}
