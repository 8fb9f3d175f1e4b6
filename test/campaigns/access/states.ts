// Every state that a credential can be in, with what the written table makes of it.
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { ACCESS_ROLES, AREAS, type AccessRole, type Area } from '../../../src/core/access.ts'
import type { Dice } from '../kill/random.ts'

export interface State {
  name: string
  /** Names and values in turn: a header may come twice. */
  headers: string[]
  query?: string
  /** The refusal of a credential that lets nobody in anywhere. */
  code?: string
  /** Whoever it lets in. */
  holder?: { id: string, role: AccessRole, scopes: readonly Area[] | null }
}

/** In the spellings of the key that people write by mistake. */
const BROKEN = (key: string): string[][] => [
  ['authorization', key],
  ['authorization', `Basic ${Buffer.from(`x:${key}`).toString('base64')}`],
  ['authorization', `Bearer ${key.slice(0, -1)}`],
  ['authorization', `Bearer ${key}A`],
  ['authorization', `Bearer ${key.slice(0, 10)}${key[10] === 'A' ? 'B' : 'A'}${key.slice(11)}`],
  ['authorization', `Bearer ${key.toUpperCase()}`],
  ['authorization', `Bearer ${key} ${key}`],
  ['authorization', 'Bearer'],
  ['authorization', 'Bearer a.b.c'],
  ['authorization', ''],
  ['x-api-key', ''],
  ['x-api-key', `Bearer ${key}`],
  ['x-api-key', `${key}, ${key}`],
  ['x-api-key', 'a.b.c'],
  ['x-api-key', key.slice(4)]
]

export const statesOf = async ({ keys, orchestrator }: FastifyInstance, dice: Dice): Promise<State[]> => {
  const by = { actor: 'campaign', caller: null, request_id: null }
  const bearer = (key: string): string[] => dice.below(2) === 0 ? ['authorization', `Bearer ${key}`] : ['X-Api-Key', key]
  const holderOf = ({ id, role, scopes }: { id: string, role: AccessRole, scopes: readonly Area[] | null }) => ({ id: `key:${id}`, role, scopes })
  const states: State[] = []
  const admin = (await keys.make({ name: 'whole', role: 'admin' }, by)).secret
  for (const role of ACCESS_ROLES) {
    for (const name of [role, `another ${role}`]) {
      const { key, secret } = await keys.make({ name, role }, by)
      states.push({ name, headers: bearer(secret), holder: holderOf(key) })
    }
  }
  for (const scope of AREAS) {
    const { key, secret } = await keys.make({ name: `scope ${scope}`, role: 'admin', scopes: [scope] }, by)
    states.push({ name: `admin of ${scope}`, headers: bearer(secret), holder: holderOf(key) })
  }
  const revoked = await keys.make({ name: 'revoked', role: 'admin' }, by)
  // Known as good first.
  await keys.identify(revoked.secret)
  await keys.revoke(revoked.key.id, { actor: 'campaign', request_id: null })
  // Not so soon that it has expired before it is made, on a machine that has other work.
  const expired = await keys.make({ name: 'expired', role: 'admin', expires_at: orchestrator.clock.now() + 250 }, by)
  while (orchestrator.clock.now() <= expired.key.expires_at!) await new Promise((resolve) => { setImmediate(resolve) })
  const secret = randomBytes(32).toString('base64url')
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(secret))
  const unknown = `reo_${secret}${sum.toString('base64url')}`
  states.push(
    { name: 'none', headers: [], code: 'credential_missing' },
    { name: 'unknown', headers: bearer(unknown), code: 'credential_invalid' },
    { name: 'revoked', headers: bearer(revoked.secret), code: 'credential_invalid' },
    { name: 'expired', headers: bearer(expired.secret), code: 'credential_invalid' },
    ...BROKEN(admin).map((headers, n) => ({ name: `malformed ${n}`, headers, code: 'credential_malformed' })),
    { name: 'Authorization twice', headers: ['authorization', `Bearer ${admin}`, 'Authorization', `Bearer ${admin}`], code: 'credential_ambiguous' },
    { name: 'X-API-Key twice', headers: ['x-api-key', admin, 'X-API-KEY', admin], code: 'credential_ambiguous' },
    { name: 'both headers', headers: ['x-api-key', admin, 'authorization', `Bearer ${admin}`], code: 'credential_ambiguous' },
    { name: 'in the query', headers: [], query: `api_key=${admin}`, code: 'credential_in_query' },
    { name: 'in the query as anything', headers: [], query: `x=${admin}`, code: 'credential_in_query' },
    { name: 'in the query beside a good one', headers: bearer(admin), query: `access_token=${unknown}`, code: 'credential_in_query' }
  )
  return states
}
