// `npm run check:webhooks`: forges webhooks, sends one delivery a hundred times at once, and measures deliveries under load.
// Options: --forged N (10000), --rounds N (20), --deliveries N (10000), --seed S (the time).
import { parseArgs } from 'node:util'
import { CONTROLS, isClean, P999_LIMIT_MS, runCampaign, type CampaignResult } from './webhooks/campaign.ts'

const SMALL = { forged: 200, rounds: 2, deliveries: 100 }

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      forged: { type: 'string', default: '10000' },
      rounds: { type: 'string', default: '20' },
      deliveries: { type: 'string', default: '10000' },
      seed: { type: 'string' }
    }
  })
  const [forged, rounds, deliveries, seed] =
    [Number(values.forged), Number(values.rounds), Number(values.deliveries), Number(values.seed ?? Date.now() % 2 ** 31)] as const
  if (![forged, rounds, deliveries, seed].every((number) => Number.isSafeInteger(number) && number >= 0)) {
    console.error('--forged, --rounds, --deliveries and --seed take a whole number.')
    return 2
  }
  console.log(`seed ${seed}`)
  for (const control of CONTROLS) {
    const result = await runCampaign({ ...SMALL, seed, control })
    if (isClean(result)) {
      console.log(`control (${control}) was not noticed, so this campaign proves nothing: ${line(result)}`)
      return 1
    }
    console.log(`control (${control}) fails as it must: ${line(result)}`)
  }
  const result = await runCampaign({ forged, rounds, deliveries, seed })
  console.log(line(result))
  return isClean(result) ? 0 : 1
}

const line = (result: CampaignResult): string => [
  `forged: ${result.forged}, accepted: ${result.accepted}`,
  `one delivery 100 times at once: ${result.rounds} times, not one event and one job: ${result.doubled}`,
  `deliveries under load: ${result.deliveries}, refused: ${result.refused}, acknowledged and lost: ${result.lost}`,
  `p50 ${result.p50} ms, p99 ${result.p99} ms, p99.9 ${result.p999} ms (limit ${P999_LIMIT_MS})`
].join('; ')

process.exitCode = await main()
