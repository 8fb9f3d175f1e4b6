// Backups of a running store into a folder, on a schedule: the newest are kept.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Store } from '../core/store.ts'

/** A start has enough to do. */
const FIRST_AFTER_MS = 60_000
const AGAIN_AFTER_MS = 15 * 60_000

const OURS = /^orchestrator-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.sqlite$/
const LEFTOVER = /^orchestrator-\d{8}T\d{6}Z\.sqlite(\.json)?\.part(-journal)?$/

export interface BackupPlan {
  dir: string
  everyMs: number
  /** Older ones beyond this number are deleted. */
  keep: number
  clock: Clock
  log: Logger
  backup: NonNullable<Store['backup']>
}

/** The next one is due a period after the newest in the folder, whoever made it: restarts neither put it off nor add any. */
export const createBackups = ({ dir, everyMs, keep, clock, log, backup }: BackupPlan) => {
  const stopped = new AbortController()
  let timer: unknown
  let running: Promise<void> | undefined

  const names = async (pattern: RegExp): Promise<string[]> => (await readdir(dir)).filter((name) => pattern.test(name)).sort()

  const lookAfter = (ms: number): void => {
    if (stopped.signal.aborted) return
    timer = clock.setTimeout(() => { running = look().finally(() => { running = undefined }) }, ms)
  }

  const look = async (): Promise<void> => {
    try {
      await mkdir(dir, { recursive: true })
      const due = timeOf((await names(OURS)).at(-1)) + everyMs
      if (due <= clock.now()) {
        await make()
        lookAfter(everyMs)
      } else {
        lookAfter(due - clock.now())
      }
    } catch (error) {
      if (stopped.signal.aborted) return
      log.error({ err: error, dir }, `the store could not be saved; the next try is in ${AGAIN_AFTER_MS / 60_000} minutes`)
      lookAfter(AGAIN_AFTER_MS)
    }
  }

  const make = async (): Promise<void> => {
    // Of a process that was killed.
    for (const name of await names(LEFTOVER)) await rm(join(dir, name), { force: true })
    const startedAt = clock.monotonic()
    const file = join(dir, `orchestrator-${new Date(clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}.sqlite`)
    const { bytes, tables, rows } = await backup(file, stopped.signal)
    for (const name of (await names(OURS)).slice(0, -keep)) {
      for (const path of [name, `${name}.json`]) await rm(join(dir, path), { force: true })
    }
    log.info({ file, bytes, tables, rows, ms: Math.round(clock.monotonic() - startedAt) }, 'the store was saved and checked')
  }

  return {
    start (): void { lookAfter(FIRST_AFTER_MS) },
    /** One that is under way is given up. */
    async stop (): Promise<void> {
      stopped.abort(new Error('the service stops'))
      clock.clearTimeout(timer)
      await running
    }
  }
}

const timeOf = (name: string | undefined): number => {
  const match = OURS.exec(name ?? '')
  if (match === null) return -Infinity
  const [, year, month, day, hour, minute, second] = match.map(Number)
  return Date.UTC(year!, month! - 1, day, hour, minute, second)
}
