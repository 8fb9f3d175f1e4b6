// Sends outgoing webhooks to addresses that callers chose. The address is checked when it is entered, and again where the connection is made: what was
// checked is what is connected to. Nothing is followed, and nothing of the answer but its status leaves this file.
import { request } from 'undici'
import { AppError } from '../../core/errors.ts'
import { WebhookSendError, type WebhookSender } from '../../core/webhooks/delivery.ts'
import { assertPublicHost, checkedUrl, createAgent, publicLookup } from '../http/index.ts'

export interface WebhookSenderOptions {
  /** Plain http and addresses of private networks are in order. */
  allowPrivate: boolean
  /** In the place of the system's, for tests. */
  lookup?: ReturnType<typeof publicLookup>
}

const LONGEST_URL = 2_000
const DEADLINE_MS = 10_000
const CONNECTIONS_PER_HOST = 4
/** Of an answer so much is read and thrown away, so that the connection can be used again. */
const DISCARDED_BYTES = 16 * 1024
const NO_TIMERS = { headersTimeout: 0, bodyTimeout: 0 }

export const createWebhookSender = ({ allowPrivate, lookup = publicLookup() }: WebhookSenderOptions): WebhookSender & { close (): Promise<void> } => {
  const agent = createAgent(allowPrivate, CONNECTIONS_PER_HOST, lookup)

  const allowed = (text: string): URL => {
    const url = checkedUrl(text, allowPrivate)
    if (!allowPrivate) assertPublicHost(url.hostname)
    return url
  }

  return {
    async check (text) {
      let url: URL
      try {
        if (text.length > LONGEST_URL) throw new TypeError('too long')
        url = allowed(text)
      } catch {
        throw refused(allowPrivate ? 'it is an http or https URL without credentials' : 'it is an https URL without credentials, of a public host')
      }
      if (allowPrivate) return
      const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => { lookup(url.hostname, { all: true }, resolve) })
      if (error === null) return
      throw refused(error.code === 'upstream_forbidden_host' ? 'its host has an address that is not public' : 'its host cannot be resolved')
    },

    async send ({ url: text, headers, body, signal }) {
      const limits = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)])
      try {
        const response = await request(allowed(text), {
          dispatcher: agent, method: 'POST', headers: { ...HEADERS, ...headers }, body, signal: limits, ...NO_TIMERS
        })
        // A receiver that goes on talking is not listened to.
        await response.body.dump({ limit: DISCARDED_BYTES, signal: limits }).catch(() => {})
        return response.statusCode
      } catch (error) {
        if (signal.aborted) throw error
        if (limits.aborted) throw new WebhookSendError('timeout', `It did not answer within ${DEADLINE_MS / 1_000} s.`)
        if ((error as NodeJS.ErrnoException).code === 'upstream_forbidden_host' || error instanceof TypeError) {
          throw new WebhookSendError('forbidden_address', 'Its address is not one that is called.')
        }
        throw new WebhookSendError('unreachable', 'It could not be reached.')
      }
    },

    async close () { await agent.destroy() }
  }
}

const HEADERS = { 'content-type': 'application/json', 'user-agent': 'royal-equips-orchestrator' }

const refused = (rule: string): AppError => new AppError('validation_failed', { message: `body.url: ${rule}.` })
