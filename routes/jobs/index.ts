// Jobs: list, look at and wait for, cancel, retry; what they came to.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ownerSeen } from '../../src/core/access.ts'
import { JOB_STATUSES } from '../../src/core/model.ts'
import { presentJob } from '../present.ts'
import { answers, NextCursor, OneOf, pageOf, PageQuery } from '../schemas.ts'
import outputRoutes from './output.ts'
import { Job, JOB_KINDS, JobParams } from './schema.ts'

const MAX_WAIT_SECONDS = 30

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { jobs } = app.orchestrator

  app.get('/jobs', {
    schema: {
      operationId: 'listJobs',
      tags: ['jobs'],
      summary: 'List jobs, newest first',
      querystring: Type.Object({
        status: Type.Optional(OneOf(JOB_STATUSES)),
        kind: Type.Optional(OneOf(JOB_KINDS)),
        agent: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
        session_id: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
        ...PageQuery(100)
      }),
      response: answers({ 200: Type.Object({ jobs: Type.Array(Job), total: Type.Integer(), next_cursor: NextCursor }) }, 400)
    }
  }, async (request) => {
    const { status, kind, agent, session_id: sessionId } = request.query
    const owner = ownerSeen(request.caller)
    const page = await jobs.list({
      ...(owner === undefined ? {} : { owner }),
      ...(status === undefined ? {} : { status }),
      ...(kind === undefined ? {} : { kind }),
      ...(agent === undefined ? {} : { agent }),
      ...(sessionId === undefined ? {} : { session_id: sessionId })
    }, pageOf(request.query))
    return { jobs: page.items.map(presentJob), total: page.total, next_cursor: page.next_cursor }
  })

  app.get('/jobs/:id', {
    config: { stream: true },
    schema: {
      operationId: 'getJob',
      tags: ['jobs'],
      summary: 'Look at a job, or wait for its end',
      params: JobParams,
      querystring: Type.Object({
        wait: Type.Number({
          minimum: 0, maximum: MAX_WAIT_SECONDS, default: 0, description: 'Answer when the job has ended, after this many seconds at the latest.'
        })
      }),
      response: answers({ 200: Job }, 400, 404)
    }
  }, async (request) => presentJob(await jobs.wait(request.params.id, request.query.wait * 1000, request.signal, ownerSeen(request.caller))))

  app.post('/jobs/:id/cancel', {
    schema: {
      operationId: 'cancelJob',
      tags: ['jobs'],
      summary: 'Cancel a job',
      description: 'A job that waits ends at once. A running one is told to stop and ends within moments.',
      params: JobParams,
      response: answers({ 202: Job }, 400, 404, 409, 413, 415, 507)
    }
  }, async (request, reply) => reply.code(202).send(presentJob(await jobs.cancel(request.params.id, ownerSeen(request.caller)))))

  app.post('/jobs/:id/retry', {
    schema: {
      operationId: 'retryJob',
      tags: ['jobs'],
      summary: 'Run a failed, dead or cancelled job again',
      params: JobParams,
      response: answers({ 202: Job }, 400, 404, 409, 413, 415, 507)
    }
  }, async (request, reply) => reply.code(202).send(presentJob(await jobs.retry(request.params.id, ownerSeen(request.caller)))))

  await app.register(outputRoutes)
}

export default routes
