// One fault on one dependency: slices with and without it in turns, under the same load, and what they show.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sandbox } from '../../../sandbox/index.ts'
import type { FaultCase } from './cases.ts'
import { median, quantile, startLoad, type Load, type Slice } from './load.ts'
import type { CallRecord, Change, Dependency } from './messages.ts'
import { startServer, type TestedServer } from './server-process.ts'

export interface CaseOptions {
  sandbox: Sandbox
  dependency: Dependency
  faultCase: FaultCase
  /** Pairs of slices; further ones are added while the times are not within bounds. */
  pairs: number
  mostPairs: number
  /** Of a slice, milliseconds. */
  sliceMs: number
  warmUpMs: number
  /** Whether times and memory are judged: a short run is too noisy for it. */
  judgeFigures: boolean
  /** The breaker is held closed by hand: what must be found then proves the campaign. */
  breakerDisabled: boolean
}

export interface CaseResult {
  dependency: Dependency
  fault: string
  /** The most requests that went out before the breaker opened, over the slices; null: not expected to open. */
  callsToOpen: number | null
  /** Requests that arrived while it was open, and how many were let through as probes. */
  whileOpen: { arrived: number, probes: number }
  insideWait: number
  flips: number
  /** Medians over the pairs of slices. */
  p99: { health: Ratio, message: Ratio }
  pairs: number
  /** MiB. */
  memory: { settled: number, peakExternal: number }
  unhandled: number
  /** What broke a promise, in words. */
  findings: string[]
}

export interface Ratio {
  ratio: number
  baselineMs: number
  faultMs: number
}

const SETTLE_MS = 250
const DEADLINE_MS = 2_000
/** For calls that hang: the breaker can only open when it has passed. */
const SHORT_DEADLINE_MS = 400
const CALLERS = 2
const EVERY_MS = 100
/** As many as may fail in a row before a breaker opens: calls that hang fail together. */
const HANGING_CALLERS = 5
const MOST_CALLS = 10
const MOST_RATIO = 1.25
const MOST_GROWTH_MIB = 20
/** Two callers, each up to its cap, and what the collector has not taken yet: less than half of one body of 130 MB. */
const MOST_BUFFERS_MIB = 62
/** A request can be on its way when the breaker opens. */
const UNDER_WAY_MS = 50
const MIB = 2 ** 20

interface Received {
  at: number
  /** `TLS`: a connection whose handshake may have failed. */
  method: string
  fault: string | null
}

interface FaultSlice {
  load: Slice
  calls: CallRecord[]
  changes: Change[]
  received: Received[]
  insideWait: number
  elsewhere: number
}

export const runCase = async (options: CaseOptions): Promise<CaseResult> => {
  const { sandbox, dependency, faultCase, sliceMs } = options
  const standIn = addressFor(options)
  // Where another upstream is tried, the assistant answers without a model: its calls are not what is measured.
  const addresses = { [dependency]: standIn }
  const server = await startServer({ addresses, credentials: sandbox.credentials })
  const control = createControl(sandbox)
  let load: Load | undefined
  try {
    load = await startLoad(server.origin, dependency === 'llm' ? 'assistant' : 'user')
    if (faultCase.address === undefined) server.tell(driver(dependency, faultCase))
    await sleep(options.warmUpMs)
    await server.ask('rest')
    if (options.breakerDisabled) await decide(server, dependency, { action: 'force_closed', reason: 'control of the campaign' })
    const before = await server.ask('memory')

    const baselines: Slice[] = []
    const slices: FaultSlice[] = []
    const unhandled: string[] = []
    let settledBefore = before.settled
    let baselinePeak = 0
    let faultPeak = 0
    while (slices.length < options.pairs || (options.judgeFigures && slices.length < options.mostPairs && !isWithin(baselines, slices))) {
      await settle(load)
      if (faultCase.address === undefined) server.tell(driver(dependency, faultCase))
      await sleep(sliceMs)
      baselines.push(load.take())
      unhandled.push(...(await server.ask('rest')).unhandled)
      const calm = await server.ask('memory')
      baselinePeak = Math.max(baselinePeak, calm.peakExternal)
      // What a first slice loads and caches stays: growth counts from there.
      if (slices.length === 0) settledBefore = calm.settled

      const slice = await faultSlice(options, server, control, load)
      unhandled.push(...slice.unhandled)
      slices.push(slice)
      faultPeak = Math.max(faultPeak, (await server.ask('memory')).peakExternal)
      if (!options.breakerDisabled) await decide(server, dependency, { action: 'reset' })
    }
    // Connections that were cut have to be gone.
    await sleep(200)
    const after = await server.ask('memory')
    return judge(options, { baselines, slices, unhandled, settled: after.settled - settledBefore, peakExternal: faultPeak - baselinePeak })
  } finally {
    load?.stop()
    await control.calm()
    await server.stop()
  }
}

/** A collection by hand holds everything up for 40 ms: what was on its way then is nobody's measurement. */
const settle = async (load: Load): Promise<void> => {
  await sleep(SETTLE_MS)
  load.take()
}

const addressFor = ({ sandbox, dependency, faultCase }: CaseOptions): string => {
  if (faultCase.address === 'no_such_name') return 'http://no-such-host.invalid'
  return (faultCase.address === 'wrong_host' ? sandbox.addresses.wrong_host[dependency] : sandbox.addresses[dependency]) as string
}

const driver = (dependency: Dependency, { hangs }: FaultCase) => ({
  do: 'drive' as const,
  dependency,
  callers: hangs === true ? HANGING_CALLERS : CALLERS,
  everyMs: EVERY_MS,
  deadlineMs: hangs === true ? SHORT_DEADLINE_MS : DEADLINE_MS
})

const faultSlice = async (
  { dependency, faultCase, sliceMs }: CaseOptions, server: TestedServer, control: Control, load: Load
): Promise<FaultSlice & { unhandled: string[] }> => {
  await settle(load)
  await control.clear()
  if (faultCase.fault !== undefined) await control.inflict({ upstream: dependency, ...faultCase.fault })
  load.take()
  server.tell(driver(dependency, faultCase))
  await sleep(sliceMs)
  const measured = load.take()
  const { calls, changes, unhandled } = await server.ask('rest')
  const { requests, counts } = await control.read()
  await control.calm()
  return {
    load: measured,
    calls,
    changes: changes.filter(({ name }) => name === dependency),
    received: requests.filter(({ upstream }) => upstream === dependency),
    insideWait: counts[dependency]?.inside_wait ?? 0,
    elsewhere: counts['elsewhere']?.total ?? 0,
    unhandled
  }
}

const p99Ratio = (baselines: Slice[], slices: FaultSlice[], list: 'health' | 'message'): Ratio => {
  const pairs = slices.map((slice, index) => ({ fault: quantile(slice.load[list], 0.99), baseline: quantile(baselines[index]![list], 0.99) }))
  return {
    ratio: median(pairs.map(({ fault, baseline }) => fault / baseline)),
    baselineMs: median(pairs.map(({ baseline }) => baseline)),
    faultMs: median(pairs.map(({ fault }) => fault))
  }
}

const isWithin = (baselines: Slice[], slices: FaultSlice[]): boolean =>
  (['health', 'message'] as const).every((list) => p99Ratio(baselines, slices, list).ratio <= MOST_RATIO)

interface Evidence {
  baselines: Slice[]
  slices: FaultSlice[]
  unhandled: string[]
  settled: number
  peakExternal: number
}

const judge = ({ dependency, faultCase, judgeFigures }: CaseOptions, { baselines, slices, unhandled, settled, peakExternal }: Evidence): CaseResult => {
  const findings: string[] = []
  const openings = slices.map((slice) => openingOf(slice, faultCase)).filter(({ opened }) => opened || faultCase.expect === 'opens')
  const result: CaseResult = {
    dependency,
    fault: faultCase.name,
    callsToOpen: openings.length > 0 ? Math.max(...openings.map(({ calls }) => calls)) : null,
    whileOpen: { arrived: sum(openings.map(({ arrived }) => arrived)), probes: sum(openings.map(({ probes }) => probes)) },
    insideWait: sum(slices.map(({ insideWait }) => insideWait)),
    flips: sum([...baselines, ...slices.map(({ load }) => load)].map(({ flips }) => flips)),
    p99: { health: p99Ratio(baselines, slices, 'health'), message: p99Ratio(baselines, slices, 'message') },
    pairs: slices.length,
    memory: { settled: settled / MIB, peakExternal: peakExternal / MIB },
    unhandled: unhandled.length,
    findings
  }
  for (const { load } of slices) if (load.polls === 0) findings.push('readiness was never asked')
  if (result.flips > 0) findings.push(`readiness flipped ${result.flips} times`)
  if (result.unhandled > 0) findings.push(`unhandled rejections: ${unhandled.slice(0, 3).join('; ')}`)
  const bad = [...baselines, ...slices.map(({ load }) => load)].flatMap((slice) => slice.bad)
  if (bad.length > 0) findings.push(`${bad.length} answers to the load were not 200, first: ${bad[0] ?? ''}`)
  if (slices.some(({ elsewhere }) => elsewhere > 0)) findings.push('a redirect was followed')
  if (slices.some(({ calls }) => !calls.some(({ code }) => code !== null))) findings.push('a slice without a failing call: the fault was not met')

  if (openings.some(({ opened }) => !opened)) findings.push('the breaker never opened')
  else if (result.callsToOpen !== null && result.callsToOpen > MOST_CALLS) findings.push(`it opened only after ${result.callsToOpen} calls`)
  const { arrived, probes } = result.whileOpen
  if (arrived > probes) findings.push(`${arrived} requests arrived while it was open, ${probes} of them as probes`)
  if (openings.some(({ closings }) => closings > 0)) findings.push(`it closed ${sum(openings.map(({ closings }) => closings))} times while the fault went on`)
  if (faultCase.expect === 'waits') {
    if (openings.length > 0) findings.push('the breaker opened, though the upstream is alive')
    if (result.insideWait > 0) findings.push(`${result.insideWait} requests were sent while told to wait`)
    const most = Math.max(...slices.map(({ received }) => received.filter(({ fault }) => fault !== null).length))
    if (most > MOST_CALLS) findings.push(`${most} requests came in a slice, though each was told to wait`)
  }
  if (judgeFigures) {
    for (const [what, { ratio }] of [['/healthz', result.p99.health], ['POST /agents/message', result.p99.message]] as const) {
      if (!(ratio <= MOST_RATIO)) findings.push(`p99 of ${what} is ${ratio.toFixed(2)} of its baseline`)
    }
    if (result.memory.settled > MOST_GROWTH_MIB) findings.push(`memory grew by ${result.memory.settled.toFixed(1)} MiB`)
    if (result.memory.peakExternal > MOST_BUFFERS_MIB) findings.push(`buffers grew by ${result.memory.peakExternal.toFixed(1)} MiB`)
  }
  return result
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)

interface Opening {
  opened: boolean
  /** Requests that went out before. */
  calls: number
  /** Requests that went out after it, while it was open, and one after the other as probes. */
  arrived: number
  probes: number
  /** How often it closed again while the fault went on: probes that went well by mistake. */
  closings: number
}

/** A breaker closes after so many probes that went well: no more are let through in a row. */
const MOST_PROBES = 3

const openingOf = ({ changes, received, calls }: FaultSlice, { address }: FaultCase): Opening => {
  const first = changes.findIndex(({ to }) => to === 'open')
  const openedAt = changes[first]?.at ?? Infinity
  // What went out: requests that met the fault, connections whose handshake failed, or, where not even a name is found, our own calls.
  const sent = address === 'no_such_name'
    ? calls.filter((call) => call.sent).map(({ startedAt }) => startedAt)
    : received.filter(({ method, fault }) => address === 'wrong_host' ? method === 'TLS' : fault !== null).map(({ at }) => at)
  const opening: Opening = { opened: first >= 0, calls: sent.filter((at) => at <= openedAt).length, arrived: 0, probes: 0, closings: 0 }
  for (const [index, { to, at }] of changes.entries()) {
    if (index < first || first < 0) continue
    const until = changes[index + 1]?.at ?? Infinity
    if (to === 'closed') opening.closings += 1
    if (to === 'open') opening.arrived += sent.filter((time) => time > at + UNDER_WAY_MS && time < until).length
    if (to === 'half_open') {
      // The change is noticed by the call that becomes the probe: it may arrive in the same millisecond.
      const arrived = sent.filter((time) => time >= at && time < until).length
      opening.arrived += arrived
      opening.probes += Math.min(arrived, MOST_PROBES)
    }
  }
  return opening
}

const decide = async ({ origin }: TestedServer, dependency: Dependency, decision: object): Promise<void> => {
  const answer = await fetch(`${origin}/circuit-breakers/${dependency}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(decision)
  })
  if (!answer.ok) throw new Error(`the breaker could not be set: ${answer.status} ${await answer.text()}`)
  await answer.arrayBuffer()
}

interface Readings {
  requests: Array<Received & { upstream: string }>
  counts: Record<string, { total: number, inside_wait: number }>
}

type Control = ReturnType<typeof createControl>

const createControl = ({ addresses }: Sandbox) => {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${addresses.control}${path}`, {
      method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`the sandbox said ${answer.status}: ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  return {
    inflict: (fault: object) => ask('POST', '/_sandbox/faults', fault),
    calm: () => ask('DELETE', '/_sandbox/faults'),
    clear: () => ask('DELETE', '/_sandbox/requests'),
    read: async (): Promise<Readings> => await ask('GET', '/_sandbox/requests?limit=50000') as Readings
  }
}
