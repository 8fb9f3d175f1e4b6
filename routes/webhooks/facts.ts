// What is kept of a webhook: ids, states, amounts of stock and times. Names, addresses and texts of people are not needed, and so not kept.
import type { Json } from '../../src/core/model.ts'

type Body = { [key: string]: Json }

export const isObject = (value: unknown): value is Body => value !== null && typeof value === 'object' && !Array.isArray(value)

const KEPT = [
  'id', 'admin_graphql_api_id', 'order_id', 'product_id', 'variant_id', 'inventory_item_id', 'location_id', 'available', 'status', 'financial_status',
  'fulfillment_status', 'cancelled_at', 'closed_at', 'created_at', 'updated_at', 'test'
]
const LONGEST = 200

const scalar = (value: Json | undefined): Json | undefined =>
  typeof value === 'number' || typeof value === 'boolean' || value === null ? value : typeof value === 'string' ? value.slice(0, LONGEST) : undefined

const kept = (body: Body, keys: readonly string[]): Body => {
  const facts: Body = {}
  for (const key of keys) {
    const value = scalar(body[key])
    if (value !== undefined) facts[key] = value
  }
  return facts
}

/** `subject`: what it is about, so that a burst of changes of one order is one look at it. */
export const shopifyFacts = (topic: string, body: Body): { data: Json, subject: string | undefined } => {
  const data = kept(body, KEPT)
  // What people call the order: `#1001`. A customer's name is another thing.
  if (topic.startsWith('orders/') && typeof body['name'] === 'string') data['name'] = body['name'].slice(0, 40)
  const [kind] = topic.split('/')
  const id = data['admin_graphql_api_id'] ?? data['id'] ?? data['inventory_item_id']
  return { data, subject: typeof id === 'string' || typeof id === 'number' ? `${kind!}:${id}` : undefined }
}

export const githubFacts = (body: Body): Json => {
  const part = (key: string): Body => isObject(body[key]) ? body[key] : {}
  return {
    ...kept(body, ['action', 'number', 'ref', 'after', 'zen']),
    repository: kept(part('repository'), ['full_name']),
    pull_request: kept(part('pull_request'), ['number', 'state', 'merged']),
    issue: kept(part('issue'), ['number', 'state']),
    check_suite: kept(part('check_suite'), ['status', 'conclusion', 'head_sha'])
  }
}
