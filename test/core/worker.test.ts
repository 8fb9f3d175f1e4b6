// Workers on a clock that is moved by hand: how runs end, what is tried again and when, and what becomes of leases.
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { PermanentError } from '../../src/core/agent.ts'
import { AppError } from '../../src/core/errors.ts'
import { silentLogger } from '../../src/core/log.ts'
import { SYSTEM_STREAM } from '../../src/core/model.ts'
import { silentObserver } from '../../src/core/observer.ts'
import type { Store } from '../../src/core/store.ts'
import { Worker, type RunTools } from '../../src/core/worker.ts'
import { openStore } from '../../src/store/index.ts'
import { FakeClock, settled, until } from '../helpers/fake-clock.ts'
import { agent, held, obedient, setup } from '../helpers/orchestrator-rig.ts'
import { delta, job, lease, T0 } from '../helpers/store-rig.ts'

const NEVER = new AbortController().signal

t.test('a run: checked input, progress, output and summary', async (t) => {
  const slow = held('slow', { input: Type.Object({ shop: Type.String() }) })
  const { run, get, ended, orchestrator, start, settledJobs } = await setup(t, { agents: [slow.definition] })
  await start()
  await t.rejects(run('slow', { shop: 7 }), { code: 'invalid_input', message: /shop/ })
  await t.rejects(run('nobody'), { code: 'agent_not_found' })
  const id = await run('slow', { shop: 'x' })
  await until('it runs', () => slow.runs.length === 1)
  t.match(await get(id), { status: 'running', attempt: 1, started_at: T0 })
  const { context, finish } = slow.runs[0]!
  t.strictSame(context.job, { id, attempt: 1, source: 'test' })
  context.progress(0.25, 'a quarter')
  await settled()
  t.strictSame((await get(id)).progress, { fraction: 0.25, note: 'a quarter', at: T0 })
  for (const [given, kept] of [[7, 1], [-1, 0], [NaN, 0]] as const) {
    context.progress(given, '')
    await settled()
    t.equal((await get(id)).progress!.fraction, kept)
  }
  const waiting = orchestrator.jobs.wait(id, 60_000, NEVER)
  finish()
  t.match(await waiting, { status: 'succeeded', output: { summary: 'It is 1.', result: { n: 1 } }, error: null })
  context.progress(0.5, 'too late')
  await settled()
  t.notMatch((await ended(id)).progress, { note: 'too late' })
  t.strictSame(settledJobs, ['succeeded'])
  t.match(await orchestrator.agents.get('slow'), { health: 'healthy', last_run: { id } })
})

t.test('retries: full jitter within doubling bounds, then a dead letter', async (t) => {
  const jitter = [0, 0.25, 0.999, 0.5, 0.1, 0.7, 0.3]
  let drawn = 0
  const wrong = agent('wrong', () => { throw new Error('again') }, { maxAttempts: 8 })
  const { run, get, clock, start, orchestrator } = await setup(t, { agents: [wrong], random: () => jitter[drawn++]! })
  await start()
  const id = await run('wrong')
  const delays: number[] = []
  for (let attempt = 1; attempt < 8; attempt++) {
    await until(`attempt ${attempt} failed`, async () => (await get(id)).failures.length === attempt)
    const failed = await get(id)
    delays.push(failed.run_at - failed.error!.at)
    if (failed.status === 'parked') await orchestrator.agents.setEnabled('wrong', true)
    if (failed.run_at > clock.now()) {
      await clock.advance(failed.run_at - clock.now() - 1)
      t.equal((await get(id)).attempt, attempt, 'not a millisecond early')
      // Several retries share one timer; the poll, a second apart, finds the rest.
      await clock.advance(1_000)
    }
  }
  const ceilings = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]
  t.strictSame(delays, ceilings.map((ceiling, at) => Math.round(ceiling * jitter[at]!)))
  await until('it is dead', async () => (await get(id)).status === 'dead')
  t.match(await get(id), { attempt: 8, error: { code: 'run_failed', message: 'again', attempt: 8 } })
  t.equal(drawn, 7, 'no draw for the last')
})

t.test('retries: an error that no retry can mend fails at once', async (t) => {
  const agents = [
    agent('permanent', () => { throw new PermanentError('no_scope', 'The token may not.') }),
    agent('refused', () => { throw new AppError('dependency_unavailable') }, { maxAttempts: 1 }),
    agent('liar', () => ({ n: 'many' })),
    agent('knot', () => ({ n: 1, big: 1n })),
    agent('mumbler', () => ({ n: 1 }), { summarise () { throw new Error('no words') }, maxAttempts: 1 })
  ]
  const { run, ended, start } = await setup(t, { agents })
  await start()
  t.match(await ended(await run('permanent')), { status: 'failed', attempt: 1, error: { code: 'no_scope', message: 'The token may not.' } })
  t.match(await ended(await run('refused')), { status: 'dead', error: { code: 'dependency_unavailable' } })
  t.match(await ended(await run('liar')), { status: 'failed', error: { code: 'invalid_output', message: /n: Expected number/ } })
  t.match(await ended(await run('knot')), { status: 'failed', error: { code: 'invalid_output' } }, 'what JSON cannot hold')
  t.match(await ended(await run('mumbler')), { status: 'dead', error: { message: 'no words' } })
})

t.test('retries: input that a later version of the agent does not take', async (t) => {
  const strict = agent('strict', () => ({ n: 1 }), { input: Type.Object({ shop: Type.String() }) })
  const { store, ended, start } = await setup(t, { agents: [strict] })
  const [made] = await store.enqueue({ jobs: [job({ agent: 'strict', payload: { v: 1, input: {} } })], now: T0 })
  await start()
  t.match(await ended(made!.id), { status: 'failed', error: { code: 'invalid_input', message: /shop/ } })
})

t.test('timeout: a run is told to stop, and given up after the grace when it does not', async (t) => {
  const good = obedient('good', { timeoutMs: 1_000, maxAttempts: 1 })
  const hung = held('hung', { timeoutMs: 1_000, maxAttempts: 2 })
  const { run, get, clock, start } = await setup(t, { agents: [good.definition, hung.definition], random: () => 0 })
  await start()
  const [first, second] = [await run('good'), await run('hung')]
  await until('both run', () => good.seen.length === 1 && hung.runs.length === 1)
  await clock.advance(999)
  t.match(await get(first), { status: 'running' })
  await clock.advance(1)
  t.match(await get(first), { status: 'dead', error: { code: 'timeout', message: /1000 ms/ } })
  t.strictSame(good.seen, ['run', 'timeout'])
  t.equal(hung.runs[0]!.context.signal.aborted, true)
  t.match(await get(second), { status: 'running', attempt: 1 })
  await clock.advance(5_000)
  t.match(await get(second), { status: 'running', attempt: 2, failures: [{ code: 'timeout' }] }, 'its slot and its lane are free again')

  // The first run comes back to life beside the second.
  hung.runs[0]!.context.progress(0.9, 'a ghost')
  hung.runs[0]!.finish()
  await settled()
  t.match(await get(second), { status: 'running', attempt: 2, progress: null })
  hung.runs[1]!.finish()
  await settled()
  t.match(await get(second), { status: 'succeeded', attempt: 2 })
})

t.test('timeout: a run that was given up writes nothing more, and does not end the attempt after it', async (t) => {
  const clock = new FakeClock(T0)
  const store = await openStore({ file: ':memory:' })
  t.teardown(() => store.close())
  const attempts: Array<{ tools: RunTools, finish: () => void }> = []
  const worker = new Worker({
    scrub: String,
    queue: 'agents',
    concurrency: 2,
    store,
    handler: (_job, tools) => ({
      execute: () => new Promise((resolve) => { attempts.push({ tools, finish: () => { resolve('done') } }) })
    }),
    clock,
    random: () => 0,
    log: silentLogger,
    observer: silentObserver,
    onSettled () {}
  })
  const [made] = await store.enqueue({ jobs: [job({ timeout_ms: 1_000 })], now: T0 })
  worker.start()
  await clock.advance(6_000)
  t.equal(attempts.length, 2)
  await attempts[0]!.tools.append([delta(SYSTEM_STREAM, made!.id, 'of a ghost')])
  await settled()
  t.equal(attempts[1]!.tools.signal.aborted, false)
  await attempts[1]!.tools.append([delta(SYSTEM_STREAM, made!.id, 'of the living')])
  attempts[1]!.finish()
  await settled()
  t.match(await store.getJob(made!.id), { status: 'succeeded', attempt: 2, output: 'done' })
  const said = (await store.readEvents(SYSTEM_STREAM, 0, 100)).filter(({ name }) => name === 'message')
  t.match(said, [{ data: /of the living/ }])
  t.equal(said.length, 1)
  const stopped = worker.stop(0)
  await clock.advance(0)
  await stopped
})

t.test('cancel: running, hung, queued and finished jobs', async (t) => {
  const good = obedient('good')
  const hung = held('hung')
  const { run, get, clock, start, orchestrator } = await setup(t, { agents: [good.definition, hung.definition] })
  await start()
  const [first, behind, second] = [await run('good'), await run('good'), await run('hung')]
  await until('both run', () => good.seen.length === 1 && hung.runs.length === 1)
  await orchestrator.jobs.cancel(behind)
  t.match(await get(behind), { status: 'cancelled' })
  await orchestrator.jobs.cancel(first)
  await settled()
  t.match(await get(first), { status: 'cancelled', reason: 'cancelled', attempt: 1 })
  t.strictSame(good.seen, ['run', 'cancel'])
  await t.rejects(orchestrator.jobs.cancel(first), { code: 'job_finished' })
  await t.rejects(orchestrator.jobs.cancel('nonsense'), { code: 'job_not_found' })
  await orchestrator.jobs.cancel(second)
  await clock.advance(4_999)
  t.match(await get(second), { status: 'running', cancel_requested: 'cancelled' })
  await clock.advance(1)
  t.match(await get(second), { status: 'cancelled' })
  t.match(await orchestrator.agents.get('good'), { state: { consecutive_failures: 0 } }, 'a cancel is nobody\'s failure')
  t.match(await orchestrator.jobs.retry(first), { status: 'queued', attempt: 0 })
  await t.rejects(orchestrator.jobs.retry(first), { code: 'job_not_finished' })
})

t.test('jobs.wait: until the end, or until patience or the caller ends', async (t) => {
  const slow = held('slow')
  const { run, clock, start, orchestrator } = await setup(t, { agents: [slow.definition] })
  await start()
  const id = await run('slow')
  await until('it runs', () => slow.runs.length === 1)
  const timers = clock.waiting
  t.match(await orchestrator.jobs.wait(id, 0, NEVER), { status: 'running' })
  const impatient = orchestrator.jobs.wait(id, 500, NEVER)
  await clock.advance(500)
  t.match(await impatient, { status: 'running' })
  const caller = new AbortController()
  const gone = orchestrator.jobs.wait(id, 60_000, caller.signal)
  await settled()
  caller.abort()
  t.match(await gone, { status: 'running' })
  const patient = [1, 2, 3].map(() => orchestrator.jobs.wait(id, 60_000, NEVER))
  await settled()
  slow.runs[0]!.finish()
  for (const one of await Promise.all(patient)) t.equal(one.status, 'succeeded')
  t.match(await orchestrator.jobs.wait(id, 60_000, NEVER), { status: 'succeeded' }, 'one that has ended is answered at once')
  await t.rejects(orchestrator.jobs.wait('nonsense', 1_000, NEVER), { code: 'job_not_found' })
  t.ok(clock.waiting <= timers, 'no timer is left behind')
})

t.test('shutdown: what runs may finish; what does not gives its lease back, and the attempt is not counted', async (t) => {
  const quick = held('quick')
  const stubborn = held('stubborn')
  const { run, get, clock, start, orchestrator, store } = await setup(t, { agents: [quick.definition, stubborn.definition] })
  await start()
  const [first, second] = [await run('quick'), await run('stubborn')]
  await until('both run', () => quick.runs.length + stubborn.runs.length === 2)
  orchestrator.drain()
  const late = await run('quick')
  const stopping = orchestrator.stop(20_000)
  await clock.advance(10_000)
  t.equal((await get(first)).lease_until, T0 + 9_000 + 10_000, 'leases are renewed while it waits')
  quick.runs[0]!.finish()
  await clock.advance(10_000)
  t.match(await get(first), { status: 'succeeded' })
  t.equal(stubborn.runs[0]!.context.signal.aborted, true)
  t.match(await get(second), { status: 'running' })
  await clock.advance(5_000)
  await stopping
  t.match(await get(second), { status: 'queued', attempt: 0, deaths: 0, failures: [], lease_token: null })
  t.match(await get(late), { status: 'queued', attempt: 0 }, 'nothing more is claimed')
  t.equal(clock.waiting, 0, 'no timer is left behind')

  const next = await setup(t, { agents: [quick.definition, stubborn.definition], store, clock })
  await next.start()
  await until('it runs again', () => stubborn.runs.length === 2)
  t.match(stubborn.runs[1]!.context.job, { id: second, attempt: 1 })
})

t.test('shutdown: a claim that is under way is waited for', async (t) => {
  const quick = obedient('quick')
  const { run, get, clock, start, orchestrator } = await setup(t, { agents: [quick.definition] })
  await start()
  await settled()
  // Both in one commit's time: the claim has been handed in when the stop comes.
  const running = run('quick')
  let claimed = false
  orchestrator.store.subscribe(({ queues }) => { claimed ||= queues.has('agents') })
  await until('the job is stored', () => claimed)
  const stopping = orchestrator.stop(0)
  await clock.advance(20_000)
  await stopping
  const id = await running
  t.match(await get(id), { status: 'queued', attempt: 0, lease_token: null }, 'no lease outlives the worker')
})

t.test('leases: renewed while the run goes on; a lost run stops and cannot finish', async (t) => {
  const slow = held('slow', { timeoutMs: 600_000 })
  const { run, get, clock, start, store, settledJobs } = await setup(t, { agents: [slow.definition] })
  await start()
  const id = await run('slow')
  await until('it runs', () => slow.runs.length === 1)
  await clock.advance(60_000)
  t.ok((await get(id)).lease_until! > clock.now(), 'never near its end')
  t.strictSame(await store.recover({ now: clock.now(), max_deaths: 3, everything: false }), [])

  // Another process takes the job over, as after a pause of this one.
  const [, [taken]] = await Promise.all([
    store.recover({ now: clock.now(), max_deaths: 3, everything: true }),
    store.claim({ queue: 'agents', limit: 1, lease: lease(clock.now() + 600_000, 'other'), now: clock.now() })
  ])
  t.equal(taken!.id, id)
  await clock.advance(3_000)
  t.match(slow.runs[0]!.context.signal, { aborted: true, reason: 'lost' })
  slow.runs[0]!.finish()
  await settled()
  t.match(await get(id), { status: 'running', worker: 'other', lease_token: taken!.lease_token })
  t.strictSame(settledJobs, [], 'nobody counts what was not accepted')
})

t.test('jobs of an agent that this version does not know wait for one that does', async (t) => {
  const { store, get, start, orchestrator } = await setup(t, { agents: [] })
  const [made] = await store.enqueue({ jobs: [job({ agent: 'newcomer' })], now: T0 })
  await start()
  await until('it is parked', async () => (await get(made!.id)).status === 'parked')
  t.match(await get(made!.id), { reason: 'unknown_job', attempt: 0, failures: [] })
  await orchestrator.stop(0)
  const next = await setup(t, { agents: [agent('newcomer', () => ({ n: 1 }))], store })
  await next.start()
  t.match(await next.ended(made!.id), { status: 'succeeded', attempt: 1 })
})

t.test('without a shop an agent waits for one: no failure, no attempt, and on with the next start that has it', async (t) => {
  let shop = false
  const needy = agent('needy', async () => {
    if (!shop) throw new PermanentError('shop_not_configured', 'There is no shop.')
    return { n: 1 }
  })
  const store = await openStore({ file: ':memory:' })
  t.teardown(() => store.close())
  const first = await setup(t, { agents: [needy], store })
  await first.orchestrator.start({ work: true })
  const id = await first.run('needy')
  await until('it waits', async () => (await first.get(id)).status === 'parked')
  t.match(await first.get(id), { status: 'parked', reason: 'not_configured:shopify_api', attempt: 0, failures: [] })
  t.equal((await first.orchestrator.agents.get('needy')).health, 'unknown', 'the agent is not to blame')
  await first.clock.advance(20_000)
  t.equal((await first.get(id)).status, 'parked', 'as long as there is none')
  const stopping = first.orchestrator.stop(0)
  await first.clock.advance(20_000)
  await stopping

  shop = true
  const second = await setup(t, { agents: [needy], store, clock: first.clock, commerce: {} as never })
  await second.orchestrator.start({ work: true })
  await second.clock.advance(10_000)
  t.equal((await second.ended(id)).status, 'succeeded')
})

t.test('concurrency: never more than its bound, and the queue is used up without a poll', async (t) => {
  let running = 0
  let most = 0
  const many = agent('many', async () => {
    most = Math.max(most, ++running)
    await settled()
    running--
    return { n: 1 }
  })
  const { store, clock, start } = await setup(t, { agents: [many], concurrency: 3 })
  await start()
  const jobs = Array.from({ length: 20 }, () => job({ agent: 'many' }))
  await store.enqueue({ jobs, now: T0 })
  await until('all are done', async () => (await store.listJobs({ status: 'succeeded' }, { limit: 1 })).total === 20)
  t.equal(most, 3)
  t.equal(clock.now(), T0, 'no time passed')
})

t.test('delayed jobs start at their time, jobs of one agent one by one', async (t) => {
  const slow = held('slow')
  const { run, get, clock, start } = await setup(t, { agents: [slow.definition] })
  await start()
  const later = await run('slow', {}, { run_at: T0 + 5_000 })
  const [now, next] = [await run('slow'), await run('slow', {}, { priority: 'high' })]
  await until('one runs', () => slow.runs.length === 1)
  await settled()
  t.equal(slow.runs.length, 1)
  t.match(await get(now), { status: 'running' })
  slow.runs[0]!.finish()
  await until('the next runs', () => slow.runs.length === 2)
  t.match(await get(next), { status: 'running' })
  slow.runs[1]!.finish()
  await clock.advance(4_000)
  t.match(await get(later), { status: 'queued', attempt: 0 })
  await clock.advance(2_000)
  t.match(await get(later), { status: 'running', attempt: 1 })
})

t.test('a store that cannot take the end of a run gets it later: the run is not repeated', async (t) => {
  let down = 0
  let runs = 0
  const counted = agent('counted', () => ({ n: ++runs }))
  const wrap = (store: Store): Store => ({
    ...store,
    settle: (args) => down-- > 0 ? Promise.reject(new AppError('store_full')) : store.settle(args)
  })
  const { run, get, clock, start } = await setup(t, { agents: [counted], wrap })
  await start()
  down = 3
  const id = await run('counted')
  await until('it was refused', () => down < 3)
  t.match(await get(id), { status: 'running' })
  await clock.advance(15_000)
  t.match(await get(id), { status: 'succeeded', attempt: 1, output: { result: { n: 1 } } })
  t.equal(runs, 1)
})

t.test('a store that never takes it does not keep the process from stopping', async (t) => {
  const wrap = (store: Store): Store => ({ ...store, settle: () => Promise.reject(new AppError('store_unavailable')) })
  const { run, get, clock, start, orchestrator } = await setup(t, { agents: [agent('quick', () => ({ n: 1 }))], wrap })
  await start()
  const id = await run('quick')
  await until('it runs', async () => (await get(id)).status === 'running')
  const stopping = orchestrator.stop(3_000)
  await clock.advance(15_000)
  await stopping
  t.equal(clock.waiting, 0)
  t.match(await get(id), { status: 'running' }, 'the next start takes it back')
})
