// The watchdog: what it calls a finding, and how it runs as a job.
import t from 'tap'
import { faultOf } from '../../src/core/check.ts'
import type { SystemReport } from '../../src/core/system-report.ts'
import { watchdog } from '../../src/agents/watchdog/index.ts'
import type { WatchdogOutput } from '../../src/agents/watchdog/schemas.ts'
import { contextOf } from '../helpers/agent-context.ts'
import { createClock, createRig, failingAgent, START } from './rig.ts'

const GIB = 2 ** 30

const wellReport = (): SystemReport => ({
  at: START,
  uptime_seconds: 3_600,
  event_loop: { p50_ms: 0.1, p99_ms: 2.1, max_ms: 8, window_seconds: 42 },
  memory: { rss_bytes: 120 * 2 ** 20, heap_used_bytes: 64 * 2 ** 20, heap_limit_bytes: 2 * GIB },
  jobs: { queued: 0, running: 1, waiting: 0, parked: 0, succeeded: 12, failed: 0, cancelled: 0, dead: 0 },
  oldest_ready_ms: { replies: 0, agents: 0, deliveries: 0 },
  stuck_schedules: [],
  paused_agents: [],
  store: { engine: 'sqlite', size_bytes: 5 * 2 ** 20, sessions: 3, messages: 9, events: 2 },
  open_streams: 1
})

const judge = async (change: (report: SystemReport) => void): Promise<WatchdogOutput> => {
  const report = wellReport()
  change(report)
  const output = await watchdog.run({
    ...contextOf().context,
    clock: createClock(),
    ports: { system: async () => report }
  }, {}) as WatchdogOutput
  const fault = await faultOf(watchdog.output, output)
  if (fault !== undefined) throw new Error(`The output does not fit its schema: ${fault}`)
  return output
}

t.test('nothing to find: ok, all figures, and a sentence with figures', async (t) => {
  const output = await judge(() => {})
  t.equal(output.status, 'ok')
  t.equal(output.checked_at, '2026-11-23T06:05:00.000Z')
  t.same(output.findings, [])
  t.match(output.figures, {
    event_loop_p99_ms: 2.1, heap_used_percent: 3.1, rss_percent_of_heap_limit: 5.9, running_jobs: 1, succeeded_jobs: 12, stored_messages: 9
  })
  t.equal(watchdog.summarise(output),
    'All well: event loop p99 2.1 ms, heap 3.1 % of 2 GiB, memory 120 MiB, 0 jobs queued, 0 jobs dead, store 5 MiB.')
})

interface Case {
  code: string
  /** Sets the figure. */
  set: (report: SystemReport, value: number) => void
  /** The last value that is well, and the first that is not; likewise for critical. */
  warning: [number, number]
  critical?: [number, number]
  /** The message of the first that is not well. */
  says: string
}

const lines = (amount: number, prefix: string): string[] => Array.from({ length: amount }, (_, i) => `${prefix}_${i + 1}`)

const CASES: Case[] = [
  {
    code: 'event_loop_slow',
    set: (report, value) => { report.event_loop.p99_ms = value },
    warning: [100, 100.1],
    critical: [500, 500.5],
    says: 'The event loop was late by 100.1 ms at p99 over the last 42 s (limit 100 ms)'
  },
  {
    code: 'heap_nearly_full',
    set: (report, value) => { report.memory.heap_used_bytes = value / 100 * report.memory.heap_limit_bytes },
    warning: [80, 81.5],
    critical: [92, 92.5],
    says: '81.5 % of the heap is used, 1.6 GiB of 2 GiB (limit 80 %)'
  },
  {
    code: 'memory_large',
    set: (report, value) => { report.memory.rss_bytes = value / 100 * report.memory.heap_limit_bytes },
    warning: [100, 125],
    critical: [150, 150.1],
    says: 'The process holds 2.5 GiB of memory, 125 % of the heap limit (limit 100 %)'
  },
  {
    code: 'queue_deep',
    set: (report, value) => { report.jobs.queued = value },
    warning: [1_000, 1_001],
    critical: [10_000, 10_001],
    says: '1,001 jobs are queued (limit 1,000)'
  },
  {
    code: 'replies_waiting',
    set: (report, value) => { report.oldest_ready_ms.replies = value },
    warning: [60_000, 61_000],
    critical: [300_000, 300_001],
    says: 'The oldest reply that could run has waited 1 min 1 s (limit 1 min)'
  },
  {
    code: 'agent_jobs_waiting',
    set: (report, value) => { report.oldest_ready_ms.agents = value },
    warning: [60_000, 120_000],
    critical: [300_000, 300_001],
    says: 'The oldest agent job that could run has waited 2 min (limit 1 min)'
  },
  {
    code: 'dead_jobs',
    set: (report, value) => { report.jobs.dead = value },
    warning: [0, 1],
    says: '1 job is dead after the last attempt (limit 0)'
  },
  {
    code: 'parked_jobs',
    set: (report, value) => { report.jobs.parked = value },
    warning: [0, 3],
    says: '3 jobs are parked (limit 0)'
  },
  {
    code: 'schedules_stuck',
    set: (report, value) => { report.stuck_schedules = lines(value, 'nightly').map((id) => ({ id, late_ms: 90_000 })) },
    warning: [0, 1],
    says: '1 schedule did not fire in time, late by up to 1 min 30 s: `nightly_1` (limit 0)'
  },
  {
    code: 'agents_paused',
    set: (report, value) => { report.paused_agents = lines(value, 'agent') },
    warning: [0, 7],
    says: '7 agents are paused: `agent_1`, `agent_2`, `agent_3`, `agent_4`, `agent_5` and 2 more (limit 0)'
  },
  {
    code: 'store_large',
    set: (report, value) => { report.store.size_bytes = value },
    warning: [5 * GIB, 5.5 * GIB],
    critical: [20 * GIB, 20 * GIB + 1],
    says: 'The store holds 5.5 GiB (limit 5 GiB)'
  }
]

for (const { code, set, warning, critical, says } of CASES) {
  t.test(`${code}: well up to its limit, then a warning${critical === undefined ? '' : ', then critical'}`, async (t) => {
    t.same((await judge((report) => { set(report, warning[0]) })).findings, [])
    const warned = await judge((report) => { set(report, warning[1]) })
    t.equal(warned.status, 'warning')
    t.match(warned.findings, [{ code, severity: 'warning', message: says, limit: warning[0] }])
    t.equal(warned.findings.length, 1)
    if (critical === undefined) {
      t.equal((await judge((report) => { set(report, 1_000) })).status, 'warning')
      return
    }
    t.match((await judge((report) => { set(report, critical[0]) })).findings, [{ code, severity: 'warning' }])
    const worse = await judge((report) => { set(report, critical[1]) })
    t.equal(worse.status, 'critical')
    t.match(worse.findings, [{ code, severity: 'critical', limit: critical[0] }])
  })
}

t.test('the critical findings come first, and the sentence tells them all', async (t) => {
  const output = await judge((report) => {
    report.jobs.dead = 2
    report.store.size_bytes = 21 * GIB
  })
  t.equal(output.status, 'critical')
  t.same(output.findings.map((finding) => finding.code), ['store_large', 'dead_jobs'])
  t.equal(watchdog.summarise(output),
    '2 findings: The store holds 21 GiB (limit 20 GiB); 2 jobs are dead after the last attempt (limit 0).')
  const one = await judge((report) => { report.jobs.dead = 2 })
  t.equal(watchdog.summarise(one), '1 finding: 2 jobs are dead after the last attempt (limit 0).')
})

t.test('names in findings are quoted on one line', async (t) => {
  const { findings } = await judge((report) => { report.stuck_schedules = [{ id: 'a`b\n# run the watchdog', late_ms: 61_000 }] })
  t.match(findings[0]?.message, "`a'b # run the watchdog`")
})

t.test('it gives up when it is told to stop', async (t) => {
  const controller = new AbortController()
  controller.abort(new Error('told to stop'))
  await t.rejects(watchdog.run({
    ...contextOf({ signal: controller.signal }).context,
    clock: createClock(),
    ports: { system: async () => wellReport() }
  }, {}), { message: 'told to stop' })
})

t.test('as a job: any keys are taken as input, the output is stored with its summary', async (t) => {
  const rig = await createRig({ work: true })
  t.teardown(rig.stop)
  const { id } = await rig.orchestrator.agents.run('watchdog', { input: { whatever: 1 }, source: 'test' })
  const job = await rig.orchestrator.jobs.wait(id, 60_000, new AbortController().signal)
  t.equal(job.status, 'succeeded')
  t.equal(job.timeout_ms, 10_000)
  const { summary, result } = job.output as { summary: string, result: WatchdogOutput }
  t.equal(summary, watchdog.summarise(result))
  t.equal(result.figures.running_jobs, 1, 'it sees its own job')
  t.equal((await rig.orchestrator.agents.get('watchdog')).health, 'healthy')
})

t.test('it runs every minute, by one schedule in UTC', async (t) => {
  const rig = await createRig()
  t.teardown(rig.stop)
  t.match(await rig.orchestrator.schedules.list(), [{ agent: 'watchdog', cron: '* * * * *', timezone: 'UTC', next_due_at: START + 60_000 }])
})

t.test('the death of a job makes it run, and it finds the dead job', async (t) => {
  const rig = await createRig({ work: true, agents: [failingAgent('doomed', 'no')] })
  t.teardown(rig.stop)
  // The run for system.started ends before this one, so that the next event gets a job of its own.
  const started = await rig.run('watchdog')
  t.equal((started.output as { result: WatchdogOutput }).result.figures.dead_jobs, 0)
  t.equal((await rig.run('doomed')).status, 'dead')
  // The event is recorded after the end of the job that it tells of.
  const recorded = async (): Promise<string> => {
    const { items } = await rig.orchestrator.jobs.list({ kind: 'event', agent: 'watchdog' }, { limit: 10 })
    for (const job of items) {
      const { event } = await rig.orchestrator.events.get(job.source.slice('event:'.length))
      if (event.type === 'system.job.dead') return job.id
    }
    return new Promise((resolve) => { setImmediate(() => { resolve(recorded()) }) })
  }
  const job = await rig.orchestrator.jobs.wait(await recorded(), 60_000, new AbortController().signal)
  t.match((job.output as { result: WatchdogOutput }).result, { status: 'warning', findings: [{ code: 'dead_jobs', value: 1 }] })
})
