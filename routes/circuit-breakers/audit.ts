// GET /audit: what was decided by hand, by whom and why.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { presentAuditEntry } from '../present.ts'
import { answers, NextCursor, pageOf, PageQuery } from '../schemas.ts'
import { AuditEntry } from './schema.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { holds } = app.orchestrator

  app.get('/audit', {
    schema: {
      operationId: 'listAudit',
      tags: ['health'],
      summary: 'List what was decided by hand, newest first',
      querystring: Type.Object({
        target: Type.Optional(Type.String({
          minLength: 1, maxLength: 200, description: 'What it was about.', examples: ['circuit_breaker:shopify_api']
        })),
        ...PageQuery(100)
      }),
      response: answers({ 200: Type.Object({ audit: Type.Array(AuditEntry), next_cursor: NextCursor }) }, 400)
    }
  }, async (request) => {
    const { target } = request.query
    const page = await holds.audit(target === undefined ? {} : { target }, pageOf(request.query))
    return { audit: page.items.map(presentAuditEntry), next_cursor: page.next_cursor }
  })
}

export default routes
