// `npm run check:rolling`: three replicas are restarted in turn under fifty callers, behind nginx and without; no request may fail, no stream lose anything.
// Options: --rounds N (8), --requests N (30000), --way nginx|direct (both).
import { parseArgs } from 'node:util'
import { postgresPrograms } from './cluster/database.ts'
import { hasNginx } from './cluster/nginx.ts'
import { runCampaign, type CampaignResult } from './rolling/campaign.ts'

const ROUNDS = 8
const REQUESTS = 30_000

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, requests: { type: 'string' }, way: { type: 'string' } } })
  if (postgresPrograms() === undefined || !hasNginx()) {
    console.error('check:rolling needs PostgreSQL below /usr/lib/postgresql, and nginx.')
    return 2
  }
  const control = await runCampaign({ rounds: 1, way: 'direct', atLeast: 0, control: true })
  if (control.failed === 0) {
    console.log('control (kill -9 instead of a stop in order): nothing failed, so this campaign proves nothing')
    return 1
  }
  console.log(`control (kill -9 instead of a stop in order) fails as it must: ${control.failed} of ${control.requests} requests failed`)
  let clean = true
  for (const way of ['nginx', 'direct'] as const) {
    if (values.way !== undefined && values.way !== way) continue
    const result = await runCampaign({ rounds: Number(values.rounds ?? ROUNDS), way, atLeast: Number(values.requests ?? REQUESTS) })
    for (const failure of result.failures) console.log(`- ${failure}`)
    console.log(line(way, result))
    clean &&= isClean(result)
  }
  return clean ? 0 : 1
}

const isClean = ({ failed, streams, exitCodes }: CampaignResult): boolean =>
  failed === 0 && streams.lost === 0 && streams.doubled === 0 && streams.unequal === 0 && exitCodes.every((code) => code === 0)

const line = (way: string, { requests, failed, streams, exitCodes, seconds }: CampaignResult): string => [
  `rolling restarts, ${way}: ${exitCodes.length} stops in order (exit 0: ${exitCodes.filter((code) => code === 0).length})`,
  `failed: ${failed} of ${requests} requests`,
  `streams: ${streams.read} replies, ${streams.events} events, ${streams.reconnects} reconnects; lost ${streams.lost}, doubled ${streams.doubled}, ` +
    `other than the stored reply ${streams.unequal}`,
  `${Math.round(seconds)} s`
].join('; ')

process.exitCode = await main()
