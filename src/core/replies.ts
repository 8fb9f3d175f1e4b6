// Runs the job that answers a message: the assistant's pieces become stored deltas, and at the end the stored reply.
import { PermanentError } from './agent.ts'
import type { Clock } from './clock.ts'
import { newId } from './ids.ts'
import type { Job, Json, MultitaskStrategy, NewJob, NewStreamEvent } from './model.ts'
import type { Observer } from './observer.ts'
import type { ReplyFacts, Responder } from './ports.ts'
import { attemptEvent, deltaEvent, doneEvent, errorEvent } from './stream-events.ts'
import type { Settlement, Store } from './store.ts'
import type { Run, RunTools } from './worker.ts'

/** Version 1 of what a reply job carries. */
type ReplyPayload = {
  v: 1
  /** The message to answer. */
  reply_to: string
  /** The id that the reply will have. */
  message_id: string
  strategy: MultitaskStrategy
}

const REPLY_TIMEOUT_MS = 120_000
const REPLY_ATTEMPTS = 3
/** Longer pieces become several deltas: one event must fit into what may be unsent for a reader. */
const LONGEST_DELTA = 16 * 1024

export const newReplyJob = (args: { session_id: string, reply_to: string, strategy: MultitaskStrategy, now: number }): NewJob => {
  const payload: ReplyPayload = { v: 1, reply_to: args.reply_to, message_id: newId(), strategy: args.strategy }
  return {
    id: newId(),
    kind: 'reply',
    queue: 'replies',
    name: 'reply',
    agent: null,
    session_id: args.session_id,
    lane: args.session_id,
    dedupe_key: null,
    priority: 'normal',
    payload,
    run_at: args.now,
    max_attempts: REPLY_ATTEMPTS,
    timeout_ms: REPLY_TIMEOUT_MS,
    source: 'message',
    created_at: args.now
  }
}

export interface ReplyDependencies {
  store: Store
  responder: Responder
  clock: Clock
  observer: Observer
}

export const replyRun = (job: Job, tools: RunTools, dependencies: ReplyDependencies): Run => {
  const { store, responder, clock, observer } = dependencies
  const payload = job.payload as ReplyPayload
  const sessionId = job.session_id!
  const history = (limit: number) => store.history({ session_id: sessionId, up_to: payload.reply_to, limit })
  const target = { id: job.id, session_id: job.session_id, message_id: payload.message_id }
  let content = ''
  let pending: NewStreamEvent[] = []
  let writing: Promise<void> | undefined
  /** How much of the content is known to be in the stream. */
  let written = 0
  let failure: unknown
  let closed = false
  const facts: ReplyFacts = { responder: responder.name, cut: null, sources: [], usage: null, fallback: null }
  const report = (known: Partial<ReplyFacts>): void => { Object.assign(facts, known) }

  /** One append is under way at a time; what comes meanwhile goes with the next one, or with the end of the job. */
  const flush = (): void => {
    if (writing !== undefined || pending.length === 0 || closed) return
    const events = pending
    const upTo = content.length
    pending = []
    writing = tools.append(events).then(() => { written = upTo }, fail).finally(() => {
      writing = undefined
      flush()
    })
  }

  /** After a hole in the stream nothing more is said: the next attempt begins again. */
  const fail = (error: unknown): void => {
    failure = error
    pending = []
    content = content.slice(0, written)
  }

  const say = (text: string): void => {
    if (text === '' || closed || failure !== undefined) return
    if (content === '') observer.firstDelta(clock.now() - job.created_at)
    content += text
    for (const piece of piecesOf(text)) pending.push(deltaEvent(target, piece))
    scheduleFlush()
  }

  // What the assistant says within one turn of the event loop is one append.
  let scheduled = false
  const scheduleFlush = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      flush()
    })
  }

  return {
    async execute (): Promise<Json> {
      if (job.attempt > 1 || job.deaths > 0 || job.reason !== null) await announceAttempt()
      const question = await store.getMessage({ session_id: sessionId, id: payload.reply_to })
      if (question === undefined) throw new PermanentError('message_gone', 'The message to answer does not exist any more.')
      const context = { signal: tools.signal, log: tools.log, clock, report }
      for await (const piece of responder.respond({ session_id: sessionId, question, history }, context)) {
        if (tools.signal.aborted) throw new Error('stopped')
        if (failure !== undefined) throw failure
        say(piece)
      }
      if (tools.signal.aborted) throw new Error('stopped')
      // What is still pending goes with the end.
      closed = true
      await writing
      if (failure !== undefined) throw failure
      if (content === '') throw new Error('The assistant said nothing.')
      return { message_id: payload.message_id, characters: content.length, ...facts } satisfies object as Json
    },

    async ending (settlement: Settlement) {
      closed = true
      await writing
      const events = pending
      pending = []
      const interrupted = settlement.status === 'cancelled'
      const about = { sources: facts.sources, ...(facts.usage === null ? {} : { usage: facts.usage }) }
      switch (settlement.status) {
        case 'succeeded':
          events.push(facts.cut === null ? doneEvent(target, 'complete', undefined, about) : doneEvent(target, 'incomplete', facts.cut, about))
          break
        case 'cancelled': events.push(doneEvent(target, 'cancelled', settlement.reason, about)); break
        case 'failed': case 'dead':
          events.push(errorEvent(target, settlement.failure.code, failureSentence(settlement.failure.code)))
      }
      // Each attempt costs, also those that failed.
      if (facts.usage !== null) observer.modelUsed(facts.usage)
      if (settlement.status !== 'queued') observer.replyEnded(settlement.status, clock.now() - job.created_at)
      if ((settlement.status !== 'succeeded' && !interrupted) || content === '') return { events }
      return {
        events,
        message: {
          id: payload.message_id,
          session_id: job.session_id!,
          role: 'assistant',
          content,
          created_at: clock.now(),
          reply_to: payload.reply_to,
          job_id: job.id,
          status: interrupted || facts.cut !== null ? 'interrupted' : 'complete'
        }
      }
    }
  }

  /** Earlier pieces are void. Readers that know only deltas are told in words. */
  async function announceAttempt (): Promise<void> {
    if (!await store.hasSaid({ stream: job.session_id!, job_id: job.id })) return
    pending.push(attemptEvent(target, job.attempt, job.reason ?? job.failures.at(-1)?.code ?? 'retry'))
    say('(My answer was interrupted. Here it is again from the start.)\n\n')
  }
}

/** Parts of a text, none longer than a delta may be, no character taken apart. */
function * piecesOf (text: string): Iterable<string> {
  let at = 0
  while (text.length - at > LONGEST_DELTA) {
    const end = at + LONGEST_DELTA
    const next = isHighSurrogate(text.charCodeAt(end - 1)) ? end - 1 : end
    yield text.slice(at, next)
    at = next
  }
  yield text.slice(at)
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

const failureSentence = (code: string): string => {
  switch (code) {
    case 'timeout': return 'The answer took too long and was stopped. Send the message again, or retry the job.'
    case 'model_failed': return 'The language model broke off in every attempt, and the answer was given up. Send the message again, or retry the job.'
    default: return 'The answer failed and was given up after its last attempt. Send the message again, or retry the job.'
  }
}
