// Changes the records as Shopify would: what is refused comes back as userErrors, what is taken is remembered and moves `updatedAt`.
import { GraphQLError, type GraphQLResolveInfo } from 'graphql'
import { decimal } from '../shop/ledger.ts'
import {
  gid, type Discount, type FulfilmentOrder, type InventoryItem, type Location, type Metafield, type Order, type Product, type Variant
} from '../shop/records.ts'
import { levelOf, refundOrder, type RefundPart } from '../shop/shop.ts'
import { accessDenied, isGranted, parseGid, type Context } from './context.ts'
import { once } from './idempotency.ts'
import { centsOf, digestOf, lookUp, refundable, shippingLeft, suggestRefund, type Resolver } from './queries.ts'

interface UserError { field: string[] | null, message: string, code?: string }

const refused = (field: string[] | null, message: string, code?: string): UserError => ({ field, message, ...(code === undefined ? {} : { code }) })

// ---- prices

interface VariantInput {
  id?: string | null
  price?: string | null
  compareAtPrice?: string | null
  inventoryPolicy?: 'CONTINUE' | 'DENY' | null
}

const updateVariants: Resolver<unknown> = (_source, args: { productId: string, variants: VariantInput[], allowPartialUpdates: boolean }, context) => {
  const product = lookUp(context, args.productId, 'Product') as Product | null
  if (product === null) return { userErrors: [refused(['productId'], 'Product does not exist', 'PRODUCT_DOES_NOT_EXIST')], productVariants: null }
  const userErrors: UserError[] = []
  const changes: Array<() => Variant> = []
  args.variants.forEach((input, index) => {
    const field = (name: string): string[] => ['variants', String(index), name]
    const before = userErrors.length
    const unknown = Object.keys(input).find((name) => !['id', 'price', 'compareAtPrice', 'inventoryPolicy'].includes(name))
    if (unknown !== undefined) userErrors.push(refused(field(unknown), `The sandbox changes prices and the inventory policy, not ${unknown}.`, 'INVALID_INPUT'))
    if (input.id == null) {
      userErrors.push(refused(field('id'), 'Product variant is missing ID attribute', 'PRODUCT_VARIANT_ID_MISSING'))
      return
    }
    const variant = lookUp(context, input.id, 'ProductVariant') as Variant | null
    if (variant === null || variant.product !== product) {
      userErrors.push(refused(field('id'), 'Product variant does not exist', 'PRODUCT_VARIANT_DOES_NOT_EXIST'))
      return
    }
    const price = input.price == null ? variant.price : centsOf(input.price)
    const compareAt = input.compareAtPrice === undefined ? variant.compareAt : input.compareAtPrice === null ? null : centsOf(input.compareAtPrice)
    for (const [name, cents] of [['price', price], ['compareAtPrice', compareAt ?? 0]] as const) {
      if (cents < 0) userErrors.push(refused(field(name), 'Price must be greater than or equal to 0', 'NEGATIVE_PRICE_VALUE'))
    }
    if (userErrors.length > before) return
    changes.push(() => {
      variant.price = price
      variant.compareAt = compareAt
      if (input.inventoryPolicy != null) variant.oversell = input.inventoryPolicy === 'CONTINUE'
      context.shop.touch(variant)
      return variant
    })
  })
  if (userErrors.length > 0 && !args.allowPartialUpdates) return { userErrors, productVariants: null }
  const productVariants = changes.map((change) => change())
  if (productVariants.length > 0) context.shop.touch(product)
  return { userErrors, productVariants }
}

// ---- stock

// Shopify's list of reasons for a change of stock.
const REASONS = new Set([
  'correction', 'cycle_count_available', 'damaged', 'movement_canceled', 'movement_created', 'movement_received', 'movement_updated', 'other', 'promotion',
  'quality_control', 'received', 'reservation_created', 'reservation_deleted', 'reservation_updated', 'restock', 'safety_stock', 'shrinkage'
])

interface StockInput { inventoryItemId: string, locationId: string, changeFromQuantity?: number | null, quantity?: number, delta?: number }

const changeStock = (
  context: Context, name: string, reason: string, list: 'quantities' | 'changes', inputs: StockInput[]
): { userErrors: UserError[], inventoryAdjustmentGroup: unknown } => {
  const userErrors: UserError[] = []
  const changes: Array<{ run: () => void, delta: number }> = []
  if (name !== 'available') userErrors.push(refused(['input', 'name'], 'The sandbox changes the quantity called available only.', 'INVALID_NAME'))
  if (!REASONS.has(reason)) userErrors.push(refused(['input', 'reason'], 'The specified reason is invalid.', 'INVALID_REASON'))
  const seen = new Set<string>()
  inputs.forEach((input, index) => {
    const fail = (part: string, message: string, code: string): void => { userErrors.push(refused(['input', list, String(index), part], message, code)) }
    const item = lookUp(context, input.inventoryItemId, 'InventoryItem') as InventoryItem | null
    const location = lookUp(context, input.locationId, 'Location') as Location | null
    if (item === null) {
      return fail('inventoryItemId', 'The specified inventory item could not be found.', 'INVALID_INVENTORY_ITEM')
    }
    const level = location === null ? undefined : levelOf(item.variant, location)
    if (level === undefined) {
      return fail('locationId', 'The specified location could not be found.', 'INVALID_LOCATION')
    }
    if (list === 'quantities' && seen.has(`${item.id} ${level.id}`)) {
      return fail('inventoryItemId', 'The combination of inventoryItemId and locationId must be unique.', 'NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR')
    }
    seen.add(`${item.id} ${level.id}`)
    if (input.changeFromQuantity != null && input.changeFromQuantity !== level.available) {
      return fail('changeFromQuantity', 'The changeFromQuantity argument no longer matches the persisted quantity.', 'CHANGE_FROM_QUANTITY_STALE')
    }
    const target = input.quantity ?? level.available + (input.delta ?? 0)
    if (Math.abs(target) > 1_000_000_000) {
      return fail('quantity', 'The quantity must be between -1,000,000,000 and 1,000,000,000.', 'INVALID_QUANTITY_TOO_HIGH')
    }
    changes.push({ delta: target - level.available, run: () => { level.available = target } })
  })
  if (userErrors.length > 0) return { userErrors, inventoryAdjustmentGroup: null }
  const real = changes.filter(({ delta }) => delta !== 0)
  for (const { run } of real) run()
  context.shop.touch()
  // What is available is on hand, too: both change.
  const names = real.flatMap(({ delta }) => [{ name: 'available', delta }, { name: 'on_hand', delta }])
  const group = { id: context.shop.nextId('InventoryAdjustmentGroup'), changes: names }
  return { userErrors, inventoryAdjustmentGroup: real.length === 0 ? null : group }
}

const stock = (list: 'quantities' | 'changes'): Resolver<unknown> => (_source, { input }, context, info) => once(
  context.keys, info, input, context.shop.now,
  () => changeStock(context, input.name, input.reason, list, input[list]),
  () => ({
    userErrors: [refused(null, 'The idempotency key was used with different parameters.', 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH')],
    inventoryAdjustmentGroup: null
  })
)

// ---- orders

/** The schema names no scope for changes that many types have in common, nor for refunds: it is the owner's. */
const WRITE_SCOPES: Record<string, string> = { Order: 'write_orders', Product: 'write_products', ProductVariant: 'write_products', Customer: 'write_customers' }

const assertWritable = (context: Context, id: string, field: string): void => {
  const scope = WRITE_SCOPES[parseGid(id).kind]
  if (scope !== undefined && !isGranted(context.scopes, [scope])) throw accessDenied(field, [scope])
}

type TagChange = (tags: string[], given: string[]) => string[]

const tagsOf = (change: TagChange): Resolver<unknown> => (_source, { id, tags }: { id: string, tags: string[] }, context, info) => {
  assertWritable(context, id, info.fieldName)
  const record = lookUp(context, id) as { tags?: string[], updatedAt: number } | null
  if (record?.tags === undefined) return { node: null, userErrors: [refused(['id'], `${parseGid(id).kind} does not exist`)] }
  const given = tags.flatMap((tag) => tag.split(',')).map((tag) => tag.trim()).filter((tag) => tag !== '')
  const tooLong = given.find((tag) => tag.length > (parseGid(id).kind === 'Order' ? 40 : 255))
  if (tooLong !== undefined) return { node: null, userErrors: [refused(['tags'], 'Tags is too long')] }
  record.tags = change(record.tags, given).sort()
  context.shop.touch(record)
  return { node: record, userErrors: [] }
}

const sameText = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const updateOrder: Resolver<unknown> = (_source, { input }, context) => {
  const order = lookUp(context, input.id, 'Order') as Order | null
  if (order === null) return { order: null, userErrors: [refused(['id'], 'Order does not exist')] }
  const unknown = Object.keys(input).find((name) => !['id', 'note', 'tags'].includes(name))
  if (unknown !== undefined) return { order: null, userErrors: [refused([unknown], `The sandbox changes the note and the tags of an order, not ${unknown}.`)] }
  if (input.note !== undefined) order.note = input.note === '' ? null : input.note
  if (input.tags != null) order.tags = [...input.tags].sort()
  context.shop.touch(order)
  return { order, userErrors: [] }
}

const MOST_HOLDS = 10

const holdFulfilment: Resolver<unknown> = (_source, { id, fulfillmentHold: input }, context) => {
  const refuse = (field: string[], message: string, code: string): unknown => ({ fulfillmentHold: null, userErrors: [refused(field, message, code)] })
  const target = lookUp(context, id, 'FulfillmentOrder') as FulfilmentOrder | null
  if (target === null) return refuse(['id'], 'Fulfillment order does not exist.', 'FULFILLMENT_ORDER_NOT_FOUND')
  if (target.status !== 'OPEN') return refuse(['id'], `The fulfillment order is not in a holdable state: ${target.status}.`, 'TAKEN')
  if (input.fulfillmentOrderLineItems.length > 0) {
    return refuse(['fulfillmentHold', 'fulfillmentOrderLineItems'], 'The sandbox holds whole fulfillment orders.', 'FULFILLMENT_ORDER_NOT_SPLITTABLE')
  }
  const handle: string | null = input.handle === '' || input.handle == null ? null : input.handle
  if (target.holds.some((hold) => hold.handle === handle)) {
    const message = 'The handle provided for the fulfillment hold is already in use by this app for another hold.'
    return refuse(['fulfillmentHold', 'handle'], message, 'DUPLICATE_FULFILLMENT_HOLD_HANDLE')
  }
  if (target.holds.length >= MOST_HOLDS) return refuse(['id'], 'The limit of holds has been reached.', 'FULFILLMENT_ORDER_HOLD_LIMIT_REACHED')
  const hold = { kind: 'FulfillmentHold' as const, id: context.shop.nextId('FulfillmentHold'), handle, reason: input.reason, note: input.reasonNotes ?? null }
  target.holds.push(hold)
  context.shop.touch(target.order)
  return { fulfillmentHold: hold, userErrors: [] }
}

const releaseHold: Resolver<unknown> = (_source, { id, holdIds }, context) => {
  const target = lookUp(context, id, 'FulfillmentOrder') as FulfilmentOrder | null
  if (target === null) return { fulfillmentOrder: null, userErrors: [refused(['id'], 'Fulfillment order does not exist.', 'FULFILLMENT_ORDER_NOT_FOUND')] }
  target.holds = holdIds == null ? [] : target.holds.filter((hold) => !holdIds.includes(gid('FulfillmentHold', hold.id)))
  context.shop.touch(target.order)
  return { fulfillmentOrder: target, userErrors: [] }
}

interface RefundInput {
  orderId: string
  note?: string | null
  currency?: string | null
  refundDuties?: unknown[] | null
  refundMethods?: unknown[] | null
  refundLineItems?: Array<{ lineItemId: string, quantity: number, locationId?: string | null, restockType?: RefundPart['restockType'] | null }> | null
  shipping?: { amount?: string | null, fullRefund?: boolean | null } | null
  transactions?: Array<{ orderId: string, kind: string, amount: string, parentId?: string | null }> | null
}

const createRefund: Resolver<unknown> = (_source, { input }, context, info) => {
  assertWritable(context, input.orderId, info.fieldName)
  return refundOnce(input, context, info)
}

const refundOnce = (input: RefundInput, context: Context, info: GraphQLResolveInfo): unknown => once(
  context.keys, info, input, context.shop.now,
  () => {
    const refuse = (field: string[] | null, message: string): { refund: unknown, userErrors: UserError[] } =>
      ({ refund: null, userErrors: [refused(field, message)] })
    const order = lookUp(context, input.orderId, 'Order') as Order | null
    if (order === null) return refuse(['orderId'], 'Order does not exist')
    if (order.cancelledAt !== null) return refuse(['orderId'], 'Order has been cancelled')
    const elsewhere = [...input.refundDuties ?? [], ...input.refundMethods ?? []]
    if (elsewhere.length > 0) return refuse(null, 'The sandbox refunds to the payment of the order only.')
    if (input.currency != null && input.currency !== context.shop.currency) return refuse(['currency'], `Currency must be ${context.shop.currency}`)

    const parts: RefundPart[] = []
    for (const [index, each] of (input.refundLineItems ?? []).entries()) {
      const line = order.lines.find((own) => gid('LineItem', own.id) === each.lineItemId)
      if (line === undefined) return refuse(['refundLineItems', String(index), 'lineItemId'], 'Line item does not exist')
      const earlier = parts.reduce((sum, part) => part.line === line ? sum + part.quantity : sum, 0)
      if (each.quantity < 1 || each.quantity + earlier > line.currentQuantity) {
        return refuse(['refundLineItems', String(index), 'quantity'], 'Quantity cannot refund more items than were purchased')
      }
      const location = each.locationId == null ? undefined : lookUp(context, each.locationId, 'Location') as Location | null
      if (location === null || (location !== undefined && levelOf(line.variant, location) === undefined)) {
        return refuse(['refundLineItems', String(index), 'locationId'], 'Location does not stock this item')
      }
      parts.push({ line, quantity: each.quantity, restockType: each.restockType ?? 'NO_RESTOCK', ...(location === undefined ? {} : { location }) })
    }
    const left = shippingLeft(order)
    const shipping = input.shipping?.fullRefund === true ? left : input.shipping?.amount == null ? 0 : centsOf(input.shipping.amount)
    if (shipping < 0 || shipping > left) return refuse(['shipping', 'amount'], 'Shipping cannot refund more than was paid for shipping')

    let paidOut = 0
    for (const [index, transaction] of (input.transactions ?? []).entries()) {
      if (transaction.kind !== 'REFUND') return refuse(['transactions', String(index), 'kind'], 'Kind must be REFUND')
      if (transaction.orderId !== input.orderId) return refuse(['transactions', String(index), 'orderId'], 'Order id does not match')
      if (transaction.parentId != null && transaction.parentId !== gid('OrderTransaction', order.id)) {
        return refuse(['transactions', String(index), 'parentId'], 'Parent transaction does not exist')
      }
      const amount = centsOf(transaction.amount)
      if (amount <= 0) return refuse(['transactions', String(index), 'amount'], 'Amount must be greater than zero')
      paidOut += amount
    }
    if (parts.length === 0 && shipping === 0 && paidOut === 0) return refuse(null, 'Refund is empty')
    if (paidOut > refundable(order)) return refuse(['transactions'], 'Refund amount cannot be greater than the amount that is left to refund')
    const lines = parts.map(({ line, quantity }) => ({ lineItemId: gid('LineItem', line.id), quantity }))
    const worth = suggestRefund(order, lines, shipping).cents
    if (paidOut !== 0 && paidOut !== worth) {
      return refuse(['transactions'], `The sandbox refunds what its lines and shipping come to, ${decimal(worth)}, or nothing.`)
    }
    return { refund: refundOrder(context.shop, order, parts, { shipping, paidOut, note: input.note ?? null }), userErrors: [] }
  },
  () => { throw new GraphQLError('The idempotency key was used with different parameters.', { extensions: { code: 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH' } }) }
)

// ---- products and metafields

const createProduct: Resolver<unknown> = (_source, { identifier, input }, context) => {
  const refuse = (field: string[], message: string, code: string): unknown => ({ product: null, userErrors: [refused(field, message, code)] })
  if (identifier != null || input.id != null) {
    return refuse(['identifier'], 'The sandbox makes products; it does not change them by productSet.', 'INVALID_INPUT')
  }
  if (input.title == null || input.title.trim() === '') return refuse(['input', 'title'], "Title can't be blank", 'INVALID_INPUT')
  if (input.variants == null || input.variants.length === 0) return refuse(['input', 'variants'], 'Variants are required', 'VARIANTS_INPUT_MISSING')
  if (input.productOptions == null) return refuse(['input', 'productOptions'], 'Product options are required', 'PRODUCT_OPTIONS_INPUT_MISSING')
  const { shop } = context
  const prices = input.variants.map((each: { price?: string, compareAtPrice?: string, inventoryItem?: { cost?: string } }) => ({
    price: each.price == null ? 0 : centsOf(each.price),
    compareAt: each.compareAtPrice == null ? null : centsOf(each.compareAtPrice),
    cost: each.inventoryItem?.cost == null ? null : centsOf(each.inventoryItem.cost)
  })) as Array<{ price: number, compareAt: number | null, cost: number | null }>
  const negative = prices.findIndex(({ price }) => price < 0)
  if (negative >= 0) return refuse(['input', 'variants', String(negative), 'price'], 'Price must be greater than or equal to 0', 'INVALID_VARIANT')

  const wished = (input.handle ?? input.title).toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '')
  let handle = wished
  for (let n = 1; shop.products.some((product) => product.handle === handle); n++) handle = `${wished}-${n}`
  const now = shop.now
  const product: Product = {
    kind: 'Product',
    id: shop.nextId('Product'),
    handle,
    title: input.title,
    descriptionHtml: input.descriptionHtml ?? '',
    type: input.productType ?? '',
    vendor: input.vendor ?? shop.name,
    tags: [...input.tags ?? []].sort(),
    status: input.status ?? 'ACTIVE',
    createdAt: now,
    updatedAt: now,
    publishedAt: null,
    variants: []
  }
  prices.forEach(({ price, compareAt, cost }, index) => {
    const each = input.variants[index]
    const item: InventoryItem = {
      kind: 'InventoryItem',
      id: shop.nextId('InventoryItem'),
      variant: undefined as unknown as Variant,
      tracked: each.inventoryItem?.tracked ?? false,
      cost,
      levels: []
    }
    const variant: Variant = {
      kind: 'ProductVariant',
      id: shop.nextId('ProductVariant'),
      product,
      title: each.optionValues.map(({ name }: { name?: string }) => name ?? '').join(' / '),
      sku: each.sku ?? '',
      price,
      compareAt,
      createdAt: now,
      updatedAt: now,
      oversell: each.inventoryPolicy === 'CONTINUE',
      item
    }
    item.variant = variant
    const location = shop.locations[0]
    if (location !== undefined) {
      const level = { kind: 'InventoryLevel' as const, id: shop.nextId('InventoryLevel'), item, location, available: 0, committed: 0, incoming: 0 }
      item.levels.push(level)
      shop.add(level)
    }
    product.variants.push(variant)
    shop.variants.push(variant)
    shop.add(variant)
    shop.add(item)
  })
  shop.products.push(product)
  shop.add(product)
  return { product, userErrors: [] }
}

interface MetafieldInput { ownerId: string, namespace?: string | null, key: string, type?: string | null, value: string, compareDigest?: string | null }
interface Owner { metafields?: Map<string, Metafield>, updatedAt: number }

const METAFIELDS_AT_ONCE = 25
const OWNERS = new Set(['Product', 'ProductVariant', 'Order', 'Customer'])

const isValue = (type: string, value: string): boolean => {
  if (type === 'number_integer') return /^-?\d+$/.test(value)
  if (type === 'number_decimal') return /^-?\d+(\.\d+)?$/.test(value)
  if (type === 'boolean') return value === 'true' || value === 'false'
  if (type !== 'json' && !type.startsWith('list.')) return value !== ''
  try {
    const parsed: unknown = JSON.parse(value)
    return type === 'json' || Array.isArray(parsed)
  } catch {
    return false
  }
}

const setMetafields: Resolver<unknown> = (_source, { metafields }: { metafields: MetafieldInput[] }, context, info) => {
  for (const { ownerId } of metafields) assertWritable(context, ownerId, info.fieldName)
  const userErrors: UserError[] = []
  if (metafields.length > METAFIELDS_AT_ONCE) {
    const message = `Exceeded the maximum metafields input limit of ${METAFIELDS_AT_ONCE}.`
    return { metafields: null, userErrors: [refused(['metafields'], message, 'LESS_THAN_OR_EQUAL_TO')] }
  }
  const changes: Array<() => Metafield> = []
  metafields.forEach((input, index) => {
    const fail = (part: string, message: string, code: string): void => { userErrors.push(refused(['metafields', String(index), part], message, code)) }
    const owner = OWNERS.has(parseGid(input.ownerId).kind) ? lookUp(context, input.ownerId) as Owner | null : null
    if (owner === null) return fail('ownerId', 'Owner does not exist.', 'INVALID')
    const name = `${input.namespace ?? 'app'}.${input.key}`
    const known = owner.metafields?.get(name)
    const type = input.type ?? known?.type
    if (type === undefined) return fail('type', "Type can't be blank", 'BLANK')
    if (known !== undefined && known.type !== type) return fail('type', `Type must be ${known.type}.`, 'INVALID_TYPE')
    if (!isValue(type, input.value)) return fail('value', `Value is invalid for the type ${type}.`, 'INVALID_VALUE')
    const stale = input.compareDigest !== undefined && input.compareDigest !== (known === undefined ? null : digestOf(known))
    if (stale) {
      return fail('compareDigest', 'The resource has been updated since it was loaded. Try again with an updated `compareDigest` value.', 'STALE_OBJECT')
    }
    changes.push(() => {
      const metafield: Metafield = known ?? {
        kind: 'Metafield', id: context.shop.nextId('Metafield'), namespace: input.namespace ?? 'app', key: input.key, type, value: input.value
      }
      metafield.value = input.value
      owner.metafields ??= new Map()
      owner.metafields.set(name, metafield)
      context.shop.add(metafield)
      context.shop.touch(owner)
      return metafield
    })
  })
  return userErrors.length > 0 ? { metafields: null, userErrors } : { metafields: changes.map((change) => change()), userErrors }
}

// ---- discount codes and segments

const createDiscount: Resolver<unknown> = (_source, { basicCodeDiscount: input }, { shop }) => {
  const userErrors: UserError[] = []
  const fail = (part: string, message: string, code: string): void => { userErrors.push(refused(['basicCodeDiscount', part], message, code)) }
  const value = input.customerGets?.value ?? {}
  if (input.code == null || input.code.trim() === '') fail('code', "Code can't be blank", 'BLANK')
  else if (shop.discounts.some(({ code }) => sameText(code, input.code))) fail('code', 'Code must be unique. Please try a different code.', 'TAKEN')
  if (input.title == null || input.title.trim() === '') fail('title', "Title can't be blank", 'BLANK')
  if (input.startsAt == null) fail('startsAt', "Starts at can't be blank", 'BLANK')
  else if (input.endsAt != null && Date.parse(input.endsAt) <= Date.parse(input.startsAt)) {
    fail('endsAt', 'Ends at needs to be after starts_at', 'END_DATE_BEFORE_START_DATE')
  }
  if (input.context == null && input.customerSelection == null) fail('context', "Context can't be blank", 'BLANK')
  if (input.customerGets?.items == null) fail('customerGets', "Items in 'customer get' must be defined", 'BLANK')
  if (value.percentage != null && !(value.percentage > 0 && value.percentage <= 1)) {
    fail('customerGets', 'Value must be between 0.0 and 1.0', 'VALUE_OUTSIDE_RANGE')
  }
  if (value.percentage == null && value.discountAmount?.amount == null) fail('customerGets', "Value can't be blank", 'BLANK')
  if (input.usageLimit != null && input.usageLimit < 1) fail('usageLimit', 'Usage limit must be greater than 0', 'GREATER_THAN')
  if (userErrors.length > 0) return { codeDiscountNode: null, userErrors }
  const discount: Discount = {
    kind: 'DiscountCodeNode',
    id: shop.nextId('DiscountCodeNode'),
    code: input.code,
    title: input.title,
    startsAt: Date.parse(input.startsAt),
    endsAt: input.endsAt == null ? null : Date.parse(input.endsAt),
    usageLimit: input.usageLimit ?? null,
    used: 0,
    percentage: value.percentage ?? null,
    amount: value.percentage == null ? centsOf(value.discountAmount.amount) : null
  }
  shop.discounts.push(discount)
  shop.add(discount)
  return { codeDiscountNode: discount, userErrors }
}

const endDiscount: Resolver<unknown> = (_source, { id }, context) => {
  const discount = lookUp(context, id, 'DiscountCodeNode') as Discount | null
  if (discount === null) return { codeDiscountNode: null, userErrors: [refused(['id'], 'Code discount does not exist.', 'INVALID')] }
  if (discount.endsAt === null || discount.endsAt > context.shop.now) discount.endsAt = context.shop.now
  context.shop.touch()
  return { codeDiscountNode: discount, userErrors: [] }
}

const createSegment: Resolver<unknown> = (_source, { name, query }, { shop }) => {
  const refuse = (field: string, message: string): unknown => ({ segment: null, userErrors: [refused([field], message)] })
  if (name.trim() === '') return refuse('name', "Name can't be blank")
  if (query.trim() === '') return refuse('query', "Query can't be blank")
  if (shop.segments.some((segment) => sameText(segment.name, name))) return refuse('name', 'Name has already been taken')
  const segment = { kind: 'Segment' as const, id: shop.nextId('Segment'), name, query }
  shop.segments.push(segment)
  shop.add(segment)
  return { segment, userErrors: [] }
}

// ---- bulk operations

const runBulk: Resolver<unknown> = (_source, { query }, context) => {
  // Objects are written right behind their parents, whether they have to be grouped or not.
  const result = context.bulks.start(query, context)
  return typeof result === 'string' || 'code' in result
    ? { bulkOperation: null, userErrors: [typeof result === 'string' ? refused(['query'], result, 'INVALID') : refused(null, result.message, result.code)] }
    : { bulkOperation: result, userErrors: [] }
}

const cancelBulk: Resolver<unknown> = (_source, { id }, context) => {
  const operation = context.bulks.cancel(parseGid(id).number)
  return operation === undefined
    ? { bulkOperation: null, userErrors: [refused(['id'], 'Bulk operation does not exist')] }
    : operation
}

const payload = (...fields: string[]): Record<string, Resolver<Record<string, unknown>>> =>
  Object.fromEntries([...fields, 'userErrors'].map((name) => [name, (source) => source[name]]))

export const MUTATIONS: Record<string, Record<string, Resolver<any>>> = {
  Mutation: {
    productVariantsBulkUpdate: updateVariants,
    inventorySetQuantities: stock('quantities'),
    inventoryAdjustQuantities: stock('changes'),
    tagsAdd: tagsOf((tags, given) => [...tags, ...given.filter((tag, index) => ![...tags, ...given.slice(0, index)].some((own) => sameText(own, tag)))]),
    tagsRemove: tagsOf((tags, given) => tags.filter((tag) => !given.some((own) => sameText(own, tag)))),
    orderUpdate: updateOrder,
    fulfillmentOrderHold: holdFulfilment,
    fulfillmentOrderReleaseHold: releaseHold,
    refundCreate: createRefund,
    productSet: createProduct,
    metafieldsSet: setMetafields,
    discountCodeBasicCreate: createDiscount,
    discountCodeDeactivate: endDiscount,
    segmentCreate: createSegment,
    bulkOperationRunQuery: runBulk,
    bulkOperationCancel: cancelBulk
  },
  ProductVariantsBulkUpdatePayload: payload('productVariants'),
  InventorySetQuantitiesPayload: payload('inventoryAdjustmentGroup'),
  InventoryAdjustQuantitiesPayload: payload('inventoryAdjustmentGroup'),
  TagsAddPayload: payload('node'),
  TagsRemovePayload: payload('node'),
  OrderUpdatePayload: payload('order'),
  FulfillmentOrderHoldPayload: payload('fulfillmentHold'),
  FulfillmentOrderReleaseHoldPayload: payload('fulfillmentOrder'),
  RefundCreatePayload: payload('refund'),
  ProductSetPayload: payload('product'),
  MetafieldsSetPayload: payload('metafields'),
  DiscountCodeBasicCreatePayload: payload('codeDiscountNode'),
  DiscountCodeDeactivatePayload: payload('codeDiscountNode'),
  SegmentCreatePayload: payload('segment'),
  BulkOperationRunQueryPayload: payload('bulkOperation'),
  BulkOperationCancelPayload: payload('bulkOperation')
}

/** Every kind of user error answers alike. */
export const USER_ERROR: Record<string, Resolver<UserError>> = {
  field: ({ field }) => field,
  message: ({ message }) => message,
  code: ({ code }) => code ?? null
}
