// What is kept of a webhook: ids, states, amounts of stock and times. Names, addresses and texts of people are not needed, and so not kept.
import type { Json, ResourceChange } from '../../src/core/model.ts'
import type { PrivacyOrder } from '../../src/core/privacy/requests.ts'
import type { ToldState } from '../../src/core/webhooks/echo.ts'

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

export interface ShopifyFacts {
  data: Json
  /** What it is about, `orders:7`: a burst of changes of one order is one look at it. */
  resource: string | undefined
  /** Undefined: it does not say when. */
  change: ResourceChange | undefined
  /** What a change of ours could have made so. Not kept. */
  told: ToldState | undefined
}

/** `triggeredAt`: of the delivery, where the body does not say when the thing was changed. */
export const shopifyFacts = (topic: string, body: Body, triggeredAt: string | undefined): ShopifyFacts => {
  const data = kept(body, KEPT)
  // What people call the order: `#1001`. A customer's name is another thing.
  if (topic.startsWith('orders/') && typeof body['name'] === 'string') data['name'] = body['name'].slice(0, 40)
  const [kind] = topic.split('/')
  const id = numberOf(body['admin_graphql_api_id']) ?? numberOf(body['id'])
  // A level has no id of its own: it is that of an item at a place.
  const level = data['inventory_item_id'] === undefined ? undefined : `${String(data['inventory_item_id'])}@${String(data['location_id'])}`
  const own = kind === 'inventory_levels' ? level : id ?? level
  const resource = own === undefined ? undefined : `${kind!}:${own}`
  const at = timeOf(body['updated_at']) ?? timeOf(triggeredAt) ?? timeOf(body['created_at'])
  return {
    data,
    resource,
    change: resource === undefined || at === undefined ? undefined : { resource, at },
    told: id === undefined ? undefined : toldState(kind!, id, body)
  }
}

/** `7` of 7, '7' and 'gid://shopify/Order/7?x=y'. */
const numberOf = (id: Json | undefined): string | undefined => typeof id === 'number' || typeof id === 'string'
  ? /^(?:gid:\/\/shopify\/\w+\/)?(\d{1,20})(?:\?|$)/.exec(String(id))?.[1]
  : undefined

const timeOf = (text: Json | undefined): number | undefined => {
  const time = typeof text === 'string' && text.length <= 40 ? Date.parse(text) : Number.NaN
  return Number.isSafeInteger(time) && time > 0 ? time : undefined
}

const objects = (value: Json | undefined, most: number): Body[] => Array.isArray(value) ? value.slice(0, most).filter(isObject) : []
const textOf = (value: Json | undefined): string => typeof value === 'string' ? value : ''
const gid = (type: string, id: string): string => `gid://shopify/${type}/${id}`

const toldState = (kind: string, id: string, body: Body): ToldState | undefined => {
  if (kind === 'products') {
    const variants = objects(body['variants'], MOST_VARIANTS).flatMap((variant) => {
      const own = numberOf(variant['admin_graphql_api_id']) ?? numberOf(variant['id'])
      const compared = variant['compare_at_price']
      return own === undefined
        ? []
        : [{ id: gid('ProductVariant', own), price: textOf(variant['price']), compare_at_price: typeof compared === 'string' ? compared : null }]
    })
    return { kind: 'product', variants }
  }
  if (kind !== 'orders') return undefined
  return {
    kind: 'order',
    id: gid('Order', id),
    tags: textOf(body['tags']).split(',').map((tag) => tag.trim()).filter((tag) => tag !== ''),
    note: textOf(body['note']),
    refund_notes: objects(body['refunds'], MOST_REFUNDS).map((refund) => textOf(refund['note']))
  }
}

/** Looking for an echo among more costs more than a needless run. */
const MOST_VARIANTS = 250
const MOST_REFUNDS = 100

/** Shopify's mandatory topics; undefined: another one. @throws AppError `validation_failed` when it is about nobody. */
export const privacyWish = (topic: string, body: Body): Pick<PrivacyOrder, 'kind' | 'person'> | undefined => {
  if (topic === 'shop/redact') return { kind: 'shop_redact', person: null }
  if (topic !== 'customers/redact' && topic !== 'customers/data_request') return undefined
  const customer = isObject(body['customer']) ? body['customer'] : {}
  const given = (name: string): string[] => [textOf(customer[name]).slice(0, LONGEST)].filter((text) => text.trim() !== '')
  const person = { customer_id: numberOf(customer['id']) ?? null, emails: given('email'), phones: given('phone'), names: [] }
  return { kind: topic === 'customers/redact' ? 'redact' : 'data_request', person }
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
