// Events: taken durably, with the jobs that they cause.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { JOB_STATUSES, type Json } from '../../src/core/model.ts'
import { contractFault, isBlank, isMissing, isObject, NO_JSON, type ContractRule } from '../contract.ts'
import { presentEvent } from '../present.ts'
import { answers, AnyJson, Id, Nullable, OneOf, Time } from '../schemas.ts'

const PostEvent = Type.Object({
  event_type: Type.String({ maxLength: 200, pattern: '\\S', examples: ['ticket.created'] }),
  data: Type.Optional(AnyJson('Anything; given to the agents as it is.')),
  timestamp: Type.Optional(Type.Union([Type.String({ maxLength: 100 }), Type.Number(), Type.Null()], {
    description: 'When it happened. Echoed as it is; now when absent.'
  }))
})

const RULES: ContractRule[] = [
  { broken: (body) => !isObject(body), error: NO_JSON },
  { broken: (body) => isMissing(body, 'event_type') || isBlank(body['event_type']), error: 'event_type is required' }
]

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { events } = app.orchestrator

  app.post('/events', {
    attachValidation: true,
    config: { queues: true },
    schema: {
      operationId: 'postEvent',
      tags: ['events'],
      summary: 'Report an event',
      body: PostEvent,
      response: answers({
        201: Type.Object({
          status: Type.Literal('accepted'),
          event_id: Id('The event.'),
          timestamp: Type.Unsafe<string | number>({ type: ['string', 'number'], description: 'What was sent, else now.' }),
          jobs: Type.Array(Type.String(), { description: 'The jobs that it caused: one a subscribed agent.' })
        })
      }, 400, 413, 415, 507)
    }
  }, async (request, reply) => {
    if (request.validationError !== undefined) throw contractFault(RULES, request.body) ?? request.validationError
    const { event_type: type, data, timestamp } = request.body
    const { event, jobs } = await events.record({
      type, data: (data ?? null) as Json, source: 'api', ...(timestamp === undefined || timestamp === null ? {} : { timestamp: String(timestamp) })
    })
    return reply.code(201).send({ status: 'accepted', event_id: event.id, timestamp: timestamp ?? event.timestamp, jobs })
  })

  app.get('/events/:id', {
    schema: {
      operationId: 'getEvent',
      tags: ['events'],
      summary: 'Look at an event and what it caused',
      params: Type.Object({ id: Type.String({ description: 'From POST /events.' }) }),
      response: answers({
        200: Type.Object({
          id: Id('The event.'),
          event_type: Type.String(),
          data: AnyJson('As it was sent.'),
          timestamp: Type.String(),
          source: Type.String({
            description: '`api`, `system`, `shopify`, `github`, or `reconciliation`: read from the shop because no webhook had told of it.'
          }),
          received_at: Time('When it was stored.'),
          ignored: Nullable(OneOf(['stale', 'echo'], { description: 'Why it made no job although somebody listens.' })),
          jobs: Type.Array(Type.Object({ id: Id('The job.'), agent: Nullable(Type.String()), status: OneOf(JOB_STATUSES) }))
        })
      }, 404)
    }
  }, async (request) => {
    const { event, jobs } = await events.get(request.params.id)
    return presentEvent(event, jobs)
  })
}

export default routes
