// Access tokens for BigQuery: fetched once for all who wait, kept until shortly before they end.
import { faultOf } from '../../core/check.ts'
import type { Clock } from '../../core/clock.ts'
import { WarehouseError } from '../../core/warehouse.ts'
import { readGrant, type Grant } from './credentials.ts'
import { TokenErrorAnswerSchema, type TokenAnswer } from './schemas.ts'
import type { Exchange } from './wire.ts'

export interface Tokens {
  get (signal: AbortSignal): Promise<string>
  /** Forgets this token, and no newer one. */
  drop (token: string): void
  /** False: there is but one, for ever. */
  readonly renewable: boolean
}

/** Renewed while it is still good for this long, so that a call never starts with a token that ends under way. */
const RENEW_BEFORE_MS = 300_000

/** For stand-ins: they take any token. */
export const fixedToken = (token: string): Tokens => ({ get: async () => token, drop () {}, renewable: false })

export const createTokens = (args: {
  credentialsFile: string | undefined
  exchange: Exchange
  clock: Pick<Clock, 'now' | 'monotonic'>
}): Tokens => {
  const { credentialsFile, exchange, clock } = args
  let current: { token: string, until: number } | undefined
  let underWay: Promise<string> | undefined

  const renew = async (): Promise<string> => {
    const grant = await readGrant(credentialsFile, clock.now())
    const { status, body } = await exchange(grant)
    if (status === 408 || status >= 500) throw new WarehouseError('warehouse_unavailable', `Google's token endpoint is failing (status ${status}).`)
    if (status < 200 || status > 299) throw await rejected(status, body, grant)
    const { access_token: token, expires_in: seconds } = body as TokenAnswer
    const lifeMs = seconds * 1000
    current = { token, until: clock.monotonic() + Math.max(lifeMs - RENEW_BEFORE_MS, lifeMs / 2) }
    return token
  }

  return {
    renewable: true,
    drop (token) {
      if (current?.token === token) current = undefined
    },
    async get (signal) {
      signal.throwIfAborted()
      if (current !== undefined && clock.monotonic() < current.until) return current.token
      underWay ??= renew().finally(() => { underWay = undefined })
      return await unlessAborted(underWay, signal)
    }
  }
}

const LONGEST_MESSAGE = 200

const rejected = async (status: number, body: unknown, grant: Grant): Promise<WarehouseError> => {
  const { error, error_description: description } = await faultOf(TokenErrorAnswerSchema, body) === undefined
    ? body as { error: string, error_description?: string }
    : { error: `status ${status}`, error_description: undefined }
  const said = withoutGrant([error, description].filter((text) => text !== undefined).join(': '), grant).slice(0, LONGEST_MESSAGE)
  return new WarehouseError('warehouse_credential_rejected',
    `Google does not accept the credentials in the file that GOOGLE_APPLICATION_CREDENTIALS names (${said}). ` +
    "Check that the key still exists and that this machine's clock is right.")
}

/** An endpoint that is not Google's may quote what it was sent, as it stood in the form or decoded: the key, the assertion. */
const withoutGrant = (text: string, { form }: Grant): string => {
  const quotable = Object.entries(form).flatMap(([name, value]) => name === 'grant_type' ? [] : [value, new URLSearchParams({ '': value }).toString().slice(1)])
  return quotable.reduce((clean, value) => clean.replaceAll(value, '[credential]'), text)
}

/** One caller leaves; the token is still fetched for the others. */
const unlessAborted = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  // It may reject after everybody has left.
  promise.catch(() => {})
  return await new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
