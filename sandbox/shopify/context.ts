// What every resolver gets: the shop, who asks, and the wording of Shopify's refusals.
import { GraphQLError } from 'graphql'
import type { Shop } from '../shop/shop.ts'
import type { Keys } from './idempotency.ts'
import type { Search } from './search.ts'

export interface Context {
  shop: Shop
  /** Granted access scopes, as they are listed. */
  scopes: readonly string[]
  bulks: BulkOperations
  keys: Keys
  /** Origin of this request, for addresses in answers: `http://127.0.0.1:4002`. */
  origin: string
  /** Filled by lists with a search. */
  searches: Array<{ path: Array<string | number>, query: string, warnings: Search<unknown>['warnings'] }>
  /** A bulk operation reads whole lists: of the outermost one, kept from its first window on, only these positions. */
  window?: { from: number, size: number, ended: boolean, list?: unknown[] }
}

export interface BulkOperation {
  id: number
  status: 'CREATED' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELING' | 'CANCELED'
  errorCode: 'ACCESS_DENIED' | 'INTERNAL_SERVER_ERROR' | null
  objectCount: number
  rootObjectCount: number
  fileSize: number
  /** Where it can be fetched, with a secret in it: there is no other protection, as at Shopify. */
  path: string
  file: string
}

export interface BulkOperations {
  /** Begins it. A text: what is wrong with the query. */
  start (query: string, context: Context): BulkOperation | string | { code: 'OPERATION_IN_PROGRESS' | 'LIMIT_REACHED', message: string }
  get (id: number): BulkOperation | undefined
  /** The payload of the mutation; undefined: there is none. */
  cancel (id: number): { bulkOperation: BulkOperation, userErrors: Array<{ field: string[] | null, message: string }> } | undefined
  byPath (path: string): BulkOperation | undefined
  /** Removes the files. */
  close (): void
}

/** A scope to write includes the one to read. */
export const isGranted = (scopes: readonly string[], needed: readonly string[]): boolean =>
  needed.some((scope) => scopes.includes(scope) || scopes.includes(scope.replace(/^read_/, 'write_')))

export const accessDenied = (name: string, needed: readonly string[]): GraphQLError => {
  const access = needed.map((scope) => `\`${scope}\``).join(' or ')
  const requiredAccess = `${access} access scope${needed.length > 1 ? 's' : ''}.`
  return new GraphQLError(`Access denied for ${name} field. Required access: ${requiredAccess}`, {
    extensions: { code: 'ACCESS_DENIED', documentation: 'https://shopify.dev/api/usage/access-scopes', requiredAccess }
  })
}

const SIXTY_DAYS = 60 * 86_400_000

/** Older orders need a scope of their own. */
export const oldestOrder = ({ shop, scopes }: Context): number => scopes.includes('read_all_orders') ? -Infinity : shop.now - SIXTY_DAYS

/** @throws GraphQLError when it is no global id. */
export const parseGid = (id: string): { kind: string, number: number } => {
  const found = /^gid:\/\/shopify\/(\w+)\/(\d+)(?:\?.*)?$/.exec(id)
  if (found === null) throw new GraphQLError(`Invalid global id '${id}'`, { extensions: { code: 'argumentLiteralsIncompatible' } })
  return { kind: found[1] ?? '', number: Number(found[2]) }
}
