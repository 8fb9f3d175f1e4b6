// The start page: a JSON index for programs, a page to look around and ask the assistant for people.
import { join } from 'node:path'
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answers, inTypes } from '../schemas.ts'

const Index = Type.Object({
  service: Type.String(),
  status: Type.Literal('ok'),
  version: Type.String(),
  backend: Type.Literal('fastify'),
  endpoints: Type.Object({
    health: Type.String(), readiness: Type.String(), metrics: Type.String(), command_center: Type.String(), api_docs: Type.String()
  })
})

export interface HomeOptions {
  service: string
  version: string
  legacyJson: boolean
}

const ASSETS = join(import.meta.dirname, 'assets')

const routes: FastifyPluginAsyncTypebox<HomeOptions> = async (app, { service, version, legacyJson }) => {
  const index = {
    service,
    status: 'ok' as const,
    version,
    backend: 'fastify' as const,
    endpoints: { health: '/healthz', readiness: '/readyz', metrics: '/metrics', command_center: '/command-center', api_docs: '/docs' }
  }

  const { default: files } = await import('@fastify/static')
  await app.register(files, { root: ASSETS, prefix: '/assets/', index: false, maxAge: '1h', schemaHide: true })

  app.get('/', {
    schema: {
      operationId: 'getIndex',
      tags: ['core'],
      summary: 'Start page',
      response: answers({
        200: inTypes('JSON for programs, HTML for browsers.', { 'application/json': Index, 'text/html': Type.String() })
      })
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    reply.header('vary', 'accept')
    if (request.wantsHtml() && !(legacyJson && request.hasNoPreference())) return reply.sendFile('index.html', { maxAge: 0 })
    return reply.send(index)
  })

  app.get('/favicon.ico', { schema: { hide: true } }, async (_request, reply) => reply.type('image/svg+xml').sendFile('icon.svg'))
}

export default routes
