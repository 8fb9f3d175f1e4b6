// The part of the store that knows who is told of what happens here, and what became of each telling. Times are milliseconds since the epoch.
import type { NewJob, Page, PageRequest } from '../model.ts'

export interface WebhookEndpoint {
  id: string
  url: string
  description: string | null
  /** Types, `freeze.*` for a family, `*` for all. */
  events: string[]
  /** As it is: a signature needs it whole. */
  secret: string
  /** Signs as well until then. */
  old_secret: string | null
  old_secret_until: number | null
  status: 'enabled' | 'disabled'
  /** Why it is disabled, where it was not by hand. */
  reason: string | null
  created_at: number
  updated_at: number
}

export const DELIVERY_STATUSES = ['waiting', 'succeeded', 'dead', 'dropped'] as const
/** `dead`: given up; `dropped`: its endpoint was gone or disabled when its turn came. */
export type DeliveryStatus = typeof DELIVERY_STATUSES[number]

export interface WebhookDelivery {
  id: string
  endpoint_id: string
  /** What the receiver knows it by: one that is sent again has that of the first. */
  message_id: string
  type: string
  /** The bytes that are sent, as text. */
  body: string
  status: DeliveryStatus
  attempts: number
  /** Of the last answer; null: there was none. */
  last_status: number | null
  last_error: string | null
  last_ms: number | null
  job_id: string
  replay_of: string | null
  created_at: number
  attempted_at: number | null
  finished_at: number | null
}

export type NewDelivery = Pick<WebhookDelivery, 'id' | 'endpoint_id' | 'message_id' | 'type' | 'body' | 'job_id' | 'replay_of' | 'created_at'>

export type EndpointChange = Partial<Pick<WebhookEndpoint, 'url' | 'description' | 'events' | 'status'>> & { new_secret?: string, old_secret_until?: number }

/** For the audit. */
export interface Decided {
  actor: string
  request_id: string | null
  now: number
}

export interface Attempted {
  id: string
  status: DeliveryStatus
  answer: number | null
  error: string | null
  ms: number | null
  now: number
  /** Disables the endpoint for this reason; `unless_well`: only when nothing has reached it since then. */
  disable?: { reason: string, unless_well_since: number | null }
}

export interface WebhookStore {
  /** Answers with the endpoint as it is stored. */
  addEndpoint (args: { endpoint: WebhookEndpoint } & Decided): Promise<WebhookEndpoint>
  getEndpoint (id: string): Promise<WebhookEndpoint | undefined>
  /** Oldest first. */
  listEndpoints (): Promise<WebhookEndpoint[]>
  /** Undefined: there is none. */
  changeEndpoint (args: { id: string, change: EndpointChange } & Decided): Promise<WebhookEndpoint | undefined>
  /** With its deliveries. False: there was none. */
  deleteEndpoint (args: { id: string } & Decided): Promise<boolean>
  /** A ping, or one that is sent again. */
  addDelivery (args: { delivery: NewDelivery, job: NewJob }): Promise<WebhookDelivery>
  getDelivery (id: string): Promise<WebhookDelivery | undefined>
  /** Newest first. */
  listDeliveries (filter: { endpoint_id: string, status?: DeliveryStatus }, page: PageRequest): Promise<Page<WebhookDelivery>>
  /** True when this disabled its endpoint. */
  noteAttempt (args: Attempted): Promise<boolean>
  /** Forgets what ended before, and of each endpoint all but the newest. Answers how many. */
  pruneDeliveries (args: { before: number, keep: number }): Promise<number>
}
