// Tokens of an OpenID Connect issuer: checked against the keys that it publishes, which are fetched when they are needed and kept for a while.
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { ACCESS_ROLES, type AccessRole, type Caller, type TokenVerifier } from '../../core/access.ts'
import { AppError } from '../../core/errors.ts'
import { KEY_NAME } from '../../core/keys.ts'

export interface OidcOptions {
  issuer: string
  audience: string
  /** Undefined: as the issuer's own description says. */
  jwksUrl: string | undefined
  /** With dots into objects. */
  roleClaim: string
  nameClaim: string
}

/** Signatures by a key pair alone: with a shared secret whoever can check a token could make one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const FETCH_TIMEOUT_MS = 3_000
const KEYS_KEPT_MS = 10 * 60_000
/** A token with a key id that is not known has the keys fetched, but not more often than this. */
const FETCH_AGAIN_MS = 30_000
const CLOCK_TOLERANCE_SECONDS = 30
const RETRY_MS = 5_000

export const createTokenVerifier = ({ issuer, audience, jwksUrl, roleClaim, nameClaim }: OidcOptions): TokenVerifier => {
  let keys: Promise<JWTVerifyGetKey> | undefined
  const keysOf = (): Promise<JWTVerifyGetKey> => {
    keys ??= (jwksUrl === undefined ? discover(issuer) : Promise.resolve(jwksUrl)).then((url) => createRemoteJWKSet(new URL(url), {
      timeoutDuration: FETCH_TIMEOUT_MS, cacheMaxAge: KEYS_KEPT_MS, cooldownDuration: FETCH_AGAIN_MS
    }))
    keys.catch(() => { keys = undefined })
    return keys
  }
  return async (token) => {
    let payload: JWTPayload
    try {
      ({ payload } = await jwtVerify(token, await keysOf(), {
        issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_SECONDS, requiredClaims: ['exp', 'sub']
      }))
    } catch (error) {
      throw faultOf(error)
    }
    return callerOf(payload, { roleClaim, nameClaim })
  }
}

const discover = async (issuer: string): Promise<string> => {
  const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), headers: { accept: 'application/json' }
  })
  const described = await answer.json() as { issuer?: unknown, jwks_uri?: unknown } | null
  if (!answer.ok || described?.issuer !== issuer || typeof described.jwks_uri !== 'string' || !URL.canParse(described.jwks_uri)) {
    throw new Error('the description of the issuer is not that of this issuer, or names no keys')
  }
  return described.jwks_uri
}

/** What is wrong with the token is the caller's; everything else, such as an issuer out of reach, says nothing about it. */
const faultOf = (error: unknown): AppError => {
  const isTokens = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && !(error instanceof errors.JWKSInvalid) &&
    error.code !== 'ERR_JOSE_GENERIC'
  return isTokens
    ? new AppError('credential_invalid', { cause: error })
    : new AppError('identity_unavailable', { retryAfterMs: RETRY_MS, cause: error })
}

const callerOf = (payload: JWTPayload, { roleClaim, nameClaim }: Pick<OidcOptions, 'roleClaim' | 'nameClaim'>): Caller => {
  const role = highest(claim(payload, roleClaim))
  if (role === undefined) throw new AppError('forbidden', { message: `The token has none of our roles in ${roleClaim}: ${ACCESS_ROLES.join(', ')}.` })
  const name = claim(payload, nameClaim)
  if (typeof name !== 'string' || !new RegExp(KEY_NAME).test(name)) {
    throw new AppError('forbidden', { message: `The token has no name for the records in ${nameClaim}: letters, digits, spaces and . _ @ -` })
  }
  return { id: `oidc:${payload.sub}`, name, role, scopes: null, expires_at: payload.exp! * 1000 }
}

const claim = (payload: JWTPayload, path: string): unknown =>
  // A claim may have a dot in its own name.
  payload[path] ?? path.split('.').reduce<unknown>((value, part) =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined, payload)

const highest = (value: unknown): AccessRole | undefined => {
  const named = Array.isArray(value) ? value : [value]
  return ACCESS_ROLES.findLast((role) => named.includes(role))
}
