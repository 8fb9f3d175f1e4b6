// The operations that write, by name: a writer in another thread is told the name and the arguments.
import type { KeyHold } from '../../core/keyed.ts'
import type { Operation, Tx } from '../statement.ts'
import { chore } from './chores.ts'
import { finishEffect, refuseEffect, startEffect } from './effects.ts'
import { recordEvent } from './events.ts'
import { deleteFeed, saveFeed } from './feeds.ts'
import { addFreeze, liftFreeze } from './freezes.ts'
import { setHold } from './holds.ts'
import { answerKey, claimKey, EFFECTS, once, pruneKeys, releaseKey } from './idempotency.ts'
import { cancelJobs, enqueue, retryJob, unpark } from './jobs.ts'
import { addKey, revokeKey, touchKey } from './keys.ts'
import { appendEvents, claim, publish, recover, renew, reportProgress, setAgentState, settle } from './leases.ts'
import { savePolicy, setAutonomy } from './policies.ts'
import { addExport, addPrivacyRequest, endPrivacyRequest, forgetExports, redactPortion, redactShop } from './privacy.ts'
import { decideProposal, endProposal, expireProposals, fileProposals, scoreShadow } from './proposals.ts'
import { removeEvents, removeJobs, removeProposals, removeRemains, removeScheduleRuns, removeSessions, removeStock, trimStream } from './retention.ts'
import { changeSchedule, deleteSchedule, fireSchedule, saveSchedule, syncSchedules } from './schedules.ts'
import { addMessage, createSession, deleteSession } from './sessions.ts'
import { dropHistory, saveHistory, saveStock } from './shop-history.ts'
import { probe } from './stats.ts'
import { forgetChanges, topicChecked } from './webhook-sources.ts'
import { addDelivery, addEndpoint, changeEndpoint, deleteEndpoint, noteAttempt, pruneDeliveries } from './webhooks.ts'

export const writeOperations = {
  addDelivery,
  addEndpoint,
  addExport,
  addFreeze,
  addKey,
  addMessage,
  addPrivacyRequest,
  answerKey,
  appendEvents,
  cancelJobs,
  changeEndpoint,
  changeSchedule,
  chore,
  claim,
  claimKey,
  createSession,
  decideProposal,
  deleteEndpoint,
  deleteFeed,
  deleteSchedule,
  deleteSession,
  dropHistory,
  endPrivacyRequest,
  endProposal,
  enqueue,
  expireProposals,
  fileProposals,
  finishEffect,
  fireSchedule,
  forgetChanges,
  forgetExports,
  liftFreeze,
  noteAttempt,
  probe,
  pruneDeliveries,
  pruneKeys,
  publish,
  recordEvent,
  recover,
  redactPortion,
  redactShop,
  refuseEffect,
  releaseKey,
  removeEvents,
  removeJobs,
  removeProposals,
  removeRemains,
  removeScheduleRuns,
  removeSessions,
  removeStock,
  renew,
  reportProgress,
  retryJob,
  revokeKey,
  saveFeed,
  saveHistory,
  savePolicy,
  saveSchedule,
  saveStock,
  scoreShadow,
  setAgentState,
  setAutonomy,
  setHold,
  settle,
  startEffect,
  syncSchedules,
  topicChecked,
  touchKey,
  trimStream,
  unpark
}

export type WriteName = keyof typeof writeOperations

/** A write as plain data. */
export interface NamedUnit {
  operation: WriteName
  args: unknown
  /** It is the effect of a request with an idempotency key. */
  hold?: KeyHold | undefined
}

/** Whether it can be the effect of a request. */
export const isEffect = (operation: WriteName): boolean => EFFECTS[operation] !== undefined

export const unitOf = ({ operation, args, hold }: NamedUnit) => (tx: Tx): Operation<unknown> => {
  const write = (writeOperations[operation] as (tx: Tx, args: unknown) => Operation<unknown>)(tx, args)
  return hold === undefined ? write : once(hold, { operation, write, ...EFFECTS[operation] })
}
