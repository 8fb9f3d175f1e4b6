// The copy of the shop's orders: read whole once, then what changed; what broke off goes on; two shops never mix.
import t, { type Test } from 'tap'
import type { CommerceReader } from '../../src/core/commerce.ts'
import { HistoryCopy } from '../../src/core/history/copy.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { SoldOrder } from '../../src/core/shop-history.ts'
import type { Store } from '../../src/core/store.ts'
import { openStore } from '../../src/store/index.ts'
import { FakeClock, until } from '../helpers/fake-clock.ts'
import { createMemoryShop, orderOf, variantOf, type MemoryShop } from '../helpers/memory-shop.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const { signal } = new AbortController()

/** One an hour, the last one an hour ago. */
const hourly = (count: number, first = 1) => Array.from({ length: count }, (_, index) =>
  orderOf({ name: `#${first + index}`, at: NOW - (count - index) * HOUR }))

interface Setup extends Partial<Parameters<typeof createMemoryShop>[1] & object> {
  store?: Store
  clock?: FakeClock
  /** Breaks a reading off before this order of it. */
  cut?: { at: number }
}

const setup = async (t: Test, { store, clock = new FakeClock(NOW), cut = { at: Infinity }, ...more }: Setup = {}) => {
  const opened = store ?? await openStore({ file: ':memory:' })
  if (store === undefined) t.teardown(() => opened.close())
  const shop = createMemoryShop(clock, more)
  const cutting = (inner: CommerceReader): CommerceReader => ({
    ...inner,
    inLane: (lane) => cutting(inner.inLane(lane)),
    async * soldOrders (filter, options) {
      let number = 0
      for await (const order of inner.soldOrders(filter, options)) {
        if (number++ === cut.at) throw new Error('the line broke')
        yield order
      }
    }
  })
  return { shop, store: opened, clock, cut, history: new HistoryCopy({ commerce: cutting(shop.commerce), store: opened, clock, log: silentLogger }) }
}

const all = async (history: HistoryCopy, range: { from?: number, before?: number } = {}): Promise<SoldOrder[]> => {
  const orders: SoldOrder[] = []
  for await (const order of history.orders({ ...range, signal })) orders.push(order)
  return orders
}
const names = async (history: HistoryCopy): Promise<string[]> => (await all(history)).map(({ name }) => name)
const expected = (shop: MemoryShop): string[] => shop.orders.map(({ name }) => name)
const since = (at: number): string => `research sold orders {"updated_from":${at}}`

t.test('everything in bulk the first time, then what changed since, with an overlap', async (t) => {
  const { shop, clock, history } = await setup(t, { orders: hourly(250) })
  t.equal(await history.state(), undefined)
  await t.rejects(all(history), /has to be refreshed first/, 'nothing read is not nothing sold')
  const notes: Array<[number, string]> = []
  const first = await history.refresh({ signal, progress: (fraction, note) => notes.push([fraction, note]) })
  t.same(first, { source: 'live', as_of: NOW, covers_from: NOW - 250 * HOUR, orders: 250, changed: 250 })
  t.same(shop.reads, ['research shop', 'research sold orders {} in bulk'])
  t.same(notes.map(([, note]) => note), [
    'asking the shop for all its orders', '100 orders read, up to 2026-11-18', '200 orders read, up to 2026-11-22', '250 orders read, up to 2026-11-24'
  ])
  t.ok(notes.every(([fraction], index) => fraction >= (notes[index - 1]?.[0] ?? 0) && fraction < 1), 'never goes back')
  t.same(await names(history), expected(shop))

  await clock.advance(2 * HOUR)
  shop.orders[3] = { ...shop.orders[3]!, financial_status: 'REFUNDED', updated_at: NOW + HOUR }
  shop.orders.push(orderOf({ name: '#900', at: NOW + HOUR }))
  shop.reads.length = 0
  t.same(await history.refresh({ signal }), { ...first, as_of: NOW + 2 * HOUR, orders: 251, changed: 2 })
  t.same(shop.reads, ['research shop', since(NOW - HOUR - 10 * MINUTE)], 'from the last change that was seen, by the shop\'s clock')
  t.equal((await all(history))[3]?.financial_status, 'REFUNDED')
  t.match(await history.refresh({ signal }), { orders: 251, changed: 0 }, 'what comes again in the overlap is no change')
  t.same(await history.state(), await history.refresh({ signal }))
})

t.test('an empty shop has a history too', async (t) => {
  const { history, shop } = await setup(t)
  t.same(await history.refresh({ signal }), { source: 'live', as_of: NOW, covers_from: NOW, orders: 0, changed: 0 })
  t.same(await all(history), [])
  shop.orders.push(orderOf({ name: '#1', at: NOW }))
  t.match(await history.refresh({ signal }), { orders: 1, changed: 1 })
})

t.test('a first reading that breaks off goes on where it was, and misses nothing that changed meanwhile', async (t) => {
  const { shop, clock, cut, history, store } = await setup(t, { orders: hourly(420), cut: { at: 310 } })
  await t.rejects(history.refresh({ signal }), /the line broke/)
  t.match(await store.historyState(), { orders: 300, as_of: null }, 'what was read is kept')
  t.equal(await history.state(), undefined)
  await t.rejects(all(history), /has to be refreshed first/, 'a part of the orders is not taken for all of them')
  cut.at = 60
  shop.reads.length = 0
  await t.rejects(history.refresh({ signal }), /the line broke/)
  t.match(await store.historyState(), { orders: 300 }, 'a batch that is not full is not stored')

  // Read already, and changed since.
  await clock.advance(HOUR)
  shop.orders[5] = { ...shop.orders[5]!, financial_status: 'VOIDED', updated_at: NOW + 20 * MINUTE }
  // Not read yet, and changed later: that it was seen says nothing of the one before.
  shop.orders[400] = { ...shop.orders[400]!, updated_at: NOW + 55 * MINUTE }
  cut.at = Infinity
  shop.reads.length = 0
  const done = await history.refresh({ signal })
  t.same(shop.reads.slice(0, 2), ['research shop', `research sold orders {"created_from":${NOW - 121 * HOUR}} in bulk`])
  t.match(done, { orders: 420, covers_from: NOW - 420 * HOUR, as_of: NOW + HOUR }, 'it began an hour ago, so what changed since was read as well')
  t.same(await names(history), expected(shop))
  t.equal((await all(history))[5]?.financial_status, 'VOIDED')
})

t.test('what changed in a long time comes in bulk, and goes on when it breaks off; more than was thought goes over to bulk', async (t) => {
  const { shop, clock, cut, history } = await setup(t, { orders: hourly(480) })
  await history.refresh({ signal })
  await clock.advance(12 * DAY)
  for (const [index, order] of shop.orders.entries()) if (index % 2 === 0) shop.orders[index] = { ...order, updated_at: NOW + index * MINUTE }
  cut.at = 150
  shop.reads.length = 0
  await t.rejects(history.refresh({ signal }), /the line broke/)
  const changes = `"updated_from":${NOW - HOUR - 10 * MINUTE}`
  t.same(shop.reads, ['research shop', 'research order sales {"created_before":1793793600000}', `research sold orders {${changes}} in bulk`])
  t.match(await history.state(), { as_of: NOW }, 'it is as old as the last reading that came to its end')
  cut.at = Infinity
  shop.reads.length = 0
  t.match(await history.refresh({ signal }), { as_of: NOW + 12 * DAY, orders: 480, changed: 140 }, 'the one where it goes on comes again, and counts once')
  t.same(shop.reads.slice(1), [`research sold orders {"created_from":${shop.orders[198]!.created_at},${changes}} in bulk`])

  await clock.advance(HOUR)
  const late = NOW + 12 * DAY
  shop.orders.push(...Array.from({ length: 1_450 }, (_, index) => orderOf({ name: `#${index + 1_000}`, at: late + index * 2_000 })))
  shop.reads.length = 0
  t.match(await history.refresh({ signal }), { orders: 1_930, changed: 1_450 })
  t.match(shop.reads[1], /^research sold orders \{"updated_from":\d+\}$/)
  t.match(shop.reads[2], /in bulk$/)
  t.same(await names(history), expected(shop))
})

t.test('after 59 days everything is read again, and only that is covered', async (t) => {
  const { shop, clock, history } = await setup(t, { orders: hourly(100) })
  await history.refresh({ signal })
  await clock.advance(70 * DAY)
  shop.orders.push(orderOf({ name: '#901', at: NOW + 5 * DAY }), orderOf({ name: '#902', at: NOW + 65 * DAY }))
  shop.horizon = NOW + 10 * DAY
  t.match(await history.refresh({ signal }), { covers_from: NOW + 65 * DAY }, 'what came and went unseen is not covered')
})

t.test('older orders that are shown by now are read, and it is asked for once a day', async (t) => {
  const { shop, clock, history } = await setup(t, { orders: hourly(100) })
  shop.horizon = NOW - 50 * HOUR
  t.match(await history.refresh({ signal }), { orders: 50, covers_from: NOW - 50 * HOUR })
  shop.horizon = 0
  await clock.advance(HOUR)
  t.match(await history.refresh({ signal }), { orders: 50 })
  await clock.advance(DAY)
  t.match(await history.refresh({ signal }), { orders: 100, covers_from: NOW - 100 * HOUR })
  shop.reads.length = 0
  await history.refresh({ signal })
  t.same(shop.reads.filter((read) => read.includes('order sales')), [])
})

t.test('callers at a time share a reading; one that leaves does not end it, the last one does', async (t) => {
  const { shop, history } = await setup(t, { orders: hourly(20) })
  let open = (): void => {}
  shop.gate = new Promise((resolve) => { open = resolve })
  const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()]
  const heard: string[] = []
  const left = history.refresh({ signal: first.signal })
  const stays = history.refresh({ signal: second.signal, progress: (_fraction, note) => { heard.push(note) } })
  first.abort(new Error('one has left'))
  await t.rejects(left, /one has left/)
  t.equal(shop.signals[0]?.aborted, false)
  open()
  t.match(await stays, { orders: 20 })
  t.equal(shop.reads.length, 2, 'one reading')
  t.ok(heard.length > 0)

  shop.gate = new Promise(() => {})
  shop.signals.length = 0
  const [a, b] = [history.refresh({ signal: second.signal }), history.refresh({ signal: third.signal })]
  await until('it is under way', () => shop.signals.length > 0)
  second.abort(new Error('gone'))
  third.abort(new Error('gone too'))
  await t.rejects(a, /gone/)
  await t.rejects(b, /gone too/)
  t.equal(shop.signals[0]?.aborted, true, 'nobody waits any more')
  shop.gate = Promise.resolve()
  t.match(await history.refresh({ signal }), { orders: 20 }, 'and the next one begins anew')
  await t.rejects(history.refresh({ signal: AbortSignal.abort(new Error('before')) }), /before/)
})

t.test('the orders of two shops never mix', async (t) => {
  const one = await setup(t, { orders: hourly(120), source: 'sandbox' })
  await one.history.refresh({ signal })
  await one.history.recordStock('2026-11-24', [{ variant_id: 'v1', available: 3 }])

  const live = await setup(t, { orders: hourly(30, 5_000), source: 'live', domain: 'live.example', store: one.store, clock: one.clock })
  t.equal(await live.history.state(), undefined, 'a sandbox\'s history is none of a live shop, even before it is replaced')
  await t.rejects(all(live.history), /has to be refreshed first/)
  const reader = one.history.orders({ signal })[Symbol.asyncIterator]()
  await reader.next()
  t.match(await live.history.refresh({ signal }), { orders: 30, changed: 30, covers_from: NOW - 30 * HOUR, source: 'live' })
  t.same(await names(live.history), expected(live.shop))
  t.same(await live.history.stockDays({ from: '2026-01-01' }), new Map(), 'nor does the stock')
  t.equal(await one.history.state(), undefined)

  const next = await setup(t, { orders: hourly(7, 6_000), source: 'live', domain: 'next.example', store: one.store, clock: one.clock })
  t.match(await next.history.refresh({ signal }), { orders: 7, changed: 7 }, 'one live shop after another')

  // Of the same name, but with another past: a sandbox that was restarted.
  const before = await setup(t, { orders: hourly(40), source: 'sandbox' })
  await before.history.refresh({ signal })
  const after = await setup(t, { orders: hourly(40, 7_000), source: 'sandbox', store: before.store, clock: before.clock })
  t.match(await after.history.refresh({ signal }), { orders: 40, changed: 40 })
  t.same(await names(after.history), expected(after.shop))
  const same = await setup(t, { orders: after.shop.orders, source: 'sandbox', store: before.store, clock: before.clock })
  t.match(await same.history.refresh({ signal }), { orders: 40, changed: 0 }, 'the same shop goes on')
})

t.test('a reading of the copy notices when it becomes another shop\'s, and when its caller leaves', async (t) => {
  const { history, store, clock } = await setup(t, { orders: hourly(1_200), source: 'sandbox' })
  await history.refresh({ signal })
  t.equal((await all(history, { from: NOW - 700 * HOUR, before: NOW - 100 * HOUR })).length, 600)
  const controller = new AbortController()
  let seen = 0
  const each = async (own: AbortSignal, at: number, then: () => unknown): Promise<void> => {
    for await (const { id } of history.orders({ signal: own })) if (id !== '' && ++seen === at) await then()
  }
  await t.rejects(each(controller.signal, 500, () => { controller.abort(new Error('left')) }), /left/)
  t.equal(seen, 500)
  const other = await setup(t, { orders: hourly(600, 9_000), source: 'sandbox', domain: 'other.example', store, clock })
  seen = 0
  await t.rejects(each(signal, 1, () => other.history.refresh({ signal })), /that of another shop/)
})

t.test('orders are handed out in turns of the event loop', async (t) => {
  const { history } = await setup(t, { orders: hourly(1_600) })
  await history.refresh({ signal })
  let turns = 0
  let counting = true
  const count = (): void => {
    turns += 1
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  await all(history)
  counting = false
  t.ok(turns >= 3, `${turns} turns`)
})

t.test('variants are read once for all who take them as old as they are', async (t) => {
  const variants = [variantOf('Halter', 4), variantOf('Saddle', 0)]
  const { shop, clock, history } = await setup(t, { variants })
  const [a, b] = await Promise.all([history.variants({ signal, max_age_ms: HOUR }), history.variants({ signal, max_age_ms: HOUR })])
  t.match(a, { read_at: NOW, source: 'live', variants: [{ product_title: 'Halter' }, { product_title: 'Saddle' }] })
  t.equal(a, b)
  await clock.advance(HOUR)
  t.equal(await history.variants({ signal, max_age_ms: HOUR }), a)
  t.same(shop.reads, ['research variants {} in bulk'])
  t.match(await history.variants({ signal, max_age_ms: MINUTE }), { read_at: NOW + HOUR })
  t.equal(shop.reads[1], 'research variants {}', 'a few are read page by page')
})

t.test('the stock of days: the last word counts, missing days are missing', async (t) => {
  const { history } = await setup(t)
  const many = Array.from({ length: 2_500 }, (_, index) => ({ variant_id: `v${index}`, available: index }))
  for (const day of ['2026-11-20', '2026-11-22', '2026-11-23']) await history.recordStock(day, many)
  await history.recordStock('2026-11-22', [{ variant_id: 'v7', available: 0 }])
  const days = await history.stockDays({ from: '2026-11-21' })
  t.equal(days.size, 2_500)
  t.same(days.get('v7'), [{ day: '2026-11-22', available: 0 }, { day: '2026-11-23', available: 7 }])
})
