// What every engine of the store must do with webhooks that come: order and coalescing by thing, what never came, and chores that are made once.
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import type { NewJob } from '../../src/core/model.ts'
import type { RecordedEvent, Store } from '../../src/core/store.ts'
import { newTaskJob } from '../../src/core/tasks.ts'
import type { Fresh } from './store-contract.ts'
import { job, T0 } from './store-rig.ts'

const SECOND = 1_000

/** A webhook about order 7, and the jobs of these agents. */
const told = (
  store: Store, at: number, agents: string[], { type = 'orders/updated', input = {}, resource = 'orders:7', ...more } = {}
): Promise<RecordedEvent> => {
  const id = newId()
  const jobs: NewJob[] = agents.map((agent) => job({
    agent, kind: 'event', source: `event:${id}`, lane: `agent:${agent}`, dedupe_key: `subject:${agent}:${resource}`, payload: { v: 1, input }
  }))
  return store.recordEvent({
    event: { id, type, data: {}, timestamp: '', source: 'shopify', delivery: null, received_at: T0 }, jobs, change: { resource, at }, coalesce: true, ...more
  })
}

export const webhooksContract = (t: Test, fresh: Fresh): void => {
  t.test('webhooks: an agent that was told of a newer state gets no job, another one does', async (t) => {
    const { store } = await fresh(t)
    t.match(await told(store, T0 + 2 * SECOND, ['a'], { resource: 'orders:1' }), { jobs: [{ deduplicated: false }], ignored: null })
    t.match(await told(store, T0 + SECOND, ['a'], { resource: 'orders:1' }), { jobs: [], ignored: 'stale' })
    const late = await told(store, T0 + SECOND, ['a', 'b'], { resource: 'orders:1', type: 'orders/create' })
    t.match(late, { jobs: [{ deduplicated: false }], ignored: null }, 'b has heard of nothing yet')
    t.match(await told(store, T0 + SECOND, ['a'], { resource: 'orders:2' }), { jobs: [{}], ignored: null }, 'another thing')
    t.match(await told(store, T0 + 2 * SECOND, ['a'], { resource: 'orders:1', type: 'orders/paid' }), { jobs: [{ deduplicated: true }], ignored: null },
      'the same state under another topic is no older one')
    const event = await told(store, T0, ['a'], { resource: 'orders:1' })
    t.match(await store.getEvent(event.event_id), { ignored: 'stale' }, 'it is recorded all the same')
    t.strictSame(await store.changesSeen(['orders:1', 'orders:2', 'orders:3']), { 'orders:1': T0 + 2 * SECOND, 'orders:2': T0 + SECOND })
  })

  t.test('webhooks: states that come in any order end with the newest one', async (t) => {
    const { store } = await fresh(t)
    const times = [5, 2, 9, 1, 7, 9, 3, 8].map((n) => T0 + n * SECOND)
    await Promise.all(times.map((at) => told(store, at, ['a'], { input: { at } })))
    t.strictSame(await store.changesSeen(['orders:7']), { 'orders:7': T0 + 9 * SECOND })
    const { items } = await store.listJobs({}, { limit: 10 })
    t.equal(items.length, 1)
    t.match(items[0]!.payload, { input: { at: T0 + 9 * SECOND } }, 'and the one job is about that')
  })

  t.test('webhooks: while a job waits its input is renewed; while it runs one more waits behind it, and no third', async (t) => {
    const { store, take, get, succeed } = await fresh(t)
    const first = (await told(store, T0, ['a'], { input: { n: 1 } })).jobs[0]!.id
    t.strictSame((await told(store, T0 + 1, ['a'], { input: { n: 2 } })).jobs, [{ id: first, deduplicated: true }])
    t.match(await get(first), { payload: { input: { n: 2 } }, status: 'queued' })
    const [running] = await take(1)
    t.match(running, { id: first, payload: { input: { n: 2 } } }, 'whoever takes it sees the newest')
    const next = (await told(store, T0 + 2, ['a'], { input: { n: 3 } })).jobs[0]!
    t.not(next.id, first, 'it may have looked already')
    t.equal(next.deduplicated, false)
    t.strictSame((await told(store, T0 + 3, ['a'], { input: { n: 4 } })).jobs, [{ id: next.id, deduplicated: true }])
    t.match(await get(next.id), { payload: { input: { n: 4 } } })
    t.match(await get(first), { payload: { input: { n: 2 } } }, 'what runs keeps what it was given')
    t.strictSame(await take(1), [], 'one at a time')
    await succeed(running!)
    t.match(await take(1), [{ id: next.id }])
    t.match((await told(store, T0 + 4, ['a'])).jobs, [{ deduplicated: false }])
    t.match((await store.stats()).jobs.reduce((sum, { count }) => sum + count, 0), 3)
  })

  t.test('webhooks: an echo is recorded and seen, and makes no job', async (t) => {
    const { store } = await fresh(t)
    const echo = await told(store, T0, ['a'], { echo: true } as object)
    t.match(echo, { jobs: [], ignored: 'echo' })
    t.match(await store.getEvent(echo.event_id), { ignored: 'echo', type: 'orders/updated' })
    t.strictSame(await store.changesSeen(['orders:7']), { 'orders:7': T0 })
    t.match(await told(store, T0, ['a']), { jobs: [{ deduplicated: false }], ignored: null }, 'what somebody else did then is news to the agent')
  })

  t.test('webhooks: topics that came, up to when they were checked, and states that are old', async (t) => {
    const { store } = await fresh(t)
    t.strictSame(await store.webhookTopics(), [])
    await told(store, T0, [])
    await told(store, T0 + 1, [], { type: 'orders/create', resource: 'orders:8' })
    t.same(await store.webhookTopics(), ['orders/create', 'orders/updated'].map((topic) => ({ topic, first_at: T0, checked_to: T0 })))
    await store.topicChecked({ topic: 'orders/updated', to: T0 + 5 })
    await store.topicChecked({ topic: 'orders/updated', to: T0 + 3 })
    t.match(await store.webhookTopics(), [{ checked_to: T0 }, { checked_to: T0 + 5 }], 'never back')
    t.equal(await store.forgetChanges({ before: T0 }), 0)
    t.equal(await store.forgetChanges({ before: T0 + 1 }), 2)
    t.strictSame(await store.changesSeen(['orders:7', 'orders:8']), {})
  })

  t.test('chores: due after a period, made once whoever asks, also when the clock was set back', async (t) => {
    const { store } = await fresh(t)
    const ask = (now: number) => store.chore({ name: 'sweep', now, every_ms: 100, job: newTaskJob({ name: 'sweep', payload: { v: 1 }, source: 'test', now }) })
    const made = async (): Promise<number> => (await store.listJobs({ kind: 'task' }, { limit: 1 })).total
    t.equal(await ask(T0), T0 + 100)
    t.equal(await ask(T0 + 99), T0 + 100)
    t.equal(await made(), 0)
    t.strictSame(await Promise.all([1, 2, 3].map(() => ask(T0 + 100))), [T0 + 200, T0 + 200, T0 + 200])
    t.equal(await made(), 1)
    t.equal(await ask(T0 + 500), T0 + 600)
    t.equal(await made(), 1, 'while one is unfinished there is no second one')
    t.equal(await ask(T0 - 5_000), T0 - 4_900)
  })
}
