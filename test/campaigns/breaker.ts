// `npm run check:breaker`: a million random steps on the circuit breaker and on a slow, obvious reference; opossum and cockatiel, played the
// same way, must deviate. Options: --steps N (1,000,000), --seed S (the time), --control-runs N (400).
import { parseArgs } from 'node:util'
import { measureGuardedCall, runCampaign, type ControlResult } from './breaker/campaign.ts'

const STEPS = 1_000_000
const CONTROL_RUNS = 400

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { steps: { type: 'string' }, seed: { type: 'string' }, 'control-runs': { type: 'string' } } })
  const steps = Number(values.steps ?? STEPS)
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const controlRuns = Number(values['control-runs'] ?? CONTROL_RUNS)
  if (![steps, controlRuns].every((number) => Number.isSafeInteger(number) && number >= 1) || !Number.isSafeInteger(seed)) {
    console.error('--steps and --control-runs take a whole number from 1, --seed a whole number.')
    return 2
  }
  const nanoseconds = await measureGuardedCall()
  const { machine, controls } = await runCampaign({ steps, seed, controlRuns })
  for (const control of controls) console.log(lineOf(control))
  if (machine.deviation !== undefined) console.log(machine.deviation)
  console.log(`breaker: ${machine.steps} steps in ${machine.runs} runs, seed ${seed}; deviations: ${machine.deviation === undefined ? 0 : 1}; ` +
    `a guarded call: ${Math.round(nanoseconds)} ns`)
  const blind = controls.some(({ deviating }) => deviating === 0)
  return machine.deviation === undefined && !blind ? 0 : 1
}

const lineOf = ({ name, runs, deviating, first, kinds }: ControlResult): string => {
  if (deviating === 0) return `control ${name}: nothing was found in ${runs} runs, so this campaign proves nothing`
  return `control ${name} deviates as it must: ${deviating} of ${runs} runs, ${kinds.size} kinds; first: ${first}`
}

process.exitCode = await main()
