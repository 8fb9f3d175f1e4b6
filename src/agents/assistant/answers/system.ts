// Answers about the service itself: health, upstreams, figures, schedules.
import { bytes, code, count, duration, figure, listed, moment, oneLine } from '../../wording.ts'
import type { Answer, Desk } from '../desk.ts'
import type { BreakerRecord, ScheduleRecord } from '../records.ts'
import type { AssistantTools } from '../tools.ts'
import type { Figure } from '../vocabulary.ts'
import { liveState } from './upstreams.ts'

export async function * health (desk: Desk): Answer {
  const { ready, checks } = await desk.use('health')
  const faults = checks.filter((check) => !check.healthy).length
  const are = faults === 1 ? 'is' : 'are'
  const verdict = `The service is ${ready ? 'ready' : 'not ready'}`
  const tally = faults === 0 ? 'every check is well' : `${faults} of ${count(checks.length, 'check')} ${are} not well`
  yield `${verdict}; ${tally}:`
  for (const { name, healthy, message } of checks) yield `- ${name}${healthy ? '' : ' (not well)'}: ${oneLine(message)}`
  const [{ agents }, { jobs }] = await Promise.all([desk.use('list_agents'), desk.use('metrics')])
  const unwell = agents.filter((agent) => agent.health === 'failing' || agent.health === 'paused')
  const worries = [
    ...unwell.map((agent) => `the ${agent.name} agent is ${agent.health}`),
    ...(jobs.dead === 0 ? [] : [`${count(jobs.dead, 'job is', 'jobs are')} dead`]),
    ...(jobs.parked === 0 ? [] : [`${count(jobs.parked, 'job is', 'jobs are')} parked`])
  ]
  yield worries.length === 0 ? 'No agent is failing or paused, and no job is dead or parked.' : `Worth a look: ${listed(worries)}.`
}

const SHUT = new Set(['open', 'half_open', 'forced_open'])

export async function * circuitBreakers (desk: Desk): Answer {
  const { circuit_breakers: breakers } = await desk.use('circuit_breakers')
  if (breakers.length === 0) {
    yield 'There are no circuit breakers.'
    return
  }
  const shut = breakers.filter(({ state }) => SHUT.has(state)).length
  const all = count(breakers.length, 'circuit breaker')
  yield shut === 0 ? `${all}, every one closed:` : `${shut} of ${all} ${shut === 1 ? 'is' : 'are'} not closed:`
  for (const breaker of breakers) yield `- ${breaker.label} (${breaker.name}): ${stateOf(breaker, desk)}`
}

export async function * upstream (name: string, desk: Desk): Answer {
  // Asked first: its breaker is told as it stands after that.
  const live = await liveState(name, desk)
  const [{ circuit_breakers: breakers }, { checks }] = await Promise.all([desk.use('circuit_breakers'), desk.use('health')])
  const breaker = breakers.find((one) => one.name === name)
  if (breaker === undefined) {
    yield `I know no upstream called ${code(name)}.`
    return
  }
  // The check names the settings that are missing.
  const message = checks.find((check) => check.name === name)?.message
  const called = breaker.totals.success + breaker.totals.failure > 0
  if (!breaker.configured) yield `Not connected: ${oneLine(message ?? `${breaker.label} is not configured.`)}`
  else if (breaker.credential === 'rejected') yield `Not connected: ${breaker.label} rejected our credentials.`
  else if (SHUT.has(breaker.state)) yield `Cut off: the circuit breaker of ${breaker.label} is not closed.`
  else if (live !== undefined) yield live
  else if (called) yield `Connected: ${breaker.label} is configured and has been called.`
  else yield `${breaker.label} is configured, but this process has not called it yet: whether it answers is unknown.`
  yield `Its circuit breaker: ${stateOf(breaker, desk)}`
}

const stateOf = (breaker: BreakerRecord, desk: Desk): string => {
  const { window, totals, last_error: last, next_probe_in_ms: probe } = breaker
  const failed = `${window.failures} of ${count(window.calls, 'call')} failed in the last ${figure(window.seconds)} s`
  const parts = [
    `${breaker.state.replace('_', ' ')}${breaker.opened_at === null ? '' : ` since ${moment(breaker.opened_at, desk.now())}`}`,
    ...(breaker.configured ? [] : ['not configured, nothing is called']),
    ...(window.calls === 0 ? [] : [failed]),
    ...(probe === null ? [] : [probe === 0 ? 'the next call is a trial' : `next trial in ${duration(probe)}`]),
    ...(breaker.throttled_for_ms === 0 ? [] : [`told to wait for ${duration(breaker.throttled_for_ms)}`]),
    ...(totals.rejected === 0 ? [] : [`${count(totals.rejected, 'call')} turned away so far`]),
    ...(last === null ? [] : [`last error ${moment(last.at, desk.now())}: ${code(last.code)}, ${code(last.message)}`])
  ]
  return `${parts.join('; ')}.`
}

type Metrics = Awaited<ReturnType<AssistantTools['metrics']['run']>>

const LINES: Record<Exclude<Figure, 'all'>, (metrics: Metrics) => string> = {
  version: ({ service, version }) => `This is ${oneLine(service)}, version ${version}.`,
  uptime: ({ uptime_seconds: seconds }) => `Uptime: ${duration(seconds * 1_000)}.`,
  event_loop: ({ event_loop: loop }) => `Event loop: late by ${duration(loop.p50_ms)} (p50), ${duration(loop.p99_ms)} (p99) and ` +
    `${duration(loop.max_ms)} (maximum) over the last ${duration(loop.window_seconds * 1_000)}.`,
  memory: ({ memory }) => `Memory: ${bytes(memory.rss_bytes)} resident; ${bytes(memory.heap_used_bytes)} of a heap of at most ` +
    `${bytes(memory.heap_limit_bytes)} in use (${figure(100 * memory.heap_used_bytes / memory.heap_limit_bytes)} %).`,
  conversations: ({ store }) => `Conversations: ${count(store.sessions, 'session')} with ${count(store.messages, 'message')}.`,
  events: ({ store }) => `Events: ${figure(store.events)} stored.`,
  traffic: ({ traffic }) => `HTTP since the start: ${count(traffic.requests, 'request')}, of these ${figure(traffic.client_errors)} ` +
    `answered with a client error (400 to 499) and ${figure(traffic.server_errors)} with a server error (500 and above).`,
  streams: ({ open_streams: open }) => `Streams: ${figure(open)} open.`,
  store: ({ store }) => `Store: ${store.engine}, ${bytes(store.size_bytes)}.`
}

export async function * metrics (asked: Figure, desk: Desk): Answer {
  const figures = await desk.use('metrics')
  if (asked !== 'all') {
    yield LINES[asked](figures)
    return
  }
  const { jobs } = figures
  yield `Figures of ${moment(figures.at, desk.now())}:`
  for (const line of Object.values(LINES)) yield `- ${line(figures)}`
  yield `- Jobs: ${listed(Object.entries(jobs).map(([status, amount]) => `${figure(amount)} ${status}`))}.`
}

export async function * listSchedules (agent: string | null, desk: Desk): Answer {
  const all = (await desk.use('list_schedules')).schedules
  const schedules = all.filter((schedule) => agent === null || schedule.agent === agent)
  const whose = agent === null ? '' : ` for ${agent}`
  if (schedules.length === 0) {
    yield `There are no schedules${whose}.`
    return
  }
  yield `There ${schedules.length === 1 ? 'is' : 'are'} ${count(schedules.length, 'schedule')}${whose}:`
  for (const schedule of schedules.slice(0, SHOWN)) {
    yield `- ${code(schedule.id)} runs ${oneLine(schedule.agent)} by cron ${code(schedule.cron)} (${oneLine(schedule.timezone)}): ` +
      `${instantsOf(schedule, desk.now())}.`
  }
  if (schedules.length > SHOWN) yield `These are ${SHOWN} of them; the rest is at GET /schedules.`
}

const SHOWN = 20

const instantsOf = (schedule: ScheduleRecord, now: number): string => {
  const last = schedule.last_due_at === null ? 'not fired yet' : `last ${moment(schedule.last_due_at, now)}`
  if (schedule.paused) return `paused; ${last}`
  return `${schedule.next_due_at === null ? 'never due again' : `next ${moment(schedule.next_due_at, now)}`}; ${last}`
}
