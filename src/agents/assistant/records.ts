// What the tools answer: the core's records as plain JSON, times as ISO-8601, without what no reader needs.
import type { AgentOverview } from '../../core/agents.ts'
import type { Dependency } from '../../core/breaker-registry.ts'
import type { Brief } from '../../core/effects/brief.ts'
import type { Proposal } from '../../core/effects/proposal.ts'
import type { Job, Json, Schedule } from '../../core/model.ts'
import type { Source } from '../../core/upstream.ts'

export type JobRecord = ReturnType<typeof jobRecord>
export type JobDetail = ReturnType<typeof jobDetail>
export type ScheduleRecord = ReturnType<typeof scheduleRecord>
export type AgentRecord = ReturnType<typeof agentRecord>
export type BreakerRecord = ReturnType<typeof breakerRecord>

const iso = (ms: number): string => new Date(ms).toISOString()
const isoOrNull = (ms: number | null): string | null => ms === null ? null : iso(ms)

export const jobRecord = (job: Job) => ({
  id: job.id,
  name: job.name,
  kind: job.kind,
  agent: job.agent,
  session_id: job.session_id,
  status: job.status,
  attempt: job.attempt,
  max_attempts: job.max_attempts,
  source: job.source,
  reason: job.reason,
  cancel_requested: job.cancel_requested !== null && job.status === 'running',
  progress: job.progress === null ? null : { fraction: job.progress.fraction, note: job.progress.note, at: iso(job.progress.at) },
  error: job.error === null ? null : { code: job.error.code, message: job.error.message, at: iso(job.error.at) },
  summary: summaryOf(job.output),
  rests_on: restsOn(job.output),
  created_at: iso(job.created_at),
  run_at: iso(job.run_at),
  started_at: isoOrNull(job.started_at),
  finished_at: isoOrNull(job.finished_at)
})

// An output larger than this is read through the API: a language model would drown in it.
const LONGEST_OUTPUT = 10_000

export const jobDetail = (job: Job) => {
  const characters = job.output === null ? 0 : JSON.stringify(job.output).length
  return { ...jobRecord(job), output: characters > LONGEST_OUTPUT ? null : job.output, output_characters: characters }
}

/** The sentence that an agent's run ends with. */
const summaryOf = (output: Json): string | null => {
  if (output === null || typeof output !== 'object' || Array.isArray(output)) return null
  const { summary } = output
  return typeof summary === 'string' ? summary : null
}

/** Where an agent read the shop that its output is about; null: it read none. (`source` of a job is who started it.) */
const restsOn = (output: Json): Source | null => {
  const result = output !== null && typeof output === 'object' && !Array.isArray(output) ? output['result'] : null
  const source = result !== null && typeof result === 'object' && !Array.isArray(result) ? result?.['source'] : null
  return source === 'live' || source === 'sandbox' ? source : null
}

/** A paused schedule has no next instant. */
export const scheduleRecord = (schedule: Schedule) => ({
  id: schedule.id,
  agent: schedule.agent,
  cron: schedule.cron,
  timezone: schedule.timezone,
  paused: schedule.paused,
  next_due_at: schedule.paused ? null : isoOrNull(schedule.next_due_at),
  last_due_at: isoOrNull(schedule.last_due_at)
})

export const agentRecord = ({ agent, state, health, schedules, last_run: lastRun }: AgentOverview) => ({
  name: agent.name,
  description: agent.description,
  health,
  enabled: state.enabled,
  paused_reason: state.paused_reason,
  paused_at: isoOrNull(state.paused_at),
  consecutive_failures: state.consecutive_failures,
  last_success_at: isoOrNull(state.last_success_at),
  last_failure_at: isoOrNull(state.last_failure_at),
  last_error: state.last_error,
  events: agent.triggers.events ?? [],
  schedules: schedules.map(scheduleRecord),
  last_run: lastRun === null ? null : jobRecord(lastRun)
})

/** `source` is among it: what it rests on was read from the shop. */
export const proposalRecord = (proposal: Proposal) => ({
  id: proposal.id,
  agent: proposal.agent,
  class: proposal.class,
  title: proposal.title,
  rationale: proposal.rationale.slice(0, 10),
  changes: proposal.items.length,
  expected_gain: proposal.expected_gain === null ? null : { ...proposal.expected_gain },
  policy: { decision: proposal.verdict.decision, reasons: proposal.verdict.reasons },
  source: proposal.source,
  created_at: iso(proposal.created_at),
  expires_at: iso(proposal.expires_at)
})

export const briefRecord = ({ since, until, summary, agents, waiting, effects, broke, frozen }: Brief, hours: number) => ({
  hours,
  since: iso(since),
  until: iso(until),
  summary,
  agents: agents.map(({ name, health, runs, last_summary: said }) => ({ name, health, ...runs, last_summary: said })),
  waiting: { total: waiting.total, proposals: waiting.proposals.slice(0, 10).map(({ id, agent, title }) => ({ id, agent, title })) },
  effects: effects.map((one) => ({ ...one })),
  broke: broke.slice(0, 10).map(({ what, name, message }) => ({ what, name, message })),
  frozen: frozen.map(({ scope, reason }) => ({ scope, reason }))
})

export const breakerRecord = ({ name, label, configured, required, credential, breaker, gate }: Dependency) => {
  const snapshot = breaker.snapshot()
  const { lastError } = snapshot
  return {
    name,
    label,
    configured,
    required,
    credential,
    state: snapshot.state,
    window: snapshot.window,
    consecutive_failures: snapshot.consecutiveFailures,
    openings: snapshot.openings,
    opened_at: snapshot.openedAt === undefined ? null : iso(snapshot.openedAt),
    next_probe_in_ms: snapshot.nextProbeInMs ?? null,
    throttled_for_ms: gate.remainingMs(),
    last_error: lastError === undefined ? null : { code: lastError.code, message: lastError.message, at: iso(lastError.at) },
    totals: snapshot.totals
  }
}
