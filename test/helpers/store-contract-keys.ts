// What every engine of the store must do with API keys, and with what belongs to their holders.
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import type { StoredKey } from '../../src/core/store-keys.ts'
import type { Fresh } from './store-contract.ts'
import { everything, T0 } from './store-rig.ts'

let drawn = 0
const stored = (fields: Partial<StoredKey> = {}): StoredKey => ({
  id: newId(),
  name: 'anna',
  prefix: 'reo_abcdef',
  hash: String(++drawn).padStart(64, '0'),
  role: 'operator',
  scopes: null,
  created_by: 'first-admin',
  created_at: T0,
  expires_at: null,
  revoked_at: null,
  revoked_by: null,
  last_used_at: null,
  ...fields
})

export const keysContract = (t: Test, fresh: Fresh): void => {
  t.test('keys: kept as they were made, found by their hash, and told of', async (t) => {
    const { store, notices } = await fresh(t)
    t.strictSame(await store.listKeys(), [])
    const first = stored({ scopes: ['jobs', 'agents'], expires_at: T0 + 5 })
    const second = stored({ name: 'till' })
    t.equal(await store.addKey({ key: first, request_id: 'r-1' }), true)
    t.ok(notices.some(({ keys }) => keys === true), 'whoever shares the store hears of it')
    t.equal(await store.addKey({ key: second, request_id: null }), true)
    t.same(await store.listKeys(), [second, first])
    t.same(await store.keyByHash(first.hash), first)
    t.equal(await store.keyByHash('0'.repeat(64)), undefined)
    t.match((await store.listAudit({ target: `api_key:${first.id}` }, { limit: 5 })).items, [{
      action: 'make_key', actor: 'first-admin', request_id: 'r-1', before: null, after: { name: 'anna', role: 'operator', scopes: ['jobs', 'agents'] }
    }])
    t.notMatch(JSON.stringify((await store.listAudit({}, { limit: 9 })).items), first.hash)
    await t.rejects(store.addKey({ key: stored({ hash: first.hash }), request_id: null }), 'a key is one key')
  })

  t.test('keys: the first one is made once, whoever asks at the same time, and never after there was one', async (t) => {
    const { store } = await fresh(t)
    const made = await Promise.all(Array.from({ length: 5 }, () => store.addKey({ key: stored(), request_id: null, first: true })))
    t.same(made.filter(Boolean), [true])
    const [key] = await store.listKeys()
    await store.revokeKey({ id: key!.id, audit_id: newId(), actor: 'x', request_id: null, now: T0 })
    t.equal(await store.addKey({ key: stored(), request_id: null, first: true }), false, 'nor when it was revoked')
  })

  t.test('keys: revoked once and for good', async (t) => {
    const { store, notices } = await fresh(t)
    const key = stored()
    await store.addKey({ key, request_id: null })
    notices.length = 0
    const revoke = (actor: string, now: number) => store.revokeKey({ id: key.id, audit_id: newId(), actor, request_id: 'r-2', now })
    const revoked = { ...key, revoked_at: T0 + 1, revoked_by: 'till' }
    t.same(await revoke('till', T0 + 1), revoked)
    t.ok(notices.some(({ keys }) => keys === true))
    t.same(await revoke('anna', T0 + 2), revoked, 'the first one counts')
    t.same(await store.keyByHash(key.hash), revoked)
    const { items } = await store.listAudit({ target: `api_key:${key.id}` }, { limit: 5 })
    t.match(items, [{ action: 'revoke_key', actor: 'till', request_id: 'r-2', after: null }, { action: 'make_key' }])
    t.equal(await store.revokeKey({ id: newId(), audit_id: newId(), actor: 'x', request_id: null, now: T0 }), undefined)
  })

  t.test('keys: the latest use stays', async (t) => {
    const { store } = await fresh(t)
    const key = stored()
    await store.addKey({ key, request_id: null })
    await Promise.all([T0 + 9, T0 + 3, T0 + 7].map((now) => store.touchKey({ id: key.id, now })))
    t.equal((await store.keyByHash(key.hash))?.last_used_at, T0 + 9)
    await store.touchKey({ id: newId(), now: T0 })
  })

  t.test('keys: sessions and the jobs of their replies belong to whoever opened them', async (t) => {
    const { store, add, say, get } = await fresh(t)
    const open = async (owner?: string): Promise<string> => {
      const id = newId()
      await store.createSession({ id, now: T0, ...(owner === undefined ? {} : { owner }) })
      return id
    }
    const own = [await open('key:a'), await open('key:a'), await open('key:a')]
    const foreign = await open('key:b')
    const nobodys = await open()
    t.equal((await store.getSession(own[0]!))?.owner, 'key:a')
    t.equal((await store.getSession(nobodys))?.owner, null)
    const listed = async (owner: string | undefined, limit: number): Promise<string[]> =>
      (await everything((page) => store.listSessions(page, owner), limit)).map(({ id }) => id)
    for (const limit of [1, 2, 9]) t.same(await listed('key:a', limit), own)
    t.equal((await store.listSessions({ limit: 1 }, 'key:a')).total, 3)
    t.equal((await store.listSessions({ limit: 1 }, 'key:c')).total, 0)
    t.same(await listed(undefined, 2), [...own, foreign, nobodys])

    const mine = (await say(own[1]!)).job_id
    const theirs = (await say(foreign)).job_id
    await say(nobodys)
    const [agents] = await add({ ...(await get(mine)), id: newId(), kind: 'agent', queue: 'agents', session_id: null, lane: null })
    const jobs = async (filter: Parameters<typeof store.listJobs>[0]) => {
      const { items, total } = await store.listJobs(filter, { limit: 9 })
      return { ids: items.map(({ id }) => id).sort(), total }
    }
    t.same(await jobs({ owner: 'key:a' }), { ids: [mine, agents].sort(), total: 2 })
    t.same(await jobs({ owner: 'key:c' }), { ids: [agents], total: 1 })
    t.same(await jobs({ owner: 'key:a', kind: 'reply' }), { ids: [mine], total: 1 })
    t.same(await jobs({ owner: 'key:a', kind: 'agent', status: 'queued' }), { ids: [agents], total: 1 })
    t.same(await jobs({ owner: 'key:a', status: 'succeeded' }), { ids: [], total: 0 })
    t.same(await jobs({ owner: 'key:a', session_id: foreign }), { ids: [], total: 0 })
    t.same(await jobs({ owner: 'key:b', session_id: foreign }), { ids: [theirs], total: 1 })
    t.equal((await jobs({})).total, 4)
  })
}
