// Writes the search texts of Shopify's list queries. Values are quoted: a tag or a code may hold whatever somebody typed.
import type { CustomerFilter, OrderFilter, VariantFilter } from '../../core/commerce.ts'

export const orderSearch = (filter: OrderFilter): string => terms([
  from('created_at', filter.created_from),
  before('created_at', filter.created_before),
  from('updated_at', filter.updated_from),
  equal('financial_status', filter.financial_status),
  equal('fulfillment_status', filter.fulfilment_status),
  equal('status', filter.status),
  equal('customer_id', numberOf(filter.customer_id)),
  equal('tag', filter.tag),
  equal('name', filter.name),
  equal('discount_code', filter.discount_code)
])

export const variantSearch = (filter: VariantFilter): string => terms([
  from('updated_at', filter.updated_from),
  equal('product_status', filter.status?.toUpperCase()),
  equal('product_id', numberOf(filter.product_id)),
  equal('sku', filter.sku)
])

export const customerSearch = (filter: CustomerFilter): string => terms([
  from('updated_at', filter.updated_from),
  equal('email', filter.email)
])

export const checkoutSearch = (filter: { created_from?: number }): string => terms([from('created_at', filter.created_from)])

export const segmentSearch = (name: string): string => terms([equal('name', name)])

const terms = (list: Array<string | undefined>): string => list.filter((term) => term !== undefined).join(' ')

const from = (field: string, at: number | undefined): string | undefined => at === undefined ? undefined : `${field}:>='${new Date(at).toISOString()}'`

const before = (field: string, at: number | undefined): string | undefined => at === undefined ? undefined : `${field}:<'${new Date(at).toISOString()}'`

const equal = (field: string, value: string | undefined): string | undefined =>
  value === undefined ? undefined : `${field}:'${value.replace(/[\\']/g, '\\$&')}'`

/** Searches take the number at the end of a global id. */
const numberOf = (id: string | undefined): string | undefined => id?.slice(id.lastIndexOf('/') + 1)
