// A shop on loopback for the tests of the integration: executes our documents against the schema, on objects that the test gives, and can misbehave.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buildSchema, graphql } from 'graphql'
import type { Test } from 'tap'

const schema = buildSchema(readFileSync(join(import.meta.dirname, '../../src/integrations/shopify/schema/admin-2026-10.graphql'), 'utf8'))

export interface Asked {
  path: string
  token: string | undefined
  operation: string
  query: string
  variables: Record<string, unknown>
  body: string
}

export interface ShopServer {
  url: string
  asked: Asked[]
  /** Names of the operations asked so far. */
  operations (): string[]
  /** Objects and functions of the root fields. */
  root: Record<string, unknown>
  /** Answers in the place of the shop; return false to let it answer. */
  interfere: (request: Asked, response: ServerResponse) => boolean | Promise<boolean>
  /** `extensions` of the next answers. */
  cost: object | undefined
  /** Texts of files by path. */
  files: Map<string, (response: ServerResponse) => void>
}

export const startShop = async (t: Test, root: Record<string, unknown> = {}): Promise<ShopServer> => {
  const shop: ShopServer = {
    url: '',
    asked: [],
    operations: () => shop.asked.map(({ operation }) => operation),
    root,
    interfere: () => false,
    // A bucket that is nearly full: tests of the budget say otherwise.
    cost: costOf(10, 10, 1_990),
    files: new Map()
  }
  const server = createServer((request, response) => { answer(shop, request, response).catch((error: unknown) => response.destroy(error as Error)) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  shop.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return shop
}

/** The `extensions` of an answer, with the figures of a Standard plan. */
export const costOf = (requested: number, actual: number | null, available: number): object => ({
  cost: {
    requestedQueryCost: requested,
    actualQueryCost: actual,
    throttleStatus: { maximumAvailable: 2_000, currentlyAvailable: available, restoreRate: 100 }
  }
})

export const sendJson = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'x-request-id': 'request-1', ...headers })
  response.end(JSON.stringify(body))
}

async function answer (shop: ShopServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const path = request.url ?? ''
  const file = shop.files.get(path)
  if (file !== undefined) return file(response)
  const body = Buffer.concat(chunks).toString()
  const parsed = path.endsWith('graphql.json') ? JSON.parse(body) as { query: string, operationName: string, variables: Record<string, unknown> } : undefined
  const asked: Asked = {
    path,
    token: request.headers['x-shopify-access-token'] as string | undefined,
    operation: parsed?.operationName ?? path,
    query: parsed?.query ?? '',
    variables: parsed?.variables ?? {},
    body
  }
  shop.asked.push(asked)
  if (await shop.interfere(asked, response)) return
  if (parsed === undefined) return sendJson(response, 404, { errors: 'Not Found' })
  const result = await graphql({ schema, source: parsed.query, rootValue: shop.root, variableValues: parsed.variables })
  sendJson(response, 200, { ...result, ...(shop.cost === undefined ? {} : { extensions: shop.cost }) })
}

/** A connection over a list, as Shopify pages: the cursor is the position. */
export const connection = (list: unknown[]) => ({ first = 50, after }: { first?: number, after?: string | null }): object => {
  const start = after == null ? 0 : Number(after)
  const nodes = list.slice(start, start + first)
  return {
    nodes,
    edges: nodes.map((node, index) => ({ node, cursor: String(start + index + 1) })),
    pageInfo: {
      hasNextPage: start + first < list.length,
      hasPreviousPage: start > 0,
      startCursor: null,
      endCursor: nodes.length === 0 ? null : String(start + nodes.length)
    }
  }
}

export const bag = (amount: string): object => ({ shopMoney: { amount, currencyCode: 'EUR' } })

export const SHOP = {
  id: 'gid://shopify/Shop/1',
  name: 'Royal Equips',
  myshopifyDomain: 'royal-equips.myshopify.com',
  currencyCode: 'EUR',
  ianaTimezone: 'Europe/Berlin',
  taxesIncluded: true,
  plan: { publicDisplayName: 'Basic' },
  shopAddress: { countryCodeV2: 'DE' },
  shopPolicies: []
}

export const line = (number: number, over: object = {}): object => ({
  id: `gid://shopify/LineItem/${number}`,
  sku: `SKU-${number}`,
  title: `Thing ${number}`,
  quantity: 2,
  currentQuantity: 2,
  unfulfilledQuantity: 0,
  requiresShipping: true,
  isGiftCard: false,
  variant: { id: `gid://shopify/ProductVariant/${number}` },
  product: { id: `gid://shopify/Product/${number}` },
  originalUnitPriceSet: bag('10.10'),
  originalTotalSet: bag('20.20'),
  discountAllocations: [{ allocatedAmountSet: bag('0.10') }, { allocatedAmountSet: bag('0.20') }],
  taxLines: [{ priceSet: bag('3.18') }],
  ...over
})

export const order = (number: number, over: object = {}): object => ({
  __typename: 'Order',
  id: `gid://shopify/Order/${number}`,
  name: `#${number}`,
  createdAt: '2026-11-20T10:00:00Z',
  updatedAt: '2026-11-20T11:00:00Z',
  processedAt: '2026-11-20T10:00:00Z',
  cancelledAt: null,
  cancelReason: null,
  closedAt: null,
  test: false,
  displayFinancialStatus: 'PAID',
  displayFulfillmentStatus: 'FULFILLED',
  sourceName: 'web',
  tags: ['vip'],
  note: null,
  taxesIncluded: true,
  discountCodes: ['AUTUMN'],
  paymentGatewayNames: ['manual'],
  billingAddressMatchesShippingAddress: false,
  subtotalPriceSet: bag('19.90'),
  totalDiscountsSet: bag('0.30'),
  totalShippingPriceSet: bag('4.90'),
  totalTaxSet: bag('3.96'),
  totalPriceSet: bag('24.80'),
  currentTotalPriceSet: bag('24.80'),
  totalRefundedSet: bag('0.0'),
  totalOutstandingSet: bag('0.0'),
  customer: { id: 'gid://shopify/Customer/7', numberOfOrders: '3' },
  shippingAddress: { countryCodeV2: 'DE' },
  billingAddress: { countryCodeV2: 'FR' },
  risk: { recommendation: 'ACCEPT', assessments: [{ riskLevel: 'LOW', facts: [{ description: 'fine', sentiment: 'POSITIVE' }] }] },
  refunds: [],
  fulfillments: [],
  lineItems: connection([line(number)]),
  ...over
})
