// The operations that write, by name: a writer in another thread is told the name and the arguments.
import { recordEvent } from './events.ts'
import { deleteFeed, saveFeed } from './feeds.ts'
import { setHold } from './holds.ts'
import { cancelJobs, enqueue, retryJob, unpark } from './jobs.ts'
import { appendEvents, claim, publish, recover, renew, reportProgress, setAgentState, settle } from './leases.ts'
import { changeSchedule, deleteSchedule, fireSchedule, saveSchedule, syncSchedules } from './schedules.ts'
import { addMessage, createSession, deleteSession } from './sessions.ts'
import { dropHistory, saveHistory, saveStock } from './shop-history.ts'
import { probe } from './stats.ts'

export const writeOperations = {
  addMessage,
  appendEvents,
  cancelJobs,
  changeSchedule,
  claim,
  createSession,
  deleteFeed,
  deleteSchedule,
  deleteSession,
  dropHistory,
  enqueue,
  fireSchedule,
  probe,
  publish,
  recordEvent,
  recover,
  renew,
  reportProgress,
  retryJob,
  saveFeed,
  saveHistory,
  saveSchedule,
  saveStock,
  setAgentState,
  setHold,
  settle,
  syncSchedules,
  unpark
}

export type WriteName = keyof typeof writeOperations

/** A write as plain data. */
export interface NamedUnit {
  operation: WriteName
  args: unknown
}
