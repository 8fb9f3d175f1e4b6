// What all readings share: how Shopify's values become ours, and what a reader needs.
import type { Clock } from '../../core/clock.ts'
import type { Lane, Stamp } from '../../core/commerce.ts'
import type { Money } from '../../core/money.ts'
import type { Source } from '../../core/upstream.ts'
import type { BulkRunner } from './bulk.ts'
import type { ShopGraphQL } from './graphql.ts'

/** One view of the shop: all its calls go by the same lane. */
export interface Reader {
  graphql: ShopGraphQL
  bulk: BulkRunner
  clock: Pick<Clock, 'now'>
  source: Source
  lane: Lane
  /** The shop's currency, asked once: prices of variants are amounts without one. */
  currency: (signal: AbortSignal) => Promise<string>
}

interface ShopifyMoney { amount: string, currencyCode: string }

export const money = ({ amount, currencyCode }: ShopifyMoney): Money => ({ amount, currency: currencyCode })

export const shopMoney = (bag: { shopMoney: ShopifyMoney }): Money => money(bag.shopMoney)

/** ISO-8601 to milliseconds since the epoch: the shape of the answer has been checked. */
export const time = (text: string): number => Date.parse(text)

export const timeOrNull = (text: string | null): number | null => text === null ? null : Date.parse(text)

export const stamp = ({ source }: Pick<Reader, 'source'>, readAt: number): Stamp => ({ source, read_at: readAt })

/** Lists of at most `size`. */
export function * chunks<T> (list: readonly T[], size: number): Generator<T[]> {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size)
}
