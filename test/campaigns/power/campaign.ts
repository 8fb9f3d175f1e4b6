// The campaign: writers at work on a store on a disk, its power cut, a start on what was on the disk, and again; all that was acknowledged must be there.
import { setTimeout as sleep } from 'node:timers/promises'
import { createStage, total } from '../kill/campaign.ts'
import { acknowledgements, createLedger, type Ledger } from '../kill/ledger.ts'
import { createDice } from '../kill/random.ts'
import { launch } from '../kill/server-process.ts'
import { verify, type Findings } from '../kill/verify.ts'
import { write } from '../kill/writers.ts'
import { createDisk } from './disk.ts'

export interface PowerOptions {
  cuts: number
  seed: number
  /** SQLite does not flush at every commit; the campaign then ends at the first loss. */
  control?: boolean
  report?: (sentence: string) => void
}

export interface PowerResult {
  cuts: number
  acknowledged: number
  lost: number
  ledger: Ledger
  /** What is wrong beside losses, the integrity of the file among it. */
  faults: string[]
  seconds: number
}

const LONGEST_LIFE_MS = 500
const MOST_ACKNOWLEDGEMENTS = 150

/** Everything before counts: what one cut has lost stays lost. @throws Error when a server does not come up again by itself. */
export const runPowerCampaign = async ({ cuts, seed, control = false, report }: PowerOptions): Promise<PowerResult> => {
  const begun = performance.now()
  const dice = createDice(seed)
  const ledger = createLedger()
  const stage = createStage()
  const disk = createDisk()
  const fault = control ? 'synchronous-normal' : undefined
  let alive: { kill: () => Promise<void> } | undefined
  const writing = write({ ledger, dice: createDice(seed + 1), origin: stage.origin, onAcknowledged: () => { stage.acknowledged() } })
  try {
    // The schema is there and flushed, whatever comes.
    await (await launch(disk.dir).running).stop()
    let findings: Findings | undefined
    let done = 0
    while (done < cuts) {
      const server = launch(disk.dir, fault)
      alive = server
      stage.enter(await server.running)
      // At any moment, or just as an acknowledgement arrives.
      await (dice.chance(0.5)
        ? sleep(20 + dice.below(LONGEST_LIFE_MS))
        : Promise.race([stage.acknowledgements(1 + dice.below(MOST_ACKNOWLEDGEMENTS)), sleep(LONGEST_LIFE_MS * 2)]))
      await disk.cut(server.pid, server.kill)
      alive = undefined
      stage.leave()
      done += 1
      findings = await verify(disk.dir, ledger, { finished: false })
      if (done % 10 === 0) report?.(`${done} cuts, ${acknowledgements(ledger)} acknowledged, ${total(findings)} lost`)
      if (control ? total(findings) > 0 : findings.faults.length > 0) break
    }
    return {
      cuts: done,
      acknowledged: acknowledgements(ledger),
      lost: findings === undefined ? 0 : total(findings),
      ledger,
      faults: findings?.faults ?? [],
      seconds: (performance.now() - begun) / 1000
    }
  } finally {
    stage.close()
    stage.leave()
    await alive?.kill()
    await writing
    disk.remove()
  }
}
