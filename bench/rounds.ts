// Rounds: both sides take turns in short slices, so that a slow moment of the machine meets both.
import { load, type LoadOptions } from './load.ts'
import type { MeasuredProcess } from './process.ts'

export const ROUNDS = 5
const SLICES = 4
const SLICE_MS = 300
const WARM_UP_MS = 1_500

export interface Side {
  process: MeasuredProcess
  requests: LoadOptions['requests']
  complete?: LoadOptions['complete']
  /** Before each round. */
  prepare?: () => Promise<void>
  /** After each slice, before the other side's turn: until the process is idle. */
  settle?: () => Promise<void>
}

export interface SideFigures {
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Processor time of the process for one round trip, microseconds. */
  cpuUs: number
  /** Share of one core that the load took: near 1 the load was the limit. */
  loadCpu: number
}

export interface Comparison {
  ours: SideFigures
  bare: SideFigures
  /** Ours by bare, one a round. */
  ratios: number[]
}

/** Medians of the rounds. */
export const compare = async (connections: number, ours: Side, bare: Side): Promise<Comparison> => {
  await round(connections, ours, bare, WARM_UP_MS, 1)
  const rounds: Array<{ ours: SideFigures, bare: SideFigures }> = []
  for (let index = 0; index < ROUNDS; index++) rounds.push(await round(connections, ours, bare, SLICE_MS, SLICES))
  return {
    ours: medians(rounds.map((one) => one.ours)),
    bare: medians(rounds.map((one) => one.bare)),
    ratios: rounds.map((one) => one.ours.perSecond / one.bare.perSecond)
  }
}

export const median = (values: number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const round = async (
  connections: number, ours: Side, bare: Side, milliseconds: number, slices: number
): Promise<{ ours: SideFigures, bare: SideFigures }> => {
  await ours.prepare?.()
  await bare.prepare?.()
  const figures = { ours: [] as SideFigures[], bare: [] as SideFigures[] }
  for (let slice = 0; slice < slices; slice++) {
    // Who goes first changes, so that neither always follows the other.
    const order = slice % 2 === 0 ? ['ours', 'bare'] as const : ['bare', 'ours'] as const
    for (const name of order) figures[name].push(await turn(connections, name === 'ours' ? ours : bare, milliseconds))
  }
  return { ours: means(figures.ours), bare: means(figures.bare) }
}

const turn = async (connections: number, side: Side, milliseconds: number): Promise<SideFigures> => {
  const before = (await side.process.ask('cpu')).cpuMs!
  const { process, requests, complete } = side
  const result = await load({ port: process.port, connections, milliseconds, requests, ...(complete === undefined ? {} : { complete }) })
  await side.settle?.()
  const cpuMs = (await side.process.ask('cpu')).cpuMs! - before
  return {
    perSecond: result.perSecond, p50Ms: result.p50, p99Ms: result.p99, cpuUs: cpuMs * 1000 / result.count, loadCpu: result.loadCpu
  }
}

const each = (reduce: (values: number[]) => number) => (figures: SideFigures[]): SideFigures => ({
  perSecond: reduce(figures.map((one) => one.perSecond)),
  p50Ms: reduce(figures.map((one) => one.p50Ms)),
  p99Ms: reduce(figures.map((one) => one.p99Ms)),
  cpuUs: reduce(figures.map((one) => one.cpuUs)),
  loadCpu: reduce(figures.map((one) => one.loadCpu))
})

const medians = each(median)
const means = each((values) => values.reduce((sum, value) => sum + value, 0) / values.length)
