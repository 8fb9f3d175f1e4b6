// Outgoing webhooks as their owner sees them: endpoints, what was delivered to each, a ping, and sending again.
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Page, PageRequest } from '../model.ts'
import type { Store } from '../store.ts'
import { bodyOf, newDelivery, WEBHOOK_TYPES, wants, type WebhookSender } from './delivery.ts'
import { newSecret } from './signature.ts'
import type { Decided, DeliveryStatus, WebhookDelivery, WebhookEndpoint } from './store.ts'

type Who = Omit<Decided, 'now'>

export interface EndpointOrder {
  url: string
  description: string | null
  events: string[]
}

export interface EndpointEdit extends Partial<EndpointOrder> {
  enabled?: boolean
  /** A new secret; the one before signs as well for a day. */
  rotate_secret?: boolean
}

const OLD_SECRET_MS = 24 * 60 * 60_000
const MOST_ENDPOINTS = 50

export class OutgoingWebhooks {
  readonly #store: Store
  readonly #sender: WebhookSender | undefined
  readonly #clock: Clock
  readonly #log: Logger
  /** Whether anybody wants to hear of anything. Until it is known: perhaps. */
  #wanted = true

  constructor (args: { store: Store, sender: WebhookSender | undefined, clock: Clock, log: Logger }) {
    this.#store = args.store
    this.#sender = args.sender
    this.#clock = args.clock
    this.#log = args.log
    args.store.subscribe((notice) => { if (notice.plans) this.look() })
  }

  /** The ends of most jobs are announced to nobody, and then cost nothing. */
  get wanted (): boolean { return this.#wanted }

  look (): void {
    this.#store.listEndpoints().then((list) => { this.#wanted = list.some(({ status }) => status === 'enabled') }, (error: unknown) => {
      this.#wanted = true
      this.#log.error({ err: error }, 'the endpoints of webhooks could not be read')
    })
  }

  list (): Promise<WebhookEndpoint[]> { return this.#store.listEndpoints() }

  /** @throws AppError `endpoint_not_found` */
  async get (id: string): Promise<WebhookEndpoint> {
    const endpoint = isId(id) ? await this.#store.getEndpoint(id) : undefined
    if (endpoint === undefined) throw new AppError('endpoint_not_found')
    return endpoint
  }

  /** @throws AppError `validation_failed` for a URL that is not called, or types that do not exist. */
  async create ({ url, description, events }: EndpointOrder, who: Who): Promise<WebhookEndpoint> {
    await this.#check({ url, events })
    if ((await this.list()).length >= MOST_ENDPOINTS) throw invalid(`There are ${MOST_ENDPOINTS} endpoints already`)
    const now = this.#clock.now()
    this.#wanted = true
    return this.#store.addEndpoint({
      endpoint: {
        id: newId(),
        url,
        description,
        events,
        secret: newSecret(),
        old_secret: null,
        old_secret_until: null,
        status: 'enabled',
        reason: null,
        created_at: now,
        updated_at: now
      },
      ...who,
      now
    })
  }

  /** @throws AppError `endpoint_not_found`, `validation_failed` */
  async change (id: string, { enabled, rotate_secret: rotate = false, ...change }: EndpointEdit, who: Who): Promise<WebhookEndpoint> {
    await this.get(id)
    await this.#check(change)
    const now = this.#clock.now()
    if (enabled === true) this.#wanted = true
    const changed = await this.#store.changeEndpoint({
      id,
      change: {
        ...change,
        ...(enabled === undefined ? {} : { status: enabled ? 'enabled' : 'disabled' }),
        ...(rotate ? { new_secret: newSecret(), old_secret_until: now + OLD_SECRET_MS } : {})
      },
      ...who,
      now
    })
    if (changed === undefined) throw new AppError('endpoint_not_found')
    return changed
  }

  /** @throws AppError `endpoint_not_found` */
  async remove (id: string, who: Who): Promise<void> {
    // Without a look first: a request that is sent again under its key finds its own work.
    if (!isId(id) || !await this.#store.deleteEndpoint({ id, ...who, now: this.#clock.now() })) throw new AppError('endpoint_not_found')
  }

  /** Sends a message of the type `webhook.ping`, also to a disabled endpoint. @throws AppError `endpoint_not_found` */
  async ping (id: string): Promise<WebhookDelivery> {
    const { id: endpoint } = await this.get(id)
    const now = this.#clock.now()
    const body = bodyOf('webhook.ping', { endpoint_id: endpoint }, now)
    return this.#store.addDelivery(newDelivery({ endpoint_id: endpoint, type: 'webhook.ping', body, now }))
  }

  /** @throws AppError `endpoint_not_found` */
  async deliveries (id: string, filter: { status?: DeliveryStatus }, page: PageRequest): Promise<Page<WebhookDelivery>> {
    const { id: endpoint } = await this.get(id)
    return this.#store.listDeliveries({ endpoint_id: endpoint, ...filter }, page)
  }

  /** The same message with the same id and a new signature. @throws AppError `endpoint_not_found`, `delivery_not_found` */
  async replay (id: string, deliveryId: string): Promise<WebhookDelivery> {
    await this.get(id)
    const old = isId(deliveryId) ? await this.#store.getDelivery(deliveryId) : undefined
    if (old === undefined || old.endpoint_id !== id) throw new AppError('delivery_not_found')
    const { type, body, message_id: message } = old
    return this.#store.addDelivery(newDelivery({ endpoint_id: id, type, body, now: this.#clock.now(), replay: { id: old.id, message_id: message } }))
  }

  async #check ({ url, events }: Partial<EndpointOrder>): Promise<void> {
    const unknown = events?.find((wanted) => !WEBHOOK_TYPES.some((type) => wants([wanted], type)))
    if (unknown !== undefined) throw invalid(`body.events: nothing is of the type ${JSON.stringify(unknown)}; there are ${WEBHOOK_TYPES.join(', ')}`)
    if (url === undefined) return
    if (this.#sender === undefined) throw invalid('This process sends no webhooks')
    await this.#sender.check(url)
  }
}

const invalid = (what: string): AppError => new AppError('validation_failed', { message: `${what}.` })
