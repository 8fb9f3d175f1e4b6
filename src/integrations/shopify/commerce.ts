// Puts readings and changes together to the port that agents see, once for each lane.
import type { Commerce, Lane, Location, Shop } from '../../core/commerce.ts'
import { createDiscountCode, createDraftProduct, createSegment, deactivateDiscountCode, setMetafields } from './campaign-effects.ts'
import { readMetafields, readProductByHandle, readVariants, readVariantsById } from './catalogue.ts'
import { readCheckouts, readCustomers, readDiscount, readSegments } from './customers.ts'
import { adjustInventory, changeOrderTags, holdFulfilment, refund, releaseHold, setInventory, setOrderNote, setPrices } from './effects.ts'
import { readSoldOrders } from './order-history.ts'
import { readOrderGoods, readOrderSales, readOrderStates, readReturnedGoods } from './order-sales.ts'
import { readOrder, readOrders } from './orders.ts'
import { pages } from './paging.ts'
import { stamp, type Reader } from './read.ts'

export const createCommerce = (parts: Omit<Reader, 'lane' | 'currency'>, lane: Lane): Commerce => {
  // The currency of a shop with orders never changes. It is kept as soon as one view has it; a failed question is asked again.
  let known: string | undefined
  const currency = (own: Lane) => async (signal: AbortSignal): Promise<string> => {
    known ??= (await readShop({ ...parts, lane: own }, signal)).currency
    return known
  }

  const inLane = (own: Lane): Commerce => {
    const reader: Reader = { ...parts, lane: own, currency: currency(own) }
    return {
      source: parts.source,
      inLane,

      shop: ({ signal }) => readShop(reader, signal),
      async policies ({ signal }) {
        const { data: { shop }, read_at: readAt } = await reader.graphql.execute('Policies', {}, { lane: own, signal })
        const policies = shop.shopPolicies.map(({ type, title, body, url }) => ({ type, title, body, url }))
        return { policies, ...stamp(reader, readAt) }
      },
      orders: (filter, options) => readOrders(reader, filter, options),
      order: (id, options) => readOrder(reader, id, options),
      orderSales: (filter, options) => readOrderSales(reader, filter, options),
      soldOrders: (filter, options) => readSoldOrders(reader, filter, options),
      returnedGoods: (refundIds, options) => readReturnedGoods(reader, refundIds, options),
      orderGoods: (filter, options) => readOrderGoods(reader, filter, options),
      orderStates: (filter, options) => readOrderStates(reader, filter, options),
      variants: (filter, options) => readVariants(reader, filter, options),
      variantsById: (ids, options) => readVariantsById(reader, ids, options),
      customers: (filter, options) => readCustomers(reader, filter, options),
      abandonedCheckouts: (filter, options) => readCheckouts(reader, filter, options),
      locations: ({ signal }) => readLocations(reader, signal),
      metafields: (ownerIds, name, options) => readMetafields(reader, ownerIds, name, options),
      discountCode: (code, options) => readDiscount(reader, code, options),
      segments: (name, options) => readSegments(reader, name, options),
      productByHandle: (handle, options) => readProductByHandle(reader, handle, options),

      setPrices: (productId, changes, options) => setPrices(reader, productId, changes, options),
      setInventory: (changes, reason, options) => setInventory(reader, changes, reason, options),
      adjustInventory: (changes, reason, options) => adjustInventory(reader, changes, reason, options),
      addOrderTags: (id, tags, options) => changeOrderTags(reader, 'AddTags', id, tags, options),
      removeOrderTags: (id, tags, options) => changeOrderTags(reader, 'RemoveTags', id, tags, options),
      setOrderNote: (id, note, options) => setOrderNote(reader, id, note, options),
      holdFulfilment: (id, hold, options) => holdFulfilment(reader, id, hold, options),
      releaseHold: (id, holdIds, options) => releaseHold(reader, id, holdIds, options),
      refund: (plan, options) => refund(reader, plan, options),
      createDraftProduct: (plan, options) => createDraftProduct(reader, plan, options),
      createDiscountCode: (plan, options) => createDiscountCode(reader, plan, options),
      deactivateDiscountCode: (id, options) => deactivateDiscountCode(reader, id, options),
      setMetafields: (metafields, options) => setMetafields(reader, metafields, options),
      createSegment: (segment, options) => createSegment(reader, segment, options)
    }
  }
  return inLane(lane)
}

async function readShop (reader: Omit<Reader, 'currency'>, signal: AbortSignal): Promise<Shop> {
  const { data: { shop }, read_at: readAt } = await reader.graphql.execute('Shop', {}, { lane: reader.lane, signal })
  return {
    id: shop.id,
    name: shop.name,
    domain: shop.myshopifyDomain,
    currency: shop.currencyCode,
    timezone: shop.ianaTimezone,
    plan: shop.plan.publicDisplayName,
    taxes_included: shop.taxesIncluded,
    country: shop.shopAddress.countryCodeV2,
    ...stamp(reader, readAt)
  }
}

async function * readLocations (reader: Reader, signal: AbortSignal): AsyncGenerator<Location> {
  for await (const { nodes, read_at: readAt } of pages(reader, 'Locations', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('Locations', { first, after }, { lane: reader.lane, signal })
    return { page: data.locations, ...meta }
  })) {
    for (const node of nodes) {
      yield {
        id: node.id,
        name: node.name,
        active: node.isActive,
        ships: node.shipsInventory,
        fulfils_online_orders: node.fulfillsOnlineOrders,
        country: node.address.countryCode,
        ...stamp(reader, readAt)
      }
    }
  }
}
