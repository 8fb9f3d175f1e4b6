// GET /stream: what happens in the whole system, as server-sent events.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SYSTEM_STREAM } from '../../src/core/model.ts'
import { parsePosition } from '../../src/core/sessions.ts'
import { gapFrame } from '../../src/core/streams.ts'
import { answers, inTypes } from '../schemas.ts'

const EXAMPLE = 'id: 7\nevent: jobs\ndata: {"type":"jobs","changes":[{"id":"…","kind":"agent","name":"watchdog","agent":"watchdog",' +
  '"session_id":null,"status":"succeeded"}],"at":"2026-11-23T06:00:00.000Z"}\n\n'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { streams, store, health } = app.orchestrator

  app.get('/stream', {
    config: { stream: true },
    schema: {
      operationId: 'streamSystem',
      tags: ['core'],
      summary: 'Follow jobs, agents, proposals, freezes and circuit breakers as they change',
      description: 'Begins with what happens next; with `Last-Event-ID` where it broke off. ' +
        '`event: gap` says that events before `first` are no longer stored (the last 10,000 are).',
      querystring: Type.Object({ last_event_id: Type.Optional(Type.String({ description: 'For clients that cannot set `Last-Event-ID`.' })) }),
      response: answers({
        200: inTypes('Server-sent events: `jobs`, `agent`, `proposal`, `freeze`, `breaker`.', { 'text/event-stream': Type.String({ examples: [EXAMPLE] }) })
      }, 400)
    }
  }, async (request, reply) => {
    const { first, last } = await store.streamRange(SYSTEM_STREAM)
    const given = request.lastEventId()
    // A position beyond the end is from a store that is gone: its reader starts anew, and is told so.
    const position = given === undefined ? last : parsePosition(given)
    const after = Math.min(position, last)
    if (health.draining) {
      reply.endStream('')
      return reply
    }
    const gap = position > last || after + 1 < first ? gapFrame(SYSTEM_STREAM, first) : ''
    reply.follow(streams, { stream: SYSTEM_STREAM, after: Math.max(after, first - 1), untilFinal: false }, gap)
    return reply
  })
}

export default routes
