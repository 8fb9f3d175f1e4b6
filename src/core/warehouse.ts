// The data warehouse as agents see it: tables of one dataset, rows that are written once for each effect, and queries with a price limit.
import type { Json } from './model.ts'
import type { Source } from './upstream.ts'

/** The column types that are written. Money is NUMERIC (38 digits, 9 after the point). */
export const COLUMN_TYPES = ['STRING', 'INT64', 'FLOAT64', 'NUMERIC', 'BOOL', 'DATE', 'TIMESTAMP'] as const
export type ColumnType = typeof COLUMN_TYPES[number]

/**
 * A cell. STRING and DATE (`2026-11-24`) are text, NUMERIC is a decimal string (`"12.50"`), INT64 and FLOAT64 are numbers, BOOL is a boolean,
 * TIMESTAMP is milliseconds since the epoch.
 */
export type Cell = string | number | boolean | null

export interface Column {
  name: string
  type: ColumnType
  /** Default false: the column may hold null. */
  required?: boolean
}

export interface WarehouseReading {
  source: Source
  /** Milliseconds since the epoch. */
  read_at: number
}

export interface DatasetStatus extends WarehouseReading {
  /** `project.dataset`. */
  dataset: string
  /** Where its data lies: `EU`, `us-central1`. Jobs run there. */
  location: string
}

export interface TableStatus extends WarehouseReading {
  /** `project.dataset.table`. */
  table: string
  /** By the warehouse's own type names, nested columns among them. */
  columns: Array<{ name: string, type: string, mode: string }>
  /** Without what still lies in a streaming buffer; null for a view. */
  rows: number | null
  bytes: number | null
}

export interface NewTable {
  /** Default: the configured table. */
  table?: string
  columns: readonly Column[]
  /** A column of type DATE or TIMESTAMP: one partition a day. */
  partition_by?: string
  /** At most four columns. */
  cluster_by?: readonly string[]
}

/** Rows that are to be written, and the columns that they fill: a column that a row leaves out is null. */
export interface RowSet {
  /** Default: the configured table. */
  table?: string
  columns: readonly Column[]
  /** From 1 to 5,000. */
  rows: ReadonlyArray<Readonly<Record<string, Cell>>>
}

export interface WriteOptions {
  /** Names this effect for ever, with these very rows: a second call with it reads what the first one did. At most 200 characters. */
  effect_key: string
  signal: AbortSignal
  /** The most that the job may read, in bytes; beyond that it fails before it costs anything. Default 1 GiB. */
  maximum_bytes_billed?: number
  /** How long to wait for the job; it goes on afterwards. Default 60,000. */
  timeout_ms?: number
}

export interface WriteResult extends WarehouseReading {
  job_id: string
  /** Rows inserted, and for a merge updated. Null when the upstream does not say. */
  rows_affected: number | null
  bytes_billed: number | null
  /** False: an earlier call with this key had started the job. */
  created: boolean
}

export type Parameter = { name: string, type: ColumnType, value: Cell }

export interface Query {
  /** One SELECT (or WITH) in GoogleSQL, without a semicolon. Values go into `parameters`, never into the text. */
  sql: string
  parameters?: readonly Parameter[]
  maximum_bytes_billed?: number
}

export interface QueryResult extends WarehouseReading {
  columns: Array<{ name: string, type: string }>
  /** Cells as in Cell; an INT64 beyond 2^53 as its digits; columns of other types as the upstream sent them. */
  rows: Array<Record<string, Json>>
  /** True when the result has more rows than `limit`. */
  more: boolean
  /** Null when the upstream does not say. */
  bytes_processed: number | null
}

export interface DryRun extends WarehouseReading {
  bytes_processed: number
  /** `SELECT`; null when the upstream does not say. */
  statement: string | null
  /** True when the query would be refused by its maximum_bytes_billed. */
  over_limit: boolean
}

interface CallOptions {
  signal: AbortSignal
}

/** Everything throws WarehouseError, and what the calls to upstreams throw: CircuitOpenError, ThrottledError, and errors with a `code`. */
export interface Warehouse {
  /** `project.dataset`. */
  readonly name: string
  readonly source: Source
  /** @throws WarehouseError `warehouse_not_found`, `warehouse_access_denied`: the dataset is missing, or may not be seen. */
  dataset (options: CallOptions): Promise<DatasetStatus>
  /** Undefined when the dataset has no such table. Default: the configured table. */
  table (options: CallOptions & { table?: string }): Promise<TableStatus | undefined>
  /** Makes the table when it is missing, and leaves one that exists as it is. */
  createTable (table: NewTable, options: CallOptions): Promise<{ created: boolean }>
  /** Adds the rows, all or none, once for each effect key. */
  insert (rows: RowSet, options: WriteOptions): Promise<WriteResult>
  /** Adds the rows or, where one with the same `key` exists, replaces its columns; all or none, once for each effect key. */
  merge (rows: RowSet & { key: readonly string[] }, options: WriteOptions): Promise<WriteResult>
  /** `limit`: the most rows to answer with, from 1 to 10,000, default 1,000. */
  query (query: Query, options: CallOptions & { limit?: number, timeout_ms?: number }): Promise<QueryResult>
  /** What the query would read, without reading it. Costs nothing. */
  dryRun (query: Query, options: CallOptions): Promise<DryRun>
}

export type WarehouseErrorCode =
  /** The credentials file is missing, malformed, or of a kind that is not supported. The message names the variable. */
  | 'warehouse_credentials_invalid'
  /** The credentials are well-formed and not accepted. */
  | 'warehouse_credential_rejected'
  | 'warehouse_access_denied'
  /** The project, dataset, table or job does not exist. */
  | 'warehouse_not_found'
  /** The SQL, a column or a value is wrong. */
  | 'warehouse_invalid_query'
  /** The query would read more than its maximum_bytes_billed. */
  | 'warehouse_over_limit'
  /** Billing or a quota of the project stands in the way, and waiting for minutes will not help. */
  | 'warehouse_quota_exceeded'
  /** It answers that it is failing: try again later. */
  | 'warehouse_unavailable'
  /** This effect key was used for other rows. */
  | 'warehouse_key_reused'
  /** The job still runs after `timeout_ms`: call again with the same key to go on waiting. */
  | 'warehouse_job_running'
  /** The job ended with an error and changed nothing. */
  | 'warehouse_job_failed'

/** Safe to show: holds no credential. `reason` is the upstream's own word: `notFound`, `invalidQuery`. */
export class WarehouseError extends Error {
  readonly code: WarehouseErrorCode
  readonly reason: string | undefined

  constructor (code: WarehouseErrorCode, message: string, options: { reason?: string | undefined, cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'WarehouseError'
    this.code = code
    this.reason = options.reason
  }
}
