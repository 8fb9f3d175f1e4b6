// Google's token endpoint: exchanges a signed assertion (its form is checked, its signature is not: the sandbox knows no keys) for a token.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isObject, readText, sendJson } from '../http.ts'

export interface Tokens {
  /** POST /token. */
  exchange (request: IncomingMessage, response: ServerResponse): Promise<void>
  accepts (token: string): boolean
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const LIFETIME_S = 3_599
/** How far the two clocks may be apart. */
const SKEW_S = 300

export const createTokens = ({ fixed, now }: { fixed: string, now: () => number }): Tokens => {
  const issued = new Map<string, number>()
  let next = 1
  return {
    accepts: (token) => token === fixed || (issued.get(token) ?? 0) > now(),
    async exchange (request, response) {
      const form = new URLSearchParams(await readText(request))
      const fault = faultOfGrant(form, now())
      if (fault !== undefined) return sendJson(response, 400, fault)
      const token = `ya29.sandbox-${next++}`
      issued.set(token, now() + LIFETIME_S * 1000)
      sendJson(response, 200, { access_token: token, expires_in: LIFETIME_S, token_type: 'Bearer' }, { 'cache-control': 'no-store' })
    }
  }
}

const faultOfGrant = (form: URLSearchParams, now: number): object | undefined => {
  const type = form.get('grant_type')
  if (type === 'refresh_token') {
    const whole = form.get('refresh_token') !== null && form.get('client_id') !== null
    return whole ? undefined : refusal('invalid_request', 'Missing required parameter: refresh_token')
  }
  if (type !== JWT_BEARER) return refusal('unsupported_grant_type', `Invalid grant_type: ${type ?? ''}`)
  const claims = claimsOf(form.get('assertion') ?? '')
  if (claims === undefined) return refusal('invalid_grant', 'Invalid JWT: Failed to parse.')
  const { iss, aud, scope, iat, exp } = claims
  if (typeof iss !== 'string' || typeof aud !== 'string' || !/\/token$/.test(aud)) return refusal('invalid_grant', 'Invalid JWT: iss and aud are required.')
  if (typeof scope !== 'string' || !/\/auth\/(?:bigquery|cloud-platform)\b/.test(scope)) {
    return refusal('invalid_scope', 'Invalid OAuth scope or ID token audience provided.')
  }
  const seconds = now / 1000
  if (typeof iat !== 'number' || typeof exp !== 'number' || iat > seconds + SKEW_S || exp < seconds || exp - iat > 3_600) {
    return refusal('invalid_grant', 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. ' +
      'Check your iat and exp values in the JWT claim.')
  }
  return undefined
}

const refusal = (error: string, description: string): object => ({ error, error_description: description })

const claimsOf = (assertion: string): Record<string, unknown> | undefined => {
  const parts = assertion.split('.')
  if (parts.length !== 3 || parts[2] === '') return undefined
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown)
    return isObject(header) && header['alg'] === 'RS256' && isObject(claims) ? claims : undefined
  } catch {
    return undefined
  }
}
