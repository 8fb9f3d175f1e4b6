// Jobs under names of our own: BigQuery runs each name once, so a write whose answer was lost is asked for again instead of made again.
import { createHash } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { WarehouseError, type WriteOptions } from '../../core/warehouse.ts'
import type { BigqueryClient } from './client.ts'
import { failureOfJob } from './errors.ts'
import { pause } from '../../core/pause.ts'
import { DryRunAnswerSchema, JobAnswerSchema, type DryRunAnswer, type JobAnswer } from './schemas.ts'
import { digestOf, type Statement } from './statements.ts'

export interface EndedJob {
  id: string
  answer: JobAnswer
  /** False: the job was there before. */
  created: boolean
}

/** 1 GiB. */
export const MAXIMUM_BYTES_BILLED = 1024 ** 3
const WAIT_MS = 60_000
/** BigQuery itself ends a job that runs longer: nobody waits for it any more. */
const LONGEST_JOB_MS = 600_000
const FIRST_POLL_MS = 250
const LONGEST_POLL_MS = 2_000
const LONGEST_KEY = 200
/** A job that failed has changed nothing and keeps its name for ever: the next attempt gets the next name. */
const MOST_ATTEMPTS = 10

export const createJobs = (client: BigqueryClient, projectId: string, clock: Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout'>) => {
  /** Waits until the job is done. @throws WarehouseError `warehouse_job_running` at `until` on the monotonic clock. */
  const ended = async (id: string, location: string, answer: JobAnswer, until: number, signal: AbortSignal): Promise<JobAnswer> => {
    let latest = answer
    for (let ms = FIRST_POLL_MS; latest.status.state !== 'DONE'; ms = Math.min(ms * 2, LONGEST_POLL_MS)) {
      if (clock.monotonic() + ms > until) {
        throw new WarehouseError('warehouse_job_running', `BigQuery's job ${id} still runs: ask again with the same effect key.`)
      }
      await pause(clock, ms, signal)
      latest = await client.get(jobPath(id, location), JobAnswerSchema, signal)
    }
    return latest
  }

  return {
    /** Runs the statement once for the effect key, in the place where its data lies. @throws WarehouseError when it fails. */
    async run (statement: Statement, location: string, options: WriteOptions): Promise<EndedJob> {
      const { effect_key: key, signal, maximum_bytes_billed: maximum = MAXIMUM_BYTES_BILLED, timeout_ms: timeoutMs = WAIT_MS } = options
      if (key.length === 0 || key.length > LONGEST_KEY) throw new WarehouseError('warehouse_invalid_query', `An effect key has 1 to ${LONGEST_KEY} characters.`)
      const until = clock.monotonic() + timeoutMs
      const digest = digestOf(statement)

      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        const id = jobId(key, attempt)
        const inserted = await client.create('/jobs', {
          jobReference: { projectId, jobId: id, location },
          configuration: {
            jobTimeoutMs: String(LONGEST_JOB_MS),
            labels: { made_by: 'royal_equips', rows: digest },
            query: queryConfiguration(statement, maximum)
          }
        }, JobAnswerSchema, signal)
        const existing = inserted === undefined ? await client.get(jobPath(id, location), JobAnswerSchema, signal) : undefined
        if (existing !== undefined && existing.configuration?.labels?.['rows'] !== digest) {
          throw new WarehouseError('warehouse_key_reused', `BigQuery's job ${id} belongs to this effect key and wrote other rows.`)
        }
        const answer = await ended(id, location, (inserted ?? existing) as JobAnswer, until, signal)
        const fault = answer.status.errorResult
        if (fault === undefined) return { id, answer, created: existing === undefined }
        if (existing === undefined) throw failureOfJob(id, fault)
      }
      throw new WarehouseError('warehouse_job_failed',
        `BigQuery failed ${MOST_ATTEMPTS} jobs of this effect key: see the errors of ${jobId(key, MOST_ATTEMPTS - 1)} in the project's job history.`)
    },

    /** Asks what the statement would read. */
    async dryRun (statement: Statement, location: string, maximum: number, signal: AbortSignal): Promise<DryRunAnswer> {
      return await client.post('/jobs', {
        jobReference: { projectId, location },
        configuration: { dryRun: true, query: queryConfiguration(statement, maximum) }
      }, DryRunAnswerSchema, signal)
    }
  }
}

const queryConfiguration = ({ sql, parameters }: Statement, maximum: number): object => {
  if (!Number.isSafeInteger(maximum) || maximum < 1) throw new WarehouseError('warehouse_invalid_query', 'maximum_bytes_billed is a whole number above 0.')
  return { query: sql, useLegacySql: false, parameterMode: 'NAMED', queryParameters: parameters, maximumBytesBilled: String(maximum) }
}

/** Letters, digits and `_` alone. The key is hashed: it may hold anything, and job names are seen by everybody in the project. */
const jobId = (key: string, attempt: number): string =>
  `royal_equips_${createHash('sha256').update(key).digest('hex').slice(0, 40)}_${attempt}`

const jobPath = (id: string, location: string): string => `/jobs/${id}?location=${encodeURIComponent(location)}`
