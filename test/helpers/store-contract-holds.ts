// What every engine of the store must do with decisions about circuit breakers: one row a breaker, and an audit that only grows.
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import type { HoldStore, StoredHold } from '../../src/core/store.ts'
import type { Fresh } from './store-contract.ts'
import { everything, T0 } from './store-rig.ts'

const decided = (fields: Partial<StoredHold> = {}): StoredHold => ({
  name: 'shopify_api',
  id: newId(),
  action: 'force_open',
  reason: 'maintenance',
  actor: 'api',
  request_id: 'r-1',
  since: T0,
  until: null,
  ...fields
})

const STATE = { before: 'closed', after: 'forced_open' } as const

export const holdsContract = (t: Test, fresh: Fresh): void => {
  // Typed by hand for the sake of a store that does not keep holds.
  const open = async (t: Test) => {
    const { store, notices } = await fresh(t)
    return { store: store as typeof store & HoldStore, notices }
  }

  t.test('holds: the last decision about a breaker is kept, and all of them are in the audit', async (t) => {
    const { store, notices } = await open(t)
    t.strictSame(await store.listHolds(), [])
    const first = decided({ until: T0 + 60_000 })
    const other = decided({ name: 'llm', action: 'force_closed', request_id: null })
    const reset = decided({ action: 'reset', reason: null, since: T0 + 5 })
    await store.setHold({ hold: first, state: STATE })
    t.ok(notices.some(({ holds }) => holds === true), 'whoever shares the store hears of it')
    await store.setHold({ hold: other, state: { before: 'open', after: 'forced_closed' } })
    await store.setHold({ hold: reset, state: { before: 'forced_open', after: 'closed' } })
    t.same(await store.listHolds(), [other, reset])
    const { items } = await store.listAudit({}, { limit: 10 })
    const shown = { action: 'force_open', reason: 'maintenance', actor: 'api', since: '2026-01-05T08:00:00.000Z', until: '2026-01-05T08:01:00.000Z' }
    t.same(items.map(({ before, after }) => [before, after]), [
      [{ state: 'forced_open', hold: shown }, { state: 'closed', hold: null }],
      [{ state: 'open', hold: null }, { state: 'forced_closed', hold: { ...shown, action: 'force_closed', until: null } }],
      [{ state: 'closed', hold: null }, { state: 'forced_open', hold: shown }]
    ])
    t.match(items[0], {
      id: reset.id, at: T0 + 5, actor: 'api', request_id: 'r-1', action: 'reset', target: 'circuit_breaker:shopify_api', reason: null
    })
  })

  t.test('holds: one that has ended is not what was so before', async (t) => {
    const { store } = await open(t)
    await store.setHold({ hold: decided({ until: T0 + 1_000 }), state: STATE })
    await store.setHold({ hold: decided({ since: T0 + 1_000 }), state: STATE })
    t.same((await store.listAudit({}, { limit: 1 })).items[0]?.before, { state: 'closed', hold: null })
  })

  t.test('holds: a decision that cannot be entered into the audit is not kept', async (t) => {
    const { store, notices } = await open(t)
    const first = decided()
    const outcomes = await Promise.allSettled([
      store.createSession({ id: newId(), now: T0 }),
      store.setHold({ hold: first, state: STATE }),
      store.setHold({ hold: { ...first, action: 'reset' }, state: STATE })
    ])
    t.same(outcomes.map(({ status }) => status), ['fulfilled', 'fulfilled', 'rejected'], 'the same entry again')
    t.same(await store.listHolds(), [first])
    t.ok(notices.some(({ holds }) => holds === true), 'and its neighbour in the commit is told of all the same')
  })

  t.test('holds: pages of the audit join up, newest first', async (t) => {
    const { store } = await open(t)
    for (let n = 0; n < 7; n++) await store.setHold({ hold: decided({ name: n % 2 === 0 ? 'even' : 'odd', reason: `${n}` }), state: STATE })
    const reasons = async (filter: { target?: string }, limit: number) =>
      (await everything((page) => store.listAudit(filter, page), limit)).map(({ reason }) => reason)
    for (const limit of [1, 3, 7, 8]) {
      t.same(await reasons({}, limit), ['6', '5', '4', '3', '2', '1', '0'])
      t.same(await reasons({ target: 'circuit_breaker:odd' }, limit), ['5', '3', '1'])
    }
    t.same(await reasons({ target: 'circuit_breaker:none' }, 5), [])
    for (const cursor of ['garbage', '']) await t.rejects(store.listAudit({}, { limit: 1, cursor }), { code: 'invalid_cursor' })
  })
}
