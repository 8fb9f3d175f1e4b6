// Puts the parts of the integration together on top of an HTTP client.
import type { Clock } from '../../core/clock.ts'
import type { Commerce } from '../../core/commerce.ts'
import type { Logger } from '../../core/log.ts'
import type { ProbeResult, Source, Upstream } from '../../core/upstream.ts'
import type { HttpClient } from '../http/index.ts'
import { createBulkRunner } from './bulk.ts'
import { createCommerce } from './commerce.ts'
import { createCostScheduler } from './cost-scheduler.ts'
import { createShopGraphQL } from './graphql.ts'
import { missingScopes } from './scopes.ts'
import { createTokens, type Credentials } from './tokens.ts'
import { API_VERSION } from './version.ts'

/** The name of its circuit breaker. */
export const DEPENDENCY = 'shopify_api'

export interface ShopifyParts {
  /** In the lane of people who wait for an answer; agents take theirs with `inLane`. */
  commerce: Commerce
  upstream: Upstream
  /** Rejects what waits. Call it once. */
  close (): Promise<void>
}

export interface PartsOptions {
  host: string
  credentials: Credentials
  source: Source
  http: HttpClient
  clock: Clock
  log: Logger
}

export const createParts = ({ host, credentials, source, http, clock, log }: PartsOptions): Omit<ShopifyParts, 'close'> & { close (): void } => {
  const scheduler = createCostScheduler({ clock })
  const tokens = createTokens({ credentials, http, clock, log })
  const graphql = createShopGraphQL({ http, tokens, scheduler, clock })
  const bulk = createBulkRunner({ graphql, http, clock, log })
  return {
    commerce: createCommerce({ graphql, bulk, clock, source }, 'interactive'),
    upstream: {
      name: DEPENDENCY,
      source,
      host,
      async probe (signal): Promise<ProbeResult> {
        // In the first lane: a budget that is spent is no sign of illness, and the question costs next to nothing.
        const { data } = await graphql.execute('AccessScopes', {}, { lane: 'orders', signal })
        const missing = missingScopes(data.currentAppInstallation.accessScopes.map(({ handle }) => handle))
        const { available, maximum, restoreRate, waiting } = scheduler.snapshot()
        const free = Math.max(0, Math.round(available / maximum * 100))
        return {
          message: `Shop ${data.shop.name} answers; ${free} % of its query budget is free.`,
          missing_scopes: missing.map(({ scope }) => scope),
          details: {
            shop: data.shop.name,
            domain: data.shop.myshopifyDomain,
            plan: data.shop.plan.publicDisplayName,
            api_version: API_VERSION,
            query_budget: { available: Math.floor(available), maximum, restored_per_second: restoreRate, waiting },
            missing_for: Object.fromEntries(missing.map(({ scope, features }) => [scope, features]))
          }
        }
      }
    },
    close () {
      tokens.close()
      scheduler.close()
    }
  }
}
