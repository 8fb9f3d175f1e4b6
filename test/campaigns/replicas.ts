// `npm run check:replicas`: five processes on one PostgreSQL behind nginx; they are killed and stopped, the database is stopped, hung and cut off.
// Options: --seed S (the time), --kills N (12), --phases "kills,database hung" (all), --control (only the worker without fencing; it must fail).
import { parseArgs } from 'node:util'
import { postgresPrograms } from './cluster/database.ts'
import { hasNginx } from './cluster/nginx.ts'
import { PHASES, runCampaign, type CampaignResult, type PhaseName } from './replicas/campaign.ts'

const KILLS = 12
const PAUSE_MS = 20_000
const OUTAGE_MS = 10_000
const BACK_WITHIN_MS = 5_000
const ANSWER_WITHIN_MS = 2_000
const JOB_BACK_WITHIN_MS = 15_000
/** Where the database is away, answers are bounded; a process that stands still says nothing at all. */
const BOUNDED: readonly PhaseName[] = ['database stopped', 'database hung', 'api cut off', 'worker cut off']

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, kills: { type: 'string' }, phases: { type: 'string' }, control: { type: 'boolean', default: false } }
  })
  if (postgresPrograms() === undefined || !hasNginx()) {
    console.error('check:replicas needs PostgreSQL below /usr/lib/postgresql, and nginx.')
    return 2
  }
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const phases = values.phases === undefined ? PHASES : PHASES.filter((name) => values.phases!.split(',').includes(name))
  console.log(`seed ${seed}`)
  const common = { seed, kills: Number(values.kills ?? KILLS), pauseMs: PAUSE_MS, outageMs: OUTAGE_MS }
  const control = await runCampaign({ ...common, phases: ['paused worker'], control: 'no-fencing' })
  if (control.staleEnds === 0) {
    console.log('control (no fencing): no job was ended by a process that had lost it, so this campaign proves nothing')
    return 1
  }
  console.log(`control (no fencing) fails as it must: ${control.staleEnds} jobs were ended by a process that had lost them`)
  if (values.control) return 0
  const result = await runCampaign({ ...common, phases, report: console.log })
  const faults = faultsOf(result)
  for (const fault of faults) console.log(`- ${fault}`)
  console.log(line(result))
  return faults.length === 0 ? 0 : 1
}

const faultsOf = ({ phases, ledger, findings, wrong, staleEnds, changes, recoveries, exitCodes }: CampaignResult): string[] => [
  ...Object.entries(findings.lost).filter(([, count]) => count > 0).map(([what, count]) => `${count} acknowledged ${what} are lost`),
  ...findings.duplicates > 0 ? [`${findings.duplicates} duplicates`] : [],
  ...findings.faults,
  ...findings.jobs.unfinished > 0 ? [`${findings.jobs.unfinished} jobs are unfinished`] : [],
  ...ledger.unexpected.slice(0, 5),
  ...wrong.slice(0, 5).map((answer) => `a wrong answer: ${answer}`),
  ...staleEnds > 0 ? [`${staleEnds} jobs were ended by a process that had lost them`] : [],
  ...changes.finds.slice(0, 5),
  ...p99(recoveries) > JOB_BACK_WITHIN_MS ? [`jobs of dead workers were back after ${p99(recoveries)} ms (p99)`] : [],
  ...exitCodes.some((code) => code !== 0) ? [`exit codes ${exitCodes.join(', ')}`] : [],
  ...phases.filter(({ name, slowest }) => BOUNDED.includes(name) && slowest > ANSWER_WITHIN_MS)
    .map(({ name, slowest }) => `${name}: an answer took ${Math.round(slowest)} ms`),
  ...phases.filter(({ backAfter }) => backAfter !== null && backAfter > BACK_WITHIN_MS)
    .map(({ name, backAfter }) => `${name}: back after ${Math.round(backAfter!)} ms`)
]

const p99 = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0

const line = ({ phases, ledger, findings, wrong, staleEnds, changes, recoveries, seconds }: CampaignResult): string => [
  `replicas: 3 api, 2 workers; acknowledged: ${ledger.messages.size} messages, ${ledger.events.size} events, ${ledger.jobs.size} jobs`,
  `lost: ${Object.values(findings.lost).reduce((sum, count) => sum + count, 0)}`,
  `duplicates: ${findings.duplicates}`,
  `ended without a lease: ${staleEnds}`,
  `changes of the shop: ${changes.approved} approved, made once ${changes.once}`,
  `wrong answers: ${wrong.length + ledger.unexpected.length}`,
  `jobs of dead workers back: ${recoveries.length}, p99 ${Math.round(p99(recoveries))} ms`,
  `slowest answer with the database away: ${Math.round(Math.max(0, ...phases.filter(({ name }) => BOUNDED.includes(name)).map(({ slowest }) => slowest)))} ms`,
  `first success after it: ${Math.round(Math.max(0, ...phases.map(({ backAfter }) => backAfter ?? 0)))} ms`,
  `${Math.round(seconds)} s`
].join('; ')

process.exitCode = await main()
