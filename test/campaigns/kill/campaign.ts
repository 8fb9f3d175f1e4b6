// The campaign: writers at work, a kill, a start on the same file, and again; at the end everything must be there and finished.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { acknowledgements, createLedger, type Ledger } from './ledger.ts'
import { createDice, type Dice } from './random.ts'
import { launch, type RunningServer } from './server-process.ts'
import { verify, type Findings } from './verify.ts'
import { write } from './writers.ts'

export interface CampaignOptions {
  kills: number
  seed: number
  /** Runs the server that answers before the commit; the campaign then ends at the first loss. */
  control?: boolean
  /** Kills between two looks at the file. */
  verifyEvery?: number
  /** Looks at the folder of the store when everything has ended, before it is removed. */
  inspect?: (dir: string, ledger: Ledger) => Promise<void>
  /** Hears a sentence now and then. */
  report?: (sentence: string) => void
}

export interface CampaignResult {
  kills: number
  /** Kills that hit while the server was still starting. */
  killsDuringStart: number
  /** Milliseconds from the start of a process on a killed file to its first answer. */
  recovery: { median: number, max: number }
  ledger: Ledger
  findings: Findings
  /** Exit code of the orderly stop at the end; undefined when it did not come to that. */
  exitCode: number | null | undefined
  seconds: number
}

/** How long the jobs may take to end when the kills are over. */
const FINISH_MS = 60_000
const POLL_MS = 50
const LONGEST_LIFE_MS = 600
const MOST_ACKNOWLEDGEMENTS = 150
const START_MS = 500

/** @throws Error when a server does not come up again by itself. */
export const runCampaign = async (options: CampaignOptions): Promise<CampaignResult> => {
  const begun = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'kill-'))
  const dice = createDice(options.seed)
  const ledger = createLedger()
  const stage = createStage()
  const writing = write({
    ledger, dice: createDice(options.seed + 1), origin: stage.origin, onAcknowledged: () => { stage.acknowledged() }
  })
  try {
    const result = await attack(options, dir, dice, ledger, stage, writing)
    rmSync(dir, { recursive: true, force: true })
    return { ...result, seconds: (performance.now() - begun) / 1000 }
  } catch (error) {
    options.report?.(`The file and the log are kept in ${dir}.`)
    throw error
  } finally {
    stage.close()
    await stage.server()?.kill()
  }
}

const attack = async (
  options: CampaignOptions, dir: string, dice: Dice, ledger: Ledger, stage: Stage, writing: Promise<void>
): Promise<Omit<CampaignResult, 'seconds'>> => {
  const { kills, control = false, verifyEvery = 25, report } = options
  const starts: number[] = []
  let killsDuringStart = 0
  let findings: Findings | undefined
  for (let kill = 1; kill <= kills; kill++) {
    // One in eight dies while it starts, in the middle of the recovery from the last kill.
    const early = dice.chance(0.125)
    const process = launch(dir, control ? 'answer-before-commit' : undefined)
    if (early) {
      killsDuringStart += 1
      const came = await Promise.race([process.running.catch(() => undefined), sleep(dice.below(START_MS))])
      if (came !== undefined) stage.enter(came)
    } else {
      const server = await process.running
      if (kill > 1) starts.push(server.startMs)
      stage.enter(server)
      await lifetime(dice, stage)
    }
    stage.leave()
    await process.kill()
    await process.running.catch(() => {})
    if (kill % verifyEvery === 0 || kill === kills) {
      findings = await verify(dir, ledger, { finished: false })
      const found = `${acknowledgements(ledger)} acknowledged, ${total(findings)} lost`
      report?.(`${kill} kills, ${found}`)
      if (control && total(findings) > 0) return outcome(kill, killsDuringStart, starts, ledger, findings, undefined)
    }
  }
  stage.close()
  await writing
  // The last start is as unaided as the others.
  const last = await launch(dir, control ? 'answer-before-commit' : undefined).running
  starts.push(last.startMs)
  stage.enter(last)
  await finish(last)
  stage.leave()
  const exitCode = await last.stop()
  await options.inspect?.(dir, ledger)
  return outcome(kills, killsDuringStart, starts, ledger, await verify(dir, ledger, { finished: true }), exitCode)
}

const outcome = (
  kills: number, killsDuringStart: number, starts: number[], ledger: Ledger, findings: Findings, exitCode: number | null | undefined
): Omit<CampaignResult, 'seconds'> => ({
  kills, killsDuringStart, recovery: { median: median(starts), max: Math.max(0, ...starts) }, ledger, findings, exitCode
})

/** Nothing lost, nothing doubled, nothing left over, nothing odd. */
export const isClean = ({ findings, ledger, exitCode }: CampaignResult): boolean => total(findings) === 0 && findings.duplicates === 0 &&
  findings.jobs.unfinished === 0 && findings.faults.length === 0 && ledger.unexpected.length === 0 && exitCode === 0

export const total = ({ lost }: Findings): number => lost.messages + lost.events + lost.jobs + lost.sessions

/** Until the moment of the kill: after a random time, or just as a random acknowledgement arrives, before a late commit could follow. */
const lifetime = (dice: Dice, stage: Stage): Promise<unknown> => dice.chance(0.5)
  ? sleep(dice.below(LONGEST_LIFE_MS))
  : Promise.race([stage.acknowledgements(1 + dice.below(MOST_ACKNOWLEDGEMENTS)), sleep(LONGEST_LIFE_MS * 2)])

/** Waits until no job is left to do. @throws Error when they do not end. */
const finish = async ({ origin }: RunningServer): Promise<void> => {
  const end = performance.now() + FINISH_MS
  for (;;) {
    const counts = await Promise.all(['queued', 'running', 'waiting', 'parked'].map(async (status) => {
      const answer = await fetch(`${origin}/jobs?limit=1&status=${status}`)
      return (await answer.json() as { total: number }).total
    }))
    const left = counts.reduce((sum, count) => sum + count, 0)
    if (left === 0) return
    if (performance.now() > end) throw new Error(`${left} jobs did not end within ${FINISH_MS} ms`)
    await sleep(POLL_MS)
  }
}

type Stage = ReturnType<typeof createStage>

/** Where writers find the server that is alive, if one is. */
export const createStage = () => {
  let server: RunningServer | undefined
  let closed = false
  let waiting: Array<() => void> = []
  let countdown: { left: number, done: () => void } | undefined
  const wake = (): void => {
    const woken = waiting
    waiting = []
    for (const resolve of woken) resolve()
  }
  return {
    server: () => server,
    enter (entering: RunningServer): void {
      server = entering
      wake()
    },
    leave (): void { server = undefined },
    close (): void {
      closed = true
      wake()
    },
    async origin (): Promise<string | undefined> {
      for (;;) {
        if (closed) return undefined
        if (server !== undefined) return server.origin
        await new Promise<void>((resolve) => { waiting.push(resolve) })
      }
    },
    acknowledged (): void {
      if (countdown === undefined) return
      countdown.left -= 1
      if (countdown.left <= 0) countdown.done()
    },
    acknowledgements: (count: number): Promise<void> => new Promise((resolve) => { countdown = { left: count, done: resolve } })
  }
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
