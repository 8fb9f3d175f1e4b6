// The port to the database. Every write method is one atomic unit, durable when its promise resolves.
// A store that cannot answer rejects with AppError `store_unavailable` or `store_full`; anything else is a fault of ours.
import type {
  AgentState, AuditEntry, Job, JobFailure, JobKind, JobStatus, Json, Message, MultitaskStrategy, NewJob, NewStreamEvent, Page, PageRequest, Progress,
  ResourceChange, Role,
  Schedule, ScheduleRun, Session, StoreEvent, StreamEvent, JobQueue
} from './model.ts'
import type { BreakerState } from './breaker.ts'
import type { EffectStore } from './effects/store.ts'
import type { FeedStore, HistoryStore } from './store-history.ts'
import type { ExportStore } from './store-export.ts'
import type { IdempotencyStore } from './store-idempotency.ts'
import type { KeyStore } from './store-keys.ts'
import type { PrivacyStore } from './privacy/store.ts'
import type { RetentionStore } from './store-retention.ts'
import type { WebhookStore } from './webhooks/store.ts'

export type { AuditEntry, PageRequest } from './model.ts'

/** Right to run a job until `until`; only its holder can extend or settle it. */
export interface Lease {
  worker: string
  token: string
  until: number
}

export interface AddMessage {
  id: string
  session_id: string
  role: Role
  content: string
  now: number
  /** Given for a message that wants an answer. */
  reply?: {
    job: NewJob
    strategy: MultitaskStrategy
    max_queued: number
    /** A free place of this process: the job starts under this lease when nothing is ahead of it. */
    lease?: Lease
  }
}

export type AddMessageResult =
  | { outcome: 'stored', leased: boolean }
  | { outcome: 'session_not_found' | 'session_busy' | 'queue_full' }

export type Settlement =
  | { status: 'succeeded', output: Json }
  | { status: 'failed' | 'dead', failure: JobFailure }
  /** Another attempt at `run_at`; without a failure the lease is given back, the attempt not counted, and the reason `given_back`. */
  | { status: 'queued', run_at: number, failure?: JobFailure }
  | { status: 'cancelled', reason: string }
  | { status: 'parked', reason: string }

export interface SettleJob {
  id: string
  token: string
  /** The job's own: it is locked before the job is looked at. */
  session_id: string | null
  now: number
  settlement: Settlement
  /** The reply, or what was said of it before a cancel. */
  message?: Omit<Message, 'seq'>
  events: NewStreamEvent[]
  /** Counts towards the health of the agent. `pause_after`: consecutive failures that pause it. */
  agent?: { name: string, ok: boolean, error: string | null, pause_after: number }
  /** Tells the endpoints of webhooks when this is the job's end, in the same commit. Default: no. */
  announce?: boolean
}

export type SettleResult = { outcome: 'settled', agent_paused: boolean } | { outcome: 'lost' }

/** What people may change of a schedule. */
export type ScheduleChange = Partial<Pick<Schedule, 'cron' | 'timezone' | 'paused' | 'input'>>

export interface FireSchedule {
  id: string
  due_at: number
  /** Compare-and-set: somebody else who fired it has moved this on. */
  expected_due_at: number
  next_due_at: number | null
  missed: number
  now: number
  job: NewJob
}

export interface RecordEvent {
  event: Omit<StoreEvent, 'ignored'>
  jobs: NewJob[]
  /** The state that it tells of: an agent that was told of a newer one of the same thing gets no job. */
  change?: ResourceChange
  /** We made that change ourselves: recorded, and no job. */
  echo?: boolean
  /** Jobs with a dedupe key that have not begun get the newest input, and one that runs is followed by another. Default: any unfinished job will do. */
  coalesce?: boolean
}

export interface RecordedEvent {
  event_id: string
  jobs: Array<{ id: string, deduplicated: boolean }>
  ignored: StoreEvent['ignored']
}

export interface JobFilter {
  status?: JobStatus
  kind?: JobKind
  agent?: string
  session_id?: string
  /** Of replies only those in this one's sessions. */
  owner?: string
}

export interface JobCounts {
  kind: JobKind
  status: JobStatus
  count: number
}

export interface Lost {
  id: string
  kind: JobKind
  agent: string | null
  session_id: string | null
  outcome: 'queued' | 'dead' | 'cancelled'
}

/** What has just been committed, for those who wait for it. */
export interface Notice {
  /** Streams that grew. The events are given by an engine that has them at hand. */
  streams: Map<string, StreamEvent[] | undefined>
  /** Queues in which a job became ready. */
  queues: Set<JobQueue>
  /** Running jobs whose cancel was asked for, and by what. */
  cancels: Array<{ id: string, reason: string }>
  /** Jobs that ended. */
  finished: string[]
  /** Streams that were deleted. */
  gone: string[]
  /** Schedules or agents changed. */
  plans: boolean
  /** Something was decided by hand about a circuit breaker. */
  holds?: boolean
  /** API keys were made or revoked. */
  keys?: boolean
  /** An upstream told one of our processes to wait: nobody asks it before that time, milliseconds since the epoch. */
  waits?: Wait[]
  /** Notices were lost: whoever waits for anything has to look. */
  everything?: boolean
}

export interface Wait {
  /** The dependency. */
  name: string
  until: number
}

export type HoldAction = 'force_open' | 'force_closed' | 'reset'

/** What was last decided by hand about a circuit breaker; a `reset` ends the hold before it. Times are milliseconds since the epoch. */
export interface StoredHold {
  /** The breaker. */
  name: string
  /** Of the decision, and of its entry in the audit. */
  id: string
  action: HoldAction
  /** Null only for a reset. */
  reason: string | null
  actor: string
  request_id: string | null
  since: number
  /** The end of the hold by itself; null when it has none. */
  until: number | null
}

export interface HoldStore {
  /** Replaces what was decided about the breaker before, and enters it into the audit. `state`: the breaker's in the process that was asked. */
  setHold (args: { hold: StoredHold, state: { before: BreakerState, after: BreakerState } }): Promise<void>
  listHolds (): Promise<StoredHold[]>
  /** Newest first. */
  listAudit (filter: { target?: string }, page: PageRequest): Promise<Page<AuditEntry>>
}

export interface StoreStats {
  sessions: number
  messages: number
  events: number
  jobs: JobCounts[]
  /** Creation time of the job that has been ready the longest, by queue; null when none waits. */
  oldest_ready: Record<JobQueue, number | null>
  size_bytes: number
}

export interface BackupReport {
  bytes: number
  tables: number
  rows: number
}

export interface Store extends HoldStore, EffectStore, HistoryStore, FeedStore, IdempotencyStore, KeyStore, RetentionStore, ExportStore, WebhookStore,
  PrivacyStore {
  readonly engine: string
  /** Where it is, without secrets. */
  readonly place: string
  /** True when no other process can hold a lease on this store: leases found at the start belong to the dead. */
  readonly exclusive: boolean
  /**
   * Saves the whole store to a file that is not there yet, beside what goes on, and looks at it. Undefined where the store has ways of its own.
   * Rejects with what the disk says, or with the reason of the signal; nothing is left behind then.
   */
  backup?: (file: string, signal: AbortSignal) => Promise<BackupReport>
  subscribe (listener: (notice: Notice) => void): void
  /** Tells the other processes on this store, now; nothing is kept. */
  announce (waits: Wait[]): void
  close (): Promise<void>

  /** `owner`: whoever opened it; null: nobody in particular. */
  createSession (session: { id: string, now: number, owner?: string | null }): Promise<void>
  getSession (id: string): Promise<Session | undefined>
  /** `owner`: only theirs. */
  listSessions (page: PageRequest, owner?: string): Promise<Page<Session> & { total: number }>
  /** Deletes the session with its messages and stream, and cancels its jobs. False when there is none. */
  deleteSession (args: { id: string, now: number }): Promise<boolean>
  addMessage (message: AddMessage): Promise<AddMessageResult>
  listMessages (sessionId: string, page: PageRequest): Promise<Page<Message>>
  getMessage (args: { session_id: string, id: string }): Promise<Message | undefined>
  /** The last `limit` messages up to and including position `seq` of message `upTo`, oldest first. */
  history (args: { session_id: string, up_to: string, limit: number }): Promise<Message[]>

  /** Appends under the job's lease; undefined when the lease is no longer held. */
  appendEvents (args: { job_id: string, token: string, now: number, events: NewStreamEvent[] }): Promise<true | undefined>
  /** Appends to the system stream. */
  publish (args: { now: number, events: NewStreamEvent[] }): Promise<void>
  readEvents (stream: string, after: number, limit: number): Promise<StreamEvent[]>
  /** The last position of each stream; those of deleted sessions are missing. */
  streamEnds (streams: string[]): Promise<Record<string, number>>
  /** First and last stored position; zeros for an empty stream. */
  streamRange (stream: string): Promise<{ first: number, last: number }>
  /** The reply to the latest user message, the position behind which its events stand, and the first that is stored of the stream (0: none). */
  latestReply (sessionId: string): Promise<{ job_id: string, after: number, active: boolean, first: number } | undefined>
  hasActiveReply (sessionId: string): Promise<boolean>
  /** Whether the stream holds deltas of this job. */
  hasSaid (args: { stream: string, job_id: string }): Promise<boolean>

  enqueue (args: { jobs: NewJob[], now: number }): Promise<Array<{ id: string, deduplicated: boolean }>>
  claim (args: { queue: JobQueue, limit: number, lease: Lease, now: number }): Promise<Job[]>
  /** Extends leases; answers the ids that are still held, and those among them whose cancel was asked for. */
  renew (args: { leases: Array<{ id: string, token: string }>, until: number }): Promise<{ held: string[], cancels: Array<{ id: string, reason: string }> }>
  settle (args: SettleJob): Promise<SettleResult>
  reportProgress (args: { id: string, token: string, progress: Progress }): Promise<void>
  cancelJobs (args: { id?: string, session_id?: string, reason: string, now: number }): Promise<Array<{ id: string, running: boolean }>>
  /** Queues a finished job again with fresh attempts. */
  retryJob (args: { id: string, now: number }): Promise<'queued' | 'not_found' | 'not_finished'>
  /** Takes back the jobs of dead workers: leases that ran out before `now`, or all (`everything`). */
  recover (args: { now: number, max_deaths: number, everything: boolean }): Promise<Lost[]>
  /** Queues jobs that were parked for this reason. */
  unpark (args: { reason: string, now: number }): Promise<number>
  /** Why jobs are parked now, each reason once. */
  parkedReasons (): Promise<string[]>
  getJob (id: string): Promise<Job | undefined>
  listJobs (filter: JobFilter, page: PageRequest): Promise<Page<Job> & { total: number }>
  jobsOfEvent (eventId: string): Promise<Job[]>
  nextRunAt (): Promise<number | undefined>

  /** One event a delivery: for one that is known already, that event's id and jobs. */
  recordEvent (args: RecordEvent): Promise<RecordedEvent>
  /** Topics of which a webhook ever came; `checked_to`: up to then it was looked for those that did not. */
  webhookTopics (): Promise<Array<{ topic: string, first_at: number, checked_to: number }>>
  topicChecked (args: { topic: string, to: number }): Promise<void>
  /** When each was changed as far as it was told; those that nothing was told of are not in it. */
  changesSeen (resources: string[]): Promise<Record<string, number>>
  /** Forgets what was seen before. Answers how many states. */
  forgetChanges (args: { before: number }): Promise<number>
  /** Makes the job when it is due; answers when it is due next. The first time it is due after a whole period. */
  chore (args: { name: string, now: number, every_ms: number, job: NewJob }): Promise<number>
  getEvent (id: string): Promise<StoreEvent | undefined>

  /** Makes the built-in schedules equal to the code's; keeps what people changed (pause, cron, time zone). */
  syncSchedules (args: { schedules: Schedule[], now: number }): Promise<void>
  saveSchedule (schedule: Schedule, mode: 'insert' | 'update'): Promise<boolean>
  /** Merges the change into the schedule as it is now; undefined when there is none. @throws AppError `invalid_schedule` */
  changeSchedule (args: { id: string, change: ScheduleChange, now: number }): Promise<Schedule | undefined>
  deleteSchedule (id: string): Promise<boolean>
  listSchedules (): Promise<Schedule[]>
  getSchedule (id: string): Promise<Schedule | undefined>
  listScheduleRuns (id: string, page: PageRequest): Promise<Page<ScheduleRun>>
  fireSchedule (args: FireSchedule): Promise<'queued' | 'skipped_overlap' | 'stale'>

  agentStates (): Promise<AgentState[]>
  setAgentState (args: { name: string, enabled: boolean, reason: string | null, now: number }): Promise<void>

  stats (): Promise<StoreStats>
  /** A real write, for readiness. Answers how long it took, in milliseconds. */
  probe (now: number): Promise<number>
}
