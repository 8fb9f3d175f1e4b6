// Store agents: list, look at, run, pause and resume.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '../../src/core/errors.ts'
import { AUTONOMY } from '../../src/core/effects/proposal.ts'
import { PRIORITIES, type Json } from '../../src/core/model.ts'
import { Actor, actorOf, nameOf } from '../actor.ts'
import { Job } from '../jobs/schema.ts'
import { locationOf, presentAgent, presentJob, queuedAgain } from '../present.ts'
import { Schedule } from '../schedules/schema.ts'
import { answers, AnyJson, Id, Nullable, OneOf, Time } from '../schemas.ts'

const AUTONOMY_TEXT = '`observe`: records what it would have done; `suggest`: a person approves each proposal; `act_with_approval`: does by itself what the ' +
  'policy calls auto, unless money moves; `autonomous`: all that the policy calls auto.'

const Agent = Type.Object({
  name: Type.String({ examples: ['watchdog'] }),
  description: Type.String(),
  enabled: Type.Boolean(),
  autonomy: OneOf(AUTONOMY, { description: AUTONOMY_TEXT }),
  health: OneOf(['healthy', 'failing', 'paused', 'unknown'], { description: '`unknown` until the first run has ended.' }),
  paused_reason: Nullable(Type.String()),
  paused_at: Nullable(Time('When it was paused.')),
  consecutive_failures: Type.Integer(),
  last_success_at: Nullable(Time('When a run last succeeded.')),
  last_failure_at: Nullable(Time('When a run last failed.')),
  last_error: Nullable(Type.String()),
  events: Type.Array(Type.String(), { description: 'Event types that make it run.' }),
  schedules: Type.Array(Schedule),
  next_run_at: Nullable(Time('When a schedule starts it next.')),
  last_run: Nullable(Job)
})

const AgentDetail = Type.Composite([Agent, Type.Object({
  shadow: Type.Object({
    proposals: Type.Integer(), scored: Type.Integer(), same: Type.Integer(), untouched: Type.Integer(), different: Type.Integer(), unknown: Type.Integer()
  }, {
    description: 'While it only observed: its proposals, those that have been compared with the shop, and by change: made by people the same, not touched, ' +
      'made differently, unknown.'
  }),
  input_schema: AnyJson('JSON Schema of the input.'),
  output_schema: AnyJson('JSON Schema of the output.'),
  runs: Type.Array(Job, { description: 'The last ten runs, newest first.' })
})])

const AgentParams = Type.Object({ name: Type.String({ description: 'From GET /agents.' }) })
const RUNS_SHOWN = 10

const RunBody = Type.Object({
  input: Type.Optional(AnyJson('Fits the `input_schema` of the agent. Default: `{}`.')),
  priority: Type.Optional(OneOf(PRIORITIES, { default: 'normal' })),
  run_at: Type.Optional(Time('Not before this time. Default: now.')),
  actor: Actor,
  dedupe_key: Type.Optional(Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'While a run with this key is not finished, it is answered instead of a new one.'
  }))
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { agents, jobs } = app.orchestrator

  app.get('/agents', {
    schema: {
      operationId: 'listAgents',
      tags: ['agents'],
      summary: 'List the agents and how each is doing',
      response: answers({ 200: Type.Object({ agents: Type.Array(Agent), total: Type.Integer() }) })
    }
  }, async () => {
    const list = await agents.list()
    return { agents: list.map(presentAgent), total: list.length }
  })

  app.get('/agents/:name', {
    config: { fixedPathsWin: true },
    schema: {
      operationId: 'getAgent',
      tags: ['agents'],
      summary: 'Look at an agent and its last runs',
      params: AgentParams,
      response: answers({ 200: AgentDetail }, 404)
    }
  }, async (request) => {
    const overview = await agents.get(request.params.name)
    const runs = await jobs.list({ agent: request.params.name }, { limit: RUNS_SHOWN })
    return {
      ...presentAgent(overview),
      shadow: await agents.shadow(request.params.name),
      input_schema: overview.agent.input as unknown,
      output_schema: overview.agent.output as unknown,
      runs: runs.items.map(presentJob)
    }
  })

  app.post('/agents/:name/run', {
    config: { answerAgain: queuedAgain, queues: true },
    schema: {
      operationId: 'runAgent',
      tags: ['agents'],
      summary: 'Run an agent',
      description: 'Answers with the job; follow it at GET /jobs/:id, or GET /stream.',
      params: AgentParams,
      body: Type.Optional(RunBody),
      response: answers({
        202: Type.Object({ job_id: Id('The job.'), deduplicated: Type.Boolean({ description: 'True when an unfinished run of the same key is answered.' }) })
      }, 400, 404, 409, 413, 415, 507)
    },
    // A run with defaults needs no body.
    preValidation: (request, _reply, done) => {
      request.body ??= {}
      done()
    }
  }, async (request, reply) => {
    const { input, priority, run_at: runAt, dedupe_key: key } = request.body ?? {}
    const actor = nameOf(request)
    // The format lets leap seconds through; JavaScript has none.
    if (runAt !== undefined && Number.isNaN(Date.parse(runAt))) throw new AppError('validation_failed', { message: 'body.run_at is not a time.' })
    const { id, deduplicated } = await agents.run(request.params.name, {
      input: (input ?? {}) as Json,
      priority: priority ?? 'normal',
      source: actor === undefined ? 'api' : `api:${actor}`,
      ...(runAt === undefined ? {} : { run_at: Date.parse(runAt) }),
      ...(key === undefined ? {} : { dedupe_key: key })
    })
    return reply.code(202).header('location', locationOf(request, `/jobs/${id}`)).send({ job_id: id, deduplicated })
  })

  app.patch('/agents/:name', {
    config: { fixedPathsWin: true },
    schema: {
      operationId: 'changeAgent',
      tags: ['agents'],
      summary: 'Pause or resume an agent, or change how far it may go by itself',
      description: 'A paused agent does not run; what would start it is parked and runs after it is resumed. Its schedule is changed at ' +
        'PATCH /schedules/:id. Names `enabled`, `autonomy` or both.',
      params: AgentParams,
      body: Type.Object({
        enabled: Type.Optional(Type.Boolean()),
        autonomy: Type.Optional(OneOf(AUTONOMY, { description: AUTONOMY_TEXT })),
        actor: Actor
      }),
      response: answers({ 200: Agent }, 400, 404, 413, 415, 507)
    }
  }, async (request) => {
    const { name } = request.params
    const { enabled, autonomy } = request.body
    if (enabled === undefined && autonomy === undefined) {
      throw new AppError('validation_failed', { message: 'body names neither enabled nor autonomy.' })
    }
    if (autonomy !== undefined) await agents.setAutonomy(name, autonomy, { actor: actorOf(request), request_id: request.id })
    return presentAgent(enabled === undefined ? await agents.get(name) : await agents.setEnabled(name, enabled))
  })
}

export default routes
