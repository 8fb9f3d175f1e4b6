// Proposals: what agents want to change, and the decisions on it.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { EFFECT_CLASSES, type EffectClass } from '../../src/core/effects/items.ts'
import { PROPOSAL_STATUSES } from '../../src/core/effects/proposal.ts'
import { actorOf } from '../actor.ts'
import { presentProposal } from '../present-effects.ts'
import { answers, Id, NextCursor, OneOf, pageOf, PageQuery } from '../schemas.ts'
import { Approval, Proposal, Rejection } from './schema.ts'

const Params = Type.Object({ id: Id('From GET /proposals.') })

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { proposals } = app.orchestrator

  app.get('/proposals', {
    schema: {
      operationId: 'listProposals',
      tags: ['proposals'],
      summary: 'List what agents propose, newest first',
      querystring: Type.Object({
        status: Type.Optional(OneOf(PROPOSAL_STATUSES)),
        agent: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
        class: Type.Optional(OneOf(EFFECT_CLASSES as [EffectClass, ...EffectClass[]])),
        job_id: Type.Optional(Id('The run that proposed it.')),
        ...PageQuery(100)
      }),
      response: answers({ 200: Type.Object({ proposals: Type.Array(Proposal), total: Type.Integer(), next_cursor: NextCursor }) }, 400)
    }
  }, async (request) => {
    const { limit: _limit, cursor: _cursor, ...filter } = request.query
    const page = await proposals.list(filter, pageOf(request.query))
    return { proposals: page.items.map(presentProposal), total: page.total, next_cursor: page.next_cursor }
  })

  app.get('/proposals/:id', {
    schema: {
      operationId: 'getProposal',
      tags: ['proposals'],
      summary: 'Look at a proposal',
      params: Params,
      response: answers({ 200: Proposal }, 404)
    }
  }, async (request) => presentProposal(await proposals.get(request.params.id)))

  app.post('/proposals/:id/approve', {
    schema: {
      operationId: 'approveProposal',
      tags: ['proposals'],
      summary: 'Approve a proposal, or some of its changes',
      description: 'Bound to the plan whose `plan_hash` is given. With the last approval that it needs the job `apply_job_id` takes each change through ' +
        'freeze, policy and circuit breaker, and reads it back. A proposal is decided once.',
      params: Params,
      body: Approval,
      response: answers({ 200: Proposal }, 400, 404, 409, 413, 415, 507)
    }
  }, async (request) => {
    const { plan_hash: hash, items, reason } = request.body
    return presentProposal(await proposals.approve(request.params.id, {
      plan_hash: hash, ...(items === undefined ? {} : { items }), actor: actorOf(request), reason: reason ?? null, request_id: request.id
    }))
  })

  app.post('/proposals/:id/reject', {
    schema: {
      operationId: 'rejectProposal',
      tags: ['proposals'],
      summary: 'Reject a proposal',
      description: 'The same plan is not filed again before it would have expired.',
      params: Params,
      body: Rejection,
      response: answers({ 200: Proposal }, 400, 404, 409, 413, 415, 507)
    }
  }, async (request) => {
    const { plan_hash: hash, reason } = request.body
    return presentProposal(await proposals.reject(request.params.id, {
      plan_hash: hash, actor: actorOf(request), reason: reason ?? null, request_id: request.id
    }))
  })
}

export default routes
