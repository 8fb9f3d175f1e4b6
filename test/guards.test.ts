// The campaign of the gates with a short seed: `npm run check:guards` is the long one.
import t from 'tap'
import { CONTROLS } from './campaigns/guards/controls.ts'
import { runHostile } from './campaigns/guards/hostile.ts'
import { runKills } from './campaigns/guards/kill.ts'
import { runPlans } from './campaigns/guards/plans.ts'

const SEED = 20261127

t.test('nothing but what the rules allow and people approved reaches the shop', async (t) => {
  const result = await runPlans({ plans: 2_000, seed: SEED })
  t.same(result.finds, [])
  t.ok(result.writes > 200, `${result.writes} changes reached the shop`)
  t.ok(Object.keys(result.attacks).length > 8, 'and were attacked in every way')
})

t.test('controls: a gate that is switched off is found out', async (t) => {
  for (const { name, substitution, finds } of CONTROLS) {
    const result = await runPlans({ plans: 8_000, seed: SEED, substitution, until: finds })
    t.ok(result.finds.some((find) => finds.test(find)), name)
  }
})

t.test('a hostile model, and text that gives orders, decide nothing', async (t) => {
  const result = await runHostile()
  t.same(result.finds, [])
  t.ok(result.requests > result.calls / 4, 'the model was asked')
  t.not((await runHostile({ control: true })).finds.length, 0, 'control: an assistant that decides is found out')
})

t.test('killed in the middle of a change, it is made once', async (t) => {
  const result = await runKills({ classes: ['order_tag'], steps: [{ operation: 'startEffect', when: 'after' }, { operation: 'call', when: 'after' }] })
  t.same(result.finds, [])
  t.equal(result.once, 2)
})
