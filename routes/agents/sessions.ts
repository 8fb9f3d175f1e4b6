// Sessions: open one, list them, read one, cancel its reply, delete it.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ownerSeen } from '../../src/core/access.ts'
import { presentMessage, presentSession } from '../present.ts'
import { answers, Id, NextCursor, Nullable, OneOf, pageOf, PageQuery, Time } from '../schemas.ts'

const Session = Type.Object({
  id: Id('The session.'),
  created_at: Time('When it was opened.'),
  updated_at: Time('When the last message was stored.'),
  status: Type.Literal('active'),
  message_count: Type.Integer()
})

const Message = Type.Object({
  id: Id('The message.'),
  session_id: Id('Its session.'),
  role: OneOf(['user', 'assistant']),
  content: Type.String(),
  timestamp: Time('When it was stored.'),
  status: OneOf(['complete', 'interrupted'], { description: '`interrupted`: a reply that was cut short by a cancel or a limit of the language model.' }),
  reply_to: Nullable(Id('For a reply: the message that it answers.')),
  job_id: Nullable(Id('The job that answers it, or that wrote it.'))
})

const SessionParams = Type.Object({ session_id: Type.String({ description: 'From POST /agents/session.' }) })

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { sessions } = app.orchestrator

  app.post('/agents/session', {
    schema: {
      operationId: 'createSession',
      tags: ['sessions'],
      summary: 'Open a session',
      description: 'A body is not needed, and ignored.',
      response: answers({ 201: Type.Object({ session_id: Id('The new session.') }) }, 400, 413, 415, 507)
    }
  }, async (request, reply) => reply.code(201).send({ session_id: await sessions.create(request.caller?.id) }))

  app.get('/agents/sessions', {
    schema: {
      operationId: 'listSessions',
      tags: ['sessions'],
      summary: 'List sessions, oldest first',
      querystring: Type.Object(PageQuery(1000)),
      response: answers({ 200: Type.Object({ sessions: Type.Array(Session), total: Type.Integer(), next_cursor: NextCursor }) }, 400)
    }
  }, async (request) => {
    const page = await sessions.list(pageOf(request.query), ownerSeen(request.caller))
    return { sessions: page.items.map(presentSession), total: page.total, next_cursor: page.next_cursor }
  })

  app.get('/agents/session/:session_id', {
    schema: { operationId: 'getSession', tags: ['sessions'], summary: 'Look at a session', params: SessionParams, response: answers({ 200: Session }, 404) }
  }, async (request) => presentSession(await sessions.get(request.params.session_id, ownerSeen(request.caller))))

  app.get('/agents/session/:session_id/messages', {
    schema: {
      operationId: 'listMessages',
      tags: ['sessions'],
      summary: 'Read the conversation, oldest first',
      params: SessionParams,
      querystring: Type.Object(PageQuery(1000)),
      response: answers({
        200: Type.Object({ session_id: Id('The session.'), messages: Type.Array(Message), total: Type.Integer(), next_cursor: NextCursor })
      }, 400, 404)
    }
  }, async (request) => {
    const { session_id: id } = request.params
    const page = await sessions.messages(id, pageOf(request.query), ownerSeen(request.caller))
    return { session_id: id, messages: page.items.map(presentMessage), total: page.total, next_cursor: page.next_cursor }
  })

  app.post('/agents/session/:session_id/cancel', {
    schema: {
      operationId: 'cancelReplies',
      tags: ['sessions'],
      summary: 'Stop the reply under way and those that wait',
      description: 'A running reply ends within moments; its stream ends with `done` and `status: cancelled`. What was said is kept.',
      params: SessionParams,
      response: answers({
        202: Type.Object({ session_id: Id('The session.'), cancelled: Type.Array(Type.Object({ job_id: Id('The job.'), running: Type.Boolean() })) })
      }, 400, 404, 413, 415, 507)
    }
  }, async (request, reply) => {
    const { session_id: id } = request.params
    const cancelled = await sessions.cancel(id, ownerSeen(request.caller))
    return reply.code(202).send({ session_id: id, cancelled: cancelled.map((job) => ({ job_id: job.id, running: job.running })) })
  })

  app.delete('/agents/session/:session_id', {
    schema: {
      operationId: 'deleteSession',
      tags: ['sessions'],
      summary: 'Delete a session with its messages and its stream',
      params: SessionParams,
      response: answers({ 204: Type.Null({ description: 'It is gone.' }) }, 400, 404, 413, 415, 507)
    }
  }, async (request, reply) => {
    await sessions.remove(request.params.session_id, ownerSeen(request.caller))
    return reply.code(204).send(null)
  })
}

export default routes
