// What every API request gets and the probes do without: constant security headers, the request id, and the 404 or 405 of unknown paths.
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '../src/core/errors.ts'
import { pathOf } from './error-body.ts'
import { sendError } from './errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route such as /agents/:name, to which a fixed path such as /agents/message, known for other methods, does not belong. */
    fixedPathsWin?: boolean
  }
}

export interface ApiHeadersOptions {
  /** Strict-Transport-Security is only meant where TLS ends in front of us. */
  production: boolean
  draining: () => boolean
}

const plugin: FastifyPluginCallback<ApiHeadersOptions> = (app, { production, draining }, done) => {
  const headers = constantHeaders(production)

  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers)
    reply.header('x-request-id', request.id)
    if (draining()) reply.header('connection', 'close')
    // Before the body is read: an unknown path has no opinion on it.
    if (request.is404 || (request.routeOptions.config.fixedPathsWin === true && isFixedPathOfOthers(request))) refuse(request, reply)
    else done()
  })

  app.setNotFoundHandler(refuse)
  done()
}

export default fp(plugin, { name: 'api-headers', fastify: '5.x', dependencies: ['errors', 'limits', 'route-methods'] })

const constantHeaders = (production: boolean): Record<string, string> => ({
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  ...(production ? { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } : {})
})

const isFixedPathOfOthers = (request: FastifyRequest): boolean =>
  !request.server.methodsOf(pathOf(request.url)).includes(request.method)

const refuse = (request: FastifyRequest, reply: FastifyReply): void => {
  // Guessing at paths has a quota, too.
  const over = request.server.countRefused(request, reply)
  if (over !== undefined) {
    sendError(over, undefined, request, reply)
    return
  }
  const methods = request.server.methodsOf(pathOf(request.url))
  const path = pathOf(request.originalUrl)
  if (methods.length > 0) reply.header('allow', methods.join(', '))
  const error = methods.length > 0
    ? new AppError('method_not_allowed', { message: `${path} answers ${methods.join(', ')}, not ${request.method}.` })
    : new AppError('not_found', { message: `Nothing answers ${request.method} ${path}. The API reference is at /docs.` })
  sendError(error, undefined, request, reply)
}
