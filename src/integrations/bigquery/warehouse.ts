// The warehouse port on BigQuery: tables of one dataset, writes under names of our own, queries with a price limit.
import type { Clock } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import type { Source } from '../../core/upstream.ts'
import { WarehouseError } from '../../core/warehouse.ts'
import type { Column, DatasetStatus, RowSet, Warehouse, WarehouseReading, WriteOptions, WriteResult } from '../../core/warehouse.ts'
import { readRows } from './cells.ts'
import type { BigqueryClient } from './client.ts'
import { createJobs, MAXIMUM_BYTES_BILLED } from './jobs.ts'
import { pause } from '../../core/pause.ts'
import { DatasetAnswerSchema, QueryAnswerSchema, TableAnswerSchema } from './schemas.ts'
import { checkColumns, checkTable, insertStatement, mergeStatement, queryStatement, type Statement, type TableName } from './statements.ts'

export interface WarehouseOptions {
  client: BigqueryClient
  projectId: string
  dataset: string
  /** What calls without a table mean. */
  table: string | undefined
  source: Source
  clock: Clock
}

const QUERY_TIMEOUT_MS = 60_000
/** How long one request waits for a query at BigQuery: well below what the breaker takes for a slow answer. */
const LONG_POLL_MS = 5_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 1_000
const DEFAULT_ROWS = 1_000
const MOST_ROWS = 10_000
const PAGE_ROWS = 1_000
const MOST_CLUSTER_COLUMNS = 4
/** Of the dataset: without its access list, which may have thousands of entries. */
const DATASET_FIELDS = 'datasetReference,location'
const DATASET_BYTES = 128 * 1024

export const createWarehouse = ({ client, projectId, dataset, table: defaultTable, source, clock }: WarehouseOptions): Warehouse => {
  const jobs = createJobs(client, projectId, clock)
  const datasetPath = `/datasets/${encodeURIComponent(dataset)}`
  const stamp = (): WarehouseReading => ({ source, read_at: clock.now() })
  let place: string | undefined

  const readDataset = async (signal: AbortSignal): Promise<DatasetStatus> => {
    const { location } = await client.get(`${datasetPath}?fields=${DATASET_FIELDS}`, DatasetAnswerSchema, signal, DATASET_BYTES)
    place = location
    return { dataset: `${projectId}.${dataset}`, location, ...stamp() }
  }

  /** Names of jobs count within one location, so every job says where: a dataset never moves. */
  const location = async (signal: AbortSignal): Promise<string> => place ?? (await readDataset(signal)).location

  const named = (table: string | undefined): TableName => {
    const name = table ?? defaultTable
    if (name === undefined) throw new WarehouseError('warehouse_invalid_query', 'No table is named: name one, or set BIGQUERY_TABLE.')
    return { projectId, dataset, table: checkTable(name) }
  }

  const write = async (statement: Statement, options: WriteOptions): Promise<WriteResult> => {
    const { id, answer, created } = await jobs.run(statement, await location(options.signal), options)
    const query = answer.statistics?.query
    return {
      job_id: id,
      rows_affected: count(query?.numDmlAffectedRows),
      bytes_billed: count(query?.totalBytesBilled),
      created,
      ...stamp()
    }
  }

  return {
    name: `${projectId}.${dataset}`,
    source,
    dataset: async ({ signal }) => await readDataset(signal),

    async table ({ table, signal }) {
      const name = named(table)
      const found = await client.find(tablePath(datasetPath, name.table), TableAnswerSchema, signal)
      if (found === undefined) {
        // A missing table and a missing dataset are both a 404: only the first is an answer.
        await readDataset(signal)
        return undefined
      }
      return {
        table: `${projectId}.${dataset}.${name.table}`,
        columns: (found.schema?.fields ?? []).map((field) => ({ name: field.name, type: field.type, mode: field.mode ?? 'NULLABLE' })),
        rows: count(found.numRows),
        bytes: count(found.numBytes),
        ...stamp()
      }
    },

    async createTable ({ table, columns, partition_by: partition, cluster_by: cluster = [] }, { signal }) {
      const name = named(table)
      checkColumns(columns)
      checkLayout(columns, partition, cluster)
      const made = await client.create(`${datasetPath}/tables`, {
        tableReference: { projectId, datasetId: dataset, tableId: name.table },
        schema: { fields: columns.map((column) => ({ name: column.name, type: column.type, mode: column.required === true ? 'REQUIRED' : 'NULLABLE' })) },
        ...(partition === undefined ? {} : { timePartitioning: { type: 'DAY', field: partition } }),
        ...(cluster.length === 0 ? {} : { clustering: { fields: [...cluster] } })
      }, TableAnswerSchema, signal)
      return { created: made !== undefined }
    },

    insert: async (rows: RowSet, options) => await write(insertStatement(named(rows.table), rows), options),
    merge: async (rows, options) => await write(mergeStatement(named(rows.table), rows), options),

    async query (query, { signal, limit = DEFAULT_ROWS, timeout_ms: timeoutMs = QUERY_TIMEOUT_MS }) {
      if (!Number.isInteger(limit) || limit < 1 || limit > MOST_ROWS) throw new WarehouseError('warehouse_invalid_query', `limit is from 1 to ${MOST_ROWS}.`)
      const { sql, parameters } = queryStatement(query)
      const until = clock.monotonic() + timeoutMs
      const pageRows = Math.min(limit, PAGE_ROWS)
      const at = await location(signal)
      let answer = await client.post('/queries', {
        query: sql,
        useLegacySql: false,
        parameterMode: 'NAMED',
        queryParameters: parameters,
        maximumBytesBilled: String(query.maximum_bytes_billed ?? MAXIMUM_BYTES_BILLED),
        location: at,
        timeoutMs: LONG_POLL_MS,
        maxResults: pageRows,
        formatOptions: { useInt64Timestamp: true },
        // Sent again after a lost answer, it runs once.
        requestId: newId()
      }, QueryAnswerSchema, signal)
      const job = answer.jobReference?.jobId
      const further = (pageToken: string | undefined): string => resultsPath(job, answer.jobReference?.location ?? at, pageRows, pageToken)

      for (let ms = FIRST_PAUSE_MS; !answer.jobComplete; ms = Math.min(ms * 2, LONGEST_PAUSE_MS)) {
        // BigQuery waits with its answer, but is free not to: the pause keeps that from becoming a flood of requests.
        if (clock.monotonic() + ms > until) throw new WarehouseError('warehouse_job_running', `BigQuery has not answered the query in ${timeoutMs} ms.`)
        await pause(clock, ms, signal)
        answer = await client.get(further(undefined), QueryAnswerSchema, signal)
      }
      const fields = answer.schema?.fields ?? []
      const processed = count(answer.totalBytesProcessed)
      const rows = readRows(fields, answer.rows ?? [])
      while (rows.length < limit && answer.pageToken !== undefined) {
        answer = await client.get(further(answer.pageToken), QueryAnswerSchema, signal)
        rows.push(...readRows(fields, answer.rows ?? []))
      }
      return {
        columns: fields.map(({ name, type }) => ({ name, type })),
        rows: rows.slice(0, limit),
        more: rows.length > limit || answer.pageToken !== undefined,
        bytes_processed: processed,
        ...stamp()
      }
    },

    async dryRun (query, { signal }) {
      const maximum = query.maximum_bytes_billed ?? MAXIMUM_BYTES_BILLED
      const { statistics } = await jobs.dryRun(queryStatement(query), await location(signal), maximum, signal)
      const bytes = Number(statistics.totalBytesProcessed)
      return { bytes_processed: bytes, statement: statistics.query?.statementType ?? null, over_limit: bytes > maximum, ...stamp() }
    }
  }
}

const checkLayout = (columns: readonly Column[], partition: string | undefined, cluster: readonly string[]): void => {
  const typeOf = (name: string): string | undefined => columns.find((column) => column.name === name)?.type
  if (partition !== undefined && !['DATE', 'TIMESTAMP'].includes(typeOf(partition) ?? '')) {
    throw new WarehouseError('warehouse_invalid_query', `A table is partitioned by a column of type DATE or TIMESTAMP: ${JSON.stringify(partition)} is none.`)
  }
  if (cluster.length > MOST_CLUSTER_COLUMNS || cluster.some((name) => typeOf(name) === undefined)) {
    throw new WarehouseError('warehouse_invalid_query', `A table is clustered by at most ${MOST_CLUSTER_COLUMNS} of its columns.`)
  }
}

/** Nothing told is null, never 0. */
const count = (digits: string | undefined): number | null => digits === undefined ? null : Number(digits)

const tablePath = (datasetPath: string, table: string): string => `${datasetPath}/tables/${encodeURIComponent(table)}`

const resultsPath = (job: string | undefined, location: string, maxResults: number, pageToken: string | undefined): string => {
  if (job === undefined) throw new WarehouseError('warehouse_job_failed', 'BigQuery gave the query no name under which its rows can be read.')
  const query = new URLSearchParams({ location, maxResults: String(maxResults), timeoutMs: String(LONG_POLL_MS), 'formatOptions.useInt64Timestamp': 'true' })
  if (pageToken !== undefined) query.set('pageToken', pageToken)
  return `/queries/${encodeURIComponent(job)}?${query}`
}
