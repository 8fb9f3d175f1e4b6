// The door of the store: opens an engine, brings its schema up to date and puts the operations behind the core's port.
import { takeHold } from '../core/keyed.ts'
import type { Notice, Store } from '../core/store.ts'
import { GroupCommit, type CommitObserver } from './group-commit.ts'
import { isEffect, unitOf, type NamedUnit, type WriteName, type writeOperations } from './operations/index.ts'
import { openSqliteFile } from './sqlite/file.ts'
import { openThreadEngine } from './sqlite/thread-engine.ts'
import { Tx, type Operation } from './statement.ts'
import { briefRows, gateCounts } from './operations/brief.ts'
import { countEffects, effectOfKey, effectsByIds, getEffect, ledgerEntries, listEffects, pastPrices } from './operations/effects.ts'
import { getEvent } from './operations/events.ts'
import { feedChunk, listFeeds } from './operations/feeds.ts'
import { listFreezes } from './operations/freezes.ts'
import { listAudit, listHolds } from './operations/holds.ts'
import { getJob, jobsOfEvent, listJobs, nextRunAt, parkedReasons } from './operations/jobs.ts'
import { getMessage, history, listMessages } from './operations/messages.ts'
import { currentPolicy, listPolicies } from './operations/policies.ts'
import { getProposal, listProposals, shadowTotals, unscoredShadows } from './operations/proposals.ts'
import { agentStates, getSchedule, listScheduleRuns, listSchedules } from './operations/schedules.ts'
import { getSession, hasActiveReply, latestReply, listSessions } from './operations/sessions.ts'
import { historyPage, historyState, newestOrder, stockPage } from './operations/shop-history.ts'
import { stats } from './operations/stats.ts'
import { hasSaid, readEvents, streamRange } from './operations/streams.ts'

export { inspectSqliteFile } from './sqlite/inspect.ts'
export { StoreLockedError, StoreUnusableError } from './sqlite/lock.ts'

const LATEST_MIGRATION = '0006-idempotency'

export interface StoreOptions {
  /** Path of the SQLite file, or `:memory:`. */
  file: string
  /** Write in a thread of its own: for slow disks, see docs/decisions/0004. */
  writerThread?: boolean
  /** Hears how long each commit took and how many units it held. */
  onCommit?: CommitObserver
}

/** @throws StoreLockedError when another process holds the file, StoreUnusableError when it cannot be opened. */
export const openStore = async ({ file, writerThread = false, onCommit }: StoreOptions): Promise<Store> => {
  const { commits, engine } = writerThread && file !== ':memory:' ? await openThreaded(file, onCommit) : await openHere(file, onCommit)
  const nothing = new Tx()

  const writes = <N extends WriteName>(operation: N) => {
    const effect = isEffect(operation)
    return (args: Parameters<typeof writeOperations[N]>[1]): Promise<ResultOf<ReturnType<typeof writeOperations[N]>>> =>
      commits.write({ operation, args, hold: effect ? takeHold() : undefined })
  }
  const reads = <A, R>(operation: (tx: Tx, args: A) => Operation<R>) =>
    async (args: A): Promise<R> => engine.read(operation(nothing, args))

  const listMessagesOf = reads(listMessages)
  const readEventsOf = reads(readEvents)
  const listJobsOf = reads(listJobs)
  const listRunsOf = reads(listScheduleRuns)
  const saveScheduleOf = writes('saveSchedule')
  const listAuditOf = reads(listAudit)
  const listProposalsOf = reads(listProposals)
  const listEffectsOf = reads(listEffects)

  return {
    engine: 'sqlite',
    exclusive: true,
    subscribe: (listener: (notice: Notice) => void) => { commits.subscribe(listener) },
    async close () {
      await commits.drained()
      await engine.close()
    },
    createSession: writes('createSession'),
    getSession: reads(getSession),
    listSessions: reads(listSessions),
    deleteSession: writes('deleteSession'),
    addMessage: writes('addMessage'),
    listMessages: (sessionId, page) => listMessagesOf({ session_id: sessionId, page }),
    getMessage: reads(getMessage),
    history: reads(history),
    appendEvents: writes('appendEvents'),
    publish: writes('publish'),
    readEvents: (stream, after, limit) => readEventsOf({ stream, after, limit }),
    streamRange: reads(streamRange),
    latestReply: reads(latestReply),
    hasActiveReply: reads(hasActiveReply),
    hasSaid: reads(hasSaid),
    enqueue: writes('enqueue'),
    claim: writes('claim'),
    renew: writes('renew'),
    settle: writes('settle'),
    reportProgress: writes('reportProgress'),
    cancelJobs: writes('cancelJobs'),
    retryJob: writes('retryJob'),
    recover: writes('recover'),
    unpark: writes('unpark'),
    parkedReasons: async () => engine.read(parkedReasons()),
    getJob: reads(getJob),
    listJobs: (filter, page) => listJobsOf({ filter, page }),
    jobsOfEvent: reads(jobsOfEvent),
    nextRunAt: async () => engine.read(nextRunAt()),
    recordEvent: writes('recordEvent'),
    getEvent: reads(getEvent),
    syncSchedules: writes('syncSchedules'),
    saveSchedule: (schedule, mode) => saveScheduleOf({ schedule, mode }),
    changeSchedule: writes('changeSchedule'),
    deleteSchedule: writes('deleteSchedule'),
    listSchedules: async () => engine.read(listSchedules()),
    getSchedule: reads(getSchedule),
    listScheduleRuns: (id, page) => listRunsOf({ id, page }),
    fireSchedule: writes('fireSchedule'),
    agentStates: async () => engine.read(agentStates()),
    setAgentState: writes('setAgentState'),
    setHold: writes('setHold'),
    listHolds: async () => engine.read(listHolds()),
    listAudit: (filter, page) => listAuditOf({ filter, page }),
    briefRows: reads(briefRows),
    gateCounts: async () => engine.read(gateCounts()),
    fileProposals: writes('fileProposals'),
    getProposal: reads(getProposal),
    listProposals: (filter, page) => listProposalsOf({ filter, page }),
    decideProposal: writes('decideProposal'),
    endProposal: writes('endProposal'),
    expireProposals: writes('expireProposals'),
    unscoredShadows: reads(unscoredShadows),
    scoreShadow: writes('scoreShadow'),
    shadowTotals: reads(shadowTotals),
    startEffect: writes('startEffect'),
    finishEffect: writes('finishEffect'),
    refuseEffect: writes('refuseEffect'),
    getEffect: reads(getEffect),
    effectOfKey: reads(effectOfKey),
    listEffects: (filter, page) => listEffectsOf({ filter, page }),
    effectsByIds: reads(effectsByIds),
    ledgerEntries: reads(ledgerEntries),
    pastPrices: reads(pastPrices),
    countEffects: reads(countEffects),
    currentPolicy: async () => engine.read(currentPolicy()),
    savePolicy: writes('savePolicy'),
    listPolicies: reads(listPolicies),
    addFreeze: writes('addFreeze'),
    liftFreeze: writes('liftFreeze'),
    listFreezes: reads(listFreezes),
    setAutonomy: writes('setAutonomy'),
    historyState: async () => engine.read(historyState()),
    saveHistory: writes('saveHistory'),
    dropHistory: writes('dropHistory'),
    historyPage: reads(historyPage),
    newestOrder: async () => engine.read(newestOrder()),
    saveStock: writes('saveStock'),
    stockPage: reads(stockPage),
    listFeeds: async () => engine.read(listFeeds()),
    saveFeed: writes('saveFeed'),
    deleteFeed: writes('deleteFeed'),
    feedChunk: reads(feedChunk),
    claimKey: writes('claimKey'),
    answerKey: writes('answerKey'),
    releaseKey: writes('releaseKey'),
    pruneKeys: writes('pruneKeys'),
    async stats () {
      return { ...engine.read(stats(nothing, Date.now())), size_bytes: engine.sizeBytes() }
    },
    async probe (now) {
      const start = performance.now()
      await commits.write({ operation: 'probe', args: now })
      return performance.now() - start
    }
  }
}

type ResultOf<O> = O extends Operation<infer R> ? R : never

/** One connection, on this thread. */
const openHere = async (file: string, onCommit: CommitObserver = () => {}) => {
  const { engine, close } = await openSqliteFile(file, LATEST_MIGRATION, 'sole')
  const named = { commit: (batch: NamedUnit[]) => engine.commit(batch.map(unitOf)) }
  return { engine: { read: engine.read, sizeBytes: engine.sizeBytes, close }, commits: new GroupCommit(named, onCommit) }
}

const openThreaded = async (file: string, onCommit: CommitObserver = () => {}) => {
  const engine = await openThreadEngine(file, LATEST_MIGRATION)
  return { engine, commits: new GroupCommit(engine, onCommit) }
}
