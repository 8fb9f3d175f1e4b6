// An upstream as the rest of the system sees it: where its answers come from, and how to ask whether it is well.
import type { Json } from './model.ts'

/** `sandbox`: the stand-in upstreams with their generated shop. Every answer that is based on them says so. */
export type Source = 'live' | 'sandbox'

/** What a live test of an upstream found. It did not fail: a probe that fails rejects. */
export interface ProbeResult {
  /** One sentence for people: `Shop royal-equips answers; 92 % of its query budget is free.` */
  message: string
  /** Rights that the credential lacks for what agents do, by the upstream's own names; empty when all are there. */
  missing_scopes: string[]
  /** What to look at although it answers; one or two sentences with the names of the variables. */
  advice?: string
  /** Figures worth showing: plan, budget, version. Never secrets. */
  details: Record<string, Json>
}

export interface Upstream {
  /** The name of its circuit breaker: `shopify_api`. */
  name: string
  source: Source
  /** The host that is called, for people: `my-shop.myshopify.com`. */
  host: string
  /** One cheap real call through the breaker, which gets the signal as well. @throws what the call throws, CircuitOpenError and ThrottledError among it. */
  probe (signal: AbortSignal): Promise<ProbeResult>
}
