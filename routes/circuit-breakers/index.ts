// GET /circuit-breakers: how each upstream is doing, as the breaker in front of it sees it.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { BREAKER_STATE_CODES, type BreakerState } from '../../src/core/breaker.ts'
import { presentBreaker } from '../present.ts'
import { answers, Nullable, OneOf, Time } from '../schemas.ts'

const STATES = Object.keys(BREAKER_STATE_CODES) as BreakerState[]

const CircuitBreaker = Type.Object({
  name: Type.String({ examples: ['shopify_api'] }),
  label: Type.String({ examples: ['Shopify Admin API'] }),
  configured: Type.Boolean({ description: 'False: there is nothing to call.' }),
  required: Type.Boolean({ description: 'Only a required dependency decides about readiness.' }),
  state: OneOf(STATES),
  state_code: Type.Integer({ description: STATES.map((state) => `${BREAKER_STATE_CODES[state]} ${state}`).join(', ') }),
  window: Type.Object({ calls: Type.Integer(), failures: Type.Integer(), slow: Type.Integer(), seconds: Type.Number() }),
  consecutive_failures: Type.Integer(),
  openings: Type.Integer({ description: 'Openings in a row.' }),
  next_probe_in_ms: Nullable(Type.Number({ description: 'While it is not closed: when the next call may go through.' })),
  opened_at: Nullable(Time('When it opened.')),
  last_error: Nullable(Type.Object({ code: Type.String(), message: Type.String(), at: Time('When it happened.') })),
  totals: Type.Object({ success: Type.Integer(), failure: Type.Integer(), throttled: Type.Integer(), cancelled: Type.Integer(), rejected: Type.Integer() })
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { breakers } = app

  app.get('/circuit-breakers', {
    schema: {
      operationId: 'listCircuitBreakers',
      tags: ['health'],
      summary: 'Look at the circuit breakers',
      response: answers({ 200: Type.Object({ circuit_breakers: Type.Array(CircuitBreaker), total: Type.Integer() }) })
    }
  }, async () => {
    const list = breakers.list().map(({ name, label, configured, required, breaker }) => presentBreaker(name, label, configured, required, breaker.snapshot()))
    return { circuit_breakers: list, total: list.length }
  })
}

export default routes
