// GET /jobs/:id/output: what a run of an agent came to, as JSON or as a table.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ownerSeen } from '../../src/core/access.ts'
import { answers, AnyJson, inTypes, OneOf } from '../schemas.ts'
import { JobParams } from './schema.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { agents, jobs } = app.orchestrator

  app.get('/jobs/:id/output', {
    schema: {
      operationId: 'getJobOutput',
      tags: ['jobs'],
      summary: 'Read the output of a run of an agent, as JSON or CSV',
      description: 'The `result` of the job\'s output. As CSV when `Accept` or `format` asks for it, of agents whose output is a table; of others that is 406.',
      params: JobParams,
      querystring: Type.Object({
        format: Type.Optional(OneOf(['json', 'csv'], { description: 'Decides whatever `Accept` says.' }))
      }),
      response: answers({
        200: inTypes('The output.', {
          'application/json': AnyJson('As the agent\'s output schema says.'),
          'text/csv': Type.String({ description: 'With a header line.', examples: ['sku,quantity\r\nRE-SAD-001-M,12\r\n'] })
        })
      }, 400, 404, 406)
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    const job = await jobs.get(request.params.id, ownerSeen(request.caller))
    const output = agents.outputOf(job)
    reply.header('vary', 'accept')
    const format = request.query.format ?? (request.preferred(['application/json', 'text/csv']) === 'text/csv' ? 'csv' : 'json')
    if (format === 'json') return reply.type('application/json; charset=utf-8').send(output)
    const csv = await agents.csvOf(job)
    return reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${job.name}-${job.id}.csv"`).serializer(String).send(csv)
  })
}

export default routes
