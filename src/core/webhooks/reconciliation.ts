// Looks for changes of orders that no webhook told of, and makes them events: deliveries get lost, and Shopify ends a subscription that fails for hours.
import type { CommerceReader, OrderFilter } from '../commerce.ts'
import type { Events } from '../events.ts'
import type { Store } from '../store.ts'

export interface ReconciliationParts {
  commerce: CommerceReader
  store: Pick<Store, 'webhookTopics' | 'topicChecked' | 'changesSeen'>
  events: Pick<Events, 'record'>
  now: number
  signal: AbortSignal
}

export interface Reconciliation {
  /** The topic that it went by; null: no webhook of orders ever came, so none is expected. */
  topic: 'orders/updated' | 'orders/create' | null
  /** Changed in [from, to], milliseconds since the epoch. */
  from: number
  to: number
  looked_at: number
  missed: number
}

/** A delivery may take so long, and the shop's search shows a change as late. */
const GRACE_MS = 10 * 60_000
const BATCH = 100
const RECONCILIATION_SOURCE = 'reconciliation'

type Changed = { id: string, created_at: number, updated_at: number }

/** Where only new orders are told of, only those are looked for. @throws what the port to the shop throws; what was found until then is kept. */
export const reconcileOrders = async ({ commerce, store, events, now, signal }: ReconciliationParts): Promise<Reconciliation> => {
  const topics = await store.webhookTopics()
  const topic = (['orders/updated', 'orders/create'] as const).find((name) => topics.some((known) => known.topic === name)) ?? null
  const from = topics.find((known) => known.topic === topic)?.checked_to ?? now
  const to = now - GRACE_MS
  const found: Reconciliation = { topic, from, to, looked_at: 0, missed: 0 }
  if (topic === null || from >= to) return found

  const close = async (batch: Changed[]): Promise<void> => {
    const resources = new Map(batch.map((order) => [resourceOf(order.id), order]))
    const seen = await store.changesSeen([...resources.keys()])
    for (const [resource, { id, created_at: created, updated_at: updated }] of resources) {
      found.looked_at += 1
      const known = seen[resource]
      const at = topic === 'orders/updated' ? updated : created
      if (known !== undefined && (topic === 'orders/create' || secondOf(known) >= secondOf(updated))) continue
      found.missed += 1
      await events.record({
        type: topic === 'orders/create' || (known === undefined && created >= from) ? 'orders/create' : 'orders/updated',
        data: { admin_graphql_api_id: id, created_at: iso(created), updated_at: iso(updated) },
        timestamp: iso(at),
        source: RECONCILIATION_SOURCE,
        // The same gap, found again after a crash, is one event.
        delivery: `${RECONCILIATION_SOURCE}:${resource}:${at}`,
        subject: resource,
        change: { resource, at: updated }
      })
    }
  }

  const filter: OrderFilter = topic === 'orders/updated' ? { updated_from: from } : { created_from: from, created_before: to }
  let batch: Changed[] = []
  for await (const { id, created_at: created, updated_at: updated } of commerce.inLane('research').orderSales(filter, { signal })) {
    // What changed since is told of by a delivery that may be on its way.
    if (topic === 'orders/updated' && updated > to) continue
    batch.push({ id, created_at: created, updated_at: updated })
    if (batch.length < BATCH) continue
    await close(batch)
    batch = []
  }
  await close(batch)
  await store.topicChecked({ topic, to })
  return found
}

/** `orders:7` of `gid://shopify/Order/7`, as webhooks name it. */
const resourceOf = (gid: string): string => `orders:${gid.slice(gid.lastIndexOf('/') + 1)}`
/** Webhooks tell times in seconds. */
const secondOf = (ms: number): number => Math.floor(ms / 1_000)
const iso = (ms: number): string => new Date(ms).toISOString()
