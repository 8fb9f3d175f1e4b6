// The connections of a process to its database: one that writes, some that read, one that listens. When the server does not answer, nothing waits
// for it: whoever asks is told at once, until a look at it, several times a second, finds it back.
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import pg, { type ClientConfig, type CustomTypesConfig } from 'pg'
import type { Logger } from '../../core/log.ts'
import { errorText } from '../../core/errors.ts'
import { unavailable } from './faults.ts'
import { inUseLock } from './units.ts'

export interface ConnectionOptions {
  /** postgres://user:password@host:port/name, with the parameters of libpq. */
  url: string
  /** How long a question may take before it counts as not answered, milliseconds. */
  timeoutMs: number
  log?: Logger | undefined
}

export interface ConnectionEvents {
  /** The server is back, or another connection listens: what was told meanwhile was not heard. */
  onRecovered (): void
  onNotification (payload: string): void
}

/** The store is being copied or restored. */
class StoreTakenError extends Error {
  constructor () { super('a copy or a restore of the whole store is under way: start when it is done') }
}

export const READERS = 8
/**
 * Plans are made once a connection, mostly while tables are small, and kept while they grow: a plan that reads a whole table stays one. Every write
 * finds its rows through an index.
 */
const BY_INDEX = 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off'
const LOOK_AGAIN_MS = 200
const CONNECT_WITHIN_MS = 1_000
/** A transaction that stands still holds others up: its process was stopped, or is cut off. */
const IDLE_IN_TRANSACTION_MS = 1_000
/** More than PostgreSQL takes to see that two wait for each other (deadlock_timeout, a second): whoever is let go then has to get the lock. */
const LOCK_WITHIN_MS = 1_250

/** Who it is, for whoever looks at pg_stat_activity. */
const PROCESS = `orchestrator ${hostname().slice(0, 24)}:${process.pid}`

const BIGINT = 20
const NUMERIC = 1700

// All whole numbers of ours are safe integers; sums come as numeric.
const types: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => oid === BIGINT || oid === NUMERIC
    ? Number
    : pg.types.getTypeParser(oid, format as 'text')) as CustomTypesConfig['getTypeParser']
}

export class Connections {
  readonly readers: pg.Pool
  readonly channel: string
  readonly schema: string
  readonly #config: ClientConfig
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  #writer: Promise<pg.Client> | undefined
  #listener: pg.Client | undefined
  /** Why nobody is asked now. */
  #away: unknown
  #closed = false

  private constructor (schema: string, config: ClientConfig, options: ConnectionOptions, events: ConnectionEvents) {
    this.schema = schema
    // Channels belong to the database, not to the schema.
    this.channel = `orchestrator_${schema}`.slice(0, 63)
    this.#config = config
    this.#options = options
    this.#events = events
    this.readers = new pg.Pool({ ...config, max: READERS, idleTimeoutMillis: 30_000 })
    // A connection that breaks while nobody uses it is replaced when it is needed.
    this.readers.on('error', (error) => { this.suspect(error) })
    // The pool does not listen while one is handed out, and an error that nobody hears ends the process. Whoever uses it is told by its questions.
    this.readers.on('connect', (client) => { client.on('error', () => {}) })
  }

  /** @throws Error of the driver when the server cannot be reached. */
  static async open (options: ConnectionOptions, events: ConnectionEvents): Promise<Connections> {
    const config = configOf(options)
    const schema = await withClient(config, async (client) => {
      const { rows: [row] } = await client.query<{ schema: string | null }>('SELECT current_schema() AS schema')
      if (row?.schema === null || row === undefined) throw new Error('the schema of the search path does not exist')
      return row.schema
    })
    return new Connections(schema, config, options, events)
  }

  /** Begins to listen. */
  async listen (): Promise<void> { await this.#listen() }

  get away (): boolean { return this.#away !== undefined }

  /** @throws AppError `store_unavailable` at once when the server is known not to answer. */
  check (): void {
    if (this.#away !== undefined) throw unavailable(this.#away)
    if (this.#closed) throw unavailable(new Error('the store is closed'))
  }

  /** The connection that writes; what is asked through it is sent at once and answered in order. */
  writer (): Promise<pg.Client> {
    this.check()
    if (this.#writer !== undefined) return this.#writer
    const writer = this.#connectWriter()
    this.#writer = writer
    // A newer one may have taken its place meanwhile.
    writer.catch(() => { if (this.#writer === writer) this.#writer = undefined })
    return writer
  }

  /** The state of the transaction on it is not known. */
  dropWriter (): void {
    const writer = this.#writer
    this.#writer = undefined
    writer?.then((client) => client.end()).catch(() => {})
  }

  /** Something went wrong that looks like a server that is away: nobody waits for it until it answers again. */
  suspect (error: unknown): void {
    if (this.#away !== undefined || this.#closed) return
    this.#away = error
    this.#options.log?.warn({ err: error }, 'the database does not answer')
    this.dropWriter()
    this.#recover().catch(() => {})
  }

  /** Tells other processes. Rejects when nobody listens here, and then nobody is told. */
  async notify (payloads: string[]): Promise<void> {
    const listener = this.#listener
    if (listener === undefined) throw unavailable(new Error('not connected'))
    await listener.query({ name: 'notify', text: 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', values: [this.channel, payloads] })
  }

  async close (): Promise<void> {
    this.#closed = true
    const writer = this.#writer
    this.#writer = undefined
    await Promise.allSettled([writer?.then((client) => client.end()), this.#listener?.end(), this.readers.end()])
  }

  async #recover (): Promise<void> {
    const since = performance.now()
    while (!this.#closed) {
      try {
        await withClient(this.#config, (client) => client.query('SELECT 1'))
        await this.#listen()
        break
      } catch {
        await pause(LOOK_AGAIN_MS, undefined, { ref: false })
      }
    }
    if (this.#closed) return
    this.#away = undefined
    this.#options.log?.info({ ms: Math.round(performance.now() - since) }, 'the database answers again')
    this.#events.onRecovered()
  }

  async #connectWriter (): Promise<pg.Client> {
    const client = new pg.Client({ ...this.#config, application_name: `${PROCESS} writer`, pipeline: true } as ClientConfig)
    client.on('error', (error) => { this.#lose(client, error) })
    try {
      await client.connect()
      await client.query(BY_INDEX)
      return client
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
  }

  /** A connection broke while it was not used. */
  #lose (client: pg.Client, error: unknown): void {
    this.#writer?.then((current) => { if (current === client) this.suspect(error) }).catch(() => {})
  }

  async #listen (): Promise<void> {
    const old = this.#listener
    this.#listener = undefined
    old?.removeAllListeners()
    old?.on('error', () => {})
    old?.end().catch(() => {})
    const client = new pg.Client({ ...this.#config, application_name: `${PROCESS} listener` })
    client.on('error', (error) => { if (client === this.#listener) this.suspect(error) })
    client.on('end', () => { if (client === this.#listener) this.suspect(new Error('the listening connection ended')) })
    client.on('notification', ({ payload }) => { if (payload !== undefined) this.#events.onNotification(payload) })
    try {
      await client.connect()
      // As long as this connection stands, nobody copies or restores the whole store under us.
      const { rows: [lock] } = await client.query<{ shared: boolean }>('SELECT pg_try_advisory_lock_shared($1) AS shared', [inUseLock(this.schema)])
      if (!lock!.shared) throw new StoreTakenError()
      // Last: what the server shows of the connection then tells whose it is.
      await client.query(`LISTEN ${pg.escapeIdentifier(this.channel)}`)
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
    // Closed meanwhile: nobody would end it.
    if (this.#closed) await client.end()
    else this.#listener = client
  }
}

const configOf = ({ url, timeoutMs }: ConnectionOptions): ClientConfig => ({
  connectionString: url,
  application_name: PROCESS,
  connectionTimeoutMillis: Math.min(CONNECT_WITHIN_MS, timeoutMs),
  query_timeout: timeoutMs,
  // The server gives up a little sooner: it is known then that it is there, and a question that nobody waits for any more holds no locks.
  statement_timeout: Math.ceil(timeoutMs * 0.9),
  lock_timeout: Math.min(LOCK_WITHIN_MS, timeoutMs),
  idle_in_transaction_session_timeout: Math.min(IDLE_IN_TRANSACTION_MS, timeoutMs),
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  types
})

const withClient = async <R>(config: ClientConfig, use: (client: pg.Client) => Promise<R>): Promise<R> => {
  const client = new pg.Client(config)
  client.on('error', () => {})
  try {
    await client.connect()
    return await use(client)
  } finally {
    client.end().catch(() => {})
  }
}

/** What may be shown of the address of a database. */
export const maskedUrl = (url: string): string => {
  try {
    const { protocol, hostname, port, pathname } = new URL(url)
    return `${protocol}//${hostname}${port === '' ? '' : `:${port}`}${pathname}`
  } catch (error) {
    return `(unreadable: ${errorText(error)})`
  }
}
