// `npm run check:power`: cuts the power of the embedded store's disk at random points under 16 writers and looks for what was acknowledged and is gone.
// What the disk keeps in a cache of its own is not part of it: there the disk is believed. Needs root, for loop devices.
// Options: --cuts N (100), --seed S (the time), --control (only SQLite without a flush at every commit; it must lose).
import { parseArgs } from 'node:util'
import { runPowerCampaign, type PowerResult } from './power/campaign.ts'
import { withoutDisk } from './power/disk.ts'

const CUTS = 100
const CONTROL_CUTS = 10
/** Neither well nor failed. */
const NOT_RUN = 3

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { cuts: { type: 'string' }, seed: { type: 'string' }, control: { type: 'boolean', default: false } } })
  const cuts = Number(values.cuts ?? CUTS)
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  if (!Number.isSafeInteger(cuts) || cuts < 1 || !Number.isSafeInteger(seed)) {
    console.error('--cuts takes a whole number from 1, --seed a whole number.')
    return 2
  }
  const reason = withoutDisk()
  if (reason !== undefined) {
    console.error(`NOT RUN, so nothing is shown about power cuts: ${reason}.`)
    return NOT_RUN
  }
  console.log(`seed ${seed}`)
  const control = await runPowerCampaign({ cuts: CONTROL_CUTS, seed, control: true })
  if (control.lost === 0) {
    console.log(`control (synchronous=NORMAL): nothing of ${control.acknowledged} was lost in ${control.cuts} cuts, so this campaign proves nothing`)
    return 1
  }
  console.log(`control (synchronous=NORMAL) fails as it must: ${control.lost} of ${control.acknowledged} lost after ${control.cuts} cut(s)`)
  if (values.control) return 1
  const result = await runPowerCampaign({ cuts, seed, report: console.log })
  for (const fault of [...result.faults, ...result.ledger.unexpected.slice(0, 5)]) console.log(`- ${fault}`)
  console.log(line(result, control))
  return result.lost === 0 && result.faults.length === 0 && result.ledger.unexpected.length === 0 ? 0 : 1
}

const line = ({ cuts, acknowledged, lost, faults, ledger, seconds }: PowerResult, control: PowerResult): string => [
  `power cuts: ${cuts}`,
  `acknowledged: ${acknowledged} (${ledger.messages.size} messages, ${ledger.events.size} events, ${ledger.jobs.size} jobs, ${ledger.sessions.size} sessions)`,
  `lost: ${lost}`,
  `integrity and other faults: ${faults.length + ledger.unexpected.length}`,
  `control with synchronous=NORMAL: ${control.lost} of ${control.acknowledged} lost in ${control.cuts} cut(s)`,
  `${Math.round(seconds)} s`
].join('; ')

process.exitCode = await main()
