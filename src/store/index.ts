// The door of the store: opens an engine, brings its schema up to date and puts the operations behind the core's port.
import type { Notice, Store } from '../core/store.ts'
import { GroupCommit, type CommitObserver } from './group-commit.ts'
import { openSqlite } from './sqlite/engine.ts'
import { migrateSqlite } from './sqlite/migrate.ts'
import { Tx, type Operation } from './statement.ts'
import { getEvent, recordEvent } from './operations/events.ts'
import { cancelJobs, enqueue, getJob, jobsOfEvent, listJobs, nextRunAt, retryJob, unpark } from './operations/jobs.ts'
import { appendEvents, claim, publish, recover, renew, reportProgress, setAgentState, settle } from './operations/leases.ts'
import { history, listMessages } from './operations/messages.ts'
import {
  agentStates, deleteSchedule, fireSchedule, getSchedule, listScheduleRuns, listSchedules, saveSchedule, syncSchedules
} from './operations/schedules.ts'
import { addMessage, createSession, deleteSession, getSession, hasActiveReply, latestReply, listSessions } from './operations/sessions.ts'
import { probe, stats } from './operations/stats.ts'
import { readEvents, streamRange } from './operations/streams.ts'

export { StoreLockedError } from './sqlite/engine.ts'

const LATEST_MIGRATION = '0001-spine'

export interface StoreOptions {
  /** Path of the SQLite file, or `:memory:`. */
  file: string
  /** Hears how long each commit took and how many units it held. */
  onCommit?: CommitObserver
}

/** @throws StoreLockedError when another process holds the file. */
export const openStore = async ({ file, onCommit }: StoreOptions): Promise<Store> => {
  const engine = openSqlite(file)
  try {
    await migrateSqlite(engine.database, LATEST_MIGRATION)
  } catch (error) {
    engine.close()
    throw error
  }
  const commits = new GroupCommit(engine, onCommit ?? (() => {}))
  const nothing = new Tx()

  const writes = <A, R>(operation: (tx: Tx, args: A) => Operation<R>) =>
    (args: A): Promise<R> => commits.write((tx) => operation(tx, args))
  const reads = <A, R>(operation: (tx: Tx, args: A) => Operation<R>) =>
    async (args: A): Promise<R> => engine.read(operation(nothing, args))

  const listMessagesOf = reads(listMessages)
  const readEventsOf = reads(readEvents)
  const listJobsOf = reads(listJobs)
  const listRunsOf = reads(listScheduleRuns)
  const saveScheduleOf = writes(saveSchedule)

  return {
    engine: 'sqlite',
    exclusive: true,
    subscribe: (listener: (notice: Notice) => void) => { commits.subscribe(listener) },
    async close () {
      await commits.drained()
      engine.close()
    },
    createSession: writes(createSession),
    getSession: reads(getSession),
    listSessions: reads(listSessions),
    deleteSession: writes(deleteSession),
    addMessage: writes(addMessage),
    listMessages: (sessionId, page) => listMessagesOf({ session_id: sessionId, page }),
    history: reads(history),
    appendEvents: writes(appendEvents),
    publish: writes(publish),
    readEvents: (stream, after, limit) => readEventsOf({ stream, after, limit }),
    streamRange: reads(streamRange),
    latestReply: reads(latestReply),
    hasActiveReply: reads(hasActiveReply),
    enqueue: writes(enqueue),
    claim: writes(claim),
    renew: writes(renew),
    settle: writes(settle),
    reportProgress: writes(reportProgress),
    cancelJobs: writes(cancelJobs),
    retryJob: writes(retryJob),
    recover: writes(recover),
    unpark: writes(unpark),
    getJob: reads(getJob),
    listJobs: (filter, page) => listJobsOf({ filter, page }),
    jobsOfEvent: reads(jobsOfEvent),
    nextRunAt: async () => engine.read(nextRunAt()),
    recordEvent: writes(recordEvent),
    getEvent: reads(getEvent),
    syncSchedules: writes(syncSchedules),
    saveSchedule: (schedule, mode) => saveScheduleOf({ schedule, mode }),
    deleteSchedule: writes(deleteSchedule),
    listSchedules: async () => engine.read(listSchedules()),
    getSchedule: reads(getSchedule),
    listScheduleRuns: (id, page) => listRunsOf({ id, page }),
    fireSchedule: writes(fireSchedule),
    agentStates: async () => engine.read(agentStates()),
    setAgentState: writes(setAgentState),
    async stats () {
      return { ...engine.read(stats(nothing, Date.now())), size_bytes: engine.sizeBytes() }
    },
    async probe (now) {
      const start = performance.now()
      await commits.write((tx) => probe(tx, now))
      return performance.now() - start
    }
  }
}
