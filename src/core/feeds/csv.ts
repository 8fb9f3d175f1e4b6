// The owner's lists as CSV: how one is read and checked, and how it is written.
import { isUtf8 } from 'node:buffer'
import { setImmediate as turn } from 'node:timers/promises'
import type { CsvError } from 'csv-parse'
import { AppError } from '../errors.ts'
import type { FeedName } from '../shop-history.ts'
import { FEED_CHUNK_ROWS } from '../store-history.ts'

/** Without these a list is of no use to the agents that read it. */
export const REQUIRED_COLUMNS: Record<FeedName, readonly string[]> = {
  competitor_prices: ['sku', 'price', 'currency', 'observed_at'],
  suppliers: ['sku', 'lead_time_days'],
  product_candidates: ['title', 'unit_cost', 'currency']
}

export const MOST_ROWS = 100_000
export const MOST_COLUMNS = 50
const LONGEST_NAME = 64
/** Parsed between two turns of the event loop. */
const SLICE = 16 * 1024

export interface ParsedFeed {
  columns: string[]
  /** Rows as JSON text, arrays of cells, FEED_CHUNK_ROWS in each but the last. */
  chunks: string[]
  rows: number
}

/**
 * A list with a header line, with commas or semicolons. Names of columns are put in lower case, blanks around cells are cut, and rows without a
 * filled cell are left out; a row that is short is filled up. @throws AppError `malformed_text`; `invalid_feed` with the number of the line.
 */
export const parseFeed = async (name: FeedName, bytes: Uint8Array): Promise<ParsedFeed> => {
  if (!isUtf8(bytes)) throw new AppError('malformed_text')
  const text = Buffer.from(bytes).toString()
  if (text.includes('\0')) throw new AppError('malformed_text')
  const { parse } = await import('csv-parse')
  const parser = parse({
    bom: true,
    delimiter: delimiterOf(text),
    trim: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    info: true
  })
  const fed = feedIn(text, parser)
  let columns: string[] | undefined
  const chunks: string[] = []
  let chunk: string[][] = []
  let rows = 0
  try {
    for await (const { record, info: { lines } } of parser as AsyncIterable<{ record: string[], info: { lines: number } }>) {
      if (columns === undefined) {
        columns = columnsOf(name, record, lines)
        continue
      }
      rows += 1
      if (rows > MOST_ROWS) throw invalid(lines, `at most ${MOST_ROWS} rows are taken`)
      while (record.length > columns.length && record.at(-1) === '') record.pop()
      if (record.length > columns.length) throw invalid(lines, `${record.length} cells, but the header names ${columns.length} columns`)
      while (record.length < columns.length) record.push('')
      chunk.push(record)
      if (chunk.length < FEED_CHUNK_ROWS) continue
      chunks.push(JSON.stringify(chunk))
      chunk = []
    }
  } catch (error) {
    throw error instanceof AppError ? error : ofParser(error)
  } finally {
    parser.destroy()
    await fed
  }
  if (columns === undefined) throw new AppError('invalid_feed', { message: 'The list is empty: it begins with a line that names its columns.' })
  if (chunk.length > 0) chunks.push(JSON.stringify(chunk))
  return { columns, chunks, rows }
}

/** A line of a CSV file, with its end. */
export const csvLine = (cells: readonly string[]): string => `${cells.map(csvCell).join(',')}\r\n`

const csvCell = (cell: string): string => /[",;\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell

/** In slices: five megabytes at once would keep everybody else waiting. */
const feedIn = async (text: string, parser: NodeJS.WritableStream & { destroyed: boolean }): Promise<void> => {
  for (let at = 0; at < text.length && !parser.destroyed; at += SLICE) {
    // What is parsed waits to be read: a full parser has its rows taken in the next turn.
    parser.write(text.slice(at, at + SLICE))
    await turn()
  }
  if (!parser.destroyed) parser.end()
}

/** What the header line has more of, outside of quotes. */
const delimiterOf = (text: string): string => {
  const [header = ''] = text.replace(/^\uFEFF/, '').split(/[\r\n]/, 1)
  const bare = header.replaceAll(/"[^"]*"/g, '')
  return bare.split(';').length > bare.split(',').length ? ';' : ','
}

const columnsOf = (name: FeedName, header: string[], line: number): string[] => {
  const columns = header.map((column) => column.toLowerCase())
  // Spreadsheets leave empty columns at the end, of rows as well.
  while (columns.at(-1) === '') columns.pop()
  if (columns.length > MOST_COLUMNS) throw invalid(line, `at most ${MOST_COLUMNS} columns are taken`)
  for (const [index, column] of columns.entries()) {
    if (column === '') throw invalid(line, `column ${index + 1} has no name`)
    if (column.length > LONGEST_NAME) throw invalid(line, `the name of column ${index + 1} is longer than ${LONGEST_NAME} characters`)
    if (columns.indexOf(column) !== index) throw invalid(line, `columns ${columns.indexOf(column) + 1} and ${index + 1} have the same name`)
  }
  const missing = REQUIRED_COLUMNS[name].filter((column) => !columns.includes(column))
  if (missing.length > 0) throw invalid(line, `the header does not name ${missing.join(', ')}`)
  return columns
}

const invalid = (line: number, what: string): AppError => new AppError('invalid_feed', { message: `Line ${line} of the list: ${what}.` })

/** The parser's own sentences quote cells. */
const ofParser = (error: unknown): unknown => {
  const { code, lines } = error as Partial<CsvError> & { lines?: number }
  // Not all of its codes begin alike.
  if (code === undefined || !(code.startsWith('CSV_') || code in FAULTS)) return error
  return invalid(lines ?? 1, FAULTS[code] ?? 'it is not valid CSV')
}

const FAULTS: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted cell does not end',
  INVALID_OPENING_QUOTE: 'a quote stands inside a cell that does not begin with one',
  CSV_INVALID_CLOSING_QUOTE: 'something follows the end of a quoted cell',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'something follows the end of a quoted cell'
}
