// Tables as CSV that spreadsheets open without running anything in them.

export type CsvCell = string | number | boolean | null

/** RFC 4180 with a header line; null is an empty cell. Each row has its cells in the order of the columns. */
export const csvOf = (columns: readonly string[], rows: ReadonlyArray<readonly CsvCell[]>): string =>
  [columns, ...rows].map((cells) => `${cells.map(cellOf).join(',')}\r\n`).join('')

// Spreadsheets take what begins with one of these for a formula, blanks before it or not.
const FORMULA = /^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]/u
/** A negative amount is no formula, and has to stay a number. */
const NUMBER = /^-\d+(?:\.\d+)?$/

const cellOf = (cell: CsvCell): string => {
  if (cell === null) return ''
  if (typeof cell !== 'string') return String(cell)
  const text = FORMULA.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell
  return /[",;\r\n\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
