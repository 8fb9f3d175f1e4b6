// Runs the job that answers a message: the assistant's pieces become stored deltas, and at the end the stored reply.
import { PermanentError } from './agent.ts'
import type { Clock } from './clock.ts'
import { newId } from './ids.ts'
import type { Job, Json, MultitaskStrategy, NewJob, NewStreamEvent } from './model.ts'
import type { Observer } from './observer.ts'
import type { Responder } from './ports.ts'
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
const HISTORY_MESSAGES = 50

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
  const target = { id: job.id, session_id: job.session_id, message_id: payload.message_id }
  let content = ''
  let pending: NewStreamEvent[] = []
  let writing: Promise<void> | undefined
  let closed = false

  /** One append is under way at a time; what comes meanwhile goes with the next one, or with the end of the job. */
  const flush = (): void => {
    if (writing !== undefined || pending.length === 0 || closed) return
    const events = pending
    pending = []
    writing = tools.append(events).finally(() => {
      writing = undefined
      flush()
    })
    // The end awaits it and reports it; until then nobody listens.
    writing.catch(() => {})
  }

  const say = (text: string): void => {
    if (text === '' || closed) return
    if (content === '') observer.firstDelta(clock.now() - job.created_at)
    content += text
    pending.push(deltaEvent(target, text))
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
      if (job.attempt > 1 || job.deaths > 0) await announceAttempt()
      const messages = await store.history({ session_id: job.session_id!, up_to: payload.reply_to, limit: HISTORY_MESSAGES })
      if (messages.length === 0) throw new PermanentError('message_gone', 'The message to answer does not exist any more.')
      for await (const piece of responder.respond({ session_id: job.session_id!, messages }, { signal: tools.signal, log: tools.log, clock })) {
        if (tools.signal.aborted) throw new Error('stopped')
        say(piece)
      }
      if (tools.signal.aborted) throw new Error('stopped')
      if (content === '') throw new Error('The assistant said nothing.')
      return { message_id: payload.message_id, characters: content.length, responder: responder.name }
    },

    async ending (settlement: Settlement) {
      closed = true
      while (writing !== undefined) await writing
      const events = pending
      pending = []
      const interrupted = settlement.status === 'cancelled'
      switch (settlement.status) {
        case 'succeeded': events.push(doneEvent(target, 'complete')); break
        case 'cancelled': events.push(doneEvent(target, 'cancelled', settlement.reason)); break
        case 'failed': case 'dead':
          events.push(errorEvent(target, settlement.failure.code, failureSentence(settlement.failure.code)))
      }
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
          status: interrupted ? 'interrupted' : 'complete'
        }
      }
    }
  }

  /** Earlier pieces are void. Readers that know only deltas are told in words. */
  async function announceAttempt (): Promise<void> {
    const { after } = await store.latestReply(job.session_id!) ?? { after: 0 }
    const said = await saidBefore(after)
    if (!said) return
    pending.push(attemptEvent(target, job.attempt, job.failures.at(-1)?.code ?? 'retry'))
    say('(My answer was interrupted. Here it is again from the start.)\n\n')
  }

  async function saidBefore (after: number): Promise<boolean> {
    for (let position = after; ;) {
      const events = await store.readEvents(job.session_id!, position, 256)
      if (events.some((event) => event.job_id === job.id && event.name === 'message' && !event.final)) return true
      if (events.length < 256) return false
      position = events[events.length - 1]!.seq
    }
  }
}

const failureSentence = (code: string): string => code === 'timeout'
  ? 'The answer took too long and was stopped. Send the message again, or retry the job.'
  : 'The answer failed and was given up after its last attempt. Send the message again, or retry the job.'
