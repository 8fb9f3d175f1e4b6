// The campaign of power cuts with a short seed: `npm run check:power` is the long one. It takes root, and is skipped without.
import t from 'tap'
import { runPowerCampaign } from './campaigns/power/campaign.ts'
import { withoutDisk } from './campaigns/power/disk.ts'

const SEED = 20261127
const reason = withoutDisk()
const skip = reason === undefined ? false : `nothing is shown about power cuts: ${reason}`

t.test('what was acknowledged survives a power cut', { skip }, async (t) => {
  const { acknowledged, lost, faults, ledger } = await runPowerCampaign({ cuts: 2, seed: SEED })
  t.ok(acknowledged > 0, 'the writers wrote')
  t.equal(lost, 0, `nothing of ${acknowledged} is lost`)
  t.strictSame(faults, [], 'the file is whole, counters equal their rows')
  t.strictSame(ledger.unexpected, [], 'no answer but those of the contract')
})

t.test('control: without a flush at every commit it does not', { skip }, async (t) => {
  const { acknowledged, lost } = await runPowerCampaign({ cuts: 5, seed: SEED, control: true })
  t.ok(lost > 0, `${lost} of ${acknowledged} lost`)
})
