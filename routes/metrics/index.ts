// GET /metrics: exposition text for Prometheus, a JSON summary for the clients of the old service.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '../../src/core/errors.ts'
import { iso } from '../present.ts'
import { answers, AnyJson, inTypes, Time } from '../schemas.ts'

const Summary = Type.Object({
  ok: Type.Literal(true),
  backend: Type.Literal('fastify'),
  version: Type.String(),
  uptime_seconds: Type.Number(),
  active_sessions: Type.Integer(),
  total_messages: Type.Integer(),
  total_requests: Type.Integer({ description: 'HTTP requests of this process since its start.' }),
  total_errors: Type.Integer({ description: 'Of these, answered with status 400 or above.' }),
  client_errors: Type.Integer({ description: 'Status 400 to 499.' }),
  server_errors: Type.Integer({ description: 'Status 500 and above.' }),
  timestamp: Time('When the figures were taken.'),
  system: AnyJson('Event loop, memory, jobs, queues, store, streams.')
})

const routes: FastifyPluginAsyncTypebox<{ version: string, legacyJson: boolean }> = async (app, { version, legacyJson }) => {
  const { orchestrator, telemetry } = app

  app.get('/metrics', {
    schema: {
      operationId: 'getMetrics',
      tags: ['core'],
      summary: 'Metrics, for Prometheus or as JSON',
      description: 'Prometheus text, unless `Accept` asks for JSON.',
      response: answers({
        200: inTypes('The figures of this process and its store.', { 'text/plain': Type.String(), 'application/json': Summary })
      })
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    if (telemetry.render === undefined) throw new AppError('metrics_disabled', { title: 'Metrics disabled' })
    reply.header('cache-control', 'no-store')
    const asJson = request.hasNoPreference() ? legacyJson : request.preferred(['text/plain', 'application/json']) === 'application/json'
    if (!asJson) {
      const { type, text } = await telemetry.render()
      return reply.type(type).serializer(String).send(text)
    }
    const { requests, client_errors: clientErrors, server_errors: serverErrors } = orchestrator.traffic
    const { at, uptime_seconds: uptime, ...system } = await orchestrator.system()
    return reply.send({
      ok: true,
      backend: 'fastify',
      version,
      uptime_seconds: uptime,
      active_sessions: system.store.sessions,
      total_messages: system.store.messages,
      total_requests: requests,
      total_errors: clientErrors + serverErrors,
      client_errors: clientErrors,
      server_errors: serverErrors,
      timestamp: iso(at),
      system
    })
  })
}

export default routes
