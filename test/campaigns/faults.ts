// `npm run check:faults`: each fault on each dependency of a real server, against the sandbox, and whether everything else goes on undisturbed.
// Options: --only shopify_api,llm; --fault reset (part of a name); --pairs N (3); --slice-ms N (2000); --seed S (1); --quick (one pair each, times
// and memory are not judged); --control (only the runs with the breaker held closed: they must fail). Where the times of the first pairs are out of
// bounds, up to nine are taken, and the median over all of them counts.
import { parseArgs } from 'node:util'
import { startSandbox } from '../../sandbox/index.ts'
import { casesOf, DEPENDENCIES } from './faults/cases.ts'
import type { Dependency } from './faults/messages.ts'
import { runCase, type CaseResult } from './faults/run-case.ts'

const PAIRS = 3
const MOST_PAIRS = 9
const SLICE_MS = 2_000
// Until the code on the way of a request is compiled.
const WARM_UP_MS = 3_000

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      fault: { type: 'string' },
      pairs: { type: 'string' },
      'slice-ms': { type: 'string' },
      seed: { type: 'string' },
      quick: { type: 'boolean', default: false },
      control: { type: 'boolean', default: false }
    }
  })
  const { quick } = values
  const pairs = Number(values.pairs ?? (quick ? 1 : PAIRS))
  const sliceMs = Number(values['slice-ms'] ?? SLICE_MS)
  const seed = Number(values.seed ?? 1)
  const only = values.only?.split(',') ?? [...DEPENDENCIES]
  const known = only.every((name) => (DEPENDENCIES as readonly string[]).includes(name))
  const wholeFrom = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least
  if (!wholeFrom(pairs, 1) || !wholeFrom(sliceMs, 100) || !Number.isSafeInteger(seed) || !known) {
    console.error(`--pairs takes a whole number from 1, --slice-ms one from 100, --seed a whole number, --only some of ${DEPENDENCIES.join(',')}.`)
    return 2
  }
  const begun = performance.now()
  const log = { debug () {}, info () {}, warn: console.warn, error: console.error }
  const sandbox = await startSandbox({ seed, log })
  const common = { sandbox, sliceMs, warmUpMs: WARM_UP_MS, mostPairs: MOST_PAIRS }
  try {
    // A campaign that cannot fail proves nothing: with its breaker held closed, each dependency must be found out.
    for (const dependency of only as Dependency[]) {
      const faultCase = casesOf(dependency).find(({ name }) => name === '500')!
      const { findings } = await runCase({ ...common, dependency, faultCase, pairs: 1, judgeFigures: false, breakerDisabled: true })
      const caught = findings.includes('the breaker never opened')
      console.log(`control, ${dependency} with its breaker held closed: ${caught ? 'fails as it must' : 'was not found out'}: ${findings.join('; ')}`)
      if (!caught) return 1
    }
    if (values.control) return 1

    const results: CaseResult[] = []
    for (const dependency of only as Dependency[]) {
      for (const faultCase of casesOf(dependency).filter(({ name }) => values.fault === undefined || name.includes(values.fault))) {
        const result = await runCase({ ...common, dependency, faultCase, pairs, judgeFigures: !quick, breakerDisabled: false })
        results.push(result)
        console.log(line(result))
      }
    }
    if (results.length === 0) {
      console.error('No fault has such a name.')
      return 2
    }
    console.log(summary(results, (performance.now() - begun) / 1000))
    return results.some(({ findings }) => findings.length > 0) ? 1 : 0
  } finally {
    await sandbox.close()
  }
}

const line = ({ dependency, fault, callsToOpen, whileOpen, insideWait, flips, p99, pairs, memory, unhandled, findings }: CaseResult): string => [
  `${dependency}, ${fault}: ${findings.length === 0 ? 'ok' : 'BROKEN'}`,
  ...(callsToOpen === null ? [] : [`open after ${callsToOpen} calls`, `while open ${whileOpen.arrived} arrived, ${whileOpen.probes} as probes`]),
  `inside Retry-After ${insideWait}`,
  `readiness flips ${flips}`,
  ...([['/healthz', p99.health], ['POST /agents/message', p99.message]] as const)
    .map(([what, { ratio, baselineMs, faultMs }]) => `p99 ${what} ${baselineMs.toFixed(1)} -> ${faultMs.toFixed(1)} ms (${ratio.toFixed(2)}, ${pairs} pairs)`),
  `memory ${memory.settled.toFixed(1)} MiB, buffers ${memory.peakExternal.toFixed(1)} MiB`,
  `unhandled ${unhandled}`,
  ...findings.map((finding) => `- ${finding}`)
].join('; ')

const summary = (results: CaseResult[], seconds: number): string => {
  const most = (values: number[]): number => Math.max(...values)
  const broken = results.filter(({ findings }) => findings.length > 0)
  return [
    `faults x dependencies: ${results.length}, broken: ${broken.length}`,
    `calls before a breaker opened: at most ${most(results.map(({ callsToOpen }) => callsToOpen ?? 0))}`,
    `beyond probes while open: ${most(results.map(({ whileOpen }) => Math.max(whileOpen.arrived - whileOpen.probes, 0)))}`,
    `sent inside Retry-After: ${results.reduce((sum, { insideWait }) => sum + insideWait, 0)}`,
    `readiness flips: ${results.reduce((sum, { flips }) => sum + flips, 0)}`,
    `worst p99 against its baseline: /healthz ${most(results.map(({ p99 }) => p99.health.ratio)).toFixed(2)}, ` +
      `POST /agents/message ${most(results.map(({ p99 }) => p99.message.ratio)).toFixed(2)}`,
    `most memory: ${most(results.map(({ memory }) => Math.max(memory.settled, memory.peakExternal))).toFixed(1)} MiB`,
    `unhandled rejections: ${results.reduce((sum, { unhandled }) => sum + unhandled, 0)}`,
    `${Math.round(seconds)} s`
  ].join('; ')
}

process.exitCode = await main()
