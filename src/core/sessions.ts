// Sessions as callers see them: post a message, read the conversation, find where its stream goes on, cancel a reply.
import type { Clock } from './clock.ts'
import { AppError } from './errors.ts'
import { isId, newId } from './ids.ts'
import type { Message, MultitaskStrategy, Page, Role, Session } from './model.ts'
import { newReplyJob } from './replies.ts'
import type { PageRequest, Store } from './store.ts'
import type { FollowOptions } from './streams.ts'
import type { Worker } from './worker.ts'

export interface SessionDependencies {
  store: Store
  clock: Clock
  replies: Worker
  maxQueued: number
}

export interface PostMessage {
  session_id: string
  role: Role
  content: string
  strategy: MultitaskStrategy
}

/** Where a client's stream goes on: `over` when it has everything that there will be, `gap` when part of it is no longer stored. */
export type StreamStart = { state: 'over' } | { state: 'follow', options: FollowOptions, gap?: { first: number } }

const BUSY_RETRY_MS = 1_000

/** `owner` in its methods: a session of anybody else is not there. Without it all are. */
export class Sessions {
  readonly #dependencies: SessionDependencies

  constructor (dependencies: SessionDependencies) {
    this.#dependencies = dependencies
  }

  async create (owner: string | null = null): Promise<string> {
    const id = newId()
    await this.#dependencies.store.createSession({ id, owner, now: this.#dependencies.clock.now() })
    return id
  }

  list (page: PageRequest, owner?: string): Promise<Page<Session> & { total: number }> { return this.#dependencies.store.listSessions(page, owner) }

  /** @throws AppError `session_not_found` */
  async get (id: string, owner?: string): Promise<Session> {
    const session = isId(id) ? await this.#dependencies.store.getSession(id) : undefined
    if (session === undefined || (owner !== undefined && session.owner !== owner)) throw sessionNotFound()
    return session
  }

  /** @throws AppError `session_not_found` */
  async remove (id: string, owner?: string): Promise<void> {
    if (owner !== undefined) await this.get(id, owner)
    if (!isId(id) || !await this.#dependencies.store.deleteSession({ id, now: this.#dependencies.clock.now() })) throw sessionNotFound()
  }

  /** @throws AppError `session_not_found` */
  async messages (id: string, page: PageRequest, owner?: string): Promise<Page<Message> & { total: number }> {
    const session = await this.get(id, owner)
    return { ...await this.#dependencies.store.listMessages(id, page), total: session.message_count }
  }

  /**
   * Stores a message, and for role `user` the job that answers it, in one commit. Assistant messages are only stored (imported history).
   * @throws AppError `session_not_found`, `session_busy`, `queue_full`
   */
  async post ({ session_id: sessionId, role, content, strategy }: PostMessage, owner?: string): Promise<{ message_id: string, job_id: string | null }> {
    const { store, clock, replies, maxQueued } = this.#dependencies
    if (owner !== undefined) await this.get(sessionId, owner)
    if (!isId(sessionId)) throw sessionNotFound()
    const now = clock.now()
    const id = newId()
    if (role === 'assistant') {
      refuse(await store.addMessage({ id, session_id: sessionId, role, content, now }))
      return { message_id: id, job_id: null }
    }
    const job = newReplyJob({ session_id: sessionId, reply_to: id, strategy, now })
    const lease = replies.reserve()
    let leased = false
    try {
      const result = await store.addMessage({
        id,
        session_id: sessionId,
        role,
        content,
        now,
        reply: { job, strategy, max_queued: maxQueued, ...(lease === undefined ? {} : { lease }) }
      })
      refuse(result)
      leased = result.outcome === 'stored' && result.leased
    } finally {
      if (lease !== undefined && !leased) replies.release()
    }
    if (lease !== undefined && leased) replies.begin(job, lease)
    return { message_id: id, job_id: job.id }
  }

  /** Stops the reply under way and those that wait behind it. @throws AppError `session_not_found` */
  async cancel (id: string, owner?: string): Promise<Array<{ id: string, running: boolean }>> {
    await this.get(id, owner)
    return this.#dependencies.store.cancelJobs({ session_id: id, reason: 'cancelled', now: this.#dependencies.clock.now() })
  }

  /**
   * Where a stream of the session goes on. Without `lastEventId`: the reply to the latest message.
   * @throws AppError `session_not_found`, `invalid_last_event_id`
   */
  async streamStart (id: string, lastEventId: string | undefined, owner?: string): Promise<StreamStart> {
    const { store } = this.#dependencies
    if (owner !== undefined) await this.get(id, owner)
    const latest = isId(id) ? await store.latestReply(id) : undefined
    // A session without messages has no latest reply either.
    if (latest === undefined) await this.get(id)
    const follow = (after: number, first: number, jobId?: string): StreamStart => ({
      state: 'follow',
      // Behind a gap there is nothing to wait for before `first`.
      options: { stream: id, after: Math.max(after, first - 1), untilFinal: true, ...(jobId === undefined ? {} : { job_id: jobId }) },
      ...(after + 1 < first ? { gap: { first } } : {})
    })
    if (lastEventId === undefined) return latest === undefined ? follow(0, 0) : follow(latest.after, latest.first, latest.job_id)
    const after = parsePosition(lastEventId)
    const { first, last } = await store.streamRange(id)
    if (after > last) throw new AppError('invalid_last_event_id')
    if (after === last && !await store.hasActiveReply(id)) return latest === undefined ? follow(after, first) : { state: 'over' }
    return follow(after, first, await this.#unfinished(id, after))
  }

  /** The reply in whose middle a position is. Its reader stays with it, whatever becomes of those that wait behind it. */
  async #unfinished (id: string, position: number): Promise<string | undefined> {
    const [event] = position === 0 ? [] : await this.#dependencies.store.readEvents(id, position - 1, 1)
    return event === undefined || event.seq !== position || event.final ? undefined : event.job_id ?? undefined
  }
}

/** An SSE id of ours: a position in the stream. @throws AppError `invalid_last_event_id` */
export const parsePosition = (lastEventId: string): number => {
  const position = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : NaN
  if (Number.isNaN(position)) throw new AppError('invalid_last_event_id')
  return position
}

const sessionNotFound = (): AppError => new AppError('session_not_found', { title: 'Session not found' })

const refuse = ({ outcome }: { outcome: 'stored' | 'session_not_found' | 'session_busy' | 'queue_full' }): void => {
  if (outcome === 'session_not_found') throw sessionNotFound()
  if (outcome === 'session_busy') throw new AppError('session_busy', { retryAfterMs: BUSY_RETRY_MS })
  if (outcome === 'queue_full') throw new AppError('queue_full', { retryAfterMs: BUSY_RETRY_MS })
}
