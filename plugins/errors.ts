// Turns whatever was thrown into the one error shape: JSON for programs, a page for browsers. Details of a 5xx stay in the log.
import type { FastifyError, FastifyPluginCallback, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'
import { CircuitOpenError, ThrottledError } from '../src/core/breaker-registry.ts'
import { BulkheadFullError } from '../src/core/bulkhead.ts'
import { CommerceError } from '../src/core/commerce-error.ts'
import { AppError, type ErrorCode } from '../src/core/errors.ts'
import { errorBody } from './error-body.ts'
import { wantsHtml } from './negotiation.ts'
import { errorPage, PAGE_CSP } from './pages.ts'

const plugin: FastifyPluginCallback = (app, _options, done) => {
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(toAppError(error), error, request, reply))
  done()
}

export default fp(plugin, { name: 'errors', fastify: '5.x' })

// Statuses for which a browser gets a page; the rest of the contract's 4xx are for programs.
const PAGE_STATUSES = new Set([404, 405, 500, 503])

export const sendError = (error: AppError, cause: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  if (error.statusCode >= 500) request.log.error({ err: cause, code: error.code }, 'a request failed')
  const body = errorBody(error, request.originalUrl, request.id)
  reply.code(error.statusCode).header('cache-control', 'no-store')
  if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000))
  if (PAGE_STATUSES.has(error.statusCode) && wantsHtml(request)) {
    return reply.header('content-security-policy', PAGE_CSP).type('text/html; charset=utf-8').send(errorPage(body))
  }
  // Past the route's serializer: an error has one shape, whatever the route answers otherwise.
  return reply.type('application/json; charset=utf-8').serializer(String).send(JSON.stringify(body))
}

/** Fastify's own faults by their codes; what is left is ours, and a 500. */
const CODES: Record<string, ErrorCode> = {
  FST_ERR_VALIDATION: 'validation_failed',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_BAD_URL: 'malformed_request',
  FST_ERR_NOT_FOUND: 'not_found',
  FST_STATIC_FORBIDDEN_PATH: 'not_found'
}

const toAppError = (error: FastifyError): AppError => {
  if (error instanceof AppError) return error
  if (error instanceof CircuitOpenError || error instanceof ThrottledError || error instanceof BulkheadFullError) {
    return new AppError('dependency_unavailable', { message: error.message, retryAfterMs: error.retryAfterMs, cause: error })
  }
  // What the shop refuses to tell is not the caller's fault, nor one of ours: its sentence is made to be shown.
  if (error instanceof CommerceError) return new AppError('dependency_unavailable', { message: error.message, ...retryOf(error), cause: error })
  const code = CODES[error.code] ?? codeOfFileServer(error) ?? codeOfLeaver(error)
  if (code === undefined) return new AppError('internal_error', { cause: error })
  return code === 'validation_failed' ? new AppError(code, { message: validationMessage(error) }) : new AppError(code)
}

const retryOf = ({ retryAfterMs }: CommerceError): { retryAfterMs?: number } => retryAfterMs === undefined ? {} : { retryAfterMs }

/** The file server refuses ranges, preconditions and directories with errors of its own that have a status and no code. */
const codeOfFileServer = (error: FastifyError & { status?: number, expose?: boolean }): ErrorCode | undefined => {
  if (error.expose !== true || error.status === undefined || error.status >= 500) return undefined
  return error.status === 403 || error.status === 404 ? 'not_found' : 'malformed_request'
}

/** A caller that leaves in the middle of its body gets a reset with status 400 from Fastify; a reset elsewhere is not the caller's. */
const codeOfLeaver = (error: FastifyError): ErrorCode | undefined =>
  error.code === 'ECONNRESET' && error.statusCode === 400 ? 'malformed_request' : undefined

/** Ajv's sentence names the place and the rule, never the value. */
const validationMessage = (error: FastifyError): string => {
  const [fault] = error.validation ?? []
  if (fault === undefined) return error.message
  const place = [error.validationContext ?? 'request', ...fault.instancePath.split('/').filter((part) => part !== '')].join('.')
  return `${place} ${ruleOf(fault)}.`
}

/** Two of Ajv's sentences do not say what would be right. */
const ruleOf = ({ keyword, params, message }: FastifySchemaValidationError): string => {
  const allowed = params['allowedValues']
  if (keyword === 'enum' && Array.isArray(allowed)) return `must be one of ${allowed.map(String).join(', ')}`
  if (keyword === 'pattern' && params['pattern'] === '\\S') return 'must not be blank'
  return message ?? 'does not fit the schema'
}
