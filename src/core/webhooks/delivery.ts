// One delivery of an outgoing webhook: a job that is tried for about a day, then given up.
import { PermanentError } from '../agent.ts'
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { Job, Json, NewJob } from '../model.ts'
import type { Run, RunTools } from '../worker.ts'
import { signatureHeaders } from './signature.ts'
import type { NewDelivery, WebhookStore } from './store.ts'

/** Sends to addresses that callers chose: public ones alone, by https, unless the configuration allows others. */
export interface WebhookSender {
  /** @throws AppError `validation_failed` for a URL that would not be called. */
  check (url: string): Promise<void>
  /** Answers with the status; the body of the answer is nobody's business. @throws WebhookSendError */
  send (request: { url: string, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal }): Promise<number>
}

/** Nothing came back. The message is ours and quotes nothing of the other side. */
export class WebhookSendError extends Error {
  readonly code: 'forbidden_address' | 'unreachable' | 'timeout'

  constructor (code: WebhookSendError['code'], message: string) {
    super(message)
    this.name = 'WebhookSendError'
    this.code = code
  }
}

export const WEBHOOK_TYPES = [
  'job.succeeded', 'job.failed', 'job.dead', 'proposal.created', 'proposal.decided', 'freeze.set', 'freeze.lifted', 'webhook.ping'
] as const
export type WebhookType = typeof WEBHOOK_TYPES[number]

export const wants = (events: readonly string[], type: string): boolean =>
  events.some((wanted) => wanted === '*' || wanted === type || (wanted.endsWith('.*') && type.startsWith(wanted.slice(0, -1))))

/** What is sent: ids and states. Whoever may know more asks for it. */
export const bodyOf = (type: WebhookType, data: Json, now: number): string => JSON.stringify({ type, timestamp: new Date(now).toISOString(), data })

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
/** Before each further attempt, give or take a fifth: a day in all. */
const WAITS = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 10 * HOUR]
const TIMEOUT_MS = 15 * SECOND

export interface NewMessage {
  endpoint_id: string
  type: string
  body: string
  now: number
  /** A delivery that is made again. */
  replay?: { id: string, message_id: string }
}

export const newDelivery = ({ endpoint_id: endpoint, type, body, now, replay }: NewMessage): { delivery: NewDelivery, job: NewJob } => {
  const id = newId()
  const job: NewJob = {
    id: newId(),
    kind: 'delivery',
    queue: 'deliveries',
    name: 'webhook',
    agent: null,
    session_id: null,
    lane: null,
    dedupe_key: null,
    priority: 'normal',
    payload: { v: 1, delivery_id: id },
    run_at: now,
    max_attempts: WAITS.length + 1,
    timeout_ms: TIMEOUT_MS,
    source: `webhook:${endpoint}`,
    created_at: now
  }
  return {
    delivery: {
      id, endpoint_id: endpoint, message_id: replay?.message_id ?? id, type, body, job_id: job.id, replay_of: replay?.id ?? null, created_at: now
    },
    job
  }
}

export interface DeliveryParts {
  store: WebhookStore
  sender: WebhookSender
  clock: Clock
  onDisabled (endpoint: { id: string, reason: string }): void
}

const GONE = 410

export const deliveryRun = (job: Job, { signal }: RunTools, { store, sender, clock, onDisabled }: DeliveryParts): Run => ({
  retryIn: (attempt) => WAITS[Math.min(attempt, WAITS.length) - 1]!,

  async execute (): Promise<Json> {
    const { delivery_id: id } = job.payload as { delivery_id: string }
    const delivery = await store.getDelivery(id)
    if (delivery === undefined) throw new PermanentError('delivery_gone', 'The delivery was deleted with its endpoint.')
    const endpoint = await store.getEndpoint(delivery.endpoint_id)
    if (endpoint === undefined || (endpoint.status === 'disabled' && delivery.type !== 'webhook.ping')) {
      await store.noteAttempt({ id, status: 'dropped', answer: null, error: 'The endpoint is disabled.', ms: null, now: clock.now() })
      return { summary: 'Nothing was sent: the endpoint is disabled.' }
    }
    const now = clock.now()
    const old = endpoint.old_secret !== null && (endpoint.old_secret_until ?? 0) > now ? [endpoint.old_secret] : []
    const { message_id: messageId, body } = delivery
    const headers = signatureHeaders({ id: messageId, body, secrets: [endpoint.secret, ...old], now })
    const begun = clock.monotonic()
    let status: number | null = null
    let error: string | null = null
    try {
      status = await sender.send({ url: endpoint.url, headers, body, signal })
      if (status < 200 || status > 299) error = status >= 300 && status < 400 ? 'It sends us elsewhere: redirects are not followed.' : `It answered ${status}.`
    } catch (cause) {
      // Whoever stopped the run has its own reason.
      if (signal.aborted && signal.reason !== 'timeout') throw cause
      error = cause instanceof WebhookSendError ? cause.message : 'It could not be sent.'
    }
    const attempted = { id, answer: status, error, ms: Math.round(clock.monotonic() - begun), now: clock.now() }
    if (error === null) {
      await store.noteAttempt({ ...attempted, status: 'succeeded' })
      return { summary: `Delivered: ${status}.` }
    }
    const gone = status === GONE
    const last = gone || job.attempt >= job.max_attempts
    const reason = gone ? 'It answered 410: it wants no more.' : 'Nothing reached it for a day.'
    const disabled = await store.noteAttempt({
      ...attempted,
      status: last ? 'dead' : 'waiting',
      ...(last ? { disable: { reason, unless_well_since: gone ? null : delivery.created_at } } : {})
    })
    if (disabled) onDisabled({ id: endpoint.id, reason })
    if (gone) throw new PermanentError('endpoint_gone', reason)
    throw new Error(error)
  }
})
