// Schedules: make, look at, change, pause, run now, and what they did.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Json } from '../../src/core/model.ts'
import { locationOf, presentSchedule, presentScheduleRun, queuedAgain } from '../present.ts'
import { answers, AnyJson, Id, NextCursor, Nullable, OneOf, pageOf, PageQuery, Time } from '../schemas.ts'
import { Schedule } from './schema.ts'

const ScheduleParams = Type.Object({ id: Type.String({ description: 'From GET /schedules.' }) })
const Cron = Type.String({ minLength: 9, maxLength: 100, description: 'Five fields (minute first), or six with seconds first.', examples: ['0 6 * * 1'] })
const Timezone = Type.String({ minLength: 1, maxLength: 64, description: 'IANA name.', examples: ['Europe/Berlin'] })

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { schedules, agents } = app.orchestrator

  app.get('/schedules', {
    schema: {
      operationId: 'listSchedules',
      tags: ['schedules'],
      summary: 'List schedules',
      response: answers({ 200: Type.Object({ schedules: Type.Array(Schedule), total: Type.Integer() }) })
    }
  }, async () => {
    const list = await schedules.list()
    return { schedules: list.map(presentSchedule), total: list.length }
  })

  app.post('/schedules', {
    schema: {
      operationId: 'createSchedule',
      tags: ['schedules'],
      summary: 'Make a schedule',
      body: Type.Object({
        id: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,63}$', description: 'Yours to choose.', examples: ['watchdog-nightly'] }),
        agent: Type.String({ examples: ['watchdog'] }),
        cron: Cron,
        timezone: Type.Optional(Timezone),
        input: Type.Optional(AnyJson('What the agent is given. Default: `{}`.'))
      }),
      response: answers({ 201: Schedule }, 400, 404, 409, 413, 415, 507)
    }
  }, async (request, reply) => {
    const { id, agent, cron, timezone, input } = request.body
    const schedule = await schedules.create({ id, agent, cron, timezone: timezone ?? 'UTC', input: (input ?? {}) as Json })
    return reply.code(201).header('location', locationOf(request, `/schedules/${id}`)).send(presentSchedule(schedule))
  })

  app.get('/schedules/:id', {
    schema: {
      operationId: 'getSchedule',
      tags: ['schedules'],
      summary: 'Look at a schedule',
      params: ScheduleParams,
      response: answers({ 200: Schedule }, 404)
    }
  }, async (request) => presentSchedule(await schedules.get(request.params.id)))

  app.get('/schedules/:id/runs', {
    schema: {
      operationId: 'listScheduleRuns',
      tags: ['schedules'],
      summary: 'What a schedule did, newest first',
      params: ScheduleParams,
      querystring: Type.Object(PageQuery(100)),
      response: answers({
        200: Type.Object({
          runs: Type.Array(Type.Object({
            due_at: Time('The instant.'),
            fired_at: Time('When it was seen.'),
            job_id: Nullable(Id('The job.')),
            outcome: OneOf(['queued', 'skipped_overlap'], { description: '`skipped_overlap`: the run before it was not finished.' }),
            missed: Type.Integer({ description: 'Instants before this one that nobody could fire; they run once, as this one.' })
          })),
          next_cursor: NextCursor
        })
      }, 400, 404)
    }
  }, async (request) => {
    const page = await schedules.runs(request.params.id, pageOf(request.query))
    return { runs: page.items.map(presentScheduleRun), next_cursor: page.next_cursor }
  })

  app.patch('/schedules/:id', {
    schema: {
      operationId: 'changeSchedule',
      tags: ['schedules'],
      summary: 'Pause, resume or change a schedule',
      description: 'Instants that pass during a pause are not made up for.',
      params: ScheduleParams,
      body: Type.Object({
        paused: Type.Optional(Type.Boolean()),
        cron: Type.Optional(Cron),
        timezone: Type.Optional(Timezone),
        input: Type.Optional(AnyJson('What the agent is given.'))
      }),
      response: answers({ 200: Schedule }, 400, 404, 413, 415, 507)
    }
  }, async (request) => {
    const { paused, cron, timezone, input } = request.body
    return presentSchedule(await schedules.change(request.params.id, {
      ...(paused === undefined ? {} : { paused }),
      ...(cron === undefined ? {} : { cron }),
      ...(timezone === undefined ? {} : { timezone }),
      ...(input === undefined ? {} : { input: input as Json })
    }))
  })

  app.post('/schedules/:id/run', {
    config: { answerAgain: queuedAgain, queues: true },
    schema: {
      operationId: 'runSchedule',
      tags: ['schedules'],
      summary: 'Run what a schedule runs, now',
      params: ScheduleParams,
      response: answers({ 202: Type.Object({ job_id: Id('The job.'), deduplicated: Type.Boolean() }) }, 400, 404, 409, 413, 415, 507)
    }
  }, async (request, reply) => {
    const schedule = await schedules.get(request.params.id)
    const { id, deduplicated } = await agents.run(schedule.agent, {
      // Whoever has it run is the one who asked for it, as at POST /agents/:name/run.
      input: schedule.input, source: request.caller === null ? `schedule:${schedule.id}` : `api:${request.caller.name}`
    })
    return reply.code(202).header('location', locationOf(request, `/jobs/${id}`)).send({ job_id: id, deduplicated })
  })

  app.delete('/schedules/:id', {
    config: { answerAgain: (_result, _request, reply) => { reply.code(204); return null } },
    schema: {
      operationId: 'deleteSchedule',
      tags: ['schedules'],
      summary: 'Delete a schedule',
      params: ScheduleParams,
      response: answers({ 204: Type.Null({ description: 'It is gone.' }) }, 400, 404, 409, 413, 415, 507)
    }
  }, async (request, reply) => {
    await schedules.remove(request.params.id)
    return reply.code(204).send(null)
  })
}

export default routes
