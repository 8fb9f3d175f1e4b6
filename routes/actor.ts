// Who decides: the name of the key, or where nobody is asked for one the name that the body of the request gives.
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { ANONYMOUS, isSameActor } from '../src/core/effects/actors.ts'
import { AppError } from '../src/core/errors.ts'

/** Without keys a name is what the caller says it is; the request id in the audit leads to the log line with the address. */
export const Actor = Type.Optional(Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,79}$',
  description: 'Who decides, kept in the records. With a key it is the name of the key: another one is refused.',
  examples: ['anna']
}))

export const Reason = Type.Optional(Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', description: 'Kept in the records.' }))

/** Undefined: nobody gave a name. @throws AppError `actor_mismatch` */
export const nameOf = ({ caller, body }: Pick<FastifyRequest, 'caller' | 'body'>): string | undefined => {
  const { actor } = (body ?? {}) as { actor?: string }
  if (caller === null) return actor
  if (actor !== undefined && !isSameActor(actor, caller.name)) throw new AppError('actor_mismatch')
  return caller.name
}

/** For records, which always have one. @throws AppError `actor_mismatch` */
export const actorOf = (request: Pick<FastifyRequest, 'caller' | 'body'>): string => nameOf(request) ?? ANONYMOUS
