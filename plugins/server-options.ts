// The options of the server: the same for production and for tests.
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { randomUUID } from 'node:crypto'
import { LogController, type FastifyBaseLogger, type FastifyReply, type FastifyServerOptions } from 'fastify'
import type { Config } from '../src/config/index.ts'
import { AppError, type ErrorCode } from '../src/core/errors.ts'
import type { Traffic } from '../src/core/traffic.ts'
import { UNKNOWN_ROUTE } from './answer-log.ts'
import { errorBody, pathOf } from './error-body.ts'
import { schemaController } from './schema-compilers.ts'

// An ES import of node:http builds all its exports, and with them the runtime's own undici: 35 ms of every start.
const { createServer } = process.getBuiltinModule('node:http')

const BODY_LIMIT_BYTES = 1024 * 1024
const API_PREFIX = '/api'

// Slow senders are cut: 300 sockets that sent a byte a second stayed open under Node's defaults.
const HEADERS_TIMEOUT_MS = 3_000
const REQUEST_TIMEOUT_MS = 5_000
const CHECK_CONNECTIONS_EVERY_MS = 1_000
// Above the idle timeout of common load balancers (60 s), so that they are the ones who close.
const KEEP_ALIVE_TIMEOUT_MS = 72_000
const MAX_PARAM_LENGTH = 200
const MAX_HEADER_BYTES = 16 * 1024

export interface ServerOptionsInput {
  config: Config
  logger: FastifyBaseLogger
  traffic: Traffic
}

export const serverOptions = ({ config, logger, traffic }: ServerOptionsInput): FastifyServerOptions => ({
  loggerInstance: logger,
  // Our own hook writes one line a request.
  logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
  genReqId: requestIds(),
  // One registration serves both prefixes.
  rewriteUrl: (request) => withoutPrefix(request.url ?? '/'),
  trustProxy: config.server.trustProxy.length > 0 ? [...config.server.trustProxy] : false,
  bodyLimit: BODY_LIMIT_BYTES,
  routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
  schemaController,
  // While it drains, the server still answers what reaches it.
  return503OnClosing: false,
  forceCloseConnections: 'idle',
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  allowErrorHandlerOverride: false,
  clientErrorHandler: answerBrokenRequest,
  frameworkErrors: (error, request, reply) => {
    const code: ErrorCode = error.code === 'FST_ERR_MAX_LENGTH' || error.statusCode === 414 ? 'uri_too_long' : 'malformed_request'
    const fault = new AppError(code)
    const answer: FastifyReply = reply
    const path = pathOf(request.originalUrl)
    // No route, so no hook of ours sees it.
    traffic.client_errors += 1
    request.log.info({ method: request.method, route: UNKNOWN_ROUTE, status: fault.statusCode, path, ip: request.ip }, 'request')
    const body = errorBody(fault, path, request.id)
    answer.code(fault.statusCode).type('application/json; charset=utf-8').send(JSON.stringify(body))
  },
  serverFactory: (handler) => createEdge(handler, traffic, config.limits.connections)
})

const withoutPrefix = (url: string): string => {
  if (!url.startsWith(API_PREFIX)) return url
  const next = url.charCodeAt(API_PREFIX.length)
  if (next === SLASH) return url.slice(API_PREFIX.length)
  return Number.isNaN(next) ? '/' : next === QUESTION_MARK ? `/${url.slice(API_PREFIX.length)}` : url
}

const SLASH = 0x2f
const QUESTION_MARK = 0x3f
const CALLER_REQUEST_ID = /^[\w.-]{8,64}$/

/** A caller's id is kept when it looks like one, so that a trace goes through; else one of ours, unique across processes. */
const requestIds = (): (request: { headers: IncomingMessage['headers'] }) => string => {
  const origin = randomUUID().slice(0, 8)
  let count = 0
  return (request) => {
    const given = request.headers['x-request-id']
    if (typeof given === 'string' && CALLER_REQUEST_ID.test(given)) return given
    count += 1
    return `${origin}-${count.toString(36)}`
  }
}

/** The HTTP server below Fastify: counts requests, and puts Node's own refusals into the shape of our errors. */
const createEdge = (handler: RequestListener, traffic: Traffic, mostConnections: number): Server => {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_CONNECTIONS_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Node would answer a missing Host with an empty body.
    requireHostHeader: false
  }, (request, response) => {
    traffic.requests += 1
    if (request.headers.host === undefined && request.httpVersion === '1.1') refuse('malformed_request', request, response, traffic)
    else handler(request, response)
  })
  if (mostConnections > 0) server.maxConnections = mostConnections
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    traffic.requests += 1
    refuse('expectation_failed', request, response, traffic)
  })
  return server
}

const refuse = (code: ErrorCode, request: IncomingMessage, response: ServerResponse, traffic: Traffic): void => {
  traffic.client_errors += 1
  const error = new AppError(code)
  const body = JSON.stringify(errorBody(error, request.url ?? '/', randomUUID()))
  response.writeHead(error.statusCode, { ...RAW_HEADERS, 'content-length': Buffer.byteLength(body), connection: 'close' }).end(body)
}

const RAW_HEADERS = { 'content-type': 'application/json; charset=utf-8', 'x-content-type-options': 'nosniff' }

/** What Node's parser refuses never becomes a request: the answer is written to the socket. */
function answerBrokenRequest (error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const fault = new AppError(codeOfParserError(error.code))
  const body = JSON.stringify(errorBody(fault, '', randomUUID()))
  socket.end([
    `HTTP/1.1 ${fault.statusCode} ${errorBody(fault, '', '').error}`,
    ...Object.entries(RAW_HEADERS).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close', '', body
  ].join('\r\n'))
}

const codeOfParserError = (code: string | undefined): ErrorCode => {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return 'headers_too_large'
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': return 'payload_too_large'
    case 'ERR_HTTP_REQUEST_TIMEOUT': return 'request_timeout'
    default: return 'malformed_request'
  }
}
