// A circuit breaker, a decision about it and an audit entry, as the API shows them.
import { Type } from '@sinclair/typebox'
import { BREAKER_STATE_CODES, type BreakerState } from '../../src/core/breaker.ts'
import { AnyJson, Id, Nullable, OneOf, Time } from '../schemas.ts'

const STATES = Object.keys(BREAKER_STATE_CODES) as BreakerState[]
const ACTIONS = ['force_open', 'force_closed', 'reset'] as const
const LONGEST_HOLD_SECONDS = 30 * 24 * 3_600

const Hold = Type.Object({
  action: OneOf(['force_open', 'force_closed']),
  reason: Nullable(Type.String({ examples: ['Shopify announced maintenance.'] })),
  actor: Type.String({ description: 'Who decided it.', examples: ['api'] }),
  since: Time('When it was decided.'),
  until: Nullable(Time('When it ends by itself; null: with the next decision.'))
})

export const CircuitBreaker = Type.Object({
  name: Type.String({ examples: ['shopify_api'] }),
  label: Type.String({ examples: ['Shopify Admin API'] }),
  configured: Type.Boolean({ description: 'False: there is nothing to call.' }),
  required: Type.Boolean({ description: 'Only a required dependency decides about readiness.' }),
  state: OneOf(STATES),
  state_code: Type.Integer({ description: STATES.map((state) => `${BREAKER_STATE_CODES[state]} ${state}`).join(', ') }),
  hold: Nullable(Hold),
  window: Type.Object({ calls: Type.Integer(), failures: Type.Integer(), slow: Type.Integer(), seconds: Type.Number() }),
  consecutive_failures: Type.Integer(),
  openings: Type.Integer({ description: 'Openings in a row.' }),
  next_probe_in_ms: Nullable(Type.Number({ description: 'While it is not closed: when the next call may go through.' })),
  opened_at: Nullable(Time('When it opened.')),
  throttled_for_ms: Type.Integer({ description: 'The upstream told us to wait: nothing is sent for so long. 0 otherwise.' }),
  credential: OneOf(['unknown', 'accepted', 'rejected'], { description: 'What the upstream last said of our credential.' }),
  last_error: Nullable(Type.Object({ code: Type.String(), message: Type.String(), at: Time('When it happened.') })),
  totals: Type.Object({
    success: Type.Integer(), failure: Type.Integer(), throttled: Type.Integer(), cancelled: Type.Integer(), rejected: Type.Integer()
  }, { description: 'Since the start of the process; a reset keeps them.' })
})

export const Decision = Type.Object({
  action: OneOf(ACTIONS, {
    description: '`force_open` lets nothing through, `force_closed` everything; `reset` ends a hold and begins afresh: closed, with an empty window.'
  }),
  reason: Type.Optional(Type.String({
    minLength: 1, maxLength: 500, pattern: '\\S', description: 'Needed for a hold; it is kept in the audit.', examples: ['Shopify announced maintenance.']
  })),
  for_seconds: Type.Optional(Type.Integer({
    minimum: 1, maximum: LONGEST_HOLD_SECONDS, description: 'The hold ends by itself after this time. Not with `reset`.', examples: [3600]
  }))
}, {
  if: { required: ['action'], properties: { action: { enum: ['force_open', 'force_closed'] } } },
  then: { required: ['reason'] },
  examples: [{ action: 'force_open', reason: 'Shopify announced maintenance.', for_seconds: 3600 }]
})

export const AuditEntry = Type.Object({
  id: Id('The entry.'),
  at: Time('When it was decided.'),
  actor: Type.String({ examples: ['api'] }),
  request_id: Nullable(Type.String({ description: 'The request that carried it.', examples: ['5f0c1a2b-7'] })),
  action: Type.String({ examples: ['force_open'] }),
  target: Type.String({ examples: ['circuit_breaker:shopify_api'] }),
  reason: Nullable(Type.String({ examples: ['Shopify announced maintenance.'] })),
  before: AnyJson('What was so before; for a circuit breaker its `state` and `hold`.'),
  after: AnyJson('What is so since.')
})
