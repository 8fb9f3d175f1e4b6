// The door of the sandbox: starts it as a process of its own, so that its work is not measured as the server's.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../src/core/log.ts'
import { DEFAULT_SEED, refuseProduction, type Message, type SandboxFacts, type UpstreamName } from './upstreams.ts'

export type { Addresses, SandboxFacts, UpstreamName } from './upstreams.ts'

export interface SandboxOptions {
  /** Makes the same shop, repository and chance each time. */
  seed?: number
  /** The control API's port; the upstreams' follow it. Default: free ports. */
  port?: number
  /** Which upstreams to stand in for. Default: all. */
  upstreams?: readonly UpstreamName[]
  log: Logger
}

export interface Sandbox extends SandboxFacts {
  pid: number
  /** Ends the process. Calling it again waits for the same end. */
  close (): Promise<void>
}

const START_TIMEOUT_MS = 30_000
const END_TIMEOUT_MS = 2_000
const LONGEST_STDERR = 2_000

/** Resolves when it listens. @throws Error in production, and when it does not come up. */
export const startSandbox = async (options: SandboxOptions): Promise<Sandbox> => {
  refuseProduction(process.env)
  const { log } = options
  const child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), argumentsOf(options), {
    // Nothing of what a test runner or a debugger puts into the parent's command line and environment.
    execArgv: [],
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc']
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => { stderr = (stderr + piece).slice(-LONGEST_STDERR) })
  child.on('message', (message: Message) => {
    if (message.type === 'log') log[message.level](message.fields, message.message)
  })

  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= end(child, exited)
    return closing
  }
  let facts: SandboxFacts
  try {
    facts = await ready(child, exited, () => stderr)
  } catch (error) {
    await close()
    throw error
  }
  exited.then(([code, signal]) => {
    if (closing === undefined) log.error({ code, signal, stderr }, 'the sandbox ended by itself: its upstreams are gone until the next start')
  }, () => {})
  // It must not keep a server alive that has nothing else to do.
  child.unref()
  child.channel?.unref()
  ;(child.stderr as unknown as { unref?: () => void }).unref?.()
  return { ...facts, pid: child.pid as number, close }
}

const argumentsOf = ({ seed = DEFAULT_SEED, port = 0, upstreams }: SandboxOptions): string[] => [
  '--seed', String(seed), '--port', String(port), ...(upstreams === undefined ? [] : ['--upstreams', upstreams.join(',')])
]

const KEPT_VARIABLES = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'NODE_ENV', 'FLASK_ENV', 'NODE_COMPILE_CACHE', 'SYSTEMROOT']

const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(KEPT_VARIABLES.flatMap((name) => process.env[name] === undefined ? [] : [[name, process.env[name]]]))

const ready = async (child: ChildProcess, exited: Promise<[number | null, NodeJS.Signals | null]>, stderr: () => string): Promise<SandboxFacts> => {
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<SandboxFacts>((resolve, reject) => {
      child.on('message', (message: Message) => {
        if (message.type === 'ready') resolve(message.facts)
        if (message.type === 'failed') reject(new Error(`The sandbox did not start: ${message.message}`))
      })
      exited.then(([code, signal]) => { reject(new Error(`The sandbox ended while it started (${String(code ?? signal)}): ${stderr()}`)) }, reject)
      timer = setTimeout(() => { reject(new Error(`The sandbox was not ready after ${START_TIMEOUT_MS} ms.`)) }, START_TIMEOUT_MS)
    })
  } finally {
    clearTimeout(timer)
  }
}

const end = async (child: ChildProcess, exited: Promise<unknown>): Promise<void> => {
  child.ref()
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => { child.kill('SIGKILL') }, END_TIMEOUT_MS)
  // Resolved already when it has ended before.
  await exited
  clearTimeout(timer)
}
