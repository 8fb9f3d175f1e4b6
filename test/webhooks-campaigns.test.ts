// Short runs of `npm run check:webhooks` and `npm run check:canaries`, each with the controls that must fail.
import t from 'tap'
import { runCampaign as runCanaries } from './campaigns/canaries/campaign.ts'
import { CONTROLS, isClean, runCampaign } from './campaigns/webhooks/campaign.ts'

t.test('nothing forged is taken, and one delivery is one job', async (t) => {
  const result = await runCampaign({ forged: 300, rounds: 1, deliveries: 100, seed: 1 })
  t.ok(isClean(result), JSON.stringify(result))
})

for (const control of CONTROLS) {
  t.test(`control: ${control}`, async (t) => {
    t.notOk(isClean(await runCampaign({ forged: 20, rounds: 1, deliveries: 20, seed: 1, control })))
  })
}

t.test('no secret of a setting or an input leaves the server', async (t) => {
  const { canaries, found } = await runCanaries()
  t.ok(canaries > 30)
  t.strictSame(found, [])
})

t.test('control: an agent that tells a key', async (t) => {
  t.match(await runCanaries({ leaky: true }), { found: [/^OPENAI_API_KEY in /] })
})
