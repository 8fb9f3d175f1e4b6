// `npm run check:access`: every route with every state of a credential, and with own, foreign and missing ids, against the table in docs/access.md.
// Options: --rounds N (5), --seed S (the time), --control (only the server with one entry weakened; it must fail).
import { parseArgs } from 'node:util'
import { runCampaign, type CampaignResult } from './access/campaign.ts'
import { CONTROLS } from './access/controls.ts'

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, seed: { type: 'string' }, control: { type: 'boolean', default: false } }
  })
  const [rounds, seed] = [Number(values.rounds), Number(values.seed ?? Date.now() % 2 ** 31)] as const
  if (![rounds, seed].every((number) => Number.isSafeInteger(number) && number >= 0)) {
    console.error('--rounds and --seed take a whole number.')
    return 2
  }
  console.log(`seed ${seed}`)
  let unseen = 0
  for (const { name, table, finds } of CONTROLS) {
    const { wrong } = await runCampaign({ seed, rounds: 1, table })
    const found = wrong.some((one) => finds.test(one))
    console.log(`control (${name}): ${found ? `found, ${wrong.length} wrong decisions` : 'NOT FOUND, so this campaign proves nothing'}`)
    if (!found) unseen += 1
  }
  if (values.control || unseen > 0) return 1
  const result = await runCampaign({ seed, rounds })
  for (const fault of result.wrong.slice(0, 20)) console.log(`- ${fault}`)
  console.log(line(result))
  return result.wrong.length === 0 ? 0 : 1
}

const line = ({ routes, states, requests, wrong, seconds }: CampaignResult): string =>
  `routes: ${routes}, states of a credential: ${states}, requests: ${requests}, wrong decisions: ${wrong.length}; ${Math.round(seconds)} s`

process.exitCode = await main()
