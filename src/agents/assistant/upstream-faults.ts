// Why an upstream brought no answer, as a sentence that says what can be done: never a figure, and never a zero.
import { BulkheadFullError } from '../../core/bulkhead.ts'
import { CircuitOpenError, ThrottledError, type BreakerRegistry } from '../../core/breaker-registry.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { AppError } from '../../core/errors.ts'
import { CurrencyMismatchError } from '../../core/money.ts'
import { RepositoryError } from '../../core/repository.ts'
import { WarehouseError } from '../../core/warehouse.ts'
import { duration } from '../wording.ts'

export type UpstreamName = 'shopify_api' | 'github_api' | 'bigquery'

/** How people call them. */
const CALLED: Record<UpstreamName, string> = { shopify_api: 'Shopify', github_api: 'GitHub', bigquery: 'BigQuery' }

/** What `work` answers. @throws AppError with the sentence; anything that nobody foresaw as it is. */
export const guarded = async <T>(name: UpstreamName, breakers: BreakerRegistry, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw explained(error, name, breakers)
  }
}

const explained = (error: unknown, name: UpstreamName, breakers: BreakerRegistry): unknown => {
  const who = CALLED[name]
  const unavailable = (message: string, retryAfterMs?: number): AppError =>
    new AppError('dependency_unavailable', { message, cause: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })

  if (error instanceof CircuitOpenError) {
    const { state, lastError } = breakers.get(name).breaker.snapshot()
    if (state === 'forced_open') return unavailable(`${who} is cut off: its circuit breaker is held open by hand, and nothing is asked until it is released.`)
    const why = lastError === undefined ? '' : ` Its last error: ${withStop(lastError.message)}`
    return unavailable(`${who} is cut off by its circuit breaker and will be tried again in ${duration(error.retryAfterMs)}.${why}`, error.retryAfterMs)
  }
  if (error instanceof ThrottledError) {
    return unavailable(`${who} told us to wait; it will be asked again in ${duration(error.retryAfterMs)}.`, error.retryAfterMs)
  }
  if (error instanceof BulkheadFullError) return unavailable(`Too many questions to ${who} are under way; ask again in a moment.`, error.retryAfterMs)
  if (error instanceof CommerceError) return unavailable(ofShop(error), error.retryAfterMs)
  if (error instanceof RepositoryError || error instanceof WarehouseError) {
    // Some of these sentences begin with the name already.
    return unavailable(error.message.startsWith(`${who} `) ? withStop(error.message) : `${who}: ${withStop(error.message)}`)
  }
  if (error instanceof CurrencyMismatchError) {
    return unavailable(`The orders of this time are in more than one currency, and I do not add those up. ${error.message}`)
  }
  // Of the HTTP client, which agents do not import: its messages are safe to show.
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('upstream_')) {
    return unavailable(`${who} gave no usable answer: ${withStop(error.message)}`)
  }
  return error
}

const ofShop = ({ code, message, scopes, retryAfterMs }: CommerceError): string => {
  const wait = retryAfterMs === undefined ? '' : ` It can be asked again in ${duration(retryAfterMs)}.`
  switch (code) {
    case 'shop_access_denied': {
      if (scopes.length === 0) return `Shopify denies access: ${withStop(message)}`
      const [one] = scopes
      return `Shopify denies access: the app lacks ${scopes.length === 1 ? `the access scope ${one!}` : `one of the access scopes ${scopes.join(', ')}`}. ` +
        'Grant it in the settings of the app, and install the app again.'
    }
    case 'shop_credentials_rejected':
      return 'Shopify does not accept our credentials: check SHOPIFY_ACCESS_TOKEN, or SHOPIFY_API_KEY and SHOPIFY_API_SECRET.'
    case 'shop_throttled': return `Shopify's query budget is used up.${wait}`
    case 'shop_busy': return `Shopify has too much to do for us already: ${withStop(message)}${wait}`
    default: return `Shopify: ${withStop(message)}${wait}`
  }
}

const withStop = (text: string): string => /[.!?]$/.test(text) ? text : `${text}.`
