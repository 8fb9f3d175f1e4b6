// A bare Fastify: what the framework alone costs, with the schemas of the routes that are compared and nothing else.
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { serveControl } from './control.ts'

const Message = Type.Object({
  session_id: Type.String({ minLength: 1 }),
  role: Type.Unsafe<'user' | 'assistant'>({ type: 'string', enum: ['user', 'assistant'] }),
  content: Type.String({ maxLength: 4000, pattern: '\\S' }),
  multitask_strategy: Type.Optional(Type.Unsafe<string>({
    type: 'string', enum: ['enqueue', 'reject', 'interrupt', 'rollback'], default: 'enqueue'
  }))
})

const Received = Type.Object({
  status: Type.Literal('received'),
  message_id: Type.String({ format: 'uuid' }),
  job_id: Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'uuid' })
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/healthz', (_request, reply) => { reply.header('content-type', 'text/plain; charset=utf-8').send('ok') })
  app.post('/agents/message', { schema: { body: Message, response: { 200: Received } } }, async () => ({
    status: 'received' as const, message_id: randomUUID(), job_id: randomUUID()
  }))
}

const app = Fastify()
await app.register(routes)
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
serveControl({ port: (app.server.address() as AddressInfo).port })
