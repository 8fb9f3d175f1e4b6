// BigQuery's REST API, version 2, over tables in memory: datasets, tables, jobs and queries of one project.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../src/core/clock.ts'
import { googleError } from '../faults/error-bodies.ts'
import { bearerOf, isObject, readObject, sendJson, urlOf } from '../http.ts'
import type { Handler } from '../upstreams.ts'
import { createJobs, EMPTY, type Jobs, type StoredJob } from './jobs.ts'
import { createTokens } from './oauth.ts'
import { bytesOf, type Database, type Relation, type Table } from './run.ts'
import { cellText, legacyName, QueryError, typeOf } from './values.ts'

export interface BigquerySandboxOptions {
  now: () => number
  clock: Clock
  credentials: { token: string, project_id: string, dataset: string }
}

/** A refusal in Google's format. */
class ApiError extends Error {
  readonly status: number
  readonly reason: string

  constructor (status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

interface Visit {
  request: IncomingMessage
  url: URL
  /** What the path names, by the names of its pattern. */
  names: Record<string, string>
  body: () => Promise<Record<string, unknown>>
}

const LOCATION = 'EU'
const DEFAULT_RESULTS = 10_000

export const createBigquerySandbox = ({ now, clock, credentials }: BigquerySandboxOptions): Handler => {
  const { project_id: project, dataset } = credentials
  const tables = new Map<string, Table>()
  const startedAt = now()
  const database: Database = {
    now,
    table (path) {
      const parts = path.split('.')
      const name = parts.at(-1) as string
      const where = parts.slice(0, -1).join('.')
      const table = where === dataset || where === `${project}.${dataset}` ? tables.get(name) : undefined
      if (table === undefined) throw new QueryError(`Not found: Table ${where.replace('.', ':')}.${name} was not found in location ${LOCATION}`, 'notFound')
      return table
    }
  }
  const jobs = createJobs(database, clock)
  const tokens = createTokens({ fixed: credentials.token, now })

  const checkDataset = ({ names }: Visit): void => {
    if (names['dataset'] !== dataset) throw new ApiError(404, 'notFound', `Not found: Dataset ${project}:${names['dataset'] ?? ''}`)
  }
  const tableOf = (visit: Visit): [string, Table] => {
    checkDataset(visit)
    const name = visit.names['table'] ?? ''
    const table = tables.get(name)
    if (table === undefined) throw new ApiError(404, 'notFound', `Not found: Table ${project}:${dataset}.${name}`)
    return [name, table]
  }
  const jobOf = ({ names, url }: Visit): StoredJob => {
    const job = jobs.get(names['job'] ?? '')
    const location = url.searchParams.get('location')
    if (job === undefined || (location !== null && location !== job.location)) {
      throw new ApiError(404, 'notFound', `Not found: Job ${project}:${names['job'] ?? ''}`)
    }
    return job
  }
  const presentTable = (name: string, table: Table): object => ({
    kind: 'bigquery#table',
    id: `${project}:${dataset}.${name}`,
    tableReference: { projectId: project, datasetId: dataset, tableId: name },
    schema: { fields: table.columns.map(({ name: column, type, mode }) => ({ name: column, type: legacyName(type), mode })) },
    ...table.layout,
    numBytes: String(bytesOf(table, null)),
    numRows: String(table.rows.length),
    creationTime: String(table.created_at),
    lastModifiedTime: String(table.modified_at),
    type: 'TABLE',
    location: LOCATION
  })

  const routes: Array<[string, (visit: Visit) => Promise<object> | object]> = [
    ['GET /datasets', () => ({
      kind: 'bigquery#datasetList',
      datasets: [{ kind: 'bigquery#dataset', id: `${project}:${dataset}`, datasetReference: { datasetId: dataset, projectId: project }, location: LOCATION }]
    })],
    ['GET /datasets/:dataset', (visit) => {
      checkDataset(visit)
      return {
        kind: 'bigquery#dataset',
        id: `${project}:${dataset}`,
        datasetReference: { datasetId: dataset, projectId: project },
        creationTime: String(startedAt),
        lastModifiedTime: String(startedAt),
        location: LOCATION,
        type: 'DEFAULT'
      }
    }],
    ['GET /datasets/:dataset/tables', (visit) => {
      checkDataset(visit)
      return { kind: 'bigquery#tableList', tables: [...tables].map(([name, table]) => presentTable(name, table)), totalItems: tables.size }
    }],
    ['POST /datasets/:dataset/tables', async (visit) => {
      checkDataset(visit)
      const [name, table] = readTable(await visit.body(), now())
      if (tables.has(name)) throw new ApiError(409, 'duplicate', `Already Exists: Table ${project}:${dataset}.${name}`)
      tables.set(name, table)
      return presentTable(name, table)
    }],
    ['GET /datasets/:dataset/tables/:table', (visit) => presentTable(...tableOf(visit))],
    ['POST /jobs', async ({ body }) => insertJob(project, jobs, await body())],
    ['GET /jobs/:job', (visit) => presentJob(project, jobOf(visit))],
    ['POST /queries', async ({ body }) => query(project, jobs, await body())],
    ['GET /queries/:job', (visit) => {
      const job = jobOf(visit)
      if (job.fault !== null) throw new QueryError(job.fault.message, job.fault.reason)
      const { searchParams } = visit.url
      return results(project, job, {
        maxResults: searchParams.get('maxResults'),
        pageToken: searchParams.get('pageToken'),
        int64: searchParams.get('formatOptions.useInt64Timestamp') === 'true'
      })
    }]
  ]
  const compiled = routes.map(([pattern, handle]) => {
    const [method, path = ''] = pattern.split(' ')
    return { method, path: new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`), handle }
  })

  return async (request, response) => {
    const url = urlOf(request)
    if (request.method === 'POST' && url.pathname === '/token') return await tokens.exchange(request, response)
    try {
      const token = bearerOf(request)
      if (token === undefined) throw new ApiError(401, 'required', 'Request is missing required authentication credential. Expected OAuth 2 access token.')
      if (!tokens.accepts(token)) throw new ApiError(401, 'authError', 'Request had invalid authentication credentials. Expected OAuth 2 access token.')
      const [, of, rest] = /^\/bigquery\/v2\/projects\/([^/]+)(\/.*)$/.exec(url.pathname) ?? []
      if (of === undefined || rest === undefined) throw new ApiError(404, 'notFound', 'Not Found')
      if (decodeURIComponent(of) !== project) {
        const other = decodeURIComponent(of)
        throw new ApiError(403, 'accessDenied', `Access Denied: Project ${other}: User does not have bigquery.jobs.create permission in project ${other}.`)
      }
      const route = compiled.find(({ method, path }) => method === request.method && path.test(rest))
      if (route === undefined) throw new ApiError(404, 'notFound', 'Not Found')
      const names = Object.fromEntries(Object.entries(route.path.exec(rest)?.groups ?? {}).map(([name, text]) => [name, decodeURIComponent(text)]))
      const body = async (): Promise<Record<string, unknown>> => await readObject(request) ?? raise(400, 'parseError', 'Parse Error')
      sendJson(response, 200, await route.handle({ request, url, names, body }))
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof QueryError)) throw error
      const { reason, message } = error
      const status = error instanceof ApiError ? error.status : reason === 'notFound' ? 404 : 400
      sendJson(response, status, googleError(status, { reason, message, ...(status === 401 ? { location: 'Authorization' } : {}) }))
    }
  }
}

const raise = (status: number, reason: string, message: string): never => { throw new ApiError(status, reason, message) }

const readTable = (body: Record<string, unknown>, now: number): [string, Table] => {
  const { tableReference: reference, schema, timePartitioning, clustering } = body
  const name = isObject(reference) ? reference['tableId'] : undefined
  if (typeof name !== 'string' || !/^[\w-]{1,1024}$/.test(name)) return raise(400, 'invalid', `Invalid table ID ${JSON.stringify(name)}.`)
  const fields = isObject(schema) && Array.isArray(schema['fields']) ? schema['fields'] as unknown[] : []
  const columns = fields.map((field) => isObject(field) && typeof field['name'] === 'string'
    ? { name: field['name'], type: typeOf(field['type']), mode: typeof field['mode'] === 'string' ? field['mode'] : 'NULLABLE' }
    : raise(400, 'invalid', 'A field of the schema has name and type.'))
  const layout = { ...(timePartitioning === undefined ? {} : { timePartitioning }), ...(clustering === undefined ? {} : { clustering }) }
  return [name, { columns, rows: [], created_at: now, modified_at: now, layout }]
}

const insertJob = (project: string, jobs: Jobs, body: Record<string, unknown>): object => {
  const configuration = isObject(body['configuration']) ? body['configuration'] : {}
  const { query } = configuration
  if (!isObject(query)) return raise(400, 'invalid', 'The sandbox runs query jobs only: configuration.query is missing.')
  const { jobId = randomUUID(), location = LOCATION } = isObject(body['jobReference']) ? body['jobReference'] : {}
  if (typeof jobId !== 'string' || !/^[\w-]{1,1024}$/.test(jobId)) return raise(400, 'invalid', `Invalid job ID ${JSON.stringify(jobId)}.`)
  if (location !== LOCATION) return raise(404, 'notFound', `Not found: Dataset ${project}:shop was not found in location ${String(location)}`)
  if (configuration['dryRun'] === true) {
    const outcome = jobs.plan(query)
    return {
      kind: 'bigquery#job',
      // A dry run makes no job: it has no name.
      jobReference: { projectId: project, location: LOCATION },
      configuration,
      status: { state: 'DONE' },
      statistics: {
        totalBytesProcessed: String(outcome.bytesProcessed),
        query: {
          statementType: outcome.statementType,
          totalBytesProcessed: String(outcome.bytesProcessed),
          totalBytesBilled: '0',
          totalBytesProcessedAccuracy: 'PRECISE',
          cacheHit: false,
          schema: schemaOf(outcome.result)
        }
      }
    }
  }
  const job = jobs.start(jobId, LOCATION, configuration, false)
  if (job === undefined) return raise(409, 'duplicate', `Already Exists: Job ${project}:${LOCATION}.${jobId}`)
  return presentJob(project, job)
}

const presentJob = (project: string, job: StoredJob): object => ({
  kind: 'bigquery#job',
  id: `${project}:${job.location}.${job.id}`,
  jobReference: { projectId: project, jobId: job.id, location: job.location },
  configuration: { jobType: 'QUERY', ...job.configuration },
  status: { state: job.state, ...(job.fault === null ? {} : { errorResult: job.fault, errors: [job.fault] }) },
  statistics: {
    creationTime: String(job.created_at),
    startTime: String(job.created_at),
    ...(job.ended_at === null ? {} : { endTime: String(job.ended_at) }),
    ...(job.outcome === null ? {} : { totalBytesProcessed: String(job.outcome.bytesProcessed), query: statisticsOf(job, job.outcome) })
  }
})

const statisticsOf = ({ bytesBilled }: StoredJob, { statementType, bytesProcessed, affected }: NonNullable<StoredJob['outcome']>): object => ({
  statementType,
  totalBytesProcessed: String(bytesProcessed),
  totalBytesBilled: String(bytesBilled),
  cacheHit: false,
  ...(statementType === 'SELECT'
    ? {}
    : {
        numDmlAffectedRows: String(affected.inserted + affected.updated),
        dmlStats: { insertedRowCount: String(affected.inserted), updatedRowCount: String(affected.updated), deletedRowCount: '0' }
      })
})

/** jobs.query: waits for the end, which is at once. The same requestId is the same query. */
const query = (project: string, jobs: Jobs, body: Record<string, unknown>): object => {
  if (body['dryRun'] === true) {
    const { bytesProcessed, result } = jobs.plan(body)
    return {
      kind: 'bigquery#queryResponse',
      schema: schemaOf(result),
      jobReference: { projectId: project, location: LOCATION },
      totalBytesProcessed: String(bytesProcessed),
      jobComplete: true,
      cacheHit: false
    }
  }
  const id = typeof body['requestId'] === 'string' ? `request_${body['requestId']}` : `job_${randomUUID()}`
  const job = jobs.start(id, LOCATION, { query: { ...body } }, true) ?? jobs.get(id) as StoredJob
  if (job.fault !== null) throw new QueryError(job.fault.message, job.fault.reason)
  const format = isObject(body['formatOptions']) ? body['formatOptions'] : {}
  const first = results(project, job, { maxResults: body['maxResults'], pageToken: null, int64: format['useInt64Timestamp'] === true })
  return { ...first, kind: 'bigquery#queryResponse' }
}

interface ResultsForm {
  maxResults: unknown
  pageToken: string | null
  /** Times as whole microseconds, not as floats of seconds. */
  int64: boolean
}

const results = (project: string, job: StoredJob, { maxResults, pageToken, int64 }: ResultsForm): object => {
  const common = { kind: 'bigquery#getQueryResultsResponse', jobReference: { projectId: project, jobId: job.id, location: job.location } }
  if (job.state !== 'DONE') return { ...common, jobComplete: false }
  const { columns, rows } = job.outcome?.result ?? EMPTY
  const from = pageToken === null ? 0 : Number(/^row_(\d+)$/.exec(pageToken)?.[1] ?? raise(400, 'invalid', 'Invalid page token'))
  const size = maxResults === undefined || maxResults === null ? DEFAULT_RESULTS : Number(maxResults)
  const end = from + size
  return {
    ...common,
    schema: schemaOf({ columns }),
    totalRows: String(rows.length),
    rows: rows.slice(from, end).map((row) => ({ f: row.map((value, index) => ({ v: cellText({ type: columns[index]!.type, value }, int64) })) })),
    ...(end < rows.length ? { pageToken: `row_${end}` } : {}),
    totalBytesProcessed: String(job.outcome?.bytesProcessed ?? 0),
    jobComplete: true,
    cacheHit: false
  }
}

const schemaOf = ({ columns }: Pick<Relation, 'columns'>): object =>
  ({ fields: columns.map(({ name, type }) => ({ name, type: legacyName(type), mode: 'NULLABLE' })) })
