// What every engine of the store must do with the copy of the shop's orders, the stock of each day, and the owner's lists.
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import type { FeedChange, FeedHead, StockOfDay, StoredHistory, StoredOrder } from '../../src/core/store-history.ts'
import type { Fresh } from './store-contract.ts'
import { T0 } from './store-rig.ts'

const order = (number: number, fields: Partial<StoredOrder> = {}): StoredOrder =>
  ({ id: `gid://shopify/Order/${number}`, created_at: T0 + number, updated_at: T0 + number, body: JSON.stringify({ number }), ...fields })

const state = (fields: Partial<StoredHistory> = {}): Omit<StoredHistory, 'orders'> => ({
  source: 'live',
  shop: 'a shop',
  as_of: null,
  covers_from: null,
  watermark: null,
  changed: 0,
  looked_back_at: T0,
  reading: { begun_at: T0, updated_from: null, created_from: T0, covers_from: T0, last_change: 0 },
  ...fields
})

const range = { from: 0, before: Number.MAX_SAFE_INTEGER, after: null, limit: 100 }

export const historyContract = (t: Test, fresh: Fresh): void => {
  t.test('history: orders are stored once with how far the copy has come; what is as it was counts for no change', async (t) => {
    const { store } = await fresh(t)
    t.equal(await store.historyState(), undefined)
    t.same(await store.historyPage(range), { shop: null, orders: [] })
    t.same(await store.saveHistory({ orders: [order(2), order(1)], state: state() }), { changed: 2 })
    t.same(await store.historyState(), { ...state(), orders: 2 })
    const whole = state({ as_of: T0 + 5, covers_from: T0 + 1, watermark: T0 + 2, changed: 3, reading: null })
    const again = [order(1), order(2, { updated_at: T0 + 9, body: '{"number":2,"paid":true}' }), order(3)]
    t.same(await store.saveHistory({ orders: again, state: whole }), { changed: 2 }, 'one is new, one differs')
    t.same(await store.historyState(), { ...whole, orders: 3 })
    t.same((await store.historyPage(range)).orders.map(({ body }) => body), ['{"number":1}', '{"number":2,"paid":true}', '{"number":3}'])
    t.same(await store.newestOrder(), order(3))
  })

  t.test('history: pages join up in the order of creation, within the range', async (t) => {
    const { store } = await fresh(t)
    // Some were created in the same moment.
    const orders = Array.from({ length: 10 }, (_, index) => order(index + 10, { created_at: T0 + Math.floor(index / 3) }))
    await store.saveHistory({ orders, state: state() })
    for (const limit of [1, 3, 4, 20]) {
      const found: string[] = []
      for (let after: Pick<StoredOrder, 'id' | 'created_at'> | null = null; ;) {
        const page: StoredOrder[] = (await store.historyPage({ from: T0 + 1, before: T0 + 3, after, limit })).orders as StoredOrder[]
        found.push(...page.map(({ id }) => id))
        if (page.length < limit) break
        after = page.at(-1)!
      }
      t.same(found, orders.slice(3, 9).map(({ id }) => id), `${limit} at a time`)
    }
  })

  t.test('history: what breaks stores nothing of its unit; a copy that is dropped leaves nothing', async (t) => {
    const { store } = await fresh(t)
    await store.saveHistory({ orders: [order(1)], state: state() })
    const broken = { ...order(3), body: null as unknown as string }
    await t.rejects(store.saveHistory({ orders: [order(2), broken], state: state({ watermark: T0 }) }))
    t.match(await store.historyState(), { orders: 1, watermark: null })
    t.equal((await store.historyPage(range)).orders.length, 1)
    await store.saveStock({ stock: [{ day: '2026-01-05', variant_id: 'v1', available: 4 }] })
    await store.dropHistory({ now: T0 })
    t.equal(await store.historyState(), undefined)
    t.equal(await store.newestOrder(), undefined)
    t.same(await store.historyPage(range), { shop: null, orders: [] })
    t.same(await store.stockPage({ from: '', after: null, limit: 9 }), [])
  })

  t.test('stock of days: the last word counts, and pages join up', async (t) => {
    const { store } = await fresh(t)
    const stock: StockOfDay[] = ['2026-01-04', '2026-01-05', '2026-01-06'].flatMap((day) =>
      ['v1', 'v2', 'v3'].map((variant, index) => ({ day, variant_id: variant, available: index - 1 })))
    await store.saveStock({ stock: stock.toReversed() })
    await store.saveStock({ stock: [{ day: '2026-01-05', variant_id: 'v2', available: 70 }] })
    const expected = stock.slice(3).map((one) => one.day === '2026-01-05' && one.variant_id === 'v2' ? { ...one, available: 70 } : one)
    for (const limit of [1, 4, 20]) {
      const found: StockOfDay[] = []
      for (let after: StockOfDay | null = null; ;) {
        const page: StockOfDay[] = await store.stockPage({ from: '2026-01-05', after, limit })
        found.push(...page)
        if (page.length < limit) break
        after = page.at(-1)!
      }
      t.same(found, expected, `${limit} at a time`)
    }
  })

  t.test('feeds: a list takes the place of the one before, and each change is in the audit', async (t) => {
    const { store } = await fresh(t)
    const feed = (fields: Partial<FeedHead> = {}): FeedHead =>
      ({ id: newId(), name: 'suppliers', received_at: T0, columns: ['sku', 'lead_time_days'], rows: 2, actor: 'api', ...fields })
    const change = (): FeedChange => ({ id: newId(), at: T0, actor: 'api', request_id: 'r-1' })
    const [first, second, other] = [feed(), feed({ rows: 1, received_at: T0 + 1 }), feed({ name: 'competitor_prices' })]
    await store.saveFeed({ feed: first, chunks: ['[["a","1"]]', '[["b","2"]]'], change: change() })
    await store.saveFeed({ feed: other, chunks: [], change: change() })
    t.same(await store.listFeeds(), [other, first])
    t.equal(await store.feedChunk({ id: first.id, seq: 1 }), '[["b","2"]]')
    await store.saveFeed({ feed: second, chunks: ['[["c","3"]]'], change: change() })
    t.same(await store.listFeeds(), [other, second])
    t.equal(await store.feedChunk({ id: first.id, seq: 0 }), undefined, 'nothing of the one before is left')
    t.equal(await store.deleteFeed({ name: 'suppliers', change: change() }), true)
    t.equal(await store.deleteFeed({ name: 'suppliers', change: change() }), false)
    t.equal(await store.feedChunk({ id: second.id, seq: 0 }), undefined)
    const { items } = await store.listAudit({ target: 'feed:suppliers' }, { limit: 10 })
    const about = (rows: number, at: string) => ({ rows, received_at: at, columns: ['sku', 'lead_time_days'] })
    const [was, is] = [about(2, '2026-01-05T08:00:00.000Z'), about(1, '2026-01-05T08:00:00.001Z')]
    t.same(items.map(({ action, before, after }) => [action, before, after]),
      [['delete_feed', is, null], ['replace_feed', was, is], ['replace_feed', null, was]])
    t.match(items[0], { actor: 'api', request_id: 'r-1', reason: null, at: T0 })
    const twice = change()
    await store.saveFeed({ feed: feed(), chunks: [], change: twice })
    await t.rejects(store.saveFeed({ feed: feed({ rows: 9 }), chunks: [], change: twice }), 'the same entry again')
    t.match((await store.listFeeds())[1], { rows: 2 }, 'what cannot be entered into the audit is not done')
  })
}
