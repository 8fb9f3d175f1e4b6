// The watchdog: looks at the service itself every minute and after its failures, and says what is above a limit.
import { defineAgent } from '../../core/agent.ts'
import { bytes, count, duration, figure } from '../wording.ts'
import { figuresOf, findingsOf } from './findings.ts'
import { WatchdogInputSchema, WatchdogOutputSchema, type WatchdogOutput } from './schemas.ts'

export const watchdog = defineAgent({
  name: 'watchdog',
  description: 'Checks this service every minute: event loop, memory, queues, dead and parked jobs, schedules, agents and the store.',
  input: WatchdogInputSchema,
  output: WatchdogOutputSchema,
  triggers: { schedule: { cron: '* * * * *', timezone: 'UTC' }, events: ['system.*'] },
  timeoutMs: 10_000,

  async run ({ ports, signal }): Promise<WatchdogOutput> {
    const report = await ports.system()
    signal.throwIfAborted()
    const findings = findingsOf(report)
    return {
      status: findings[0]?.severity ?? 'ok',
      checked_at: new Date(report.at).toISOString(),
      findings,
      figures: figuresOf(report)
    }
  },

  summarise ({ findings, figures }: WatchdogOutput): string {
    if (findings.length > 0) return `${count(findings.length, 'finding')}: ${findings.map(({ message }) => message).join('; ')}.`
    return `All well: event loop p99 ${duration(figures.event_loop_p99_ms)}, heap ${figure(figures.heap_used_percent)} % of ` +
      `${bytes(figures.heap_limit_bytes)}, memory ${bytes(figures.rss_bytes)}, ${count(figures.queued_jobs, 'job')} queued, ` +
      `${count(figures.dead_jobs, 'job')} dead, store ${bytes(figures.store_bytes)}.`
  }
})
