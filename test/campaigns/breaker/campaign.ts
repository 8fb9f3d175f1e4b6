// The campaign against the circuit breaker: so many random steps on it and on the reference, and the controls that must fail.
import fc from 'fast-check'
import { createBreakerRegistry } from '../../../src/core/breaker-registry.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { cockatiel, opossum } from './controls.ts'
import { machine } from './machine.ts'
import { Deviation, play, type SubjectKind } from './player.ts'
import { scripts } from './scripts.ts'

export interface MachineResult {
  steps: number
  runs: number
  /** What fast-check says of the first deviation, with the shortest script that shows it; undefined when there is none. */
  deviation: string | undefined
  /** How often each thing came up: what never does is shown by nothing. */
  seen: Map<string, number>
}

export interface ControlResult {
  name: string
  runs: number
  /** Runs that deviated; each stops at its first difference. */
  deviating: number
  /** The kind of the first one that was found, and how often each was. */
  first: string | undefined
  kinds: Map<string, number>
}

export interface CampaignOptions {
  steps: number
  seed: number
  controlRuns: number
}

export interface CampaignResult {
  machine: MachineResult
  controls: ControlResult[]
}

const RUNS_AT_ONCE = 200

export const runCampaign = async ({ steps, seed, controlRuns }: CampaignOptions): Promise<CampaignResult> => ({
  machine: await checkMachine({ steps, seed }),
  controls: [await checkControl(opossum(), { runs: controlRuns, seed }), await checkControl(cockatiel(), { runs: controlRuns, seed })]
})

/** Plays random scripts until there were so many steps, or until one deviates. */
export const checkMachine = async ({ steps, seed }: { steps: number, seed: number }, kind: SubjectKind = machine()): Promise<MachineResult> => {
  const result: MachineResult = { steps: 0, runs: 0, deviation: undefined, seen: new Map() }
  const saw = (what: string): void => { result.seen.set(what, (result.seen.get(what) ?? 0) + 1) }
  const property = fc.asyncProperty(scripts, async (script) => {
    result.runs += 1
    result.steps += await play(kind, script, saw)
  })
  for (let batch = 0; result.steps < steps; batch++) {
    const details = await fc.check(property, { numRuns: RUNS_AT_ONCE, seed: seed + batch })
    if (!details.failed) continue
    result.deviation = fc.defaultReportMessage(details) ?? 'a deviation without a report'
    break
  }
  return result
}

/** Plays so many random scripts, and goes on after a deviation. */
export const checkControl = async (kind: SubjectKind, { runs, seed }: { runs: number, seed: number }): Promise<ControlResult> => {
  const kinds = new Map<string, number>()
  for (const script of fc.sample(scripts, { numRuns: runs, seed })) {
    try {
      await play(kind, script)
    } catch (error) {
      if (!(error instanceof Deviation)) throw error
      kinds.set(error.kind, (kinds.get(error.kind) ?? 0) + 1)
    }
  }
  const deviating = [...kinds.values()].reduce((sum, times) => sum + times, 0)
  return { name: kind.name, runs, deviating, first: kinds.keys().next().value, kinds }
}

/** Nanoseconds that a call through the registry takes, its own empty function included: the median of some rounds. */
export const measureGuardedCall = async ({ calls = 100_000, rounds = 9 } = {}): Promise<number> => {
  const registry = createBreakerRegistry({ clock: systemClock })
  registry.register('measured', { label: 'Measured', configured: true, required: false })
  const call = async (): Promise<number> => 1
  const options = { classify: () => ({ kind: 'success' as const }) }
  const figures: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) await registry.call('measured', call, options)
    figures.push(Number(process.hrtime.bigint() - start) / calls)
  }
  return figures.sort((a, b) => a - b)[Math.floor(rounds / 2)]!
}
