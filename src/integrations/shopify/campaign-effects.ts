// Makes drafts, discount codes, segments and metafields.
import type { DiscountPlan, DraftProductPlan, Effect, EffectOptions, MetafieldPlan } from '../../core/commerce-effects.ts'
import type { DiscountCode, DraftProduct, Metafield, Segment } from '../../core/commerce-readings.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { metafieldOf, productOf, readProductByHandle } from './catalogue.ts'
import { discountOf } from './customers.ts'
import { present, taken } from './effects.ts'
import { stamp, type Reader } from './read.ts'

/** A variant without options has this one. */
const OPTION = 'Title'
const ONLY_VALUE = 'Default Title'

export const createDraftProduct = async (reader: Reader, plan: DraftProductPlan, options: EffectOptions): Promise<Effect<DraftProduct>> => {
  // Shopify would make "name-1" of a handle that is taken: a second draft of the same thing.
  if (await readProductByHandle(reader, plan.handle, options) !== null) {
    throw new CommerceError('shop_conflict', `The shop has a product with the handle ${plan.handle} already.`)
  }
  const input = {
    title: plan.title,
    handle: plan.handle,
    descriptionHtml: plan.description_html,
    vendor: plan.vendor,
    productType: plan.product_type,
    tags: plan.tags,
    status: 'DRAFT' as const,
    productOptions: [{ name: OPTION, values: [{ name: ONLY_VALUE }] }],
    variants: [{
      optionValues: [{ optionName: OPTION, name: ONLY_VALUE }],
      price: plan.price,
      sku: plan.sku,
      inventoryItem: { tracked: true, ...(plan.unit_cost === undefined ? {} : { cost: plan.unit_cost }) }
    }]
  }
  const { data, read_at: readAt } = await reader.graphql.execute('CreateDraftProduct', { input }, { lane: reader.lane, signal: options.signal })
  const { product } = taken('make the draft', data.productSet)
  return { result: productOf(reader, present('the draft', product), readAt), already: false, ...stamp(reader, readAt) }
}

export const createDiscountCode = async (reader: Reader, plan: DiscountPlan, { signal }: EffectOptions): Promise<Effect<DiscountCode>> => {
  const { value, product_ids: products, segment_ids: segments, minimum_subtotal: minimum } = plan
  const input = {
    code: plan.code,
    title: plan.title,
    startsAt: new Date(plan.starts_at).toISOString(),
    endsAt: new Date(plan.ends_at).toISOString(),
    usageLimit: plan.usage_limit,
    appliesOncePerCustomer: plan.once_per_customer,
    // Together with other discounts it might pass the floor of a price.
    combinesWith: { orderDiscounts: false, productDiscounts: false, shippingDiscounts: false },
    customerGets: {
      value: 'percentage' in value ? { percentage: value.percentage } : { discountAmount: { amount: value.amount, appliesOnEachItem: false } },
      items: products.length === 0 ? { all: true } : { products: { productsToAdd: products } }
    },
    context: segments.length === 0 ? { all: 'ALL' as const } : { customerSegments: { add: segments } },
    ...(minimum === undefined ? {} : { minimumRequirement: { subtotal: { greaterThanOrEqualToSubtotal: minimum } } })
  }
  const { data, read_at: readAt } = await reader.graphql.execute('CreateDiscountCode', { input }, { lane: reader.lane, signal })
  const { codeDiscountNode: node } = taken('make the discount code', data.discountCodeBasicCreate)
  return { result: discountOf(reader, present('the discount code', node), readAt), already: false, ...stamp(reader, readAt) }
}

export const deactivateDiscountCode = async (reader: Reader, id: string, { signal }: EffectOptions): Promise<Effect<{ status: string }>> => {
  const { data, read_at: readAt } = await reader.graphql.execute('DeactivateDiscountCode', { id }, { lane: reader.lane, signal, idempotent: true })
  const { codeDiscountNode: node } = taken('end the discount code', data.discountCodeDeactivate)
  const { status } = discountOf(reader, present('the discount code', node), readAt)
  return { result: { status }, already: false, ...stamp(reader, readAt) }
}

/** Of one change, by Shopify's rule: all of them are set, or none. */
const METAFIELDS_LIMIT = 25

export const setMetafields = async (reader: Reader, plans: MetafieldPlan[], { signal }: EffectOptions): Promise<Effect<Metafield[]>> => {
  if (plans.length === 0 || plans.length > METAFIELDS_LIMIT) {
    throw new CommerceError('shop_user_errors', `From 1 to ${METAFIELDS_LIMIT} metafields are set at once, not ${plans.length}.`)
  }
  const metafields = plans.map(({ owner_id: ownerId, namespace, key, type, value, expected_digest: compareDigest }) =>
    ({ ownerId, namespace, key, type, value, ...(compareDigest === undefined ? {} : { compareDigest }) }))
  const { data, read_at: readAt } = await reader.graphql.execute('SetMetafields', { metafields }, {
    lane: reader.lane,
    signal,
    // With a digest the second of two equal tries would be told that somebody else came first.
    idempotent: plans.every(({ expected_digest: digest }) => digest === undefined)
  })
  const set = present('the metafields', taken('set the metafields', data.metafieldsSet).metafields)
  const result = plans.map(({ owner_id: ownerId }, index) => metafieldOf(reader, ownerId, present('a metafield', set[index]), readAt))
  return { result, already: false, ...stamp(reader, readAt) }
}

export const createSegment = async (
  reader: Reader, { name, query }: { name: string, query: string }, { signal }: EffectOptions
): Promise<Effect<Segment>> => {
  const { data, read_at: readAt } = await reader.graphql.execute('CreateSegment', { name, query }, { lane: reader.lane, signal })
  const segment = present('the segment', taken('make the segment', data.segmentCreate).segment)
  const own = stamp(reader, readAt)
  return { result: { id: segment.id, name: segment.name, query: segment.query, ...own }, already: false, ...own }
}
