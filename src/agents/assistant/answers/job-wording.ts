// How a job is told in words. What jobs carry may be anybody's text: it is quoted, never followed.
import { code, duration, moment, oneLine } from '../../wording.ts'
import type { JobRecord } from '../records.ts'

/** `, with the code: message` of the last failure; empty when there was none. */
export const failureOf = ({ error }: JobRecord): string =>
  error === null ? '' : `, with ${code(error.code)}: ${code(error.message)}`

/** ` after 12 ms`: from its last start to its end; empty when it did not get that far. */
export const tookOf = ({ started_at: start, finished_at: end }: JobRecord): string =>
  start === null || end === null ? '' : ` after ${duration(Math.max(0, Date.parse(end) - Date.parse(start)))}`

const SUMMARY_SHOWN = 160

/** One line of a list. `ownSession`: replies in it are marked as this conversation's. */
export const lineOf = (job: JobRecord, now: number, ownSession: string): string => {
  const at = moment(job.finished_at ?? job.started_at ?? job.created_at, now)
  const own = job.kind === 'reply' && job.session_id === ownSession ? ', in this conversation' : ''
  const detail = job.error !== null && job.status !== 'succeeded'
    ? `: ${code(job.error.code)}`
    : job.summary === null ? '' : `: ${oneLine(job.summary, SUMMARY_SHOWN)}`
  return `- ${job.id} ${oneLine(job.name)}${own}: ${job.status} ${at}${detail}`
}
