// The Shopify integration over real sockets: tokens, readings, changes, bulk operations, and a shop that misbehaves.
import t from 'tap'
import type { Order } from '../../src/core/commerce.ts'
import { settled, until } from '../helpers/fake-clock.ts'
import { bag, connection, costOf, line, order, sendJson, SHOP, type ShopServer } from './shop-server.ts'
import { all, effect, NOW, setup, signal, through } from './shopify-rig.ts'

t.test('the shop, with where it was read and when; the token goes along and nowhere else', async (t) => {
  const { shop, commerce } = await setup(t)
  t.same(await commerce.shop({ signal }), {
    id: 'gid://shopify/Shop/1',
    name: 'Royal Equips',
    domain: 'royal-equips.myshopify.com',
    currency: 'EUR',
    timezone: 'Europe/Berlin',
    plan: 'Basic',
    taxes_included: true,
    country: 'DE',
    source: 'sandbox',
    read_at: NOW
  })
  t.match(shop.asked, [{ path: '/admin/api/2026-10/graphql.json', token: 'shpat_test', operation: 'Shop' }])
  t.notMatch(shop.asked[0]?.body, /shpat/)
})

t.test('a probe tells the plan and the budget, and names what the token may not do, and for whom', async (t) => {
  const { shop, upstream } = await setup(t, {
    currentAppInstallation: { accessScopes: ['write_orders', 'read_all_orders', 'write_products', 'read_inventory'].map((handle) => ({ handle })) }
  })
  shop.cost = costOf(4, 4, 1_840)
  const result = await upstream.probe(signal)
  t.equal(result.message, 'Shop Royal Equips answers; 92 % of its query budget is free.')
  t.same(result.missing_scopes, [
    'read_merchant_managed_fulfillment_orders', 'write_merchant_managed_fulfillment_orders', 'write_inventory', 'read_locations', 'read_customers',
    'write_customers', 'read_discounts', 'write_discounts', 'read_legal_policies'
  ])
  t.match(result.details, {
    plan: 'Basic', api_version: '2026-10', query_budget: { maximum: 2_000, available: 1_840 }, missing_for: { write_discounts: [/marketing/] }
  })
  t.match(upstream, { name: 'shopify_api', source: 'sandbox', host: /^127\.0\.0\.1:/ })
})

const CLIENT = { kind: 'client_credentials', id: 'client-id', secret: 'client-secret' } as const

const grants = (shop: ShopServer, seconds = 86_400): { given: () => number } => {
  let given = 0
  shop.interfere = (asked, response) => {
    if (asked.path !== '/admin/oauth/access_token') {
      if (asked.token === `token-${given}`) return false
      sendJson(response, 401, { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' })
      return true
    }
    given += 1
    sendJson(response, 200, { access_token: `token-${given}`, scope: 'read_orders', expires_in: seconds })
    return true
  }
  return { given: () => given }
}

t.test('id and secret are exchanged once for all callers, early for the next day, and again after a 401', async (t) => {
  const { shop, clock, commerce } = await setup(t, {}, { credentials: CLIENT })
  const { given } = grants(shop)
  await Promise.all(Array.from({ length: 10 }, () => commerce.shop({ signal })))
  t.equal(given(), 1)
  t.equal(shop.asked[0]?.body, 'grant_type=client_credentials&client_id=client-id&client_secret=client-secret')

  await clock.advance(23 * 3_600_000 - 1_000)
  await commerce.shop({ signal })
  t.equal(given(), 1, 'an hour before its end it is still good')
  await clock.advance(2_000)
  shop.asked.length = 0
  const old = shop.interfere
  shop.interfere = (asked, response) => asked.token === 'token-1' ? false : old(asked, response)
  await Promise.all([commerce.shop({ signal }), commerce.shop({ signal })])
  await until('the renewal is there', () => given() === 2)
  await settled()
  t.equal(shop.asked.filter(({ token }) => token === 'token-1').length, 2, 'nobody waits for it')
  shop.interfere = old
  await commerce.shop({ signal })
  t.equal(shop.asked.at(-1)?.token, 'token-2')

  // Taken back at the shop: one 401, one exchange, the same call again.
  let refused = 0
  shop.interfere = (asked, response) => {
    if (asked.token !== 'token-2') return old(asked, response)
    refused += 1
    sendJson(response, 401, { errors: 'Unauthorized' })
    return true
  }
  await commerce.shop({ signal })
  t.equal(refused, 1)
  t.equal(given(), 3)
})

t.test('a wrong secret is a rejected credential: not a failure of the shop, and no secret in the error', async (t) => {
  const { shop, commerce, dependency } = await setup(t, {}, { credentials: CLIENT })
  shop.interfere = (_asked, response) => {
    sendJson(response, 400, { error: 'invalid_client', error_description: 'client-secret is wrong' })
    return true
  }
  const error = await commerce.shop({ signal }).catch((reason: Error) => reason)
  t.match(error, { code: 'shop_credentials_rejected', message: /status 400/ })
  t.notMatch(JSON.stringify(error) + (error as Error).message, /client-secret/)
  t.equal(dependency.credential, 'rejected')
  t.match(dependency.breaker.snapshot().window, { calls: 1, failures: 0 })
})

t.test('a static token that is refused is not tried again', async (t) => {
  const { shop, commerce, dependency } = await setup(t)
  shop.interfere = (_asked, response) => {
    sendJson(response, 401, { errors: '[API] Invalid API key or access token' })
    return true
  }
  await t.rejects(commerce.shop({ signal }), { code: 'shop_credentials_rejected', requestId: 'request-1' })
  t.equal(shop.asked.length, 1)
  t.equal(dependency.credential, 'rejected')
})

t.test('whoever leaves while the token is fetched does not stop it for the others', async (t) => {
  const { shop, commerce } = await setup(t, {}, { credentials: CLIENT })
  let release = (): void => {}
  const held = new Promise<void>((resolve) => { release = resolve })
  const { given } = grants(shop)
  const grant = shop.interfere
  shop.interfere = async (asked, response) => {
    if (asked.path.includes('oauth')) await held
    return grant(asked, response)
  }
  const impatient = new AbortController()
  const first = commerce.shop({ signal: impatient.signal })
  const second = commerce.shop({ signal })
  await until('the exchange is under way', () => shop.asked.length === 1)
  impatient.abort(new Error('gone'))
  await t.rejects(first, { message: 'gone' })
  release()
  t.match(await second, { name: 'Royal Equips' })
  t.equal(given(), 1)
})

t.test('orders come whole: every page, long lines, many refunds and their lines, money to the cent', async (t) => {
  const refund = (number: number): object => ({
    __typename: 'Refund',
    id: `gid://shopify/Refund/${number}`,
    createdAt: '2026-11-21T10:00:00Z',
    processedAt: '2026-11-21T10:00:00Z',
    note: null,
    totalRefundedSet: bag('12.05'),
    refundLineItems: connection(Array.from({ length: 12 }, (_, index) => ({
      quantity: 1,
      restockType: 'RETURN',
      restocked: true,
      lineItem: { id: `gid://shopify/LineItem/${index}` },
      subtotalSet: bag('1.00'),
      totalTaxSet: bag('0.19')
    }))),
    refundShippingLines: connection([{ subtotalAmountSet: bag('0.10'), taxAmountSet: bag('0.02') }]),
    orderAdjustments: connection([])
  })
  const refunds = Array.from({ length: 4 }, (_, index) => refund(index + 1))
  const list = (items: unknown[]) => ({ first = 50 }: { first?: number }) => items.slice(0, first)
  const orders = Array.from({ length: 30 }, (_, index) => order(index + 1))
  orders[3] = order(4, { lineItems: connection(Array.from({ length: 70 }, (_, index) => line(index + 1))), refunds: list(refunds) })
  orders[4] = order(5, {
    fulfillments: list([{
      id: 'gid://shopify/Fulfillment/1',
      createdAt: '2026-11-20T15:00:00Z',
      status: 'SUCCESS',
      displayStatus: null,
      deliveredAt: null,
      estimatedDeliveryAt: '2026-11-25T15:00:00Z',
      trackingInfo: []
    }])
  })
  const { shop, commerce } = await setup(t, {
    orders: connection(orders),
    order: ({ id }: { id: string }) => orders.find((own) => (own as { id: string }).id === id) ?? null,
    nodes: ({ ids }: { ids: string[] }) => ids.map((id) => refunds.find((own) => (own as { id: string }).id === id) ?? null)
  })
  const read = await all(commerce.orders({ created_from: NOW - 86_400_000, tag: "it's" }, { signal }))
  t.same(read.map(({ name }) => name), orders.map((own) => (own as { name: string }).name), 'each once, in order')
  t.equal(shop.asked[0]?.variables.query, "created_at:>='2026-11-23T12:00:00.000Z' tag:'it\\'s'")
  t.match(read[0], {
    total: { amount: '24.80', currency: 'EUR' },
    customer: { id: 'gid://shopify/Customer/7', order_count: 3 },
    shipping_country: 'DE',
    billing_country: 'FR',
    addresses_match: false,
    risk: { recommendation: 'ACCEPT', assessments: [{ level: 'LOW' }] },
    source: 'sandbox',
    read_at: NOW
  })
  t.match(read[0]?.lines, [{
    unit_price: { amount: '10.10' },
    original_total: { amount: '20.20' },
    discount: { amount: '0.30' },
    discounted_total: { amount: '19.90' },
    tax: { amount: '3.18' }
  }])
  const long = read[3] as Order
  t.equal(new Set(long.lines.map(({ id }) => id)).size, 70)
  t.equal(long.refunds.length, 4)
  for (const own of long.refunds) {
    t.match(own, { total: { amount: '12.05' }, shipping: { amount: '0.12' }, adjustments: { amount: '0' } })
    t.equal(new Set(own.lines.map(({ line_id: id }) => id)).size, 12)
  }
  t.match(read[4]?.fulfilments, [{ status: 'SUCCESS', display_status: null, tracking: [], estimated_delivery_at: Date.parse('2026-11-25T15:00:00Z') }])
  t.same(read[5]?.fulfilments, [])
  t.match(await commerce.order('gid://shopify/Order/4', { signal }), { lines: { length: 70 }, refunds: { length: 4 } })
  await t.rejects(commerce.order('gid://shopify/Order/99', { signal }), { code: 'shop_not_found' })
})

t.test('pages grow to what the budget makes sensible, and shrink when the shop finds them too expensive', async (t) => {
  const list = (length: number) => ({ orders: connection(Array.from({ length }, (_, index) => order(index + 1))) })
  // By the logarithm of the size, as Shopify does: of a whole order at first sight 33 fit, and by what is asked for them 148.
  const cheap = await setup(t, list(200))
  const asked: number[] = []
  cheap.shop.interfere = ({ variables }) => {
    const first = variables.first as number
    asked.push(first)
    cheap.shop.cost = costOf(2 + Math.floor(2 * Math.log(first)) * 80, 10, 1_900)
    return false
  }
  t.equal((await through(cheap.clock, all(cheap.commerce.orders({}, { signal })))).length, 200)
  t.same(asked, [33, 148, 148])

  const { shop, clock, commerce } = await setup(t, list(60))
  const sizes: number[] = []
  shop.interfere = ({ variables }, response) => {
    const first = variables.first as number
    shop.cost = costOf(first * 30, 10, 1_900)
    if (first * 30 > 600) {
      sizes.push(-first)
      sendJson(response, 200, { errors: [{ message: 'Query cost is too high', extensions: { code: 'MAX_COST_EXCEEDED' } }] })
      return true
    }
    sizes.push(first)
    return false
  }
  t.equal((await through(clock, all(commerce.orders({}, { signal })))).length, 60)
  t.same(sizes, [-33, 16, 16, 16, 16])
})

t.test('a list that does not go on is not read for ever', async (t) => {
  const stuck = { nodes: [order(1)], edges: [], pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: null, endCursor: 'same' } }
  const { commerce } = await setup(t, { orders: stuck })
  await t.rejects(all(commerce.orders({}, { signal })), { code: 'shop_answer_invalid' })
})

t.test('THROTTLED is obeyed by everybody, is no failure, and the query comes through', async (t) => {
  const { shop, clock, commerce, dependency } = await setup(t)
  let throttled = 0
  shop.interfere = (_asked, response) => {
    if (throttled > 0) return false
    throttled += 1
    sendJson(response, 200, { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }], extensions: costOf(500, null, 200) })
    return true
  }
  const answer = commerce.shop({ signal })
  await until('the shop has said so', () => dependency.gate.remainingMs() > 0)
  t.equal(dependency.gate.remainingMs(), 3_000)
  const other = commerce.inLane('research').shop({ signal })
  await clock.advance(2_999)
  t.equal(shop.asked.length, 1, 'nothing is sent')
  await through(clock, Promise.all([answer, other]))
  t.match(dependency.breaker.snapshot().totals, { success: 2, failure: 0, throttled: 1 })
})

t.test('429: Retry-After in seconds, as a date, as nonsense', async (t) => {
  for (const [header, waitMs] of [['2.5', 2_500], [new Date(NOW + 7_000).toUTCString(), 7_000], ['soon', 2_000], ['-5', 2_000]] as const) {
    const { shop, clock, commerce, dependency } = await setup(t)
    shop.interfere = (_asked, response) => {
      if (shop.asked.length > 1) return false
      sendJson(response, 429, { errors: 'Too many' }, { 'retry-after': header })
      return true
    }
    const answer = commerce.shop({ signal })
    await until('the gate is closed', () => dependency.gate.remainingMs() > 0)
    t.equal(dependency.gate.remainingMs(), waitMs, header)
    await clock.advance(waitMs - 1)
    t.equal(shop.asked.length, 1, header)
    t.match(await through(clock, answer), { name: 'Royal Equips' })
    t.match(dependency.breaker.snapshot().totals, { failure: 0 }, header)
  }
})

const says = (body: unknown, status = 200) => (_asked: unknown, response: Parameters<typeof sendJson>[0]): boolean => {
  sendJson(response, status, body)
  return true
}
const failed = (code: string | undefined, message: string, more: object = {}): object =>
  ({ errors: [{ message, ...(code === undefined ? {} : { extensions: { code, ...more } }) }], data: null })

const html: ShopServer['interfere'] = (_asked, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello')
  return true
}
const truncated: ShopServer['interfere'] = (_asked, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
  response.write('{"data":', () => response.socket?.destroy())
  return true
}
const notJson: ShopServer['interfere'] = (_asked, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":')
  return true
}
const reset: ShopServer['interfere'] = (_asked, response) => {
  response.socket?.resetAndDestroy()
  return true
}
const redirect: ShopServer['interfere'] = (_asked, response) => {
  response.writeHead(302, { location: 'https://example.com/' }).end()
  return true
}

t.test('each way in which an answer can be wrong has its class, and only faults of the shop count against it', async (t) => {
  const anyOf = { requiredAccess: '`read_orders` access scope or `read_quick_sale` access scope.' }
  const inWords = 'Access denied for orders field. Required access: `read_orders` access scope.'
  const cases: Array<[name: string, interfere: ShopServer['interfere'], error: object, verdict: 'success' | 'failure']> = [
    ['scope', says(failed('ACCESS_DENIED', 'No', anyOf)), { code: 'shop_access_denied', scopes: ['read_orders', 'read_quick_sale'] }, 'success'],
    ['scope, in words', says(failed('ACCESS_DENIED', inWords)), { code: 'shop_access_denied', scopes: ['read_orders'] }, 'success'],
    ['a query that is not understood', says(failed('undefinedField', "Field 'colour' doesn't exist")), { code: 'shop_answer_invalid' }, 'success'],
    ['an error of the shop', says(failed('INTERNAL_SERVER_ERROR', 'Internal error')), { code: 'shop_unavailable', requestId: 'request-1' }, 'failure'],
    ['another shape', says({ data: { shop: { ...SHOP, currencyCode: 5 } } }), { code: 'shop_answer_invalid', message: /data\.shop\.currencyCode/ }, 'success'],
    ['no GraphQL', says([1, 2]), { code: 'shop_answer_invalid' }, 'failure'],
    ['no shop', says({ errors: 'Not Found' }, 404), { code: 'shop_not_found' }, 'success'],
    ['500', says({ errors: 'oops' }, 500), { code: 'shop_unavailable', message: /500/ }, 'failure'],
    ['HTML', html, { code: 'shop_answer_invalid' }, 'failure'],
    ['truncated', truncated, { code: 'shop_answer_invalid' }, 'failure'],
    ['not JSON', notJson, { code: 'shop_answer_invalid' }, 'failure'],
    ['reset', reset, { code: 'shop_unavailable' }, 'failure'],
    ['redirect', redirect, { code: 'shop_unavailable' }, 'failure']
  ]
  for (const [name, interfere, error, verdict] of cases) {
    const { shop, clock, commerce, dependency } = await setup(t)
    shop.interfere = interfere
    t.match(await through(clock, commerce.shop({ signal })).catch((reason: Error) => reason), error, name)
    const { success, failure } = dependency.breaker.snapshot().totals
    t.ok(verdict === 'success' ? failure === 0 && success > 0 : failure > 0 && success === 0, `${name}: ${verdict}`)
  }
})

t.test('how large an answer may be goes by what was asked: a small one is cut off early, not a page, long texts and what a change says', async (t) => {
  const long = 'x'.repeat(400_000)
  const policy = { type: 'REFUND_POLICY', title: 'Refunds', body: long, url: 'https://royal-equips.example/refunds' }
  const { clock, commerce, dependency } = await setup(t, {
    shop: { ...SHOP, name: long, shopPolicies: [policy] },
    orders: connection(Array.from({ length: 30 }, (_, index) => ({ ...order(index + 1), note: 'x'.repeat(20_000) }))),
    orderUpdate: { order: { id: 'gid://shopify/Order/1', note: long }, userErrors: [] }
  })
  const small: unknown = await through(clock, commerce.shop({ signal })).catch((reason: unknown) => reason)
  t.match(small, { code: 'shop_answer_invalid', message: /larger than 163840 bytes/ })
  t.match(dependency.breaker.snapshot().totals, { failure: 1 })
  t.equal((await through(clock, commerce.policies({ signal }))).policies[0]?.body, long)
  t.equal((await through(clock, all(commerce.orders({}, { signal })))).length, 30)
  t.match(await through(clock, commerce.setOrderNote('gid://shopify/Order/1', 'x', effect)), { result: { note: long } })
  t.match(dependency.breaker.snapshot().totals, { failure: 1 })
})

t.test('a caller that leaves in the middle is no failure of the shop; an open breaker sends nothing', async (t) => {
  const { shop, clock, commerce, dependency } = await setup(t)
  shop.interfere = () => true
  const stop = new AbortController()
  const answer = commerce.shop({ signal: stop.signal })
  await until('it is under way', () => shop.asked.length === 1)
  stop.abort(new Error('gone'))
  await t.rejects(answer, { message: 'gone' })
  await settled()
  t.match(dependency.breaker.snapshot().totals, { failure: 0, cancelled: 1 })
  shop.interfere = says({}, 503)
  for (let call = 0; call < 5; call++) await t.rejects(through(clock, commerce.shop({ signal })))
  shop.asked.length = 0
  await t.rejects(commerce.shop({ signal }), { code: 'circuit_open' })
  t.equal(shop.asked.length, 0)
})

t.test('prices: one change for all variants of a product, answered with what the shop then has', async (t) => {
  const { shop, commerce } = await setup(t, {
    productVariantsBulkUpdate: () => ({ productVariants: [{ id: 'gid://shopify/ProductVariant/1', price: '9.99', compareAtPrice: null }], userErrors: [] })
  })
  const change = { variant_id: 'gid://shopify/ProductVariant/1', price: '9.99', compare_at_price: null }
  t.match(await commerce.setPrices('gid://shopify/Product/1', [change], effect), {
    result: [{ price: { amount: '9.99', currency: 'EUR' }, compare_at_price: null }], source: 'sandbox'
  })
  t.same(shop.asked.at(-1)?.variables, {
    productId: 'gid://shopify/Product/1', variants: [{ id: 'gid://shopify/ProductVariant/1', price: '9.99', compareAtPrice: null }]
  })
})

t.test('stock: the expected quantity and the key of the effect go along; a quantity that moved is a conflict', async (t) => {
  const stale = { field: ['input', 'quantities', '0'], message: 'The quantity has changed.', code: 'CHANGE_FROM_QUANTITY_STALE' }
  let problems: object[] = []
  const { shop, commerce } = await setup(t, {
    inventorySetQuantities: () => problems.length > 0
      ? { inventoryAdjustmentGroup: null, userErrors: problems }
      : { inventoryAdjustmentGroup: { id: 'gid://shopify/InventoryAdjustmentGroup/1', changes: [{ name: 'available', delta: 2 }] }, userErrors: [] }
  })
  const change = { inventory_item_id: 'gid://shopify/InventoryItem/1', location_id: 'gid://shopify/Location/1', expected: 5, quantity: 7 }
  t.match(await commerce.setInventory([change], 'correction', effect), { result: { changes: 1 }, already: false })
  await commerce.setInventory([change], 'correction', effect)
  await commerce.setInventory([change], 'correction', { signal, effect_key: 'proposal-2' })
  const keys = shop.asked.map(({ variables }) => variables.key as string)
  t.match(keys[0], /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(keys[0], keys[1], 'the same effect, the same key')
  t.not(keys[0], keys[2])
  t.match(shop.asked[0]?.variables.input, { name: 'available', reason: 'correction', quantities: [{ changeFromQuantity: 5, quantity: 7 }] })
  problems = [stale]
  await t.rejects(commerce.setInventory([change], 'correction', effect), { code: 'shop_conflict', problems: [{ code: 'CHANGE_FROM_QUANTITY_STALE' }] })
  problems = [{ ...stale, code: 'INVALID_REASON' }]
  await t.rejects(commerce.setInventory([change], 'because', effect), { code: 'shop_user_errors', statusCode: 422 })
})

t.test('a hold is placed once, also when the answer to the first try was lost', async (t) => {
  const holds: Array<{ id: string, handle: string, reason: string, heldByRequestingApp: boolean }> = []
  let placed = 0
  const { commerce } = await setup(t, {
    order: {
      id: 'gid://shopify/Order/1',
      fulfillmentOrders: () => connection([
        // What was placed is seen late, as after an answer that was lost.
        { id: 'gid://shopify/FulfillmentOrder/1', status: 'OPEN', fulfillmentHolds: placed > 1 ? holds : [] },
        { id: 'gid://shopify/FulfillmentOrder/2', status: 'CLOSED', fulfillmentHolds: [] }
      ])({})
    },
    fulfillmentOrderHold: ({ fulfillmentHold: { handle, reason } }: { fulfillmentHold: { handle: string, reason: string } }) => {
      placed += 1
      if (holds.length > 0) return { fulfillmentHold: null, userErrors: [{ field: null, message: 'twice', code: 'DUPLICATE_FULFILLMENT_HOLD_HANDLE' }] }
      holds.push({ id: 'gid://shopify/FulfillmentHold/1', handle, reason, heldByRequestingApp: true })
      return { fulfillmentHold: holds[0], userErrors: [] }
    }
  })
  const hold = { reason: 'high_risk_of_fraud', note: 'Shopify says CANCEL' } as const
  const placedHold = [{ fulfilment_order_id: 'gid://shopify/FulfillmentOrder/1', hold_id: 'gid://shopify/FulfillmentHold/1' }]
  t.match(await commerce.holdFulfilment('gid://shopify/Order/1', hold, effect), { result: placedHold, already: false })
  t.match(await commerce.holdFulfilment('gid://shopify/Order/1', hold, effect), { result: placedHold, already: true }, 'told that it is there')
  t.match(await commerce.holdFulfilment('gid://shopify/Order/1', hold, effect), { result: placedHold, already: true }, 'seen that it is there')
  t.equal(placed, 2)
  t.match(holds[0], { reason: 'HIGH_RISK_OF_FRAUD', handle: /^effect-.{36}$/ })
})

t.test('a refund sends what was approved, and nothing when the shop computes another sum', async (t) => {
  const { shop, commerce } = await setup(t, {
    order: {
      id: 'gid://shopify/Order/1',
      suggestedRefund: {
        amountSet: bag('19.90'),
        suggestedTransactions: [{
          gateway: 'manual', kind: 'SUGGESTED_REFUND', amountSet: bag('19.90'), parentTransaction: { id: 'gid://shopify/OrderTransaction/1' }
        }]
      }
    },
    refundCreate: { refund: { id: 'gid://shopify/Refund/1', totalRefundedSet: bag('19.90') }, userErrors: [] }
  })
  const plan = {
    order_id: 'gid://shopify/Order/1',
    lines: [{ line_id: 'gid://shopify/LineItem/1', quantity: 2, restock: 'no_restock' as const }],
    expected_total: { amount: '19.9', currency: 'EUR' },
    note: 'damaged',
    notify_customer: false
  }
  t.match(await commerce.refund(plan, effect), { result: { refund_id: 'gid://shopify/Refund/1', total: { amount: '19.90', currency: 'EUR' } } })
  t.match(shop.asked.at(-1)?.variables, {
    key: /^.{36}$/, input: { transactions: [{ amount: '19.90', kind: 'REFUND', parentId: 'gid://shopify/OrderTransaction/1' }] }
  })
  shop.asked.length = 0
  for (const expected of [{ amount: '19.80', currency: 'EUR' }, { amount: '19.90', currency: 'USD' }]) {
    await t.rejects(commerce.refund({ ...plan, expected_total: expected }, effect), { code: 'shop_conflict' })
  }
  t.same(shop.operations(), ['SuggestedRefund', 'SuggestedRefund'])
})

t.test('a change whose answer is lost is not sent again by itself unless it has a key', async (t) => {
  const { shop, commerce } = await setup(t)
  shop.interfere = (_asked, response) => { response.socket?.resetAndDestroy(); return true }
  await t.rejects(commerce.createSegment({ name: 'a', query: "customer_tags CONTAINS 'vip'" }, effect), { code: 'shop_unavailable' })
  t.equal(shop.asked.length, 1)
})

t.test('a change with a key is: the same key again, once', async (t) => {
  const { shop, clock, commerce } = await setup(t, {
    inventorySetQuantities: {
      inventoryAdjustmentGroup: { id: 'gid://shopify/InventoryAdjustmentGroup/1', changes: [{ name: 'available', delta: 2 }] }, userErrors: []
    }
  })
  shop.interfere = (_asked, response) => {
    if (shop.asked.length > 1) return false
    response.socket?.resetAndDestroy()
    return true
  }
  const change = { inventory_item_id: 'gid://shopify/InventoryItem/1', location_id: 'gid://shopify/Location/1', expected: 5, quantity: 7 }
  t.match(await through(clock, commerce.setInventory([change], 'correction', effect)), { result: { changes: 1 } })
  t.equal(shop.asked.length, 2)
  t.equal(shop.asked[0]?.variables.key, shop.asked[1]?.variables.key)
})

/** A bulk operation of which the test decides the end. */
const bulkRoot = (end: object) => {
  let polls = 0
  const state = { text: '' }
  return {
    state,
    root: {
      bulkOperationRunQuery: ({ query, groupObjects }: { query: string, groupObjects: boolean }) => {
        state.text = groupObjects ? query : 'not grouped'
        return { bulkOperation: { id: 'gid://shopify/BulkOperation/1', status: 'CREATED' }, userErrors: [] }
      },
      bulkOperation: () => {
        const nothing = { errorCode: null, rootObjectCount: '0', fileSize: null, partialDataUrl: null, url: null, objectCount: '0' }
        const common = { id: 'gid://shopify/BulkOperation/1', ...nothing }
        polls += 1
        return polls < 3 ? { ...common, status: 'RUNNING' } : { ...common, status: 'COMPLETED', ...end }
      }
    }
  }
}

const row = (value: object, parent?: string): string => {
  const { lineItems: _lines, ...own } = value as Record<string, unknown>
  return JSON.stringify(parent === undefined ? own : { ...own, __parentId: parent })
}
const bulkLine = (number: number): object => ({ __typename: 'LineItem', ...line(number) })
const ROWS = [
  row(order(1)), row(bulkLine(1), 'gid://shopify/Order/1'), row(bulkLine(2), 'gid://shopify/Order/1'),
  row(order(2)),
  row(order(3)), row(bulkLine(3), 'gid://shopify/Order/3')
]

t.test('a bulk operation: started with the filter in its text, awaited, its lines streamed and put below their orders', async (t) => {
  const { state, root } = bulkRoot({ objectCount: String(ROWS.length) })
  const { shop, clock, commerce } = await setup(t, root)
  shop.root.bulkOperation = () => ({ ...root.bulkOperation(), url: `${shop.url}/result.jsonl` })
  shop.files.set('/result.jsonl', (response) => {
    const text = `${ROWS.join('\n')}\n`
    // Cut in the middle of a line.
    response.write(text.slice(0, 1_000), () => response.end(text.slice(1_000)))
  })
  const read = await through(clock, all(commerce.orders({ created_from: 0 }, { signal, bulk: true })))
  t.same(read.map(({ name, lines }) => [name, lines.map(({ id }) => id)]), [
    ['#1', ['gid://shopify/LineItem/1', 'gid://shopify/LineItem/2']], ['#2', []], ['#3', ['gid://shopify/LineItem/3']]
  ])
  t.match(state.text, /^\{\s+orders\(query: "created_at:>='1970-01-01T00:00:00\.000Z'", sortKey: CREATED_AT\)/)
})

t.test('a bulk operation that ends badly, or whose file is not whole, is an error and never a short list', async (t) => {
  const timeout = { status: 'FAILED', errorCode: 'TIMEOUT', partialDataUrl: 'https://example.com/partial' }
  const cases: Array<[name: string, end: object, text: string | undefined, error: object]> = [
    ['failed', timeout, undefined, { code: 'shop_bulk_failed', message: /FAILED \(TIMEOUT\)/ }],
    ['expired', { status: 'EXPIRED' }, undefined, { code: 'shop_bulk_failed', message: /EXPIRED/ }],
    ['cancelled', { status: 'CANCELED' }, undefined, { code: 'shop_bulk_failed' }],
    ['no file', { objectCount: '5' }, undefined, { code: 'shop_bulk_failed', message: /without a file/ }],
    ['a short file', { objectCount: '7' }, ROWS.join('\n'), { code: 'shop_bulk_failed', message: /promised 7 objects, its file holds 6/ }],
    ['a broken line', { objectCount: '6' }, `${ROWS.slice(0, 5).join('\n')}\n{"id":`, { code: 'shop_answer_invalid', message: /Line 6/ }],
    ['a line of another shape', { objectCount: '1' }, row(order(1, { tags: 'vip' })), { code: 'shop_answer_invalid', message: /row\.tags/ }],
    ['a child of somebody else', { objectCount: '2' }, [row(order(1)), row(bulkLine(1), 'gid://shopify/Order/9')].join('\n'), { code: 'shop_answer_invalid' }]
  ]
  for (const [name, end, text, error] of cases) {
    const { root } = bulkRoot(end)
    const { shop, clock, commerce } = await setup(t, root)
    if (text !== undefined) {
      shop.root.bulkOperation = () => ({ ...root.bulkOperation(), url: `${shop.url}/result.jsonl` })
      shop.files.set('/result.jsonl', (response) => { response.end(text) })
    }
    t.match(await through(clock, all(commerce.orders({}, { signal, bulk: true }))).catch((reason: Error) => reason), error, name)
  }
  const nothing = await setup(t, bulkRoot({}).root)
  t.same(await through(nothing.clock, all(nothing.commerce.orders({}, { signal, bulk: true }))), [], 'nothing found is no error')
})

t.test('a bulk file that breaks off in the middle is an error, and one at a strange address is not fetched', async (t) => {
  const { root } = bulkRoot({ objectCount: '6' })
  const { shop, clock, commerce } = await setup(t, root)
  shop.root.bulkOperation = () => ({ ...root.bulkOperation(), url: `${shop.url}/result.jsonl` })
  shop.files.set('/result.jsonl', (response) => {
    response.writeHead(200, { 'content-length': '100000' })
    response.write(`${ROWS.join('\n')}\n`, () => response.socket?.destroy())
  })
  await t.rejects(through(clock, all(commerce.orders({}, { signal, bulk: true }))), { code: 'shop_answer_invalid', message: /broke off/ })
  shop.root.bulkOperation = () => ({ ...root.bulkOperation(), url: 'ftp://example.com/result.jsonl' })
  await t.rejects(through(clock, all(commerce.orders({}, { signal, bulk: true }))), { message: /is called/ })
})

t.test('whoever leaves while a bulk operation runs has it cancelled at the shop', async (t) => {
  const { root } = bulkRoot({ status: 'RUNNING' })
  const { shop, clock, commerce } = await setup(t, { ...root, bulkOperationCancel: { bulkOperation: null, userErrors: [] } })
  const stop = new AbortController()
  const reading = all(commerce.orders({}, { signal: stop.signal, bulk: true }))
  reading.catch(() => {})
  await until('it is started', () => shop.asked.length > 0)
  for (let turn = 0; turn < 20 && shop.asked.length < 3; turn++) await clock.advance(500)
  stop.abort(new Error('gone'))
  await t.rejects(reading, { message: 'gone' })
  await until('it is cancelled', () => shop.operations().includes('CancelBulkOperation'))
})

t.test('closing rejects what waits', async (t) => {
  const { commerce, close } = await setup(t)
  await close()
  await t.rejects(commerce.shop({ signal }), { code: 'shop_unavailable' })
})
