// What the watchdog takes and what it answers.
import { Type, type Static } from '@sinclair/typebox'

export const WatchdogInputSchema = Type.Object({})

const Severity = Type.Union([Type.Literal('warning'), Type.Literal('critical')])

const FindingSchema = Type.Object({
  code: Type.String({ description: 'Stable, for programs.' }),
  severity: Severity,
  message: Type.String({ description: 'Plain words with the figure and the limit.' }),
  value: Type.Number(),
  limit: Type.Number({ description: 'The limit that `value` is above.' }),
  unit: Type.String()
})
export type Finding = Static<typeof FindingSchema>

const FiguresSchema = Type.Object({
  uptime_seconds: Type.Number(),
  event_loop_p50_ms: Type.Number(),
  event_loop_p99_ms: Type.Number(),
  event_loop_max_ms: Type.Number(),
  event_loop_window_seconds: Type.Number(),
  rss_bytes: Type.Number(),
  rss_percent_of_heap_limit: Type.Number(),
  heap_used_bytes: Type.Number(),
  heap_limit_bytes: Type.Number(),
  heap_used_percent: Type.Number(),
  queued_jobs: Type.Integer(),
  running_jobs: Type.Integer(),
  waiting_jobs: Type.Integer(),
  parked_jobs: Type.Integer(),
  succeeded_jobs: Type.Integer(),
  failed_jobs: Type.Integer(),
  cancelled_jobs: Type.Integer(),
  dead_jobs: Type.Integer(),
  oldest_ready_reply_ms: Type.Number(),
  oldest_ready_agent_job_ms: Type.Number(),
  stuck_schedules: Type.Integer(),
  paused_agents: Type.Integer(),
  store_bytes: Type.Number(),
  stored_sessions: Type.Integer(),
  stored_messages: Type.Integer(),
  stored_events: Type.Integer(),
  open_streams: Type.Integer()
})
export type Figures = Static<typeof FiguresSchema>

export const WatchdogOutputSchema = Type.Object({
  status: Type.Union([Type.Literal('ok'), Severity]),
  checked_at: Type.String({ description: 'ISO-8601.' }),
  findings: Type.Array(FindingSchema, { description: 'The critical ones first.' }),
  figures: FiguresSchema
})
export type WatchdogOutput = Static<typeof WatchdogOutputSchema>
