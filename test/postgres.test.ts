// The store on a real PostgreSQL: the contract of every engine, and what only this one has: other processes beside it.
import t from 'tap'
import { openStore } from '../src/store/index.ts'
import { freshSchema, withoutPostgres } from './helpers/postgres.ts'
import { storeContract } from './helpers/store-contract.ts'
import { idAt } from './helpers/store-contract-retention.ts'
import { T0 } from './helpers/store-rig.ts'

const skip = await withoutPostgres()

t.test('the contract of the store', { skip }, async (t) => {
  storeContract(t, async (options) => openStore({ url: await freshSchema(t), timeoutMs: 10_000, ...options }), { walk: false })
})

t.test('two processes take away what is old at the same time: each row counts once', { skip }, async (t) => {
  const url = await freshSchema(t)
  const stores = [await openStore({ url, timeoutMs: 10_000 }), await openStore({ url, timeoutMs: 10_000 })]
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  const [store] = stores
  const ids = Array.from({ length: 200 }, (_, n) => idAt(T0, n))
  await Promise.all(ids.map((id) => store!.createSession({ id, now: T0 })))
  await Promise.all(ids.flatMap((id, n) => [1, 2, 3].map((seq) =>
    store!.addMessage({ id: idAt(T0 + seq, n), session_id: id, role: 'assistant', content: 'x', now: T0 }))))
  const gone = await Promise.all(stores.map((one) => one.removeSessions({ ids, idle_since: T0 + 1 })))
  t.equal(gone.reduce((sum, { sessions }) => sum + sessions, 0), 200)
  let messages = 0
  await Promise.all(stores.map(async (one) => {
    for (let more = true; more;) {
      const removed = await one.removeRemains({ limit: 40 })
      messages += removed.messages
      more = removed.more
    }
  }))
  t.equal(messages, 600)
  t.match(await store!.stats(), { sessions: 0, messages: 0 })
})
