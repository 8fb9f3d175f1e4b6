// Figures about this process, its queues, schedules and store, taken when asked for.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from './clock.ts'
import type { JobQueue, JobStatus } from './model.ts'
import type { Store } from './store.ts'

export interface SystemReport {
  at: number
  uptime_seconds: number
  /** Delay of the event loop over the last `window_seconds`, milliseconds. */
  event_loop: { p50_ms: number, p99_ms: number, max_ms: number, window_seconds: number }
  memory: { rss_bytes: number, heap_used_bytes: number, heap_limit_bytes: number }
  jobs: Record<JobStatus, number>
  /** Age of the oldest job that could run now, milliseconds; 0 when none waits. */
  oldest_ready_ms: Record<JobQueue, number>
  /** Schedules whose instant passed more than a minute ago and did not fire. */
  stuck_schedules: Array<{ id: string, late_ms: number }>
  paused_agents: string[]
  store: { engine: string, size_bytes: number, sessions: number, messages: number, events: number }
  open_streams: number
}

export interface SystemReporter {
  report (): Promise<SystemReport>
  stop (): void
}

const LAG_RESOLUTION_MS = 20
const LAG_WINDOW_MS = 60_000
const STUCK_AFTER_MS = 60_000
const NS_PER_MS = 1e6

export const createSystemReporter = ({ store, clock, openStreams }: { store: Store, clock: Clock, openStreams: () => number }): SystemReporter => {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  lag.enable()
  let windowStart = clock.monotonic()

  const eventLoop = (): SystemReport['event_loop'] => {
    const seconds = (clock.monotonic() - windowStart) / 1000
    // The histogram holds whole intervals between ticks: what is above the resolution is the delay.
    const ms = (ns: number): number => Number.isFinite(ns) && lag.count > 0 ? round(Math.max(0, ns / NS_PER_MS - LAG_RESOLUTION_MS)) : 0
    const figures = { p50_ms: ms(lag.percentile(50)), p99_ms: ms(lag.percentile(99)), max_ms: ms(lag.max), window_seconds: round(seconds) }
    if (seconds * 1000 > LAG_WINDOW_MS) {
      lag.reset()
      windowStart = clock.monotonic()
    }
    return figures
  }

  return {
    async report () {
      const now = clock.now()
      const [stats, schedules, agents] = await Promise.all([store.stats(), store.listSchedules(), store.agentStates()])
      const jobs: SystemReport['jobs'] = { queued: 0, running: 0, waiting: 0, parked: 0, succeeded: 0, failed: 0, cancelled: 0, dead: 0 }
      for (const { status, count } of stats.jobs) jobs[status] += count
      const age = (since: number | null): number => since === null ? 0 : Math.max(0, now - since)
      const memory = process.memoryUsage()
      return {
        at: now,
        uptime_seconds: round(process.uptime()),
        event_loop: eventLoop(),
        memory: { rss_bytes: memory.rss, heap_used_bytes: memory.heapUsed, heap_limit_bytes: getHeapStatistics().heap_size_limit },
        jobs,
        oldest_ready_ms: {
          replies: age(stats.oldest_ready.replies), agents: age(stats.oldest_ready.agents), deliveries: age(stats.oldest_ready.deliveries)
        },
        stuck_schedules: schedules
          .filter((schedule) => !schedule.paused && schedule.next_due_at !== null && now - schedule.next_due_at > STUCK_AFTER_MS)
          .map((schedule) => ({ id: schedule.id, late_ms: now - schedule.next_due_at! })),
        paused_agents: agents.filter((agent) => !agent.enabled).map((agent) => agent.name),
        store: { engine: store.engine, size_bytes: stats.size_bytes, sessions: stats.sessions, messages: stats.messages, events: stats.events },
        open_streams: openStreams()
      }
    },
    stop () { lag.disable() }
  }
}

const round = (value: number): number => Math.round(value * 100) / 100
