// Signatures of outgoing webhooks by the Standard Webhooks specification: HMAC-SHA256 over id, time and body.
import { createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'
const SECRET_BYTES = 32

export const newSecret = (): string => PREFIX + randomBytes(SECRET_BYTES).toString('base64')

/** What may be shown of a secret: enough to tell two apart. */
export const maskedSecret = (secret: string): string => `${PREFIX}…${secret.slice(-4)}`

/** The three headers. Each secret gives a signature: during a change of secrets there are two. `now`: milliseconds since the epoch. */
export const signatureHeaders = ({ id, body, secrets, now }: { id: string, body: string, secrets: readonly string[], now: number }): Record<string, string> => {
  const timestamp = String(Math.floor(now / 1_000))
  const signatures = secrets.map((secret) =>
    `v1,${createHmac('sha256', Buffer.from(secret.slice(PREFIX.length), 'base64')).update(`${id}.${timestamp}.${body}`).digest('base64')}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
