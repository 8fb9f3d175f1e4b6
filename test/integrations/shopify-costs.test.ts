// Who may ask the shop next: the query budget, the lanes, and what happens when we are told to wait.
import fc from 'fast-check'
import t from 'tap'
import { LANES, type Lane } from '../../src/core/commerce.ts'
import { createCostBucket, type CostReport } from '../../src/integrations/shopify/cost-bucket.ts'
import { createCostScheduler, type Sending } from '../../src/integrations/shopify/cost-scheduler.ts'
import { FakeClock, settled } from '../helpers/fake-clock.ts'

const ALIVE = new AbortController().signal

/** A shop with the rules of Shopify: pays for a query when it is asked, gives back what it did not cost when it is answered. */
const createShop = (clock: FakeClock, { maximum = 2_000, rate = 100, latency = 50 } = {}) => {
  let points = maximum
  let at = clock.monotonic()
  const log: string[] = []
  let throttled = 0
  const refresh = (): void => {
    points = Math.min(maximum, points + (clock.monotonic() - at) / 1_000 * rate)
    at = clock.monotonic()
  }
  const report = (requested: number, actual: number | null): CostReport =>
    ({ requested, actual, maximumAvailable: maximum, currentlyAvailable: Math.floor(points), restoreRate: rate })
  return {
    log,
    throttled: () => throttled,
    spend (amount: number) { refresh(); points -= amount },
    query: (name: string, requested: number, actual = requested, travel = 0) => (): Promise<Sending<string>> => new Promise((resolve) => {
      const arrive = (): void => {
        refresh()
        if (points < requested) {
          throttled += 1
          const told = report(requested, null)
          resolve({ kind: 'again', waitMs: Math.ceil((requested - told.currentlyAvailable) / rate * 1_000), report: told })
          return
        }
        points -= requested
        log.push(name)
        clock.setTimeout(() => {
          refresh()
          points = Math.min(maximum, points + requested - actual)
          resolve({ kind: 'done', value: name, report: report(requested, actual) })
        }, latency)
      }
      // The shop takes the points when the query arrives: until then a full bucket there does not fill, whatever we believe.
      if (travel > 0) clock.setTimeout(arrive, travel)
      else arrive()
    })
  }
}

const setup = (options: Partial<Parameters<typeof createCostScheduler>[0]> = {}, rules = {}) => {
  const clock = new FakeClock(0)
  const shop = createShop(clock, rules)
  const scheduler = createCostScheduler({ clock, ...options })
  const outcomes = new Map<string, unknown>()
  const ask = (name: string, lane: Lane, cost: number, { actual = cost, signal = ALIVE, estimate = cost, travel = 0 } = {}): void => {
    scheduler.run({ lane, cost: () => estimate, signal, send: shop.query(name, cost, actual, travel) })
      .then((value) => outcomes.set(name, value), (error: unknown) => outcomes.set(name, error))
  }
  return { clock, shop, scheduler, ask, outcomes }
}

t.test('a query goes at once when the budget can pay, and the first answer tells the size of the budget', async (t) => {
  const { clock, scheduler, ask, outcomes } = setup({}, { maximum: 20_000, rate: 1_000 })
  t.equal(scheduler.snapshot().maximum, 2_000, 'the smallest plan, before anything is known')
  ask('a', 'research', 300)
  await clock.advance(50)
  t.equal(outcomes.get('a'), 'a')
  t.match(scheduler.snapshot(), { maximum: 20_000, restoreRate: 1_000, available: 19_750 }, '50 ms restored 50')
})

t.test('higher lanes go first, equals in their order', async (t) => {
  const { clock, shop, ask } = setup({ concurrent: 1 })
  ask('first', 'research', 10)
  const names = [...LANES].reverse().flatMap((lane) => [`${lane} 1`, `${lane} 2`])
  for (const name of names) ask(name, name.slice(0, -2) as Lane, 10)
  await clock.advance(2_000)
  t.same(shop.log, ['first', ...LANES.flatMap((lane) => [`${lane} 1`, `${lane} 2`])])
})

t.test('nobody waits for ever: the last lane gets its turn while orders keep coming', async (t) => {
  const { clock, shop, ask } = setup({ concurrent: 1 }, { latency: 100 })
  ask('busy', 'orders', 10)
  ask('research', 'research', 10)
  for (let i = 0; i < 400; i++) {
    ask(`order ${i}`, 'orders', 10)
    ask(`more ${i}`, 'orders', 10)
    await clock.advance(100)
  }
  const turn = shop.log.indexOf('research')
  t.ok(turn > 100, `not before it has aged (turn ${turn})`)
  t.ok(turn > 0 && turn <= 260, `but after 25 s (turn ${turn})`)
})

t.test('a share of the budget is only for orders', async (t) => {
  const { clock, shop, ask } = setup()
  ask('known', 'orders', 10)
  await clock.advance(20_000)
  ask('large', 'research', 900)
  ask('larger', 'research', 900)
  await clock.advance(100)
  t.same(shop.log, ['known', 'large'], 'the second would leave less than a fifth')
  ask('order', 'orders', 900)
  await clock.advance(100)
  t.same(shop.log, ['known', 'large', 'order'])
  await clock.advance(60_000)
  t.same(shop.log.at(-1), 'larger')
})

t.test('THROTTLED: waits as long as the shop needs, nothing is sent meanwhile, and the query is the next of its lane', async (t) => {
  const { clock, shop, scheduler, ask, outcomes } = setup({ concurrent: 1 })
  shop.spend(1_950)
  ask('greedy', 'marketing', 350, { estimate: 10 })
  ask('later', 'marketing', 10)
  await clock.advance(0)
  t.equal(shop.throttled(), 1)
  t.same(shop.log, [])
  t.equal(scheduler.snapshot().waiting, 2)
  await clock.advance(2_999)
  t.same(shop.log, [], '300 points at 100 a second take 3 s')
  t.equal(shop.throttled(), 1, 'nothing was tried')
  await clock.advance(60_000)
  t.same(shop.log, ['greedy', 'later'])
  t.equal(outcomes.get('greedy'), 'greedy')
})

t.test('told to wait without figures: nothing is sent until then, from no lane', async (t) => {
  const { clock, shop, scheduler, ask, outcomes } = setup()
  const sends: number[] = []
  scheduler.run({
    lane: 'research',
    cost: () => 10,
    signal: ALIVE,
    send: async () => {
      sends.push(clock.monotonic())
      return sends.length === 1 ? { kind: 'again', waitMs: 4_000, report: undefined } : { kind: 'done', value: 'research', report: undefined }
    }
  }).then((value) => outcomes.set('research', value), (error: unknown) => outcomes.set('research', error))
  await settled()
  const before = scheduler.snapshot().available
  ask('order', 'orders', 10)
  await clock.advance(3_999)
  t.same(shop.log, [])
  t.equal(sends.length, 1)
  await clock.advance(1)
  t.same(shop.log, ['order'])
  t.equal(outcomes.get('research'), 'research')
  t.equal((sends[1] ?? 0) - (sends[0] ?? 0), 4_000)
  t.equal(before, 1_200, 'what was turned away unseen is not paid for')
})

t.test('while a query travels to a shop whose bucket is full, nothing is restored there', async (t) => {
  const { clock, shop, ask } = setup()
  ask('known', 'orders', 10)
  await clock.advance(30_000)
  ask('slow', 'orders', 1_000, { travel: 4_000 })
  await clock.advance(3_900)
  ask('overtakes', 'orders', 1_000)
  ask('too much', 'orders', 300)
  await clock.advance(60_000)
  t.equal(shop.throttled(), 0)
  t.same(shop.log, ['known', 'overtakes', 'slow', 'too much'])
})

t.test('a query that costs more than the bucket holds beside the share of orders waits for a full bucket, not for ever', async (t) => {
  const { clock, shop, ask } = setup({}, { maximum: 1_000, rate: 50 })
  ask('known', 'orders', 10)
  await clock.advance(100)
  ask('huge', 'research', 990)
  await clock.advance(60_000)
  t.same(shop.log, ['known', 'huge'])
})

t.test('leaves at once on abort, also from the head of the queue', async (t) => {
  const { clock, shop, scheduler, ask, outcomes } = setup({ concurrent: 1 })
  const stop = new AbortController()
  ask('busy', 'orders', 10)
  ask('leaves', 'orders', 10, { signal: stop.signal })
  ask('stays', 'research', 10)
  const reason = new Error('enough')
  stop.abort(reason)
  await settled()
  t.equal(outcomes.get('leaves'), reason)
  t.equal(scheduler.snapshot().waiting, 1)
  await clock.advance(1_000)
  t.same(shop.log, ['busy', 'stays'])
  ask('late', 'orders', 10, { signal: stop.signal })
  await settled()
  t.equal(outcomes.get('late'), reason)
})

t.test('the queue is bounded in number and in time, and closing empties it', async (t) => {
  const { clock, scheduler, ask, outcomes } = setup({ concurrent: 1, queue: 2, maxWaitMs: 5_000 }, { latency: 100_000 })
  ask('busy', 'orders', 10)
  ask('waits', 'orders', 10)
  ask('waits too', 'research', 10)
  ask('too many', 'orders', 10)
  await settled()
  t.match(outcomes.get('too many'), { code: 'shop_busy', statusCode: 503 })
  await clock.advance(5_000)
  t.match(outcomes.get('waits'), { code: 'shop_throttled' })
  t.match(outcomes.get('waits too'), { code: 'shop_throttled' })
  ask('closed out', 'orders', 10)
  scheduler.close()
  await settled()
  t.match(outcomes.get('closed out'), { code: 'shop_unavailable' })
  ask('after', 'orders', 10)
  await settled()
  t.match(outcomes.get('after'), { code: 'shop_unavailable' })
})

t.test('what was never sent is not paid for; what failed unanswered is', async (t) => {
  const { clock, scheduler } = setup()
  const before = scheduler.snapshot().available
  const refused = new Error('open')
  await t.rejects(scheduler.run({ lane: 'orders', cost: () => 500, signal: ALIVE, send: async () => ({ kind: 'refused', error: refused }) }), refused)
  t.equal(scheduler.snapshot().available, before)
  await t.rejects(scheduler.run({ lane: 'orders', cost: () => 500, signal: ALIVE, send: async () => { throw new Error('reset') } }))
  t.equal(scheduler.snapshot().available, before - 500)
  t.equal(scheduler.snapshot().underWay, 0)
  t.equal(clock.waiting, 0, 'no timer is left')
})

t.test('somebody else spends from the same bucket: the picture follows the shop', async (t) => {
  const clock = new FakeClock(0)
  const bucket = createCostBucket(clock)
  const report = { requested: 100, actual: 100, maximumAvailable: 2_000, currentlyAvailable: 300, restoreRate: 100 }
  const one = bucket.send(100)
  const two = bucket.send(100)
  bucket.settle(one, report)
  t.equal(bucket.available(), 200, 'less the one under way, which the shop may not have seen')
  bucket.settle(two, { ...report, currentlyAvailable: 250 })
  t.equal(bucket.available(), 200, 'a figure above ours may be old')
  bucket.settle(bucket.send(100), { ...report, currentlyAvailable: 1_500 })
  t.equal(bucket.available(), 1_500, 'alone, the shop is right')
})

const REQUEST = fc.record({
  lane: fc.constantFrom(...LANES),
  cost: fc.integer({ min: 1, max: 1_000 }),
  spent: fc.double({ min: 0, max: 1, noNaN: true }),
  after: fc.integer({ min: 0, max: 3_000 }),
  travel: fc.integer({ min: 0, max: 5_000 })
})

t.test('whatever is asked, the shop never has to refuse, and everything is answered', async (t) => {
  const runs = fc.asyncProperty(
    fc.array(REQUEST, { minLength: 1, maxLength: 25 }), fc.constantFrom([1_000, 50], [2_000, 100], [20_000, 1_000]), fc.integer({ min: 0, max: 900 }),
    async (requests, [maximum, rate], latency) => {
      const rules = { maximum: maximum as number, rate: rate as number, latency }
      const { clock, shop, ask, outcomes, scheduler } = setup({ maxWaitMs: 3_600_000 }, rules)
      // The bucket's size is known after the first answer.
      ask('known', 'orders', 1)
      await clock.advance(latency + 1)
      for (const [index, { lane, cost, spent, after, travel }] of requests.entries()) {
        const name = `${index} ${lane}`
        ask(name, lane, cost, { actual: Math.floor(cost * spent), travel })
        await clock.advance(after)
      }
      await clock.advance(1_800_000)
      const answered = requests.every(({ lane }, index) => outcomes.get(`${index} ${lane}`) === `${index} ${lane}`)
      return answered && shop.throttled() === 0 && scheduler.snapshot().waiting === 0 && scheduler.snapshot().underWay === 0
    })
  await fc.assert(runs, { numRuns: 60, seed: 20_261_124 })
  t.pass()
})

t.test('of those that wait together, lanes are served in their order', async (t) => {
  const request = fc.record({ lane: fc.constantFrom(...LANES), cost: fc.integer({ min: 1, max: 40 }) })
  const runs = fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 20 }), async (requests) => {
    const { clock, shop, ask } = setup({ concurrent: 1 }, { latency: 10 })
    ask('busy', 'orders', 1)
    for (const [index, { lane, cost }] of requests.entries()) ask(`${index} ${lane}`, lane, cost)
    // 20 queries of 10 ms: nobody ages.
    await clock.advance(4_000)
    const order = shop.log.slice(1).map((name) => [LANES.indexOf(name.slice(name.indexOf(' ') + 1) as Lane), Number.parseInt(name)] as const)
    return order.length === requests.length &&
      order.every(([lane, index], i) => i === 0 || lane > (order[i - 1]?.[0] ?? 0) || (lane === order[i - 1]?.[0] && index > (order[i - 1]?.[1] ?? 0)))
  })
  await fc.assert(runs, { numRuns: 60, seed: 7 })
  t.pass()
})
