// The hourly upkeep of webhooks: what is old is forgotten, and what never came is looked for.
import type { CommerceReader } from '../commerce.ts'
import type { Clock } from '../clock.ts'
import type { Events } from '../events.ts'
import type { Json } from '../model.ts'
import type { Store } from '../store.ts'
import type { Task } from '../tasks.ts'
import { reconcileOrders } from './reconciliation.ts'

export interface UpkeepParts {
  commerce: CommerceReader | undefined
  store: Store
  events: Events
  clock: Pick<Clock, 'now'>
  /** Hears of deliveries that never came. */
  onMissed (missed: number): Promise<unknown>
}

export const UPKEEP = 'webhook_upkeep'
export const UPKEEP_EVERY_MS = 60 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** Longer than anybody sends a delivery again. */
const SEEN_KEPT_MS = 30 * DAY_MS
const DELIVERIES_KEPT_MS = 30 * DAY_MS
/** Of one endpoint. */
const MOST_DELIVERIES = 10_000

export const createUpkeep = ({ commerce, store, events, clock, onMissed }: UpkeepParts): Task => async (_job, { signal }) => {
  const now = clock.now()
  const forgotten = await store.forgetChanges({ before: now - SEEN_KEPT_MS })
  const deliveries = await store.pruneDeliveries({ before: now - DELIVERIES_KEPT_MS, keep: MOST_DELIVERIES })
  const exports = await store.forgetExports({ now })
  const orders = commerce === undefined ? null : await reconcileOrders({ commerce, store, events, now, signal })
  if (orders !== null && orders.missed > 0) await onMissed(orders.missed)
  return { summary: sentence(orders), orders, forgotten_states: forgotten, forgotten_deliveries: deliveries, forgotten_exports: exports } as unknown as Json
}

const sentence = (orders: Awaited<ReturnType<typeof reconcileOrders>> | null): string => {
  if (orders === null) return 'There is no shop to compare with.'
  if (orders.topic === null) return 'No webhook of orders ever came, so none is expected.'
  if (orders.missed === 0) return `Of ${orders.looked_at} changes of orders, each was told of by a webhook.`
  return `Of ${orders.looked_at} changes of orders, ${orders.missed} were not told of by a webhook: they are events now.`
}
