// Processes of the run: started on this Node without options from outside, asked by messages, ended by id.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ControlAnswer, ControlRequest } from './control.ts'

export interface MeasuredProcess {
  readonly port: number
  /** What it said when it was ready. */
  readonly ready: ControlAnswer
  ask (request: ControlRequest): Promise<ControlAnswer>
  stop (): Promise<void>
}

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The environment of a production start with its store in `dataDir`; nothing of ours leaks in. */
const productionEnvironment = (dataDir: string, more: Record<string, string>): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  NODE_ENV: 'production',
  AUTH: 'off',
  RATE_LIMIT_PER_ADDRESS: '0',
  MAX_STREAMS_PER_CALLER: '0',
  HOST: '127.0.0.1',
  PORT: '0',
  DATA_DIR: dataDir,
  DRAIN_DELAY_MS: '0',
  ...more
})

/** Starts a program with its log in a file of `dir`, which also holds its store. */
export const spawnNode = (args: string[], dir: string, more: Record<string, string> = {}): ChildProcess => {
  const log = openSync(join(dir, 'server.log'), 'a')
  const child = spawn(process.execPath, args, {
    cwd: ROOT, env: productionEnvironment(dir, more), stdio: ['ignore', log, 'inherit', 'ipc']
  })
  closeSync(log)
  return child
}

/** Starts a script of this folder and waits until it is ready. When it ends by itself, so does the run. */
export const startProcess = async (script: string, dir: string, more: Record<string, string> = {}): Promise<MeasuredProcess> => {
  const child = spawnNode(['--expose-gc', join(ROOT, 'bench', script)], dir, more)
  let stopping = false
  child.on('exit', (code, signal) => { if (!stopping) throw new Error(`${script} ended (${String(code ?? signal)})`) })
  const answer = async (): Promise<ControlAnswer> => {
    const [message] = await once(child, 'message')
    return message as ControlAnswer
  }
  const ready = await answer()
  return {
    port: ready.port ?? 0,
    ready,
    ask (request) {
      const answered = answer()
      child.send(request)
      return answered
    },
    async stop () {
      stopping = true
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    }
  }
}
