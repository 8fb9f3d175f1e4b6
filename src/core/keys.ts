// API keys: made once, stored as a hash, looked up by it. What is known of a key is kept for half a second: a revoked one is refused within a second
// in every process, whether its notice comes through or not.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { ACCESS_ROLES, AREAS, isAtLeast, type AccessRole, type Area, type Caller } from './access.ts'
import type { Clock } from './clock.ts'
import { ANONYMOUS, isSameActor } from './effects/actors.ts'
import { AppError } from './errors.ts'
import { isId, newId } from './ids.ts'
import type { Logger } from './log.ts'
import type { Store } from './store.ts'
import type { KeyStore, StoredKey } from './store-keys.ts'

export const KEY_MARK = 'reo_'
const SECRET_BYTES = 32
/** The mark, 256 bits, and six characters by which a key that was cut or mistyped is known without the store. */
const KEY = /^reo_([\w-]{43})([\w-]{6})$/
const PREFIX_LENGTH = KEY_MARK.length + 6

/** How long what is known of a key holds. */
const FRESH_MS = 500
const TOUCH_EVERY_MS = 60_000

export const KEY_NAME = '^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,79}$'

export interface NewKey {
  name: string
  role: AccessRole
  /** Default: everything that the role may do. */
  scopes?: readonly Area[]
  /** Milliseconds since the epoch. Default: never. */
  expires_at?: number
}

export interface Made {
  key: StoredKey
  /** The key itself, which nobody can show again. */
  secret: string
}

interface Known {
  key: StoredKey
  /** When the store was asked, by the monotonic clock. */
  asked: number
}

export interface KeysOptions {
  store: KeyStore & Pick<Store, 'subscribe'>
  clock: Clock
  log: Logger
}

export class Keys {
  readonly #store: KeyStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #known = new Map<string, Known>()
  readonly #touched = new Map<string, number>()

  constructor ({ store, clock, log }: KeysOptions) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    store.subscribe((notice) => { if (notice.keys === true) this.#known.clear() })
  }

  /** `by`: undefined where nobody asked for a credential, and for the command line. @throws AppError `validation_failed`, `forbidden` */
  async make (wanted: NewKey, by: { actor: string, caller: Caller | null, request_id: string | null }): Promise<Made> {
    const made = this.#draw(wanted, by.actor)
    checkReach(made.key, by.caller)
    await this.#store.addKey({ key: made.key, request_id: by.request_id })
    return made
  }

  /** A key for the first admin, when there has never been a key; undefined when there has. Of many processes that start at once, one gets it. */
  async makeFirst (): Promise<Made | undefined> {
    const made = this.#draw({ name: 'first-admin', role: 'admin' }, 'system')
    return await this.#store.addKey({ key: made.key, request_id: null, first: true }) ? made : undefined
  }

  list (): Promise<StoredKey[]> { return this.#store.listKeys() }

  /** Holds here at once, and elsewhere within a second. @throws AppError `key_not_found` */
  async revoke (id: string, by: { actor: string, request_id: string | null }): Promise<StoredKey> {
    const key = isId(id) ? await this.#store.revokeKey({ id, audit_id: newId(), ...by, now: this.#clock.now() }) : undefined
    if (key === undefined) throw new AppError('key_not_found')
    this.#known.delete(key.hash)
    return key
  }

  /** Whoever holds this text, from what is known here; `ask` has to look. @throws AppError `credential_invalid` */
  recall (text: string): { caller: Caller, hash: string } | 'ask' {
    const hash = hashOf(text)
    const known = this.#known.get(hash)
    if (known === undefined || this.#clock.monotonic() - known.asked > FRESH_MS) return 'ask'
    return { caller: this.#callerOf(known.key), hash }
  }

  /** It was good when it was last looked at. */
  isFamiliar (text: string): boolean { return this.#known.has(hashOf(text)) }

  /** Whoever holds this text. @throws AppError `credential_invalid`, `store_unavailable` */
  async identify (text: string): Promise<{ caller: Caller, hash: string }> {
    const hash = hashOf(text)
    return { caller: await this.again(hash), hash }
  }

  /** As identify, for a key that was accepted before. */
  async again (hash: string): Promise<Caller> {
    const known = this.#known.get(hash)
    const asked = this.#clock.monotonic()
    if (known !== undefined && asked - known.asked <= FRESH_MS) return this.#callerOf(known.key)
    const key = await this.#store.keyByHash(hash)
    if (key === undefined || !timingSafeEqual(Buffer.from(key.hash), Buffer.from(hash))) throw new AppError('credential_invalid')
    this.#known.set(hash, { key, asked })
    return this.#callerOf(key)
  }

  #callerOf (key: StoredKey): Caller {
    const now = this.#clock.now()
    if (key.revoked_at !== null || (key.expires_at !== null && key.expires_at <= now)) throw new AppError('credential_invalid')
    this.#touch(key, now)
    return callerOf(key)
  }

  /** Nobody waits for it, and it is worth no more than a write a minute. */
  #touch ({ id, last_used_at: last }: StoredKey, now: number): void {
    if (now - Math.max(last ?? 0, this.#touched.get(id) ?? 0) < TOUCH_EVERY_MS) return
    this.#touched.set(id, now)
    this.#store.touchKey({ id, now }).catch((error: unknown) => { this.#log.warn({ err: error, key: id }, 'the use of a key could not be noted') })
  }

  #draw ({ name, role, scopes, expires_at: expires }: NewKey, actor: string): Made {
    const now = this.#clock.now()
    if (!new RegExp(KEY_NAME).test(name)) throw invalid('name begins with a letter or a digit, and holds letters, digits, spaces and . _ @ -')
    if (isSameActor(name, ANONYMOUS)) throw invalid(`name cannot be ${ANONYMOUS}: records call those so who gave no name`)
    if (!ACCESS_ROLES.includes(role)) throw invalid(`role is one of ${ACCESS_ROLES.join(', ')}`)
    if (scopes !== undefined && (scopes.length === 0 || scopes.some((scope) => !AREAS.includes(scope)))) throw invalid(`scopes are some of ${AREAS.join(', ')}`)
    if (expires !== undefined && (Number.isNaN(expires) || expires <= now)) throw invalid('the key would have expired already')
    const secret = newSecret()
    return {
      secret,
      key: {
        id: newId(),
        name,
        prefix: secret.slice(0, PREFIX_LENGTH),
        hash: hashOf(secret),
        role,
        scopes: scopes === undefined ? null : [...new Set(scopes)],
        created_by: actor,
        created_at: now,
        expires_at: expires ?? null,
        revoked_at: null,
        revoked_by: null,
        last_used_at: null
      }
    }
  }
}

export const isKey = (text: string): boolean => {
  const [, secret, sum] = KEY.exec(text) ?? []
  return secret !== undefined && checksum(secret) === sum
}

const newSecret = (): string => {
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  return `${KEY_MARK}${secret}${checksum(secret)}`
}

const checksum = (secret: string): string => {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(secret))
  return sum.toString('base64url')
}

/** One round: nobody guesses 256 random bits, so there is nothing that a slow hash would slow down but us. */
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

const callerOf = ({ id, name, role, scopes, expires_at: expires }: StoredKey): Caller => ({ id: `key:${id}`, name, role, scopes, expires_at: expires })

const checkReach = ({ role, scopes }: StoredKey, maker: Caller | null): void => {
  if (maker === null) return
  const within = maker.scopes === null || scopes?.every((scope) => maker.scopes!.includes(scope)) === true
  if (!isAtLeast(maker.role, role) || !within) throw new AppError('forbidden', { message: 'A key cannot make one that may do more than it may itself.' })
}

const invalid = (what: string): AppError => new AppError('validation_failed', { message: `${what}.` })
