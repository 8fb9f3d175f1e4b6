// The words of the system as types: what is stored, and what the parts hand each other.
// Times are milliseconds since the epoch; routes turn them into ISO-8601.

import type { Autonomy } from './effects/autonomy.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export type Role = 'user' | 'assistant'

export interface Session {
  id: string
  created_at: number
  updated_at: number
  message_count: number
  /** Whoever opened it; null: nobody in particular. */
  owner: string | null
}

export interface Message {
  id: string
  session_id: string
  /** Position in the session, from 1. */
  seq: number
  role: Role
  content: string
  created_at: number
  /** For a reply: the message that it answers. */
  reply_to: string | null
  /** For a user's message: the job that answers it. For a reply: the job that wrote it. */
  job_id: string | null
  /** A reply that was cut short by a cancel or a limit keeps what was said so far. */
  status: 'complete' | 'interrupted'
}

/** What happens to a reply under way when the next message comes. */
export const MULTITASK_STRATEGIES = ['enqueue', 'reject', 'interrupt', 'rollback'] as const
export type MultitaskStrategy = typeof MULTITASK_STRATEGIES[number]

/** The stream of the whole system, beside one stream a session. */
export const SYSTEM_STREAM = 'system'

export interface NewStreamEvent {
  stream: string
  /** The SSE event name: message, error, attempt, ... */
  name: string
  /** JSON text, stored and sent as it is. */
  data: string
  /** The job whose reply this event belongs to. */
  job_id: string | null
  /** After a final event the reply has nothing more to say. */
  final: boolean
}

export interface StreamEvent extends NewStreamEvent {
  /** Position in the stream, from 1, without holes: the SSE id. */
  seq: number
  at: number
}

/** `effect` makes what was approved, or undoes it; `task` is what the system does by itself; `delivery` sends a webhook. */
export type JobKind = 'reply' | 'agent' | 'event' | 'effect' | 'task' | 'delivery'
/** Queues of their own, so that a burst of agent work never keeps a person waiting for an answer, and a receiver of webhooks that hangs keeps nobody. */
export const JOB_QUEUES = ['replies', 'agents', 'deliveries'] as const
export type JobQueue = typeof JOB_QUEUES[number]
export const JOB_STATUSES = ['queued', 'running', 'waiting', 'parked', 'succeeded', 'failed', 'cancelled', 'dead'] as const
export type JobStatus = typeof JOB_STATUSES[number]
export const PRIORITIES = ['critical', 'high', 'normal', 'low'] as const
export type Priority = typeof PRIORITIES[number]

export interface JobFailure {
  attempt: number
  at: number
  code: string
  message: string
}

export interface Progress {
  /** From 0 to 1. */
  fraction: number
  note: string
  at: number
}

export interface NewJob {
  id: string
  kind: JobKind
  queue: JobQueue
  /** What people read: `reply`, or the agent's name. */
  name: string
  agent: string | null
  session_id: string | null
  /** Jobs of one lane run one after the other, oldest first. */
  lane: string | null
  /** While a job with this key is not finished, a second one is not made. */
  dedupe_key: string | null
  priority: Priority
  /** Versioned input, see each producer. */
  payload: Json
  run_at: number
  max_attempts: number
  timeout_ms: number
  /** Who asked: `api`, `schedule:<id>`, `event:<id>`, `assistant:<session>`. */
  source: string
  created_at: number
}

export interface Job extends NewJob {
  status: JobStatus
  attempt: number
  /** How often a worker died while it ran this job. */
  deaths: number
  /** Why it is parked, why it was cancelled, or why it is queued once more without a failure: `given_back`, for a reply `retried`. */
  reason: string | null
  progress: Progress | null
  output: Json | null
  error: JobFailure | null
  /** The last ten failures, oldest first. */
  failures: JobFailure[]
  cancel_requested: string | null
  lease_token: string | null
  lease_until: number | null
  worker: string | null
  started_at: number | null
  finished_at: number | null
}

export interface StoreEvent {
  id: string
  type: string
  data: Json
  /** As the sender wrote it; ISO-8601 of the receipt when it wrote none. */
  timestamp: string
  source: string
  /** The sender's own id of the delivery, with its name before it; null: it gave none. */
  delivery: string | null
  received_at: number
  /** Why it made no job although somebody listens: `stale`, a newer state of the same thing was told before; `echo`, we made the change ourselves. */
  ignored: 'stale' | 'echo' | null
}

/** A state of a thing of the shop: `orders:7` as it was changed at that time, milliseconds since the epoch. */
export interface ResourceChange {
  resource: string
  at: number
}

export interface Schedule {
  id: string
  agent: string
  cron: string
  timezone: string
  input: Json
  paused: boolean
  /** Made by the agent's own code rather than through the API. */
  built_in: boolean
  next_due_at: number | null
  last_due_at: number | null
  created_at: number
  updated_at: number
}

export interface ScheduleRun {
  schedule_id: string
  due_at: number
  fired_at: number
  job_id: string | null
  outcome: 'queued' | 'skipped_overlap'
  /** Instants before this one that passed while nobody could fire them. */
  missed: number
}

export interface AgentState {
  name: string
  enabled: boolean
  autonomy: Autonomy
  paused_reason: string | null
  paused_at: number | null
  consecutive_failures: number
  last_success_at: number | null
  last_failure_at: number | null
  last_error: string | null
}

/** One decision that somebody made. Entries are never changed. */
export interface AuditEntry {
  id: string
  at: number
  actor: string
  request_id: string | null
  action: string
  /** What it was about: `circuit_breaker:shopify_api`. */
  target: string
  reason: string | null
  before: Json
  after: Json
}

export interface PageRequest {
  limit: number
  cursor?: string | undefined
}

export interface Page<T> {
  items: T[]
  /** Hand it back to get the next page; null at the end. */
  next_cursor: string | null
}
