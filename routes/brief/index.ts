// The daily brief.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { EFFECT_STATUSES } from '../../src/core/effects/store.ts'
import { AUTONOMY } from '../../src/core/effects/proposal.ts'
import { AppError } from '../../src/core/errors.ts'
import { iso, isoOrNull } from '../present.ts'
import { EffectClassName, Money } from '../proposals/schema.ts'
import { answers, Id, Nullable, OneOf, Time } from '../schemas.ts'

const DAY_MS = 86_400_000

const Brief = Type.Object({
  since: Time('From then on.'),
  until: Time('Up to now.'),
  summary: Type.Array(Type.String(), { description: 'In plain sentences, the most pressing first.' }),
  agents: Type.Array(Type.Object({
    name: Type.String(),
    health: Type.String(),
    autonomy: OneOf(AUTONOMY),
    runs: Type.Object({ succeeded: Type.Integer(), failed: Type.Integer(), others: Type.Integer() }),
    last_summary: Nullable(Type.String({ description: 'What its latest successful run said, whenever that was.' })),
    last_success_at: Nullable(Time('When that run ended.'))
  })),
  waiting: Type.Object({
    total: Type.Integer(),
    proposals: Type.Array(Type.Object({
      id: Id('The proposal.'),
      agent: Type.String(),
      class: EffectClassName,
      title: Type.String(),
      expires_at: Time('Until when it can be approved.'),
      expected_gain: Nullable(Money),
      at_risk: Nullable(Money),
      approvals_needed: Type.Integer(),
      plan_hash: Type.String()
    }), { description: 'The first 50, those that expire first before the others.' })
  }),
  effects: Type.Array(Type.Object({ class: EffectClassName, status: OneOf(EFFECT_STATUSES), count: Type.Integer() })),
  money: Type.Object({
    gain_waiting: Type.Array(Money, { description: 'Expected of what waits, a sum a currency; proposals that name none are not in it.' }),
    gain_applied: Type.Array(Money, { description: 'Expected of proposals that were applied whole and not undone.' }),
    given_back: Type.Array(Money, { description: 'Refunds that were made.' })
  }),
  broke: Type.Array(Type.Object({
    what: OneOf(['job', 'agent', 'circuit_breaker']), name: Type.String(), message: Type.String(), at: Nullable(Time('When.'))
  })),
  frozen: Type.Array(Type.Object({ id: Id('The freeze.'), scope: Type.String(), reason: Type.String(), since: Time('Since when.') })),
  missed_webhooks: Type.Integer({ description: 'Changes in the shop that no webhook had told of: they were read afterwards.' })
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/brief', {
    schema: {
      operationId: 'getBrief',
      tags: ['agents'],
      summary: 'What agents did, what waits for a decision, what broke, what moved in money',
      querystring: Type.Object({ since: Type.Optional(Time('Default: 24 hours ago. At most 366 days.')) }),
      response: answers({ 200: Brief }, 400)
    }
  }, async (request) => {
    const now = Date.now()
    const since = request.query.since === undefined ? now - DAY_MS : Date.parse(request.query.since)
    if (Number.isNaN(since) || since > now || since < now - 366 * DAY_MS) {
      throw new AppError('validation_failed', { message: 'querystring.since is a time within the last 366 days.' })
    }
    const brief = await app.orchestrator.brief(since)
    return {
      ...brief,
      since: iso(brief.since),
      until: iso(brief.until),
      agents: brief.agents.map((agent) => ({ ...agent, last_success_at: isoOrNull(agent.last_success_at) })),
      waiting: { ...brief.waiting, proposals: brief.waiting.proposals.map((proposal) => ({ ...proposal, expires_at: iso(proposal.expires_at) })) },
      broke: brief.broke.map((one) => ({ ...one, at: isoOrNull(one.at) })),
      frozen: brief.frozen.map((one) => ({ ...one, since: iso(one.since) }))
    }
  })
}

export default routes
