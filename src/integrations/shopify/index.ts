// The door of the Shopify integration: the port that agents see, and the upstream that probes ask.
import type { BreakerRegistry } from '../../core/breaker-registry.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { Source } from '../../core/upstream.ts'
import { createHttpClient } from '../http/index.ts'
import { createParts, DEPENDENCY, type ShopifyParts } from './parts.ts'
import type { Credentials } from './tokens.ts'

export interface ShopifyOptions {
  /** `my-shop` or `my-shop.myshopify.com`. */
  shop: string
  credentials: Credentials
  /** In the place of `https://<shop>.myshopify.com`: the sandbox, or a server of the operator's own network. Private addresses are then in order. */
  baseUrl?: string
  source: Source
  /** Knows `shopify_api`. */
  breakers: BreakerRegistry
  clock: Clock
  random: Random
  log: Logger
}

/** @throws TypeError for a base URL that is none or that holds credentials. */
export const createShopify = ({ shop, credentials, baseUrl, source, breakers, clock, random, log }: ShopifyOptions): ShopifyParts => {
  const host = shop.includes('.') ? shop : `${shop}.myshopify.com`
  const url = baseUrl ?? `https://${host}`
  const http = createHttpClient({
    dependency: DEPENDENCY,
    baseUrl: url,
    allowPrivate: baseUrl !== undefined,
    breakers,
    clock,
    random,
    log,
    deadlineMs: DEADLINE_MS
  })
  const parts = createParts({ host: new URL(url).host, credentials, source, http, clock, log })
  return {
    commerce: parts.commerce,
    upstream: parts.upstream,
    async close () {
      parts.close()
      await http.close()
    }
  }
}

/** Shopify gives a query up after 30 s by itself. */
const DEADLINE_MS = 30_000
