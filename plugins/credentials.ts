// Finds the one credential of a request, in its headers alone.
import type { FastifyRequest } from 'fastify'
import { AppError } from '../src/core/errors.ts'
import { isKey, KEY_MARK } from '../src/core/keys.ts'

export type Credential = { kind: 'key' | 'token', text: string }

const BEARER = /^Bearer +([\w.~+/=-]+)$/i
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Names under which other services take credentials in an address. */
const IN_QUERY = /[?&](?:access_token|api_?key|x-api-key|authorization|token)=/i

/**
 * Undefined: there is none.
 * @throws AppError `credential_in_query`, `credential_ambiguous`, `credential_malformed`
 */
export const credentialOf = ({ raw, originalUrl }: FastifyRequest): Credential | undefined => {
  const query = originalUrl.indexOf('?')
  if (query !== -1 && (originalUrl.includes(KEY_MARK, query) || IN_QUERY.test(originalUrl.slice(query)))) throw new AppError('credential_in_query')
  // As they came: Node keeps the first of two Authorization headers, and joins others.
  const { rawHeaders } = raw
  let found: { name: string, value: string } | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if ((name.length !== AUTHORIZATION.length && name.length !== X_API_KEY.length) || !isCredential(name.toLowerCase())) continue
    if (found !== undefined) throw new AppError('credential_ambiguous')
    found = { name: name.toLowerCase(), value: rawHeaders[at + 1]! }
  }
  if (found === undefined) return undefined
  const text = found.name === X_API_KEY ? found.value : BEARER.exec(found.value)?.[1]
  if (text === undefined) throw new AppError('credential_malformed')
  if (isKey(text)) return { kind: 'key', text }
  if (found.name === AUTHORIZATION && !text.startsWith(KEY_MARK) && TOKEN.test(text)) return { kind: 'token', text }
  throw new AppError('credential_malformed')
}

const AUTHORIZATION = 'authorization'
const X_API_KEY = 'x-api-key'

const isCredential = (name: string): boolean => name === AUTHORIZATION || name === X_API_KEY
