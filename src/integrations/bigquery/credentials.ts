// Google's credentials file: what it must hold, and the grant that turns it into an access token.
import { createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { faultOf } from '../../core/check.ts'
import { errorText } from '../../core/errors.ts'
import { WarehouseError } from '../../core/warehouse.ts'

/** What is posted to the token endpoint. */
export interface Grant {
  url: URL
  form: Record<string, string>
}

const VARIABLE = 'GOOGLE_APPLICATION_CREDENTIALS'
const SCOPE = 'https://www.googleapis.com/auth/bigquery'
const TOKEN_URI = 'https://oauth2.googleapis.com/token'
/** The longest that Google accepts. */
const ASSERTION_S = 3600

const ServiceAccount = Type.Object({
  client_email: Type.String({ minLength: 3 }),
  private_key: Type.String({ minLength: 1 }),
  private_key_id: Type.Optional(Type.String()),
  token_uri: Type.Optional(Type.String({ minLength: 1 }))
})

const AuthorizedUser = Type.Object({
  client_id: Type.String({ minLength: 1 }),
  client_secret: Type.String({ minLength: 1 }),
  refresh_token: Type.String({ minLength: 1 }),
  token_uri: Type.Optional(Type.String({ minLength: 1 }))
})

/** Reads the file anew each time, so that a key that was exchanged works without a restart. `now` in milliseconds since the epoch. */
export const readGrant = async (path: string | undefined, now: number): Promise<Grant> => {
  if (path === undefined) refuse(`BigQuery has no credentials: set ${VARIABLE} to the path of the credentials file of a service account.`)
  const file = parse(await read(path))
  switch (file['type']) {
    case 'service_account': return serviceAccountGrant(await fitting(ServiceAccount, file), now)
    case 'authorized_user': return authorizedUserGrant(await fitting(AuthorizedUser, file))
    default: return refuse(`The file that ${VARIABLE} names is of the type ${JSON.stringify(file['type'] ?? null)}: ` +
      'only "service_account" and "authorized_user" are supported.')
  }
}

const serviceAccountGrant = (file: Static<typeof ServiceAccount>, now: number): Grant => {
  const { client_email: email, private_key: pem, private_key_id: kid, token_uri: uri } = file
  const url = tokenUrl(uri)
  const issuedAt = Math.floor(now / 1000)
  const header = { alg: 'RS256', typ: 'JWT', ...(kid === undefined ? {} : { kid }) }
  const claims = { iss: email, scope: SCOPE, aud: url.href, iat: issuedAt, exp: issuedAt + ASSERTION_S }
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature = sign('RSA-SHA256', Buffer.from(text), privateKey(pem)).toString('base64url')
  return { url, form: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: `${text}.${signature}` } }
}

const authorizedUserGrant = ({ client_id: id, client_secret: secret, refresh_token: token, token_uri: uri }: Static<typeof AuthorizedUser>): Grant =>
  ({ url: tokenUrl(uri), form: { grant_type: 'refresh_token', client_id: id, client_secret: secret, refresh_token: token } })

const read = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? errorText(error)})`
    return refuse(`The file that ${VARIABLE} names ${why}: ${path}`)
  }
}

const parse = (text: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which holds the key.
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) refuse(`The file that ${VARIABLE} names is not a JSON object.`)
  return value as Record<string, unknown>
}

const fitting = async <T extends TSchema>(schema: T, file: Record<string, unknown>): Promise<Static<T>> => {
  const fault = await faultOf(schema, file)
  if (fault !== undefined) refuse(`The file that ${VARIABLE} names is incomplete: ${fault}.`)
  return file as Static<T>
}

const privateKey = (pem: string): KeyObject => {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'rsa') return key
  } catch {
    // As above: nothing of the key may reach a message.
  }
  return refuse(`The private_key in the file that ${VARIABLE} names is no RSA key in PEM: download the file anew.`)
}

const tokenUrl = (uri: string = TOKEN_URI): URL => {
  const url = URL.parse(uri)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '') refuse(`The token_uri in the file that ${VARIABLE} names is no address.`)
  return url as URL
}

function refuse (message: string): never {
  throw new WarehouseError('warehouse_credentials_invalid', message)
}
