// Shopify as the sandbox speaks it: token exchange, Admin GraphQL with costs and throttling, and the files of bulk operations.
import { randomBytes, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import {
  execute, getVariableValues, GraphQLError, Kind, parse, validate, type DocumentNode, type GraphQLFormattedError, type OperationDefinitionNode
} from 'graphql'
import { isObject, readText, sendJson, urlOf } from '../http.ts'
import type { Shop } from '../shop/shop.ts'
import { createBulkOperations } from './bulk.ts'
import type { Context } from './context.ts'
import { costOf, createBucket } from './cost.ts'
import { API_VERSION, createSchema } from './schema.ts'

export interface ShopifySandboxOptions {
  shop: Shop
  /** Wall clock, milliseconds. The shop goes on with it. */
  now: () => number
  /** Static access tokens that are accepted. */
  tokens?: readonly string[]
  /** Apps that may exchange their id and secret for a token. */
  clients?: ReadonlyArray<{ id: string, secret: string }>
  /** Lifetime of exchanged tokens; default: a day, as at Shopify. */
  tokenSeconds?: number
  scopes?: readonly string[]
  /** Points of the leaky bucket and how many come back in a second; default: Shopify's standard plan. */
  bucket?: { maximum: number, restoreRate: number }
  /** Most points of one query. */
  maximumCost?: number
}

export interface ShopifySandbox {
  /** Answers one request. What it throws is a fault of the sandbox. */
  handle (request: IncomingMessage, response: ServerResponse): Promise<void>
  /** From now on only these access scopes are granted. */
  setScopes (scopes: readonly string[]): void
  /** Sets what is left in the bucket. */
  setPoints (points: number): void
  /** Ends all exchanged tokens. */
  revokeTokens (): void
  /** Removes the files of bulk operations. */
  close (): void
}

/** What our integration asks for, as a shop owner would grant it. */
export const ALL_SCOPES: readonly string[] = [
  'read_all_orders', 'write_customers', 'write_discounts', 'write_inventory', 'read_legal_policies', 'read_locations',
  'write_merchant_managed_fulfillment_orders', 'write_orders', 'write_products'
]

const GRAPHQL_PATH = /^\/admin\/api\/([\w-]+)\/graphql\.json$/
const DOCUMENTS_KEPT = 200

interface Operation { document: DocumentNode, operation: OperationDefinitionNode }
interface Answer { data?: unknown, errors?: unknown, extensions?: Record<string, unknown> }

export const createShopifySandbox = (options: ShopifySandboxOptions): ShopifySandbox => {
  const { shop, now, tokens = ['shpat_sandbox'], clients = [], tokenSeconds = 86_399, maximumCost = 1_000 } = options
  let scopes = options.scopes ?? ALL_SCOPES
  const { schema } = createSchema()
  const bucket = createBucket({ ...options.bucket ?? { maximum: 2_000, restoreRate: 100 }, now })
  const bulks = createBulkOperations(schema)
  const keys: Context['keys'] = new Map()
  /** Exchanged tokens with their ends. */
  const granted = new Map<string, number>()
  const documents = new Map<string, Operation | GraphQLFormattedError[]>()

  const read = (text: string): Operation | GraphQLFormattedError[] => {
    let known = documents.get(text)
    if (known === undefined) {
      known = readDocument(text)
      documents.set(text, known)
      const oldest = documents.keys().next().value
      if (documents.size > DOCUMENTS_KEPT && oldest !== undefined) documents.delete(oldest)
    }
    return known
  }

  const readDocument = (text: string): Operation | GraphQLFormattedError[] => {
    let document: DocumentNode
    try {
      document = parse(text)
    } catch (error) {
      return [error instanceof GraphQLError ? error.toJSON() : { message: String(error) }]
    }
    const errors = validate(schema, document)
    if (errors.length > 0) return errors.map((error) => ({ ...error.toJSON(), extensions: { code: 'graphqlValidation' } }))
    const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION)
    const [operation] = operations
    if (operation === undefined || operations.length > 1) return [{ message: 'An operation name is required' }]
    return { document, operation }
  }

  const answer = async (text: string, variables: Record<string, unknown>, origin: string, requestId: string): Promise<Answer> => {
    const operation = read(text)
    if (Array.isArray(operation)) return { errors: operation }
    const values = getVariableValues(schema, operation.operation.variableDefinitions ?? [], variables)
    if (values.errors !== undefined) return { errors: values.errors.map((error) => ({ ...error.toJSON(), extensions: { code: 'INVALID_VARIABLE' } })) }

    const requested = costOf(schema, operation.document, operation.operation, values.variableValues)
    if (requested > maximumCost) {
      const message = `Query cost is ${requested}, which exceeds the single query max cost limit (${maximumCost}).\n\n` +
        'See https://shopify.dev/concepts/about-apis/rate-limits for more information on how the\ncost of a query is calculated.'
      return { errors: [{ message, extensions: { code: 'MAX_COST_EXCEEDED', cost: requested, maxCost: maximumCost } }] }
    }
    if (!bucket.take(requested)) {
      return {
        errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED', documentation: 'https://shopify.dev/api/usage/rate-limits' } }],
        extensions: { cost: { requestedQueryCost: requested, actualQueryCost: null, throttleStatus: bucket.status() } }
      }
    }
    const contextValue: Context = { shop, scopes, bulks, keys, origin, searches: [] }
    const { data, errors } = await execute({ schema, document: operation.document, variableValues: variables, contextValue })
    const actual = Math.min(requested, data == null ? 1 : costOf(schema, operation.document, operation.operation, values.variableValues, data))
    bucket.giveBack(requested - actual)
    return {
      ...(data === undefined ? {} : { data }),
      ...(errors === undefined ? {} : { errors: errors.map((error) => present(error, requestId)) }),
      extensions: {
        cost: { requestedQueryCost: requested, actualQueryCost: actual, throttleStatus: bucket.status() },
        ...(contextValue.searches.length === 0 ? {} : { search: contextValue.searches })
      }
    }
  }

  const graphql = async (request: IncomingMessage, response: ServerResponse, version: string): Promise<void> => {
    const requestId = randomUUID()
    const headers: OutgoingHttpHeaders = { 'x-request-id': requestId, 'x-shopify-api-version': version, 'x-shopify-shop-domain': shop.domain }
    const token = String(request.headers['x-shopify-access-token'] ?? '')
    if (!tokens.includes(token) && (granted.get(token) ?? 0) <= now()) {
      return sendJson(response, 401, { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' }, headers)
    }
    if (version !== API_VERSION) return sendJson(response, 404, { errors: 'Not Found' }, headers)
    if (request.method !== 'POST') return sendJson(response, 405, { errors: 'Method Not Allowed' }, { ...headers, allow: 'POST' })
    const body = bodyOf(request, await readText(request))
    if (body === undefined || typeof body['query'] !== 'string') {
      return sendJson(response, 400, { errors: { query: 'Required parameter missing or invalid' } }, headers)
    }
    const variables = isObject(body['variables']) ? body['variables'] : {}
    shop.advance(now())
    sendJson(response, 200, await answer(body['query'], variables, originOf(request), requestId), headers)
  }

  const exchange = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') return sendJson(response, 405, { error: 'method_not_allowed' }, { allow: 'POST' })
    const text = await readText(request)
    const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '')
    const body = isJson ? bodyOf(request, text) ?? {} : Object.fromEntries(new URLSearchParams(text))
    if (body['grant_type'] !== 'client_credentials') {
      return sendJson(response, 400, { error: 'unsupported_grant_type', error_description: 'The sandbox exchanges client credentials only.' })
    }
    if (!clients.some(({ id, secret }) => id === body['client_id'] && secret === body['client_secret'])) {
      return sendJson(response, 400, { error: 'invalid_client', error_description: 'Client authentication failed' })
    }
    const token = `shpat_${randomBytes(16).toString('hex')}`
    granted.set(token, now() + tokenSeconds * 1_000)
    sendJson(response, 200, { access_token: token, scope: scopes.join(','), expires_in: tokenSeconds })
  }

  const download = async (response: ServerResponse, path: string): Promise<void> => {
    const operation = bulks.byPath(path)
    if (operation === undefined) return sendJson(response, 404, { errors: 'Not Found' })
    const { size } = await stat(operation.file)
    response.writeHead(200, { 'content-type': 'application/jsonl', 'content-length': size })
    await pipeline(createReadStream(operation.file), response)
  }

  return {
    async handle (request, response) {
      const { pathname } = urlOf(request)
      const version = GRAPHQL_PATH.exec(pathname)?.[1]
      if (version !== undefined) return await graphql(request, response, version)
      if (pathname === '/admin/oauth/access_token') return await exchange(request, response)
      if (pathname.startsWith('/bulk/')) return await download(response, pathname)
      sendJson(response, 404, { errors: 'Not Found' })
    },
    setScopes (list) { scopes = [...list] },
    setPoints (points) { bucket.set(points) },
    revokeTokens () { granted.clear() },
    close () { bulks.close() }
  }
}

/** An error as Shopify writes it; what we did not mean to throw is an error of its own. */
const present = (error: GraphQLError, requestId: string): GraphQLFormattedError => {
  const { originalError } = error
  if (originalError === undefined || originalError instanceof GraphQLError) return error.toJSON()
  return {
    message: `Internal error. Looks like something went wrong on our end.\nRequest ID: ${requestId} (include this in support requests).`,
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId, detail: originalError.message }
  }
}

/** A JSON object, or the bare query that Shopify also takes; undefined: neither. */
const bodyOf = (request: IncomingMessage, text: string): Record<string, unknown> | undefined => {
  if (/^application\/graphql\b/i.test(request.headers['content-type'] ?? '')) return { query: text }
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const originOf = (request: IncomingMessage): string =>
  `${'encrypted' in request.socket ? 'https' : 'http'}://${request.headers.host ?? '127.0.0.1'}`
