// The gates when things go wrong: crashes at every step, lost answers, calls that hang, a shop that is away, and the kill switch at every point.
import t, { type Test } from 'tap'
import { CircuitOpenError, ThrottledError } from '../../../src/core/breaker-registry.ts'
import { CommerceError, type CommerceErrorCode } from '../../../src/core/commerce-error.ts'
import type { Proposal, ProposalDraft } from '../../../src/core/effects/proposal.ts'
import type { Store } from '../../../src/core/store.ts'
import { draftOf, effectsRig, HOUR, openPolicy, SETTLE_MS } from '../../helpers/effects-rig.ts'
import { settled, until } from '../../helpers/fake-clock.ts'
import { addOrder, addVariant, gid, isPrice, priceItem, type PuppetShop, type ShopCall } from '../../helpers/puppet-shop.ts'

const isWrite = ({ key }: ShopCall): boolean => key !== null
const failing = (code: CommerceErrorCode): CommerceError => new CommerceError(code, `It is ${code}.`)

/** Fails the first write of the shop. */
const once = (shop: PuppetShop, error: unknown, applied = false): void => {
  let left = 1
  shop.trouble = (call) => isWrite(call) && left-- > 0 ? { error, applied } : undefined
}

/** Lets time pass until the job of the proposal has ended. */
const passUntilEnded = async (rig: Awaited<ReturnType<typeof effectsRig>>, proposal: Proposal): Promise<Awaited<ReturnType<typeof rig.applied>>> => {
  for (let n = 0; n < 60 && (await rig.applyJob(proposal)).finished_at === null; n++) await rig.clock.advance(5_000)
  return await rig.applied(proposal)
}

const classes = (shop: PuppetShop, now: number): ProposalDraft[] => {
  addOrder(shop, 1)
  const variant = addVariant(shop, 1)
  const order = { order_id: gid('Order', 1), order_name: '#1' }
  return [
    draftOf('price_change', [priceItem(variant, '105.00')]),
    draftOf('order_tag', [{ ...order, add: ['vip'] }]),
    draftOf('order_note', [{ ...order, expected_note: null, note: 'call' }]),
    draftOf('order_hold', [{ ...order, reason: 'other', note: 'look' }]),
    draftOf('refund', [{
      ...order,
      lines: [{ line_id: gid('LineItem', 1), quantity: 1, restock: 'no_restock' }],
      expected_total: '10.00',
      currency: 'EUR',
      note: 'n',
      notify_customer: false
    }]),
    draftOf('discount_code', [{
      code: 'BACK10',
      title: 'Back',
      percentage: 0.1,
      product_ids: [variant.product_id],
      segment_ids: [],
      starts_at: now,
      ends_at: now + 24 * HOUR,
      usage_limit: 5,
      once_per_customer: true,
      currency: 'EUR',
      cost_per_use: '10.00'
    }]),
    draftOf('segment', [{ name: 'Lapsed', query: 'x' }]),
    draftOf('draft_product', [{
      title: 'New', handle: 'new', description_html: '', vendor: 'v', product_type: 't', tags: [], sku: 's', price: '9.00', unit_cost: '1.00', currency: 'EUR'
    }]),
    draftOf('recommendation', [{
      product_id: variant.product_id,
      title: 'x',
      namespace: 're',
      key: 'with',
      products: [gid('Product', 2)],
      expected_digest: null
    }])
  ]
}
const CLASSES = 9

const oneByOne = openPolicy((policy) => { policy.classes.refund.decision = 'approve' })

t.test('the answer is lost: the shop is asked, and the change is made once', async (t) => {
  for (let n = 0; n < CLASSES; n++) {
    const rig = await effectsRig(t, { policy: oneByOne })
    const draft = classes(rig.shop, rig.clock.now())[n]!
    once(rig.shop, failing('shop_unavailable'), true)
    const proposal = await rig.propose(draft)
    await rig.approve(proposal)
    await until('it was called', () => rig.shop.writes.length === 1)
    await settled()
    const asked = rig.shop.calls.length
    await rig.clock.advance(SETTLE_MS - 2_000)
    t.ok(rig.shop.calls.slice(asked).every(({ name }) => ['shop', 'variantsById', 'variants'].includes(name)), 'not asked before the call has had its time')
    const { proposal: done, effects } = await passUntilEnded(rig, proposal)
    t.match([done.status, effects[0]], ['applied', { status: 'done', result: { found: true } }], draft.class)
    t.same([...rig.shop.made.values()], [1], `${draft.class}: once`)
    t.match(await rig.orchestrator.effects.verify(), { ok: true, effects: 1, entries: 2 })
  }
})

t.test('the call did not arrive: it is made again with the same key', async (t) => {
  const errors: Array<[string, unknown]> = [['away', failing('shop_unavailable')], ['nonsense', failing('shop_answer_invalid')],
    ['a fault of ours', new Error('x')]]
  for (const [name, error] of errors) {
    const rig = await effectsRig(t)
    const variant = addVariant(rig.shop, 1)
    once(rig.shop, error)
    const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
    await rig.approve(proposal)
    const { effects } = await passUntilEnded(rig, proposal)
    t.match(effects, [{ status: 'done' }], name)
    const tried = rig.shop.calls.filter(isWrite)
    t.same(tried.map(({ key }) => key), [`${proposal.id}:0`, `${proposal.id}:0`])
    t.same([...rig.shop.made.values()], [1])
  }
})

t.test('a second call that is lost as well gets its own time to show', async (t) => {
  const rig = await effectsRig(t)
  addOrder(rig.shop, 1)
  let tries = 0
  // The second one reaches the shop late: ten seconds after its caller has given up.
  rig.shop.trouble = (call) => {
    if (!isWrite(call) || ++tries > 2) return undefined
    if (tries === 2) {
      rig.clock.setTimeout(() => {
        rig.shop.segments.push({ id: gid('Segment', 1), name: 'Lapsed', query: 'x', source: 'sandbox', read_at: 0 })
        rig.shop.made.set(call.key!, 1)
      }, 10_000)
    }
    return { error: failing('shop_unavailable') }
  }
  const proposal = await rig.propose(draftOf('segment', [{ name: 'Lapsed', query: 'x' }]))
  await rig.approve(proposal)
  const { effects } = await passUntilEnded(rig, proposal)
  t.match(effects, [{ status: 'done', result: { found: true } }])
  t.equal(tries, 2, 'it was not called a third time')
})

t.test('refused: the failure is kept, and not tried again', async (t) => {
  for (const [code, status] of [['shop_user_errors', 'failed'], ['shop_not_found', 'failed'], ['shop_access_denied', 'failed'],
    ['shop_credentials_rejected', 'failed'], ['shop_conflict', 'conflict']] as const) {
    const rig = await effectsRig(t)
    const variant = addVariant(rig.shop, 1)
    rig.shop.trouble = (call) => isWrite(call) ? { error: failing(code) } : undefined
    const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
    await rig.approve(proposal)
    const { proposal: done, effects } = await rig.applied(proposal)
    t.match([done.status, effects[0]], ['failed', { status, error: { code } }], code)
    t.equal(rig.shop.calls.filter(isWrite).length, 1)
  }
})

t.test('refused because an earlier try was made after all: it is done', async (t) => {
  for (const code of ['shop_user_errors', 'shop_conflict'] as const) {
    const rig = await effectsRig(t)
    const variant = addVariant(rig.shop, 1)
    once(rig.shop, failing(code), true)
    const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
    await rig.approve(proposal)
    t.match((await rig.applied(proposal)).effects, [{ status: 'done', result: { found: true } }], code)
  }
})

t.test('taken and not shown: said so, and it counts as a change', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  let wrote = false
  rig.shop.trouble = (call) => {
    if (isWrite(call)) wrote = true
    else if (wrote) variant.price.amount = '103.00'
    return undefined
  }
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  await rig.approve(proposal)
  t.match((await rig.applied(proposal)).effects, [{ status: 'failed', error: { code: 'read_back_differs' }, after: { price: '103.00' } }])
  const again = await rig.propose(draftOf('price_change', [priceItem(variant, '104.00')], { key: 'again' }))
  t.match(again, { status: 'blocked', verdict: { items: [{ reasons: [/less than 6 hours/] }] } })
})

t.test('a crash at every step: what was made is found, what was not is made, nothing twice', async (t) => {
  // The store fails just before or just after it did what it was told, once, at each of its writes on the way.
  const steps = ['decideProposal', 'startEffect', 'finishEffect', 'endProposal', 'refuseEffect', 'fileProposals', 'settle'] as const
  for (const step of steps) {
    for (const after of [false, true]) {
      let armed = false
      const wrap = (store: Store): Store => ({
        ...store,
        async [step] (args: never) {
          if (!armed) return await (store[step] as (args: never) => Promise<unknown>)(args)
          armed = false
          const result = after ? await (store[step] as (args: never) => Promise<unknown>)(args) : undefined
          throw new Error(`crashed ${after ? 'after' : 'before'} ${step} ${String(result)}`)
        }
      })
      const rig = await effectsRig(t, { wrap })
      const [moved, variant] = [addVariant(rig.shop, 1), addVariant(rig.shop, 2)]
      const draft = draftOf('price_change', [priceItem(moved, '105.00'), priceItem(variant, '105.00')])
      if (step === 'fileProposals') armed = true
      await rig.file([draft])
      const proposal = await rig.propose(draft)
      moved.price.amount = '102.00'
      armed = step !== 'fileProposals' && step !== 'settle'
      await rig.approve(proposal).catch(() => rig.approve(proposal)).catch(() => {})
      if (step === 'settle') armed = true
      // A job whose end was not recorded is held by its lease, and then taken back.
      const { proposal: done, effects } = await passUntilEnded(rig, proposal)
      const name = `${after ? 'after' : 'before'} ${step}`
      t.match([done.status, ...effects.map(({ status }) => status)], ['failed', 'conflict', 'done'], name)
      t.same([...rig.shop.made.values()], [1], name)
      t.match(await rig.orchestrator.effects.verify(), { ok: true, effects: 2 }, name)
    }
  }
})

t.test('a crash of an undoing', async (t) => {
  for (const applied of [true, false]) {
    for (let n = 0; n < CLASSES; n++) {
      const rig = await effectsRig(t, { policy: oneByOne })
      const draft = classes(rig.shop, rig.clock.now())[n]!
      if (!['price_change', 'order_tag', 'order_note', 'order_hold', 'discount_code', 'recommendation'].includes(draft.class)) continue
      const proposal = await rig.propose(draft)
      await rig.approve(proposal)
      const { effects: [effect] } = await rig.applied(proposal)
      rig.shop.clear()
      once(rig.shop, failing('shop_unavailable'), applied)
      const { job_id: id } = await rig.orchestrator.effects.revert(effect!.id, 'anna', AbortSignal.timeout(1_000))
      for (let n = 0; n < 20 && (await rig.get(id)).finished_at === null; n++) await rig.clock.advance(5_000)
      t.match(await rig.get(id), { status: 'succeeded', output: { result: { done: 1 } } }, draft.class)
      t.same([...rig.shop.made.values()], [1], draft.class)
      t.match(await rig.effectsOf(proposal), [{ status: 'reverted' }, { status: 'done' }])
      t.equal((await rig.orchestrator.effects.verify()).ok, true)
    }
  }
})

t.test('after a crash the policy is asked again before anything is sent again', async (t) => {
  for (const change of ['policy', 'expiry', 'autonomy'] as const) {
    const rig = await effectsRig(t, { policy: openPolicy((policy) => { policy.classes.price_change.decision = 'auto' }) })
    const variant = addVariant(rig.shop, 1)
    await rig.autonomy('pricer', 'autonomous')
    once(rig.shop, failing('shop_unavailable'))
    const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')], { valid_for_ms: HOUR }))
    await until('it was tried', () => rig.shop.calls.some(isWrite))
    const freeze = await rig.freeze()
    await rig.clock.advance(2 * SETTLE_MS)
    await rig.becomes(proposal, 'parked', `frozen:${freeze.id}`)
    if (change === 'policy') await rig.setPolicy(openPolicy((policy) => { policy.price.max_change_day = '0.04' }))
    else if (change === 'autonomy') await rig.autonomy('pricer', 'suggest')
    else rig.clock.jump(HOUR)
    await rig.lift(freeze.id)
    const { effects } = await passUntilEnded(rig, proposal)
    t.match(effects, [{ status: 'failed', error: { code: 'policy' } }], change)
    t.equal(rig.shop.writes.length, 0)
  }
})

t.test('a policy that is changed at the last moment counts', async (t) => {
  let change: (() => Promise<void>) | undefined
  const rig = await effectsRig(t, {
    wrap: (store) => ({
      ...store,
      async startEffect (args) {
        const now = change
        change = undefined
        await now?.()
        return await store.startEffect(args)
      }
    })
  })
  const variants = [1, 2].map((n) => addVariant(rig.shop, n))
  const proposal = await rig.propose(draftOf('price_change', variants.map((variant) => priceItem(variant, '105.00'))))
  change = () => rig.setPolicy(openPolicy((policy) => { policy.price.max_change_day = '0.04' }))
  await rig.approve(proposal)
  t.match((await rig.applied(proposal)).effects.map(({ status, error }) => [status, error?.code]), [['blocked', 'policy'], ['blocked', 'policy']])
  t.equal(rig.shop.writes.length, 0)
})

const frozenAt = async (t: Test, name: string, arrange: (rig: Awaited<ReturnType<typeof effectsRig>>, freeze: () => void) => void): Promise<void> => {
  const rig = await effectsRig(t)
  const variants = [1, 2].map((n) => addVariant(rig.shop, n))
  const proposal = await rig.propose(draftOf('price_change', variants.map((variant) => priceItem(variant, '105.00'))))
  let frozen: Promise<{ id: string }> | undefined
  let at = 0
  rig.shop.onWrite = () => { t.notOk(acknowledged, `${name}: nothing begins after the kill switch was acknowledged`) }
  let acknowledged = false
  arrange(rig, () => {
    at = rig.shop.writes.length
    frozen = rig.freeze()
    frozen.then(() => { acknowledged = true })
  })
  await rig.approve(proposal)
  await until('frozen', () => acknowledged)
  const { id } = await frozen!
  await rig.becomes(proposal, 'parked', `frozen:${id}`)
  t.ok(rig.shop.writes.length <= at + 1, name)
  acknowledged = false
  rig.shop.trouble = () => undefined
  await rig.lift(id)
  const { effects } = await passUntilEnded(rig, proposal)
  t.same(effects.map(({ status }) => status), ['done', 'done'], name)
  t.same([...rig.shop.made.values()], [1, 1])
  t.equal((await rig.orchestrator.effects.verify()).ok, true)
}

t.test('the kill switch, thrown at every point: nothing begins, and it goes on afterwards', async (t) => {
  // At each call to the shop on the way of two changes.
  for (let call = 1; call <= 8; call++) {
    await frozenAt(t, `at call ${call}`, (rig, freeze) => {
      let n = 0
      rig.shop.trouble = () => {
        if (++n === call) freeze()
        return undefined
      }
    })
  }
})

t.test('the kill switch reaches a call that waits for its turn', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  rig.shop.trouble = (call) => isWrite(call) ? 'hang' : undefined
  await rig.approve(proposal)
  await until('it waits', () => rig.shop.calls.some(isWrite))
  const { id } = await rig.freeze('class:price_change')
  await rig.clock.advance(1_000)
  await rig.becomes(proposal, 'parked', `frozen:${id}`)
  rig.shop.trouble = () => undefined
  await rig.lift(id)
  t.match((await passUntilEnded(rig, proposal)).effects, [{ status: 'done' }])
})

t.test('scopes: what is not frozen goes on, although it waits in the same lane', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  addOrder(rig.shop, 1)
  const freezes = [await rig.freeze('class:price_change'), await rig.freeze('agent:helper')]
  const price = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  const tag = (key: string) => draftOf('order_tag', [{ order_id: gid('Order', 1), order_name: '#1', add: [key] }], { key })
  const foreign = await rig.propose(tag('b'), { by: 'helper' })
  const own = await rig.propose(tag('a'))
  for (const proposal of [price, foreign, own]) await rig.approve(proposal)
  t.match((await rig.applied(own)).effects, [{ status: 'done' }])
  await rig.becomes(price, 'parked', `frozen:${freezes[0]!.id}`)
  await rig.becomes(foreign, 'parked', `frozen:${freezes[1]!.id}`)
  await rig.lift(freezes[0]!.id)
  t.match((await rig.applied(price)).effects, [{ status: 'done' }])
  t.equal((await rig.applyJob(foreign)).status, 'parked')
  t.match(await rig.applyJob(foreign), { attempt: 0 }, 'and waiting costs no attempt')
  await rig.lift(freezes[1]!.id)
  t.match((await rig.applied(foreign)).effects, [{ status: 'done' }])
})

t.test('a freeze that ends by itself lets go, also one that comes back by the calendar', async (t) => {
  const rig = await effectsRig(t)
  const variants = [1, 2].map((n) => addVariant(rig.shop, n))
  const now = rig.clock.now()
  await rig.orchestrator.freezes.freeze({ scope: 'all', reason: 'r', ends_at: now + 60_000, actor: 'o', request_id: null })
  const first = await rig.propose(draftOf('price_change', [priceItem(variants[0]!, '105.00')], { key: 'a' }))
  await rig.approve(first)
  await rig.becomes(first, 'parked')
  await rig.clock.advance(66_000)
  t.match((await rig.applied(first)).effects, [{ status: 'done' }])
  // T0 is 08:00 UTC.
  await rig.orchestrator.freezes.freeze({
    scope: 'all',
    reason: 'r',
    window: { cron: '0 8 * * *', timezone: 'UTC', minutes: 30 },
    actor: 'o',
    request_id: null
  })
  const second = await rig.propose(draftOf('price_change', [priceItem(variants[1]!, '105.00')], { key: 'b' }))
  await rig.approve(second)
  await rig.becomes(second, 'parked')
  rig.clock.jump(29 * 60_000)
  await rig.clock.advance(6_000)
  t.match((await rig.applied(second)).effects, [{ status: 'done' }])
})

t.test('undoing is an effect: it is frozen as well', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  await rig.approve(proposal)
  const { effects: [effect] } = await rig.applied(proposal)
  const freeze = await rig.freeze()
  const { job_id: id } = await rig.orchestrator.effects.revert(effect!.id, 'anna', AbortSignal.timeout(1_000))
  await until('parked', async () => (await rig.get(id)).status === 'parked')
  t.ok(isPrice(variant, '105.00'))
  await rig.lift(freeze.id)
  await rig.ended(id)
  t.ok(isPrice(variant, '100.00'))
})

t.test('the breaker is open: parked with its reason, and resumed', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  rig.shop.trouble = () => ({ error: new CircuitOpenError('shopify_api', 5_000) })
  const { breaker } = rig.orchestrator.breakers.get('shopify_api')
  breaker.force('forced_open')
  await rig.approve(proposal)
  await rig.becomes(proposal, 'parked', 'circuit_open:shopify_api')
  await rig.clock.advance(30_000)
  t.match(await rig.applyJob(proposal), { status: 'parked', attempt: 0, failures: [] })
  rig.shop.trouble = () => undefined
  breaker.reset()
  await rig.clock.advance(6_000)
  t.match((await rig.applied(proposal)).effects, [{ status: 'done' }])
})

t.test('a breaker that opened by itself: what is parked becomes its probe, for nobody else would', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  const { breaker } = rig.orchestrator.breakers.get('shopify_api')
  for (let n = 0; n < 20 && breaker.state() === 'closed'; n++) {
    await rig.orchestrator.breakers.call('shopify_api', () => Promise.reject(new Error('down')), { classify: () => ({ kind: 'failure' }) }).catch(() => {})
  }
  t.equal(breaker.state(), 'open')
  rig.shop.trouble = () => breaker.state() === 'open' ? { error: new CircuitOpenError('shopify_api', 5_000) } : undefined
  await rig.approve(proposal)
  await rig.becomes(proposal, 'parked', 'circuit_open:shopify_api')
  await rig.clock.advance(600_000)
  t.equal(breaker.state(), 'half_open')
  t.match((await rig.applied(proposal)).effects, [{ status: 'done' }])
})

t.test('told to wait: again at that time, without costing an attempt', async (t) => {
  for (const error of [new ThrottledError('shopify_api', 20_000), new CommerceError('shop_throttled', 'wait', { retryAfterMs: 20_000 })]) {
    const rig = await effectsRig(t)
    const variant = addVariant(rig.shop, 1)
    const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
    const later = rig.clock.now() + 20_000
    rig.shop.clear()
    rig.shop.trouble = () => rig.clock.now() < later ? { error } : undefined
    await rig.approve(proposal)
    await until('it was tried', () => rig.shop.calls.length > 0)
    await rig.becomes(proposal, 'queued')
    const asked = rig.shop.calls.length
    await rig.clock.advance(19_000)
    t.equal(rig.shop.calls.length, asked, 'nothing is sent before')
    const { effects, job } = await passUntilEnded(rig, proposal)
    t.match([effects[0], job], [{ status: 'done' }, { attempt: 1, failures: [] }])
  }
})

t.test('an unavailable upstream never pauses the agent, and its job waits instead of dying', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const draft = draftOf('price_change', [priceItem(variant, '105.00')])
  for (const error of [failing('shop_unavailable'), new CircuitOpenError('shopify_api', 1), failing('shop_busy'), new ThrottledError('shopify_api', 1_000)]) {
    rig.shop.trouble = () => ({ error })
    rig.hand([draft])
    for (let n = 0; n < 6; n++) {
      const id = await rig.run('pricer')
      await rig.clock.advance(3_000)
      t.ok(['parked', 'queued'].includes((await rig.get(id)).status))
      await rig.orchestrator.jobs.cancel(id)
    }
  }
  const state = (await rig.orchestrator.agents.get('pricer')).state
  t.match(state, { enabled: true, consecutive_failures: 0 })
  rig.shop.trouble = () => undefined
  t.match(await rig.file([draft]), [{ outcome: 'filed' }])

  const proposal = await rig.propose(draft)
  rig.shop.trouble = () => ({ error: failing('shop_unavailable') })
  await rig.approve(proposal)
  await rig.clock.advance(15 * 60_000)
  t.notOk((await rig.applyJob(proposal)).finished_at, 'an approved change is not given up')
  rig.shop.trouble = () => undefined
  t.match((await passUntilEnded(rig, proposal)).effects, [{ status: 'done' }])
})

t.test('a call that hangs is cut by the timeout of its job, and a cancelled job begins nothing more', async (t) => {
  const rig = await effectsRig(t)
  const variants = [1, 2].map((n) => addVariant(rig.shop, n))
  const proposal = await rig.propose(draftOf('price_change', variants.map((variant) => priceItem(variant, '105.00'))))
  let hung = false
  rig.shop.trouble = (call) => {
    if (!isWrite(call) || hung) return undefined
    hung = true
    return 'hang'
  }
  await rig.approve(proposal)
  await until('it hangs', () => hung)
  await rig.clock.advance(10 * 60_000 + 6_000)
  const { effects } = await passUntilEnded(rig, proposal)
  t.same(effects.map(({ status }) => status), ['done', 'done'])
  t.same([...rig.shop.made.values()], [1, 1])

  const more = [3, 4].map((n) => addVariant(rig.shop, n))
  const other = await rig.propose(draftOf('price_change', more.map((variant) => priceItem(variant, '105.00')), { key: 'other' }))
  rig.shop.onWrite = (call) => {
    if (call.key === `${other.id}:0`) rig.applyJob(other).then(({ id }) => rig.orchestrator.jobs.cancel(id)).catch(() => {})
  }
  await rig.approve(other)
  const { job } = await rig.applied(other)
  t.equal(rig.shop.made.get(`${other.id}:0`), 1)
  t.ok(['cancelled', 'succeeded'].includes(job.status))
  rig.shop.onWrite = () => {}
  if (job.status !== 'cancelled') return
  await rig.orchestrator.jobs.retry(job.id)
  t.match((await passUntilEnded(rig, other)).effects.map(({ status }) => status), ['done', 'done'], 'retried by hand it goes on')
  t.equal(rig.shop.made.get(`${other.id}:0`), 1)
})
