// Which form of an answer a client wants.
import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import Negotiator from 'negotiator'

declare module 'fastify' {
  interface FastifyRequest {
    /** True when the client named no preference: no Accept, or only the wildcard. */
    hasNoPreference (): boolean
    /** The client's favourite among the offered media types; the first when it has none, or likes none of them. */
    preferred<T extends string> (offered: readonly [T, ...T[]]): T
    /** True for browsers: they name text/html, and not JSON before it. */
    wantsHtml (): boolean
    /** True when Accept is, or begins with, application/json: the rule of the old web client for /health. */
    namesJsonFirst (): boolean
  }
}

const plugin: FastifyPluginCallback = (app, _options, done) => {
  app.decorateRequest('hasNoPreference', function (this: FastifyRequest) { return hasNoPreference(this) })
  app.decorateRequest('preferred', function <T extends string>(this: FastifyRequest, offered: readonly [T, ...T[]]) { return preferred(this, offered) })
  app.decorateRequest('wantsHtml', function (this: FastifyRequest) { return wantsHtml(this) })
  app.decorateRequest('namesJsonFirst', function (this: FastifyRequest) { return namesJsonFirst(this) })
  done()
}

export default fp(plugin, { name: 'negotiation', fastify: '5.x' })

const JSON_TYPE = 'application/json'
const HTML_TYPE = 'text/html'

const hasNoPreference = (request: FastifyRequest): boolean => {
  const accept = request.headers.accept
  return accept === undefined || accept.trim() === '' || /^\*\/\*(?:\s*;\s*q=[\d.]+)?$/.test(accept.trim())
}

const preferred = <T extends string>(request: FastifyRequest, offered: readonly [T, ...T[]]): T => {
  if (hasNoPreference(request)) return offered[0]
  return new Negotiator(request.raw).mediaType([...offered]) as T | undefined ?? offered[0]
}

export const wantsHtml = (request: FastifyRequest): boolean =>
  request.headers.accept?.includes(HTML_TYPE) === true && preferred(request, [JSON_TYPE, HTML_TYPE]) === HTML_TYPE

const namesJsonFirst = (request: FastifyRequest): boolean => {
  const first = request.headers.accept?.split(',', 1)[0]?.split(';', 1)[0]
  return first?.trim().toLowerCase() === JSON_TYPE
}
