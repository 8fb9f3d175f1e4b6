// Requests about personal data: Shopify's three mandatory ones and those that the owner files. Each is a job that goes through every table.
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import type { Job, Json, Page, PageRequest } from '../model.ts'
import type { Store } from '../store.ts'
import { newTaskJob, type Task } from '../tasks.ts'
import type { RunTools } from '../worker.ts'
import type { Person } from './person.ts'
import type { Place, PrivacyKind, PrivacyRequest } from './store.ts'

export const PRIVACY_TASK = 'privacy_request'
const EXPORT_KEPT_MS = 30 * 24 * 60 * 60_000

export interface PrivacyOrder {
  kind: PrivacyKind
  person: Person | null
  source: string
  /** The sender's id: what comes twice is one request. */
  delivery?: string
}

export class PrivacyRequests {
  readonly #store: Store
  readonly #clock: Clock

  constructor (args: { store: Store, clock: Clock }) {
    this.#store = args.store
    this.#clock = args.clock
  }

  /** @throws AppError `validation_failed` when it is about nobody. */
  async file ({ kind, person, source, delivery }: PrivacyOrder): Promise<PrivacyRequest> {
    const known = person !== null && (person.customer_id !== null || person.emails.length + person.phones.length + person.names.length > 0)
    if (kind !== 'shop_redact' && !known) {
      throw new AppError('validation_failed', { message: 'The request names nobody: give a customer id, an email, a phone or a name.' })
    }
    const now = this.#clock.now()
    const id = newId()
    // Whom it is about stands with the request alone: jobs are shown to more people.
    const job = newTaskJob({ name: PRIVACY_TASK, payload: { v: 1, request_id: id }, source: `privacy:${id}`, now, dedupe_key: `privacy:${id}` })
    return this.#store.addPrivacyRequest({
      request: { id, kind, source, customer_id: person?.customer_id ?? null, person, job_id: job.id, received_at: now, delivery: delivery ?? null }, job
    })
  }

  /** @throws AppError `privacy_request_not_found` */
  async get (id: string): Promise<PrivacyRequest> {
    const request = isId(id) ? await this.#store.getPrivacyRequest(id) : undefined
    if (request === undefined) throw new AppError('privacy_request_not_found')
    return request
  }

  list (page: PageRequest): Promise<Page<PrivacyRequest>> { return this.#store.listPrivacyRequests(page) }

  /** What was found, as JSON Lines. @throws AppError `privacy_request_not_found`, `output_not_found` when there is none, or not any more. */
  async lines (id: string): Promise<AsyncIterable<string>> {
    const request = await this.get(id)
    const first = request.kind === 'data_request' && request.status === 'done' ? await this.#store.exportPortion({ request_id: id, seq: 1 }) : undefined
    if (first === undefined) throw new AppError('output_not_found', { message: 'Nothing is there to be fetched: it is not done, or its 30 days are over.' })
    const store = this.#store
    return (async function * () {
      let body: string | undefined = first
      for (let seq = 2; body !== undefined; seq++) {
        yield body
        body = await store.exportPortion({ request_id: id, seq })
      }
    })()
  }

  readonly run: Task = async (job: Job, tools: RunTools): Promise<Json> => {
    const { request_id: id } = job.payload as { request_id: string }
    const request = await this.get(id)
    if (request.status === 'done') return { summary: 'It was done already.' }
    const places = request.kind === 'shop_redact'
      ? await this.#redactShop(tools)
      : request.kind === 'redact' ? await this.#redact(request.person!, tools) : await this.#export(id, request.person!, tools)
    const rows = Object.values(places).reduce((sum, count) => sum + count, 0)
    await this.#store.endPrivacyRequest({ id, places, now: this.#clock.now() })
    const did = { redact: 'were redacted', data_request: 'are ready to be fetched', shop_redact: 'were emptied or deleted' }[request.kind]
    return { summary: `${rows} rows ${did}.`, places }
  }

  async #redact (person: Person, { signal, progress }: RunTools): Promise<Record<string, number>> {
    const tables = this.#store.personalTables()
    const places: Record<string, number> = {}
    for (const [index, table] of tables.entries()) {
      progress(index / tables.length, table)
      let after: Place = null
      do {
        signal.throwIfAborted()
        const { next, changed } = await this.#store.redactPortion({ table, after, person, now: this.#clock.now() })
        if (changed > 0) places[table] = (places[table] ?? 0) + changed
        after = next
      } while (after !== null)
    }
    return places
  }

  async #export (id: string, person: Person, { signal, progress }: RunTools): Promise<Record<string, number>> {
    // Copies that were made for earlier requests tell nothing new.
    const tables = this.#store.personalTables().filter((table) => table !== 'privacy_exports')
    const places: Record<string, number> = {}
    const expiresAt = this.#clock.now() + EXPORT_KEPT_MS
    let seq = 1
    // So that a person of whom nothing is known gets a file that says so.
    const head = JSON.stringify({ request_id: id, made_at: new Date(this.#clock.now()).toISOString() })
    await this.#store.addExport({ request_id: id, seq, body: `${head}\n`, expires_at: expiresAt })
    for (const [index, table] of tables.entries()) {
      progress(index / tables.length, table)
      let after: Place = null
      do {
        signal.throwIfAborted()
        const { next, rows }: { next: Place, rows: Array<Record<string, unknown>> } = await this.#store.findPortion({ table, after, person })
        if (rows.length > 0) {
          seq += 1
          places[table] = (places[table] ?? 0) + rows.length
          const body = rows.map((row) => `${JSON.stringify({ table, ...row })}\n`).join('')
          await this.#store.addExport({ request_id: id, seq, body, expires_at: expiresAt })
        }
        after = next
      } while (after !== null)
    }
    return places
  }

  async #redactShop ({ signal }: RunTools): Promise<Record<string, number>> {
    const now = this.#clock.now()
    let sessions = 0
    for (;;) {
      signal.throwIfAborted()
      const { items } = await this.#store.listSessions({ limit: 100 })
      if (items.length === 0) break
      for (const { id } of items) if (await this.#store.deleteSession({ id, now })) sessions += 1
    }
    let cancelled = 0
    for (const status of ['queued', 'parked', 'waiting'] as const) {
      for (const kind of ['agent', 'event'] as const) {
        for (;;) {
          signal.throwIfAborted()
          const { items } = await this.#store.listJobs({ status, kind }, { limit: 100 })
          if (items.length === 0) break
          for (const { id } of items) cancelled += (await this.#store.cancelJobs({ id, reason: 'shop_redact', now })).length
        }
      }
    }
    return { sessions, jobs_cancelled: cancelled, ...await this.#store.redactShop({ now }) }
  }
}
