// Answers about jobs: lists, the queue, one job, a cancel.
import type { JobStatus } from '../../../core/model.ts'
import { code, count, duration, figure, listed, moment, oneLine } from '../../wording.ts'
import type { Answer, Desk } from '../desk.ts'
import type { JobRecord } from '../records.ts'
import { failureOf, lineOf, tookOf } from './job-wording.ts'

const SHOWN = 10
const LONGEST_OUTPUT = 1_000
const UNFINISHED: JobStatus[] = ['running', 'queued', 'waiting', 'parked']

export async function * listJobs (statuses: JobStatus[], agent: string | null, desk: Desk): Answer {
  const { jobs, total } = await find(statuses, agent, desk)
  const about = [
    ...(statuses.length === 0 ? [] : [`state ${listed(statuses, 'or')}`]),
    ...(agent === null ? [] : [`agent ${agent}`])
  ].join(', ')
  const found = count(total, 'job')
  const heading = about === '' ? `${found} in all` : `${about.charAt(0).toUpperCase()}${about.slice(1)}: ${found}`
  yield total === 0 ? `${heading}.` : total > jobs.length ? `${heading}. The latest ${jobs.length}:` : `${heading}:`
  yield * jobs.map((job) => lineOf(job, desk.now(), desk.session_id))
  if (jobs.some(({ status }) => status === 'failed' || status === 'dead')) {
    yield 'Ask “Job” and an id for the details, or “How do I retry a job?”.'
  }
}

export async function * queue (desk: Desk): Answer {
  const { jobs, oldest_ready_ms: oldest } = await desk.use('metrics')
  yield `In the queue: ${figure(jobs.queued)} queued, ${figure(jobs.running)} running, ${figure(jobs.waiting)} waiting for approval, ` +
    `${figure(jobs.parked)} parked.`
  const longest = Math.max(oldest.replies, oldest.agents)
  if (longest > 0) yield `The oldest job that could run has waited ${duration(longest)}.`
  const unfinished = await find(UNFINISHED, null, desk)
  yield * unfinished.jobs.map((job) => lineOf(job, desk.now(), desk.session_id))
  if (unfinished.total > unfinished.jobs.length) yield `These are the latest ${unfinished.jobs.length} of ${figure(unfinished.total)}.`
}

export async function * oneJob (id: string, desk: Desk): Answer {
  const job = await desk.use('job', { id })
  const now = desk.now()
  yield `Job ${job.id} (${oneLine(job.name)}, kind ${job.kind}): ${job.status}.`
  yield `- Made ${moment(job.created_at, now)} by ${code(job.source)}; attempt ${job.attempt} of ${job.max_attempts}.`
  if (job.finished_at !== null) yield `- Ended ${moment(job.finished_at, now)}${tookOf(job)}.`
  else if (job.started_at !== null) yield `- Started ${moment(job.started_at, now)}.`
  if (job.cancel_requested) yield '- It has been asked to stop.'
  if (job.reason !== null) yield `- Reason: ${code(job.reason)}.`
  if (job.progress !== null) yield `- Progress: ${Math.round(job.progress.fraction * 100)} %, ${code(job.progress.note)}.`
  if (job.error !== null) yield `- Its last failure was ${moment(job.error.at, now)}${failureOf(job)}.`
  if (job.summary !== null) yield `- Result: ${oneLine(job.summary, LONGEST_OUTPUT)}`
  else if (job.output !== null) yield `- Output: ${code(JSON.stringify(job.output))}`
  else if (job.output_characters > 0) yield `- Its output has ${figure(job.output_characters)} characters: read it at GET /jobs/${job.id}.`
}

export async function * cancelJob (id: string | null, desk: Desk): Answer {
  if (id !== null) {
    const { status } = await desk.use('cancel_job', { id })
    yield status === 'cancelled' ? `I have cancelled job ${id}.` : `I have asked job ${id} to stop; it ends within moments.`
    return
  }
  yield 'I cancel a job by its id: “Cancel job” and the id. Which one?'
  const { jobs } = await find(UNFINISHED, null, desk)
  yield * jobs.length === 0 ? ['No job is unfinished.'] : jobs.map((job) => lineOf(job, desk.now(), desk.session_id))
}

/** The latest jobs in any of these states, and how many there are in all. */
const find = async (statuses: JobStatus[], agent: string | null, desk: Desk): Promise<{ jobs: JobRecord[], total: number }> => {
  const common = { limit: SHOWN, ...(agent === null ? {} : { agent }) }
  const filters = statuses.length === 0 ? [common] : statuses.map((status) => ({ ...common, status }))
  const pages = await Promise.all(filters.map((filter) => desk.use('list_jobs', filter)))
  return {
    // Ids begin with the time of their making.
    jobs: pages.flatMap(({ jobs }) => jobs).sort((a, b) => a.id < b.id ? 1 : -1).slice(0, SHOWN),
    total: pages.reduce((sum, { total }) => sum + total, 0)
  }
}
