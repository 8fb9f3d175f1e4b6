// Which writes may go on beside each other. On SQLite every write is alone; here the common ones share the store, and the rest have it to themselves.
import { createHash } from 'node:crypto'
import type { AddMessage, RecordEvent, SettleJob } from '../../core/store.ts'
import { SYSTEM_STREAM, type NewJob, type NewStreamEvent } from '../../core/model.ts'
import type { ClaimKey } from '../../core/store-idempotency.ts'
import type { Attempted } from '../../core/webhooks/store.ts'
import type { KeyHold } from '../../core/keyed.ts'
import type { NamedUnit, WriteName } from '../operations/index.ts'

/** What a write touches that others may touch as well. */
export interface Touch {
  /** Two writes of one batch that share one of these are made one after the other. */
  keys: string[]
  /** Rows that are locked before anything else, in the order of their ids: transactions that want the same ones do not wait for each other in a ring. */
  sessions?: string[]
  idempotencyKeys?: KeyHold[]
  /** A lock of the name is held until the end of the transaction. */
  domain?: string
}

type Rule = (args: never) => Touch | undefined

const dedupeKeys = (jobs: NewJob[]): string[] => jobs.flatMap(({ dedupe_key: key }) => key === null ? [] : [`dedupe:${key}`])
const sessionsOf = (events: NewStreamEvent[]): string[] => [...new Set(events.map(({ stream }) => stream).filter((stream) => stream !== SYSTEM_STREAM))]
const ofSessions = (sessions: string[], ...keys: string[]): Touch => ({ keys: [...keys, ...sessions.map((id) => `session:${id}`)], sessions })
const ofKey = (hold: KeyHold): Touch => ({ keys: [`idempotency:${hold.scope}:${hold.key}`], idempotencyKeys: [hold] })
// One after the other in a batch; in several processes at a time they take away the same rows, and each row counts where it went.
const ofRetention = (): Touch => ({ keys: ['retention'] })
const ofHistory = (): Touch => ({ keys: ['history'], domain: 'history' })

/**
 * The writes that share the store. Undefined, and every write that is not listed: it has the store alone, so that it may look first and write
 * then, as it does on SQLite. What is listed must hold against the others listed here, in other processes, at READ COMMITTED:
 * sessions and idempotency keys are locked beforehand; a job is changed only by the holder of its lease; claims skip what others hold;
 * unique indexes decide on twins, and whoever loses does it again and finds the other.
 */
const SHARED: Partial<Record<WriteName, Rule>> = {
  addMessage: ({ session_id: session, reply }: AddMessage) => {
    // The other strategies end jobs that may be in somebody's hands.
    if (reply !== undefined && reply.strategy !== 'enqueue' && reply.strategy !== 'reject') return undefined
    return ofSessions([session])
  },
  answerKey: ofKey,
  appendEvents: ({ job_id: job, events }: { job_id: string, events: NewStreamEvent[] }) => ofSessions(sessionsOf(events), `job:${job}`),
  claim: ({ queue }: { queue: string }) => ({ keys: [`claim:${queue}`] }),
  claimKey: (claim: ClaimKey) => ofKey(claim),
  createSession: ({ id }: { id: string }) => ({ keys: [`session:${id}`] }),
  dropHistory: ofHistory,
  enqueue: ({ jobs }: { jobs: NewJob[] }) => ({ keys: [...dedupeKeys(jobs), ...jobs.map(({ id }) => `job:${id}`)] }),
  noteAttempt: ({ id }: Attempted) => ({ keys: [`delivery:${id}`] }),
  probe: () => ({ keys: ['probe'] }),
  publish: () => ({ keys: [] }),
  recordEvent: ({ event, jobs, change }: RecordEvent) => ({
    keys: [
      `event:${event.id}`,
      ...event.delivery === null ? [] : [`delivery:${event.delivery}`],
      // The topic as well: the first of a kind is noted once.
      ...change === undefined ? [] : [`resource:${change.resource}`, `topic:${event.type}`],
      ...dedupeKeys(jobs)
    ]
  }),
  releaseKey: ofKey,
  removeEvents: ofRetention,
  removeJobs: ofRetention,
  removeProposals: ofRetention,
  removeRemains: ofRetention,
  removeScheduleRuns: ofRetention,
  removeSessions: ({ ids }: { ids: string[] }) => ofSessions(ids, 'retention'),
  removeStock: () => ({ keys: ['retention', ...ofHistory().keys], domain: 'history' }),
  renew: () => ({ keys: ['renew'] }),
  reportProgress: ({ id }: { id: string }) => ({ keys: [`job:${id}`] }),
  saveHistory: ofHistory,
  saveStock: ofHistory,
  settle: ({ id, session_id: session, agent }: SettleJob) => {
    // A failure may pause its agent, which parks the jobs that wait for it.
    if (agent !== undefined && !agent.ok) return undefined
    return ofSessions(session === null ? [] : [session], `job:${id}`)
  },
  touchKey: ({ id }: { id: string }) => ({ keys: [`api_key:${id}`] }),
  trimStream: ofRetention
}

export interface Plan {
  /** Nobody else writes meanwhile. */
  alone: boolean
  /** Units by their places, in rounds: those of one round touch nothing in common. */
  waves: number[][]
  sessions: string[]
  idempotencyKeys: KeyHold[]
  domains: string[]
}

/** How a batch is carried out. */
export const planOf = (units: readonly NamedUnit[]): Plan => {
  const waves: number[][] = []
  const sessions = new Set<string>()
  const idempotencyKeys: KeyHold[] = []
  const domains = new Set<string>()
  /** The first wave in which a key is free again. */
  const free = new Map<string, number>()
  let alone = false
  /** Behind a write that has the store alone, nothing moves forward. */
  let floor = 0
  for (const [place, unit] of units.entries()) {
    const touch = touchOf(unit)
    if (touch === undefined) {
      alone = true
      waves.push([place])
      floor = waves.length
      continue
    }
    const wave = touch.keys.reduce((latest, key) => Math.max(latest, free.get(key) ?? 0), floor)
    for (const key of touch.keys) free.set(key, wave + 1)
    if (wave === waves.length) waves.push([place])
    else waves[wave]!.push(place)
    for (const session of touch.sessions ?? []) sessions.add(session)
    idempotencyKeys.push(...touch.idempotencyKeys ?? [])
    if (touch.domain !== undefined) domains.add(touch.domain)
  }
  return { alone, waves, sessions: [...sessions], idempotencyKeys, domains: [...domains].sort() }
}

const touchOf = ({ operation, args, hold }: NamedUnit): Touch | undefined => {
  const touch = SHARED[operation]?.(args as never)
  if (touch === undefined || hold === undefined) return touch
  const key = ofKey(hold)
  return { ...touch, keys: [...touch.keys, ...key.keys], idempotencyKeys: [...touch.idempotencyKeys ?? [], hold] }
}

/** A number for an advisory lock, of a name in a schema: locks are the whole database's. */
export const lockNumber = (schema: string, name: string): string =>
  createHash('sha256').update(`royal-equips-orchestrator:${schema}:${name}`).digest().readBigInt64BE(0).toString()

/** Every process that runs on a schema shares it; who copies or restores a whole store has it alone. */
export const inUseLock = (schema: string): string => lockNumber(schema, 'in use')
