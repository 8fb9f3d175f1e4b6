// Starts the server under test and talks to it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StandIns } from '../../../plugins/upstreams.ts'
import type { Answer, Request } from './messages.ts'

export interface TestedServer {
  origin: string
  tell (request: Extract<Request, { do: 'drive' }>): void
  ask<R extends Request['do']> (what: R): Promise<R extends 'memory' ? Extract<Answer, { memory: unknown }>['memory'] : Extract<Answer, { calls: unknown }>>
  /** Ends it and removes its files. @throws Error when it had ended by itself, or not in order. */
  stop (): Promise<void>
}

const SCRIPT = fileURLToPath(new URL('./server.ts', import.meta.url))
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/compile', import.meta.url))

export const startServer = async (standIns: Pick<StandIns, 'addresses' | 'credentials'>): Promise<TestedServer> => {
  const dir = mkdtempSync(join(tmpdir(), 'faults-'))
  const log = openSync(join(dir, 'server.log'), 'a')
  const child = spawn(process.execPath, ['--expose-gc', SCRIPT], { env: environment(dir, standIns), stdio: ['ignore', log, log, 'ipc'] })
  closeSync(log)
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const ended = exited.then(([code, signal]): never => {
    throw new Error(`the server ended (${String(code ?? signal)}): ${readFileSync(join(dir, 'server.log'), 'utf8').slice(-2_000)}`)
  })
  ended.catch(() => {})
  const hear = async (): Promise<Answer> => {
    const [answer] = await Promise.race([once(child, 'message'), ended]) as [Answer]
    return answer
  }
  const { ready } = await hear() as { ready: string }
  return {
    origin: ready,
    tell (request) { child.send(request) },
    async ask (what) {
      const heard = hear()
      child.send({ do: what })
      const answer = await heard
      return ('memory' in answer ? answer.memory : answer) as never
    },
    async stop () {
      if (child.exitCode !== null || child.signalCode !== null) await ended
      child.kill('SIGTERM')
      const [code] = await exited
      if (code !== 0) throw new Error(`the server ended with ${String(code)}, see ${dir}/server.log`)
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

const environment = (dir: string, standIns: object): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  NODE_ENV: 'development',
  RATE_LIMIT_PER_ADDRESS: '0',
  MAX_LOOP_DELAY_MS: '0',
  HOST: '127.0.0.1',
  PORT: '0',
  DATA_DIR: dir,
  LOG_LEVEL: 'warn',
  LOG_FORMAT: 'json',
  // The campaign has a sandbox of its own, and says when calls are made.
  SANDBOX: 'off',
  PROBE_INTERVAL: '0',
  // So that a slice sees a breaker recover more than once.
  CIRCUIT_BREAKER_RECOVERY_TIMEOUT: '1',
  STAND_INS: JSON.stringify(standIns),
  NODE_COMPILE_CACHE: COMPILE_CACHE
})
