// `npm run check:kill`: kills the server at random points under 16 writers and looks for what was acknowledged and is gone.
// Options: --kills N (200), --seed S (the time), --control (only the server that answers before its commit; it must fail).
import { parseArgs } from 'node:util'
import { isClean, runCampaign, total, type CampaignResult } from './kill/campaign.ts'

const KILLS = 200
const CONTROL_KILLS = 10

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { kills: { type: 'string' }, seed: { type: 'string' }, control: { type: 'boolean', default: false } }
  })
  const kills = Number(values.kills ?? (values.control ? CONTROL_KILLS : KILLS))
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed)) {
    console.error('--kills takes a whole number from 1, --seed a whole number.')
    return 2
  }
  console.log(`seed ${seed}`)
  if (values.control) {
    const result = await runCampaign({ kills, seed, control: true, verifyEvery: 1, report: console.log })
    console.log(line(result))
    return isClean(result) ? 0 : 1
  }
  const control = await runCampaign({ kills: CONTROL_KILLS, seed, control: true, verifyEvery: 1 })
  if (total(control.findings) === 0) {
    console.log('control (answer before commit): nothing was found lost, so this campaign proves nothing')
    return 1
  }
  console.log(`control (answer before commit) fails as it must: ${total(control.findings)} lost after ${control.kills} kill(s)`)
  const result = await runCampaign({ kills, seed, report: console.log })
  for (const fault of [...result.findings.faults, ...result.ledger.unexpected.slice(0, 5)]) console.log(`- ${fault}`)
  console.log(line(result))
  return isClean(result) ? 0 : 1
}

const line = ({ kills, killsDuringStart, ledger, findings, recovery, exitCode, seconds }: CampaignResult): string => [
  `kill -9: ${kills} (${killsDuringStart} during a start), acknowledged: ${ledger.messages.size} messages, ${ledger.events.size} events, ` +
    `${ledger.jobs.size} jobs, ${ledger.sessions.size} sessions`,
  `lost: ${total(findings)}`,
  `unfinished: ${exitCode === undefined ? 'not looked at' : findings.jobs.unfinished}`,
  `duplicates: ${findings.duplicates}`,
  `other faults: ${findings.faults.length + ledger.unexpected.length}`,
  `replies compared with their streams: ${findings.repliesChecked}`,
  `ended as dead after three deaths: ${findings.jobs.dead}`,
  `requests cut off: ${ledger.unanswered}`,
  `start after a kill: median ${Math.round(recovery.median)} ms, longest ${Math.round(recovery.max)} ms`,
  `${Math.round(seconds)} s`
].join('; ')

process.exitCode = await main()
