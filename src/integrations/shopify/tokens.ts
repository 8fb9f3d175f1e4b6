// Access tokens: a static one, or one that is exchanged for the app's id and secret and lives for about a day.
import { Type } from '@sinclair/typebox'
import { verdictOfStatus, type Verdict } from '../../core/breaker-registry.ts'
import { faultOf } from '../../core/check.ts'
import type { Clock } from '../../core/clock.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { errorText } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { HttpAnswer, HttpClient } from '../http/index.ts'
import { httpFault } from './http-faults.ts'

export type Credentials =
  | { kind: 'token', token: string }
  | { kind: 'client_credentials', id: string, secret: string }

export interface Tokens {
  /** @throws CommerceError `shop_credentials_rejected`, or what the exchange throws. */
  get (signal: AbortSignal): Promise<string>
  /** The shop refused this token. True: the next `get` answers with another one. */
  rejected (token: string): boolean
  close (): void
}

export interface TokensOptions {
  credentials: Credentials
  http: Pick<HttpClient, 'send'>
  clock: Clock
  log: Logger
}

const GrantSchema = Type.Object({
  access_token: Type.String({ minLength: 1, pattern: '^[\\x21-\\x7e]+$' }),
  expires_in: Type.Number({ exclusiveMinimum: 0 })
})

/** Renewed while it is still good for a tenth of its life, at most this long; callers go on with the old one meanwhile. */
const EARLY_MS = 3_600_000
/** After a failed renewal of a token that is still good. */
const RETRY_MS = 30_000
/** A 429 that does not say for how long. */
const UNTOLD_WAIT_MS = 2_000

export const createTokens = (options: TokensOptions): Tokens => {
  const { credentials } = options
  if (credentials.kind === 'token') return { get: async () => credentials.token, rejected: () => false, close () {} }
  return createExchange(options, credentials)
}

interface Grant {
  token: string
  /** On the monotonic clock. */
  renewAt: number
  expiresAt: number
}

function createExchange ({ http, clock, log }: TokensOptions, { id, secret }: { id: string, secret: string }): Tokens {
  let grant: Grant | undefined
  let renewal: Promise<Grant> | undefined
  // The exchange serves all callers: it ends with the integration, not with the one that happened to begin it.
  const closing = new AbortController()

  const exchange = async (): Promise<Grant> => {
    const answer = await http.send({
      method: 'POST',
      path: '/admin/oauth/access_token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret }).toString(),
      idempotent: true,
      signal: closing.signal,
      judge
    }).catch((error: unknown) => { throw httpFault(error) })
    // The body of a refusal may quote what was sent: its text goes nowhere.
    if (answer.status >= 400 && answer.status < 500) {
      throw new CommerceError('shop_credentials_rejected', `The shop gives no access token for this client id and secret (status ${answer.status}).`)
    }
    if (answer.status !== 200) throw new CommerceError('shop_unavailable', `The shop gives no access token (status ${answer.status}).`)
    const fault = await faultOf(GrantSchema, answer.body)
    if (fault !== undefined) throw new CommerceError('shop_answer_invalid', `The answer with the access token is not valid: ${fault}`)
    const { access_token: token, expires_in: seconds } = answer.body as { access_token: string, expires_in: number }
    const now = clock.monotonic()
    const life = seconds * 1_000
    return { token, expiresAt: now + life, renewAt: now + life - Math.min(EARLY_MS, life / 10) }
  }

  const renew = (): Promise<Grant> => {
    renewal ??= exchange().then((fresh) => { grant = fresh; return fresh }).finally(() => { renewal = undefined })
    return renewal
  }

  return {
    async get (signal) {
      const now = clock.monotonic()
      if (grant !== undefined && now < grant.expiresAt) {
        if (now >= grant.renewAt && renewal === undefined) {
          grant.renewAt = now + RETRY_MS
          renew().catch((error: unknown) => {
            if (!closing.signal.aborted) log.warn({ error: errorText(error) }, 'The access token of the shop could not be renewed yet.')
          })
        }
        return grant.token
      }
      return (await abortable(renew(), signal)).token
    },
    rejected (token) {
      // Another caller may have renewed it already: then the new one is worth a try as it is.
      if (grant?.token === token) grant = undefined
      return true
    },
    close: () => closing.abort(new CommerceError('shop_unavailable', 'The connection to the shop is being closed.'))
  }
}

const judge = ({ status, retryAfterMs }: HttpAnswer): Verdict => {
  // Shopify answers an unknown client or a wrong secret with 400.
  if (status === 400) return { kind: 'success', credential: 'rejected' }
  return verdictOfStatus(status, { untold: UNTOLD_WAIT_MS, ...(retryAfterMs === undefined ? {} : { told: retryAfterMs }) })
}

/** The promise, or the reason of the signal as soon as it is aborted; the promise itself goes on. */
const abortable = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => new Promise((resolve, reject) => {
  const onAbort = (): void => reject(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  // Also settles the promise for whoever left early: its rejection is then nobody's, but handled.
  promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
})
