// Webhooks of Shopify and GitHub: signed over their bytes, taken once a delivery, stored before they are answered.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { AppError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/model.ts'
import { answers, Id, Nullable, OneOf } from '../schemas.ts'
import { githubFacts, isObject, privacyWish, shopifyFacts } from './facts.ts'

export interface WebhookRouteOptions {
  /** Keys of which one signed a delivery: during a change of keys there are two. Empty: not configured. */
  shopifySecrets: readonly string[]
  githubSecrets: readonly string[]
  /** The shop whose webhooks these are: `my-shop`; undefined: any that has the key. */
  shop: string | undefined
}

const Taken = Type.Object({
  event_id: Id('The event.'),
  duplicate: Type.Boolean({ description: 'True: this delivery had come before.' }),
  jobs: Type.Array(Type.String(), { description: 'The jobs that it caused.' }),
  ignored: Nullable(OneOf(['stale', 'echo'], {
    description: 'Why it made no job although somebody listens: `stale`, a newer state of the same thing was told before; `echo`, it tells of a change of ours.'
  }))
})

const header = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const TOPIC = /^[a-z_]{1,60}\/[a-z_]{1,60}$/
const EVENT = /^[a-z_]{1,60}$/
const DELIVERY = /^[\w-]{1,100}$/

const routes: FastifyPluginAsyncTypebox<WebhookRouteOptions> = async (app, { shopifySecrets, githubSecrets, shop }) => {
  const { events, echoes, privacy } = app.orchestrator
  // The signature is over the bytes as they came.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })

  const jsonOf = (request: FastifyRequest, secrets: readonly string[], signature: Buffer | undefined): { [key: string]: Json } => {
    if (secrets.length === 0) throw new AppError('webhooks_not_configured')
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const signed = signature !== undefined && secrets.some((secret) => {
      const own = createHmac('sha256', secret).update(body).digest()
      return own.length === signature.length && timingSafeEqual(own, signature)
    })
    if (!signed) throw new AppError('invalid_signature')
    const value = app.parseJson(body)
    if (!isObject(value)) throw new AppError('validation_failed', { message: 'The body is not a JSON object.' })
    return value
  }

  app.post('/webhooks/shopify', {
    // With the signature: whoever gets the answer again has shown that it was theirs.
    config: { queues: true, keyedBy: ['x-shopify-hmac-sha256', 'x-shopify-topic', 'x-shopify-webhook-id', 'x-shopify-shop-domain'] },
    schema: {
      operationId: 'takeShopifyWebhook',
      tags: ['events'],
      summary: 'Take a webhook of the shop',
      description: 'Signed by `X-Shopify-Hmac-Sha256` over the bytes of the body. It becomes an event whose type is the topic (`orders/create`), with ids, ' +
        'states and times of the body alone: names and addresses are not kept.',
      response: answers({ 200: Taken }, 400, 401, 413, 507)
    }
  }, async (request) => {
    const signature = header(request, 'x-shopify-hmac-sha256')
    const body = jsonOf(request, shopifySecrets, signature === undefined ? undefined : Buffer.from(signature, 'base64'))
    const topic = header(request, 'x-shopify-topic')
    const delivery = header(request, 'x-shopify-webhook-id')
    const domain = header(request, 'x-shopify-shop-domain')
    if (topic === undefined || !TOPIC.test(topic)) throw new AppError('validation_failed', { message: 'X-Shopify-Topic is not a topic.' })
    if (delivery === undefined || !DELIVERY.test(delivery)) throw new AppError('validation_failed', { message: 'X-Shopify-Webhook-Id is missing.' })
    if (shop !== undefined && domain !== `${shop}.myshopify.com`) {
      throw new AppError('validation_failed', { message: 'X-Shopify-Shop-Domain is not the shop of this service.' })
    }
    const wish = privacyWish(topic, body)
    const triggeredAt = header(request, 'x-shopify-triggered-at')?.slice(0, 100)
    const { data, resource, change, told } = shopifyFacts(topic, body, triggeredAt)
    const { event, jobs, duplicate } = await events.record({
      type: topic,
      data,
      source: 'shopify',
      delivery: `shopify:${delivery}`,
      echo: await echoes.isEcho(told, change),
      ...(resource === undefined ? {} : { subject: resource }),
      ...(change === undefined ? {} : { change }),
      ...(triggeredAt === undefined ? {} : { timestamp: triggeredAt })
    })
    if (wish === undefined) return { event_id: event.id, duplicate, jobs, ignored: event.ignored }
    // After a crash in between the delivery comes again, and is one request all the same.
    const { job_id: job } = await privacy.file({ ...wish, source: 'shopify', delivery: `shopify:${delivery}` })
    return { event_id: event.id, duplicate, jobs: [job], ignored: null }
  })

  app.post('/webhooks/github', {
    config: { queues: true, keyedBy: ['x-hub-signature-256', 'x-github-event', 'x-github-delivery'] },
    schema: {
      operationId: 'takeGithubWebhook',
      tags: ['events'],
      summary: 'Take a webhook of the repository',
      description: 'Signed by `X-Hub-Signature-256` over the bytes of the body. It becomes an event of the type `github.<event>`.',
      response: answers({ 200: Taken }, 400, 401, 413, 507)
    }
  }, async (request) => {
    const [, hex] = /^sha256=([0-9a-f]{64})$/.exec(header(request, 'x-hub-signature-256') ?? '') ?? []
    const body = jsonOf(request, githubSecrets, hex === undefined ? undefined : Buffer.from(hex, 'hex'))
    const name = header(request, 'x-github-event')
    const delivery = header(request, 'x-github-delivery')
    if (name === undefined || !EVENT.test(name)) throw new AppError('validation_failed', { message: 'X-GitHub-Event is not an event.' })
    if (delivery === undefined || !DELIVERY.test(delivery)) throw new AppError('validation_failed', { message: 'X-GitHub-Delivery is missing.' })
    const { event, jobs, duplicate } = await events.record({
      type: `github.${name}`, data: githubFacts(body), source: 'github', delivery: `github:${delivery}`
    })
    return { event_id: event.id, duplicate, jobs, ignored: event.ignored }
  })
}

export default routes
