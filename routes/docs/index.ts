// GET /docs: the API reference for people, an index for the clients of the old service; the document itself is at /docs/json.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { answers, AnyJson, inTypes } from '../schemas.ts'

export interface DocsOptions {
  title: string
  version: string
  legacyJson: boolean
  /** Makes the app that serves the pages of the reference. Called with the first visit: loading them costs a tenth of a second. */
  createPages: (document: object) => Promise<FastifyInstance>
}

const routes: FastifyPluginAsyncTypebox<DocsOptions> = async (app, { title, version, legacyJson, createPages }) => {
  let pages: Promise<FastifyInstance> | undefined
  const loadPages = (): Promise<FastifyInstance> => {
    pages ??= createPages(app.swagger())
    pages.catch(() => { pages = undefined })
    return pages
  }
  app.addHook('onClose', async () => { await (await pages)?.close() })

  const index = () => ({
    message: `${title} API`,
    version,
    backend: 'fastify',
    openapi: '/docs/json',
    endpoints: Object.fromEntries(Object.entries(app.swagger().paths ?? {})
      .map(([path, operations]) => [path, Object.keys(operations ?? {}).map((method) => method.toUpperCase()).sort()]))
  })

  app.get('/docs', {
    schema: {
      operationId: 'getDocs',
      tags: ['core'],
      summary: 'API reference',
      response: answers({
        200: inTypes('HTML for browsers, an index for programs that ask for JSON.', {
          'text/html': Type.String(),
          'application/json': Type.Object({
            message: Type.String(), version: Type.String(), backend: Type.String(), openapi: Type.String(), endpoints: AnyJson('Methods by path.')
          })
        })
      })
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    reply.header('vary', 'accept')
    const asJson = request.hasNoPreference() ? legacyJson : request.preferred(['text/html', 'application/json']) === 'application/json'
    if (asJson) return reply.send(index())
    const site = await loadPages()
    reply.hijack()
    request.raw.headers['x-request-id'] = request.id
    site.routing(request.raw, reply.raw)
  })

  app.get('/docs/json', { schema: { hide: true } }, async (_request, reply) => reply.send(app.swagger()))

  app.get('/docs/static/*', { schema: { hide: true } }, async (request, reply) => {
    const site = await loadPages()
    reply.hijack()
    request.raw.headers['x-request-id'] = request.id
    site.routing(request.raw, reply.raw)
  })
}

export default routes
