// The operations behind the core's port, over whichever engine carries them out.
import { takeHold } from '../core/keyed.ts'
import type { BackupReport, Notice, Store } from '../core/store.ts'
import type { GroupCommit } from './group-commit.ts'
import { isEffect, type NamedUnit, type WriteName, type writeOperations } from './operations/index.ts'
import { briefRows, gateCounts } from './operations/brief.ts'
import { countEffects, effectOfKey, effectsByIds, effectsOn, getEffect, ledgerEntries, listEffects, pastPrices } from './operations/effects.ts'
import { getEvent } from './operations/events.ts'
import { exportPage } from './operations/export.ts'
import { feedChunk, listFeeds } from './operations/feeds.ts'
import { listFreezes } from './operations/freezes.ts'
import { listAudit, listHolds } from './operations/holds.ts'
import { getJob, jobsOfEvent, listJobs, nextRunAt, parkedReasons } from './operations/jobs.ts'
import { keyByHash, listKeys } from './operations/keys.ts'
import { getMessage, history, listMessages } from './operations/messages.ts'
import { currentPolicy, listPolicies } from './operations/policies.ts'
import { exportPortion, findPortion, getPrivacyRequest, listPrivacyRequests, personalTables } from './operations/privacy.ts'
import { getProposal, listProposals, shadowTotals, unscoredShadows } from './operations/proposals.ts'
import { keptRows, oldRows } from './operations/retention.ts'
import { agentStates, getSchedule, listScheduleRuns, listSchedules } from './operations/schedules.ts'
import { getSession, hasActiveReply, latestReply, listSessions } from './operations/sessions.ts'
import { historyPage, historyState, newestOrder, stockPage } from './operations/shop-history.ts'
import { stats } from './operations/stats.ts'
import { hasSaid, readEvents, streamEnds, streamRange } from './operations/streams.ts'
import { changesSeen, webhookTopics } from './operations/webhook-sources.ts'
import { getDelivery, getEndpoint, listDeliveries, listEndpoints } from './operations/webhooks.ts'
import { emptyNotice } from './notices.ts'
import { Tx, type Operation } from './statement.ts'

export interface Engine {
  readonly name: 'sqlite' | 'postgres'
  readonly place: string
  /** See Store. */
  readonly exclusive: boolean
  readonly commits: GroupCommit<NamedUnit>
  read<R> (operation: Operation<R>): R | Promise<R>
  /** All statements of the operation see the same moment. */
  readSnapshot<R> (operation: Operation<R>): R | Promise<R>
  sizeBytes (): number | Promise<number>
  /** See Store. */
  backup?: (file: string, signal: AbortSignal) => Promise<BackupReport>
  /** Tells other processes of this without a commit. */
  announce (notice: Notice): void
  /** What other processes committed. */
  onNews (listener: (notice: Notice) => void): void
  close (): void | Promise<void>
}

export const storeOf = (engine: Engine): Store => {
  const { commits } = engine
  const nothing = new Tx()

  const writes = <N extends WriteName>(operation: N) => {
    const effect = isEffect(operation)
    return (args: Parameters<typeof writeOperations[N]>[1]): Promise<ResultOf<ReturnType<typeof writeOperations[N]>>> =>
      commits.write({ operation, args, hold: effect ? takeHold() : undefined })
  }
  const reads = <A, R>(operation: (tx: Tx, args: A) => Operation<R>) =>
    async (args: A): Promise<R> => engine.read(operation(nothing, args))
  const readsSnapshot = <A, R>(operation: (tx: Tx, args: A) => Operation<R>) =>
    async (args: A): Promise<R> => engine.readSnapshot(operation(nothing, args))

  const listMessagesOf = reads(listMessages)
  const listSessionsOf = reads(listSessions)
  const readEventsOf = reads(readEvents)
  const listJobsOf = reads(listJobs)
  const listRunsOf = reads(listScheduleRuns)
  const saveScheduleOf = writes('saveSchedule')
  const listAuditOf = reads(listAudit)
  const listProposalsOf = reads(listProposals)
  const listEffectsOf = reads(listEffects)
  const listDeliveriesOf = reads(listDeliveries)

  return {
    engine: engine.name,
    place: engine.place,
    exclusive: engine.exclusive,
    ...(engine.backup === undefined ? {} : { backup: engine.backup }),
    subscribe (listener) {
      commits.subscribe(listener)
      engine.onNews(listener)
    },
    announce (waits) { engine.announce({ ...emptyNotice(), waits }) },
    async close () {
      await commits.drained()
      await engine.close()
    },
    createSession: writes('createSession'),
    getSession: reads(getSession),
    listSessions: (page, owner) => listSessionsOf({ page, owner }),
    deleteSession: writes('deleteSession'),
    addMessage: writes('addMessage'),
    listMessages: (sessionId, page) => listMessagesOf({ session_id: sessionId, page }),
    getMessage: reads(getMessage),
    history: reads(history),
    appendEvents: writes('appendEvents'),
    publish: writes('publish'),
    readEvents: (stream, after, limit) => readEventsOf({ stream, after, limit }),
    streamEnds: reads(streamEnds),
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
    webhookTopics: async () => engine.read(webhookTopics()),
    topicChecked: writes('topicChecked'),
    changesSeen: reads(changesSeen),
    forgetChanges: writes('forgetChanges'),
    chore: writes('chore'),
    addEndpoint: writes('addEndpoint'),
    getEndpoint: reads(getEndpoint),
    listEndpoints: async () => engine.read(listEndpoints()),
    changeEndpoint: writes('changeEndpoint'),
    deleteEndpoint: writes('deleteEndpoint'),
    addDelivery: writes('addDelivery'),
    getDelivery: reads(getDelivery),
    listDeliveries: (filter, page) => listDeliveriesOf({ filter, page }),
    noteAttempt: writes('noteAttempt'),
    pruneDeliveries: writes('pruneDeliveries'),
    addPrivacyRequest: writes('addPrivacyRequest'),
    getPrivacyRequest: reads(getPrivacyRequest),
    listPrivacyRequests: reads(listPrivacyRequests),
    endPrivacyRequest: writes('endPrivacyRequest'),
    redactPortion: writes('redactPortion'),
    findPortion: reads(findPortion),
    personalTables,
    redactShop: writes('redactShop'),
    addExport: writes('addExport'),
    exportPortion: reads(exportPortion),
    forgetExports: writes('forgetExports'),
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
    briefRows: readsSnapshot(briefRows),
    gateCounts: async () => engine.read(gateCounts()),
    fileProposals: writes('fileProposals'),
    getProposal: readsSnapshot(getProposal),
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
    effectsOn: reads(effectsOn),
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
    historyPage: readsSnapshot(historyPage),
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
    oldRows: reads(oldRows),
    removeSessions: writes('removeSessions'),
    removeRemains: writes('removeRemains'),
    removeJobs: writes('removeJobs'),
    removeEvents: writes('removeEvents'),
    removeProposals: writes('removeProposals'),
    removeScheduleRuns: writes('removeScheduleRuns'),
    removeStock: writes('removeStock'),
    trimStream: writes('trimStream'),
    exportPage: async (args) => engine.read(exportPage(nothing, args)),
    keptRows: async () => engine.read(keptRows()),
    addKey: writes('addKey'),
    revokeKey: writes('revokeKey'),
    touchKey: writes('touchKey'),
    keyByHash: reads(keyByHash),
    listKeys: async () => engine.read(listKeys()),
    async stats () {
      return { ...await engine.read(stats(nothing, Date.now())), size_bytes: await engine.sizeBytes() }
    },
    async probe (now) {
      const start = performance.now()
      await commits.write({ operation: 'probe', args: now })
      return performance.now() - start
    }
  }
}

type ResultOf<O> = O extends Operation<infer R> ? R : never
