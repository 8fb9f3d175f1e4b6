// From what was recognised to the lines of its answer.
import type { Answer, Desk } from '../desk.ts'
import type { Intent } from '../intents.ts'
import { agentStatus, listAgents, runAgent } from './agents.ts'
import { courtesy, held, help, howTo, more, notConnected, notUnderstood, rest } from './guidance.ts'
import { cancelJob, listJobs, oneJob, queue } from './jobs.ts'
import { circuitBreakers, health, listSchedules, metrics, upstream } from './system.ts'

export const answer = (intent: Intent, desk: Desk): Answer => {
  switch (intent.kind) {
    case 'list_agents': return listAgents(desk)
    case 'agent_status': return agentStatus(intent.agent, desk)
    case 'run_agent': return runAgent(intent.agent, desk)
    case 'queue': return queue(desk)
    case 'list_jobs': return listJobs(intent.statuses, intent.agent, desk)
    case 'job': return oneJob(intent.id, desk)
    case 'cancel_job': return cancelJob(intent.id, desk)
    case 'health': return health(desk)
    case 'circuit_breakers': return circuitBreakers(desk)
    case 'upstream': return upstream(intent.name, desk)
    case 'metrics': return metrics(intent.figure, desk)
    case 'list_schedules': return listSchedules(intent.agent, desk)
    case 'how_to': return howTo(intent.topic, intent.told, desk)
    case 'not_connected': return notConnected(intent.upstream, intent.about)
    case 'held': return held(intent.action)
    case 'help': return help(desk)
    case 'courtesy': return courtesy(intent.tone)
    case 'not_understood': return notUnderstood()
    case 'rest': return rest()
    case 'more': return more(intent.answered)
  }
}

/** What could not be done when a tool fails; ends the sentence "I could not ...". */
export const attempted = (intent: Intent): string => {
  switch (intent.kind) {
    case 'list_agents': return 'read the agents'
    case 'agent_status': return `look at the ${intent.agent} agent`
    case 'run_agent': return intent.agent === null ? 'read the agents' : `run the ${intent.agent} agent`
    case 'queue': case 'list_jobs': return 'read the jobs'
    case 'job': return `look at job ${intent.id}`
    case 'cancel_job': return intent.id === null ? 'read the jobs' : `cancel job ${intent.id}`
    case 'health': return 'check the health'
    case 'circuit_breakers': case 'upstream': return 'look at the circuit breakers'
    case 'metrics': return 'read the figures'
    case 'list_schedules': return 'read the schedules'
    default: return 'answer that'
  }
}
