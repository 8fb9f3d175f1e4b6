// A hash over all rows of a store, the same on both engines: two stores with one hash hold the same.
import { createHash } from 'node:crypto'
import type { Row, Side, Table } from './side.ts'

export interface Digest {
  tables: Array<{ name: string, rows: number, hash: string }>
  rows: number
  /** SHA-256 in hexadecimal. */
  hash: string
}

/** Reads everything, in portions. `onTable` hears of each table when it is done. */
export const digestOf = async (side: Side, tables: readonly Table[], onTable: (name: string, rows: number) => void = () => {}): Promise<Digest> => {
  const digests: Digest['tables'] = []
  for (const table of tables) {
    const hash = createHash('sha256')
    let rows = 0
    for await (const portion of side.read(table)) {
      rows += portion.length
      hash.update(portion.map(canonical).join(''))
    }
    digests.push({ name: table.name, rows, hash: hash.digest('hex') })
    onTable(table.name, rows)
  }
  return {
    tables: digests,
    rows: digests.reduce((sum, { rows }) => sum + rows, 0),
    hash: createHash('sha256').update(digests.map(({ name, rows, hash }) => `${name} ${rows} ${hash}\n`).join('')).digest('hex')
  }
}

/** The first difference, as a sentence; undefined: none. */
export const differenceOf = (wanted: Digest, found: Digest): string | undefined => {
  const others = new Map(found.tables.map((table) => [table.name, table]))
  for (const { name, rows, hash } of wanted.tables) {
    const other = others.get(name)
    others.delete(name)
    if (other === undefined) return `the table ${name} is missing`
    if (other.rows !== rows) return `the table ${name} has ${other.rows} rows instead of ${rows}`
    if (other.hash !== hash) return `the table ${name} has as many rows, ${rows}, but not the same ones`
  }
  const [more] = others.keys()
  return more === undefined ? undefined : `the table ${more} should not be there`
}

// Lengths go before texts: no two rows can be written alike.
const canonical = (row: Row): string =>
  `${row.map((cell) => cell === null ? 'n' : typeof cell === 'bigint' ? `i${cell};` : `t${cell.length}:${cell}`).join('')}\n`
