// The sandbox's shop: the same for a seed and a day, plausible, and told through Shopify's API exactly as its books say.
import { createHash } from 'node:crypto'
import t from 'tap'
import { addDays, dayOf, startOf, weekdayOf } from '../../sandbox/shop/calendar.ts'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { attentionOf, daysOf, ledgerOf, stockOutsOf } from '../../sandbox/shop/ledger.ts'
import type { Order } from '../../sandbox/shop/records.ts'
import { availableOf, type Shop } from '../../sandbox/shop/shop.ts'
import { createBucket } from '../../sandbox/shopify/cost.ts'
import { createSchema } from '../../sandbox/shopify/schema.ts'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { silentLogger } from '../../src/core/log.ts'
import { bulkText } from '../../src/integrations/shopify/bulk.ts'
import { BULK_DOCUMENTS, documents, type OperationName } from '../../src/integrations/shopify/documents/index.ts'
import { createShopify } from '../../src/integrations/shopify/index.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { EVENING, serve, TODAY } from './shop-rig.ts'

const MORNING = Date.parse('2026-11-24T06:00:00Z')

/** A digest of everything that the shop remembers of its trade. */
const hashOf = (shop: Shop): string => {
  const hash = createHash('sha256')
  for (const order of shop.orders) {
    hash.update(JSON.stringify([
      order.id, order.name, order.createdAt, order.updatedAt, order.financial, order.total, order.tax, order.customer?.email, order.risk.level,
      order.lines.map((line) => [line.sku, line.quantity, line.unitPrice, line.discount, line.unfulfilled, line.currentQuantity]),
      order.refunds.map((refund) => [refund.createdAt, refund.total]), order.fulfilments.map((each) => [each.createdAt, each.tracking, each.deliveredAt])
    ]))
  }
  const stock = shop.variants.map(({ sku, price, item }) => [sku, price, item.levels.map((level) => [level.available, level.incoming])])
  hash.update(JSON.stringify(stock))
  hash.update(JSON.stringify([shop.checkouts.map(({ id, total, completedAt }) => [id, total, completedAt]), shop.tickets, shop.truth, shop.discounts]))
  return hash.digest('hex')
}

// Most tests read one shop as it is this evening; those that change something have one of their own.
const evening = generateShop({ today: TODAY })
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, each) => total + each, 0)

t.test('a seed and a day make one shop, in whatever steps time goes on', async (t) => {
  t.equal(daysOf(evening, TODAY, TODAY)[0]?.orders, 0, 'the day begins empty')
  evening.advance(EVENING)
  const begun = process.cpuUsage()
  const shop = generateShop({ today: '2026-11-23' })
  const { user, system } = process.cpuUsage(begun)
  t.ok((user + system) / 1_000 < 4_000, `made in ${Math.round((user + system) / 1_000)} ms of CPU time`)
  for (let time = startOf('2026-11-23'); time < MORNING; time += 4_321_987) shop.advance(time)
  shop.advance(MORNING)
  const morning = daysOf(shop, TODAY, TODAY)[0]?.orders ?? NaN
  shop.advance(EVENING)
  shop.advance(MORNING)
  t.equal(hashOf(shop), hashOf(evening), 'the shop of yesterday, a day later, is the shop of today')
  t.not(hashOf(generateShop({ seed: 8, today: TODAY })), hashOf(evening), 'another seed, another shop')
  t.throws(() => generateShop({ today: 'tomorrow' }), /a date like/)

  const later = daysOf(shop, TODAY, TODAY)[0]?.orders ?? NaN
  t.ok(morning > 0 && later > morning + 20, `orders arrive with the time: ${morning} in the morning, ${later} in the evening`)
  t.ok(shop.orders.every(({ createdAt, updatedAt }) => createdAt <= EVENING && updatedAt <= EVENING), 'nothing of the future')
  shop.advance(EVENING + 86_400_000 * 3)
  t.ok((daysOf(shop, '2026-11-26', '2026-11-26')[0]?.orders ?? 0) > 20, 'and trade goes on after the day it was made for')
  t.throws(() => daysOf(shop, 'yesterday', TODAY), /no date/)
})

t.test('days are those of the shop', async (t) => {
  const hours = (date: string): number => (startOf(addDays(date, 1)) - startOf(date)) / 3_600_000
  t.same(['2026-03-28', '2026-03-29', '2026-10-25', '2026-12-31'].map(hours), [24, 23, 25, 24])
  t.same([dayOf(startOf('2026-03-29')), dayOf(startOf('2026-03-29') - 1)], ['2026-03-29', '2026-03-28'])
  t.equal(weekdayOf('2026-11-24'), 1, 'a Tuesday')
})

t.test('what the generator made is plausible', async (t) => {
  const shop = evening
  const orders = shop.orders.filter(({ test }) => !test)
  const { demand, fraud } = shop.truth
  const unitsOf = (type: string, month: string): number => sum(orders.flatMap((order) =>
    dayOf(order.createdAt).slice(5, 7) === month ? order.lines.filter(({ variant }) => variant.product.type === type).map(({ quantity }) => quantity) : []))

  t.equal(shop.products.length, 300)
  t.ok(shop.variants.length >= 600 && shop.variants.length <= 900, `${shop.variants.length} variants`)
  t.ok(orders.length > 20_000 && orders.length < 30_500, `${orders.length} orders`)
  t.equal(dayOf(orders[0]?.createdAt ?? 0).slice(0, 7), '2025-05', 'eighteen months and the days of this one')

  const byWeekday = Array.from({ length: 7 }, (_, day) => orders.filter(({ createdAt }) => weekdayOf(dayOf(createdAt)) === day).length)
  t.ok((byWeekday[6] ?? 0) > 1.3 * (byWeekday[4] ?? 0), 'Sundays are stronger than Fridays')
  t.ok(unitsOf('Winter Rugs', '11') > 3 * unitsOf('Winter Rugs', '05'), 'rugs sell before winter')
  t.ok(unitsOf('Fly Sheets', '07') > 3 * unitsOf('Fly Sheets', '11'), 'fly sheets in summer')
  const halfYear = (from: string, to: string): number => orders.filter(({ createdAt }) => dayOf(createdAt) >= from && dayOf(createdAt) < to).length
  t.ok(halfYear('2026-05-01', '2026-11-01') > 1.08 * halfYear('2025-05-01', '2025-11-01'), 'trade grows')
  for (const profile of ['smooth', 'erratic', 'intermittent', 'lumpy']) t.ok(Object.values(demand).some((each) => each.profile === profile), profile)
  t.ok(Object.values(demand).some(({ launched }) => launched !== null && launched > addDays(TODAY, -60)), 'some SKUs are new')

  const returned = orders.filter(({ refunds, cancelledAt }) => refunds.length > 0 && cancelledAt === null).length / orders.length
  t.ok(returned > 0.03 && returned < 0.08, `${(100 * returned).toFixed(1)} % of the orders come back, at least in part`)
  const counts = shop.customers.map((customer) => customer.orders.length).sort((a, b) => b - a)
  t.ok(sum(counts.slice(0, counts.length / 100)) > 0.06 * sum(counts), 'one customer in a hundred makes far more than one order in a hundred')
  t.ok(counts.filter((count) => count > 1).length > 0.15 * counts.length, 'customers return')
  const black = orders.filter(({ createdAt }) => dayOf(createdAt) >= '2025-11-23' && dayOf(createdAt) <= '2025-11-30')
  t.ok(black.filter(({ code }) => code === 'BLACKWEEK25').length > 0.4 * black.length, 'a promotion is used')
  t.ok(black.length / 8 > 1.25 * halfYear('2025-11-01', '2025-11-23') / 22, 'and brings orders')

  const suspicious = orders.filter(({ risk }) => risk.level === 'HIGH').length
  t.ok(suspicious > 20 && suspicious < 0.01 * orders.length, `${suspicious} orders of high risk`)
  t.same(new Set(Object.values(fraud).flat()), new Set(['country_mismatch', 'velocity', 'high_value']))
  t.ok(orders.some(({ financial }) => financial === 'PENDING') && orders.some(({ financial }) => financial === 'VOIDED'), 'some are unpaid')
  t.ok(orders.some(({ source, fulfilments }) => source === 'web' && fulfilments.some(({ tracking }) => tracking === null)), 'some without tracking')
  t.ok(shop.orders.some(({ test }) => test), 'test orders')
  t.ok(shop.variants.some(({ item }) => item.cost === null), 'unknown costs')
  t.ok(shop.checkouts.some(({ completedAt }) => completedAt === null) && shop.checkouts.some(({ completedAt }) => completedAt !== null), 'checkouts')
  t.ok(shop.tickets.length > 500 && shop.tickets.every(({ id }) => shop.truth.tickets[id] !== undefined), 'tickets with their truth')

  t.ok(shop.customers.every(({ name, email }) => /^Customer \d{5}$/.test(name) && /^customer\d{5}@example\.(com|org)$/.test(email)), 'nobody is a person')
  for (const consent of ['SUBSCRIBED', 'UNSUBSCRIBED', 'NOT_SUBSCRIBED']) t.ok(shop.customers.some(({ emailConsent }) => emailConsent === consent), consent)
})

t.test('stock and money add up, and nothing is sold that is not there', async (t) => {
  const shop = evening
  const committed = new Map<string, number>()
  for (const order of shop.orders) {
    if (order.test) continue
    const lines = order.lines.map((line) => line.unitPrice * line.quantity)
    if (order.gross !== sum(lines) || order.discount !== sum(order.lines.map(({ discount }) => discount)) ||
      order.total !== order.gross - order.discount + order.shipping || order.tax !== sum(order.lines.map(({ tax }) => tax)) + order.shippingTax) {
      t.fail(`${order.name} does not add up`)
    }
    if (sum(order.refunds.map(({ total }) => total)) > order.total) t.fail(`${order.name} gave back more than it took`)
    for (const line of order.lines) {
      const key = `${line.sku} ${line.location.id}`
      committed.set(key, (committed.get(key) ?? 0) + line.unfulfilled)
      const back = sum(order.refunds.flatMap((refund) => refund.lines.filter((each) => each.line === line).map(({ quantity }) => quantity)))
      if (line.currentQuantity !== line.quantity - back) t.fail(`${order.name}: quantities`)
    }
  }
  let below = 0
  for (const variant of shop.variants) {
    for (const level of variant.item.levels) {
      if (level.committed !== (committed.get(`${variant.sku} ${level.location.id}`) ?? 0)) t.fail(`${variant.sku}: committed`)
      if (level.available < 0 && !variant.oversell) t.fail(`${variant.sku}: oversold`)
      if (level.available < 0) below++
    }
  }
  t.ok(below > 0, 'what may be oversold is oversold somewhere')

  // Sales are censored: between two days that end without stock, next to nothing is sold.
  const sold = new Map<string, number>()
  for (const order of shop.orders) for (const line of order.lines) sold.set(`${line.sku} ${dayOf(order.createdAt)}`, line.quantity)
  let dry = 0
  let wanted = 0
  let leaked = 0
  for (const variant of shop.variants) {
    const known = shop.truth.demand[variant.sku]
    if (known === undefined || variant.oversell) continue
    const days = new Set(known.stockOutDays)
    wanted += known.lostUnits
    for (const day of known.stockOutDays) {
      if (!days.has(addDays(day, -1))) continue
      dry++
      if (sold.has(`${variant.sku} ${day}`)) leaked++
    }
  }
  t.ok(dry > 5_000 && wanted > 2_000, `${dry} days without stock, ${wanted} units not sold`)
  t.ok(leaked < 0.01 * dry, `${leaked} of them with sales: returns that were sold at once`)
})

// One shop for what follows: what a test changes, others do not look at.
t.test('the wire', async (t) => {
  const shopify = await serve(t)
  const { shop, data, list, ask } = shopify
  await data('{ shop { name } }')
  const open = shop.orders.filter((order) => !order.test && order.cancelledAt === null && order.fulfilments.length === 0 && order.financial === 'PAID' &&
    order.fulfilmentOrder.status === 'OPEN' && order.lines.every(({ unfulfilled, quantity, variant }) => unfulfilled === quantity && !variant.oversell))
  let next = 0
  /** An order that is paid and not sent; another one each time. */
  const openOrder = (): Order => open[next++] as Order
  const gid = (type: string, record: { id: number }): string => `gid://shopify/${type}/${record.id}`

  t.test('every field of the schema has an answer', async (t) => {
    t.same(createSchema().unanswered, [])
  })

  t.test('every document of the integration executes', async (t) => {
    const order = openOrder()
    const [first] = order.lines
    const variant = shop.variants[3]
    const refunded = shop.orders.find(({ refunds }) => refunds.length > 0)
    if (first === undefined || variant === undefined || refunded?.refunds[0] === undefined) throw new Error('an empty shop')
    const level = variant.item.levels[0]
    const place = { inventoryItemId: gid('InventoryItem', variant.item), locationId: gid('Location', shop.locations[0] ?? { id: 0 }) }
    const bulk = await data(documents.RunBulkQuery, { query: bulkText('BulkCustomers', "updated_at:>='2026-11-24T00:00:00Z'") })
    const id = gid('Order', order)
    const lines = [{ lineItemId: gid('LineItem', first), quantity: 1, restockType: 'CANCEL' }]
    const suggested = await data(documents.SuggestedRefund, { id, lines, shipping: null })
    const [transaction] = suggested.order.suggestedRefund.suggestedTransactions
    const code = { title: 'Test', startsAt: '2026-11-24T00:00:00Z', context: { all: 'ALL' } }
    const percentage = { value: { percentage: 0.1 }, items: { all: true } }
    const fixed = { value: { discountAmount: { amount: '5.00', appliesOnEachItem: false } }, items: { all: true } }
    const discount = await data(documents.CreateDiscountCode, {
      input: { ...code, code: 'TEST-1', endsAt: '2026-12-24T00:00:00Z', usageLimit: 5, customerGets: percentage }
    })
    const related = { ownerId: gid('Product', variant.product), namespace: 'app', key: 'related', type: 'json', value: '[1]', compareDigest: null }
    const product = { title: 'Draft', handle: 'draft', status: 'DRAFT', productOptions: [{ name: 'Title', values: [{ name: 'Default Title' }] }] }
    const only = { optionValues: [{ optionName: 'Title', name: 'Default Title' }], price: '12.50', sku: 'D-1', inventoryItem: { tracked: true, cost: '5' } }
    const back = { gateway: transaction.gateway, amount: transaction.amountSet.shopMoney.amount, parentId: transaction.parentTransaction.id }
    const discountId = discount.discountCodeBasicCreate.codeDiscountNode.id
    const hold = await data(documents.HoldFulfilment, { id: gid('FulfillmentOrder', order.fulfilmentOrder), hold: { reason: 'OTHER', handle: 'first' } })
    const page = { first: 5, after: null, query: '' }
    const variables: Record<Exclude<OperationName, typeof BULK_DOCUMENTS[number]>, object> = {
      Shop: {},
      AccessScopes: {},
      Policies: {},
      Locations: { first: 10 },
      Orders: { ...page, sortKey: 'CREATED_AT' },
      OrderById: { id },
      OrderLines: { id, first: 5 },
      OrderLists: { id },
      RefundLines: { ids: [gid('Refund', refunded.refunds[0])], first: 5 },
      OrderSales: { ...page, sortKey: 'UPDATED_AT' },
      ReturnedGoods: { ids: [gid('Refund', refunded.refunds[0])], after: null },
      OrderGoods: { ...page, sortKey: 'CREATED_AT' },
      OrderStates: { ...page, sortKey: 'CREATED_AT' },
      OrderHistory: { ...page, sortKey: 'UPDATED_AT' },
      RefundsOfOrders: { first: 1, query: `id:${refunded.id}` },
      RefundHistory: { ids: [gid('Refund', refunded.refunds[0])], after: null },
      FulfilmentOrders: { id },
      SuggestedRefund: { id, lines, shipping: null },
      Variants: page,
      VariantsById: { ids: [gid('ProductVariant', variant)] },
      InventoryLevels: { id: place.inventoryItemId, first: 5 },
      ProductByHandle: { handle: variant.product.handle },
      Metafields: { ids: [gid('Product', variant.product), gid('ProductVariant', variant), id], namespace: 'app', key: 'related' },
      Customers: page,
      AbandonedCheckouts: page,
      Segments: page,
      DiscountByCode: { code: 'welcome10' },
      CreateDiscountCode: { input: { ...code, code: 'TEST-2', customerGets: fixed } },
      DeactivateDiscountCode: { id: discountId },
      CreateSegment: { name: 'Loyal', query: 'number_of_orders > 5' },
      SetPrices: { productId: gid('Product', variant.product), variants: [{ id: gid('ProductVariant', variant), price: '9.95', compareAtPrice: null }] },
      SetInventory: {
        input: { name: 'available', reason: 'correction', quantities: [{ ...place, quantity: 11, changeFromQuantity: level?.available }] }, key: 'doc-1'
      },
      AdjustInventory: { input: { name: 'available', reason: 'correction', changes: [{ ...place, delta: 2, changeFromQuantity: 11 }] }, key: 'doc-2' },
      AddTags: { id, tags: ['checked'] },
      RemoveTags: { id, tags: ['checked'] },
      SetOrderNote: { id, note: 'Called the customer' },
      HoldFulfilment: { id: gid('FulfillmentOrder', order.fulfilmentOrder), hold: { reason: 'HIGH_RISK_OF_FRAUD', handle: 'second' } },
      ReleaseHold: { id: gid('FulfillmentOrder', order.fulfilmentOrder), holdIds: [hold.fulfillmentOrderHold.fulfillmentHold.id] },
      CreateRefund: {
        input: {
          orderId: id,
          refundLineItems: lines,
          transactions: [{ orderId: id, kind: 'REFUND', ...back }]
        },
        key: 'doc-3'
      },
      CreateDraftProduct: { input: { ...product, variants: [only] } },
      SetMetafields: { metafields: [related] },
      RunBulkQuery: { query: '{ segments { edges { node { id } } } }' },
      BulkOperation: { id: bulk.bulkOperationRunQuery.bulkOperation.id },
      CancelBulkOperation: { id: bulk.bulkOperationRunQuery.bulkOperation.id }
    }
    for (const [name, values] of Object.entries(variables)) {
      const answer = await ask(documents[name as OperationName], values)
      t.equal(answer.errors, undefined, name)
      const [payload] = Object.values(answer.data ?? {}) as Array<{ userErrors?: unknown[] } | null>
      // The bulk operation may be over before it is cancelled.
      if (name !== 'CancelBulkOperation') t.same(payload?.userErrors ?? [], [], `${name}: no user errors`)
    }
    const unasked = Object.keys(documents).filter((name) => !(name in variables) && !BULK_DOCUMENTS.some((each) => each === name))
    t.same(unasked, [], 'none is left out')
  })

  t.test('pages hold every order once, forwards and backwards, and while orders arrive', async (t) => {
    const orders = [...shop.orders]
    const query = `query ($after: String, $sortKey: OrderSortKeys!) {
      orders(first: 250, after: $after, sortKey: $sortKey) { pageInfo { hasNextPage endCursor } nodes { id } }
    }`
    // A minute goes by with every page.
    const ids = (await list(query, { sortKey: 'CREATED_AT' }, () => { shopify.time.now += 60_000 })).map(({ id }) => id)
    t.ok(ids.length > orders.length, 'those that arrived meanwhile are there')
    t.equal(new Set(ids).size, ids.length)
    t.same(ids, shop.orders.map((order) => gid('Order', order)), 'by creation')

    const back = `query ($before: String) {
      orders(last: 3, before: $before, sortKey: CREATED_AT) { pageInfo { hasPreviousPage startCursor } edges { cursor node { id } } }
    }`
    const one = (await data(back)).orders
    const two = (await data(back, { before: one.pageInfo.startCursor })).orders
    t.same([...two.edges, ...one.edges].map(({ node }: { node: { id: string } }) => node.id), ids.slice(-6), 'the last pages')
    t.equal(two.edges[0].cursor, two.pageInfo.startCursor)
    const reversed = (await data('{ orders(first: 2, reverse: true, sortKey: CREATED_AT) { pageInfo { hasPreviousPage hasNextPage } nodes { id } } }')).orders
    t.same(reversed, { pageInfo: { hasPreviousPage: false, hasNextPage: true }, nodes: ids.slice(-2).reverse().map((id) => ({ id })) })

    const wrong = await ask('{ orders(first: 251) { nodes { id } } }')
    t.match(wrong.errors[0].message, /first cannot exceed 250/)
    t.match((await ask('{ orders { nodes { id } } }')).errors[0].message, /one of first or last/)
    t.match((await ask('{ orders(first: 1, after: "x") { nodes { id } } }')).errors[0].message, /Invalid cursor/)
  })

  t.test('searches find what the records say', async (t) => {
    const search = async (query: string): Promise<string[]> => (await list(`query ($query: String!, $after: String) {
      orders(first: 250, after: $after, query: $query, sortKey: ID) { pageInfo { hasNextPage endCursor } nodes { name } }
    }`, { query })).map(({ name }) => name)
    const wanted = (test: (order: Order) => boolean): string[] => shop.orders.filter(test).map(({ name }) => name)
    const from = Date.parse('2026-11-20T00:00:00Z')
    const buyer = shop.customers.find(({ orders }) => orders.length > 4)
    t.same(await search("created_at:>='2026-11-20T00:00:00.000Z' created_at:<'2026-11-21T00:00:00.000Z'"),
      wanted(({ createdAt }) => createdAt >= from && createdAt < from + 86_400_000))
    const edge = shop.orders.find(({ createdAt }) => createdAt > from) as Order
    const at = new Date(edge.createdAt).toISOString()
    t.same(await search(`created_at:<='${at}' created_at:>='${at}' created_at:${at}`), [edge.name], 'bounds are inclusive where they say so')
    t.same([await search(`created_at:<'${at}' name:'${edge.name}'`), await search(`created_at:>'${at}' name:'${edge.name}'`)], [[], []], 'and only there')
    t.same(await search(`updated_at:>='${new Date(from).toISOString()}'`), wanted(({ updatedAt }) => updatedAt >= from))
    t.same(await search('status:open'), wanted(({ closedAt, cancelledAt }) => closedAt === null && cancelledAt === null))
    t.same(await search('financial_status:pending'), wanted(({ financial }) => financial === 'PENDING'))
    t.same(await search("financial_status:'paid' fulfillment_status:'unfulfilled' status:open"),
      wanted((order) => order.financial === 'PAID' && order.fulfilments.length === 0 && order.fulfilmentOrder.holds.length === 0 &&
        order.cancelledAt === null && order.closedAt === null))
    t.same(await search(`customer_id:'${buyer?.id ?? 0}'`), buyer?.orders.map(({ name }) => name))
    t.same(await search("name:'#1001' OR name:1002"), ['#1001', '#1002'])
    t.same(await search("-status:open -status:closed discount_code:'blackweek25'"),
      wanted(({ cancelledAt, code }) => cancelledAt !== null && code === 'BLACKWEEK25'))
    t.same(await search("tag:'it\\'s'"), [])
    t.match((await ask('{ orders(first: 1, query: "(status:open") { nodes { id } } }')).errors[0].message, /Invalid search/)
    const unknown = await ask('{ orders(first: 1, query: "colour:red") { nodes { id } } }')
    t.equal(unknown.data.orders.nodes.length, 1, 'an unknown field is ignored')
    t.match(unknown.extensions.search, [{ path: ['orders'], warnings: [{ field: 'colour', code: 'invalid_field' }] }], 'with a warning')
    t.match((await ask('{ orders(first: 1, sortKey: DESTINATION) { nodes { id } } }')).errors[0].message, /does not sort/)
  })

  t.test('a question costs what was asked for, then what was found', async (t) => {
    const cost = async (query: string): Promise<number[]> => {
      const { requestedQueryCost, actualQueryCost } = (await ask(query)).extensions.cost
      return [requestedQueryCost, actualQueryCost]
    }
    t.same(await cost('{ shop { name } }'), [1, 1], 'an object is a point')
    t.same(await cost('{ shop { name plan { publicDisplayName } } }'), [2, 2])
    t.same(await cost('{ order(id: "gid://shopify/Order/1") { name } }'), [1, 0], 'what is not there costs nothing')
    t.same(await cost('{ locations(first: 1, includeInactive: true) { nodes { name } } }'), [3, 3], 'a connection is two more')
    t.same(await cost('{ productVariants(first: 250) { nodes { inventoryItem { id } } } }'), [24, 24], 'sized as the real API sizes it')
    t.same(await cost('{ productVariants(first: 250, query: "sku:nothing") { edges { node { inventoryItem { id } } } } }'), [24, 2])
    t.same(await cost(`mutation { tagsAdd(id: "${gid('Order', openOrder())}", tags: ["seen"]) { node { id } userErrors { message } } }`), [10, 10])
  })

  t.test('a query that is wrong is told so, in a 200', async (t) => {
    t.match(await ask('{ shop { nonsense } }'), { status: 200, data: undefined, errors: [{ message: /Cannot query field "nonsense"/ }] })
    t.match((await ask('{ shop ')).errors[0].message, /Syntax Error/)
    t.match((await ask('query ($id: ID!) { order(id: $id) { id } }', {})).errors[0], { extensions: { code: 'INVALID_VARIABLE' } })
    t.match((await ask('{ order(id: "12") { id } }')).errors[0].message, /Invalid global id/)
  })

  t.test('changes are made once, remembered, and refused as Shopify refuses them', async (t) => {
    const order = openOrder()
    const id = gid('Order', order)
    shopify.time.now += 60_000
    const before = order.updatedAt
    await data(documents.AddTags, { id, tags: ['vip', 'VIP', 'a, b'] })
    t.same((await data(documents.OrderById, { id })).order.tags, ['a', 'b', 'vip'])
    t.ok(order.updatedAt > before, 'updatedAt moves')
    await data(documents.RemoveTags, { id, tags: ['A', 'b'] })
    t.same((await data(documents.OrderById, { id })).order.tags, ['vip'])
    await data(documents.SetOrderNote, { id, note: 'Ring twice' })
    t.equal((await data(documents.OrderById, { id })).order.note, 'Ring twice')
    t.match((await data(documents.AddTags, { id: 'gid://shopify/Order/1', tags: ['x'] })).tagsAdd, { node: null, userErrors: [{ message: /does not exist/ }] })

    const fulfilment = gid('FulfillmentOrder', order.fulfilmentOrder)
    const hold = { reason: 'HIGH_RISK_OF_FRAUD', handle: 'h-1' }
    const held = (await data(documents.HoldFulfilment, { id: fulfilment, hold })).fulfillmentOrderHold
    t.match((await data(documents.HoldFulfilment, { id: fulfilment, hold })).fulfillmentOrderHold.userErrors, [{ code: 'DUPLICATE_FULFILLMENT_HOLD_HANDLE' }])
    t.equal((await data(documents.OrderById, { id })).order.displayFulfillmentStatus, 'ON_HOLD')
    shop.advance(EVENING + 5 * 86_400_000)
    t.equal(order.fulfilments.length, 0, 'what is held is not sent')
    await data(documents.ReleaseHold, { id: fulfilment, holdIds: [held.fulfillmentHold.id] })
    shop.advance(EVENING + 10 * 86_400_000)
    t.equal(order.fulfilments.length, 1, 'and goes out when it is released')
    shopify.time.now = shop.now

    const variant = shop.variants[10]
    const other = shop.variants.find((each) => each.product !== variant?.product)
    if (variant === undefined || other === undefined) throw new Error('no variants')
    const productId = gid('Product', variant.product)
    const id1 = gid('ProductVariant', variant)
    const prices = async (variants: object[]): Promise<object> => (await data(documents.SetPrices, { productId, variants })).productVariantsBulkUpdate
    const old = variant.price
    t.match(await prices([{ id: id1, price: '1.00' }, { id: gid('ProductVariant', other), price: '1.00' }]),
      { productVariants: null, userErrors: [{ field: ['variants', '1', 'id'], code: 'PRODUCT_VARIANT_DOES_NOT_EXIST' }] })
    t.equal(variant.price, old, 'all or none')
    t.match(await prices([{ id: id1, price: '-1' }]), { userErrors: [{ code: 'NEGATIVE_PRICE_VALUE' }] })
    t.match(await prices([{ id: id1, price: '19.90', compareAtPrice: '25' }]),
      { userErrors: [], productVariants: [{ price: '19.90', compareAtPrice: '25.00' }] })

    const { item } = variant
    const level = item.levels[0]
    if (level === undefined) throw new Error('no stock')
    const place = { inventoryItemId: gid('InventoryItem', item), locationId: gid('Location', level.location) }
    const set = async (quantity: number, changeFromQuantity: number | null, key: string): Promise<object> => (await data(documents.SetInventory, {
      input: { name: 'available', reason: 'correction', quantities: [{ ...place, quantity, changeFromQuantity }] }, key
    })).inventorySetQuantities
    const from = level.available
    const first = await set(from + 5, from, 'key-1')
    t.match(first, { userErrors: [], inventoryAdjustmentGroup: { changes: [{ name: 'available', delta: 5 }, { name: 'on_hand', delta: 5 }] } })
    t.same(await set(from + 5, from, 'key-1'), first, 'the same key has the same answer')
    t.equal(level.available, from + 5)
    t.match(await set(1, from + 5, 'key-1'), { userErrors: [{ code: 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH' }] })
    t.match(await set(1, from, 'key-2'), { userErrors: [{ code: 'CHANGE_FROM_QUANTITY_STALE' }] })
    t.match(await set(from + 5, from + 5, 'key-3'), { userErrors: [], inventoryAdjustmentGroup: null }, 'nothing to change')
    const adjust = { input: { name: 'available', reason: 'correction', changes: [{ ...place, delta: -2, changeFromQuantity: null }] }, key: 'key-4' }
    await data(documents.AdjustInventory, adjust)
    await data(documents.AdjustInventory, adjust)
    t.equal(level.available, from + 3, 'an adjustment happens once for its key')
    const keyless = documents.AdjustInventory.replace('@idempotent(key: $key)', '').replace(', $key: String!', '')
    t.match((await ask(keyless, adjust)).errors[0].message, /@idempotent/)

    const owner = gid('Product', variant.product)
    const field = { ownerId: owner, namespace: 'app', key: 'related', type: 'json', value: '["a"]' }
    const made = (await data(documents.SetMetafields, { metafields: [{ ...field, compareDigest: null }] })).metafieldsSet
    t.match(made, { userErrors: [], metafields: [{ value: '["a"]' }] })
    t.match((await data(documents.SetMetafields, { metafields: [{ ...field, compareDigest: null }] })).metafieldsSet.userErrors, [{ code: 'STALE_OBJECT' }])
    const changed = { ...field, value: '["b"]', compareDigest: made.metafields[0].compareDigest }
    t.match((await data(documents.SetMetafields, { metafields: [changed] })).metafieldsSet.metafields, [{ value: '["b"]' }])
    t.match((await data(documents.SetMetafields, { metafields: [{ ...field, value: 'no json' }] })).metafieldsSet.userErrors, [{ code: 'INVALID_VALUE' }])
    t.match((await data(documents.Metafields, { ids: [owner], namespace: 'app', key: 'related' })).nodes, [{ id: owner, metafield: { value: '["b"]' } }])

    const discount = async (code: string, percentage: number): Promise<object> => {
      const customerGets = { value: { percentage }, items: { all: true } }
      const input = { code, title: 'Twice', startsAt: '2026-12-24T00:00:00Z', context: { all: 'ALL' }, customerGets }
      return (await data(documents.CreateDiscountCode, { input })).discountCodeBasicCreate
    }
    t.match(await discount('Twice', 0.1), { codeDiscountNode: { codeDiscount: { status: 'SCHEDULED' } } })
    t.match(await discount('TWICE', 0.1), { userErrors: [{ code: 'TAKEN' }] })
    t.match(await discount('all', 1.5), { userErrors: [{ code: 'VALUE_OUTSIDE_RANGE' }] })
    await data(documents.CreateSegment, { name: 'Once', query: 'number_of_orders = 1' })
    t.match((await data(documents.CreateSegment, { name: 'once', query: 'number_of_orders = 1' })).segmentCreate.userErrors, [{ message: /taken/ }])
  })

  t.test('a refund pays out once what was suggested, and puts the goods back', async (t) => {
    const order = shop.orders.find((each) => each.fulfilments.length > 0 && each.refunds.length === 0 && each.shipping > 0 && each.discount > 0 &&
      each.lines.some(({ quantity }) => quantity > 1)) as Order
    const line = order.lines.find(({ quantity }) => quantity > 1)
    const level = line?.variant.item.levels.find(({ location }) => location === line.location)
    if (line === undefined || level === undefined) throw new Error('no such order')
    const id = gid('Order', order)
    const lines = [{ lineItemId: gid('LineItem', line), quantity: 1, restockType: 'RETURN', locationId: gid('Location', line.location) }]
    const { suggestedRefund } = (await data(documents.SuggestedRefund, { id, lines, shipping: '2.00' })).order
    const { amount } = suggestedRefund.amountSet.shopMoney
    t.equal(Math.round(100 * Number(amount)), Math.round((line.unitPrice * line.quantity - line.discount) / line.quantity) + 200)
    const refund = (sum: string, key: string): Promise<{ refundCreate: unknown }> => {
      const transactions = [{ orderId: id, kind: 'REFUND', gateway: order.gateway, amount: sum }]
      return data(documents.CreateRefund, { key, input: { orderId: id, refundLineItems: lines, shipping: { amount: '2.00' }, transactions } })
    }
    const stock = level.available
    t.match(await refund('9999', 'r-1'), { refundCreate: { refund: null, userErrors: [{ message: /cannot be greater/ }] } })
    const made = await refund(amount, 'r-2')
    t.match(made, { refundCreate: { userErrors: [], refund: { totalRefundedSet: { shopMoney: { amount } } } } })
    t.same(await refund(amount, 'r-2'), made, 'the same key, the same refund')
    t.equal(order.refunds.length, 1)
    t.equal(level.available, stock + 1)
    const { order: after } = await data(documents.OrderById, { id })
    t.match(after, { displayFinancialStatus: 'PARTIALLY_REFUNDED', totalRefundedSet: { shopMoney: { amount } } })
    t.equal(after.lineItems.nodes.find((each: { id: string }) => each.id === gid('LineItem', line)).currentQuantity, line.quantity - 1)
    t.match((await ask(documents.SuggestedRefund, { id, lines: [{ ...lines[0], quantity: 99 }], shipping: null })).errors[0].message, /refundable quantity/)
  })

  t.test('bulk operations write everything to a file', async (t) => {
    const finish = async (query: string): Promise<{ operation: Record<string, string | null>, rows: Array<Record<string, unknown>> }> => {
      const { bulkOperation } = (await data(documents.RunBulkQuery, { query })).bulkOperationRunQuery
      t.match(bulkOperation.status, /CREATED|RUNNING/)
      for (;;) {
        const { bulkOperation: operation } = await data(documents.BulkOperation, { id: bulkOperation.id })
        if (operation.status === 'CREATED' || operation.status === 'RUNNING') continue
        const text = operation.url === null ? '' : await (await fetch(operation.url)).text()
        t.equal(operation.url === null ? null : String(Buffer.byteLength(text)), operation.fileSize)
        return { operation, rows: text.split('\n').filter((row) => row !== '').map((row) => JSON.parse(row) as Record<string, unknown>) }
      }
    }
    const from = shop.now - 3 * 86_400_000
    const orders = shop.orders.filter(({ createdAt }) => createdAt >= from)
    const result = await finish(bulkText('BulkOrders', `created_at:>='${new Date(from).toISOString()}'`))
    t.match(result.operation, { status: 'COMPLETED', errorCode: null, rootObjectCount: String(orders.length) })
    t.same(result.rows.filter((row) => row['__parentId'] === undefined).map(({ id }) => id), orders.map((order) => gid('Order', order)))
    t.same(result.rows.filter((row) => row['__parentId'] !== undefined).map((row) => [row['id'], row['__parentId']]),
      orders.flatMap((order) => order.lines.map((line) => [gid('LineItem', line), gid('Order', order)])))
    const stock = await finish(bulkText('BulkVariants', ''))
    t.equal(stock.rows.length, shop.variants.length + sum(shop.variants.map(({ item }) => item.levels.length)))
    const level = stock.rows.find((row) => row['__typename'] === 'InventoryLevel')
    t.match(level?.['__parentId'], /^gid:\/\/shopify\/ProductVariant\//, 'levels hang on their variant')
    t.match((await finish(bulkText('BulkOrders', "name:'#1'"))).operation, { status: 'COMPLETED', objectCount: '0', url: null }, 'nothing found, no file')

    const refused = async (query: string): Promise<string> => (await data(documents.RunBulkQuery, { query })).bulkOperationRunQuery.userErrors[0].message
    t.match(await refused('{ shop { name } }'), /at least one connection/)
    t.match(await refused('{ orders { edges { node { name lineItems { edges { node { id } } } } } } }'), /must select the 'id' field/)
    t.match(await refused('{ orders { edges { node { id refunds { id refundLineItems { edges { node { quantity } } } } } } } }'), /within a list field/)
    const { bulkOperation } = (await data(documents.RunBulkQuery, { query: bulkText('BulkOrders', '') })).bulkOperationRunQuery
    t.match((await data(documents.CancelBulkOperation, { id: bulkOperation.id })).bulkOperationCancel,
      { bulkOperation: { status: 'CANCELING' }, userErrors: [] })
    t.equal((await fetch(`${shopify.url}/bulk/1-2.jsonl`)).status, 404)
  })

  t.same(shopify.faults, [], 'the sandbox had no fault of its own')
})

t.test('the books say what the API says', async (t) => {
  const { shop, list, data } = await serve(t, { shop: evening })
  await data('{ shop { name } }')
  /** Cents of a decimal, by hand: another way than the sandbox's own. */
  const cents = (bag: { shopMoney: { amount: string } }): number => Math.round(Number(bag.shopMoney.amount) * 100)
  const euros = (amount: number): string => (amount / 100).toFixed(2)
  const from = addDays(TODAY, -8)
  const orders = await list(documents.Orders, { first: 50, query: `updated_at:>='${new Date(startOf(from)).toISOString()}'`, sortKey: 'UPDATED_AT' })
  const refunds = orders.filter(({ test }) => !test).flatMap((order) => order.refunds)
  const details: Array<{ id: string, refundLineItems: { nodes: Array<{ subtotalSet: { shopMoney: { amount: string } } }> } }> = []
  for (let i = 0; i < refunds.length; i += 5) {
    details.push(...(await data(documents.RefundLines, { ids: refunds.slice(i, i + 5).map(({ id }) => id), first: 10 })).nodes)
  }

  for (const book of daysOf(shop, from, TODAY)) {
    const on = ({ createdAt }: { createdAt: string }): boolean => dayOf(Date.parse(createdAt)) === book.date
    const day = orders.filter((order) => on(order) && !order.test)
    const lines = day.flatMap((order) => order.lineItems.nodes)
    const gross = sum(lines.map((line) => cents(line.originalTotalSet)))
    const discounts = sum(day.map((order) => cents(order.totalDiscountsSet)))
    const back = refunds.filter(on)
    const returned = sum(details.filter(({ id }) => back.some((each) => each.id === id))
      .flatMap(({ refundLineItems }) => refundLineItems.nodes.map(({ subtotalSet }) => cents(subtotalSet))))
    t.match(book, {
      orders: day.length,
      cancelled: day.filter(({ cancelledAt }) => cancelledAt !== null).length,
      units: sum(lines.map(({ quantity }) => quantity)),
      gross: euros(gross),
      discounts: euros(discounts),
      returns: euros(returned),
      net: euros(gross - discounts - returned),
      shipping: euros(sum(day.map((order) => cents(order.totalShippingPriceSet)))),
      tax: euros(sum(day.map((order) => cents(order.totalTaxSet)))),
      total: euros(sum(day.map((order) => cents(order.totalPriceSet)))),
      refunded: euros(sum(back.map((refund) => cents(refund.totalRefundedSet)))),
      refunds: back.length,
      guests: day.filter(({ customer }) => customer === null).length
    }, book.date)
    t.ok(day.length > 20, `${day.length} orders`)
  }

  const waiting = await list(documents.Orders, { first: 50, query: 'status:open', sortKey: 'CREATED_AT' })
  const reasons = new Map(attentionOf(shop).map((entry) => [entry.id, entry.reasons]))
  const has = (reason: string): string[] => waiting.filter(({ id }) => reasons.get(id)?.some((each) => each === reason)).map(({ name }) => name)
  const by = (test: (order: typeof waiting[number], hours: number) => boolean): string[] => waiting
    .filter((order) => !order.test && order.fulfillments.length === 0 && test(order, (EVENING - Date.parse(order.createdAt)) / 3_600_000))
    .map(({ name }) => name)
  t.same(has('risk'), by(({ risk }) => risk.recommendation === 'CANCEL' || risk.recommendation === 'INVESTIGATE'))
  t.same(has('unpaid'), by((order, hours) => order.displayFinancialStatus === 'PENDING' && hours > 72))
  t.same(has('late'), by((order, hours) => /PAID|PARTIALLY_REFUNDED/.test(order.displayFinancialStatus) && hours > 120 &&
    order.lineItems.nodes.some(({ unfulfilledQuantity }: { unfulfilledQuantity: number }) => unfulfilledQuantity > 0)))
  t.same(has('country_mismatch'), by(({ shippingAddress, billingAddress }) =>
    shippingAddress !== null && billingAddress !== null && shippingAddress.countryCodeV2 !== billingAddress.countryCodeV2))
  for (const reason of ['risk', 'unpaid', 'late', 'country_mismatch', 'no_tracking']) t.ok([...reasons.values()].flat().some((each) => each === reason), reason)

  const variants = await list(documents.Variants, { first: 100, query: 'product_status:ACTIVE' })
  const out = variants.filter(({ inventoryItem }) => sum(inventoryItem.inventoryLevels.nodes.map(
    ({ quantities }: { quantities: Array<{ name: string, quantity: number }> }) => quantities.find(({ name }) => name === 'available')?.quantity ?? 0)) <= 0)
  t.same(stockOutsOf(shop).map(({ sku }) => sku).sort(), out.map(({ sku }) => sku).sort(), 'what is out of stock')
  t.equal(ledgerOf(shop).days.length, 2, 'yesterday and today, unless asked')
  t.ok(shop.variants.every((variant) => Number.isInteger(availableOf(variant))))
})

t.test('tokens, scopes and versions are checked', async (t) => {
  const clients = [{ id: 'app', secret: 'secret' }]
  const { ask, url, sandbox, time, shop } = await serve(t, { shop: evening, clients, tokenSeconds: 100, scopes: ['read_orders', 'read_products'] })
  const refusal = { status: 401, errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' }
  t.match(await ask('{ shop { name } }', {}, { token: 'wrong' }), refusal)
  t.match(await ask('{ shop { name } }', {}, { version: '2019-04' }), { status: 404, errors: 'Not Found' })
  const fine = await ask('{ shop { name } currentAppInstallation { accessScopes { handle } } }')
  t.match(fine.data.currentAppInstallation.accessScopes, [{ handle: 'read_orders' }, { handle: 'read_products' }])
  t.equal(fine.headers.get('x-shopify-api-version'), '2026-10')
  t.match(fine.headers.get('x-request-id'), /^[\da-f-]{36}$/)

  const exchange = async (body: string, type = 'application/x-www-form-urlencoded'): Promise<{ status: number, body: Record<string, unknown> }> => {
    const response = await fetch(`${url}/admin/oauth/access_token`, { method: 'POST', headers: { 'content-type': type }, body })
    return { status: response.status, body: await response.json() as Record<string, unknown> }
  }
  t.match(await exchange('grant_type=client_credentials&client_id=app&client_secret=no'), { status: 400, body: { error: 'invalid_client' } })
  t.match(await exchange('grant_type=password'), { status: 400, body: { error: 'unsupported_grant_type' } })
  const grant = await exchange(JSON.stringify({ grant_type: 'client_credentials', client_id: 'app', client_secret: 'secret' }), 'application/json')
  t.match(grant, { status: 200, body: { scope: 'read_orders,read_products', expires_in: 100 } })
  const token = String(grant.body['access_token'])
  t.equal((await ask('{ shop { name } }', {}, { token })).status, 200)
  time.now += 101_000
  t.match(await ask('{ shop { name } }', {}, { token }), refusal, 'a token ends')

  const denied = await ask('{ customers(first: 1) { nodes { id } } }')
  const extensions = { code: 'ACCESS_DENIED', requiredAccess: '`read_customers` access scope.' }
  t.match(denied, { status: 200, data: null, errors: [{ path: ['customers'], extensions }] })
  const partly = await ask('{ orders(first: 1) { nodes { name customer { id } } } }')
  t.match(partly, { data: { orders: { nodes: [{ customer: null }] } }, errors: [{ path: ['orders', 'nodes', 0, 'customer'] }] }, 'what may be null is null')
  const id = `gid://shopify/Order/${shop.orders[0]?.id ?? 0}`
  t.match(await ask(documents.AddTags, { id, tags: ['x'] }),
    { data: { tagsAdd: null }, errors: [{ extensions: { code: 'ACCESS_DENIED' } }] }, 'reading is not writing')
  t.equal((await ask(documents.OrderById, { id })).data.order, null, 'old orders are hidden')

  const oldest = await ask('{ orders(first: 1, sortKey: CREATED_AT) { nodes { createdAt } } }')
  t.ok(Date.parse(oldest.data.orders.nodes[0].createdAt) >= time.now - 60 * 86_400_000, 'only 60 days without read_all_orders')
  sandbox.setScopes(['read_orders', 'read_all_orders'])
  const all = await ask('{ orders(first: 1, sortKey: CREATED_AT) { nodes { createdAt } } }')
  t.equal(Date.parse(all.data.orders.nodes[0].createdAt), shop.orders[0]?.createdAt)
  t.match((await ask('{ productVariants(first: 1) { nodes { id } } }')).errors[0].message,
    /Access denied for productVariants field\. Required access: `read_products`/)
  t.match((await ask(documents.SetPrices, { productId: 'gid://shopify/Product/1', variants: [] })).errors[0].extensions.code, 'ACCESS_DENIED')
})

t.test('a bucket that leaks pays for queries, and one that is empty refuses them', async (t) => {
  const { ask, time, sandbox, shop } = await serve(t, { shop: evening, bucket: { maximum: 100, restoreRate: 10 }, maximumCost: 90 })
  const query = '{ productVariants(first: 50) { nodes { inventoryItem { id } product { id } } } }'
  const first = await ask(query)
  t.match(first.extensions.cost,
    { requestedQueryCost: 23, actualQueryCost: 23, throttleStatus: { maximumAvailable: 100, currentlyAvailable: 77, restoreRate: 10 } })
  sandbox.setPoints(20)
  const refused = await ask(query)
  t.match(refused, {
    status: 200, data: undefined, errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }], extensions: { cost: { actualQueryCost: null } }
  })
  t.equal(refused.extensions.cost.throttleStatus.currentlyAvailable, 20, 'a refusal costs nothing')
  time.now += (23 - 20) / 10 * 1_000
  t.equal((await ask(query)).errors, undefined, 'after exactly the time that the figures tell')
  t.match((await ask(documents.Orders, { first: 100, query: '', sortKey: 'ID' })).errors, [{ extensions: { code: 'MAX_COST_EXCEEDED', maxCost: 90 } }])
  sandbox.setPoints(100)
  const empty = await ask('{ productVariants(first: 50, query: "sku:nothing") { nodes { inventoryItem { id } product { id } } } }')
  t.match(empty.extensions.cost, { requestedQueryCost: 23, actualQueryCost: 2 })
  t.equal(shop.timezone, 'Europe/Berlin')
  let now = 0
  const bucket = createBucket({ maximum: 10, restoreRate: 2, now: () => now })
  t.ok(bucket.take(10))
  t.notOk(bucket.take(1))
  now = 60_000
  t.equal(bucket.status().currentlyAvailable, 10, 'never more than it holds')
})

t.test('the integration reads the shop and changes it', async (t) => {
  const { shop, url } = await serve(t, { shop: evening, bucket: { maximum: 2_000, restoreRate: 100 } })
  const clock = new FakeClock(EVENING)
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  breakers.register('shopify_api', { label: 'Shopify', configured: true, required: false })
  const { commerce, upstream, close } = createShopify({
    shop: 'royal-equips-sandbox',
    credentials: { kind: 'token', token: 'shpat_sandbox' },
    baseUrl: url,
    source: 'sandbox',
    breakers,
    clock,
    random: () => 0,
    log: silentLogger
  })
  t.teardown(() => close())
  const { signal } = new AbortController()
  t.same((await upstream.probe(signal)).missing_scopes, [], 'no scope is missing')
  t.match(await commerce.shop({ signal }), { name: 'Royal Equips', currency: 'EUR', timezone: 'Europe/Berlin', source: 'sandbox' })
  const orders = []
  for await (const order of commerce.orders({ created_from: startOf(TODAY) }, { signal })) orders.push(order)
  const [book] = daysOf(shop, TODAY, TODAY)
  t.equal(orders.length, book?.orders)
  t.equal((sum(orders.flatMap(({ lines }) => lines.map((line) => Math.round(100 * Number(line.original_total.amount))))) / 100).toFixed(2), book?.gross)
  const order = orders.find(({ fulfilments, cancelled_at: cancelled }) => fulfilments.length === 0 && cancelled === null)
  if (order === undefined) throw new Error('no order is open')
  const held = await commerce.holdFulfilment(order.id, { reason: 'other', note: 'a look first' }, { signal, effect_key: 'effect-1' })
  const again = await commerce.holdFulfilment(order.id, { reason: 'other', note: 'a look first' }, { signal, effect_key: 'effect-1' })
  t.match(again, { already: true, result: held.result })
  t.equal((await commerce.order(order.id, { signal })).fulfilment_status, 'ON_HOLD')
})
