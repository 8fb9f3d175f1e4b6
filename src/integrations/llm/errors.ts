// What a call of the model that went wrong says: of the upstream for its breaker, and in plain words for people.
// Neither holds the request, the key or the conversation.
import { CircuitOpenError, ThrottledError, verdictOfStatus, type Verdict } from '../../core/breaker-registry.ts'
import { ModelError } from '../../core/language-model.ts'
import { UpstreamError } from '../http/errors.ts'
import { retryAfterMs } from '../http/retry-after.ts'

const LONGEST_QUOTE = 300

/** `error` as it came from the provider's package or from the transport. Some servers quote the key that they reject: it is taken out. */
export const modelErrorOf = (error: unknown, { model, apiKey }: { model: string, apiKey: string | undefined }): ModelError => {
  if (error instanceof ModelError) return error
  const chain = chainOf(error)
  const quote = (text: unknown): Error => {
    const whole = apiKey === undefined ? String(text) : String(text).replaceAll(apiKey, '[key]')
    return new Error(whole.slice(0, LONGEST_QUOTE).toWellFormed())
  }
  for (const link of chain) {
    if (link instanceof CircuitOpenError) return new ModelError('circuit_open', 'circuit breaker open', { cause: link })
    if (link instanceof ThrottledError) return toldToWait(link.retryAfterMs)
  }
  // The package wraps what goes wrong within the answer into an error with the answer's status: 200.
  for (const link of chain) {
    const known = ofCode((link as { code?: unknown }).code, quote(link.message))
    if (known !== undefined) return known
  }
  for (const link of chain) {
    const { statusCode } = link as { statusCode?: unknown }
    if (typeof statusCode !== 'number' || statusCode < 400) continue
    const fault = faultIn(link)
    return ofStatus(statusCode, fault?.code, quote(fault?.message ?? link.name), model)
  }
  // What the package says of an event that it could not read quotes the event: the conversation. Its name says enough.
  const { message } = (error ?? {}) as { message?: unknown }
  return new ModelError('failed', 'its answer could not be read', { cause: quote(error instanceof Error ? error.name : message ?? 'no message') })
}

/** How long nothing is sent after a 429 that does not say. */
const UNTOLD_WAIT_MS = 5_000

/** What an error of a call says of the upstream. `now`: the wall clock. */
export const verdictOf = (error: unknown, now: number): Verdict => {
  const chain = chainOf(error)
  const fault = chain.find((link) => link instanceof UpstreamError)
  if (fault !== undefined) return { kind: 'failure', error: { code: fault.code, message: fault.message } }
  for (const link of chain) {
    const { statusCode, responseHeaders } = link as { statusCode?: unknown, responseHeaders?: Record<string, string> }
    if (typeof statusCode === 'number' && statusCode >= 400) return verdictOfAnswer(statusCode, responseHeaders?.['retry-after'], now)
  }
  return { kind: 'failure', error: { code: 'upstream_answer_invalid', message: 'The answer of the model is broken or not whole.' } }
}

/** `retryAfter`: the header of that name. */
export const verdictOfAnswer = (status: number, retryAfter: string | null | undefined, now: number): Verdict => {
  const told = retryAfterMs(retryAfter ?? undefined, now)
  return verdictOfStatus(status, { untold: UNTOLD_WAIT_MS, ...(told === undefined ? {} : { told }) })
}

const toldToWait = (ms: number): ModelError => new ModelError('told_to_wait', `it told us to wait ${Math.ceil(ms / 1000)} s`)

const ofCode = (code: unknown, cause: Error): ModelError | undefined => {
  switch (code) {
    case 'dependency_busy': return new ModelError('busy', 'too many answers are being written at once', { cause })
    case 'upstream_timeout': return new ModelError('timeout', 'it did not answer in time', { cause })
    case 'upstream_unreachable': return new ModelError('unreachable', 'it cannot be reached', { cause })
    case 'upstream_answer_too_large': return new ModelError('failed', 'its answer was too long', { cause })
    case 'upstream_answer_invalid': return new ModelError('failed', 'its answer could not be read', { cause })
    case 'upstream_redirected': return new ModelError('refused', 'it sends us elsewhere: check OPENAI_BASE_URL', { cause })
    case 'upstream_forbidden_host': return new ModelError('refused', 'its address is not allowed: check OPENAI_BASE_URL', { cause })
    default: return undefined
  }
}

const ofStatus = (status: number, code: unknown, cause: Error, model: string): ModelError => {
  if (status === 401 || status === 403) return new ModelError('key_rejected', 'its key was rejected: check OPENAI_API_KEY', { cause })
  if (status === 404) return new ModelError('refused', `it knows no model ${JSON.stringify(model)}: check OPENAI_MODEL and OPENAI_BASE_URL`, { cause })
  if (status === 429 && code === 'insufficient_quota') return new ModelError('refused', 'the quota of its account is used up', { cause })
  if (status === 429) return new ModelError('told_to_wait', 'it told us to wait', { cause })
  if (status === 408 || status >= 500) return new ModelError('failed', `it answered with status ${status}`, { cause })
  return new ModelError('refused', `it refused the request with status ${status}`, { cause })
}

/** The error and its causes, outermost first. */
const chainOf = (error: unknown): Error[] => {
  const chain: Error[] = []
  for (let link = error; link instanceof Error && !chain.includes(link); link = link.cause) chain.push(link)
  return chain
}

/** The body of an error answer, as OpenAI words it. */
const faultIn = (error: Error): { message?: unknown, code?: unknown } | undefined =>
  (error as { data?: { error?: { message?: unknown, code?: unknown } } }).data?.error
