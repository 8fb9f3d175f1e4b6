// Effects: the ledger of what was changed in the shop, the proof that it is whole, and undoing.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ownerSeen } from '../../src/core/access.ts'
import { EFFECT_CLASSES, type EffectClass } from '../../src/core/effects/items.ts'
import { EFFECT_STATUSES } from '../../src/core/effects/store.ts'
import { Actor, actorOf } from '../actor.ts'
import { signalOfCaller } from '../caller.ts'
import { locationOf, queuedAgain } from '../present.ts'
import { presentEffect } from '../present-effects.ts'
import { EffectClassName } from '../proposals/schema.ts'
import { answers, AnyJson, Id, NextCursor, Nullable, OneOf, pageOf, PageQuery, Time } from '../schemas.ts'

const Effect = Type.Object({
  id: Id('The effect.'),
  key: Type.String({ description: 'Names the intended change for ever: it has one effect.' }),
  proposal_id: Id('The proposal that it comes from.'),
  item_index: Type.Integer({ description: 'Place of the change in the proposal.' }),
  class: EffectClassName,
  agent: Type.String(),
  job_id: Id('The run that proposed it.'),
  target: Type.String({ description: 'What was changed.', examples: ['variant:gid://shopify/ProductVariant/45100000000258'] }),
  status: OneOf(EFFECT_STATUSES, {
    description: '`started`: it may have reached the shop; `done`: made and read back; `blocked`: a gate kept it; `conflict`: the shop had moved; ' +
      '`failed`: the shop refused it; `reverted`: undone.'
  }),
  item: AnyJson('The change.'),
  before: AnyJson('What the shop had.'),
  after: AnyJson('What the shop showed afterwards.'),
  result: AnyJson('What the shop answered.'),
  error: Nullable(Type.Object({ code: Type.String({ examples: ['moved'] }), message: Type.String() })),
  actors: Type.Array(Type.String(), { description: 'Who let it happen.' }),
  source: OneOf(['live', 'sandbox']),
  reverts: Nullable(Id('The effect that this one undoes.')),
  reverted_by: Nullable(Id('The effect that undid this one.')),
  started_at: Time('When it was begun.'),
  finished_at: Nullable(Time('When its outcome was known.'))
})

const Report = Type.Object({
  ok: Type.Boolean(),
  entries: Type.Integer({ description: 'Entries of the log.' }),
  effects: Type.Integer(),
  head: Type.String({ description: 'Hash of the last entry. Kept elsewhere, it shows later whether the end was cut off.' }),
  fault: Nullable(Type.Object({ seq: Nullable(Type.Integer()), effect_id: Nullable(Type.String()), message: Type.String() }))
})

const Params = Type.Object({ id: Id('From GET /effects.') })
const RevertBody = Type.Optional(Type.Object({ actor: Actor }))

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { effects } = app.orchestrator
  const withoutBody = (request: { body: unknown }, _reply: unknown, done: () => void): void => {
    request.body ??= {}
    done()
  }

  app.get('/effects', {
    schema: {
      operationId: 'listEffects',
      tags: ['effects'],
      summary: 'List what was changed or tried, newest first',
      querystring: Type.Object({
        status: Type.Optional(OneOf(EFFECT_STATUSES)),
        agent: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
        class: Type.Optional(OneOf(EFFECT_CLASSES as [EffectClass, ...EffectClass[]])),
        proposal_id: Type.Optional(Id('The proposal.')),
        job_id: Type.Optional(Id('The run that proposed it.')),
        ...PageQuery(100)
      }),
      response: answers({ 200: Type.Object({ effects: Type.Array(Effect), total: Type.Integer(), next_cursor: NextCursor }) }, 400)
    }
  }, async (request) => {
    const { limit: _limit, cursor: _cursor, ...filter } = request.query
    const page = await effects.list(filter, pageOf(request.query))
    return { effects: page.items.map(presentEffect), total: page.total, next_cursor: page.next_cursor }
  })

  app.get('/effects/verify', {
    schema: {
      operationId: 'verifyEffects',
      tags: ['effects'],
      summary: 'Check that the record is whole',
      description: 'Reads the whole log, follows its chain of hashes and compares it with the effects as they stand.',
      response: answers({ 200: Report })
    }
  }, async () => await effects.verify())

  app.get('/effects/:id', {
    config: { fixedPathsWin: true },
    schema: { operationId: 'getEffect', tags: ['effects'], summary: 'Look at an effect', params: Params, response: answers({ 200: Effect }, 404) }
  }, async (request) => presentEffect(await effects.get(request.params.id)))

  app.post('/effects/:id/revert', {
    config: { answerAgain: (result, request, reply) => ({ job_id: queuedAgain(result, request, reply).job_id }) },
    schema: {
      operationId: 'revertEffect',
      tags: ['effects'],
      summary: 'Undo an effect',
      description: 'Queues a job that puts back what the ledger recorded. 409 when the shop is not any more as the effect left it. A price is not put ' +
        'back below its floor.',
      params: Params,
      body: RevertBody,
      response: answers({ 202: Type.Object({ job_id: Id('The job that undoes it.') }) }, 400, 404, 409, 413, 415, 507)
    },
    preValidation: withoutBody
  }, async (request, reply) => {
    const made = await effects.revert(request.params.id, actorOf(request), signalOfCaller(reply))
    return reply.code(202).header('location', locationOf(request, `/jobs/${made.job_id}`)).send(made)
  })

  app.post('/jobs/:id/revert', {
    config: {
      async answerAgain (result, request, reply) {
        const { job_id: id } = queuedAgain(result, request, reply)
        const { payload } = await app.orchestrator.jobs.get(id)
        return { job_id: id, effects: (payload as { effect_ids: string[] }).effect_ids.length }
      }
    },
    schema: {
      operationId: 'revertJob',
      tags: ['effects'],
      summary: 'Undo all that a run of an agent brought about',
      description: 'What has been changed by somebody else since is left alone; the job says so.',
      params: Type.Object({ id: Id('The run of the agent.') }),
      body: RevertBody,
      response: answers({ 202: Type.Object({ job_id: Id('The job that undoes it.'), effects: Type.Integer() }) }, 400, 404, 409, 413, 415, 507)
    },
    preValidation: withoutBody
  }, async (request, reply) => {
    const made = await effects.revertJob((await app.orchestrator.jobs.get(request.params.id, ownerSeen(request.caller))).id, actorOf(request))
    return reply.code(202).header('location', locationOf(request, `/jobs/${made.job_id}`)).send(made)
  })
}

export default routes
