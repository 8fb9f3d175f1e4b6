// From the core's records to the forms of the API: times become ISO-8601.
import type { AgentOverview } from '../src/core/agents.ts'
import type { Dependency } from '../src/core/breaker-registry.ts'
import { presentHold, type Hold } from '../src/core/holds.ts'
import type { Job, JobFailure, Message, Schedule, ScheduleRun, Session, StoreEvent } from '../src/core/model.ts'
import type { AuditEntry } from '../src/core/store.ts'

/** A path of ours as this caller reaches it: under the prefix when it came that way. */
export const locationOf = (request: { originalUrl: string }, path: string): string =>
  request.originalUrl.startsWith('/api/') ? `/api${path}` : path

/** The answer of a route that queued one job, from what the store had said of it. */
export const queuedAgain = (
  result: unknown, request: { originalUrl: string }, reply: { code: (status: 202) => { header: (name: string, value: string) => unknown } }
): { job_id: string, deduplicated: boolean } => {
  const [{ id, deduplicated }] = result as [{ id: string, deduplicated: boolean }]
  reply.code(202).header('location', locationOf(request, `/jobs/${id}`))
  return { job_id: id, deduplicated }
}

export const iso = (ms: number): string => new Date(ms).toISOString()
export const isoOrNull = (ms: number | null): string | null => ms === null ? null : iso(ms)

export const presentSession = (session: Session) => ({
  id: session.id,
  created_at: iso(session.created_at),
  updated_at: iso(session.updated_at),
  status: 'active' as const,
  message_count: session.message_count
})

export const presentMessage = (message: Message) => ({
  id: message.id,
  session_id: message.session_id,
  role: message.role,
  content: message.content,
  timestamp: iso(message.created_at),
  status: message.status,
  reply_to: message.reply_to,
  job_id: message.job_id
})

const presentFailure = (failure: JobFailure) => ({ ...failure, at: iso(failure.at) })

export const presentJob = (job: Job) => ({
  id: job.id,
  kind: job.kind,
  name: job.name,
  status: job.status,
  agent: job.agent,
  session_id: job.session_id,
  priority: job.priority,
  source: job.source,
  attempt: job.attempt,
  max_attempts: job.max_attempts,
  reason: job.reason,
  progress: job.progress === null ? null : { ...job.progress, at: iso(job.progress.at) },
  payload: job.payload,
  output: job.output,
  error: job.error === null ? null : presentFailure(job.error),
  failures: job.failures.map(presentFailure),
  cancel_requested: job.cancel_requested !== null && job.status === 'running',
  created_at: iso(job.created_at),
  run_at: iso(job.run_at),
  started_at: isoOrNull(job.started_at),
  finished_at: isoOrNull(job.finished_at)
})

export const presentStoredEvent = (event: StoreEvent) => ({
  id: event.id,
  event_type: event.type,
  data: event.data,
  timestamp: event.timestamp,
  source: event.source,
  received_at: iso(event.received_at),
  ignored: event.ignored
})

export const presentEvent = (event: StoreEvent, jobs: Job[]) => ({
  ...presentStoredEvent(event),
  jobs: jobs.map((job) => ({ id: job.id, agent: job.agent, status: job.status }))
})

export const presentSchedule = (schedule: Schedule) => ({
  id: schedule.id,
  agent: schedule.agent,
  cron: schedule.cron,
  timezone: schedule.timezone,
  input: schedule.input,
  paused: schedule.paused,
  built_in: schedule.built_in,
  next_due_at: schedule.paused ? null : isoOrNull(schedule.next_due_at),
  last_due_at: isoOrNull(schedule.last_due_at),
  created_at: iso(schedule.created_at),
  updated_at: iso(schedule.updated_at)
})

export const presentScheduleRun = (run: ScheduleRun) => ({
  due_at: iso(run.due_at),
  fired_at: iso(run.fired_at),
  job_id: run.job_id,
  outcome: run.outcome,
  missed: run.missed
})

export const presentAgent = ({ agent, state, health, schedules, last_run: lastRun }: AgentOverview) => ({
  name: agent.name,
  description: agent.description,
  enabled: state.enabled,
  autonomy: state.autonomy,
  health,
  paused_reason: state.paused_reason,
  paused_at: isoOrNull(state.paused_at),
  consecutive_failures: state.consecutive_failures,
  last_success_at: isoOrNull(state.last_success_at),
  last_failure_at: isoOrNull(state.last_failure_at),
  last_error: state.last_error,
  events: agent.triggers.events ?? [],
  schedules: schedules.map(presentSchedule),
  next_run_at: earliest(schedules.filter((one) => !one.paused && state.enabled).map((one) => one.next_due_at)),
  last_run: lastRun === null ? null : presentJob(lastRun)
})

const earliest = (times: Array<number | null>): string | null => {
  const known = times.filter((time) => time !== null)
  return known.length === 0 ? null : iso(Math.min(...known))
}

export const presentBreaker = ({ name, label, configured, required, credential, breaker, gate }: Dependency, hold: Hold | null) => {
  const snapshot = breaker.snapshot()
  return {
    name,
    label,
    configured,
    required,
    state: snapshot.state,
    state_code: snapshot.stateCode,
    hold: hold === null ? null : presentHold(hold),
    window: snapshot.window,
    consecutive_failures: snapshot.consecutiveFailures,
    openings: snapshot.openings,
    next_probe_in_ms: snapshot.nextProbeInMs ?? null,
    opened_at: snapshot.openedAt === undefined ? null : iso(snapshot.openedAt),
    throttled_for_ms: gate.remainingMs(),
    credential,
    last_error: snapshot.lastError === undefined ? null : { ...snapshot.lastError, at: iso(snapshot.lastError.at) },
    totals: snapshot.totals
  }
}

export const presentAuditEntry = (entry: AuditEntry) => ({ ...entry, at: iso(entry.at) })
