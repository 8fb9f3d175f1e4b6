// The brief's money: what was undone or applied in part promises nothing any more.
import t from 'tap'
import { draftOf, effectsRig, HOUR } from '../../helpers/effects-rig.ts'
import { addVariant, priceItem } from '../../helpers/puppet-shop.ts'

t.test('the gain of what was undone, or applied in part, is not told as what was applied', async (t) => {
  const rig = await effectsRig(t)
  const since = rig.clock.now() - HOUR
  const propose = async (first: number, key: string) => {
    const items = [first, first + 1].map((n) => priceItem(addVariant(rig.shop, n), '105.00'))
    return await rig.propose(draftOf('price_change', items, { key, expected_gain: { amount: '10.00', currency: 'EUR' } }))
  }
  const told = async () => (await rig.orchestrator.brief(since)).money.gain_applied
  const whole = await propose(1, 'whole')
  await rig.approve(whole)
  const { effects: [one] } = await rig.applied(whole)
  t.same(await told(), [{ amount: '10.00', currency: 'EUR' }])
  const part = await propose(3, 'part')
  await rig.approve(part, 'anna', [1])
  await rig.applied(part)
  t.same(await told(), [{ amount: '10.00', currency: 'EUR' }], 'one change of two')
  t.equal((await rig.revert(one!)).status, 'succeeded')
  t.same(await told(), [], 'one of its changes was undone')
})
