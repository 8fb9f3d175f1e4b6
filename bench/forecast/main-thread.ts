// What the rest of the server feels while forecasts are made: /healthz at a fixed pace, with and without the computing, in turns.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { ROOT, spawnNode } from '../process.ts'
import { median } from '../rounds.ts'
import { pacedLoad } from './paced-load.ts'
import type { ServerAnswer, ServerRequest } from './server.ts'

const ROUNDS = 15
const SLICES = 4
const SLICE_MS = 500
const WHOLE_ROUNDS = 3
const PER_SECOND = 500

export interface MainThreadFigures {
  /** p99 with the computing over p99 without it, one a round. */
  ratios: number[]
  /** Milliseconds, medians of the rounds. */
  without: number
  during: number
  /** Seconds that the thread took, one a round, with the load beside it. */
  seconds: number[]
  /** The whole agent: reading and adding up orders, computing, planning. p99 over all of it, milliseconds. */
  run: { seconds: number, computingSeconds: number, p99: number, lines: number }
}

export const mainThread = async (): Promise<MainThreadFigures> => {
  mkdirSync(join(ROOT, 'data'), { recursive: true })
  const dir = mkdtempSync(join(ROOT, 'data', 'bench-forecast-'))
  const child = spawnNode([join(ROOT, 'bench', 'forecast', 'server.ts')], dir)
  let stopping = false
  child.on('exit', (code) => { if (!stopping) throw new Error(`the server ended with ${code}`) })
  try {
    const { port } = await answerOf(child, (answer): answer is { port: number } => 'port' in answer)
    const slice = (): Promise<number[]> => pacedLoad({ port, path: '/healthz', perSecond: PER_SECOND, milliseconds: SLICE_MS })
    await slice()
    await work(child, 'compute a part', slice)
    const rounds: Array<{ without: number, during: number }> = []
    for (let round = 0; round < ROUNDS; round++) {
      const without: number[] = []
      for (let count = 0; count < SLICES; count++) without.push(...await slice())
      const { samples } = await work(child, 'compute a part', slice)
      rounds.push({ without: p99(without), during: p99(samples) })
    }
    const seconds: number[] = []
    for (let round = 0; round < WHOLE_ROUNDS; round++) seconds.push((await work(child, 'compute', slice)).done.ms / 1_000)
    const { samples, done } = await work(child, 'run', slice)
    return {
      ratios: rounds.map(({ without, during }) => during / without),
      without: median(rounds.map(({ without }) => without)),
      during: median(rounds.map(({ during }) => during)),
      seconds,
      run: { seconds: done.ms / 1_000, computingSeconds: done.computingMs / 1_000, p99: p99(samples), lines: done.lines }
    }
  } finally {
    stopping = true
    child.disconnect()
    rmSync(dir, { recursive: true, force: true })
  }
}

type Done = Extract<ServerAnswer, { done: ServerRequest }>

/** Slices while the server does it; one that outlasts it counts as well, as a part of it. */
const work = async (child: ChildProcess, request: ServerRequest, slice: () => Promise<number[]>): Promise<{ samples: number[], done: Done }> => {
  const state = { ended: false }
  const end = answerOf(child, (answer): answer is Done => 'done' in answer).finally(() => { state.ended = true })
  child.send(request)
  const samples: number[] = []
  let last: number[] = []
  while (!state.ended) {
    samples.push(...last)
    last = await slice()
  }
  const done = await end
  // The last slice is dropped unless there is no other: a part of it saw an idle server.
  return { samples: samples.length > 0 ? samples : last, done }
}

const answerOf = <A extends ServerAnswer>(child: ChildProcess, wanted: (answer: ServerAnswer) => answer is A): Promise<A> => new Promise((resolve, reject) => {
  const hear = (answer: ServerAnswer): void => {
    if ('failed' in answer) reject(new Error(answer.failed))
    else if (wanted(answer)) resolve(answer)
    else return
    child.off('message', hear)
  }
  child.on('message', hear)
})

const p99 = (values: number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)]!
}
