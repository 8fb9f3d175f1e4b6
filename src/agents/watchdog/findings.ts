// Judges a report about the system: its figures, and what of them is above a limit.
import type { SystemReport } from '../../core/system-report.ts'
import { bytes, code, count, duration, figure, listed } from '../wording.ts'
import {
  DEAD_JOBS, EVENT_LOOP_P99_MS, HEAP_USED_PERCENT, OLDEST_READY_MS, PARKED_JOBS, PAUSED_AGENTS, QUEUED_JOBS, RSS_PERCENT, STORE_BYTES,
  STUCK_SCHEDULES, type Limit
} from './limits.ts'
import type { Figures, Finding } from './schemas.ts'

export const figuresOf = (report: SystemReport): Figures => {
  const { event_loop: loop, memory, jobs, oldest_ready_ms: oldest, store } = report
  const percentOfHeapLimit = (amount: number): number => Math.round(1_000 * amount / memory.heap_limit_bytes) / 10
  return {
    uptime_seconds: report.uptime_seconds,
    event_loop_p50_ms: loop.p50_ms,
    event_loop_p99_ms: loop.p99_ms,
    event_loop_max_ms: loop.max_ms,
    event_loop_window_seconds: loop.window_seconds,
    rss_bytes: memory.rss_bytes,
    rss_percent_of_heap_limit: percentOfHeapLimit(memory.rss_bytes),
    heap_used_bytes: memory.heap_used_bytes,
    heap_limit_bytes: memory.heap_limit_bytes,
    heap_used_percent: percentOfHeapLimit(memory.heap_used_bytes),
    queued_jobs: jobs.queued,
    running_jobs: jobs.running,
    waiting_jobs: jobs.waiting,
    parked_jobs: jobs.parked,
    succeeded_jobs: jobs.succeeded,
    failed_jobs: jobs.failed,
    cancelled_jobs: jobs.cancelled,
    dead_jobs: jobs.dead,
    oldest_ready_reply_ms: oldest.replies,
    oldest_ready_agent_job_ms: oldest.agents,
    stuck_schedules: report.stuck_schedules.length,
    paused_agents: report.paused_agents.length,
    store_bytes: store.size_bytes,
    stored_sessions: store.sessions,
    stored_messages: store.messages,
    stored_events: store.events,
    open_streams: report.open_streams
  }
}

/** The critical ones first, otherwise in the order of the checks. */
export const findingsOf = (report: SystemReport): Finding[] => {
  const figures = figuresOf(report)
  const latest = Math.max(0, ...report.stuck_schedules.map((schedule) => schedule.late_ms))
  const findings = [
    judge('event_loop_slow', figures.event_loop_p99_ms, EVENT_LOOP_P99_MS, 'ms', (limit) =>
      `The event loop was late by ${duration(figures.event_loop_p99_ms)} at p99 over the last ` +
      `${duration(figures.event_loop_window_seconds * 1_000)} (limit ${duration(limit)})`),
    judge('heap_nearly_full', figures.heap_used_percent, HEAP_USED_PERCENT, '%', (limit) =>
      `${figure(figures.heap_used_percent)} % of the heap is used, ${bytes(figures.heap_used_bytes)} of ` +
      `${bytes(figures.heap_limit_bytes)} (limit ${limit} %)`),
    judge('memory_large', figures.rss_percent_of_heap_limit, RSS_PERCENT, '%', (limit) =>
      `The process holds ${bytes(figures.rss_bytes)} of memory, ${figure(figures.rss_percent_of_heap_limit)} % of the heap limit ` +
      `(limit ${limit} %)`),
    judge('queue_deep', figures.queued_jobs, QUEUED_JOBS, 'jobs', (limit) =>
      `${jobs(figures.queued_jobs, 'queued')} (limit ${figure(limit)})`),
    judge('replies_waiting', figures.oldest_ready_reply_ms, OLDEST_READY_MS, 'ms', (limit) =>
      `The oldest reply that could run has waited ${duration(figures.oldest_ready_reply_ms)} (limit ${duration(limit)})`),
    judge('agent_jobs_waiting', figures.oldest_ready_agent_job_ms, OLDEST_READY_MS, 'ms', (limit) =>
      `The oldest agent job that could run has waited ${duration(figures.oldest_ready_agent_job_ms)} (limit ${duration(limit)})`),
    judge('dead_jobs', figures.dead_jobs, DEAD_JOBS, 'jobs', (limit) =>
      `${jobs(figures.dead_jobs, 'dead')} after the last attempt (limit ${limit})`),
    judge('parked_jobs', figures.parked_jobs, PARKED_JOBS, 'jobs', (limit) => `${jobs(figures.parked_jobs, 'parked')} (limit ${limit})`),
    judge('schedules_stuck', figures.stuck_schedules, STUCK_SCHEDULES, 'schedules', (limit) =>
      `${count(figures.stuck_schedules, 'schedule')} did not fire in time, late by up to ${duration(latest)}: ` +
      `${named(report.stuck_schedules.map((one) => one.id))} (limit ${limit})`),
    judge('agents_paused', figures.paused_agents, PAUSED_AGENTS, 'agents', (limit) =>
      `${count(figures.paused_agents, 'agent is', 'agents are')} paused: ${named(report.paused_agents)} (limit ${limit})`),
    judge('store_large', figures.store_bytes, STORE_BYTES, 'bytes', (limit) =>
      `The store holds ${bytes(figures.store_bytes)} (limit ${bytes(limit)})`)
  ].filter((finding) => finding !== undefined)
  return [...findings.filter(({ severity }) => severity === 'critical'), ...findings.filter(({ severity }) => severity === 'warning')]
}

const judge = (
  name: string, value: number, { warning, critical }: Limit, unit: string, message: (limit: number) => string
): Finding | undefined => {
  const severity = critical !== undefined && value > critical ? 'critical' : 'warning'
  const limit = severity === 'critical' ? critical! : warning
  return value > limit ? { code: name, severity, message: message(limit), value, limit, unit } : undefined
}

const jobs = (amount: number, state: string): string => `${count(amount, 'job is', 'jobs are')} ${state}`

const NAMED_AT_MOST = 5

/** Names of schedules are anybody's text. */
const named = (names: string[]): string => {
  const shown = names.slice(0, NAMED_AT_MOST).map(code)
  return listed(names.length > shown.length ? [...shown, `${names.length - shown.length} more`] : shown)
}
