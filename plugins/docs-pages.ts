// The pages of the API reference: Swagger UI in an app of its own, so that nobody pays for it before the first visit.
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { AppError } from '../src/core/errors.ts'
import errors, { sendError } from './errors.ts'

// The one style element that Swagger UI's own script inserts. A new version may bring another: test/pages.test.ts sees it.
const SWAGGER_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"

export interface DocsPagesOptions {
  title: string
  /** The OpenAPI document. */
  document: object
  /** Directives of the Content-Security-Policy of our pages. */
  policy: Record<string, string[] | null>
  logger: FastifyBaseLogger
}

export const createDocsPages = async ({ title, document, policy, logger }: DocsPagesOptions): Promise<FastifyInstance> => {
  const [{ default: swagger }, { default: swaggerUi }, { default: helmet }] =
    await Promise.all([import('@fastify/swagger'), import('@fastify/swagger-ui'), import('@fastify/helmet')])
  const pages = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    // The route that hands a request over has put its own id here.
    requestIdHeader: 'x-request-id'
  })
  await pages.register(errors)
  pages.setNotFoundHandler((request, reply) => sendError(new AppError('not_found'), undefined, request, reply))
  await pages.register(helmet, { contentSecurityPolicy: { directives: { ...policy, styleSrc: ["'self'", SWAGGER_STYLE] } }, hsts: false })
  await pages.register(swagger, { mode: 'static', specification: { document: document as never } })
  await pages.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title },
    uiConfig: { docExpansion: 'list', deepLinking: true, displayRequestDuration: true, tryItOutEnabled: true }
  })
  await pages.ready()
  return pages
}
