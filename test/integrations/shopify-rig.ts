// The Shopify integration in front of a shop on loopback, on a clock that is moved by hand.
import type { Test } from 'tap'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createShopify, type ShopifyOptions } from '../../src/integrations/shopify/index.ts'
import { FakeClock, settled } from '../helpers/fake-clock.ts'
import { SHOP, startShop } from './shop-server.ts'

export const NOW = Date.parse('2026-11-24T12:00:00Z')
export const signal = new AbortController().signal
export const effect = { signal, effect_key: 'proposal-1' }

export const setup = async (t: Test, root: Record<string, unknown> = {}, options: Pick<Partial<ShopifyOptions>, 'credentials'> = {}) => {
  const shop = await startShop(t, { shop: SHOP, ...root })
  const clock = new FakeClock(NOW)
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  breakers.register('shopify_api', { label: 'Shopify', configured: true, required: false })
  const shopify = createShopify({
    shop: 'royal-equips',
    credentials: { kind: 'token', token: 'shpat_test' },
    baseUrl: shop.url,
    source: 'sandbox',
    breakers,
    clock,
    random: () => 0,
    log: silentLogger,
    ...options
  })
  t.teardown(() => shopify.close())
  return { shop, clock, breakers, dependency: breakers.get('shopify_api'), commerce: shopify.commerce, upstream: shopify.upstream, close: shopify.close }
}

export const all = async <T>(list: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

/** Lets time pass, slowly enough for answers to arrive in between, until the promise is settled. */
export const through = async <T>(clock: FakeClock, promise: Promise<T>, stepMs = 100): Promise<T> => {
  const state = { done: false }
  const end = (): void => { state.done = true }
  promise.then(end, end)
  for (let turn = 0; !state.done && turn < 2_000; turn++) {
    await clock.advance(stepMs)
    await settled()
  }
  return await promise
}
