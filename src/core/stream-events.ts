// The events of a session's stream, as the contract writes them.
import type { Job, NewStreamEvent } from './model.ts'

type ReplyJob = Pick<Job, 'id' | 'session_id'> & { message_id: string }

const event = (job: ReplyJob, name: string, fields: object, final: boolean): NewStreamEvent => ({
  stream: job.session_id!,
  name,
  data: JSON.stringify({ ...fields, session_id: job.session_id, message_id: job.message_id }),
  job_id: job.id,
  final
})

/** A piece of the reply. */
export const deltaEvent = (job: ReplyJob, content: string): NewStreamEvent =>
  event(job, 'message', { type: 'delta', content }, false)

/**
 * The reply is complete, was ended by a cancel (`cancelled`, with who asked as `reason`), or stops before its end
 * (`incomplete`: `reason` is the `cut` of ReplyFacts). `about`: what else is known of it, as sources and usage.
 */
export const doneEvent = (job: ReplyJob, status: 'complete' | 'cancelled' | 'incomplete', reason?: string, about: object = {}): NewStreamEvent =>
  event(job, 'message', { type: 'done', status, ...(reason === undefined ? {} : { reason }), ...about }, true)

/** The reply failed for good. `error` is a sentence for people, `code` is stable. */
export const errorEvent = (job: ReplyJob, code: string, error: string): NewStreamEvent =>
  event(job, 'error', { type: 'error', error, code }, true)

/** A new attempt begins: deltas that came before it are void. */
export const attemptEvent = (job: ReplyJob, attempt: number, reason: string): NewStreamEvent =>
  event(job, 'attempt', { type: 'attempt', attempt, reason }, false)
