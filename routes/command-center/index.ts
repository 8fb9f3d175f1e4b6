// Redirects to the command center, which may live elsewhere.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answers } from '../schemas.ts'

const COMMAND_CENTER = '/command-center'

const routes: FastifyPluginAsyncTypebox<{ url: string | undefined }> = async (app, { url }) => {
  // Pointing at itself would send browsers in a circle.
  const target = url === undefined || ALIASES.has(url) || url === COMMAND_CENTER ? '/' : url
  const schema = (operationId: string, summary: string) => ({
    operationId,
    tags: ['core'],
    summary,
    response: answers({ 307: Type.Null({ description: 'The address is in `Location`.' }) })
  })

  app.get(COMMAND_CENTER, { schema: schema('openCommandCenter', 'To COMMAND_CENTER_URL; to the start page where none is set') },
    (_request, reply) => { reply.redirect(target, 307) })

  app.get('/control-center', { schema: schema('openControlCenter', 'Old name of the command center') },
    (_request, reply) => { reply.redirect(COMMAND_CENTER, 307) })

  app.get('/dashboard', { schema: schema('openDashboard', 'Old name of the command center') },
    (_request, reply) => { reply.redirect(COMMAND_CENTER, 307) })
}

export default routes

const ALIASES = new Set(['/control-center', '/dashboard'])
