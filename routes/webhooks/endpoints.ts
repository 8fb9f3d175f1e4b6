// Outgoing webhooks: who is told of what happens here, what was delivered, and sending again.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { maskedSecret } from '../../src/core/webhooks/signature.ts'
import { DELIVERY_STATUSES, type WebhookDelivery, type WebhookEndpoint } from '../../src/core/webhooks/store.ts'
import { Actor, actorOf } from '../actor.ts'
import { iso, isoOrNull, locationOf } from '../present.ts'
import { answers, Id, NextCursor, Nullable, OneOf, pageOf, PageQuery, Time } from '../schemas.ts'

const Url = Type.String({
  minLength: 1,
  maxLength: 2_000,
  description: 'https and a public host, unless WEBHOOK_ALLOW_PRIVATE says otherwise. Redirects are not followed.',
  examples: ['https://example.com/hooks/royal']
})
const Events = Type.Array(Type.String({ minLength: 1, maxLength: 60 }), {
  minItems: 1,
  maxItems: 20,
  uniqueItems: true,
  description: '`job.succeeded`, `job.failed`, `job.dead`, `proposal.created`, `proposal.decided`, `freeze.set`, `freeze.lifted`; `freeze.*` for a family, ' +
    '`*` for all.',
  examples: [['job.dead', 'proposal.*']]
})
const Description = Nullable(Type.String({ maxLength: 200 }))

const Endpoint = Type.Object({
  id: Id('The endpoint.'),
  url: Url,
  description: Description,
  events: Type.Array(Type.String()),
  status: OneOf(['enabled', 'disabled']),
  reason: Nullable(Type.String({ description: 'Why it is disabled, where nobody did it: it answered 410, or nothing reached it for a day.' })),
  secret_hint: Type.String({ examples: ['whsec_…3fA='] }),
  old_secret_until: Nullable(Time('Until then the secret before this one signs as well.')),
  created_at: Time('When it was entered.'),
  updated_at: Time('When it was changed.')
})
const WithSecret = Type.Object({
  ...Endpoint.properties,
  secret: Nullable(Type.String({ description: 'Shown this once, and only when it is new: the receiver checks signatures with it.', examples: ['whsec_...'] }))
})

const Delivery = Type.Object({
  id: Id('The delivery.'),
  message_id: Id('The header `webhook-id`: a message that is sent again keeps it.'),
  type: Type.String(),
  status: OneOf(DELIVERY_STATUSES, { description: '`dead`: given up; `dropped`: the endpoint was disabled when its turn came.' }),
  attempts: Type.Integer(),
  last_status: Nullable(Type.Integer({ description: 'Of the last answer; null: there was none. The rest of an answer is not kept.' })),
  last_error: Nullable(Type.String()),
  last_ms: Nullable(Type.Integer()),
  job_id: Id('The job that sends it: `GET /jobs/:id` says when it is tried again.'),
  replay_of: Nullable(Id('The delivery that this one repeats.')),
  created_at: Time('When it happened.'),
  attempted_at: Nullable(Time('When it was last tried.')),
  finished_at: Nullable(Time('When it ended.'))
})

const Params = Type.Object({ id: Id('From GET /webhooks/endpoints.') })
const DeliveryParams = Type.Object({ ...Params.properties, delivery_id: Id('From the list of deliveries.') })

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { webhooks } = app.orchestrator

  app.get('/webhooks/endpoints', {
    schema: {
      operationId: 'listWebhookEndpoints',
      tags: ['webhooks'],
      summary: 'List who is told of what happens here',
      response: answers({ 200: Type.Object({ endpoints: Type.Array(Endpoint), total: Type.Integer() }) })
    }
  }, async () => {
    const list = await webhooks.list()
    return { endpoints: list.map(present), total: list.length }
  })

  app.post('/webhooks/endpoints', {
    schema: {
      operationId: 'createWebhookEndpoint',
      tags: ['webhooks'],
      summary: 'Tell a URL of what happens here',
      description: 'Messages are POSTed as JSON with the headers of Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`). Anything but ' +
        'a 2xx within 10 s is tried again, for a day. A message may come more than once and out of order: go by `webhook-id`. A 410 ends it. The answer ' +
        'holds the secret, once.',
      body: Type.Object({ url: Url, events: Events, description: Type.Optional(Description), actor: Actor }),
      response: answers({ 201: WithSecret }, 400, 413, 415, 507)
    }
  }, async (request, reply) => {
    const { url, events, description = null } = request.body
    const endpoint = await webhooks.create({ url, events, description }, { actor: actorOf(request), request_id: request.id })
    reply.code(201).header('location', locationOf(request, `/webhooks/endpoints/${endpoint.id}`))
    return { ...present(endpoint), secret: endpoint.secret }
  })

  app.get('/webhooks/endpoints/:id', {
    schema: {
      operationId: 'getWebhookEndpoint', tags: ['webhooks'], summary: 'Look at an endpoint', params: Params, response: answers({ 200: Endpoint }, 404)
    }
  }, async (request) => present(await webhooks.get(request.params.id)))

  app.patch('/webhooks/endpoints/:id', {
    schema: {
      operationId: 'changeWebhookEndpoint',
      tags: ['webhooks'],
      summary: 'Change an endpoint, switch it off or on, or give it a new secret',
      params: Params,
      body: Type.Object({
        url: Type.Optional(Url),
        events: Type.Optional(Events),
        description: Type.Optional(Description),
        enabled: Type.Optional(Type.Boolean()),
        rotate_secret: Type.Optional(Type.Boolean({ description: 'The secret before signs as well for 24 hours.' })),
        actor: Actor
      }),
      response: answers({ 200: WithSecret }, 400, 404, 413, 415, 507)
    }
  }, async (request) => {
    const { actor: _actor, ...change } = request.body
    const endpoint = await webhooks.change(request.params.id, change, { actor: actorOf(request), request_id: request.id })
    return { ...present(endpoint), secret: change.rotate_secret === true ? endpoint.secret : null }
  })

  app.delete('/webhooks/endpoints/:id', {
    schema: {
      operationId: 'deleteWebhookEndpoint',
      tags: ['webhooks'],
      summary: 'Tell an endpoint nothing more, and forget what was delivered to it',
      params: Params,
      response: answers({ 204: Type.Null({ description: 'It is gone.' }) }, 404, 413, 415, 507)
    }
  }, async (request, reply) => {
    await webhooks.remove(request.params.id, { actor: actorOf(request), request_id: request.id })
    return reply.code(204).send(null)
  })

  app.post('/webhooks/endpoints/:id/ping', {
    schema: {
      operationId: 'pingWebhookEndpoint',
      tags: ['webhooks'],
      summary: 'Send a message of the type webhook.ping, also to an endpoint that is switched off',
      params: Params,
      response: answers({ 202: Delivery }, 404, 413, 415, 507)
    }
  }, async (request, reply) => reply.code(202).send(presentDelivery(await webhooks.ping(request.params.id))))

  app.get('/webhooks/endpoints/:id/deliveries', {
    schema: {
      operationId: 'listWebhookDeliveries',
      tags: ['webhooks'],
      summary: 'List what was sent to an endpoint, newest first',
      description: 'Those of the last 30 days, at most 10,000.',
      params: Params,
      querystring: Type.Object({ status: Type.Optional(OneOf(DELIVERY_STATUSES)), ...PageQuery(100) }),
      response: answers({ 200: Type.Object({ deliveries: Type.Array(Delivery), next_cursor: NextCursor }) }, 400, 404)
    }
  }, async (request) => {
    const { status } = request.query
    const page = await webhooks.deliveries(request.params.id, status === undefined ? {} : { status }, pageOf(request.query))
    return { deliveries: page.items.map(presentDelivery), next_cursor: page.next_cursor }
  })

  app.post('/webhooks/endpoints/:id/deliveries/:delivery_id/replay', {
    schema: {
      operationId: 'replayWebhookDelivery',
      tags: ['webhooks'],
      summary: 'Send a message again, with the same webhook-id',
      params: DeliveryParams,
      response: answers({ 202: Delivery }, 404, 413, 415, 507)
    }
  }, async (request, reply) => reply.code(202).send(presentDelivery(await webhooks.replay(request.params.id, request.params.delivery_id))))
}

export default routes

const present = ({ secret, old_secret: _old, old_secret_until: until, created_at: created, updated_at: updated, ...endpoint }: WebhookEndpoint) => ({
  ...endpoint, secret_hint: maskedSecret(secret), old_secret_until: isoOrNull(until), created_at: iso(created), updated_at: iso(updated)
})

const presentDelivery = ({ body: _body, endpoint_id: _endpoint, ...delivery }: WebhookDelivery) => ({
  ...delivery, created_at: iso(delivery.created_at), attempted_at: isoOrNull(delivery.attempted_at), finished_at: isoOrNull(delivery.finished_at)
})
