// The kill switch: freeze everything, one agent or one class of effect, now or by the calendar.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Actor, actorOf, Reason } from '../actor.ts'
import { presentFreeze } from '../present-effects.ts'
import { answers, Id, Nullable, Time } from '../schemas.ts'
import { AppError } from '../../src/core/errors.ts'

const Window = Type.Object({
  cron: Type.String({ minLength: 9, maxLength: 100, description: 'When it begins each time.', examples: ['0 18 * * 5'] }),
  timezone: Type.String({ minLength: 1, maxLength: 64, examples: ['Europe/Berlin'] }),
  minutes: Type.Integer({ minimum: 1, maximum: 60 * 24 * 31, description: 'How long it lasts each time.', examples: [3_780] })
}, { additionalProperties: false })

const Freeze = Type.Object({
  id: Id('The freeze.'),
  scope: Type.String({ examples: ['all', 'agent:pricing_optimizer', 'class:price_change'] }),
  active: Type.Boolean({ description: 'Whether it holds now.' }),
  reason: Type.String(),
  actor: Type.String(),
  created_at: Time('When it was decided.'),
  starts_at: Time('From when it holds.'),
  ends_at: Nullable(Time('Until when; null: until it is lifted.')),
  window: Nullable(Window),
  lifted_at: Nullable(Time('When it was lifted.')),
  lifted_by: Nullable(Type.String())
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { agents, freezes } = app.orchestrator

  app.get('/freeze', {
    schema: {
      operationId: 'listFreezes',
      tags: ['freeze'],
      summary: 'List what is frozen, now or later',
      querystring: Type.Object({ lifted: Type.Boolean({ default: false, description: 'Also those that are over.' }) }),
      response: answers({ 200: Type.Object({ frozen: Type.Boolean({ description: 'Whether everything is frozen now.' }), freezes: Type.Array(Freeze) }) }, 400)
    }
  }, async (request) => {
    const list = await freezes.list({ lifted: request.query.lifted })
    return { frozen: list.some(({ scope, active }) => scope === 'all' && active), freezes: list.map(presentFreeze) }
  })

  app.post('/freeze', {
    schema: {
      operationId: 'freeze',
      tags: ['freeze'],
      summary: 'Freeze effects',
      description: 'From the answer on no effect of the scope begins, in any process that shares the store, also after a restart. What waits is parked and ' +
        'goes on when the freeze is over.',
      body: Type.Object({
        scope: Type.String({
          default: 'all', maxLength: 100, description: '`all`, `agent:<name>` or `class:<class of effect>`.', examples: ['all', 'class:price_change']
        }),
        reason: Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', examples: ['Stock-taking.'] }),
        starts_at: Type.Optional(Time('Default: now.')),
        ends_at: Type.Optional(Time('Default: until it is lifted.')),
        window: Type.Optional(Window),
        actor: Actor
      }),
      response: answers({ 201: Freeze }, 400, 413, 415, 507)
    }
  }, async (request, reply) => {
    const { scope, reason, starts_at: starts, ends_at: ends, window } = request.body
    // A name that is misspelt would freeze nothing, and somebody would rely on it.
    const known = (await agents.list()).map(({ agent }) => agent.name)
    if (scope.startsWith('agent:') && !known.includes(scope.slice(6))) {
      throw new AppError('validation_failed', { message: `body.scope names no agent: they are ${known.join(', ')}.` })
    }
    const freeze = await freezes.freeze({
      scope,
      reason,
      ...(starts === undefined ? {} : { starts_at: timeOf('starts_at', starts) }),
      ...(ends === undefined ? {} : { ends_at: timeOf('ends_at', ends) }),
      ...(window === undefined ? {} : { window }),
      actor: actorOf(request),
      request_id: request.id
    })
    return reply.code(201).send(presentFreeze(freeze))
  })

  app.post('/freeze/:id/lift', {
    config: { answerAgain: () => ({ lifted: true }) },
    schema: {
      operationId: 'liftFreeze',
      tags: ['freeze'],
      summary: 'Lift a freeze',
      params: Type.Object({ id: Id('From GET /freeze.') }),
      body: Type.Optional(Type.Object({ actor: Actor, reason: Reason })),
      response: answers({ 200: Type.Object({ lifted: Type.Literal(true) }) }, 400, 404, 413, 415, 507)
    },
    preValidation: (request, _reply, done) => {
      request.body ??= {}
      done()
    }
  }, async (request) => {
    await freezes.lift(request.params.id, { actor: actorOf(request), reason: request.body?.reason ?? null, request_id: request.id })
    return { lifted: true as const }
  })
}

// The format lets leap seconds through; JavaScript has none.
const timeOf = (name: string, text: string): number => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new AppError('validation_failed', { message: `body.${name} is not a time.` })
  return time
}

export default routes
