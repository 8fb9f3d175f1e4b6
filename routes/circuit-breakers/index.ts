// Circuit breakers: how each upstream is doing, as the breaker in front of it sees it; hold one by hand; who did so.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '../../src/core/errors.ts'
import { actorOf } from '../actor.ts'
import { presentBreaker } from '../present.ts'
import { answers } from '../schemas.ts'
import auditRoutes from './audit.ts'
import { CircuitBreaker, Decision } from './schema.ts'

const BreakerParams = Type.Object({ name: Type.String({ description: 'From GET /circuit-breakers.', examples: ['shopify_api'] }) })

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { breakers, holds } = app.orchestrator
  const present = (name: string) => presentBreaker(holds.get(name), holds.of(name))

  app.get('/circuit-breakers', {
    schema: {
      operationId: 'listCircuitBreakers',
      tags: ['health'],
      summary: 'Look at the circuit breakers',
      response: answers({ 200: Type.Object({ circuit_breakers: Type.Array(CircuitBreaker), total: Type.Integer() }) })
    }
  }, async () => {
    const list = breakers.list().map(({ name }) => present(name))
    return { circuit_breakers: list, total: list.length }
  })

  app.get('/circuit-breakers/:name', {
    schema: {
      operationId: 'getCircuitBreaker',
      tags: ['health'],
      summary: 'Look at a circuit breaker',
      params: BreakerParams,
      response: answers({ 200: CircuitBreaker }, 404)
    }
  }, async (request) => present(request.params.name))

  app.post('/circuit-breakers/:name', {
    schema: {
      operationId: 'holdCircuitBreaker',
      tags: ['health'],
      summary: 'Hold a circuit breaker open or closed by hand, or reset it',
      description: 'A hold is stored: it survives a restart and lasts until `for_seconds` have passed or the next decision. Each decision is in `GET /audit`.',
      params: BreakerParams,
      body: Decision,
      response: answers({ 200: CircuitBreaker }, 400, 404, 413, 415, 507)
    }
  }, async (request) => {
    const { name } = request.params
    const { action, reason, for_seconds: seconds } = request.body
    if (action === 'reset' && seconds !== undefined) {
      throw new AppError('validation_failed', { message: 'body.for_seconds belongs to a hold: a reset has no end.' })
    }
    await holds.decide(name, {
      action,
      actor: actorOf(request),
      request_id: request.id,
      ...(reason === undefined ? {} : { reason }),
      ...(seconds === undefined ? {} : { for_seconds: seconds })
    })
    return present(name)
  })

  await app.register(auditRoutes)
}

export default routes
