// The four upstreams that the sandbox stands in for, and what a client needs to be pointed at them.
import type { IncomingMessage, ServerResponse } from 'node:http'

/** By the names of their circuit breakers. */
export const UPSTREAMS = ['shopify_api', 'github_api', 'bigquery', 'llm'] as const
export type UpstreamName = typeof UPSTREAMS[number]

export const isUpstream = (name: unknown): name is UpstreamName => (UPSTREAMS as readonly unknown[]).includes(name)

/** Answers one request in the upstream's own wire format. What it throws becomes the upstream's own answer 500. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Origins, without a slash at the end. An upstream that was not asked for has none. */
export interface Addresses extends Partial<Record<UpstreamName, string>> {
  /** Serves /_sandbox. */
  control: string
  /** Where the fault `redirect` points to: whoever comes here has followed it. */
  elsewhere: string
  /** The same upstreams behind a certificate for another host. */
  wrong_host: Partial<Record<UpstreamName, string>>
}

/** The only credentials that the sandbox accepts. Not secret: they open nothing but the sandbox. */
export const CREDENTIALS = {
  shopify_api: { shop: 'royal-equips-sandbox.myshopify.com', access_token: 'shpat_sandbox', client_id: 'sandbox-client', client_secret: 'sandbox-secret' },
  github_api: { token: 'sandbox-token', owner: 'royal-equips-sandbox', repo: 'storefront' },
  bigquery: { token: 'sandbox', project_id: 'royal-equips-sandbox', dataset: 'shop' },
  llm: { api_key: 'sandbox-key', model: 'sandbox-rules-1' }
} as const

/** What the process says when it listens. */
export interface SandboxFacts {
  seed: number
  addresses: Addresses
  credentials: typeof CREDENTIALS
}

/** What the process sends to whoever started it. */
export type Message =
  | { type: 'ready', facts: SandboxFacts }
  | { type: 'failed', message: string }
  | { type: 'log', level: 'debug' | 'info' | 'warn' | 'error', fields: object, message: string }

export const DEFAULT_SEED = 1

/** @throws Error when the environment says production: nothing there may ever rest on invented data. */
export const refuseProduction = (environment: NodeJS.ProcessEnv): void => {
  for (const name of ['NODE_ENV', 'FLASK_ENV']) {
    if (environment[name]?.trim().toLowerCase() === 'production') {
      throw new Error(`The sandbox never starts in production (${name}=production): its shop is generated.`)
    }
  }
}
