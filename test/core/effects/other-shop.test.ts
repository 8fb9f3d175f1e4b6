// What was planned or done in the sandbox's shop is neither applied to a live one nor undone there.
import t from 'tap'
import { draftOf, effectsRig } from '../../helpers/effects-rig.ts'
import { addOrder, addVariant, gid, priceItem, type PuppetShop } from '../../helpers/puppet-shop.ts'

const goLive = ({ commerce }: PuppetShop): void => {
  const inLane = commerce.inLane.bind(commerce)
  Object.assign(commerce, { source: 'live', inLane: (lane: Parameters<typeof inLane>[0]) => ({ ...inLane(lane), source: 'live' }) })
}

t.test('a proposal made on the sandbox is not applied to the live shop, though approved', async (t) => {
  const rig = await effectsRig(t)
  addOrder(rig.shop, 1)
  const draft = draftOf('order_tag', [{ order_id: gid('Order', 1), order_name: '#1', add: ['vip'] }])
  const proposal = await rig.propose(draft)
  t.equal(proposal.source, 'sandbox')
  goLive(rig.shop)
  await rig.approve(proposal)
  const { proposal: after, effects, job } = await rig.applied(proposal)
  t.match(after, { status: 'failed', reason: 'other_shop' })
  t.match(job.error, { code: 'other_shop', message: /made on the sandbox shop, and this is the live one: nothing was done/ })
  t.same(effects, [])
  t.notOk(rig.shop.calls.some(({ key }) => key !== null), 'nothing was written')
})

t.test('an effect made in the sandbox is not undone in the live shop', async (t) => {
  const rig = await effectsRig(t)
  const variant = addVariant(rig.shop, 1)
  const proposal = await rig.propose(draftOf('price_change', [priceItem(variant, '105.00')]))
  await rig.approve(proposal)
  const { effects: [effect], job } = await rig.applied(proposal)
  t.equal(effect!.status, 'done')
  goLive(rig.shop)
  await t.rejects(rig.orchestrator.effects.revert(effect!.id, 'anna', AbortSignal.timeout(5_000)), { code: 'effect_not_revertible', message: /sandbox shop/ })
  const { job_id: id } = await rig.orchestrator.effects.revertJob(effect!.job_id, 'anna')
  t.match(await rig.ended(id), { status: 'succeeded', output: { result: { done: 0, conflicts: 1 } } })
  t.equal((await rig.effectsOf(proposal)).length, 1, 'and nothing was begun')
  t.ok(job.finished_at)
})

t.test('nor is anything of another real shop, and what waits about it waits no longer', async (t) => {
  const rig = await effectsRig(t)
  addOrder(rig.shop, 1)
  const draft = (tag: string) => draftOf('order_tag', [{ order_id: gid('Order', 1), order_name: '#1', add: [tag] }], { key: tag })
  const approved = await rig.propose(draft('vip'))
  const waiting = await rig.propose(draft('late'))
  const elsewhere = { ...await rig.shop.commerce.shop({ signal: AbortSignal.timeout(1_000) }), id: gid('Shop', 2) }
  const inLane = rig.shop.commerce.inLane.bind(rig.shop.commerce)
  Object.assign(rig.shop.commerce, { inLane: (lane: Parameters<typeof inLane>[0]) => ({ ...inLane(lane), shop: async () => elsewhere }) })
  await rig.approve(approved)
  const { proposal: after, effects } = await rig.applied(approved)
  t.match(after, { status: 'failed', reason: 'other_shop' })
  t.same(effects, [])
  await rig.propose(draft('new'))
  t.match(await rig.orchestrator.proposals.get(waiting.id), { status: 'superseded', reason: 'other_shop' })
})
