// Probes: liveness touches nothing, readiness writes to the store. They live in a scope without headers, logs and metrics of the API.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { iso } from '../present.ts'
import { inTypes, OneOf, Time } from '../schemas.ts'

const Check = Type.Object({
  name: Type.String({ examples: ['core_service'] }),
  healthy: Type.Boolean(),
  message: Type.String(),
  uptime_seconds: Type.Optional(Type.Number()),
  required: Type.Optional(Type.Boolean({ description: 'Only a required check decides about `ready`.' })),
  circuit_state: Type.Optional(OneOf(['closed', 'open', 'half_open'], { description: 'Only where the dependency is configured.' }))
})

const Readiness = Type.Object({
  ready: Type.Boolean(),
  status: OneOf(['healthy', 'degraded']),
  timestamp: Time('When the checks were made.'),
  checks: Type.Array(Check)
})

const Alive = inTypes('The process answers.', {
  'text/plain': Type.String({ examples: ['ok'] }),
  'application/json': Type.Object({ status: Type.String({ examples: ['ok'] }), service: Type.String() })
})

const OK = 'ok'
const PLAIN = 'text/plain; charset=utf-8'

const routes: FastifyPluginAsyncTypebox<{ serviceName: string }> = async (app, { serviceName }) => {
  const { health } = app.orchestrator

  app.get('/healthz', {
    schema: {
      operationId: 'getLiveness',
      tags: ['health'],
      summary: 'Is the process alive',
      response: { 200: inTypes('The process answers.', { 'text/plain': Type.String({ examples: [OK] }) }) }
    },
    serializerCompiler: () => String
  }, (_request, reply) => { reply.header('content-type', PLAIN).send(OK) })

  app.get('/health', {
    schema: { operationId: 'getHealth', tags: ['health'], summary: 'Is the process alive, as text or JSON', response: { 200: Alive } },
    serializerCompiler: () => JSON.stringify
  }, (request, reply) => {
    if (request.namesJsonFirst()) reply.send({ status: OK, service: serviceName })
    else reply.header('content-type', PLAIN).serializer(String).send(OK)
  })

  app.get('/readyz', {
    schema: {
      operationId: 'getReadiness',
      tags: ['health'],
      summary: 'Can the process do its work',
      description: 'Writes to the store, at most once a second. Optional dependencies make it `degraded`, never unready.',
      response: { 200: Readiness, 503: Readiness }
    }
  }, async (_request, reply) => {
    const { at, ...report } = await health.report()
    if (health.draining) reply.header('connection', 'close')
    return reply.code(report.ready ? 200 : 503).header('cache-control', 'no-store').send({ ...report, timestamp: iso(at) })
  })
}

export default routes
