// GET /docs: the API reference for people, an index for the clients of the old service; the document itself is at /docs/json.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import swaggerUi from '@fastify/swagger-ui'
import { AppError } from '../../src/core/errors.ts'

export interface DocsOptions {
  title: string
  version: string
  legacyJson: boolean
}

const routes: FastifyPluginAsyncTypebox<DocsOptions> = async (app, { title, version, legacyJson }) => {
  const index = () => ({
    message: `${title} API`,
    version,
    backend: 'fastify',
    openapi: '/docs/json',
    endpoints: Object.fromEntries(Object.entries(app.swagger().paths ?? {}).map(([path, operations]) => [path, Object.keys(operations ?? {}).map((method) => method.toUpperCase()).sort()]))
  })

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { docExpansion: 'list', deepLinking: true, displayRequestDuration: true, tryItOutEnabled: true },
    uiHooks: {
      onRequest (request, reply, next) {
        // Trailing slashes are strict everywhere.
        if (request.routeOptions.url === '/docs/') throw new AppError('not_found')
        const isPage = request.routeOptions.url === '/docs'
        const asJson = request.hasNoPreference() ? legacyJson : request.preferred(['text/html', 'application/json']) === 'application/json'
        if (isPage && asJson) reply.header('vary', 'accept').send(index())
        else next()
      }
    }
  })
}

export default routes
