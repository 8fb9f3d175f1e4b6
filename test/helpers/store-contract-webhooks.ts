// What every engine of the store must do with webhooks that come: order and coalescing by thing, what never came, and chores that are made once.
import type { Test } from 'tap'
import { newId } from '../../src/core/ids.ts'
import type { NewJob } from '../../src/core/model.ts'
import type { RecordedEvent, Store } from '../../src/core/store.ts'
import { newTaskJob } from '../../src/core/tasks.ts'
import { newDelivery } from '../../src/core/webhooks/delivery.ts'
import type { Attempted, WebhookDelivery, WebhookEndpoint } from '../../src/core/webhooks/store.ts'
import type { Fresh } from './store-contract.ts'
import { everything, FAILURE, job, T0 } from './store-rig.ts'

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

  t.test('endpoints: what ends is announced in the same commit, to those that want it, and never the end of a delivery', async (t) => {
    const { store, add, take, settle, succeed } = await fresh(t)
    const all = await store.addEndpoint({ endpoint: endpoint({ events: ['*'] }), ...who })
    const dead = await store.addEndpoint({ endpoint: endpoint({ events: ['job.dead'] }), ...who })
    await store.addEndpoint({ endpoint: endpoint({ events: ['*'], status: 'disabled' }), ...who })
    const typesOf = async (id: string) => (await store.listDeliveries({ endpoint_id: id }, { limit: 10 })).items.map(({ type }) => type)
    const [first] = await add(job(), job(), job(), job())
    const jobs = await take(4)
    await settle(jobs[0]!, { status: 'succeeded', output: {} }, { announce: true })
    await settle(jobs[1]!, { status: 'dead', failure: FAILURE }, { announce: true })
    await settle(jobs[2]!, { status: 'queued', run_at: T0 + 1, failure: FAILURE }, { announce: true })
    await succeed(jobs[3]!)
    t.strictSame(await typesOf(all.id), ['job.dead', 'job.succeeded'])
    t.strictSame(await typesOf(dead.id), ['job.dead'])
    t.match((await store.listDeliveries({ endpoint_id: all.id }, { limit: 10 })).items[1]!.body, `"job_id":"${first!}"`)
    const sending = await take(10, T0, 'deliveries')
    t.equal(sending.length, 3)
    await settle(sending[0]!, { status: 'succeeded', output: {} }, { announce: true })
    t.equal((await typesOf(all.id)).length, 2)
    const late = await store.settle({
      id: first!, token: 'x', session_id: null, now: T0, settlement: { status: 'succeeded', output: {} }, events: [], announce: true
    })
    t.equal(late.outcome, 'lost')
    t.equal((await typesOf(all.id)).length, 2, 'what is not committed is not announced')
  })

  t.test('endpoints: kept, changed, entered into the audit without their secrets, and gone with their deliveries', async (t) => {
    const { store, notices } = await fresh(t)
    const made = endpoint({ description: 'Mine' })
    t.strictSame(await store.addEndpoint({ endpoint: made, ...who }), made)
    t.same(await store.getEndpoint(made.id), made)
    t.ok(notices.some(({ plans }) => plans), 'other processes look again')
    const change = { events: ['*'], new_secret: 'whsec_bmV3LXNlY3JldA==', old_secret_until: T0 + 9 }
    const changed = await store.changeEndpoint({ id: made.id, change, ...who, now: T0 + 1 })
    t.match(changed, { events: ['*'], secret: 'whsec_bmV3LXNlY3JldA==', old_secret: made.secret, old_secret_until: T0 + 9, updated_at: T0 + 1, url: made.url })
    t.same(await store.listEndpoints(), [changed])
    t.equal(await store.changeEndpoint({ id: newId(), change: {}, ...who }), undefined)
    await store.addDelivery(newDelivery({ endpoint_id: made.id, type: 'webhook.ping', body: '{}', now: T0 }))
    t.equal(await store.deleteEndpoint({ id: made.id, ...who }), true)
    t.equal(await store.deleteEndpoint({ id: made.id, ...who }), false)
    t.strictSame((await store.listDeliveries({ endpoint_id: made.id }, { limit: 10 })).items, [])
    const audit = JSON.stringify((await store.listAudit({ target: `webhook:${made.id}` }, { limit: 10 })).items)
    t.notMatch(audit, made.secret)
    t.notMatch(audit, 'bmV3')
    t.notMatch(audit, 'path')
  })

  t.test('deliveries: attempts are noted, pages join, what is old goes, and an endpoint without success is switched off', async (t) => {
    const { store } = await fresh(t)
    const { id } = await store.addEndpoint({ endpoint: endpoint(), ...who })
    const made: WebhookDelivery[] = []
    for (let n = 0; n < 5; n++) made.push(await store.addDelivery(newDelivery({ endpoint_id: id, type: 'webhook.ping', body: `{"n":${n}}`, now: T0 + n })))
    t.match(made[0], { status: 'waiting', attempts: 0, message_id: made[0]!.id, last_status: null })
    const note = (n: number, more: Partial<Attempted>) =>
      store.noteAttempt({ id: made[n]!.id, status: 'waiting', answer: 500, error: 'It answered 500.', ms: 3, now: T0 + 10, ...more })
    t.equal(await note(0, {}), false)
    t.match(await store.getDelivery(made[0]!.id), { status: 'waiting', attempts: 1, last_status: 500, finished_at: null, attempted_at: T0 + 10 })
    await note(0, { status: 'succeeded', answer: 200, error: null, now: T0 + 20 })
    t.match(await store.getDelivery(made[0]!.id), { status: 'succeeded', attempts: 2, last_error: null, finished_at: T0 + 20 })
    t.equal(await note(1, { status: 'dead', disable: { reason: 'r', unless_well_since: T0 + 20 } }), false, 'it took another one since')
    t.equal(await note(2, { status: 'dead', disable: { reason: 'r', unless_well_since: T0 + 21 } }), true)
    t.match(await store.getEndpoint(id), { status: 'disabled', reason: 'r' })
    await store.cancelJobs({ id: made[3]!.job_id, reason: 'cancelled', now: T0 })
    t.match(await store.getDelivery(made[3]!.id), { status: 'dead' }, 'nobody will send it')
    const pages = await everything((page) => store.listDeliveries({ endpoint_id: id }, page), 2)
    t.strictSame(pages.map((delivery) => delivery.id), made.map((delivery) => delivery.id).reverse())
    t.strictSame((await store.listDeliveries({ endpoint_id: id, status: 'dead' }, { limit: 9 })).items.map((one) => one.id), [3, 2, 1].map((n) => made[n]!.id))
    t.equal(await store.pruneDeliveries({ before: T0, keep: 3 }), 2, 'all that ended but the newest')
    t.equal(await store.pruneDeliveries({ before: T0 + 11, keep: 100 }), 1)
    t.strictSame((await store.listDeliveries({ endpoint_id: id }, { limit: 9 })).items.map((one) => one.id), [4, 3].map((n) => made[n]!.id))
  })
}

const who = { actor: 'anna', request_id: null, now: T0 }

const endpoint = (fields: Partial<WebhookEndpoint> = {}): WebhookEndpoint => ({
  id: newId(),
  url: 'https://example.com/path',
  description: null,
  events: ['job.*'],
  secret: `whsec_${Buffer.from(newId()).toString('base64')}`,
  old_secret: null,
  old_secret_until: null,
  status: 'enabled',
  reason: null,
  created_at: T0,
  updated_at: T0,
  ...fields
})
