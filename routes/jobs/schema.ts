// A job as the API shows it.
import { Type } from '@sinclair/typebox'
import { JOB_STATUSES, PRIORITIES } from '../../src/core/model.ts'
import { AnyJson, Id, Nullable, OneOf, Time } from '../schemas.ts'

const Failure = Type.Object({
  attempt: Type.Integer(),
  at: Time('When the attempt failed.'),
  code: Type.String({ examples: ['timeout'] }),
  message: Type.String()
})

export const JobParams = Type.Object({ id: Type.String({ description: 'From GET /jobs, or from whatever made the job.' }) })

export const JOB_KINDS = ['reply', 'agent', 'event', 'effect', 'task', 'delivery'] as const

export const Job = Type.Object({
  id: Id('The job.'),
  kind: OneOf(JOB_KINDS, {
    description: '`reply` answers a message, `agent` runs an agent, `event` runs an agent because of an event, `effect` makes or undoes what was ' +
      'approved, `task` is what the system does by itself, `delivery` sends a webhook.'
  }),
  name: Type.String({ examples: ['watchdog'] }),
  status: OneOf(JOB_STATUSES),
  agent: Nullable(Type.String()),
  session_id: Nullable(Type.String()),
  priority: OneOf(PRIORITIES),
  source: Type.String({ description: 'Who asked: `message`, `api`, `schedule:<id>`, `event:<id>`, `assistant:<session>`.' }),
  attempt: Type.Integer(),
  max_attempts: Type.Integer(),
  reason: Nullable(Type.String({ description: 'Why it is parked, or why it was cancelled.' })),
  progress: Nullable(Type.Object({ fraction: Type.Number({ minimum: 0, maximum: 1 }), note: Type.String(), at: Time('When it was reported.') })),
  payload: AnyJson('What the job was given; `v` is its version.'),
  output: AnyJson('What it answered; for an agent `summary` and `result`. Null until it has succeeded.'),
  error: Nullable(Failure),
  failures: Type.Array(Failure, { description: 'The last ten, oldest first.' }),
  cancel_requested: Type.Boolean(),
  created_at: Time('When it was made.'),
  run_at: Time('Not before this time.'),
  started_at: Nullable(Time('When the last attempt began.')),
  finished_at: Nullable(Time('When it ended.'))
})
