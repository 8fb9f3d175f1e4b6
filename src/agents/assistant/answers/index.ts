// From what was recognised to the lines of its answer.
import type { Answer, Desk } from '../desk.ts'
import type { Intent } from '../intent.ts'
import type { UpstreamName } from '../upstream-faults.ts'
import { agentStatus, listAgents, runAgent } from './agents.ts'
import { brief, proposals } from './decisions.ts'
import { beyond, courtesy, held, help, howTo, more, notConnected, notUnderstood, rest } from './guidance.ts'
import { cancelJob, listJobs, oneJob, queue } from './jobs.ts'
import { attention, oneOrder, ordersOfDay } from './orders.ts'
import { bestSellers, customers, sales } from './shop.ts'
import { stock } from './stock.ts'
import { circuitBreakers, health, listSchedules, metrics, upstream } from './system.ts'
import { bigquery, github } from './upstreams.ts'

export const answer = (intent: Intent, desk: Desk): Answer => {
  const needed = neededFor(intent)
  const unconnected = needed === undefined ? undefined : desk.unconnected(needed.upstream)
  if (needed !== undefined && unconnected !== undefined) return notConnected(needed.about, unconnected, desk)
  switch (intent.kind) {
    case 'list_agents': return listAgents(desk)
    case 'agent_status': return agentStatus(intent.agent, desk)
    case 'run_agent': return runAgent(intent.agent, desk)
    case 'queue': return queue(desk)
    case 'brief': return brief(desk)
    case 'proposals': return proposals(intent.agent, desk)
    case 'list_jobs': return listJobs(intent.statuses, intent.agent, desk)
    case 'job': return oneJob(intent.id, desk)
    case 'cancel_job': return cancelJob(intent.id, desk)
    case 'health': return health(desk)
    case 'circuit_breakers': return circuitBreakers(desk)
    case 'upstream': return upstream(intent.name, desk)
    case 'metrics': return metrics(intent.figure, desk)
    case 'list_schedules': return listSchedules(intent.agent, desk)
    case 'how_to': return howTo(intent.topic, intent.told, desk)
    case 'shop': return sales(intent.period, true, desk)
    case 'sales': return sales(intent.period, false, desk)
    case 'orders_of_day': return ordersOfDay(intent.period, desk)
    case 'attention': return attention(intent.only, desk)
    case 'order': return oneOrder(intent.name, desk)
    case 'stock': return stock(intent.query, desk)
    case 'best_sellers': return bestSellers(intent.period, desk)
    case 'customers': return customers(intent.period, desk)
    case 'github': return github(intent.about, desk)
    case 'bigquery': return bigquery(desk)
    case 'beyond': return beyond(intent.about, desk)
    case 'held': return held(intent.action)
    case 'help': return help(desk)
    case 'courtesy': return courtesy(intent.tone, desk)
    case 'not_understood': return notUnderstood(desk)
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
    case 'brief': return 'put the brief together'
    case 'proposals': return 'read the proposals'
    case 'job': return `look at job ${intent.id}`
    case 'cancel_job': return intent.id === null ? 'read the jobs' : `cancel job ${intent.id}`
    case 'health': return 'check the health'
    case 'circuit_breakers': case 'upstream': return 'look at the circuit breakers'
    case 'metrics': return 'read the figures'
    case 'list_schedules': return 'read the schedules'
    case 'shop': case 'sales': case 'customers': return 'read the sales of the shop'
    case 'orders_of_day': case 'attention': return 'read the orders of the shop'
    case 'order': return `look at order ${intent.name}`
    case 'stock': return 'read the stock of the shop'
    case 'best_sellers': return 'read what sold best'
    case 'github': return 'look at GitHub'
    case 'bigquery': return 'look at BigQuery'
    default: return 'answer that'
  }
}

const UPSTREAM_OF = { shop: 'shopify_api', github: 'github_api', bigquery: 'bigquery' } as const

/** The upstream without which there is no answer, and what was asked of it. */
const neededFor = (intent: Intent): { upstream: UpstreamName, about: string } | undefined => {
  switch (intent.kind) {
    case 'shop': return { upstream: 'shopify_api', about: 'the shop' }
    case 'sales': return { upstream: 'shopify_api', about: 'sales and orders' }
    case 'orders_of_day': case 'attention': case 'order': return { upstream: 'shopify_api', about: 'orders' }
    case 'stock': return { upstream: 'shopify_api', about: 'products, prices and stock' }
    case 'best_sellers': return { upstream: 'shopify_api', about: 'what sells best' }
    case 'customers': return { upstream: 'shopify_api', about: 'customers' }
    case 'github': return { upstream: 'github_api', about: 'what is on GitHub' }
    case 'bigquery': return { upstream: 'bigquery', about: 'data in BigQuery' }
    case 'beyond': return { upstream: UPSTREAM_OF[intent.upstream], about: intent.about }
    default: return undefined
  }
}
