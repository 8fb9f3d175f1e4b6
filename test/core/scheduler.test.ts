// Schedules: each due instant once, through daylight saving, restarts, sleep and changes; and the calendar behind them.
import { Type } from '@sinclair/typebox'
import t, { type Test } from 'tap'
import { AgentRegistry, defineAgent } from '../../src/core/agent.ts'
import { latestDue, nextDue } from '../../src/core/cron.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { Schedule } from '../../src/core/model.ts'
import { Scheduler } from '../../src/core/scheduler.ts'
import type { Store } from '../../src/core/store.ts'
import { openStore } from '../../src/store/index.ts'
import { FakeClock, settled } from '../helpers/fake-clock.ts'
import { rig, T0 } from '../helpers/store-rig.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const BERLIN = 'Europe/Berlin'
const at = (text: string): number => Date.parse(text)

const agent = (name: string, schedule?: { cron: string, timezone?: string }) => defineAgent({
  name,
  description: 'An agent of the tests.',
  input: Type.Object({}),
  output: Type.Object({}),
  triggers: schedule === undefined ? {} : { schedule },
  summarise: () => 'done',
  run: async () => ({})
})

interface Setup {
  now?: number
  agents?: Array<ReturnType<typeof agent>>
  store?: Store
  clock?: FakeClock
}

const setup = async (t: Test, { now = T0, agents = [agent('stocktaker')], store, clock = new FakeClock(now) }: Setup = {}) => {
  const opened = store ?? await openStore({ file: ':memory:' })
  if (store === undefined) t.teardown(() => opened.close())
  const scheduler = new Scheduler({ store: opened, agents: new AgentRegistry(agents), clock, log: silentLogger })
  t.teardown(() => scheduler.stop())
  const { take, succeed } = rig(opened)
  return {
    scheduler,
    store: opened,
    clock,
    make: (cron: string, timezone = 'UTC'): Promise<Schedule> =>
      scheduler.create({ id: 'mine', agent: 'stocktaker', cron, timezone, input: {} }),
    /** Oldest first. */
    runs: async (id = 'mine') => (await scheduler.runs(id, { limit: 1_000 })).items.reverse(),
    /** Plays the worker: what is queued succeeds at once. */
    work: async (): Promise<void> => { for (const held of await take(100, clock.now())) await succeed(held) }
  }
}

/** Lets much time pass without the look that a scheduler takes every half minute: as if the machine had slept. */
const pass = (clock: FakeClock, ms: number): Promise<void> => {
  clock.jump(ms - 30_000)
  return clock.advance(30_000)
}

/** All instants of a cron line after `from`, up to `to`. */
const instants = (line: string, zone: string, from: number, to: number): number[] => {
  const found: number[] = []
  for (let due = nextDue(line, zone, from); due !== null && due <= to; due = nextDue(line, zone, due)) found.push(due)
  return found
}

const localTime = (zone: string) => {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  return (instant: number): string => format.format(instant)
}

t.test('cron: what makes no sense is refused', async (t) => {
  for (const line of ['', 'x', '61 * * * *', '* * * *', '* * * * * * * *']) {
    t.throws(() => nextDue(line, 'UTC', T0), { code: 'invalid_schedule' }, line)
  }
  t.throws(() => nextDue('* * * * *', 'Europe/Atlantis', T0), { code: 'invalid_schedule' })
  t.equal(nextDue('0 0 30 2 *', 'UTC', T0), null, 'the 30th of February never comes')
  t.equal(nextDue('30 9 * * *', 'UTC', T0), at('2026-01-05T09:30:00Z'))
  t.equal(nextDue('*/10 * * * * *', 'UTC', T0), T0 + 10_000, 'six fields: seconds')
  t.equal(nextDue('0 9 * * *', BERLIN, T0), at('2026-01-06T08:00:00Z'), 'nine in Berlin was the very instant that is not after itself')
})

t.test('cron: spring in Berlin: no instant twice, none lost but those that do not exist', async (t) => {
  const from = at('2026-03-28T12:00:00Z')
  const to = at('2026-03-30T12:00:00Z')
  const half = instants('*/30 * * * *', BERLIN, from, to)
  t.equal(half.length, 96)
  t.ok(half.every((due, n) => n === 0 || due - half[n - 1]! === 30 * MINUTE))
  t.strictSame(instants('30 2 * * *', BERLIN, from, to), [at('2026-03-29T01:00:00Z'), at('2026-03-30T00:30:00Z')],
    'half past two does not exist on the 29th: it runs at the end of the gap')
  t.strictSame(instants('0 3 * * *', BERLIN, from, to), [at('2026-03-29T01:00:00Z'), at('2026-03-30T01:00:00Z')])
  t.strictSame(instants('0 2,3 * * *', BERLIN, from, to), ['2026-03-29T01:00:00Z', '2026-03-30T00:00:00Z', '2026-03-30T01:00:00Z'].map(at),
    'where two fall together they are one')
})

t.test('cron: autumn in Berlin: intervals go on through the double hour, a time of day comes once', async (t) => {
  const from = at('2026-10-24T12:00:00Z')
  const to = at('2026-10-26T12:00:00Z')
  const half = instants('*/30 * * * *', BERLIN, from, to)
  t.equal(half.length, 96)
  t.ok(half.every((due, n) => n === 0 || due - half[n - 1]! === 30 * MINUTE))
  t.equal(half.map(localTime(BERLIN)).filter((time) => time === '02:30').length, 3, 'half past two twice on the 25th, once on the 26th')
  t.strictSame(instants('30 2 * * *', BERLIN, from, to), [at('2026-10-25T00:30:00Z'), at('2026-10-26T01:30:00Z')])
  t.strictSame(instants('0 3 * * *', BERLIN, from, to), [at('2026-10-25T02:00:00Z'), at('2026-10-26T02:00:00Z')])
  for (const line of ['*/7 * * * *', '15 */2 * * *', '0 0 * * *', '59 1-3 * * *', '5 3 25 10 *']) {
    const found = instants(line, BERLIN, from, to)
    t.ok(found.every((due, n) => n === 0 || due > found[n - 1]!), line)
    for (const due of found) t.equal(instants(line, BERLIN, due - 1, due).length, 1, 'an instant is found from anywhere')
  }
})

t.test('cron: many missed instants are one, the latest', async (t) => {
  t.strictSame(latestDue('0 * * * *', 'UTC', T0, T0), { due_at: T0, missed: 0 })
  t.strictSame(latestDue('0 * * * *', 'UTC', T0, T0 + 3 * HOUR + 1), { due_at: T0 + 3 * HOUR, missed: 3 })
  t.strictSame(latestDue('0 * * * *', 'UTC', T0, T0 + 3 * HOUR - 1), { due_at: T0 + 2 * HOUR, missed: 2 })
  const day = latestDue('* * * * * *', 'UTC', T0, T0 + 24 * HOUR)
  t.strictSame(day, { due_at: T0 + 24 * HOUR, missed: 10_000 }, 'counted up to ten thousand, and still the latest')
  t.strictSame(latestDue('0 0 5 1 *', 'UTC', at('2026-01-05T00:00:00Z'), T0), { due_at: at('2026-01-05T00:00:00Z'), missed: 0 })
})

t.test('fires each instant once, at its time', async (t) => {
  const { scheduler, make, clock, runs, work, store } = await setup(t)
  const made = await make('*/10 * * * *')
  t.equal(made.next_due_at, T0 + 10 * MINUTE)
  scheduler.start()
  await clock.advance(10 * MINUTE - 1)
  t.strictSame(await runs(), [])
  for (let n = 1; n <= 6; n++) {
    await clock.advance(n === 1 ? 1 : 10 * MINUTE)
    await work()
  }
  t.match(await runs(), [10, 20, 30, 40, 50, 60].map((minutes) =>
    ({ due_at: T0 + minutes * MINUTE, fired_at: T0 + minutes * MINUTE, outcome: 'queued', missed: 0 })))
  const { items, total } = await store.listJobs({ agent: 'stocktaker' }, { limit: 10 })
  t.equal(total, 6)
  t.match(items[0], { source: 'schedule:mine', kind: 'agent', lane: 'agent:stocktaker' })
  t.match(await scheduler.get('mine'), { last_due_at: T0 + HOUR, next_due_at: T0 + HOUR + 10 * MINUTE })
})

t.test('two schedulers on one store do not fire an instant twice', async (t) => {
  const one = await setup(t)
  const two = await setup(t, { store: one.store, clock: one.clock })
  await one.make('* * * * *')
  one.scheduler.start()
  two.scheduler.start()
  for (let n = 0; n < 20; n++) {
    await one.clock.advance(MINUTE)
    await one.work()
  }
  t.strictSame((await one.runs()).map(({ due_at: due, outcome }) => [due, outcome]),
    Array.from({ length: 20 }, (_, n) => [T0 + (n + 1) * MINUTE, 'queued']))
  t.equal((await one.store.listJobs({}, { limit: 1 })).total, 20)
})

t.test('a run that is not finished is not overtaken', async (t) => {
  const { scheduler, make, clock, runs, work } = await setup(t)
  await make('* * * * *')
  scheduler.start()
  await clock.advance(3 * MINUTE)
  await work()
  await clock.advance(MINUTE)
  t.strictSame((await runs()).map(({ outcome }) => outcome), ['queued', 'skipped_overlap', 'skipped_overlap', 'queued'])
})

t.test('restart: what was missed runs once and is counted; nothing runs twice', async (t) => {
  const before = await setup(t)
  await before.make('0 * * * *')
  before.scheduler.start()
  await before.clock.advance(HOUR)
  await before.work()
  await before.scheduler.stop()
  const idle = before.clock.waiting
  t.equal(idle, 0, 'a stopped scheduler waits for nothing')
  await before.clock.advance(5 * HOUR + 30 * MINUTE)
  t.equal((await before.runs()).length, 1)

  const after = await setup(t, { store: before.store, clock: before.clock })
  await after.scheduler.sync()
  after.scheduler.start()
  await settled()
  await after.work()
  await after.clock.advance(HOUR)
  t.match(await after.runs(), [
    { due_at: T0 + HOUR, missed: 0 },
    { due_at: T0 + 6 * HOUR, missed: 4, fired_at: T0 + 6 * HOUR + 30 * MINUTE },
    { due_at: T0 + 7 * HOUR, missed: 0 }
  ])
})

t.test('the wall clock jumps: forward is caught up within half a minute, back fires nothing again', async (t) => {
  const { scheduler, make, clock, runs, work } = await setup(t)
  await make('0 * * * *')
  scheduler.start()
  await clock.advance(HOUR)
  await work()
  clock.jump(2 * HOUR)
  await clock.advance(30_000)
  await work()
  t.match(await runs(), [{ due_at: T0 + HOUR }, { due_at: T0 + 3 * HOUR, missed: 1 }])
  clock.jump(-3 * HOUR)
  await clock.advance(3 * HOUR)
  t.equal((await runs()).length, 2, 'instants that ran do not run again')
  await clock.advance(HOUR)
  await work()
  t.match((await runs()).at(-1), { due_at: T0 + 4 * HOUR })
})

t.test('spring and autumn in Berlin through the scheduler: each instant once', async (t) => {
  const hours = Array.from({ length: 10 }, (_, n) => new Date(at('2026-10-24T23:00:00Z') + n * HOUR).toISOString())
  const lines: Array<[start: string, line: string, due: string[]]> = [
    ['2026-03-28T12:00:00Z', '30 2 * * *', ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']],
    ['2026-10-24T12:00:00Z', '30 2 * * *', ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']],
    ['2026-10-24T22:30:00Z', '0 * * * *', hours]
  ]
  for (const [start, line, due] of lines) {
    const { scheduler, make, clock, runs, work } = await setup(t, { now: at(start) })
    await make(line, BERLIN)
    scheduler.start()
    while (clock.now() < at(due.at(-1)!) + MINUTE) {
      await pass(clock, 30 * MINUTE)
      await work()
    }
    t.strictSame((await runs()).map((run) => run.due_at).slice(0, due.length), due.map(at), `${line} from ${start}`)
  }
})

t.test('pause and resume: what passed during the pause is not made up for', async (t) => {
  const { scheduler, make, clock, runs, work } = await setup(t)
  await make('0 * * * *')
  scheduler.start()
  await scheduler.change('mine', { paused: true })
  await clock.advance(5 * HOUR + MINUTE)
  t.strictSame(await runs(), [])
  t.match(await scheduler.change('mine', { paused: false }), { next_due_at: T0 + 6 * HOUR })
  await clock.advance(HOUR)
  await work()
  t.match(await runs(), [{ due_at: T0 + 6 * HOUR, missed: 0 }])
})

t.test('changes of cron, time zone and input hold at once', async (t) => {
  const { scheduler, make, clock, runs, store } = await setup(t)
  await make('0 12 * * *')
  scheduler.start()
  t.match(await scheduler.change('mine', { timezone: BERLIN }), { next_due_at: T0 + 3 * HOUR })
  t.match(await scheduler.change('mine', { cron: '5 * * * *', input: { deep: true } }), { next_due_at: T0 + 5 * MINUTE })
  await t.rejects(scheduler.change('mine', { cron: 'x' }), { code: 'invalid_schedule' })
  await t.rejects(scheduler.change('nobody', { paused: true }), { code: 'schedule_not_found' })
  t.match(await scheduler.get('mine'), { cron: '5 * * * *' }, 'a refused change changes nothing')
  await clock.advance(5 * MINUTE)
  t.match(await runs(), [{ due_at: T0 + 5 * MINUTE }])
  const { items: [made] } = await store.listJobs({}, { limit: 1 })
  t.strictSame(made!.payload, { v: 1, input: { deep: true } })
})

t.test('create and remove', async (t) => {
  const { scheduler, make, clock, store } = await setup(t, { agents: [agent('stocktaker'), agent('nightly', { cron: '0 3 * * *' })] })
  await scheduler.sync()
  await make('* * * * *')
  await t.rejects(make('* * * * *'), { code: 'schedule_exists' })
  const other = { id: 'x', agent: 'stocktaker', cron: '* * * * *', timezone: 'UTC', input: {} }
  await t.rejects(scheduler.create({ ...other, agent: 'nobody' }), { code: 'agent_not_found' })
  await t.rejects(scheduler.create({ ...other, cron: '* *' }), { code: 'invalid_schedule' })
  await t.rejects(scheduler.remove('nightly'), { code: 'schedule_is_built_in' })
  scheduler.start()
  await scheduler.remove('mine')
  await t.rejects(scheduler.get('mine'), { code: 'schedule_not_found' })
  await t.rejects(scheduler.runs('mine', { limit: 1 }), { code: 'schedule_not_found' })
  await clock.advance(10 * MINUTE)
  t.equal((await store.listJobs({}, { limit: 1 })).total, 0)
})

t.test('built-in schedules: new ones come, vanished ones go, changes by hand stay, changes of the code arrive', async (t) => {
  const before = [
    agent('aa', { cron: '0 1 * * *' }),
    agent('ab', { cron: '0 2 * * *', timezone: BERLIN }),
    agent('ac', { cron: '0 3 * * *' }),
    agent('ad')
  ]
  const after = [
    agent('aa', { cron: '0 9 * * *' }),
    agent('ab', { cron: '0 5 * * *', timezone: BERLIN }),
    agent('ad', { cron: '0 6 * * *' })
  ]
  const first = await setup(t, { agents: before })
  const list = async ({ scheduler } = first): Promise<string[]> =>
    (await scheduler.list()).map(({ id, cron, timezone, paused }) => `${id} ${cron} ${timezone}${paused ? ' paused' : ''}`)
  await first.scheduler.sync()
  await first.scheduler.sync()
  t.strictSame(await list(), ['aa 0 1 * * * UTC', 'ab 0 2 * * * Europe/Berlin', 'ac 0 3 * * * UTC'])
  first.scheduler.start()
  await first.clock.advance(MINUTE)
  await first.scheduler.change('aa', { cron: '30 1 * * *', paused: true })
  await first.scheduler.create({ id: 'mine', agent: 'ac', cron: '0 4 * * *', timezone: 'UTC', input: {} })
  // A firing is no change by hand.
  await pass(first.clock, 24 * HOUR)
  await first.scheduler.stop()

  const next = await setup(t, { store: first.store, clock: first.clock, agents: after })
  await next.scheduler.sync()
  t.strictSame(await list(next), ['aa 30 1 * * * UTC paused', 'ab 0 5 * * * Europe/Berlin', 'ad 0 6 * * * UTC', 'mine 0 4 * * * UTC'])
  t.match(await next.scheduler.get('ab'), { next_due_at: at('2026-01-07T04:00:00Z'), last_due_at: at('2026-01-06T01:00:00Z') })

  next.scheduler.start()
  await pass(next.clock, 24 * HOUR)
  t.strictSame((await next.runs('mine')).map(({ due_at: due }) => due), [at('2026-01-06T04:00:00Z')],
    'a schedule of an agent that is gone does not fire')
})

t.test('a store that is away for a while: looked at again, and the instant runs', async (t) => {
  const { clock, store } = await setup(t)
  let away = true
  const scheduler = new Scheduler({
    store: { ...store, listSchedules: () => away ? Promise.reject(new Error('away')) : store.listSchedules() },
    agents: new AgentRegistry([agent('stocktaker')]),
    clock,
    log: silentLogger
  })
  t.teardown(() => scheduler.stop())
  await scheduler.create({ id: 'mine', agent: 'stocktaker', cron: '0 * * * *', timezone: 'UTC', input: {} })
  scheduler.start()
  await clock.advance(HOUR + 500)
  t.equal((await store.listJobs({}, { limit: 1 })).total, 0)
  away = false
  await clock.advance(1_000)
  t.equal((await store.listJobs({}, { limit: 1 })).total, 1)
})
