// The part of the store that answers requests about personal data. Times are milliseconds since the epoch.
import type { NewJob, Page, PageRequest } from '../model.ts'
import type { Person } from './person.ts'

export const PRIVACY_KINDS = ['redact', 'data_request', 'shop_redact'] as const
export type PrivacyKind = typeof PRIVACY_KINDS[number]

export interface PrivacyRequest {
  id: string
  kind: PrivacyKind
  /** `shopify`, or who filed it here. */
  source: string
  customer_id: string | null
  /** Whom it is about; null once it is done. */
  person: Person | null
  status: 'open' | 'done'
  job_id: string
  /** Rows that held something, by table; null: not done yet. */
  places: Record<string, number> | null
  received_at: number
  finished_at: number | null
}

export type NewPrivacyRequest =
  Pick<PrivacyRequest, 'id' | 'kind' | 'source' | 'customer_id' | 'person' | 'job_id' | 'received_at'> & { delivery: string | null }

/** Where a look at a table goes on; null: at its beginning. */
export type Place = Array<string | number> | null

export interface PrivacyStore {
  /** For a delivery that is known already: the request of that one. */
  addPrivacyRequest (args: { request: NewPrivacyRequest, job: NewJob }): Promise<PrivacyRequest>
  getPrivacyRequest (id: string): Promise<PrivacyRequest | undefined>
  /** Newest first. */
  listPrivacyRequests (page: PageRequest): Promise<Page<PrivacyRequest>>
  /** Takes the person out of a portion of the table. `next` null: that was the last one. */
  redactPortion (args: { table: string, after: Place, person: Person, now: number }): Promise<{ next: Place, changed: number }>
  /** Rows of a portion that hold something of the person, whole. */
  findPortion (args: { table: string, after: Place, person: Person }): Promise<{ next: Place, rows: Array<Record<string, unknown>> }>
  /** Tables in which texts of people can stand. */
  personalTables (): readonly string[]
  /** Takes out everything that can be about people or the shop, whoever they are. Sessions are deleted one by one before. */
  redactShop (args: { now: number }): Promise<Record<string, number>>
  addExport (args: { request_id: string, seq: number, body: string, expires_at: number }): Promise<void>
  exportPortion (args: { request_id: string, seq: number }): Promise<string | undefined>
  forgetExports (args: { now: number }): Promise<number>
  /** Forgets whom it was about. */
  endPrivacyRequest (args: { id: string, places: Record<string, number>, now: number }): Promise<void>
}
