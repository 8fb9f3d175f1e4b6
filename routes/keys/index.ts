// API keys: make, list, revoke; and who one is.
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ACCESS_ROLES, AREAS } from '../../src/core/access.ts'
import { AppError } from '../../src/core/errors.ts'
import { KEY_NAME } from '../../src/core/keys.ts'
import type { StoredKey } from '../../src/core/store-keys.ts'
import { actorOf } from '../actor.ts'
import { iso, isoOrNull } from '../present.ts'
import { answers, Id, Nullable, OneOf, Time } from '../schemas.ts'

const RoleName = OneOf(ACCESS_ROLES, { description: 'Each may do all that those before it may.', examples: ['operator'] })
const Scope = OneOf(AREAS, { description: 'A tag of this document.' })

const FIELDS = {
  id: Id('The key.'),
  name: Type.String({ description: 'Whom records name as the one who decides.', examples: ['anna'] }),
  prefix: Type.String({ description: 'How the key begins.', examples: ['reo_Zk3v1Q'] }),
  role: RoleName,
  scopes: Nullable(Type.Array(Scope, { description: 'Null: everything that the role may do.' })),
  created_by: Type.String({ examples: ['first-admin'] }),
  created_at: Time('When it was made.'),
  expires_at: Nullable(Time('From when it does not hold any more.')),
  revoked_at: Nullable(Time('When it was revoked.')),
  revoked_by: Nullable(Type.String()),
  last_used_at: Nullable(Time('When it was used, to the minute.'))
}
const Key = Type.Object(FIELDS)
const MadeKey = Type.Object({ ...FIELDS, key: Type.String({ description: 'The key itself: shown this once, and kept as a hash.', examples: ['reo_…'] }) })

const Self = Type.Object({
  auth: OneOf(['required', 'optional', 'off'], { description: 'Whether requests need a key here.' }),
  name: Nullable(Type.String({ description: 'Null: nobody asked.' })),
  role: RoleName,
  scopes: Nullable(Type.Array(Scope)),
  expires_at: Nullable(Time('From when the credential does not hold any more.'))
})

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { keys, accessMode } = app

  app.get('/whoami', {
    schema: { operationId: 'getSelf', tags: ['keys'], summary: 'Who one is, and what one may do', response: answers({ 200: Self }) }
  }, async ({ caller }) => ({
    auth: accessMode,
    name: caller?.name ?? null,
    role: caller?.role ?? 'admin' as const,
    scopes: caller?.scopes === undefined || caller.scopes === null ? null : [...caller.scopes],
    expires_at: isoOrNull(caller?.expires_at ?? null)
  }))

  app.get('/keys', {
    schema: {
      operationId: 'listKeys',
      tags: ['keys'],
      summary: 'List the keys, newest first',
      response: answers({ 200: Type.Object({ keys: Type.Array(Key), total: Type.Integer() }) })
    }
  }, async () => {
    const list = await keys.list()
    return { keys: list.map(present), total: list.length }
  })

  app.post('/keys', {
    // The answer to an idempotency key is stored, and this one must not be.
    config: { unkeyed: true },
    schema: {
      operationId: 'createKey',
      tags: ['keys'],
      summary: 'Make a key',
      description: 'The key is in the answer and nowhere else. `Idempotency-Key` means nothing here: an answer that was lost is replaced by another key, ' +
        'and the lost one revoked. Keys of the same name count as one person.',
      body: Type.Object({
        name: Type.String({ pattern: KEY_NAME, description: 'Of the person or the program that gets it.', examples: ['anna'] }),
        role: RoleName,
        scopes: Type.Optional(Type.Array(Scope, { minItems: 1, maxItems: AREAS.length, description: 'Narrows the role to these.' })),
        expires_at: Type.Optional(Time('Default: never.'))
      }),
      response: answers({ 201: MadeKey }, 400, 413, 415, 507)
    }
  }, async (request, reply) => {
    const { name, role, scopes, expires_at: expires } = request.body
    // The format lets leap seconds through; JavaScript has none.
    if (expires !== undefined && Number.isNaN(Date.parse(expires))) throw new AppError('validation_failed', { message: 'body.expires_at is not a time.' })
    const { key, secret } = await keys.make(
      { name, role, ...(scopes === undefined ? {} : { scopes }), ...(expires === undefined ? {} : { expires_at: Date.parse(expires) }) },
      { actor: actorOf(request), caller: request.caller, request_id: request.id })
    return reply.code(201).header('cache-control', 'no-store').send({ ...present(key), key: secret })
  })

  app.post('/keys/:id/revoke', {
    schema: {
      operationId: 'revokeKey',
      tags: ['keys'],
      summary: 'Revoke a key',
      description: 'Within a second no process takes it any more, and its open streams are cut. A key that was revoked stays revoked.',
      params: Type.Object({ id: Id('From GET /keys.') }),
      response: answers({ 200: Key }, 400, 404, 413, 415, 507)
    }
  }, async (request) => present(await keys.revoke(request.params.id, { actor: actorOf(request), request_id: request.id })))
}

export default routes

const present = ({ hash: _hash, ...key }: StoredKey) => ({
  ...key,
  created_at: iso(key.created_at),
  expires_at: isoOrNull(key.expires_at),
  revoked_at: isoOrNull(key.revoked_at),
  last_used_at: isoOrNull(key.last_used_at)
})
