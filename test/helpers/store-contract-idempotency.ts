// What every engine of the store must do with idempotency keys.
import type { Test } from 'tap'
import { keyedClock, keyedId, workUnder, type KeyedWork } from '../../src/core/keyed.ts'
import { newId } from '../../src/core/ids.ts'
import type { ClaimKey, StoredAnswer } from '../../src/core/store-idempotency.ts'
import type { Store } from '../../src/core/store.ts'
import { FakeClock } from './fake-clock.ts'
import type { Fresh } from './store-contract.ts'
import { job, T0 } from './store-rig.ts'

const claim = (fields: Partial<ClaimKey> = {}): ClaimKey => ({
  scope: '', key: 'k', token: newId(), fingerprint: 'f', owner: 'p1', sole: false, now: T0, lease_until: T0 + 1_000, expires_at: T0 + 10_000, ...fields
})

const ANSWER: StoredAnswer = { status: 201, body: '{"ok":true}', content_type: 'application/json', location: '/there' }

const take = async (store: Store, fields: Partial<ClaimKey> = {}): Promise<KeyedWork> => {
  const taken = await store.claimKey(claim(fields))
  if (taken.outcome !== 'claimed') throw new Error(taken.outcome)
  return taken.work
}

const under = <R>(work: KeyedWork, fn: () => Promise<R>): Promise<R> => new Promise((resolve, reject) => {
  workUnder(work).run(() => { fn().then(resolve, reject) })
})

export const idempotencyContract = (t: Test, fresh: Fresh): void => {
  t.test('keys: claimed once, answered ever after, by scope', async (t) => {
    const { store } = await fresh(t)
    const claims = await Promise.all(Array.from({ length: 20 }, () => store.claimKey(claim())))
    t.same(claims.map(({ outcome }) => outcome).sort(), ['claimed', ...Array.from({ length: 19 }, () => 'in_progress')])
    const [taken] = claims
    if (taken?.outcome !== 'claimed') return t.fail('the first one has it')
    t.same((await store.claimKey(claim({ fingerprint: 'other' }))).outcome, 'reused')
    t.same((await store.claimKey(claim({ scope: 'somebody' }))).outcome, 'claimed')
    t.equal(await store.answerKey({ ...taken.work, token: 'another', answer: ANSWER }), false)
    t.equal(await store.answerKey({ ...taken.work, answer: ANSWER }), true)
    t.same(await store.claimKey(claim()), { outcome: 'answered', answer: ANSWER })
    t.same((await store.claimKey(claim({ fingerprint: 'other' }))).outcome, 'reused')
    await store.releaseKey(taken.work)
    t.same((await store.claimKey(claim())).outcome, 'answered', 'an answer is not taken back')
  })

  t.test('keys: the effect is made once, with its mark, and what came of it is told again', async (t) => {
    const { store, get } = await fresh(t)
    const first = await take(store)
    const made = await under(first, () => store.enqueue({ jobs: [job({ id: newId() })], now: T0 }))
    t.same((await store.claimKey(claim({ now: T0 + 999 }))).outcome, 'in_progress')
    const second = await store.claimKey(claim({ now: T0 + 1_000, lease_until: T0 + 2_000 }))
    if (second.outcome !== 'claimed') return t.fail('its lease has run out')
    t.same(second.done, { result: made })
    t.same({ seed: second.work.seed, now: second.work.now }, { seed: first.seed, now: T0 }, 'ids and times come out the same')
    const again = await under(second.work, async () => [newId(), await store.enqueue({ jobs: [job()], now: T0 })])
    t.same(again, [made[0]!.id, made])
    t.equal((await store.listJobs({}, { limit: 10 })).total, 1)
    t.equal((await get(made[0]!.id)).status, 'queued')
    await t.rejects(under(first, () => store.enqueue({ jobs: [job()], now: T0 })), { code: 'idempotency_in_progress' }, 'whoever lost the key does nothing')
    t.equal((await store.listJobs({}, { limit: 10 })).total, 1)
    await t.rejects(under(second.work, () => store.createSession({ id: newId(), now: T0 })), /was used for enqueue|did not answer/)
    t.equal((await store.listSessions({ limit: 1 })).total, 0)
  })

  t.test('keys: another process of a store that has one at a time is dead', async (t) => {
    const { store } = await fresh(t)
    await take(store)
    t.same((await store.claimKey(claim({ owner: 'p2' }))).outcome, 'in_progress')
    t.same((await store.claimKey(claim({ owner: 'p2', sole: true }))).outcome, 'claimed')
    t.same((await store.claimKey(claim({ owner: 'p2', sole: true }))).outcome, 'in_progress', 'its own is alive')
  })

  t.test('keys: released, they are new, unless something was done', async (t) => {
    const { store } = await fresh(t)
    await store.releaseKey(await take(store))
    const work = await take(store, { fingerprint: 'other' })
    t.equal(await under(work, () => store.deleteSession({ id: newId(), now: T0 })), false)
    await store.releaseKey(work)
    const third = await take(store)
    await under(third, () => store.createSession({ id: newId(), now: T0 }))
    await store.releaseKey(third)
    t.same((await store.claimKey(claim({ fingerprint: 'other' }))).outcome, 'reused')
    const fourth = await store.claimKey(claim())
    t.match(fourth, { outcome: 'claimed', done: {} }, 'at once, whatever its lease was')
  })

  t.test('keys: a unit that fails leaves no mark, and takes no other with it', async (t) => {
    const { store } = await fresh(t)
    const work = await take(store)
    const other = await take(store, { key: 'other' })
    const id = newId()
    await store.createSession({ id, now: T0 })
    const [failed, made] = await Promise.allSettled([
      under(work, () => store.createSession({ id, now: T0 })),
      under(other, () => store.createSession({ id: newId(), now: T0 }))
    ])
    t.equal(failed.status, 'rejected')
    t.equal(made.status, 'fulfilled')
    t.equal((await store.listSessions({ limit: 1 })).total, 2)
    await store.releaseKey(work)
    t.notOk('done' in await store.claimKey(claim()))
  })

  t.test('keys: expired ones are new, and are removed a few at a time', async (t) => {
    const { store } = await fresh(t)
    for (let n = 0; n < 5; n++) await store.answerKey({ ...await take(store, { key: `k${n}`, expires_at: T0 + n }), answer: ANSWER })
    t.same((await store.claimKey(claim({ key: 'k3', now: T0 + 2 }))).outcome, 'answered')
    t.same((await store.claimKey(claim({ key: 'k3', now: T0 + 3, fingerprint: 'other' }))).outcome, 'claimed')
    t.equal(await store.pruneKeys({ now: T0 + 2, limit: 2 }), 2)
    t.equal(await store.pruneKeys({ now: T0 + 2, limit: 2 }), 1)
    t.equal(await store.pruneKeys({ now: T0 + 2, limit: 2 }), 0)
    t.same((await store.claimKey(claim({ key: 'k4', now: T0 + 3 }))).outcome, 'answered')
  })

  t.test('keys: only the first write that counts is the effect; what a commit sets off is nobody\'s', async (t) => {
    const { store } = await fresh(t)
    const clock = new FakeClock(T0 + 500)
    const work = await take(store)
    const heard: Array<string | undefined> = []
    store.subscribe(() => { heard.push(keyedId()) })
    await under(work, async () => {
      t.equal(keyedClock(clock).now(), T0)
      await store.publish({ now: T0, events: [] })
      t.equal(keyedClock(clock).now(), T0, 'news are no effect')
      const id = newId()
      await store.createSession({ id, now: T0 })
      t.equal(keyedClock(clock).now(), T0 + 500, 'it is over')
      await store.createSession({ id: newId(), now: T0 })
    })
    t.equal((await store.listSessions({ limit: 1 })).total, 2)
    t.ok(heard.length >= 3)
    t.ok(heard.every((id) => id === undefined))
  })
}
