// `npm run check:idempotency`: sends requests with the same keys again, 100 at once and across kills of the server, and counts what they did.
// Options: --retries N (10000), --kills N (100), --seed S (the time), --control (only the server that ignores the keys; it must fail).
import { parseArgs } from 'node:util'
import { isClean, runCampaign, type CampaignResult } from './idempotency/campaign.ts'

const CONTROL = { retries: 500, kills: 1 }

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      retries: { type: 'string', default: '10000' },
      kills: { type: 'string', default: '100' },
      seed: { type: 'string' },
      control: { type: 'boolean', default: false }
    }
  })
  const [retries, kills, seed] = [Number(values.retries), Number(values.kills), Number(values.seed ?? Date.now() % 2 ** 31)] as const
  if (![retries, kills, seed].every((number) => Number.isSafeInteger(number) && number >= 0)) {
    console.error('--retries, --kills and --seed take a whole number.')
    return 2
  }
  console.log(`seed ${seed}`)
  const control = await runCampaign({ ...CONTROL, seed, control: true })
  if (values.control) {
    console.log(line(control))
    return isClean(control) ? 0 : 1
  }
  if (control.doubled.length === 0) {
    console.log('control (keys ignored): nothing was done twice, so this campaign proves nothing')
    return 1
  }
  console.log(`control (keys ignored) fails as it must: ${control.doubled.length} of ${control.keys} keys had more than one effect`)
  const result = await runCampaign({ retries, kills, seed, report: console.log })
  for (const fault of [...result.doubled, ...result.missing, ...result.differing, ...result.unexpected].slice(0, 10)) console.log(`- ${fault}`)
  console.log(line(result))
  return isClean(result) ? 0 : 1
}

const line = (result: CampaignResult): string => [
  `idempotency keys: ${result.keys}, requests: ${result.requests} (${result.requests - result.keys} retries, ${result.races} races of 100)`,
  `more than one effect: ${result.doubled.length}`,
  `none: ${result.missing.length}`,
  `answers that differ: ${result.differing.length}`,
  `other answers: ${result.unexpected.length}`,
  `replayed: ${result.replayed}, told to wait: ${result.inProgress}`,
  `kill -9: ${result.kills}, requests cut off: ${result.cut}, effects found without their answer: ${result.unanswered}`,
  `${Math.round(result.seconds)} s`
].join('; ')

process.exitCode = await main()
