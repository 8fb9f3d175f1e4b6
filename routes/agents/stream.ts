// GET /agents/stream: the reply to the latest message, as server-sent events. A view: leaving it stops nothing, coming back repeats nothing.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ownerSeen } from '../../src/core/access.ts'
import { AppError } from '../../src/core/errors.ts'
import { gapFrame } from '../../src/core/streams.ts'
import { answers, inTypes } from '../schemas.ts'

const SESSION_REQUIRED = 'session_id parameter is required'
const DISABLED = `data: ${JSON.stringify({ type: 'error', message: 'Streaming disabled' })}\n\n`

const EXAMPLE = 'id: 1\nevent: message\ndata: {"type":"delta","content":"All well.","session_id":"…","message_id":"…"}\n\n' +
  'id: 2\nevent: message\ndata: {"type":"done","status":"complete","session_id":"…","message_id":"…"}\n\n'

const routes: FastifyPluginAsyncTypebox<{ enabled: boolean }> = async (app, { enabled }) => {
  const { sessions, streams, health } = app.orchestrator

  app.get('/agents/stream', {
    config: { stream: true },
    schema: {
      operationId: 'streamReply',
      tags: ['sessions'],
      summary: 'Read the reply to the latest message as it is written',
      description: 'Ends with `done` or an `error` event. `done` says how (`status`: complete, cancelled, or incomplete with a `reason`), what the ' +
        'figures rest on (`sources`) and what the language model did for it (`usage`). Reconnect with `Last-Event-ID` to go on where it broke off; ' +
        'a reconnect after the end answers 204. `event: attempt` says that the reply begins again and earlier deltas are void. ' +
        '`event: gap` says that events before `first` are no longer stored.',
      querystring: Type.Object({
        session_id: Type.Optional(Type.String({ description: 'Required. From POST /agents/session.' })),
        last_event_id: Type.Optional(Type.String({ description: 'For clients that cannot set `Last-Event-ID`.' }))
      }),
      response: answers({
        200: inTypes('Server-sent events.', { 'text/event-stream': Type.String({ examples: [EXAMPLE] }) }),
        204: Type.Null({ description: 'The client has everything that there will be.' })
      }, 400, 404)
    }
  }, async (request, reply) => {
    const { session_id: id } = request.query
    if (id === undefined || id === '') throw new AppError('validation_failed', { title: SESSION_REQUIRED, message: `${SESSION_REQUIRED}.` })
    const start = await sessions.streamStart(id, request.lastEventId(), ownerSeen(request.caller))
    if (!enabled) {
      reply.endStream(DISABLED)
      return reply
    }
    if (start.state === 'over') return reply.code(204).send(null)
    if (health.draining) {
      reply.endStream('')
      return reply
    }
    reply.follow(streams, start.options, start.gap === undefined ? '' : gapFrame(id, start.gap.first))
    return reply
  })
}

export default routes
