// POST /agents/message: the rules of the contract, in its order and words.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ownerSeen } from '../../src/core/access.ts'
import { MULTITASK_STRATEGIES } from '../../src/core/model.ts'
import { contractFault, isObject, isBlank, isMissing, NO_JSON, type ContractRule } from '../contract.ts'
import { answers, Id, Nullable, OneOf } from '../schemas.ts'

const MAX_CHARACTERS = 4000
const ROLES = ['user', 'assistant'] as const

const PostMessage = Type.Object({
  session_id: Type.String({ minLength: 1, description: 'From POST /agents/session.' }),
  role: OneOf(ROLES, { description: '`user` is answered; `assistant` is only stored, as for imported history.' }),
  content: Type.String({
    maxLength: MAX_CHARACTERS,
    pattern: '\\S',
    description: 'Stored as it is, untrimmed. Counted in code points.',
    examples: ['How is the watchdog doing?']
  }),
  multitask_strategy: Type.Optional(OneOf(MULTITASK_STRATEGIES, {
    default: 'enqueue',
    description: 'While a reply is under way: wait behind it, refuse (409), stop it and keep what it said, or stop it and forget the exchange.'
  }))
})

const RULES: ContractRule[] = [
  { broken: (body) => !isObject(body), error: NO_JSON },
  { broken: (body) => isMissing(body, 'session_id'), error: 'session_id is required' },
  { broken: (body) => !ROLES.includes(body['role'] as 'user'), error: "role must be 'user' or 'assistant'" },
  { broken: (body) => isMissing(body, 'content') || isBlank(body['content']), error: 'content is required and cannot be empty' },
  { broken: (body) => typeof body['content'] === 'string' && [...body['content']].length > MAX_CHARACTERS, error: 'content must be 4000 characters or less' }
]

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { sessions } = app.orchestrator

  app.post('/agents/message', {
    attachValidation: true,
    config: { queues: true },
    schema: {
      operationId: 'postMessage',
      tags: ['sessions'],
      summary: 'Say something to the assistant',
      description: 'The message and the job that answers it are durable when this answers. Read the reply at GET /agents/stream.',
      body: PostMessage,
      response: answers({
        200: Type.Object({
          status: Type.Literal('received'),
          message_id: Id('The stored message.'),
          job_id: Nullable(Id('The job that answers it; null for role `assistant`.'))
        })
      }, 400, 404, 409, 413, 415, 429, 507)
    }
  }, async (request) => {
    if (request.validationError !== undefined) throw contractFault(RULES, request.body) ?? request.validationError
    const { session_id: sessionId, role, content, multitask_strategy: strategy } = request.body
    const posted = await sessions.post({ session_id: sessionId, role, content, strategy: strategy ?? 'enqueue' }, ownerSeen(request.caller))
    return { status: 'received' as const, ...posted }
  })
}

export default routes
