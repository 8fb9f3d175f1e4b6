// What the port makes of Shopify's catalogue, customers and campaigns, and exact money.
import fc from 'fast-check'
import t from 'tap'
import { addMoney, compareMoney, isDecimal, multiplyMoney, subtractMoney, sumMoney } from '../../src/core/money.ts'
import { bag, connection, line, order } from './shop-server.ts'
import { all, effect, NOW, setup, signal, through } from './shopify-rig.ts'

const QUANTITIES = [['available', 3], ['on_hand', 5], ['committed', 2], ['incoming', 40]].map(([name, quantity]) => ({ name, quantity }))
const level = (number: number, quantities: object[] = QUANTITIES): object =>
  ({ __typename: 'InventoryLevel', id: `gid://shopify/InventoryLevel/${number}`, location: { id: `gid://shopify/Location/${number}` }, quantities })

const variant = (number: number, levels: object[] = [level(1)], over: object = {}): object => ({
  __typename: 'ProductVariant',
  id: `gid://shopify/ProductVariant/${number}`,
  title: 'M',
  sku: `SKU-${number}`,
  price: '59.90',
  compareAtPrice: null,
  inventoryPolicy: 'DENY',
  createdAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-02-01T00:00:00Z',
  product: { id: 'gid://shopify/Product/1', title: 'Bridle', status: 'ACTIVE', publishedAt: null, productType: 'Bridles', vendor: 'Royal', tags: ['leather'] },
  inventoryItem: {
    id: `gid://shopify/InventoryItem/${number}`,
    tracked: true,
    unitCost: { amount: '21.5', currencyCode: 'EUR' },
    inventoryLevels: connection(levels)
  },
  ...over
})

t.test('variants: price and cost with their currency, unknown cost is unknown, stock by location however many there are', async (t) => {
  const many = Array.from({ length: 58 }, (_, index) => level(index + 1))
  const free = { inventoryItem: { id: 'gid://shopify/InventoryItem/3', tracked: false, unitCost: null, inventoryLevels: connection([]) } }
  const list = [variant(1), variant(2, many, { inventoryPolicy: 'CONTINUE', compareAtPrice: '69.90' }), variant(3, [], free)]
  const { shop, clock, commerce } = await setup(t, {
    productVariants: connection(list),
    inventoryItem: { inventoryLevels: connection(many) },
    nodes: ({ ids }: { ids: string[] }) => ids.map((id) => list.find((own) => (own as { id: string }).id === id) ?? null)
  })
  const read = await through(clock, all(commerce.variants({ status: 'active', sku: "O'Neil" }, { signal })))
  t.equal(shop.asked.find(({ operation }) => operation === 'Variants')?.variables.query, "product_status:'ACTIVE' sku:'O\\'Neil'")
  t.match(read[0], {
    price: { amount: '59.90', currency: 'EUR' },
    compare_at_price: null,
    unit_cost: { amount: '21.5', currency: 'EUR' },
    levels: [{ location_id: 'gid://shopify/Location/1', available: 3, on_hand: 5, committed: 2, incoming: 40 }],
    sells_when_out_of_stock: false,
    published_at: null,
    source: 'sandbox',
    read_at: NOW
  })
  t.equal(new Set(read[1]?.levels.map(({ location_id: id }) => id)).size, 58)
  t.match(read[1], { compare_at_price: { amount: '69.90' }, sells_when_out_of_stock: true })
  t.match(read[2], { unit_cost: null, tracked: false, levels: [] })

  const byId = await through(clock, commerce.variantsById(['gid://shopify/ProductVariant/3', 'gid://shopify/ProductVariant/1'], { signal }))
  t.same(byId.map(({ sku }) => sku), ['SKU-3', 'SKU-1'])
  t.equal(shop.operations().filter((name) => name === 'Shop').length, 1, 'the currency is asked once')
  await t.rejects(commerce.variantsById(['gid://shopify/ProductVariant/9'], { signal }), { code: 'shop_not_found' })
})

t.test('a stock level without one of its quantities is an error, not a zero', async (t) => {
  const { clock, commerce } = await setup(t, { productVariants: connection([variant(1, [level(1, QUANTITIES.slice(1))])]) })
  await t.rejects(through(clock, all(commerce.variants({}, { signal }))), { code: 'shop_answer_invalid', message: /"available"/ })
})

t.test('variants in bulk: the levels hang below the inventory item of a variant', async (t) => {
  const { inventoryItem: { inventoryLevels: _levels, ...item }, ...rest } = variant(1) as { inventoryItem: Record<string, unknown> }
  const bare = { ...rest, inventoryItem: item }
  for (const parent of ['gid://shopify/ProductVariant/1', 'gid://shopify/InventoryItem/1']) {
    const rows = [bare, { ...level(1), __parentId: parent }, { ...level(2), __parentId: parent }]
    const figures = { errorCode: null, objectCount: '3', rootObjectCount: '1', fileSize: null, partialDataUrl: null }
    const operation = { id: 'gid://shopify/BulkOperation/1', status: 'COMPLETED', ...figures }
    const { shop, clock, commerce } = await setup(t, {
      bulkOperationRunQuery: { bulkOperation: { id: operation.id, status: 'CREATED' }, userErrors: [] },
      bulkOperation: () => ({ ...operation, url: `${shop.url}/result` })
    })
    shop.files.set('/result', (response) => { response.end(rows.map((own) => JSON.stringify(own)).join('\n')) })
    t.match(await through(clock, all(commerce.variants({}, { signal, bulk: true }))), [{ sku: 'SKU-1', levels: [{ available: 3 }, { available: 3 }] }])
  }
})

t.test('customers: consent and figures, no names; checkouts, locations and policies', async (t) => {
  const customer = (number: number, updatedAt: string, address: object | null): object => ({
    __typename: 'Customer',
    id: `gid://shopify/Customer/${number}`,
    createdAt: '2026-01-01T00:00:00Z',
    updatedAt,
    numberOfOrders: '12',
    locale: 'de',
    tags: [],
    dataSaleOptOut: false,
    amountSpent: { amount: '1200.00', currencyCode: 'EUR' },
    lastOrder: null,
    defaultAddress: { countryCodeV2: 'AT' },
    defaultEmailAddress: address,
    defaultPhoneNumber: null
  })
  const subscribed = { marketingState: 'SUBSCRIBED', marketingUpdatedAt: '2026-01-02T00:00:00Z' }
  const { shop, clock, commerce } = await setup(t, {
    customers: connection([customer(1, '2026-11-24T09:00:00Z', subscribed), customer(2, '2026-11-24T11:00:00Z', null)]),
    abandonedCheckouts: connection([{
      id: 'gid://shopify/AbandonedCheckout/1',
      createdAt: '2026-11-24T09:00:00Z',
      updatedAt: '2026-11-24T09:00:00Z',
      completedAt: null,
      discountCodes: [],
      abandonedCheckoutUrl: 'https://royal-equips.example/checkout',
      customer: null,
      totalPriceSet: bag('10.00'),
      subtotalPriceSet: bag('9.00'),
      lineItems: connection([{ quantity: 1, sku: null, title: null, variant: null, product: null, discountedTotalPriceSet: bag('9.00') }])
    }]),
    locations: connection([
      { id: 'gid://shopify/Location/1', name: 'Yard', isActive: true, shipsInventory: true, fulfillsOnlineOrders: true, address: { countryCode: 'DE' } }
    ]),
    shop: { shopPolicies: [{ type: 'REFUND_POLICY', title: 'Refunds', body: '<p>30 days</p>', url: 'https://royal-equips.example/refunds' }] }
  })
  const from = Date.parse('2026-11-24T10:00:00Z')
  t.match(await through(clock, all(commerce.customers({}, { signal }))), [
    { order_count: 12, amount_spent: { amount: '1200.00', currency: 'EUR' }, email_consent: 'SUBSCRIBED', last_order_at: null, country: 'AT' },
    { email_consent: null }
  ])
  t.notMatch(shop.asked[0]?.query, /firstName|lastName|displayName|emailAddress\b|phoneNumber|address1/)
  const changed = await through(clock, all(commerce.customers({ updated_from: from }, { signal })))
  t.same(changed.map(({ id }) => id), ['gid://shopify/Customer/2'], 'the search takes whole days')
  t.match(await through(clock, all(commerce.abandonedCheckouts({}, { signal }))), [{ customer_id: null, lines: [{ variant_id: null }], more_lines: false }])
  t.match(await through(clock, all(commerce.locations({ signal }))), [{ name: 'Yard', country: 'DE', active: true }])
  t.match(await commerce.policies({ signal }), { policies: [{ type: 'REFUND_POLICY' }], source: 'sandbox' })
})

t.test('tags and notes of orders', async (t) => {
  const { commerce } = await setup(t, {
    tagsAdd: ({ id, tags }: { id: string, tags: string[] }) =>
      ({ node: id.includes('/Order/1') ? { __typename: 'Order', id, tags: ['old', ...tags] } : null, userErrors: [] }),
    tagsRemove: ({ id }: { id: string }) => ({ node: { __typename: 'Order', id, tags: [] }, userErrors: [] }),
    orderUpdate: ({ input: { id, note } }: { input: { id: string, note: string } }) => ({ order: { id, note }, userErrors: [] })
  })
  t.match(await commerce.addOrderTags('gid://shopify/Order/1', ['check'], effect), { result: { tags: ['old', 'check'] } })
  t.match(await commerce.removeOrderTags('gid://shopify/Order/1', ['old'], effect), { result: { tags: [] } })
  t.match(await commerce.setOrderNote('gid://shopify/Order/1', 'call back', effect), { result: { note: 'call back' } })
  await t.rejects(commerce.addOrderTags('gid://shopify/Order/2', ['check'], effect), { code: 'shop_not_found' })
})

t.test('a draft is a draft, with its price and cost, and never a second one of the same handle', async (t) => {
  const product = { id: 'gid://shopify/Product/5', handle: 'new-bit', status: 'DRAFT', variants: connection([{ id: 'gid://shopify/ProductVariant/5' }]) }
  const { shop, commerce } = await setup(t, {
    productByIdentifier: ({ identifier: { handle } }: { identifier: { handle: string } }) => handle === 'old-bit' ? product : null,
    productSet: { product, userErrors: [] }
  })
  const plan = {
    title: 'Bit',
    handle: 'new-bit',
    description_html: '<p>Steel</p>',
    vendor: 'Royal',
    product_type: 'Bits',
    tags: [],
    sku: 'BIT',
    price: '29.90',
    unit_cost: '8.10'
  }
  t.match(await commerce.createDraftProduct(plan, effect), { result: { status: 'DRAFT', variant_id: 'gid://shopify/ProductVariant/5' } })
  t.match(shop.asked.at(-1)?.variables.input, { status: 'DRAFT', variants: [{ price: '29.90', inventoryItem: { cost: '8.10' } }] })
  await t.rejects(commerce.createDraftProduct({ ...plan, handle: 'old-bit' }, effect), { code: 'shop_conflict' })
  t.equal(shop.operations().filter((name) => name === 'CreateDraftProduct').length, 1)
})

t.test('discount codes have their limits; a code that is taken is a conflict', async (t) => {
  const node = {
    id: 'gid://shopify/DiscountCodeNode/1',
    codeDiscount: {
      __typename: 'DiscountCodeBasic',
      title: 'Comeback',
      status: 'ACTIVE',
      startsAt: '2026-11-24T00:00:00Z',
      endsAt: '2026-12-01T00:00:00Z',
      usageLimit: 50,
      asyncUsageCount: 0,
      codes: connection([{ code: 'COMEBACK' }])
    }
  }
  let taken = false
  const { shop, commerce } = await setup(t, {
    discountCodeBasicCreate: () => taken
      ? { codeDiscountNode: null, userErrors: [{ field: ['code'], message: 'Code must be unique.', code: 'TAKEN' }] }
      : { codeDiscountNode: node, userErrors: [] },
    discountCodeDeactivate: { codeDiscountNode: { ...node, codeDiscount: { ...node.codeDiscount, status: 'EXPIRED' } }, userErrors: [] },
    codeDiscountNodeByCode: ({ code }: { code: string }) => code === 'COMEBACK' ? node : null,
    segmentCreate: ({ name, query }: { name: string, query: string }) => ({ segment: { id: 'gid://shopify/Segment/1', name, query }, userErrors: [] }),
    segments: connection([{ id: 'gid://shopify/Segment/1', name: 'a', query: '' }, { id: 'gid://shopify/Segment/2', name: 'a b', query: '' }])
  })
  const plan = {
    code: 'COMEBACK',
    title: 'Comeback',
    value: { percentage: 0.15 },
    product_ids: [],
    segment_ids: ['gid://shopify/Segment/1'],
    starts_at: Date.parse('2026-11-24T00:00:00Z'),
    ends_at: Date.parse('2026-12-01T00:00:00Z'),
    usage_limit: 50,
    once_per_customer: true,
    minimum_subtotal: '40.00'
  }
  t.match(await commerce.createDiscountCode(plan, effect), { result: { code: 'COMEBACK', usage_limit: 50, used: 0, status: 'ACTIVE' } })
  t.match(shop.asked.at(-1)?.variables.input, {
    usageLimit: 50,
    appliesOncePerCustomer: true,
    customerGets: { value: { percentage: 0.15 }, items: { all: true } },
    context: { customerSegments: { add: ['gid://shopify/Segment/1'] } },
    combinesWith: { orderDiscounts: false, productDiscounts: false }
  })
  taken = true
  await t.rejects(commerce.createDiscountCode(plan, effect), { code: 'shop_conflict', problems: [{ field: ['code'], code: 'TAKEN' }] })
  t.match(await commerce.deactivateDiscountCode(node.id, effect), { result: { status: 'EXPIRED' } })
  t.match(await commerce.discountCode('COMEBACK', { signal }), { id: node.id })
  t.equal(await commerce.discountCode('NONE', { signal }), null)
  t.match(await commerce.createSegment({ name: 'a', query: 'number_of_orders > 1' }, effect), { result: { id: 'gid://shopify/Segment/1' } })
  t.match(await all(commerce.segments('a', { signal })), { length: 1 })
})

t.test('metafields: read with their digest, set with it; another one meanwhile is a conflict', async (t) => {
  const metafield = { namespace: 'royal', key: 'complements', type: 'json', value: '[]', compareDigest: 'd1' }
  const { shop, commerce } = await setup(t, {
    nodes: ({ ids }: { ids: string[] }) => ids.map((id, index) => ({ __typename: 'Product', id, metafield: index === 0 ? metafield : null })),
    metafieldsSet: ({ metafields: [first] }: { metafields: Array<{ compareDigest?: string | null }> }) => first?.compareDigest === 'd1'
      ? { metafields: [{ ...metafield, value: '[1]', compareDigest: 'd2' }], userErrors: [] }
      : { metafields: null, userErrors: [{ field: ['metafields', '0'], message: 'Stale.', code: 'STALE_OBJECT' }] }
  })
  const owners = ['gid://shopify/Product/1', 'gid://shopify/Product/2']
  t.match(await commerce.metafields(owners, { namespace: 'royal', key: 'complements' }, { signal }), [{ owner_id: owners[0], value: '[]', digest: 'd1' }])
  const plan = { owner_id: owners[0] as string, namespace: 'royal', key: 'complements', type: 'json', value: '[1]', expected_digest: 'd1' }
  t.match(await commerce.setMetafields([plan], effect), { result: [{ owner_id: owners[0], digest: 'd2' }] })
  await t.rejects(commerce.setMetafields([{ ...plan, expected_digest: null }], effect), { code: 'shop_conflict' })
  t.equal(shop.asked.at(-1)?.body.includes('"compareDigest":null'), true, 'must not exist yet')
  await t.rejects(commerce.setMetafields([], effect), { code: 'shop_user_errors' })
})

const sold = (number: number, over: object = {}): object => order(number, {
  subtotalLineItemsQuantity: 2, shippingLine: { originalPriceSet: bag('4.90'), discountedPriceSet: bag('4.90') }, ...over
})
const refund = (number: number): object => ({
  __typename: 'Refund',
  id: `gid://shopify/Refund/${number}`,
  createdAt: null,
  processedAt: '2026-11-21T10:00:00Z',
  note: null,
  totalRefundedSet: bag('0.0')
})

t.test('orders read slim add up as their lines do; discounts on shipping costs are none of the goods', async (t) => {
  const list = [
    sold(1),
    // 0.30 off the lines and 2.00 off the shipping costs: the shop's total of discounts has both.
    sold(2, { totalDiscountsSet: bag('2.30'), shippingLine: { originalPriceSet: bag('4.90'), discountedPriceSet: bag('2.90') } }),
    sold(3, { shippingLine: null, customer: null, refunds: [refund(31)] }),
    sold(4, { refunds: ({ first }: { first: number }) => [41, 42, 43, 44].slice(0, first).map(refund) })
  ]
  const root = { orders: connection(list), order: ({ id }: { id: string }) => list.find((own) => (own as { id: string }).id === id) ?? null }
  const { shop, clock, commerce } = await setup(t, root)
  const read = await through(clock, all(commerce.orderSales({ updated_from: NOW }, { signal })))
  t.match(shop.asked[0]?.variables, { sortKey: 'UPDATED_AT', first: 250, query: /^updated_at:>=/ })
  // Its line: 2 x 10.10, 0.10 and 0.20 off.
  for (const { name, gross, discounts, units } of read) t.same([gross.amount, discounts.amount, units], ['20.20', '0.30', 2], name)
  t.match(read[0], { customer: { order_count: 3 }, shipping: { amount: '4.90' }, total: { amount: '24.80' }, refunds: [], source: 'sandbox', read_at: NOW })
  t.match(read[2], { customer: null, refunds: [{ id: 'gid://shopify/Refund/31', created_at: Date.parse('2026-11-21T10:00:00Z') }] })
  t.equal(read[3]?.refunds.length, 4, 'a short list that is full is asked for whole')
  shop.root.orders = connection([sold(5, { subtotalPriceSet: null })])
  await t.rejects(through(clock, all(commerce.orderSales({}, { signal }))), { code: 'shop_answer_invalid' }, 'an order without its totals is none of 0')
})

t.test('what went back with refunds, however many they are and however long', async (t) => {
  const returned = (number: number): object => ({
    ...refund(number),
    refundLineItems: connection(Array.from({ length: number % 8 }, () => ({ subtotalSet: bag('1.01') })))
  })
  const nodes = ({ ids }: { ids: string[] }): unknown[] => ids.map((id) => id.endsWith('/99') ? null : returned(Number(id.slice(id.lastIndexOf('/') + 1))))
  const { clock, commerce } = await setup(t, { nodes })
  const ids = Array.from({ length: 70 }, (_, index) => `gid://shopify/Refund/${index + 1}`)
  const goods = await through(clock, commerce.returnedGoods(ids, { signal }))
  t.same(goods.map((own) => own.refund_id), ids)
  for (const [index, { value }] of goods.entries()) t.equal(compareMoney(value, multiplyMoney(EUR('1.01'), (index + 1) % 8)), 0, ids[index]!)
  await t.rejects(through(clock, commerce.returnedGoods(['gid://shopify/Refund/99'], { signal })), { code: 'shop_conflict' })
})

t.test('orders for the history: long ones to their end, and what went back, also of orders that the search does not find', async (t) => {
  const went = (number: number, lines = 1): object => ({
    ...refund(number),
    totalRefundedSet: bag('12.5'),
    refundShippingLines: { nodes: [{ subtotalAmountSet: bag('4.12'), taxAmountSet: bag('0.78') }] },
    refundLineItems: connection(Array.from({ length: lines }, (_, index) =>
      ({ quantity: index + 1, lineItem: { id: 'gid://shopify/LineItem/1' }, subtotalSet: bag('1.010') })))
  })
  const shown = (numbers: number[]) => ({ first }: { first: number }) => numbers.slice(0, first).map((number) => went(number, number % 20))
  const lists = (...numbers: number[]) => ({ refunds: shown(numbers) })
  const list = [
    order(1, { lineItems: connection(Array.from({ length: 60 }, (_, index) => line(index + 1, { quantity: index + 1, discountAllocations: [] }))) }),
    order(2, lists(201)), order(3, lists(312)), order(4, lists(401, 402, 403, 404)),
    ...Array.from({ length: 14 }, (_, index) => order(20 + index, lists(20_001 + index * 100)))
  ]
  const idOf = (one: object): string => (one as { id: string }).id
  // The search knows nothing of order 2 yet.
  const orders = (args: { query: string, first: number, after: string | null }): unknown => args.query.includes('id:')
    ? { nodes: list.filter((one) => !idOf(one).endsWith('/2') && args.query.split(' OR ').includes(`id:${idOf(one).split('/').at(-1)}`)) }
    : (connection(list) as (args: object) => unknown)(args)
  const root = {
    orders,
    order: ({ id }: { id: string }) => list.find((own) => idOf(own) === id) ?? null,
    nodes: ({ ids }: { ids: string[] }) => ids.map((id) => went(Number(id.split('/').at(-1)), Number(id.split('/').at(-1)) % 20))
  }
  const { shop, clock, commerce } = await setup(t, root)
  const read = await through(clock, all(commerce.soldOrders({ updated_from: NOW }, { signal })))
  t.same(read.map(({ name }) => name), list.map((one) => (one as { name: string }).name))
  t.same(read[0]?.lines.map(({ quantity }) => quantity), Array.from({ length: 60 }, (_, index) => index + 1))
  t.match(read[0]?.lines[1], { sku: 'SKU-2', unit_price: '10.10', total: '20.20', tax: '3.18', gift_card: false })
  t.match(read[1], {
    currency: 'EUR', subtotal: '19.90', discounts: '0.30', shipping: '4.90', tax: '3.96', total: '24.80', risk: 'ACCEPT', first_sent_at: null
  })
  t.match(read[1]?.refunds, [{ total: '12.50', shipping: '4.12', lines: [{ variant_id: null, quantity: 1, value: '1.01' }] }], 'asked for by its id')
  t.equal(read[2]?.refunds[0]?.lines.length, 12, 'a long refund to its end')
  t.same(read[3]?.refunds.map(({ lines }) => lines.length), [1, 2, 3, 4], 'more refunds than a page shows')
  t.ok(shop.asked.filter(({ variables }) => String(variables['query']).startsWith('id:')).length === 1, 'one search for all')
  shop.root.orders = connection([order(5, { totalTaxSet: null })])
  await t.rejects(through(clock, all(commerce.soldOrders({}, { signal }))), { code: 'shop_answer_invalid' }, 'an order without its totals is none of 0')
})

t.test('what was sold, and how far orders are: long ones to their end, in pages and in bulk', async (t) => {
  const lines = Array.from({ length: 60 }, (_, index) => line(index + 1, { quantity: index + 1, unfulfilledQuantity: index }))
  const list = [order(1, { lineItems: connection(lines) }), order(2, { fulfillments: [], cancelledAt: '2026-11-21T10:00:00Z' })]
  const root = { orders: connection(list), order: ({ id }: { id: string }) => list.find((own) => (own as { id: string }).id === id) ?? null }
  const { clock, commerce } = await setup(t, root)
  const goods = await through(clock, all(commerce.orderGoods({}, { signal })))
  t.same(goods[0]?.lines.map(({ quantity }) => quantity), lines.map((_, index) => index + 1))
  t.match(goods[0]?.lines[0], { product_id: 'gid://shopify/Product/1', title: 'Thing 1', original_total: { amount: '20.20' } })
  t.match(goods[1], { cancelled_at: Date.parse('2026-11-21T10:00:00Z'), test: false, lines: { length: 1 } })
  const states = await through(clock, all(commerce.orderStates({ status: 'open' }, { signal })))
  t.same(states[0]?.lines.map((own) => own.unfulfilled_quantity), lines.map((_, index) => index))
  t.match(states[0], {
    risk: { recommendation: 'ACCEPT' }, shipping_country: 'DE', billing_country: 'FR', total: { amount: '24.80' }, financial_status: 'PAID', fulfilments: []
  })
  const { tags, note, paymentGatewayNames: gateways } = list[0] as { tags: string[], note: string | null, paymentGatewayNames: string[] }
  t.same([states[0]?.tags, states[0]?.note, states[0]?.payment_gateways], [tags, note, gateways])

  for (const [rows, read] of [
    [[{ ...sold(1, { refunds: [refund(1)] }), lineItems: undefined }], 'orderSales'],
    [[{ ...order(1), lineItems: undefined }, { ...line(1), __typename: 'LineItem', __parentId: 'gid://shopify/Order/1' }], 'orderGoods'],
    [[{ ...order(1), lineItems: undefined }, { ...line(1), __typename: 'LineItem', __parentId: 'gid://shopify/Order/1' }], 'orderStates'],
    [[{ ...order(1), lineItems: undefined }, { ...line(1), __typename: 'LineItem', __parentId: 'gid://shopify/Order/1' }], 'soldOrders']
  ] as const) {
    const counts = { errorCode: null, objectCount: String(rows.length), rootObjectCount: '1', fileSize: null, partialDataUrl: null }
    const operation = { id: 'gid://shopify/BulkOperation/1', status: 'COMPLETED', ...counts }
    const { shop, clock, commerce } = await setup(t, {
      bulkOperationRunQuery: { bulkOperation: { id: operation.id, status: 'CREATED' }, userErrors: [] },
      bulkOperation: () => ({ ...operation, url: `${shop.url}/result` })
    })
    shop.files.set('/result', (response) => { response.end(rows.map((own) => JSON.stringify(own)).join('\n')) })
    const [first] = await through(clock, all<object>(commerce[read]({}, { signal, bulk: true })))
    t.match(first, read === 'orderSales' ? { gross: { amount: '20.20' }, refunds: { length: 1 } } : { lines: { length: 1 } }, read)
  }
})

const EUR = (amount: string) => ({ amount, currency: 'EUR' })

t.test('money is exact, refuses what is no decimal number, and never mixes currencies', async (t) => {
  t.same(addMoney(EUR('0.1'), EUR('0.2')), EUR('0.3'))
  t.same(subtractMoney(EUR('0.05'), EUR('1')), EUR('-0.95'))
  t.same(multiplyMoney(EUR('-19.99'), 3), EUR('-59.97'))
  t.same(sumMoney([], 'EUR'), EUR('0'))
  t.equal(compareMoney(EUR('1.50'), EUR('1.5')), 0)
  t.ok(compareMoney(EUR('-2'), EUR('1')) < 0)
  t.throws(() => addMoney(EUR('1'), { amount: '1', currency: 'USD' }), { code: 'currency_mismatch' })
  for (const text of ['', '1e3', '1,5', ' 1', '.5', '1.', '--1', 'NaN', '0x1']) {
    t.notOk(isDecimal(text), text)
    t.throws(() => addMoney(EUR(text), EUR('1')), RangeError)
  }
  const cents = fc.integer({ min: -1e9, max: 1e9 })
  const text = (value: number): string => `${value < 0 ? '-' : ''}${Math.trunc(Math.abs(value) / 100)}.${String(Math.abs(value) % 100).padStart(2, '0')}`
  fc.assert(fc.property(cents, cents, (a, b) => addMoney(EUR(text(a)), EUR(text(b))).amount === text(a + b)))
})
