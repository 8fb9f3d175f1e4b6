// `npm run check:streams`: readers of live replies over two replicas, each cut off many times at a random byte; nothing may be lost, doubled or reordered.
// Options: --streams N (10000), --cuts N (20), --seed S (the time).
import { parseArgs } from 'node:util'
import { postgresPrograms } from './cluster/database.ts'
import { runCampaign, type CampaignResult } from './streams/campaign.ts'

const STREAMS = 10_000
const CUTS = 20
const CONTROL_STREAMS = 100

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { streams: { type: 'string' }, cuts: { type: 'string' }, seed: { type: 'string' } } })
  if (postgresPrograms() === undefined) {
    console.error('check:streams needs PostgreSQL below /usr/lib/postgresql.')
    return 2
  }
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  console.log(`seed ${seed}`)
  const control = await runCampaign({ streams: CONTROL_STREAMS, cuts: CUTS, seed, control: true })
  if (isClean(control)) {
    console.log('control (events that are not found): nothing was missed, so this campaign proves nothing')
    return 1
  }
  console.log(`control (events that are not found) fails as it must: ${control.lost} lost, ${control.unequal} replies unequal`)
  const result = await runCampaign({ streams: Number(values.streams ?? STREAMS), cuts: Number(values.cuts ?? CUTS), seed, report: console.log })
  for (const refusal of result.refused.slice(0, 5)) console.log(`- ${refusal}`)
  console.log(line(result))
  return isClean(result) ? 0 : 1
}

const isClean = ({ lost, doubled, reordered, unequal, refused }: CampaignResult): boolean =>
  lost + doubled + reordered + unequal + refused.length === 0

const line = ({ streams, cuts, events, lost, doubled, reordered, unequal, refused, seconds }: CampaignResult): string =>
  `streams over two replicas: ${streams}, cut ${cuts} times, ${events} events; lost ${lost}, doubled ${doubled}, reordered ${reordered}, ` +
    `other than said ${unequal}, refused ${refused.length}; ${Math.round(seconds)} s`

process.exitCode = await main()
