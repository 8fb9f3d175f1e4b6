// A schedule as the API shows it.
import { Type } from '@sinclair/typebox'
import { AnyJson, Nullable, Time } from '../schemas.ts'

export const Schedule = Type.Object({
  id: Type.String({ examples: ['watchdog'] }),
  agent: Type.String({ examples: ['watchdog'] }),
  cron: Type.String({ examples: ['* * * * *'] }),
  timezone: Type.String({ examples: ['Europe/Berlin'] }),
  input: AnyJson('What the agent is given.'),
  paused: Type.Boolean(),
  built_in: Type.Boolean({ description: 'It comes with its agent: it can be paused and changed, not deleted.' }),
  next_due_at: Nullable(Time('When it fires next; null while it is paused.')),
  last_due_at: Nullable(Time('The last instant for which it fired.')),
  created_at: Time('When it was made.'),
  updated_at: Time('When it was last changed.')
})
