// Turns what Shopify says in the body of an answer into our classes of errors, and into what it means for the circuit breaker.
import { CommerceError, type UserProblem } from '../../core/commerce-error.ts'
import type { CostReport } from './cost-bucket.ts'

interface GraphQLError {
  message: string
  extensions?: { code?: unknown, requiredAccess?: unknown }
}

/** What every answer to a query has around its data. */
export interface Envelope {
  data?: unknown
  /** A text in answers to bad credentials and unknown shops. */
  errors?: GraphQLError[] | string
  extensions?: {
    cost?: {
      requestedQueryCost: number
      actualQueryCost?: number | null
      throttleStatus: { maximumAvailable: number, currentlyAvailable: number, restoreRate: number }
    }
  }
}

/**
 * The body as an envelope, or what is wrong with it. Written out rather than as a schema: the circuit breaker's verdict cannot wait for a compiler.
 */
export const envelopeOf = (body: unknown): Envelope | string => {
  if (!isRecord(body)) return 'is not an object'
  const { errors, extensions } = body
  const isList = Array.isArray(errors) && errors.every(isGraphQLError)
  if (errors !== undefined && typeof errors !== 'string' && !isList) return 'errors: is not a list of errors'
  const cost = isRecord(extensions) ? extensions.cost : undefined
  if (cost !== undefined && cost !== null && !isCost(cost)) return 'extensions.cost: has not the figures of a cost'
  if (errors === undefined && !isRecord(body.data)) return 'data: is not an object'
  return body
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const isGraphQLError = (value: unknown): value is GraphQLError =>
  isRecord(value) && typeof value.message === 'string' && (value.extensions === undefined || isRecord(value.extensions))

const isCost = (cost: unknown): boolean => {
  if (!isRecord(cost) || !isRecord(cost.throttleStatus)) return false
  const { maximumAvailable, currentlyAvailable, restoreRate } = cost.throttleStatus
  return isPoints(cost.requestedQueryCost) && (cost.actualQueryCost == null || isPoints(cost.actualQueryCost)) &&
    Number.isFinite(currentlyAvailable) && isPoints(maximumAvailable) && maximumAvailable > 0 && isPoints(restoreRate) && restoreRate > 0
}

const isPoints = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0

export const costReport = ({ extensions }: Envelope): CostReport | undefined => {
  const cost = extensions?.cost
  return cost == null
    ? undefined
    : { requested: cost.requestedQueryCost, actual: cost.actualQueryCost ?? null, ...cost.throttleStatus }
}

export const hasErrorCode = ({ errors }: Envelope, code: string): boolean =>
  Array.isArray(errors) && errors.some(({ extensions }) => extensions?.code === code)

// Without figures of the bucket: long enough to be obeyed, short enough to be of use.
const UNTOLD_WAIT_MS = 2_000

/** Milliseconds until the bucket can pay for a query that was refused. */
export const throttleWaitMs = (envelope: Envelope): number => {
  const report = costReport(envelope)
  if (report === undefined) return UNTOLD_WAIT_MS
  // Never 0: the shop has just refused, whatever its figures say.
  return Math.max(100, Math.ceil((report.requested - report.currentlyAvailable) / report.restoreRate * 1_000))
}

/** Undefined when there are no errors. `THROTTLED` is not among them: it is waited for. */
export const errorOf = ({ errors }: Envelope, requestId: string | undefined): CommerceError | undefined => {
  const details = requestId === undefined ? {} : { requestId }
  if (errors === undefined) return undefined
  if (typeof errors === 'string') return new CommerceError('shop_unavailable', `The shop answers: ${shorten(errors)}`, details)
  const [first] = errors
  if (first === undefined) return undefined
  const denied = errors.filter(({ extensions }) => extensions?.code === 'ACCESS_DENIED')
  if (denied.length > 0) {
    const texts = denied.map(({ message, extensions }) => typeof extensions?.requiredAccess === 'string' ? extensions.requiredAccess : message)
    const scopes = [...new Set(texts.flatMap(scopesIn))]
    const where = scopes.length === 0 ? shorten(first.message) : `One of these access scopes is missing: ${scopes.join(', ')}.`
    return new CommerceError('shop_access_denied', where, { ...details, scopes })
  }
  switch (first.extensions?.code) {
    case 'INTERNAL_SERVER_ERROR':
    case 'TIMEOUT':
    case 'SHOP_INACTIVE':
      return new CommerceError('shop_unavailable', `The shop answers: ${shorten(first.message)}`, details)
    default:
      return new CommerceError('shop_answer_invalid', `The shop does not take the query: ${shorten(first.message)}`, details)
  }
}

/** Errors of the shop itself, in a complete answer: they count against it. */
export const isShopFailure = (envelope: Envelope): boolean =>
  hasErrorCode(envelope, 'INTERNAL_SERVER_ERROR') || hasErrorCode(envelope, 'TIMEOUT')

// `read_orders` in: Required access: `read_orders` access scope.
const scopesIn = (text: string): string[] => [...text.matchAll(/`((?:read|write)_\w+)`/g)].map(([, scope = '']) => scope)

const shorten = (text: string): string => text.length > 300 ? `${text.slice(0, 300)}...` : text

/** The problems of a change that the shop refused; an empty list when it took it. */
export const problemsOf = (userErrors: Array<{ field: string[] | null, message: string, code?: string | null }>): UserProblem[] =>
  userErrors.map(({ field, message, code }) => ({ field: field ?? [], message, code: code ?? null }))

// The shop is not as the caller expected: another one changed it meanwhile.
const CONFLICTS = new Set(['CHANGE_FROM_QUANTITY_STALE', 'COMPARE_QUANTITY_STALE', 'STALE_OBJECT', 'TAKEN'])
const ABSENT = /^(FULFILLMENT_ORDER_NOT_FOUND|PRODUCT_DOES_NOT_EXIST|PRODUCT_VARIANT_DOES_NOT_EXIST|INVALID_INVENTORY_ITEM|INVALID_LOCATION|NOT_FOUND)$/

/** @throws CommerceError `shop_conflict`, `shop_not_found` or `shop_user_errors` when the shop refused the change. */
export const assertTaken = (what: string, userErrors: Parameters<typeof problemsOf>[0]): void => {
  const problems = problemsOf(userErrors)
  const [first] = problems
  if (first === undefined) return
  const has = (test: (code: string) => boolean): boolean => problems.every(({ code }) => code !== null && test(code))
  const code = has((own) => CONFLICTS.has(own))
    ? 'shop_conflict'
    : has((own) => ABSENT.test(own)) ? 'shop_not_found' : has((own) => own === 'IDEMPOTENCY_CONCURRENT_REQUEST') ? 'shop_busy' : 'shop_user_errors'
  throw new CommerceError(code, `The shop refused to ${what}: ${problems.map(({ message }) => shorten(message)).join(' ')}`, { problems })
}
