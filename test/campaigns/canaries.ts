// `npm run check:canaries`: a secret in every setting and every input, and a look for them in all that leaves the server.
import { runCampaign, type CampaignResult } from './canaries/campaign.ts'

const line = ({ canaries, looked, found }: CampaignResult): string =>
  `secrets planted: ${canaries}; answers, log lines and messages looked through: ${looked}; found outside: ${found.length}`

const main = async (): Promise<number> => {
  const control = await runCampaign({ leaky: true })
  if (control.found.length === 0) {
    console.log('control (an agent that tells a key): nothing was found, so this campaign proves nothing')
    return 1
  }
  console.log(`control (an agent that tells a key) fails as it must: ${control.found[0]!}`)
  const result = await runCampaign()
  for (const fault of result.found.slice(0, 20)) console.log(`- ${fault}`)
  console.log(line(result))
  return result.found.length === 0 ? 0 : 1
}

process.exitCode = await main()
