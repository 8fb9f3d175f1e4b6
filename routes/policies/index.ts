// The policy: what agents may change, in versions, and a dry run on a plan.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { EFFECT_CLASSES, type EffectClass, type EffectItem } from '../../src/core/effects/items.ts'
import { PolicySchema } from '../../src/core/effects/policy.ts'
import { Actor, actorOf, Reason } from '../actor.ts'
import { signalOfCaller } from '../caller.ts'
import { AppError } from '../../src/core/errors.ts'
import { presentPolicy } from '../present-effects.ts'
import { Verdict } from '../proposals/schema.ts'
import { answers, AnyJson, NextCursor, Nullable, OneOf, pageOf, PageQuery, Time } from '../schemas.ts'

const StoredPolicy = Type.Object({
  version: Type.Integer({ description: '0 is the built-in one.' }),
  at: Nullable(Time('Since when it holds.')),
  actor: Type.String(),
  reason: Nullable(Type.String()),
  policy: PolicySchema
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { agents, policies, proposals } = app.orchestrator

  app.get('/policies', {
    schema: {
      operationId: 'getPolicy',
      tags: ['policies'],
      summary: 'Look at the policy in force',
      response: answers({ 200: StoredPolicy })
    }
  }, async () => presentPolicy(await policies.current()))

  app.put('/policies', {
    schema: {
      operationId: 'changePolicy',
      tags: ['policies'],
      summary: 'Change the policy',
      description: 'The whole policy, made on the version that is named. It holds for everything that has not been done yet, approved or not.',
      body: Type.Object({
        expected_version: Type.Integer({ minimum: 0, description: 'From GET /policies.' }), policy: PolicySchema, actor: Actor, reason: Reason
      }),
      response: answers({ 200: StoredPolicy }, 400, 409, 413, 415, 507)
    }
  }, async (request) => {
    const { expected_version: expected, policy, reason } = request.body
    // A rule for a name that is misspelt would hold for nobody.
    const known = (await agents.list()).map(({ agent }) => agent.name)
    const unknown = Object.keys(policy.agents).find((name) => !known.includes(name))
    if (unknown !== undefined) {
      throw new AppError('validation_failed', { message: `body.policy.agents.${unknown} names no agent: they are ${known.join(', ')}.` })
    }
    return presentPolicy(await policies.change({
      policy, expected_version: expected, actor: actorOf(request), reason: reason ?? null, request_id: request.id
    }))
  })

  app.get('/policies/history', {
    schema: {
      operationId: 'listPolicies',
      tags: ['policies'],
      summary: 'List earlier versions of the policy, newest first',
      querystring: Type.Object(PageQuery(100)),
      response: answers({ 200: Type.Object({ policies: Type.Array(StoredPolicy), next_cursor: NextCursor }) }, 400)
    }
  }, async (request) => {
    const page = await policies.history(pageOf(request.query))
    return { policies: page.items.map(presentPolicy), next_cursor: page.next_cursor }
  })

  app.post('/policies/evaluate', {
    schema: {
      operationId: 'evaluatePolicy',
      tags: ['policies'],
      summary: 'Try a plan on the policy, or on another one, without doing anything',
      description: 'Reads from the shop what the guard has to know, as it is done before a change is made.',
      body: Type.Object({
        agent: Type.String({ pattern: '^[a-z][a-z0-9_]{1,63}$', examples: ['pricing_optimizer'] }),
        class: OneOf(EFFECT_CLASSES as [EffectClass, ...EffectClass[]]),
        items: Type.Array(AnyJson('A change as in a proposal.'), { minItems: 1, maxItems: 100 }),
        policy: Type.Optional(PolicySchema)
      }),
      response: answers({ 200: Type.Object({ verdict: Verdict, policy_version: Nullable(Type.Integer({ description: 'Null: the one that was sent.' })) }) },
        400, 413, 415)
    }
  }, async (request, reply) => {
    const { agent, class: effectClass, items, policy } = request.body
    return await proposals.evaluate({ agent, class: effectClass, items: items as EffectItem[] }, policy, signalOfCaller(reply))
  })
}

export default routes
