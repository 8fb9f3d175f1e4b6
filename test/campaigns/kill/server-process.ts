// The server under attack: started on the same file again and again, killed without warning, stopped in order at the end.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface RunningServer {
  readonly origin: string
  /** From the start of the process to its first answer, milliseconds. */
  readonly startMs: number
  kill (): Promise<void>
  /** SIGTERM; answers the exit code. */
  stop (): Promise<number | null>
}

/** Faults that a campaign must find. */
export type Control = 'answer-before-commit' | 'ignore-keys' | 'synchronous-normal'

const START_TIMEOUT_MS = 20_000
const SCRIPT = fileURLToPath(new URL('./server.ts', import.meta.url))
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/compile', import.meta.url))

/** Starts a server and hands the process over at once; `running` resolves when it answers. */
export const launch = (dir: string, control?: Control): { pid: number, kill: () => Promise<void>, running: Promise<RunningServer> } => {
  const begun = performance.now()
  const child = spawn(process.execPath, [SCRIPT], { env: environment(dir, control), stdio: ['ignore', ...logTo(dir), 'ipc'] })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended by itself, see ${dir}/server.log`)
    child.kill('SIGKILL')
    await exited
  }
  const ready = async (): Promise<RunningServer> => {
    const origin = await originOf(child, exited, dir)
    const answer = await fetch(`${origin}/healthz`)
    if (await answer.text() !== 'ok') throw new Error(`/healthz answered ${answer.status}`)
    return {
      origin,
      startMs: performance.now() - begun,
      kill,
      async stop () {
        child.kill('SIGTERM')
        const [code] = await exited
        return code as number | null
      }
    }
  }
  return { pid: child.pid!, kill, running: ready() }
}

// The campaign may run under a test runner that hooks into every Node: the server is started without that.
const environment = (dir: string, control: Control | undefined): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  NODE_ENV: 'production',
  AUTH: 'off',
  RATE_LIMIT_PER_ADDRESS: '0',
  MAX_LOOP_DELAY_MS: '0',
  HOST: '127.0.0.1',
  PORT: '0',
  DATA_DIR: dir,
  DRAIN_DELAY_MS: '0',
  LOG_LEVEL: 'warn',
  // As bin/start.js has it.
  NODE_COMPILE_CACHE: COMPILE_CACHE,
  ...(control === undefined ? {} : { CONTROL: control })
})

const logTo = (dir: string): [number, number] => {
  const log = openSync(join(dir, 'server.log'), 'a')
  setImmediate(() => { closeSync(log) })
  return [log, log]
}

const originOf = async (child: ChildProcess, exited: Promise<unknown[]>, dir: string): Promise<string> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the server was not ready after ${START_TIMEOUT_MS} ms, see ${dir}/server.log`))
    }, START_TIMEOUT_MS)
  })
  const ended = exited.then(([code, signal]) => {
    throw new Error(`the server ended while it started (${String(code ?? signal)}), see ${dir}/server.log`)
  })
  try {
    const [{ origin }] = await Promise.race([once(child, 'message'), ended, late]) as [{ origin: string }]
    return origin
  } finally {
    clearTimeout(timer)
  }
}
