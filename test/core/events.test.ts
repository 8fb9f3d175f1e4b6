// Events become jobs of their subscribers; failures of agents become events, and a failing agent is paused.
import t from 'tap'
import { PermanentError } from '../../src/core/agent.ts'
import { until } from '../helpers/fake-clock.ts'
import { agent, setup } from '../helpers/orchestrator-rig.ts'
import { job, lease, T0 } from '../helpers/store-rig.ts'

t.test('events: jobs of their subscribers, by name and by family', async (t) => {
  const quiet = { maxAttempts: 1 }
  const agents = [
    agent('exact', () => ({ n: 1 }), { ...quiet, triggers: { events: ['orders.created'] } }),
    agent('family', () => ({ n: 1 }), {
      ...quiet,
      triggers: { events: ['orders.*', 'orders.created'] },
      inputFromEvent: ({ data }) => ({ about: data })
    }),
    agent('watcher', () => ({ n: 1 }), { ...quiet, triggers: { events: ['system.*'] } })
  ]
  const { orchestrator, store } = await setup(t, { agents })
  const names = async (type: string): Promise<string[]> => {
    const { event, jobs } = await orchestrator.events.record({ type, data: { n: 1 }, source: 'api' })
    const stored = await orchestrator.events.get(event.id)
    t.strictSame(stored.jobs.map(({ id }) => id), jobs)
    t.match(stored.event, { type, timestamp: new Date(T0).toISOString(), received_at: T0 })
    return stored.jobs.map(({ name }) => name)
  }
  t.strictSame(await names('orders.created'), ['exact', 'family'], 'each once')
  t.strictSame(await names('orders.paid'), ['family'])
  t.strictSame(await names('orders'), [])
  t.strictSame(await names('ordersx.created'), [])
  const { jobs } = await orchestrator.events.record({ type: 'orders.paid', data: { order: 7 }, timestamp: 'as sent', source: 'api' })
  t.match(await store.getJob(jobs[0]!), { kind: 'event', payload: { v: 1, input: { about: { order: 7 } } } })
  await t.rejects(orchestrator.events.get('nonsense'), { code: 'event_not_found' })
})

t.test('events: a burst about one thing is one look at it, where the agent says so', async (t) => {
  const about = { triggers: { events: ['orders/updated'] }, inputFromEvent: ({ data }: { data: unknown }) => data as never }
  const agents = [
    agent('looker', () => ({ n: 1 }), { ...about, subjectOf: (input) => (input as { id?: string }).id }),
    agent('counter', () => ({ n: 1 }), about)
  ]
  const { orchestrator } = await setup(t, { agents })
  const jobs: string[][] = []
  for (const id of ['7', '7', '8', '7']) {
    jobs.push((await orchestrator.events.record({ type: 'orders/updated', data: { id }, source: 'api' })).jobs)
  }
  t.equal(new Set(jobs.map(([looker]) => looker)).size, 2, 'one for each order')
  t.equal(new Set(jobs.map(([, counter]) => counter)).size, 4, 'one for each event')
})

t.test('events: a burst of system events is one look, and nobody hears of its own failure', async (t) => {
  const agents = ['watcher', 'other'].map((name) => agent(name, () => ({ n: 1 }), { triggers: { events: ['system.*'] } }))
  const { orchestrator, store } = await setup(t, { agents })
  const record = (data: Record<string, string>) => orchestrator.events.record({ type: 'system.job.dead', data, source: 'system' })
  const first = await record({})
  for (let n = 0; n < 5; n++) t.strictSame((await record({})).jobs, first.jobs)
  t.equal((await store.listJobs({}, { limit: 1 })).total, 2)
  t.equal((await store.stats()).events, 6, 'each event is stored all the same')
  const about = await record({ agent: 'watcher' })
  t.strictSame(about.jobs, [first.jobs[1]], 'only the other one')
  const api = await orchestrator.events.record({ type: 'system.job.dead', data: { agent: 'watcher' }, source: 'api' })
  t.equal(api.jobs.length, 2, 'that holds for news of our own only')
})

t.test('a crash-looping agent is paused and shown so; a success or a person begins anew', async (t) => {
  let broken = true
  const flaky = agent('flaky', () => {
    if (broken) throw new PermanentError('boom', 'It broke.')
    return { n: 1 }
  })
  const heard: unknown[] = []
  const listener = agent('listener', () => ({ n: 1 }), {
    triggers: { events: ['system.agent.*', 'system.job.failed'] },
    inputFromEvent: (event) => { heard.push(event.type); return {} }
  })
  const { run, ended, start, orchestrator, store } = await setup(t, { agents: [flaky, listener] })
  await start()
  t.match(await orchestrator.agents.get('flaky'), { health: 'unknown', last_run: null })
  const fail = async (times: number): Promise<void> => { for (let n = 0; n < times; n++) await ended(await run('flaky')) }
  await fail(4)
  t.match(await orchestrator.agents.get('flaky'), {
    health: 'failing', state: { enabled: true, consecutive_failures: 4, last_error: 'It broke.' }
  })
  broken = false
  await fail(1)
  t.match(await orchestrator.agents.get('flaky'), { health: 'healthy', state: { consecutive_failures: 0, last_success_at: T0 } })
  broken = true
  await fail(4)
  t.match(await orchestrator.agents.get('flaky'), { health: 'failing' })
  await fail(1)
  t.match(await orchestrator.agents.get('flaky'), {
    health: 'paused', state: { enabled: false, consecutive_failures: 5, paused_reason: /crash loop/ }
  })
  await t.rejects(run('flaky'), { code: 'agent_paused', statusCode: 409 })
  await until('the pause is an event', () => heard.includes('system.agent.paused'))
  t.equal(heard.filter((type) => type === 'system.job.failed').length, 9)

  const [made] = await store.enqueue({ jobs: [job({ agent: 'flaky' })], now: T0 })
  t.match(await orchestrator.jobs.get(made!.id), { status: 'parked', reason: 'agent_paused:flaky' })
  broken = false
  t.match(await orchestrator.agents.setEnabled('flaky', true), { state: { enabled: true, consecutive_failures: 0, paused_reason: null } })
  t.match(await ended(made!.id), { status: 'succeeded' })
  t.match(await orchestrator.agents.get('flaky'), { health: 'healthy' })
  t.match(await orchestrator.agents.setEnabled('flaky', false), { health: 'paused', state: { paused_reason: 'paused by hand' } })
})

t.test('a job that killed its worker three times is news', async (t) => {
  const heard: unknown[] = []
  const listener = agent('listener', () => ({ n: 1 }), {
    triggers: { events: ['system.job.dead'] },
    inputFromEvent: (event) => { heard.push(event.data); return {} }
  })
  const { store, start } = await setup(t, { agents: [listener] })
  const [made] = await store.enqueue({ jobs: [job({ agent: 'killer' })], now: T0 })
  for (let death = 1; death <= 2; death++) {
    await store.claim({ queue: 'agents', limit: 1, lease: lease(), now: T0 })
    await store.recover({ now: T0, max_deaths: 3, everything: true })
  }
  await store.claim({ queue: 'agents', limit: 1, lease: lease(), now: T0 })
  await start()
  await until('it is told', () => heard.length === 1)
  t.match(heard, [{ job_id: made!.id, agent: 'killer', code: 'worker_died' }])
})
