// Jobs: each name runs once, a price is checked before anything is read, and the end comes a moment after the start.
import type { Clock } from '../../src/core/clock.ts'
import { isObject } from '../http.ts'
import { readParameters } from './parameters.ts'
import { parse } from './parse.ts'
import { run, type Database, type Outcome, type Relation } from './run.ts'
import { QueryError } from './values.ts'

export interface StoredJob {
  id: string
  location: string
  configuration: Record<string, unknown>
  state: 'PENDING' | 'RUNNING' | 'DONE'
  created_at: number
  ended_at: number | null
  fault: { reason: QueryError['reason'], message: string } | null
  outcome: Outcome | null
  bytesBilled: number
}

export interface Jobs {
  get (id: string): StoredJob | undefined
  /** Starts a job, or runs it to its end at once. Undefined when the name is taken. */
  start (id: string, location: string, configuration: Record<string, unknown>, wait: boolean): StoredJob | undefined
  /** What a query would do. @throws QueryError */
  plan (query: Record<string, unknown>): Outcome
}

/** How long a job takes that nobody waits for. */
const JOB_MS = 150
/** BigQuery bills at least 10 MB for a table that is read, and whole megabytes. */
const LEAST_BILLED = 10 * 1024 * 1024
const MEGABYTE = 1024 * 1024
const KEPT = 5_000

const billedFor = (bytes: number): number => bytes === 0 ? 0 : Math.max(Math.ceil(bytes / MEGABYTE) * MEGABYTE, LEAST_BILLED)

export const createJobs = (database: Database, clock: Clock): Jobs => {
  const jobs = new Map<string, StoredJob>()

  const plan = (query: Record<string, unknown>): Outcome => {
    if (query['useLegacySql'] !== false) throw new QueryError('The sandbox understands GoogleSQL only: set useLegacySql to false.')
    if (typeof query['query'] !== 'string') throw new QueryError('Required parameter is missing: query', 'invalid')
    return run(parse(query['query']), readParameters(query['queryParameters']), database)
  }

  const finish = (job: StoredJob): void => {
    const query = isObject(job.configuration['query']) ? job.configuration['query'] : {}
    try {
      const outcome = plan(query)
      const billed = billedFor(outcome.bytesProcessed)
      const most = Number(query['maximumBytesBilled'] ?? Infinity)
      if (billed > most) throw new QueryError(`Query exceeded limit for bytes billed: ${most}. ${billed} or higher required.`, 'bytesBilledLimitExceeded')
      outcome.apply()
      job.outcome = outcome
      job.bytesBilled = billed
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      job.fault = { reason: error.reason, message: error.message }
    }
    job.state = 'DONE'
    job.ended_at = clock.now()
  }

  return {
    plan,
    get: (id) => jobs.get(id),
    start (id, location, configuration, wait) {
      if (jobs.has(id)) return undefined
      const job: StoredJob = {
        id, location, configuration, state: 'RUNNING', created_at: clock.now(), ended_at: null, fault: null, outcome: null, bytesBilled: 0
      }
      jobs.set(id, job)
      // Results are as large as tables: the oldest ones go.
      if (jobs.size > KEPT) jobs.delete(jobs.keys().next().value as string)
      if (wait) finish(job)
      else clock.setTimeout(() => { finish(job) }, JOB_MS)
      return job
    }
  }
}

export const EMPTY: Relation = { columns: [], rows: [] }
