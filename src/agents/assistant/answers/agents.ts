// Answers about agents: what there is, how one is doing, a run of one.
import { code, count, duration, listed, moment, oneLine } from '../../wording.ts'
import type { Answer, Desk } from '../desk.ts'
import type { AgentRecord, JobDetail, JobRecord } from '../records.ts'
import { failureOf, tookOf } from './job-wording.ts'

export async function * listAgents (desk: Desk): Answer {
  const { agents } = await desk.use('list_agents')
  if (agents.length === 0) {
    yield 'No agent is registered.'
    return
  }
  yield agents.length === 1 ? 'There is 1 agent:' : `There are ${agents.length} agents:`
  for (const agent of agents) {
    const next = nextRunOf(agent, desk)
    yield `- ${agent.name} (${healthOf(agent)}): ${oneLine(agent.description)}${next === undefined ? '' : ` ${next}`}`
  }
}

export async function * agentStatus (name: string, desk: Desk): Answer {
  const agent = await desk.use('agent_status', { name })
  yield `The ${name} agent ${SENTENCES[agent.health]}${detailOf(agent, desk)}`
  if (agent.last_success !== null) {
    yield `- Its last result, ${endOf(agent.last_success, desk)}: ${oneLine(agent.last_success.summary ?? 'no summary', LONGEST_SUMMARY)}`
  }
  const { last_run: last } = agent
  if (last !== null && last.status !== 'succeeded') yield `- Its latest run: job ${last.id} ${latestOf(last, desk)}`
  if (last === null) yield '- It has not been run.'
  const next = nextRunOf(agent, desk)
  yield next === undefined ? '- No schedule will start it.' : `- ${next}`
}

const LONGEST_SUMMARY = 2_000
/** How long an answer waits for a run that it has started. */
const WAIT_MS = 2_000

export async function * runAgent (name: string | null, desk: Desk): Answer {
  if (name === null) {
    const { agents } = await desk.use('list_agents')
    const names = agents.map((agent) => agent.name)
    const hint = names.length === 0 ? 'None is registered.' : `Registered: ${listed(names)}. Say, for example, “Run the ${names[0]}”.`
    yield `I do not know which agent you mean. ${hint}`
    return
  }
  const { job_id: id, deduplicated } = await desk.use('run_agent', { name })
  yield deduplicated ? `A run of ${name} that you asked for has not ended yet: job ${id}.` : `I have queued a run of ${name}: job ${id}.`
  yield outcomeOf(await desk.use('job', { id, wait_ms: WAIT_MS }), desk)
}

const outcomeOf = (job: JobDetail, desk: Desk): string => {
  const follow = `Ask me “Job ${job.id}” to see how it goes on.`
  switch (job.status) {
    case 'succeeded': return `It succeeded${tookOf(job)}. ${oneLine(job.summary ?? 'It left no summary.', LONGEST_SUMMARY)}`
    case 'failed': case 'dead': return `It failed${failureOf(job)}.`
    case 'cancelled': return 'It was cancelled.'
    case 'running': return `It is running${progressOf(job)}. ${follow}`
    case 'parked': return `It is parked (${code(job.reason ?? 'no reason given')}). ${follow}`
    case 'waiting': return `It waits for an approval. ${follow}`
    case 'queued': {
      if (job.error === null) return `It waits for a free worker. ${follow}`
      const failed = `Attempt ${job.attempt} of ${job.max_attempts} failed${failureOf(job)}`
      return `${failed}; the next is due ${moment(job.run_at, desk.now())}. ${follow}`
    }
  }
}

const progressOf = ({ progress }: JobRecord): string =>
  progress === null ? '' : `, ${Math.round(progress.fraction * 100)} % done: ${code(progress.note)}`

const SENTENCES: Record<AgentRecord['health'], string> = {
  healthy: 'is healthy.', failing: 'is failing', paused: 'is paused', unknown: 'has not ended a run yet.'
}

const detailOf = (agent: AgentRecord, desk: Desk): string => {
  if (agent.health === 'failing') {
    const last = agent.last_failure_at === null ? '' : `, the last ${moment(agent.last_failure_at, desk.now())}`
    const error = agent.last_error === null ? '' : `: ${code(agent.last_error)}`
    return `: ${count(agent.consecutive_failures, 'failure')} in a row${last}${error}.`
  }
  if (agent.health !== 'paused') return ''
  const since = agent.paused_at === null ? '' : ` since ${moment(agent.paused_at, desk.now())}`
  return `${since}${agent.paused_reason === null ? '' : `: ${code(agent.paused_reason)}`}.`
}

const healthOf = (agent: AgentRecord): string => {
  if (agent.health === 'failing') return `failing, ${count(agent.consecutive_failures, 'failure')} in a row`
  return agent.health === 'unknown' ? 'no run has ended yet' : agent.health
}

const latestOf = (job: JobRecord, desk: Desk): string => {
  if (job.finished_at !== null) {
    return `${job.status === 'cancelled' ? 'was cancelled' : 'failed'} ${moment(job.finished_at, desk.now())}${failureOf(job)}.`
  }
  if (job.status === 'running' && job.started_at !== null) {
    return `has been running for ${duration(Math.max(0, desk.now() - Date.parse(job.started_at)))}${progressOf(job)}.`
  }
  return `is ${job.status}${job.reason === null ? '' : ` (${code(job.reason)})`}${failureOf(job)}.`
}

const endOf = (job: JobRecord, desk: Desk): string => moment(job.finished_at ?? job.created_at, desk.now())

/** The earliest instant at which a schedule will start it; a paused agent is not started. */
const nextRunOf = (agent: AgentRecord, desk: Desk): string | undefined => {
  const next = agent.schedules.filter((schedule) => schedule.next_due_at !== null)
    .sort((a, b) => a.next_due_at! < b.next_due_at! ? -1 : 1)[0]
  if (next === undefined || !agent.enabled) return undefined
  return `Next run: ${moment(next.next_due_at!, desk.now())}, by cron ${code(next.cron)} (${oneLine(next.timezone)}).`
}
