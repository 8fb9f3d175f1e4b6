// Server processes on one database: started, stopped in order, killed, made to stand still.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Replica {
  readonly name: string
  readonly port: number
  readonly origin: string
  readonly pid: number
  alive (): boolean
  /** What its process takes of memory now, bytes. */
  kill (): Promise<void>
  signal (signal: NodeJS.Signals): void
  /** SIGTERM; answers the exit code. */
  stop (): Promise<number | null>
}

export interface Launch {
  name: string
  role: 'all' | 'api' | 'worker'
  port: number
  databaseUrl: string
  /** Where logs go. */
  dir: string
  environment?: Record<string, string>
  /** Default: the server of the kill campaign, with its scripted assistant and probe agents. */
  script?: string
}

const SCRIPT = fileURLToPath(new URL('../kill/server.ts', import.meta.url))
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/compile', import.meta.url))
const START_WITHIN_MS = 30_000
const ASK_EVERY_MS = 25

/** Resolves when it is ready. @throws Error when it ends, or is not ready in time. */
export const launchReplica = async ({ name, role, port, databaseUrl, dir, environment = {}, script = SCRIPT }: Launch): Promise<Replica> => {
  const log = openSync(join(dir, `${name}.log`), 'a')
  const child = spawn(process.execPath, [script], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      ROLE: role,
      AUTH: 'off',
      RATE_LIMIT_PER_ADDRESS: '0',
      DRAIN_DELAY_MS: '0',
      LOG_LEVEL: 'warn',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...environment
    },
    stdio: ['ignore', log, log, 'ipc']
  })
  closeSync(log)
  const exited = once(child, 'exit')
  const origin = `http://127.0.0.1:${port}`
  await ready(child, origin, name, dir)
  const alive = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    name,
    port,
    origin,
    pid: child.pid!,
    alive,
    signal (signal) { child.kill(signal) },
    async kill () {
      child.kill('SIGKILL')
      await exited
    },
    async stop () {
      child.kill('SIGTERM')
      const [code] = await exited
      return code as number | null
    }
  }
}

const ready = async (child: ChildProcess, origin: string, name: string, dir: string): Promise<void> => {
  const end = performance.now() + START_WITHIN_MS
  while (performance.now() < end) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended while it started, see ${dir}/${name}.log`)
    const answer = await fetch(`${origin}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    if (answer?.status === 200) return
    await sleep(ASK_EVERY_MS)
  }
  child.kill('SIGKILL')
  throw new Error(`${name} was not ready after ${START_WITHIN_MS} ms, see ${dir}/${name}.log`)
}
