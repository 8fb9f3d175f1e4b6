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
export const productionEnvironment = (dataDir: string, port = 0): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PORT: String(port),
  DATA_DIR: dataDir,
  DRAIN_DELAY_MS: '0'
})

/** Starts a program with its log in a file of `dir`, which also holds its store. */
export const spawnNode = (args: string[], dir: string, port?: number): ChildProcess => {
  const log = openSync(join(dir, 'server.log'), 'a')
  const child = spawn(process.execPath, args, { cwd: ROOT, env: productionEnvironment(dir, port), stdio: ['ignore', log, 'inherit', 'ipc'] })
  closeSync(log)
  return child
}

/** Starts a script of this folder and waits until it is ready. @throws Error when it ends instead. */
export const startProcess = async (script: string, dir: string): Promise<MeasuredProcess> => {
  const child = spawnNode(['--expose-gc', join(ROOT, 'bench', script)], dir)
  const exited = once(child, 'exit')
  const answer = async (): Promise<ControlAnswer> => {
    const ended = exited.then(([code, signal]) => { throw new Error(`${script} ended (${String(code ?? signal)})`) })
    const [message] = await Promise.race([once(child, 'message'), ended])
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
      child.disconnect()
      await exited
    }
  }
}
