// GET /history: how far the local copy of the shop's orders has come.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { iso } from '../present.ts'
import { answers, Nullable, OneOf, Time } from '../schemas.ts'

const History = Type.Object({
  source: Nullable(OneOf(['live', 'sandbox'], { description: 'Whose orders they are; null: none have been read yet, or there is no shop.' })),
  as_of: Nullable(Time('The shop as it was then.')),
  age_seconds: Nullable(Type.Integer({ minimum: 0, description: 'How long ago that was.', examples: [412] })),
  covers_from: Nullable(Time('No order before this is known: the shop shows no older ones, or has none.')),
  orders: Nullable(Type.Integer({ description: 'In the copy.', examples: [28856] }))
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { history, clock } = app.orchestrator

  app.get('/history', {
    schema: {
      operationId: 'getHistory',
      tags: ['agents'],
      summary: 'Look at the copy of the shop\'s orders that agents work with',
      description: 'Agents refresh it when they run. Before the first time everything is null.',
      response: answers({ 200: History })
    }
  }, async () => {
    const state = await history?.state()
    if (state === undefined) return { source: null, as_of: null, age_seconds: null, covers_from: null, orders: null }
    return {
      source: state.source,
      as_of: iso(state.as_of),
      age_seconds: Math.max(0, Math.floor((clock.now() - state.as_of) / 1000)),
      covers_from: iso(state.covers_from),
      orders: state.orders
    }
  })
}

export default routes
