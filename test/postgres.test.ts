// The store on a real PostgreSQL: the contract of every engine, and what only this one has: other processes beside it.
import t from 'tap'
import { openStore } from '../src/store/index.ts'
import { freshSchema, withoutPostgres } from './helpers/postgres.ts'
import { storeContract } from './helpers/store-contract.ts'

const skip = await withoutPostgres()

t.test('the contract of the store', { skip }, async (t) => {
  storeContract(t, async (options) => openStore({ url: await freshSchema(t), timeoutMs: 10_000, ...options }), { walk: false })
})
