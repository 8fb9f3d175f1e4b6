// What the doctor is given and what it reports.
import type { BreakerState } from './breaker.ts'
import type { CredentialState } from './breaker-registry.ts'
import type { Json } from './model.ts'
import type { Source } from './upstream.ts'

/** What the configuration knows of an integration. */
export interface IntegrationFacts {
  /** The name of its circuit breaker. */
  name: string
  /** By its own settings; a sandbox may stand in all the same. */
  configured: boolean
  /** The settings that would complete it; empty when it is configured. */
  missing: readonly string[]
  /** Some of what it needs is set, and some is not. */
  incomplete: boolean
  /** Those that are set. `shown` masks secrets. */
  settings: ReadonlyArray<{ setting: string, variable: string, shown: string }>
  /** The variables that hold its credential, and those that say whom to call, for sentences: `SHOPIFY_API_KEY and SHOPIFY_API_SECRET`. */
  credential: string
  address: string
  /** How to come by a credential that works. A sentence. */
  remedy: string
}

/** `limited`: it works, but its credential lacks rights that some agents need. */
export type IntegrationState = 'works' | 'limited' | 'broken' | 'incomplete' | 'not_configured'

export interface IntegrationReport {
  name: string
  label: string
  state: IntegrationState
  source: Source | null
  host: string | null
  settings: Array<{ setting: string, variable: string, value: string }>
  missing_settings: string[]
  /** Null: there was nothing to call. */
  live_test: null | { passed: boolean, code: string | null, message: string, took_ms: number, details: Record<string, Json> }
  missing_scopes: string[]
  credential: CredentialState
  circuit_breaker: BreakerState
  /** What to do about it; null when nothing is to be done. */
  fix: string | null
}

export interface StoreReport {
  engine: string
  path: string
  /** Null: not tried, `message` says why. */
  writable: boolean | null
  message: string
}

export interface DoctorReport {
  /** Whatever is configured works. */
  ok: boolean
  at: number
  service: string
  version: string
  profile: string
  node: string
  sandbox: { mode: string, upstreams: string[] }
  warnings: string[]
  store: StoreReport
  integrations: IntegrationReport[]
}
