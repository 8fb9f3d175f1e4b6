// Who decides, as the body of a request names them.
import { Type } from '@sinclair/typebox'
import { ANONYMOUS } from '../src/core/effects/actors.ts'

/** Without keys a name is what the caller says it is; the request id in the audit leads to the log line with the address. */
export const Actor = Type.Optional(Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,79}$', description: 'Who decides. Kept in the records.', examples: ['anna']
}))

export const Reason = Type.Optional(Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', description: 'Kept in the records.' }))

export const actorOf = (body: { actor?: string } | undefined): string => body?.actor ?? ANONYMOUS
