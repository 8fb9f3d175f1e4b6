// Why a call brought no usable answer, in codes that are stable and messages that are safe to show: no header, query or body in them.

export type UpstreamErrorCode =
  /** Not complete within its deadline. */
  | 'upstream_timeout'
  /** No connection: DNS, TLS, refused, reset. */
  | 'upstream_unreachable'
  | 'upstream_answer_too_large'
  /** Broken off, no JSON, not of the content type or shape that was asked for. */
  | 'upstream_answer_invalid'
  | 'upstream_redirected'
  /** An address that is never called: see addresses.ts. */
  | 'upstream_forbidden_host'

export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode
  readonly dependency: string

  constructor (dependency: string, code: UpstreamErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'UpstreamError'
    this.code = code
    this.dependency = dependency
  }
}

/** Our side has closed the client, at shutdown: this says nothing of the upstream. */
export class ClientClosedError extends Error {
  readonly code = 'client_closed'

  constructor (dependency: string) {
    super(`${dependency} is not called any more: the service shuts down.`)
    this.name = 'ClientClosedError'
  }
}

// The request itself cannot be sent: a line break in a header, a method that does not exist.
const FAULTS_OF_OURS: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'])

export const isFaultOfOurs = (error: unknown): boolean => FAULTS_OF_OURS.has(codeOf(error))

/** The code and the message of an error, to be the cause of another: undici's own carry raw bytes of the answer, which may be secret. */
export const withoutData = (error: unknown): Error =>
  Object.assign(new Error(error instanceof Error ? error.message : String(error)), { code: codeOf(error) })

const TLS = /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO$|ERR_SSL_)/

/** What the network said, in words for people; `code` is Node's or undici's. */
export const unreachable = (dependency: string, host: string, error: unknown): UpstreamError => {
  const code = codeOf(error)
  const cause = withoutData(error)
  if (code === 'upstream_forbidden_host') {
    return new UpstreamError(dependency, code, `${host} has a private address. It is called only where the configuration names one.`, { cause })
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return new UpstreamError(dependency, 'upstream_timeout', `${host} did not take the connection in time.`, { cause })
  }
  const why = code === 'ENOTFOUND' || code === 'EAI_AGAIN'
    ? `The name ${host} could not be resolved.`
    : TLS.test(code)
      ? `The certificate of ${host} was not accepted (${code}).`
      : code === 'ECONNREFUSED' ? `${host} refused the connection.` : `The connection to ${host} broke${code === '' ? '' : ` (${code})`}.`
  return new UpstreamError(dependency, 'upstream_unreachable', why, { cause })
}

/** Happy eyeballs hide the first cause in an aggregate. */
const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return ''
  const { code, cause, errors } = error as { code?: unknown, cause?: unknown, errors?: unknown[] }
  if (typeof code === 'string') return code
  const inner = cause ?? errors?.[0]
  return codeOf(inner)
}
