// The daily brief: what agents did, what waits for a decision, what broke, and what moved in money.
import type { Agents } from '../agents.ts'
import type { BreakerRegistry } from '../breaker-registry.ts'
import type { Clock } from '../clock.ts'
import type { Json } from '../model.ts'
import { addMoney, compareMoney, type Money } from '../money.ts'
import type { Store } from '../store.ts'
import type { Freezes } from './freezes.ts'
import type { Autonomy, Proposal } from './proposal.ts'
import type { BriefRows, EffectStatus } from './store.ts'
import type { EffectClass } from './items.ts'

/** Times are milliseconds since the epoch. */
export interface Brief {
  since: number
  until: number
  /** The same in plain sentences, the most pressing first. */
  summary: string[]
  agents: Array<{
    name: string
    health: string
    autonomy: Autonomy
    runs: { succeeded: number, failed: number, others: number }
    /** What its latest successful run said, whenever that was. */
    last_summary: string | null
    last_success_at: number | null
  }>
  waiting: {
    total: number
    /** The first 50, those that expire first before the others. */
    proposals: Array<Pick<Proposal, 'id' | 'agent' | 'class' | 'title' | 'expires_at' | 'expected_gain' | 'plan_hash'> & {
      at_risk: Money | null
      approvals_needed: number
    }>
  }
  effects: Array<{ class: EffectClass, status: EffectStatus, count: number }>
  money: {
    /** Sums by currency; a proposal that names no gain is in none. */
    gain_waiting: Money[]
    gain_applied: Money[]
    given_back: Money[]
  }
  broke: Array<{ what: 'job' | 'agent' | 'circuit_breaker', name: string, message: string, at: number | null }>
  frozen: Array<{ id: string, scope: string, reason: string, since: number }>
  /** Changes in the shop that no webhook had told of. */
  missed_webhooks: number
}

const SHOWN = 50

export interface BriefParts {
  store: Store
  agents: Agents
  freezes: Freezes
  breakers: BreakerRegistry
  clock: Clock
}

export const createBrief = async ({ store, agents, freezes, breakers, clock }: BriefParts, since: number): Promise<Brief> => {
  const until = clock.now()
  const [rows, overviews, waiting, freezeList] = await Promise.all([
    store.briefRows({ since }), agents.list(), store.listProposals({ status: 'pending' }, { limit: 1_000 }), freezes.list()
  ])
  const open = waiting.items.filter((proposal) => proposal.expires_at > until).sort((a, b) => a.expires_at - b.expires_at)
  const told = await Promise.all(overviews.map(async ({ agent, state, health }) => {
    const { items: [last] } = await store.listJobs({ agent: agent.name, status: 'succeeded' }, { limit: 1 })
    const ofAgent = rows.runs.filter((one) => one.agent === agent.name)
    const ended = (statuses: string[]): number => ofAgent.reduce((sum, { status, count }) => sum + (statuses.includes(status) ? count : 0), 0)
    return {
      name: agent.name,
      health,
      autonomy: state.autonomy,
      runs: {
        succeeded: ended(['succeeded']),
        failed: ended(['failed', 'dead']),
        others: ended(['queued', 'running', 'waiting', 'parked', 'cancelled'])
      },
      last_summary: summaryOf(last?.output ?? null),
      last_success_at: last?.finished_at ?? null
    }
  }))
  const parts: Omit<Brief, 'summary'> = {
    since,
    until,
    agents: told,
    waiting: {
      total: open.length,
      proposals: open.slice(0, SHOWN).map(({ id, agent, class: effectClass, title, expires_at: expires, expected_gain: gain, plan_hash: hash, verdict }) => ({
        id,
        agent,
        class: effectClass,
        title,
        expires_at: expires,
        expected_gain: gain,
        plan_hash: hash,
        at_risk: verdict.at_risk,
        approvals_needed: verdict.decision === 'two_person' ? 2 : 1
      }))
    },
    effects: rows.effects,
    money: {
      gain_waiting: sumsOf(open.map((proposal) => proposal.expected_gain)),
      gain_applied: sumsOf(rows.gains),
      given_back: sumsOf(rows.refunds)
    },
    broke: [
      ...breakers.list().filter(({ configured, breaker }) => configured && !['closed', 'forced_closed'].includes(breaker.state()))
        .map(({ name, label, breaker }) => ({
          what: 'circuit_breaker' as const, name, message: `${label} is shut off (${breaker.state()}).`, at: breaker.snapshot().openedAt ?? null
        })),
      ...overviews.filter(({ state }) => !state.enabled).map(({ agent, state }) => ({
        what: 'agent' as const, name: agent.name, message: `Paused: ${state.paused_reason ?? 'no reason is known'}.`, at: state.paused_at
      })),
      ...rows.troubles.map(({ id, name, status, reason, message, at }) => ({
        what: 'job' as const, name: `${name} ${id}`, message: `${status}: ${message ?? reason ?? 'no reason is known'}`, at
      }))
    ],
    frozen: freezeList.filter(({ active }) => active).map(({ id, scope, reason, starts_at: from }) => ({ id, scope, reason, since: from })),
    missed_webhooks: rows.missed_webhooks
  }
  return { ...parts, summary: sentencesOf(parts, rows) }
}

const sentencesOf = (parts: Omit<Brief, 'summary'>, { troubled: { failed, parked } }: BriefRows): string[] => {
  const { agents, waiting, effects, money, broke, frozen, missed_webhooks: missed } = parts
  const lines: string[] = []
  for (const { scope, reason } of frozen) lines.push(`Frozen (${scope}): ${reason}`)
  for (const { what, name, message } of broke) if (what !== 'job') lines.push(what === 'agent' ? `The ${name} agent does not run. ${message}` : message)
  if (failed > 0) lines.push(`${counted(failed, 'job')} failed or died.`)
  if (parked > 0) lines.push(`${counted(parked, 'job')} ${parked === 1 ? 'waits' : 'wait'} for something outside, or for a freeze to end.`)
  if (missed > 0) lines.push(`${counted(missed, 'change')} in the shop ${missed === 1 ? 'was' : 'were'} told by no webhook and read afterwards.`)
  const gain = money.gain_waiting.length === 0 ? '' : `, which should bring ${listOf(money.gain_waiting)}`
  const wait = waiting.total === 1 ? 'waits' : 'wait'
  lines.push(waiting.total === 0 ? 'Nothing waits for a decision.' : `${counted(waiting.total, 'proposal')} ${wait} for a decision${gain}.`)
  const of = (...statuses: EffectStatus[]): number => effects.reduce((sum, { status, count }) => sum + (statuses.includes(status) ? count : 0), 0)
  const done = of('done', 'reverted')
  const kept = of('blocked', 'conflict', 'failed')
  const undone = of('reverted') > 0 ? `, ${of('reverted')} of them undone again` : ''
  const brings = money.gain_applied.length === 0 ? '' : `; what was applied should bring ${listOf(money.gain_applied)}`
  lines.push(done === 0 ? 'Nothing was changed.' : `${counted(done, 'change')} ${done === 1 ? 'was' : 'were'} made${undone}${brings}.`)
  if (kept > 0) lines.push(`${counted(kept, 'change')} ${kept === 1 ? 'was' : 'were'} kept back by a gate or refused by the shop.`)
  if (of('started') > 0) lines.push(`Of ${counted(of('started'), 'change')} the outcome is not known yet.`)
  if (money.given_back.length > 0) lines.push(`${listOf(money.given_back)} went back to customers.`)
  const runs = agents.reduce((sum, agent) => sum + agent.runs.succeeded, 0)
  const ran = agents.filter((agent) => agent.runs.succeeded > 0).length
  lines.push(runs === 0 ? 'No agent finished a run.' : `${counted(ran, 'agent')} finished ${counted(runs, 'run')}.`)
  return lines
}

const counted = (amount: number, one: string): string => `${amount} ${amount === 1 ? one : `${one}s`}`

const listOf = (sums: Money[]): string => sums.map(({ amount, currency }) => `${amount} ${currency}`).join(' and ')

/** One sum a currency; those that come to nothing are left out. */
const sumsOf = (amounts: Array<Money | null>): Money[] => {
  const sums = new Map<string, Money>()
  for (const money of amounts) {
    if (money === null) continue
    const known = sums.get(money.currency)
    sums.set(money.currency, known === undefined ? money : addMoney(known, money))
  }
  return [...sums.values()].filter((money) => compareMoney(money, { amount: '0', currency: money.currency }) !== 0)
}

const summaryOf = (output: Json): string | null => {
  const summary = output !== null && typeof output === 'object' && !Array.isArray(output) ? output['summary'] : null
  return typeof summary === 'string' ? summary : null
}
