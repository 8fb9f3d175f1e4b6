// `npm run bench:forecast`: how good the forecasts are on demand that they have not seen, and what making them costs; a table and a file.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { generateDemand } from './forecast/demand.ts'
import { BASELINES, evaluate, type Judged, type Sample } from './forecast/evaluate.ts'
import { mainThread, type MainThreadFigures } from './forecast/main-thread.ts'
import { mstlMase } from './forecast/mstl.ts'
import { leadOf, originsOf, publicSeries, sampleOf } from './forecast/series.ts'
import { shopSample } from './forecast/shop.ts'
import { ROOT } from './process.ts'
import { median } from './rounds.ts'

const SEED = Number(process.argv[2] ?? 1)
const VARIANTS = 1_000
const DAYS = 540
const LEAD = 21
/** Of the hold-out: forecasts are made at four moments, three weeks apart, and judged on the three weeks after each. */
const ORIGINS = [456, 477, 498, 519]
/** Fits of MSTL take as long as everything else together. */
const MSTL_VARIANTS = 40

const BEST = 1.02
const SMOOTH = 0.9
const COVERAGE = [0.9, 0.98] as const
/** A class of fewer forecasts says nothing. */
const JUDGED_FROM = 100
const SECONDS = 60
const SLOWER = 1.25

interface Verdict { bar: string, pass: boolean }

const main = async (): Promise<void> => {
  const begun = new Date()
  const text: string[] = [`# Forecasts, ${begun.toISOString().slice(0, 10)}`, '', machine(), '']
  const say = (...lines: string[]): void => {
    text.push(...lines)
    console.log(lines.join('\n'))
  }
  const verdicts: Verdict[] = []

  const demand: Sample = generateDemand({ seed: SEED, variants: VARIANTS, days: DAYS })
  say(`## Generated demand: ${VARIANTS} variants x ${DAYS} days, seed ${SEED}, ${LEAD} days ahead`, '')
  report('generated', evaluate(demand, ORIGINS, LEAD), ({ label }) => label === 'smooth', say, verdicts)

  say('', '## Public series, the last third, half a year of months or a year of quarters ahead', '')
  const judged = publicSeries().map((series) => evaluate(sampleOf(series), originsOf(series), leadOf(series), series.name)[0]!)
  report('public', judged, () => true, say, verdicts, 'all together')

  const shop = await shopSample()
  const origins = [84, 63, 42, 21].map((back) => shop.days - back)
  for (const tellStock of [false, true]) {
    say('', `## The sandbox's shop, ${LEAD} days ahead; its days without stock are ${tellStock ? 'noted' : 'unknown'}`, '')
    report(tellStock ? 'shop, stock noted' : 'shop', evaluate({ ...shop, tellStock }, origins, LEAD), ({ label }) => label === 'smooth', say, verdicts)
  }

  say('', '## MSTL with an automatic trend (@bsull/augurs), which the agent does not use', '', ...mstlTable(demand, judged))

  say('', '## Costs', '')
  const costs = await mainThread()
  say(...costsTable(costs, verdicts), '', `${verdicts.filter(({ pass }) => pass).length} of ${verdicts.length} bars passed.`)
  for (const { bar } of verdicts.filter(({ pass }) => !pass)) say(`MISS: ${bar}`)
  say('', `The run took ${Math.round((Date.now() - begun.getTime()) / 1_000)} s.`)
  const results = join(ROOT, 'bench', 'results')
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, `forecast-${begun.toISOString().slice(0, 10)}.md`), `${text.join('\n')}\n`)
}

const machine = (): string => {
  const [load] = loadavg()
  return `Node ${process.versions.node}, ${process.platform} ${process.arch}; ${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown'}; ` +
    `load ${load!.toFixed(1)} before the run.`
}

const COLUMNS = [
  'demand', 'series', 'forecasts', 'MASE', 'seasonal naive', 'SES', 'Croston-SBA', 'of naive', 'of the best', 'sums', 'sums SES', 'sums SBA',
  'in the 95 % interval', 'served', 'verdict'
]

/** @param together adds a line of all that are judged, which then carries the bar of the coverage: single series have too few forecasts for one. */
const report = (
  title: string, judged: Judged[], mustBeatNaive: (one: Judged) => boolean, say: (...lines: string[]) => void, verdicts: Verdict[], together?: string
): void => {
  const all = together === undefined ? [] : [pooled(judged, together)]
  say(...table([COLUMNS, ...[...judged, ...all].map((one) => {
    const { label, mase, sums } = one
    const best = Math.min(...BASELINES.map((name) => mase[name]))
    const own: Verdict[] = []
    const few = together === undefined && one.forecasts < JUDGED_FROM
    if (!all.includes(one) && !few) {
      own.push({ bar: `${label}: MASE at most ${BEST} of the best simple baseline (${(mase.chosen / best).toFixed(3)})`, pass: mase.chosen <= BEST * best })
      if (mustBeatNaive(one)) {
        const of = mase.chosen / mase.seasonal_naive
        own.push({ bar: `${label}: MASE at most ${SMOOTH} of the seasonal naive (${of.toFixed(3)})`, pass: of <= SMOOTH })
      }
    }
    if (!few && (together === undefined || all.includes(one))) {
      const pass = one.coverage >= COVERAGE[0] && one.coverage <= COVERAGE[1]
      own.push({ bar: `${label}: ${COVERAGE[0] * 100} to ${COVERAGE[1] * 100} % in the interval of 95 % (${percent(one.coverage)})`, pass })
    }
    verdicts.push(...own.map(({ bar, pass }) => ({ bar: `${title}, ${bar}`, pass })))
    return [
      label, one.series, one.forecasts, mase.chosen.toFixed(3), ...BASELINES.map((name) => mase[name].toFixed(3)),
      (mase.chosen / mase.seasonal_naive).toFixed(3), (mase.chosen / best).toFixed(3), sums.chosen.toFixed(3), sums.ses.toFixed(3),
      sums.croston_sba.toFixed(3), percent(one.coverage), percent(one.served), few ? 'too few' : own.every(({ pass }) => pass) ? 'PASS' : 'MISS'
    ].map(String)
  })]))
}

const pooled = (judged: Judged[], label: string): Judged => {
  const forecasts = judged.reduce((sum, one) => sum + one.forecasts, 0)
  const mean = (figure: (one: Judged) => number): number => judged.reduce((sum, one) => sum + figure(one) * one.forecasts, 0) / forecasts
  const each = (of: 'mase' | 'sums') =>
    Object.fromEntries((['chosen', ...BASELINES] as const).map((name) => [name, mean((one) => one[of][name])])) as Judged['mase']
  return {
    label, series: judged.length, forecasts, mase: each('mase'), sums: each('sums'), coverage: mean((one) => one.coverage), served: mean((one) => one.served)
  }
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`

const table = (rows: string[][]): string[] => [rows[0]!, rows[0]!.map(() => '---'), ...rows.slice(1)].map((cells) => `| ${cells.join(' | ')} |`)

const mstlTable = (demand: Sample, judged: Judged[]): string[] => {
  const smooth = Array.from({ length: MSTL_VARIANTS }, (_, index) => index * 4)
  const some: Sample = {
    ...demand, variants: MSTL_VARIANTS, units: Float32Array.from(smooth.flatMap((variant) => [...demand.units.subarray(variant * DAYS, (variant + 1) * DAYS)]))
  }
  const groups = Int32Array.from(smooth, (variant) => demand.groups![variant]!)
  const rows = [['demand', 'MASE of MSTL', 'MASE of the chosen', 'one fit']]
  const add = (label: string, sample: Sample, origins: number[], lead: number, own: number): void => {
    const { mase, fitMs } = mstlMase(sample, origins, lead)
    rows.push([label, mase.toFixed(3), own.toFixed(3), `${fitMs.toFixed(1)} ms`])
  }
  add(`${MSTL_VARIANTS} smooth variants`, some, ORIGINS, LEAD, evaluate({ ...some, groups }, ORIGINS, LEAD, 'smooth')[0]!.mase.chosen)
  publicSeries().forEach((series, index) => { add(series.name, sampleOf(series), originsOf(series), leadOf(series), judged[index]!.mase.chosen) })
  return table(rows)
}

const costsTable = ({ ratios, without, during, seconds, run }: MainThreadFigures, verdicts: Verdict[]): string[] => {
  const own: Verdict[] = [
    { bar: `5,000 variants x 540 days in less than ${SECONDS} s (${median(seconds).toFixed(1)} s)`, pass: median(seconds) < SECONDS },
    { bar: `/healthz p99 at most ${SLOWER} of what it is without the computing (${median(ratios).toFixed(2)})`, pass: median(ratios) <= SLOWER }
  ]
  verdicts.push(...own)
  const range = (values: number[]): string => `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`
  const verdict = (index: number): string => own[index]!.pass ? 'PASS' : 'MISS'
  return table([
    ['what', 'median', 'lowest to highest', 'verdict'],
    ['5,000 variants x 540 days in the thread, load beside it', `${median(seconds).toFixed(1)} s`, `${range(seconds)} s`, verdict(0)],
    [
      `/healthz p99, 500 requests a second: while computing ${during.toFixed(2)} ms, without ${without.toFixed(2)} ms`,
      `${median(ratios).toFixed(2)} of without`,
      range(ratios),
      verdict(1)
    ],
    [
      `The agent whole, orders read from memory: ${run.lines} lines to order, ${run.computingSeconds.toFixed(1)} s of it in the thread; ` +
      `/healthz p99 ${run.p99.toFixed(2)} ms`,
      `${run.seconds.toFixed(1)} s`,
      'one',
      ''
    ]
  ])
}

await main()
